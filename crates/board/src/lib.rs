//! A virtual board: a Python interpreter with the modules, the console, the flash and the error texts of a
//! MicroPython board, in a process of its own.
//!
//! A process, because the interpreter's signal flags are statics of the process: with two boards in one, Ctrl-C for
//! one would stop the other. The parent speaks to a board in frames over the process's stdin and stdout ([`link`]).
//! What connects boards to each other, and to the workbench, belongs to the parent.
//!
//! Without the feature `interpreter` this is only what a parent needs, and builds in seconds.

// Parts of a profile are for the interpreter only.
#![cfg_attr(not(feature = "interpreter"), allow(dead_code))]

pub mod explain;
pub mod flash;
mod indent;
mod line;
pub mod link;
mod literals;
pub mod look;
mod parts;
mod profile;
pub mod repl;

#[cfg(feature = "interpreter")]
mod attention;
#[cfg(feature = "interpreter")]
mod board;
#[cfg(feature = "interpreter")]
mod compile;
#[cfg(feature = "interpreter")]
mod complete;
#[cfg(feature = "interpreter")]
mod console;
#[cfg(feature = "interpreter")]
mod cpython;
#[cfg(feature = "interpreter")]
mod dialect;
#[cfg(feature = "interpreter")]
mod frozen;
#[cfg(feature = "interpreter")]
mod hardware;
#[cfg(feature = "interpreter")]
mod import;
#[cfg(feature = "interpreter")]
mod landing;
#[cfg(feature = "interpreter")]
mod lost;
#[cfg(feature = "interpreter")]
mod memory;
#[cfg(feature = "interpreter")]
mod messages;
#[cfg(feature = "interpreter")]
mod modules;
#[cfg(feature = "interpreter")]
mod nesting;
#[cfg(feature = "interpreter")]
mod net;
#[cfg(feature = "interpreter")]
mod patches;
#[cfg(feature = "interpreter")]
mod process;
#[cfg(feature = "interpreter")]
mod reshape;
#[cfg(feature = "interpreter")]
mod slots;
#[cfg(feature = "interpreter")]
mod traceback;
#[cfg(feature = "interpreter")]
mod vm;

#[cfg(feature = "interpreter")]
pub use process::main;
pub use profile::Profile;
