//! Talking to devices: open, send, choose, repeat, files; what comes is shown as it came.

use std::io::{BufRead, Read, Write};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kit::{Bench, device, free_port, heard, read};

fn data(record: &Value) -> Vec<u8> {
    STANDARD.decode(record["data"].as_str().unwrap_or_default()).expect("base64")
}

#[test]
fn a_python_program_talks_to_the_page() {
    let bench = Bench::new();
    let (endpoint, port) = bench.listen();
    let program = "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n\
        s.sendall(b'Hello \\xff')\nprint(s.recv(100))";
    let python = Command::new("python3").args(["-c", program, &port.to_string()]).stdout(Stdio::piped()).spawn();
    let python = python.expect("python3");
    bench.until("its words", |state| state["totals"]["received"] == 7);
    let sent =
        bench.done(json!({"do": "send", "to": {"endpoint": endpoint}, "data": {"text": "ok"}, "line_ending": "crlf"}));
    assert_eq!(sent["outcomes"], json!([{"peer": "e1.1", "outcome": "queued"}]));
    assert_eq!(sent["as_command"], ":to e1\n:text ok\\r\\n");
    let output = python.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), r"b'ok\r\n'");
    bench.until("its end", |state| state["peers"] == json!([]));
    let records = bench.records(5);
    let kinds: Vec<_> = records.iter().map(|record| record["kind"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, ["opened", "connected", "received", "sent", "closed"]);
    assert_eq!((data(&records[2]), data(&records[3])), (b"Hello \xff".to_vec(), b"ok\r\n".to_vec()));
    let chinese = bench.get("/api/runs/current/records?lang=zh").json();
    assert_eq!(chinese["records"][1]["text"], "已连接");
}

#[test]
fn of_many_peers_each_gets_its_own_and_nothing_of_the_others_is_lost() {
    const PEERS: usize = 50;
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut devices: Vec<_> = (0..PEERS).map(|_| device(port)).collect();
    bench.until("all of them", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == PEERS));
    for (number, device) in devices.iter_mut().enumerate() {
        let id = format!("e1.{}", number + 1);
        let text = format!("for {id}");
        let chosen = json!({"do": "send", "to": {"peers": [id]}, "data": {"text": text}});
        assert_eq!(bench.done(chosen)["outcomes"].as_array().map(Vec::len), Some(1));
        device.write_all(format!("from {id}").as_bytes()).expect("it reads");
    }
    // Peers have their numbers in the order in which they were taken, which is that of their calls.
    for (number, device) in devices.iter_mut().enumerate() {
        let text = format!("for e1.{}", number + 1);
        assert_eq!(read(device, text.len()), text.as_bytes());
    }
    let expected: u64 = (1..=PEERS).map(|number| format!("from e1.{number}").len() as u64).sum();
    let state = bench.until("every byte", |state| state["totals"]["received"] == expected);
    assert_eq!(state["totals"]["received_records"], PEERS);
    let all = bench.done(json!({"do": "send", "to": "all", "data": {"hex": "ff 00"}}));
    assert_eq!(all["outcomes"].as_array().map(Vec::len), Some(PEERS));
    assert!(devices.iter_mut().all(|device| read(device, 2) == [0xff, 0]));
    let gone = bench.done(json!({"do": "send", "to": {"peers": ["e1.999"]}, "data": {"text": "x"}}));
    assert_eq!(gone["outcomes"], json!([{"peer": "e1.999", "outcome": "gone"}]));
}

#[test]
fn gbk_is_what_a_peer_is_written_to_in() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut device = device(port);
    bench.until("it", |state| state["peers"][0]["encoding"] == "utf-8");
    bench.done(json!({"do": "encoding", "of": "e1.1", "encoding": "GBK"}));
    bench.until("the encoding", |state| state["peers"][0]["encoding"] == "gbk");
    bench.done(json!({"do": "send", "to": "all", "data": {"text": "中文", "encoding": "gbk"}}));
    assert_eq!(read(&mut device, 4), [0xd6, 0xd0, 0xce, 0xc4]);
    bench.done(json!({"do": "encoding", "of": "e1", "encoding": "utf-8"}));
    bench.until("that of all", |state| state["peers"][0]["encoding"] == "utf-8");
    let answer = bench.command(&json!({"do": "encoding", "of": "e1", "encoding": "klingon"}));
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_encoding"));
}

#[test]
fn ends_are_three() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut devices: Vec<_> = (0..3).map(|_| device(port)).collect();
    bench.until("all", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == 3));
    for (peer, how) in [("e1.1", "close"), ("e1.2", "half-close"), ("e1.3", "reset")] {
        let ended = bench.done(json!({"do": "end", "peers": {"peers": [peer]}, "how": how}));
        assert_eq!(ended["peers"], json!([peer]));
    }
    let mut rest = Vec::new();
    assert_eq!(devices[0].read_to_end(&mut rest).expect("a FIN"), 0);
    assert_eq!(devices[1].read_to_end(&mut rest).expect("a FIN"), 0);
    devices[1].write_all(b"still heard").expect("half is open");
    assert_eq!(devices[2].read_to_end(&mut rest).expect_err("a RST").kind(), std::io::ErrorKind::ConnectionReset);
    bench.until("what came after", |state| state["totals"]["received"] == 11);
}

#[test]
fn an_endpoint_that_is_over_is_put_away_and_nothing_of_it_is_lost() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let (other, _) = bench.listen();
    let mut live = bench.socket("/api/live");
    let mut device = device(port);
    device.write_all(b"hello").expect("it reads");
    bench.until("it", |state| state["totals"]["received"] == 5);
    let early = bench.command(&json!({"do": "dismiss", "endpoint": "e1"}));
    assert_eq!((early.status, early.code().as_str()), (409, "endpoint_is_open"));
    bench.done(json!({"do": "close", "endpoint": "e1"}));
    let state = bench.until("the end", |state| state["endpoints"][0]["state"] == "closed");
    assert_eq!(state["endpoints"].as_array().map(Vec::len), Some(2), "it is listed until it is put away");
    bench.done(json!({"do": "dismiss", "endpoint": "e1"}));
    let state = bench.state();
    assert_eq!((&state["endpoints"][0]["id"], &state["endpoints"][1]), (&json!(other), &Value::Null));
    assert_eq!((&state["totals"]["received"], &state["peers"]), (&json!(5), &json!([])), "what it did counts on");
    while heard(&mut live)["endpoints_gone"] != json!(["e1"]) {}
    let records = bench.records(6);
    assert!(records.iter().any(|record| record["endpoint"] == "e1" && data(record) == b"hello"), "{records:?}");
    assert_eq!(bench.command(&json!({"do": "dismiss", "endpoint": "e1"})).code(), "no_such_endpoint");
}

#[test]
fn an_endpoint_that_did_not_come_about_is_in_the_log_and_not_listed() {
    let bench = Bench::new();
    let dial = json!({"do": "open", "url": format!("tcp://127.0.0.1:{}", free_port())});
    assert_eq!(bench.command(&dial).code(), "refused_by_system");
    assert_eq!(bench.state()["endpoints"], json!([]));
    let kinds: Vec<_> = bench.records(3).iter().map(|record| record["kind"].clone()).collect();
    assert_eq!(kinds, ["opened", "failed", "closed"]);
}

#[test]
fn what_would_stop_a_device_is_told() {
    let bench = Bench::new();
    let (_, own) = bench.listen();
    let obstacles = |port: u16| bench.get(&format!("/api/reach?port={port}")).json()["obstacles"].to_string();
    assert!(!obstacles(own).contains("is held by"), "an endpoint here is none: {}", obstacles(own));
    let program = "import socket, sys\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\n\
        sys.stdin.read()";
    let mut python = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let python = python.as_mut().expect("python3");
    let mut line = String::new();
    std::io::BufReader::new(python.stdout.take().expect("its output")).read_line(&mut line).expect("its port");
    let theirs = obstacles(line.trim().parse().expect("a port"));
    assert!(theirs.contains("is held by") && theirs.contains("python3"), "{theirs}");
    drop(python.stdin.take());
    python.wait().expect("it ends");
    assert_eq!(bench.get("/api/reach?port=x").code(), "bad_request");
}

#[cfg(unix)]
#[test]
fn a_datagram_socket_with_a_path_is_a_peer_by_it() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("device");
    let device = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    bench.done(json!({"do": "open", "url": format!("unix-dgram://{}", folder.path().join("own").display())}));
    let added = bench.done(json!({"do": "add_peer", "endpoint": "e1", "target": path}));
    assert_eq!(added["peers"], json!(["e1.1"]));
    bench.done(json!({"do": "send", "to": "all", "data": {"text": "hello"}}));
    let mut bytes = [0; 10];
    assert_eq!(device.recv(&mut bytes).ok().map(|count| &bytes[..count]), Some(&b"hello"[..]));
}

#[test]
fn an_open_endpoint_joins_a_group_and_leaves_it() {
    let bench = Bench::new();
    bench.done(json!({"do": "open", "url": "udp://127.0.0.1:0"}));
    let command = |what: &str| json!({"do": what, "endpoint": "e1", "group": "239.1.2.3", "interface": "127.0.0.1"});
    assert_eq!(bench.done(command("join"))["as_command"], ":join e1 239.1.2.3 127.0.0.1");
    let groups = bench.state()["endpoints"][0]["groups"].clone();
    assert_eq!(groups, json!([{"group": "239.1.2.3", "interface": "127.0.0.1"}]));
    assert_eq!(bench.command(&command("join")).code(), "refused_by_system", "it is in it");
    bench.done(command("leave"));
    assert_eq!(bench.state()["endpoints"][0]["groups"], json!([]));
    bench.listen();
    let of_tcp = bench.command(&json!({"do": "join", "endpoint": "e2", "group": "239.1.2.3"}));
    assert_eq!(of_tcp.code(), "no_such_endpoint");
}

#[test]
fn what_goes_wrong_is_told_in_both_languages() {
    let bench = Bench::new();
    let port = free_port();
    let dial = json!({"do": "open", "url": format!("tcp://127.0.0.1:{port}")});
    let answer = bench.command(&dial);
    assert_eq!((answer.status, answer.code().as_str()), (422, "refused_by_system"));
    assert!(answer.text().contains("nobody listens there"), "{}", answer.text());
    let body = dial.to_string();
    let zh = bench.ask("POST", "/api/command?lang=zh", Some(("application/json", body.as_bytes())));
    assert!(zh.text().contains("对方没有监听该端口"), "{}", zh.text());
    for (command, code) in [
        (json!({"do": "open", "url": "gopher://x"}), "bad_url"),
        (json!({"do": "close", "endpoint": "e9"}), "no_such_endpoint"),
        (json!({"do": "close", "endpoint": "9"}), "bad_request"),
        (json!({"do": "send", "to": {"endpoint": "e9"}, "data": {"text": "x"}}), "no_such_endpoint"),
        (json!({"do": "end", "peers": {"endpoint": "e9"}, "how": "close"}), "no_such_endpoint"),
        (json!({"do": "name", "peer": "e9.9", "name": "x"}), "no_such_peer"),
        (json!({"do": "encoding", "of": "e9.9", "encoding": "gbk"}), "no_such_peer"),
        (json!({"do": "encoding", "of": "e77", "encoding": "gbk"}), "no_such_endpoint"),
        (json!({"do": "repeat", "to": "all", "data": {"text": "x"}, "every_ms": 1.5}), "bad_pause"),
        (json!({"do": "dance"}), "bad_request"),
        (json!({"do": "send", "to": "all", "data": {"hex": "0"}}), "bad_data"),
        (json!({"do": "stop", "job": "j9"}), "no_such_job"),
        (json!({"do": "repeat", "to": "all", "data": {"text": "x"}, "every_ms": 0}), "bad_pause"),
        (json!({"do": "board_stop", "board": "b9"}), "no_such_board"),
        (json!({"do": "fault", "spec": "lots"}), "bad_fault"),
        (json!({"do": "fault", "board": "nobody", "spec": "down"}), "not_steered"),
        (json!({"do": "forward", "forward": "x"}), "bad_forward"),
        (json!({"do": "forward", "forward": "0:esp32:99999"}), "bad_port"),
        (json!({"do": "board_offer", "board": "b1", "port": 99999}), "bad_port"),
    ] {
        let answer = bench.command(&command);
        assert_eq!(answer.code(), code, "{command}: {}", answer.text());
        assert!((400..500).contains(&answer.status), "{command}");
    }
    let wrong = bench.ask("POST", "/api/state", Some(("application/json", b"{}")));
    assert_eq!((wrong.status, wrong.code().as_str()), (405, "bad_method"));
    assert!(wrong.header("allow").is_some_and(|allowed| allowed.contains("GET")), "{}", wrong.head);
    assert_eq!(bench.get("/api/nothing").code(), "not_found");
}

#[test]
fn a_job_sends_again_and_again_until_it_is_stopped() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut device = device(port);
    bench.until("it", |state| state["peers"] != json!([]));
    let job = bench.done(json!({"do": "repeat", "to": "all", "data": {"text": "tick "}, "every_ms": 1}));
    assert_eq!(job["job"], "j1");
    assert_eq!(read(&mut device, 25), b"tick tick tick tick tick ");
    let state = bench.until("the job", |state| state["jobs"][0]["turns"].as_u64() > Some(4));
    assert_eq!(state["jobs"][0]["what"], json!({"kind": "repeat", "every_ms": 1}));
    bench.done(json!({"do": "stop", "job": "j1"}));
    bench.until("its end", |state| state["jobs"] == json!([]));
    bench.done(json!({"do": "repeat", "to": "all", "data": {"text": "!"}, "every_ms": 1, "times": 3}));
    bench.until("its end by itself", |state| state["jobs"] == json!([]));
    bench.done(json!({"do": "close", "endpoint": "e1"}));
    let mut rest = Vec::new();
    device.read_to_end(&mut rest).expect("the end");
    assert!(rest.ends_with(b" !!!"), "{}", String::from_utf8_lossy(&rest));
    let lost = bench.done(json!({"do": "repeat", "to": {"peers": ["e1.1"]}, "data": {"text": "x"}, "every_ms": 1}));
    assert_eq!(lost["job"], "j3");
    bench.until("nobody is left", |state| state["jobs"] == json!([]));
}

#[test]
fn a_file_goes_out_whole() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let devices: Vec<_> = (0..2).map(|_| device(port)).collect();
    bench.until("both", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == 2));
    let file: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let length = file.len();
    let readers: Vec<_> =
        devices.into_iter().map(|mut device| std::thread::spawn(move || read(&mut device, length))).collect();
    let sent = bench.ask("POST", "/api/send-file?to=all&name=x.bin", Some(("application/octet-stream", &file)));
    let whole = |peer: &str| json!({"peer": peer, "bytes": length, "complete": true});
    assert_eq!(
        sent.json(),
        json!({"bytes": length, "complete": true, "peers": [whole("e1.1"), whole("e1.2")], "as_command": ":all\n:file x.bin"})
    );
    for reader in readers {
        assert!(reader.join().expect("read") == file);
    }
    let state = bench.until("the counts", |state| state["totals"]["sent"] == 2 * length);
    assert_eq!(state["jobs"], json!([]));
}

/// A device that gets two files at once has one and then the other, not pieces of both.
#[test]
fn a_file_waits_for_the_one_before() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let (mut reading, other) = (device(port), device(port));
    bench.until("both", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == 2));
    let files = [vec![1; 8 << 20], vec![2; 1 << 20], vec![3; 1 << 20]];
    let send = |to: &str, file: &[u8]| {
        bench.ask("POST", &format!("/api/send-file?to={to}"), Some(("application/octet-stream", file))).json()
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| send("e1", &files[0]));
        bench.until("it waits for the readers", |state| state["jobs"][0]["done"].as_u64() > Some(0));
        let second = scope.spawn(|| send("e1.1", &files[1]));
        bench.until("the second", |state| state["jobs"].as_array().is_some_and(|jobs| jobs.len() == 2));
        let third = scope.spawn(|| send("all", &files[2]));
        bench.until("the third", |state| state["jobs"].as_array().is_some_and(|jobs| jobs.len() == 3));
        drop(other);
        assert!(read(&mut reading, 10 << 20) == files.concat());
        for (file, complete) in [(first, false), (second, true), (third, true)] {
            assert_eq!(file.join().expect("an answer")["complete"], complete);
        }
    });
    bench.until("their end", |state| state["jobs"] == json!([]));
}

/// A file whose sender has gone, while it waited for its turn, does not come afterwards.
#[test]
fn a_file_that_waits_goes_with_its_sender() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut device = device(port);
    bench.until("it", |state| state["peers"] != json!([]));
    let file = vec![1; 8 << 20];
    std::thread::scope(|scope| {
        let first = scope
            .spawn(|| bench.ask("POST", "/api/send-file?to=all", Some(("application/octet-stream", &file))).json());
        bench.until("the first", |state| state["jobs"][0]["done"].as_u64() > Some(0));
        let mut sender = std::net::TcpStream::connect(bench.at()).expect("it listens");
        let head = format!(
            "POST /api/send-file?to=e1&name=late HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nerase",
            bench.at(),
            crate::kit::TOKEN,
        );
        sender.write_all(head.as_bytes()).expect("it reads");
        bench.until("the second", |state| state["jobs"][1]["what"]["name"] == "late");
        drop(sender);
        bench.until("that it is over", |state| state["jobs"].as_array().is_some_and(|jobs| jobs.len() == 1));
        assert!(read(&mut device, 8 << 20) == file);
        assert_eq!(first.join().expect("an answer")["complete"], true);
    });
    bench.done(json!({"do": "close", "endpoint": "e1"}));
    assert_eq!(device.read_to_end(&mut Vec::new()).expect("the end"), 0);
}

#[test]
fn a_file_that_nobody_takes_waits_and_can_be_stopped() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let deaf = device(port);
    bench.until("it", |state| state["peers"] != json!([]));
    let (at, file) = (bench.at(), vec![7; 64 << 20]);
    let sending = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(at).expect("it listens");
        let head = format!(
            "POST /api/send-file?to=e1&name=big HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            crate::kit::TOKEN,
            file.len()
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        let sender = stream.try_clone().expect("a socket");
        let body = std::thread::spawn(move || (&sender).write_all(&file).is_err());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let _ = stream.shutdown(std::net::Shutdown::Both);
        (String::from_utf8_lossy(&answer).into_owned(), body.join().expect("a thread"))
    });
    // It stands still when the queue is full, whatever the system's buffers hold.
    bench.until("the job", |state| {
        let job = &state["jobs"][0];
        job["what"] == json!({"kind": "file", "name": "big"})
            && job["total"] == 64 << 20
            && state["peers"][0]["waiting"].as_u64() > Some(900_000)
    });
    bench.done(json!({"do": "stop", "job": "j1"}));
    let (answer, cut) = sending.join().expect("an answer");
    assert!(answer.contains("\"complete\":false") && !cut, "the rest is read and let go: {answer}");
    bench.until("no job", |state| state["jobs"] == json!([]));
    drop(deaf);
}

#[test]
fn what_a_device_sends_is_never_a_page() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut device = device(port);
    let nasty = b"<script>alert(1)</script>\x1b[2J\x1b]0;x\x07\xe2\x80\xae";
    device.write_all(nasty).expect("it reads");
    bench.until("it", |state| state["totals"]["received"] == nasty.len());
    bench.records(3); // what was counted may still be on its way to the disk
    bench.done(json!({"do": "name", "peer": "e1.1", "name": "<img src=x onerror=alert(1)>"}));
    for path in [
        "/api/state",
        "/api/runs/current/records",
        "/api/runs/current/records/3",
        "/api/runs/current/search?text=script",
        "/api/runs/current/export?as=txt",
        "/api/runs/current/export?as=raw",
        "/api/runs/current/stat",
    ] {
        let answer = bench.get(path);
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(
            ["application/json", "application/x-ndjson", "application/octet-stream"].contains(&kind),
            "{path}: {kind}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        if !path.ends_with("raw") {
            assert!(!answer.body.iter().any(|b| matches!(b, 0x1b | 7)), "{path}: control characters are escaped");
        }
    }
    let record = bench.get("/api/runs/current/records/3").json();
    assert_eq!(data(&record), nasty, "and nothing of it is lost");
}

#[test]
fn figures_are_prometheus_text() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    device(port).write_all(b"12345").expect("it reads");
    bench.until("it", |state| state["totals"]["received"] == 5);
    let text = bench.get("/metrics").text();
    let line = format!("socklab_received_bytes_total{{endpoint=\"e1\",url=\"tcp-listen://127.0.0.1:{port}\"}} 5\n");
    assert!(text.contains(&line), "{text}");
    assert!(text.lines().all(|line| line.starts_with("# ") || line.split_once("} ").is_some() || line.contains(' ')));
}

#[test]
fn datagrams_have_peers_too() {
    let bench = Bench::new();
    let opened = bench.done(json!({"do": "open", "url": "udp://127.0.0.1:0"}));
    let port: u16 = opened["url"].as_str().and_then(|url| url.rsplit(':').next()?.parse().ok()).expect("a port");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(crate::kit::PATIENCE)).expect("a socket");
    let own = socket.local_addr().expect("an address").to_string();
    let added = bench.done(json!({"do": "add_peer", "endpoint": "e1", "target": own}));
    assert_eq!(added["peers"], json!(["e1.1"]));
    bench.done(json!({"do": "send", "to": "all", "data": {"text": "ping"}}));
    let mut buffer = [0; 100];
    assert_eq!(socket.recv(&mut buffer).expect("a datagram"), 4);
    socket.send_to(b"pong", ("127.0.0.1", port)).expect("sent");
    let state = bench.until("the answer", |state| state["totals"]["received"] == 4);
    assert_eq!(state["peers"][0]["address"], own);
}

#[test]
fn what_is_wrong_with_a_request_is_told_in_chinese_too() {
    let bench = Bench::new();
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
    for command in [
        json!({"do": "close", "endpoint": "9"}),
        json!({"do": "end", "peers": {"peers": ["x"]}, "how": "reset"}),
        json!({"do": "encoding", "of": "x", "encoding": "gbk"}),
        json!({"do": "stop", "job": "x"}),
        json!({"do": "board_stop", "board": "x"}),
        json!({"do": "join", "endpoint": "e1", "group": "x"}),
        json!({"do": "end_forward", "at": "x"}),
        json!({"do": "repeat", "to": "all", "data": {"text": "x"}, "every_ms": 1.5}),
        json!({"do": "send", "to": "all", "data": {"base64": "?"}}),
        json!({"do": "dance"}),
    ] {
        let body = command.to_string();
        let zh = bench.ask("POST", "/api/command?lang=zh", Some(("application/json", body.as_bytes()))).json();
        assert!(zh["error"]["text"].as_str().is_some_and(is_chinese), "{command}: {zh}");
        let en = bench.command(&command).json();
        assert!(!en["error"]["text"].as_str().is_some_and(is_chinese), "{command}: {en}");
    }
    for path in ["records?limit=x", "export?as=x", "search?regex=(", "search?peer=x&text=a"] {
        let zh = bench.get(&format!("/api/runs/current/{path}{}lang=zh", "&")).json();
        assert!(zh["error"]["text"].as_str().is_some_and(is_chinese), "{path}: {zh}");
    }
    let long = vec![b'x'; (16 << 20) + 1];
    bench.done(json!({"do": "board_new", "profile": "esp32"}));
    let refused = bench.ask("PUT", "/api/boards/b1/flash/x.bin?lang=zh", Some(("application/octet-stream", &long)));
    assert_eq!((refused.status, refused.code().as_str()), (413, "too_long"));
    assert!(is_chinese(&refused.text()), "{}", refused.text());
}

/// Who types a wrong number or expression reads what is wrong with it; what the library said stands behind in quotes.
#[test]
fn what_a_library_says_has_a_cause_in_chinese_before_it() {
    let bench = Bench::new();
    let said = |answer: crate::kit::Answer| answer.json()["error"]["text"].as_str().unwrap_or_default().to_owned();
    let command =
        |body: &str| said(bench.ask("POST", "/api/command?lang=zh", Some(("application/json", body.as_bytes()))));
    for (body, zh) in [
        ("{\"do\": ", "内容不是有效的 JSON（“"),
        ("{\"do\": \"send\"}", "缺少 to（“"),
        ("{\"do\": \"dance\"}", "没有 \"dance\" 这个值（“"),
        ("{\"do\": \"send\", \"to\": \"all\", \"data\": {\"base64\": \"?\"}}", "不是 base64（“"),
        ("{\"do\": \"board_offer\", \"board\": \"b1\", \"port\": -1}", "不能是 -1，应为非负整数（“"),
        ("{\"do\": \"close\", \"endpoint\": 5}", "不能是 5，应为文字（“"),
    ] {
        assert!(command(body).contains(zh), "{body}: {}", command(body));
    }
    for (path, zh) in [
        ("records?limit=x", "limit 不是非负整数（“"),
        ("records?from=", "缺少数字（“"),
        ("records?from=99999999999999999999", "数字太大（“"),
        ("search?regex=(", "正则表达式有误：左括号“(”没有对应的“)”（“unclosed group”）"),
    ] {
        let text = said(bench.get(&format!("/api/runs/current/{path}&lang=zh")));
        assert!(text.contains(zh), "{path}: {text}");
    }
}

#[test]
fn a_file_says_what_each_peer_has_of_it() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let (mut whole, half) = (device(port), device(port));
    bench.until("both", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == 2));
    let file: Vec<u8> = (0..32_u32 << 20).map(|n| (n % 251) as u8).collect();
    let wanted = file.clone();
    let reader = std::thread::spawn(move || read(&mut whole, wanted.len()) == wanted);
    // The one that does not read holds up the file; then it goes.
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let body = Some(("application/octet-stream", &file[..]));
            bench.ask("POST", "/api/send-file?to=e1&name=fw.bin", body).json()
        });
        bench.until("it waits", |state| {
            state["peers"]
                .as_array()
                .is_some_and(|peers| peers.iter().any(|peer| peer["waiting"].as_u64() > Some(900_000)))
        });
        drop(half);
        sending.join().expect("an answer")
    });
    assert!(reader.join().expect("it reads"), "the one that reads gets all of it");
    assert_eq!((&sent["complete"], &sent["bytes"]), (&json!(false), &json!(32 << 20)), "{sent}");
    assert_eq!(sent["peers"][0], json!({"peer": "e1.1", "bytes": 32 << 20, "complete": true}));
    assert_eq!(sent["peers"][1]["complete"], false);
    assert!(sent["peers"][1]["bytes"].as_u64() < Some(32 << 20), "{sent}");
    assert_eq!(sent["as_command"], ":to e1\n:file fw.bin");
    let empty = bench.ask("POST", "/api/send-file?to=e1", Some(("application/octet-stream", b""))).json();
    assert_eq!(empty, json!({"bytes": 0, "complete": true, "peers": []}));
}

#[test]
fn a_repeat_counts_what_was_taken_and_ends_with_its_endpoint() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let deaf = device(port);
    bench.until("it", |state| state["peers"][0]["id"] == "e1.1");
    let data = "x".repeat(700_000);
    bench.done(json!({"do": "repeat", "to": {"endpoint": "e1"}, "data": {"text": data}, "every_ms": 1}));
    let state = bench.until("refusals", |state| state["jobs"][0]["refused"].as_u64() > Some(3));
    let (turns, done) = (state["jobs"][0]["turns"].as_u64(), state["jobs"][0]["done"].as_u64());
    assert_eq!(done, turns.map(|turns| turns * 700_000), "{}", state["jobs"]);
    let state = bench.until("what was handed over", |state| {
        let (peer, job) = (&state["peers"][0], &state["jobs"][0]);
        Some(peer["sent"].as_u64().unwrap_or(0) + peer["waiting"].as_u64().unwrap_or(0)) == job["done"].as_u64()
    });
    assert!(state["jobs"][0]["refused"].as_u64() > Some(0));
    drop(deaf);
    bench.until("nobody", |state| state["peers"] == json!([]));
    assert_eq!(bench.state()["jobs"].as_array().map(Vec::len), Some(1), "others may come");
    bench.done(json!({"do": "close", "endpoint": "e1"}));
    bench.until("its end", |state| state["jobs"] == json!([]));
}

#[test]
fn a_peer_that_is_half_closed_looks_so() {
    let bench = Bench::new();
    let opened = bench.done(json!({"do": "open", "url": "tcp-listen://127.0.0.1:0?halfopen=1"}));
    let port = opened["url"].as_str().and_then(|url| url.rsplit(':').next()?.split('?').next()?.parse().ok());
    let port: u16 = port.expect("a port");
    let (first, _second) = (device(port), device(port));
    bench.until("both", |state| (0..2).all(|index| state["peers"][index]["state"] == "open"));
    bench.done(json!({"do": "end", "peers": {"peers": ["e1.2"]}, "how": "half-close"}));
    bench.until("our half", |state| state["peers"][1]["state"] == "half_closed");
    first.shutdown(std::net::Shutdown::Write).expect("a FIN");
    bench.until("its half", |state| state["peers"][0]["state"] == "finished");
}
