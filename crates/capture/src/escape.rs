//! Bytes as text with escapes: every byte can be written, and nothing written can drive a terminal.
//! What a character is in bytes other than UTF-8 belongs in `text`, plain hex in `hex`.
//!
//! `\n \r \t \0 \a \b \\ \"` and `\u{...}` stand for characters; `\xNN` stands for one byte, whatever the encoding.

use std::fmt;

/// The letters after a backslash that stand for a character.
const LETTERS: [(char, char); 8] = [
    ('n', '\n'),
    ('r', '\r'),
    ('t', '\t'),
    ('0', '\0'),
    ('\\', '\\'),
    ('"', '"'),
    ('a', '\x07'), // rings the bell
    ('b', '\x08'), // steps back
];

/// Where a text has a bad escape, and why it is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {kind}")]
pub struct EscapeError {
    /// The place of the backslash, in bytes from the start of the text.
    pub at: usize,
    /// The place for people: in characters of the whole text, line breaks included, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: EscapeErrorKind,
}

/// What can be wrong with an escape. The text is the sequence as it was written, cut short where it is long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EscapeErrorKind {
    /// Nothing stands for this.
    #[error("\"{}\" is no escape (there are \\n \\r \\t \\0 \\a \\b \\\\ \\\" \\xNN \\u{{...}})", Shown(.0))]
    Unknown(String),
    /// `\x` without two hex digits after it.
    #[error("\"{}\" is no byte (write \\x and two hex digits)", Shown(.0))]
    BadByte(String),
    /// `\u` without braces and 1 to 6 hex digits, or with the number of a surrogate or of nothing.
    #[error("\"{}\" is no character (write \\u{{...}} with its number in hex)", Shown(.0))]
    BadChar(String),
    /// The text ends in a backslash that begins nothing.
    #[error("a backslash at the end begins nothing (write \\\\ for a backslash)")]
    Trailing,
}

impl EscapeError {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        let reason = match &self.kind {
            EscapeErrorKind::Unknown(text) => {
                format!(r#""{}" 不是转义（可用：\n \r \t \0 \a \b \\ \" \xNN \u{{...}}）"#, Shown(text))
            }
            EscapeErrorKind::BadByte(text) => format!(r#""{}" 不是字节（写成 \x 加两个十六进制数字）"#, Shown(text)),
            EscapeErrorKind::BadChar(text) => {
                format!(r#""{}" 不是字符（写成 \u{{...}}，括号内是十六进制编号）"#, Shown(text))
            }
            EscapeErrorKind::Trailing => r"末尾的反斜杠后没有内容（要写反斜杠，请写成 \\）".into(),
        };
        format!("第 {} 列：{reason}", self.column)
    }
}

/// One piece of a text with escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Characters that stand for themselves; never empty.
    Text(&'a str),
    /// A character that was written as an escape.
    Char(char),
    /// A byte that was written as `\xNN`.
    Byte(u8),
}

/// The pieces of `text`, each with its place in bytes from the start, for an encoder that is not UTF-8's.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces { text, at: 0 }
}

/// What [`pieces`] gives: pieces in order, and nothing more after an error.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<(usize, Piece<'a>), EscapeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (text, at) = (self.text, self.at);
        if at == text.len() {
            return None;
        }
        let piece = first_piece(&text[at..]);
        self.at = piece.as_ref().map_or(text.len(), |(_, length)| at + length);
        Some(piece.map(|(piece, _)| (at, piece)).map_err(|kind| EscapeError { at, column: column_of(text, at), kind }))
    }
}

/// The piece at the front of a text that is not empty, and its length as written.
fn first_piece(text: &str) -> Result<(Piece<'_>, usize), EscapeErrorKind> {
    match text.find('\\').unwrap_or(text.len()) {
        0 => parse_escape(text),
        length => Ok((Piece::Text(&text[..length]), length)),
    }
}

/// Reads the escape at the front of a text that begins with a backslash.
fn parse_escape(text: &str) -> Result<(Piece<'static>, usize), EscapeErrorKind> {
    match text[1..].chars().next() {
        None => Err(EscapeErrorKind::Trailing),
        Some('x') => {
            let byte = parse_byte(&text[2..]).ok_or_else(|| EscapeErrorKind::BadByte(sequence(text, 4)))?;
            Ok((Piece::Byte(byte), 4))
        }
        Some('u') => {
            let (c, length) = parse_char(&text[2..]).ok_or_else(|| EscapeErrorKind::BadChar(sequence(text, 10)))?;
            Ok((Piece::Char(c), 2 + length))
        }
        Some(letter) => {
            let (_, c) = LETTERS
                .into_iter()
                .find(|named| named.0 == letter)
                .ok_or_else(|| EscapeErrorKind::Unknown(format!("\\{letter}")))?;
            Ok((Piece::Char(c), 2))
        }
    }
}

/// Reads the two digits of a byte.
fn parse_byte(text: &str) -> Option<u8> {
    let mut digits = text.chars().map(|c| c.to_digit(16));
    let (high, low) = (digits.next()??, digits.next()??);
    u8::try_from(high << 4 | low).ok()
}

/// Reads the braces of a character and what is in them; gives their length as well.
fn parse_char(text: &str) -> Option<(char, usize)> {
    let (digits, _) = text.strip_prefix('{')?.split_once('}')?;
    // `from_str_radix` alone would take a sign and any number of zeros.
    let plain = digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
    Some((char::from_u32(number)?, digits.len() + 2))
}

/// An escape as it was written, for a message: up to a brace or white space, and at most `limit` characters.
fn sequence(text: &str, limit: usize) -> String {
    let end = text.find('}').map_or(text.len(), |at| at + 1);
    text[..end].chars().take_while(|c| !c.is_whitespace()).take(limit).collect()
}

/// The column of the character that begins `at` bytes into the text, from 1.
pub(crate) fn column_of(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}

/// Text of others within a message: unsafe characters are escaped, backslashes are left alone.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if is_safe(c) { write!(f, "{c}") } else { write!(f, "{}", c.escape_unicode()) })
    }
}

/// Reads text with escapes; characters become UTF-8.
///
/// # Errors
/// The first backslash that begins no escape.
pub fn parse(text: &str) -> Result<Vec<u8>, EscapeError> {
    let mut bytes = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        match piece?.1 {
            Piece::Text(run) => bytes.extend_from_slice(run.as_bytes()),
            Piece::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Byte(byte) => bytes.push(byte),
        }
    }
    Ok(bytes)
}

/// Writes any bytes as text that [`parse`] reads back as the same bytes: UTF-8 as it is where [`is_safe`], a backslash
/// doubled, everything else as escapes.
pub fn emit(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push(bytes, &mut out);
    out
}

/// Adds to `out` what [`emit`] gives.
pub fn push(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        push_text(chunk.valid(), Controls::Byte, out);
        push_bytes(chunk.invalid(), out);
    }
}

/// How an ASCII control without a letter of its own is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controls {
    /// As the byte that it is: `\x1b`.
    Byte,
    /// As a character, where the encoding makes it more or other than that byte: `\u{1b}`.
    Char,
}

/// Adds characters to `out`, with a backslash doubled and unsafe ones as escapes.
pub(crate) fn push_text(text: &str, controls: Controls, out: &mut String) {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if !is_safe(c) || c == '\\' {
            out.push_str(&text[start..at]);
            push_escape(c, controls, out);
            start = at + c.len_utf8();
        }
    }
    out.push_str(&text[start..]);
}

fn push_escape(c: char, controls: Controls, out: &mut String) {
    match (LETTERS.into_iter().find(|named| named.1 == c), u8::try_from(c)) {
        (Some((letter, _)), _) => out.extend(['\\', letter]),
        (None, Ok(byte)) if byte.is_ascii() && controls == Controls::Byte => push_bytes(&[byte], out),
        _ => out.extend(c.escape_unicode()),
    }
}

/// Adds bytes to `out`, each as `\xNN`.
pub(crate) fn push_bytes(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
        out.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Whether a character can be shown as it is: it does not drive a terminal, reorder or break a line, or hide.
///
/// Combining marks, variation selectors, private use and unassigned characters are safe; so is the backslash, though
/// [`emit`] doubles it. The zero-width joiner is not, so that a joined emoji shows its parts.
pub fn is_safe(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}' => false,
        _ => !(is_layout(c) || is_invisible(c) || is_noncharacter(c)),
    }
}

/// Breaks a line, or changes the direction of what follows.
fn is_layout(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Takes no room, or none of its own, and so hides in a text: format characters, joiners, fillers and tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Never a character, by the standard's promise.
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_escape_is_read() {
        let cases: [(&str, &[u8]); 7] = [
            ("", b""),
            ("plain 中", "plain 中".as_bytes()),
            (r#"\n\r\t\0\a\b\\\""#, b"\n\r\t\0\x07\x08\\\""),
            (r"\x00\xfF1", b"\x00\xff1"),
            (r"\u{1b}\u{00e9}\u{10FFFF}", "\x1b\u{e9}\u{10ffff}".as_bytes()),
            (r"a\\nb", br"a\nb"),
            (r"\012", b"\x0012"),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text).as_deref(), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn errors_name_column_and_sequence() {
        let cases = [
            (r"中\q", 3, r#"column 2: "\q" is no escape"#),
            (r"\e", 0, r#"column 1: "\e" is no escape"#),
            ("\\\u{202e}", 0, r#"column 1: "\\u{202e}" is no escape"#),
            (r"\x1", 0, r#"column 1: "\x1" is no byte"#),
            (r"\x1 2", 0, r#"column 1: "\x1" is no byte"#),
            (r"ab\x+1c", 2, r#"column 3: "\x+1" is no byte"#),
            (r"\x中1", 0, r#"column 1: "\x中1" is no byte"#),
            (r"\u0041", 0, r#"column 1: "\u0041" is no character"#),
            (r"\u{}", 0, r#"column 1: "\u{}" is no character"#),
            (r"\u{d800}", 0, r#"column 1: "\u{d800}" is no character"#),
            (r"\u{110000} }", 0, r#"column 1: "\u{110000}" is no character"#),
            (r"\u{+41}", 0, r#"column 1: "\u{+41}" is no character"#),
            (r"\u{0000041}", 0, r#"column 1: "\u{0000041" is no character"#),
            (r"\u{41", 0, r#"column 1: "\u{41" is no character"#),
            (r"a\n\", 3, "column 4: a backslash at the end begins nothing"),
        ];
        for (text, at, message) in cases {
            let error = parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}");
            assert!(error.to_string().starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn messages_show_the_escapes_with_one_backslash() {
        let error = parse(r"\q").expect_err("no such escape");
        assert_eq!(
            error.to_string(),
            r#"column 1: "\q" is no escape (there are \n \r \t \0 \a \b \\ \" \xNN \u{...})"#
        );
    }

    #[test]
    fn errors_in_chinese_say_the_same() {
        let chinese = |text: &str| parse(text).expect_err(text).zh();
        assert_eq!(chinese(r"中\q"), r#"第 2 列："\q" 不是转义（可用：\n \r \t \0 \a \b \\ \" \xNN \u{...}）"#);
        assert_eq!(chinese(r"\x4"), r#"第 1 列："\x4" 不是字节（写成 \x 加两个十六进制数字）"#);
        assert_eq!(chinese(r"a\u41"), r#"第 2 列："\u41" 不是字符（写成 \u{...}，括号内是十六进制编号）"#);
        assert_eq!(chinese("a\\"), r"第 2 列：末尾的反斜杠后没有内容（要写反斜杠，请写成 \\）");
    }

    #[test]
    fn pieces_end_with_an_error() {
        let found: Vec<_> = pieces(r"ab\x01\n\qc").map(|piece| piece.map_err(|error| error.at)).collect();
        assert_eq!(found, [Ok((0, Piece::Text("ab"))), Ok((2, Piece::Byte(1))), Ok((6, Piece::Char('\n'))), Err(8)]);
    }

    #[test]
    fn only_what_is_unsafe_is_escaped() {
        assert_eq!(emit("a\"b\\c 中é\u{1f600}\r\n".as_bytes()), r#"a"b\\c 中é😀\r\n"#);
        assert_eq!(emit(b"\x1b[31m\x7f\xff\xe4\xb8"), r"\x1b[31m\x7f\xff\xe4\xb8");
        assert_eq!(emit("\u{85}\u{202e}\u{2028}\u{feff}".as_bytes()), r"\u{85}\u{202e}\u{2028}\u{feff}");
    }

    #[test]
    fn unsafe_characters_are_known() {
        let ranges = [
            '\0'..='\x1f',
            '\x7f'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{61c}'..='\u{61c}',
            '\u{180e}'..='\u{180e}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{fdd0}'..='\u{fdef}',
            '\u{feff}'..='\u{feff}',
            '\u{fff9}'..='\u{fffb}',
            '\u{fffe}'..='\u{ffff}',
            '\u{e0000}'..='\u{e007f}',
            '\u{10fffe}'..='\u{10ffff}',
        ];
        assert_eq!(ranges.into_iter().flatten().find(|c| is_safe(*c)), None);
        let safe = " ~\\\u{a0}é中\u{301}\u{200a}\u{2010}\u{3000}\u{fe0f}\u{e0100}\u{e000}\u{fffd}😀";
        assert_eq!(safe.chars().find(|c| !is_safe(*c)), None);
    }

    /// Bytes that are often UTF-8, often controls and backslashes, and sometimes anything.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            r"[\x00-\x7f]{0,3}".prop_map(String::into_bytes),
            r"\\[xu0n{}1]{0,3}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_safe_and_reads_back(bytes in bytes()) {
            let text = emit(&bytes);
            prop_assert!(text.chars().all(is_safe), "{}", text);
            prop_assert_eq!(parse(&text), Ok(bytes));
        }

        #[test]
        fn any_text_gives_bytes_or_a_place_in_it(text in r"(\PC|\\|[xu{}0-9a-f]){0,20}") {
            if let Err(error) = parse(&text) {
                prop_assert_eq!(&text[error.at..=error.at], "\\");
                prop_assert!(error.to_string().chars().all(is_safe));
            }
        }
    }
}
