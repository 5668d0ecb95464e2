//! A network and its boards on virtual time: nothing waits, and time goes where something is due.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use socklab_lan::{
    Addressing, Attach, Event, Host, HostConfig, Interface, Lan, LanConfig, Mac, Medium, PortId, Profile, Seed, Time,
};

/// Rounds at one moment before somebody must be called mad.
const ROUNDS: usize = 20_000;

pub(crate) struct Board {
    pub(crate) host: Host,
    pub(crate) port: PortId,
}

/// All of it.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) lan: Lan,
    pub(crate) boards: BTreeMap<String, Board>,
    /// What the network has told, for whoever asks.
    pub(crate) events: Vec<Event>,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        World::with(LanConfig { seed: Seed(seed), ..LanConfig::default() })
    }

    pub(crate) fn with(config: LanConfig) -> World {
        World { now: Time::ZERO, lan: Lan::new(config), boards: BTreeMap::new(), events: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, medium: Medium, profile: Profile, addressing: Addressing) {
        let number = self.boards.len() as u32 + 1;
        let mac = Mac::local(number);
        let attach = Attach { name: name.to_owned(), mac, medium, address: None };
        let port = self.lan.attach(self.now, attach).expect("attached");
        let seed = Seed(self.lan.seed().0 ^ u64::from(number));
        let mut host = Host::new(HostConfig { mac, name: name.to_owned(), seed, profile, addressing });
        host.set_link(self.now, medium == Medium::Cable);
        self.boards.insert(name.to_owned(), Board { host, port });
    }

    /// Boards by cable, with addresses.
    pub(crate) fn boards(seed: u64, names: &[&str], profile: Profile) -> World {
        let mut world = World::new(seed);
        for name in names {
            world.add(name, Medium::Cable, profile, Addressing::Dhcp);
        }
        world.wait(Duration::from_secs(6));
        world
    }

    pub(crate) fn host(&mut self, name: &str) -> &mut Host {
        let now = self.now;
        self.boards.get_mut(name).unwrap_or_else(|| panic!("no board is called {name}")).host.at(now)
    }

    /// Lets everything happen that happens at this moment.
    pub(crate) fn settle(&mut self) {
        for _ in 0..ROUNDS {
            if !self.round() {
                return;
            }
        }
        panic!("at {} it never comes to rest", self.now);
    }

    fn round(&mut self) -> bool {
        let mut moved = false;
        for board in self.boards.values_mut() {
            board.host.poll(self.now);
            while let Some(frame) = board.host.poll_transmit() {
                moved = true;
                self.lan.handle_frame(self.now, board.port, frame);
            }
        }
        self.lan.poll(self.now);
        while let Some((port, interface, frame)) = self.lan.poll_transmit() {
            moved = true;
            self.deliver(port, interface, frame);
        }
        while let Some(event) = self.lan.poll_event() {
            self.note(event);
        }
        moved
    }

    fn deliver(&mut self, port: PortId, interface: Interface, frame: Bytes) {
        let board = self.boards.values_mut().find(|board| board.port == port).expect("a board");
        board.host.handle_frame(self.now, interface, frame);
    }

    /// A board whose radio has joined or lost a network has a link, or none.
    fn note(&mut self, event: Event) {
        let link = match &event {
            Event::Joined { port, outcome, .. } => Some((*port, outcome.is_ok())),
            Event::Left { port, .. } => Some((*port, false)),
            _ => None,
        };
        if let Some((port, up)) = link {
            let board = self.boards.values_mut().find(|board| board.port == port).expect("a board");
            board.host.set_link(self.now, up);
        }
        self.events.push(event);
    }

    pub(crate) fn deadline(&mut self) -> Option<Time> {
        let hosts = self.boards.values_mut().filter_map(|board| board.host.deadline());
        hosts.chain(self.lan.deadline()).min()
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, span: Duration) {
        self.wait_until(self.now + span, |_| false);
    }

    /// Lets time pass until then, or until something is so; says whether it is.
    pub(crate) fn wait_until(&mut self, end: Time, mut so: impl FnMut(&mut World) -> bool) -> bool {
        let mut stays = 0;
        loop {
            self.settle();
            if so(self) {
                return true;
            }
            let next = self.deadline().unwrap_or(Time::NEVER);
            if next > end {
                self.now = end;
                return false;
            }
            stays = if next <= self.now { stays + 1 } else { 0 };
            assert!(stays < 100, "at {} something is due for ever", self.now);
            self.now = self.now.max(next);
        }
    }

    pub(crate) fn address(&mut self, name: &str) -> std::net::Ipv4Addr {
        self.host(name).ipv4().unwrap_or_else(|| panic!("{name} has no address")).address
    }
}
