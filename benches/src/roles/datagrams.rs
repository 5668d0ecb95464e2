//! Datagrams: a paced sender that numbers them, and the bare receiver.

use std::io::IoSlice;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, connect, recvfrom, sendmmsg, socket_with, sockopt};
use rustix::thread::set_current_timer_slack;
use serde::{Deserialize, Serialize};

use crate::roles::serving::{Listening, port_of, token};
use crate::roles::{loopback, say};

/// The length of a datagram.
pub(crate) const DATAGRAM: usize = 64;

/// The most that leave in one call, so that a late sender does not burst.
const BATCH: u64 = 64;

/// How much to send.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// The server's port.
    pub(crate) port: u16,
    /// Datagrams a second.
    pub(crate) rate: f64,
    /// For how long, in seconds.
    pub(crate) seconds: f64,
}

/// How the bare receiver is set up.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SinkArguments {
    /// The size of its receive buffer; none: what the system gives.
    pub(crate) receive_buffer: Option<usize>,
}

/// What was sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Datagrams that the kernel took.
    pub(crate) datagrams: u64,
    /// Datagrams a second, in truth.
    pub(crate) rate: f64,
}

/// What was received.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Received {
    /// Datagrams whose number was higher than the one before.
    pub(crate) datagrams: u64,
}

/// The bytes of the datagram with this number.
pub(crate) fn fill_datagram(datagram: &mut [u8; DATAGRAM], number: u64) {
    for (index, byte) in datagram.iter_mut().enumerate().skip(8) {
        *byte = (number as usize + index) as u8;
    }
    datagram[..8].copy_from_slice(&number.to_le_bytes());
}

/// The number that a datagram carries.
pub(crate) fn number_of(datagram: &[u8]) -> u64 {
    datagram.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Receives until standard input is closed.
pub(crate) fn run_sink(arguments: &SinkArguments) -> Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::NONBLOCK, None)?;
    if let Some(size) = arguments.receive_buffer {
        sockopt::set_socket_recv_buffer_size(&socket, size)?;
    }
    bind(&socket, &loopback(0))?;
    say(&Listening { port: port_of(&socket)? })?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let stdin = rustix::stdio::stdin();
    epoll::add(&epoll, &socket, token(&socket), EventFlags::IN)?;
    epoll::add(&epoll, stdin, token(&stdin), EventFlags::IN)?;
    let mut events: Vec<Event> = Vec::with_capacity(2);
    let mut received = Receiver { last: None, datagrams: 0, buffer: vec![0; 65_536] };
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        received.drain(&socket)?;
        if events.iter().any(|event| event.data.u64() == 0) {
            return say(&Received { datagrams: received.datagrams });
        }
    }
}

/// The receiver's state.
struct Receiver {
    last: Option<u64>,
    datagrams: u64,
    buffer: Vec<u8>,
}

impl Receiver {
    /// Receives whatever is there.
    fn drain(&mut self, socket: &OwnedFd) -> Result<()> {
        loop {
            match recvfrom(socket, &mut self.buffer[..], RecvFlags::empty()) {
                Ok((count, _, _)) => self.count(count),
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts a datagram that is whole and in order.
    fn count(&mut self, length: usize) {
        let number = number_of(&self.buffer[..length]);
        if length == DATAGRAM && self.last.is_none_or(|last| number > last) {
            self.datagrams += 1;
            self.last = Some(number);
        }
    }
}

/// Sends at the given rate; after a pause one more, so that a server that counts drops at the next arrival can.
pub(crate) fn run_source(arguments: &Arguments) -> Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &loopback(arguments.port))?;
    set_current_timer_slack(NonZeroU64::new(1))?;
    let started = Instant::now();
    let mut pace = Pace { since: started, already: 0.0, rate: arguments.rate };
    let mut sent = 0;
    while started.elapsed().as_secs_f64() < arguments.seconds {
        let due = pace.due(sent);
        if due > 0 {
            sent += send_batch(&socket, sent, due)?;
        }
        if due < BATCH / 2 {
            std::thread::sleep(Duration::from_micros(40));
        }
    }
    let rate = sent as f64 / started.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(200));
    sent += send_batch(&socket, sent, 1)?;
    say(&Sent { datagrams: sent, rate })
}

/// Tells how many datagrams are due. Time that the sender lost is not made up for: a burst would be lost through no
/// fault of the receiver.
struct Pace {
    since: Instant,
    already: f64,
    rate: f64,
}

impl Pace {
    /// How many may leave now, at most a batch.
    fn due(&mut self, sent: u64) -> u64 {
        let now = Instant::now();
        let due = self.already + (now - self.since).as_secs_f64() * self.rate - sent as f64;
        if due > BATCH as f64 {
            (self.since, self.already) = (now, (sent + BATCH) as f64);
        }
        (due.max(0.0) as u64).min(BATCH)
    }
}

/// Sends so many datagrams from this number on, in one call; returns how many the kernel took.
fn send_batch(socket: &OwnedFd, first: u64, count: u64) -> Result<u64> {
    let mut datagrams = [[0; DATAGRAM]; BATCH as usize];
    let datagrams = &mut datagrams[..count as usize];
    for (number, datagram) in (first..).zip(datagrams.iter_mut()) {
        fill_datagram(datagram, number);
    }
    let slices: Vec<[IoSlice<'_>; 1]> = datagrams.iter().map(|datagram| [IoSlice::new(datagram)]).collect();
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = slices.iter().map(|_| Default::default()).collect();
    let mut messages: Vec<MMsgHdr<'_>> =
        slices.iter().zip(&mut controls).map(|(slice, control)| MMsgHdr::new(slice, control)).collect();
    Ok(sendmmsg(socket, &mut messages, SendFlags::empty())? as u64)
}
