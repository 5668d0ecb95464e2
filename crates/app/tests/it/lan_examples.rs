//! The programs in `examples/lan`, each started by the command at its head, with what its README promises. A test moves
//! endpoints to places of its own, and takes the pauses out that only a person needs.

use std::fs;
use std::io::Write;

use crate::kit::{Lab, Running, dial, own_place, read_all};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/lan");

/// Starts the command at the head of the first, with copies of all that have these changes, each of one that is there.
fn start(lab: &Lab, names: &[&str], changes: &[(&str, &str)], moved: &[(&str, &str)]) -> Running {
    let read = |name: &&str| fs::read_to_string(format!("{FOLDER}/{name}")).expect("an example");
    for name in names {
        let text = changes.iter().fold(read(name), |text, (from, to)| text.replace(from, to));
        fs::write(lab.path(name), text).expect("a copy");
    }
    let all: String = names.iter().map(read).collect();
    assert!(changes.iter().all(|(from, _)| all.contains(from)), "changes of what is there");
    let line = all.lines().find_map(|line| line.strip_prefix("#   socklab ")).expect("a command at its head");
    let line = moved.iter().fold(line.replace("examples/lan/", ""), |line, (from, to)| line.replace(from, to));
    lab.start(line.split_whitespace().chain(["--join-time", "0"]))
}

#[test]
fn the_button_toggles_the_lamp() {
    let lab = Lab::new();
    let running = start(&lab, &["lamp.py", "button.py"], &[("sleep(0.5)", "sleep(0.01)")], &[]);
    let text = running.finish().ok();
    let lamp: Vec<_> = text.lines().filter_map(|line| line.split_once("lamp / 灯: ")).map(|(_, state)| state).collect();
    assert_eq!(lamp, ["on", "off"].repeat(3), "{text}");
    assert_eq!(text.matches("answer / 应答: b'done'").count(), 6, "{text}");
}

#[test]
fn the_boards_page_opens() {
    let (lab, place) = (Lab::new(), own_place(4730));
    let running = start(&lab, &["web_server.py"], &[], &[("8080:80", &format!("{place}:80"))]);
    running.wait_for_text("page at");
    for visit in 1..=2 {
        let mut stream = dial(place);
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
        let page = String::from_utf8(read_all(&mut stream)).expect("text");
        assert!(page.ends_with(&format!("<h1>Hello from the board</h1><p>visit {visit}</p>")), "{page}");
    }
}

#[test]
fn tcp_brings_back_all_and_udp_does_not() {
    let (lab, place) = (Lab::new(), own_place(4731).to_string());
    let changes = [("10000)", "4731)"), ("settimeout(0.2)", "settimeout(0.1)")];
    let text = start(&lab, &["tcp_or_udp.py"], &changes, &[("127.0.0.1:10000", &place)]).finish().ok();
    let of = |kind: &str| text.lines().find_map(|line| line.strip_prefix(kind)?.strip_suffix(" of 200")?.parse().ok());
    let udp: u32 = of("UDP: ").expect("a count");
    assert!((100..200).contains(&udp) && of("TCP: ") == Some(200), "{text}");
}

#[cfg(unix)]
#[test]
fn the_survivor_joins_again_and_goes_on() {
    let (lab, place) = (Lab::new(), own_place(4732));
    let changes = [("10000)", "4732)"), ("sleep(1)", "sleep(0.02)")];
    let url = format!("--open tcp-listen://{place}");
    let running = start(&lab, &["survivor.py"], &changes, &[("--open 10000", &url)]);
    running.wait_for_text("sent / 已发送 3\n");
    lab.run(["lan", "air", "Socklab", "gone"]).ok();
    running.wait_for_text("Wi-Fi lost");
    let before = running.wait_for_output(1);
    lab.run(["lan", "air", "Socklab", "back"]).ok();
    let count = String::from_utf8_lossy(&before).matches("sent / ").count();
    running.wait_for_text(&format!("sent / 已发送 {}\n", count + 3));
    assert!(running.out.text().matches("joined / 已加入").count() >= 2, "lost, and found again");
}

/// Each program is in both tables, and each of a table's is there.
#[test]
fn the_readmes_name_them_all() {
    let names = fs::read_dir(FOLDER).expect("the examples").map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("a plain name"));
    let mut there: Vec<_> = names.filter(|name| name.ends_with(".py")).collect();
    there.sort();
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(format!("{FOLDER}/{readme}")).expect("a README");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let mut named: Vec<_> = links.filter(|name| name.ends_with(".py")).collect();
        named.sort_unstable();
        assert_eq!(named, there, "{readme}");
    }
}
