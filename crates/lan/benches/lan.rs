//! How fast the network is, and what bad links do to TCP. `cargo bench -p socklab-lan -- [stream] [loss] [crowd]`.
//!
//! `stream` and `crowd` measure this machine, on one thread. `loss` runs on virtual time: its table repeats exactly.
#![allow(clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use socklab_lan::{
    Addressing, Attach, Direction, Event, Host, HostConfig, Lan, LanConfig, Mac, Medium, PortId, Profile, Seed,
    SocketId, Time,
};
use socklab_socket::{Address, Family, Protocol, Type};

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let benches: [(&str, fn()); 3] = [("stream", stream), ("loss", loss), ("crowd", crowd)];
    for (name, bench) in benches {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            bench();
        }
    }
}

struct Board {
    host: Host,
    port: PortId,
}

struct World {
    now: Time,
    lan: Lan,
    boards: Vec<Board>,
    /// Datagrams that the assistant got.
    datagrams: u64,
}

impl World {
    fn new(seed: u64, count: u32, profile: Profile) -> World {
        let mut lan = Lan::new(LanConfig { seed: Seed(seed), ..LanConfig::default() });
        let board = |number: u32| {
            let (mac, name) = (Mac::local(number), format!("b{number}"));
            let attach = Attach { name: name.clone(), mac, medium: Medium::Cable, address: None };
            let port = lan.attach(Time::ZERO, attach).expect("attached");
            let seed = Seed(seed + u64::from(number));
            let mut host = Host::new(HostConfig { mac, name, seed, profile, addressing: Addressing::Dhcp });
            host.set_link(Time::ZERO, true);
            Board { host, port }
        };
        let boards = (1..=count).map(board).collect();
        let mut world = World { now: Time::ZERO, lan, boards, datagrams: 0 };
        world.pass(Duration::from_secs(6));
        world
    }

    /// One round at this moment; says whether anything has moved.
    fn round(&mut self) -> bool {
        let mut moved = false;
        for board in &mut self.boards {
            if board.host.deadline().is_some_and(|due| due <= self.now) {
                board.host.poll(self.now);
            }
            while let Some(frame) = board.host.poll_transmit() {
                moved = true;
                self.lan.handle_frame(self.now, board.port, frame);
            }
        }
        self.lan.poll(self.now);
        while let Some((port, interface, frame)) = self.lan.poll_transmit() {
            moved = true;
            // Ports are numbered from 1, in the order in which boards were attached.
            self.boards[port.0 as usize - 1].host.handle_frame(self.now, interface, frame);
        }
        while let Some(event) = self.lan.poll_event() {
            self.datagrams += u64::from(matches!(event, Event::Datagram { .. }));
        }
        moved
    }

    fn next(&mut self) -> Option<Time> {
        let hosts = self.boards.iter_mut().filter_map(|board| board.host.deadline());
        hosts.chain(self.lan.deadline()).min()
    }

    /// Lets time pass, and does something whenever it stands still.
    fn pass_with(&mut self, span: Duration, mut act: impl FnMut(&mut World)) {
        let end = self.now + span;
        loop {
            act(self);
            while self.round() {
                act(self);
            }
            let next = self.next().unwrap_or(Time::NEVER);
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
        }
    }

    fn pass(&mut self, span: Duration) {
        self.pass_with(span, |_| {});
    }

    fn host(&mut self, number: usize) -> &mut Host {
        let now = self.now;
        self.boards[number].host.at(now)
    }

    /// A connection from the second board to the first.
    fn connect(&mut self) -> (SocketId, SocketId) {
        let to = self.boards[0].host.ipv4().expect("an address").address;
        let open = |host: &mut Host| host.open(Family::Inet, Type::Stream, Protocol::Usual).expect("a socket");
        let listener = open(self.host(0));
        self.host(0).bind(listener, &(std::net::Ipv4Addr::UNSPECIFIED, 80).into()).expect("bound");
        self.host(0).listen(listener, 1).expect("listens");
        let dialled = open(self.host(1));
        assert!(self.host(1).connect(dialled, &(to, 80).into()).is_err(), "a dial is under way");
        self.pass(Duration::from_secs(20));
        let accepted = self.host(0).accept(listener).expect("a connection").0;
        (dialled, accepted)
    }
}

/// Moves what there is room for; gives the bytes that were read.
fn pump(world: &mut World, ends: (SocketId, SocketId), data: &[u8], into: &mut [u8]) -> u64 {
    while world.host(1).send(ends.0, data, None).is_ok() {}
    let mut got = 0;
    while let Ok((count, _)) = world.host(0).receive(ends.1, into, false) {
        got += count as u64;
    }
    got
}

/// Two boards' stacks and the network between them, on one thread.
fn stream() {
    let (data, mut into) = (vec![7; 65536], vec![0; 1 << 20]);
    println!("TCP between two stacks in memory, one thread");
    for (label, profile) in [("linux, 256 KiB", Profile::LINUX), ("esp32, 5744 B", Profile::ESP32)] {
        let mut world = World::new(1, 2, profile);
        let ends = world.connect();
        let best = (0..5).map(|_| {
            let (start, mut got) = (Instant::now(), 0_u64);
            while start.elapsed() < Duration::from_millis(500) {
                got += pump(&mut world, ends, &data, &mut into);
                if !world.round() {
                    // Nobody has anything to do at this moment.
                    world.now = world.next().map_or(world.now, |next| next.max(world.now));
                }
            }
            got as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e9
        });
        let best = best.fold(0.0, f64::max);
        println!("  {label:<16} {best:6.2} Gbit/s");
    }
}

/// What loss does to TCP on a link of 20 Mbit/s with a round trip of 4 ms.
fn loss() {
    println!("TCP on 20 Mbit/s, 4 ms round trip, one minute of virtual time: Mbit/s (segments sent again)");
    println!("  {:<8} {:>16} {:>16} {:>16} {:>16}", "profile", "no loss", "1 %", "3 %", "5 %");
    for (label, profile) in [("linux", Profile::LINUX), ("esp32", Profile::ESP32)] {
        let cells: Vec<String> = ["0", "1%", "3%", "5%"]
            .iter()
            .map(|loss| {
                let cell = lossy(profile, loss);
                assert_eq!(cell, lossy(profile, loss), "it does not repeat");
                cell
            })
            .collect();
        println!("  {label:<8} {:>16} {:>16} {:>16} {:>16}", cells[0], cells[1], cells[2], cells[3]);
    }
}

fn lossy(profile: Profile, loss: &str) -> String {
    let span = Duration::from_secs(60);
    let (data, mut into) = (vec![7; 65536], vec![0; 1 << 20]);
    let mut world = World::new(1, 2, profile);
    let ends = world.connect();
    for (direction, loss) in [(Direction::Up, loss), (Direction::Down, "0")] {
        let faults = format!("rate=20mbit burst=3000 queue=50 delay=2ms loss={loss}").parse().expect("faults");
        let port = world.boards[1].port;
        world.lan.set_faults(world.now, port, direction, faults);
    }
    let mut got = 0;
    world.pass_with(span, |world| got += pump(world, ends, &data, &mut into));
    let again = world.host(1).netstat().sockets[0].sent.retransmitted;
    format!("{:.1} ({again})", got as f64 * 8.0 / span.as_secs_f64() / 1e6)
}

/// Two hundred boards, each of which sends ten datagrams a second to the assistant.
fn crowd() {
    let (boards, seconds) = (200, 30);
    let mut world = World::new(1, boards, Profile::ESP32);
    let to: Address = (world.lan.plan().pc, 9000).into();
    let open = |board: &mut Board| board.host.open(Family::Inet, Type::Datagram, Protocol::Usual).expect("a socket");
    let sockets: Vec<SocketId> = world.boards.iter_mut().map(open).collect();
    let start = Instant::now();
    for tick in 0..seconds * 10 * u64::from(boards) {
        let number = (tick % u64::from(boards)) as usize;
        world.host(number).send(sockets[number], &[1; 64], Some(&to)).expect("sent");
        world.pass(Duration::from_micros(100_000 / u64::from(boards)));
    }
    let share = start.elapsed().as_secs_f64() / seconds as f64;
    let sent = seconds * 10 * u64::from(boards);
    println!("{boards} boards, 10 datagrams/s each to the assistant: {:.1} % of a core", 100.0 * share);
    println!("  {sent} sent, {} arrived", world.datagrams);
    assert_eq!(sent, world.datagrams, "some were lost");
}
