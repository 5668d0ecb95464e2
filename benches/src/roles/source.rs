//! The bulk sender: pushes the stream into one connection, as fast as it goes or at a given rate.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::roles::{connect, finish, say};
use crate::stream::{CHUNK, Stream};

/// What to send, and where.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// The server's port.
    pub(crate) port: u16,
    /// How many bytes of the stream.
    pub(crate) bytes: u64,
    /// What follows after them.
    pub(crate) tail: String,
    /// Bytes a second; none: as fast as it goes.
    pub(crate) rate: Option<f64>,
    /// Whether the server's death is the expected end.
    pub(crate) until_broken: bool,
}

/// What was sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Bytes that the socket took.
    pub(crate) bytes: u64,
    /// From the first write until the server had closed too.
    pub(crate) seconds: f64,
}

/// Sends and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let stream = Stream::new();
    let mut socket = connect(arguments.port)?;
    let started = Instant::now();
    let mut bytes = 0;
    match push(&stream, &mut socket, arguments, &mut bytes) {
        Err(error) if !arguments.until_broken => Err(error),
        _ => say(&Sent { bytes, seconds: started.elapsed().as_secs_f64() }),
    }
}

/// Writes everything, and returns when the server has read it and closed.
fn push(stream: &Stream, socket: &mut TcpStream, arguments: &Arguments, sent: &mut u64) -> Result<()> {
    let started = Instant::now();
    while *sent < arguments.bytes {
        if let Some(rate) = arguments.rate {
            wait_until(started + Duration::from_secs_f64(*sent as f64 / rate));
        }
        let position = *sent - *sent % CHUNK as u64;
        let chunk = stream.chunk(position, arguments.bytes - position);
        *sent += socket.write(&chunk[(*sent - position) as usize..])? as u64;
    }
    socket.write_all(arguments.tail.as_bytes())?;
    *sent += arguments.tail.len() as u64;
    finish(socket)
}

/// Sleeps until then; not at all when it is past.
pub(crate) fn wait_until(then: Instant) {
    let left = then.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}
