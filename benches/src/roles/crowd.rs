//! Many senders at once: each pushes a stretch of the stream that is its own into a connection of its own.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use crate::roles::{connect, finish, say};
use crate::stream::Stream;

/// What to send, and where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// The server's port.
    pub(crate) port: u16,
    /// How many connections.
    pub(crate) connections: usize,
    /// How many bytes each sends, a multiple of the chunk: the nth connection those from n times so many on.
    pub(crate) bytes: u64,
}

/// What was sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Crowded {
    /// The senders' addresses, in order.
    pub(crate) addresses: Vec<String>,
    /// From the first write until the server had closed all.
    pub(crate) seconds: f64,
}

/// Connects all, lets them send all at once, and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let stream = &Stream::new();
    let sockets = (0..arguments.connections).map(|_| connect(arguments.port)).collect::<Result<Vec<_>>>()?;
    let addresses = sockets.iter().map(|socket| Ok(socket.local_addr()?.to_string())).collect::<Result<_>>()?;
    let started = Instant::now();
    thread::scope(|scope| {
        let send = |(number, socket)| scope.spawn(move || push(stream, socket, number as u64, arguments.bytes));
        let senders: Vec<_> = sockets.into_iter().enumerate().map(send).collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| anyhow!("a sender panicked"))?)
    })?;
    say(&Crowded { addresses, seconds: started.elapsed().as_secs_f64() })
}

/// Writes one sender's stretch, and returns when the server has read it and closed.
fn push(stream: &Stream, mut socket: TcpStream, number: u64, bytes: u64) -> Result<()> {
    let mut sent = 0;
    while sent < bytes {
        let chunk = stream.chunk(number * bytes + sent, bytes - sent);
        socket.write_all(chunk)?;
        sent += chunk.len() as u64;
    }
    finish(&mut socket)
}
