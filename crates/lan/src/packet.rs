//! The bytes of frames and packets: views that can show whatever came, and makers of what we send. What a packet
//! leads to is decided elsewhere; TCP segments are smoltcp's.
//!
//! A packet that is being made has room for the Ethernet header in front of it, so that no byte is copied twice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, Icmpv6DstUnreachable,
    Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, IpRepr, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, TcpControl,
    TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

use crate::Mac;

/// Bytes of an Ethernet header, and the room in front of a packet that is being made.
pub(crate) const ETHERNET: usize = 14;

/// Bytes of an IPv4 header without options, of an IPv6 header, and of a UDP header.
pub(crate) const IPV4: usize = 20;
pub(crate) const IPV6: usize = 40;
pub(crate) const UDP: usize = 8;

/// The hop limit of what has none of its own (RFC 1700).
pub(crate) const HOPS: u8 = 64;

/// What the payload of an Ethernet frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Arp,
    Ipv4,
    Ipv6,
    Other,
}

/// An Ethernet frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ethernet<'a> {
    pub(crate) to: Mac,
    pub(crate) from: Mac,
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
}

impl<'a> Ethernet<'a> {
    /// `None` for what is too short to have a header.
    pub(crate) fn parse(frame: &'a [u8]) -> Option<Ethernet<'a>> {
        let (header, payload) = frame.split_first_chunk::<ETHERNET>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, high, low] = *header;
        let kind = match u16::from_be_bytes([high, low]) {
            0x0800 => Kind::Ipv4,
            0x0806 => Kind::Arp,
            0x86dd => Kind::Ipv6,
            _ => Kind::Other,
        };
        Some(Ethernet { to: Mac([a, b, c, d, e, f]), from: Mac([g, h, i, j, k, l]), kind, payload })
    }
}

/// Draws the Ethernet header in front of a packet.
pub(crate) fn address(mut packet: Vec<u8>, from: Mac, to: Mac) -> Vec<u8> {
    let kind: u16 = match packet.get(ETHERNET).map(|first| first >> 4) {
        Some(6) => 0x86dd,
        _ => 0x0800,
    };
    if let Some(header) = packet.first_chunk_mut::<ETHERNET>() {
        header[..6].copy_from_slice(&to.0);
        header[6..12].copy_from_slice(&from.0);
        header[12..].copy_from_slice(&kind.to_be_bytes());
    }
    packet
}

/// What an IP packet carries, by IANA's numbers.
pub(crate) mod protocol {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IGMP: u8 = 2;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const ICMPV6: u8 = 58;
}

/// Where in a datagram a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) id: u16,
    pub(crate) offset: usize,
    pub(crate) more: bool,
}

/// An IP packet of either version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) hops: u8,
    pub(crate) fragment: Option<Fragment>,
    pub(crate) payload: &'a [u8],
    /// The whole of it, without what Ethernet has put behind.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Ip<'a> {
    /// `None` for what is cut off, has a wrong checksum, or is of no version.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Ip<'a>> {
        match bytes.first()? >> 4 {
            4 => Ip::parse_v4(bytes),
            6 => Ip::parse_v6(bytes),
            _ => None,
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Option<Ip<'a>> {
        let packet = Ipv4Packet::new_checked(bytes).ok().filter(Ipv4Packet::verify_checksum)?;
        let (offset, more) = (usize::from(packet.frag_offset()), packet.more_frags());
        let fragment = (more || offset > 0).then_some(Fragment { id: packet.ident(), offset, more });
        Some(Ip {
            src: packet.src_addr().into(),
            dst: packet.dst_addr().into(),
            protocol: packet.next_header().into(),
            hops: packet.hop_limit(),
            fragment,
            payload: packet.payload(),
            bytes: bytes.get(..usize::from(packet.total_len()))?,
        })
    }

    /// Hop-by-hop options are stepped over; other extension headers are what the packet carries.
    fn parse_v6(bytes: &'a [u8]) -> Option<Ip<'a>> {
        let packet = Ipv6Packet::new_checked(bytes).ok()?;
        let (mut protocol, mut payload) = (u8::from(packet.next_header()), packet.payload());
        if protocol == 0 {
            let length = 8 + 8 * usize::from(*payload.get(1)?);
            (protocol, payload) = (*payload.first()?, payload.get(length..)?);
        }
        Some(Ip {
            src: packet.src_addr().into(),
            dst: packet.dst_addr().into(),
            protocol,
            hops: packet.hop_limit(),
            fragment: None,
            payload,
            bytes: bytes.get(..packet.total_len())?,
        })
    }
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Udp<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// `None` for what is cut off or has a wrong checksum.
    pub(crate) fn parse(ip: &Ip<'a>) -> Option<Udp<'a>> {
        let packet = UdpPacket::new_checked(ip.payload).ok()?;
        let intact = packet.verify_checksum(&ip.src.into(), &ip.dst.into());
        (intact && packet.dst_port() != 0).then(|| Udp {
            from: SocketAddr::new(ip.src, packet.src_port()),
            to: SocketAddr::new(ip.dst, packet.dst_port()),
            payload: packet.payload(),
        })
    }
}

/// A segment of TCP, as its header has it; the checksum is smoltcp's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Who sent it.
    pub from: SocketAddr,
    /// For whom it is.
    pub to: SocketAddr,
    /// Whether it dials or answers a dial.
    pub syn: bool,
    /// Whether it acknowledges anything.
    pub ack: bool,
    /// Whether it is the last with data.
    pub fin: bool,
    /// Whether it cuts the connection off.
    pub rst: bool,
    /// The number of its first byte.
    pub seq: u32,
    /// The number of the byte that is wanted next.
    pub ack_number: u32,
    /// The window, without its scale.
    pub window: u16,
    /// Bytes of payload.
    pub length: usize,
}

impl Segment {
    /// The number after all that it takes: bytes, and one each for the first and the last word (RFC 9293, 3.4).
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.length as u32 + u32::from(self.syn) + u32::from(self.fin))
    }

    pub(crate) fn parse(ip: &Ip<'_>) -> Option<Segment> {
        let packet = TcpPacket::new_checked(ip.payload).ok().filter(|_| ip.protocol == protocol::TCP)?;
        Some(Segment {
            from: SocketAddr::new(ip.src, packet.src_port()),
            to: SocketAddr::new(ip.dst, packet.dst_port()),
            syn: packet.syn(),
            ack: packet.ack(),
            fin: packet.fin(),
            rst: packet.rst(),
            seq: packet.seq_number().0 as u32,
            ack_number: packet.ack_number().0 as u32,
            window: packet.window_len(),
            length: packet.payload().len(),
        })
    }

    /// Whether it asks for a new connection.
    pub(crate) fn dials(&self) -> bool {
        self.syn && !self.ack && !self.rst
    }
}

/// An IP packet with this payload, which `fill` writes; `None` if the versions of the addresses differ.
pub(crate) fn ip(
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    hops: u8,
    length: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Option<Vec<u8>> {
    if src.is_ipv4() != dst.is_ipv4() {
        return None;
    }
    let header = IpRepr::new(src.into(), dst.into(), IpProtocol::from(protocol), length, hops);
    let mut packet = vec![0; ETHERNET + header.header_len() + length];
    let (front, payload) = packet[ETHERNET..].split_at_mut(header.header_len());
    fill(payload);
    match header {
        IpRepr::Ipv4(header) => header.emit(&mut Ipv4Packet::new_unchecked(front), &ChecksumCapabilities::default()),
        IpRepr::Ipv6(header) => header.emit(&mut Ipv6Packet::new_unchecked(front)),
    }
    Some(packet)
}

/// A UDP datagram; `None` if the versions of the addresses differ, or it is longer than UDP can say.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, hops: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let length = UDP + payload.len();
    if IPV4 + length > usize::from(u16::MAX) {
        return None;
    }
    let (src, dst) = (IpAddress::from(from.ip()), IpAddress::from(to.ip()));
    let header = UdpRepr { src_port: from.port(), dst_port: to.port() };
    ip(from.ip(), to.ip(), protocol::UDP, hops, length, |bytes| {
        let mut packet = UdpPacket::new_unchecked(bytes);
        let fill = |into: &mut [u8]| into.copy_from_slice(payload);
        header.emit(&mut packet, &src, &dst, payload.len(), fill, &ChecksumCapabilities::default());
    })
}

/// Cuts an IPv4 packet into pieces that fit; others stay whole. `id` tells the pieces from those of other packets.
pub(crate) fn fragments(packet: Vec<u8>, mtu: usize, id: u16) -> Vec<Vec<u8>> {
    let whole = packet.len() - ETHERNET;
    if whole <= mtu || packet[ETHERNET] >> 4 != 4 {
        return vec![packet];
    }
    // Offsets count eights of bytes.
    let piece = (mtu.saturating_sub(IPV4) / 8 * 8).max(8);
    let (header, payload) = packet.split_at(ETHERNET + IPV4);
    let last = payload.len().div_ceil(piece) - 1;
    payload
        .chunks(piece)
        .enumerate()
        .map(|(index, chunk)| fragment(header, chunk, index * piece, index < last, id))
        .collect()
}

fn fragment(header: &[u8], chunk: &[u8], offset: usize, more: bool, id: u16) -> Vec<u8> {
    let mut piece = [header, chunk].concat();
    let length = (piece.len() - ETHERNET) as u16;
    let mut packet = Ipv4Packet::new_unchecked(&mut piece[ETHERNET..]);
    packet.set_total_len(length);
    packet.set_ident(id);
    packet.clear_flags();
    packet.set_more_frags(more);
    packet.set_frag_offset(offset as u16);
    packet.fill_checksum();
    piece
}

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) request: bool,
    pub(crate) sender: (Mac, Ipv4Addr),
    pub(crate) target: Ipv4Addr,
}

impl Arp {
    pub(crate) fn parse(payload: &[u8]) -> Option<Arp> {
        let ArpRepr::EthernetIpv4 {
            operation, source_hardware_addr, source_protocol_addr, target_protocol_addr, ..
        } = ArpRepr::parse(&ArpPacket::new_checked(payload).ok()?).ok()?
        else {
            return None;
        };
        let request = match operation {
            ArpOperation::Request => true,
            ArpOperation::Reply => false,
            ArpOperation::Unknown(_) => return None,
        };
        let sender = (Mac(source_hardware_addr.0), source_protocol_addr);
        sender.0.is_unicast().then_some(Arp { request, sender, target: target_protocol_addr })
    }

    /// The frame that says it; a request goes to everybody.
    pub(crate) fn frame(self, to: Mac) -> Vec<u8> {
        let target = if self.request { Mac([0; 6]) } else { to };
        let arp = ArpRepr::EthernetIpv4 {
            operation: if self.request { ArpOperation::Request } else { ArpOperation::Reply },
            source_hardware_addr: self.sender.0.to_smoltcp(),
            source_protocol_addr: self.sender.1,
            target_hardware_addr: target.to_smoltcp(),
            target_protocol_addr: self.target,
        };
        let mut frame = vec![0; ETHERNET + arp.buffer_len()];
        arp.emit(&mut ArpPacket::new_unchecked(&mut frame[ETHERNET..]));
        frame = address(frame, self.sender.0, to);
        frame[12..ETHERNET].copy_from_slice(&0x0806_u16.to_be_bytes());
        frame
    }

    /// Whether it only says who its sender is (RFC 5227, 1.1).
    pub(crate) fn announces(&self) -> bool {
        self.sender.1 == self.target
    }
}

/// An ICMP message for IPv4.
pub(crate) fn icmp(src: Ipv4Addr, dst: Ipv4Addr, message: &Icmpv4Repr<'_>) -> Option<Vec<u8>> {
    ip(src.into(), dst.into(), protocol::ICMP, HOPS, message.buffer_len(), |bytes| {
        message.emit(&mut Icmpv4Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
    })
}

/// An ICMP message for IPv6.
pub(crate) fn icmpv6(src: Ipv6Addr, dst: Ipv6Addr, hops: u8, message: &Icmpv6Repr<'_>) -> Option<Vec<u8>> {
    ip(src.into(), dst.into(), protocol::ICMPV6, hops, message.buffer_len(), |bytes| {
        message.emit(&src, &dst, &mut Icmpv6Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
    })
}

/// What a host says of a packet that it cannot deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    Port,
    Host,
}

/// Says of a packet that it could not be delivered (RFC 792; RFC 4443, 3.1).
pub(crate) fn unreachable(from: IpAddr, about: &Ip<'_>, why: Unreachable) -> Option<Vec<u8>> {
    match (from, about.src, about.dst) {
        (IpAddr::V4(from), IpAddr::V4(src), IpAddr::V4(dst)) => {
            let reason = match why {
                Unreachable::Port => Icmpv4DstUnreachable::PortUnreachable,
                Unreachable::Host => Icmpv4DstUnreachable::HostUnreachable,
            };
            let next_header = IpProtocol::from(about.protocol);
            let header = Ipv4Repr {
                src_addr: src,
                dst_addr: dst,
                next_header,
                payload_len: about.payload.len(),
                hop_limit: about.hops,
            };
            let data = &about.payload[..about.payload.len().min(28)];
            icmp(from, src, &Icmpv4Repr::DstUnreachable { reason, header, data })
        }
        (IpAddr::V6(from), IpAddr::V6(src), IpAddr::V6(dst)) => {
            let reason = match why {
                Unreachable::Port => Icmpv6DstUnreachable::PortUnreachable,
                Unreachable::Host => Icmpv6DstUnreachable::AddrUnreachable,
            };
            let next_header = IpProtocol::from(about.protocol);
            let header = Ipv6Repr {
                src_addr: src,
                dst_addr: dst,
                next_header,
                payload_len: about.payload.len(),
                hop_limit: about.hops,
            };
            let data = &about.payload[..about.payload.len().min(1000)];
            icmpv6(from, src, HOPS, &Icmpv6Repr::DstUnreachable { reason, header, data })
        }
        _ => None,
    }
}

/// The answer to an echo request, if it is one.
pub(crate) fn echo_reply(ip: &Ip<'_>) -> Option<Vec<u8>> {
    let checksums = ChecksumCapabilities::default();
    match (ip.src, ip.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let packet = Icmpv4Packet::new_checked(ip.payload).ok()?;
            let Icmpv4Repr::EchoRequest { ident, seq_no, data } = Icmpv4Repr::parse(&packet, &checksums).ok()? else {
                return None;
            };
            icmp(dst, src, &Icmpv4Repr::EchoReply { ident, seq_no, data })
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let packet = Icmpv6Packet::new_checked(ip.payload).ok()?;
            let Icmpv6Repr::EchoRequest { ident, seq_no, data } =
                Icmpv6Repr::parse(&src, &dst, &packet, &checksums).ok()?
            else {
                return None;
            };
            icmpv6(dst, src, HOPS, &Icmpv6Repr::EchoReply { ident, seq_no, data })
        }
        _ => None,
    }
}

/// A packet that could not be delivered, as the ICMP message about it says: protocol, its source and destination, why.
pub(crate) fn undelivered(ip: &Ip<'_>) -> Option<(u8, SocketAddr, SocketAddr, Unreachable)> {
    let checksums = ChecksumCapabilities::default();
    let (protocol, src, dst, data, why) = match (ip.src, ip.dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let packet = Icmpv4Packet::new_checked(ip.payload).ok()?;
            let Icmpv4Repr::DstUnreachable { reason, header, data } = Icmpv4Repr::parse(&packet, &checksums).ok()?
            else {
                return None;
            };
            let port = reason == Icmpv4DstUnreachable::PortUnreachable;
            (header.next_header, IpAddr::from(header.src_addr), IpAddr::from(header.dst_addr), data, port)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let packet = Icmpv6Packet::new_checked(ip.payload).ok()?;
            let Icmpv6Repr::DstUnreachable { reason, header, data } =
                Icmpv6Repr::parse(&src, &dst, &packet, &checksums).ok()?
            else {
                return None;
            };
            let port = reason == Icmpv6DstUnreachable::PortUnreachable;
            (header.next_header, IpAddr::from(header.src_addr), IpAddr::from(header.dst_addr), data, port)
        }
        _ => return None,
    };
    let &[a, b, c, d] = data.first_chunk::<4>()?;
    let why = if why { Unreachable::Port } else { Unreachable::Host };
    let from = SocketAddr::new(src, u16::from_be_bytes([a, b]));
    Some((protocol.into(), from, SocketAddr::new(dst, u16::from_be_bytes([c, d])), why))
}

/// Refuses a segment as a host does on which nobody listens (RFC 9293, 3.10.7.1).
pub(crate) fn reset(ip_in: &Ip<'_>, segment: &Segment) -> Option<Vec<u8>> {
    let next = segment.seq.wrapping_add(segment.length as u32 + u32::from(segment.syn) + u32::from(segment.fin));
    let reply = TcpRepr {
        src_port: segment.to.port(),
        dst_port: segment.from.port(),
        control: TcpControl::Rst,
        seq_number: TcpSeqNumber(if segment.ack { segment.ack_number as i32 } else { 0 }),
        ack_number: (!segment.ack).then_some(TcpSeqNumber(next as i32)),
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (src, dst) = (IpAddress::from(ip_in.dst), IpAddress::from(ip_in.src));
    ip(ip_in.dst, ip_in.src, protocol::TCP, HOPS, reply.buffer_len(), |bytes| {
        reply.emit(&mut TcpPacket::new_unchecked(bytes), &src, &dst, &ChecksumCapabilities::default());
    })
}

/// The hardware address of a group: RFC 1112, 6.4; RFC 2464, 7.
pub(crate) fn group_mac(group: IpAddr) -> Mac {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            Mac([0x33, 0x33, a, b, c, d])
        }
    }
}

/// The group in which the owner of an IPv6 address hears who looks for it (RFC 4291, 2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

/// An address in a /64 that is made from the hardware's (RFC 4291, appendix A).
pub(crate) fn in_prefix(prefix: Ipv6Addr, mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let low = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    Ipv6Addr::from(u128::from(prefix) & !u128::from(u64::MAX) | u128::from(low))
}
