//! Bytes as characters of a chosen encoding: shown as they arrive in pieces, and encoded from what the user wrote.
//! The escapes themselves, and which characters need them, belong in `escape`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use encoding_rs::{DecoderResult, EncoderResult, UTF_8, UTF_16BE, UTF_16LE};

use crate::PeerId;
use crate::escape::{self, Controls, EscapeError, Piece, Shown, column_of};

/// Names that others give to encodings, beyond the labels of the WHATWG's list.
const ALIASES: [(&str, &str); 13] = [
    ("big-5", "big5"),
    ("cp65001", "utf-8"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("eucjp", "euc-jp"),
    ("euckr", "euc-kr"),
    ("gb-18030", "gb18030"),
    ("latin-1", "latin1"),
    ("utf16", "utf-16le"),
    ("utf16be", "utf-16be"),
    ("utf16le", "utf-16le"),
];

/// Bytes that a decoder may have taken before it finds the first of them malformed; `encoding_rs` says 6.
const TAIL: usize = 8;

/// Room for decoded text between two looks at it, in bytes.
const SCRATCH: usize = 512;

/// A character encoding; UTF-8 by default. Written in lower case by its name in the WHATWG's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding(&'static encoding_rs::Encoding);

/// In which encoding the text of each peer is.
#[derive(Clone)]
pub struct Encodings(Arc<dyn Fn(Option<PeerId>) -> Encoding + Send + Sync>);

impl Encodings {
    /// What `of` says of each peer. `None` is asked for what an endpoint tells that is no peer's.
    pub fn by_peer(of: impl Fn(Option<PeerId>) -> Encoding + Send + Sync + 'static) -> Self {
        Encodings(Arc::new(of))
    }

    pub(crate) fn of(&self, peer: Option<PeerId>) -> Encoding {
        (self.0)(peer)
    }
}

impl From<Encoding> for Encodings {
    /// The same for all.
    fn from(encoding: Encoding) -> Self {
        Encodings::by_peer(move |_| encoding)
    }
}

impl fmt::Debug for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encodings")
    }
}

/// No encoding has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no encoding is called \"{}\" (common ones: {})", Shown(.0), Encoding::COMMON.join(", "))]
pub struct UnknownEncoding(pub String);

/// A character that an encoding does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "column {column}: \"{}\" (U+{:04X}) does not exist in {encoding}",
    Shown(&.character.to_string()),
    u32::from(*.character)
)]
pub struct EncodeError {
    /// The place of the character, or of the escape that stands for it, in bytes from the start of the text.
    pub at: usize,
    /// The place for people: in characters of the whole text, line breaks included, from 1.
    pub column: usize,
    /// The character.
    pub character: char,
    /// The encoding that lacks it.
    pub encoding: Encoding,
}

/// What was written with escapes cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// An escape is bad.
    #[error(transparent)]
    Escape(#[from] EscapeError),
    /// A character does not exist in the encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl UnknownEncoding {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        format!("没有名为 \"{}\" 的编码（常用：{}）", Shown(&self.0), Encoding::COMMON.join("、"))
    }
}

impl EncodeError {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        let EncodeError { column, character, encoding, .. } = self;
        let (shown, number) = (character.to_string(), u32::from(*character));
        format!("第 {column} 列：{encoding} 中没有 \"{}\"（U+{number:04X}）", Shown(&shown))
    }
}

impl ComposeError {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        match self {
            ComposeError::Escape(error) => error.zh(),
            ComposeError::Encode(error) => error.zh(),
        }
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self(UTF_8)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.name().to_ascii_lowercase())
    }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    /// Takes any label of the WHATWG's list and a few more, in either case. As there, `latin1` and `ascii` are
    /// windows-1252, `gb2312` is gbk, and `utf-16` is little-endian.
    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        let wanted = label.trim();
        let alias = ALIASES.iter().find(|alias| alias.0.eq_ignore_ascii_case(wanted));
        encoding_rs::Encoding::for_label_no_replacement(alias.map_or(wanted, |alias| alias.1).as_bytes())
            .map(Self)
            .ok_or_else(|| UnknownEncoding(label.into()))
    }
}

impl Encoding {
    /// The names to offer where one is to be chosen.
    pub const COMMON: [&'static str; 11] = [
        "utf-8",
        "gbk",
        "gb18030",
        "big5",
        "shift_jis",
        "euc-jp",
        "euc-kr",
        "utf-16le",
        "utf-16be",
        "windows-1251",
        "windows-1252",
    ];

    /// The bytes of a text, without a byte order mark.
    ///
    /// # Errors
    /// The first character that the encoding does not have.
    pub fn encode(&self, text: &str) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(text.len());
        self.encode_onto(text, &mut bytes).map_err(|at| self.lacks(text, at, &text[at..]))?;
        Ok(bytes)
    }

    /// The text that `bytes` are, all of them; `None` where some are no character. It is not made safe to show.
    pub(crate) fn decode_exact<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        self.0.decode_without_bom_handling_and_without_replacement(bytes)
    }

    /// The bytes of a text with escapes: `\xNN` is that byte as it is, all else is encoded.
    ///
    /// # Errors
    /// The first escape that is none, or character that the encoding does not have.
    pub fn parse_escaped(&self, text: &str) -> Result<Vec<u8>, ComposeError> {
        let mut bytes = Vec::with_capacity(text.len());
        for piece in escape::pieces(text) {
            let (start, piece) = piece?;
            let mut utf8 = [0; 4];
            let run = match piece {
                Piece::Text(run) => run,
                Piece::Char(c) => c.encode_utf8(&mut utf8),
                Piece::Byte(byte) => {
                    bytes.push(byte);
                    continue;
                }
            };
            self.encode_onto(run, &mut bytes).map_err(|at| self.lacks(text, start + at, &run[at..]))?;
        }
        Ok(bytes)
    }

    /// The error for the character that `culprit` begins with, `at` bytes into `text`.
    fn lacks(&self, text: &str, at: usize, culprit: &str) -> EncodeError {
        let character = culprit.chars().next().unwrap_or_default();
        EncodeError { at, column: column_of(text, at), character, encoding: *self }
    }

    /// Adds the bytes of `text`; fails with the place of the first character that has none.
    fn encode_onto(&self, text: &str, bytes: &mut Vec<u8>) -> Result<(), usize> {
        // Web pages are not written in UTF-16, so `encoding_rs` would give UTF-8 for it.
        if self.0 == UTF_16LE {
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            Ok(())
        } else if self.0 == UTF_16BE {
            bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            Ok(())
        } else {
            encode_legacy(self.0, text, bytes)
        }
    }
}

fn encode_legacy(encoding: &'static encoding_rs::Encoding, text: &str, bytes: &mut Vec<u8>) -> Result<(), usize> {
    let mut encoder = encoding.new_encoder();
    let mut done = 0;
    loop {
        let rest = &text[done..];
        bytes.reserve(encoder.max_buffer_length_from_utf8_without_replacement(rest.len()).unwrap_or(SCRATCH));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, bytes, true);
        done += read;
        match result {
            EncoderResult::InputEmpty => return Ok(()),
            EncoderResult::OutputFull => {}
            // The character that comes with it is not always the text's own, so look there.
            EncoderResult::Unmappable(_) => return Err(text[..done].char_indices().next_back().map_or(0, |c| c.0)),
        }
    }
}

/// Turns the bytes of one direction of one peer into text that is safe to show, read by read.
///
/// The text is what [`Encoding::parse_escaped`] reads: characters as they are where [`escape::is_safe`], a backslash
/// doubled, `\n` and its like; other unsafe characters as `\u{...}`, but ASCII controls as `\x1b` where the encoding
/// has ASCII as single bytes (all but UTF-16 and ISO-2022-JP); bytes of no character as `\xNN`. A byte order mark is
/// a character like any other, `\u{feff}`.
///
/// For UTF-8, UTF-16 and single-byte encodings, reading the text gives the bytes that came. Others have characters
/// with two forms (then the usual one is given) and a few that can be decoded only; ISO-2022-JP's shifts are not shown.
pub struct Decoder {
    encoding: Encoding,
    inner: encoding_rs::Decoder,
    controls: Controls,
    /// The last bytes of earlier reads, for when they turn out to be malformed.
    tail: [u8; TAIL],
    /// Decoded text that was not looked at yet; empty between calls, kept for its room.
    scratch: String,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("encoding", &self.encoding).field("tail", &self.tail).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            inner: encoding.0.new_decoder_without_bom_handling(),
            controls: if encoding.0.is_ascii_compatible() { Controls::Byte } else { Controls::Char },
            tail: [0; TAIL],
            scratch: String::with_capacity(SCRATCH),
        }
    }

    /// The encoding that it decodes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Adds the text of the next bytes to `out`. A character whose bytes have not all come waits for the rest of them.
    pub fn decode(&mut self, bytes: &[u8], out: &mut String) {
        let ascii = self.ascii_prefix(bytes);
        escape::push_text(ascii, self.controls, out);
        if ascii.len() < bytes.len() {
            // Bytes before an ASCII prefix are settled, so it does not matter that the tail lacks the prefix.
            self.convert(&bytes[ascii.len()..], false, out);
        }
        self.remember(bytes);
    }

    /// Adds the text of the next bytes to `out` as it is, with U+FFFD for bytes of no character: for programs to read,
    /// not safe to show.
    pub fn decode_plain(&mut self, bytes: &[u8], out: &mut String) {
        let ascii = self.ascii_prefix(bytes);
        out.push_str(ascii);
        let mut rest = &bytes[ascii.len()..];
        while !rest.is_empty() {
            out.reserve(self.inner.max_utf8_buffer_length(rest.len()).unwrap_or(SCRATCH));
            let (_, read, _) = self.inner.decode_to_string(rest, out, false);
            rest = &rest[read..];
        }
        self.remember(bytes);
    }

    /// Adds the bytes that still wait for the rest of their character to `out`, and starts afresh: to be called at the
    /// end of a stream, or after each datagram.
    pub fn finish(&mut self, out: &mut String) {
        if !self.is_settled() {
            self.convert(&[], true, out);
            self.inner = self.encoding.0.new_decoder_without_bom_handling();
        }
    }

    /// As [`finish`](Self::finish), for what [`decode_plain`](Self::decode_plain) added: U+FFFD for such bytes.
    pub fn finish_plain(&mut self, out: &mut String) {
        if !self.is_settled() {
            out.reserve(self.inner.max_utf8_buffer_length(0).unwrap_or(SCRATCH));
            let _ = self.inner.decode_to_string(&[], out, true);
            self.inner = self.encoding.0.new_decoder_without_bom_handling();
        }
    }

    /// No byte waits for another. UTF-16 never tells, so for it this is false.
    pub(crate) fn is_settled(&self) -> bool {
        self.inner.latin1_byte_compatible_up_to(&[]).is_some()
    }

    /// The bytes up to the first that may not be a character of its own.
    fn ascii_prefix<'a>(&self, bytes: &'a [u8]) -> &'a str {
        if self.controls == Controls::Char || !self.is_settled() {
            return "";
        }
        let length = encoding_rs::Encoding::ascii_valid_up_to(bytes);
        str::from_utf8(&bytes[..length]).unwrap_or_default()
    }

    fn convert(&mut self, bytes: &[u8], last: bool, out: &mut String) {
        let mut done = 0;
        loop {
            self.scratch.clear();
            let (result, read) =
                self.inner.decode_to_string_without_replacement(&bytes[done..], &mut self.scratch, last);
            done += read;
            escape::push_text(&self.scratch, self.controls, out);
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(bad, after) => {
                    self.push_malformed(&bytes[..done], bad.into(), after.into(), out);
                }
            }
        }
    }

    /// Shows `bad` bytes, which were followed by `after` more in what was read up to now.
    fn push_malformed(&self, read: &[u8], bad: usize, after: usize, out: &mut String) {
        for back in (after + 1..=after + bad).rev() {
            let byte = match read.len().checked_sub(back) {
                Some(index) => read[index],
                None => self.tail[TAIL + read.len() - back],
            };
            escape::push_bytes(&[byte], out);
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(TAIL);
        self.tail.rotate_left(kept);
        self.tail[TAIL - kept..].copy_from_slice(&bytes[bytes.len() - kept..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const TESTED: [&str; 11] = [
        "utf-8",
        "gbk",
        "gb18030",
        "shift_jis",
        "utf-16le",
        "utf-16be",
        "big5",
        "euc-jp",
        "euc-kr",
        "windows-1252",
        "iso-2022-jp",
    ];

    /// Those that have one form for every character, and a character for every form.
    const REVERSIBLE: [&str; 4] = ["utf-8", "utf-16le", "utf-16be", "windows-1252"];

    const SINGLE_BYTE: [&str; 28] = [
        "ibm866",
        "iso-8859-2",
        "iso-8859-3",
        "iso-8859-4",
        "iso-8859-5",
        "iso-8859-6",
        "iso-8859-7",
        "iso-8859-8",
        "iso-8859-8-i",
        "iso-8859-10",
        "iso-8859-13",
        "iso-8859-14",
        "iso-8859-15",
        "iso-8859-16",
        "koi8-r",
        "koi8-u",
        "macintosh",
        "windows-874",
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1253",
        "windows-1254",
        "windows-1255",
        "windows-1256",
        "windows-1257",
        "windows-1258",
        "x-mac-cyrillic",
    ];

    fn encoding(name: &str) -> Encoding {
        name.parse().expect(name)
    }

    /// The text of several reads, up to the end of the stream.
    fn decode<'a>(name: &str, reads: impl IntoIterator<Item = &'a [u8]>) -> String {
        let (mut decoder, mut out) = (Decoder::new(encoding(name)), String::new());
        reads.into_iter().for_each(|bytes| decoder.decode(bytes, &mut out));
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn encodings_go_by_many_names() {
        let cases = [
            ("UTF8", "utf-8"),
            ("gbk", "gbk"),
            ("GB2312", "gbk"),
            ("GB18030", "gb18030"),
            ("shift-jis", "shift_jis"),
            ("sjis", "shift_jis"),
            ("Shift_JIS", "shift_jis"),
            ("utf-16", "utf-16le"),
            ("UTF16BE", "utf-16be"),
            ("utf-16be", "utf-16be"),
            (" big5 ", "big5"),
            ("EUC-KR", "euc-kr"),
            ("CP936", "gbk"),
            ("latin1", "windows-1252"),
        ];
        for (label, name) in cases {
            assert_eq!(encoding(label).to_string(), name);
        }
        for name in ALIASES.map(|alias| alias.1).into_iter().chain(Encoding::COMMON).chain(TESTED) {
            encoding(name);
        }
        assert_eq!(Encoding::default(), encoding("utf-8"));
    }

    #[test]
    fn an_unknown_encoding_is_told_the_common_ones() {
        for label in ["", "klingon\u{1b}", "replacement", "iso-2022-kr"] {
            assert!(label.parse::<Encoding>().is_err(), "{label}");
        }
        let error = "kl\u{1b}".parse::<Encoding>().expect_err("no such encoding").to_string();
        assert!(error.starts_with(r#"no encoding is called "kl\u{1b}" (common ones: utf-8, gbk, "#), "{error}");
    }

    #[test]
    fn text_is_encoded() {
        assert_eq!(encoding("gbk").encode("a中"), Ok(b"a\xd6\xd0".to_vec()));
        assert_eq!(encoding("utf-16le").encode("a😀"), Ok(b"a\0\x3d\xd8\0\xde".to_vec()));
        assert_eq!(encoding("utf-16be").encode("a中"), Ok(b"\0a\x4e\x2d".to_vec()));
        assert_eq!(encoding("utf-8").encode("é"), Ok("é".into()));
    }

    #[test]
    fn a_character_that_the_encoding_lacks_is_named() {
        let error = encoding("gbk").encode("中a😀").expect_err("not in gbk");
        assert_eq!(error.to_string(), r#"column 3: "😀" (U+1F600) does not exist in gbk"#);
        assert_eq!((error.at, error.character), (4, '😀'));
        let error = encoding("windows-1252").parse_escaped(r"é\nx\u{4e2d}").expect_err("not in windows-1252");
        assert_eq!(error.to_string(), r#"column 5: "中" (U+4E2D) does not exist in windows-1252"#);
        let error = encoding("latin1").parse_escaped(r"\\ab\x01é中").expect_err("not in windows-1252");
        assert_eq!(error.to_string(), r#"column 10: "中" (U+4E2D) does not exist in windows-1252"#);
        let error = encoding("iso-2022-jp").encode("ab\u{1b}").expect_err("would be a shift");
        assert_eq!(error.to_string(), r#"column 3: "\u{1b}" (U+001B) does not exist in iso-2022-jp"#);
        let error = encoding("gbk").parse_escaped(r"中\q").expect_err("no escape");
        assert!(error.to_string().starts_with(r#"column 2: "\q" is no escape"#));
    }

    #[test]
    fn errors_in_chinese_say_the_same() {
        let gbk = encoding("gbk");
        let error = |text| gbk.parse_escaped(text).expect_err("not in gbk").zh();
        assert_eq!(error("中a😀"), r#"第 3 列：gbk 中没有 "😀"（U+1F600）"#);
        assert!(error(r"中\q").starts_with(r#"第 2 列："\q" 不是转义"#));
        let error = "kl\u{1b}".parse::<Encoding>().expect_err("no such encoding").zh();
        assert!(error.starts_with(r#"没有名为 "kl\u{1b}" 的编码（常用：utf-8、gbk、"#), "{error}");
    }

    #[test]
    fn escapes_are_bytes_or_encoded_characters() {
        assert_eq!(encoding("gbk").parse_escaped(r"中\xff\n\u{4e2d}"), Ok(b"\xd6\xd0\xff\n\xd6\xd0".to_vec()));
        assert_eq!(encoding("utf-16be").parse_escaped(r"a\n\xff\\"), Ok(b"\0a\0\n\xff\0\\".to_vec()));
    }

    #[test]
    fn a_split_character_shows_with_its_last_byte() {
        for (name, text) in [("utf-8", "中"), ("utf-8", "😀"), ("gbk", "中"), ("gb18030", "😀"), ("utf-16le", "😀")]
        {
            let bytes = encoding(name).encode(text).expect(name);
            let (mut decoder, mut out) = (Decoder::new(encoding(name)), String::new());
            for byte in bytes {
                assert_eq!(out, "", "{name}");
                decoder.decode(&[byte], &mut out);
            }
            assert_eq!(out, text, "{name}");
        }
    }

    #[test]
    fn malformed_bytes_show_as_they_came() {
        let cases: [(&str, &[u8], &str); 13] = [
            ("utf-8", b"a\xff\xe4\xb8b\xf0\x9f\x98", r"a\xff\xe4\xb8b\xf0\x9f\x98"),
            ("utf-8", b"\xef\xbb\xbfa\xc2\x85", r"\u{feff}a\u{85}"),
            ("gbk", b"\x81 \xd6\xd0\xd6", r"\x81 中\xd6"),
            ("gbk", b"\x81\x30\x81\x7f\\", r"\x810\x81\x7f\\"),
            ("gbk", b"\x81\x30\x81\x30", r"\u{80}"),
            ("gb18030", b"\x81\x30\x81", r"\x81\x30\x81"),
            ("gb18030", b"\xff\xd6\xd0\x1b", r"\xff中\x1b"),
            ("shift_jis", b"\x81\x0a\xa0\\", r"\x81\n\xa0\\"),
            ("utf-16le", b"\xff\xfea\0\x1b\0\n\0\\\0", r"\u{feff}a\u{1b}\n\\"),
            ("utf-16le", b"\x3d\xd8a\0\0\xde\x3d\xd8\x3d\xd8\0\xdea", r"\x3d\xd8a\x00\xde\x3d\xd8😀\x61"),
            ("utf-16be", b"\xd8\x3d\0", r"\xd8\x3d\x00"),
            ("windows-1252", b"\x80\x81\xff\x1b", r"€\u{81}ÿ\x1b"),
            ("iso-2022-jp", b"\x1b$B\x24\x22\x1b(B\x0e\x1b(", r"あ\x0e\x1b("),
        ];
        for (name, bytes, text) in cases {
            assert_eq!(decode(name, [bytes]), text, "{name}");
            assert_eq!(decode(name, bytes.chunks(1)), text, "{name} byte by byte");
        }
    }

    #[test]
    fn a_finished_decoder_starts_afresh() {
        for name in TESTED {
            let (mut decoder, mut out) = (Decoder::new(encoding(name)), String::new());
            decoder.decode(b"\xe4", &mut out);
            decoder.finish(&mut out);
            out.clear();
            let hello = encoding(name).encode("hello").expect(name);
            decoder.decode(&hello, &mut out);
            decoder.finish(&mut out);
            decoder.finish(&mut out);
            assert_eq!(out, "hello", "{name}");
        }
    }

    /// Decodes bytes of an encoding without shifts; no byte of them may be lost.
    fn decode_whole(name: &str, bytes: &[u8]) -> String {
        let text = decode(name, [bytes]);
        assert!(text.chars().all(escape::is_safe), "{name} {bytes:x?}: {text}");
        assert_eq!(unaccounted(encoding(name), bytes, &text), [0; 0], "{name} {bytes:x?}: {text}");
        text
    }

    fn check_reads_back(name: &str, bytes: &[u8]) {
        let text = decode_whole(name, bytes);
        match encoding(name).parse_escaped(&text) {
            Ok(again) if again == bytes => {}
            // The same characters in their usual form, and the same malformed bytes.
            Ok(again) if !REVERSIBLE.contains(&name) => {
                assert_eq!(decode(name, [&*again]), text, "{name} {bytes:x?}");
            }
            // Some characters can only be decoded.
            Err(ComposeError::Encode(_)) if !REVERSIBLE.contains(&name) => {}
            other => panic!("{name} {bytes:x?}: {text} became {other:x?}"),
        }
    }

    /// Takes the text's bytes, and what decodes to its characters, off the front of `bytes`; gives what is left.
    fn unaccounted<'a>(encoding: Encoding, mut bytes: &'a [u8], text: &str) -> &'a [u8] {
        for piece in escape::pieces(text) {
            let mut utf8 = [0; 4];
            let mut run = match piece.expect("an escape").1 {
                Piece::Text(run) => run,
                Piece::Char(c) => c.encode_utf8(&mut utf8),
                Piece::Byte(byte) => {
                    assert_eq!(bytes.split_off_first(), Some(&byte), "{text}");
                    continue;
                }
            };
            while !run.is_empty() {
                let (length, rest) = (1..=bytes.len().min(4))
                    .find_map(|length| {
                        let c = encoding.0.decode_without_bom_handling_and_without_replacement(&bytes[..length])?;
                        Some((length, run.strip_prefix(&*c)?))
                    })
                    .unwrap_or_else(|| panic!("{run} of {text} is not in {bytes:x?}"));
                (bytes, run) = (&bytes[length..], rest);
            }
        }
        bytes
    }

    #[test]
    fn single_byte_encodings_read_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        for name in SINGLE_BYTE {
            assert_eq!(encoding(name).parse_escaped(&decode(name, [&*bytes])), Ok(bytes.clone()), "{name}");
        }
    }

    #[test]
    fn no_pair_of_bytes_is_lost() {
        for name in TESTED.into_iter().filter(|name| *name != "iso-2022-jp") {
            for lead in 0..=255 {
                // A line feed continues no character; two of them are one of UTF-16.
                let pairs: Vec<u8> = (0..=255).flat_map(|trail| [lead, trail, b'\n', b'\n']).collect();
                decode_whole(name, &pairs);
            }
        }
    }

    /// Bytes that like to begin, continue and spoil characters.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let nasty =
            select(b"\x00\x0a\x1b$(BJ@\\09aA~\x7f\x80\x81\x82\x8e\x8f\xa1\xbf\xc2\xd6\xd8\xdc\xe4\xf0\xff".to_vec());
        prop::collection::vec(prop_oneof![3 => nasty, 1 => any::<u8>()], 0..24)
    }

    /// Bytes of text that is mostly right, in the encoding.
    fn written(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => "[a-z0-9\\\\\r\n中文網路日本語한국어é€😀\u{feff}\u{202e}]{0,40}",
            1 => any::<char>().prop_map(String::from)
        ];
        let piece = piece.prop_map(move |text| encoding(name).encode(&text).unwrap_or_default());
        prop::collection::vec(prop_oneof![4 => piece, 1 => bytes()], 0..40).prop_map(|pieces| pieces.concat())
    }

    fn stream() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
        select(&TESTED[..]).prop_flat_map(|name| (Just(name), prop_oneof![bytes(), written(name)]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn reads_do_not_matter((name, bytes) in stream(), sizes in prop::collection::vec(1..6usize, 1..9)) {
            let (mut rest, mut sizes) = (&*bytes, sizes.into_iter().cycle());
            let reads = std::iter::from_fn(|| rest.split_off(..sizes.next()?.min(rest.len().max(1))));
            let text = decode(name, reads.flat_map(|read| [read, &[]]));
            prop_assert_eq!(text, decode(name, [&*bytes]));
            prop_assert_eq!(decode(name, bytes.chunks(1)), decode(name, [&*bytes]));
        }

        #[test]
        fn shown_text_reads_back((name, bytes) in stream().prop_filter("shifts", |stream| stream.0 != "iso-2022-jp")) {
            check_reads_back(name, &bytes);
        }

        #[test]
        fn plain_text_is_the_encodings_own((name, bytes) in stream(), size in 1..9usize) {
            let (mut decoder, mut out) = (Decoder::new(encoding(name)), String::new());
            bytes.chunks(size).for_each(|read| decoder.decode_plain(read, &mut out));
            let whole = encoding(name).0.decode_without_bom_handling(&bytes).0;
            prop_assert!(whole.starts_with(&out), "{} {:?} {:?}", name, out, whole);
            decoder.finish_plain(&mut out);
            prop_assert_eq!(out, whole, "{}", name);
        }

        #[test]
        fn utf_8_shows_as_escapes_do(bytes in prop_oneof![bytes(), written("utf-8")]) {
            let text = decode("utf-8", [&*bytes]);
            prop_assert_eq!(&text, &escape::emit(&bytes));
            prop_assert_eq!(escape::parse(&text), Ok(bytes));
        }
    }
}
