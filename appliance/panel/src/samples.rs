//! Views that stand for every state a drawing can be in: a template is tried with all of them before it is used, and
//! people can look at them without a clinic.

use machiai_core::facts::Lang;
use machiai_core::ids::{Label, LineNo, RoomId, VisitId};
use machiai_core::settings::{Arrow, LineColor, StageKind, Text};
use machiai_core::time::{AtMs, Day};
use machiai_core::view::{
    Band, BoardView, CallFrame, FamilyPlace, LineCard, NumberFace, Often, Phase, RoomTile, SessionWeek, TicketView,
    TileState, Wait,
};

use crate::notice::{Notice, NoticeLook};

/// 24 November 2026, 10:24 in Asia/Tokyo.
const AT: AtMs = AtMs(1_795_483_440_000);

/// When after [`AT`] the labels of a sample are in English, Chinese and Korean.
const EN_MS: i64 = 12_000;
const ZH_MS: i64 = 18_000;
const KO_MS: i64 = 24_000;

/// What a sample room shows: its name, its line, its state and its label.
type Shown = (&'static str, &'static str, usize, TileState, Option<&'static str>);

const ROOMS: [Shown; 12] = [
    ("第1診察室", "Room 1", 0, TileState::Called, Some("105")),
    ("第2診察室", "Room 2", 0, TileState::InRoom, Some("103")),
    ("第3診察室", "Room 3", 1, TileState::InRoom, Some("512")),
    ("第4診察室", "Room 4", 2, TileState::Empty, None),
    ("処置・検査室", "Treatment", 3, TileState::Called, Some("108")),
    ("会計", "Cashier", 4, TileState::InRoom, Some("97")),
    ("第5診察室", "Room 5", 1, TileState::InRoom, Some("99")),
    ("第6診察室", "Room 6", 2, TileState::InRoom, Some("704")),
    ("第7診察室", "Room 7", 2, TileState::InRoom, Some("711")),
    ("第8診察室", "Room 8", 0, TileState::Called, Some("100")),
    ("第9診察室", "Room 9", 0, TileState::Empty, None),
    ("第10診察室", "Room 10", 1, TileState::InRoom, Some("520")),
];

/// A sample line: its names, colour, kind, people waiting, and the estimate.
type Queue = (&'static str, &'static str, LineColor, StageKind, u32, Wait);

const LINES: [Queue; 5] = [
    ("内科", "Internal Medicine", LineColor::Indigo, StageKind::Consultation, 12, band(40, 50)),
    ("小児科", "Paediatrics", LineColor::Green, StageKind::Consultation, 4, band(10, 15)),
    ("皮膚科", "Dermatology", LineColor::Plum, StageKind::Consultation, 6, band(20, 30)),
    ("検査", "Examination", LineColor::Slate, StageKind::Test, 2, Wait::Unknown),
    ("会計", "Cashier", LineColor::Brown, StageKind::Payment, 3, band(5, 10)),
];

/// A sample notice.
#[derive(Clone, Debug)]
pub struct SampleNotice {
    /// Its name.
    pub name: &'static str,
    /// How it looks.
    pub look: NoticeLook,
    headline: Option<Text>,
    text: Text,
}

impl SampleNotice {
    /// Returns the notice.
    #[must_use]
    pub const fn notice(&self) -> Notice<'_> {
        Notice { look: self.look, headline: self.headline.as_ref(), text: &self.text, photo: None }
    }
}

/// Returns notices of every look, short and long.
#[must_use]
pub fn notices() -> Vec<SampleNotice> {
    let text =
        |ja: &str, en: &str| Text { ja: ja.to_owned(), en: (!en.is_empty()).then(|| en.to_owned()), ..Text::default() };
    let one = |name, look, headline: Option<(&str, &str)>, (ja, en): (&str, &str)| {
        let headline = headline.map(|(ja, en)| text(ja, en));
        SampleNotice { name, look, headline, text: text(ja, en) }
    };
    vec![
        one(
            "notice-closure",
            NoticeLook::Plain,
            Some(("年末年始の休診", "Closed over the New Year")),
            ("12月29日（火）から1月3日（日）まで休診いたします。", "We are closed from 29 December to 3 January."),
        ),
        one(
            "notice-flu",
            NoticeLook::Plain,
            Some(("インフルエンザの予防接種", "")),
            ("予約を受け付けています。ご希望の方は、会計の際に受付へお声がけください。", ""),
        ),
        one(
            "urgent-short",
            NoticeLook::Urgent,
            None,
            ("本日の午後は休診いたします。", "The clinic is closed this afternoon."),
        ),
        one(
            "urgent-long",
            NoticeLook::Urgent,
            None,
            (
                "急患の対応のため、診察が30分ほど遅れています。お急ぎの方は受付へお声がけください。",
                "Consultations are about 30 minutes late. If you are in a hurry, please tell the reception.",
            ),
        ),
        one(
            "emergency-fire",
            NoticeLook::Emergency,
            None,
            (
                "火災が発生しました。姿勢を低くして、正面玄関から外へ出てください。",
                "Fire. Keep low and leave by the main entrance.",
            ),
        ),
        one(
            "emergency-earthquake",
            NoticeLook::Emergency,
            None,
            (
                "地震です。棚や窓から離れて、頭を守ってください。",
                "Earthquake. Keep away from shelves and windows. Protect your head.",
            ),
        ),
    ]
}

/// Returns boards in every state and of every number of rooms, each with a name.
#[must_use]
pub fn boards() -> Vec<(&'static str, BoardView)> {
    let plain = || board(3, 2);
    let mut boards: Vec<(&str, BoardView)> = [
        ("no-rooms", 0, 1),
        ("one-room", 1, 1),
        ("two-rooms", 2, 1),
        ("three-rooms", 3, 2),
        ("four-rooms", 4, 3),
        ("four-rooms-four-lines", 4, 4),
        ("five-rooms", 5, 4),
        ("six-rooms", 6, 5),
        ("seven-rooms", 7, 3),
        ("twelve-rooms", 12, 5),
    ]
    .into_iter()
    .map(|(name, n_rooms, n_lines)| (name, board(n_rooms, n_lines)))
    .collect();
    for (name, n_rooms, n_lines, after_ms) in [
        ("one-room-english", 1, 1, EN_MS),
        ("two-rooms-english", 2, 2, EN_MS),
        ("three-rooms-english", 3, 2, EN_MS),
        ("three-rooms-chinese", 3, 2, ZH_MS),
        ("three-rooms-korean", 3, 2, KO_MS),
        ("six-rooms-english", 6, 5, EN_MS),
        ("twelve-rooms-english", 12, 5, EN_MS),
    ] {
        boards.push((name, BoardView { as_of: AT.plus_ms(after_ms), ..board(n_rooms, n_lines) }));
    }
    boards.push(("night", BoardView { night: true, ..plain() }));
    boards.push(("six-rooms-night", BoardView { night: true, ..board(6, 5) }));
    boards.push(("rehearsal", BoardView { rehearsal: true, ..plain() }));
    boards.push(("untrusted-clock", BoardView { clock: None, ..plain() }));
    boards.push(("message", BoardView { message: Some(long_message()), ..plain() }));
    boards.push(("no-message", BoardView { message: None, absent: Vec::new(), ..plain() }));
    boards.push(("crowded", crowded()));
    boards.push(("undone", BoardView { wait_longer: labels(&["105", "107"]), ..plain() }));
    boards.push(("undone-twelve-rooms", BoardView { wait_longer: labels(&["105", "107"]), ..board(12, 5) }));
    boards.push(("family", family(&["112–114", "108–109", "7–9"])));
    boards.push(("family-joined", family(&["105・107", "98・112・113", "7・9"])));
    boards.push(("letters", letters()));
    boards.push(("waits", waits()));
    boards.extend(quiet_boards());
    boards
}

/// Returns boards of the hours at which nobody is called, each with a name.
fn quiet_boards() -> Vec<(&'static str, BoardView)> {
    let mut boards = Vec::new();
    let before = Phase::Before { session: text("午前", "Morning"), from: "8:30".to_owned() };
    boards.push(("before", BoardView { clock: Some("7:58".to_owned()), ..quiet(before.clone(), 3, 3) }));
    boards.push(("before-one-room", quiet(before, 1, 2)));
    let shut = |n_rooms, n_lines| {
        let lines = over(n_lines).into_iter().map(|line| LineCard { over: false, ..line }).collect();
        BoardView { lines, clock: None, ..quiet(Phase::Open { session: None }, n_rooms, 0) }
    };
    boards.push(("shut", shut(3, 3)));
    boards.push(("shut-english", BoardView { as_of: AT.plus_ms(EN_MS), ..shut(2, 1) }));
    boards.push(("shut-twelve-rooms", shut(12, 5)));
    let between =
        Phase::Between { over: text("午前", "Morning"), next: text("午後", "Afternoon"), from: "15:00".to_owned() };
    boards.push(("between", BoardView { clock: Some("13:05".to_owned()), ..quiet(between.clone(), 3, 0) }));
    let closed = Phase::Closed { next_day: "2026-11-25".parse().ok() };
    let mut long = quiet(closed.clone(), 3, 0);
    let named = |mut row: SessionWeek, name: &str| {
        name.clone_into(&mut row.name.ja);
        row
    };
    let names = ["午前", "午後", "夜間", "健康診断・予防接種", "小児科専用外来"];
    long.week = names.iter().flat_map(|name| week().pop().map(|row| named(row, name))).collect();
    boards.push(("closed-many-sessions", BoardView { message: Some(long_message()), ..long }));
    let some_left = |phase: Phase, n_rooms| BoardView { absent: labels(&["98"]), ..quiet(phase, n_rooms, 0) };
    boards.push(("between-some-absent", some_left(between.clone(), 2)));
    boards.push(("between-some-absent-twelve-rooms", BoardView { lines: over(5), ..some_left(between.clone(), 12) }));
    boards.push(("between-some-absent-many-lines", BoardView { lines: over(4), ..some_left(between.clone(), 4) }));
    boards.push(("between-some-absent-one-line", BoardView { lines: over(1), ..some_left(between, 1) }));
    boards.push(("closed-some-absent", BoardView { absent: labels(&["98"]), ..quiet(closed.clone(), 3, 0) }));
    boards.push(("closed-english", BoardView { as_of: AT.plus_ms(EN_MS), ..quiet(closed.clone(), 3, 0) }));
    boards.push(("closed", BoardView { clock: Some("19:20".to_owned()), night: true, ..quiet(closed, 3, 0) }));
    let suspended = Phase::Suspended { next_day: "2026-11-25".parse().ok() };
    boards.push(("suspended", quiet(suspended.clone(), 3, 0)));
    let told = Some("院長急病のため、本日は休診いたします".to_owned());
    let crowd = BoardView { message: told, absent: labels(&["98", "101"]), ..quiet(suspended, 8, 0) };
    boards.push(("suspended-eight-rooms", crowd));
    boards.push(("closed-for-long", BoardView { week: Vec::new(), ..quiet(Phase::Closed { next_day: None }, 2, 0) }));
    boards
}

/// Returns boards with one call or more, each with a name.
#[must_use]
pub fn calls() -> Vec<(&'static str, BoardView)> {
    let called =
        |calls: &[Option<CallFrame>]| BoardView { calls: calls.iter().flatten().cloned().collect(), ..board(3, 2) };
    let one = || call("105", 0, Arrow::Right);
    vec![
        ("call", called(&[one()])),
        ("call-no-arrow", called(&[call("7", 1, Arrow::None)])),
        ("call-family", called(&[call("112–114", 0, Arrow::Left)])),
        ("call-letters", BoardView { face: NumberFace::Letters, ..called(&[call("A102", 0, Arrow::Up)]) }),
        ("call-payment", called(&[payment(call("97", 5, Arrow::Back))])),
        ("call-again", called(&[one().map(|call| CallFrame { again: true, ..call })])),
        ("call-two", called(&[one(), call("512", 2, Arrow::Up)])),
        ("call-three", called(&[one(), call("112–114", 1, Arrow::Left), payment(call("97", 5, Arrow::None))])),
        (
            "call-four",
            called(&[one(), call("103", 1, Arrow::Left), call("512", 2, Arrow::Up), call("704", 3, Arrow::None)]),
        ),
    ]
}

/// Returns tickets in every state, each with a name.
#[must_use]
pub fn tickets() -> Vec<(&'static str, TicketView)> {
    let plain = || ticket(Lang::Ja);
    let family = Some(FamilyPlace { idx: 1, of: 3 });
    vec![
        ("ja", plain()),
        ("en", ticket(Lang::En)),
        ("zh", ticket(Lang::Zh)),
        ("ko", ticket(Lang::Ko)),
        ("reprint", TicketView { reprinted: Some((9, 12)), ..plain() }),
        ("reprint-en", TicketView { reprinted: Some((9, 12)), ..ticket(Lang::En) }),
        ("family", TicketView { family, label: Label("112".to_owned()), ..plain() }),
        ("family-en", TicketView { family, n_ahead_not_arrived: 3, ..ticket(Lang::En) }),
        ("unknown", TicketView { wait: Wait::Unknown, ..plain() }),
        ("paused", TicketView { wait: Wait::Paused, ..plain() }),
        ("soon", TicketView { n_ahead: 0, wait: Wait::Nobody, ..plain() }),
        ("not-arrived", TicketView { n_ahead_not_arrived: 3, ..plain() }),
        ("text-call", TicketView { text_call: true, ..plain() }),
        ("name", TicketView { name: Some("髙橋 𠮷子".to_owned()), ..plain() }),
        ("rehearsal", TicketView { rehearsal: true, ..plain() }),
        ("untrusted-clock", TicketView { day: None, taken: None, ..plain() }),
        ("no-address", TicketView { url: None, ..plain() }),
        (
            "long-address",
            TicketView { url: Some(format!("https://machiai.example.jp/{}", "a1b2".repeat(20))), ..plain() },
        ),
        ("era", TicketView { era_years: true, ..plain() }),
        ("two-figures", TicketView { label: Label("42".to_owned()), ..plain() }),
        ("letters", TicketView { label: Label("A012".to_owned()), face: NumberFace::Letters, ..plain() }),
        ("long-names", long_names()),
        ("everything", everything()),
    ]
}

/// Returns a board of so many rooms and lines on a busy morning.
#[must_use]
pub fn board(n_rooms: usize, n_lines: usize) -> BoardView {
    BoardView {
        clinic: text("さくら台クリニック", "Sakuradai Clinic"),
        clock: Some("10:24".to_owned()),
        as_of: AT,
        n_facts: 1,
        phase: Phase::Open { session: Some(text("午前", "Morning")) },
        week: week(),
        face: NumberFace::Figures,
        rooms: ROOMS.iter().take(n_rooms).filter_map(room).collect(),
        lines: LINES.iter().take(n_lines).enumerate().map(line).collect(),
        absent: labels(&["98", "101"]),
        message: Some("本日は大変混み合っております".to_owned()),
        calls: Vec::new(),
        wait_longer: Vec::new(),
        night: false,
        rehearsal: false,
    }
}

/// Returns a ticket in a language.
#[must_use]
pub fn ticket(lang: Lang) -> TicketView {
    TicketView {
        visit: VisitId::from_bytes([7; 16]),
        clinic: text("さくら台クリニック", "Sakuradai Clinic"),
        day: "2026-11-24".parse::<Day>().ok(),
        era_years: false,
        session: Some(text("午前", "Morning")),
        line: text("内科", "Internal Medicine"),
        label: Label("105".to_owned()),
        face: NumberFace::Figures,
        taken: Some((8, 42)),
        n_ahead: 5,
        n_ahead_not_arrived: 0,
        wait: band(20, 30),
        url: Some("https://m.example.jp/t/3kq9-x7fa-2mzp".to_owned()),
        family: None,
        lang,
        text_call: false,
        name: None,
        reprinted: None,
        rehearsal: false,
    }
}

/// The hours of a clinic that closes on Thursdays, in the afternoon of Saturdays, and sees children some Sundays.
fn week() -> Vec<SessionWeek> {
    use Often::{Always as Y, Never as N, Sometimes as S};
    let row =
        |name: Text, from: &str, to: &str, days| SessionWeek { name, from: from.to_owned(), to: to.to_owned(), days };
    vec![
        row(text("午前", "Morning"), "9:00", "12:30", [Y, Y, Y, N, Y, Y, S]),
        row(text("午後", "Afternoon"), "15:00", "18:30", [Y, Y, Y, N, Y, N, N]),
    ]
}

const fn band(from_min: u32, to_min: u32) -> Wait {
    Wait::Band(Band { from_min, to_min })
}

fn text(ja: &str, en: &str) -> Text {
    let others = match ja {
        "内科" => Some(("内科", "내과")),
        "午前" => Some(("上午", "오전")),
        _ => None,
    };
    let (zh, ko) = (others.map(|(zh, _)| zh.to_owned()), others.map(|(_, ko)| ko.to_owned()));
    Text { ja: ja.to_owned(), en: Some(en.to_owned()), zh, ko }
}

fn labels(labels: &[&str]) -> Vec<Label> {
    labels.iter().map(|label| Label((*label).to_owned())).collect()
}

fn room((name, en, line, state, label): &Shown) -> Option<RoomTile> {
    let (line_name, line_en, color, kind, ..) = LINES.get(*line)?;
    let id = en.to_lowercase().replace(' ', "");
    Some(RoomTile {
        room: id.parse::<RoomId>().ok()?,
        name: text(name, en),
        line_name: text(line_name, line_en),
        color: *color,
        kind: *kind,
        state: *state,
        label: label.map(str::to_owned),
    })
}

fn line((at, (name, en, color, kind, n_waiting, wait)): (usize, &Queue)) -> LineCard {
    LineCard {
        line: LineNo(u16::try_from(at).unwrap_or_default()),
        name: text(name, en),
        color: *color,
        kind: *kind,
        n_waiting: *n_waiting,
        n_not_arrived: 0,
        wait: *wait,
        open: true,
        over: false,
        next: labels(&["106", "107", "109"]),
    }
}

fn call(label: &str, room: usize, arrow: Arrow) -> Option<CallFrame> {
    let (name, en, line, ..) = ROOMS.get(room)?;
    let (line_name, line_en, _, kind, ..) = LINES.get(*line)?;
    Some(CallFrame {
        label: label.to_owned(),
        room: format!("room{room}").parse::<RoomId>().ok()?,
        room_name: text(name, en),
        line_name: text(line_name, line_en),
        kind: *kind,
        arrow,
        again: false,
        called_at: AT,
        until: AT.plus_ms(8_000),
        speech: Vec::new(),
    })
}

fn payment(call: Option<CallFrame>) -> Option<CallFrame> {
    call.map(|call| CallFrame { room_name: text("会計窓口", "the cashier"), kind: StageKind::Payment, ..call })
}

/// A board on which nobody is in a room.
fn quiet(phase: Phase, n_rooms: usize, n_waiting: u32) -> BoardView {
    let mut view = BoardView { phase, message: None, absent: Vec::new(), ..board(n_rooms, 2) };
    for room in &mut view.rooms {
        (room.state, room.label) = (TileState::Empty, None);
    }
    for line in &mut view.lines {
        (line.n_waiting, line.open, line.wait) = (n_waiting, false, Wait::Unknown);
        line.next.clear();
    }
    view
}

/// So many lines for which nobody waits any more.
fn over(n_lines: usize) -> Vec<LineCard> {
    let lines = board(0, n_lines).lines.into_iter();
    let next = Vec::new();
    lines
        .map(|line| LineCard { n_waiting: 0, open: false, over: true, wait: Wait::Unknown, next: next.clone(), ..line })
        .collect()
}

fn family(labels: &[&str]) -> BoardView {
    let mut view = board(3, 2);
    for (room, label) in view.rooms.iter_mut().zip(labels) {
        room.label = Some((*label).to_owned());
    }
    view
}

fn letters() -> BoardView {
    let mut view = BoardView { face: NumberFace::Letters, absent: labels(&["A098", "B101"]), ..board(3, 2) };
    for (room, label) in view.rooms.iter_mut().zip(["A105", "B12", "A102–A104"]) {
        room.label = Some(label.to_owned());
    }
    view
}

fn waits() -> BoardView {
    let mut view = board(4, 4);
    for (line, wait) in view.lines.iter_mut().zip([Wait::Unknown, Wait::Paused, Wait::Nobody, band(15, 15)]) {
        line.wait = wait;
    }
    view
}

fn crowded() -> BoardView {
    let mut view = BoardView { message: Some(long_message()), ..board(3, 2) };
    view.absent = (91..105).map(|number| Label(number.to_string())).collect();
    view.clinic.ja = "医療法人社団さくら台会さくら台ファミリークリニック".to_owned();
    for (room, name) in view.rooms.iter_mut().zip(["第1診察室（循環器）", "糖尿病・内分泌内科", "リハビリテーション室"])
    {
        name.clone_into(&mut room.name.ja);
        "循環器内科・糖尿病内科".clone_into(&mut room.line_name.ja);
    }
    for (line, name) in view.lines.iter_mut().zip(["循環器内科・糖尿病内科", "リハビリテーション科"])
    {
        name.clone_into(&mut line.name.ja);
        line.n_waiting = 128;
        line.wait = band(100, 120);
    }
    view
}

fn long_message() -> String {
    "インフルエンザの予防接種は、十一月一日から始めます。ご希望の方は受付へお声がけください。".to_owned()
}

fn long_names() -> TicketView {
    let mut view = ticket(Lang::Ja);
    view.clinic.ja = "医療法人社団さくら台会さくら台ファミリークリニック内科小児科皮膚科アレルギー科リハビリテーション科附属診療所分院".to_owned();
    view.line.ja = "循環器内科・糖尿病内分泌内科（予約外来）".to_owned();
    view.name = Some("パブロ・ディエゴ・ホセ・フランシスコ・デ・パウラ・フアン・ネポムセーノ・ピカソ".to_owned());
    view
}

fn everything() -> TicketView {
    TicketView {
        n_ahead: 128,
        n_ahead_not_arrived: 12,
        wait: band(100, 120),
        family: Some(FamilyPlace { idx: 3, of: 6 }),
        text_call: true,
        reprinted: Some((18, 5)),
        rehearsal: true,
        name: Some("<&\"' 山田".to_owned()),
        ..ticket(Lang::Ja)
    }
}
