//! A record or a frame as one line of JSON, in which no character can drive a terminal.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use crate::escape::is_safe;

/// Bytes that are turned into base64 at a time; a multiple of three, so that the pieces join.
const PIECE: usize = 768;

/// The fields of a record, in the order in which they are written.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) seq: u64,
    pub(crate) at: &'a str,
    pub(crate) endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<&'a str>,
    pub(crate) address: &'a str,
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Base64<'a>>,
    pub(crate) text: &'a str,
}

/// The fields of a frame. It has no number: it is no record.
#[derive(Serialize)]
pub(crate) struct FrameLine<'a> {
    pub(crate) at: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) link: &'a str,
    pub(crate) board: &'a str,
    pub(crate) way: &'static str,
    pub(crate) dropped: bool,
    pub(crate) copy: bool,
    pub(crate) damaged: bool,
    pub(crate) note: &'a str,
    pub(crate) bytes: usize,
    pub(crate) data: Base64<'a>,
    pub(crate) text: &'a str,
}

/// Bytes that [`Harmless`] writes as a string of base64.
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Line<'_> {
    /// Adds the line, with its end.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless);
        // A vector takes whatever it is given, and nothing of a line has no form in JSON.
        let _ = self.serialize(&mut serializer);
        out.push(b'\n');
    }
}

/// Any value as one line of JSON that a terminal may see, without the line's end.
pub fn harmless_json(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Harmless)); // a vector takes it
    String::from_utf8(out).unwrap_or_default()
}

/// Writes JSON without white space, and every character that a terminal should not see as `\uXXXX`.
struct Harmless;

impl Formatter for Harmless {
    /// Gets what JSON itself would leave as it is.
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut start = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| !is_safe(*c)) {
            writer.write_all(&fragment.as_bytes()[start..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            start = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[start..])
    }

    /// Here and not in a string before: base64 needs no second look for what JSON must escape.
    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        let mut written = [0; PIECE / 3 * 4];
        writer.write_all(b"\"")?;
        for piece in value.chunks(PIECE) {
            let length = STANDARD.encode_slice(piece, &mut written).map_err(io::Error::other)?;
            writer.write_all(&written[..length])?;
        }
        writer.write_all(b"\"")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn written(address: &str, data: &[u8], text: &str) -> String {
        let mut out = Vec::new();
        let data = Some(Base64(data));
        Line { seq: 7, at: "t", endpoint: "e1", peer: None, address, kind: "sent", bytes: None, data, text }
            .write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn unsafe_characters_are_escaped() {
        let line = written("unix:@\u{202e}\u{7f}", b"", "a\"\\\x1b\u{85}\u{e0001}é中😀\u{feff}");
        let expected = r#""address":"unix:@\u202e\u007f","kind":"sent","data":"","text":"a\"\\\u001b\u0085\udb40\udc01é中😀\ufeff"}"#;
        assert_eq!(line, format!("{{\"seq\":7,\"at\":\"t\",\"endpoint\":\"e1\",{expected}\n"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(address: String, data in prop::collection::vec(any::<u8>(), 0..2000), text: String) {
            let line = written(&address, &data, &text);
            prop_assert!(line.strip_suffix('\n').expect("a line").chars().all(is_safe));
            let value: Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(value["address"].as_str(), Some(&*address));
            prop_assert_eq!(value["text"].as_str(), Some(&*text));
            prop_assert_eq!(STANDARD.decode(value["data"].as_str().expect("a string")), Ok(data));
        }
    }
}
