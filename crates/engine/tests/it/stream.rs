//! TCP servers and clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use socklab_capture::Address;
use socklab_engine::{Command, Ending, Outcome, QUEUE_LIMIT, Reply, Targets, WhenFull};

use crate::support::{Lab, PATIENCE, accept, assert_refused, call, connect, free_place, noise, received_from, says};

const SERVER: &str = "tcp-listen://127.0.0.1:0";

fn send(lab: &Lab, to: Targets, bytes: &[u8], when_full: WhenFull) -> Vec<Outcome> {
    match lab.call(Command::Send { to, bytes: bytes.to_vec().into(), when_full }) {
        Reply::Outcomes(outcomes) => outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_byte_of_every_peer_is_captured() {
    let lab = Lab::new();
    let (_, address) = lab.open_inet(SERVER);
    let senders: Vec<_> = (0..40)
        .map(|n| {
            thread::spawn(move || {
                let (mut stream, bytes) = (connect(address), noise(n, 300_000));
                stream.write_all(&bytes).expect("writes");
                stream.shutdown(Shutdown::Write).expect("shuts down");
                assert_eq!(stream.read(&mut [0]).expect("the server closes"), 0);
                (stream.local_addr().expect("bound"), bytes)
            })
        })
        .collect();
    for _ in 0..50 {
        lab.status(); // whoever looks must cost nothing
    }
    let sent: Vec<_> = senders.into_iter().map(|sender| sender.join().expect("sends")).collect();
    let (farewell, seen) = lab.finish();
    assert_eq!(farewell.unsent, []);
    for (address, bytes) in sent {
        assert!(received_from(&seen, address) == bytes, "{address}");
    }
    for kind in ["connected", "closed"] {
        assert_eq!(seen.iter().filter(|seen| seen.kind == kind && seen.peer.is_some()).count(), 40, "{kind}");
    }
}

#[test]
fn an_echo_gives_back_the_same_bytes() {
    let lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?echo=1");
    let (mut stream, bytes) = (connect(address), noise(1, 5_000_000));
    let (mut writer, expected) = (stream.try_clone().expect("clones"), bytes.clone());
    let writing = thread::spawn(move || {
        writer.write_all(&bytes).expect("writes");
        writer.shutdown(Shutdown::Write).expect("shuts down");
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).expect("reads");
    writing.join().expect("writes");
    assert!(back == expected);
    let (_, seen) = lab.finish();
    for kind in ["received", "sent"] {
        let bytes: Vec<u8> = seen.iter().filter(|seen| seen.kind == kind).flat_map(|seen| seen.bytes.clone()).collect();
        assert!(bytes == expected, "{kind}");
    }
}

#[test]
fn fin_half_close_and_reset_are_three_things() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet(SERVER);
    let mut end = |ending: Ending| {
        let stream = connect(address);
        let peer = lab.wait_for("the connection", |seen| seen.kind == "connected").peer.expect("a peer");
        lab.call(Command::End { peers: Targets::Peers(vec![peer]), ending });
        (stream, peer)
    };
    let (mut half, half_peer) = end(Ending::HalfClose);
    let (mut closed, _) = end(Ending::Close);
    let (mut torn, _) = end(Ending::Reset);

    assert_eq!(half.read(&mut [0]).expect("end of stream"), 0);
    half.write_all(b"still here").expect("the other direction is open");
    let seen = lab.wait_for("what came after the half-close", |seen| seen.kind == "received");
    assert_eq!((seen.peer, &seen.bytes[..]), (Some(half_peer), &b"still here"[..]));

    assert_eq!(closed.read(&mut [0]).expect("end of stream"), 0);
    assert_eq!(torn.read(&mut [0]).expect_err("no end of stream").kind(), ErrorKind::ConnectionReset);
    drop((half, closed));
    let (_, seen) = lab.finish();
    let ends = |text: &str| seen.iter().filter(|seen| seen.peer.is_some() && seen.text == text).count();
    assert_eq!((ends("closed"), ends("reset"), ends("finished sending")), (2, 1, 2));
}

#[test]
fn what_a_peer_sends_after_our_goodbye_is_kept() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet(SERVER);
    let mut stream = connect(address);
    let peer = lab.wait_for("the connection", |seen| seen.kind == "connected").peer.expect("a peer");
    lab.call(Command::End { peers: Targets::Peers(vec![peer]), ending: Ending::Close });
    assert_eq!(stream.read(&mut [0]).expect("end of stream"), 0);
    stream.write_all(b"last words").expect("writes");
    drop(stream);
    let (_, seen) = lab.finish();
    assert!(seen.iter().any(|seen| seen.bytes == b"last words"));
    assert!(seen.iter().any(|seen| seen.peer == Some(peer) && seen.text == "closed"));
}

#[test]
fn a_peer_that_does_not_read_fills_its_own_queue_only() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?sndbuf=64k");
    let (_deaf, mut other) = (connect(address), connect(address));
    for _ in 0..2 {
        lab.wait_for("both", |seen| seen.kind == "connected");
    }
    let block = vec![7; QUEUE_LIMIT / 2];
    let first = Targets::Peers(vec!["e1.1".parse().expect("an id")]);
    let full = (0..100)
        .map(|_| send(&lab, first.clone(), &block, WhenFull::Refuse)[0])
        .find(|outcome| *outcome != Outcome::Queued);
    assert!(matches!(full, Some(Outcome::Full { waiting }) if waiting <= QUEUE_LIMIT), "{full:?}");
    let both = send(&lab, Targets::All, b"hello", WhenFull::Refuse);
    assert!(matches!(both[..], [Outcome::Queued | Outcome::Full { .. }, Outcome::Queued]), "{both:?}");
    let mut text = [0; 5];
    other.read_exact(&mut text).expect("it is not held up");
    assert_eq!(&text, b"hello");

    let (farewell, seen) = lab.finish();
    let unsent = &farewell.unsent[..];
    assert!(matches!(unsent, [(peer, _, bytes)] if peer.to_string() == "e1.1" && *bytes > 0), "{unsent:?}");
    assert!(seen.iter().any(says("bytes could not be sent")));
}

#[test]
fn whoever_waits_for_room_gets_it() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?sndbuf=64k");
    let mut stream = connect(address);
    lab.wait_for("the connection", |seen| seen.kind == "connected");
    let (bytes, remote) = (noise(3, 8 * QUEUE_LIMIT), lab.engine.remote());
    let expected = bytes.clone();
    let sending = thread::spawn(move || {
        for block in bytes.chunks(100_000) {
            let send = Command::Send { to: Targets::All, bytes: block.to_vec().into(), when_full: WhenFull::Wait };
            assert!(matches!(call(&remote, send), Some(Reply::Outcomes(out)) if out[0].1 == Outcome::Queued));
        }
        call(&remote, Command::End { peers: Targets::All, ending: Ending::Close });
    });
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("reads");
    sending.join().expect("sends");
    assert!(all == expected);
}

#[test]
fn too_many_peers_are_refused_and_shown() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?max_peers=1");
    let _first = connect(address);
    lab.wait_for("the first", |seen| seen.kind == "connected");
    let mut second = connect(address);
    lab.wait_for("the refusal", says("refused 127.0.0.1:"));
    assert!(matches!(second.read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(lab.status()[0].refused, 1);
}

#[test]
fn one_connection_and_no_more_where_that_is_asked() {
    let mut lab = Lab::new();
    let (id, address) = lab.open_inet("tcp-listen://127.0.0.1:0?once=1");
    let stream = connect(address);
    lab.wait_for("the connection", |seen| seen.kind == "connected");
    assert_refused(address);
    drop(stream);
    assert!(matches!(lab.call(Command::AwaitEnd(id)), Reply::Ended(_)));
}

#[test]
fn a_half_open_peer_can_still_be_sent_to() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?halfopen=1");
    let mut stream = connect(address);
    stream.shutdown(Shutdown::Write).expect("shuts down");
    lab.wait_for("the half-close", says("peer finished sending"));
    assert_eq!(send(&lab, Targets::All, b"reply", WhenFull::Refuse), [Outcome::Queued]);
    lab.call(Command::End { peers: Targets::All, ending: Ending::Close });
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("reads");
    assert_eq!(reply, "reply");
}

#[test]
fn a_client_connects_sends_and_is_told_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let mut lab = Lab::new();
    let (id, _) = lab.open(&format!("tcp://{}", listener.local_addr().expect("bound")));
    let mut server = accept(&listener);
    assert_eq!(send(&lab, Targets::Endpoint(id), b"ping", WhenFull::Refuse), [Outcome::Queued]);
    let mut ping = [0; 4];
    server.read_exact(&mut ping).expect("reads");
    server.write_all(b"pong").expect("writes");
    lab.wait_for_bytes(4);
    drop(server);
    assert!(matches!(lab.call(Command::AwaitEnd(id)), Reply::Ended(socklab_engine::LastEnd::Good)));
    lab.wait_for("the end", says("closed by peer"));
}

#[test]
fn whoever_waits_to_send_is_told_when_nobody_will_come() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let lab = Lab::new();
    let id = lab.open(&format!("tcp://{}", listener.local_addr().expect("bound"))).0;
    drop(accept(&listener));
    assert!(matches!(lab.call(Command::AwaitEnd(id)), Reply::Ended(_)));
    let send = |to| lab.call(Command::Send { to, bytes: "late".into(), when_full: WhenFull::Wait });
    let Reply::Outcomes(outcomes) = send(Targets::All) else { panic!("it is answered") };
    assert!(outcomes.is_empty(), "{outcomes:?}");
    assert!(matches!(send(Targets::Endpoint(id)), Reply::NoSuchEndpoint(over) if over == id));
}

#[test]
fn a_refused_connect_says_who_where_and_why() {
    let free = free_place();
    let lab = Lab::new();
    let Reply::Failed(failure) = lab.try_open(&format!("tcp://{free}")) else { panic!("it cannot connect") };
    let text = failure.to_string();
    assert!(text.starts_with(&format!("cannot connect to {free}: nobody listens there")), "{text}");
    let (_, seen) = lab.finish();
    assert!(seen.iter().any(|seen| seen.kind == "failed" && seen.text == text));
}

#[test]
fn a_client_that_retries_finds_the_server_when_it_comes() {
    let address = free_place();
    let mut lab = Lab::new();
    lab.open(&format!("tcp://{address}?retry=1"));
    lab.wait_for("the first failure", |seen| seen.kind == "failed");
    let listener = TcpListener::bind(address).expect("still free");
    drop(accept(&listener));
    let first = lab.wait_for("the connection", |seen| seen.kind == "connected").peer;
    let mut again = accept(&listener); // it comes back after the end
    again.write_all(b"hello again").expect("writes");
    let second = lab.wait_for("bytes", |seen| seen.kind == "received").peer;
    assert_ne!(first, second, "each connection is a peer of its own");
}

#[test]
fn a_port_that_this_program_has_taken_is_said_to_be_its_own() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = holder.local_addr().expect("bound");
    let lab = Lab::new();
    let Reply::Failed(failure) = lab.try_open(&format!("tcp-listen://{address}")) else { panic!("the port is taken") };
    let text = failure.to_string();
    if cfg!(target_os = "linux") {
        let own = format!(": this program itself has port {}; choose another port or path", address.port());
        assert!(text.contains("address already in use (EADDRINUSE 98)") && text.ends_with(&own), "{text}");
    }
}

#[test]
fn both_families_reach_a_dual_stack_server() {
    let mut lab = Lab::new();
    let (_, v4) = lab.open_inet("tcp-listen://*:0");
    let stream = connect(v4);
    let seen = lab.wait_for("IPv4", |seen| seen.kind == "connected");
    assert_eq!(seen.address, Address::Inet(stream.local_addr().expect("bound")), "written as IPv4");
    if let Ok(stream) = TcpStream::connect_timeout(&(Ipv6Addr::LOCALHOST, v4.port()).into(), PATIENCE) {
        let seen = lab.wait_for("IPv6", |seen| seen.kind == "connected");
        assert_eq!(seen.address, Address::Inet(stream.local_addr().expect("bound")));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_tells_the_round_trip_time() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?echo=1");
    let mut stream = connect(address);
    stream.write_all(b"x").expect("writes");
    stream.read_exact(&mut [0]).expect("reads");
    lab.wait_for("the echo", |seen| seen.kind == "sent");
    let peer = &lab.status()[0].peers[0];
    assert!(peer.tcp.is_some_and(|tcp| tcp.rtt > Duration::ZERO), "{peer:?}");
    assert_eq!((peer.received, peer.sent, peer.records), (1, 1, 2));
}

#[test]
fn closing_an_endpoint_closes_its_peers_and_frees_its_port() {
    let mut lab = Lab::new();
    let (id, address) = lab.open_inet(SERVER);
    let mut stream = connect(address);
    lab.wait_for("the connection", |seen| seen.kind == "connected");
    lab.call(Command::CloseEndpoint(id));
    assert_eq!(stream.read(&mut [0]).expect("end of stream"), 0);
    drop(stream);
    lab.wait_for("the end of the peer", |seen| seen.kind == "closed" && seen.peer.is_some());
    TcpListener::bind(address)
        .map(drop)
        .or_else(|error| match error.kind() {
            // The connection that we closed first lingers in TIME_WAIT, which is the system's business.
            ErrorKind::AddrInUse => Ok(()),
            _ => Err(error),
        })
        .expect("nobody listens any more");
    assert_refused(address);
}

#[test]
fn what_came_before_a_reset_is_kept() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet(SERVER);
    let mut stream = connect(address);
    lab.wait_for("the connection", |seen| seen.kind == "connected");
    // Unread bytes make the system answer our end of the conversation with a reset.
    assert_eq!(send(&lab, Targets::All, b"never read", WhenFull::Refuse), [Outcome::Queued]);
    lab.wait_for("it to be sent", |seen| seen.kind == "sent");
    assert_eq!(stream.peek(&mut [0; 4]).expect("it is there"), 4);
    stream.write_all(b"last words").expect("writes");
    drop(stream);
    lab.wait_for_bytes(10);
    lab.wait_for("the reset", says("reset by peer"));
}

#[test]
fn a_stuck_peer_costs_the_others_nothing_at_the_end() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("tcp-listen://127.0.0.1:0?sndbuf=64k");
    let (_deaf, mut other) = (connect(address), connect(address));
    for _ in 0..2 {
        lab.wait_for("both", |seen| seen.kind == "connected");
    }
    let first = Targets::Peers(vec!["e1.1".parse().expect("an id")]);
    let block = vec![7; QUEUE_LIMIT];
    let is_full = |_: &i32| send(&lab, first.clone(), &block, WhenFull::Refuse) != [Outcome::Queued];
    assert!((0..100).find(is_full).is_some(), "its queue has an end");
    send(&lab, Targets::Peers(vec!["e1.2".parse().expect("an id")]), b"goodbye", WhenFull::Refuse);
    let reading = thread::spawn(move || {
        let mut text = String::new();
        other.read_to_string(&mut text).expect("an orderly end");
        text
    });
    let (_, seen) = lab.finish();
    assert_eq!(reading.join().expect("reads"), "goodbye");
    let second = seen.iter().rfind(|seen| seen.peer.is_some_and(|peer| peer.to_string() == "e1.2"));
    assert_eq!(second.map(|seen| seen.text.as_str()), Some("closed"));
}

#[test]
fn echo_can_be_switched_for_those_already_there() {
    let mut lab = Lab::new();
    let (id, address) = lab.open_inet(SERVER);
    let mut stream = connect(address);
    lab.wait_for("the connection", |seen| seen.kind == "connected");
    lab.call(Command::Echo { endpoint: id, on: true });
    stream.write_all(b"hello").expect("writes");
    let mut back = [0; 5];
    stream.read_exact(&mut back).expect("it comes back");
    assert_eq!(&back, b"hello");
}
