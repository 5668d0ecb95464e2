//! Modules of the firmware that are Python, in the folder `frozen`: compiled when a program first imports them.
//! Modules in Rust belong in `modules`.

use crate::board::board;

/// By the names under which they are imported; a package stands before its modules.
const MODULES: &[(&str, &str)] = &[
    ("asyncio", include_str!("frozen/asyncio.py")),
    ("collections", include_str!("frozen/collections.py")),
    ("dht", include_str!("frozen/dht.py")),
    ("ds18x20", include_str!("frozen/ds18x20.py")),
    ("esp", include_str!("frozen/esp.py")),
    ("esp32", include_str!("frozen/esp32.py")),
    ("heapq", include_str!("frozen/heapq.py")),
    ("mpython", include_str!("frozen/mpython.py")),
    ("neopixel", include_str!("frozen/neopixel.py")),
    ("ntptime", include_str!("frozen/ntptime.py")),
    ("onewire", include_str!("frozen/onewire.py")),
    ("platform", include_str!("frozen/platform.py")),
    ("requests", include_str!("frozen/requests.py")),
    ("rp2", include_str!("frozen/rp2.py")),
    ("ssd1306", include_str!("frozen/ssd1306.py")),
    ("ssl", include_str!("frozen/ssl.py")),
    // Only what holds its modules.
    ("umqtt", ""),
    ("umqtt.robust", include_str!("frozen/umqtt/robust.py")),
    ("umqtt.simple", include_str!("frozen/umqtt/simple.py")),
    ("urequests", include_str!("frozen/requests.py")),
];

/// Modules that some boards have only, and those boards.
const ONLY: &[(&str, &[&str])] = &[
    ("esp", &["esp32", "mpython"]),
    ("esp32", &["esp32", "mpython"]),
    ("mpython", &["mpython"]),
    ("rp2", &["rp2"]),
    ("ssl", &["esp32", "k230", "mpython", "rp2", "waffle"]),
];

/// What tracebacks call the file of those that are native on a board: its frames are not shown.
pub(crate) const LIBRARY: &str = "<library>";

/// Native on a board, and Python here.
const OF_LIBRARY: &[&str] = &["collections", "heapq", "platform"];

/// The file of a module, for tracebacks.
pub(crate) fn file(name: &str) -> String {
    if OF_LIBRARY.contains(&name) { LIBRARY.to_owned() } else { format!("{}.py", name.replace('.', "/")) }
}

/// A module's text.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    if is_elsewhere(name) {
        return None;
    }
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

fn is_elsewhere(name: &str) -> bool {
    ONLY.iter().any(|(known, boards)| *known == name && !boards.contains(&board().profile.name))
}

/// The names of all that this board has.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name).filter(|name| !is_elsewhere(name))
}

/// Whether there are modules in it.
pub(crate) fn is_package(name: &str) -> bool {
    MODULES.iter().any(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}
