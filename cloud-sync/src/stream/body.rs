//! Bodies of requests: whole, unpacked, and never larger than is taken.

use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;

use super::answers::Refused;

/// How much one append may bring, in bytes, packed or not.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// How much of a body that is too large is read and thrown away: its writer would be cut off before it hears why.
const MAX_DRAINED_BYTES: usize = 4 * MAX_BODY_BYTES;

/// How long a body may take: what a box sends at once, on a line of a few kilobytes a second.
const BODY_FOR: Duration = Duration::from_secs(120);

/// Reads a body to its end.
///
/// # Errors
/// [`Refused`] when it is too large, or does not come whole in time.
pub(crate) async fn whole(body: Body) -> Result<Bytes, Refused> {
    within(BODY_FOR, body).await
}

async fn within(longest: Duration, body: Body) -> Result<Bytes, Refused> {
    announced(&body)?;
    tokio::time::timeout(longest, read(body)).await.unwrap_or(Err(Refused::Torn))
}

/// Refuses a body that announces more than is even read and thrown away.
///
/// # Errors
/// [`Refused::TooLarge`].
pub(crate) fn announced(body: &Body) -> Result<(), Refused> {
    let n_bytes = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if n_bytes > MAX_DRAINED_BYTES { Err(Refused::TooLarge) } else { Ok(()) }
}

/// Reads a body of at most so many bytes to its end, keeps nothing of it, and returns how many came.
///
/// # Errors
/// As [`whole`].
pub(crate) async fn thrown_away(mut body: Body, most_bytes: u32) -> Result<u32, Refused> {
    announced(&body)?;
    let counted = async {
        let mut n_bytes = 0_usize;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_torn| Refused::Torn)?;
            n_bytes = n_bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if n_bytes > MAX_DRAINED_BYTES {
                break;
            }
        }
        u32::try_from(n_bytes).ok().filter(|n_bytes| *n_bytes <= most_bytes).ok_or(Refused::TooLarge)
    };
    tokio::time::timeout(BODY_FOR, counted).await.unwrap_or(Err(Refused::Torn))
}

async fn read(mut body: Body) -> Result<Bytes, Refused> {
    let (mut read, mut n_bytes) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(|_torn| Refused::Torn)?.into_data() else { continue };
        n_bytes = n_bytes.saturating_add(bytes.len());
        if n_bytes > MAX_DRAINED_BYTES {
            break;
        }
        if n_bytes > MAX_BODY_BYTES {
            read = Vec::new();
        } else {
            read.extend_from_slice(&bytes);
        }
    }
    if n_bytes > MAX_BODY_BYTES { Err(Refused::TooLarge) } else { Ok(read.into()) }
}

/// Unpacks a body as its head says.
///
/// # Errors
/// [`Refused`] when it is packed in another way than gzip, not whole, or too large once unpacked.
pub(crate) async fn plain(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Refused> {
    match headers.get(header::CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip") => {
            let unpacked = tokio::task::spawn_blocking(move || unpacked(&body)).await;
            unpacked.unwrap_or(Err(Refused::Torn))
        }
        Some(_) => Err(Refused::OtherEncoding),
    }
}

fn unpacked(body: &[u8]) -> Result<Bytes, Refused> {
    let most = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    let mut read = Vec::new();
    let malformed = |_cause| Refused::Malformed { what: "the packed body" };
    MultiGzDecoder::new(body).take(most.saturating_add(1)).read_to_end(&mut read).map_err(malformed)?;
    if read.len() > MAX_BODY_BYTES { Err(Refused::TooLarge) } else { Ok(read.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use rstest::rstest;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    async fn unpack(encoding: &'static str, body: Vec<u8>) -> Result<Bytes, Refused> {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))]);
        plain(&headers, body.into()).await
    }

    #[tokio::test]
    async fn a_packed_body_is_unpacked_and_a_torn_one_refused() {
        assert_eq!(unpack("gzip", packed(b"[{}]")).await.unwrap(), "[{}]");
        assert_eq!(unpack("identity", b"[{}]".to_vec()).await.unwrap(), "[{}]");
        let two = [packed(b"[{}"), packed(b"]")].concat();
        assert_eq!(unpack("gzip", two).await.unwrap(), "[{}]");
        let mut torn = packed(b"[{}]");
        torn.truncate(torn.len() - 3);
        assert!(matches!(unpack("gzip", torn).await, Err(Refused::Malformed { .. })));
        assert!(matches!(unpack("br", b"[{}]".to_vec()).await, Err(Refused::OtherEncoding)));
    }

    #[tokio::test]
    async fn a_small_body_that_would_unpack_to_a_large_one_is_refused() {
        assert_eq!(unpack("gzip", packed(&vec![0; MAX_BODY_BYTES])).await.unwrap().len(), MAX_BODY_BYTES);
        let bomb = packed(&vec![0; MAX_BODY_BYTES + 1]);
        assert!(bomb.len() < 32 * 1024, "{}", bomb.len());
        assert!(matches!(unpack("gzip", bomb).await, Err(Refused::TooLarge)));
    }

    #[rstest]
    #[case::what_is_taken(MAX_BODY_BYTES, true)]
    #[case::a_byte_more(MAX_BODY_BYTES + 1, false)]
    #[tokio::test]
    async fn a_body_is_read_up_to_what_is_taken(#[case] n_bytes: usize, #[case] is_taken: bool) {
        let read = whole(Body::from(vec![b' '; n_bytes])).await;
        assert_eq!(read.is_ok(), is_taken);
    }

    #[tokio::test]
    async fn a_body_without_end_is_given_up() {
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 65_536])));
        assert!(matches!(whole(Body::from_stream(endless)).await, Err(Refused::TooLarge)));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let silent = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let given_up = within(Duration::from_millis(1), Body::from_stream(silent)).await;
        assert!(matches!(given_up, Err(Refused::Torn)));
    }
}
