//! The ping-pong client: one epoll process, one outstanding request a connection, every reply compared.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::io::{read, write};
use serde::{Deserialize, Serialize};

use crate::roles::serving::token;
use crate::roles::{connect, say};
use crate::stats::quantile;

/// The length of a request.
const REQUEST: usize = 64;

/// Whom to ask, and for how long.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// The server's port.
    pub(crate) port: u16,
    /// How many connections.
    pub(crate) connections: usize,
    /// For how long, in seconds.
    pub(crate) seconds: f64,
}

/// What came back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Echoed {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Half of the replies took longer, in microseconds.
    pub(crate) p50: f64,
    /// One reply in a hundred took longer, in microseconds.
    pub(crate) p99: f64,
    /// All bytes sent, which is also all bytes received.
    pub(crate) bytes: u64,
}

/// One connection with its request under way.
struct Exchange {
    socket: OwnedFd,
    request: [u8; REQUEST],
    asked: Instant,
    received: usize,
}

/// The client's state; connections lie at the index of their descriptor.
struct Client {
    epoll: OwnedFd,
    exchanges: Vec<Option<Exchange>>,
    latencies: Vec<f64>,
    requests: u64,
    until: Instant,
}

/// Asks and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut client = Client {
        epoll: epoll::create(CreateFlags::CLOEXEC)?,
        exchanges: Vec::new(),
        latencies: Vec::with_capacity(1 << 20),
        requests: 0,
        until: Instant::now(),
    };
    for number in 0..arguments.connections {
        client.open(arguments.port, number as u64)?;
    }
    client.warm_up()?;
    let seconds = client.exchange_for(Duration::from_secs_f64(arguments.seconds))?;
    say(&client.report(seconds))
}

impl Client {
    /// Opens a connection; its first request makes sure that the server has it.
    fn open(&mut self, port: u16, number: u64) -> Result<()> {
        let socket = OwnedFd::from(connect(port)?);
        epoll::add(&self.epoll, &socket, token(&socket), EventFlags::IN)?;
        let index = socket.as_raw_fd() as usize;
        self.exchanges.resize_with(self.exchanges.len().max(index + 1), || None);
        let mut request = [0; REQUEST];
        request[8..16].copy_from_slice(&number.to_le_bytes());
        self.exchanges[index] = Some(Exchange { socket, request, asked: Instant::now(), received: 0 });
        Ok(())
    }

    /// A few requests on every connection, which are not counted.
    fn warm_up(&mut self) -> Result<()> {
        self.exchange_for(Duration::from_millis(50))?;
        self.latencies.clear();
        Ok(())
    }

    /// Exchanges until the time is up and every reply is there; returns the seconds it took.
    fn exchange_for(&mut self, time: Duration) -> Result<f64> {
        let started = Instant::now();
        self.until = started + time;
        let mut outstanding = self.ask_all()?;
        let mut events: Vec<Event> = Vec::with_capacity(256);
        let patience = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
        while outstanding > 0 {
            events.clear();
            ensure!(epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience))? > 0, "no reply for 10 s");
            for event in &events {
                if !self.step(event.data.u64() as usize)? {
                    outstanding -= 1;
                }
            }
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// Sends the first request of every connection; returns how many.
    fn ask_all(&mut self) -> Result<usize> {
        let mut count = 0;
        for exchange in self.exchanges.iter_mut().flatten() {
            self.requests += 1;
            count += 1;
            exchange.ask(self.requests, Instant::now())?;
        }
        Ok(count)
    }

    /// Takes what came; asks again while there is time. False when this connection is done.
    fn step(&mut self, index: usize) -> Result<bool> {
        let Some(Some(exchange)) = self.exchanges.get_mut(index) else { bail!("an event for nobody") };
        if !exchange.receive()? {
            return Ok(true);
        }
        let now = Instant::now();
        self.latencies.push((now - exchange.asked).as_secs_f64() * 1e6);
        if now >= self.until {
            return Ok(false);
        }
        self.requests += 1;
        exchange.ask(self.requests, now)?;
        Ok(true)
    }

    /// The figures.
    fn report(&self, seconds: f64) -> Echoed {
        Echoed {
            rate: self.latencies.len() as f64 / seconds,
            p50: quantile(&self.latencies, 0.5),
            p99: quantile(&self.latencies, 0.99),
            bytes: self.requests * REQUEST as u64,
        }
    }
}

impl Exchange {
    /// Sends a request that is like no other.
    fn ask(&mut self, number: u64, now: Instant) -> Result<()> {
        self.request[..8].copy_from_slice(&number.to_le_bytes());
        self.asked = now;
        self.received = 0;
        ensure!(write(&self.socket, &self.request)? == REQUEST, "a request did not fit");
        Ok(())
    }

    /// Reads some of the reply and compares it; true when it is complete.
    fn receive(&mut self) -> Result<bool> {
        let mut reply = [0; REQUEST];
        let count = read(&self.socket, &mut reply[self.received..])?;
        ensure!(count > 0, "the server closed");
        let span = self.received..self.received + count;
        ensure!(reply[span.clone()] == self.request[span], "the reply is not the request");
        self.received += count;
        Ok(self.received == REQUEST)
    }
}
