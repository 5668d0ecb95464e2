//! The bare TCP server: one thread, one level-triggered epoll, as lean as one would write it in C.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, read, write};
use rustix::net::{AddressFamily, SocketAddrV4, SocketFlags, SocketType};
use rustix::net::{accept_with, bind, getsockname, listen, socket_with, sockopt};
use serde::{Deserialize, Serialize};

use crate::roles::{loopback, say};

/// What one read takes at most: small enough to stay in the processor's cache, which beats fewer calls.
const BUFFER: usize = 64 << 10;

/// How the server is set up.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// A file that receives every byte; none: bytes are only counted or sent back.
    pub(crate) file: Option<PathBuf>,
}

/// What a server reports first: where it listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// The port on the loopback address.
    pub(crate) port: u16,
}

/// What a server reports last: what it got.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Served {
    /// Bytes, over all connections.
    pub(crate) bytes: u64,
}

/// What is done with received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Count them.
    Sink,
    /// Send them back.
    Echo,
}

/// A connection, with what could not be sent back yet.
struct Connection {
    socket: OwnedFd,
    unsent: Vec<u8>,
}

/// The server's state; connections lie at the index of their descriptor.
struct Server {
    epoll: OwnedFd,
    listener: OwnedFd,
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    task: Task,
    file: Option<File>,
    bytes: u64,
}

/// Serves until standard input is closed.
pub(crate) fn run(task: Task, arguments: &Arguments) -> Result<()> {
    let listener = open_listener()?;
    say(&Listening { port: port_of(&listener)? })?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let file = arguments.file.as_ref().map(File::create).transpose()?;
    let (connections, buffer) = (Vec::new(), vec![0; BUFFER]);
    let mut server = Server { epoll, listener, connections, buffer, task, file, bytes: 0 };
    server.serve()?;
    say(&Served { bytes: server.bytes })
}

/// A listener on a free port.
fn open_listener() -> Result<OwnedFd> {
    let listener = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &loopback(0))?;
    listen(&listener, 4096)?;
    Ok(listener)
}

/// The port that a socket is bound to.
pub(crate) fn port_of(socket: &OwnedFd) -> Result<u16> {
    Ok(SocketAddrV4::try_from(getsockname(socket)?)?.port())
}

/// What epoll hands back for a descriptor: its number.
pub(crate) fn token(descriptor: &impl AsFd) -> EventData {
    EventData::new_u64(descriptor.as_fd().as_raw_fd() as u64)
}

impl Server {
    /// The loop.
    fn serve(&mut self) -> Result<()> {
        let stdin = rustix::stdio::stdin();
        epoll::add(&self.epoll, &self.listener, token(&self.listener), EventFlags::IN)?;
        epoll::add(&self.epoll, stdin, token(&stdin), EventFlags::IN)?;
        let listening = self.listener.as_raw_fd() as usize;
        let mut events: Vec<Event> = Vec::with_capacity(256);
        loop {
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), None)?;
            for event in &events {
                match event.data.u64() as usize {
                    0 => return Ok(()),
                    index if index == listening => self.accept_all()?,
                    index => self.step(index, event.flags)?,
                }
            }
        }
    }

    /// Accepts whoever waits.
    fn accept_all(&mut self) -> Result<()> {
        loop {
            match accept_with(&self.listener, SocketFlags::NONBLOCK) {
                Ok(socket) => self.add(socket)?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes a connection in.
    fn add(&mut self, socket: OwnedFd) -> Result<()> {
        epoll::add(&self.epoll, &socket, token(&socket), EventFlags::IN)?;
        let index = socket.as_raw_fd() as usize;
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        self.connections[index] = Some(Connection { socket, unsent: Vec::new() });
        Ok(())
    }

    /// Does what a connection is ready for, and closes it when it is at its end.
    fn step(&mut self, index: usize, ready: EventFlags) -> Result<()> {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else { return Ok(()) };
        let done = if ready.contains(EventFlags::OUT) {
            connection.send_rest(&self.epoll)
        } else {
            connection.receive(&self.epoll, &mut self.buffer, self.task)
        };
        match done {
            Ok(Some(count)) => self.keep(count)?,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(None) | Err(_) => self.connections[index] = None,
        }
        Ok(())
    }

    /// Counts what was read, and writes it to the file if there is one.
    fn keep(&mut self, count: usize) -> Result<()> {
        self.bytes += count as u64;
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer[..count])?;
        }
        Ok(())
    }
}

impl Connection {
    /// Reads once and, as an echo, sends it back; `None` at the end.
    fn receive(&mut self, epoll: &OwnedFd, buffer: &mut [u8], task: Task) -> Result<Option<usize>, Errno> {
        let count = read(&self.socket, &mut *buffer)?;
        if count == 0 {
            return Ok(None);
        }
        if task == Task::Echo {
            self.send(epoll, &buffer[..count])?;
        }
        Ok(Some(count))
    }

    /// Sends, and keeps what the socket does not take.
    fn send(&mut self, epoll: &OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
        let sent = match write(&self.socket, bytes) {
            Err(Errno::AGAIN) => 0,
            other => other?,
        };
        if sent < bytes.len() {
            self.unsent.extend_from_slice(&bytes[sent..]);
            epoll::modify(epoll, &self.socket, token(&self.socket), EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Sends more of what was kept; reads again when all is out.
    fn send_rest(&mut self, epoll: &OwnedFd) -> Result<Option<usize>, Errno> {
        let sent = write(&self.socket, &self.unsent)?;
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            epoll::modify(epoll, &self.socket, token(&self.socket), EventFlags::IN)?;
        }
        Ok(Some(0))
    }
}
