//! A change of links as people write it: whose, which way, and what is to be wrong: `esp32:up:loss=5% delay=20ms`,
//! `busy-classroom`. The words of the last part are `text`'s.

use std::str::FromStr;

use super::{FaultError, Faults, Preset};
use crate::Direction;

/// What is to be wrong with links, from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// Whose link, by name; `None` for everybody's.
    pub board: Option<String>,
    /// Each direction that changes.
    pub changes: Vec<(Direction, Faults)>,
}

impl FaultSpec {
    /// Whether it is about the link of the board of this name.
    pub fn is_for(&self, name: &str) -> bool {
        self.board.as_deref().is_none_or(|board| board == name)
    }
}

impl FromStr for FaultSpec {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<FaultSpec, FaultError> {
        let (mut board, mut directions, mut words) = (None, &[Direction::Up, Direction::Down][..], text.trim());
        while let Some((name, rest)) = prefix(words) {
            match name {
                "up" => directions = &[Direction::Up],
                "down" => directions = &[Direction::Down],
                name if board.is_none() => board = Some(name.to_owned()),
                name => return Err(FaultError::Word(name.to_owned())),
            }
            words = rest;
        }
        let changes = directions.iter().map(|direction| Ok((*direction, faults(words, *direction)?)));
        Ok(FaultSpec { board, changes: changes.collect::<Result<_, _>>()? })
    }
}

/// A word before a colon. Values have colons too, behind an equals sign.
fn prefix(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let is_name = !name.is_empty() && !name.contains(|letter: char| letter == '=' || letter.is_whitespace());
    is_name.then_some((name, rest.trim_start()))
}

fn faults(text: &str, direction: Direction) -> Result<Faults, FaultError> {
    match text.parse::<Preset>() {
        Ok(preset) => Ok(preset.faults(direction)),
        Err(_) if text.is_empty() => Err(FaultError::Word(String::new())),
        Err(_) => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Down, Up};

    fn read(text: &str) -> (Option<String>, Vec<(Direction, Faults)>) {
        let spec: FaultSpec = text.parse().expect(text);
        (spec.board, spec.changes)
    }

    #[test]
    fn a_board_and_a_direction_come_before_the_faults() {
        let lossy: Faults = "loss=5%".parse().expect("faults");
        let cut: Faults = "down".parse().expect("faults");
        let bursts: Faults = "loss=gilbert:1%,20%,0,1".parse().expect("faults");
        let esp32 = || Some("esp32".to_owned());
        assert_eq!(read("loss=5%"), (None, vec![(Up, lossy.clone()), (Down, lossy.clone())]));
        assert_eq!(read("esp32:up:loss=5%"), (esp32(), vec![(Up, lossy.clone())]));
        assert_eq!(read("down: loss=5%"), (None, vec![(Down, lossy)]));
        assert_eq!(read("esp32:down"), (esp32(), vec![(Up, cut.clone()), (Down, cut)]));
        assert_eq!(read("up:loss=gilbert:1%,20%,0,1"), (None, vec![(Up, bursts)]));
        let home = [Up, Down].map(|direction| (direction, Preset::Home.faults(direction)));
        assert_eq!(read("esp32:home"), (esp32(), home.to_vec()));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for (text, said) in [
            ("", "no fault is called \"\""),
            ("esp32:", "no fault is called \"\""),
            ("esp32:rp2:down", "no fault is called \"rp2\""),
            ("lossy", "no fault is called \"lossy\""),
            ("up:loss=much", "\"much\" is no value for loss; for example 5%"),
        ] {
            assert_eq!(text.parse::<FaultSpec>().expect_err(text).to_string(), said);
        }
    }
}
