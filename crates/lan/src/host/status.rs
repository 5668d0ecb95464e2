//! What a host has to show: addresses, sockets, connections, neighbours.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use smoltcp::socket::tcp::State;

use super::{Host, Socket, SocketId};
use crate::neighbour::Neighbours;
use crate::track::Sent;
use crate::{Mac, Time};

/// A host at one moment. Its text is a table.
#[derive(Clone, Debug)]
pub struct Netstat {
    /// Its addresses with their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Its sockets, in the order in which they were opened.
    pub sockets: Vec<SocketRow>,
    /// Neighbours: address, hardware, when they were heard.
    pub neighbours: Vec<(IpAddr, Mac, Time)>,
}

/// A socket at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketRow {
    /// Its number.
    pub id: SocketId,
    /// `tcp`, `udp` or `raw`.
    pub kind: &'static str,
    /// The state of a stream (RFC 9293, 3.3.2); nothing for others.
    pub state: &'static str,
    /// Where it is.
    pub local: SocketAddr,
    /// Where its peer is.
    pub remote: Option<SocketAddr>,
    /// Bytes received and not read.
    pub unread: usize,
    /// Bytes written and not acknowledged.
    pub unsent: usize,
    /// What it has sent, as a stream.
    pub sent: Sent,
    /// Datagrams for which there was no room.
    pub dropped: u64,
}

impl Host {
    pub(super) fn make_netstat(&self) -> Netstat {
        Netstat {
            addresses: self.addresses.all(),
            sockets: self.sockets.iter().map(|(id, socket)| self.row(*id, socket)).collect(),
            neighbours: self.neighbours.iter().flat_map(Neighbours::known).collect(),
        }
    }

    fn row(&self, id: SocketId, socket: &Socket) -> SocketRow {
        let nowhere = SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0);
        let blank = SocketRow {
            id,
            kind: "raw",
            state: "",
            local: nowhere,
            remote: None,
            unread: 0,
            unsent: 0,
            sent: Sent::default(),
            dropped: 0,
        };
        match socket {
            Socket::Stream(stream) => {
                let (state, local, remote, handle) = stream.row();
                let tcp = handle.map(|handle| self.tcp.socket(handle));
                let seen = remote.and_then(|remote| self.tracker.get(local, remote));
                SocketRow {
                    kind: "tcp",
                    state: state.or(tcp.map(|tcp| name(tcp.state()))).unwrap_or("CLOSED"),
                    local,
                    remote,
                    unread: stream.rest() + tcp.map_or(0, |tcp| tcp.recv_queue()),
                    unsent: tcp.map_or(0, |tcp| tcp.send_queue()),
                    sent: seen.map_or(Sent::default(), |seen| seen.sent_by(local)),
                    ..blank
                }
            }
            Socket::Datagram(socket) => {
                let (local, remote, unread) = socket.row();
                SocketRow { kind: "udp", local, remote, unread, dropped: socket.dropped, ..blank }
            }
            Socket::Raw(socket) => {
                SocketRow { local: SocketAddr::new(nowhere.ip(), socket.protocol().into()), ..blank }
            }
        }
    }
}

pub(crate) fn name(state: State) -> &'static str {
    match state {
        State::Closed => "CLOSED",
        State::Listen => "LISTEN",
        State::SynSent => "SYN-SENT",
        State::SynReceived => "SYN-RECEIVED",
        State::Established => "ESTABLISHED",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::CloseWait => "CLOSE-WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST-ACK",
        State::TimeWait => "TIME-WAIT",
    }
}

/// What is written in a [`Netstat`] before its values, in English and in Chinese, as wide as each other.
const ADDRESS: [&str; 2] = ["address   ", "地址      "];
const NEIGHBOUR: [&str; 2] = ["neighbour ", "邻居      "];
const COLUMNS: [&str; 2] = [
    "kind local                  peer                   state        unread unsent   sent  again  lost",
    "类型 本端                   对端                   状态           未读 未确认   发送   重发  丢弃",
];

/// A line of a [`Netstat`]'s text in Chinese: its words, and not its values.
pub fn told_zh(line: &str) -> String {
    if line == COLUMNS[0] {
        return COLUMNS[1].to_owned();
    }
    let heads = [ADDRESS, NEIGHBOUR].into_iter();
    let told = heads.filter_map(|[en, zh]| line.strip_prefix(en).map(|values| format!("{zh}{values}"))).next();
    told.unwrap_or_else(|| line.to_owned())
}

impl fmt::Display for Netstat {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (address, prefix) in &self.addresses {
            writeln!(to, "{} {address}/{prefix}", ADDRESS[0])?;
        }
        writeln!(to, "{}", COLUMNS[0])?;
        for row in &self.sockets {
            writeln!(to, "{row}")?;
        }
        for (address, mac, heard) in &self.neighbours {
            writeln!(to, "{} {address} {mac} {heard}", NEIGHBOUR[0])?;
        }
        Ok(())
    }
}

/// One line of the table.
impl fmt::Display for SocketRow {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = self.remote.map_or("*".to_owned(), |remote| remote.to_string());
        let SocketRow { kind, state, local, unread, unsent, sent, dropped, .. } = self;
        let (local, segments, again) = (local.to_string(), sent.segments, sent.retransmitted);
        write!(
            to,
            "{kind:<4} {local:<22} {remote:<22} {state:<12} {unread:>6} {unsent:>6} {segments:>6} {again:>6} {dropped:>5}"
        )
    }
}
