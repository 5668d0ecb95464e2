//! The network from outside: boards, programs on them, and what is between, on virtual time. None waits.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod chance;
mod frames;
mod hostile;
mod leases;
mod play;
mod sockets;
mod storm;
mod transfer;
mod watching;
mod world;
