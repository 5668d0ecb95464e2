//! A board that sends whatever it likes. Each piece of the input is a frame from it, or time that passes; the first
//! byte of a frame says to whom it goes, and whether its checksums are made right, so that what is behind them is
//! reached. The network must come to rest, stay small, and still carry what two other boards say to each other; the
//! hosts that hear the frames must not fall over.
#![no_main]

use std::net::Ipv4Addr;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use socklab_lan::{
    Addressing, Attach, Event, Host, HostConfig, Ipv4Config, Lan, LanConfig, Mac, Medium, PortId, Profile, Refusal,
    Seed, SocketId, Time,
};
use socklab_socket::{Family, Protocol, SockOpt, Type};

const GATEWAY: [u8; 6] = [0x02, 0x53, 0x4c, 0x47, 0x57, 0x01];
/// Pieces of one play, so that none takes long.
const STEPS: usize = 60;
/// Rounds at one moment before somebody must be called mad.
const ROUNDS: usize = 1000;

struct Play {
    now: Time,
    lan: Lan,
    boards: Vec<(PortId, Host)>,
    villain: PortId,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let mut play = Play::new();
    for _ in 0..STEPS {
        if input.is_empty() || play.step(&mut input).is_err() {
            break;
        }
    }
    play.check();
});

impl Play {
    fn new() -> Play {
        let mut lan = Lan::new(LanConfig::default());
        let mut attach = |number: u32| {
            let attach =
                Attach { name: format!("b{number}"), mac: Mac::local(number), medium: Medium::Cable, address: None };
            lan.attach(Time::ZERO, attach).expect("attached")
        };
        let (ports, villain) = ([attach(1), attach(2)], attach(3));
        let boards = ports.into_iter().zip(1..).map(|(port, number)| (port, host(number))).collect();
        let mut play = Play { now: Time::ZERO, lan, boards, villain };
        play.settle();
        play
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=7)? {
            0 => self.pass(Duration::from_millis(u64::from(input.arbitrary::<u8>()?) * 20)),
            _ => {
                let frame = frame(input)?;
                self.lan.handle_frame(self.now, self.villain, frame.into());
            }
        }
        self.settle();
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.settle();
            let hosts = self.boards.iter_mut().filter_map(|(_, host)| host.deadline());
            let next = hosts.chain(self.lan.deadline()).min().unwrap_or(Time::NEVER);
            if next > end {
                self.now = end;
                return self.settle();
            }
            self.now = self.now.max(next);
        }
    }

    fn settle(&mut self) {
        for _ in 0..ROUNDS {
            if !self.round() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

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
            if let Some((_, host)) = self.boards.iter_mut().find(|(board, _)| *board == port) {
                host.handle_frame(self.now, interface, frame);
            }
        }
        while let Some(event) = self.lan.poll_event() {
            moved = true;
            self.answer(&event);
        }
        moved
    }

    /// Dials to even ports are taken, and what comes is read and sent back.
    fn answer(&mut self, event: &Event) {
        match event {
            Event::Dialled { flow, to, .. } if to.port() % 2 == 0 => drop(self.lan.accept(*flow)),
            Event::Dialled { flow, .. } => drop(self.lan.refuse(*flow, Refusal::Reset)),
            Event::Flow { flow, .. } => {
                let mut into = [0; 2048];
                while let Ok(socklab_lan::Read::Bytes(count)) = self.lan.read(*flow, &mut into) {
                    let _ = self.lan.write(*flow, &into[..count]);
                }
            }
            Event::Datagram { from, to, .. } if to.port() % 2 == 0 => self.lan.refuse_datagram(*from, *to),
            Event::Datagram { from, to, bytes, .. } => drop(self.lan.send_datagram(self.now, *to, *from, bytes)),
            Event::Asked { question, .. } => self.lan.answer(*question, None),
            _ => {}
        }
    }

    /// The tables are bounded, and the two others reach each other.
    fn check(&mut self) {
        let status = self.lan.status();
        assert!(status.arp.len() <= 64 && status.leases.len() <= 3 && status.flows.len() <= 128);
        let _ = status.to_string();
        let ids: Vec<SocketId> = self.boards.iter_mut().map(|(_, host)| socket(host, 4000)).collect();
        let to = (address(2), 4000).into();
        // Whoever has lied about its neighbour is found out when that is asked for again.
        for _ in 0..2 {
            let host = &mut self.boards[0].1;
            let _ = host.send(ids[0], b"hello", Some(&to));
            self.pass(Duration::from_secs(310));
        }
        let mut into = [0; 10];
        let (count, _) = self.boards[1].1.receive(ids[1], &mut into, false).expect("a datagram");
        assert_eq!(&into[..count], b"hello");
        let _ = self.boards[1].1.netstat().to_string();
    }
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, 200 + number as u8)
}

fn host(number: u32) -> Host {
    let config = Ipv4Config { address: address(number), prefix: 24, gateway: None, dns: Vec::new() };
    let mut host = Host::new(HostConfig {
        mac: Mac::local(number),
        name: format!("b{number}"),
        seed: Seed(number.into()),
        profile: Profile::ESP32,
        addressing: Addressing::Static(config),
    });
    host.set_link(Time::ZERO, true);
    let listener = host.open(Family::Inet, Type::Stream, Protocol::Usual).expect("a socket");
    host.bind(listener, &(Ipv4Addr::UNSPECIFIED, 80).into()).expect("bound");
    host.listen(listener, 2).expect("listens");
    let group = socket(&mut host, 5000);
    let option = SockOpt::JoinV4 { group: Ipv4Addr::new(239, 1, 1, 1), interface: Ipv4Addr::UNSPECIFIED };
    host.set(group, &option).expect("joined");
    host
}

fn socket(host: &mut Host, port: u16) -> SocketId {
    let id = host.open(Family::Inet, Type::Datagram, Protocol::Usual).expect("a socket");
    host.bind(id, &(Ipv4Addr::UNSPECIFIED, port).into()).expect("bound");
    id
}

/// A frame from the villain, whose hardware it does not deny: to claim another's is a lie, and no damage.
fn frame(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let choice: u8 = input.arbitrary()?;
    let to = match choice % 5 {
        0 => GATEWAY,
        1 => Mac::BROADCAST.0,
        2 => Mac::local(1).0,
        3 => [0x33, 0x33, 0, 0, 0, 1],
        _ => [0x01, 0x00, 0x5e, 1, 1, 1],
    };
    let kind = [0x0800_u16, 0x0806, 0x86dd, 0x0800, input.arbitrary()?][usize::from(choice / 5) % 5];
    let length = usize::from(input.arbitrary::<u8>()?) * 2;
    let mut frame = [&to[..], &Mac::local(3).0, &kind.to_be_bytes()].concat();
    frame.extend_from_slice(input.bytes(length.min(input.len()))?);
    if choice < 200 {
        repair(&mut frame[14..], kind);
    }
    Ok(frame)
}

/// Makes lengths and checksums right, as far as there is something to make right.
fn repair(packet: &mut [u8], kind: u16) {
    if kind == 0x0800 && packet.len() >= 28 {
        packet[0] = 0x45;
        let length = packet.len() as u16;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        packet[10..12].fill(0);
        let sum = checksum(&[&packet[..20]]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        let (header, payload) = packet.split_at_mut(20);
        transport(&header[12..20].to_vec(), header[9], payload);
    }
    if kind == 0x86dd && packet.len() >= 48 {
        packet[0] = 0x60;
        let length = packet.len() as u16 - 40;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        let (header, payload) = packet.split_at_mut(40);
        transport(&header[8..40].to_vec(), header[6], payload);
    }
}

fn transport(ends: &[u8], protocol: u8, payload: &mut [u8]) {
    let length = (payload.len() as u16).to_be_bytes();
    let pseudo = [ends, &[0, protocol], &length].concat();
    let (place, pseudo) = match protocol {
        1 => (2, &[][..]),
        58 => (2, &pseudo[..]),
        17 => {
            payload[4..6].copy_from_slice(&length);
            (6, &pseudo[..])
        }
        6 if payload.len() >= 20 => (16, &pseudo[..]),
        _ => return,
    };
    payload[place..place + 2].fill(0);
    let sum = checksum(&[pseudo, payload]);
    payload[place..place + 2].copy_from_slice(&sum.to_be_bytes());
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}
