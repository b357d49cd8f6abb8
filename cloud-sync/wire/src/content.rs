//! Content on its way to a box: where a piece of it lies at the hub, and which of its bytes are asked for and given
//! (RFC 9110, section 14).
//!
//! Content is known by its hash: it never changes, so what came of it before a line broke is never fetched again.

use alloc::format;
use alloc::string::String;

use machiai_core::ids::SiteId;
use machiai_core::program::content::ContentHash;

use crate::http::{Answer, no_hub, refusal};
use crate::said::Failure;

/// Where the content of any site lies, for whoever routes.
pub const CONTENT_ROUTE: &str = "/v1/sites/{site}/content/{content}";

/// Returns where a piece of content lies for a site.
#[must_use]
pub fn content_path(site: SiteId, content: ContentHash) -> String {
    format!("/v1/sites/{site}/content/{content}")
}

/// Returns the entity tag of a piece of content: its hash.
#[must_use]
pub fn tag(content: ContentHash) -> String {
    format!("\"{content}\"")
}

/// Writes the wish for all bytes from a place on.
#[must_use]
pub fn write_range(from: u64) -> String {
    format!("bytes={from}-")
}

/// Which bytes a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of them: what is no range that is kept here is passed over, as the RFC allows.
    All,
    /// Some.
    Part {
        /// The first.
        from: u64,
        /// The first one after them.
        to: u64,
    },
    /// None that there are.
    Beyond,
}

/// Reads a `Range` that was asked of so many bytes: one that names its first byte, and its last or none.
#[must_use]
pub fn read_range(range: &str, n_bytes: u64) -> Wanted {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    let Some(from) = number(from) else { return Wanted::All };
    let to = match to {
        "" => n_bytes,
        to => match number(to) {
            Some(last) if last >= from => last.saturating_add(1).min(n_bytes),
            Some(_) | None => return Wanted::All,
        },
    };
    if from < n_bytes { Wanted::Part { from, to } } else { Wanted::Beyond }
}

/// What the head of an answer says of the bytes that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Bytes, to the end of the content.
    Bytes {
        /// Where they begin.
        from: u64,
        /// How many bytes the whole content has.
        of: u64,
    },
    /// No more bytes: so many are all.
    NoMore {
        /// How many.
        of: u64,
    },
    /// The hub has no such content for this site.
    Unknown,
}

/// Reads the head of an answer to the wish for all bytes from a place on; its body is empty where it is not read.
///
/// # Errors
/// [`Failure`].
pub fn read_given(asked_from: u64, answer: Answer<'_>) -> Result<Given, Failure> {
    if !answer.is_hubs() {
        return Err(no_hub(answer));
    }
    let range = answer.header("content-range").and_then(|range| range.strip_prefix("bytes "));
    match answer.status {
        200 => answer.header("content-length").and_then(number).map(|of| Given::Bytes { from: 0, of }),
        206 => range
            .and_then(read_given_range)
            .filter(|(from, _)| *from == asked_from)
            .map(|(from, of)| Given::Bytes { from, of }),
        416 => range.and_then(|range| number(range.strip_prefix("*/")?)).map(|of| Given::NoMore { of }),
        404 => Some(Given::Unknown),
        _ => return Err(refusal(answer)),
    }
    .ok_or(Failure::NotTheHub)
}

/// Reads `3-9/10`, which goes to the end.
fn read_given_range(range: &str) -> Option<(u64, u64)> {
    let (bytes, of) = range.split_once('/')?;
    let (from, last) = bytes.split_once('-')?;
    let (from, last, of) = (number(from)?, number(last)?, number(of)?);
    (from <= last && last.checked_add(1) == Some(of)).then_some((from, of))
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec::Vec;

    use super::*;
    use crate::http::header::HUB;

    #[test]
    fn a_range_is_read_or_passed_over_and_never_reaches_beyond_the_end() {
        let part = |from, to| Wanted::Part { from, to };
        for (range, expected) in [
            ("bytes=0-", part(0, 10)),
            ("bytes=9-", part(9, 10)),
            ("bytes=3-5", part(3, 6)),
            ("bytes=3-99", part(3, 10)),
            ("bytes=3-18446744073709551615", part(3, 10)),
            ("bytes=10-", Wanted::Beyond),
            ("bytes=10-11", Wanted::Beyond),
        ] {
            assert_eq!(read_range(range, 10), expected, "{range}");
        }
        for other in ["", "bytes=", "bytes=-5", "bytes=5-3", "bytes=a-", "bytes=+1-", "bytes=0-1,3-4", "lines=0-"] {
            assert_eq!(read_range(other, 10), Wanted::All, "{other}");
        }
        assert_eq!(read_range(&write_range(7), 10), part(7, 10));
        assert_eq!(read_range("bytes=0-", 0), Wanted::Beyond);
    }

    fn given(status: u16, headers: &[(&str, &str)]) -> Result<Given, Failure> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        read_given(3, Answer { status, headers: &headers, body: &[] })
    }

    #[test]
    fn what_is_given_begins_where_it_was_asked_for_or_at_the_beginning() {
        let hub = (HUB, "1");
        let bytes = |from, of| Ok(Given::Bytes { from, of });
        assert_eq!(given(206, &[hub, ("content-range", "bytes 3-9/10")]), bytes(3, 10));
        assert_eq!(given(200, &[hub, ("content-length", "10")]), bytes(0, 10));
        assert_eq!(given(416, &[hub, ("content-range", "bytes */3")]), Ok(Given::NoMore { of: 3 }));
        assert_eq!(given(404, &[hub]), Ok(Given::Unknown));
        for other in ["bytes 2-9/10", "bytes 3-8/10", "bytes 3-9/*", "bytes 9-3/10", "3-9/10"] {
            assert_eq!(given(206, &[hub, ("content-range", other)]), Err(Failure::NotTheHub), "{other}");
        }
        assert_eq!(given(200, &[hub]), Err(Failure::NotTheHub), "how much it will be is not said");
        assert_eq!(given(503, &[hub, ("retry-after", "7")]), Err(Failure::Busy { after_ms: Some(7_000) }));
    }

    #[test]
    fn who_is_not_the_hub_gives_nothing() {
        assert_eq!(given(200, &[("content-length", "10")]), Err(Failure::NotTheHub));
        assert_eq!(given(404, &[]), Err(Failure::NotTheHub));
        assert_eq!(given(502, &[]), Err(Failure::Busy { after_ms: None }));
    }
}
