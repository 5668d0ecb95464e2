//! The Wi-Fi station as the board's program left it: active, joining, joined, failed. It is only played: the packets
//! take the host's network. What the words are in a firmware's dialect belongs to `modules::network`.

use std::time::Instant;

use super::Outside;

/// Keys of a protected network have at least as many characters.
const SHORTEST_KEY: usize = 8;

/// How far the station has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It was not asked to join, or was asked to leave.
    Idle,
    /// It is being joined.
    Joining,
    /// It is joined and has an address.
    Up,
    /// There is no such network.
    NoSuchNetwork,
    /// The network did not take the key.
    WrongKey,
}

/// The one station of the board.
pub(crate) struct Station {
    outside: Outside,
    pub(crate) active: bool,
    /// The access point that the board itself can be.
    pub(crate) serving: bool,
    link: Link,
    ssid: String,
    key: String,
    /// When joining comes to its end.
    done: Option<Instant>,
    /// What the parent was told last.
    told: Option<String>,
}

impl Station {
    pub(super) fn new(mut outside: Outside) -> Station {
        let joined = outside.joined.take();
        let link = if joined.is_some() { Link::Up } else { Link::Idle };
        Station {
            active: joined.is_some(),
            serving: false,
            link,
            ssid: joined.clone().unwrap_or_default(),
            key: String::new(),
            done: None,
            told: joined,
            outside,
        }
    }

    /// Starts to join; `None` is what was given last.
    pub(crate) fn join(&mut self, network: Option<(String, String)>) {
        if let Some((ssid, key)) = network {
            (self.ssid, self.key) = (ssid, key);
        }
        self.link = Link::Joining;
        self.done = Instant::now().checked_add(self.outside.join_delay);
        self.pass(Instant::now());
    }

    pub(crate) fn leave(&mut self) {
        self.link = Link::Idle;
        self.done = None;
    }

    /// Lets the time come.
    pub(super) fn pass(&mut self, now: Instant) {
        if self.link == Link::Joining && self.done.is_some_and(|done| now >= done) {
            self.link = self.outcome();
        }
    }

    fn outcome(&self) -> Link {
        match &self.outside.only {
            Some((ssid, _)) if *ssid != self.ssid => Link::NoSuchNetwork,
            Some((_, key)) if *key != self.key => Link::WrongKey,
            None if !self.key.is_empty() && self.key.chars().count() < SHORTEST_KEY => Link::WrongKey,
            _ => Link::Up,
        }
    }

    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// When joining comes to its end, for those who wait for it.
    pub(crate) fn done(&self) -> Option<Instant> {
        (self.link == Link::Joining).then_some(self.done).flatten()
    }

    /// Whether the board is in a network, its own or another.
    pub(crate) fn is_up(&self) -> bool {
        self.serving || self.link == Link::Up
    }

    pub(crate) fn ssid(&self) -> &str {
        &self.ssid
    }

    /// Names of the networks that a scan finds, and whether they have a key. Where any can be joined, one stands for all.
    pub(crate) fn in_the_air(&self) -> Vec<(String, bool)> {
        match &self.outside.only {
            Some((ssid, key)) => vec![(ssid.clone(), !key.is_empty())],
            None => vec![("Socklab".to_owned(), false)],
        }
    }

    /// What the parent has not been told yet: the network, or none.
    pub(super) fn news(&mut self) -> Option<Option<String>> {
        let joined = (self.link == Link::Up).then(|| self.ssid.clone());
        (joined != self.told).then(|| {
            self.told.clone_from(&joined);
            joined
        })
    }
}

/// Whether a firmware takes this for a key.
pub(crate) fn is_key(key: &str) -> bool {
    key.is_empty() || key.chars().count() >= SHORTEST_KEY
}
