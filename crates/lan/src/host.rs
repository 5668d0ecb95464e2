//! A host of the network: one board's stack, from Ethernet frames to sockets. Frames and time come in, frames and a
//! deadline go out; no call waits. What waits on it for a program is `stack`.
//!
//! TCP is smoltcp's, by way of `engine`; what is below it (`ether`) and beside it (`datagram`, `dhcp`, `resolve`) is
//! ours, because a program must see what smoltcp keeps to itself: who refused, who did not answer, what was dropped.

mod address;
mod datagram;
mod dhcp;
mod ether;
mod option;
mod profile;
mod resolve;
mod status;
mod tcp;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use socklab_socket::{Address, Cause, Errno, Family, Info, Protocol, Query, Ready, SockOpt, SockOptName, Type};

use crate::fragment::Reassembly;
use crate::gateway::Lease;
use crate::neighbour::Neighbours;
use crate::time::earlier;
use crate::track::Tracker;
use crate::{Interface, Mac, Seed, Time};
use address::Addresses;
pub use address::Ipv4Config;
pub use dhcp::DhcpState;
pub use profile::Profile;
pub use resolve::LookupId;
pub(crate) use status::name as state_name;
pub use status::{Netstat, SocketRow, told_zh};

type Result<T> = std::result::Result<T, Cause>;

/// A socket of a host. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// Where a host has its IPv4 address from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// It asks a DHCP server whenever its link comes up.
    Dhcp,
    /// It has this one.
    Static(Ipv4Config),
    /// It has none.
    None,
}

/// What a host is.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its hardware address.
    pub mac: Mac,
    /// The name that it tells the DHCP server.
    pub name: String,
    /// What its port and sequence numbers are made from.
    pub seed: Seed,
    /// What kind of stack it has.
    pub profile: Profile,
    /// Where its IPv4 address comes from.
    pub addressing: Addressing,
}

/// One board's stack.
///
/// `handle_frame` and `poll` move its time; a call about a socket happens at the time that it was told last
/// ([`Host::at`]). After any of them, [`Host::poll`] makes it act, [`Host::poll_transmit`] gives what it sends, and
/// [`Host::deadline`] says when it wants to be polled again.
pub struct Host {
    now: Time,
    /// Frames have come since it was polled.
    touched: bool,
    config: HostConfig,
    up: bool,
    addresses: Addresses,
    /// Of each interface.
    neighbours: [Neighbours; 2],
    reassembly: Reassembly,
    dhcp: dhcp::Client,
    /// The server for its own network, while it is an access point.
    serves: Option<dhcp::Service>,
    solicit: ether::Solicit,
    lookups: resolve::Lookups,
    tcp: tcp::Tcp,
    sockets: BTreeMap<SocketId, Socket>,
    groups: BTreeMap<IpAddr, usize>,
    tracker: Tracker,
    /// Packets of IP to itself.
    loopback: VecDeque<Bytes>,
    out: VecDeque<Bytes>,
    next_socket: u64,
    next_port: u16,
    next_packet: u16,
}

enum Socket {
    Stream(tcp::Stream),
    Datagram(datagram::Datagram),
    Raw(datagram::Raw),
}

/// The first of the ports that are given to whoever does not ask for one, and how many there are (RFC 6335, 6).
const EPHEMERAL: u16 = 49152;
const EPHEMERALS: u16 = u16::MAX - EPHEMERAL;

/// Packets that a host may send to itself before others are looked at.
const LOOPBACK_ROUNDS: usize = 4096;

impl Host {
    /// A host whose link is down: [`Host::set_link`] brings it up.
    pub fn new(config: HostConfig) -> Host {
        let mut random = config.seed.draws(&[0x686f_7374, u64::from_be_bytes(widen(config.mac))]).at(0);
        let mut host = Host {
            now: Time::ZERO,
            touched: false,
            up: false,
            addresses: Addresses::default(),
            neighbours: Default::default(),
            reassembly: Reassembly::default(),
            dhcp: dhcp::Client::new(random.next() as u32),
            serves: None,
            solicit: ether::Solicit::default(),
            lookups: resolve::Lookups::new(random.next()),
            tcp: tcp::Tcp::new(random.next()),
            sockets: BTreeMap::new(),
            groups: BTreeMap::new(),
            tracker: Tracker::default(),
            loopback: VecDeque::new(),
            out: VecDeque::new(),
            next_socket: 1,
            next_port: random.below(EPHEMERALS.into()) as u16,
            next_packet: random.next() as u16,
            config,
        };
        host.addresses_changed();
        host
    }

    /// Moves its time, for the calls that follow; it never goes back.
    pub fn at(&mut self, now: Time) -> &mut Host {
        self.now = self.now.max(now);
        self
    }

    /// The time that it was told last.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Its hardware address.
    pub fn mac(&self) -> Mac {
        self.config.mac
    }

    /// What kind of stack it has.
    pub fn profile(&self) -> &Profile {
        &self.config.profile
    }

    /// A frame from the network, at one of its interfaces. [`Host::poll`] sends what it leads to.
    pub fn handle_frame(&mut self, now: Time, interface: Interface, frame: Bytes) {
        self.at(now);
        if self.is_up(interface) {
            self.touched = true;
            self.receive_frame(interface, frame);
        }
    }

    /// Does what is due: timers, segments, questions.
    pub fn poll(&mut self, now: Time) {
        self.at(now);
        self.touched = false;
        self.poll_dhcp();
        self.poll_ether();
        self.poll_lookups();
        for _ in 0..LOOPBACK_ROUNDS {
            self.poll_tcp();
            if self.loopback.is_empty() {
                return;
            }
            let waiting = std::mem::take(&mut self.loopback);
            waiting.into_iter().for_each(|packet| self.receive_ip(packet, None));
        }
    }

    /// The next frame for the network. The address that it is from tells which interface it leaves by.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// When it wants to be polled next; `None` for not before something happens.
    pub fn deadline(&mut self) -> Option<Time> {
        let tcp = self.tcp_deadline();
        let below = [self.dhcp_deadline(), self.ether_deadline(), self.lookups.deadline()];
        let waiting = (self.touched || !self.loopback.is_empty()).then_some(self.now);
        below.into_iter().chain([waiting]).fold(tcp, earlier)
    }

    /// How long until then, from the time that it was told last.
    pub fn poll_delay(&mut self) -> Option<Duration> {
        let now = self.now;
        self.deadline().map(|deadline| deadline - now)
    }

    /// Brings its link up or down: a cable, or a network in the air that has been joined or left. An address from DHCP
    /// is asked for anew; connections stay, and time out if it is not the same.
    pub fn set_link(&mut self, now: Time, up: bool) {
        self.at(now);
        if self.up == up {
            return;
        }
        self.up = up;
        self.neighbours(Interface::Station).clear();
        if up {
            self.start_link()
        } else {
            self.stop_link()
        }
        self.poll(now);
    }

    /// Whether its link is up.
    pub fn link(&self) -> bool {
        self.up
    }

    /// Changes where its IPv4 address comes from, at once.
    pub fn set_addressing(&mut self, now: Time, addressing: Addressing) {
        self.at(now);
        self.config.addressing = addressing;
        if self.up {
            self.stop_link();
            self.start_link();
        }
        self.poll(now);
    }

    /// Its IPv4 address as a station or by cable, while it has one.
    pub fn ipv4(&self) -> Option<&Ipv4Config> {
        self.addresses.v4.as_ref()
    }

    /// All its addresses and their prefixes, loopback included.
    pub fn addresses(&self) -> Vec<(IpAddr, u8)> {
        self.addresses.all()
    }

    /// Makes it the access point of a network of its own, beside the one that it may be in, with this address there; it
    /// gives the others by DHCP. It knows IPv4 alone, and nothing leads from one network to the other. `None` ends it.
    pub fn serve(&mut self, now: Time, own: Option<Ipv4Config>) {
        self.at(now);
        self.serves = own.as_ref().map(|_| dhcp::Service::default());
        self.neighbours(Interface::AccessPoint).clear();
        self.addresses.own = own;
        self.addresses_changed();
        self.poll(now);
    }

    fn is_up(&self, interface: Interface) -> bool {
        match interface {
            Interface::Station => self.up,
            Interface::AccessPoint => self.serves.is_some(),
        }
    }

    fn mac_of(&self, interface: Interface) -> Mac {
        match interface {
            Interface::Station => self.config.mac,
            Interface::AccessPoint => self.config.mac.access_point(),
        }
    }

    fn neighbours(&mut self, interface: Interface) -> &mut Neighbours {
        &mut self.neighbours[interface as usize]
    }

    /// What it has given.
    pub fn leases(&self) -> Vec<Lease> {
        self.serves.iter().flat_map(dhcp::Service::leases).cloned().collect()
    }

    /// How far it is with DHCP.
    pub fn dhcp(&self) -> DhcpState {
        self.dhcp.state()
    }

    /// A new socket. Fails with `EAFNOSUPPORT`, `EPROTONOSUPPORT` or `EMFILE`.
    pub fn open(&mut self, family: Family, kind: Type, protocol: Protocol) -> Result<SocketId> {
        if family == Family::Unix || family == Family::Inet6 && !self.config.profile.ipv6 {
            return Err(Errno::EAFNOSUPPORT.into());
        }
        if self.sockets.len() >= self.config.profile.sockets {
            return Err(Errno::EMFILE.into());
        }
        let socket = match (kind, Protocol::from(protocol.number())) {
            (Type::Stream, Protocol::Usual | Protocol::Tcp) => {
                Socket::Stream(tcp::Stream::new(family, self.config.profile.tcp))
            }
            (Type::Datagram, Protocol::Usual | Protocol::Udp) => Socket::Datagram(datagram::Datagram::new(family)),
            (Type::Raw, protocol) if protocol.number() != 0 => {
                Socket::Raw(datagram::Raw::new(family, protocol.number()))
            }
            _ => return Err(Errno::EPROTONOSUPPORT.into()),
        };
        Ok(self.insert(socket))
    }

    fn insert(&mut self, socket: Socket) -> SocketId {
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        self.sockets.insert(id, socket);
        id
    }

    /// Gives it a local address; port 0 lets the host choose. Fails with `EADDRINUSE`, `EADDRNOTAVAIL`, `EINVAL`.
    pub fn bind(&mut self, id: SocketId, address: &Address) -> Result<()> {
        let address = ip(address)?;
        if !address.ip().is_unspecified() && !self.may_bind(address.ip()) {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        match self.sockets.get(&id) {
            Some(Socket::Stream(_)) => self.bind_stream(id, address),
            Some(Socket::Datagram(_)) => self.bind_datagram(id, address),
            Some(Socket::Raw(_)) => self.bind_raw(id, address),
            None => Err(Errno::EBADF.into()),
        }
    }

    fn may_bind(&self, address: IpAddr) -> bool {
        self.addresses.is_own(address) || self.addresses.is_broadcast(address) || address.is_multicast()
    }

    /// Lets peers connect, `backlog` of which may wait to be accepted, at least one.
    pub fn listen(&mut self, id: SocketId, backlog: u32) -> Result<()> {
        match self.sockets.get(&id) {
            Some(Socket::Stream(_)) => self.listen_stream(id, backlog),
            Some(_) => Err(Errno::EOPNOTSUPP.into()),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// The next connection and where it comes from; `EAGAIN` while there is none.
    pub fn accept(&mut self, id: SocketId) -> Result<(SocketId, Address)> {
        match self.sockets.get(&id) {
            Some(Socket::Stream(_)) => self.accept_stream(id),
            Some(_) => Err(Errno::EOPNOTSUPP.into()),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// Dials (`EINPROGRESS`), or tells a datagram socket where to send to and whom to hear.
    pub fn connect(&mut self, id: SocketId, address: &Address) -> Result<()> {
        let address = ip(address)?;
        match self.sockets.get(&id) {
            Some(Socket::Stream(_)) => self.connect_stream(id, address),
            Some(Socket::Datagram(_)) => self.connect_datagram(id, address),
            Some(Socket::Raw(_)) => self.connect_raw(id, address),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// Takes as many bytes as there is room for, or one datagram.
    pub fn send(&mut self, id: SocketId, bytes: &[u8], to: Option<&Address>) -> Result<usize> {
        let to = to.map(ip).transpose()?;
        match self.sockets.get(&id) {
            Some(Socket::Stream(_)) => self.send_stream(id, bytes),
            Some(Socket::Datagram(_)) => self.send_datagram(id, bytes, to),
            Some(Socket::Raw(_)) => self.send_raw(id, bytes, to),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// Gives what there is, or one datagram, whose excess is lost; with `peek` it stays.
    pub fn receive(&mut self, id: SocketId, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>)> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Stream(_)) => self.receive_stream(id, into, peek).map(|count| (count, None)),
            Some(Socket::Datagram(socket)) => socket.receive(into, peek),
            Some(Socket::Raw(socket)) => socket.receive(into, peek),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// Ends one direction, or both.
    pub fn shutdown(&mut self, id: SocketId, how: Shutdown) -> Result<()> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Stream(_)) => self.shutdown_stream(id, how),
            Some(Socket::Datagram(socket)) => socket.shutdown(how),
            Some(Socket::Raw(_)) => Err(Errno::ENOTCONN.into()),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// Closes it. A connection with unread bytes is cut off (RFC 2525, 2.17), another ends in the background.
    pub fn close(&mut self, id: SocketId) {
        match self.sockets.remove(&id) {
            Some(Socket::Stream(stream)) => self.close_stream(stream),
            Some(Socket::Datagram(socket)) => socket.groups.iter().for_each(|group| self.leave(*group)),
            Some(Socket::Raw(_)) | None => {}
        }
    }

    /// Closes all sockets, as before a board is switched off.
    pub fn close_all(&mut self) {
        let all: Vec<_> = self.sockets.keys().copied().collect();
        all.into_iter().for_each(|id| self.close(id));
    }

    /// Whether a closed connection still has something to send that its peer has not acknowledged.
    pub fn is_closing(&self) -> bool {
        self.tcp.closing().next().is_some()
    }

    /// To whom closed connections still have something to send, and how many bytes; none where it is the end alone.
    pub fn closing(&self) -> Vec<(SocketAddr, usize)> {
        self.tcp.closing().collect()
    }

    /// Waits no longer for the peers of closed connections: tears down those that have not taken all.
    pub fn cut_closing(&mut self) {
        self.tcp.cut_closing();
    }

    /// Closed connections that were torn down since this was asked last, because their peers did not take all in time or
    /// by [`Host::cut_closing`]: who these were, and how many bytes they had not acknowledged.
    pub fn take_undelivered(&mut self) -> Vec<(SocketAddr, usize)> {
        self.tcp.take_undelivered()
    }

    /// What it is ready for.
    pub fn ready(&mut self, id: SocketId) -> Ready {
        match self.sockets.get(&id) {
            Some(Socket::Stream(stream)) => self.tcp.ready(stream),
            Some(Socket::Datagram(socket)) => socket.ready(),
            Some(Socket::Raw(socket)) => socket.ready(),
            None => Ready::NVAL,
        }
    }

    /// Where it is.
    pub fn local_address(&self, id: SocketId) -> Result<Address> {
        match self.sockets.get(&id) {
            Some(Socket::Stream(stream)) => Ok(stream.shown(stream.local())),
            Some(Socket::Datagram(socket)) => Ok(socket.local_address()),
            Some(Socket::Raw(socket)) => Ok(socket.local_address()),
            None => Err(Errno::EBADF.into()),
        }
    }

    /// Where its peer is.
    pub fn peer_address(&self, id: SocketId) -> Result<Address> {
        match self.sockets.get(&id) {
            Some(Socket::Stream(stream)) => stream.remote().map(|remote| stream.shown(remote)),
            Some(Socket::Datagram(socket)) => socket.peer_address(),
            Some(Socket::Raw(socket)) => socket.peer_address(),
            None => return Err(Errno::EBADF.into()),
        }
        .ok_or_else(|| Errno::ENOTCONN.into())
    }

    /// Sets an option; what makes no sense here fails with `ENOPROTOOPT`.
    pub fn set(&mut self, id: SocketId, option: &SockOpt) -> Result<()> {
        self.set_option(id, option)
    }

    /// Reads one.
    pub fn get(&mut self, id: SocketId, name: SockOptName) -> Result<SockOpt> {
        self.get_option(id, name)
    }

    /// Starts to look a name up.
    pub fn lookup(&mut self, query: &Query) -> LookupId {
        self.start_lookup(query)
    }

    /// The answer, once; `None` while there is none.
    pub fn answer(&mut self, lookup: LookupId) -> Option<Result<Vec<Info>>> {
        self.lookups.take(lookup)
    }

    /// How many look-ups have had an answer so far.
    pub(crate) fn answered(&self) -> u64 {
        self.lookups.answered()
    }

    /// Gives a look-up up.
    pub fn forget(&mut self, lookup: LookupId) {
        self.lookups.forget(lookup);
    }

    /// Its addresses, sockets, connections and neighbours, to be shown.
    pub fn netstat(&self) -> Netstat {
        self.make_netstat()
    }

    /// A port that `free` says nobody has; `None` if all are taken.
    fn ephemeral(&mut self, free: impl Fn(&Host, u16) -> bool) -> Option<u16> {
        for _ in 0..EPHEMERALS {
            self.next_port = (self.next_port + 1) % EPHEMERALS;
            let port = EPHEMERAL + self.next_port;
            if free(self, port) {
                return Some(port);
            }
        }
        None
    }

    fn addresses_changed(&mut self) {
        self.tcp.engine.set_addresses(&self.addresses.of_connections());
    }
}

/// The address as IP has it: sockets of IPv6 also say IPv4 (RFC 3493, 3.7).
fn ip(address: &Address) -> Result<SocketAddr> {
    let address = address.ip().ok_or(Errno::EAFNOSUPPORT)?;
    Ok(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// How a socket of this family sees it.
fn shown(family: Family, address: SocketAddr) -> Address {
    match (family, address.ip()) {
        (Family::Inet6, IpAddr::V4(v4)) if v4.is_unspecified() => {
            (std::net::Ipv6Addr::UNSPECIFIED, address.port()).into()
        }
        (Family::Inet6, IpAddr::V4(v4)) => (v4.to_ipv6_mapped(), address.port()).into(),
        _ => address.into(),
    }
}

fn widen(mac: Mac) -> [u8; 8] {
    let [a, b, c, d, e, f] = mac.0;
    [0, 0, a, b, c, d, e, f]
}
