//! What is asked and answered, as HTTP: paths, headers and bodies, and the events of a line that listens.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use machiai_core::ids::SiteId;
use serde::Deserialize;

use crate::enrol::reason;
use crate::json;
use crate::offset::Offset;
use crate::said::{Ask, Came, Failure, Mode};

/// Names of headers that are ours.
pub mod header {
    /// On every answer of a hub: the version of this channel. What answers without it is somebody else.
    pub const HUB: &str = "machiai-hub";
    /// On an append: the running hash after its last fact.
    pub const HASH: &str = "machiai-hash";
}

/// The largest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query, below the hub's address.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer whose body is whole.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// Returns a header, by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a hub of ours gave it.
    #[must_use]
    pub fn is_hubs(&self) -> bool {
        self.header(header::HUB).is_some()
    }
}

/// Why a hub says no, in its words.
#[derive(Deserialize)]
struct No {
    code: String,
    #[serde(default)]
    detail: String,
}

/// Writes an ask as a request.
#[must_use]
pub fn write(site: SiteId, ask: &Ask) -> Request {
    let json = || ("content-type", "application/json".to_owned());
    let get = |path| Request { method: "GET", path, headers: Vec::new(), body: Vec::new() };
    match ask {
        Ask::Vector(question) => Request {
            method: "POST",
            path: format!("/v1/sites/{site}/vector"),
            headers: [json()].into(),
            body: serde_json::to_vec(question).unwrap_or_default(),
        },
        Ask::Append(run) => Request {
            method: "POST",
            path: format!("/v1/sites/{site}/up"),
            headers: [
                json(),
                ("producer-id", run.origin.to_string()),
                ("producer-epoch", run.turn.epoch.to_string()),
                ("producer-seq", run.turn.seq.to_string()),
                (header::HASH, run.hash.to_string()),
            ]
            .into(),
            body: json::join(run.lines.iter().map(Vec::as_slice)),
        },
        Ask::Fetch(origin, after) => get(format!("/v1/sites/{site}/facts?origin={origin}&after={after}")),
        Ask::Listen(from, mode) => {
            let live = match mode {
                Mode::Events => "&live=sse",
                Mode::LongPoll => "&live=long-poll",
                Mode::Poll => "",
            };
            get(format!("/v1/sites/{site}/down?offset={from}{live}"))
        }
        Ask::Left(ask) => {
            let asked = write(site, ask);
            let path = asked.path.replacen("/vector", "/left/vector", 1).replacen("/up", "/left/up", 1);
            Request { path, ..asked }
        }
    }
}

/// Reads what came of an ask; events are read by [`Events`].
///
/// # Errors
/// [`Failure`].
pub fn read(ask: &Ask, answer: Answer<'_>) -> Result<Came, Failure> {
    if !answer.is_hubs() {
        return Err(no_hub(answer));
    }
    match (ask, answer.status) {
        (Ask::Vector(_), 200) => serde_json::from_slice(answer.body).map(Came::Vector).map_err(garbled),
        (Ask::Append(_), 200) => Ok(Came::Kept),
        (Ask::Append(_), 204) => Ok(Came::Seen),
        (Ask::Fetch(..), 200) => lines(answer.body).map(Came::Facts),
        (Ask::Listen(..), 200) => Ok(Came::Heard(lines(answer.body)?, next(answer)?)),
        (Ask::Listen(..), 204) => Ok(Came::Heard(Vec::new(), next(answer)?)),
        (Ask::Left(ask), _) => read(ask, answer),
        _ => Err(refusal(answer)),
    }
}

/// Says what an answer is that is not the hub's: a proxy's own words are taken for what they say.
pub(crate) fn no_hub(answer: Answer<'_>) -> Failure {
    let is_busy = matches!(answer.status, 429 | 502..=504);
    if is_busy { busy(answer) } else { Failure::NotTheHub }
}

/// Says why the hub does not do what was asked.
pub(crate) fn refusal(answer: Answer<'_>) -> Failure {
    let said = serde_json::from_slice::<No>(answer.body);
    let (code, why) = said.map_or_else(|_no_words| (String::new(), String::new()), |said| (said.code, said.detail));
    let epoch = answer.header("producer-epoch").and_then(|epoch| epoch.parse().ok());
    match (answer.status, epoch) {
        (403, Some(epoch)) => Failure::Stale { epoch },
        (401 | 403, _) if matches!(code.as_str(), reason::EXPIRED | reason::NO_CERTIFICATE) => {
            Failure::NoCertificate { why }
        }
        (401 | 403, _) if code == reason::FENCED => Failure::Replaced { why },
        (401 | 403, _) => Failure::Fenced { why },
        (400 | 409, _) if matches!(code.as_str(), reason::BAD_RUN | reason::NOT_THE_HUBS) => Failure::Unfit { why },
        (409, _) if code == "diverged" => Failure::Diverged { why },
        (409 | 410, _) => Failure::Behind,
        (413, _) => Failure::TooLarge,
        (429 | 500..=599, _) => busy(answer),
        _ => Failure::Refused { why },
    }
}

/// Reads for how long to wait: a number of seconds, as the hub says it; a date is not read.
fn busy(answer: Answer<'_>) -> Failure {
    let after_s = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    Failure::Busy { after_ms: after_s.map(|after_s| after_s.saturating_mul(1_000)) }
}

fn next(answer: Answer<'_>) -> Result<Offset, Failure> {
    let next = answer.header("stream-next-offset").and_then(|text| text.parse().ok());
    next.ok_or_else(|| garbled("no place to go on from"))
}

/// Cuts an array into lines; none when it is empty.
fn lines(body: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    match json::cut(body) {
        Ok(lines) => Ok(lines.into_iter().map(<[u8]>::to_vec).collect()),
        Err(json::BadJson::Empty) => Ok(Vec::new()),
        Err(bad) => Err(garbled(bad)),
    }
}

fn garbled(why: impl core::fmt::Display) -> Failure {
    Failure::Refused { why: format!("cannot read the hub's answer: {why}") }
}

/// Reads events as they come, in whatever pieces.
#[derive(Debug, Default)]
pub struct Events {
    /// What came and is no whole line yet.
    rest: Vec<u8>,
    kind: String,
    data: Vec<u8>,
    /// The lines of a data event whose place has not come yet.
    heard: Vec<Vec<u8>>,
    /// The last place that was told.
    at: Option<Offset>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    stream_next_offset: String,
}

impl Events {
    /// Takes bytes; returns what they complete, and if that is nothing, that something came.
    ///
    /// # Errors
    /// [`Failure`] for what no hub of ours writes: give the line up.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Came>, Failure> {
        self.rest.extend_from_slice(bytes);
        if self.rest.len().max(self.data.len()) > MAX_ANSWER_BYTES {
            return Err(garbled("an event without end"));
        }
        let mut came = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            came.extend(self.take_line(line)?);
        }
        if came.is_empty() {
            came.extend(self.at.map(|at| Came::Heard(Vec::new(), at)));
        }
        Ok(came)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Option<Came>, Failure> {
        if line.is_empty() {
            let (kind, data) = (core::mem::take(&mut self.kind), core::mem::take(&mut self.data));
            return self.end_event(&kind, &data);
        }
        if let Some(kind) = line.strip_prefix(b"event:") {
            self.kind = String::from_utf8_lossy(kind).trim().to_owned();
        } else if let Some(data) = line.strip_prefix(b"data:") {
            self.data.extend_from_slice(data);
            self.data.push(b'\n');
        }
        Ok(None)
    }

    fn end_event(&mut self, kind: &str, data: &[u8]) -> Result<Option<Came>, Failure> {
        match kind {
            "data" => {
                self.heard.extend(lines(data)?);
                Ok(None)
            }
            "control" => {
                let control: Control = serde_json::from_slice(data).map_err(garbled)?;
                let next = control.stream_next_offset.parse().map_err(garbled)?;
                self.at = Some(next);
                Ok(Some(Came::Heard(core::mem::take(&mut self.heard), next)))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Hash;
    use crate::offset::Incarnation;
    use crate::producer::Turn;
    use crate::said::Run;
    use alloc::vec;
    use machiai_core::ids::{Origin, Seq};
    use proptest::prelude::*;
    use rstest::rstest;

    const SITE: SiteId = SiteId(1001);
    const ORIGIN: Origin = Origin::from_bytes([7; 16]);

    fn append() -> Ask {
        let lines = vec![br#"{"a":1.0}"#.to_vec(), b"{}".to_vec()];
        Ask::Append(Run { origin: ORIGIN, turn: Turn { epoch: 3, seq: 4 }, hash: Hash::START, lines })
    }

    #[test]
    fn an_append_carries_the_facts_bytes_and_says_whose_they_are() {
        let written = write(SITE, &append());
        assert_eq!((written.method, written.path.as_str()), ("POST", "/v1/sites/1001/up"));
        assert_eq!(written.body, br#"[{"a":1.0},{}]"#);
        let header = |name| written.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("producer-id"), Some("07070707070707070707070707070707"));
        assert_eq!((header("producer-epoch"), header("producer-seq")), (Some("3"), Some("4")));
        assert_eq!(header("machiai-hash").map(str::len), Some(64));
    }

    #[rstest]
    #[case::kept(200, &[("machiai-hub", "1")], "", Ok(Came::Kept))]
    #[case::seen(204, &[("machiai-hub", "1")], "", Ok(Came::Seen))]
    #[case::a_captive_portal(200, &[], "<html>Free Wi-Fi</html>", Err(Failure::NotTheHub))]
    #[case::a_portal_that_leads_elsewhere(302, &[], "", Err(Failure::NotTheHub))]
    #[case::a_proxy_without_its_server(502, &[], "<html>", Err(Failure::Busy { after_ms: None }))]
    #[case::a_full_hub(503, &[("machiai-hub", "1"), ("retry-after", "7")], "", Err(Failure::Busy { after_ms: Some(7_000) }))]
    #[case::another_session(403, &[("machiai-hub", "1"), ("producer-epoch", "9")], "", Err(Failure::Stale { epoch: 9 }))]
    #[case::replaced(403, &[("machiai-hub", "1")], r#"{"code":"fenced","detail":"replaced"}"#, Err(Failure::Replaced { why: "replaced".to_owned() }))]
    #[case::shut_out(403, &[("machiai-hub", "1")], r#"{"code":"revoked","detail":"lost"}"#, Err(Failure::Fenced { why: "lost".to_owned() }))]
    #[case::no_certificate(403, &[("machiai-hub", "1")], r#"{"code":"no_certificate","detail":"enrol"}"#, Err(Failure::NoCertificate { why: "enrol".to_owned() }))]
    #[case::too_many(429, &[("machiai-hub", "1"), ("retry-after", "2")], r#"{"code":"too_many"}"#, Err(Failure::Busy { after_ms: Some(2_000) }))]
    #[case::packed_otherwise(415, &[("machiai-hub", "1")], r#"{"code":"other_encoding","detail":"gzip"}"#, Err(Failure::Refused { why: "gzip".to_owned() }))]
    #[case::behind(409, &[("machiai-hub", "1")], r#"{"code":"gap"}"#, Err(Failure::Behind))]
    #[case::diverged(409, &[("machiai-hub", "1")], r#"{"code":"diverged","detail":"hash"}"#, Err(Failure::Diverged { why: "hash".to_owned() }))]
    #[case::no_run(400, &[("machiai-hub", "1")], r#"{"code":"bad_run","detail":"line 0"}"#, Err(Failure::Unfit { why: "line 0".to_owned() }))]
    #[case::forged(409, &[("machiai-hub", "1")], r#"{"code":"not_the_hubs","detail":"line 1"}"#, Err(Failure::Unfit { why: "line 1".to_owned() }))]
    #[case::too_large(413, &[("machiai-hub", "1")], "", Err(Failure::TooLarge))]
    #[case::not_understood(400, &[("machiai-hub", "1")], r#"{"code":"v","detail":"version"}"#, Err(Failure::Refused { why: "version".to_owned() }))]
    fn an_answer_is_read_for_what_it_says(
        #[case] status: u16,
        #[case] headers: &[(&str, &str)],
        #[case] body: &str,
        #[case] expected: Result<Came, Failure>,
    ) {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(&append(), Answer { status, headers: &headers, body: body.as_bytes() }), expected);
    }

    #[test]
    fn what_a_replaced_box_left_goes_its_own_way_and_is_answered_alike() {
        let (plain, left) = (append(), Ask::Left(Box::new(append())));
        let (asked, handed) = (write(SITE, &plain), write(SITE, &left));
        assert_eq!(handed, Request { path: "/v1/sites/1001/left/up".to_owned(), ..asked });
        let headers = [("machiai-hub".to_owned(), "1".to_owned())];
        assert_eq!(read(&left, Answer { status: 200, headers: &headers, body: b"" }), Ok(Came::Kept));
        assert_eq!(read(&left, Answer { status: 204, headers: &headers, body: b"" }), Ok(Came::Seen));
    }

    #[test]
    fn a_fetch_names_its_origin_and_number() {
        assert_eq!(
            write(SITE, &Ask::Fetch(ORIGIN, Seq(41))).path,
            format!("/v1/sites/1001/facts?origin={ORIGIN}&after=41")
        );
    }

    proptest! {
        #[test]
        fn events_are_read_whatever_pieces_they_come_in(cuts in proptest::collection::vec(1..40_usize, 1..30)) {
            let place = |after| Offset { incarnation: Incarnation(1), after };
            let said = format!(
                "event: control\ndata:{{\"streamNextOffset\":\"{}\",\"upToDate\":true}}\n\n:\n\n\
                 event: data\ndata:[{{\"a\":1.0}},{{}}]\n\nevent: control\ndata:{{\"streamNextOffset\":\"{}\"}}\n\n",
                place(4), place(6)
            );
            let (mut events, mut came, mut rest) = (Events::default(), Vec::new(), said.as_bytes());
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                came.extend(events.take(piece).unwrap());
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let heard = came.iter().filter_map(|came| if let Came::Heard(lines, at) = came { Some((lines, *at)) } else { None });
            let news: Vec<_> = heard.clone().filter(|(lines, _)| !lines.is_empty()).collect();
            let lines = vec![br#"{"a":1.0}"#.to_vec(), b"{}".to_vec()];
            prop_assert_eq!(news, vec![(&lines, place(6))]);
            let places: Vec<_> = heard.map(|(_, at)| at).collect();
            prop_assert_eq!((places.first(), places.last()), (Some(&place(4)), Some(&place(6))));
        }
    }
}
