//! Real sockets in real time: endpoints, their peers, and the log of everything they do.
//!
//! tokio lives here, on a thread of its own; commands are values, and whoever wants to see what happens reads
//! the log through a cursor. No HTTP and no command line.

mod batch;
pub mod board;
pub mod command;
pub mod control;
mod datagram;
mod dial;
pub mod engine;
pub mod failure;
mod guard;
mod holder;
mod hub;
pub mod lan;
mod listen;
mod multicast;
mod obey;
mod open;
mod peer;
pub mod quantity;
pub mod reach;
mod recorder;
mod registry;
mod stream;
mod sys;
pub mod trouble;
pub mod url;
mod watch;
mod writer;

pub use command::{Changes, Command, EndpointStatus, LastEnd, PeerStatus, Reply, Targets, WhenFull};
pub use control::ControlError;
pub use engine::{Config, Engine, Farewell, Remote, StartError};
pub use failure::{Failure, Lang};
pub use holder::of_port as holder_of;
pub use hub::EndpointState;
pub use lan::{Forward, LanPort, LanSettings};
pub use peer::{Ending, Outcome, PeerState, QUEUE_LIMIT};
pub use reach::{Reach, addresses, obstacles};
pub use recorder::{PROGRAM, Store, Sync};
pub use sys::TcpInfo;
pub use watch::Tally;
pub use writer::Trouble;
