//! A switch: it learns who is behind which port, and sends what is for somebody unknown to everybody. Its table is
//! bounded, for each port and in all, so that a board that makes addresses up pushes nobody else out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Mac, PortId, Time};

/// How long an address counts without being heard (IEEE 802.1D, 7.9.2: 300 s).
const LIFETIME: Duration = Duration::from_secs(300);
/// Addresses of one port.
const PER_PORT: usize = 32;

/// Where addresses are.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    table: BTreeMap<Mac, (PortId, Time)>,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To this port.
    Port(PortId),
    /// To all but the one that it came from.
    Flood,
    /// It is where it belongs.
    Nowhere,
}

impl Switch {
    /// Notes where a frame came from. A port that has too many addresses loses the one heard longest ago.
    pub(crate) fn learn(&mut self, now: Time, mac: Mac, port: PortId) {
        if !mac.is_unicast() {
            return;
        }
        if let Some(known) = self.table.get_mut(&mac) {
            *known = (port, now);
            return;
        }
        let theirs = self.table.iter().filter(|(_, (owner, _))| *owner == port);
        if theirs.clone().count() >= PER_PORT {
            let oldest = theirs.min_by_key(|(_, (_, heard))| *heard).map(|(mac, _)| *mac);
            oldest.map(|oldest| self.table.remove(&oldest));
        }
        self.table.insert(mac, (port, now));
    }

    /// Where a frame for this address goes.
    pub(crate) fn way(&self, now: Time, to: Mac, from: Option<PortId>) -> Way {
        match self.table.get(&to).filter(|(_, heard)| to.is_unicast() && now < *heard + LIFETIME) {
            Some((port, _)) if Some(*port) == from => Way::Nowhere,
            Some((port, _)) => Way::Port(*port),
            None => Way::Flood,
        }
    }

    /// Forgets a port: it is gone.
    pub(crate) fn forget(&mut self, port: PortId) {
        self.table.retain(|_, (owner, _)| *owner != port);
    }
}
