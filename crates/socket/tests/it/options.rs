//! Socket options, set and read.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::kit::*;
use socklab_socket::{Errno, Family, Protocol, SockOpt, SockOptName, Socket, Type};

fn keeps(socket: &Socket<Probe>, option: SockOpt) {
    socket.setsockopt(option.clone()).unwrap();
    assert_eq!(socket.getsockopt(option.name()).unwrap(), option);
}

#[test]
fn what_is_set_is_read() {
    let net = net();
    let stream = tcp(&net);
    for on in [true, false] {
        keeps(&stream, SockOpt::ReuseAddress(on));
        keeps(&stream, SockOpt::KeepAlive(on));
        keeps(&stream, SockOpt::NoDelay(on));
    }
    keeps(&stream, SockOpt::Linger(Some(Duration::from_secs(3))));
    keeps(&stream, SockOpt::Linger(None));
    keeps(&stream, SockOpt::TimeToLive(7));
    let datagrams = udp(&net);
    keeps(&datagrams, SockOpt::Broadcast(true));
    keeps(&datagrams, SockOpt::MulticastTtlV4(5));
    keeps(&datagrams, SockOpt::MulticastLoopV4(false));
    keeps(&datagrams, SockOpt::MulticastInterfaceV4(Ipv4Addr::LOCALHOST));
    let six = net.socket(Family::Inet6, Type::Datagram, Protocol::Usual).unwrap();
    keeps(&six, SockOpt::V6Only(true));
    keeps(&six, SockOpt::MulticastHopsV6(5));
    keeps(&six, SockOpt::MulticastLoopV6(false));
}

#[test]
fn buffers_are_at_least_what_was_asked() {
    let socket = tcp(&net());
    for option in [SockOpt::ReceiveBuffer(20_000), SockOpt::SendBuffer(20_000)] {
        socket.setsockopt(option.clone()).unwrap();
        match socket.getsockopt(option.name()).unwrap() {
            SockOpt::ReceiveBuffer(bytes) | SockOpt::SendBuffer(bytes) => assert!(bytes >= 20_000),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn some_cannot_be_set_or_read() {
    let socket = tcp(&net());
    let error = socket.setsockopt(SockOpt::Error(None)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOPROTOOPT));
    assert_eq!(error.to_string(), "set option SO_ERROR: no such option here (ENOPROTOOPT)");
    for name in [SockOptName::JoinV4, SockOptName::LeaveV4, SockOptName::JoinV6, SockOptName::LeaveV6] {
        assert_eq!(socket.getsockopt(name).unwrap_err().errno(), Some(Errno::ENOPROTOOPT));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn bound_to_a_device() {
    let socket = udp(&net());
    assert_eq!(socket.getsockopt(SockOptName::BindToDevice).unwrap(), SockOpt::BindToDevice(None));
    let error = socket.setsockopt(SockOpt::BindToDevice(Some("nosuch0".into()))).unwrap_err();
    // Old kernels ask for the privilege first.
    assert!(matches!(error.errno(), Some(Errno::ENODEV | Errno::EPERM)));
    if socket.setsockopt(SockOpt::BindToDevice(Some("lo".into()))).is_ok() {
        let bound = SockOpt::BindToDevice(Some("lo".into()));
        assert_eq!(socket.getsockopt(SockOptName::BindToDevice).unwrap(), bound);
    }
}
