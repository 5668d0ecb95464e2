//! What Wireshark and tcpdump make of a capture: addresses, directions, conversations without a gap, every byte.

use std::io::Write;
use std::net::Shutdown;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::kit::{Done, Lab, assert_same, noise, read_all, run};
use crate::session::{SAID, Session, segment};
use crate::tools::{Tool, Wire};

/// Runs a reader of captures. As root, they complain on stderr.
fn read_with(program: &str, args: &[&str]) -> Done {
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").env("TZ", "UTC").env("HOME", "/nonexistent");
    let done = run(command);
    assert_eq!(done.code, Some(0), "{program} {args:?}: {}", done.err);
    done
}

fn tshark(file: &str, args: &[&str]) -> String {
    let done = read_with("tshark", &[&["-n", "-r", file], args].concat());
    let complaints = done.err.lines().filter(|line| !line.starts_with("Running as user"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new(), "tshark {args:?}");
    done.text()
}

/// The packets that match a filter, with these fields.
pub(crate) fn fields(file: &str, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let wanted = fields.iter().flat_map(|field| ["-e", *field]);
    let args: Vec<&str> = ["-Y", filter, "-T", "fields", "-E", "separator=/t"].into_iter().chain(wanted).collect();
    tshark(file, &args).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// How many packets tshark finds.
pub(crate) fn count(file: &Path) -> Value {
    fields(file.to_str().expect("UTF-8"), "frame", &["frame.number"]).len().into()
}

fn exported(lab: &Lab) -> String {
    let file = lab.typed("exported.pcapng");
    lab.run(["capture", "export", "--as", "pcapng", "-o", &file]).ok();
    file
}

/// What Wireshark would mark in red.
const TROUBLE: &str = "tcp.analysis.lost_segment || tcp.analysis.retransmission || tcp.analysis.out_of_order || \
    tcp.analysis.ack_lost_segment || tcp.analysis.duplicate_ack || _ws.malformed || \
    (_ws.expert.severity >= 0x00600000 && !tcp.connection.rst)";

#[track_caller]
pub(crate) fn assert_no_trouble(file: &str) {
    let trouble = fields(file, TROUBLE, &["frame.number", "_ws.expert.message"]);
    assert!(trouble.is_empty(), "{trouble:?}");
}

#[test]
fn tcp_over_ipv4_has_its_addresses_ports_and_handshakes() {
    check_tcp("tcp-listen://127.0.0.1:0", ["ip.src", "ip.dst"]);
}

#[test]
fn tcp_over_ipv6_has_its_addresses_ports_and_handshakes() {
    check_tcp("tcp-listen://[::1]:0", ["ipv6.src", "ipv6.dst"]);
}

fn check_tcp(place: &str, [source, target]: [&str; 2]) {
    let session = Session::on(place);
    let file = exported(&session.lab);
    assert_no_trouble(&file);
    for (stream, client) in session.clients.iter().enumerate() {
        let (ip, port) = client.rsplit_once(':').expect("a port");
        let ip = ip.trim_matches(['[', ']']);
        let filter = format!("tcp.stream == {stream}");
        let packets = fields(
            &file,
            &filter,
            &[
                source,
                target,
                "tcp.srcport",
                "tcp.flags.syn",
                "tcp.flags.fin",
                "tcp.flags.reset",
                "frame.packet_flags_direction",
            ],
        );
        assert!(packets.iter().all(|packet| packet[0] == ip && packet[1] == ip), "{packets:?}");
        let count = |column: usize, value: &str| packets.iter().filter(|packet| packet[column] == value).count();
        assert_eq!((count(3, "1"), count(4, "1"), count(5, "1")), (2, 2, 0), "SYN, FIN, RST: {packets:?}");
        for packet in &packets {
            let direction = if packet[2] == port { "0x00000001" } else { "0x00000002" };
            assert_eq!(packet[6], direction, "in from the client, out to it: {packet:?}");
        }
    }
    assert_eq!(fields(&file, "tcp.flags.syn == 1 && tcp.flags.ack == 0", &["tcp.stream"]).len(), SAID.len());
}

#[test]
fn interfaces_comments_and_times_are_the_runs() {
    let session = Session::new();
    let file = exported(&session.lab);
    let port = session.url.rsplit(':').next().and_then(|rest| rest.split('?').next()).expect("a port");
    let names = fields(&file, "frame", &["frame.interface_name", "frame.interface_description"]);
    let wanted = [format!("tcp-listen:127.0.0.1:{port}"), format!("tcp-listen:{port}")];
    assert!(names.iter().all(|name| wanted.contains(&name[0]) && name[1] == session.url), "{names:?}");
    let comments: Vec<String> = fields(&file, "frame.comment", &["frame.comment"]).concat();
    for wanted in ["e1.1: connected", "e1.3: closed by peer", "e1: closed", "e1: open"] {
        assert!(comments.iter().any(|comment| comment == wanted), "{wanted:?} in {comments:?}");
    }
    let told: Vec<String> = session.lab.records().iter().map(at).collect();
    let times = fields(&file, "frame", &["frame.time_epoch"]).concat();
    let shown: Vec<String> = times.iter().map(|time| nanos(time)).collect();
    assert!(shown.is_sorted() && told.iter().all(|time| shown.contains(time)), "{told:?} in {shown:?}");
}

/// The nanoseconds within the second, by which a record's time is known again.
fn at(record: &Value) -> String {
    record["at"].as_str().and_then(|at| at.trim_end_matches('Z').split('.').nth(1)).expect("a time").to_owned()
}

fn nanos(epoch: &str) -> String {
    let nanos = epoch.split('.').nth(1).expect("a fraction");
    assert_eq!(nanos.len(), 9, "{epoch}");
    nanos.to_owned()
}

#[test]
fn follow_stream_has_the_exact_bytes_of_both_directions() {
    let lab = Lab::new();
    let mut server = lab.listen_with_input(&["tcp-listen://127.0.0.1:0"], &[]);
    let mut client = server.dial();
    let (asked, answered) = (noise(20, 300_000), noise(21, 200_000));
    client.write_all(&asked).expect("sent");
    server.wait_for_output(asked.len());
    server.running.feed(answered.clone());
    assert_same("received", &crate::kit::read_some(&mut client, answered.len()), &answered);
    client.shutdown(Shutdown::Write).expect("a half-close");
    read_all(&mut client);
    server.stop();
    let file = exported(&lab);
    assert_no_trouble(&file);
    let followed = tshark(&file, &["-q", "-z", "follow,tcp,raw,0"]);
    // What the second party said is indented.
    let of = |second: bool| -> Vec<u8> {
        let is_hex = |line: &&str| !line.trim().is_empty() && line.trim().bytes().all(|byte| byte.is_ascii_hexdigit());
        let lines = followed.lines().filter(is_hex).filter(|line| line.starts_with('\t') == second);
        lines.flat_map(|line| unhex(line.trim())).collect()
    };
    assert_same("from the client", &of(false), &asked);
    assert_same("from the server", &of(true), &answered);
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[test]
fn a_reset_is_a_reset() {
    let lab = Lab::new();
    let mut server = lab.listen_with_input(&["tcp-listen://127.0.0.1:0"], &["--show", "text"]);
    let client = server.dial();
    server.wait_for_text("e1.1");
    server.running.write(b"unread");
    crate::kit::leave_unread(&client, 6);
    drop(client);
    server.wait_for_text("reset by peer");
    server.stop();
    let file = exported(&lab);
    let resets = fields(&file, "tcp.flags.reset == 1", &["frame.comment", "frame.packet_flags_direction"]);
    assert_eq!(resets, [["e1.1: reset by peer", "0x00000001"]]);
    assert_no_trouble(&file);
}

#[test]
fn datagrams_are_udp_packets_with_their_bytes() {
    let lab = Lab::new();
    let server = lab.listen("udp://127.0.0.1:0", &["--echo"]);
    let port = server.port().to_string();
    let mut peer = Tool::Nc.client(Wire::Udp, &port, &lab);
    for turn in 1..4 {
        peer.write(format!("datagram {turn}").as_bytes());
        peer.wait_for_output(turn * 10);
    }
    server.stop();
    let file = exported(&lab);
    assert_no_trouble(&file);
    let to_us = fields(&file, &format!("udp.dstport == {port}"), &["ip.src", "ip.dst", "udp.payload"]);
    let wanted: Vec<[String; 3]> =
        (1..4).map(|turn| ["127.0.0.1".into(), "127.0.0.1".into(), hex(&format!("datagram {turn}"))]).collect();
    assert_eq!(to_us, wanted);
    let from_us = fields(&file, &format!("udp.srcport == {port}"), &["udp.payload"]);
    assert_eq!(from_us.len(), wanted.len());
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn unix_sockets_are_conversations_too() {
    for wire in [Wire::Unix, Wire::UnixDgram] {
        let lab = Lab::new();
        let server = lab.listen(&wire.listen_url(&lab), &["--echo"]);
        let mut peer = Tool::Python.client(wire, &lab.typed("ours.sock"), &lab);
        peer.write(b"over a Unix socket");
        peer.wait_for_output(18);
        drop(peer);
        let url = server.urls[0].clone();
        server.stop();
        let file = exported(&lab);
        assert_no_trouble(&file);
        let (field, filter) = if wire == Wire::Unix { ("tcp.payload", "tcp.len > 0") } else { ("udp.payload", "udp") };
        let packets = fields(&file, filter, &[field, "frame.interface_description", "frame.packet_flags_direction"]);
        let row = |direction: &str| vec![hex("over a Unix socket"), url.clone(), direction.to_owned()];
        assert_eq!(packets, [row("0x00000001"), row("0x00000002")], "{wire:?}");
    }
}

#[test]
fn capinfos_names_the_program_and_the_run() {
    let session = Session::new();
    let told = read_with("capinfos", &[&exported(&session.lab)]).text();
    let name = session.lab.stat()["run"].as_str().expect("a name").to_owned();
    assert!(told.lines().any(|line| line.starts_with("Capture application:") && line.contains("socklab ")), "{told}");
    assert!(told.contains(&name) && told.contains("synthetic"), "{told}");
}

#[test]
fn tcpdump_reads_exports_and_segments_as_they_lie() {
    let session = Session::new();
    let packets = session.lab.stat()["packets"].as_u64().expect("a count");
    let segment = segment(&session.lab.run_folder()).into_os_string().into_string().expect("UTF-8");
    for file in [exported(&session.lab), segment] {
        let done = read_with("tcpdump", &["-n", "-r", &file]);
        assert_eq!(done.text().lines().filter(|line| !line.starts_with([' ', '\t'])).count() as u64, packets, "{file}");
        assert_eq!(count(Path::new(&file)), Value::from(packets), "{file}");
        assert_no_trouble(&file);
    }
}

#[test]
fn several_endpoints_are_several_interfaces() {
    let lab = Lab::new();
    let server = lab.listen_with_input(&["tcp-listen://127.0.0.1:0", "udp://127.0.0.1:0"], &["--echo"]);
    let mut stream = server.dial();
    stream.write_all(b"tcp").expect("sent");
    crate::kit::read_some(&mut stream, 3);
    drop(stream);
    let mut peer = Tool::Python.client(Wire::Udp, &crate::kit::port_of(&server.urls[1]).to_string(), &lab);
    peer.write(b"udp");
    peer.wait_for_output(3);
    let urls = server.urls.clone();
    server.stop();
    let file = exported(&lab);
    for (filter, url) in [("tcp", &urls[0]), ("udp", &urls[1])] {
        let described = fields(&file, filter, &["frame.interface_description"]).concat();
        assert!(!described.is_empty() && described.iter().all(|one| one == url), "{filter}: {described:?}");
    }
}

#[test]
fn an_export_that_wiresharks_tools_have_written_again_is_called_that() {
    let session = Session::new();
    let file = exported(&session.lab);
    let again = session.lab.typed("again.pcapng");
    read_with("editcap", &[&file, &again]);
    let commands: [&[&str]; 4] =
        [&["show", &again], &["stat", &again], &["export", "--as", "raw", &again], &["search", "--run", &again, "x"]];
    for args in commands {
        let done = session.lab.run(["capture"].iter().chain(args));
        assert_eq!((done.code, done.err.lines().count()), (Some(2), 1), "{done:?}");
        assert!(done.err.contains("another program wrote it again"), "{done:?}");
    }
}
