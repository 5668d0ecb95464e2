//! Which of some words was meant by one that is near to it.

/// The word of `words` that `typed` was probably meant to be: of another case, or one or two slips of a finger away.
/// Nothing when two are as near.
pub(super) fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    let mut tied = false;
    for word in words {
        let Some(distance) = slips(typed, word) else { continue };
        match best {
            Some((least, other)) if distance == least => tied |= other != word,
            Some((least, _)) if distance > least => {}
            _ => (best, tied) = (Some((distance, word)), false),
        }
    }
    best.filter(|_| !tied).map(|(_, word)| word)
}

/// Slips between two words, if there are so few that one was meant for the other. Short words are near to many.
fn slips(typed: &str, word: &str) -> Option<usize> {
    let allowed = match typed.chars().count().min(word.chars().count()) {
        0..=2 => return None,
        3 => {
            return (distance(typed, word) == 1 && (typed.len() != word.len() || same_letters(typed, word)))
                .then_some(1);
        }
        4..=7 => 1,
        _ => 2,
    };
    if typed.eq_ignore_ascii_case(word) {
        return Some(0);
    }
    Some(distance(typed, word)).filter(|&distance| distance <= allowed)
}

/// Is one an anagram of the other?
pub(super) fn same_letters(one: &str, other: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    sorted(one) == sorted(other)
}

/// Letters to insert, remove, change or swap with their neighbour until one word is the other.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=other.len()).collect());
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let change = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        (before, last) = (last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(nearest("socekt", ["socket", "select"]), Some("socket"));
        assert_eq!(nearest("SCOK_STREAM", ["SOCK_STREAM", "SOCK_DGRAM"]), Some("SOCK_STREAM"));
        assert_eq!(nearest("addr", ["add", "data"]), Some("add"));
        assert_eq!(nearest("socke", ["socket"]), Some("socket"));
        assert_eq!(nearest("true", ["True"]), Some("True"));
        assert_eq!(nearest("x", ["y", "xy"]), None);
        assert_eq!(nearest("buf", ["but", "bus"]), None);
        assert_eq!(nearest("value1", ["value2", "value3"]), None);
    }
}
