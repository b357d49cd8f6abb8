//! What a printer says of itself, and how its bytes are told apart.
//!
//! After ESC/POS `DLE EOT`, `GS r` and automatic status (`GS a`): each kind of answer has a pattern of fixed bits, so
//! a stray one is never taken for the answer that was waited for.

use escpos::utils::{RealTimeStatusRequest, RealTimeStatusResponse};
use machiai_core::facts::PrintTrouble;

/// What a printer says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// It does not print just now, for whatever reason.
    pub offline: bool,
    /// The cover is open.
    pub cover_open: bool,
    /// There is no paper.
    pub paper_out: bool,
    /// The roll is nearly at its end.
    pub paper_near_end: bool,
    /// The cutter or the mechanism reports an error.
    pub error: bool,
}

impl Status {
    /// Returns what keeps it from printing.
    ///
    /// An open cover comes first: the paper sensor sees no paper then, and closing the cover is what helps. A printer
    /// that is offline and says no reason counts as a fault of its mechanism.
    #[must_use]
    pub const fn trouble(&self) -> Option<PrintTrouble> {
        if self.cover_open {
            Some(PrintTrouble::CoverOpen)
        } else if self.paper_out {
            Some(PrintTrouble::PaperOut)
        } else if self.error || self.offline {
            Some(PrintTrouble::Mechanism)
        } else {
            None
        }
    }

    /// Reads an automatic status, `GS a`.
    pub(super) const fn told(report: [u8; 4]) -> Self {
        let [printer, error, paper, _] = report;
        Self {
            offline: printer & 0x08 != 0,
            cover_open: printer & 0x20 != 0,
            paper_out: paper & 0x0c != 0,
            paper_near_end: paper & 0x03 != 0,
            error: error & 0x6c != 0,
        }
    }

    /// Takes in the answer to one request; false when the byte is no such answer.
    pub(super) fn learn(&mut self, asked: Asked, answer: u8) -> bool {
        let Ok(said) = RealTimeStatusResponse::parse(asked.request(), answer) else { return false };
        let says = |what, is| said.get(&what) == Some(&is);
        match asked {
            Asked::Printer => self.offline = says(RealTimeStatusResponse::Online, false),
            Asked::OfflineCause => {
                self.cover_open = says(RealTimeStatusResponse::CoverClosed, false);
                self.paper_out |= says(RealTimeStatusResponse::PrintingStopsDueToPaperEnd, true);
                self.error = says(RealTimeStatusResponse::ErrorOccurred, true);
            }
            Asked::Paper => {
                self.paper_near_end = says(RealTimeStatusResponse::RollPaperNearEndSensorPaperAdequate, false);
                self.paper_out |= says(RealTimeStatusResponse::RollPaperEndSensorPaperPresent, false);
            }
        }
        true
    }
}

/// What is asked of a printer, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Is it online?
    Printer,
    /// Why not?
    OfflineCause,
    /// What do the paper sensors see?
    Paper,
}

impl Asked {
    pub(super) const ALL: [Self; 3] = [Self::Printer, Self::OfflineCause, Self::Paper];

    /// Returns the bytes of the request. The escpos crate appends a NUL that belongs to other requests only.
    pub(super) const fn bytes(self) -> [u8; 3] {
        let n = match self {
            Self::Printer => 1,
            Self::OfflineCause => 2,
            Self::Paper => 4,
        };
        [0x10, 0x04, n]
    }

    const fn request(self) -> RealTimeStatusRequest {
        match self {
            Self::Printer => RealTimeStatusRequest::Printer,
            Self::OfflineCause => RealTimeStatusRequest::OfflineCause,
            Self::Paper => RealTimeStatusRequest::RollPaperSensor,
        }
    }
}

/// One answer of a printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// To `DLE EOT`: 0xx1xx10.
    RealTime(u8),
    /// To `GS r 1`: 0xx0xxxx, given in its turn after everything sent before.
    Sensor(u8),
    /// Told by itself: four bytes, the first of them 0xx1xx00.
    Report([u8; 4]),
}

/// Returns whether the answer to `GS r 1` says that the paper has run out.
pub(super) const fn says_paper_out(sensor: u8) -> bool {
    sensor & 0x0c != 0
}

/// Tells answers apart as their bytes come.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// What has come of a report.
    report: Vec<u8>,
}

impl Replies {
    pub(super) fn take(&mut self, byte: u8) -> Option<Reply> {
        if !self.report.is_empty() {
            self.report.push(byte);
            let report = <[u8; 4]>::try_from(self.report.as_slice()).ok()?;
            self.report.clear();
            return Some(Reply::Report(report));
        }
        match (byte & 0x93, byte & 0x90) {
            (0x12, _) => Some(Reply::RealTime(byte)),
            (0x10, _) => {
                self.report.push(byte);
                None
            }
            (_, 0x00) => Some(Reply::Sensor(byte)),
            // XON, XOFF and noise.
            (_, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(printer: u8, cause: u8, paper: u8) -> Status {
        let mut status = Status::default();
        for (asked, answer) in Asked::ALL.into_iter().zip([printer, cause, paper]) {
            assert!(status.learn(asked, answer), "{asked:?}");
        }
        status
    }

    #[test]
    fn a_status_tells_what_is_wrong() {
        assert_eq!(learned(0x12, 0x12, 0x12).trouble(), None);
        assert_eq!(learned(0x1a, 0x32, 0x72).trouble(), Some(PrintTrouble::PaperOut));
        assert_eq!(learned(0x1a, 0x16, 0x72).trouble(), Some(PrintTrouble::CoverOpen));
        assert_eq!(learned(0x1a, 0x52, 0x12).trouble(), Some(PrintTrouble::Mechanism));
        assert_eq!(learned(0x1a, 0x12, 0x12).trouble(), Some(PrintTrouble::Mechanism));
        let near_end = learned(0x12, 0x12, 0x1e);
        assert_eq!(near_end.trouble(), None);
        assert!(near_end.paper_near_end);
    }

    #[test]
    fn a_byte_that_is_no_answer_teaches_nothing() {
        let mut status = Status::default();
        assert!(!status.learn(Asked::Printer, 0x00));
        assert_eq!(status, Status::default());
    }

    #[test]
    fn a_report_tells_the_same_troubles() {
        assert_eq!(Status::told([0x14, 0, 0, 0]).trouble(), None);
        assert_eq!(Status::told([0x1c, 0, 0x0c, 0]).trouble(), Some(PrintTrouble::PaperOut));
        assert_eq!(Status::told([0x3c, 0, 0x0c, 0]).trouble(), Some(PrintTrouble::CoverOpen));
        assert_eq!(Status::told([0x1c, 0x08, 0, 0]).trouble(), Some(PrintTrouble::Mechanism));
        assert!(Status::told([0x14, 0, 0x03, 0]).paper_near_end);
    }

    #[test]
    fn stray_answers_are_told_apart() {
        let mut replies = Replies::default();
        let came = [0x11, 0x14, 0x00, 0x0f, 0x0c, 0x13, 0x16, 0x0c];
        let told: Vec<_> = came.into_iter().filter_map(|byte| replies.take(byte)).collect();
        assert_eq!(told, [Reply::Report([0x14, 0, 0x0f, 0x0c]), Reply::RealTime(0x16), Reply::Sensor(0x0c)]);
        assert!(says_paper_out(0x0c) && !says_paper_out(0x03));
    }
}
