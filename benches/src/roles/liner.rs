//! Many connections that send lines, paced in all; the worst lag behind the pace tells whether the server stalled us.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::roles::{connect, finish, say};

/// The length of every line, its end included.
pub(crate) const LINE: usize = 48;

/// How many lines to send, over how many connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// The server's port.
    pub(crate) port: u16,
    /// How many connections take turns.
    pub(crate) connections: usize,
    /// Lines a second, over all connections.
    pub(crate) rate: f64,
    /// For how long, in seconds.
    pub(crate) seconds: f64,
}

/// What was sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lined {
    /// Lines, over all connections.
    pub(crate) lines: u64,
    /// From the first line to the last.
    pub(crate) seconds: f64,
    /// The longest that a line was late, in milliseconds.
    pub(crate) worst_lag: f64,
    /// How often a socket was full, because the server did not read.
    pub(crate) stalls: u64,
}

/// Sends, half-closes all, waits for the server to close all, and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut sockets = (0..arguments.connections).map(|_| connect(arguments.port)).collect::<Result<Vec<_>>>()?;
    for socket in &sockets {
        socket.set_nonblocking(true)?;
    }
    let report = send(arguments, &mut sockets)?;
    for socket in &mut sockets {
        socket.set_nonblocking(false)?;
        finish(socket)?;
    }
    say(&report)
}

/// Sends every line when it is due, or as soon after as the sockets take it.
fn send(arguments: &Arguments, sockets: &mut [TcpStream]) -> Result<Lined> {
    let total = (arguments.rate * arguments.seconds) as u64;
    let started = Instant::now();
    let (mut worst, mut stalls) = (Duration::ZERO, 0);
    let mut text = String::with_capacity(LINE);
    for number in 0..total {
        let due = started + Duration::from_secs_f64(number as f64 / arguments.rate);
        wait_for(due);
        let turn = number as usize % sockets.len();
        fill_line(&mut text, turn, number / sockets.len() as u64);
        stalls += u64::from(!send_line(&mut sockets[turn], text.as_bytes())?);
        worst = worst.max(due.elapsed());
    }
    Ok(Lined { lines: total, seconds: started.elapsed().as_secs_f64(), worst_lag: worst.as_secs_f64() * 1e3, stalls })
}

/// Sends a line; false when the socket was full and we had to wait.
fn send_line(socket: &mut TcpStream, line: &[u8]) -> Result<bool> {
    let taken = match socket.write(line) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        other => other?,
    };
    if taken < line.len() {
        socket.set_nonblocking(false)?;
        socket.write_all(&line[taken..])?;
        socket.set_nonblocking(true)?;
    }
    Ok(taken == line.len())
}

/// Sleeps in steps of half a millisecond until then, so that lines go in small bursts.
fn wait_for(due: Instant) {
    while Instant::now() < due {
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// The line that a connection sends as its nth.
pub(crate) fn fill_line(text: &mut String, connection: usize, number: u64) {
    text.clear();
    write!(text, "c{connection:04} n{number:08} ").ok();
    while text.len() < LINE - 1 {
        text.push('.');
    }
    text.push('\n');
}
