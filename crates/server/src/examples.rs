//! The programs to begin with: those of `examples/boards`, with what their heads say about them.

use serde::Serialize;
use utoipa::ToSchema;

/// A program to begin with.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Example {
    /// The name of its file without the end.
    id: &'static str,
    /// What it is, in a few words.
    title: &'static str,
    title_zh: &'static str,
    /// What it does, in a line.
    description: &'static str,
    description_zh: &'static str,
    /// The board that it is written for.
    profile: &'static str,
    source: &'static str,
}

macro_rules! sources {
    ($($id:literal),* $(,)?) => {
        &[$(($id, include_str!(concat!("../../../examples/boards/", $id, ".py")))),*]
    };
}

/// In the order in which to offer them.
const SOURCES: &[(&str, &str)] = sources![
    "tcp_client",
    "tcp_echo",
    "tcp_server",
    "asyncio_server",
    "udp_client",
    "udp_server",
    "two_boards_lamp",
    "two_boards_button",
    "lookup",
    "lines",
    "access_point",
    "k230_tcp_client",
    "waffle_tcp_client",
    "mpython_udp_lamp",
    "linux_tcp_client",
];

/// All of them.
pub(crate) fn all() -> Vec<Example> {
    SOURCES.iter().map(|(id, source)| Example::read(id, source)).collect()
}

impl Example {
    /// The first line says what it is, the second one says it in Chinese, and one after these how it is run.
    fn read(id: &'static str, source: &'static str) -> Self {
        let mut lines = source.lines().map(|line| line.trim_start_matches('#').trim());
        let (description, description_zh) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let boards = lines.filter_map(|line| line.split_once("--board ")?.1.split_whitespace().next());
        let profile = boards.into_iter().next().unwrap_or("esp32");
        Example {
            id,
            title: head(description),
            title_zh: head(description_zh),
            description,
            description_zh,
            profile,
            source,
        }
    }
}

/// Up to the first colon or full stop.
fn head(line: &str) -> &str {
    line.split([':', '.', '：', '。', ';', '；']).next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socklab_engine::board::Profile;

    #[test]
    fn every_example_says_what_it_is_in_both_languages_and_for_which_board() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/boards");
        let files = std::fs::read_dir(folder).expect("the examples").flatten();
        let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "py")).count();
        assert_eq!(all().len(), files, "each of examples/boards is offered");
        for example in all() {
            let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(Profile::named(example.profile).is_some(), "{}", example.id);
            assert!(!is_chinese(example.title) && is_chinese(example.description_zh), "{}", example.id);
            assert!(!example.title.is_empty() && example.title.len() < 80, "{}", example.title);
        }
    }
}
