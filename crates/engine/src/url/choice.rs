//! The words that may stand somewhere in an endpoint URL, and the one that was probably meant, for a message to name.
//! Which words there are is for those who know them: the schemes in `url`, the options in `options`.

use std::fmt;

/// The words that may stand somewhere, and the one that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    words: Vec<&'static str>,
    meant: Option<&'static str>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(self.words.iter().copied()))?;
        self.meant.map_or(Ok(()), |meant| write!(f, "; did you mean {meant}?"))
    }
}

impl Choice {
    pub(super) fn zh(&self) -> String {
        let hint = self.meant.map(|meant| format!("；是不是 {meant}？"));
        self.words.join("、") + &hint.unwrap_or_default()
    }
}

pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// The words there are, and the one that `word` was probably meant to be.
pub(super) fn choice(word: &str, words: &[&'static str]) -> Choice {
    Choice { words: words.to_vec(), meant: likely(word, words) }
}

/// The word that differs by one slip of the keyboard, else one that begins or continues it: `udp-listen`, `keep`.
pub(super) fn likely(word: &str, words: &[&'static str]) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let related = |meant: &str| word.starts_with(meant) || word.len() > 2 && meant.starts_with(&word);
    let slip = words.iter().find(|meant| one_slip(word.as_bytes(), meant.as_bytes()));
    slip.or_else(|| words.iter().find(|meant| related(meant))).copied()
}

/// Whether one letter is missing, too many, wrong, or swapped with the next; also if nothing is.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    match (&a[..a.len() - same], &b[..b.len() - same]) {
        ([_] | [], [_] | []) => true,
        ([w, x], [y, z]) => w == z && x == y,
        _ => false,
    }
}
