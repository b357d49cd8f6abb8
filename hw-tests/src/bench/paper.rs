//! A ticket from its view to the printer's bytes: the processor's time, and how many bytes go over the line.

use std::time::Duration;

use anyhow::{Context, Result};
use machiai::surface::printer::encode;
use machiai::surface::printer::profile::Profile;
use machiai_core::ids::Label;
use machiai_core::view::TicketView;
use machiai_panel::{FontPaths, Panel, Paper, samples};
use rustix::time::{ClockId, clock_gettime};

use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};

/// How often every sample ticket is drawn.
const N_TIMES: u32 = 10;

/// The printers for which bytes are counted, and the most that a ticket may have on each, in kilobytes.
const PRINTERS: [(&str, f64); 3] = [("epson-80", 40.0), ("58mm", 22.0), ("58mm-serial", 18.0)];

/// Samples that no clinic prints on an ordinary day: every mark at once, and names of several lines. Their sizes are
/// told beside the limit.
const PILED_UP: [&str; 2] = ["everything", "long-names"];

/// Measures tickets.
///
/// # Errors
/// A ticket cannot be drawn.
pub fn measure(report: &mut Report) -> Result<()> {
    let (panel, _) = Panel::open(&FontPaths::debian(), None).context("cannot draw")?;
    for (printer, most_kb) in PRINTERS {
        let profile = Profile::named(printer).context("no such printer")?;
        let (mut times, mut sizes) = (Samples::default(), Vec::new());
        // The first drawings also load the fonts; they are not timed.
        for (name, view) in samples::tickets() {
            sizes.push((ticket(&panel, &view, profile)?.1, name));
        }
        for round in 0..N_TIMES {
            for (idx, (_, view)) in samples::tickets().into_iter().enumerate() {
                // Every patient has another number.
                let label = Label(format!("{}", 100 + round * 37 + u32::try_from(idx)?));
                let (time, _) = ticket(&panel, &TicketView { label, ..view }, profile)?;
                times.extend([time]);
            }
        }
        sizes.sort_unstable();
        let median = sizes.get(sizes.len() / 2).map_or(0, |(n_bytes, _)| *n_bytes);
        let (piled_up, usual): (Vec<_>, Vec<_>) = sizes.into_iter().partition(|(_, name)| PILED_UP.contains(name));
        let (largest, name) = usual.last().copied().unwrap_or_default();
        let told = format!("{} tickets, p99 {} ms", times.n(), shown(times.p99_ms()));
        let what = format!("processor time per ticket, view to bytes, {printer}");
        report.add(&what, (times.p50_ms(), "ms"), AtMost(7.0), told);
        let beside: String = piled_up.iter().map(|(n_bytes, name)| format!(", {name:?} {n_bytes}")).collect();
        let told = format!("the largest of {} samples, {name:?}; bytes of the median {median}{beside}", usual.len());
        report.add(&format!("size of a ticket, {printer}"), (kilobytes(largest), "kB"), AtMost(most_kb), told);
    }
    Ok(())
}

/// Draws a ticket and encodes it; returns the processor time it took and the number of bytes.
fn ticket(panel: &Panel, view: &TicketView, profile: &Profile) -> Result<(Duration, usize)> {
    let paper = Paper::of_dots(profile.dots).context("no drawing for this printer")?;
    let begun = used();
    let dots = panel.ticket_dots(view, paper).context("cannot draw a ticket")?;
    let bytes = encode(&dots, profile).context("cannot encode a ticket")?;
    Ok((used().saturating_sub(begun), bytes.len()))
}

/// Returns the processor time that this thread has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn kilobytes(n_bytes: usize) -> f64 {
    n_bytes as f64 / 1e3
}
