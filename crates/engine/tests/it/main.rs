//! The engine against real sockets of the standard library, on loopback.

mod datagram;
mod stream;
mod support;
#[cfg(unix)]
mod unix;
mod watch;
