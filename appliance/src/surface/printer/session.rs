//! One conversation with a printer: bytes out with a limit, answers told apart, what is the matter asked.

use std::collections::VecDeque;
use std::time::Duration;

use machiai_core::facts::PrintTrouble;

use super::Limits;
use super::clock::Monotonic;
use super::status::{Asked, Replies, Reply, Status};
use super::transport::{Fault, Transport, TransportError};

/// Answers dropped at most before a question: a printer that talks without end must not hold up a ticket.
const STRAY_REPLIES: usize = 4096;

/// One conversation with a printer.
pub(super) struct Session<'a> {
    line: &'a mut dyn Transport,
    limits: &'a Limits,
    clock: &'a dyn Monotonic,
    /// When the whole job must have ended.
    until: Duration,
    came: VecDeque<u8>,
    replies: Replies,
    /// The answer to the fence, which may come while another is waited for.
    fence: Option<u8>,
    /// What the printer last told by itself.
    told: Option<Status>,
    /// Answers that were given up and may still come; the next ones are not taken for others.
    owed: u32,
}

/// How far the bytes of a ticket got.
pub(super) struct CutShort {
    /// How many the line took.
    pub(super) taken: usize,
    /// What stopped them.
    pub(super) error: TransportError,
}

impl<'a> Session<'a> {
    pub(super) fn new(line: &'a mut dyn Transport, limits: &'a Limits, clock: &'a dyn Monotonic) -> Self {
        let until = clock.now().saturating_add(limits.job);
        Self {
            line,
            limits,
            clock,
            until,
            came: VecDeque::new(),
            replies: Replies::default(),
            fence: None,
            told: None,
            owed: 0,
        }
    }

    /// Asks what state the printer is in; none when it does not answer.
    pub(super) fn ask_status(&mut self) -> Result<Option<Status>, TransportError> {
        self.listen()?;
        let mut status = Status::default();
        let until = self.deadline(self.limits.status);
        for asked in Asked::ALL {
            self.send(&asked.bytes()).map_err(|short| short.error)?;
            let Some(answer) = self.next_answer(until)? else {
                self.owed += 1;
                return Ok(None);
            };
            // The pattern was checked when the reply was told apart, so the parser takes it.
            status.learn(asked, answer);
        }
        Ok(Some(status))
    }

    /// Takes in what came while nobody waited for it.
    fn listen(&mut self) -> Result<(), TransportError> {
        for _ in 0..STRAY_REPLIES {
            match self.next_reply(Duration::ZERO)? {
                Some(reply) => self.take_in(reply),
                None => break,
            }
        }
        Ok(())
    }

    /// Takes in an answer that is not waited for. One to `DLE EOT` comes late, or because a raster held the bytes of
    /// such a question, which Epson's printers answer.
    fn take_in(&mut self, reply: Reply) {
        match reply {
            Reply::RealTime(_) => self.owed = self.owed.saturating_sub(1),
            Reply::Sensor(answer) => self.fence = Some(answer),
            Reply::Report(report) => self.told = Some(Status::told(report)),
        }
    }

    /// Returns the answer to the status request just sent; none when it did not come until then.
    fn next_answer(&mut self, until: Duration) -> Result<Option<u8>, TransportError> {
        loop {
            match self.next_reply(until)? {
                Some(Reply::RealTime(answer)) if self.owed == 0 => return Ok(Some(answer)),
                Some(reply) => self.take_in(reply),
                None => return Ok(None),
            }
        }
    }

    /// Sends bytes until all are taken, the line takes none for the limit, the printer tells a trouble meanwhile, or the
    /// job's time is up.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), CutShort> {
        let mut taken = 0;
        let mut stuck = Duration::ZERO;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let left = self.limits.stall.min(self.until.saturating_sub(self.clock.now())).saturating_sub(stuck);
            let slice = self.limits.look.min(left);
            match self.line.write(rest, slice) {
                Ok(some) => {
                    taken += some;
                    stuck = Duration::ZERO;
                }
                Err(error) if error.fault() == Fault::Stalled && slice < left => {
                    stuck = stuck.saturating_add(slice);
                    self.listen().map_err(|error| CutShort { taken, error })?;
                    if self.told_trouble().is_some() {
                        return Err(CutShort { taken, error });
                    }
                }
                Err(error) => return Err(CutShort { taken, error }),
            }
        }
        Ok(())
    }

    /// Returns what the printer told by itself that keeps it from printing.
    pub(super) fn told_trouble(&self) -> Option<PrintTrouble> {
        self.told.and_then(|told| told.trouble())
    }

    /// Waits for the answer to the fence; none when it did not come within the time or the printer tells a trouble.
    pub(super) fn await_fence(&mut self, within: Duration) -> Result<Option<u8>, TransportError> {
        let until = self.deadline(within);
        while self.fence.is_none() && self.told_trouble().is_none() {
            match self.next_reply(until)? {
                Some(reply) => self.take_in(reply),
                None => break,
            }
        }
        Ok(self.fence.take())
    }

    /// Waits until the system has passed on what was sent.
    pub(super) fn flush(&mut self) -> Result<(), TransportError> {
        self.line.flush(self.limits.stall)
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    fn deadline(&self, within: Duration) -> Duration {
        self.clock.now().saturating_add(within).min(self.until)
    }

    /// Returns the next answer; none when none came until then.
    fn next_reply(&mut self, until: Duration) -> Result<Option<Reply>, TransportError> {
        loop {
            while let Some(byte) = self.came.pop_front() {
                if let Some(reply) = self.replies.take(byte) {
                    return Ok(Some(reply));
                }
            }
            let left = until.saturating_sub(self.clock.now());
            let mut buffer = [0; 64];
            let read = self.line.read(&mut buffer, left)?;
            if read == 0 && self.clock.now() >= until {
                return Ok(None);
            }
            self.came.extend(buffer.iter().take(read));
        }
    }
}
