//! Modules of the firmware that are Python, in the folder `frozen`: compiled when a program first imports them.
//! Modules in Rust belong in `modules`.

/// By the names under which they are imported; a package stands before its modules.
const MODULES: &[(&str, &str)] = &[
    ("asyncio", include_str!("frozen/asyncio.py")),
    ("collections", include_str!("frozen/collections.py")),
    ("heapq", include_str!("frozen/heapq.py")),
    ("neopixel", include_str!("frozen/neopixel.py")),
    ("platform", include_str!("frozen/platform.py")),
];

/// A module's text.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name)
}

/// Whether there are modules in it.
pub(crate) fn is_package(name: &str) -> bool {
    MODULES.iter().any(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}
