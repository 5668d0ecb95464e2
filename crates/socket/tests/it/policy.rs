//! Where sockets may dial.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::*;
use socklab_socket::policy::{Verdict, this_machine};
use socklab_socket::{Errno, Family, Kind, OsStack, Protocol, Type};

#[test]
fn this_machine_only() {
    let allows = |address: &str| this_machine(&address.parse().unwrap()) == Verdict::Allow;
    assert!(allows("127.0.0.1:1") && allows("127.9.9.9:1") && allows("[::1]:1") && allows("0.0.0.0:1"));
    assert!(allows("[::ffff:127.0.0.1]:1"));
    assert!(!allows("192.0.2.1:80") && !allows("[2001:db8::1]:80") && !allows("[::ffff:192.0.2.1]:80"));
    assert!(!allows("224.0.0.251:5353") && !allows("255.255.255.255:9"));
    for interface in if_addrs::get_if_addrs().unwrap() {
        assert_eq!(this_machine(&SocketAddr::new(interface.ip(), 80)), Verdict::Allow);
    }
}

#[test]
fn a_refused_dial_says_so() {
    let net = Probe::over(OsStack::new().with_policy(this_machine));
    let error = tcp(&net).connect((Ipv4Addr::new(192, 0, 2, 1), 80)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAllowed);
    assert_eq!(error.errno(), Some(Errno::EACCES));
    let text = "connect to 192.0.2.1:80: dialling there is not allowed: only this machine may be dialled";
    assert_eq!(error.to_string(), text);
    let error = udp(&net).sendto(b"x", (Ipv4Addr::new(192, 0, 2, 1), 80)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAllowed);
    let six = net.socket(Family::Inet6, Type::Datagram, Protocol::Usual).unwrap();
    let mapped = (Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped(), 80);
    assert_eq!(six.sendto(b"x", mapped).unwrap_err().kind(), Kind::NotAllowed);
    pair(&net);
}

#[test]
fn the_policy_is_asked_once_in_a_row() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let net = Probe::over(OsStack::new().with_policy(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Verdict::Allow
    }));
    let (socket, a, b) = (udp(&net), udp(&net), udp(&net));
    for to in [&a, &a, &a, &b, &b, &a] {
        socket.sendto(b"x", ip(to)).unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
