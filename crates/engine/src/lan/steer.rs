//! What the network is asked and told while it runs: values that travel as JSON, since most come from another process.
//! How they travel is in `control`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socklab_board::link::ToBoard;
use socklab_capture::escape;
use socklab_lan::{AirError, AirFaults, AttachError, Bilingual, FaultError, FaultSpec, LanStatus, PortId, told_zh};

use super::Network;
use crate::failure::Lang;

/// How long boards may take to tell of their sockets.
const BOARDS_PATIENCE: Duration = Duration::from_secs(1);

/// Something to ask or to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steer {
    /// How everything is: boards, links and their faults, addresses, leases, connections.
    Status,
    /// Connections, as the network has seen them, and each board's sockets, as it tells itself.
    Netstat,
    /// Change links, as a [`FaultSpec`] says.
    Fault(String),
    /// Follow the frames: a capture comes behind the answer.
    Capture,
    /// Change what is wrong with an access point.
    Air {
        /// Its name, or any under which a board has joined it.
        name: String,
        /// What is to be wrong, as [`AirFaults`] reads it.
        spec: String,
    },
}

/// Why a board has no place on the network, or no port leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There is no virtual network.
    NoNetwork,
    /// The network does not take it.
    Refused(AttachError),
}

impl NoPlace {
    /// In one line, without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (NoPlace::NoNetwork, _) => lang.pick("there is no virtual network", "没有虚拟网络").into(),
            (NoPlace::Refused(error), Lang::En) => error.to_string(),
            (NoPlace::Refused(error), Lang::Zh) => error.zh(),
        }
    }
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSteered {
    /// There is no virtual network.
    NoNetwork,
    /// It is no fault, for this reason.
    NoFault(String),
    /// No board has this name.
    NoBoard(String),
    /// No access point has this name.
    NoAccessPoint(String),
    /// The access point of this name is a board, and has no services to harm.
    NoService(String),
    /// Boards are on the network.
    InUse,
    /// This port leads to no board.
    NoForward(SocketAddr),
}

impl NotSteered {
    /// In one line, without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (NotSteered::NoNetwork, Lang::En) => "it has no virtual network".into(),
            (NotSteered::NoNetwork, Lang::Zh) => "它没有虚拟网络".into(),
            (NotSteered::NoFault(why), _) => why.clone(),
            (NotSteered::NoBoard(name), Lang::En) => {
                format!("no board is called {name:?}; `socklab lan status` lists them")
            }
            (NotSteered::NoBoard(name), Lang::Zh) => format!("没有名为 {name:?} 的板子；用 `socklab lan status` 查看"),
            (NotSteered::NoAccessPoint(name), Lang::En) => format!("no access point is called {name:?}"),
            (NotSteered::NoAccessPoint(name), Lang::Zh) => format!("没有名为 {name:?} 的接入点"),
            (NotSteered::NoService(name), Lang::En) => {
                format!("{name:?} is a board: only the network's own access point has a DHCP and a DNS server to harm")
            }
            (NotSteered::NoService(name), Lang::Zh) => {
                format!("{name:?} 是一块板子：只有网络自己的接入点才有可以出故障的 DHCP 和 DNS 服务器")
            }
            (NotSteered::InUse, Lang::En) => "boards are on the network: remove them first".into(),
            (NotSteered::InUse, Lang::Zh) => "网络上还有板子：请先移除它们".into(),
            (NotSteered::NoForward(at), Lang::En) => format!("{at} leads to no board"),
            (NotSteered::NoForward(at), Lang::Zh) => format!("{at} 没有转到任何板子"),
        }
    }
}

impl Network {
    /// As [`steer`](Self::steer), with what boards have to be asked.
    pub(crate) async fn answer(&self, steer: &Steer, lang: Lang) -> Result<String, NotSteered> {
        let seen = self.steer(steer, lang)?;
        if *steer != Steer::Netstat {
            return Ok(seen);
        }
        let told = self.ask_boards(lang).await;
        let line = |name: &str, line: &str| format!("{name:<7} {line}\n");
        let lines = told.iter().flat_map(|(name, told)| told.lines().map(move |said| line(name, said)));
        Ok(seen + &lines.collect::<String>())
    }

    /// What boards tell of their sockets, a line each. One that is being reset says nothing.
    pub(crate) async fn ask_boards(&self, lang: Lang) -> Vec<(String, String)> {
        self.told.borrow_mut().clear();
        let mut asked: Vec<(PortId, String)> = {
            let ports = self.ports.borrow();
            let asked = ports.iter().filter(|(_, port)| port.outlet.send(ToBoard::Netstat));
            asked.map(|(id, port)| (*id, port.name.clone())).collect()
        };
        asked.sort_unstable();
        let all = async {
            loop {
                let more = self.has_told.notified();
                if asked.iter().all(|(port, _)| self.told.borrow().contains_key(port)) {
                    return;
                }
                more.await;
            }
        };
        let _ = tokio::time::timeout(BOARDS_PATIENCE, all).await; // without those that say nothing
        let told = self.told.borrow();
        // A board's process may be anybody's by now: nothing of it drives a terminal.
        let line = |line: &str| match lang {
            Lang::En => format!("{}\n", escape::emit(line.as_bytes())),
            Lang::Zh => format!("{}\n", escape::emit(told_zh(line).as_bytes())),
        };
        let shown = |told: &str| told.lines().map(line).collect();
        asked.into_iter().filter_map(|(port, name)| Some((name, shown(told.get(&port)?)))).collect()
    }

    /// Does it; gives what there is to show.
    pub(crate) fn steer(&self, steer: &Steer, lang: Lang) -> Result<String, NotSteered> {
        let no_fault = |error: FaultError| {
            NotSteered::NoFault(match lang {
                Lang::En => error.to_string(),
                Lang::Zh => error.zh(),
            })
        };
        match steer {
            Steer::Status => {
                let seed = lang.pick("seed   ", "种子   ");
                Ok(format!("{seed} {}\n{}", self.settings.seed, shown(&self.lan.borrow().status(), lang)))
            }
            Steer::Capture => Ok(String::new()),
            Steer::Netstat => Ok(connections(&self.lan.borrow().status(), lang)),
            Steer::Fault(text) => self.change_links(&text.parse().map_err(no_fault)?, lang),
            Steer::Air { name, spec } => self.change_air(name, &spec.parse().map_err(no_fault)?, lang),
        }
    }

    /// Shows the links as they are now.
    fn change_links(&self, spec: &FaultSpec, lang: Lang) -> Result<String, NotSteered> {
        let all = self.ports.borrow();
        let ports: Vec<PortId> = all.iter().filter(|(_, port)| spec.is_for(&port.name)).map(|(id, _)| *id).collect();
        if let (true, Some(board)) = (ports.is_empty(), &spec.board) {
            return Err(NotSteered::NoBoard(board.clone()));
        }
        ports.iter().for_each(|port| self.harm(*port, spec));
        self.poked.notify_one();
        let rows = self.lan.borrow().status().ports;
        Ok(rows.iter().filter(|row| ports.contains(&row.port)).map(|row| shown(row, lang)).collect())
    }

    /// Where every name leads to the one access point there is, so it does here. Shows it as it is now.
    fn change_air(&self, name: &str, faults: &AirFaults, lang: Lang) -> Result<String, NotSteered> {
        let (now, mut lan) = (self.now(), self.lan.borrow_mut());
        let home = self.settings.wifi.is_none().then_some(super::HOME);
        let mut outcome = (name, lan.set_air_faults(now, name, faults));
        if let (Err(AirError::NotFound), Some(home)) = (outcome.1, home) {
            outcome = (home, lan.set_air_faults(now, home, faults));
        }
        self.poked.notify_one();
        match outcome {
            (name, Ok(())) => {
                let points = lan.status().points;
                Ok(points.iter().filter(|row| row.ssid == name).map(|row| shown(row, lang)).collect())
            }
            (_, Err(AirError::NotFound)) => Err(NotSteered::NoAccessPoint(name.to_owned())),
            (_, Err(AirError::NotServed)) => Err(NotSteered::NoService(name.to_owned())),
        }
    }
}

fn shown(what: &impl Bilingual, lang: Lang) -> String {
    match lang {
        Lang::En => what.en(),
        Lang::Zh => what.zh(),
    }
}

/// A line for each, those with this machine first.
fn connections(status: &LanStatus, lang: Lang) -> String {
    let flows = status.flows.iter().map(|row| shown(row, lang));
    flows.chain(status.connections.iter().map(|row| shown(row, lang))).collect()
}
