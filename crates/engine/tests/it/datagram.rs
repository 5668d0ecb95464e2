//! UDP sockets.

use socklab_capture::Address;
use socklab_engine::{Command, Outcome, Reply, Targets, WhenFull};

use crate::support::{Lab, PATIENCE, says, udp};

#[test]
fn each_source_is_a_peer_and_each_datagram_a_record() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("udp://127.0.0.1:0");
    let (first, second) = (udp(), udp());
    for (socket, text) in [(&first, "one"), (&second, "two"), (&first, ""), (&first, "three")] {
        socket.send_to(text.as_bytes(), address).expect("sends");
        let seen = lab.wait_for("the datagram", |seen| seen.kind == "received");
        assert_eq!(
            (seen.address, &seen.bytes[..]),
            (Address::Inet(socket.local_addr().expect("bound")), text.as_bytes())
        );
    }
    let peers = &lab.status()[0].peers;
    assert_eq!(peers.iter().map(|peer| peer.received).collect::<Vec<_>>(), [8, 3]);
    let to = Targets::Peers(vec![peers[1].id]);
    let reply = Command::Send { to, bytes: "to you".into(), when_full: WhenFull::Refuse };
    assert!(matches!(lab.call(reply), Reply::Outcomes(out) if out[0].1 == Outcome::Queued));
    let mut text = [0; 16];
    let (length, from) = second.recv_from(&mut text).expect("it comes");
    assert_eq!((&text[..length], from), (&b"to you"[..], address));
}

#[test]
fn the_largest_datagram_comes_back_whole() {
    let lab = Lab::new();
    let (_, address) = lab.open_inet("udp://127.0.0.1:0?echo=1");
    let (socket, bytes) = (udp(), crate::support::noise(1, 65_507));
    socket.send_to(&bytes, address).expect("sends");
    let mut back = vec![0; 70_000];
    let (length, _) = socket.recv_from(&mut back).expect("it comes back");
    assert!(back[..length] == bytes);
    let (_, seen) = lab.finish();
    assert!(seen.iter().any(|seen| seen.kind == "sent" && seen.bytes == bytes), "one record");
}

#[test]
fn a_silent_peer_is_forgotten_and_a_named_one_is_not() {
    let named = udp();
    let mut lab = Lab::new();
    let url = format!("udp://127.0.0.1:0?age=40ms&peer={}", named.local_addr().expect("bound"));
    let (_, address) = lab.open_inet(&url);
    udp().send_to(b"x", address).expect("sends");
    let gone = lab.wait_for("the ageing", says("forgotten: silent for 40ms")).peer;
    let left: Vec<_> = lab.status()[0].peers.iter().map(|peer| peer.id).collect();
    assert_eq!(left.len(), 1);
    assert_ne!(Some(left[0]), gone);
}

#[test]
fn datagrams_of_too_many_peers_are_counted_and_shown() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("udp://127.0.0.1:0?max_peers=1");
    udp().send_to(b"first", address).expect("sends");
    lab.wait_for("the first", |seen| seen.kind == "received");
    udp().send_to(b"second", address).expect("sends");
    lab.wait_for("the refusal", says("1 datagrams refused so far"));
    assert_eq!(lab.status()[0].refused, 1);
}

#[test]
fn a_peer_can_be_named_and_sent_to_first() {
    let target = udp();
    let lab = Lab::new();
    let (id, _) = lab.open_inet("udp://127.0.0.1:0");
    let at = target.local_addr().expect("bound").to_string();
    let add =
        Command::AddPeer { endpoint: id, target: socklab_engine::url::Target::Inet(at.parse().expect("a place")) };
    let Reply::Peers(peers) = lab.call(add) else { panic!("it can be added") };
    let send = Command::Send { to: Targets::Peers(peers), bytes: "hi".into(), when_full: WhenFull::Refuse };
    lab.call(send);
    let mut text = [0; 8];
    let length = target.recv(&mut text).expect("it comes");
    assert_eq!(&text[..length], b"hi");
}

#[cfg(target_os = "linux")]
#[test]
fn a_datagram_that_nobody_takes_is_said_of_its_peer_alone() {
    for (own, nobody, somebody) in
        [("127.0.0.1:0", "127.0.0.1", "127.0.0.1:0"), ("*:0", "[::1]", "127.0.0.1:0"), ("*:0", "127.0.0.1", "[::1]:0")]
    {
        let heard = std::net::UdpSocket::bind(somebody).expect("binds");
        let closed = std::net::UdpSocket::bind(format!("{nobody}:0")).expect("binds");
        let nobody = closed.local_addr().expect("bound");
        drop(closed);
        let mut lab = Lab::new();
        let url = format!("udp://{own}?peer={nobody}&peer={}", heard.local_addr().expect("bound"));
        lab.open(&url);
        for _ in 0..3 {
            lab.call(Command::Send { to: Targets::All, bytes: "hi".into(), when_full: WhenFull::Refuse });
            let failed = lab.wait_for("the refusal", |seen| seen.kind == "failed");
            let text = format!("cannot send to {nobody}: nobody listens there (ECONNREFUSED 111)");
            assert!(failed.text.starts_with(&text), "{url}: {}", failed.text);
            assert_eq!(heard.recv(&mut [0; 8]).expect("it comes"), 2);
        }
    }
}

/// The longest that goes over IPv4 has 65 507 bytes; up to 65 535 the system refuses in its error queue too.
#[cfg(target_os = "linux")]
#[test]
fn a_datagram_that_is_too_long_fails_and_the_next_goes_out() {
    let target = udp();
    let mut lab = Lab::new();
    lab.open(&format!("udp://127.0.0.1:0?peer={}", target.local_addr().expect("bound")));
    for length in [65_508, 65_535, 65_536] {
        let send = |bytes| Command::Send { to: Targets::All, bytes, when_full: WhenFull::Refuse };
        lab.call(send(vec![b'a'; length].into()));
        lab.wait_for("the refusal", says("message too long (EMSGSIZE 90); a UDP datagram holds at most 65507 bytes"));
        lab.call(send("hi".into()));
        assert_eq!(target.recv(&mut [0; 8]).expect("it comes"), 2, "after {length}");
    }
}

#[test]
fn a_group_is_joined_heard_and_left() {
    let mut lab = Lab::new();
    let (_, first) = lab.open_inet("udp://239.255.77.1:0?join=127.0.0.1&ttl=1");
    let (second, _) = lab.open_inet("udp://127.0.0.1:0");
    let group = format!("239.255.77.1:{}", first.port());
    lab.open(&format!("udp://127.0.0.1:0?peer={group}"));
    // A group on the loopback interface is reached by the route of the sending socket's own interface.
    let to = Targets::Endpoint("e1".parse().expect("an id"));
    lab.call(Command::Send { to: to.clone(), bytes: "to all of you".into(), when_full: WhenFull::Refuse });
    lab.wait_for("our own datagram, looped back", |seen| seen.kind == "received" && seen.bytes == b"to all of you");
    // We are heard by ourselves, and are nobody to write to.
    let send = Command::Send { to, bytes: "again".into(), when_full: WhenFull::Refuse };
    let Reply::Outcomes(outcomes) = lab.call(send) else { panic!("it can be sent to") };
    assert_eq!((outcomes.len(), lab.status()[0].peers.len()), (1, 2), "{outcomes:?}");
    let (group, interface) = ("239.255.77.2".parse().expect("an address"), "127.0.0.1".parse().expect("an interface"));
    assert!(matches!(lab.call(Command::Join { endpoint: second, group, interface }), Reply::Done));
    let interface = "127.0.0.1".parse().expect("an interface");
    assert!(matches!(lab.call(Command::Leave { endpoint: second, group, interface }), Reply::Done));
    let interface = "127.0.0.1".parse().expect("an interface");
    let Reply::Failed(failure) = lab.call(Command::Leave { endpoint: second, group, interface }) else {
        panic!("it was left already")
    };
    assert!(failure.to_string().starts_with("cannot leave 239.255.77.2 (127.0.0.1): "), "{failure}");
}

#[test]
fn a_group_that_cannot_be_joined_is_explained() {
    let lab = Lab::new();
    let (endpoint, _) = lab.open_inet("udp://127.0.0.1:0");
    for (group, why) in [("10.0.0.1", "that is no group"), ("ff02::5", "the endpoint is of IPv4, the group of IPv6")] {
        let (group, interface) = (group.parse().expect("an address"), "127.0.0.1".parse().expect("an interface"));
        let Reply::Failed(failure) = lab.call(Command::Join { endpoint, group, interface }) else { panic!("{group}") };
        assert!(failure.to_string().contains(why), "{failure}");
    }
}

#[test]
fn a_flood_leaves_the_others_their_turn() {
    let lab = Lab::new();
    let (_, address) = lab.open_inet("udp://127.0.0.1:0");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (socket, deadline) = (udp(), std::time::Instant::now() + PATIENCE);
            // Until the engine has answered, or has not in time: then the test fails in `status`.
            while !done.load(std::sync::atomic::Ordering::SeqCst) && std::time::Instant::now() < deadline {
                let _ = socket.send_to(&[0; 64], address);
            }
        });
        while lab.status()[0].tally.received_records < 20_000 {}
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_kernel_drops_is_counted_and_shown() {
    let mut lab = Lab::new();
    let (_, address) = lab.open_inet("udp://127.0.0.1:0?rcvbuf=4k");
    let (socket, datagram) = (udp(), [0; 1000]);
    let deadline = std::time::Instant::now() + PATIENCE;
    // The engine reads while we send: a burst longer than the buffer has to catch it asleep once.
    while lab.status()[0].dropped == 0 {
        (0..2000).for_each(|_| drop(socket.send_to(&datagram, address)));
        assert!(std::time::Instant::now() < deadline, "nothing was dropped");
    }
    lab.wait_for("the note", says("dropped"));
}
