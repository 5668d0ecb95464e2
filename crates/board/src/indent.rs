//! Indentation as boards read it: a tab leads to the next column that is a multiple of eight (MicroPython `py/lexer.c`).
//! Our compiler takes tabs or spaces and refuses a mixture; what it is given has spaces only.

use std::borrow::Cow;

use crate::profile::{Profile, Sockets};

/// The columns that a tab leads to.
const TAB: usize = 8;

/// The program with spaces for the tabs that lines begin with; lines and what is in strings stay as they are.
/// CPython refuses a mixture itself: its programs come back unchanged.
pub(crate) fn without_tabs<'a>(text: &'a str, profile: &Profile) -> Cow<'a, str> {
    if profile.sockets == Sockets::CPython || !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let mut expanded = String::with_capacity(text.len());
    let mut open = None;
    for line in text.split_inclusive('\n') {
        let (width, rest) = if open.is_some() { (0, line) } else { indentation(line) };
        expanded.extend(std::iter::repeat_n(' ', width));
        expanded.push_str(rest);
        open = string_open_after(rest, open);
    }
    Cow::Owned(expanded)
}

/// How deep a line is, in columns, and what follows.
fn indentation(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches([' ', '\t']);
    let white = line[..line.len() - rest.len()].chars();
    (white.fold(0, |column, c| if c == '\t' { column / TAB * TAB + TAB } else { column + 1 }), rest)
}

/// The quotes of the string that is open at the end of a line, given the one at its beginning.
fn string_open_after(line: &str, mut open: Option<&'static str>) -> Option<&'static str> {
    let mut rest = line;
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        match open {
            Some(quotes) if rest.starts_with(quotes) => (open, taken) = (None, quotes.len()),
            // The character behind a backslash ends no string, not even if the line does.
            Some(_) if next == '\\' => taken += rest[taken..].chars().next().map_or(0, char::len_utf8),
            Some(quotes) if next == '\n' && quotes.len() == 1 => open = None,
            Some(_) => {}
            None if next == '#' => return None,
            None => {
                open = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| rest.starts_with(quotes));
                taken = open.map_or(taken, str::len);
            }
        }
        rest = &rest[taken..];
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn esp32(text: &str) -> String {
        without_tabs(text, Profile::named("esp32").unwrap()).into_owned()
    }

    #[test]
    fn a_tab_leads_to_the_next_multiple_of_eight() {
        assert_eq!(esp32("if 1:\n \tx\n\ty\n        z\n"), "if 1:\n        x\n        y\n        z\n");
        assert_eq!(esp32("\t \tx\t# \t\n"), "                x\t# \t\n");
    }

    #[test]
    fn strings_and_comments_keep_theirs() {
        for text in [
            "x = '''\n\ta\n\t'''\n",
            "x = \"\"\"'\n\t\\\"\"\"\n\t\"\"\"\n",
            "x = 'a\\\n\tb'\n",
            "x = '''a''' '''\n\t'''\n",
            "x = r'\\'\\\n\t'\n",
        ] {
            assert_eq!(esp32(text), text);
        }
        assert_eq!(esp32("x = 1 # '''\n\ty\n"), "x = 1 # '''\n        y\n");
        assert_eq!(esp32("x = 'never closed\n\ty\n"), "x = 'never closed\n        y\n");
    }

    #[test]
    fn cpython_has_its_own_rule() {
        let text = "if 1:\n\tx\n";
        assert_eq!(without_tabs(text, Profile::named("linux").unwrap()), text);
    }
}
