//! UDP, broadcast, multicast and raw sockets.

use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, UdpSocket};

use crate::kit::*;
use socklab_socket::{Errno, Family, Protocol, RecvFlags, SockOpt, SockOptName, Type};

fn std_udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn each_datagram_for_itself() {
    let net = net();
    let socket = udp(&net);
    let (peer, address) = std_udp();
    assert_eq!(socket.sendto(b"one", address).unwrap(), 3);
    assert_eq!(socket.sendto(b"", address).unwrap(), 0);
    let mut into = [0; 9];
    assert_eq!(peer.recv_from(&mut into).unwrap(), (3, ip(&socket)));
    assert_eq!(peer.recv_from(&mut into).unwrap(), (0, ip(&socket)));
    for bytes in [&b"first"[..], b"", b"second"] {
        peer.send_to(bytes, ip(&socket)).unwrap();
    }
    assert_eq!(socket.recvfrom(9).unwrap(), (b"first".to_vec(), Some(address.into())));
    assert_eq!(socket.recvfrom(9).unwrap(), (b"".to_vec(), Some(address.into())));
    assert_eq!(socket.recv(9).unwrap(), b"second");
}

#[test]
fn what_does_not_fit_is_lost() {
    let net = net();
    let socket = udp(&net);
    let (peer, address) = std_udp();
    peer.send_to(b"0123456789", ip(&socket)).unwrap();
    peer.send_to(b"next", ip(&socket)).unwrap();
    let mut into = [0; 4];
    let peek = RecvFlags { peek: true, dont_wait: false };
    assert_eq!(socket.recv_with(&mut into, peek).unwrap(), (4, Some(address.into())));
    assert_eq!(socket.recvfrom(4).unwrap().0, b"0123");
    assert_eq!(socket.recvfrom(9).unwrap().0, b"next");
    assert_eq!(socket.sendto(&[0; 70_000], address).unwrap_err().errno(), Some(Errno::EMSGSIZE));
}

#[test]
fn connected_it_needs_no_address() {
    let net = net();
    let socket = udp(&net);
    let (peer, address) = std_udp();
    assert_eq!(socket.send(b"x").unwrap_err().errno(), Some(Errno::EDESTADDRREQ));
    socket.connect(address).unwrap();
    socket.sendall(b"hello").unwrap();
    let mut into = [0; 9];
    assert_eq!(peer.recv_from(&mut into).unwrap().0, 5);
    assert_eq!(socket.peer_address().unwrap().ip(), Some(address));
    assert_eq!(socket.listen(1).unwrap_err().errno(), Some(Errno::EOPNOTSUPP));
}

#[test]
fn refused_the_next_call_says_so() {
    let net = net();
    let socket = udp(&net);
    let (peer, address) = std_udp();
    // It hears nobody but itself, and nobody else can take its port.
    peer.connect(address).unwrap();
    socket.connect(address).unwrap();
    socket.send(b"x").unwrap();
    assert_eq!(socket.recv(1).unwrap_err().errno(), Some(Errno::ECONNREFUSED));
}

#[test]
fn shut_down_it_has_nothing_more() {
    let net = net();
    let socket = udp(&net);
    let (_peer, address) = std_udp();
    socket.connect(address).unwrap();
    socket.shutdown(Shutdown::Read).unwrap();
    assert_eq!(socket.recv(1).unwrap(), b"");
}

#[test]
fn broadcast_wants_its_option() {
    let net = net();
    let socket = udp(&net);
    let everyone = (Ipv4Addr::new(127, 255, 255, 255), ip(&socket).port());
    assert_eq!(socket.sendto(b"x", everyone).unwrap_err().errno(), Some(Errno::EACCES));
    socket.setsockopt(SockOpt::Broadcast(true)).unwrap();
    assert_eq!(socket.sendto(b"x", everyone).unwrap(), 1);
}

#[test]
fn multicast_reaches_who_has_joined() {
    let net = net();
    let group = Ipv4Addr::new(239, 255, 77, 1);
    let interface = Ipv4Addr::LOCALHOST;
    let member = net.socket(Family::Inet, Type::Datagram, Protocol::Udp).unwrap();
    member.setsockopt(SockOpt::ReuseAddress(true)).unwrap();
    member.bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    member.setsockopt(SockOpt::JoinV4 { group, interface }).unwrap();
    let sender = udp(&net);
    sender.setsockopt(SockOpt::MulticastInterfaceV4(interface)).unwrap();
    sender.setsockopt(SockOpt::MulticastLoopV4(true)).unwrap();
    sender.setsockopt(SockOpt::MulticastTtlV4(0)).unwrap();
    sender.sendto(b"to all", (group, ip(&member).port())).unwrap();
    assert_eq!(member.recvfrom(99).unwrap(), (b"to all".to_vec(), sender.local_address().ok()));
    member.setsockopt(SockOpt::LeaveV4 { group, interface }).unwrap();
    let error = member.setsockopt(SockOpt::LeaveV4 { group, interface }).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL));
    let text = "set option IP_DROP_MEMBERSHIP: the address is not one of this machine (EADDRNOTAVAIL)";
    assert_eq!(error.to_string(), text);
    let error = member.setsockopt(SockOpt::JoinV4 { group: Ipv4Addr::LOCALHOST, interface }).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL));
}

#[test]
fn multicast_of_ipv6() {
    let net = net();
    let interface = if_addrs::get_if_addrs().unwrap().into_iter().find(|interface| interface.is_loopback()).unwrap();
    let interface = interface.index.unwrap();
    // Of the interface only: RFC 4291, 2.7.
    let group: Ipv6Addr = "ff01::7701".parse().unwrap();
    let socket = || net.socket(Family::Inet6, Type::Datagram, Protocol::Usual).unwrap();
    let (member, sender) = (socket(), socket());
    member.bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    member.setsockopt(SockOpt::JoinV6 { group, interface }).unwrap();
    sender.setsockopt(SockOpt::MulticastInterfaceV6(interface)).unwrap();
    sender.setsockopt(SockOpt::MulticastLoopV6(true)).unwrap();
    sender.setsockopt(SockOpt::MulticastHopsV6(1)).unwrap();
    match sender.sendto(b"to all", (group, ip(&member).port())) {
        Ok(_) => assert_eq!(member.recvfrom(99).unwrap().0, b"to all"),
        // Linux has no route for multicast on loopback unless somebody has set one.
        Err(error) => assert_eq!(error.errno(), Some(Errno::ENETUNREACH)),
    }
    member.setsockopt(SockOpt::LeaveV6 { group, interface }).unwrap();
    assert!(member.getsockopt(SockOptName::JoinV6).is_err());
}

#[test]
fn raw_needs_a_privilege() {
    match net().socket(Family::Inet, Type::Raw, Protocol::Icmp) {
        Ok(socket) => assert_eq!(socket.kind(), Type::Raw),
        Err(error) => {
            assert!(matches!(error.errno(), Some(Errno::EPERM | Errno::EACCES)));
            assert!(error.to_string().contains("raw sockets need"), "{error}");
        }
    }
    let error = net().socket(Family::Inet, Type::Stream, Protocol::Udp).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EPROTONOSUPPORT));
}
