//! A table for spreadsheets: RFC 4180, and no cell that a spreadsheet would run.

use std::fmt::Write;

use super::Lines;
use crate::hex;
use crate::record::Record;
use crate::show::{self, Clock, Parties};
use crate::text::Encodings;

const HEADER: &str = "seq,at,endpoint,peer,address,kind,bytes,hex,text\r\n";

/// What spreadsheets take for the start of a formula; some also in its full-width form.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Writes a row a record.
///
/// Bytes of a stream whose character never becomes whole are in the hex column only.
pub(super) struct Table {
    encodings: Encodings,
    clock: Clock,
    parties: Parties,
    /// A cell under construction; kept for its room.
    cell: String,
}

impl Table {
    pub(super) fn new(encodings: Encodings) -> Self {
        Table { encodings, clock: Clock::utc(), parties: Parties::new(show::write_address), cell: String::new() }
    }
}

impl Lines for Table {
    fn begin(&mut self, out: &mut String) {
        out.push_str(HEADER);
    }

    fn add(&mut self, record: &Record<'_>, out: &mut String) -> bool {
        self.parties.make_room(record);
        let party = self.parties.of(record);
        let _ = write!(out, "{},", record.seq); // a string takes whatever it is given
        self.clock.push_rfc3339(record.at, out);
        let _ = write!(out, ",{},", record.endpoint);
        out.push_str(record.peer.map_or("", |_| party.id()));
        push_cell(party.address(), out);
        push_cell(record.event.kind(), out);
        self.cell.clear();
        match show::payload(&record.event) {
            Some(payload) => {
                push_bytes(payload.1, out);
                party.decode(record, payload, self.encodings.of(record.peer), &mut self.cell);
            }
            None => {
                out.push_str(",,");
                show::push_told(record.event.text(), &mut self.cell);
            }
        }
        push_cell(&self.cell, out);
        out.push_str("\r\n");
        self.parties.let_go(record);
        true
    }

    fn end(&mut self, _out: &mut String) {
        self.parties.drain();
    }
}

/// Adds the cells of number and hex.
fn push_bytes(bytes: &[u8], out: &mut String) {
    let _ = write!(out, ",{},", bytes.len());
    let _ = hex::write(bytes, out);
}

/// Adds a comma and a cell, in quotes where it needs them.
fn push_cell(text: &str, out: &mut String) {
    out.push(',');
    let formula = text.starts_with(FORMULA);
    if !formula && !text.contains([',', '"', '\r', '\n']) {
        return out.push_str(text);
    }
    out.push_str(if formula { "\"'" } else { "\"" });
    for (index, part) in text.split('"').enumerate() {
        out.push_str(if index == 0 { "" } else { "\"\"" });
        out.push_str(part);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> String {
        let mut out = String::new();
        push_cell(text, &mut out);
        out
    }

    /// Reads a row as RFC 4180 says.
    fn cells(mut row: &str) -> Vec<String> {
        let mut cells = Vec::new();
        loop {
            let mut cell = String::new();
            if let Some(mut quoted) = row.strip_prefix('"') {
                loop {
                    let (part, rest) = quoted.split_once('"').expect("a closing quote");
                    cell.push_str(part);
                    let Some(more) = rest.strip_prefix('"') else {
                        row = rest;
                        break;
                    };
                    cell.push('"');
                    quoted = more;
                }
            } else {
                let end = row.find(',').unwrap_or(row.len());
                cell.push_str(&row[..end]);
                row = &row[end..];
            }
            cells.push(cell);
            match row.strip_prefix(',') {
                Some(rest) => row = rest,
                None => break,
            }
        }
        assert_eq!(row, "");
        cells
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(cell("=1+2"), ",\"'=1+2\"");
        assert_eq!(cell("@\"a\",b"), ",\"'@\"\"a\"\",b\"");
        assert_eq!(cell("-5"), ",\"'-5\"");
        assert_eq!(cell("＝1"), ",\"'＝1\"");
        assert_eq!(cell("1-5"), ",1-5");
        assert_eq!(cell("a,b"), ",\"a,b\"");
        assert_eq!(cell(""), ",");
    }

    proptest! {
        #[test]
        fn rows_read_back(texts in prop::collection::vec("[-=@+a,\" \r\n]{0,6}", 1..4)) {
            let row: String = texts.iter().map(|text| cell(text)).collect();
            let read = cells(&row[1..]);
            prop_assert_eq!(read.len(), texts.len());
            for (read, text) in read.iter().zip(&texts) {
                prop_assert!(!read.starts_with(FORMULA));
                prop_assert_eq!(read.strip_prefix('\'').unwrap_or(read), text);
            }
        }
    }
}
