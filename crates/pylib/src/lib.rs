//! The library of CPython that a virtual Linux computer has: the modules that are Python, compiled while this crate is.
//!
//! A crate of its own, because compiling them takes seconds, which a change of the board need not wait for. Which
//! modules there are, `build.rs` says.

use rustpython_compiler_core::frozen::{FrozenLib, FrozenModule};

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The compiled module of that full name.
pub fn module(name: &str) -> Option<FrozenModule<&'static [u8]>> {
    LIBRARY.into_iter().find(|(known, _)| *known == name).map(|(_, module)| module)
}

/// The full names of all.
pub fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.into_iter().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_packages_are_found_by_their_full_names() {
        assert!(!module("threading").unwrap().package);
        assert!(module("json").unwrap().package);
        assert!(module("json.decoder").is_some());
        assert!(module("subprocess").is_none(), "a board starts no programs of this machine");
    }
}
