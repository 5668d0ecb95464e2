//! A board's prompt, byte for byte as MicroPython's: friendly, paste, raw and raw-paste. Bytes in; echoes and what is
//! to be run out. Running it belongs in `session`, editing a line in `line`.
//!
//! mpremote, Thonny and MicroPython's own test runners talk to this, and wait for exact strings.
//! Source: docs.micropython.org, reference/repl.rst; what it leaves open, as `shared/runtime/pyexec.c` does it.

use crate::line::{Key, Line};

const CTRL_A: u8 = 1;
const CTRL_B: u8 = 2;
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_E: u8 = 5;

/// How many bytes of a raw-paste the other end may send unasked; so many again for every one of our [`GRANT`]s.
const WINDOW: u16 = 128;
const GRANT: u8 = 1;

const RAW_BANNER: &[u8] = b"raw REPL; CTRL-B to exit\r\n";

/// What is to be done about what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A statement or a few, whose values are printed. Then [`Repl::ready`].
    Interactive(String),
    /// A whole file's worth. Then [`Repl::ready`].
    File(String),
    /// The same from a program: its output ends with 0x04, what it raised with another. Then [`Repl::ready`].
    Marked(Vec<u8>),
    /// The board begins anew. Then [`Repl::start`].
    SoftReset,
    /// The name before the cursor is to be completed: [`Repl::complete`].
    Complete(String),
    /// The banner is asked for. Then [`Repl::ready`].
    Banner,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Friendly,
    /// Friendly, while many lines are pasted.
    Paste,
    Raw,
    /// What is left of the window.
    RawPaste(u16),
}

/// The state of a prompt.
#[derive(Debug, Default)]
pub struct Repl {
    mode: Mode,
    line: Line,
    /// The lines of a block that is not complete, or what comes in the other modes.
    block: Vec<u8>,
}

impl Repl {
    /// A friendly prompt.
    pub fn new() -> Self {
        Repl::default()
    }

    /// Whether people are served, not programs: then `main.py` runs after a soft reset.
    pub fn is_friendly(&self) -> bool {
        matches!(self.mode, Mode::Friendly | Mode::Paste)
    }

    /// Begins, at first and after each reset, which the mode survives.
    pub fn start(&mut self, banner: &str, out: &mut Vec<u8>) {
        if self.is_friendly() {
            out.extend_from_slice(banner.as_bytes());
        } else {
            out.extend_from_slice(RAW_BANNER);
        }
        self.ready(out);
    }

    /// Asks for the next thing to do.
    pub fn ready(&mut self, out: &mut Vec<u8>) {
        self.block.clear();
        if self.is_friendly() {
            self.mode = Mode::Friendly;
            self.line.begin(">>> ", 0, out);
        } else {
            self.mode = Mode::Raw;
            out.push(b'>');
        }
    }

    /// Takes a byte.
    pub fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Action> {
        match self.mode {
            Mode::Friendly => self.friendly(byte, out),
            Mode::Paste => self.paste(byte, out),
            Mode::Raw => self.raw(byte, out),
            Mode::RawPaste(rest) => self.raw_paste(byte, rest, out),
        }
    }

    /// Completes what [`Action::Complete`] asked about: with the letters that all candidates share, or by showing them.
    pub fn complete(&mut self, typed: &str, candidates: &[String], out: &mut Vec<u8>) {
        let shared = shared_start(candidates);
        match shared.strip_prefix(typed) {
            Some(rest) if !rest.is_empty() => self.line.insert(rest, out),
            _ if candidates.len() > 1 => {
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(columns(candidates).as_bytes());
                self.line.show_again(out);
            }
            _ => {}
        }
    }

    fn friendly(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Action> {
        match self.line.key(byte, out) {
            Key::Taken => None,
            Key::Complete(before) => Some(Action::Complete(before)),
            Key::Enter(line) => self.enter(&line, out),
            Key::Control(key) if self.block.is_empty() => self.control(key, out),
            Key::Control(CTRL_C) => {
                out.extend_from_slice(b"\r\n");
                self.ready(out);
                None
            }
            Key::Control(CTRL_D) => {
                out.extend_from_slice(b"\r\n");
                Some(self.interactive())
            }
            Key::Control(_) => None,
        }
    }

    fn enter(&mut self, line: &str, out: &mut Vec<u8>) -> Option<Action> {
        if !self.block.is_empty() {
            self.block.push(b'\n');
        }
        self.block.extend_from_slice(line.as_bytes());
        let block = String::from_utf8_lossy(&self.block);
        if block.trim().is_empty() {
            self.ready(out);
            return None;
        }
        if wants_more(&block) {
            let indent = next_indent(line);
            self.line.begin("... ", indent, out);
            return None;
        }
        Some(self.interactive())
    }

    fn interactive(&mut self) -> Action {
        Action::Interactive(String::from_utf8_lossy(&std::mem::take(&mut self.block)).into_owned())
    }

    fn control(&mut self, key: u8, out: &mut Vec<u8>) -> Option<Action> {
        out.extend_from_slice(b"\r\n");
        match key {
            CTRL_A => {
                self.mode = Mode::Raw;
                out.extend_from_slice(RAW_BANNER);
                self.ready(out);
            }
            CTRL_B => return Some(Action::Banner),
            CTRL_D => return Some(Action::SoftReset),
            CTRL_E => {
                self.mode = Mode::Paste;
                out.extend_from_slice(b"paste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ");
            }
            _ => self.ready(out),
        }
        None
    }

    fn paste(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Action> {
        match byte {
            CTRL_C => {
                out.extend_from_slice(b"\r\n");
                self.ready(out);
            }
            CTRL_D => {
                out.extend_from_slice(b"\r\n");
                let text = with_newlines(&std::mem::take(&mut self.block));
                return Some(Action::File(String::from_utf8_lossy(&text).into_owned()));
            }
            _ => {
                self.block.push(byte);
                // The echo of CR alone has the prompt: Thonny checks that its own line feeds come back bare.
                out.extend_from_slice(if byte == b'\r' { b"\r\n=== " } else { std::slice::from_ref(&byte) });
            }
        }
        None
    }

    fn raw(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Action> {
        match byte {
            CTRL_A => match *self.block {
                [CTRL_E, b'A'] => {
                    self.block.clear();
                    self.mode = Mode::RawPaste(WINDOW);
                    out.extend_from_slice(b"R\x01");
                    out.extend_from_slice(&WINDOW.to_le_bytes());
                    out.push(GRANT);
                }
                [CTRL_E, _] => {
                    out.extend_from_slice(b"R\x00"); // a way of pasting that is not known here
                    self.ready(out);
                }
                _ => {
                    out.extend_from_slice(RAW_BANNER);
                    self.ready(out);
                }
            },
            CTRL_B => {
                self.mode = Mode::Friendly;
                out.extend_from_slice(b"\r\n");
                return Some(Action::Banner);
            }
            CTRL_C => self.block.clear(),
            CTRL_D => {
                out.extend_from_slice(b"OK");
                if self.block.is_empty() {
                    out.extend_from_slice(b"\r\n");
                    return Some(Action::SoftReset);
                }
                return Some(self.marked());
            }
            _ => self.block.push(byte),
        }
        None
    }

    fn raw_paste(&mut self, byte: u8, rest: u16, out: &mut Vec<u8>) -> Option<Action> {
        match byte {
            CTRL_C => {
                // The other end gives up: what came is let go, and the end of it still follows.
                out.push(CTRL_D);
                self.ready(out);
                None
            }
            CTRL_D => {
                out.push(CTRL_D);
                Some(self.marked())
            }
            _ => {
                self.block.push(byte);
                let rest = match rest - 1 {
                    0 => {
                        out.push(GRANT);
                        WINDOW
                    }
                    rest => rest,
                };
                self.mode = Mode::RawPaste(rest);
                None
            }
        }
    }

    fn marked(&mut self) -> Action {
        Action::Marked(with_newlines(&std::mem::take(&mut self.block)))
    }
}

/// CR ends a line as LF does, and both together one line.
fn with_newlines(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'\r' => lines.push(b'\n'),
            b'\n' if at > 0 && text[at - 1] == b'\r' => {}
            _ => lines.push(byte),
        }
    }
    lines
}

/// Whether a block goes on: within brackets, a long string or after a backslash; and a compound statement until
/// an empty line. It is judged by its look, before anything is compiled, as a board does.
fn wants_more(block: &str) -> bool {
    let (mut depth, mut quote, mut rest) = (0, "", block);
    while let Some(character) = rest.chars().next() {
        let triple = ["'''", "\"\"\""].into_iter().find(|triple| rest.starts_with(triple));
        let length = match (quote, character) {
            ("", '#') => rest.find('\n').unwrap_or(rest.len()),
            ("", '\'' | '"') => {
                quote = triple.unwrap_or(if character == '\'' { "'" } else { "\"" });
                quote.len()
            }
            ("", '(' | '[' | '{') => {
                depth += 1;
                1
            }
            ("", ')' | ']' | '}') => {
                depth -= 1;
                1
            }
            (_, '\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            ("'" | "\"", '\n') => {
                quote = ""; // not closed: the compiler will say so
                1
            }
            (within, _) if !within.is_empty() && rest.starts_with(within) => std::mem::take(&mut quote).len(),
            _ => character.len_utf8(),
        };
        rest = &rest[length..];
    }
    let in_long_string = quote.len() == 3;
    let continued = quote.is_empty() && block.ends_with('\\');
    in_long_string || depth > 0 || continued || (is_compound(block) && !block.ends_with('\n'))
}

fn is_compound(block: &str) -> bool {
    let word: String = block.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    block.starts_with('@') || ["async", "class", "def", "for", "if", "try", "while", "with"].contains(&word.as_str())
}

/// How many spaces the line after `line` begins with.
fn next_indent(line: &str) -> usize {
    let own = line.len() - line.trim_start_matches(' ').len();
    match line.trim() {
        "" => 0,
        text if text.ends_with(':') => own + 4,
        _ => own,
    }
}

/// The letters that all of them begin with.
fn shared_start(words: &[String]) -> String {
    let Some(first) = words.first() else { return String::new() };
    let shared = |word: &String| first.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    first.chars().take(words.iter().map(shared).min().unwrap_or(0)).collect()
}

/// Names side by side, as boards list them.
fn columns(names: &[String]) -> String {
    const WIDTH: usize = 16;
    let mut text = String::new();
    let mut column = 0;
    for name in names {
        let cells = name.len() / WIDTH + 1;
        if column + cells > 5 {
            text.push_str("\r\n");
            column = 0;
        }
        text.push_str(&format!("{name:<width$}", width = cells * WIDTH));
        column += cells;
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: &str = "MicroPython v1\r\n";

    /// What a board answers, with what it was made to do in angle brackets; everything done at once.
    fn talk(typed: &[u8]) -> String {
        let (mut repl, mut out) = (Repl::new(), Vec::new());
        repl.start(BANNER, &mut out);
        for &byte in typed {
            let Some(action) = repl.byte(byte, &mut out) else { continue };
            out.extend_from_slice(format!("<{action:?}>").as_bytes());
            match action {
                Action::SoftReset => repl.start(BANNER, &mut out),
                Action::Complete(_) => {}
                Action::Banner => {
                    out.extend_from_slice(BANNER.as_bytes());
                    repl.ready(&mut out);
                }
                _ => repl.ready(&mut out),
            }
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_statement_runs_when_it_is_complete() {
        assert_eq!(talk(b"1+1\r"), format!("{BANNER}>>> 1+1\r\n<Interactive(\"1+1\")>>>> "));
    }

    #[test]
    fn a_block_ends_with_an_empty_line() {
        let said = talk(b"if x:\ry\r\x08\r");
        assert!(
            said.ends_with("... <Interactive(\"if x:\\n    y\\n\")>>>> ")
                || said.contains("Interactive(\"if x:\\n    y\\n\")"),
            "{said:?}"
        );
    }

    #[test]
    fn control_keys() {
        for (typed, answer) in [
            (&b"\x03"[..], "\r\n>>> "),
            (b"junk\x03", "junk\r\n>>> "),
            (b"\x02", "\r\n<Banner>MicroPython v1\r\n>>> "),
            (b"\x04", "\r\n<SoftReset>MicroPython v1\r\n>>> "),
            (b"\x01", "\r\nraw REPL; CTRL-B to exit\r\n>"),
            (b"\x01\x01", "\r\nraw REPL; CTRL-B to exit\r\n>raw REPL; CTRL-B to exit\r\n>"),
            (b"\x01\x02", "\r\nraw REPL; CTRL-B to exit\r\n>\r\n<Banner>MicroPython v1\r\n>>> "),
            (b"\x01\x04", "\r\nraw REPL; CTRL-B to exit\r\n>OK\r\n<SoftReset>raw REPL; CTRL-B to exit\r\n>"),
        ] {
            assert_eq!(talk(typed), format!("{BANNER}>>> {answer}"), "{typed:?}");
        }
    }

    #[test]
    fn paste_mode_shows_every_byte() {
        let said = talk(b"\x05a\nb\rc\x04");
        let pasted =
            "\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== a\nb\r\n=== c\r\n<File(\"a\\nb\\nc\")>>>> ";
        assert_eq!(said, format!("{BANNER}>>> {pasted}"));
    }

    #[test]
    fn raw_mode_shows_nothing() {
        let said = talk(b"\x01x\x03print(1)\r\n2\x04");
        let Action::Marked(source) = Action::Marked(b"print(1)\n2".to_vec()) else { unreachable!() };
        assert_eq!(said, format!("{BANNER}>>> \r\nraw REPL; CTRL-B to exit\r\n>OK<Marked({source:?})>>"));
    }

    #[test]
    fn raw_paste_grants_a_window_for_every_window_taken() {
        let (mut repl, mut out) = (Repl::new(), Vec::new());
        repl.start(BANNER, &mut out);
        b"\x01".iter().for_each(|&byte| drop(repl.byte(byte, &mut out)));
        out.clear();
        b"\x05A\x01".iter().for_each(|&byte| drop(repl.byte(byte, &mut out)));
        assert_eq!(out, b"R\x01\x80\x00\x01");
        out.clear();
        (0..1000).for_each(|_| drop(repl.byte(b' ', &mut out)));
        assert_eq!(out, [GRANT; 7]);
        out.clear();
        let action = repl.byte(CTRL_D, &mut out);
        assert_eq!((action, &out[..]), (Some(Action::Marked(vec![b' '; 1000])), &[CTRL_D][..]));
    }

    #[test]
    fn an_unknown_way_to_paste_is_refused() {
        assert!(talk(b"\x01\x05B\x01").ends_with(">R\0>"));
    }

    #[test]
    fn what_goes_on_is_judged_by_its_look() {
        for (block, more) in [
            ("x = 1", false),
            ("x = (1,", true),
            ("x = (1,\n2)", false),
            ("'''a", true),
            ("'''a\nb'''", false),
            ("'a", false),
            ("x = 1 + \\", true),
            ("for i in x:", true),
            ("for i in x:\n  pass\n", false),
            ("@decorator", true),
            ("form = 1", false),
            ("x = '(' # [", false),
            ("s = 'it\\'s ('", false),
        ] {
            assert_eq!(wants_more(block), more, "{block:?}");
        }
    }

    #[test]
    fn completing_adds_what_is_shared_or_shows_all() {
        let (mut repl, mut out) = (Repl::new(), Vec::new());
        repl.start("", &mut out);
        b"sys.p".iter().for_each(|&byte| drop(repl.byte(byte, &mut out)));
        out.clear();
        repl.complete("p", &["path".into(), "print_exception".into()], &mut out);
        assert!(String::from_utf8_lossy(&out).ends_with(">>> sys.p"), "{out:?}");
        out.clear();
        repl.complete("pa", &["path".into()], &mut out);
        assert_eq!(out, b"th");
    }
}
