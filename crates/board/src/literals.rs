//! Bytes literals as boards read them: what is beyond ASCII in them is its UTF-8, for their lexer is "8-bit clean"
//! (MicroPython `py/lexer.c`). Our parser refuses that, as CPython's does; what it is given has escapes.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;

use crate::profile::{Profile, Sockets};

/// The program with escapes for what is beyond ASCII in its bytes literals; lines stay as they are. `None` where there
/// is nothing to do.
pub(crate) fn without_wide_bytes(text: &str, mode: Mode, profile: &Profile) -> Option<String> {
    let may_have_some =
        || ["b'", "b\"", "B'", "B\"", "r'", "r\"", "R'", "R\""].iter().any(|start| text.contains(start));
    if profile.sockets == Sockets::CPython || text.is_ascii() || !may_have_some() {
        return None;
    }
    let parsed = parse_unchecked(text, ParseOptions::from(mode));
    let (mut escaped, mut done) = (String::with_capacity(text.len()), 0);
    for token in parsed.tokens().iter().filter(|token| token.kind() == TokenKind::String) {
        let literal = &text[token.range()];
        let (prefix, _) = literal.split_at(literal.find(['\'', '"']).unwrap_or(0));
        if !literal.is_ascii() && prefix.contains(['b', 'B']) {
            escaped += &text[done..usize::from(token.start())];
            push_escaped(literal, prefix, &mut escaped);
            done = usize::from(token.end());
        }
    }
    (done > 0).then(|| escaped + &text[done..])
}

/// A raw one becomes one that is not: there is no other way to write its bytes.
fn push_escaped(literal: &str, prefix: &str, out: &mut String) {
    let is_raw = prefix.contains(['r', 'R']);
    out.push('b');
    let mut characters = literal[prefix.len()..].chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if is_raw => {
                out.push_str("\\\\");
                match characters.next() {
                    Some(quote @ ('\'' | '"')) => out.extend(['\\', quote]),
                    Some('\\') => out.push_str("\\\\"),
                    Some('\n') => out.push_str("\\n\\\n"), // the line goes on, as it did
                    next => push(next, out),
                }
            }
            '\\' => {
                let next = characters.next();
                // An escape that is none keeps its backslash.
                out.push_str(if next.is_some_and(|next| !next.is_ascii()) { "\\\\" } else { "\\" });
                push(next, out);
            }
            _ => push(Some(character), out),
        }
    }
}

fn push(character: Option<char>, out: &mut String) {
    let Some(character) = character else { return };
    match character.is_ascii() {
        true => out.push(character),
        false => character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| *out += &format!("\\x{byte:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(board: &str, text: &str) -> Option<String> {
        without_wide_bytes(text, Mode::Module, Profile::named(board).expect("a board"))
    }

    #[test]
    fn what_is_beyond_ascii_is_written_as_its_bytes() {
        for (text, becomes) in [
            ("x = b'é'", "x = b'\\xc3\\xa9'"),
            (
                "x = 'é', b'a', B\"\"\"é\n中\"\"\" # b'é'",
                "x = 'é', b'a', b\"\"\"\\xc3\\xa9\n\\xe4\\xb8\\xad\"\"\" # b'é'",
            ),
            ("rb'\\é\\'\\n中'", "b'\\\\\\xc3\\xa9\\\\\\'\\\\n\\xe4\\xb8\\xad'"),
            ("rb'é\\\nx'", "b'\\xc3\\xa9\\\\\\n\\\nx'"),
            ("b'\\n\\é\\\\é'", "b'\\n\\\\\\xc3\\xa9\\\\\\xc3\\xa9'"),
        ] {
            assert_eq!(on("esp32", text).as_deref(), Some(becomes), "{text}");
        }
    }

    #[test]
    fn all_else_is_left_alone() {
        for text in ["x = b'a'", "x = 'é'", "b = 'é'; x = b'a'", "# b'é'", "'b' 'é'"] {
            assert_eq!(on("esp32", text), None, "{text}");
        }
        assert_eq!(on("linux", "x = b'é'"), None, "CPython refuses it");
    }
}
