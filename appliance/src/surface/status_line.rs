//! The service's status line: one line that a person reads in `systemctl status`; what is unknown is left out.

use machiai_core::facts::Lang;
use machiai_core::health::PrinterHealth;
use machiai_core::program::airs::Ask;
use machiai_core::queue::Clinic;
use machiai_core::queue::visit::State as VisitState;
use machiai_core::time::AtMs;
use machiai_panel::words::{Words, fill};

use crate::app::App;
use crate::link::told::HubStatus;

/// What stands between its parts.
const BETWEEN: &str = " · ";

/// Returns how the box does, in Japanese.
pub(crate) fn line(app: &App) -> String {
    let (now, _) = app.gate.clock.now();
    let (n_waiting, printers, airs) = app.gate.read(|clinic| {
        let printers: Vec<_> = clinic.standing.printers.keys().map(|printer| app.printers.of(printer)).collect();
        (clinic.count(VisitState::Waiting), printers, place_in_loop(app, clinic, now))
    });
    worded(app.panel.words(), &Known { now, n_waiting, hub: app.linked.status(), printers, airs })
}

/// What is known of the box.
struct Known {
    now: AtMs,
    n_waiting: usize,
    hub: Option<HubStatus>,
    printers: Vec<PrinterHealth>,
    /// Which item of a slot airs, counted from one, and of how many.
    airs: Option<(usize, usize)>,
}

fn worded(words: &Words, known: &Known) -> String {
    let say = |key: &str, values: &[(&str, &str)]| {
        words.get(Lang::Ja, "service", key).map_or_else(|| key.to_owned(), |text| fill(text, values))
    };
    let mut parts = vec![say("waiting", &[("n", &known.n_waiting.to_string())])];
    parts.extend(known.hub.as_ref().and_then(|hub| {
        if let Some(wrong) = hub.wrong {
            return Some(say(&format!("hub_{}", if wrong.is_announced() { "resting" } else { "cut" }), &[]));
        }
        let ago_s = known.now.since(hub.came_at_ms?).max(0) / 1_000;
        let (key, n) = if ago_s < 120 { ("hub_s", ago_s) } else { ("hub_min", ago_s / 60) };
        Some(say(key, &[("n", &n.to_string())]))
    }));
    parts.extend(printers(&known.printers).map(|key| say(key, &[])));
    parts.extend(known.airs.map(|(nth, n)| say("airs", &[("nth", &nth.to_string()), ("n", &n.to_string())])));
    parts.join(BETWEEN)
}

/// Returns what is said of all printers together: the worst of them, and nothing while none has printed.
fn printers(all: &[PrinterHealth]) -> Option<&'static str> {
    let mut said = None;
    for health in all {
        match health {
            PrinterHealth::Untried => {}
            PrinterHealth::Ok => said = said.or(Some("printer_good")),
            PrinterHealth::PaperOut => return Some("printer_paper_out"),
            PrinterHealth::CoverOpen
            | PrinterHealth::Unreachable
            | PrinterHealth::Mechanism
            | PrinterHealth::Silent
            | PrinterHealth::Unconfirmed => said = Some("printer_bad"),
        }
    }
    said
}

/// Returns where in its slot's loop the first monitor is.
fn place_in_loop(app: &App, clinic: &Clinic, now: AtMs) -> Option<(usize, usize)> {
    let monitor = app.screens.now().into_keys().next()?;
    let (on_disk, aired) = (app.contents.on_disk(), clinic.aired.get(&monitor).cloned().unwrap_or_default());
    let n_waiting = clinic.count(VisitState::Waiting);
    let ask = Ask { standing: &clinic.standing, on_disk: &on_disk, aired: &aired, n_waiting, now };
    let place = clinic.program.airs(&ask).place?;
    let (_, received) = clinic.program.table_at(now).ok()?;
    let slot = received.table.slots.iter().find(|slot| Some(&slot.slot) == place.slot.as_ref())?;
    let nth = slot.items.iter().position(|item| Some(&item.item) == place.item.as_ref())?;
    Some((nth.saturating_add(1), slot.items.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::told::Wrong;

    fn hub(wrong: Option<Wrong>, came_at_ms: Option<AtMs>) -> HubStatus {
        HubStatus {
            mode: Some("events".to_owned()),
            n_pending: 0,
            n_missing: 0,
            came_at_ms,
            wrong,
            why: None,
            pause: None,
        }
    }

    #[test]
    fn a_box_tells_what_it_knows_and_nothing_else() {
        let words = Words::built_in().unwrap();
        let known = |hub, printers, airs| Known { now: AtMs(600_000), n_waiting: 12, hub, printers, airs };
        let all = known(Some(hub(None, Some(AtMs(597_000)))), vec![PrinterHealth::Ok], Some((12, 30)));
        assert_eq!(worded(&words, &all), "待ち12人 · 同期 3秒前 · プリンター正常 · 放映中 12/30");
        assert_eq!(worded(&words, &known(None, vec![PrinterHealth::Untried], None)), "待ち12人");
        assert_eq!(worded(&words, &known(Some(hub(None, None)), Vec::new(), None)), "待ち12人");
        let old = known(Some(hub(None, Some(AtMs(0)))), vec![PrinterHealth::Ok, PrinterHealth::Silent], None);
        assert_eq!(worded(&words, &old), "待ち12人 · 同期 10分前 · プリンター要確認");
        let cut = known(Some(hub(Some(Wrong::NoLine), Some(AtMs(0)))), vec![PrinterHealth::PaperOut], None);
        assert_eq!(worded(&words, &cut), "待ち12人 · ハブ未接続 · プリンター用紙切れ");
        let resting = known(Some(hub(Some(Wrong::Resting), None)), vec![PrinterHealth::Untried], None);
        assert_eq!(worded(&words, &resting), "待ち12人 · ハブ休止中（予告済み）");
    }
}
