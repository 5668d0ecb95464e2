//! Boards that send what they should not: arbitrary frames, damaged ones, floods. Nobody else is harmed.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use socklab_lan::{Direction, Event, Mac, Profile, Refusal};
use socklab_socket::{Errno, Family, Protocol, Type};

use crate::transfer::connected;
use crate::world::World;

const SYN: u8 = 2;
const ACK: u8 = 16;

/// Two boards that talk, one that misbehaves, and everybody has an address.
fn world() -> World {
    World::boards(1, &["a", "b", "villain"], Profile::ESP32)
}

fn inject(world: &mut World, frame: impl Into<Bytes>) {
    let port = world.boards["villain"].port;
    world.lan.handle_frame(world.now, port, frame.into());
}

/// The others still reach each other, a name, and the outside.
fn check_others(world: &mut World, port: u16) {
    let (writer, reader) = connected(world, port);
    world.host("b").send(writer, b"hello", None).unwrap();
    world.wait(Duration::from_secs(3));
    let mut into = [0; 10];
    assert_eq!(world.host("a").receive(reader, &mut into, false).unwrap().0, 5);
    world.host("a").close(reader);
    world.host("b").close(writer);
    let outside = world.host("a").open(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    let pc = world.lan.plan().pc;
    assert!(world.host("a").connect(outside, &(pc, 9).into()).unwrap_err().is(Errno::EINPROGRESS));
    world.events.clear();
    let end = world.now + Duration::from_secs(5);
    let from = world.boards["a"].port;
    let mut dialled = None;
    world.wait_until(end, |world| {
        dialled = world.events.iter().find_map(|event| match event {
            Event::Dialled { flow, port, .. } if *port == from => Some(*flow),
            _ => None,
        });
        dialled.is_some()
    });
    world.lan.refuse(dialled.expect("the dial arrives"), Refusal::Reset).unwrap();
    world.host("a").close(outside);
    world.wait(Duration::from_millis(10));
}

/// Frames that were right once: an exchange of everything that there is.
fn good_frames() -> Vec<Vec<u8>> {
    let mut world = World::new(3);
    world.lan.watch(true);
    for name in ["a", "villain"] {
        world.add(name, socklab_lan::Medium::Cable, Profile::LINUX, socklab_lan::Addressing::Dhcp);
    }
    world.wait(Duration::from_secs(2));
    let (a, pc) = (world.address("a"), world.lan.plan().pc);
    let villain = world.host("villain");
    let tcp = villain.open(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    drop(villain.connect(tcp, &(pc, 80).into()));
    let udp = villain.open(Family::Inet, Type::Datagram, Protocol::Usual).unwrap();
    villain.send(udp, &[1; 3000], Some(&(a, 9).into())).unwrap();
    villain.send(udp, b"x", Some(&(pc, 9).into())).unwrap();
    villain
        .set(
            udp,
            &socklab_socket::SockOpt::JoinV4 { group: Ipv4Addr::new(239, 1, 1, 1), interface: Ipv4Addr::UNSPECIFIED },
        )
        .unwrap();
    villain.lookup(&socklab_socket::Query::new("a.lan", 1));
    let icmp = villain.open(Family::Inet, Type::Raw, Protocol::Icmp).unwrap();
    villain.send(icmp, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0], Some(&(pc, 0).into())).unwrap();
    world.wait(Duration::from_secs(1));
    let port = world.boards["villain"].port;
    let all = world.events.into_iter().filter_map(|event| match event {
        Event::Frame { port: of, frame, .. } if of == port => Some(frame.to_vec()),
        _ => None,
    });
    all.collect()
}

fn damage() -> impl Strategy<Value = (usize, Vec<(usize, u8)>, Option<usize>)> {
    (any::<usize>(), prop::collection::vec((any::<usize>(), any::<u8>()), 0..6), prop::option::of(any::<usize>()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn arbitrary_frames_harm_nobody(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..60)) {
        let mut world = world();
        let gateway = [0x02, 0x53, 0x4c, 0x47, 0x57, 0x01];
        for (index, mut frame) in frames.into_iter().enumerate() {
            // Half of them are for somebody, and say what they are.
            if frame.len() > 14 && index % 2 == 0 {
                let to = if index % 4 == 0 { gateway } else { Mac::BROADCAST.0 };
                frame[..6].copy_from_slice(&to);
                frame[6] &= 0xfe;
                let kind = [0x0800_u16, 0x0806, 0x86dd][index % 3];
                frame[12..14].copy_from_slice(&kind.to_be_bytes());
            }
            inject(&mut world, frame);
        }
        world.wait(Duration::from_millis(100));
        check_others(&mut world, 80);
    }

    #[test]
    fn damaged_frames_harm_nobody(all in prop::collection::vec(damage(), 1..80)) {
        let good = good_frames();
        let mut world = world();
        for (choice, changes, cut) in all {
            let mut frame = good[choice % good.len()].clone();
            for (place, byte) in changes {
                let place = place % frame.len();
                frame[place] = byte;
            }
            if let Some(cut) = cut {
                frame.truncate(cut % frame.len());
            }
            // The first of them claims another's address: that is a lie, and not damage.
            if frame.len() > 12 {
                frame[6..12].copy_from_slice(&Mac::local(3).0);
            }
            inject(&mut world, frame);
            world.settle();
        }
        world.wait(Duration::from_secs(40));
        check_others(&mut world, 80);
    }
}

#[test]
fn floods_harm_nobody() {
    let mut world = world();
    let pc = world.lan.plan().pc;
    let villain = world.address("villain");
    let gateway = [0x02, 0x53, 0x4c, 0x47, 0x57, 0x01];
    for number in 0..600_u32 {
        // Dials that nobody accepts, from and to everywhere.
        let [.., high, low] = number.to_be_bytes();
        let syn = tcp((villain, 1024 + number as u16), (pc, 80), (1, 0), (SYN, &[]), &[]);
        inject(&mut world, with_header(&gateway, &Mac::local(3).0, 0x0800, &syn));
        // Hardware addresses, and questions for addresses, that are made up.
        let mac = [0x02, 9, 9, 9, high, low];
        inject(&mut world, with_header(&[0xff; 6], &mac, 0x88b5, &[0; 46]));
        inject(&mut world, with_header(&[0xff; 6], &mac, 0x0806, &arp(mac, [192, 168, 1, low], [192, 168, 1, high])));
        // First halves.
        inject(&mut world, with_header(&gateway, &Mac::local(3).0, 0x0800, &first_half(villain, pc, number as u16)));
        world.settle();
    }
    let limited = world.events.iter().filter(|event| matches!(event, Event::Limited { .. })).count();
    assert!(limited > 500, "{limited}");
    check_others(&mut world, 80);
    world.wait(Duration::from_secs(60));
    check_others(&mut world, 81);
    assert!(world.lan.status().flows.len() < 20);
}

#[test]
fn a_board_that_makes_addresses_up_gets_no_more_leases() {
    let mut world = world();
    for number in 0..300_u16 {
        let [high, low] = number.to_be_bytes();
        let message = dhcproto_discover([0x02, 8, 8, 8, high, low]);
        let packet = udp(Ipv4Addr::UNSPECIFIED, 68, Ipv4Addr::BROADCAST, 67, &message);
        inject(&mut world, with_header(&[0xff; 6], &Mac::local(3).0, 0x0800, &packet));
    }
    world.settle();
    assert_eq!(world.lan.status().leases.len(), 3);
}

/// The window of a SYN|ACK is as it is, whatever the scale; a peer that takes it for more fills no buffer beyond its end.
#[test]
fn bytes_beyond_the_first_window_are_not_taken() {
    let mut world = World::boards(1, &["a", "b", "villain"], Profile::LINUX);
    let (a, villain) = (world.address("a"), world.address("villain"));
    let listener = world.host("a").open(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    world.host("a").bind(listener, &(Ipv4Addr::UNSPECIFIED, 80).into()).unwrap();
    world.host("a").listen(listener, 4).unwrap();
    let datagram = world.host("villain").open(Family::Inet, Type::Datagram, Protocol::Usual).unwrap();
    let _ = world.host("villain").send(datagram, b"x", Some(&(a, 9).into())); // now they know each other
    world.wait(Duration::from_secs(1));
    // Its own stack would answer with a reset.
    let port = world.boards["villain"].port;
    world.lan.set_faults(world.now, port, Direction::Down, "filter=tcp".parse().unwrap());
    world.lan.watch(true);
    world.events.clear();
    let segment = |numbers, flags, payload: &[u8]| {
        let packet = tcp((villain, 4000), (a, 80), numbers, flags, payload);
        with_header(&Mac::local(1).0, &Mac::local(3).0, 0x800, &packet)
    };
    inject(&mut world, segment((1000, 0), (SYN, &[3, 3, 0, 0]), &[]));
    world.wait(Duration::from_millis(5));
    let numbers = world.events.iter().find_map(|event| match event {
        Event::Frame { frame, .. } if frame.len() > 47 && frame[23] == 6 && frame[47] == SYN | ACK => {
            Some(u32::from_be_bytes(frame[38..42].try_into().unwrap()))
        }
        _ => None,
    });
    let next = numbers.expect("a SYN|ACK") + 1;
    inject(&mut world, segment((1001, next), (ACK, &[]), &[]));
    let room = Profile::LINUX.tcp.receive as u32;
    inject(&mut world, segment((1001 + room - 100, next), (ACK, &[]), &[7; 1400]));
    for at in (0..room).step_by(1400) {
        inject(&mut world, segment((1001 + at, next), (ACK, &[]), &[1; 1400]));
        world.settle();
    }
    world.wait(Duration::from_secs(1));
    check_others(&mut world, 81);
}

fn dhcproto_discover(mac: [u8; 6]) -> Vec<u8> {
    use dhcproto::v4::{DhcpOption, Message, MessageType};
    use dhcproto::{Encodable, Encoder};
    let any = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(7, any, any, any, any, &mac);
    message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
    let mut bytes = Vec::new();
    message.encode(&mut Encoder::new(&mut bytes)).unwrap();
    bytes
}

pub(crate) fn with_header(to: &[u8; 6], from: &[u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [to.as_slice(), from, &kind.to_be_bytes(), payload].concat()
}

fn arp(mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4, 0, 1][..], &mac, &sender, &[0; 6], &target].concat()
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}

/// An IPv4 packet.
fn ip(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, fragment: u16, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend((20 + payload.len() as u16).to_be_bytes());
    header.extend(id.to_be_bytes());
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(src.octets());
    header.extend(dst.octets());
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [header, payload.to_vec()].concat()
}

pub(crate) fn udp(src: Ipv4Addr, from: u16, dst: Ipv4Addr, to: u16, payload: &[u8]) -> Vec<u8> {
    // No checksum: RFC 768 allows it.
    let length = 8 + payload.len() as u16;
    let header = [from.to_be_bytes(), to.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
    ip(src, dst, 17, 0, 1, &[header, payload.to_vec()].concat())
}

/// A TCP segment with the largest window: its flags, options and payload.
fn tcp(
    (src, from): (Ipv4Addr, u16),
    (dst, to): (Ipv4Addr, u16),
    (seq, ack): (u32, u32),
    (flags, options): (u8, &[u8]),
    payload: &[u8],
) -> Vec<u8> {
    let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
    segment.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
    segment.extend([(20 + options.len() as u8) << 2, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend([options, payload].concat());
    let pseudo = [&src.octets()[..], &dst.octets(), &[0, 6], &(segment.len() as u16).to_be_bytes()].concat();
    let sum = checksum(&[&pseudo, &segment]);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    ip(src, dst, 6, 0, 1, &segment)
}

fn first_half(src: Ipv4Addr, dst: Ipv4Addr, id: u16) -> Vec<u8> {
    ip(src, dst, 17, 0x2000, id, &[0; 64])
}
