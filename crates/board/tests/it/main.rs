//! The real board process at the other end of its link.

mod console;
mod files;
mod interrupt;
mod language;
mod pins;
mod support;
