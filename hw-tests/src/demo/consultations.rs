//! The consultation calls of a morning: as the box writes them for spreadsheets, and as the hub rates them.

use std::path::Path;

use anyhow::{Context, Result};
use machiai_core::call::rate::Rated;
use serde::Serialize;

use super::daemon::Daemon;
use crate::hub::house::House;

/// The month in which mornings are rehearsed.
const MONTH: &str = "2026-11";

/// The box's list, within the folder of what is left.
pub const LIST: &str = "calls.csv";

/// A reservation's calls, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Which.
    pub reservation: String,
    /// For how long the clinic was connected, in whole seconds.
    pub seconds: u64,
    /// Units of its tariff.
    pub units: u64,
    /// Yen without tax.
    pub yen: u64,
    /// The tariff.
    pub tariff: String,
    /// Whether something should be known before it is billed.
    pub flagged: bool,
}

/// The calls of a morning on both sides.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// As the box's list has them: without flags, which it says in words.
    pub here: Vec<Call>,
    /// As the hub has them.
    pub there: Vec<Call>,
}

impl Calls {
    /// Has the box, which does not run, write its list into a folder, and asks the hub.
    ///
    /// # Errors
    /// One of them does not answer, or not as it should.
    pub async fn of(daemon: &Daemon, house: &House, folder: &Path) -> Result<Self> {
        let list = folder.join(LIST);
        daemon.ask(&["calls", "export", "--month", MONTH, &list.to_string_lossy()]).await?;
        let text = std::fs::read_to_string(&list).context("cannot read the list of calls")?;
        let here = read(&text).context("the list of calls is not as it should be")?;
        let invoice = house.calls(MONTH).await?;
        Ok(Self { here, there: invoice.reservations.iter().map(Call::of).collect() })
    }
}

impl Call {
    fn of(rated: &Rated) -> Self {
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        Self {
            reservation: rated.reservation.to_string(),
            seconds: positive(rated.connected_ms / 1_000),
            units: positive(rated.given.units),
            yen: positive(rated.given.yen),
            tariff: rated.given.tariff.to_string(),
            flagged: !rated.flags.is_empty(),
        }
    }
}

fn read(text: &str) -> Result<Vec<Call>> {
    let mut list = csv::Reader::from_reader(text.trim_start_matches('\u{FEFF}').as_bytes());
    let row = |row: csv::Result<csv::StringRecord>| {
        let row = row?;
        let cell = |idx: usize| row.get(idx).with_context(|| format!("no cell {idx}"));
        let number = |idx: usize| cell(idx)?.parse::<u64>().with_context(|| format!("cell {idx} is no number"));
        let (reservation, tariff) = (cell(0)?.to_owned(), cell(6)?.to_owned());
        Ok(Call { reservation, seconds: number(5)?, units: number(8)?, yen: number(9)?, tariff, flagged: false })
    };
    list.records().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_by_its_columns() {
        let head = "予約,予約の時刻,キャンセルポリシー,接続の回数,最初の接続,接続の合計（秒）,料金,版,単位,金額（税別）,請求する額,説明,確認事項";
        let row = "R001,,,1,2026-11-24T13:00:00.000+09:00,2700,reservation-total,1,2,200,0,\"合計,45分\",練習";
        let list = read(&format!("\u{FEFF}{head}\r\n{row}\r\n")).unwrap();
        let (reservation, tariff) = ("R001".to_owned(), "reservation-total".to_owned());
        assert_eq!(list, [Call { reservation, seconds: 2_700, units: 2, yen: 200, tariff, flagged: false }]);
        assert!(read(&format!("{head}\r\nR001,,,1,,long,t,1,2,200,0,x,y\r\n")).is_err());
    }
}
