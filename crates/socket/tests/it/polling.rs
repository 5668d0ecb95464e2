//! poll and select.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::kit::*;
use socklab_socket::{Entry, Ready, Selected, Socket};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn ready(socket: &Socket<Probe>, interest: Ready) -> Ready {
    let mut entries = [Entry::new(socket, interest)];
    socket.net().poll(&mut entries, NOW).unwrap();
    entries[0].ready
}

/// Waits until it says anything else than `OUT`.
fn changed(socket: &Socket<Probe>) -> Ready {
    let mut entries = [Entry::new(socket, Ready::IN)];
    socket.net().poll(&mut entries, None).unwrap();
    ready(socket, Ready::IN | Ready::OUT)
}

#[cfg(target_os = "linux")]
#[test]
fn a_new_stream_is_hung_up() {
    let net = net();
    assert_eq!(ready(&tcp(&net), Ready::IN | Ready::OUT), Ready::OUT | Ready::HUP);
    assert_eq!(ready(&tcp(&net), Ready::IN), Ready::HUP);
}

#[test]
fn what_is_asked_is_told() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    assert_eq!(ready(&socket, Ready::IN), Ready::NONE);
    assert_eq!(ready(&socket, Ready::IN | Ready::OUT), Ready::OUT);
    peer.write_all(b"x").unwrap();
    assert_eq!(changed(&socket), Ready::IN | Ready::OUT);
    assert_eq!(ready(&socket, Ready::NONE), Ready::NONE);
    assert_eq!(ready(&socket, Ready::OUT), Ready::OUT);
}

#[test]
fn a_listener_with_somebody_pending() {
    let net = net();
    let listener = listener(&net, 1);
    assert_eq!(ready(&listener, Ready::IN), Ready::NONE);
    let _peer = TcpStream::connect(ip(&listener)).unwrap();
    let mut entries = [Entry::new(&listener, Ready::IN)];
    assert_eq!(net.poll(&mut entries, None).unwrap(), 1);
    assert_eq!(entries[0].ready, Ready::IN);
}

#[test]
fn ends_and_resets() {
    let net = net();
    let (socket, peer) = both(&net);
    peer.close();
    assert_eq!(changed(&socket), Ready::IN | Ready::OUT);
    let (socket, peer) = both(&net);
    reset(&peer);
    let told = changed(&socket);
    assert!(told.contains(Ready::ERR | Ready::HUP | Ready::OUT), "{told:?}");
    socket.recv(1).unwrap_err();
    assert!(!ready(&socket, Ready::IN).contains(Ready::ERR));
    socket.close();
    assert_eq!(ready(&socket, Ready::IN | Ready::OUT), Ready::NVAL);
}

#[test]
fn a_closed_one_does_not_hide_the_others() {
    let net = net();
    let (socket, _peer) = pair(&net);
    let closed = tcp(&net);
    closed.close();
    let ask = Ready::IN | Ready::OUT;
    let mut entries = [Entry::new(&closed, ask), Entry::new(&socket, ask), Entry::new(&closed, ask)];
    assert_eq!(net.poll(&mut entries, None).unwrap(), 3);
    let told: Vec<Ready> = entries.iter().map(|entry| entry.ready).collect();
    assert_eq!(told, [Ready::NVAL, Ready::OUT, Ready::NVAL]);
}

#[test]
fn it_waits_for_as_long_as_it_is_told() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    let limit = Duration::from_millis(30);
    let begin = Instant::now();
    let mut entries = [Entry::new(&socket, Ready::IN)];
    assert_eq!(net.poll(&mut entries, Some(limit)).unwrap(), 0);
    assert!(begin.elapsed() >= limit);
    assert_eq!(net.poll(&mut [], Some(limit)).unwrap(), 0);
    assert!(begin.elapsed() >= 2 * limit);
    assert_eq!(net.select(&[&socket], &[], &[], Some(limit)).unwrap(), Selected::default());
    assert!(begin.elapsed() >= 3 * limit);
    let count = once_waiting(&net, || peer.write_all(b"x").unwrap(), || net.poll(&mut entries, None));
    assert_eq!((count.unwrap(), entries[0].ready), (1, Ready::IN));
}

#[test]
fn something_else_can_be_ready_too() {
    let net = net();
    let (socket, _peer) = pair(&net);
    let typed = AtomicBool::new(false);
    let interrupt = net.interrupt();
    let act = || {
        typed.store(true, Ordering::SeqCst);
        interrupt.wake();
    };
    let mut entries = [Entry::new(&socket, Ready::IN)];
    let other = || typed.load(Ordering::SeqCst);
    assert_eq!(once_waiting(&net, act, || net.poll_or(&mut entries, None, other)).unwrap(), 0);
    // Ready already, it still tells what the sockets are.
    let mut entries = [Entry::new(&socket, Ready::OUT)];
    assert_eq!(net.poll_or(&mut entries, None, || true).unwrap(), 1);
}

#[test]
fn select_says_where() {
    let net = net();
    let (quiet, _quiet_peer) = pair(&net);
    let (talks, mut peer) = pair(&net);
    peer.write_all(b"x").unwrap();
    let found = net.select(&[&quiet, &talks], &[], &[&quiet], None).unwrap();
    assert_eq!(found, Selected { read: vec![1], ..Selected::default() });
    let found = net.select(&[&quiet], &[&quiet, &talks], &[], None).unwrap();
    assert_eq!(found, Selected { write: vec![0, 1], ..Selected::default() });
}

#[test]
fn flags_are_written_by_name() {
    assert_eq!(format!("{:?} {:?}", Ready::IN | Ready::HUP, Ready::NONE), "IN|HUP NONE");
}
