//! Two boards' stacks on a network on virtual time, and the capture of its frames: what happens repeats exactly.

use std::net::Ipv4Addr;
use std::time::Duration;

use socklab_capture::encoder::{Encoder, Provenance, SegmentLimits};
use socklab_capture::{Frame, LinkId, Timestamp, Way};
use socklab_lan::{
    Addressing, Attach, Direction, Event, Host, HostConfig, Lan, LanConfig, Mac, Marks, Medium, PortId, Profile, Seed,
    SocketId, Time, Verdict,
};
use socklab_socket::{Address, Family, Protocol, Type};

/// 2026-11-21, so that tools that read the capture see a date.
const BEGUN: u64 = 1_795_262_400_000_000_000;

/// The network, its boards and what was captured.
pub(crate) struct Wire {
    now: Time,
    lan: Lan,
    boards: Vec<(PortId, Host)>,
    links: Vec<LinkId>,
    encoder: Encoder,
}

impl Wire {
    /// Sends so many bytes from the second board to the first, whose link has these faults both ways, and gives the
    /// capture of all frames.
    pub(crate) fn transfer(faults: &str, bytes: usize) -> Vec<u8> {
        let mut wire = Wire::new();
        wire.pass_until(Duration::from_secs(6), |_| false);
        let port = wire.boards[0].0;
        for direction in [Direction::Up, Direction::Down] {
            wire.lan.set_faults(wire.now, port, direction, faults.parse().expect("faults"));
        }
        let ends = wire.connect();
        wire.send(ends, bytes);
        let end = Timestamp(BEGUN + wire.now.as_nanos());
        wire.encoder.finish(end).into_bytes()
    }

    fn new() -> Wire {
        let mut lan = Lan::new(LanConfig { seed: Seed(5), ..LanConfig::default() });
        lan.watch(true);
        let provenance = Provenance { program: "socklab test".into(), run: "wire".into() };
        let mut encoder = Encoder::new(provenance, SegmentLimits::default(), Timestamp(BEGUN));
        let (mut boards, mut links) = (Vec::new(), Vec::new());
        for number in 1..=2 {
            let (mac, name) = (Mac::local(number), format!("b{number}"));
            let attach = Attach { name: name.clone(), mac, medium: Medium::Cable, address: None };
            let port = lan.attach(Time::ZERO, attach).expect("attached");
            links.push(encoder.add_link(name.clone(), "a link", mac.0));
            let (seed, profile, addressing) = (Seed(number.into()), Profile::ESP32, Addressing::Dhcp);
            let mut host = Host::new(HostConfig { mac, name, seed, profile, addressing });
            host.set_link(Time::ZERO, true);
            boards.push((port, host));
        }
        Wire { now: Time::ZERO, lan, boards, links, encoder }
    }

    fn host(&mut self, number: usize) -> &mut Host {
        let now = self.now;
        self.boards[number].1.at(now)
    }

    fn connect(&mut self) -> (SocketId, SocketId) {
        let to = self.host(0).ipv4().expect("an address").address;
        let open = |host: &mut Host| host.open(Family::Inet, Type::Stream, Protocol::Usual).expect("a socket");
        let listener = open(self.host(0));
        self.host(0).bind(listener, &Address::from((Ipv4Addr::UNSPECIFIED, 80))).expect("bound");
        self.host(0).listen(listener, 1).expect("listens");
        let dialled = open(self.host(1));
        assert!(self.host(1).connect(dialled, &(to, 80).into()).is_err(), "a dial is under way");
        let mut accepted = None;
        self.pass_until(Duration::from_secs(60), |wire| {
            accepted = wire.host(0).accept(listener).ok();
            accepted.is_some()
        });
        (dialled, accepted.expect("a connection").0)
    }

    fn send(&mut self, (from, to): (SocketId, SocketId), bytes: usize) {
        let (mut sent, mut got, mut into) = (0, 0, vec![0; 65536]);
        self.pass_until(Duration::from_secs(3600), |wire| {
            while sent < bytes
                && let Ok(taken) = wire.host(1).send(from, &vec![7; bytes - sent], None)
            {
                sent += taken;
            }
            while let Ok((count, _)) = wire.host(0).receive(to, &mut into, false) {
                got += count;
            }
            got == bytes
        });
        assert_eq!(got, bytes, "all of it comes");
    }

    fn pass_until(&mut self, span: Duration, mut so: impl FnMut(&mut Wire) -> bool) {
        let end = self.now + span;
        loop {
            while self.round() {}
            if so(self) {
                return;
            }
            let hosts = self.boards.iter_mut().filter_map(|(_, host)| host.deadline());
            let next = hosts.chain(self.lan.deadline()).min().unwrap_or(Time::NEVER);
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
        }
    }

    /// One round at this moment; says whether anything has moved.
    fn round(&mut self) -> bool {
        let mut moved = false;
        for (port, host) in &mut self.boards {
            host.poll(self.now);
            while let Some(frame) = host.poll_transmit() {
                moved = true;
                self.lan.handle_frame(self.now, *port, frame);
            }
        }
        self.lan.poll(self.now);
        while let Some((port, interface, frame)) = self.lan.poll_transmit() {
            moved = true;
            let board = self.boards.iter_mut().find(|board| board.0 == port).expect("a board");
            board.1.handle_frame(self.now, interface, frame);
        }
        while let Some(event) = self.lan.poll_event() {
            self.note(&event);
        }
        moved
    }

    fn note(&mut self, event: &Event) {
        let Event::Frame { at, port, direction, verdict, repeats: false, frame, .. } = event else { return };
        let place = self.boards.iter().position(|board| board.0 == *port).expect("a board");
        let (dropped, marks) = match verdict {
            Verdict::Delivered(marks) => (false, *marks),
            Verdict::Dropped(_) => (true, Marks::default()),
        };
        self.encoder.frame(&Frame {
            at: Timestamp(BEGUN + at.as_nanos()),
            link: self.links[place],
            way: if *direction == Direction::Up { Way::Out } else { Way::In },
            dropped,
            copy: marks.duplicate,
            damaged: marks.corrupted,
            note: if dropped {
                "dropped"
            } else if marks.duplicate {
                "copy"
            } else {
                ""
            },
            bytes: frame,
        });
    }
}
