//! Frames without hosts: what a test puts on a cable itself.

use bytes::Bytes;
use socklab_lan::{Attach, Direction, Event, Faults, Lan, LanConfig, Mac, Medium, PortId, Seed, Time};

/// Two cables, and nothing at their ends.
pub(crate) struct Cable {
    pub(crate) lan: Lan,
    pub(crate) from: PortId,
    pub(crate) to: PortId,
}

/// A frame that came out of the first cable: its number, when it did, and its bytes.
pub(crate) struct Arrived {
    pub(crate) number: u32,
    pub(crate) at: Time,
    pub(crate) frame: Bytes,
}

pub(crate) const LENGTH: usize = 100;

impl Cable {
    pub(crate) fn new(seed: u64, faults: &str) -> Cable {
        let mut lan = Lan::new(LanConfig { seed: Seed(seed), ..LanConfig::default() });
        let mut attach = |number: u32| {
            let attach =
                Attach { name: format!("b{number}"), mac: Mac::local(number), medium: Medium::Cable, address: None };
            lan.attach(Time::ZERO, attach).unwrap()
        };
        let (from, to) = (attach(1), attach(2));
        lan.set_faults(Time::ZERO, from, Direction::Up, faults.parse::<Faults>().unwrap());
        lan.watch(true);
        Cable { lan, from, to }
    }

    /// Sends so many frames, one a millisecond, and gives those that came out of the first cable.
    pub(crate) fn send(&mut self, count: u32) -> Vec<Arrived> {
        let mut arrived = Vec::new();
        for number in 0..count {
            let now = Time::from_millis(number.into());
            self.lan.poll(now);
            self.lan.handle_frame(now, self.from, frame(number));
            self.take(&mut arrived);
        }
        while let Some(next) = self.lan.deadline() {
            self.lan.poll(next);
            self.take(&mut arrived);
        }
        arrived
    }

    fn take(&mut self, arrived: &mut Vec<Arrived>) {
        while self.lan.poll_transmit().is_some() {}
        while let Some(event) = self.lan.poll_event() {
            if let Event::Frame {
                at,
                port,
                direction: Direction::Up,
                verdict: socklab_lan::Verdict::Delivered(_),
                frame,
                ..
            } = event
                && port == self.from
            {
                let number = u32::from_be_bytes(*frame[8..].first_chunk().unwrap());
                arrived.push(Arrived { number, at, frame });
            }
        }
    }
}

/// A frame of no protocol, with its number in its sender's address, where no bit is turned over.
pub(crate) fn frame(number: u32) -> Bytes {
    let mut frame = vec![0; LENGTH];
    frame[..6].copy_from_slice(&Mac::local(2).0);
    frame[6] = 2;
    frame[8..12].copy_from_slice(&number.to_be_bytes());
    frame[12..14].copy_from_slice(&0x88b5_u16.to_be_bytes());
    frame.into()
}
