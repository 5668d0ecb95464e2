//! A virtual board: a Python interpreter with the modules, the console, the flash and the error texts of a
//! MicroPython board, in a process of its own.
//!
//! A process, because the interpreter's signal flags are statics of the process: with two boards in one, Ctrl-C for
//! one would stop the other. The parent speaks to a board in frames over the process's stdin and stdout ([`link`]).
//! What connects boards to each other, and to the workbench, belongs to the parent.

mod board;
mod compile;
mod complete;
mod console;
mod dialect;
pub mod explain;
pub mod flash;
mod frozen;
mod hardware;
mod import;
mod indent;
mod line;
pub mod link;
pub mod look;
mod memory;
mod messages;
mod modules;
mod net;
mod parts;
mod patches;
mod process;
mod profile;
pub mod repl;
mod traceback;
mod vm;

pub use process::main;
pub use profile::Profile;
