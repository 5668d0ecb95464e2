//! Bytes as hexadecimal digits: written one way, read in the many ways people paste them.
//! Text with escapes belongs in `escape`, character encodings in `text`.

use std::fmt;

use crate::escape::{Shown, column_of};

/// What may stand in front of the digits of a byte or of a group.
const PREFIXES: [&str; 4] = ["0x", "0X", "\\x", "\\X"];

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Where a text stops being hex, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {kind}")]
pub struct HexError {
    /// The place, in bytes from the start of the text.
    pub at: usize,
    /// The place for people: in characters of the whole text, line breaks included, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: HexErrorKind,
}

/// What can be wrong with hex.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexErrorKind {
    /// A character that is neither a digit nor a separator.
    #[error("\"{}\" is no hex digit", Shown(&.0.to_string()))]
    NotHex(char),
    /// A group has an odd number of digits, and this is the last of them.
    #[error("hex digit \"{0}\" has no partner")]
    Odd(char),
    /// A prefix such as `0x` with no digits after it.
    #[error("\"{0}\" has no digits after it")]
    BarePrefix(&'static str),
}

impl HexError {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        let reason = match &self.kind {
            HexErrorKind::NotHex(c) => format!("\"{}\" 不是十六进制数字", Shown(&c.to_string())),
            HexErrorKind::Odd(digit) => format!("十六进制数字 \"{digit}\" 不成对"),
            HexErrorKind::BarePrefix(prefix) => format!("\"{prefix}\" 之后没有数字"),
        };
        format!("第 {} 列：{reason}", self.column)
    }
}

/// Reads bytes of two digits each, of either case, in groups of any length.
///
/// Groups may be parted by white space, line breaks, commas, colons and semicolons, and may begin with `0x` or `\x`,
/// as may every byte. A text without digits is no bytes.
///
/// # Errors
/// The first thing that is none of that. A digit is never padded, so that a lost one shows.
pub fn parse(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut rest = text.trim_start_matches(is_separator);
    while !rest.is_empty() {
        let (byte, after) = parse_byte(rest).map_err(|fault| fault.within(text))?;
        bytes.push(byte);
        rest = after.trim_start_matches(is_separator);
    }
    Ok(bytes)
}

/// What is wrong, and the rest of the text from there on.
struct Fault<'a>(HexErrorKind, &'a str);

impl Fault<'_> {
    fn within(self, text: &str) -> HexError {
        let at = text.len() - self.1.len();
        HexError { at, column: column_of(text, at), kind: self.0 }
    }
}

/// Reads the byte at the front of a text that begins with no separator; gives what follows it as well.
fn parse_byte(text: &str) -> Result<(u8, &str), Fault<'_>> {
    let prefix = PREFIXES.into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or_default();
    let digits = &text[prefix.len()..];
    let (high, after) = split_digit(digits).ok_or_else(|| match digits.chars().next() {
        Some(c) if prefix.is_empty() || !ends_group(c) => Fault(HexErrorKind::NotHex(c), digits),
        _ => Fault(HexErrorKind::BarePrefix(prefix), text),
    })?;
    let (low, after) = split_digit(after).ok_or_else(|| match after.chars().next() {
        Some(c) if !ends_group(c) => Fault(HexErrorKind::NotHex(c), after),
        _ => Fault(HexErrorKind::Odd(digits.chars().next().unwrap_or_default()), digits),
    })?;
    Ok((high << 4 | low, after))
}

fn split_digit(text: &str) -> Option<(u8, &str)> {
    let value = text.chars().next()?.to_digit(16)?;
    Some((u8::try_from(value).ok()?, &text[1..]))
}

/// Any white space: what is pasted from a web page has no-break and ideographic spaces in it.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ':' | ';')
}

/// A backslash can only begin the prefix of the next group.
fn ends_group(c: char) -> bool {
    is_separator(c) || c == '\\'
}

/// Writes bytes as `01 02 ff`; no bytes are the empty text.
pub fn emit(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    // A string takes whatever it is given.
    let _ = write(bytes, &mut out);
    out
}

/// Writes bytes as [`emit`] does, without a buffer in between.
///
/// # Errors
/// Those of `out`.
pub fn write(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.write_char(' ')?;
        }
        out.write_char(DIGITS[usize::from(byte >> 4)])?;
        out.write_char(DIGITS[usize::from(byte & 15)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_habit_of_writing_hex_is_read() {
        let habits = [
            "0102ff",
            "01 02 FF",
            " 01\t02\r\nfF\n",
            "01:02:ff",
            "01,02;ff,",
            "0x01, 0x02, 0XfF",
            "0x0102ff",
            "0x010x020xff",
            r"\x01\x02\xff",
            r"\X0102 \xff",
            "01\u{a0}02\u{3000}ff",
        ];
        for text in habits {
            assert_eq!(parse(text), Ok(vec![1, 2, 255]), "{text:?}");
        }
        assert_eq!(parse(" ,\n"), Ok(vec![]));
    }

    #[test]
    fn errors_point_at_the_character() {
        let cases = [
            ("01 02 f", 6, r#"column 7: hex digit "f" has no partner"#),
            ("1 2", 0, r#"column 1: hex digit "1" has no partner"#),
            ("0x1, 0x2", 2, r#"column 3: hex digit "1" has no partner"#),
            ("010", 2, r#"column 3: hex digit "0" has no partner"#),
            (r"0\x01", 0, r#"column 1: hex digit "0" has no partner"#),
            ("01g2", 2, r#"column 3: "g" is no hex digit"#),
            ("0g", 1, r#"column 2: "g" is no hex digit"#),
            ("01-02", 2, r#"column 3: "-" is no hex digit"#),
            (r"01 \n", 3, r#"column 4: "\" is no hex digit"#),
            ("0xg1", 2, r#"column 3: "g" is no hex digit"#),
            ("0x0x01", 3, r#"column 4: "x" is no hex digit"#),
            ("01\u{a0}\u{ff11}", 4, "column 4: \"\u{ff11}\" is no hex digit"),
            ("0\u{202e}", 1, r#"column 2: "\u{202e}" is no hex digit"#),
            ("0x", 0, r#"column 1: "0x" has no digits after it"#),
            ("01 0X 02", 3, r#"column 4: "0X" has no digits after it"#),
            (r"\x\x01", 0, r#"column 1: "\x" has no digits after it"#),
        ];
        for (text, at, message) in cases {
            let error = parse(text).expect_err(text);
            assert_eq!((error.at, error.to_string()), (at, message.into()), "{text:?}");
        }
    }

    #[test]
    fn errors_in_chinese_say_the_same() {
        let chinese = |text: &str| parse(text).expect_err(text).zh();
        assert_eq!(chinese("01 0g"), r#"第 5 列："g" 不是十六进制数字"#);
        assert_eq!(chinese("01 \u{1b}"), r#"第 4 列："\u{1b}" 不是十六进制数字"#);
        assert_eq!(chinese("012"), r#"第 3 列：十六进制数字 "2" 不成对"#);
        assert_eq!(chinese("0x"), r#"第 1 列："0x" 之后没有数字"#);
    }

    #[test]
    fn emits_pairs() {
        assert_eq!(emit(&[1, 2, 255]), "01 02 ff");
        assert_eq!(emit(&[]), "");
    }

    proptest! {
        #[test]
        fn what_is_emitted_reads_back(bytes: Vec<u8>) {
            prop_assert_eq!(parse(&emit(&bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_gives_bytes_or_a_place_in_it(text in r"(\PC|[0-9a-fx\\, ]){0,20}") {
            if let Err(error) = parse(&text) {
                prop_assert!(text.is_char_boundary(error.at) && error.at < text.len());
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
