//! The client that opens many connections and keeps them: each sends a byte and has it back before it counts.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{read, write};
use rustix::net::{AddressFamily, SocketType, bind, socket};
use serde::{Deserialize, Serialize};

use crate::roles::{loopback, say, wait_for_stdin_to_close};

/// How many connections may wait for their byte at once.
const WINDOW: usize = 128;

/// How many connections share a source address, so that no port is hard to find.
const A_SOURCE: usize = 2_000;

/// What to hold.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// The server's port.
    pub(crate) port: u16,
    /// How many connections.
    pub(crate) connections: usize,
}

/// Reported twice: when all are open, and again when every one has answered once more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Connections that had their byte back.
    pub(crate) connections: usize,
    /// How long that took.
    pub(crate) seconds: f64,
}

/// The connections, and how many of them had their byte back. Each sends the low byte of its index.
struct Holder {
    epoll: OwnedFd,
    sockets: Vec<OwnedFd>,
    answered: usize,
}

/// Opens all, reports, holds them until standard input is closed, asks each again and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut holder = Holder { epoll, sockets: Vec::with_capacity(arguments.connections), answered: 0 };
    let started = Instant::now();
    holder.open_all(arguments)?;
    say(&Held { connections: holder.answered, seconds: started.elapsed().as_secs_f64() })?;
    wait_for_stdin_to_close()?;
    let started = Instant::now();
    holder.ask_all_again()?;
    say(&Held { connections: holder.answered, seconds: started.elapsed().as_secs_f64() })
}

impl Holder {
    /// Opens every connection, with a window of unanswered ones.
    fn open_all(&mut self, arguments: &Arguments) -> Result<()> {
        for number in 0..arguments.connections {
            let socket = open(arguments.port, number).with_context(|| format!("connection {number}"))?;
            epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::IN)?;
            self.sockets.push(socket);
            self.ask(number)?;
        }
        self.collect(arguments.connections, 1)
    }

    /// Sends a byte on every connection once more.
    fn ask_all_again(&mut self) -> Result<()> {
        self.answered = 0;
        for index in 0..self.sockets.len() {
            self.ask(index)?;
        }
        self.collect(self.sockets.len(), 1)
    }

    /// Sends the byte of a connection, and takes answers while too many are missing.
    fn ask(&mut self, index: usize) -> Result<()> {
        ensure!(write(&self.sockets[index], &[index as u8])? == 1, "a byte did not fit");
        self.collect(index + 1, WINDOW)
    }

    /// Takes answers until fewer than `window` of those asked are missing.
    fn collect(&mut self, asked: usize, window: usize) -> Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(WINDOW);
        let patience = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
        while asked - self.answered >= window {
            events.clear();
            let count = epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience))?;
            ensure!(count > 0, "no answer for 10 s; {} of {asked} are there", self.answered);
            for event in &events {
                self.take_answer(event.data.u64())?;
            }
        }
        Ok(())
    }

    /// Reads the byte of one connection.
    fn take_answer(&mut self, index: u64) -> Result<()> {
        let socket = self.sockets.get(index as usize).context("an answer for nobody")?;
        let mut byte = [0];
        ensure!(read(socket, &mut byte)? == 1, "the server closed connection {index}");
        ensure!(byte[0] == index as u8, "the answer is not the byte");
        self.answered += 1;
        Ok(())
    }
}

/// A connection from one of several loopback addresses.
fn open(port: u16, number: usize) -> Result<OwnedFd> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number / A_SOURCE) as u8);
    bind(&socket, &SocketAddrV4::new(source, 0))?;
    rustix::net::connect(&socket, &loopback(port))?;
    Ok(socket)
}
