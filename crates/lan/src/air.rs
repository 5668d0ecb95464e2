//! Who is in the air: access points, the boards that have joined them, and those that are about to. What joining leads
//! to on the network is `lan`'s; how a program sees it, the board's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::lan::SegmentId;
use crate::{Mac, PortId, Time};

/// The shortest password of WPA2.
const SHORTEST_PASSWORD: usize = 8;

/// Access points that there may be; more are not opened.
pub(crate) const ACCESS_POINTS: usize = 64;

/// Names of boards' access points that are remembered.
const TAKEN: usize = 4096;

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoint {
    /// Its name, 1 to 32 bytes.
    pub ssid: String,
    /// Whoever joins must know it; `None` is open to all.
    pub password: Option<String>,
    /// Its channel, 1 to 13.
    pub channel: u8,
    /// How strongly boards hear it, in dBm.
    pub rssi: i8,
    /// How long joining takes.
    pub join_time: Duration,
    /// Frames between its stations are dropped.
    pub isolated: bool,
    /// It has been switched off: its stations have lost it, and nobody finds it.
    pub gone: bool,
    /// It says of every password that it is wrong.
    pub refuses: bool,
    /// Stations that it takes at a time.
    pub stations: usize,
}

/// What there is in the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirConfig {
    /// The access point of the network.
    pub home: AccessPoint,
    /// Joining any name with a good password, or none, joins the network: a program needs no change. Otherwise only
    /// the access points that there are, with their passwords.
    pub any_name: bool,
}

/// Why joining failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is no such access point, or it is gone.
    #[error("no access point has that name")]
    NotFound,
    /// The password is wrong, or too short for any.
    #[error("the password is wrong")]
    WrongPassword,
    /// It takes no more stations.
    #[error("the access point is full")]
    Full,
}

/// Why an access point is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AirError {
    /// There is none of that name.
    #[error("no access point has that name")]
    NotFound,
    /// It is a board's, which gives its addresses itself.
    #[error("a board is this access point: only the network's own has a DHCP and a DNS server to harm")]
    NotServed,
}

/// Why a board is no longer joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It wanted to.
    Asked,
    /// The access point sent it away.
    Deauthenticated,
    /// The access point is gone.
    Gone,
}

/// What a scan finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The access point's name.
    pub ssid: String,
    /// Its address in the air.
    pub bssid: Mac,
    /// Its channel.
    pub channel: u8,
    /// How strongly it is heard, in dBm.
    pub rssi: i8,
    /// Whether it wants a password.
    pub secured: bool,
}

#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) config: AccessPoint,
    pub(crate) bssid: Mac,
    pub(crate) segment: SegmentId,
    /// The board whose it is; the network's own has none.
    pub(crate) owner: Option<PortId>,
}

/// Where a station is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Station {
    Idle,
    Joining { ssid: String, password: Option<String>, until: Time, attempt: u64 },
    Joined { ssid: String, point: usize },
}

/// The end of an attempt to join.
pub(crate) struct Ended {
    pub(crate) port: PortId,
    pub(crate) ssid: String,
    pub(crate) attempt: u64,
    pub(crate) outcome: Result<SegmentId, JoinError>,
}

#[derive(Debug)]
pub(crate) struct Air {
    any_name: bool,
    /// Names that boards have given their own: the home network does not answer to them.
    taken: BTreeSet<String>,
    pub(crate) points: BTreeMap<usize, Point>,
    pub(crate) stations: BTreeMap<PortId, Station>,
    next: usize,
    /// Attempts to join so far.
    attempts: u64,
}

impl Default for AccessPoint {
    fn default() -> AccessPoint {
        AccessPoint {
            ssid: "socklab".to_owned(),
            password: None,
            channel: 6,
            rssi: -52,
            join_time: Duration::from_secs(1),
            isolated: false,
            gone: false,
            refuses: false,
            stations: 250,
        }
    }
}

impl Default for AirConfig {
    fn default() -> AirConfig {
        AirConfig { home: AccessPoint::default(), any_name: true }
    }
}

impl Air {
    pub(crate) fn new(config: AirConfig, segment: SegmentId) -> Air {
        let (points, stations) = (BTreeMap::new(), BTreeMap::new());
        let mut air = Air { any_name: config.any_name, taken: BTreeSet::new(), points, stations, next: 0, attempts: 0 };
        air.open(config.home, segment, None);
        air
    }

    pub(crate) fn open(&mut self, config: AccessPoint, segment: SegmentId, owner: Option<PortId>) {
        let bssid = Mac::local(0x00ff_0000 | self.next as u32);
        if owner.is_some() && self.taken.len() < TAKEN {
            self.taken.insert(config.ssid.clone());
        }
        self.points.insert(self.next, Point { config, bssid, segment, owner });
        self.next += 1;
    }

    /// The access point that a name leads to.
    fn find(&self, ssid: &str) -> Option<usize> {
        let named = self.points.iter().find(|(_, point)| point.config.ssid == ssid);
        let home = self.points.first_key_value().filter(|_| self.any_name && !self.taken.contains(ssid));
        named.or(home).filter(|(_, point)| !point.config.gone).map(|(place, _)| *place)
    }

    pub(crate) fn point_named(&mut self, ssid: &str) -> Option<&mut Point> {
        self.points.values_mut().find(|point| point.config.ssid == ssid)
    }

    /// Begins to join; the outcome of this attempt is there at the time that `deadline` tells.
    pub(crate) fn join(&mut self, now: Time, port: PortId, ssid: &str, password: Option<&str>) -> u64 {
        let home = self.points.first_key_value().map(|(place, _)| *place);
        let point = self.find(ssid).or(home).and_then(|place| self.points.get(&place));
        let until = now + point.map_or(Duration::ZERO, |point| point.config.join_time);
        let (ssid, password) = (ssid.to_owned(), password.filter(|password| !password.is_empty()).map(str::to_owned));
        self.attempts += 1;
        let attempt = self.attempts;
        self.stations.insert(port, Station::Joining { ssid, password, until, attempt });
        attempt
    }

    /// A station whose joining has come to its end by now.
    pub(crate) fn poll(&mut self, now: Time) -> Option<Ended> {
        let due = |station: &Station| matches!(station, Station::Joining { until, .. } if *until <= now);
        let port = self.stations.iter().find(|(_, station)| due(station)).map(|(port, _)| *port)?;
        let station = self.stations.insert(port, Station::Idle)?;
        let Station::Joining { ssid, password, attempt, .. } = station else { return None };
        let admitted = self.admit(port, &ssid, password.as_deref());
        if let Ok((point, _)) = admitted {
            self.stations.insert(port, Station::Joined { ssid: ssid.clone(), point });
        }
        Some(Ended { port, ssid, attempt, outcome: admitted.map(|(_, segment)| segment) })
    }

    fn admit(&self, port: PortId, ssid: &str, password: Option<&str>) -> Result<(usize, SegmentId), JoinError> {
        let place = self.find(ssid).ok_or(JoinError::NotFound)?;
        // A radio does not hear itself.
        let point = self.points.get(&place).filter(|point| point.owner != Some(port)).ok_or(JoinError::NotFound)?;
        let known = point.config.ssid == ssid;
        let right = match (&point.config.password, password) {
            (Some(wanted), given) if known => given == Some(wanted),
            (_, Some(given)) => given.len() >= SHORTEST_PASSWORD,
            (_, None) => true,
        };
        if !right || point.config.refuses {
            return Err(JoinError::WrongPassword);
        }
        if self.joined_to(place).count() >= point.config.stations {
            return Err(JoinError::Full);
        }
        Ok((place, point.segment))
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let joining = self.stations.values().filter_map(|station| match station {
            Station::Joining { until, .. } => Some(*until),
            _ => None,
        });
        joining.min()
    }

    fn joined_to(&self, place: usize) -> impl Iterator<Item = PortId> {
        self.stations.iter().filter_map(move |(port, station)| match station {
            Station::Joined { point, .. } if *point == place => Some(*port),
            _ => None,
        })
    }

    /// Those that have joined the access point of this name.
    pub(crate) fn stations_of(&self, ssid: &str) -> Vec<PortId> {
        let place = self.points.iter().find(|(_, point)| point.config.ssid == ssid).map(|(place, _)| *place);
        place.map(|place| self.joined_to(place).collect()).unwrap_or_default()
    }

    /// Those whose access point this board was.
    pub(crate) fn close(&mut self, owner: PortId) -> Vec<PortId> {
        let places: Vec<usize> =
            self.points.iter().filter(|(_, point)| point.owner == Some(owner)).map(|(place, _)| *place).collect();
        let stations = places.iter().flat_map(|place| self.joined_to(*place)).collect();
        places.iter().for_each(|place| drop(self.points.remove(place)));
        stations
    }

    /// Whether a board has joined an access point.
    pub(crate) fn is_joined(&self, port: PortId) -> bool {
        matches!(self.stations.get(&port), Some(Station::Joined { .. }))
    }

    /// Whether frames between these two are dropped.
    pub(crate) fn keeps_apart(&self, one: PortId, other: PortId) -> bool {
        let point = |port: PortId| match self.stations.get(&port) {
            Some(Station::Joined { point, .. }) => Some(*point),
            _ => None,
        };
        let both = point(one).filter(|place| point(other) == Some(*place));
        both.and_then(|place| self.points.get(&place)).is_some_and(|point| point.config.isolated)
    }

    /// The access point that a board has joined.
    pub(crate) fn joined_by(&self, port: PortId) -> Option<Seen> {
        match self.stations.get(&port) {
            Some(Station::Joined { point, .. }) => self.points.get(point).map(Point::seen),
            _ => None,
        }
    }

    /// The access points, and who has joined each.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Point, Vec<PortId>)> {
        self.points.iter().map(|(place, point)| (point, self.joined_to(*place).collect()))
    }

    /// What a board hears that listens to all channels; its own access point is not among it.
    pub(crate) fn scan(&self, port: PortId) -> Vec<Seen> {
        let heard = self.points.values().filter(|point| !point.config.gone && point.owner != Some(port));
        heard.map(Point::seen).collect()
    }
}

impl Point {
    fn seen(&self) -> Seen {
        Seen {
            ssid: self.config.ssid.clone(),
            bssid: self.bssid,
            channel: self.config.channel,
            rssi: self.config.rssi,
            secured: self.config.password.is_some(),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Left::Asked => "it left",
            Left::Deauthenticated => "the access point sent it away",
            Left::Gone => "the access point is gone",
        })
    }
}
