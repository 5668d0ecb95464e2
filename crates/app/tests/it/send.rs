//! `send`: what is typed goes out as bytes, what comes back is printed, and then it ends.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::kit::{Done, Lab, accept, assert_same, leave_unread, listener, noise, read_all, read_some, udp};

/// What arrives of `send URL ARGS...`, from a peer that only listens; and how the program ended.
fn sent(args: &[&str]) -> (Vec<u8>, Done) {
    let (listener, address) = listener();
    let lab = Lab::new();
    fs::write(lab.path("file"), noise(40, 300_000)).expect("written");
    let program = lab.start(["send", &format!("tcp://{address}")].iter().chain(args));
    let got = read_all(&mut accept(&listener).0);
    let done = program.finish();
    assert!(!lab.path("data").exists(), "nothing of a send is kept");
    (got, done)
}

#[test]
fn text_hex_and_files_go_out_as_their_bytes() {
    let file = noise(40, 300_000);
    let cases: [(&[&str], &[u8]); 9] = [
        (&[r"AT\r\n"], b"AT\r\n"),
        (&["two", "words"], b"two words"),
        (&[r"\x00\xff\\\t\0"], b"\x00\xff\\\t\0"),
        (&["温度"], "温度".as_bytes()),
        (&["温度", "--encoding", "gbk"], b"\xce\xc2\xb6\xc8"),
        (&["-5"], b"-5"),
        (&["--hex", "01", "03", "ff"], b"\x01\x03\xff"),
        (&["--hex", "0x01,0x02 0a:FF"], b"\x01\x02\x0a\xff"),
        (&["--file", "file"], &file),
    ];
    for (args, bytes) in cases {
        let (got, done) = sent(args);
        assert_same(format!("{args:?}"), &got, bytes);
        assert_eq!((done.code, done.out.len(), &*done.err), (Some(0), 0, ""), "{args:?}");
    }
}

#[test]
fn w_prints_what_comes_back_until_it_is_silent() {
    let (listener, address) = listener();
    let lab = Lab::new();
    let start = Instant::now();
    let program = lab.start(["send", &format!("tcp://{address}"), "ping", "-w", "300ms", "--show", "hex"]);
    let (mut stream, _) = accept(&listener);
    assert_eq!(read_some(&mut stream, 4), b"ping");
    stream.write_all(b"pong").expect("sent");
    let done = program.finish();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(String::from_utf8_lossy(&done.out).contains(" < 70 6f 6e 67\n"), "{done:?}");
    assert_eq!((done.code, &*done.err), (Some(0), ""));
}

#[test]
fn a_reply_is_printed_as_it_came_when_the_peer_closes() {
    let (listener, address) = listener();
    let lab = Lab::new();
    let program = lab.start(["send", &format!("tcp://{address}"), "?", "-w", "30s"]);
    let (mut stream, _) = accept(&listener);
    read_some(&mut stream, 1);
    let reply = noise(41, 1 << 20);
    stream.write_all(&reply).expect("sent");
    drop(stream);
    let done = program.finish();
    assert_eq!((done.code, &*done.err), (Some(0), ""));
    assert_same("stdout", &done.out, &reply);
}

#[test]
fn repeat_sends_so_many_datagrams_so_far_apart() {
    let (socket, address) = udp();
    let lab = Lab::new();
    let start = Instant::now();
    let program = lab.start(["send", &format!("udp://{address}"), "tick", "--repeat", "3", "--every", "100ms"]);
    for _ in 0..3 {
        let mut buffer = [0; 10];
        assert_eq!(socket.recv(&mut buffer).expect("a datagram"), 4);
    }
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(program.finish().code, Some(0));
}

#[test]
fn a_peer_that_closes_before_all_is_sent_is_a_failure() {
    let (listener, address) = listener();
    let lab = Lab::new();
    let program = lab.start(["send", &format!("tcp://{address}"), "x", "--repeat", "100", "--every", "50ms"]);
    let (stream, _) = accept(&listener);
    leave_unread(&stream, 1);
    drop(stream);
    let done = program.finish();
    assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{done:?}");
    assert!(done.err.contains("not all could be sent"), "{done:?}");
}

#[test]
fn an_interrupt_ends_it_where_the_peer_does_not_read() {
    let (listener, address) = listener();
    let lab = Lab::new();
    fs::write(lab.path("file"), noise(41, 20_000_000)).expect("written");
    let program = lab.start(["send", &format!("tcp://{address}"), "--file", "file"]);
    let (stream, _) = accept(&listener);
    leave_unread(&stream, 1);
    program.interrupt();
    let done = program.finish();
    assert_eq!(done.code, Some(130), "{done:?}");
    drop(stream);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_to_a_port_that_nobody_has_fails() {
    let lab = Lab::new();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address");
    let url = format!("udp://{closed}");
    let done = lab.run_with(["connect", &url, "-w", "200ms"], b"a\n");
    assert!(done.code == Some(1) && done.err.contains("nobody listens there (ECONNREFUSED 111)"), "{done:?}");
    assert!(done.err.starts_with("e1 sending from udp://"), "{done:?}");
}
