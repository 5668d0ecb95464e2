//! Frames of the boards' network in captures: what tshark makes of them, what is counted, and who follows them live.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::kit::{Lab, own_place, until};
use crate::tshark::{assert_no_trouble, count, fields};
use crate::wire::Wire;

const JOIN: &str = "import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect('01Studio', '88888888')
while not wlan.isconnected():
    time.sleep_ms(10)
";

const CLIENT: &str = "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(4):
    u.sendto(bytes([n]), ('192.168.1.77', 45454))
s = socket.socket()
s.connect(('192.168.1.115', PORT))
s.send(b'Hello 01Studio!')
print(s.recv(100))
s.close()
";

/// A lesson's client whose third datagram is lost on its way, beside an endpoint that echoes.
fn captured(port: u16) -> Lab {
    let lab = Lab::new();
    let program = format!("{JOIN}{}", CLIENT.replace("PORT", &port.to_string()));
    fs::write(lab.path("main.py"), program).expect("a program");
    let open = format!("tcp-listen://{}?echo=1", own_place(port));
    let fault = "up:filter=udp,port:45454,nth:3";
    let done = lab.run(["run", "main.py", "--frames", "--join-time", "0", "--open", &open, "--fault", fault]);
    assert_eq!(done.ok(), "b'Hello 01Studio!'\n");
    lab
}

fn export(lab: &Lab, options: &[&str]) -> String {
    let file = lab.typed("exported.pcapng");
    lab.run(["capture", "export", "--as", "pcapng", "-o", &file].iter().chain(options)).ok();
    file
}

#[test]
fn the_boards_frames_stand_beside_the_records_as_conversations_of_their_own() {
    let lab = captured(23520);
    let segment = lab.run_folder().join("000001.pcapng").into_os_string().into_string().expect("UTF-8");
    for file in [export(&lab, &[]), segment] {
        assert_no_trouble(&file);
        let names = |filter: &str| fields(&file, filter, &["frame.interface_name"]).concat();
        for real in ["dhcp", "arp", "tcp && ip", "udp.port == 45454", "icmpv6"] {
            let names = names(real);
            assert!(!names.is_empty() && names.iter().all(|name| name == "esp32"), "{real}: {names:?}");
        }
        // The records of the same connection are drawn as IPv6, so no packet tool takes both for one.
        let drawn = names("tcp && ipv6");
        assert!(!drawn.is_empty() && drawn.iter().all(|name| name == "tcp-listen:23520"), "{drawn:?}");
        for (layer, address, board) in [("ip", "ip.addr", "192.168.1.20"), ("ipv6", "ipv6.addr", "::ffff:192.168.1.20")]
        {
            let filter = format!("tcp && {layer} && {address} == {board} && tcp.len > 0");
            let payloads = fields(&file, &filter, &["tcp.payload", "frame.packet_flags_direction"]);
            let hello: String = b"Hello 01Studio!".iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(payloads.len(), 2, "{layer}: {payloads:?}");
            assert!(payloads.iter().all(|payload| payload[0] == hello), "{layer}: {payloads:?}");
        }
        // From the board is out of its interface, to it is in.
        let ways = fields(&file, "ip && tcp", &["ip.src", "frame.packet_flags_direction"]);
        for way in &ways {
            assert_eq!(way[1], if way[0] == "192.168.1.20" { "0x00000002" } else { "0x00000001" }, "{ways:?}");
        }
        let notes = fields(&file, "udp.port == 45454", &["data", "frame.comment"]);
        let lost: Vec<_> = notes.iter().filter(|note| !note[1].is_empty()).collect();
        assert_eq!(lost, [&["02".to_owned(), "dropped: filtered".to_owned()]], "{notes:?}");
    }
}

#[test]
fn records_are_what_they_are_without_frames() {
    let lab = captured(23521);
    assert_eq!(lab.exported_raw(&[]), b"Hello 01Studio!");
    let kinds: Vec<_> = lab.records().iter().map(|record| record["kind"].as_str().map(str::to_owned)).collect();
    assert!(!kinds.contains(&Some("frame".into())), "{kinds:?}");
    let addresses: Vec<_> = lab.records().iter().map(|record| record["address"].to_string()).collect();
    assert!(addresses.iter().any(|address| address.starts_with("\"192.168.1.20:")), "{addresses:?}");
    assert_eq!(lab.run(["capture", "search", "Hello", "--count"]).ok(), "2\n", "received and sent");
    let stat = lab.stat();
    assert_eq!(stat["packets"], count(Path::new(&export(&lab, &[]))));
    let of_peer = export(&lab, &["--peer", "e1.1"]);
    assert!(fields(&of_peer, "frame.interface_name == \"esp32\"", &["frame.number"]).is_empty());
}

#[test]
fn frames_are_shown_to_those_who_ask() {
    let lab = captured(23522);
    let shown = lab.run(["capture", "show", "--frames"]).ok();
    let lines: Vec<&str> = shown.lines().collect();
    let with = |words: &[&str]| lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!(with(&[" l1 esp32 out ", ":45454 udp 1"]), 4, "{shown}");
    assert_eq!(with(&[" l1 esp32 out ", ":45454 udp 1 (dropped: filtered)"]), 1, "{shown}");
    assert_eq!(with(&[" l1 esp32 in ", "192.168.1.115:23522 > 192.168.1.20:", " tcp S. 0"]), 1, "{shown}");
    assert_eq!(with(&[" e1.1 192.168.1.20:", " < Hello 01Studio!"]), 1, "{shown}");
    let json = lab.run(["capture", "show", "--frames", "--show", "json"]).ok();
    let values = crate::kit::json_lines(&json);
    let frames: Vec<_> = values.iter().filter(|value| value["kind"] == "frame").collect();
    assert_eq!(frames.len(), lines.len() - lab.records().len());
    assert!(frames.iter().all(|frame| frame["board"] == "esp32" && frame["seq"].is_null()), "{json}");
    assert_eq!(frames.iter().filter(|frame| frame["dropped"] == true).count(), 1);
    let stat = lab.stat();
    assert_eq!((&stat["links"][0]["frames"], &stat["frames"]), (&frames.len().into(), &frames.len().into()));
    assert_eq!((&stat["links"][0]["board"], &stat["links"][0]["dropped"]), (&"esp32".into(), &1.into()));
}

/// Counted by the capture: sent again, overtaken, doubled, lost; of all sides together.
fn counted(stat: &Value) -> [u64; 4] {
    let connections = stat["connections"].as_array().expect("connections");
    let ends = connections.iter().flat_map(|connection| connection["ends"].as_array().expect("two ends"));
    let sum = |key: &str| ends.clone().map(|end| end[key].as_u64().expect("a number")).sum();
    ["retransmitted", "out_of_order", "duplicates", "lost"].map(sum)
}

/// What tshark finds of the same: sent again (which a copy is for it), overtaken.
fn found(file: &str) -> [u64; 2] {
    ["tcp.analysis.retransmission", "tcp.analysis.out_of_order"]
        .map(|filter| fields(file, filter, &["frame.number"]).len() as u64)
}

/// A long transfer over a bad link, on virtual time: it repeats exactly.
fn over(lab: &Lab, faults: &str) -> (Value, String) {
    let file = lab.typed("wire.pcapng");
    fs::write(&file, Wire::transfer(faults, 300_000)).expect("written");
    (lab.stat_of(&[&file]), file)
}

#[test]
fn what_is_sent_again_is_counted_as_wireshark_counts_it() {
    let lab = Lab::new();
    for (faults, least) in [("loss=5% delay=2ms", 5), ("loss=gilbert:2%,30%,20%,99% delay=20ms", 5), ("", 0)] {
        let (stat, file) = over(&lab, faults);
        let [again, late, copies, lost] = counted(&stat);
        assert_eq!(found(&file), [again, late], "{faults}: {stat}");
        assert!(again >= least && (lost > 0) == (least > 0), "{faults}: {stat}");
        assert_eq!((late, copies), (0, 0), "{faults}");
        assert_eq!(stat["packets"], stat["frames"]);
    }
}

#[test]
fn copies_are_told_from_what_is_sent_again() {
    let lab = Lab::new();
    let (stat, file) = over(&lab, "duplicate=10% delay=2ms");
    let [again, _, copies, lost] = counted(&stat);
    let marked = fields(&file, "tcp && frame.comment == \"copy\"", &["tcp.len"]);
    assert_eq!((copies, lost), (marked.len() as u64, 0), "{stat}");
    assert!(copies > 20 && again == 0, "a copy is no fault of the sender's: {stat}");
    let with_payload = marked.iter().filter(|row| row[0] != "0").count() as u64;
    assert_eq!(found(&file)[0], with_payload, "tshark cannot know who made them");
}

#[test]
fn what_overtakes_is_counted_as_out_of_order() {
    let lab = Lab::new();
    let (stat, file) = over(&lab, "delay=2ms reorder=5%");
    let [again, late, copies, _] = counted(&stat);
    assert!(late > 5 && copies == 0, "{stat}");
    let [found_again, found_late] = found(&file);
    assert_eq!(found_again + found_late, again + late, "tshark tells them apart by the time between: {stat}");
    let text = lab.run(["capture", "stat", &file]).ok();
    assert!(text.contains(" out of order, 0 duplicated, 0 lost\n") && text.contains("\ntcp 192.168.1.21:"), "{text}");
}

mod live {
    use super::*;
    use crate::kit::Running;

    const BUSY: &str = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print('joined')
n = 0
while True:
    s.sendto(b'tick', ('192.168.1.77', 45454))
    n += 1
    if n == 3:
        print('going')
    time.sleep_ms(5)
";

    fn start_busy(lab: &Lab) -> Running {
        fs::write(lab.path("busy.py"), format!("{JOIN}{BUSY}")).expect("a program");
        let running = lab.start(["run", "busy.py", "--join-time", "0", "--frames"]);
        running.wait_for_text("going\n");
        running
    }

    fn ticks(file: &Path) -> usize {
        let file = file.to_str().expect("UTF-8");
        fields(file, "frame.interface_name == \"esp32\" && data.data == 74:69:63:6b", &["frame.number"]).len()
    }

    #[test]
    fn a_network_is_followed_and_goes_on() {
        let lab = Lab::new();
        let running = start_busy(&lab);
        let follower = lab.start(["lan", "capture"]);
        let other = lab.start(["lan", "capture", "-o", "live.pcapng"]);
        let piped = follower.wait_for_output(20_000);
        fs::write(lab.path("piped.pcapng"), &piped[..last_block(&piped)]).expect("written");
        assert!(ticks(&lab.path("piped.pcapng")) > 50);
        until("a file that grows", || fs::metadata(lab.path("live.pcapng")).ok().filter(|file| file.len() > 5_000));
        other.interrupt();
        let done = other.finish();
        assert_eq!((done.code, &*done.err), (Some(130), ""));
        assert!(lab.stat_of(&["live.pcapng"])["links"][0]["frames"].as_u64() > Some(20));
        // The one that is left has all to the end, and ends with the network.
        follower.wait_for_output(piped.len() + 5_000);
        running.interrupt();
        running.finish();
        let done = follower.finish();
        assert_eq!((done.code, &*done.err), (Some(0), ""));
        fs::write(lab.path("whole.pcapng"), &done.out).expect("written");
        assert_eq!(lab.stat_of(&["whole.pcapng"])["packets"], count(&lab.path("whole.pcapng")));
        let last = |run: &[&str]| {
            let shown = lab.run(["capture", "show", "--frames", "--show", "json"].iter().chain(run)).ok();
            shown.lines().last().expect("frames").to_owned()
        };
        assert_eq!(last(&["whole.pcapng"]), last(&[]), "as the run's own capture has it");
    }

    /// `| head` on a network where nothing more happens.
    #[cfg(unix)]
    #[test]
    fn following_ends_with_its_reader() {
        let lab = Lab::new();
        fs::write(lab.path("idle.py"), "print('idle')\ninput()\n").expect("a program");
        let running = lab.start(["run", "idle.py"]);
        running.wait_for_text("idle\n");
        let (follower, mut out) = Running::start_unheard(lab.socklab(["lan", "capture"]));
        std::io::Read::read_exact(&mut out, &mut [0; 4]).expect("how it begins");
        drop(out);
        let done = follower.finish();
        assert_eq!((done.code, &*done.err), (Some(0), ""));
        running.interrupt();
        running.finish();
    }

    /// Where the last whole block ends.
    fn last_block(bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(length) = bytes.get(at + 4..at + 8) {
            let length = u32::from_le_bytes(length.try_into().expect("four")) as usize;
            if at + length > bytes.len() {
                break;
            }
            at += length;
        }
        at
    }

    #[test]
    fn there_must_be_a_network_to_follow() {
        let done = Lab::new().run(["lan", "capture"]);
        assert!(done.code == Some(2) && done.out.is_empty(), "{done:?}");
        assert!(done.err.contains("no Socklab with a virtual network is running"), "{done:?}");
    }
}
