//! Captures over the API: by window, forwards and backwards, found in, written out, removed.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::kit::{Bench, device};

fn seqs(window: &Value) -> Vec<u64> {
    window["records"].as_array().expect("records").iter().filter_map(|record| record["seq"].as_u64()).collect()
}

/// A log of a hundred messages, alternately of two devices, which are still there.
fn talked() -> (Bench, [TcpStream; 2]) {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut devices = [device(port), device(port)];
    bench.until("both", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == 2));
    for number in 0..100_u64 {
        devices[number as usize % 2].write_all(format!("message {number:02}").as_bytes()).expect("it reads");
        bench.until("it", |state| state["totals"]["received_records"].as_u64() > Some(number));
    }
    bench.until("the log", |state| state["log"]["next"] == 104);
    (bench, devices)
}

#[test]
fn a_window_is_a_part_of_the_log_either_way() {
    let (bench, _devices) = talked();
    let window = |query: &str| bench.get(&format!("/api/runs/current/records?{query}")).json();
    let all = window("");
    assert_eq!((seqs(&all), &all["first"], &all["last"]), ((1..=103).collect(), &json!(1), &json!(103)));
    assert_eq!((&all["complete"], &all["next"]), (&json!(true), &Value::Null));
    let part = window("from=10&limit=5");
    assert_eq!((seqs(&part), &part["next"]), ((10..=14).collect(), &json!(15)));
    let back = window("dir=back&limit=5");
    assert_eq!((seqs(&back), &back["next"]), ((99..=103).collect(), &json!(98)));
    let further = window("dir=back&limit=5&from=98");
    assert_eq!((seqs(&further), &further["next"]), ((94..=98).collect(), &json!(93)));
    let begin = window("dir=back&limit=5&from=3");
    assert_eq!((seqs(&begin), &begin["next"]), ((1..=3).collect(), &Value::Null));
    assert_eq!(seqs(&window("from=1000")), [0; 0]);
    let of_one = window("peer=e1.2&kinds=received&limit=3");
    assert_eq!(seqs(&of_one), [5, 7, 9]);
    assert_eq!(seqs(&window("peer=e1.2&kinds=received&limit=3&dir=back")), [99, 101, 103]);
    assert_eq!(seqs(&window("endpoint=e1&kinds=opened,connected")), [1, 2, 3]);
    assert_eq!(seqs(&window("endpoint=e2")), [0; 0]);
    assert_eq!(bench.get("/api/runs/current/records?peer=x").code(), "bad_request");
    assert_eq!(bench.get("/api/runs/current/records?limit=x").code(), "bad_request");
    assert_eq!(bench.get("/api/runs/current/records/500").code(), "no_such_record");
    assert_eq!(bench.get("/api/runs/none/records").code(), "no_such_run");
}

#[test]
fn a_long_record_is_cut_in_a_window_and_whole_alone() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let udp = bench.done(json!({"do": "open", "url": "udp://127.0.0.1:0"}));
    let at = udp["url"].as_str().and_then(|url| url.strip_prefix("udp://")).expect("an address").to_owned();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(&[b'x'; 9000], &at).expect("sent");
    let _ = port;
    bench.until("it", |state| state["totals"]["received"] == 9000);
    let records = bench.records(4);
    let long = records.iter().find(|record| record["kind"] == "received").expect("it");
    assert_eq!((&long["bytes"], &long["cut"], &long["datagram"]), (&json!(9000), &json!(true), &json!(true)));
    let whole = bench.get(&format!("/api/runs/current/records/{}", long["seq"])).json();
    assert_eq!((whole["data"].as_str().map(str::len), &whole["cut"]), (Some(12_000), &Value::Null));
}

/// What a search finds, as text around each place.
fn found(bench: &Bench, query: &str) -> Vec<(String, String)> {
    let answer = bench.get(&format!("/api/runs/current/search?{query}")).text();
    let lines = answer.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let hits = lines.filter(|line| line["type"] == "hit");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    hits.map(|hit| (text(&hit["peer"]), text(&hit["matched"]))).collect()
}

#[test]
fn text_is_found_in_the_encoding_of_each_peer_also_when_it_is_gone() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let (_, other) = bench.listen();
    let wen: (&[u8], &[u8]) = ("温".as_bytes(), b"\xce\xc2");
    let mut sent = 0;
    let mut devices = Vec::new();
    for (port, bytes) in [(port, wen.0), (port, wen.1), (other, wen.1), (other, wen.0)] {
        let mut device = device(port);
        device.write_all(bytes).expect("it reads");
        sent += bytes.len() as u64;
        bench.until("it", |state| state["totals"]["received"] == sent);
        devices.push(device);
    }
    bench.done(json!({"do": "encoding", "of": "e1.2", "encoding": "gbk"}));
    bench.done(json!({"do": "encoding", "of": "e2", "encoding": "gbk"}));
    bench.done(json!({"do": "name", "peer": "e1.2", "name": "old one"}));
    drop(devices);
    bench.until("nobody", |state| state["peers"].as_array().is_some_and(Vec::is_empty));
    let labels = json!([
        {"of": "e1.2", "name": "old one", "encoding": "gbk"},
        {"of": "e2", "encoding": "gbk"},
    ]);
    bench.until("what was said of them", |state| state["labels"] == labels);
    let wanted = |peers: &[&str]| peers.iter().map(|peer| ((*peer).to_owned(), "温".to_owned())).collect::<Vec<_>>();
    // The one whose letters are those of another encoding has not said it.
    assert_eq!(found(&bench, "text=%E6%B8%A9"), wanted(&["e1.1", "e1.2", "e2.1"]));
    assert_eq!(found(&bench, "text=%E6%B8%A9&endpoint=e1"), wanted(&["e1.1", "e1.2"]));
    assert_eq!(found(&bench, "text=%E6%B8%A9&encoding=gbk"), wanted(&["e1.2", "e2.1"]));
}

/// Copies a run, as that of another start.
fn copy(captures: &Path, from: &str, to: &str) {
    fs::create_dir_all(captures.join(to)).expect("made");
    for entry in fs::read_dir(captures.join(from)).expect("a run").flatten() {
        fs::copy(entry.path(), captures.join(to).join(entry.file_name())).expect("copied");
    }
}

#[test]
fn runs_are_listed_looked_into_and_removed() {
    let (bench, _devices) = talked();
    let current = bench.state()["log"]["run"].as_str().expect("a name").to_owned();
    copy(&bench.captures(), &current, "2020-01-01T00-00-00.000Z-1");
    let runs = bench.get("/api/runs").json();
    let names: Vec<_> = runs["runs"].as_array().expect("runs").iter().map(|run| run["run"].clone()).collect();
    assert_eq!(names, [json!(current), json!("2020-01-01T00-00-00.000Z-1")], "the newest first");
    let old = &runs["runs"][1];
    assert_eq!((&old["records"], &old["received"], &old["live"]), (&json!(103), &json!(1000), &json!(false)));
    let stat = bench.get("/api/runs/2020-01-01T00-00-00.000Z-1/stat").json();
    assert_eq!(stat["peer_count"], 2);
    assert_eq!((&stat["peers"][1]["id"], &stat["peers"][1]["received"]), (&json!("e1.2"), &json!(500)));
    let window = bench.get("/api/runs/2020-01-01T00-00-00.000Z-1/records?from=50&limit=3").json();
    assert_eq!((seqs(&window), &window["last"]), (vec![50, 51, 52], &json!(103)));
    assert_eq!(bench.ask("DELETE", "/api/runs/current", None).code(), "run_is_live");
    assert_eq!(bench.ask("DELETE", "/api/runs/2020-01-01T00-00-00.000Z-1", None).status, 204);
    assert_eq!(bench.ask("DELETE", "/api/runs/2020-01-01T00-00-00.000Z-1", None).code(), "no_such_run");
    assert!(!bench.captures().join("2020-01-01T00-00-00.000Z-1").exists());
}

#[test]
fn what_is_looked_for_is_found_across_reads() {
    let (bench, _devices) = talked();
    let found = |query: &str| -> Vec<Value> {
        let answer = bench.get(&format!("/api/runs/current/search?{query}"));
        answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let lines = found("text=00message");
    assert_eq!(lines.len(), 2, "one message after the other of the same device: {lines:?}");
    assert_eq!((&lines[0]["seq"], &lines[0]["peer"]), (&json!(4), &json!("e1.1")));
    assert_eq!((&lines[0]["matched"], &lines[1]["hits"]), (&json!("00message"), &json!(1)));
    assert_eq!(found("regex=message%20%5B0-9%5D7").last().map(|last| last["hits"].clone()), Some(json!(10)));
    assert_eq!(found("hex=39%2039").len(), 2);
    assert_eq!(found("text=message&peer=e1.2&limit=5").len(), 6, "five and the summary");
    assert_eq!(found("text=message&from=100").last().map(|last| last["hits"].clone()), Some(json!(4)));
    assert_eq!(found("text=message&side=sent").len(), 1);
    assert_eq!(bench.get("/api/runs/current/search?regex=%28").code(), "bad_regex");
    assert_eq!(bench.get("/api/runs/current/search?text=a&hex=00").code(), "bad_request");
    assert_eq!(bench.get("/api/runs/current/search?text=").code(), "bad_request");
}

#[test]
fn a_run_is_written_out_in_every_form() {
    let (bench, _devices) = talked();
    let export = |query: &str| bench.get(&format!("/api/runs/current/export?{query}"));
    let raw = export("as=raw&peer=e1.1");
    assert!(raw.text().starts_with("message 00message 02") && raw.body.len() == 500);
    let pcapng = export("as=pcapng");
    assert_eq!(pcapng.body[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    let name = pcapng.header("content-disposition").expect("a name");
    assert!(name.starts_with("attachment; filename=\"20") && name.ends_with(".pcapng\""), "{name}");
    assert_eq!(export("as=jsonl").text().lines().count(), 103);
    assert_eq!(export("as=csv").text().lines().count(), 104);
    assert!(export("as=txt").text().contains("message 42"));
    assert!(export("as=netassist").text().contains("RECV"));
    assert_eq!(export("as=docx").code(), "bad_format");
}

#[test]
fn each_peers_text_is_written_out_in_its_own_encoding() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut devices = [device(port), device(port)];
    bench.until("both", |state| state["peers"].as_array().is_some_and(|peers| peers.len() == 2));
    bench.done(json!({"do": "encoding", "of": "e1.2", "encoding": "gbk"}));
    devices[0].write_all("温度".as_bytes()).expect("it reads");
    devices[1].write_all(b"\xca\xaa\xb6\xc8").expect("it reads");
    bench.until("their words", |state| state["totals"]["received"] == 10);
    for format in ["txt", "jsonl", "csv", "netassist"] {
        let text = bench.get(&format!("/api/runs/current/export?as={format}")).text();
        assert!(text.contains("温度") && text.contains("湿度"), "{text}");
    }
    let text = bench.get("/api/runs/current/export?as=txt&encoding=utf-8").text();
    assert!(text.contains("温度") && !text.contains("湿度"), "{text}");
}

#[test]
fn the_capture_is_whole_after_the_end() {
    let (bench, _devices) = talked();
    let run = bench.state()["log"]["run"].as_str().expect("a name").to_owned();
    let folder = bench.end();
    let read = socklab_capture::run::Run::at(folder.path().join("captures").join(run));
    let totals = socklab_capture::cursor::totals(&read).expect("it reads");
    assert_eq!(totals.received(), 1000);
}
