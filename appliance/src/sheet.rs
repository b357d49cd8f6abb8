//! Tables for spreadsheets: CSV in UTF-8 with a byte-order mark, or in Shift_JIS as Windows has it, with no cell that a
//! spreadsheet would run.

use machiai_core::time::AtMs;

/// What spreadsheets know UTF-8 by.
const MARK: &str = "\u{FEFF}";

/// Writes a table in UTF-8.
///
/// # Errors
/// There is no memory for it.
pub(crate) fn table(head: &str, rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>, csv::Error> {
    Ok([MARK.as_bytes(), &lines(head, rows)?].concat())
}

/// Writes a table in Shift_JIS (Windows-31J); none where a character is in none of its tables.
///
/// # Errors
/// There is no memory for it.
pub(crate) fn table_in_shift_jis(
    head: &str,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<Option<Vec<u8>>, csv::Error> {
    let text = lines(head, rows)?;
    let (bytes, _, is_changed) = encoding_rs::SHIFT_JIS.encode(std::str::from_utf8(&text).unwrap_or_default());
    Ok((!is_changed).then(|| bytes.into_owned()))
}

fn lines(head: &str, rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>, csv::Error> {
    let mut to = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    to.write_record(head.split(','))?;
    for row in rows {
        to.write_record(row.iter().map(|cell| text(cell)))?;
    }
    to.into_inner().map_err(|unwritten| unwritten.into_error().into())
}

/// Writes a cell so that no spreadsheet runs it: an apostrophe makes it a text.
fn text(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

/// Writes an instant in Asia/Tokyo.
pub(crate) fn instant(at: AtMs) -> String {
    format!("{}+09:00", at.in_tokyo().strftime("%Y-%m-%dT%H:%M:%S%.3f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cell: &str) -> impl Iterator<Item = Vec<String>> {
        [vec![cell.to_owned(), "x".to_owned()]].into_iter()
    }

    #[test]
    fn no_cell_is_run_by_a_spreadsheet_and_every_one_is_read_as_it_is() {
        for (cell, expected) in [
            ("film", "film"),
            ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
            ("-1", "'-1"),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\""),
            ("=a,b", "\"'=a,b\""),
            ("お知らせ", "お知らせ"),
        ] {
            let written = String::from_utf8(table("a,b", rows(cell)).unwrap()).unwrap();
            assert_eq!(written, format!("\u{FEFF}a,b\r\n{expected},x\r\n"));
        }
    }

    #[test]
    fn a_table_in_shift_jis_has_its_bytes_and_is_refused_where_a_character_is_in_none_of_its_tables() {
        let written = |cell| table_in_shift_jis("a,b", rows(cell)).unwrap();
        assert_eq!(written("円①"), Some(b"a,b\r\n\x89\x7e\x87\x40,x\r\n".to_vec()));
        assert_eq!(written("=円"), Some(b"a,b\r\n'=\x89\x7e,x\r\n".to_vec()));
        assert_eq!(written("😀"), None);
    }

    #[test]
    fn an_instant_is_that_of_tokyo() {
        assert_eq!(instant(AtMs(1_795_478_400_250)), "2026-11-24T09:00:00.250+09:00");
    }
}
