//! The Wi-Fi station as the board's program left it: active, joining, joined, failed. On this machine's network it is
//! only played; on the virtual one the access points are real, and `air` speaks to them. What the words are in a
//! firmware's dialect belongs to `modules::network`.

use std::time::{Duration, Instant};

use super::Outside;
use crate::link::JoinFailure;

/// Keys of a protected network have at least as many characters.
const SHORTEST_KEY: usize = 8;

/// How long the board waits for an address before its person is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// The channel of an access point of which nothing is said.
const USUAL_CHANNEL: u8 = 6;

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
    /// The network takes no more stations.
    Refused,
}

/// The one station of the board.
pub(crate) struct Station {
    outside: Outside,
    pub(crate) active: bool,
    /// The access point that the board itself can be.
    pub(crate) serving: bool,
    /// Who has joined that.
    pub(crate) stations: Vec<[u8; 6]>,
    /// The channel of the access point that was joined last.
    pub(crate) channel: u8,
    link: Link,
    ssid: String,
    key: String,
    /// When joining comes to its end.
    done: Option<Instant>,
    by_cable: bool,
    /// The access point of the virtual network has taken the board, which has no address yet.
    pub(super) associated: bool,
    /// When its person is told that it still has none.
    complains: Option<Instant>,
    /// It was joined and is lost: the board tries until it is joined again, or told otherwise.
    pub(super) lost: bool,
    /// Counts what the program wanted of the air: an answer that comes late does not undo what it wants now.
    pub(super) attempt: u64,
    /// What the parent was told last.
    told: Option<String>,
}

impl Station {
    /// `by_cable` there is nothing to join, and only an address to wait for.
    pub(super) fn new(mut outside: Outside, by_cable: bool) -> Station {
        let joined = outside.joined.take();
        let is_joined = joined.is_some() || by_cable;
        let link = match (is_joined, outside.lan) {
            (false, _) => Link::Idle,
            (true, None) => Link::Up,
            (true, Some(_)) => Link::Joining,
        };
        Station {
            active: joined.is_some(),
            serving: false,
            stations: Vec::new(),
            channel: USUAL_CHANNEL,
            link,
            ssid: joined.clone().unwrap_or_default(),
            key: String::new(),
            done: None,
            by_cable,
            associated: is_joined,
            complains: is_joined.then(|| Instant::now() + PATIENCE),
            lost: false,
            // An answer to the process before a soft reset has another number.
            attempt: u64::from(std::process::id()) << 32,
            told: joined,
            outside,
        }
    }

    /// Starts to join; `None` is what was given last.
    pub(crate) fn join(&mut self, network: Option<(String, String)>) {
        if let Some((ssid, key)) = network {
            (self.ssid, self.key) = (ssid, key);
        }
        (self.link, self.associated, self.lost) = (Link::Joining, false, false);
        self.attempt += 1;
        self.done = match self.outside.lan {
            Some(_) => None,
            None => Instant::now().checked_add(self.outside.join_delay),
        };
    }

    pub(crate) fn leave(&mut self) {
        (self.link, self.associated, self.lost) = (Link::Idle, false, false);
        self.attempt += 1;
        self.done = None;
    }

    /// Lets the time come.
    pub(super) fn pass(&mut self, now: Instant, has_address: impl FnOnce() -> bool) {
        if self.link == Link::Joining && self.done.is_some_and(|done| now >= done) {
            self.link = self.outcome();
        }
        if self.link == Link::Joining && self.associated && has_address() {
            (self.link, self.lost) = (Link::Up, false);
        }
    }

    /// The access point has answered; false where the program has thought better of it.
    pub(super) fn answered(&mut self, attempt: u64, outcome: Result<u8, JoinFailure>) -> bool {
        if attempt != self.attempt || self.link != Link::Joining {
            return false;
        }
        match outcome {
            Ok(channel) => {
                (self.associated, self.channel) = (true, channel);
                self.complains = Some(Instant::now() + PATIENCE);
            }
            Err(_) if self.lost => {}
            Err(JoinFailure::NoSuchNetwork) => self.link = Link::NoSuchNetwork,
            Err(JoinFailure::WrongKey) => self.link = Link::WrongKey,
            Err(JoinFailure::Full) => self.link = Link::Refused,
        }
        true
    }

    /// The access point is gone, or has sent the board away.
    pub(super) fn lose(&mut self) {
        if matches!(self.link, Link::Up | Link::Joining) {
            (self.link, self.associated, self.lost) = (Link::Joining, false, true);
        }
    }

    /// What a person should know of a network that was not joined.
    pub(super) fn failure(&self) -> Option<(String, String)> {
        let ssid = self.ssid.escape_debug();
        let (en, zh) = match self.link {
            Link::WrongKey if !is_key(&self.key) => (
                format!("Wi-Fi {ssid}: a password has at least {SHORTEST_KEY} characters"),
                format!("Wi-Fi {ssid}：密码至少 {SHORTEST_KEY} 个字符"),
            ),
            Link::WrongKey => (format!("Wi-Fi {ssid}: the password is wrong"), format!("Wi-Fi {ssid}：密码错误")),
            Link::NoSuchNetwork => (format!("there is no Wi-Fi {ssid}"), format!("没有名为 {ssid} 的 Wi-Fi")),
            Link::Refused => (format!("Wi-Fi {ssid} takes no more stations"), format!("Wi-Fi {ssid} 的连接数已满")),
            Link::Idle | Link::Joining | Link::Up => return None,
        };
        Some((en, zh))
    }

    /// What a person should know of a network that gives no address, once.
    pub(super) fn complaint(&mut self, now: Instant) -> Option<(String, String)> {
        let waits = self.link == Link::Joining && self.associated;
        if !waits || now < self.complains? {
            return None;
        }
        self.complains = None;
        let ssid = self.ssid.escape_debug();
        Some(match self.by_cable {
            true => ("DHCP has given the board no address".to_owned(), "DHCP 没有给板子分配地址".to_owned()),
            false => (
                format!("Wi-Fi {ssid} is joined, but DHCP has given the board no address"),
                format!("已加入 Wi-Fi {ssid}，但 DHCP 没有给板子分配地址"),
            ),
        })
    }

    /// What is to be joined.
    pub(super) fn wanted(&self) -> (String, String) {
        (self.ssid.clone(), self.key.clone())
    }

    fn outcome(&self) -> Link {
        match &self.outside.only {
            Some((ssid, _)) if *ssid != self.ssid => Link::NoSuchNetwork,
            Some((_, key)) if *key != self.key => Link::WrongKey,
            None if !is_key(&self.key) => Link::WrongKey,
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

    /// Whether the board is in no network, and does not look for one.
    pub(super) fn is_off(&self) -> bool {
        !self.serving && !matches!(self.link, Link::Up | Link::Joining)
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
        let joined = (self.link == Link::Up && !self.by_cable).then(|| self.ssid.clone());
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
