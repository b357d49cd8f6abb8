//! Operators' pages as HTML: one template each, filled with what is already worded; they work without scripts.

use machiai_core::facts::Lang;
use machiai_core::ids::SiteId;
use machiai_core::program::as_run::{Cut, End};
use machiai_core::program::outlook::{Outlook, TableOutlook};
use machiai_core::time::AtMs;
use minijinja::{Environment, Value, context};

use super::day::{Aired, Call};
use super::session::Session;
use super::signs::{COLUMNS, Grade, Sign, SiteSigns};
use crate::store::operators::Entry;
use crate::words::{Words, code};

/// Airings of a day that a page lists, the newest; all of them are counted.
const MOST_AIRINGS: usize = 50;

/// The stylesheet that all pages of the house share.
pub(super) const STYLE: &str = include_str!("../../../kiosk-assets/pages/style.css");

/// Draws pages.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) env: Environment<'static>,
    pub(super) words: Words,
}

/// What stands about every page.
pub(super) struct About<'a> {
    pub(super) lang: Lang,
    /// Who is signed in.
    pub(super) session: &'a Session,
    /// Where the page is, so that the other language is one press away.
    pub(super) path: &'a str,
}

/// Which sites of the fleet are looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    /// Those of a grade, by its code.
    pub(super) show: Option<String>,
    /// Those whose name or number has this in it.
    pub(super) q: Option<String>,
}

/// What a site's page shows beside its row.
pub(super) struct SiteView {
    pub(super) outlook: Outlook,
    pub(super) message: Option<String>,
    pub(super) airings: Vec<Aired>,
    pub(super) calls: Vec<Call>,
}

impl Pages {
    /// Reads templates and words.
    ///
    /// # Errors
    /// One of them cannot be read, which a test would have found.
    pub(super) fn built_in() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut env = Environment::new();
        for (name, text) in [
            ("head.html", include_str!("../../../kiosk-assets/pages/operator-head.html")),
            ("sign-in.html", include_str!("../../../kiosk-assets/pages/operator-sign-in.html")),
            ("fleet.html", include_str!("../../../kiosk-assets/pages/operator-fleet.html")),
            ("site.html", include_str!("../../../kiosk-assets/pages/operator-site.html")),
            ("calls.html", include_str!("../../../kiosk-assets/pages/operator-calls.html")),
            ("audit.html", include_str!("../../../kiosk-assets/pages/operator-audit.html")),
        ] {
            env.add_template(name, text)?;
        }
        Ok(Self { env, words: Words::built_in()? })
    }

    /// Says a sentence of these pages.
    pub(super) fn say(&self, lang: Lang, key: &str, values: &[(&str, &str)]) -> String {
        self.words.say(lang, ("operator", key), values)
    }

    /// Draws the page on which operators sign in; `told` says why they did not.
    pub(super) fn sign_in(&self, lang: Lang, told: Option<&str>) -> Result<String, minijinja::Error> {
        let told = told.map(|key| self.say(lang, key, &[]));
        let page = context! { told, title => self.say(lang, "sign_in", &[]), ..self.words_of(lang, "/sign-in") };
        self.env.get_template("sign-in.html")?.render(page)
    }

    /// Draws the fleet: those in trouble first, then as they are numbered.
    pub(super) fn fleet(
        &self,
        about: &About<'_>,
        sites: &[SiteSigns],
        looked: &Looked,
    ) -> Result<String, minijinja::Error> {
        let counts: Vec<Value> = Grade::ALL
            .iter()
            .map(|grade| {
                let n = sites.iter().filter(|site| site.grade == *grade).count();
                let is_this = looked.show.as_deref() == Some(grade.code());
                context! { code => grade.code(), n, is_this, name => self.say(about.lang, grade.code(), &[]) }
            })
            .collect();
        let mut rows: Vec<&SiteSigns> = sites.iter().filter(|site| self.is_looked_for(site, looked)).collect();
        rows.sort_by_key(|site| (site.grade, site.site));
        let rows: Vec<Value> = rows.into_iter().map(|site| self.signs(about.lang, site)).collect();
        let page = context! {
            counts, rows, n_all => sites.len(), show => looked.show.clone(), q => looked.q.clone(),
            columns => self.columns(about.lang), title => self.say(about.lang, "fleet", &[]), again => again(about.lang, looked),
            ..self.around(about)
        };
        self.env.get_template("fleet.html")?.render(page)
    }

    fn is_looked_for(&self, site: &SiteSigns, Looked { show, q }: &Looked) -> bool {
        let is_in = |q: &str| {
            let q = q.to_lowercase();
            let names = site.name.iter().flat_map(|name| [Some(&name.ja), name.en.as_ref()]).flatten();
            site.site.to_string().contains(&q) || names.into_iter().any(|name| name.to_lowercase().contains(&q))
        };
        show.as_ref().is_none_or(|show| show == site.grade.code()) && q.as_deref().is_none_or(is_in)
    }

    fn columns(&self, lang: Lang) -> Vec<String> {
        COLUMNS.iter().map(|column| self.say(lang, &format!("column_{column}"), &[])).collect()
    }

    /// Words what is said of a site.
    fn signs(&self, lang: Lang, site: &SiteSigns) -> Value {
        let cells: Vec<Value> = COLUMNS
            .iter()
            .zip(&site.columns)
            .map(|(column, signs)| {
                let signs: Vec<Value> = signs.iter().map(|sign| self.sign(lang, sign)).collect();
                // What was heard now stands for itself; the rest is as old as the box's word.
                let is_stale = site.is_stale() && !matches!(*column, "seen" | "certificate");
                context! { head => self.say(lang, &format!("column_{column}"), &[]), signs, is_stale }
            })
            .collect();
        let told_at = site.told_at.map(|at| at.in_tokyo().strftime("%-m/%-d %-H:%M").to_string());
        context! {
            site => site.site.0, cells, told_at, is_stale => site.is_stale(), version => site.version.clone(), grade => site.grade.code(),
            grade_name => self.say(lang, site.grade.code(), &[]),
            name => site.name.as_ref().map_or_else(|| self.say(lang, "no_name", &[]), |name| name.get(lang).to_owned()),
            others => site.others.iter().map(|sign| self.sign(lang, sign)).collect::<Vec<_>>(),
        }
    }

    fn sign(&self, lang: Lang, sign: &Sign) -> Value {
        let values: Vec<(&str, &str)> = sign.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        context! { grade => sign.grade.code(), text => self.say(lang, &sign.key, &values) }
    }

    /// Draws a site's page; `told` says what came of something, and whether it was done.
    pub(super) fn site(
        &self,
        about: &About<'_>,
        (site, view): (&SiteSigns, &SiteView),
        told: Option<(String, bool)>,
    ) -> Result<String, minijinja::Error> {
        let lang = about.lang;
        let title_of = |content: &_| {
            let known = view.outlook.contents.iter().find(|known| known.content == *content);
            known.map_or_else(|| self.say(lang, "unknown_content", &[]), |known| known.title.clone())
        };
        let aired = |aired: &Aired| {
            let (from, to) = (aired.from.clock_face(), aired.to.clock_face());
            let n_s = aired.to.since(aired.from).max(0) / 1_000;
            context! { title => title_of(&aired.content), from, to, n_s, end => self.say(lang, end_key(aired.end), &[]) }
        };
        let mut counts = std::collections::BTreeMap::<String, (u32, i64)>::new();
        for aired in &view.airings {
            let count = counts.entry(title_of(&aired.content)).or_default();
            let n_s = aired.to.since(aired.from).max(0) / 1_000;
            *count = (count.0.saturating_add(1), count.1.saturating_add(n_s));
        }
        let page = context! {
            title => site.site.to_string(), row => self.signs(lang, site),
            tables => view.outlook.tables.iter().map(|table| self.table(lang, table)).collect::<Vec<_>>(),
            contents => view.outlook.contents.iter().map(|known| context! {
                hash => known.content.to_string(), title => known.title.clone(),
            }).collect::<Vec<_>>(),
            message => view.message.clone(),
            counts => counts.into_iter().map(|(title, (n, n_s))| context! { title, n, minutes => n_s.saturating_add(59) / 60 }).collect::<Vec<_>>(),
            airings => view.airings.iter().rev().take(MOST_AIRINGS).map(aired).collect::<Vec<_>>(),
            calls => view.calls.iter().map(|call| context! {
                reservation => call.reservation.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string),
                from => call.from.clock_face(), to => call.to.map(AtMs::clock_face),
            }).collect::<Vec<_>>(),
            told => told.as_ref().map(|(text, _)| text), is_done => told.as_ref().is_some_and(|(_, is_done)| *is_done),
            ..self.around(about)
        };
        self.env.get_template("site.html")?.render(page)
    }

    fn table(&self, lang: Lang, table: &TableOutlook) -> Value {
        let day = |at: AtMs| at.in_tokyo().strftime("%Y/%-m/%-d %-H:%M").to_string();
        let approved = table.approved.as_ref().map(|approved| {
            let who = approved.staff.as_ref().map_or_else(|| self.say(lang, "somebody", &[]), ToString::to_string);
            self.say(lang, "approved_by", &[("who", &who), ("at", &day(approved.at))])
        });
        let (key, grade) = match (table.is_approved, table.is_open) {
            (true, _) if table.lacks.is_none() => ("table_approved", Grade::Good),
            (true, _) => ("table_partly", Grade::Care),
            (false, true) => ("table_open", Grade::Coming),
            (false, false) => ("table_lapsed", Grade::Trouble),
        };
        context! {
            table => table.table.to_string(), revision => table.revision.0, from => day(table.from), to => day(table.to),
            deadline => day(table.deadline), approved, state => self.say(lang, key, &[]), grade => grade.code(),
        }
    }

    /// Draws the newest of the audit, the newest first.
    pub(super) fn audit(&self, about: &About<'_>, entries: &[Entry]) -> Result<String, minijinja::Error> {
        let row = |entry: &Entry| {
            let at = AtMs(i64::try_from(entry.at_s.saturating_mul(1_000)).unwrap_or(i64::MAX));
            let what = self.say(about.lang, &format!("did_{}", entry.what), &[]);
            let at = at.in_tokyo().strftime("%Y-%m-%d %H:%M:%S").to_string();
            context! { at, operator => entry.operator.clone(), what, site => entry.site.map(|site: SiteId| site.0), detail => entry.detail.clone() }
        };
        let page = context! {
            rows => entries.iter().map(row).collect::<Vec<_>>(), title => self.say(about.lang, "audit", &[]),
            ..self.around(about)
        };
        self.env.get_template("audit.html")?.render(page)
    }

    pub(super) fn around(&self, about: &About<'_>) -> Value {
        context! {
            operator => about.session.operator.clone(), token => about.session.form_token.clone(),
            ..self.words_of(about.lang, about.path)
        }
    }

    fn words_of(&self, lang: Lang, path: &str) -> Value {
        // The language goes along in every address; Japanese needs none.
        let (suffix, more) = if lang == Lang::Ja { ("", "") } else { ("?lang=en", "&lang=en") };
        let other = match (lang, path.contains('?')) {
            (Lang::Ja, false) => "?lang=en",
            (Lang::Ja, true) => "&lang=en",
            (Lang::En | Lang::Zh | Lang::Ko, _) => "",
        };
        context! {
            w => self.words.table(lang, "operator"), lang => code(lang), suffix, more, other => format!("{path}{other}"),
            other_name => if lang == Lang::Ja { "English" } else { "日本語" },
        }
    }
}

/// Returns the address under which the page of the fleet loads itself again.
fn again(lang: Lang, looked: &Looked) -> String {
    let given =
        [("show", looked.show.as_deref()), ("q", looked.q.as_deref()), ("lang", (lang == Lang::En).then_some("en"))];
    let more = given.iter().filter_map(|(name, value)| Some(format!("&{name}={}", escaped((*value)?))));
    ["/fleet?auto=1".to_owned()].into_iter().chain(more).collect()
}

/// Writes a text as part of an address (RFC 3986, section 2.1).
fn escaped(text: &str) -> String {
    let sign = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(sign).collect()
}

const fn end_key(end: End) -> &'static str {
    match end {
        End::Whole => "end_whole",
        End::Cut(Cut::Emergency | Cut::UrgentNotice) => "end_notice",
        End::Cut(Cut::Withdrawn) => "end_withdrawn",
        End::Cut(Cut::Broken) => "end_broken",
        End::Cut(Cut::Stopped) => "end_stopped",
        End::Cut(Cut::ScreenGone) => "end_screen_gone",
        End::LastEvidence => "end_unknown",
    }
}
