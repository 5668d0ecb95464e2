//! TCP as an engine between IP packets: smoltcp's interface without a medium. What is above IP but TCP, what is below
//! IP, and what a socket means to a program are ours, and elsewhere: another TCP could take this one's place.

mod progress;
mod rest;
mod sockets;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use smoltcp::iface::{Config, Interface, SocketHandle};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint};

use crate::Time;
use crate::packet::ETHERNET;
pub(crate) use rest::Rest;
pub(crate) use sockets::Sockets;

/// Addresses that a host may have: loopback twice, IPv4, link-local, and two made in prefixes.
const ADDRESSES: usize = 6;

const _: () = assert!(
    smoltcp::config::IFACE_MAX_ADDR_COUNT >= ADDRESSES
        && smoltcp::config::IFACE_MAX_MULTICAST_GROUP_COUNT >= 16
        && smoltcp::config::ASSEMBLER_MAX_SEGMENT_COUNT >= 32,
    "smoltcp is built with the sizes in .cargo/config.toml"
);

/// The longest IP packet that is sent.
pub(crate) const MTU: usize = 1500;

/// Which algorithm holds the sender back (RFC 5681; RFC 9438).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// As lwIP has it.
    Reno,
    /// As Linux has it.
    Cubic,
}

/// What a connection's buffers hold, in bytes, and how it is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// What was received and not read: the window.
    pub receive: usize,
    /// What was written and not acknowledged.
    pub send: usize,
    /// The algorithm.
    pub congestion: Congestion,
}

/// The engine, without its sockets: these are passed in, so that one engine can serve many small sets of them.
pub(crate) struct Engine {
    interface: Interface,
    pipe: Pipe,
}

/// Packets on their way in and out.
struct Pipe {
    mtu: usize,
    received: Option<Bytes>,
    sent: VecDeque<Vec<u8>>,
}

impl Engine {
    pub(crate) fn new(seed: u64, mtu: usize) -> Engine {
        let mut pipe = Pipe { mtu, received: None, sent: VecDeque::new() };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let interface = Interface::new(config, &mut pipe, smoltcp::time::Instant::ZERO);
        Engine { interface, pipe }
    }

    /// Takes packets for whatever address.
    pub(crate) fn serve_all_addresses(&mut self) {
        self.interface.set_any_ip(true);
    }

    /// The addresses that it answers for, with their prefixes; more than it has room for are left out. Connections
    /// from an address that is gone end without a word.
    pub(crate) fn set_addresses(&mut self, addresses: &[(IpAddr, u8)]) {
        self.interface.update_ip_addrs(|list| {
            list.clear();
            let cidrs = addresses.iter().map(|(address, prefix)| IpCidr::new(IpAddress::from(*address), *prefix));
            list.extend(cidrs.take(smoltcp::config::IFACE_MAX_ADDR_COUNT));
        });
    }

    /// Has the group's reports sent; false if there are too many.
    pub(crate) fn join(&mut self, group: IpAddr) -> bool {
        self.interface.join_multicast_group(IpAddress::from(group)).is_ok()
    }

    pub(crate) fn leave(&mut self, group: IpAddr) {
        // Only a group that is none would fail.
        let _ = self.interface.leave_multicast_group(IpAddress::from(group));
    }

    /// One IP packet for these sockets.
    pub(crate) fn receive(&mut self, now: Time, packet: Bytes, sockets: &mut Sockets) {
        let Some(packet) = sockets.note(packet) else { return };
        self.pipe.received = Some(packet);
        let before = self.pipe.sent.len();
        self.interface.poll_ingress_single(now.to_smoltcp(), &mut self.pipe, sockets);
        self.mend(before, sockets);
    }

    /// Lets these sockets send what they have to, and their timers act.
    pub(crate) fn poll(&mut self, now: Time, sockets: &mut Sockets) {
        sockets.finish();
        let before = self.pipe.sent.len();
        self.interface.poll(now.to_smoltcp(), &mut self.pipe, sockets);
        self.mend(before, sockets);
    }

    /// What has been sent for these sockets since so many packets waited.
    fn mend(&mut self, before: usize, sockets: &mut Sockets) {
        self.pipe.sent.range_mut(before..).for_each(|packet| sockets.mend(packet));
    }

    /// When these sockets want to be polled next; a moment that has passed is now.
    pub(crate) fn deadline(&mut self, now: Time, sockets: &Sockets) -> Option<Time> {
        self.interface.poll_at(now.to_smoltcp(), sockets).map(|at| Time::from_smoltcp(at).max(now))
    }

    /// The next packet to send, with room for an Ethernet header.
    pub(crate) fn transmit(&mut self) -> Option<Vec<u8>> {
        self.pipe.sent.pop_front()
    }

    /// Dials; false if that cannot be, for example between addresses of different versions.
    pub(crate) fn connect(&mut self, socket: &mut tcp::Socket<'static>, from: SocketAddr, to: SocketAddr) -> bool {
        let local = (IpAddress::from(from.ip()), from.port());
        socket.connect(self.interface.context(), endpoint(to), local).is_ok()
    }
}

pub(crate) fn endpoint(address: SocketAddr) -> IpEndpoint {
    IpEndpoint::new(address.ip().into(), address.port())
}

pub(crate) fn address(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}

/// A closed connection.
pub(crate) fn socket(buffers: Buffers) -> tcp::Socket<'static> {
    let buffer = |length: usize| tcp::SocketBuffer::new(vec![0; length.max(1)]);
    let mut socket = tcp::Socket::new(buffer(buffers.receive), buffer(buffers.send));
    socket.set_congestion_control(match buffers.congestion {
        Congestion::Reno => tcp::CongestionControl::Reno,
        Congestion::Cubic => tcp::CongestionControl::Cubic,
    });
    socket
}

/// A set of one.
pub(crate) fn set_of(socket: tcp::Socket<'static>) -> (Sockets, SocketHandle) {
    let mut sockets = Sockets::new();
    let handle = sockets.add(socket);
    (sockets, handle)
}

impl Device for Pipe {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Received, Sent<'_>)> {
        let packet = self.received.take()?;
        Some((Received(packet), Sent(&mut self.sent)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum.tcp = Checksum::Tx; // `Sockets` has checked it
        capabilities
    }
}

struct Received(Bytes);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.0)
    }
}

struct Sent<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; ETHERNET + length];
        let result = fill(&mut packet[ETHERNET..]);
        self.0.push_back(packet);
        result
    }
}
