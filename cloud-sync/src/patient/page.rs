//! Patients' pages as HTML: one template each, filled with what is already worded; they work without scripts.

use machiai_core::facts::Lang;
use machiai_core::ids::SiteId;
use machiai_core::queue::visit::State;
use machiai_core::view::Wait;
use minijinja::{Environment, Value, context};

use super::view::{LineView, SiteView, TicketView};
use crate::words::{LANGS, Words, code};

/// What a page is filled with beside its view.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) site: SiteId,
    pub(super) lang: Lang,
    /// Seconds since the clinic was last heard of; none when it never was.
    pub(super) age_s: Option<u64>,
    /// When that was, as a clock shows it.
    pub(super) heard_at: String,
    /// A word for whoever has just done something.
    pub(super) told: Option<String>,
}

/// A clinic that was not heard of for so long is out of reach, and its page says so.
pub(crate) const OUT_OF_REACH_S: u64 = 60;

/// Draws pages.
#[derive(Debug)]
pub(super) struct Pages {
    env: Environment<'static>,
    pub(super) words: Words,
}

impl Pages {
    /// Reads templates and words.
    ///
    /// # Errors
    /// One of them cannot be read, which a test would have found.
    pub(super) fn built_in() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut env = Environment::new();
        for (name, text) in [
            ("site.html", include_str!("../../../kiosk-assets/pages/patient-site.html")),
            ("ticket.html", include_str!("../../../kiosk-assets/pages/patient-ticket.html")),
            ("head.html", include_str!("../../../kiosk-assets/pages/patient-head.html")),
        ] {
            env.add_template(name, text)?;
        }
        Ok(Self { env, words: Words::built_in()? })
    }

    /// Draws a clinic's page; `key` makes a press count once however often it is sent.
    pub(super) fn site(&self, about: &About, view: &SiteView, key: &str) -> Result<String, minijinja::Error> {
        let say = |key: &str, values: &[(&str, &str)]| self.words.say(about.lang, ("patient", key), values);
        let lines: Vec<Value> = view.lines.iter().map(|line| self.line(about.lang, line)).collect();
        let hours: Vec<String> =
            view.today.iter().map(|(name, from, to)| format!("{} {from}–{to}", name.get(about.lang))).collect();
        let page = context! {
            title => say("title", &[]), clinic => view.name.get(about.lang), lines, key,
            message => view.message.clone(), address => view.address.clone(),
            hours => if hours.is_empty() { vec![say("no_hours", &[])] } else { hours },
            hours_title => say("hours", &[]), address_title => say("address", &[]), message_title => say("message", &[]),
            one_each => say("one_each", &[]), is_rehearsal => view.is_rehearsal,
            action => format!("/s/{}/take", about.site),
            ..self.around(about, &format!("/s/{}", about.site))
        };
        self.env.get_template("site.html")?.render(page)
    }

    fn line(&self, lang: Lang, line: &LineView) -> Value {
        let say = |key: &str, values: &[(&str, &str)]| self.words.say(lang, ("patient", key), values);
        let name = line.name.get(lang);
        context! {
            no => line.line.0, name, is_open => line.is_open,
            waiting => say("waiting", &[]), n_waiting => line.n_waiting, people => say("people", &[]),
            wait_title => say("wait", &[]), wait => self.words.wait(lang, &line.wait),
            now_title => say("now", &[]), now => line.now.join("・"),
            closed => if line.may_take.is_ok() { say("desk_closed", &[]) } else { self.words.say(lang, ("board", "line_closed"), &[]) },
            may_take => line.may_take.is_ok(), take => say("take", &[("line", name)]),
            why_not => line.may_take.as_ref().err().map(|refusal| self.words.refusal(lang, refusal)),
        }
    }

    /// Draws the page of a ticket's holder; `asks` when leaving the line is to be confirmed.
    pub(super) fn ticket(
        &self,
        about: &About,
        (view, token): (&TicketView, &str),
        asks: bool,
    ) -> Result<String, minijinja::Error> {
        let room = view.room.as_ref().map(|room| room.get(about.lang)).unwrap_or_default();
        let say = |key: &str| self.words.say(about.lang, ("patient", key), &[("room", room)]);
        let path = format!("/t/{}/{token}", about.site);
        let wait = match &view.wait {
            Wait::Nobody => self.words.say(about.lang, ("ticket", "soon"), &[]),
            wait @ (Wait::Band(_) | Wait::Unknown | Wait::Paused) => self.words.wait(about.lang, wait),
        };
        let page = context! {
            title => say("mine"), clinic => view.clinic.get(about.lang), line => view.line.get(about.lang),
            label => view.label.clone(), state => say(state_key(view.state)), is_called => view.state == State::Called,
            waits => view.may_leave, ahead_title => say("ahead"), n_ahead => view.n_ahead, people => say("people"),
            not_arrived => (view.n_not_arrived > 0).then(|| {
                let n = view.n_not_arrived.to_string();
                self.words.say(about.lang, ("patient", "not_arrived"), &[("n", &n)])
            }),
            wait_title => say("wait"), wait, order => say("order"),
            leave => say("leave"), sure => say("leave_sure"), yes => say("leave_yes"), no => say("leave_no"), asks,
            whole => say("whole"), whole_path => format!("/s/{}", about.site), path => path.clone(),
            valid => self.words.say(about.lang, ("ticket", "valid"), &[]), is_rehearsal => view.is_rehearsal,
            ..self.around(about, &path)
        };
        self.env.get_template("ticket.html")?.render(page)
    }

    /// What stands around every page: languages, how old the data is, whether the clinic is out of reach.
    fn around(&self, about: &About, path: &str) -> Value {
        let say = |key: &str, values: &[(&str, &str)]| self.words.say(about.lang, ("patient", key), values);
        let is_out_of_reach = about.age_s.is_none_or(|age_s| age_s > OUT_OF_REACH_S);
        let (age, when) = match about.age_s {
            Some(age_s) => (self.words.age(about.lang, age_s), about.heard_at.as_str()),
            None => (say("age_never", &[]), "--:--"),
        };
        let langs: Vec<Value> = LANGS
            .iter()
            .map(|(lang, code, name)| {
                context! { name => *name, code => *code, is_this => *lang == about.lang, href => format!("{path}?lang={code}") }
            })
            .collect();
        context! {
            lang => code(about.lang), langs, age, is_out_of_reach, told => about.told.clone(),
            out_of_reach => say("out_of_reach", &[("when", when)]), again => say("again", &[]), here => path,
        }
    }
}

/// Returns the key of the sentence for a state.
const fn state_key(state: State) -> &'static str {
    match state {
        State::NotArrived => "state_not_arrived",
        State::Waiting => "state_waiting",
        State::Called => "state_called",
        State::InRoom => "state_in_room",
        State::Absent => "state_absent",
        State::OnHold => "state_on_hold",
        State::Finished | State::LeftOver => "state_finished",
        State::Cancelled => "state_cancelled",
    }
}
