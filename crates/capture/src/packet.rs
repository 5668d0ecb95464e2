//! The headers drawn around a record so that every packet tool can read it: Ethernet, IPv4 or IPv6, TCP or UDP.
//! Which packets a record becomes belongs in `encoder`.
//!
//! Transport checksums cover the pseudo header only, as in a capture taken on a host whose network card
//! finishes them (checksum offload): to sum every payload byte would cost more than to write it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::record::{Address, EndpointId, Side, Transport};

/// EtherType of the frames that carry an event's text: IEEE 802 local experimental 1.
pub(crate) const EVENT_ETHERTYPE: u16 = 0x88B5;

const ETHERNET: usize = 14;
const MAX_HEADERS: usize = ETHERNET + 40 + 20;
const TCP: u8 = 6;
const UDP: u8 = 17;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// Both ends of a conversation as its packets show them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) endpoint: EndpointId,
    /// The peer's number, 0 for the endpoint itself.
    pub(crate) peer: u32,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

impl Ends {
    /// The addresses to draw. Unix sockets have none and are drawn in 100::/64, the discard-only
    /// prefix of RFC 6666, which no real packet carries.
    pub(crate) fn new(endpoint: EndpointId, peer: u32, local: &Address, remote: &Address) -> Self {
        let (local, remote) = match (local, remote) {
            (Address::Inet(local), Address::Inet(remote)) => (*local, *remote),
            _ => (stand_in(endpoint, 0), stand_in(endpoint, peer)),
        };
        Ends { endpoint, peer, local, remote }
    }

    /// The same with addresses that no frame of a virtual network has: IPv4 as IPv6 (RFC 4291, 2.5.5.2), and what has
    /// none of those like a Unix socket's. Loopback never is on such a network.
    pub(crate) fn apart(self) -> Ends {
        let (local, remote) = (self.local, self.remote);
        let (local, remote) = match (local.ip(), remote.ip()) {
            (IpAddr::V4(ip), _) | (_, IpAddr::V4(ip)) if !ip.is_loopback() => (to_v6_at(local), to_v6_at(remote)),
            (IpAddr::V6(ip), _) if !ip.is_loopback() => {
                (stand_in(self.endpoint, 0), stand_in(self.endpoint, self.peer))
            }
            _ => (local, remote),
        };
        Ends { local, remote, ..self }
    }

    /// The longest payload of one record, in bytes.
    ///
    /// A stream is cut where it suits us; a datagram, which must stay whole, only where UDP could not carry it:
    /// 65535 bytes less its header (RFC 768), and over IPv4 less that of IP as well, which IPv6 does not count.
    pub(crate) fn max_payload(&self, transport: Transport) -> usize {
        match transport {
            Transport::Stream => 32 * 1024,
            Transport::Datagram if self.local.is_ipv4() && self.remote.is_ipv4() => 65_507,
            Transport::Datagram => 65_527,
        }
    }
}

/// The address that stands for an end without one: the peer's number counts on through address and port.
fn stand_in(endpoint: EndpointId, peer: u32) -> SocketAddr {
    let number = endpoint.0.get();
    let ip = Ipv6Addr::new(0x100, 0, 0, 0, (number >> 16) as u16, number as u16, (peer >> 16) as u16, peer as u16);
    SocketAddr::new(ip.into(), (peer as u16).max(1))
}

/// What a TCP header says beside its ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
}

/// How long the headers of a TCP packet are.
pub(crate) fn stream_headers_len(ends: &Ends) -> usize {
    ETHERNET + if ends.local.is_ipv4() && ends.remote.is_ipv4() { 20 } else { 40 } + 20
}

/// Appends the headers of a packet that `sender` sends, for `payload` bytes to follow.
/// `segment` is what TCP says; without it the packet is UDP.
pub(crate) fn write_headers(out: &mut Vec<u8>, ends: &Ends, sender: Side, segment: Option<Segment>, payload: usize) {
    let mut frame = [0; MAX_HEADERS];
    let length = put_headers(&mut frame, ends, sender, segment, payload);
    out.extend_from_slice(&frame[..length]);
}

/// As [`write_headers`], to the start of `frame`, which must be zeros; returns their length.
pub(crate) fn put_headers(
    frame: &mut [u8],
    ends: &Ends,
    sender: Side,
    segment: Option<Segment>,
    payload: usize,
) -> usize {
    let (source, target) = match sender {
        Side::Local => (ends.local, ends.remote),
        Side::Peer => (ends.remote, ends.local),
    };
    let transport = if segment.is_some() { 20 } else { 8 };
    let (protocol, length) = (if segment.is_some() { TCP } else { UDP }, transport + payload);
    let (ip, sum) = match (source.ip(), target.ip()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            write_ipv4(&mut frame[ETHERNET..], source, target, protocol, length)
        }
        (source, target) => write_ipv6(&mut frame[ETHERNET..], to_v6(source), to_v6(target), protocol, length),
    };
    write_ethernet(frame, ends, sender, if ip == 20 { 0x0800 } else { 0x86DD });
    let header = &mut frame[ETHERNET + ip..ETHERNET + ip + transport];
    header[..2].copy_from_slice(&source.port().to_be_bytes());
    header[2..4].copy_from_slice(&target.port().to_be_bytes());
    match segment {
        Some(segment) => write_tcp(header, segment, sum),
        None => write_udp(header, length as u16, sum),
    }
    ETHERNET + ip + transport
}

/// Appends the header of a frame that carries an event's text.
pub(crate) fn write_event_header(out: &mut Vec<u8>, ends: &Ends, sender: Side) {
    let mut frame = [0; ETHERNET];
    write_ethernet(&mut frame, ends, sender, EVENT_ETHERTYPE);
    out.extend_from_slice(&frame);
}

/// Locally administered MAC addresses: 02:00 and the peer's number, 06:00 and the endpoint's.
fn write_ethernet(frame: &mut [u8], ends: &Ends, sender: Side, ethertype: u16) {
    let (to, from) = frame.split_at_mut(6);
    let (local, remote) = match sender {
        Side::Local => (from, to),
        Side::Peer => (to, from),
    };
    local[..2].copy_from_slice(&[6, 0]);
    local[2..6].copy_from_slice(&ends.endpoint.0.get().to_be_bytes());
    remote[..2].copy_from_slice(&[2, 0]);
    remote[2..6].copy_from_slice(&ends.peer.to_be_bytes());
    frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
}

/// Returns the header's length and the sum of the pseudo header (RFC 9293, 3.1).
fn write_ipv4(out: &mut [u8], source: Ipv4Addr, target: Ipv4Addr, protocol: u8, length: usize) -> (usize, u32) {
    out[0] = 0x45;
    out[2..4].copy_from_slice(&(20 + length as u16).to_be_bytes());
    out[6] = 0x40; // don't fragment
    out[8] = 64;
    out[9] = protocol;
    out[12..16].copy_from_slice(&source.octets());
    out[16..20].copy_from_slice(&target.octets());
    let checksum = !fold(sum(&out[..20]));
    out[10..12].copy_from_slice(&checksum.to_be_bytes());
    (20, sum(&out[12..20]) + u32::from(protocol) + length as u32)
}

/// Returns the header's length and the sum of the pseudo header (RFC 8200, 8.1).
fn write_ipv6(out: &mut [u8], source: Ipv6Addr, target: Ipv6Addr, protocol: u8, length: usize) -> (usize, u32) {
    out[0] = 0x60;
    out[4..6].copy_from_slice(&(length as u16).to_be_bytes());
    out[6] = protocol;
    out[7] = 64;
    out[8..24].copy_from_slice(&source.octets());
    out[24..40].copy_from_slice(&target.octets());
    (40, sum(&out[8..40]) + u32::from(protocol) + length as u32)
}

fn write_tcp(header: &mut [u8], segment: Segment, pseudo: u32) {
    header[4..8].copy_from_slice(&segment.seq.to_be_bytes());
    header[8..12].copy_from_slice(&segment.ack.to_be_bytes());
    header[12] = 5 << 4;
    header[13] = segment.flags;
    header[14..16].copy_from_slice(&u16::MAX.to_be_bytes()); // window
    header[16..18].copy_from_slice(&fold(pseudo).to_be_bytes());
}

fn write_udp(header: &mut [u8], length: u16, pseudo: u32) {
    header[4..6].copy_from_slice(&length.to_be_bytes());
    header[6..8].copy_from_slice(&fold(pseudo).to_be_bytes());
}

fn to_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

fn to_v6_at(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(to_v6(address.ip()).into(), address.port())
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum()
}

fn fold(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xFFFF);
    ((once >> 16) + once) as u16
}

/// What the headers of a packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View<'a> {
    /// Sender and receiver; `None` for the frame of an event's text.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr, Transport)>,
    pub(crate) payload: &'a [u8],
}

/// Reads the headers that this module writes; `None` for any other packet.
pub(crate) fn parse(frame: &[u8]) -> Option<View<'_>> {
    let rest = frame.get(ETHERNET..)?;
    let (source, target, protocol, rest): (IpAddr, IpAddr, _, _) = match u16::from_be_bytes([frame[12], frame[13]]) {
        EVENT_ETHERTYPE => return Some(View { addresses: None, payload: rest }),
        0x0800 => {
            let header = rest.first_chunk::<20>()?;
            (ip4(&header[12..])?, ip4(&header[16..])?, header[9], &rest[20..])
        }
        0x86DD => {
            let header = rest.first_chunk::<40>()?;
            (ip6(&header[8..])?, ip6(&header[24..])?, header[6], &rest[40..])
        }
        _ => return None,
    };
    let (transport, length) = match protocol {
        TCP => (Transport::Stream, 20),
        UDP => (Transport::Datagram, 8),
        _ => return None,
    };
    let payload = rest.get(length..)?;
    let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    let addresses = (SocketAddr::new(source, port(0)), SocketAddr::new(target, port(2)), transport);
    Some(View { addresses: Some(addresses), payload })
}

fn ip4(bytes: &[u8]) -> Option<IpAddr> {
    bytes.first_chunk::<4>().map(|b| IpAddr::from(*b))
}

fn ip6(bytes: &[u8]) -> Option<IpAddr> {
    bytes.first_chunk::<16>().map(|b| IpAddr::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            any::<(Ipv4Addr, u16)>().prop_map(SocketAddr::from),
            any::<(Ipv6Addr, u16)>().prop_map(SocketAddr::from)
        ]
    }

    proptest! {
        #[test]
        fn headers_read_back(local in address(), remote in address(), tcp: bool, peer: u32, payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let endpoint = EndpointId::from_index(0).expect("first");
            let ends = Ends { endpoint, peer, local, remote };
            let segment = tcp.then_some(Segment { seq: 1, ack: 2, flags: ACK });
            let mut out = Vec::new();
            write_headers(&mut out, &ends, Side::Peer, segment, payload.len());
            out.extend_from_slice(&payload);
            let view = parse(&out).expect("ours");
            let (source, target, transport) = view.addresses.expect("addresses");
            prop_assert_eq!(view.payload, &payload[..]);
            prop_assert_eq!(transport == Transport::Stream, tcp);
            prop_assert_eq!((source.port(), target.port()), (remote.port(), local.port()));
            prop_assert_eq!((to_v6(source.ip()), to_v6(target.ip())), (to_v6(remote.ip()), to_v6(local.ip())));
        }

        #[test]
        fn any_frame_is_read_without_panic(frame: Vec<u8>) {
            let _ = parse(&frame);
        }
    }

    #[test]
    fn beside_frames_only_loopback_is_drawn_as_it_is() {
        let endpoint = EndpointId::from_index(0).expect("first");
        let apart = |local: &str, remote: &str| {
            let [local, remote] = [local, remote].map(|at| at.parse().expect("an address"));
            let ends = Ends { endpoint, peer: 7, local, remote }.apart();
            (ends.local.to_string(), ends.remote.to_string())
        };
        let pair = |local: &str, remote: &str| (local.to_owned(), remote.to_owned());
        let mapped = pair("[::ffff:192.168.1.115]:1", "[::ffff:192.168.1.20]:2");
        assert_eq!(apart("192.168.1.115:1", "192.168.1.20:2"), mapped);
        assert_eq!(apart("[fe80::1]:1", "[fe80::2]:2"), pair("[100::1:0:0]:1", "[100::1:0:7]:7"));
        for (local, remote) in [("127.0.0.1:1", "127.0.0.1:2"), ("[::1]:1", "[::1]:2")] {
            assert_eq!(apart(local, remote), pair(local, remote));
        }
    }

    #[test]
    fn unix_peers_never_share_an_address() {
        let endpoint = EndpointId::from_index(0).expect("first");
        assert_ne!(stand_in(endpoint, 1), stand_in(endpoint, 1 + 65536));
        assert_ne!(stand_in(endpoint, 0), stand_in(endpoint, 1));
    }

    #[test]
    fn an_ipv4_header_sums_to_zero() {
        let mut header = [0; 20];
        write_ipv4(&mut header, Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(192, 168, 1, 115), TCP, 20 + 15);
        assert_eq!(fold(sum(&header)), 0xFFFF);
    }
}
