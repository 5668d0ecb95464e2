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

impl fmt::Display for LanStatus {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ports.iter().try_for_each(|row| write!(to, "{row}"))?;
        self.points.iter().try_for_each(|row| writeln!(to, "air     {row}"))?;
        for ArpRow { address, mac, port } in &self.arp {
            writeln!(to, "address {address:<39} {mac} {port}")?;
        }
        for Lease { mac, address, until, name, taken } in &self.leases {
            let taken = if *taken { "until" } else { "offered until" };
            writeln!(to, "lease   {address:<15} {mac} {name} {taken} {until}")?;
        }
        self.flows.iter().try_for_each(|row| writeln!(to, "flow    {row}"))?;
        self.connections.iter().try_for_each(|row| writeln!(to, "tcp     {row}"))
    }
}

/// `"Socklab" channel 6 open, of the network, joined by p1 p2`.
impl fmt::Display for PointRow {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secured = if self.secured { "with a password" } else { "open" };
        write!(to, "{:?} channel {} {secured}, of ", self.ssid, self.channel)?;
        match self.owner {
            Some(owner) => write!(to, "{owner}")?,
            None => to.write_str("the network")?,
        }
        to.write_str(match (self.gone, self.stations.is_empty()) {
            (true, _) => ", switched off",
            (false, true) => ", joined by nobody",
            (false, false) => ", joined by",
        })?;
        self.stations.iter().try_for_each(|station| write!(to, " {station}"))?;
        if self.faults.is_empty() { Ok(()) } else { write!(to, " ({})", self.faults) }
    }
}

/// A line for the interface, and one for each direction of its link.
impl fmt::Display for PortRow {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.interface, self.medium, self.attached) {
            (Interface::AccessPoint, ..) => "access point",
            (_, Medium::Cable, _) => "cable",
            (_, Medium::Air, true) => "joined",
            (_, Medium::Air, false) => "not joined",
        };
        writeln!(to, "port    {} {} {} {state}", self.port, self.name, self.mac)?;
        for (direction, place) in [(Direction::Up, 0), (Direction::Down, 1)] {
            let faults = if self.faults[place].is_empty() { "perfect" } else { &self.faults[place] };
            writeln!(to, "link    {} {direction}: {} ({faults})", self.port, self.counts[place])?;
        }
        Ok(())
    }
}

/// `192.168.1.20:49152 > 192.168.1.115:80 open sent 5 again 0 early 0 | sent 4 again 0 early 0`.
impl fmt::Display for Connection {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = self.sent;
        write!(to, "{} > {} {}", self.ends[0], self.ends[1], self.stage)?;
        write!(to, " sent {} again {} early {}", one.segments, one.retransmitted, one.early)?;
        write!(to, " | sent {} again {} early {}", other.segments, other.retransmitted, other.early)
    }
}
