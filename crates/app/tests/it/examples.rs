//! The programs in `examples/boards`, each started by the command at its head, with what its README promises at the
//! other end. A test moves a program to places of its own, and takes the pauses out that only a person needs.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;

use crate::kit::{Done, Lab, Running, accept, dial, listener, own_place, read_all, read_some, try_dial, udp, until};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/boards");

/// A copy of an example with these changes, of which each has to find its place.
fn example(lab: &Lab, name: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let mut text = fs::read_to_string(format!("{FOLDER}/{name}")).expect("an example");
    let (command, has_lan) = (command_of(&text, name), text.contains("192.168.1.115"));
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no {from:?} any more");
        text = text.replace(from, to);
    }
    fs::write(lab.path(name), text).expect("a copy");
    let copy = lab.typed(name);
    let command = command.into_iter().map(|word| if word.ends_with(name) { copy.clone() } else { word });
    // On the virtual network the other end here is no Socklab, and has to be allowed.
    let leave = has_lan.then(|| "--host-loopback".to_owned());
    command.chain(leave).collect()
}

/// The arguments of the command that its head names.
fn command_of(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.contains(&format!("socklab run examples/boards/{name} ")));
    let line = line.unwrap_or_else(|| panic!("the head of {name} says how to run it"));
    let (_, words) = line.split_once("socklab ").unwrap_or_default();
    words.split_whitespace().take_while(|word| !word.starts_with('(')).map(str::to_owned).collect()
}

fn start(lab: &Lab, name: &str, changes: &[(&str, &str)]) -> Running {
    lab.start(example(lab, name, changes))
}

/// Starts a program that dials port 10000 of this machine, and takes its connection.
fn start_client(lab: &Lab, name: &str) -> (Running, TcpStream) {
    let (listener, address) = listener();
    let running = start(lab, name, &[("10000)", &format!("{})", address.port()))]);
    let (stream, _) = accept(&listener);
    (running, stream)
}

/// Starts a server for TCP or UDP in a place of its own, and waits until it says that it is there.
fn start_server(lab: &Lab, name: &str, place: SocketAddr, says: &str) -> Running {
    let text = fs::read_to_string(format!("{FOLDER}/{name}")).expect("an example");
    let everywhere = ["(\"\", PORT)", "\"0.0.0.0\", PORT)"].into_iter().find(|host| text.contains(host));
    let everywhere = everywhere.expect("all addresses of the board");
    let here = format!("\"{}\", PORT)", place.ip());
    let here = if everywhere.starts_with('(') { format!("({here}") } else { here };
    let number = text.lines().find(|line| line.starts_with("PORT = ")).expect("a port");
    let running = start(lab, name, &[(everywhere, &here), (number, &format!("PORT = {}", place.port()))]);
    running.wait_for_text(says);
    running
}

fn expect(stream: &mut impl Read, text: &str) {
    assert_eq!(String::from_utf8_lossy(&read_some(stream, text.len())), text);
}

/// Ctrl-C, and what it printed.
fn stop(running: Running) -> Done {
    running.interrupt();
    running.finish()
}

/// The pin changes that it told of.
fn levels(done: &Done, pin: u8) -> String {
    done.err.lines().filter_map(|line| line.strip_prefix(&format!("[pin {pin}] "))).collect()
}

#[test]
fn tcp_client_shows_what_comes_and_its_lamp_tells() {
    let lab = Lab::new();
    let (running, mut stream) = start_client(&lab, "tcp_client.py");
    expect(&mut stream, "Hello from the board\n");
    stream.write_all(b"how are you?").expect("it reads");
    running.wait_for_text("received: b'how are you?'\n");
    drop(stream);
    let done = running.finish();
    let levels = levels(&done, 2);
    assert!(levels.starts_with("01") && levels.ends_with("10"), "{done:?}");
    assert!(done.ok().ends_with("closed by the server / 服务器已关闭连接\n"));
}

#[test]
fn tcp_echo_answers() {
    let lab = Lab::new();
    let (running, mut stream) = start_client(&lab, "tcp_echo.py");
    expect(&mut stream, "Hello Socklab!");
    stream.write_all(b"ping").expect("it reads");
    expect(&mut stream, "I received: ping");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(running.finish().ok(), "ping\ndone / 结束\n");
}

#[test]
fn tcp_server_serves_one_client_after_the_other() {
    let (lab, place) = (Lab::new(), own_place(4720));
    let running = start_server(&lab, "tcp_server.py", place, "listening on");
    let (mut first, mut second) = (dial(place), dial(place));
    second.write_all(b"second").expect("there is room");
    first.write_all(b"first").expect("there is room");
    expect(&mut first, "FIRST");
    drop(first);
    expect(&mut second, "SECOND");
    drop(second);
    running.wait_for_text("received: b'second'");
    stop(running);
}

#[test]
fn asyncio_server_serves_many_clients_and_blinks() {
    let (lab, place) = (Lab::new(), own_place(4721));
    let running = start_server(&lab, "asyncio_server.py", place, "listening on");
    let mut first = dial(place);
    first.write_all(b"one\n").expect("there is room");
    expect(&mut first, "1: one\n");
    let mut command = Command::new("nc");
    command.args([place.ip().to_string(), place.port().to_string()]);
    let mut second = Running::start(command);
    second.write(b"two\n");
    second.wait_for_text("2: two\n");
    first.write_all(b"three\n").expect("there is room");
    expect(&mut first, "1: three\n");
    running.wait_for_told("a lamp that blinks", 4, |line| line.contains("[pin 2] ").then_some(()));
    drop(first);
    running.wait_for_text("gone / 离开 1\n");
    stop(running);
}

#[test]
fn udp_client_counts_and_hears_the_echo() {
    let lab = Lab::new();
    let server = lab.listen("udp://127.0.0.1:0", &["--echo"]);
    let port = format!("{})", server.port());
    let done = start(&lab, "udp_client.py", &[("10000)", &port), ("time.sleep(1)", "time.sleep(0)")]).finish();
    let text = done.ok();
    for count in 1..=10 {
        let answer = format!("answer / 应答: b'count {count}\\n' ('192.168.1.115', {})\n", server.port());
        assert!(text.contains(&answer), "{text}");
    }
}

#[test]
fn udp_client_goes_on_without_an_answer() {
    let lab = Lab::new();
    let (socket, address) = udp();
    let changes = [("10000)", &*format!("{})", address.port())), ("settimeout(1)", "settimeout(0.1)")];
    let text = start(&lab, "udp_client.py", &changes).finish().ok();
    let mut datagram = [0; 64];
    for count in 1..=10 {
        let length = socket.recv(&mut datagram).expect("a datagram");
        assert_eq!(String::from_utf8_lossy(&datagram[..length]), format!("count {count}\n"));
        assert!(text.contains(&format!("no answer to / 没有应答: {count}\n")), "{text}");
    }
}

#[test]
fn udp_server_obeys_and_answers() {
    let (lab, place) = (Lab::new(), own_place(4722));
    let running = start_server(&lab, "udp_server.py", place, "waiting on UDP port");
    let url = format!("udp://{place}");
    for (say, answer) in [("on", "lamp on"), ("what", "say on or off\n"), ("off", "lamp off")] {
        assert_eq!(lab.run(["send", &url, say, "-w", "1"]).ok(), answer);
    }
    assert_eq!(levels(&stop(running), 2), "010");
}

#[test]
fn two_boards_play_together() {
    let (lab, place) = (Lab::new(), own_place(4723));
    let lamp = start_server(&lab, "two_boards_lamp.py", place, "lamp at");
    let there = format!("(\"{}\", {})", place.ip(), place.port());
    let changes = [("(\"127.0.0.1\", 10002)", &*there), ("time.sleep(1)", "time.sleep(0)")];
    let text = start(&lab, "two_boards_button.py", &changes).finish().ok();
    let states: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("the lamp is / 灯的状态: ")).collect();
    assert_eq!(states, ["on", "off"].repeat(3), "{text}");
    assert_eq!(levels(&stop(lamp), 2), "0101010");
}

#[test]
fn lookup_finds_the_address() {
    let lab = Lab::new();
    let (listener, address) = listener();
    let port = format!(", {} ", address.port());
    let running = start(&lab, "lookup.py", &[(", 10000 ", &port)]);
    let (mut stream, _) = accept(&listener);
    assert_eq!(read_all(&mut stream), b"found you\n");
    let entry = format!("(2, 1, 0, '', ('127.0.0.1', {}))\n", address.port());
    let text = running.finish().ok();
    assert!(text.contains(&format!("family, type, protocol, name, address: {entry}")), "{text}");
}

#[test]
fn lines_asks_for_a_line_and_for_eight_characters() {
    let lab = Lab::new();
    let (running, mut stream) = start_client(&lab, "lines.py");
    expect(&mut stream, "your name? \n");
    stream.write_all(b"Ada\n").expect("it reads");
    expect(&mut stream, "eight characters, please \n");
    stream.write_all(b"1234").expect("it reads");
    stream.write_all(b"5678").expect("it reads");
    assert_eq!(read_all(&mut stream), b"goodbye \n");
    assert_eq!(running.finish().ok(), "name / 姓名: Ada\ncount / 字节数: 8 bytes / 内容: b'12345678'\n");
}

#[test]
fn access_point_greets_whoever_comes() {
    let (lab, place) = (Lab::new(), own_place(4724));
    let running = start_server(&lab, "access_point.py", place, "access point / 热点: board 192.168.4.1\n");
    for _ in 0..2 {
        let mut visitor = until("a board that listens", || try_dial(place).ok());
        assert_eq!(read_all(&mut visitor), "welcome to the board / 欢迎\n".as_bytes());
    }
    running.wait_for_text("visitor / 来访: ('");
    stop(running);
}

#[test]
fn k230_tcp_client_says_hello() {
    let lab = Lab::new();
    let (listener, address) = listener();
    let port = format!(", {}\n", address.port());
    let running = start(&lab, "k230_tcp_client.py", &[(", 10000\n", &port)]);
    let (mut stream, _) = accept(&listener);
    expect(&mut stream, "Hello from K230\n");
    stream.write_all(b"hi").expect("it reads");
    expect(&mut stream, "I received: hi");
    drop(stream);
    let done = running.finish();
    assert_eq!(levels(&done, 52), "010");
    assert!(done.ok().ends_with("hi\n"));
}

#[test]
fn k230_tcp_client_blinks_without_wifi() {
    let lab = Lab::new();
    let mut command = example(&lab, "k230_tcp_client.py", &[]);
    command.extend(["--wifi", "another:12345678"].map(str::to_owned));
    let done = lab.run(command);
    assert_eq!(levels(&done, 52), "0101010");
    assert!(done.ok().ends_with("no Wi-Fi / 没有 Wi-Fi\n"));
}

#[test]
fn waffle_tcp_client_sends_it_back() {
    let lab = Lab::new();
    let (running, mut stream) = start_client(&lab, "waffle_tcp_client.py");
    expect(&mut stream, "Hello from Waffle Nano\n");
    stream.write_all("你好".as_bytes()).expect("it reads");
    expect(&mut stream, "你好");
    drop(stream);
    assert!(running.finish().ok().ends_with("你好\n"));
}

#[test]
fn mpython_udp_lamp_shows_the_colour() {
    let (lab, place) = (Lab::new(), own_place(4725));
    let running = start_server(&lab, "mpython_udp_lamp.py", place, "waiting on UDP port");
    let url = format!("udp://{place}");
    for (say, answer) in [("r", "ok"), ("g", "ok"), ("b", "ok"), ("x", "r, g or b?")] {
        assert_eq!(lab.run(["send", &url, say, "-w", "1"]).ok(), answer);
    }
    for colour in ["#400000", "#004000", "#000040"] {
        running.wait_for_told(colour, 1, |line| line.contains(colour).then_some(()));
    }
    stop(running);
}

#[test]
fn linux_tcp_client_speaks_as_cpython_does() {
    let lab = Lab::new();
    let (running, mut stream) = start_client(&lab, "linux_tcp_client.py");
    expect(&mut stream, "Hello from Linux\n");
    stream.write_all(b"hi").expect("it reads");
    expect(&mut stream, "I received: hi");
    drop(stream);
    assert_eq!(running.finish().ok(), "hi\nclosed by the server / 服务器已关闭连接\n");
}

/// Each program is in both tables, and each of a table's is there.
#[test]
fn the_readmes_name_them_all() {
    let is_program = |name: &String| name.ends_with(".py");
    let names = fs::read_dir(FOLDER).expect("the examples").map(|entry| entry.expect("an entry").file_name());
    let mut there: Vec<_> = names.map(|name| name.into_string().expect("a plain name")).filter(is_program).collect();
    there.sort();
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(format!("{FOLDER}/{readme}")).expect("a README");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned);
        let mut named: Vec<_> = links.filter(is_program).collect();
        named.sort();
        assert_eq!(named, there, "{readme}");
    }
}
