//! Every parser of bytes that come from outside, each by its name, so that anything at all can be thrown at it: by `make
//! fuzz`, which searches, and by the tests, which throw what searches left in `data/hostile`.
//!
//! A door holds when it comes back: no panic, and what it says of itself is true.

use std::time::Duration;

use machiai::devices::bounce::{BETWEEN_PRESSES_MS, Bounce, Touch};
use machiai::devices::frames::{Came, Frames};
use machiai::devices::protocol::{Picture, Protocol};
use machiai::devices::transcript;
use machiai::devices::typed::{self, Typed};
use machiai::hostile;
use machiai::settings::Settings;
use machiai::surface::printer::clock::Monotonic;
use machiai::surface::printer::profile::Profile;
use machiai::surface::printer::transport::{Transport, TransportError};
use machiai::surface::printer::{Job, Limits, Outcome, print};
use machiai_core::envelope::{Envelope, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_core::queue::Clinic;
use machiai_core::support::commission::{REPORT_SIGNED_UNDER, accept};
use machiai_core::support::order::{MAX_SPAN_MS, Order, SIGNED_UNDER};
use machiai_core::time::AtMs;
use machiai_panel::dots::Dots;
use machiai_panel::link::{self, FromScreen, ToScreen};
use machiai_wire::enrol::{BoxName, Code};
use machiai_wire::http::{self, Answer, Events};
use machiai_wire::json;
use machiai_wire::offset::{Incarnation, Offset};
use machiai_wire::run::{Head, Heads, follow, read_named};
use machiai_wire::said::{Ask, Mode};
use machiai_wire::vector::{self, Question};

/// Where bytes come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// What a printer answers while a ticket is printed.
    Printer,
    /// The configuration's file.
    Configuration,
    /// The settings' document.
    Settings,
    /// Facts, as another machine sends them.
    Facts,
    /// What a box asks of the hub, and facts in one body.
    Vector,
    /// What a hub answers, and its events.
    Answers,
    /// Codes, names and places that are typed or sent.
    Names,
    /// Bodies of the API.
    Bodies,
    /// Webhooks and lists of the vendors of video calls.
    Vendors,
    /// Lines between the daemon and a screen.
    Screen,
    /// What button boxes, readers and keypads say, their protocol files and their transcripts.
    Devices,
    /// Orders of support, as the hub hands them on.
    Orders,
    /// Signed reports of an acceptance, as the box keeps them.
    Reports,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Printer,
        Self::Configuration,
        Self::Settings,
        Self::Facts,
        Self::Vector,
        Self::Answers,
        Self::Names,
        Self::Bodies,
        Self::Vendors,
        Self::Screen,
        Self::Devices,
        Self::Orders,
        Self::Reports,
    ];

    /// Returns its name, which the folder of its corpus bears.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Printer => "printer",
            Self::Configuration => "configuration",
            Self::Settings => "settings",
            Self::Facts => "facts",
            Self::Vector => "vector",
            Self::Answers => "answers",
            Self::Names => "names",
            Self::Bodies => "bodies",
            Self::Vendors => "vendors",
            Self::Screen => "screen",
            Self::Devices => "devices",
            Self::Orders => "orders",
            Self::Reports => "reports",
        }
    }

    /// Throws bytes at it.
    ///
    /// # Panics
    /// It does not hold.
    pub fn knock(self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        match self {
            Self::Printer => printer(bytes),
            Self::Configuration => hostile::configuration(&text),
            Self::Settings => settings(&text),
            Self::Facts => facts(bytes),
            Self::Vector => asked(bytes),
            Self::Answers => answers(bytes),
            Self::Names => names(&text),
            Self::Bodies => hostile::body(bytes),
            Self::Vendors => hostile::vendors(bytes),
            Self::Screen => screen(bytes),
            Self::Devices => devices(bytes),
            Self::Orders => order(bytes),
            Self::Reports => report(bytes),
        }
    }
}

fn order(bytes: &[u8]) {
    let Ok(fact) = Envelope::read(bytes) else { return };
    let Fact::SupportOrdered(ordered) = &fact.fact else { return };
    signed((SIGNED_UNDER, REPORT_SIGNED_UNDER), &ordered.order, &ordered.signature);
    Clinic::default().after(&fact);
    let Ok(order) = Order::read(&ordered.order) else { return };
    let written = serde_json::to_string(&order).unwrap_or_default();
    assert_eq!(Order::read(&written).as_ref(), Ok(&order), "an order changed");
    for now in [order.not_before_ms, order.not_after_ms.plus_ms(-1), order.not_after_ms, AtMs(i64::MIN), AtMs(i64::MAX)]
    {
        if order.refuse(SiteId(1001), now).is_ok() && order.is_due(now, Trust::Synced) == Ok(true) {
            let left_ms = order.not_after_ms.since(now);
            assert!((1..=MAX_SPAN_MS).contains(&left_ms), "an order is due for {left_ms} ms");
            assert!(order.site == SiteId(1001) && order.purpose.asks_for(&order.act), "{order:?} is due");
        }
    }
}

fn report(bytes: &[u8]) {
    let Ok(fact) = Envelope::read(bytes) else { return };
    let Fact::Commissioned(commissioned) = &fact.fact else { return };
    signed((REPORT_SIGNED_UNDER, SIGNED_UNDER), &commissioned.report, &commissioned.signature);
    let mut clinic = Clinic::default();
    clinic.after(&fact);
    if accept(commissioned, SiteId(1001)).is_ok() {
        let told = clinic.support.accepted.as_ref();
        assert!(told.is_some_and(|told| told.n_passed > 0), "what nobody tried is accepted: {told:?}");
    }
}

/// A signature counts for one text, under what such texts begin with.
fn signed((under, another): (&str, &str), text: &str, signature: &str) {
    let Some(operator) = hostile::signer((under, text), signature) else { return };
    for other in [(another, text), (under, &format!("{text} ")), ("", text)] {
        assert_eq!(hostile::signer(other, signature), None, "{operator} never signed {other:?}");
    }
}

/// The first byte says what is read: a protocol file, a transcript, keys, or the frames of a protocol.
fn devices(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    match which {
        b'p' => {
            let Ok(protocol) = Protocol::read(&String::from_utf8_lossy(rest)) else { return };
            let shown = protocol.shown(&Picture::Blinking("12".to_owned()));
            assert_eq!(shown.is_some(), protocol.display.is_some(), "a display that shows nothing");
            frames(&protocol, rest);
        }
        b't' => drop(transcript::read(rest)),
        b'k' => {
            let (half, mut typed) = (rest.len() / 2, Typed::default());
            let lines = Typed::default().take(rest, 1);
            let (first, second) = rest.split_at(half);
            let split = [typed.take(first, 1), typed.take(second, 1)].concat();
            assert_eq!(lines, split, "keys that are split are others");
            assert!(lines.iter().all(|line| (1..=typed::MAX_LINE).contains(&line.len())), "a line of {lines:?}");
        }
        _ => {
            let names = ["framed-box", "text-box", "text-reader", "four-digits"];
            let name = names.get(usize::from(*which) % names.len()).copied().unwrap_or_default();
            let protocol = Protocol::named(name);
            assert!(protocol.is_ok(), "{name} cannot be read");
            if let Ok(protocol) = protocol {
                frames(&protocol, rest);
            }
        }
    }
}

/// Cuts bytes into frames, whole and split, and has a box's keys be read of them.
fn frames(protocol: &Protocol, bytes: &[u8]) {
    let came = Frames::new(protocol.frame.clone()).take(bytes, 0);
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let mut frames = Frames::new(protocol.frame.clone());
    assert_eq!([frames.take(first, 0), frames.take(second, 0)].concat(), came, "frames that are split are others");
    let (mut bounce, mut n_presses) = (Bounce::new(80, 10_000), 0_u64);
    for (nth, came) in came.iter().enumerate() {
        let Came::Word(word) = came else { continue };
        let frame = protocol.frame.around(word);
        assert!(bytes.windows(frame.len()).any(|window| window == frame), "a frame that never came");
        let Some((key, number)) = protocol.buttons.as_ref().and_then(|buttons| buttons.read(word)) else { continue };
        let now_ms = u64::try_from(nth).unwrap_or(u64::MAX);
        n_presses += u64::from(bounce.take(key, number, now_ms) == Touch::Press);
    }
    let most = u64::try_from(came.len()).unwrap_or(u64::MAX) / BETWEEN_PRESSES_MS + 1;
    assert!(n_presses <= most, "{n_presses} presses in {} frames", came.len());
}

/// A printer that takes everything and answers with given bytes, some at a time; each wait takes its time of the clock.
struct Chatter<'a> {
    rest: &'a [u8],
    now: &'a Steps,
}

/// A clock that goes on by what is waited.
#[derive(Default)]
struct Steps(std::sync::Mutex<Duration>);

impl Steps {
    fn pass(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = now.saturating_add(by);
    }
}

impl Monotonic for Steps {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Transport for Chatter<'_> {
    fn open(&mut self, _: Duration) -> Result<(), TransportError> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], _: Duration) -> Result<usize, TransportError> {
        self.now.pass(Duration::from_millis(1));
        Ok(bytes.len())
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<usize, TransportError> {
        // A 0xff is a silence; no answer has it.
        let n = self.rest.iter().position(|byte| *byte == 0xff).unwrap_or(self.rest.len()).min(buffer.len());
        let (came, rest) = self.rest.split_at(n);
        if n == 0 {
            self.rest = rest.get(1..).unwrap_or_default();
            self.now.pass(within.max(Duration::from_millis(1)));
            return Ok(0);
        }
        buffer.iter_mut().zip(came).for_each(|(to, from)| *to = *from);
        self.rest = rest;
        Ok(n)
    }

    fn drain(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn flush(&mut self, _: Duration) -> Result<(), TransportError> {
        Ok(())
    }

    fn close(&mut self) {}

    fn abort(&mut self) {}
}

fn printer(bytes: &[u8]) {
    let (which, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let profiles = Profile::all();
    let Some(profile) = profiles.get(which.checked_rem(profiles.len()).unwrap_or(0)) else { return };
    let (width, height) = (profile.dots, 2_u32);
    let row_bytes = usize::try_from(width / 8).unwrap_or(0);
    let dots = Dots { width, height, rows: vec![0x55; row_bytes * 2], number_rows: None };
    let clock = Steps::default();
    let job = Job { profile, dots: &dots, last: None };
    let outcome = print(&mut Chatter { rest, now: &clock }, &job, &Limits::USUAL, &clock);
    let said_nothing = rest.iter().all(|byte| *byte == 0xff);
    assert!(!(said_nothing && profile.fence && outcome == Outcome::Printed), "paper that nobody told of");
    let most = Limits::USUAL.job.saturating_add(Limits::USUAL.fence).saturating_mul(2);
    assert!(clock.now() <= most, "a ticket took {:?}", clock.now());
}

fn settings(text: &str) {
    let Ok(settings) = Settings::read(text) else { return };
    let written = settings.write().unwrap_or_default();
    assert!(!written.is_empty(), "settings that were read cannot be written");
    let again = Settings::read(&written);
    assert!(again.is_ok_and(|again| again.write().is_ok_and(|again| again == written)), "settings changed: {written}");
}

fn facts(bytes: &[u8]) {
    let mut clinic = Clinic::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        drop(read_named(line, 0));
        let Ok(fact) = Envelope::read(line) else { continue };
        if let Ok(written) = fact.write() {
            assert!(Envelope::read(&written).is_ok_and(|again| again == fact), "a fact changed");
        }
        clinic.after(&fact);
    }
}

fn asked(bytes: &[u8]) {
    if let Ok(question) = serde_json::from_slice::<Question>(bytes)
        && let Some(answer) = vector::answer(&Heads::new(), &question, (0, String::new()))
    {
        drop(vector::learn(&Heads::new(), &std::collections::BTreeSet::new(), &answer.closed));
    }
    let Ok(lines) = json::cut(bytes) else { return };
    let joined = json::join(lines.iter().copied());
    assert!(json::cut(&joined).is_ok_and(|again| again == lines), "what was cut does not join");
    let origin = lines.first().and_then(|line| read_named(line, 0).ok()).map(|named| named.origin);
    drop(follow((SiteId(1001), origin.unwrap_or(Origin::from_bytes([0; 16]))), Head::START, lines));
}

fn answers(bytes: &[u8]) {
    let (status, body) = match bytes.split_first() {
        Some((first, rest)) => ([200, 204, 302, 400, 403, 409, 410, 413, 429, 503][usize::from(*first) % 10], rest),
        None => (200, bytes),
    };
    let from = Offset { incarnation: Incarnation(1), after: 0 };
    let place = from.to_string();
    let headers = [("machiai-hub", "1"), ("producer-epoch", "3"), ("stream-next-offset", &place)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let question = vector::first(&Heads::new(), &std::collections::BTreeSet::new());
    let asks = [Ask::Vector(question), Ask::Fetch(Origin::from_bytes([7; 16]), Seq(0)), Ask::Listen(from, Mode::Poll)];
    for ask in &asks {
        drop(http::read(ask, Answer { status, headers: &headers, body }));
    }
    let mut events = Events::default();
    for piece in body.chunks(7) {
        if events.take(piece).is_err() {
            break;
        }
    }
}

fn names(text: &str) {
    if let Ok(code) = text.parse::<Code>() {
        assert!(code.to_string().parse::<Code>() == Ok(code), "a code changed");
    }
    if let Ok(name) = text.parse::<BoxName>() {
        assert_eq!(name.to_string(), text, "one box has one name");
    }
    if let Ok(place) = text.parse::<Offset>() {
        assert_eq!(place.to_string().parse::<Offset>(), Ok(place), "a place changed");
    }
}

fn screen(bytes: &[u8]) {
    if let Ok(said) = link::read::<FromScreen>(bytes) {
        assert!(
            link::read::<FromScreen>(link::line(&said).trim_ascii_end()).is_ok_and(|again| again == said),
            "{said:?}"
        );
    }
    if let Ok(said) = link::read::<ToScreen>(bytes) {
        assert!(
            link::read::<ToScreen>(link::line(&said).trim_ascii_end()).is_ok_and(|again| again == said),
            "{said:?}"
        );
    }
}
