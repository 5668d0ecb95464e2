//! Sockets of UDP and of raw IP. smoltcp has its own, but gives a datagram to one socket only, drops what ICMP says of
//! it, and stops behind a neighbour that does not answer: ours do not.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};

use bytes::Bytes;
use socklab_socket::{Address, Cause, Errno, Family, Ready};

use super::option::Options;
use super::tcp::overlap;
use super::{Host, Result, Socket, SocketId, shown};
use crate::Interface;
use crate::engine::MTU;
use crate::packet::{self, IPV4, IPV6, Ip, UDP, Udp, Unreachable, protocol};

/// The longest payload of a datagram (RFC 768: a length of 16 bits, with the header; RFC 791: a packet likewise).
const LONGEST: usize = 65535 - IPV4 - UDP;

/// Packets that may wait on a raw socket.
const RAW_QUEUE: usize = 64;

/// A UDP socket.
pub(super) struct Datagram {
    pub(super) family: Family,
    pub(super) options: Options,
    pub(super) groups: Vec<IpAddr>,
    /// Port 0 for not yet bound.
    local: SocketAddr,
    remote: Option<SocketAddr>,
    queue: VecDeque<(SocketAddr, Bytes)>,
    queued: usize,
    error: Option<Errno>,
    /// Datagrams for which there was no room.
    pub(super) dropped: u64,
    deaf: bool,
    mute: bool,
}

/// A raw socket.
pub(super) struct Raw {
    pub(super) family: Family,
    pub(super) options: Options,
    protocol: u8,
    local: Option<IpAddr>,
    remote: Option<IpAddr>,
    queue: VecDeque<(IpAddr, Bytes)>,
}

impl Datagram {
    pub(super) fn new(family: Family) -> Datagram {
        Datagram {
            family,
            options: Options::default(),
            groups: Vec::new(),
            local: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            remote: None,
            queue: VecDeque::new(),
            queued: 0,
            error: None,
            dropped: 0,
            deaf: false,
            mute: false,
        }
    }

    /// What the netstat says of it: ends, and bytes that wait.
    pub(super) fn row(&self) -> (SocketAddr, Option<SocketAddr>, usize) {
        (self.local, self.remote, self.queued)
    }

    pub(super) fn local_address(&self) -> Address {
        match (self.family, self.local.port()) {
            (Family::Inet6, 0) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            _ => shown(self.family, self.local),
        }
    }

    pub(super) fn peer_address(&self) -> Option<Address> {
        self.remote.map(|remote| shown(self.family, remote))
    }

    pub(super) fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    pub(super) fn ready(&self) -> Ready {
        let mut ready = Ready::OUT;
        if !self.queue.is_empty() || self.deaf || self.error.is_some() {
            ready |= Ready::IN;
        }
        if self.error.is_some() {
            ready |= Ready::ERR;
        }
        if self.deaf && self.mute { ready | Ready::HUP } else { ready }
    }

    pub(super) fn receive(&mut self, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>)> {
        if let Some(errno) = self.error.take() {
            return Err(errno.into());
        }
        let Some((from, bytes)) = self.queue.front() else {
            return if self.deaf { Ok((0, None)) } else { Err(Errno::EAGAIN.into()) };
        };
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        let from = shown(self.family, *from);
        if !peek {
            self.queued -= bytes.len();
            self.queue.pop_front();
        }
        Ok((count, Some(from)))
    }

    pub(super) fn shutdown(&mut self, how: Shutdown) -> Result<()> {
        if self.remote.is_none() {
            return Err(Errno::ENOTCONN.into());
        }
        self.deaf |= how != Shutdown::Write;
        self.mute |= how != Shutdown::Read;
        Ok(())
    }

    /// How well a datagram fits: the more a socket has asked for, the better. `None` if it is not for this one.
    fn fits(&self, datagram: &Udp<'_>, to_all: bool) -> Option<u8> {
        let family = match self.family {
            Family::Inet => datagram.to.is_ipv4(),
            _ => datagram.to.is_ipv6() || !self.options.v6_only,
        };
        // A socket bound to an address hears what goes to everybody, as lwIP has it.
        let here = self.local.ip() == datagram.to.ip();
        let address = here || self.local.ip().is_unspecified() || to_all && !self.local.ip().is_multicast();
        let peer = self.remote.is_none_or(|remote| remote == datagram.from);
        let port = self.local.port() == datagram.to.port();
        (family && port && address && peer && !self.deaf)
            .then_some(2 * u8::from(self.remote.is_some()) + u8::from(here))
    }

    fn take(&mut self, from: SocketAddr, bytes: Bytes, most: usize, most_bytes: usize) {
        if self.queue.len() >= most || self.queued + bytes.len() > most_bytes.max(LONGEST) {
            self.dropped += 1;
            return;
        }
        self.queued += bytes.len();
        self.queue.push_back((from, bytes));
    }
}

impl Raw {
    pub(super) fn new(family: Family, protocol: u8) -> Raw {
        Raw { family, options: Options::default(), protocol, local: None, remote: None, queue: VecDeque::new() }
    }

    pub(super) fn protocol(&self) -> u8 {
        self.protocol
    }

    pub(super) fn local_address(&self) -> Address {
        let any =
            if self.family == Family::Inet6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        SocketAddr::new(self.local.unwrap_or(any), 0).into()
    }

    pub(super) fn peer_address(&self) -> Option<Address> {
        self.remote.map(|remote| SocketAddr::new(remote, 0).into())
    }

    pub(super) fn ready(&self) -> Ready {
        if self.queue.is_empty() { Ready::OUT } else { Ready::OUT | Ready::IN }
    }

    /// Takes a copy, if the packet is for it. IPv4 comes with its header, IPv6 without (RFC 3542, 3).
    pub(super) fn offer(&mut self, ip: &Ip<'_>) {
        let family = (self.family == Family::Inet) == ip.src.is_ipv4();
        let ends = self.local.is_none_or(|own| own == ip.dst) && self.remote.is_none_or(|peer| peer == ip.src);
        if family && ends && ip.protocol == self.protocol && self.queue.len() < RAW_QUEUE {
            let bytes = if ip.src.is_ipv4() { ip.bytes } else { ip.payload };
            self.queue.push_back((ip.src, Bytes::copy_from_slice(bytes)));
        }
    }

    pub(super) fn receive(&mut self, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>)> {
        let (from, bytes) = self.queue.front().ok_or(Errno::EAGAIN)?;
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        let from = SocketAddr::new(*from, 0).into();
        if !peek {
            self.queue.pop_front();
        }
        Ok((count, Some(from)))
    }
}

impl Host {
    fn datagram(&mut self, id: SocketId) -> Result<&mut Datagram> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Datagram(socket)) => Ok(socket),
            _ => Err(Errno::EBADF.into()),
        }
    }

    fn datagrams(&mut self) -> impl Iterator<Item = &mut Datagram> {
        self.sockets.values_mut().filter_map(|socket| match socket {
            Socket::Datagram(socket) => Some(socket),
            _ => None,
        })
    }

    /// A datagram: everybody's goes to all sockets that listen for it, another to the one that fits best. Whoever
    /// sent what nobody listens for is told (RFC 1122, 4.1.3.1).
    pub(super) fn receive_udp(&mut self, ip: &Ip<'_>, by: Option<Interface>) {
        let Some(datagram) = Udp::parse(ip) else { return };
        let taken = match (by, datagram.to.port()) {
            (Some(Interface::Station), super::dhcp::CLIENT_PORT) => self.dhcp_takes(&datagram),
            (Some(Interface::AccessPoint), super::dhcp::SERVER_PORT) => self.serves_dhcp(&datagram),
            _ => false,
        };
        if taken || self.lookups.takes(&datagram) {
            return;
        }
        let to_all = ip.dst.is_multicast() || self.addresses.is_broadcast(ip.dst);
        let (most, most_bytes) = (self.config.profile.datagrams, self.config.profile.datagram_bytes);
        let payload = Bytes::copy_from_slice(datagram.payload);
        let mut fitting: Vec<(u8, &mut Datagram)> =
            self.datagrams().filter_map(|socket| Some((socket.fits(&datagram, to_all)?, socket))).collect();
        if to_all {
            fitting.into_iter().for_each(|(_, socket)| socket.take(datagram.from, payload.clone(), most, most_bytes));
        } else if let Some((_, best)) = fitting.iter_mut().max_by_key(|(fit, _)| *fit) {
            best.take(datagram.from, payload, most, most_bytes);
        } else {
            let notice = packet::unreachable(ip.dst, ip, Unreachable::Port).filter(|_| !ip.src.is_unspecified());
            notice.into_iter().for_each(|notice| drop(self.send_ip(notice, ip.src)));
        }
    }

    /// What became of a datagram from here, as ICMP or the lack of a neighbour tells; only sockets that have one peer
    /// hear of it (RFC 1122, 4.1.3.3).
    pub(super) fn fail_datagrams(&mut self, from: SocketAddr, to: SocketAddr, errno: Errno) {
        for socket in self.datagrams() {
            if socket.local.port() == from.port() && socket.remote == Some(to) {
                socket.error = Some(errno);
            }
        }
    }

    pub(super) fn bind_datagram(&mut self, id: SocketId, address: SocketAddr) -> Result<()> {
        let socket = self.datagram(id)?;
        if socket.local.port() != 0 {
            return Err(Errno::EINVAL.into());
        }
        let (reuse, family) = (socket.options.reuse_address, socket.family);
        let port = match address.port() {
            0 => self.ephemeral(|host, port| host.is_free_datagram(SocketAddr::new(address.ip(), port), family, false)),
            port => Some(port).filter(|_| self.is_free_datagram(address, family, reuse)),
        };
        let port = port.ok_or(Errno::EADDRINUSE)?;
        self.datagram(id)?.local = SocketAddr::new(address.ip(), port);
        Ok(())
    }

    fn is_free_datagram(&self, address: SocketAddr, family: Family, reuse: bool) -> bool {
        self.sockets.values().all(|socket| match socket {
            Socket::Datagram(other) => {
                let shares = reuse && other.options.reuse_address;
                other.family != family || shares || !overlap(other.local, address)
            }
            _ => true,
        })
    }

    fn bind_if_not_bound(&mut self, id: SocketId) -> Result<()> {
        if self.datagram(id)?.local.port() == 0 {
            self.bind_datagram(id, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))?;
        }
        Ok(())
    }

    pub(super) fn connect_datagram(&mut self, id: SocketId, to: SocketAddr) -> Result<()> {
        let source = self.addresses.source_for(to.ip()).ok_or(self.config.profile.no_route)?;
        self.bind_if_not_bound(id)?;
        let socket = self.datagram(id)?;
        if socket.local.ip().is_unspecified() && !to.ip().is_multicast() {
            socket.local.set_ip(source);
        }
        socket.remote = Some(to);
        socket.queue.retain(|(from, _)| *from == to);
        socket.queued = socket.queue.iter().map(|(_, bytes)| bytes.len()).sum();
        Ok(())
    }

    pub(super) fn send_datagram(&mut self, id: SocketId, bytes: &[u8], to: Option<SocketAddr>) -> Result<usize> {
        let socket = self.datagram(id)?;
        if let Some(errno) = socket.error.take() {
            return Err(errno.into());
        }
        if socket.mute {
            return Err(Errno::EPIPE.into());
        }
        let to = to.or(socket.remote).ok_or(Errno::EDESTADDRREQ)?;
        let (may_broadcast, loops) = (socket.options.broadcast, socket.options.multicast_loop);
        let hops = socket.options.hops(to.ip());
        self.bind_if_not_bound(id)?;
        self.check_destination(to, bytes.len(), may_broadcast)?;
        let local = self.datagram(id)?.local;
        let to = if to.ip().is_unspecified() { SocketAddr::new(Ipv4Addr::LOCALHOST.into(), to.port()) } else { to };
        let source = self.addresses.source_for(to.ip()).ok_or(self.config.profile.no_route)?;
        let bound =
            !local.ip().is_unspecified() && !local.ip().is_multicast() && !self.addresses.is_broadcast(local.ip());
        let from = SocketAddr::new(if bound { local.ip() } else { source }, local.port());
        let packet = packet::udp(from, to, hops, bytes).ok_or(Errno::EAFNOSUPPORT)?;
        if to.ip().is_multicast() && loops && self.is_member(to.ip()) {
            self.loopback.push_back(Bytes::copy_from_slice(&packet[packet::ETHERNET..]));
        }
        self.send_ip(packet, to.ip())?;
        Ok(bytes.len())
    }

    fn check_destination(&self, to: SocketAddr, length: usize, may_broadcast: bool) -> Result<()> {
        // Who sends in pieces over IPv6 needs a header that boards seldom have.
        let longest = if to.is_ipv4() { LONGEST } else { MTU - IPV6 - UDP };
        if length > longest {
            return Err(Errno::EMSGSIZE.into());
        }
        if to.port() == 0 {
            return Err(Errno::EINVAL.into());
        }
        if self.addresses.is_broadcast(to.ip()) && self.config.profile.asks_broadcast && !may_broadcast {
            return Err(Errno::EACCES.into());
        }
        Ok(())
    }

    fn raw(&mut self, id: SocketId) -> Result<&mut Raw> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Raw(socket)) => Ok(socket),
            _ => Err(Errno::EBADF.into()),
        }
    }

    pub(super) fn bind_raw(&mut self, id: SocketId, address: SocketAddr) -> Result<()> {
        self.raw(id)?.local = Some(address.ip()).filter(|ip| !ip.is_unspecified());
        Ok(())
    }

    pub(super) fn connect_raw(&mut self, id: SocketId, to: SocketAddr) -> Result<()> {
        self.raw(id)?.remote = Some(to.ip());
        Ok(())
    }

    /// The payload of an IP packet, whose header is drawn here. What ICMPv6's checksum is over, its sender cannot know
    /// (RFC 3542, 3.1): it is filled in.
    pub(super) fn send_raw(&mut self, id: SocketId, bytes: &[u8], to: Option<SocketAddr>) -> Result<usize> {
        let raw = self.raw(id)?;
        let (number, bound) = (raw.protocol, raw.local);
        let to = to.map(|to| to.ip()).or(raw.remote).ok_or(Errno::EDESTADDRREQ)?;
        let hops = raw.options.hops(to);
        let source = bound.or_else(|| self.addresses.source_for(to)).ok_or(self.config.profile.no_route)?;
        if bytes.len() > LONGEST {
            return Err(Errno::EMSGSIZE.into());
        }
        let fill = |into: &mut [u8]| {
            into.copy_from_slice(bytes);
            if number == protocol::ICMPV6 && into.len() >= 4 {
                fill_icmpv6(into, source, to);
            }
        };
        let packet = packet::ip(source, to, number, hops, bytes.len(), fill).ok_or(Errno::EAFNOSUPPORT)?;
        self.send_ip(packet, to)?;
        Ok(bytes.len())
    }

    /// Joins a group for a socket; joining again is `EADDRINUSE`.
    pub(super) fn join_group(&mut self, id: SocketId, group: IpAddr) -> Result<()> {
        if !group.is_multicast() {
            return Err(Errno::EINVAL.into());
        }
        if self.datagram(id)?.groups.contains(&group) {
            return Err(Errno::EADDRINUSE.into());
        }
        self.join(group)?;
        self.datagram(id)?.groups.push(group);
        Ok(())
    }

    pub(super) fn leave_group(&mut self, id: SocketId, group: IpAddr) -> Result<()> {
        let socket = self.datagram(id)?;
        let place = socket.groups.iter().position(|joined| *joined == group);
        socket.groups.remove(place.ok_or_else(|| Cause::from(Errno::EADDRNOTAVAIL))?);
        self.leave(group);
        Ok(())
    }
}

fn fill_icmpv6(message: &mut [u8], src: IpAddr, dst: IpAddr) {
    if let (IpAddr::V6(src), IpAddr::V6(dst)) = (src, dst) {
        smoltcp::wire::Icmpv6Packet::new_unchecked(message).fill_checksum(&src, &dst);
    }
}
