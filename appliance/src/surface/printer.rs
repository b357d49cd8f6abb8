//! The ticket printer: a picture becomes paper, or it is known why not.
//!
//! Synchronous: a thread per printer calls it. Nothing is ever sent twice, one connection serves one job, and every
//! wait has a limit. Follows Epson's ESC/POS command reference; what clones lack stands in the profiles.

pub mod address;
pub mod clock;
pub mod profile;
pub mod status;
pub mod transport;

mod bytes;
mod device;
mod session;
mod strips;
mod tcp;

use std::time::Duration;

use machiai_core::facts::{PrintOutcome, PrintTrouble};
use machiai_panel::dots::Dots;

use clock::Monotonic;
use profile::Profile;
use session::Session;
use status::{Status, says_paper_out};
use transport::{Fault, Transport, TransportError};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the line is open.
    pub connect: Duration,
    /// Until a printer has told its state; one that has not is taken for silent.
    pub status: Duration,
    /// Without a single byte taken.
    pub stall: Duration,
    /// From the last byte until the paper is out.
    pub fence: Duration,
    /// Between two looks at the printer's state while the paper is awaited.
    pub look: Duration,
    /// The whole of it.
    pub job: Duration,
}

impl Limits {
    /// What suits every printer seen: a stall is known within 5 s, paper that runs out within 2 s.
    pub const USUAL: Self = Self {
        connect: Duration::from_secs(3),
        status: Duration::from_secs(1),
        stall: Duration::from_secs(4),
        fence: Duration::from_secs(10),
        look: Duration::from_secs(1),
        job: Duration::from_mins(1),
    };
}

/// What is printed, on what, and after what.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The kind of printer.
    pub profile: &'a Profile,
    /// The picture.
    pub dots: &'a Dots,
    /// What became of the job before on this printer, where that is known; see [`Outcome::told_next`]. After one that
    /// broke off the printer may still wait for the rest of it, and is brought back into step first.
    pub last: Option<Outcome>,
}

impl Job<'_> {
    /// A silent printer has been given everything.
    fn is_out_of_step(&self) -> bool {
        self.last.is_some_and(|last| matches!(last, Outcome::Unconfirmed(trouble) if trouble != PrintTrouble::Silent))
    }
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The printer answered after the cut: the paper is out.
    Printed,
    /// Nothing of the ticket was sent.
    Refused(PrintTrouble),
    /// Some of it was sent and the end is not known: there may be paper, whole or half. Paper that ran out on the way
    /// counts here too, because what was printed of the ticket may be all that matters of it.
    Unconfirmed(PrintTrouble),
}

impl Outcome {
    /// Returns it in the facts' words.
    #[must_use]
    pub const fn outcome(self) -> PrintOutcome {
        match self {
            Self::Printed => PrintOutcome::Printed,
            Self::Refused(_) => PrintOutcome::Refused,
            Self::Unconfirmed(_) => PrintOutcome::Unconfirmed,
        }
    }

    /// Returns what the next job on this printer is told: a refusal leaves it as the job before did.
    #[must_use]
    pub const fn told_next(self, before: Option<Self>) -> Option<Self> {
        match self {
            Self::Refused(_) => before,
            Self::Printed | Self::Unconfirmed(_) => Some(self),
        }
    }

    /// Returns why it was not printed.
    #[must_use]
    pub const fn trouble(self) -> Option<PrintTrouble> {
        match self {
            Self::Printed => None,
            Self::Refused(trouble) | Self::Unconfirmed(trouble) => Some(trouble),
        }
    }
}

/// Returns the bytes that a picture becomes on a kind of printer, without set-up for what came before and without the
/// fence; none when the picture does not fit.
#[must_use]
pub fn encode(dots: &Dots, profile: &Profile) -> Option<Vec<u8>> {
    bytes::ticket(dots, profile).ok()
}

/// Prints a picture and says what became of it.
pub fn print(line: &mut dyn Transport, job: &Job<'_>, limits: &Limits, clock: &dyn Monotonic) -> Outcome {
    let Some(bytes) = bytes_of(job) else { return Outcome::Refused(PrintTrouble::NotDrawn) };
    if line.open(limits.connect).is_err() || line.drain().is_err() {
        line.abort();
        return Outcome::Refused(PrintTrouble::Unreachable);
    }
    let outcome = converse(&mut Session::new(line, limits, clock), job, &bytes, limits);
    if is_all_meant(outcome, job.profile) {
        line.close()
    } else {
        line.abort()
    }
    outcome
}

/// Asks a printer for its state.
///
/// # Errors
/// It cannot be reached, or does not answer (as some never do).
pub fn status(
    line: &mut dyn Transport,
    profile: &Profile,
    limits: &Limits,
    clock: &dyn Monotonic,
) -> Result<Status, PrintTrouble> {
    if line.open(limits.connect).is_err() || line.drain().is_err() {
        line.abort();
        return Err(PrintTrouble::Unreachable);
    }
    let answer = if profile.answers_status { Session::new(line, limits, clock).ask_status() } else { Ok(None) };
    line.close();
    match answer {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err(PrintTrouble::Silent),
        Err(error) => Err(trouble_of(&error)),
    }
}

fn bytes_of(job: &Job<'_>) -> Option<Vec<u8>> {
    let ticket = bytes::ticket(job.dots, job.profile).ok()?;
    let mut bytes = if job.is_out_of_step() { bytes::resync(job.profile).ok()? } else { Vec::new() };
    bytes.extend(ticket);
    bytes.extend(bytes::end(job.profile));
    Some(bytes)
}

fn converse(session: &mut Session<'_>, job: &Job<'_>, bytes: &[u8], limits: &Limits) -> Outcome {
    let profile = job.profile;
    let mut answers = false;
    if job.is_out_of_step()
        && let Err(short) = session.send(&bytes::UNSTICK)
    {
        return Outcome::Refused(refusal_of(&short.error));
    }
    if profile.answers_status {
        match session.ask_status() {
            Ok(Some(status)) => match status.trouble() {
                Some(trouble) => return Outcome::Refused(trouble),
                None => answers = true,
            },
            // Clones behind a profile that promises more: print all the same, and say that nobody confirmed it.
            Ok(None) => {}
            Err(error) => return Outcome::Refused(refusal_of(&error)),
        }
    }
    if let Err(short) = session.send(bytes) {
        return if short.taken == 0 {
            Outcome::Refused(refusal_of(&short.error))
        } else {
            Outcome::Unconfirmed(session.told_trouble().unwrap_or_else(|| trouble_of(&short.error)))
        };
    }
    let end =
        if answers && profile.fence { await_paper(session, profile, limits) } else { settle(session, profile, limits) };
    end.unwrap_or_else(|error| Outcome::Unconfirmed(trouble_of(&error)))
}

/// Waits for the fence, looking now and then what keeps it.
fn await_paper(session: &mut Session<'_>, profile: &Profile, limits: &Limits) -> Result<Outcome, TransportError> {
    let until = session.now().saturating_add(limits.fence);
    loop {
        if let Some(outcome) = session.await_fence(limits.look)?.map(fenced) {
            return Ok(outcome);
        }
        let told = session.told_trouble();
        let status = if told.is_some() { None } else { session.ask_status()? };
        if let Some(trouble) = told.or_else(|| status?.trouble()) {
            give_up(session, profile);
            return Ok(Outcome::Unconfirmed(trouble));
        }
        if session.now() >= until {
            // It answered before the ticket: either it lost the fence and what came before, or it answers no more.
            let trouble = if status.is_some() { PrintTrouble::Broken } else { PrintTrouble::Stalled };
            return Ok(Outcome::Unconfirmed(trouble));
        }
    }
}

/// Takes the answer to the fence: it comes after the cut, but the roll may have ended under the last lines.
const fn fenced(sensor: u8) -> Outcome {
    if says_paper_out(sensor) { Outcome::Unconfirmed(PrintTrouble::PaperOut) } else { Outcome::Printed }
}

/// Empties the printer's buffers, so that the rest of this ticket does not come out when somebody puts in paper.
fn give_up(session: &mut Session<'_>, profile: &Profile) {
    if profile.clears {
        // The outcome is known already; a line that breaks now changes nothing.
        drop(session.send(&bytes::CLEAR));
    }
}

/// Lets a printer that has not answered have everything, and listens once for the fence if there is one.
fn settle(session: &mut Session<'_>, profile: &Profile, limits: &Limits) -> Result<Outcome, TransportError> {
    session.flush()?;
    let answer = if profile.fence { session.await_fence(limits.status)? } else { None };
    Ok(answer.map_or(Outcome::Unconfirmed(PrintTrouble::Silent), fenced))
}

/// Returns whether what is still on the line may reach the printer: all of it is meant, or ends in an order to forget.
const fn is_all_meant(outcome: Outcome, profile: &Profile) -> bool {
    match outcome {
        // A silent printer has been given everything and may well be printing.
        Outcome::Printed | Outcome::Refused(_) | Outcome::Unconfirmed(PrintTrouble::Silent) => true,
        Outcome::Unconfirmed(PrintTrouble::PaperOut | PrintTrouble::CoverOpen | PrintTrouble::Mechanism) => {
            profile.clears
        }
        Outcome::Unconfirmed(
            PrintTrouble::Unreachable
            | PrintTrouble::Broken
            | PrintTrouble::Stalled
            | PrintTrouble::Restarted
            | PrintTrouble::NotDrawn,
        ) => false,
    }
}

const fn refusal_of(error: &TransportError) -> PrintTrouble {
    match error.fault() {
        Fault::Unreachable | Fault::Broken => PrintTrouble::Unreachable,
        Fault::Stalled => PrintTrouble::Stalled,
    }
}

const fn trouble_of(error: &TransportError) -> PrintTrouble {
    match error.fault() {
        Fault::Unreachable => PrintTrouble::Unreachable,
        Fault::Broken => PrintTrouble::Broken,
        Fault::Stalled => PrintTrouble::Stalled,
    }
}

#[cfg(test)]
mod tests;
