//! TCP: connecting, accepting, sending, receiving, ends and resets; the stream family of calls.

use std::io::{BufRead, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpStream};
use std::sync::atomic::Ordering;

use crate::kit::*;
use socklab_socket::{Errno, Family, File, Protocol, Ready, RecvFlags, SockOpt, SockOptName, Type};

#[test]
fn bytes_go_both_ways() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    assert_eq!(socket.send(b"hello").unwrap(), 5);
    let mut got = [0; 5];
    peer.read_exact(&mut got).unwrap();
    peer.write_all(&got).unwrap();
    assert_eq!(socket.read(Some(5)).unwrap().unwrap(), b"hello");
    assert_eq!(socket.peer_address().unwrap().ip(), Some(peer.local_addr().unwrap()));
    assert_eq!(socket.local_address().unwrap().ip(), Some(peer.peer_addr().unwrap()));
    assert!(socket.fileno().unwrap() >= 0);
    assert_eq!((socket.family(), socket.kind()), (Family::Inet, Type::Stream));
}

#[test]
fn accept_says_who_and_gives_a_blocking_socket() {
    let net = net();
    let listener = listener(&net, 0);
    listener.settimeout(Some(std::time::Duration::from_secs(3600)));
    let peer = TcpStream::connect(ip(&listener)).unwrap();
    let (socket, address) = listener.accept().unwrap();
    assert_eq!(address.ip(), Some(peer.local_addr().unwrap()));
    assert_eq!(socket.timeout(), None);
}

#[test]
fn a_ready_call_is_one_call_of_the_stack() {
    let net = net();
    let (left, right) = both(&net);
    for socket in [&left, &right] {
        socket.setsockopt(SockOpt::SendBuffer(1 << 20)).unwrap();
    }
    let (bytes, mut into) = (vec![7; 65536], vec![0; 65536]);
    let before = net.stack().waits.load(Ordering::Relaxed);
    let mut calls = 0;
    for _ in 0..32 {
        let mut left_over = left.send(&bytes).unwrap();
        // Loopback has delivered by the time that send returns.
        while left_over > 0 {
            left_over -= right.recv_into(&mut into).unwrap();
            calls += 1;
        }
    }
    assert_eq!(net.stack().sends.load(Ordering::Relaxed), 32);
    let waits = net.stack().waits.load(Ordering::Relaxed) - before;
    // A receive that found nothing waited once, and was tried again after it.
    assert_eq!(net.stack().receives.load(Ordering::Relaxed), calls + waits);
}

#[test]
fn the_end_stays_the_end() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    peer.write_all(b"last").unwrap();
    drop(peer);
    assert_eq!(socket.recv(100).unwrap(), b"last");
    assert_eq!(socket.recv(100).unwrap(), b"");
    // What is sent now is answered with a reset, which is not to be seen by readers.
    socket.sendall(b"x").unwrap();
    for _ in 0..3 {
        assert_eq!(socket.recv(100).unwrap(), b"");
        assert_eq!(socket.read(Some(9)).unwrap().unwrap(), b"");
        assert_eq!(socket.read(None).unwrap().unwrap(), b"");
        assert_eq!(socket.readline(None).unwrap().unwrap(), b"");
        assert_eq!(socket.readinto(&mut [0; 4]).unwrap(), Some(0));
    }
}

#[test]
fn a_reset_is_reported_once() {
    let net = net();
    let (socket, peer) = both(&net);
    reset(&peer);
    let error = socket.recv(100).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNRESET));
    assert_eq!(error.to_string(), "receive: the peer cut the connection off (ECONNRESET)");
    assert_eq!(socket.recv(100).unwrap(), b"");
    assert_eq!(socket.send(b"x").unwrap_err().errno(), Some(Errno::EPIPE));
}

#[test]
fn half_closed_it_still_receives() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    socket.sendall(b"question").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    peer.write_all(b"answer").unwrap();
    drop(peer);
    assert_eq!(got, b"question");
    assert_eq!(socket.read(None).unwrap().unwrap(), b"answer");
    assert_eq!(socket.send(b"x").unwrap_err().errno(), Some(Errno::EPIPE));
}

#[test]
fn refused_and_unconnected() {
    let net = net();
    let (_held, free) = nobody(&net);
    let error = tcp(&net).connect(free).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED));
    assert_eq!(error.to_string(), format!("connect to {free}: nobody listens there (ECONNREFUSED)"));
    assert_eq!(error.address().and_then(|address| address.ip()), Some(free));
    let socket = tcp(&net);
    assert_eq!(socket.recv(1).unwrap_err().errno(), Some(Errno::ENOTCONN));
    assert_eq!(socket.peer_address().unwrap_err().errno(), Some(Errno::ENOTCONN));
    assert_eq!(socket.shutdown(Shutdown::Both).unwrap_err().errno(), Some(Errno::ENOTCONN));
    assert!(matches!(socket.send(b"x").unwrap_err().errno(), Some(Errno::EPIPE | Errno::ENOTCONN)));
    assert_eq!(socket.accept().unwrap_err().errno(), Some(Errno::EINVAL));
    let v6 = (Ipv6Addr::LOCALHOST, 1);
    assert_eq!(socket.connect(v6).unwrap_err().errno(), Some(Errno::EAFNOSUPPORT));
    let (socket, peer) = pair(&net);
    assert_eq!(socket.connect(peer.local_addr().unwrap()).unwrap_err().errno(), Some(Errno::EISCONN));
}

#[test]
fn a_taken_address_is_named() {
    let net = net();
    let held = listener(&net, 1);
    let error = tcp(&net).bind(ip(&held)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRINUSE));
    assert_eq!(error.to_string(), format!("bind to {}: the address is taken (EADDRINUSE)", ip(&held)));
    let error = tcp(&net).bind((Ipv4Addr::new(192, 0, 2, 1), 0)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL));
}

#[test]
fn read_goes_on_until_it_has_all() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    peer.write_all(b"one").unwrap();
    let whole = once_waiting(&net, || peer.write_all(b"two").unwrap(), || socket.read(Some(6)));
    assert_eq!(whole.unwrap().unwrap(), b"onetwo");
    let mut into = [0; 8];
    peer.write_all(b"1234").unwrap();
    let count = once_waiting(&net, || peer.write_all(b"5678").unwrap(), || socket.readinto(&mut into));
    assert_eq!((count.unwrap(), &into), (Some(8), b"12345678"));
    peer.write_all(b"rest").unwrap();
    drop(peer);
    assert_eq!(socket.read(Some(100)).unwrap().unwrap(), b"rest");
}

#[test]
fn read_all_takes_more_than_one_piece() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let sent: Vec<u8> = (0..300_000_u32).map(|byte| byte as u8).collect();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            peer.write_all(&sent).unwrap();
            drop(peer);
        });
        let mut got = b"kept".to_vec();
        assert_eq!(socket.read_onto(&mut got, Some(100_000)).unwrap(), Some(100_000));
        assert_eq!(socket.read_onto(&mut got, None).unwrap(), Some(200_000));
        assert_eq!((&got[..4], &got[4..]), (&b"kept"[..], &sent[..]));
    });
}

#[test]
fn readline_takes_not_a_byte_more() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let long = [vec![b'x'; 1000], b"\n".to_vec()].concat();
    peer.write_all(b"GET / HTTP/1.0\r\n\r\nbody").unwrap();
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"GET / HTTP/1.0\r\n");
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"\r\n");
    assert_eq!(socket.recv(100).unwrap(), b"body");
    peer.write_all(&long).unwrap();
    peer.write_all(b"abcdef").unwrap();
    assert_eq!(socket.readline(None).unwrap().unwrap(), long);
    assert_eq!(socket.readline(Some(4)).unwrap().unwrap(), b"abcd");
    assert_eq!(socket.readline(Some(0)).unwrap().unwrap(), b"");
    let line = once_waiting(&net, || peer.write_all(b"g\nh").unwrap(), || socket.readline(None));
    assert_eq!(line.unwrap().unwrap(), b"efg\n");
    drop(peer);
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"h");
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"");
}

#[test]
fn sendall_and_write_are_never_short() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let bytes = vec![9; 8 << 20];
    std::thread::scope(|threads| {
        let reader = threads.spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            got.len()
        });
        socket.sendall(&bytes).unwrap();
        assert_eq!(socket.write(&bytes).unwrap(), Some(bytes.len()));
        assert_eq!(socket.send(b"").unwrap(), 0);
        assert_eq!(socket.write(b"").unwrap(), Some(0));
        socket.close();
        assert_eq!(reader.join().unwrap(), 2 * bytes.len());
    });
}

#[test]
fn peeking_leaves_it_there() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    peer.write_all(b"abc").unwrap();
    let mut into = [0; 2];
    let flags = RecvFlags { peek: true, dont_wait: false };
    assert_eq!(socket.recv_with(&mut into, flags).unwrap(), (2, None));
    assert_eq!(socket.recvfrom(9).unwrap(), (b"abc".to_vec(), None));
    let flags = RecvFlags { peek: false, dont_wait: true };
    assert!(socket.recv_with(&mut into, flags).unwrap_err().is_would_block());
}

#[test]
fn closed_is_closed_for_every_call() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let other = socket.clone();
    socket.close();
    socket.close();
    assert!(other.is_closed());
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    let somewhere = (Ipv4Addr::LOCALHOST, 1);
    let errors = [
        other.recv(1).err(),
        other.recvfrom(1).err(),
        other.recv_into(&mut []).err(),
        other.read(None).err(),
        other.readinto(&mut [0; 1]).err(),
        other.readline(None).err(),
        other.send(b"x").err(),
        other.sendall(b"x").err(),
        other.sendto(b"x", somewhere).err(),
        other.write(b"x").err(),
        other.accept().err(),
        other.bind(somewhere).err(),
        other.listen(1).err(),
        other.connect(somewhere).err(),
        other.shutdown(Shutdown::Both).err(),
        other.fileno().err(),
        other.local_address().err(),
        other.peer_address().err(),
        other.setsockopt(SockOpt::NoDelay(true)).err(),
        other.getsockopt(SockOptName::NoDelay).err(),
        net.select(&[&other], &[], &[], None).err(),
    ];
    for error in errors {
        assert_eq!(error.unwrap().errno(), Some(Errno::EBADF));
    }
}

#[test]
fn dropped_it_is_closed_and_a_file_keeps_it() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let file = socket.makefile();
    drop(socket);
    peer.write_all(b"one\ntwo\n").unwrap();
    let lines: Vec<String> = file.lines().take(2).map(|line| line.unwrap()).collect();
    assert_eq!(lines, ["one", "two"]);
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_file_buffers_each_way() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let mut file = socket.makefile();
    file.write_all(b"held back").unwrap();
    socket.sendall(b"first ").unwrap();
    file.flush().unwrap();
    let mut got = [0; 15];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"first held back");
    peer.write_all(b"a\nb").unwrap();
    let mut line = String::new();
    file.read_line(&mut line).unwrap();
    assert_eq!(line, "a\n");
    let mut direct = File::with_capacity(&socket, 0, 0);
    direct.write_all(b"now").unwrap();
    peer.read_exact(&mut got[..3]).unwrap();
    file.write_all(b"end").unwrap();
    file.close().unwrap();
    assert!(socket.is_closed());
    let mut rest = String::new();
    peer.read_to_string(&mut rest).unwrap_or_default();
    assert_eq!(rest, "end");
}

#[test]
fn a_file_tells_errors_of_the_crate() {
    let net = net();
    let (socket, _peer) = pair(&net);
    socket.setblocking(false);
    let error = socket.makefile().read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    let error: socklab_socket::Error = error.downcast().unwrap();
    assert_eq!(error.errno(), Some(Errno::EAGAIN));
}

#[test]
fn ipv6_and_both_at_once() {
    let net = net();
    let listener = net.socket(Family::Inet6, Type::Stream, Protocol::Tcp).unwrap();
    assert_eq!(listener.getsockopt(SockOptName::V6Only).unwrap(), SockOpt::V6Only(false));
    listener.bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    listener.listen(2).unwrap();
    let port = ip(&listener).port();
    let _four = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (first, address) = listener.accept().unwrap();
    let mapped = address.ip().unwrap();
    assert_eq!(mapped.ip(), Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let six = net.socket(Family::Inet6, Type::Stream, Protocol::Usual).unwrap();
    six.connect((Ipv6Addr::LOCALHOST, port)).unwrap();
    let (accepted, address) = listener.accept().unwrap();
    assert_eq!(Some(address), six.local_address().ok());
    accepted.sendall(b"six").unwrap();
    assert_eq!(six.read(Some(3)).unwrap().unwrap(), b"six");
    // Whatever stayed in TIME-WAIT could have the port of the next run's test.
    [first, accepted, six].iter().for_each(reset);
    drop(listener);
    // Only Linux has all of 127/8. In the same test, as another one's IPv6 socket might have the port.
    #[cfg(target_os = "linux")]
    v6_only_leaves_ipv4_alone(&net);
}

#[cfg(target_os = "linux")]
fn v6_only_leaves_ipv4_alone(net: &socklab_socket::Net<Probe>) {
    let four = std::net::TcpListener::bind((Ipv4Addr::new(127, 77, 77, 77), 0)).unwrap();
    let port = four.local_addr().unwrap().port();
    let six = net.socket(Family::Inet6, Type::Stream, Protocol::Usual).unwrap();
    let error = six.bind((Ipv6Addr::UNSPECIFIED, port)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRINUSE));
    six.setsockopt(SockOpt::V6Only(true)).unwrap();
    six.bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
}

#[test]
fn a_connect_in_progress_ends_with_out() {
    let net = net();
    let listener = listener(&net, 1);
    let socket = tcp(&net);
    socket.setblocking(false);
    let begun = socket.connect(ip(&listener));
    assert!(begun.as_ref().is_err_and(|error| error.errno() == Some(Errno::EINPROGRESS)), "{begun:?}");
    let mut entries = [socklab_socket::Entry::new(&socket, Ready::OUT)];
    assert_eq!(net.poll(&mut entries, None).unwrap(), 1);
    assert_eq!(entries[0].ready, Ready::OUT);
    assert_eq!(socket.getsockopt(SockOptName::Error).unwrap(), SockOpt::Error(None));
    assert_eq!(socket.peer_address().unwrap().ip(), Some(ip(&listener)));
}

#[test]
fn a_refusal_in_progress_is_the_pending_error() {
    let net = net();
    let (_held, free) = nobody(&net);
    let socket = tcp(&net);
    socket.setblocking(false);
    socket.connect(free).unwrap_err();
    let mut entries = [socklab_socket::Entry::new(&socket, Ready::OUT)];
    net.poll(&mut entries, None).unwrap();
    assert!(entries[0].ready.contains(Ready::ERR));
    assert_eq!(socket.getsockopt(SockOptName::Error).unwrap(), SockOpt::Error(Some(Errno::ECONNREFUSED)));
    assert_eq!(socket.getsockopt(SockOptName::Error).unwrap(), SockOpt::Error(None));
}
