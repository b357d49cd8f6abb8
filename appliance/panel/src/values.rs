//! What templates are filled with: the view as it is, the words, the colours, and what only code can work out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use machiai_core::facts::Lang;
use machiai_core::time::{AtMs, Day};
use machiai_core::view::{BoardView, Often, Phase, TicketView};
use minijinja::value::{Object, ObjectRepr, Serde, Value};
use minijinja::{Error, ErrorKind, State, context};
use thiserror::Error;

use crate::look::{Film, Layout};
use crate::notice::Notice;
use crate::palette::{self, Palettes};
use crate::qr;
use crate::rhythm;
use crate::words::{Words, WordsError, fill};

/// Most calls that share one frame.
const MOST_IN_FRAME: usize = 3;
/// Calls shown first when there are more than fit.
const FIRST_OF_MANY: usize = 2;

/// A built-in asset that cannot be read.
#[derive(Debug, Error)]
pub enum AssetError {
    /// The words.
    #[error("cannot read the words")]
    Words {
        /// Why.
        #[source]
        source: WordsError,
    },
    /// The colours.
    #[error("cannot read the colours")]
    Palette {
        /// Why.
        #[source]
        source: toml::de::Error,
    },
}

/// The words and colours, ready for templates.
#[derive(Debug)]
pub(crate) struct Assets {
    words: Words,
    ja: Value,
    en: Value,
    zh: Value,
    ko: Value,
    palettes: Palettes,
}

impl Assets {
    /// Reads the built-in words and colours.
    pub(crate) fn read() -> Result<Self, AssetError> {
        let words = Words::built_in().map_err(|source| AssetError::Words { source })?;
        let palettes = Palettes::read().map_err(|source| AssetError::Palette { source })?;
        let tables = |lang| {
            context! {
                board => Serde(words.table(lang, "board")), call => Serde(words.table(lang, "call")),
                ticket => Serde(words.table(lang, "ticket")), scene => Serde(words.table(lang, "scene")),
            }
        };
        Ok(Self {
            ja: tables(Lang::Ja),
            en: tables(Lang::En),
            zh: tables(Lang::Zh),
            ko: tables(Lang::Ko),
            palettes,
            words,
        })
    }

    /// Returns the words.
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// Returns what a board or call template is filled with.
    pub(crate) fn board(&self, view: &BoardView, pager: &Arc<Pager>, film: Film) -> Value {
        let night = rhythm::night(view);
        let n_calls = if view.calls.len() > MOST_IN_FRAME { FIRST_OF_MANY } else { view.calls.len() };
        let lang = rhythm::label_lang(view);
        let (x, y) = rhythm::ring(view.as_of);
        // Where Japanese stands already, English goes with it unless it is another's turn.
        let beside = if lang == Lang::Ja { Lang::En } else { lang };
        let today = Day::holding(view.as_of, 0);
        let next_day = match &view.phase {
            Phase::Closed { next_day } | Phase::Suspended { next_day } => *next_day,
            Phase::Before { .. } | Phase::Open { .. } | Phase::Between { .. } => None,
        };
        context! {
            v => Serde(view), ja => &self.ja, en => &self.en, c => self.palettes.at(night), pager => Value::from_dyn_object(Arc::clone(pager)),
            film => film == Film::Beside, dark => palette::is_dark(night), n_calls => n_calls, n_waiting => view.lines.iter().map(|line| line.n_waiting).sum::<u32>(),
            hands => view.clock.as_deref().and_then(hands),
            t => self.words_in(lang), lang => Serde(lang), s => self.words_in(beside), s_lang => Serde(beside),
            ring => context! { x, y },
            weekdays => self.weekdays(lang),
            some_weeks => view.week.iter().any(|row| row.days.contains(&Often::Sometimes)),
            weekday => view.clock.is_some().then(|| today.0.weekday().to_monday_zero_offset()),
            is_resting => is_resting(view),
            today => view.clock.is_some().then(|| self.short_day(Lang::Ja, today)),
            next_day => next_day.map(|day| self.short_day(Lang::Ja, day)),
            next_day_sub => next_day.map(|day| self.short_day(beside, day)),
        }
    }

    /// Returns what a ticket template is filled with; none if no QR code can hold the address.
    pub(crate) fn ticket(&self, view: &TicketView, n_dots: u32) -> Option<Value> {
        let qr = match view.url.as_deref() {
            Some(url) => Some(qr::draw(url)?),
            None => None,
        };
        Some(context! {
            v => Serde(view), dots => n_dots, lang => Serde(view.lang), t => self.words_in(view.lang), ja => &self.ja, en => &self.en,
            day => view.day.map(|day| self.full_day(view.lang, day, view.era_years)),
            taken => view.taken.map(|(hour, minute)| context! { hour => hour, minute => format!("{minute:02}") }),
            reprinted => view.reprinted.map(|(hour, minute)| format!("{hour}:{minute:02}")),
            qr => qr.map(|qr| context! { n => qr.n_modules, path => qr.path }),
        })
    }

    /// Returns what a notice's template is filled with, by day: a film is as bright.
    pub(crate) fn notice(&self, notice: &Notice<'_>, layout: Layout) -> Value {
        context! { ja => &self.ja, en_t => &self.en, c => self.palettes.at(0), ..notice.values(layout) }
    }

    fn words_in(&self, lang: Lang) -> &Value {
        match lang {
            Lang::Ja => &self.ja,
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
            Lang::Ko => &self.ko,
        }
    }

    fn full_day(&self, lang: Lang, day: Day, era_years: bool) -> String {
        // 令和 began on 1 May 2019; no ticket is older.
        let era = day.0.year().saturating_sub(2018);
        let key = if era_years && era > 0 { "era" } else { "full" };
        self.day(lang, day, key)
    }

    fn short_day(&self, lang: Lang, day: Day) -> String {
        self.day(lang, day, "short")
    }

    /// Returns the short names of the days of the week, Monday first.
    fn weekdays(&self, lang: Lang) -> Vec<String> {
        let name = |day: i8| self.words.get(lang, "date", &format!("weekday_{day}")).unwrap_or_default().to_owned();
        (1..=7).map(name).collect()
    }

    fn day(&self, lang: Lang, day: Day, key: &str) -> String {
        let word = |key: &str| self.words.get(lang, "date", key).unwrap_or_default();
        let era = match day.0.year().saturating_sub(2018) {
            1 => word("era_first").to_owned(),
            other => other.to_string(),
        };
        let weekday = word(&format!("weekday_{}", day.0.weekday().to_monday_one_offset()));
        let month_name = word(&format!("month_{}", day.0.month()));
        let (year, month, date) = (day.0.year().to_string(), day.0.month().to_string(), day.0.day().to_string());
        let values = [
            ("year", year.as_str()),
            ("era", &era),
            ("month", &month),
            ("month_name", month_name),
            ("day", &date),
            ("weekday", weekday),
        ];
        fill(word(key), &values)
    }
}

/// Whether reception is over and nobody is left to be called: the hours of the week stand over all.
fn is_resting(view: &BoardView) -> bool {
    let is_over = match &view.phase {
        Phase::Between { .. } | Phase::Closed { .. } => true,
        Phase::Before { .. } | Phase::Open { .. } | Phase::Suspended { .. } => false,
    };
    let is_empty =
        view.rooms.iter().all(|room| room.label.is_none()) && view.lines.iter().all(|line| line.n_waiting == 0);
    is_over && is_empty && view.absent.is_empty() && view.wait_longer.is_empty() && !view.week.is_empty()
}

/// Returns the angles of a clock's hands in degrees from twelve, for `10:24`.
fn hands(clock: &str) -> Option<Value> {
    let (hour, minute) = clock.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let (hour, minute) = (f32::from(hour % 12) * 30.0 + f32::from(minute) * 0.5, f32::from(minute) * 6.0);
    Some(context! { hour => hour, minute => minute })
}

/// Which page of what does not fit at once is drawn, and how many pages there are.
pub(crate) struct Pager {
    page: usize,
    card_page: usize,
    n_pages: AtomicUsize,
    n_card_pages: AtomicUsize,
}

impl Pager {
    /// Turns to a page, from 0; what has fewer pages begins again.
    pub(crate) fn new(page: usize) -> Arc<Self> {
        Self::turned(page, page)
    }

    /// Turns to the pages of an instant.
    pub(crate) fn at(now: AtMs) -> Arc<Self> {
        Self::turned(rhythm::page(now), rhythm::card_page(now))
    }

    fn turned(page: usize, card_page: usize) -> Arc<Self> {
        Arc::new(Self { page, card_page, n_pages: AtomicUsize::new(1), n_card_pages: AtomicUsize::new(1) })
    }

    /// Returns how many pages the longest text has.
    pub(crate) fn n_pages(&self) -> usize {
        self.n_pages.load(Ordering::Relaxed)
    }

    /// Returns how many pages the lines' cards have.
    pub(crate) fn n_card_pages(&self) -> usize {
        self.n_card_pages.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Pager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.page)
    }
}

impl Object for Pager {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let n_pages = args.first().and_then(Value::as_usize).unwrap_or(1).max(1);
        let (page, known) = match method {
            "turn" => (self.page, &self.n_pages),
            "cards" => (self.card_page, &self.n_card_pages),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        known.fetch_max(n_pages, Ordering::Relaxed);
        Ok(Value::from(page % n_pages))
    }
}
