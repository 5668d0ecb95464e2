//! One line being typed: the keys that edit it, and the lines typed before. What the line means belongs in `repl`.
//!
//! Keys and echoes are those of MicroPython's readline, so that programs which drive a board's prompt find it as
//! they know it.

/// How many lines are remembered, as on a board.
const HISTORY: usize = 8;

const BACKSPACE: u8 = 8;
const TAB: u8 = 9;
const LF: u8 = b'\n';
const CR: u8 = b'\r';
const ESCAPE: u8 = 27;
const DELETE: u8 = 127;

/// What a key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// It is done with.
    Taken,
    /// The line is complete.
    Enter(String),
    /// A control key that a prompt gives a meaning to, on an empty line; Ctrl-C on any.
    Control(u8),
    /// Tab: what stands before the cursor is to be completed, with [`Line::insert`].
    Complete(String),
}

/// Where in an escape sequence of the terminal we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Begun,
    Bracket,
    Number(u8),
    O,
}

/// A line with a cursor.
#[derive(Debug, Default)]
pub(crate) struct Line {
    prompt: &'static str,
    /// Bytes, because a character arrives as several.
    text: Vec<u8>,
    cursor: usize,
    escape: Escape,
    history: Vec<String>,
    /// Which line of the history is shown, counted from the newest; none is the new one.
    shown: Option<usize>,
    after_cr: bool,
}

impl Line {
    /// Begins a line that already has `indent` spaces.
    pub(crate) fn begin(&mut self, prompt: &'static str, indent: usize, out: &mut Vec<u8>) {
        self.prompt = prompt;
        self.text = vec![b' '; indent];
        self.cursor = indent;
        self.shown = None;
        out.extend_from_slice(prompt.as_bytes());
        out.extend_from_slice(&self.text);
    }

    /// Takes a byte of what is typed.
    pub(crate) fn key(&mut self, byte: u8, out: &mut Vec<u8>) -> Key {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == CR);
        if self.escape != Escape::No || byte == ESCAPE {
            self.escape(byte, out);
            return Key::Taken;
        }
        match byte {
            3 => return Key::Control(byte),
            1..=5 if self.text.is_empty() => return Key::Control(byte),
            LF if after_cr => {}
            CR | LF => return self.enter(out),
            1 => self.move_to(0, out),
            2 => self.left(out),
            4 => self.delete(out),
            5 => self.move_to(self.text.len(), out),
            6 => self.right(out),
            11 => self.cut(self.cursor, self.text.len(), out),
            14 => self.recall(-1, out),
            16 => self.recall(1, out),
            21 => self.cut(0, self.cursor, out),
            23 => self.cut(self.word_start(), self.cursor, out),
            BACKSPACE | DELETE => self.backspace(out),
            TAB => return self.tab(out),
            b' '.. => self.put(&[byte], out),
            _ => {}
        }
        Key::Taken
    }

    /// Puts text in at the cursor.
    pub(crate) fn insert(&mut self, text: &str, out: &mut Vec<u8>) {
        self.put(text.as_bytes(), out);
    }

    /// Shows prompt and line again, below something that was printed.
    pub(crate) fn show_again(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prompt.as_bytes());
        out.extend_from_slice(&self.text);
        back(self.columns(self.cursor, self.text.len()), out);
    }

    fn enter(&mut self, out: &mut Vec<u8>) -> Key {
        out.extend_from_slice(b"\r\n");
        let line = String::from_utf8_lossy(&self.text).into_owned();
        self.text.clear();
        self.cursor = 0;
        if !line.trim().is_empty() && self.history.last() != Some(&line) {
            self.history.push(line.clone());
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
        }
        Key::Enter(line)
    }

    fn tab(&mut self, out: &mut Vec<u8>) -> Key {
        let before = String::from_utf8_lossy(&self.text[..self.cursor]).into_owned();
        if before.trim().is_empty() {
            self.insert("    ", out);
            return Key::Taken;
        }
        Key::Complete(before)
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        let before = std::mem::take(&mut self.escape);
        match (before, byte) {
            (_, ESCAPE) => self.escape = Escape::Begun,
            (Escape::Begun, b'[') => self.escape = Escape::Bracket,
            (Escape::Begun, b'O') => self.escape = Escape::O,
            (Escape::Bracket, b'0'..=b'9') => self.escape = Escape::Number(byte),
            (Escape::Bracket, b'A') => self.recall(1, out),
            (Escape::Bracket, b'B') => self.recall(-1, out),
            (Escape::Bracket, b'C') => self.right(out),
            (Escape::Bracket, b'D') => self.left(out),
            (Escape::Bracket | Escape::O, b'H') | (Escape::Number(b'1' | b'7'), b'~') => self.move_to(0, out),
            (Escape::Bracket | Escape::O, b'F') | (Escape::Number(b'4' | b'8'), b'~') => {
                self.move_to(self.text.len(), out);
            }
            (Escape::Number(b'3'), b'~') => self.delete(out),
            _ => {}
        }
    }

    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.text.splice(self.cursor..self.cursor, bytes.iter().copied());
        out.extend_from_slice(&self.text[self.cursor..]);
        self.cursor += bytes.len();
        back(self.columns(self.cursor, self.text.len()), out);
    }

    /// Removes a stretch that ends or begins at the cursor.
    fn cut(&mut self, from: usize, to: usize, out: &mut Vec<u8>) {
        self.move_to(from, out);
        self.text.drain(from..to);
        self.redraw_rest(out);
    }

    fn backspace(&mut self, out: &mut Vec<u8>) {
        // Within the indentation, a key takes back a level.
        let spaces = self.text[..self.cursor].iter().all(|&byte| byte == b' ');
        let by =
            if spaces && self.cursor > 0 && self.cursor.is_multiple_of(4) { 4 } else { self.cursor - self.before() };
        self.cut(self.cursor - by, self.cursor, out);
    }

    fn delete(&mut self, out: &mut Vec<u8>) {
        self.cut(self.cursor, self.after(), out);
    }

    fn left(&mut self, out: &mut Vec<u8>) {
        self.move_to(self.before(), out);
    }

    fn right(&mut self, out: &mut Vec<u8>) {
        self.move_to(self.after(), out);
    }

    fn move_to(&mut self, cursor: usize, out: &mut Vec<u8>) {
        if cursor < self.cursor {
            back(self.columns(cursor, self.cursor), out);
        } else {
            out.extend_from_slice(&self.text[self.cursor..cursor]);
        }
        self.cursor = cursor;
    }

    /// Shows the line that is `by` lines older than the one shown.
    fn recall(&mut self, by: isize, out: &mut Vec<u8>) {
        let shown = self.shown.map_or(-1, |shown| shown as isize) + by;
        let text = match usize::try_from(shown) {
            Ok(shown) => match self.history.iter().rev().nth(shown) {
                Some(line) => line.clone().into_bytes(),
                None => return,
            },
            Err(_) => Vec::new(),
        };
        self.shown = usize::try_from(shown).ok();
        self.move_to(0, out);
        self.text = text;
        self.redraw_rest(out);
        self.move_to(self.text.len(), out);
    }

    /// What stands behind the cursor has changed.
    fn redraw_rest(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[K");
        out.extend_from_slice(&self.text[self.cursor..]);
        back(self.columns(self.cursor, self.text.len()), out);
    }

    /// Where the character before the cursor begins.
    fn before(&self) -> usize {
        (0..self.cursor).rev().find(|&at| starts_character(self.text[at])).unwrap_or(0)
    }

    /// Where the character at the cursor ends.
    fn after(&self) -> usize {
        let next = (self.cursor + 1..self.text.len()).find(|&at| starts_character(self.text[at]));
        next.unwrap_or(self.text.len())
    }

    fn word_start(&self) -> usize {
        let before = &self.text[..self.cursor];
        let end = before.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
        before[..end].iter().rposition(|&byte| byte == b' ').map_or(0, |space| space + 1)
    }

    /// How many columns a stretch takes on a terminal: Chinese characters take two.
    fn columns(&self, from: usize, to: usize) -> usize {
        let wide = |character: char| matches!(character, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1f9ff}' | '\u{20000}'..='\u{3fffd}');
        String::from_utf8_lossy(&self.text[from..to]).chars().map(|character| if wide(character) { 2 } else { 1 }).sum()
    }
}

fn starts_character(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// Moves the terminal's cursor back.
fn back(columns: usize, out: &mut Vec<u8>) {
    match columns {
        0 => {}
        1..=4 => out.resize(out.len() + columns, BACKSPACE),
        _ => out.extend_from_slice(format!("\x1b[{columns}D").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> String {
        let (mut line, mut out) = (Line::default(), Vec::new());
        line.begin(">>> ", 0, &mut out);
        for &byte in keys {
            if let Key::Enter(text) = line.key(byte, &mut out) {
                return text;
            }
        }
        panic!("no end of {keys:?}")
    }

    #[test]
    fn keys_edit() {
        for (keys, line) in [
            (&b"print(1)\r"[..], "print(1)"),
            (b"ab\x08c\r", "ac"),
            (b"ac\x1b[Db\r", "abc"),
            (b"bc\x01a\r", "abc"),
            (b"bc\x1b[Ha\x1b[Fd\r", "abcd"),
            (b"xabc\x1b[1~\x1b[3~\r", "abc"),
            (b"one two\x17three\r", "one three"),
            (b"wrong\x15right\r", "right"),
            (b"keep gone\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x0b\r", "keep"),
            (b"\t\tx\x01\x06\x06\x06\x06\x08y\r", "y    x"),
            ("中文\x08字\r".as_bytes(), "中字"),
        ] {
            assert_eq!(typed(keys), line, "{keys:?}");
        }
    }

    #[test]
    fn the_history_has_eight_lines() {
        let (mut line, mut out) = (Line::default(), Vec::new());
        for number in 0..10 {
            line.begin(">>> ", 0, &mut out);
            for byte in format!("x{number}\r").bytes() {
                line.key(byte, &mut out);
            }
        }
        line.begin(">>> ", 0, &mut out);
        for _ in 0..20 {
            for byte in *b"\x1b[A" {
                line.key(byte, &mut out);
            }
        }
        assert_eq!(line.key(b'\r', &mut out), Key::Enter("x2".into()));
    }

    #[test]
    fn the_screen_shows_what_the_line_is() {
        let (mut line, mut out) = (Line::default(), Vec::new());
        line.begin(">>> ", 0, &mut out);
        for byte in *b"ac\x1b[Db" {
            line.key(byte, &mut out);
        }
        assert_eq!(out, b">>> ac\x08bc\x08");
    }

    #[test]
    fn a_line_feed_after_a_return_is_the_same_key() {
        let (mut line, mut out) = (Line::default(), Vec::new());
        line.begin(">>> ", 0, &mut out);
        assert_eq!(line.key(b'\r', &mut out), Key::Enter(String::new()));
        assert_eq!(line.key(b'\n', &mut out), Key::Taken);
        assert_eq!(line.key(b'\n', &mut out), Key::Enter(String::new()));
    }
}
