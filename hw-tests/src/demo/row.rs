//! A recorded morning: its rows read and written (`data/morning.md` describes the format).

use anyhow::{Context, Result, bail};

/// Seconds in an hour and in a minute.
const HOUR_S: u32 = 3_600;
const MINUTE_S: u32 = 60;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What is done in a row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the word that stands for it in a file.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

actions! {
    /// A line begins to give numbers.
    Open = "open",
    /// A line gives no more numbers.
    Close = "close",
    /// The message to patients is set.
    Message = "message",
    /// A patient takes a number at the kiosk.
    Take = "take",
    /// A patient takes a number from elsewhere.
    Remote = "remote",
    /// Who took one from elsewhere comes in.
    Arrive = "arrive",
    /// A number is cancelled.
    Cancel = "cancel",
    /// A room calls the next.
    Call = "call",
    /// A room calls again.
    Recall = "recall",
    /// The called did not come.
    Absent = "absent",
    /// The called went in.
    Start = "start",
    /// The room is done with the called.
    Finish = "finish",
    /// The longest absent of a line is back.
    Return = "return",
    /// An urgent patient comes in.
    Emergency = "emergency",
    /// A patient is set aside.
    Hold = "hold",
    /// Who was set aside waits again.
    Release = "release",
    /// A patient received in the wrong line goes to the right one.
    Move = "move",
    /// A room sends whom it has to another line for a test.
    Test = "test",
    /// A room sends whom it has back to the line that sent them for a test.
    Back = "back",
    /// A room sends whom it has to pay.
    Pay = "pay",
    /// The last press is taken back.
    Undo = "undo",
    /// The last press is sent once more under its own key.
    Again = "again",
    /// Two tablets of a room call the next at the same instant.
    Cross = "cross",
    /// The clinic's end of a video consultation connects.
    Connect = "connect",
    /// The clinic's end of a video consultation disconnects.
    Disconnect = "disconnect",
}

/// One act of a morning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Seconds of the day in Asia/Tokyo.
    pub at_s: u32,
    /// What is done.
    pub action: Action,
    /// In which line, where the action needs one.
    pub line: Option<u16>,
    /// The record's own name of a patient or a reservation.
    pub who: String,
    /// Whatever else the action needs.
    pub detail: String,
}

impl Row {
    /// Returns how many people take numbers together.
    #[must_use]
    pub fn family(&self) -> u32 {
        self.detail.strip_prefix("family=").and_then(|most| most.trim().parse().ok()).unwrap_or(1)
    }

    /// Returns the time of day, `08:30:00`.
    #[must_use]
    pub fn clock_face(&self) -> String {
        let (hour, rest) = (self.at_s / HOUR_S, self.at_s % HOUR_S);
        format!("{hour:02}:{:02}:{:02}", rest / MINUTE_S, rest % MINUTE_S)
    }

    /// Returns what a later row names to mean this row's press: the patient, else the room, else the line.
    #[must_use]
    pub fn slot(&self) -> String {
        match (self.who.as_str(), self.detail.as_str()) {
            ("", "") => format!("line {}", self.line.unwrap_or(0)),
            ("", room) => room.to_owned(),
            (who, _) => who.to_owned(),
        }
    }

    /// Returns what was private in the row, where something was.
    #[must_use]
    pub fn private(&self) -> Option<&str> {
        let is_private = matches!(self.action, Action::Cancel | Action::Emergency) && !self.detail.is_empty();
        is_private.then_some(self.detail.as_str())
    }
}

const HEAD: &str = "at,action,line,who,detail";

/// Reads a morning; rows of the same second stay in the order of the file.
///
/// # Errors
/// Names the line that is not as it should be.
pub fn read(text: &str) -> Result<Vec<Row>> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    match lines.next() {
        Some((_, head)) if head.trim() == HEAD => {}
        Some(_) | None => bail!("a morning begins with the line {HEAD}"),
    }
    let mut rows = Vec::new();
    for (idx, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        rows.push(read_row(line).with_context(|| format!("cannot read line {} of the morning: {line}", idx + 1))?);
    }
    if rows.is_empty() {
        bail!("a morning without a row");
    }
    rows.sort_by_key(|row: &Row| row.at_s);
    Ok(rows)
}

fn read_row(line: &str) -> Result<Row> {
    let mut fields = line.splitn(5, ',');
    let mut next = || fields.next().map(str::trim).context("fewer than five columns");
    let (at, action, line_no, who, detail) = (next()?, next()?, next()?, next()?, next()?);
    let action = Action::ALL.iter().copied().find(|known| known.word() == action);
    let line = if line_no.is_empty() { None } else { Some(line_no.parse().context("the line is no number")?) };
    Ok(Row {
        at_s: seconds(at)?,
        action: action.context("no such action")?,
        line,
        who: who.to_owned(),
        detail: unquoted(detail),
    })
}

fn seconds(at: &str) -> Result<u32> {
    let mut parts = at.split(':').map(str::parse::<u32>);
    let (Some(Ok(hour)), Some(Ok(minute)), Some(Ok(second)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("the time is not written as 08:30:00");
    };
    if hour > 23 || minute > 59 || second > 59 {
        bail!("there is no such time of day");
    }
    Ok(hour * HOUR_S + minute * MINUTE_S + second)
}

fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

/// Writes a morning as a file.
#[must_use]
pub fn write(rows: &[Row]) -> String {
    let mut text = format!("{HEAD}\n");
    for row in rows {
        let line = row.line.map(|line| line.to_string()).unwrap_or_default();
        let (at, word, detail) = (row.clock_face(), row.action.word(), quoted(&row.detail));
        text.push_str(&format!("{at},{word},{line},{},{detail}\n", row.who));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_morning_reads_back_as_written() {
        let row = |at_s, action, detail: &str| Row {
            at_s,
            action,
            line: Some(2),
            who: "p001".to_owned(),
            detail: detail.to_owned(),
        };
        let rows = vec![row(30_600, Action::Take, "family=3"), row(30_601, Action::Cancel, "said \"no\", twice")];
        assert_eq!(read(&write(&rows)).unwrap(), rows);
        assert_eq!(rows[0].family(), 3);
        assert_eq!(rows[0].clock_face(), "08:30:00");
    }

    #[test]
    fn a_line_that_is_not_as_it_should_be_is_named() {
        for bad in ["8:30,take,1,p,", "08:30:00,dance,1,p,", "08:30:00,take,one,p,", "25:00:00,take,1,p,", "08:30:00"] {
            let error = read(&format!("{HEAD}\n08:00:00,open,1,,morning\n{bad}\n")).unwrap_err();
            assert!(error.to_string().contains("line 3"), "{error}");
        }
        assert!(read("").is_err() && read(HEAD).is_err());
    }

    #[test]
    fn the_shipped_morning_reads_in_the_order_of_its_clock() {
        let text = include_str!("../../data/morning.csv");
        let rows = read(text).unwrap();
        assert_eq!(rows.len(), text.lines().count() - 1);
        assert!(rows.is_sorted_by_key(|row| row.at_s));
    }
}
