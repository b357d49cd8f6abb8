//! What searches for bytes that break a door left behind is thrown at it in every run of the tests.

use std::fs;
use std::path::{Path, PathBuf};

use machiai::hostile::signer;
use machiai_core::envelope::Envelope;
use machiai_core::facts::Fact;
use machiai_core::support::commission::REPORT_SIGNED_UNDER;
use machiai_core::support::order::SIGNED_UNDER;
use machiai_hw_tests::hostile::Door;

/// The largest file and the most of them that are kept of one door: what is committed stays small.
const MAX_BYTES: usize = 4 * 1024;
const MAX_FILES: usize = 120;

fn corpus(door: Door) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/hostile").join(door.name());
    let files = fs::read_dir(&folder).unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()));
    let paths = files.map(|file| file.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[test]
fn what_the_corpus_holds_breaks_no_door() {
    for door in Door::ALL {
        let corpus = corpus(door);
        assert!((1..=MAX_FILES).contains(&corpus.len()), "{door:?} has {} files", corpus.len());
        for (path, bytes) in corpus {
            assert!(bytes.len() <= MAX_BYTES, "{} is large", path.display());
            let held = std::panic::catch_unwind(|| door.knock(&bytes));
            assert!(held.is_ok(), "{door:?} does not hold: {}", path.display());
        }
    }
}

#[test]
fn anything_cut_short_or_changed_breaks_no_door() {
    for door in Door::ALL {
        for (path, bytes) in corpus(door) {
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 40) {
                let mut changed = bytes.clone();
                changed[at] = changed[at].wrapping_add(1);
                let held = std::panic::catch_unwind(|| {
                    door.knock(&bytes[..at]);
                    door.knock(&changed);
                });
                assert!(held.is_ok(), "{door:?} does not hold: {} at {at}", path.display());
            }
        }
    }
}

/// Else the doors of what is signed would be knocked at with forgeries alone.
#[test]
fn the_corpus_has_an_order_and_a_report_that_an_operator_signed() {
    for door in [Door::Orders, Door::Reports] {
        let (_, bytes) = corpus(door).into_iter().find(|(path, _)| path.ends_with("signed")).unwrap();
        let fact = Envelope::read(&bytes).unwrap().fact;
        let (under, text, signature) = if let Fact::SupportOrdered(ordered) = fact {
            (SIGNED_UNDER, ordered.order, ordered.signature)
        } else if let Fact::Commissioned(report) = fact {
            (REPORT_SIGNED_UNDER, report.report, report.signature)
        } else {
            panic!("{door:?} has {fact:?}")
        };
        assert_eq!(signer((under, &text), &signature).as_deref(), Some("山田"), "{door:?}");
    }
}
