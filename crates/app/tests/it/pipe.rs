//! `listen` and `connect` in a pipe: stdin's bytes to the peers, received bytes to stdout, and how it ends.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::{Value, json};

use crate::kit::{
    DEADLINE, Lab, Pipe, Running, Server, accept, assert_same, bare_socklab, dial, dial_unix, in_time, json_lines,
    leave_unread, listener, noise, own_place, port_of, read_all, read_some, udp, until,
};
use crate::session::base64;

const ANY: &str = "tcp-listen://127.0.0.1:0";
const FIVE_MB: usize = 5_000_000;
const TWENTY_MB: usize = 20_000_000;

/// Sends on a thread of its own, says that this was all, and waits for the peer to say so too.
fn send_all(mut stream: TcpStream, bytes: Vec<u8>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        stream.write_all(&bytes).expect("the peer takes it");
        stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
        read_all(&mut stream)
    })
}

fn udp_client(server: &Server) -> UdpSocket {
    let (socket, _) = udp();
    socket.connect(("127.0.0.1", server.port())).expect("an address");
    socket
}

#[test]
fn a_servers_input_goes_to_every_peer_as_it_is() {
    let lab = Lab::new();
    let mut server = lab.listen_with_input(&[ANY], &[]);
    let mut clients = [server.dial(), server.dial()];
    for client in &mut clients {
        client.write_all(b"!").expect("sent");
    }
    server.wait_for_output(clients.len()); // now both are peers
    let bytes = noise(1, FIVE_MB);
    server.running.feed(bytes.clone());
    let readers = clients.map(|mut client| thread::spawn(move || (read_some(&mut client, FIVE_MB), client)));
    let clients = readers.map(|reader| reader.join().expect("it reads"));
    for (got, _) in &clients {
        assert_same("received by a client", got, &bytes);
    }
    // The input has ended, and the server goes on: for these two and for others.
    let mut late = server.dial();
    late.write_all(b"?").expect("sent");
    server.wait_for_output(3);
    drop((clients, late));
    assert_eq!(server.stop().out, b"!!?");
}

#[test]
fn a_servers_output_is_what_it_received_and_nothing_else() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &[]);
    let bytes = noise(2, FIVE_MB);
    let rest = send_all(server.dial(), bytes.clone()).join().expect("it sends");
    assert!(rest.is_empty());
    assert_same("stdout", &server.stop().out, &bytes);
}

#[test]
fn a_client_half_closes_prints_what_still_comes_and_ends_well() {
    let lab = Lab::new();
    let (listener, place) = listener();
    let mut client = lab.start(["connect", &place.to_string()]);
    let (mut stream, _) = accept(&listener);
    let (asked, answered) = (noise(3, FIVE_MB), noise(4, FIVE_MB));
    client.feed(asked.clone());
    assert_same("received to the half-close", &read_all(&mut stream), &asked);
    stream.write_all(&answered).expect("the client still reads");
    drop(stream);
    let done = client.finish();
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_same("stdout", &done.out, &answered);
    assert_eq!(done.err, format!("e1 connected to tcp://{place}\n"));
}

#[test]
fn a_client_waits_for_w_after_its_input_and_no_longer() {
    let lab = Lab::new();
    let (listener, place) = listener();
    let start = Instant::now();
    let mut client = lab.start(["connect", "-w", "400ms", &place.to_string()]);
    let (mut stream, _) = accept(&listener);
    client.feed(b"hello".to_vec());
    assert_eq!(read_all(&mut stream), b"hello");
    stream.write_all(b"bye").expect("sent");
    let done = client.finish(); // the peer has not closed
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!((done.code, &*done.out), (Some(0), b"bye".as_slice()), "{}", done.err);
}

#[test]
fn a_client_whose_connection_is_reset_says_so_and_fails() {
    let lab = Lab::new();
    let (listener, place) = listener();
    let mut client = lab.start(["connect", &place.to_string()]);
    let (stream, _) = accept(&listener);
    client.write(b"unread");
    leave_unread(&stream, 6);
    drop(stream);
    let done = client.finish();
    assert_eq!(done.code, Some(1));
    assert_eq!(done.err, format!("e1 connected to tcp://{place}\nsocklab: the peer reset the connection\n"));
}

#[test]
fn a_server_that_finishes_first_gets_all_of_the_input() {
    let lab = Lab::new();
    let bytes = noise(7, FIVE_MB);
    for command in ["connect", "nc"] {
        let (listener, place) = listener();
        let (host, port) = (place.ip().to_string(), place.port().to_string());
        let mut client = lab.start([command, &host, &port]);
        let (mut stream, _) = accept(&listener);
        stream.write_all(b"hello").expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
        client.wait_for_text("hello");
        client.feed(bytes.clone());
        assert_same(command, &read_all(&mut stream), &bytes);
        let done = client.finish();
        assert_eq!((done.code, &*done.out), (Some(0), b"hello".as_slice()), "{command}: {}", done.err);
    }
}

#[test]
fn whoever_is_turned_away_is_told_of_where_only_bytes_are_shown() {
    let lab = Lab::new();
    for show in ["raw", "none"] {
        let server = lab.listen("tcp-listen://127.0.0.1:0?max_peers=1", &["--show", show]);
        let first = server.dial();
        for count in 1..=4 {
            let refused = server.dial().local_addr().expect("an address");
            let text = format!("refused {refused}: 1 peers are connected (max_peers=1)");
            // Of the third nothing is said: they might be many.
            server.wait_for_told(&text, usize::from(count != 3), |line| line.contains(&text).then_some(()));
        }
        drop(first);
        let done = server.stop();
        assert_eq!(done.err.matches("refused").count(), 3, "{}", done.err);
    }
}

#[test]
fn a_client_that_finishes_first_gets_all_of_the_input() {
    let lab = Lab::new();
    let (bytes, place) = (noise(8, FIVE_MB), own_place(4714));
    let (host, port) = (place.ip().to_string(), place.port().to_string());
    let url = format!("tcp-listen://{place}?once=1");
    let half_open = format!("{url}&halfopen=1");
    for command in [&["listen", &url][..], &["listen", &half_open], &["nc", "-lv", &host, &port]] {
        let mut server = lab.start(command);
        server.wait_for_told("listening", 1, |line| line.contains("listening on").then_some(()));
        let mut stream = dial(place);
        let (begin, rest) = bytes.split_at(10);
        server.write(begin);
        let first = read_some(&mut stream, begin.len());
        stream.write_all(b"hello").expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
        server.wait_for_text("hello");
        let is_known = || lab.records().iter().any(|record| record["text"] == "peer finished sending");
        until("it is known", || (command[0] == "nc" || is_known()).then_some(())); // nc captures nothing
        server.feed(rest.to_vec());
        assert_same(command[0], &[first, read_all(&mut stream)].concat(), &bytes);
        let done = server.finish();
        assert_eq!((done.code, &*done.out), (Some(0), b"hello".as_slice()), "{command:?}: {}", done.err);
    }
}

#[test]
fn a_client_that_finishes_before_any_input_ends_its_server() {
    let lab = Lab::new();
    let place = own_place(4715);
    let (host, port) = (place.ip().to_string(), place.port().to_string());
    let url = format!("tcp-listen://{place}?once=1");
    for command in [&["listen", &url][..], &["nc", "-lv", &host, &port]] {
        let mut server = lab.start(command);
        server.wait_for_told("listening", 1, |line| line.contains("listening on").then_some(()));
        let mut stream = dial(place);
        stream.write_all(b"a file").expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
        assert_eq!(read_all(&mut stream), b"", "{command:?}");
        until("it has ended, though its input has not", || server.has_ended().then_some(()));
        let done = server.finish();
        assert_eq!((done.code, &*done.out), (Some(0), b"a file".as_slice()), "{command:?}: {}", done.err);
    }
}

#[test]
fn a_client_with_retry_connects_when_the_server_comes() {
    let lab = Lab::new();
    let place = own_place(4713); // nobody else's, before there is a server and after
    let mut client = lab.start(["connect", "--retry", &place.to_string()]);
    client.wait_for_told("dialling", 1, |line| line.starts_with("e1 dialling tcp://").then_some(()));
    let listener = TcpListener::bind(place).expect("the port is free");
    for turn in ["one", "two"] {
        let (mut stream, _) = accept(&listener);
        stream.write_all(turn.as_bytes()).expect("sent");
        client.wait_for_text(turn);
    }
    client.close_input();
    client.interrupt();
    let done = client.finish();
    assert_eq!((done.code, &*done.out), (Some(130), b"onetwo".as_slice()));
}

#[test]
fn one_write_to_a_datagram_client_is_one_datagram() {
    let lab = Lab::new();
    let (socket, place) = udp();
    let url = format!("udp://{place}");
    let mut client = lab.start(["connect", &url]);
    let mut buffer = vec![0; 65536];
    for length in [1, 700, 16 * 1024] {
        client.write(&noise(6, length));
        let (got, _) = socket.recv_from(&mut buffer).expect("a datagram");
        assert_same("a datagram", &buffer[..got], &noise(6, length));
    }
}

#[test]
fn json_tells_everything_once_and_in_order() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &["--show", "json", "--echo"]);
    let mut client = server.dial();
    let own = client.local_addr().expect("an address").to_string();
    let said = ["Hello 01Studio!\r\n".as_bytes(), b"\x00\xff\x1b[31m", "中文".as_bytes()];
    for bytes in said {
        client.write_all(bytes).expect("sent");
        read_some(&mut client, bytes.len());
    }
    drop(client);
    server.wait_for_text("closed");
    let url = server.urls[0].clone();
    let records = json_lines(&server.stop().text());
    let seqs: Vec<u64> = records.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=records.len() as u64).collect::<Vec<_>>());
    let kinds: Vec<&str> = records.iter().filter_map(|record| record["kind"].as_str()).collect();
    let wanted =
        ["opened", "connected", "received", "sent", "received", "sent", "received", "sent", "closed", "closed"];
    assert_eq!(kinds, wanted, "{records:#?}");
    let at = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$").expect("a regex");
    assert!(records.iter().all(|record| record["at"].as_str().is_some_and(|time| at.is_match(time))), "{records:#?}");
    let times: Vec<&str> = records.iter().filter_map(|record| record["at"].as_str()).collect();
    assert!(times.is_sorted(), "{times:#?}");
    let (first, peers, last) = (&records[0], &records[1..records.len() - 1], &records[records.len() - 1]);
    for record in [first, last] {
        assert_eq!((&record["endpoint"], &record["address"]), (&json!("e1"), &json!(url)), "{record}");
        assert_eq!((&record["peer"], &record["bytes"], &record["data"]), (&Value::Null, &Value::Null, &Value::Null));
    }
    for record in peers {
        assert_eq!(
            (&record["endpoint"], &record["peer"], &record["address"]),
            (&json!("e1"), &json!("e1.1"), &json!(own))
        );
    }
    for (index, record) in peers.iter().filter(|record| !record["data"].is_null()).enumerate() {
        let bytes = said[index / 2];
        assert_eq!(base64(record["data"].as_str().expect("text")), bytes);
        assert_eq!((&record["bytes"], &record["text"]), (&json!(bytes.len()), &json!(String::from_utf8_lossy(bytes))));
    }
}

#[test]
fn with_json_a_line_of_input_is_one_send() {
    let lab = Lab::new();
    let mut server = lab.listen_with_input(&["udp://127.0.0.1:0"], &["--show", "json"]);
    let client = udp_client(&server);
    client.send(b"here I am").expect("sent");
    server.wait_for_text("received");
    server.running.write(b"one\ntwo\n\nfour\r\nno end"); // in one write
    server.running.close_input();
    let mut buffer = [0; 100];
    for line in ["one\n", "two\n", "\n", "four\r\n", "no end"] {
        let length = client.recv(&mut buffer).expect("a datagram");
        assert_eq!(String::from_utf8_lossy(&buffer[..length]), line);
    }
    server.wait_for_text("no end");
    let records = json_lines(&server.stop().text());
    let sent: Vec<&str> =
        records.iter().filter(|record| record["kind"] == "sent").filter_map(|record| record["text"].as_str()).collect();
    assert_eq!(sent, ["one\n", "two\n", "\n", "four\r\n", "no end"]);
}

#[test]
fn text_has_the_documented_form() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &["--show", "text", "--echo"]);
    let mut client = server.dial();
    let own = client.local_addr().expect("an address").to_string();
    for bytes in [b"Hello 01Studio!".as_slice(), b"\x1b[31m\xff\r\n\\"] {
        client.write_all(bytes).expect("sent");
        read_some(&mut client, bytes.len());
    }
    drop(client);
    server.wait_for_text("closed by peer");
    let url = server.urls[0].clone();
    let text = server.stop().text();
    let time = Regex::new(r"^\d\d:\d\d:\d\d\.\d{6} ").expect("a regex");
    assert!(text.lines().all(|line| time.is_match(line)), "{text}");
    let lines: Vec<&str> = text.lines().map(|line| &line[16..]).collect();
    let peer = |rest: &str| format!("e1.1 {own} {rest}");
    let wanted = [
        format!("e1 {url} * open"),
        peer("* connected"),
        peer("< Hello 01Studio!"),
        peer("> Hello 01Studio!"),
        peer(r"< \x1b[31m\xff\r\n\\"),
        peer(r"> \x1b[31m\xff\r\n\\"),
        peer("* closed by peer"),
        format!("e1 {url} * closed"),
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn text_is_in_the_encoding_asked_for_also_across_reads() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &["--show", "text", "--encoding", "gbk", "--echo"]);
    let mut client = server.dial();
    for bytes in [b"\xce\xc2\xb6".as_slice(), b"\xc8: 21"] {
        client.write_all(bytes).expect("sent");
        read_some(&mut client, bytes.len());
    }
    drop(client);
    server.wait_for_text("closed by peer");
    let text = server.stop().text();
    let received: Vec<&str> = text.lines().filter_map(|line| line.split_once(" < ")).map(|(_, text)| text).collect();
    assert_eq!(received, ["温", "度: 21"]);
}

#[test]
fn hex_shows_every_byte() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &["--show", "hex"]);
    server.dial().write_all(b"Hel\x00\xff").expect("sent");
    server.wait_for_text("closed by peer");
    let text = server.stop().text();
    assert!(text.lines().any(|line| line.ends_with(" < 48 65 6c 00 ff")), "{text}");
}

#[test]
fn an_interrupt_ends_it_with_130_and_all_that_was_received_printed() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &[]);
    let mut client = server.dial();
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&interrupted);
    let sender = thread::spawn(move || {
        let piece = noise(7, 64 * 1024);
        while !seen.load(Ordering::SeqCst) && client.write_all(&piece).is_ok() {}
    });
    server.wait_for_output(1 << 20);
    server.interrupt();
    interrupted.store(true, Ordering::SeqCst);
    let done = server.running.finish();
    sender.join().expect("it sends");
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert_same("stdout, against the capture", &done.out, &lab.exported_raw(&[]));
}

#[test]
fn a_port_in_use_is_told_with_its_holder_in_one_line() {
    let lab = Lab::new();
    let first = lab.listen(ANY, &[]);
    let (port, process) = (first.port(), first.id());
    let done = lab.run(["listen", &format!("tcp-listen://127.0.0.1:{port}")]);
    assert_eq!((done.code, &*done.out), (Some(1), b"".as_slice()));
    let cause = format!("cannot listen on 127.0.0.1:{port}: address already in use");
    let holder = format!("port {port} is held by process {process} (socklab)");
    assert!(done.err.starts_with(&format!("socklab: {cause}")) && done.err.contains(&holder), "{}", done.err);
    assert_eq!(done.err.lines().count(), 1, "{}", done.err);
}

#[test]
fn a_udp_port_in_use_is_told_with_its_holder_too() {
    let lab = Lab::new();
    let first = lab.listen("udp://127.0.0.1:0", &[]);
    let done = lab.run(["listen", &format!("udp://127.0.0.1:{}", first.port())]);
    let holder = format!("port {} is held by process {} (socklab)", first.port(), first.id());
    assert!(done.code == Some(1) && done.err.lines().count() == 1 && done.err.contains(&holder), "{done:?}");
}

#[test]
fn the_folder_of_captures_takes_several_runs_at_once() {
    let lab = Lab::new();
    let servers = [lab.listen(ANY, &[]), lab.listen(ANY, &[]), lab.listen(ANY, &[])];
    let names: Vec<Value> = json_lines(&lab.run(["capture", "ls", "--json"]).ok());
    assert_eq!(names.len(), servers.len());
    assert!(names.iter().all(|run| run["live"] == json!(true)), "{names:#?}");
}

#[test]
fn a_reader_that_leaves_ends_the_server_quietly_with_the_capture_complete() {
    let lab = Lab::new();
    let (mut running, out) = Running::start_unheard(lab.socklab(["listen", ANY, "--show", "text"]));
    running.close_input();
    let server = Server::new(running, 1);
    let mut client = server.dial();
    let line = in_time("a line", || BufReader::new(out).lines().next()); // as `head -1`, which then goes
    assert!(line.expect("a line").expect("text").ends_with("* open"));
    let sent = send_until_goodbye(&mut client);
    drop(client);
    let done = server.running.finish();
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(done.err.lines().count(), 1, "only that it listens: {}", done.err);
    assert_same("export --as raw", &lab.exported_raw(&[]), &sent);
    assert_eq!(ends(&lab), [("closed".into(), json!("e1.1")), ("closed".into(), Value::Null)]);
}

/// Sends on and on; gives what was sent when the server has said that it ends.
fn send_until_goodbye(client: &mut TcpStream) -> Vec<u8> {
    client.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    let mut sent = Vec::new();
    let end = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < end, "the server does not find out that nobody reads its output");
        client.write_all(b"more").expect("the server reads to the end");
        sent.extend_from_slice(b"more");
        match client.read(&mut [0; 1]) {
            Ok(0) => return sent,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("neither silence nor a goodbye: {other:?}"),
        }
    }
}

/// How peers and endpoints ended, peers first.
fn ends(lab: &Lab) -> Vec<(String, Value)> {
    let is_end = |record: &Value| ["closed", "reset", "failed"].iter().any(|kind| record["kind"] == *kind);
    let records = lab.records();
    let ends = records.iter().filter(|record| is_end(record));
    let mut ends: Vec<_> =
        ends.map(|end| (end["kind"].as_str().unwrap_or_default().into(), end["peer"].clone())).collect();
    ends.sort_by_key(|(_, peer)| peer.is_null());
    ends
}

#[test]
fn what_comes_after_the_goodbye_is_captured_too() {
    for options in [&[][..], &["--echo"]] {
        let lab = Lab::new();
        let server = lab.listen(ANY, options);
        let mut client = server.dial();
        client.write_all(b"before").expect("sent");
        server.wait_for_output(6);
        server.interrupt();
        let echoed = read_all(&mut client); // the server half-closes
        assert_eq!(echoed, if options.is_empty() { b"".as_slice() } else { b"before" });
        client.write_all(b", after").expect("sent");
        server.wait_for_output(13);
        client.write_all(b", and more").expect("sent");
        drop(client);
        let done = server.running.finish();
        assert_eq!(
            (done.code, String::from_utf8_lossy(&done.out)),
            (Some(130), "before, after, and more".into()),
            "{options:?}"
        );
        assert_eq!(ends(&lab)[0].0, "closed", "{options:?}");
    }
}

#[test]
fn one_command_listens_on_several_places() {
    let lab = Lab::new();
    let path = lab.typed("a.sock");
    let unix = format!("unix-listen://{path}");
    let server = lab.listen_with_input(&[ANY, ANY, "udp://127.0.0.1:0", &unix], &["--echo"]);
    let ports: Vec<u16> = server.urls[..3].iter().map(|url| port_of(url)).collect();
    let mut printed = 0;
    for port in &ports[..2] {
        let mut client = dial(([127, 0, 0, 1], *port).into());
        client.write_all(b"tcp").expect("sent");
        assert_eq!(read_some(&mut client, 3), b"tcp");
        printed += 3;
        server.wait_for_output(printed);
    }
    let (client, _) = udp();
    client.send_to(b"udp", ("127.0.0.1", ports[2])).expect("sent");
    assert_eq!(client.recv(&mut [0; 10]).expect("an echo"), 3);
    server.wait_for_output(printed + 3);
    let mut client = dial_unix(&path);
    client.write_all(b"unix").expect("sent");
    assert_eq!(read_some(&mut client, 4), b"unix");
    server.wait_for_output(printed + 7);
    drop(client);
    assert_eq!(server.stop().out, b"tcptcpudpunix");
    let endpoints: Vec<Value> =
        lab.records().iter().filter(|r| r["kind"] == "received").map(|r| r["peer"].clone()).collect();
    assert_eq!(endpoints, ["e1.1", "e2.1", "e3.1", "e4.1"]);
    assert!(!std::path::Path::new(&path).exists(), "the socket's file is removed");
}

#[test]
fn a_consumer_that_never_reads_does_not_hold_up_the_sender() {
    let lab = Lab::new();
    let (mut running, out) = Running::start_unheard(lab.socklab(["listen", ANY]));
    running.close_input();
    let server = Server::new(running, 1);
    let bytes = noise(8, TWENTY_MB);
    let sender = send_all(server.dial(), bytes.clone());
    assert!(sender.join().expect("the sender finishes").is_empty());
    // Only now somebody reads, and nothing is missing.
    assert_same("stdout", &Pipe::collect(out).wait_for_length(TWENTY_MB), &bytes);
    assert_eq!(lab.stat()["received"], json!(TWENTY_MB));
}

#[test]
fn without_a_capture_a_slow_consumer_slows_the_sender_and_loses_nothing() {
    let lab = Lab::new();
    let (mut running, out) = Running::start_unheard(lab.socklab(["listen", ANY, "--capture", "none"]));
    running.close_input();
    let server = Server::new(running, 1);
    let bytes = noise(9, TWENTY_MB);
    let sender = send_all(server.dial(), bytes.clone());
    let got = Pipe::collect(out).wait_for_length(TWENTY_MB);
    sender.join().expect("the sender finishes");
    assert_same("stdout", &got, &bytes);
    assert!(!lab.path("data").exists(), "nothing is written");
}

#[test]
fn what_a_peer_does_not_read_is_told_in_the_end() {
    let lab = Lab::new();
    let mut server = lab.listen_with_input(&["tcp-listen://127.0.0.1:0?sndbuf=16k"], &[]);
    let mut deaf = server.dial();
    deaf.write_all(b"!").expect("sent");
    server.wait_for_output(1);
    server.running.write(&noise(10, 1 << 20)); // more than the pipe and the system's buffers take
    let mut other = server.dial();
    other.write_all(b"still heard").expect("sent");
    server.wait_for_output(12);
    let done = server.stop();
    let told =
        Regex::new(r"(?m)^socklab: \d+ bytes for e1\.1 \(127\.0\.0\.1:\d+\) could not be sent: it does not read$");
    assert!(told.expect("a regex").is_match(&done.err), "{}", done.err);
}

#[test]
fn a_client_that_resets_is_no_reason_to_stop_serving() {
    let lab = Lab::new();
    let mut server = lab.listen_with_input(&[ANY], &["--show", "text"]);
    let resetting = server.dial();
    server.wait_for_text("e1.1");
    server.running.write(b"unread\n");
    leave_unread(&resetting, 7);
    drop(resetting);
    server.wait_for_text("* reset by peer");
    let mut client = server.dial();
    client.write_all(b"hello").expect("sent");
    server.wait_for_text("< hello");
}

#[test]
fn the_capture_folder_can_be_elsewhere() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &["--capture", &lab.typed("elsewhere")]);
    server.dial().write_all(b"kept").expect("sent");
    server.wait_for_output(4);
    server.stop();
    assert!(!lab.path("data").join("captures").exists());
    let done = lab.run(["capture", "export", "--as", "raw", "--capture", &lab.typed("elsewhere")]);
    assert_eq!(done.ok(), "kept");
}

#[test]
fn the_data_folder_is_that_of_the_environment() {
    let lab = Lab::new();
    let mut command = bare_socklab();
    command.args(["listen", ANY]).env("SOCKLAB_DATA", lab.path("data"));
    let mut running = Running::start(command);
    running.close_input();
    Server::new(running, 1).stop();
    assert_eq!(json_lines(&lab.run(["capture", "ls", "--json"]).ok()).len(), 1);
}
