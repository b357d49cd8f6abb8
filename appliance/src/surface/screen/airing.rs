//! What one monitor airs: the program says what comes next, the screen says what was seen, and facts keep it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machiai_core::command::Command;
use machiai_core::facts::Fact;
use machiai_core::ids::{FactId, PlaceId};
use machiai_core::program::aired::Aired;
use machiai_core::program::airs::{Ask, OnAir, Passed, What};
use machiai_core::program::as_run::{AiringBegun, AiringContinued, AiringEnded, Cut, ItemSkipped, Seen};
use machiai_core::program::content::{ContentHash, ContentQuarantined, ContentTrouble};
use machiai_core::program::table::ItemPlace;
use machiai_core::queue::visit::State;
use machiai_core::settings::Text;
use machiai_core::time::AtMs;
use machiai_panel::Layout;
use machiai_panel::link::{Cover, End, FromScreen, Item, SceneMs, ToScreen};
use machiai_panel::notice::NoticeLook;

use crate::app::Shared;
use crate::scene::{self, SceneError};

/// How long before the end of what runs the next is cued: long enough to open it, short enough to follow a change.
const CUE_AHEAD_MS: i64 = 3_000;

/// How often what runs is written down: how much of an airing a power cut can make unsure.
const EVIDENCE_EVERY_MS: i64 = 60_000;

/// How often the program is asked at least.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long an urgent notice stands before it is cued again: nobody sees the join, as it is the same picture.
const NOTICE_MS: i64 = 60_000;

/// Items that were passed over, of which it is remembered that this was said.
const MOST_SKIPPED: usize = 1_000;

/// Items at once that are cued and not over: what runs, and what comes next.
const MOST_CUED: usize = 2;

/// An item that the screen was given.
struct Cued {
    id: u64,
    on_air: OnAir,
    /// Whether it is seen.
    has_begun: bool,
    /// The fact that says so.
    begun: Option<FactId>,
    n_frames: u64,
    evidence_at: AtMs,
    /// Why it is to end before its time.
    cut: Option<Cut>,
    /// Whether the monitor was lit ever since the evidence before.
    seen: Seen,
}

/// What one monitor airs.
pub(super) struct Airing<'a> {
    app: &'a Shared,
    monitor: PlaceId,
    /// What aired, up to what runs now.
    aired: Aired,
    cued: VecDeque<Cued>,
    n_cued: u64,
    skipped: Skipped,
    layout: Layout,
    /// What the screen was told to lay over all; nothing is known of a screen that has just come.
    covered: Option<What>,
    /// Whether the screen was told that nothing is cued.
    is_uncovered: bool,
    /// Whether the monitor is lit, as the screen last said.
    seen: Seen,
}

/// The items that were passed over, as the facts know it: a loop passes them at every turn, and says so once.
#[derive(Default)]
struct Skipped(BTreeMap<(ItemPlace, ContentHash), &'static str>);

impl Skipped {
    /// Returns what is new of the items that were passed over to come to something.
    fn of(&mut self, on_air: &OnAir) -> Vec<Fact> {
        if self.0.len() > MOST_SKIPPED {
            self.0.clear();
        }
        let is_wrong = on_air.passed.iter().filter(|passed| passed.why.is_trouble());
        let mut new = Vec::new();
        for Passed { place, content, why } in is_wrong {
            if self.0.insert((place.clone(), *content), why.code()) != Some(why.code()) {
                let (place, content, why) = (place.clone(), *content, why.code().to_owned());
                new.push(Fact::ItemSkipped(ItemSkipped { place, content, why }));
            }
        }
        new
    }
}

/// Content that cannot be shown.
struct Unfit {
    content: ContentHash,
    cause: SceneError,
}

impl<'a> Airing<'a> {
    /// Takes up where the facts left the monitor; what ran when its screen went away is over.
    pub(super) fn begin(app: &'a Shared, monitor: PlaceId, layout: Layout) -> Self {
        let mut aired = app.gate.read(|clinic| clinic.aired.get(&monitor).cloned().unwrap_or_default());
        aired.stop();
        // An airing that nobody ended is counted up to its last evidence: no end is made up for it.
        let cued = VecDeque::new();
        let skipped = Skipped::default();
        Self {
            app,
            monitor,
            aired,
            cued,
            n_cued: 0,
            skipped,
            layout,
            covered: None,
            is_uncovered: false,
            seen: Seen::Unknown,
        }
    }

    /// Returns what the screen is to be told now; a call lights a monitor that is dark.
    pub(super) async fn plan(&mut self, is_called: bool) -> Vec<ToScreen> {
        let now = self.now();
        let airs = self.airs(&self.aired, now);
        let mut told: Vec<ToScreen> = self.cover(&airs, is_called).into_iter().collect();
        if let Some(cut) = self.cut(&airs, now) {
            for cued in &mut self.cued {
                cued.cut.get_or_insert(cut);
            }
            told.push(ToScreen::Clear);
        }
        loop {
            match self.next(now) {
                Ok(Some(cue)) => {
                    self.is_uncovered = false;
                    told.push(cue);
                }
                Ok(None) => break,
                Err(unfit) => {
                    self.set_aside(unfit).await;
                    break;
                }
            }
        }
        if self.cued.is_empty() {
            if !self.is_uncovered {
                self.is_uncovered = true;
                told.push(ToScreen::Uncover);
            }
            // With what airs this is written when it begins; here nothing does.
            let skipped = self.skipped.of(&airs);
            if !skipped.is_empty() {
                self.note(skipped).await;
            }
        }
        told
    }

    /// Returns what is to lie over all, when it is not what lies there.
    fn cover(&mut self, airs: &OnAir, is_called: bool) -> Option<ToScreen> {
        let wanted = match &airs.what {
            What::Dark if is_called => What::Card,
            what @ (What::Dark | What::Emergency { .. }) => what.clone(),
            What::Film { .. } | What::Notice { .. } | What::Card => What::Card,
        };
        if self.covered.as_ref() == Some(&wanted) {
            return None;
        }
        let with = match &wanted {
            What::Dark => Cover::Dark,
            What::Emergency { text } => match scene::draw_emergency(&self.app.panel, text, self.layout) {
                Ok(svg) => Cover::Drawn { svg },
                Err(cause) => {
                    tracing::error!(error = %cause, "an emergency is not drawn, the queue stays in sight");
                    Cover::Nothing
                }
            },
            What::Film { .. } | What::Notice { .. } | What::Card => Cover::Nothing,
        };
        self.covered = Some(wanted);
        Some(ToScreen::Cover { with })
    }

    /// Returns how long nothing is to be planned unless something changes.
    pub(super) fn look_again_in(&self) -> Duration {
        let cues_at = self.cued.back().filter(|_| self.cued.len() < MOST_CUED);
        let wait = cues_at.map(|last| self.app.gate.clock.until(last.on_air.until.plus_ms(-CUE_AHEAD_MS)));
        wait.unwrap_or(LOOK_EVERY).clamp(Duration::from_millis(50), LOOK_EVERY)
    }

    /// Takes in what the screen says.
    pub(super) async fn hear(&mut self, said: FromScreen) {
        match said {
            FromScreen::Begun { id } => self.begun(id).await,
            FromScreen::Shown { id, n_frames } => self.shown(id, n_frames).await,
            FromScreen::Ended { id, n_frames, end } => self.ended(id, n_frames, end).await,
            FromScreen::Alive { seen, .. } => {
                self.seen = seen;
                self.cued.iter_mut().filter(|cued| cued.has_begun).for_each(|cued| cued.seen = cued.seen.and(seen));
            }
            FromScreen::Hello { .. } | FromScreen::Fails { .. } => {}
        }
    }

    /// Writes down that what runs was seen up to what the screen last said of it, and why.
    pub(super) async fn end(self, cut: Cut) {
        for cued in &self.cued {
            if let Some(begun) = cued.begun {
                self.note([Fact::AiringEnded(ended(begun, cued.n_frames, (Some(cut), cued.seen)))]).await;
            }
        }
    }

    /// Returns why what runs must not run on, if so.
    fn cut(&self, airs: &OnAir, now: AtMs) -> Option<Cut> {
        let running = self.cued.front().filter(|cued| cued.has_begun && cued.cut.is_none())?;
        match airs.what {
            What::Emergency { .. } => Some(Cut::Emergency),
            What::Notice { .. } if airs.what != running.on_air.what => Some(Cut::UrgentNotice),
            What::Film { .. } | What::Notice { .. } | What::Card | What::Dark => {
                let goes_on = airs.what == running.on_air.what || now >= running.on_air.until;
                (!goes_on).then_some(Cut::Withdrawn)
            }
        }
    }

    /// Returns the next thing to be cued, when it is time and there is something to be cued.
    fn next(&mut self, now: AtMs) -> Result<Option<ToScreen>, Unfit> {
        let last = self.cued.back();
        let is_time = last.is_none_or(|last| last.on_air.until.since(now) <= CUE_AHEAD_MS);
        if self.cued.len() >= MOST_CUED || !is_time {
            return Ok(None);
        }
        let at = last.map_or(now, |last| last.on_air.until.max(now));
        let mut aired = self.aired.clone();
        for cued in self.cued.iter().filter(|cued| !cued.has_begun) {
            aired.begin(&cued.on_air);
        }
        let mut on_air = self.airs(&aired, at);
        let item = match &on_air.what {
            What::Film { content, duration_ms, .. } => self.film(*content, *duration_ms, at)?,
            What::Notice { text } => {
                on_air.until = on_air.until.min(at.plus_ms(NOTICE_MS));
                self.urgent(text, on_air.until.since(at))
            }
            What::Emergency { .. } | What::Card | What::Dark => None,
        };
        let Some(item) = item else { return Ok(None) };
        self.n_cued = self.n_cued.saturating_add(1);
        let id = self.n_cued;
        let cued = Cued {
            id,
            on_air,
            has_begun: false,
            begun: None,
            n_frames: 0,
            evidence_at: now,
            cut: None,
            seen: Seen::Unknown,
        };
        self.cued.push_back(cued);
        Ok(Some(ToScreen::Cue { id, item }))
    }

    /// Returns a piece of content as the screen is to show it; none that lies nowhere.
    fn film(&self, content: ContentHash, duration_ms: u32, at: AtMs) -> Result<Option<Item>, Unfit> {
        let scene = self.app.gate.read(|clinic| clinic.program.content(content)?.1.scene.clone());
        let Some(scene) = scene else {
            let file = self.app.contents.take(content, self.layout, at);
            return Ok(file.map(|file| Item::File { file, play_for_ms: Some(duration_ms) }));
        };
        let photo = scene::photo_of(&self.app.contents, scene.photo);
        let drawn = scene::draw(&self.app.panel, &scene::notice_of(&scene, photo.as_deref()), self.layout);
        let svg = drawn.map_err(|cause| Unfit { content, cause })?;
        Ok(Some(Item::Scene { svg, play_for_ms: SceneMs::nearest(duration_ms) }))
    }

    fn urgent(&self, text: &Text, lasts_ms: i64) -> Option<Item> {
        match scene::draw(&self.app.panel, &scene::of_text(NoticeLook::Urgent, text), self.layout) {
            Ok(svg) => {
                let play_for_ms = SceneMs::nearest(u32::try_from(lasts_ms).unwrap_or_default());
                Some(Item::Scene { svg, play_for_ms })
            }
            Err(cause) => {
                tracing::warn!(error = %cause, "an urgent notice is not drawn");
                None
            }
        }
    }

    /// Writes down that a scene cannot be drawn, so that the loop goes on without it.
    async fn set_aside(&self, unfit: Unfit) {
        let Unfit { content, cause } = unfit;
        tracing::warn!(monitor = %self.monitor, %content, error = %cause, "a scene cannot be drawn and is set aside");
        let trouble = ContentTrouble::TooLarge;
        self.note([Fact::ContentQuarantined(ContentQuarantined { content, trouble })]).await;
    }

    fn airs(&self, aired: &Aired, now: AtMs) -> OnAir {
        let on_disk = self.app.contents.on_disk();
        self.app.gate.read(|clinic| {
            // Whoever is called must see it: between the fact and the drawing the monitor would go dark.
            let n_waiting = clinic.count(State::Waiting).saturating_add(clinic.count(State::Called));
            clinic.program.airs(&Ask { standing: &clinic.standing, on_disk: &on_disk, aired, n_waiting, now })
        })
    }

    async fn begun(&mut self, id: u64) {
        let now = self.now();
        let Some(cued) = self.cued.iter_mut().find(|cued| cued.id == id) else { return };
        (cued.has_begun, cued.evidence_at) = (true, now);
        let What::Film { content, kind, duration_ms } = cued.on_air.what else {
            // An urgent notice is no airing of content.
            let lasts_ms = cued.on_air.until.since(cued.on_air.from).min(NOTICE_MS);
            (cued.on_air.from, cued.on_air.until) = (now, now.plus_ms(lasts_ms));
            return;
        };
        (cued.on_air.from, cued.on_air.until) = (now, now.plus_ms(i64::from(duration_ms)));
        self.aired.begin(&cued.on_air);
        let (place, monitor) = (cued.on_air.place.clone(), self.monitor.clone());
        cued.seen = self.seen;
        let begun = AiringBegun { monitor, content, kind, duration_ms, place, seen: self.seen };
        let skipped = self.skipped.of(&cued.on_air);
        if !self.note(skipped.into_iter().chain([Fact::AiringBegun(begun)])).await {
            return;
        }
        let begun = self.app.gate.read(|clinic| clinic.aired.get(&self.monitor).and_then(Aired::begun));
        if let Some(cued) = self.cued.iter_mut().find(|cued| cued.id == id) {
            cued.begun = begun;
        }
    }

    async fn shown(&mut self, id: u64, n_frames: u64) {
        let now = self.now();
        let Some(cued) = self.cued.iter_mut().find(|cued| cued.id == id) else { return };
        cued.n_frames = n_frames;
        let is_due = now.since(cued.evidence_at) >= EVIDENCE_EVERY_MS;
        if let Some(begun) = cued.begun.filter(|_| is_due) {
            cued.evidence_at = now;
            let fact = AiringContinued { begun, frames: frames(n_frames), seen: cued.seen };
            cued.seen = self.seen;
            self.note([Fact::AiringContinued(fact)]).await;
        }
    }

    async fn ended(&mut self, id: u64, n_frames: u64, end: End) {
        let idx = self.cued.iter().position(|cued| cued.id == id);
        let Some(cued) = idx.and_then(|idx| self.cued.remove(idx)) else { return };
        let cut = match &end {
            End::Whole | End::TimeUp => None,
            End::Replaced => Some(cued.cut.unwrap_or(Cut::Withdrawn)),
            End::Silent | End::Broken { .. } => Some(Cut::Broken),
        };
        self.aired.stop();
        if let Some(begun) = cued.begun {
            self.note([Fact::AiringEnded(ended(begun, n_frames, (cut, cued.seen)))]).await;
        }
        let Some(content) = cued.on_air.what.content().filter(|_| cut == Some(Cut::Broken)) else { return };
        tracing::warn!(monitor = %self.monitor, %content, ?end, "a film cannot be played and is set aside");
        let trouble = if n_frames == 0 { ContentTrouble::Empty } else { ContentTrouble::Undecodable };
        self.note([Fact::ContentQuarantined(ContentQuarantined { content, trouble })]).await;
    }

    /// Writes facts down; what cannot be written costs its record and never the picture.
    async fn note(&self, facts: impl IntoIterator<Item = Fact>) -> bool {
        let noted = self.app.ask_itself(Command::NoteProgram { facts: facts.into_iter().collect() }).await;
        if let Err(cause) = &noted {
            tracing::warn!(error = %cause, "what a screen showed is not written down");
        }
        noted.is_ok()
    }

    fn now(&self) -> AtMs {
        self.app.gate.clock.now().0
    }
}

fn ended(begun: FactId, n_frames: u64, (cut, seen): (Option<Cut>, Seen)) -> AiringEnded {
    AiringEnded { begun, frames: frames(n_frames), seen, cut }
}

/// A fact holds so many frames as a film of years has.
fn frames(n_frames: u64) -> u32 {
    u32::try_from(n_frames).unwrap_or(u32::MAX)
}
