//! A store that came back from a backup: whoever reads on from before is told that the place is gone.

use machiai_core::ids::SiteId;
use machiai_core::time::AtMs;
use machiai_hub::store::Store;
use machiai_hub::stream::{Read, Wanted};
use machiai_wire::offset::From;
use rstest::rstest;

use super::Home;

const UP: &str = "/v1/sites/1001/up";

async fn read(store: &Store, from: From) -> Read {
    store.read(UP, Wanted { from, most_bytes: 1_000 }).await.unwrap()
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test]
async fn places_of_the_life_before_are_gone_in_the_next(#[case] home: Home) {
    let store = Store::open(&home.name()).await.unwrap();
    assert!(store.add_site(SiteId(1001)).await.unwrap());
    assert_eq!(store.life_began().await.unwrap(), None);
    let Read::Chunk(chunk) = read(&store, From::Start).await else { panic!("no stream") };
    let before = From::At(chunk.next);
    assert!(matches!(read(&store, before).await, Read::Chunk(_)));
    for life in [1_000, 2_000] {
        store.begin_life(AtMs(life)).await.unwrap();
        assert_eq!(store.life_began().await.unwrap(), Some(AtMs(life)));
        assert!(matches!(read(&store, before).await, Read::Gone));
    }
    let Read::Chunk(chunk) = read(&store, From::Start).await else { panic!("no stream") };
    assert!(matches!(read(&store, From::At(chunk.next)).await, Read::Chunk(_)));
}
