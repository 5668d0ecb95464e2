//! What happened on Socklab's sockets, and the written forms of its bytes.
//!
//! No tokio, no sockets and no clock here: whoever records passes the time in.

pub mod cursor;
pub mod decoder;
pub mod encoder;
pub mod escape;
pub mod export;
#[cfg(test)]
mod harm;
pub mod hex;
pub mod index;
#[cfg(test)]
mod kit;
pub mod live;
mod packet;
mod pcapng;
mod reader;
pub mod record;
pub mod run;
pub mod search;
mod segment;
pub mod show;
pub mod tcp;
pub mod text;

pub use record::{Address, EndpointId, Event, Frame, LinkId, PeerId, Record, Side, Timestamp, Transport, Way};
