//! `socklab nc` where people paste a command for nc: against itself, against the real one, and flag by flag.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::kit::{
    Lab, Running, accept, assert_same, dial, leave_unread, listener, noise, own_place, port_of, read_all, read_some,
    try_dial, udp,
};
use crate::tools::{Tool, Wire};

const STREAM: usize = 1 << 20;

/// Whose nc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Theirs,
}

use Whose::{Ours, Theirs};

macro_rules! conversations {
    ($($name:ident: $server:expr, $client:expr, $wire:expr;)*) => {$(
        #[test]
        fn $name() {
            converse($server, $client, $wire);
        }
    )*};
}

conversations! {
    talks_to_itself_over_tcp: Ours, Ours, Wire::Tcp;
    talks_to_itself_over_udp: Ours, Ours, Wire::Udp;
    talks_to_itself_over_unix: Ours, Ours, Wire::Unix;
    talks_to_itself_over_unix_datagrams: Ours, Ours, Wire::UnixDgram;
    listens_to_the_real_one_over_tcp: Ours, Theirs, Wire::Tcp;
    listens_to_the_real_one_over_udp: Ours, Theirs, Wire::Udp;
    listens_to_the_real_one_over_unix: Ours, Theirs, Wire::Unix;
    dials_the_real_one_over_tcp: Theirs, Ours, Wire::Tcp;
    dials_the_real_one_over_udp: Theirs, Ours, Wire::Udp;
    dials_the_real_one_over_unix: Theirs, Ours, Wire::Unix;
}

fn converse(server: Whose, client: Whose, wire: Wire) {
    let lab = Lab::new();
    let (server, place) = match server {
        Ours => listen(&lab, wire),
        Theirs => Tool::Nc.server(wire, &lab),
    };
    let client = match client {
        Ours => connect(&lab, wire, &place),
        Theirs => Tool::Nc.client(wire, &place, &lab),
    };
    if wire.is_stream() { talk_in_streams(server, client) } else { talk_in_datagrams(server, client) }
}

fn flags(wire: Wire) -> &'static [&'static str] {
    match wire {
        Wire::Tcp => &[],
        Wire::Udp => &["-u"],
        Wire::Unix => &["-U"],
        Wire::UnixDgram => &["-u", "-U"],
    }
}

/// Ours, listening; with the port or path where it does.
fn listen(lab: &Lab, wire: Wire) -> (Running, String) {
    match wire {
        Wire::Tcp | Wire::Udp => {
            let (server, port) = listen_with(lab, &[flags(wire), &["127.0.0.1", "0"]].concat());
            (server, port.to_string())
        }
        Wire::Unix | Wire::UnixDgram => {
            let path = lab.typed("nc.sock");
            let server = lab.start(["nc", "-v", "-l"].iter().chain(flags(wire)).chain([&&*path]));
            server.wait_for_told("listening on", 1, listening);
            (server, path)
        }
    }
}

/// Ours, listening on port 0 as the flags say; with the port that it got.
fn listen_with(lab: &Lab, flags: &[&str]) -> (Running, u16) {
    let server = lab.start(["nc", "-v", "-l"].iter().chain(flags));
    let urls = server.wait_for_told("listening on", 1, listening);
    let port = port_of(&urls[0]);
    (server, port)
}

fn listening(line: &str) -> Option<String> {
    line.strip_prefix("listening on ").map(str::to_owned)
}

fn connect(lab: &Lab, wire: Wire, place: &str) -> Running {
    let host: &[&str] = if matches!(wire, Wire::Tcp | Wire::Udp) { &["127.0.0.1"] } else { &[] };
    lab.start(["nc"].iter().chain(flags(wire)).chain(host).chain([&place]))
}

/// Both send at once; the client ends it.
fn talk_in_streams(mut server: Running, mut client: Running) {
    let (asked, answered) = (noise(5, STREAM), noise(6, STREAM));
    client.write_and_keep_open(asked.clone());
    server.write_and_keep_open(answered.clone());
    server.wait_for_output(STREAM);
    client.wait_for_output(STREAM);
    client.close_input();
    server.close_input();
    let (server, client) = (server.finish(), client.finish());
    assert_same("received by the server", &server.out, &asked);
    assert_same("received by the client", &client.out, &answered);
    assert_eq!((server.code, client.code), (Some(0), Some(0)), "{}{}", server.err, client.err);
}

fn talk_in_datagrams(mut server: Running, mut client: Running) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for turn in 0..3 {
        let (question, answer) = (noise(turn, 100), noise(turn + 10, 200));
        client.write(&question);
        asked.extend_from_slice(&question);
        assert_same("received by the server", &server.wait_for_output(asked.len()), &asked);
        server.write(&answer);
        answered.extend_from_slice(&answer);
        assert_same("received by the client", &client.wait_for_output(answered.len()), &answered);
    }
}

/// With the port as it is typed.
fn place<S>((socket, address): (S, SocketAddr)) -> (S, String) {
    (socket, address.port().to_string())
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 65536];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram comes");
    (buffer[..length].to_vec(), from)
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[test]
fn the_command_in_teleplots_manual_sends_its_datagram() {
    let lab = Lab::new();
    let (socket, port) = place(udp());
    for turn in 0..10 {
        let line = format!("myData:{turn}\n");
        let done = lab.run_with(["nc", "-u", "-w0", "127.0.0.1", &port], line.as_bytes());
        assert_eq!((done.code, &*done.err), (Some(0), ""));
        socket.set_nonblocking(true).expect("a mode");
        let mut buffer = [0; 100];
        // On loopback, what was sent before the program ended is here when it has ended.
        let got = socket.recv(&mut buffer).map(|length| String::from_utf8_lossy(&buffer[..length]).into_owned());
        assert_eq!(
            got.ok().as_deref(),
            Some(&*line),
            "nc -u -w0 ended with code 0, and its datagram number {turn} is missing"
        );
    }
}

#[test]
fn l_ends_with_its_first_connection() {
    let lab = Lab::new();
    let (server, port) = listen_with(&lab, &["127.0.0.1", "0"]);
    let mut first = dial(loopback(port));
    first.write_all(b"one").expect("sent");
    server.wait_for_output(3);
    let second = try_dial(loopback(port)).expect_err("a second connection is refused");
    assert_eq!(second.kind(), ErrorKind::ConnectionRefused);
    drop(first);
    let done = server.finish();
    assert_eq!((done.code, &*done.out), (Some(0), b"one".as_slice()), "{}", done.err);
}

#[test]
fn k_goes_on_after_the_first_connection() {
    let lab = Lab::new();
    let (server, port) = listen_with(&lab, &["-k", "127.0.0.1", "0"]);
    let mut printed = Vec::new();
    for turn in ["one", "two", "three"] {
        let mut client = dial(loopback(port));
        client.write_all(turn.as_bytes()).expect("sent");
        printed.extend_from_slice(turn.as_bytes());
        server.wait_for_output(printed.len());
    }
    server.interrupt();
    let done = server.finish();
    assert_eq!((done.code, done.out), (Some(130), printed), "{}", done.err);
}

#[test]
fn m_limits_how_many_are_connected() {
    let lab = Lab::new();
    let (server, port) = listen_with(&lab, &["-k", "-m", "1", "127.0.0.1", "0"]);
    let mut first = dial(loopback(port));
    first.write_all(b"in").expect("sent");
    server.wait_for_output(2);
    let mut buffer = [0; 1];
    let second = dial(loopback(port)).read(&mut buffer);
    let turned_away =
        matches!(&second, Ok(0)) || second.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    assert!(turned_away, "{second:?}");
}

#[test]
fn l_takes_both_families_unless_told() {
    let lab = Lab::new();
    let v6 = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    for (flags, takes_v4, takes_v6) in
        [(&["-k"][..], true, true), (&["-k", "-4"], true, false), (&["-k", "-6"], false, true)]
    {
        let (_server, port) = listen_with(&lab, &[flags, &["0"]].concat());
        assert_eq!(try_dial(loopback(port)).is_ok(), takes_v4, "{flags:?}: IPv4");
        assert_eq!(try_dial(v6(port)).is_ok(), takes_v6, "{flags:?}: IPv6");
    }
}

#[test]
fn l_takes_the_port_after_p_too() {
    let lab = Lab::new();
    let (server, port) = listen_with(&lab, &["-s", "127.0.0.1", "-p", "0"]);
    drop(dial(loopback(port)));
    assert_eq!(server.finish().code, Some(0));
}

#[test]
fn s_and_p_are_the_own_address_and_port() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let (own, own_ip) = (own_place(4711), own_place(0).ip().to_string());
    let mut client = lab.start(["nc", "-s", &own_ip, "-p", "4711", "127.0.0.1", &port]);
    client.close_input();
    assert_eq!(accept(&listener).1, own);
    assert_eq!(client.finish().code, Some(0));
    let (socket, port) = place(udp());
    let mut client = lab.start(["nc", "-u", "-s", &own_ip, "-p", "4712", "127.0.0.1", &port]);
    client.write(b"x");
    assert_eq!(receive(&socket), (b"x".to_vec(), own_place(4712)));
}

#[test]
fn w_gives_up_a_connection_that_does_not_come_about() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let address = listener.local_addr().expect("an address");
    // Its queue is full when a connection is not answered any more.
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    let start = Instant::now();
    let done = lab.run(["nc", "-w", "300ms", "127.0.0.1", &port]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.starts_with("socklab: cannot connect to") && done.err.contains("no answer in time"),
        "{}",
        done.err
    );
}

#[test]
fn w_gives_up_a_connection_that_is_silent() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let (start, client) = (Instant::now(), lab.start(["nc", "-w", "300ms", "127.0.0.1", &port]));
    let (mut stream, _) = accept(&listener);
    stream.write_all(b"hi").expect("sent");
    let done = client.finish();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!((done.code, &*done.out), (Some(0), b"hi".as_slice()), "{}", done.err);
}

#[test]
fn q_quits_after_the_end_of_the_input() {
    let lab = Lab::new();
    for after in ["0", "200ms"] {
        let (listener, port) = place(listener());
        let mut client = lab.start(["nc", "-q", after, "127.0.0.1", &port]);
        let (mut stream, _) = accept(&listener);
        client.feed(b"all of it".to_vec());
        assert_eq!(read_all(&mut stream), b"all of it", "-q {after}");
        let done = client.finish(); // although the peer has not closed
        assert_eq!(done.code, Some(0), "-q {after}: {}", done.err);
        drop(stream);
    }
}

#[test]
fn its_own_pauses_are_no_silence_and_lines_end_as_c_says() {
    let lab = Lab::new();
    for (flags, wanted) in [(&["-w", "400ms"][..], "a\nb\nc\n"), (&["-C"], "a\r\nb\r\nc\r\n")] {
        let (listener, port) = place(listener());
        let mut client = lab.start(["nc", "-i", "900ms"].iter().chain(flags).chain([&"127.0.0.1", &&*port]));
        let (mut stream, _) = accept(&listener);
        client.feed(b"a\nb\nc\n".to_vec());
        assert_same(flags[0], &read_all(&mut stream), wanted.as_bytes());
        drop(stream);
        assert_eq!(client.finish().code, Some(0), "{flags:?}");
    }
}

#[test]
fn silence_ends_connections_and_not_a_server_that_goes_on() {
    let lab = Lab::new();
    let (server, port) = listen_with(&lab, &["-k", "-w", "100ms", "127.0.0.1", "0"]);
    let mut told = 0;
    for text in ["one", "two"] {
        let mut client = dial(loopback(port));
        client.write_all(text.as_bytes()).expect("sent");
        assert_eq!(read_all(&mut client), b"", "closed for its silence");
        told += text.len();
        server.wait_for_output(told);
    }
    server.interrupt();
    assert_eq!(server.finish().code, Some(130));
}

#[test]
fn q_of_a_server_counts_from_its_first_client() {
    let lab = Lab::new();
    let (mut server, port) = listen_with(&lab, &["-q", "0", "127.0.0.1", "0"]);
    server.close_input();
    let mut client = dial(loopback(port)); // however late it is
    assert_eq!(read_all(&mut client), b"");
    assert_eq!(server.finish().code, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_dump_that_is_not_whole_is_said_and_fails() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let mut client = lab.start(["nc", "-x", "/dev/full", "127.0.0.1", &port]);
    let (mut stream, _) = accept(&listener);
    stream.write_all(b"bytes").expect("sent");
    client.close_input();
    drop(stream);
    let done = client.finish();
    assert_eq!((done.code, &*done.out), (Some(1), b"bytes".as_slice()));
    assert!(done.err.contains("cannot write the dump: no space left on the disk (ENOSPC 28)"), "{}", done.err);
}

#[test]
fn upper_n_finishes_a_server_with_its_input() {
    let lab = Lab::new();
    let (mut server, port) = listen_with(&lab, &["-N", "127.0.0.1", "0"]);
    let sent = noise(9, STREAM);
    server.feed(sent.clone());
    let mut client = dial(loopback(port));
    assert_same("received, to its end", &read_all(&mut client), &sent);
    client.write_all(b"thank you").expect("the other way is open");
    drop(client);
    let done = server.finish();
    assert_eq!((done.code, &*done.out), (Some(0), b"thank you".as_slice()), "{}", done.err);
}

#[test]
fn q_sends_all_of_a_servers_input_first() {
    let lab = Lab::new();
    let (mut server, port) = listen_with(&lab, &["-q", "0", "127.0.0.1", "0"]);
    let sent = noise(8, STREAM);
    server.feed(sent.clone());
    let mut client = dial(loopback(port));
    assert_same("received", &read_all(&mut client), &sent);
    drop(client);
    assert_eq!(server.finish().code, Some(0));
}

#[test]
fn z_tells_whether_a_port_takes_connections() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let done = lab.run(["nc", "-z", "127.0.0.1", &port]);
    assert_eq!((done.code, &*done.out, &*done.err), (Some(0), b"".as_slice(), ""));
    let port: u16 = port.parse().expect("a port");
    let range = format!("{}-{}", port.saturating_sub(3), port.saturating_add(3));
    let done = lab.run(["nc", "-z", "-v", "127.0.0.1", &range]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.lines().any(|line| line == format!("tcp://127.0.0.1:{port} takes connections")), "{}", done.err);
    drop(listener);
    for ports in ["1", "1-4"] {
        let done = lab.run(["nc", "-z", "127.7.0.9", ports]);
        assert_eq!((done.code, &*done.out), (Some(1), b"".as_slice()), "{ports}: {}", done.err);
    }
}

#[test]
fn upper_c_ends_lines_as_the_real_one_does() {
    let lab = Lab::new();
    for input in ["a\nb\n", "\n\nno end", "a\r\nb\n", ""] {
        let sent_by = |mut client: Running, listener: &TcpListener| {
            let (mut stream, _) = accept(listener);
            client.feed(input.as_bytes().to_vec());
            let sent = read_all(&mut stream);
            drop(stream);
            assert_eq!(client.finish().code, Some(0));
            String::from_utf8(sent).expect("text")
        };
        let (listener, port) = place(listener());
        let mut theirs = std::process::Command::new("nc.openbsd");
        theirs.args(["-N", "-C", "127.0.0.1", &port]);
        let theirs = sent_by(Running::start(theirs), &listener);
        let ours = sent_by(lab.start(["nc", "-C", "127.0.0.1", &port]), &listener);
        assert_eq!(ours, theirs, "for {input:?}");
    }
}

#[test]
fn i_pauses_after_each_line() {
    let lab = Lab::new();
    let (socket, port) = place(udp());
    let mut client = lab.start(["nc", "-u", "-i", "150ms", "127.0.0.1", &port]);
    client.feed(b"one\ntwo\nthree\n".to_vec());
    let mut last = None;
    for line in ["one\n", "two\n", "three\n"] {
        let (datagram, _) = receive(&socket);
        assert_eq!(String::from_utf8_lossy(&datagram), line);
        if let Some(before) = last.replace(Instant::now()) {
            // The first look at the clock may have been late, so half of the pause is enough.
            assert!(before.elapsed() >= Duration::from_millis(75), "{line:?} came too soon");
        }
    }
}

#[test]
fn o_and_x_write_down_what_goes_to_and_fro() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let (plain, hex) = (lab.typed("plain"), lab.typed("hex"));
    let mut client = lab.start(["nc", "-o", &plain, "-x", &hex, "127.0.0.1", &port]);
    let (mut stream, _) = accept(&listener);
    client.write(b"ping\n");
    read_some(&mut stream, 5);
    stream.write_all(b"pong\xff\n").expect("sent");
    client.wait_for_output(6);
    drop(stream);
    client.close_input();
    assert_eq!(client.finish().code, Some(0));
    assert_same("-o", &fs::read(plain).expect("-o made a file"), b"ping\npong\xff\n");
    let dump = fs::read_to_string(hex).expect("-x made a file");
    let (asked, answered) = (dump.find("70 69 6e 67 0a"), dump.find("70 6f 6e 67 ff 0a"));
    assert!(asked.is_some() && asked < answered, "{dump}");
    assert!(dump.contains("ping.") && dump.contains("pong.."), "{dump}");
}

#[test]
fn the_family_and_n_are_kept_to() {
    let lab = Lab::new();
    let (_listener, port) = place(listener());
    let cases: [(&[&str], i32); 6] = [
        (&["-4", "127.0.0.1"], 0),
        (&["-4", "localhost"], 0),
        (&["-n", "127.0.0.1"], 0),
        (&["-4", "::1"], 2),
        (&["-6", "127.0.0.1"], 2),
        (&["-n", "localhost"], 2),
    ];
    for (args, code) in cases {
        let done = lab.run(["nc", "-z"].iter().chain(args).chain([&&*port]));
        assert_eq!(done.code, Some(code), "{args:?}: {}", done.err);
        assert_eq!(done.err.lines().count(), usize::from(code != 0), "{args:?}: {}", done.err);
    }
}

#[test]
fn an_ipv6_address_needs_no_brackets() {
    let lab = Lab::new();
    let (server, port) = listen_with(&lab, &["::1", "0"]);
    let done = lab.run_with(["nc", "-6", "::1", &port.to_string()], b"over IPv6");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let done = server.finish();
    assert_eq!((done.code, &*done.out), (Some(0), b"over IPv6".as_slice()), "{}", done.err);
}

#[test]
fn a_peer_that_resets_is_told_and_fails() {
    let lab = Lab::new();
    let (listener, port) = place(listener());
    let mut client = lab.start(["nc", "127.0.0.1", &port]);
    let (stream, _) = accept(&listener);
    client.write(b"unread");
    leave_unread(&stream, 6);
    drop(stream);
    let done = client.finish();
    assert_eq!((done.code, &*done.err), (Some(1), "socklab: the peer reset the connection\n"));
}
