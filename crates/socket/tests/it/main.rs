//! The crate from outside: real sockets on loopback, with the standard library at the other end where it can be.
#![allow(clippy::unwrap_used)]

mod datagram;
mod interrupting;
mod kit;
mod modes;
mod names;
mod options;
mod policy;
mod polling;
mod stream;
mod timetable;
#[cfg(unix)]
mod unix;
