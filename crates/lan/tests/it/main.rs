//! The network from outside: boards, programs on them, and what is between, on virtual time. None waits.

mod play;
mod sockets;
mod world;
