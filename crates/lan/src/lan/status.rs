//! What a network has to show: boards and their links, addresses, leases, flows, connections.

use std::fmt;
use std::net::IpAddr;

use super::{Lan, Medium};
use crate::air::{AccessPoint, Point};
use crate::gateway::{FlowRow, Lease};
use crate::track::Connection;
use crate::{AirFaults, Counts, Direction, Interface, Mac, PortId};

/// A network at one moment. Its text is a table.
#[derive(Clone, Debug)]
pub struct LanStatus {
    /// Its boards.
    pub ports: Vec<PortRow>,
    /// The access points in the air.
    pub points: Vec<PointRow>,
    /// Who has which address.
    pub arp: Vec<ArpRow>,
    /// What DHCP has given.
    pub leases: Vec<Lease>,
    /// Connections with the outside.
    pub flows: Vec<FlowRow>,
    /// All connections that were seen, those between boards included.
    pub connections: Vec<Connection>,
}

/// A board, or its access point.
#[derive(Clone, Debug)]
pub struct PortRow {
    /// Its port.
    pub port: PortId,
    /// Which of its interfaces.
    pub interface: Interface,
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: Mac,
    /// How it is attached.
    pub medium: Medium,
    /// Whether frames pass: it has a cable, has joined, or is an access point.
    pub attached: bool,
    /// What each direction of its link has done, first the one from the board.
    pub counts: [Counts; 2],
    /// What is wrong with each.
    pub faults: [String; 2],
}

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointRow {
    /// Its name.
    pub ssid: String,
    /// Its channel.
    pub channel: u8,
    /// Whether it wants a password.
    pub secured: bool,
    /// Whether it is switched off.
    pub gone: bool,
    /// What is wrong with it, as [`AirFaults`] writes it; nothing if it is empty.
    pub faults: String,
    /// The board that is it; `None` for the home network's.
    pub owner: Option<PortId>,
    /// Who has joined it.
    pub stations: Vec<PortId>,
}

/// An address and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArpRow {
    /// The address.
    pub address: IpAddr,
    /// The hardware address.
    pub mac: Mac,
    /// Whose.
    pub port: PortId,
}

impl Lan {
    pub(super) fn make_status(&self) -> LanStatus {
        let rows = self.gateway.holders();
        LanStatus {
            ports: self.ports.keys().filter_map(|port| self.row(*port)).collect(),
            points: self.air.all().map(|(point, stations)| self.point_row(point, stations)).collect(),
            arp: rows.map(|(address, holder)| ArpRow { address, mac: holder.mac, port: holder.port }).collect(),
            leases: self.gateway.leases().cloned().collect(),
            flows: self.gateway.flow_rows().collect(),
            connections: self.tracker.all().cloned().collect(),
        }
    }

    fn point_row(&self, point: &Point, stations: Vec<PortId>) -> PointRow {
        let AccessPoint { ssid, channel, password, gone, refuses, isolated, .. } = point.config.clone();
        let mut faults = AirFaults { gone, wrong_password: refuses, isolated, ..AirFaults::default() };
        if point.owner.is_none() {
            (faults.dhcp, faults.dns) = (self.gateway.dhcp.fault, self.gateway.dns_fault);
        }
        let (secured, owner) = (password.is_some(), point.owner);
        PointRow { ssid, channel, secured, gone, faults: faults.to_string(), owner, stations }
    }

    fn row(&self, id: PortId) -> Option<PortRow> {
        let port = self.ports.get(&id)?;
        let each = [Direction::Up, Direction::Down];
        let (board, interface) = self.place(id);
        Some(PortRow {
            port: board,
            interface,
            name: port.attach.name.clone(),
            mac: port.attach.mac,
            medium: port.attach.medium,
            attached: port.segment.is_some(),
            counts: each.map(|direction| port.link.counts(direction)),
            faults: each.map(|direction| port.link.faults(direction).to_string()),
        })
    }
}

/// What is shown in the reader's language: its words, and never its values, which are those of other tools.
pub trait Bilingual {
    /// Writes it, in Chinese if that is asked for.
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result;

    /// The text in English.
    fn en(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text, false); // a text takes everything
        text
    }

    /// The text in Chinese.
    fn zh(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text, true);
        text
    }
}

fn pick(chinese: bool, en: &'static str, zh: &'static str) -> &'static str {
    if chinese { zh } else { en }
}

impl Bilingual for LanStatus {
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result {
        let say = |en, zh| pick(chinese, en, zh);
        self.ports.iter().try_for_each(|row| row.write(to, chinese))?;
        self.points.iter().try_for_each(|row| row.write(to, chinese))?;
        for ArpRow { address, mac, port } in &self.arp {
            writeln!(to, "{} {address:<39} {mac} {port}", say("address", "地址   "))?;
        }
        for Lease { mac, address, until, name, taken } in &self.leases {
            let taken = if *taken { say("until", "有效期至") } else { say("offered until", "保留至") };
            writeln!(to, "{} {address:<15} {mac} {name} {taken} {until}", say("lease  ", "租约   "))?;
        }
        self.flows.iter().try_for_each(|row| row.write(to, chinese))?;
        self.connections.iter().try_for_each(|row| row.write(to, chinese))
    }
}

/// `air     "Socklab" channel 6 open, of the network, joined by p1 p2`.
impl Bilingual for PointRow {
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result {
        let say = |en, zh| pick(chinese, en, zh);
        let secured = if self.secured { say("with a password", "有密码") } else { say("open", "开放") };
        let (air, channel) = (say("air    ", "无线   "), say("channel", "信道"));
        write!(to, "{air} {:?} {channel} {} {secured}", self.ssid, self.channel)?;
        match self.owner {
            Some(owner) => write!(to, "{} {owner}", say(", of", "，属于"))?,
            None => to.write_str(say(", of the network", "，属于网络自身"))?,
        }
        to.write_str(match (self.gone, self.stations.is_empty()) {
            (true, _) => say(", switched off", "，已关闭"),
            (false, true) => say(", joined by nobody", "，无人加入"),
            (false, false) => say(", joined by", "，已加入的有"),
        })?;
        self.stations.iter().try_for_each(|station| write!(to, " {station}"))?;
        if self.faults.is_empty() { writeln!(to) } else { writeln!(to, " ({})", self.faults) }
    }
}

/// A line for the interface, and one for each direction of its link.
impl Bilingual for PortRow {
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result {
        let say = |en, zh| pick(chinese, en, zh);
        let state = match (self.interface, self.medium, self.attached) {
            (Interface::AccessPoint, ..) => say("access point", "接入点"),
            (_, Medium::Cable, _) => say("cable", "网线"),
            (_, Medium::Air, true) => say("joined", "已加入"),
            (_, Medium::Air, false) => say("not joined", "未加入"),
        };
        writeln!(to, "{} {} {} {} {state}", say("port   ", "板子   "), self.port, self.name, self.mac)?;
        for (direction, place) in [(say("up", "上行"), 0), (say("down", "下行"), 1)] {
            let faults = if self.faults[place].is_empty() { say("perfect", "正常") } else { &self.faults[place] };
            write!(to, "{} {} {direction}: ", say("link   ", "链路   "), self.port)?;
            self.counts[place].write(to, chinese)?;
            writeln!(to, " ({faults})")?;
        }
        Ok(())
    }
}

/// What is not zero: `frames 12 bytes 840 delivered 11 lost 1`.
impl Bilingual for Counts {
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result {
        let counts = [
            ("frames", "帧", Some(self.frames)),
            ("bytes", "字节", Some(self.bytes)),
            ("delivered", "送达", Some(self.delivered)),
            ("filtered", "被过滤", some(self.filtered)),
            ("too-long", "过长", some(self.too_long)),
            ("down", "断开", some(self.down)),
            ("lost", "丢失", some(self.lost)),
            ("retried", "重试", some(self.retried)),
            ("duplicated", "重复", some(self.duplicated)),
            ("corrupted", "损坏", some(self.corrupted)),
            ("overflowed", "溢出", some(self.overflowed)),
            ("reordered", "乱序", some(self.reordered)),
        ];
        let said = counts.iter().filter_map(|(en, zh, count)| Some((pick(chinese, en, zh), (*count)?)));
        said.enumerate()
            .try_for_each(|(place, (word, count))| write!(to, "{}{word} {count}", if place > 0 { " " } else { "" }))
    }
}

fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

/// It has no words but its head: `flow    f1     192.168.1.20:49152     -> 10.0.0.1:80 ...`.
impl Bilingual for FlowRow {
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result {
        writeln!(to, "{} {self}", pick(chinese, "flow   ", "外连   "))
    }
}

/// `tcp     192.168.1.20:49152 > 192.168.1.115:80 open sent 5 again 0 early 0 | sent 4 again 0 early 0`.
impl Bilingual for Connection {
    fn write(&self, to: &mut dyn fmt::Write, chinese: bool) -> fmt::Result {
        let say = |en, zh| pick(chinese, en, zh);
        let stage = pick(chinese, self.stage.word(), self.stage.zh());
        write!(to, "tcp     {} > {} {stage}", self.ends[0], self.ends[1])?;
        for (mark, sent) in ["", " |"].into_iter().zip(self.sent) {
            let (segments, again, early) = (say("sent", "发送"), say("again", "重发"), say("early", "提前"));
            write!(to, "{mark} {segments} {} {again} {} {early} {}", sent.segments, sent.retransmitted, sent.early)?;
        }
        writeln!(to)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(to, false)
    }
}

impl fmt::Display for LanStatus {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(to, false)
    }
}
