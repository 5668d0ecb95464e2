//! `capture`: what a run left, in every form, whatever became of the program that wrote it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use regex::Regex;
use serde_json::{Value, json};

use crate::kit::{Done, Lab, Running, assert_same, json_lines, noise, read_some};
use crate::session::{SAID, Session, assert_refused, base64, copy_run, said, segment, without_time};

const ANY: &str = "tcp-listen://127.0.0.1:0";
/// One for the endpoint's start and end each; for each client a start, an end, and two a write.
const RECORDS: u64 = 2 + 3 * 2 + 2 * 5;

fn capture(lab: &Lab, args: &[&str]) -> Done {
    lab.run(["capture"].iter().chain(args))
}

fn name_of(lab: &Lab) -> String {
    lab.stat()["run"].as_str().expect("a run has a name").to_owned()
}

#[test]
fn ls_lists_runs_with_their_counts() {
    let session = Session::new();
    let (lab, name) = (&session.lab, name_of(&session.lab));
    let runs = json_lines(&capture(lab, &["ls", "--json"]).ok());
    assert_eq!(runs.len(), 1);
    let wanted = json!({ "run": name, "records": RECORDS, "received": said().len(), "sent": said().len(), "live": false, "dropped": 0 });
    for (field, value) in wanted.as_object().expect("an object") {
        assert_eq!(&runs[0][field], value, "{field}");
    }
    let text = capture(lab, &["ls"]).ok();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows.len(), &rows[1][..2], rows[1][3]), (2, &[&*name, "18"][..], "3"), "{text}");
}

#[test]
fn show_tells_every_record() {
    let session = Session::new();
    let text = capture(&session.lab, &["show"]).ok();
    assert_eq!(without_time(&text), session.lines());
}

#[test]
fn show_keeps_to_the_peers_asked_for() {
    let session = Session::new();
    for peers in [&["e1.2"][..], &["e1.3", "e1.1"], &["e1.4"], &["e2.1"]] {
        let args = ["show"].into_iter().chain(peers.iter().flat_map(|peer| ["--peer", *peer]));
        let done = capture(&session.lab, &args.collect::<Vec<_>>());
        let is_asked_for = |line: &String| peers.iter().any(|peer| line.starts_with(&format!("{peer} ")));
        let wanted: Vec<String> = session.lines().into_iter().filter(is_asked_for).collect();
        assert_eq!(done.code, Some(i32::from(wanted.is_empty())), "{done:?}");
        assert_eq!(without_time(&done.text()), wanted, "{peers:?}");
    }
}

#[test]
fn show_begins_where_it_is_told() {
    let session = Session::new();
    for from in [1, 7, RECORDS, RECORDS + 1] {
        let records = json_lines(&capture(&session.lab, &["show", "--show", "json", "--from", &from.to_string()]).ok());
        let seqs: Vec<u64> = records.iter().filter_map(|record| record["seq"].as_u64()).collect();
        assert_eq!(seqs, (from..=RECORDS).collect::<Vec<_>>());
    }
}

#[test]
fn show_has_hex_a_dump_json_raw_and_nothing() {
    let session = Session::new();
    let show = |form| capture(&session.lab, &["show", "--show", form]);
    let third = format!("e1.3 {}", session.clients[2]);
    let hex = show("hex").ok();
    assert!(without_time(&hex).contains(&&*format!("{third} < 01 03 00 00 00 02 c4 0b")), "{hex}");
    let both = show("both").ok();
    let rows = format!(r"(?m)^[0-9:.]+ {} < 8 bytes\n  0000  01 03 00 00 00 02 c4 0b +\.{{8}}$", regex::escape(&third));
    assert!(Regex::new(&rows).expect("a regex").is_match(&both), "{both}");
    assert_same("--show raw", &show("raw").out, &said());
    assert_eq!(show("none").ok(), "");
    let records = json_lines(&show("json").ok());
    let received = records.iter().filter(|record| record["kind"] == "received");
    let bytes: Vec<u8> = received.flat_map(|record| base64(record["data"].as_str().expect("data"))).collect();
    assert_same("the data of --show json", &bytes, &said());
}

#[test]
fn search_finds_text_hex_and_expressions_also_across_reads() {
    let session = Session::new();
    let cases: [(&[&str], u32); 13] = [
        (&["01Studio"], 2), // what came and what went back
        (&["Hello", "01Studio!"], 2),
        (&[r"!\r\n"], 2),
        (&["temperature"], 2),
        (&["--hex", "01 03 00"], 2),
        (&["--hex", "0x65", "0x72", "0x61"], 2),
        (&["--regex", "T=[0-9]+"], 2),
        (&["--regex", "(?i)TEMPERATURE=[0-9]"], 2),
        (&["--peer", "e1.3", "T=42"], 2),
        (&["--peer", "e1.1", "T=42"], 0),
        (&["21\nT"], 0), // of two peers
        (&["--hex", "ff ff"], 0),
        (&["--regex", "^T=[a-z]"], 0),
    ];
    for (args, hits) in cases {
        let done = capture(&session.lab, &[&["search"], args].concat());
        assert_eq!(done.code, Some(i32::from(hits == 0)), "{args:?}: {done:?}");
        assert_eq!(done.err.lines().count(), usize::from(hits == 0), "{args:?}: {}", done.err);
        assert_eq!(done.text().lines().count(), hits as usize, "{args:?}");
        let done = capture(&session.lab, &[&["search", "--count"], args].concat());
        assert_eq!((done.code, done.text()), (Some(i32::from(hits == 0)), format!("{hits}\n")), "{args:?}");
    }
}

#[test]
fn a_hit_says_who_when_and_where() {
    let session = Session::new();
    let text = capture(&session.lab, &["search", "temperature"]).ok();
    let client = regex::escape(&session.clients[1]);
    for (line, sign) in text.lines().zip(["<", ">"]) {
        let form = format!(r"^\d\d:\d\d:\d\d\.\d{{6}} e1\.2 {client} {sign} #\d+ @0 temperature=21\\n$");
        assert!(Regex::new(&form).expect("a regex").is_match(line), "{line}");
    }
}

#[test]
fn stat_counts_what_travelled() {
    let session = Session::new();
    let stat = session.lab.stat();
    let folder = session.lab.path("data").join("captures").join(stat["run"].as_str().expect("a name"));
    let path = stat["path"].as_str().expect("a path");
    assert_eq!(Path::new(path), folder);
    let (first, last) = (stat["first"].as_str().expect("a time"), stat["last"].as_str().expect("a time"));
    assert!(first < last && last.ends_with('Z'), "{first} {last}");
    assert_eq!(stat["endpoints"], json!([{ "endpoint": "e1", "url": session.url, "dropped": 0 }]));
    let peers = stat["peers"].as_array().expect("peers");
    assert_eq!(peers.len(), SAID.len());
    for (number, peer) in peers.iter().enumerate() {
        let bytes = SAID[number].concat().len();
        let wanted = json!({
            "peer": format!("e1.{}", number + 1), "address": session.clients[number], "received": bytes, "sent": bytes,
            "records": 2 + 2 * SAID[number].len(), "first": peer["first"], "last": peer["last"],
        });
        assert_eq!(peer, &wanted);
    }
    let text = capture(&session.lab, &["stat"]).ok();
    assert!(text.starts_with(path) && text.contains(&format!("{RECORDS} records")), "{text}");
}

#[test]
fn export_has_all_its_forms() {
    let session = Session::new();
    let lab = &session.lab;
    let export = |form: &str| capture(lab, &["export", "--as", form]);
    assert_same("raw", &export("raw").out, &said());
    assert_same("raw of one peer", &lab.exported_raw(&["--peer", "e1.2"]), &SAID[1].concat());
    assert_eq!(export("jsonl").ok(), capture(lab, &["show", "--show", "json"]).ok());
    let dated = export("txt").ok();
    let date = Regex::new(r"^\d{4}-\d\d-\d\d ").expect("a regex");
    assert!(dated.lines().all(|line| date.is_match(line)), "{dated}");
    let undated: Vec<&str> = dated.lines().map(|line| &line[11..]).collect();
    assert_eq!(without_time(&undated.join("\n")), session.lines());
    assert_csv(&export("csv").ok(), &session);
    assert_netassist(&export("netassist").ok(), &session);
}

#[track_caller]
fn assert_csv(table: &str, session: &Session) {
    let rows: Vec<&str> = table.split_terminator("\r\n").collect();
    assert_eq!((rows[0], rows.len() as u64), ("seq,at,endpoint,peer,address,kind,bytes,hex,text", RECORDS + 1));
    let third = format!("e1,e1.3,{},received,8,01 03 00 00 00 02 c4 0b,", session.clients[2]);
    assert_eq!(rows.iter().filter(|row| row.contains(&third)).count(), 1, "{table}");
}

#[track_caller]
fn assert_netassist(log: &str, session: &Session) {
    let (ip, port) = session.clients[1].rsplit_once(':').expect("a port");
    let heads = [
        format!("# Client {ip}:{port} gets online."),
        format!("# RECV ASCII FROM {ip} :{port}>\ntempe\n"),
        format!("# SEND ASCII TO {ip} :{port}>\ntempe\n"),
        format!("# RECV ASCII FROM {ip} :{port}>\nrature=21\n"),
        format!("# Client {ip}:{port} gets offline."),
    ];
    let places: Vec<Option<usize>> = heads.iter().map(|head| log.find(head)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {log}");
    assert!(log.contains("]# RECV HEX FROM ") && log.contains(">\n01 03 00 00 00 02 C4 0B\n"), "{log}");
    let head = Regex::new(r"(?m)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]# ").expect("a regex");
    assert_eq!(head.find_iter(log).count(), 3 * 2 + 2 * 5);
}

#[test]
fn an_export_to_a_file_is_the_same_and_tells_its_size() {
    let session = Session::new();
    for form in ["raw", "pcapng", "jsonl", "csv", "txt", "netassist"] {
        let file = session.lab.typed(form);
        let told = capture(&session.lab, &["export", "--as", form, "-o", &file]);
        assert_eq!((told.code, &*told.out), (Some(0), b"".as_slice()), "{form}");
        let written = fs::read(file).expect("the file is there");
        assert!(told.err.ends_with(&format!(" records, {} bytes\n", written.len())), "{form}: {}", told.err);
        assert_same(form, &written, &capture(&session.lab, &["export", "--as", form]).out);
    }
}

#[test]
fn a_run_goes_by_its_name_its_path_and_its_exported_file() {
    let session = Session::new();
    let lab = &session.lab;
    let (name, folder, file) = (name_of(lab), lab.run_folder(), lab.typed("exported.pcapng"));
    capture(lab, &["export", "--as", "pcapng", "-o", &file]).ok();
    Session::new().lab.run_folder(); // another lab's run is not in the way
    lab.listen(ANY, &[]).stop(); // and this one is newer
    assert_ne!(name_of(lab), name);
    for run in [&*name, folder.to_str().expect("UTF-8"), &file] {
        assert_eq!(without_time(&capture(lab, &["show", run]).ok()), session.lines(), "show {run}");
        let stat = lab.stat_of(&[run]);
        assert_eq!((&stat["records"], &stat["live"]), (&json!(RECORDS), &json!(false)), "stat {run}");
        assert_same(run, &capture(lab, &["export", run, "--as", "raw"]).out, &said());
        assert_eq!(capture(lab, &["search", "--run", run, "temperature"]).ok().lines().count(), 2, "search {run}");
        assert_eq!(without_time(&capture(lab, &["follow", run]).ok()), session.lines(), "follow {run}");
    }
}

#[test]
fn an_exported_peer_is_alone_in_its_file() {
    let session = Session::new();
    let file = session.lab.typed("one.pcapng");
    capture(&session.lab, &["export", "--as", "pcapng", "--peer", "e1.2", "-o", &file]).ok();
    let text = capture(&session.lab, &["show", &file]).ok();
    let is_wanted = |line: &String| line.starts_with("e1 ") || line.starts_with("e1.2 ");
    let wanted: Vec<String> = session.lines().into_iter().filter(is_wanted).collect();
    assert_eq!(without_time(&text), wanted);
}

#[test]
fn a_run_that_another_process_writes_can_be_read_and_followed() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &["--echo"]);
    let follower = lab.start(["capture", "follow", "--show", "json"]);
    let late = lab.start(["capture", "follow", "--from", "4"]);
    follower.wait_for_text("opened");
    let mut client = server.dial();
    for word in ["one", "two", "three"] {
        client.write_all(word.as_bytes()).expect("sent");
        read_some(&mut client, word.len());
        follower.wait_for_text(&format!(r#""text":"{word}""#));
    }
    let stat = lab.stat();
    assert_eq!((&stat["live"], &stat["received"]), (&json!(true), &json!(11)), "{stat}");
    assert_same("raw of a live run", &lab.exported_raw(&[]), b"onetwothree");
    drop(client);
    server.stop();
    let (followed, late) = (follower.finish(), late.finish());
    assert_eq!(json_lines(&followed.ok()), lab.records());
    let shown = capture(&lab, &["show", "--from", "4"]).ok();
    assert_eq!(late.ok(), shown);
}

#[test]
fn following_ends_on_an_interrupt() {
    let lab = Lab::new();
    let _server = lab.listen(ANY, &[]);
    let follower = lab.start(["capture", "follow"]);
    follower.wait_for_text("* open");
    follower.interrupt();
    assert_eq!(follower.finish().code, Some(130));
}

/// `| head` of a run in which nothing more happens.
#[cfg(unix)]
#[test]
fn following_ends_with_its_reader() {
    let lab = Lab::new();
    let _server = lab.listen(ANY, &[]);
    let (follower, mut out) = Running::start_unheard(lab.socklab(["capture", "follow"]));
    std::io::Read::read_exact(&mut out, &mut [0; 4]).expect("that it is open");
    drop(out);
    assert_eq!(follower.finish().code, Some(0));
}

#[test]
fn without_any_run_it_says_how_to_make_one() {
    let lab = Lab::new();
    let done = capture(&lab, &["ls"]);
    assert_eq!((done.code, done.out.len(), done.err.lines().count()), (Some(0), 0, 1), "{done:?}");
    for args in [&["show"][..], &["stat"], &["export", "--as", "raw"], &["search", "x"], &["follow"]] {
        assert_refused(&capture(&lab, args), 2, "`socklab listen 10000` makes one");
    }
}

#[test]
fn nothing_that_was_printed_is_missing_after_kill_9() {
    let lab = Lab::new();
    let server = lab.listen(ANY, &[]);
    let mut client = server.dial();
    let sent = noise(11, 64 << 20);
    let sending = sent.clone();
    let sender = thread::spawn(move || drop(client.write_all(&sending))); // until nobody takes it any more
    server.wait_for_output(2 << 20);
    let printed = server.running.kill().out;
    sender.join().expect("it ends");
    let runs = json_lines(&capture(&lab, &["ls", "--json"]).ok());
    assert_eq!((runs.len(), &runs[0]["live"]), (1, &json!(false)));
    let raw = lab.exported_raw(&[]);
    assert!(raw.len() >= printed.len(), "{} bytes were printed, and {} are left", printed.len(), raw.len());
    assert_same("printed", &printed, &raw[..printed.len()]);
    assert_same("captured", &raw, &sent[..raw.len()]);
    assert_eq!(lab.stat()["received"], json!(raw.len()));
    #[cfg(target_os = "linux")]
    assert_eq!(crate::tshark::count(&segment(&lab.run_folder())), lab.stat()["packets"]);
}

/// Where each block that is a commit mark (type 0x80000001) ends.
fn marks(segment: &[u8]) -> Vec<usize> {
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut at, mut ends) = (0, Vec::new());
    while at + 8 <= segment.len() {
        let (kind, length) = (number(at), number(at + 4));
        at += length;
        if kind == 0x8000_0001 {
            ends.push(at);
        }
    }
    assert_eq!(ends.last(), Some(&segment.len()), "a run that ended well ends with a mark");
    ends
}

#[test]
fn a_torn_segment_is_cut_to_its_last_mark() {
    let session = Session::new();
    let lab = &session.lab;
    let (folder, all) = (lab.run_folder(), lab.records());
    let whole = fs::read(segment(&folder)).expect("a segment");
    let marks = marks(&whole);
    assert!(marks.len() > 1, "the head of the segment has a mark of its own");
    for (number, cut) in [1, 2, 35, 36, 37, 100, 500, 1500, whole.len() / 2].into_iter().enumerate() {
        let copy = copy_run(&folder, &format!("2000-torn-{number}"));
        let left = whole.len() - cut;
        fs::write(segment(&copy), &whole[..left]).expect("written");
        let run = copy.to_str().expect("UTF-8");
        let shown = capture(lab, &["show", run, "--show", "json"]);
        let good = marks.iter().rfind(|end| **end <= left).expect("a mark");
        let told = format!("cut {} bytes that were being written when the writer died\n", left - good);
        assert_eq!(shown.err.ends_with(&told), left > *good, "{cut} bytes cut: {shown:?}");
        let records = json_lines(&shown.ok());
        assert_eq!(records, all[..records.len()], "{cut} bytes cut");
        let length = fs::metadata(segment(&copy)).expect("still there").len() as usize;
        assert_eq!(length, *good, "{cut} bytes cut: the file ends with its last mark");
        let stat = lab.stat_of(&[run]);
        assert_eq!(stat["records"], json!(records.len()), "{cut} bytes cut");
        #[cfg(target_os = "linux")]
        if cut == 500 {
            assert_eq!(crate::tshark::count(&segment(&copy)), stat["packets"]);
        }
    }
}

#[test]
fn what_is_no_record_at_the_end_of_a_segment_is_cut_off() {
    let session = Session::new();
    let lab = &session.lab;
    let (folder, all) = (lab.run_folder(), lab.records());
    let whole = fs::read(segment(&folder)).expect("a segment");
    for (number, garbage) in
        [vec![0], vec![0; 4096], noise(12, 5), noise(13, 3000), whole.clone()].into_iter().enumerate()
    {
        let copy = copy_run(&folder, &format!("2000-garbage-{number}"));
        fs::write(segment(&copy), [&*whole, &garbage].concat()).expect("written");
        let run = copy.to_str().expect("UTF-8");
        let shown = capture(lab, &["show", run, "--show", "json"]);
        if garbage == whole {
            continue; // valid blocks: anything but a panic will do
        }
        assert_eq!(json_lines(&shown.ok()), all, "garbage number {number}");
        assert_eq!(fs::read(segment(&copy)).expect("still there"), whole, "garbage number {number}");
    }
}

/// Changes one byte of the first thing said, in a run that ended well.
fn with_a_changed_byte(session: &Session) -> (PathBuf, Vec<u8>) {
    let file = segment(&session.lab.run_folder());
    let mut bytes = fs::read(&file).expect("a segment");
    let at = bytes.windows(8).position(|window| window == b"01Studio").expect("it is in there");
    bytes[at] = b'9';
    fs::write(&file, &bytes).expect("written");
    (file, bytes)
}

#[test]
fn looking_at_a_run_takes_nothing_from_it_whatever_has_become_of_a_byte() {
    let session = Session::new();
    let (file, bytes) = with_a_changed_byte(&session);
    for has_index in [true, false] {
        for args in [&["ls"][..], &["stat"], &["show"], &["follow"], &["search", "T=42"], &["export", "--as", "raw"]] {
            let done = capture(&session.lab, args);
            let left = fs::read(&file).expect("still there");
            let what = args.join(" ");
            assert_eq!(left.len(), bytes.len(), "`capture {what}` has cut off what follows a changed byte");
            if !has_index {
                assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{what}: {done:?}");
                let listed = String::from_utf8_lossy(&done.out).lines().any(|line| line.ends_with("  unreadable"));
                assert_eq!(listed, what == "ls", "{what}: {done:?}");
                assert!(done.err.contains("damaged at byte"), "{what}: {done:?}");
            }
        }
        let _ = fs::remove_file(file.with_extension("idx")); // as after kill -9
    }
}

#[test]
fn what_came_before_a_damage_is_written_out_and_nothing_is_overwritten_with_it() {
    let session = Session::new();
    let whole = capture(&session.lab, &["export", "--as", "raw"]).out;
    let (file, _) = with_a_changed_byte(&session);
    let _ = fs::remove_file(file.with_extension("idx"));
    let out = session.lab.typed("rescued");
    let export = || capture(&session.lab, &["export", "--as", "raw", "-o", &out]);
    let done = export();
    assert!(done.code == Some(1) && done.err.contains("damaged at byte"), "{done:?}");
    assert!(done.err.ends_with(&format!("; what came before is in {out}\n")), "{done:?}");
    let rescued = fs::read(&out).expect("what came before");
    assert!(!rescued.is_empty() && rescued.len() <= whole.len(), "{} of {} bytes", rescued.len(), whole.len());
    fs::write(&out, "older").expect("written");
    let done = export();
    assert!(done.code == Some(1) && !done.err.contains(&out), "{done:?}");
    assert_eq!(fs::read(&out).expect("a file"), b"older");
}

#[test]
fn nothing_is_written_out_of_a_peer_that_is_none() {
    let session = Session::new();
    for args in [&["show"][..], &["export", "--as", "txt"], &["export", "--as", "raw"]] {
        let done = capture(&session.lab, &[args, &["--peer", "e9.9"]].concat());
        assert!(done.code == Some(1) && done.err.contains("no record of e9.9") && done.out.is_empty(), "{done:?}");
    }
}

#[test]
fn a_folder_of_runs_is_told_from_a_run() {
    let session = Session::new();
    let run = session.lab.run_folder();
    let folder = run.parent().expect("a folder of runs").to_str().expect("UTF-8");
    assert_refused(&capture(&session.lab, &["show", folder]), 2, &format!("`--capture {folder}` reads them"));
}

#[test]
fn a_file_of_somebody_elses_is_refused_in_one_line() {
    check_foreign(&[
        &["show", "FILE"],
        &["export", "--as", "raw", "FILE"],
        &["export", "--as", "pcapng", "FILE"],
        &["search", "--run", "FILE", "x"],
    ]);
}

#[test]
fn stat_of_a_file_of_somebody_elses_is_refused_in_one_line() {
    check_foreign(&[&["stat", "FILE"], &["stat", "--json", "FILE"]]);
}

#[test]
fn following_a_file_of_somebody_elses_is_refused_in_one_line() {
    check_foreign(&[&["follow", "FILE"]]);
}

fn check_foreign(commands: &[&[&str]]) {
    let lab = Lab::new();
    let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    pcap.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    let files: [(&str, &[u8], &str); 5] = [
        ("empty.pcapng", b"", "it is no pcapng file"),
        ("classic.pcap", &pcap, "it is no pcapng file"),
        ("text.pcapng", b"not a capture at all, but rather long enough to be taken for one", "it is no pcapng file"),
        ("short.pcapng", b"\x0a", "it is no pcapng file"),
        ("foreign.pcapng", &foreign_pcapng(), "it was written by Dumpcap"),
    ];
    for (name, bytes, says) in files {
        fs::write(lab.path(name), bytes).expect("written");
        for command in commands {
            let args: Vec<&str> = command.iter().map(|arg| if *arg == "FILE" { name } else { arg }).collect();
            assert_refused(&capture(&lab, &args), 2, says);
        }
        assert_eq!(fs::read(lab.path(name)).expect("still there"), bytes, "{name} was changed");
    }
}

/// A section header and an interface, as another program writes them.
fn foreign_pcapng() -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = (body.len() as u32 + 12).to_le_bytes();
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&length);
        out.extend_from_slice(body);
        out.extend_from_slice(&length);
    };
    let mut section = [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0].to_vec();
    section.extend_from_slice(&[0xff; 8]);
    section.extend_from_slice(b"\x04\x00\x07\x00Dumpcap\x00\x00\x00\x00\x00"); // shb_userappl
    block(0x0A0D_0D0A, &section);
    block(1, &[1, 0, 0, 0, 0, 0, 0, 0]);
    out
}

#[test]
fn a_run_of_which_one_segment_is_foreign_hides_no_other() {
    let session = Session::new();
    let broken = copy_run(&session.lab.run_folder(), "2000-broken");
    fs::write(segment(&broken), "nonsense").expect("written");
    let done = capture(&session.lab, &["ls", "--json"]);
    assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{done:?}");
    let runs: Vec<Value> = json_lines(&done.text());
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs[0]["error"].is_string() && runs[1]["records"].is_u64(), "{runs:?}");
}

#[test]
fn a_data_folder_that_cannot_be_is_one_line() {
    let lab = Lab::new();
    let file = lab.typed("file");
    fs::write(&file, "in the way").expect("written");
    for data in [&*file, "/dev/null/x"] {
        for args in [
            &["listen", ANY][..],
            &["connect", "127.0.0.1:1"],
            &["capture", "ls"],
            &["capture", "show"],
            &["capture", "stat"],
        ] {
            let mut command = crate::kit::bare_socklab();
            command.args(["--data", data]).args(args);
            let done = crate::kit::run(command);
            let code = done.code.unwrap_or_default();
            assert!([1, 2].contains(&code), "{data} {args:?}: {done:?}");
            assert_refused(&done, code, data);
        }
    }
}

#[test]
fn old_runs_go_when_there_are_too_many_bytes() {
    let session = Session::new();
    let lab = &session.lab;
    let old = name_of(lab);
    let server = lab.listen(ANY, &["--keep", "1k"]);
    server.wait_for_told("removed", 1, |line| line.starts_with("socklab: removed the 1 oldest segments").then_some(()));
    server.stop();
    let runs = json_lines(&capture(lab, &["ls", "--json"]).ok());
    assert!(runs.iter().all(|run| run["run"] != json!(old)), "{runs:#?}");
}
