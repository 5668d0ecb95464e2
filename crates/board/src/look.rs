//! A look at a program before it runs: what would fail, or never do what it seems to. It points out and changes
//! nothing. A program that surprises on a real board runs, and surprises, on ours as well: the remark is all we add.
//!
//! A remark that is wrong costs more than one that is missing, since a beginner believes it. So each rule asks for
//! certainty: a name's kind counts only where all ways to the place agree on it. What happens while a program runs is
//! explained in [`crate::explain`].

mod absent;
mod bound;
mod flow;
mod known;
mod loops;
mod names;
mod near;
mod program;
mod remark;
mod syntax;
#[cfg(test)]
mod tests;
mod uncalled;
mod waits;

use std::fmt;

use ruff_python_ast::ModModule;
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use serde::{Deserialize, Serialize};

use self::program::Program;
pub use self::remark::{Hint, Kind, Need};
use crate::profile::Profile;
use crate::{indent, literals};

/// The language of what a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// The one of two texts that is in this language.
    pub fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}

/// A line in both languages, for where it is not known yet who reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl Said {
    /// A line.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Said {
        Said { en: en.into(), zh: zh.into() }
    }

    /// The same in one language.
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

/// Something in a program that will not do what it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
}

impl Warning {
    /// The whole of it in one line, without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        let (line, what) = (self.line, self.kind.text(lang));
        match lang {
            Lang::En => format!("line {line}: {what}"),
            Lang::Zh => format!("第 {line} 行：{what}"),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

/// A program longer than this is no board's.
const LONGEST: usize = 64 << 10;

/// Brackets in brackets; the parser calls itself for each.
const DEEPEST: usize = 100;

/// More is no help.
const MOST: usize = 100;

/// Parsing, walking and dropping a tree go as deep as the tree does: this is enough for [`LONGEST`] minus signs.
const STACK: usize = 256 << 20;

/// What is to be said about the program `text` on a board of this profile, by line. Nothing about a program that is
/// too long (64 KiB) or too deep to be one.
pub fn look(text: &str, profile: &Profile) -> Vec<Warning> {
    if text.len() > LONGEST || depth(text) > DEEPEST {
        return Vec::new();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let looking = thread.spawn_scoped(scope, || look_here(text, profile));
        looking.ok().and_then(|looking| looking.join().ok()).unwrap_or_default()
    })
}

/// What is to be said about a name that was not found in a program which ran: its text is not at hand.
pub(crate) fn about_name(profile: &Profile, name: &str) -> Option<Kind> {
    let kind = names::unknown(profile, name, &[]);
    (kind != Some(Kind::Undefined { name: name.to_owned(), hint: Hint::None })).then_some(kind).flatten()
}

/// What is to be said about an attribute that something did not have.
pub(crate) fn about_attribute(profile: &Profile, name: &str) -> Option<Kind> {
    let instead = ["", "socket.", "time.", "re."].iter().find_map(|module| known::instead(&format!("{module}{name}")));
    let (what, need, board) = (name.to_owned(), Need::Attribute, profile.name);
    instead.map(|instead| Kind::NotOnBoard { what, need, board, instead: Some(instead) })
}

/// What is to be said about a module that was not found.
pub(crate) fn about_module(profile: &Profile, name: &str) -> Option<Kind> {
    let (what, need, board) = (name.to_owned(), Need::Module, profile.name);
    if known::has(known::MODULES, name) || known::has(known::CPYTHON_MODULES, name) {
        return Some(Kind::NotOnBoard { what, need, board, instead: known::instead(name) }); // but on others
    }
    if let Some(near) = near::nearest(name, known::MODULES.split_whitespace()) {
        return Some(Kind::NoSuchModule { name: name.to_owned(), near });
    }
    known::instead(name).map(|instead| Kind::NotOnBoard { what, need, board, instead: Some(instead) })
}

/// What to say of a module of CPython that a virtual Linux computer has not.
pub(crate) fn about_library(profile: &Profile, name: &str) -> Option<Kind> {
    let instead = (
        "of CPython's library there is what needs neither C nor the machine below",
        "CPython 标准库中，这里只有不依赖 C 扩展和底层系统的部分",
    );
    let name = name.split('.').next()?;
    known::has(known::LEFT_OUT, name).then(|| Kind::NotOnBoard {
        what: name.to_owned(),
        need: Need::Module,
        board: profile.name,
        instead: Some(instead),
    })
}

/// The deepest that brackets can be nested, counting those in strings too: an estimate from above.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => now += 1,
            b')' | b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

fn look_here(text: &str, profile: &Profile) -> Vec<Warning> {
    let text = &*indent::without_tabs(text, profile);
    let escaped = literals::without_wide_bytes(text, Mode::Module, profile);
    let text = escaped.as_deref().unwrap_or(text);
    let Some(parsed) = parsed(text) else { return Vec::new() };
    let lines = Lines::of(text);
    if let Some(warning) = syntax::look(text, &parsed, &lines) {
        return vec![warning]; // what the parser made of the rest is a guess
    }
    let program = Program::of(parsed.suite(), profile);
    let mut found = Found { lines, warnings: Vec::new() };
    names::look(&program, &mut found);
    absent::look(&program, &mut found);
    flow::look(&program, &mut found);
    loops::look(&program, &mut found);
    found.by_line()
}

fn parsed(text: &str) -> Option<Parsed<ModModule>> {
    parse_unchecked(text, ParseOptions::from(Mode::Module)).try_into_module()
}

/// Where lines begin, in bytes.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let bytes = text.as_bytes();
        let ends = (0..bytes.len()).filter(|&i| match bytes[i] {
            b'\n' => true,
            b'\r' => bytes.get(i + 1) != Some(&b'\n'),
            _ => false,
        });
        Lines(std::iter::once(0).chain(ends.map(|end| end + 1)).collect())
    }

    /// The line of an offset in the text, from 1.
    fn at(&self, offset: impl Into<usize>) -> u32 {
        let offset = offset.into();
        u32::try_from(self.0.partition_point(|&begin| begin <= offset)).unwrap_or(u32::MAX)
    }
}

/// What has been found so far.
struct Found {
    lines: Lines,
    warnings: Vec<Warning>,
}

impl Found {
    fn add(&mut self, place: &impl ruff_text_size::Ranged, kind: Kind) {
        let warning = Warning { line: self.lines.at(place.start()), kind };
        if self.warnings.len() < MOST && !self.warnings.contains(&warning) {
            self.warnings.push(warning); // a loop's body may be walked twice
        }
    }

    fn by_line(mut self) -> Vec<Warning> {
        self.warnings.sort_by_key(|warning| warning.line);
        self.warnings
    }
}
