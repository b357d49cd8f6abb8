//! A site's consultation calls of a month, folded from its facts as the clinic's own box folds them: what the vendor
//! bills from.

use std::error::Error;

use clap::Args;
use machiai_core::call::rate::{Invoice, Rated};
use machiai_core::call::witness::Difference;
use machiai_core::call::{BOOKING_KINDS, CALL_KINDS, Calls, Leases};
use machiai_core::envelope::Envelope;
use machiai_core::ids::SiteId;
use machiai_core::time::{AtMs, Month};
use machiai_wire::offset::From;

use crate::publish::orders::read_site;
use crate::site::{down_of, up_of};
use crate::store::{Store, StoreError};
use crate::stream::{Chunk, Read, Wanted};

/// How much one step reads, in bytes.
const STEP_BYTES: usize = 1024 * 1024;

/// The columns: ids, numbers and codes alone.
const HEAD: &str = "site,reservation,seconds,units,yen,tariff,version,billed,flags";

/// A month of a site's consultation calls.
#[derive(Debug, Args)]
pub struct ShowCalls {
    /// The number of the facility.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// Which month, in Asia/Tokyo: 2026-11; the running one by default.
    #[arg(long)]
    month: Option<Month>,
}

impl ShowCalls {
    /// Writes it as CSV, a reservation a line; behind them what to look at before it is billed, and what it comes to.
    ///
    /// # Errors
    /// There is no such site, or the store failed.
    pub async fn carry_out(&self, store: &Store, now: AtMs) -> Result<String, Box<dyn Error>> {
        let Self { site, month } = *self;
        let month = month.unwrap_or_else(|| Month::holding(now));
        let invoice = invoice(store, site, month).await?.ok_or_else(|| format!("there is no site {site}"))?;
        Ok(written(site, &invoice))
    }
}

/// Rates a site's consultation calls of a month; none for a site that is not known.
///
/// # Errors
/// [`StoreError`]: ask again.
pub async fn invoice(store: &Store, site: SiteId, month: Month) -> Result<Option<Invoice>, StoreError> {
    // A call that runs is told by the box's own lease, which does not leave it: here it has no length yet.
    Ok(calls(store, site).await?.map(|calls| calls.invoice(month, &Leases::new())))
}

/// Folds all that a site's facts tell of calls; none for a site that is not known.
async fn calls(store: &Store, site: SiteId) -> Result<Option<Calls>, StoreError> {
    let mut calls = Calls::default();
    for path in [up_of(site), down_of(site)] {
        let mut from = From::Start;
        loop {
            let read = store.read(&path, Wanted { from, most_bytes: STEP_BYTES }).await?;
            let Read::Chunk(Chunk { messages, next, is_tail, .. }) = read else { return Ok(None) };
            let tells = messages.iter().filter(|line| tells_of_calls(line));
            tells.filter_map(|line| Envelope::read(line).ok()).for_each(|fact| calls.after(&fact));
            if is_tail {
                break;
            }
            from = From::At(next);
        }
    }
    Ok(Some(calls))
}

/// Whether a line may be of a kind that counts, by its bytes: most are not, and need not be read.
fn tells_of_calls(line: &[u8]) -> bool {
    let text = core::str::from_utf8(line).unwrap_or_default();
    let Some((_, kind)) = text.split_once("\"kind\":\"") else { return false };
    CALL_KINDS.iter().chain(&BOOKING_KINDS).any(|known| kind.starts_with(known))
}

fn written(site: SiteId, invoice: &Invoice) -> String {
    let row = |rated: &Rated| {
        let Rated { reservation, connected_ms, given, unbilled, flags, .. } = rated;
        let billed = if unbilled.is_none() { given.yen } else { 0 };
        let flags: Vec<&str> =
            unbilled.map(|why| why.code()).into_iter().chain(flags.iter().map(|it| it.code())).collect();
        // An id may begin with a hyphen: no spreadsheet is to take it for a sum.
        let mark = if reservation.as_str().starts_with('-') { "'" } else { "" };
        let (seconds, flags) = (connected_ms.div_euclid(1_000), flags.join(" "));
        let (units, yen, tariff, version) = (given.units, given.yen, &given.tariff, given.version);
        format!("{site},{mark}{reservation},{seconds},{units},{yen},{tariff},{version},{billed},{flags}")
    };
    let differs = |it: &Difference| {
        let (ours, theirs) = (it.ours_ms.div_euclid(1_000), it.theirs_ms.div_euclid(1_000));
        let Difference { reservation, vendor, n_half, .. } = it;
        let vendor = vendor.code();
        format!("# {reservation} differs: {vendor} has {theirs} s, the box {ours} s; {n_half} with one end only")
    };
    let n_loose = invoice.unassigned.len();
    let loose = (n_loose > 0).then(|| format!("# {n_loose} without a reservation, not rated"));
    let total = format!(
        "# {} reservations, {} yen, {} yen with tax",
        invoice.reservations.len(),
        invoice.yen,
        invoice.total_yen
    );
    [HEAD.to_owned()]
        .into_iter()
        .chain(invoice.reservations.iter().map(row))
        .chain(invoice.differences.iter().map(differs))
        .chain(loose)
        .chain([total])
        .collect::<Vec<_>>()
        .join("\n")
}
