//! The workbench as it is started and ended, and a lesson in it from the first click to "Hello". What its API does is
//! tested in the crate `server`.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Lab, Running, in_time, until};

/// A workbench that runs.
struct Bench {
    running: Running,
    at: SocketAddr,
    token: String,
}

impl Bench {
    fn start(lab: &Lab, options: &[&str]) -> Self {
        Bench::of(lab.socklab(options))
    }

    fn of(mut command: Command) -> Self {
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        let running = Running::start(command);
        let urls = running.wait_for_told("its address", 1, |line| {
            let (at, token) = line.strip_prefix("workbench: http://")?.split_once("/?token=")?;
            Some((at.parse().expect("an address"), token.to_owned()))
        });
        let (at, token) = urls.into_iter().next().expect("one");
        Bench { running, at, token }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.at).expect("it listens");
        let (at, token, length) = (self.at, &self.token, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    #[track_caller]
    fn done(&self, command: Value) -> Value {
        let reply = self.ask("POST", "/api/command", &command.to_string());
        assert!(reply["error"].is_null(), "{command}: {reply}");
        reply
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        until(what, || Some(self.ask("GET", "/api/state", "")).filter(|state| is_so(state)))
    }
}

#[test]
fn it_says_where_it_is_and_ends_with_ctrl_c() {
    let lab = Lab::new();
    let bench = Bench::start(&lab, &["serve", "--listen", "127.0.0.1:0", "--open", "tcp-listen://127.0.0.1:0"]);
    assert_eq!(bench.token.len(), 32, "a new one at each start");
    let state = bench.until("what was opened", |state| state["endpoints"][0]["state"] == "open");
    let url = state["endpoints"][0]["url"].as_str().expect("a URL").to_owned();
    let mut device = TcpStream::connect(url.strip_prefix("tcp-listen://").expect("a server")).expect("it listens");
    device.write_all(b"hello").expect("it reads");
    bench.until("its word", |state| state["totals"]["received"] == 5);
    bench.done(json!({"do": "send", "to": "all", "data": {"text": "bye"}}));
    bench.running.interrupt();
    let mut rest = Vec::new();
    device.read_to_end(&mut rest).expect("a goodbye in good order");
    assert_eq!(rest, b"bye", "what waits is sent first");
    let done = bench.running.finish();
    assert_eq!(done.code, Some(130), "{done:?}");
    assert_eq!(lab.exported_raw(&[]), b"hello");
}

#[test]
fn a_second_one_goes_to_the_next_port_and_says_so() {
    let lab = Lab::new();
    let bench = Bench::start(&lab, &["serve", "--no-open"]);
    let second = Bench::start(&lab, &[]); // without a word it is the same
    assert!(bench.at.port() < second.at.port(), "{} {}", bench.at, second.at);
    second.running.wait_for_told("why", 1, |line| line.contains("port 7625 is taken").then_some(()));
    assert_ne!(bench.token, second.token);
    let theirs = TcpStream::connect(second.at).and_then(|mut stream| {
        let (at, token) = (second.at, &bench.token);
        stream.write_all(
            format!(
                "GET /api/state HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    assert!(theirs.expect("an answer").starts_with("HTTP/1.1 401"), "the token of one is not the other's");
}

#[test]
fn a_port_that_was_asked_for_is_not_changed_for_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address").to_string();
    let done = Lab::new().run(["serve", "--no-open", "--listen", &at]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.contains(&format!("cannot listen on {at}: address already in use")), "{done:?}");
}

#[test]
fn where_it_listens_may_be_a_port() {
    let lab = Lab::new();
    for place in ["0", "localhost:0"] {
        let bench = Bench::start(&lab, &["serve", "--no-open", "--listen", place]);
        assert!(bench.at.ip().is_loopback(), "{place}: {}", bench.at);
    }
    let wrong = || lab.socklab(["serve", "--no-open", "--listen", "evil.example:80"]);
    let english = crate::kit::run(wrong());
    assert!(english.code == Some(2) && english.err.contains("is no place to listen"), "{english:?}");
    let chinese = crate::kit::run(crate::chinese::in_chinese(wrong()));
    assert!(chinese.code == Some(2) && chinese.err.contains("不能用于监听"), "{chinese:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_for_as_long_as_it_is() {
    let lab = Lab::new();
    let (_holder, data) = crate::bad_input::small_disk(&lab, 2);
    let ballast = format!("{data}/ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).expect("it fits");
    let mut command = crate::kit::bare_socklab();
    let place = "tcp-listen://127.0.0.1:0";
    command.args(["--data", &data, "serve", "--no-open", "--listen", "127.0.0.1:0", "--open", place]);
    let bench = Bench::of(command);
    let state = bench.until("what was opened", |state| state["endpoints"][0]["state"] == "open");
    assert_eq!(state["standing"], json!([]));
    let url = state["endpoints"][0]["url"].as_str().expect("a URL").to_owned();
    let sent = crate::kit::noise(32, 3 << 19); // one and a half MiB
    let (length, sender) = (
        sent.len(),
        std::thread::spawn(move || {
            let mut device = TcpStream::connect(url.strip_prefix("tcp-listen://").expect("a server"))?;
            device.write_all(&sent).map(|()| device)
        }),
    );
    let state = bench.until("what is wrong", |state| state["standing"][0]["level"] == "error");
    for (lang, words) in [("en", "reading has stopped"), ("zh", "已暂停接收")] {
        let text = state["standing"][0][lang].as_str().expect("a line");
        assert!(text.contains(words) && text.contains("ENOSPC") && !text.contains("--capture"), "{text}");
    }
    std::fs::remove_file(ballast).expect("it was there");
    let state = bench.until("its end", |state| state["standing"] == json!([]));
    assert_eq!(state["notices"][0]["level"], "info");
    bench.until("all of it", |state| state["totals"]["received"] == length);
    drop(sender.join().expect("it ends").expect("sent"));
}

#[test]
fn an_endpoint_that_cannot_be_opened_ends_it_and_leaves_no_run() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let lab = Lab::new();
    let place = format!("tcp-listen://127.0.0.1:{port}");
    let done = lab.run(["serve", "--no-open", "--listen", "127.0.0.1:0", "--open", &place]);
    assert!(done.code == Some(1) && done.err.contains("address already in use"), "{done:?}");
    assert_eq!(lab.run(["capture", "ls", "--json"]).ok(), "");
}

#[test]
fn it_keeps_no_more_captures_than_it_is_to() {
    let lab = Lab::new();
    let place = "tcp-listen://127.0.0.1:0";
    let first = Bench::start(&lab, &["serve", "--no-open", "--listen", "127.0.0.1:0", "--open", place]);
    let state = first.until("what was opened", |state| state["endpoints"][0]["state"] == "open");
    let url = state["endpoints"][0]["url"].as_str().expect("a URL").to_owned();
    let mut device = TcpStream::connect(url.strip_prefix("tcp-listen://").expect("a server")).expect("it listens");
    device.write_all(b"hello").expect("it reads");
    let old = first.until("its word", |state| state["totals"]["received"] == 5)["log"]["run"].clone();
    first.running.interrupt();
    first.running.finish();
    let second = Bench::start(&lab, &["serve", "--no-open", "--listen", "127.0.0.1:0", "--open", place, "--keep", "1"]);
    let is_told = |line: &str| line.starts_with("socklab: removed the 1 oldest segments").then_some(());
    second.running.wait_for_told("what was removed", 1, is_told);
    let runs = second.ask("GET", "/api/runs", "");
    assert!(runs["runs"].as_array().is_some_and(|runs| runs.iter().all(|run| run["run"] != old)), "{runs:#}");
    second.running.interrupt();
    second.running.finish();
}

/// What a lesson does, with the port of an endpoint of the test's own.
const LESSON: &str = r#"
import network, socket, time
from machine import Pin
led = Pin(2, Pin.OUT)
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(10)
s = socket.socket()
s.connect(("192.168.1.115", PORT))
led.value(1)
s.send("Hello from the board")
print("got", s.recv(100))
while True:
    time.sleep(1)
"#;

#[test]
fn a_lesson_goes_from_the_first_click_to_hello() {
    let lab = Lab::new();
    let bench = Bench::start(&lab, &["serve", "--no-open", "--listen", "127.0.0.1:0"]);
    let opened = bench.done(json!({"do": "open", "url": "tcp-listen://127.0.0.1:0"}));
    let port = opened["url"].as_str().and_then(|url| url.rsplit(':').next()).expect("a port").to_owned();
    let board = bench.done(json!({"do": "board_new", "profile": "esp32"}));
    assert_eq!((&board["board"], &board["name"]), (&json!("b1"), &json!("esp32")));
    bench.until("its prompt", |state| state["boards"][0]["state"] == "prompt");
    let source = LESSON.replace("PORT", &port);
    bench.done(json!({"do": "board_run", "board": "b1", "source": source, "name": "lesson.py"}));
    let state = bench.until("hello", |state| state["totals"]["received"] == 20);
    let address = state["peers"][0]["address"].as_str().expect("an address");
    assert!(address.starts_with("192.168.1."), "the board's own: {address}");
    bench.until("its lamp", |state| state["boards"][0]["pins"]["2"] == 1);
    bench.until("the network", |state| {
        let lan = &state["lan"];
        lan["boards"][0]["ssid"] == "Socklab" && lan["connections"][0]["stage"] == "open"
    });
    assert_eq!(state["lan"]["leases"][0]["address"], address.split(':').next().expect("an IP"), "as DHCP gave it");
    let told = bench.ask("GET", "/api/lan/netstat", "");
    assert_eq!(told["boards"][0]["board"], "esp32");
    assert!(told["boards"][0]["lines"].to_string().contains(&format!("192.168.1.115:{port}")), "{told}");
    bench.done(json!({"do": "send", "to": "all", "data": {"text": "welcome"}}));
    bench.done(json!({"do": "board_stop", "board": "b1"}));
    bench.until("Ctrl-C", |state| state["boards"][0]["state"] == "prompt");
    bench.done(json!({"do": "board_reset", "board": "b1", "hard": true}));
    bench.until("the lamp is out", |state| state["boards"][0]["pins"] == json!({}));
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    bench.until("no board", |state| state["boards"] == json!([]));
    let again = bench.done(json!({"do": "board_new", "profile": "esp32"}));
    assert_eq!(again["name"], "esp32", "the name is free again");
    bench.running.interrupt();
    assert_eq!(bench.running.finish().code, Some(130));
    assert_eq!(lab.exported_raw(&[]), b"Hello from the board");
}

/// Dials two ports of the computer, and says at a third what came of it.
const DIALLER: &str = r#"
import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(10)

def dial(host, port):
    s = socket.socket()
    try:
        s.connect((host, port))
        return "reached"
    except OSError:
        return "refused"
    finally:
        s.close()

said = [dial("192.168.1.115", CONTROL), dial("10.9.8.7", CONTROL), dial("192.168.1.115", OTHER)]
s = socket.socket()
s.connect(("192.168.1.115", PORT))
s.send(", ".join(said) + ".")
"#;

#[test]
fn neither_a_board_nor_an_endpoint_dials_the_control_port() {
    let lab = Lab::new();
    let bench = Bench::start(&lab, &["serve", "--no-open", "--listen", "127.0.0.1:0"]);
    let control = bench.at.port().to_string();
    for host in ["127.0.0.1", "localhost", "127.3.2.1", "[::ffff:127.0.0.1]"] {
        let open = json!({"do": "open", "url": format!("tcp://{host}:{control}")});
        let answer = bench.ask("POST", "/api/command", &open.to_string());
        assert!(answer["error"]["text"].to_string().contains("control port"), "{host}: {answer}");
    }
    // With every other port of the loopback open to boards, this one is not.
    bench.done(json!({"do": "lan_set", "host_loopback": true}));
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let opened = bench.done(json!({"do": "open", "url": "tcp-listen://127.0.0.1:0"}));
    let port = opened["url"].as_str().and_then(|url| url.rsplit(':').next()).expect("a port").to_owned();
    bench.done(json!({"do": "board_new", "profile": "esp32"}));
    bench.until("its prompt", |state| state["boards"][0]["state"] == "prompt");
    let other = other.local_addr().expect("an address").port().to_string();
    let source = DIALLER.replace("CONTROL", &control).replace("OTHER", &other).replace("PORT", &port);
    bench.done(json!({"do": "board_run", "board": "b1", "source": source}));
    let said = "refused, refused, reached.";
    bench.until("what it says", |state| state["totals"]["received"] == said.len());
    bench.running.interrupt();
    bench.running.finish();
    assert_eq!(String::from_utf8_lossy(&lab.exported_raw(&[])), said);
}

/// Says to the computer's loopback what came of dialling two ports there.
const NEIGHBOUR: &str = r#"
import network, socket
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    pass
def dial(port):
    s = socket.socket()
    try:
        s.connect(("127.0.0.1", port))
        return s
    except OSError as error:
        return str(error.errno)
out = dial(PORT)
out.send(dial(CONTROL) + " " + str(dial(PORT) is not None))
"#;

#[test]
fn a_board_may_be_on_this_machines_network() {
    let lab = Lab::new();
    let bench = Bench::start(&lab, &["serve", "--no-open", "--listen", "127.0.0.1:0"]);
    let opened = bench.done(json!({"do": "open", "url": "tcp-listen://127.0.0.1:0"}));
    let port = opened["url"].as_str().and_then(|url| url.rsplit(':').next()).expect("a port").to_owned();
    bench.done(json!({"do": "board_new", "profile": "esp32", "host": true}));
    let state = bench.until("its prompt", |state| state["boards"][0]["state"] == "prompt");
    assert_eq!((&state["boards"][0]["host"], &state["lan"]["boards"]), (&json!(true), &json!([])));
    let source = NEIGHBOUR.replace("PORT", &port).replace("CONTROL", &bench.at.port().to_string());
    bench.done(json!({"do": "board_run", "board": "b1", "source": source}));
    let said = "118 True"; // EHOSTUNREACH, as lwIP counts
    let state = bench.until("what it says", |state| state["totals"]["received"] == said.len());
    assert!(state["peers"][0]["address"].as_str().is_some_and(|at| at.starts_with("127.0.0.1:")), "{state}");
    let notes =
        bench.until("why", |state| state["boards"][0]["notes"][0].is_object())["boards"][0]["notes"].to_string();
    assert!(notes.contains("is the workbench's own control port"), "{notes}");
    let answer = bench.ask("POST", "/api/command", &json!({"do": "forward", "forward": "0:esp32:80"}).to_string());
    assert_eq!(answer["error"]["code"], "no_such_board", "{answer}");
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    bench.running.interrupt();
    bench.running.finish();
    assert_eq!(String::from_utf8_lossy(&lab.exported_raw(&[])), said);
}

#[test]
fn what_is_offered_of_a_board_goes_with_it() {
    let lab = Lab::new();
    let bench = Bench::start(&lab, &["serve", "--no-open", "--listen", "127.0.0.1:0"]);
    bench.done(json!({"do": "board_new", "profile": "esp32", "name": "desk"}));
    bench.until("its prompt", |state| state["boards"][0]["state"] == "prompt");
    let offer = |way: &str| {
        let made = bench.done(json!({"do": "board_offer", "board": "b1", "way": way}));
        made["at"].as_str().expect("where").to_owned()
    };
    let (tcp, webrepl) = (offer("tcp"), offer("webrepl"));
    let mut tool = TcpStream::connect(&tcp).expect("it listens");
    tool.write_all(b"print('by', 'hand')\r\n").expect("it reads");
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("by hand") {
        let mut bytes = [0; 100];
        let count = tool.read(&mut bytes).expect("output");
        assert!(count > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&bytes[..count]);
    }
    let serial = cfg!(unix).then(|| offer("serial"));
    let state = bench.until("all of them", |state| state["boards"][0]["offers"].to_string().contains(&webrepl));
    assert_eq!(state["boards"][0]["offers"][0], json!({"way": "tcp", "at": tcp}));
    assert_eq!(state["boards"][0]["offers"][1], json!({"way": "webrepl", "at": webrepl, "password": "socklab"}));
    let port = serial.map(|path| File::open(path).expect("a serial port"));
    bench.done(json!({"do": "board_withdraw", "board": "b1", "at": webrepl}));
    assert!(TcpStream::connect(&webrepl).is_err(), "closed at once");
    let again =
        bench.ask("POST", "/api/command", &json!({"do": "board_withdraw", "board": "b1", "at": webrepl}).to_string());
    assert_eq!(again["error"]["code"], "no_such_offer");
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    assert!(TcpStream::connect(&tcp).is_err(), "closed with its board");
    let mut rest = Vec::new();
    tool.read_to_end(&mut rest).expect("the end, in good order");
    // A port that is unplugged: an error, or an end.
    if let Some(mut port) = port {
        in_time("the serial port's end", move || drop(port.read_to_end(&mut Vec::new())));
    }
    bench.running.interrupt();
    bench.running.finish();
}
