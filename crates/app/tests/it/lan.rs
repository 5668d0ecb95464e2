//! Boards on the virtual network: lessons' programs as they are, endpoints beside them, in another process, or nowhere,
//! and boards among themselves.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

#[cfg(unix)]
use crate::chinese::in_chinese;
#[cfg(unix)]
use crate::kit::until;
use crate::kit::{Done, Lab, Running, dial, own_place, read_all, try_dial};

const JOIN: &str = "import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect('01Studio', '88888888')
while not wlan.isconnected():
    time.sleep_ms(10)
";

const CLIENT: &str = "print(wlan.ifconfig())
s = socket.socket()
s.connect(('192.168.1.115', 23500))
s.send(b'Hello 01Studio!')
print(s.recv(100))
s.close()
";

fn write(lab: &Lab, name: &str, program: &str) {
    fs::write(lab.path(name), format!("{JOIN}{program}")).expect("a program");
}

fn run(lab: &Lab, program: &str, options: &[&str]) -> Done {
    write(lab, "main.py", program);
    lab.run(["run", "main.py", "--join-time", "0"].iter().chain(options))
}

const GREETED: &str = "('192.168.1.20', '255.255.255.0', '192.168.1.1', '192.168.1.1')\nb'Hello 01Studio!'\n";

#[test]
fn a_lessons_client_reaches_the_endpoint_beside_it_unchanged() {
    let lab = Lab::new();
    let done = run(&lab, CLIENT, &["--open", &format!("tcp-listen://{}?echo=1", own_place(23500))]);
    assert!(done.err.contains("e1.1 192.168.1.20:"), "{done:?}");
    assert!(done.err.contains(" < Hello 01Studio!\n") && done.err.contains(" > Hello 01Studio!\n"), "{done:?}");
    assert_eq!(done.ok(), GREETED);
    assert_eq!(lab.exported_raw(&[]), b"Hello 01Studio!", "what an endpoint receives is captured");
}

/// As what getaddrinfo gives is made a socket of, and as CPython's own library dials.
#[test]
fn a_socket_may_name_its_protocol() {
    let lab = Lab::new();
    let numbered = "import socket, sys
where = socket.getaddrinfo('192.168.1.115', 23506, 0, socket.SOCK_STREAM)[0]
s = socket.socket(where[0], socket.SOCK_STREAM, 6)
s.connect(where[-1])
s.send(b'numbered')
print(s.recv(100))
socket.socket(where[0], socket.SOCK_DGRAM, 17).close()
try:
    socket.socket(where[0], socket.SOCK_STREAM, 17)
except OSError:
    print('no datagrams in a stream')
if sys.platform == 'linux':
    s = socket.create_connection(('192.168.1.115', 23506))
    s.sendall(b'created')
    print(s.recv(100))
";
    for (board, created) in [("esp32", ""), ("rp2", ""), ("linux", "b'created'\n")] {
        let join = if board == "linux" { "" } else { JOIN };
        fs::write(lab.path("main.py"), format!("{join}{numbered}")).expect("a program");
        let place = format!("tcp-listen://{}?echo=1", own_place(23506));
        let done = lab.run(["run", "main.py", "--board", board, "--join-time", "0", "--open", &place]);
        assert_eq!(done.ok(), format!("b'numbered'\nno datagrams in a stream\n{created}"), "{board}");
    }
}

#[test]
fn a_lessons_client_reaches_a_socklab_in_another_terminal() {
    let lab = Lab::new();
    let server = lab.listen(&format!("tcp-listen://{}?echo=1", own_place(23505)), &[]);
    let client = CLIENT.replace("23500", "23505");
    assert_eq!(run(&lab, &client, &[]).ok(), GREETED);
    server.stop();
    let done = run(&lab, &client, &[]);
    assert!(done.code == Some(1) && done.err.contains("nobody listens on port 23505"), "it is gone: {done:?}");
}

/// A process that was killed cannot say that its port is closed; what listens there later is somebody else.
#[cfg(unix)]
#[test]
fn a_port_of_a_process_that_has_died_leads_nowhere() {
    let lab = Lab::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = server.local_addr().expect("an address");
    let ports = lab.path("run/socklab/ports");
    fs::create_dir_all(&ports).expect("a folder");
    fs::write(ports.join("999999"), format!("tcp {place}\n")).expect("a file");
    let done = run(&lab, &CLIENT.replace("23500", &place.port().to_string()), &[]);
    assert!(done.code == Some(1) && done.err.contains("nobody listens on port"), "{done:?}");
    assert!(!ports.join("999999").exists(), "it is removed");
}

#[test]
fn a_dial_that_nobody_answers_is_refused_and_said() {
    let lab = Lab::new();
    for (board, number) in [("esp32", "OSError: [Errno 104] ECONNRESET"), ("rp2", "OSError: [Errno 104] ECONNRESET")] {
        let done = run(&lab, CLIENT, &["--board", board, "--frames"]);
        let out = String::from_utf8_lossy(&done.out);
        assert!(done.code == Some(1) && out.contains(number), "{done:?}");
        let said = format!("{board} dialled 192.168.1.115:23500: nobody listens on port 23500");
        assert!(done.err.contains(&said), "{done:?}");
        let kept = lab.run(["capture", "show"]).ok();
        assert!(kept.contains(&said), "also without an endpoint: {kept}");
    }
    let open = format!("tcp-listen://{}", own_place(23519));
    run(&lab, CLIENT, &["--open", &open]);
    let kept = lab.run(["capture", "show"]).ok();
    assert!(kept.contains(" e2 lan: * esp32 dialled 192.168.1.115:23500"), "not of another port: {kept}");
}

#[test]
fn a_broadcast_reaches_a_socklab_in_another_terminal() {
    let lab = Lab::new();
    let server = lab.listen(&format!("udp://{}?echo=1", own_place(23508)), &[]);
    let program = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 32, 1)
s.settimeout(10)
for to in ('192.168.1.255', '255.255.255.255'):
    s.sendto(to.encode(), (to, 23508))
    print(s.recvfrom(100))
";
    let from = "('192.168.1.115', 23508)";
    assert_eq!(
        run(&lab, program, &[]).ok(),
        ["192.168.1.255", "255.255.255.255"].map(|to| format!("(b'{to}', {from})\n")).concat()
    );
    server.stop();
}

/// A flood of datagrams to nobody is not as many lines.
#[test]
fn what_nobody_takes_is_said_once_in_a_while() {
    let lab = Lab::new();
    let program = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(500):
    s.sendto(b'x', ('192.168.1.115', 23509))
    time.sleep_ms(1)
print('sent')
";
    let done = run(&lab, &format!("import time\n{program}"), &[]);
    let said = "esp32 sent a datagram to 192.168.1.115:23509: nobody listens on port 23509";
    let count = done.err.lines().filter(|line| line.contains(said)).count();
    assert!((1..50).contains(&count), "{done:?}");
    assert_eq!(done.ok(), "sent\n");
}

/// The system tells of a datagram that no other program takes, where it does.
#[test]
#[cfg(target_os = "linux")]
fn a_datagram_that_no_other_program_takes_is_said_too() {
    let lab = Lab::new();
    let (socket, address) = crate::kit::udp();
    drop(socket);
    let port = address.port();
    let program = format!(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'x', ('192.168.1.115', {port}))
s.recvfrom(1)
"
    );
    write(&lab, "main.py", &program);
    let board = lab.start(["run", "main.py", "--join-time", "0", "--host-loopback"]);
    board.wait_for_told_after(
        0,
        &format!("esp32 sent a datagram to 192.168.1.115:{port}: nobody listens on port {port}"),
    );
    board.interrupt();
    assert_eq!(board.finish().code, Some(130));
}

#[test]
fn the_wifi_may_be_wrong_from_the_start() {
    let lab = Lab::new();
    let program = "import network
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect('01Studio', '88888888')
while wlan.status() == network.STAT_CONNECTING:
    pass
print(wlan.status())
";
    fs::write(lab.path("main.py"), program).expect("a program");
    let run = |options: &[&str]| lab.run(["run", "main.py", "--join-time", "0"].iter().chain(options));
    let done = run(&["--air", "wrong-password"]);
    assert!(done.err.contains("Wi-Fi 01Studio: the password is wrong"), "{done:?}");
    assert_eq!(done.ok(), "202\n");
    fs::write(lab.path("main.py"), program.replace(", '88888888'", "")).expect("a program");
    let done = run(&["--air", "wrong-password"]);
    assert!(done.err.contains("Wi-Fi 01Studio: the password is wrong"), "without one: {done:?}");
    let done = run(&["--air", "late"]);
    assert!(done.code == Some(2) && done.err.contains("no fault is called \"late\""), "{done:?}");
    let done = run(&["--air", "gone", "--net", "host"]);
    assert!(done.code == Some(2) && done.err.contains("--air is for the virtual network"), "{done:?}");
}

#[test]
fn what_is_beyond_needs_leave() {
    let lab = Lab::new();
    let done = run(&lab, "s = socket.socket()\ns.connect(('8.8.8.8', 53))", &[]);
    assert!(done.code == Some(1), "{done:?}");
    assert!(done.err.contains("esp32 dialled 8.8.8.8:53, which is not on the network; --internet lets it"), "{done:?}");
    let (listener, address) = crate::kit::listener();
    let dial = format!("s = socket.socket()\ns.connect(('192.168.1.115', {}))\nprint('made')", address.port());
    assert_eq!(run(&lab, &dial, &[]).code, Some(1), "a port of this machine that no Socklab has");
    assert_eq!(run(&lab, &dial, &["--host-loopback"]).ok(), "made\n");
    let (_, from) = crate::kit::accept(&listener);
    let expected = if cfg!(target_os = "linux") { "127.168.1.20" } else { "127.0.0.1" };
    assert_eq!(from.ip().to_string(), expected, "boards can be told apart");
}

#[test]
fn datagrams_and_broadcasts_go_both_ways() {
    let lab = Lab::new();
    let program = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 32, 1)
for to in ('192.168.1.115', '192.168.1.255', '255.255.255.255'):
    s.sendto(to.encode(), (to, 23501))
    print(s.recvfrom(100))
";
    let done = run(&lab, program, &["--open", &format!("udp://{}?echo=1", own_place(23501))]);
    let from = "('192.168.1.115', 23501)";
    let out: String =
        ["192.168.1.115", "192.168.1.255", "255.255.255.255"].map(|to| format!("(b'{to}', {from})\n")).concat();
    assert_eq!(done.ok(), out);
}

#[test]
fn two_boards_find_each_other_by_name() {
    let lab = Lab::new();
    write(
        &lab,
        "server.py",
        "s = socket.socket()
s.bind(('', 8000))
s.listen(1)
print('ready')
c, address = s.accept()
print(c.recv(100), address[0])
c.send(b'welcome')
c.close()
",
    );
    write(
        &lab,
        "client.py",
        "while True:
    s = socket.socket()
    try:
        s.connect(socket.getaddrinfo('esp32.lan', 8000)[0][-1])
        break
    except OSError:
        s.close()
        time.sleep_ms(20)
s.send(b'hello')
print(s.recv(100))
",
    );
    let done = lab.run(["run", "server.py", "client.py", "--board", "esp32,rp2", "--join-time", "0"]);
    let out = String::from_utf8_lossy(&done.out).into_owned();
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    let [server, ready, client] = &lines[..] else { panic!("{done:?}") };
    assert!(server.starts_with("esp32 | b'hello' 192.168.1.2") && *ready == "esp32 | ready", "{done:?}");
    assert_eq!(*client, "rp2   | b'welcome'");
    assert_eq!(done.code, Some(0));
}

const PAGE: &str = "s = socket.socket()
s.bind(('', 80))
s.listen(5)
print('ready')
while True:
    c, address = s.accept()
    asked = c.recv(1000)
    c.send(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + asked.split()[1] + b' for ' + address[0].encode())
    c.close()
";

/// Where a forward listens, as it is said.
fn forwarded(running: &Running) -> SocketAddr {
    let at = |line: &str| line.split_once(" leads to ")?.0.parse().ok();
    running.wait_for_told("a forward", 1, at)[0]
}

/// A computer has its address before its programs begin; here they begin first, and each thread waits that needs it.
#[test]
fn the_first_connections_of_a_computer_wait_for_its_address() {
    let lab = Lab::new();
    let program = "import socket, threading
print('begun')
def dial():
    s = socket.create_connection(('192.168.1.115', 23509))
    s.sendall(b'x')
    print(s.recv(1))
threads = [threading.Thread(target=dial) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
";
    fs::write(lab.path("main.py"), program).expect("a program");
    let place = format!("tcp-listen://{}?echo=1", own_place(23509));
    let done = lab.run(["run", "main.py", "--board", "linux", "--open", &place]);
    assert_eq!(done.ok(), format!("begun\n{}", "b'x'\n".repeat(4)));
}

#[test]
fn a_boards_page_is_opened_from_this_machine() {
    let lab = Lab::new();
    write(&lab, "web.py", PAGE);
    let place = own_place(8080);
    let options = ["--join-time", "0", "--forward", &format!("{place}:80"), "--forward", "0:esp32:81"];
    let running = lab.start(["run", "web.py"].iter().chain(&options));
    running.wait_for_text("ready\n");
    assert_eq!(forwarded(&running), place);
    for path in ["/one", "/two"] {
        let mut stream = dial(place);
        // In one piece: the page asks for what is there once.
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("it reads");
        let page = String::from_utf8(read_all(&mut stream)).expect("text");
        assert_eq!(page, format!("HTTP/1.0 200 OK\r\n\r\n{path} for 192.168.1.115"));
    }
    let nowhere = running.wait_for_told("two forwards", 2, |line| line.split_once(" leads to ")?.0.parse().ok())[1];
    // Before or after the dial is made: nobody listens on the board's port 81.
    let refused = try_dial(nowhere).and_then(|mut stream| stream.read(&mut [0])).expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::ConnectionReset);
    let said = format!("a connection to {nowhere} led nowhere: nobody listens on port 81 of esp32");
    running.wait_for_told("why", 1, |line| line.ends_with(&said).then_some(()));
    running.interrupt();
    running.finish();
}

#[test]
fn a_forward_says_which_board_it_means() {
    let lab = Lab::new();
    write(&lab, "a.py", "");
    for (options, said) in [
        (&["a.py", "a.py", "--forward", "0:80"][..], "--forward has to say which board: esp32, esp32-2"),
        (&["a.py", "--forward", "0:rp2:80"], "no board is called \"rp2\" here; there are esp32"),
        (&["a.py", "--forward", "80"], "'80' for '--forward <[ADDRESS:]PORT:[BOARD:]PORT>': is not"),
        (&["a.py", "--forward", "0:80", "--net", "host"], "--forward is for the virtual network"),
        (&["a.py", "--seed", "5", "--net", "host"], "--seed is for the virtual network"),
        (&["a.py", "--host-loopback", "--net", "host"], "--host-loopback is for the virtual network"),
    ] {
        let done = lab.run(["run"].iter().chain(options));
        assert!(done.code == Some(2) && done.err.contains(said), "{done:?}");
    }
}

/// What of a hundred datagrams the endpoint beside the board gets.
fn received_of_a_hundred(options: &[&str]) -> Vec<u8> {
    let lab = Lab::new();
    let program = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(30)
def ask(what):
    s.sendto(what, ('192.168.1.115', 23503))
    return s.recv(10)
ask(b'begin')  # few wait for the other's hardware address
for n in range(100):
    s.sendto(bytes([n]), ('192.168.1.115', 23502))
print(ask(b'end'))
";
    let places = [23502, 23503].map(|port| format!("udp://{}", own_place(port)));
    let opened = ["--open", &places[0], "--open", &format!("{}?echo=1", places[1])];
    assert_eq!(run(&lab, program, &[&opened, options].concat()).ok(), "b'end'\n");
    let received = lab.exported_raw(&["--peer", "e1.1"]);
    received.into_iter().filter(|byte| *byte < 100).collect()
}

#[test]
fn a_fault_loses_the_frames_that_it_names() {
    let all: Vec<u8> = (0..100).collect();
    assert_eq!(received_of_a_hundred(&["--fault", "perfect"]), all);
    let third = ["--fault", "esp32:up:filter=udp,port:23502,nth:3"];
    assert_eq!(received_of_a_hundred(&third), all.iter().copied().filter(|n| *n != 2).collect::<Vec<_>>());
    let half = |seed| received_of_a_hundred(&["--fault", "up:filter=udp,port:23502,p:50%", "--seed", seed]);
    let (one, other) = (half("1"), half("2"));
    assert!((20..80).contains(&one.len()) && one == half("1") && one != other, "{one:?}\n{other:?}");
}

/// A program that sends and ends at once.
const LAST_WORDS: &str = "import socket
s = socket.create_connection(('192.168.1.115', 23512))
s.sendall(b'x' * 80000)
s.close()
";

/// A board's stack goes on when its program is over.
#[test]
fn what_a_program_sends_before_its_end_arrives_over_a_slow_link() {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), LAST_WORDS).expect("a program");
    let open = format!("tcp-listen://{}", own_place(23512));
    let done = lab.run(["run", "main.py", "--board", "linux", "--open", &open, "--fault", "up:rate=200kbit"]);
    assert!(done.err.contains("bytes for 192.168.1.115:23512 are still on their way"), "{done:?}");
    assert!(done.err.contains(" * closed by peer"), "{done:?}");
    done.ok();
    assert_eq!(lab.exported_raw(&[]).len(), 80000);
}

#[cfg(unix)]
#[test]
fn what_is_not_waited_for_is_said() {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), LAST_WORDS.replace("23512", "23513")).expect("a program");
    let open = format!("tcp-listen://{}", own_place(23513));
    let board = lab.start(["run", "main.py", "--board", "linux", "--open", &open, "--fault", "up:rate=50kbit"]);
    board.wait_for_told_after(0, "bytes for 192.168.1.115:23513 are still on their way (Ctrl-C: do not wait)");
    board.interrupt();
    let done = board.finish();
    assert!(done.code == Some(0) && done.err.contains("bytes for 192.168.1.115:23513 were not delivered"), "{done:?}");
}

/// What is missing is not taken for an end.
#[cfg(unix)]
#[test]
fn a_stream_that_is_cut_off_has_no_end_for_a_socklab_in_another_terminal() {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), LAST_WORDS.replace("23512", "23515")).expect("a program");
    let server = lab.listen(&format!("tcp-listen://{}", own_place(23515)), &[]);
    let board = lab.start(["run", "main.py", "--board", "linux", "--fault", "up:rate=50kbit"]);
    board.wait_for_told_after(0, "bytes for 192.168.1.115:23515 are still on their way");
    board.interrupt();
    board.finish();
    let log = until("its end", || Some(lab.run(["capture", "show"]).ok()).filter(|log| log.contains(" by peer")));
    assert!(log.contains(" * reset by peer"), "{log}");
    server.stop();
}

/// All come, but for those that the system says it has dropped at the other's socket.
#[test]
fn a_burst_of_datagrams_to_a_socklab_in_another_terminal_is_whole() {
    let lab = Lab::new();
    let server = lab.listen(&format!("udp://{}", own_place(23516)), &[]);
    let program = "import socket
try:
    socket.create_connection(('192.168.1.115', 1))  # asks for the other's hardware address
except OSError:
    pass
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(3000):
    s.sendto(b'x' * 100, ('192.168.1.115', 23516))
";
    fs::write(lab.path("main.py"), program).expect("a program");
    lab.run(["run", "main.py", "--board", "linux"]).ok();
    server.stop();
    let log = lab.run(["capture", "show"]).ok();
    let total = |line: &str| line.split_once("read (")?.1.split_once(" so far")?.0.parse::<usize>().ok();
    let dropped = log.lines().filter_map(total).next_back().unwrap_or(0);
    assert_eq!(lab.exported_raw(&[]).len() / 100 + dropped, 3000);
}

/// A board's closed port says so, as this machine's does.
#[test]
fn a_datagram_that_a_board_does_not_take_is_said() {
    let lab = Lab::new();
    let program = "gone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
gone.bind(('', 7001))
gone.sendto(b'bye', ('192.168.1.115', 23517))
gone.close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'there', ('192.168.1.115', 23517))
print(s.recv(10))
";
    let open = format!("udp://{}?echo=1", own_place(23517));
    let done = run(&lab, program, &["--open", &open]);
    let said = "192.168.1.20:7001 * cannot send to 192.168.1.20:7001: nobody listens there";
    assert!(done.err.contains(said), "{done:?}");
    assert_eq!(done.ok(), "b'there'\n");
}

#[test]
fn a_server_on_the_loopback_of_ipv6_is_reached() {
    let lab = Lab::new();
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else { return }; // a system without IPv6
    let port = listener.local_addr().expect("an address").port();
    let dial = format!("s = socket.socket()\ns.connect(('192.168.1.115', {port}))\nprint('made')");
    assert_eq!(run(&lab, &dial, &["--host-loopback"]).ok(), "made\n");
    drop(listener);
    let done = run(&lab, &dial, &["--host-loopback"]);
    assert!(done.err.contains(&format!("nobody listens on port {port}")), "{done:?}");
}

#[test]
fn an_address_of_ipv6_is_dialled_as_getaddrinfo_gives_it() {
    let lab = Lab::new();
    let program = "while True:
    try:
        s = socket.socket(socket.AF_INET6)
        s.connect(socket.getaddrinfo('pc.lan', 23518, socket.AF_INET6)[0][-1])
        break
    except OSError:  # it has no address of this version yet
        s.close()
s.send(b'six')
print(s.recv(10))
";
    let open = format!("tcp-listen://{}?echo=1", own_place(23518));
    assert_eq!(run(&lab, program, &["--open", &open]).ok(), "b'six'\n");
}

/// A socket's path is short (`sun_path` of unix(7)).
#[cfg(unix)]
#[test]
fn a_network_that_cannot_be_asked_says_so() {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), "print('runs')").expect("a program");
    for (language, said) in [
        ("C", "`socklab lan` cannot reach this network: no socket in"),
        ("zh_CN.UTF-8", "`socklab lan` 无法访问此网络"),
    ] {
        let mut command = lab.socklab(["run", "main.py"]);
        command.env("XDG_RUNTIME_DIR", lab.path(&"long".repeat(30))).env("LC_ALL", language);
        let done = crate::kit::run(command);
        assert!(done.err.contains(said), "{done:?}");
        assert_eq!(done.ok(), "runs\n");
    }
}

/// A program that has left its network waits for nobody.
#[test]
fn what_cannot_be_sent_any_more_is_said_at_once() {
    let lab = Lab::new();
    let program = "s = socket.socket()
s.connect(('192.168.1.115', 23514))
s.sendall(b'x' * 5000)
s.close()
wlan.disconnect()
";
    let open = format!("tcp-listen://{}", own_place(23514));
    let done = run(&lab, program, &["--open", &open, "--fault", "up:rate=20kbit"]);
    assert!(done.err.contains("bytes for 192.168.1.115:23514 were not delivered"), "{done:?}");
    assert!(!done.err.contains("still on their way"), "{done:?}");
    done.ok();
}

#[test]
fn a_fault_that_is_none_is_refused() {
    let lab = Lab::new();
    write(&lab, "a.py", "");
    for (fault, said) in [
        ("lossy", "'lossy' for '--fault <[BOARD:][up:|down:]SPEC>': no fault is called \"lossy\""),
        ("loss=much", "\"much\" is no value for loss; for example 5%"),
        ("rp2:loss=5%", "no board is called \"rp2\" here; there are esp32"),
    ] {
        let done = lab.run(["run", "a.py", "--fault", fault]);
        assert!(done.code == Some(2) && done.err.contains(said), "{done:?}");
    }
}

/// A board with a connection and three lost frames, which then waits.
#[cfg(unix)]
const BUSY: &str = "c = socket.socket()
c.connect(('192.168.1.115', 23504))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(100):
    s.sendto(b'x', ('192.168.1.115', 23504))
print('sent')
while True:
    if not wlan.isconnected():
        print('lost')
        wlan.disconnect()
        while not wlan.isconnected():
            if wlan.status() != 1001:
                wlan.connect('01Studio', '88888888')
            time.sleep_ms(5)
        print('joined again')
    time.sleep_ms(5)
";

#[cfg(unix)]
fn start_busy(lab: &Lab, place: SocketAddr) -> Running {
    write(lab, "busy.py", &BUSY.replace("23504", &place.port().to_string()));
    let open = format!("tcp-listen://{place}");
    let options = ["--join-time", "0", "--open", &open, "--fault", "up:loss=list:50,51,52", "--seed", "7"];
    let running = lab.start(["run", "busy.py"].iter().chain(&options));
    running.wait_for_text("sent\n");
    running
}

#[cfg(unix)]
#[test]
fn a_network_that_runs_is_asked_and_changed() {
    let lab = Lab::new();
    let running = start_busy(&lab, own_place(23504));
    let status = until("a hundred frames", || {
        let status = lab.run(["lan", "status"]).ok();
        status.contains(" lost 3 (loss=list:50,51,52)\n").then_some(status)
    });
    assert!(status.starts_with("seed    7\nport    p1 esp32 "), "{status}");
    let netstat = lab.run(["lan", "netstat"]).ok();
    assert!(netstat.contains(" > 192.168.1.115:23504 open sent "), "{netstat}");
    assert!(
        netstat.lines().all(|line| ["flow ", "tcp ", "esp32 "].iter().any(|head| line.starts_with(head))),
        "{netstat}"
    );
    let own =
        netstat.lines().find(|line| line.starts_with("esp32   tcp") && line.contains(":23504")).expect("its socket");
    assert!(own.contains(" 192.168.1.20:") && own.contains(" ESTABLISHED "), "{netstat}");
    let changed = lab.run(["lan", "fault", "esp32", "up:loss=5%", "delay=20ms"]).ok();
    assert!(changed.contains("(delay=20ms loss=0.05)\n") && changed.contains(" (perfect)\n"), "{changed}");
    assert!(!lab.run(["lan", "fault", "all", "perfect"]).ok().contains("loss=0.05"));
    let air = |spec: &str| lab.run(["lan", "air", "01Studio"].into_iter().chain(spec.split(' '))).ok();
    let row = "air     \"Socklab\" channel 6 open, of the network, ";
    assert_eq!(air("gone"), format!("{row}switched off (gone)\n"));
    running.wait_for_text("lost\n");
    assert!(air("back").starts_with(row));
    running.wait_for_text("joined again\n");
    assert!(air("deauth dhcp=off").ends_with(" (dhcp=off)\n"));
    let complaint = "Wi-Fi 01Studio is joined, but DHCP has given the board no address";
    running.wait_for_told(complaint, 1, |line| line.contains(complaint).then_some(()));
    assert!(air("deauth dhcp=slow:50ms").ends_with(" (dhcp=slow:50ms)\n"));
    until("it has joined twice", || (running.out.text().matches("joined again\n").count() == 2).then_some(()));
    for (args, said) in [
        (&["lan", "fault", "rp2", "down"][..], "no board is called \"rp2\""),
        (&["lan", "fault", "esp32", "lossy"], "no fault is called \"lossy\""),
        (&["lan", "air", "Socklab", "off"], "no fault is called \"off\""),
        (&["lan", "air", "Socklab", "dhcp=late"], "\"late\" is no value for dhcp; for example off, slow:3s"),
        (&["lan", "status", "--pid", "1"], "no Socklab with a virtual network is process 1"),
    ] {
        let done = lab.run(args);
        assert!(done.code == Some(2) && done.err.contains(said), "{done:?}");
    }
}

/// What is asked from a Chinese terminal is answered in Chinese, whatever the other one speaks; values are as they are.
#[cfg(unix)]
#[test]
fn a_network_is_shown_in_the_language_of_who_asks() {
    let lab = Lab::new();
    let _running = start_busy(&lab, own_place(23510));
    until("its connection", || lab.run(["lan", "netstat"]).ok().contains(" open sent ").then_some(()));
    for (args, heads) in [
        (["lan", "status"], &["种子", "板子", "链路", "无线", "地址", "租约", "外连", "tcp"][..]),
        (["lan", "netstat"], &["外连", "tcp", "esp32"]),
    ] {
        let told = crate::kit::run(in_chinese(lab.socklab(args))).ok();
        let found = |line: &str| heads.iter().any(|head| line.split(' ').next() == Some(head));
        assert!(told.lines().all(found) && heads.iter().all(|head| told.contains(head)), "{told}");
        let words = told
            .split([' ', '(', ')', '，'])
            .filter(|word| word.len() > 2 && word.chars().all(|c| c.is_ascii_lowercase()));
        assert_eq!(words.filter(|word| !["tcp", "udp"].contains(word)).collect::<Vec<_>>(), [""; 0], "{told}");
    }
}

#[cfg(unix)]
#[test]
fn one_of_several_networks_is_named_by_its_process() {
    let lab = Lab::new();
    let none = lab.run(["lan", "status"]);
    assert!(none.code == Some(2) && none.err.contains("no Socklab with a virtual network is running"), "{none:?}");
    let one = start_busy(&lab, own_place(23506));
    let other = start_busy(&lab, own_place(23507));
    let mut pids = [one.id(), other.id()];
    pids.sort_unstable();
    let several = lab.run(["lan", "status"]);
    let said = format!("several are running; say which with --pid: {}, {}", pids[0], pids[1]);
    assert!(several.code == Some(2) && several.err.contains(&said), "{several:?}");
    assert!(lab.run(["lan", "status", "--pid", &one.id().to_string()]).ok().contains(" esp32 "));
    let control = lab.path("run").join("socklab").join("control");
    let sockets = || fs::read_dir(&control).expect("the folder").count();
    assert_eq!(sockets(), 2);
    one.interrupt();
    one.finish();
    assert_eq!(sockets(), 1, "it is gone with its process");
    drop(other); // killed
    assert!(lab.run(["lan", "status"]).err.contains("no Socklab with a virtual network is running"));
}

#[test]
fn a_wrong_password_and_an_unknown_name_fail_as_on_the_board() {
    let lab = Lab::new();
    let program = "import network, time
w = network.WLAN(0)
w.active(True)
print([(n[0], n[4]) for n in w.scan()])
for ssid, key in (('home', '12345678'), ('nowhere', '12345678'), ('home', 'secret-1')):
    w.connect(ssid, key)
    while w.status() == 1001:
        time.sleep_ms(5)
    print(w.status(), w.isconnected())
    w.disconnect()
";
    fs::write(lab.path("main.py"), program).expect("a program");
    let done = lab.run(["run", "main.py", "--wifi", "home:secret-1", "--join-time", "0"]);
    for said in ["[board] Wi-Fi home: the password is wrong", "[board] there is no Wi-Fi nowhere"] {
        assert!(done.err.contains(said), "{done:?}");
    }
    assert_eq!(done.ok(), "[(b'home', 3)]\n202 False\n201 False\n1010 True\n");
}

#[test]
fn a_board_that_is_an_access_point_serves_another() {
    let lab = Lab::new();
    // It listens before anybody can join.
    let server = "import network, socket
s = socket.socket()
s.bind(('', 80))
s.listen(1)
ap = network.WLAN(network.AP_IF)
ap.config(essid='cave', password='12345678', channel=11)
ap.active(True)
print(ap.ifconfig()[0])
c, address = s.accept()
print(ap.isconnected(), len(ap.status('stations')), len(ap.status('stations')[0][0]))
print(address[0], c.recv(100))
c.send(b'welcome')
print(c.recv(1))
";
    let client = "import network, socket, time
w = network.WLAN(network.STA_IF)
w.active(True)
while not w.isconnected():
    if w.status() != 1001:
        w.connect('cave', '12345678')
    time.sleep_ms(20)
print('channel', w.config('channel'))
s = socket.socket()
s.connect(('192.168.4.1', 80))
s.send(b'hi')
print(s.recv(100))
s.close()
";
    fs::write(lab.path("server.py"), server).expect("a program");
    fs::write(lab.path("client.py"), client).expect("a program");
    // With a strict list of networks, only the board's own is found under its name.
    let done = lab.run(["run", "server.py", "client.py", "--wifi", "other:12345678", "--join-time", "0"]);
    let out = String::from_utf8_lossy(&done.out).into_owned();
    assert!(out.contains("esp32   | 192.168.4.1\n"), "{done:?}");
    assert!(out.contains("esp32   | True 1 6\n") && out.contains("esp32-2 | channel 11\n"), "{done:?}");
    assert!(out.contains("esp32   | 192.168.4.2 b'hi'\n") && out.contains("esp32-2 | b'welcome'\n"), "{done:?}");
    assert!(out.contains("esp32   | b''\n"), "the last word of a board that is over: {done:?}");
}

#[test]
fn a_board_is_in_a_network_and_has_one_of_its_own_at_once() {
    let lab = Lab::new();
    let bridge = "import network, socket, time
sta = network.WLAN(network.STA_IF)
sta.active(True)
sta.connect('home', '12345678')
while not sta.isconnected():
    time.sleep_ms(5)
s = socket.socket()
s.bind(('', 80))
s.listen(1)
ap = network.WLAN(network.AP_IF)
ap.config(essid='cave', password='12345678')
ap.ifconfig(('192.168.9.1', '255.255.255.0', '192.168.9.1', '0.0.0.0'))
ap.active(True)
c, guest = s.accept()
print(sta.ifconfig()[0], ap.ifconfig()[0], guest[0], ap.isconnected(), sta.config('mac') != ap.config('mac'))
outside = socket.socket()
outside.connect(('192.168.1.115', 23509))
outside.send(c.recv(100))
c.send(outside.recv(100))
print(c.recv(100), sta.isconnected())
ap.active(False)
outside.send(b'alone')
print(outside.recv(100), sta.ifconfig()[0], ap.active())
";
    let guest = "import network, socket, time
w = network.WLAN(network.STA_IF)
w.active(True)
while not w.isconnected():
    if w.status() != 1001:
        w.connect('cave', '12345678')
    time.sleep_ms(20)
s = socket.socket()
s.connect(('192.168.9.1', 80))
s.send(b'through the board')
print(w.ifconfig()[0], s.recv(100))
s.send(b'bye')
";
    let place = own_place(23509);
    fs::write(lab.path("bridge.py"), bridge).expect("a program");
    fs::write(lab.path("guest.py"), guest).expect("a program");
    let open = format!("tcp-listen://{place}?echo=1");
    let options = ["--wifi", "home:12345678", "--join-time", "0", "--open", &open];
    let done = lab.run(["run", "bridge.py", "guest.py"].iter().chain(&options));
    let out = String::from_utf8_lossy(&done.out).into_owned();
    for said in [
        "esp32   | 192.168.1.20 192.168.9.1 192.168.9.2 True True\n",
        "esp32   | b'bye' True\n",
        "esp32-2 | 192.168.9.2 b'through the board'\n",
        "esp32   | b'alone' 192.168.1.20 False\n",
    ] {
        assert!(out.contains(said), "{said}: {done:?}");
    }
    assert!(done.err.contains("e1.1 192.168.1.20:"), "{done:?}");
    assert_eq!(lab.exported_raw(&[]), b"through the boardalone");
}

#[test]
fn a_name_that_was_a_boards_is_not_found_any_more_when_it_is_gone() {
    let lab = Lab::new();
    let owner = "import network, socket
ap = network.WLAN(network.AP_IF)
ap.config(essid='cave', password='12345678')
ap.active(True)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('', 7000))
u.recv(1)
ap.active(False)
";
    let guest = "import network, socket, time
network.WLAN(network.AP_IF).active(False)
w = network.WLAN(network.STA_IF)
w.active(True)
while not any(found[0] == b'cave' for found in w.scan()):
    time.sleep_ms(5)
w.connect('cave', '12345678')
while not w.isconnected():
    time.sleep_ms(5)
network.WLAN(network.AP_IF).active(False)  # it never was
print('in')
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while w.isconnected():
    try:
        u.sendto(b'x', ('192.168.4.1', 7000))
    except OSError:
        pass
    time.sleep_ms(5)
time.sleep_ms(1500)
print('out', w.isconnected())
";
    fs::write(lab.path("owner.py"), owner).expect("a program");
    fs::write(lab.path("guest.py"), guest).expect("a program");
    let done = lab.run(["run", "owner.py", "guest.py", "--join-time", "0"]);
    assert_eq!(done.ok(), "esp32-2 | in\nesp32-2 | out False\n");
}

#[cfg(unix)]
#[test]
fn a_board_that_is_reset_is_no_access_point_any_more() {
    let lab = Lab::new();
    let board = lab.start(["repl", "--tcp", "0", "--join-time", "0"]);
    let told = board.wait_for_told("an address", 1, |line| line.split_once("socket://").map(|(_, at)| at.to_owned()));
    let mut console = crate::kit::dial(told[0].parse().expect("an address"));
    let line = "import network as n; a = n.WLAN(1); a.config(ssid='cave'); a.active(True)\r";
    console.write_all(line.as_bytes()).expect("typed");
    let status = || lab.run(["lan", "status"]).ok();
    let point = "air     \"cave\" channel 6 open, of p1, joined by nobody\n";
    let own = until("an access point", || Some(status()).filter(|status| status.contains(point)));
    assert!(own.contains(" not joined\n") && own.contains(" access point\n"), "{own}");
    console.write_all(b"\x04").expect("a soft reset");
    until("none", || Some(()).filter(|()| !status().contains("cave")));
    board.interrupt();
    board.finish();
}

#[test]
fn a_name_of_the_world_leads_to_this_computer_or_to_a_board() {
    let lab = Lab::new();
    let program = CLIENT.replace("'192.168.1.115', 23500", "'API.example.com', 23508").replace(
        "s = socket",
        "for name in ('api.example.com', 'other.example.com', 'unknown.example.com'):
    try:
        print(socket.getaddrinfo(name, 80)[0][-1])
    except OSError as error:
        print(error.errno)
s = socket",
    );
    let open = format!("tcp-listen://{}?echo=1", own_place(23508));
    let names = ["--name", "api.example.com", "--name", "other.example.com=192.168.1.20"];
    let done = run(&lab, &program, &[&["--open", &open][..], &names].concat());
    let found = "('192.168.1.115', 80)\n('192.168.1.20', 80)\n-202\n";
    assert_eq!(done.ok(), GREETED.replace("b'Hello", &format!("{found}b'Hello")));
    let wrong = lab.run(["run", "main.py", "--name", "host"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("is not NAME or NAME=ADDRESS"), "{wrong:?}");
}

/// Types a line into a raw prompt and gives what it printed.
#[cfg(unix)]
fn ask(port: &mut fs::File, line: &str) -> String {
    port.write_all(format!("{line}\r\x04").as_bytes()).expect("it takes it");
    let mut said = Vec::new();
    while said.iter().filter(|byte| **byte == 4).count() < 2 {
        let mut byte = [0];
        port.read_exact(&mut byte).expect("an answer");
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[cfg(unix)]
#[test]
fn boards_behind_serial_ports_are_on_one_network() {
    let lab = Lab::new();
    let links = ["one", "other"].map(|name| lab.typed(name));
    let boards = ["repl", "--board", "esp32,rp2", "--join-time", "0", "--pty", &links.join(",")];
    let running = lab.start(boards);
    running.wait_for_told("a port each", 2, |line| line.contains("mpremote connect ").then_some(()));
    let mut ports = links.map(|link| fs::File::options().read(true).write(true).open(link).expect("a serial port"));
    for port in &mut ports {
        port.write_all(b"\x03\x01").expect("it takes it");
        let mut seen = Vec::new();
        while !seen.ends_with(b"raw REPL; CTRL-B to exit\r\n>") {
            let mut byte = [0];
            port.read_exact(&mut byte).expect("an answer");
            seen.push(byte[0]);
        }
        let joined = ask(port, &JOIN.replace('\n', "\r"));
        assert!(joined.ends_with("\x04\x04"), "{joined:?}");
    }
    let [one, other] = &mut ports;
    let bound = "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(20); u.bind(('', 7000))";
    assert!(ask(one, bound).contains("OK\x04\x04"));
    let sent = "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b'hi', socket.getaddrinfo('esp32.lan', 7000)[0][-1])";
    assert!(ask(other, sent).contains("OK\x04\x04"));
    assert!(ask(one, "print(u.recv(9))").contains("OKb'hi'\r\n\x04\x04"));
    let status = lab.run(["lan", "status"]).ok();
    assert!(status.contains("air     \"Socklab\" channel 6 open, of the network, joined by p1 p2\n"), "{status}");
    running.interrupt();
    running.finish();
    for (options, said) in [
        (&["--board", "esp32,rp2"][..], "a prompt is that of one board; several are offered with --pty alone"),
        (&["--board", "esp32,rp2", "--pty", "--tcp", "0"], "a prompt is that of one board"),
        (&["--board", "esp32,rp2", "--pty", "a,b,c"], "--pty names 3 serial ports for 2 boards"),
    ] {
        let done = lab.run(["repl"].iter().chain(options));
        assert!(done.code == Some(2) && done.err.contains(said), "{done:?}");
    }
}

#[test]
fn ctrl_c_right_after_a_soft_reset_is_no_trap() {
    let lab = Lab::new();
    let boot = "import network, time\nw = network.WLAN(0)\nw.active(True)\nif not w.isconnected():\n    w.connect('x')\n\
                while not w.isconnected():\n    time.sleep_ms(5)\n";
    let flash = lab.path("data").join("flash").join("esp32");
    fs::create_dir_all(&flash).expect("a flash");
    fs::write(flash.join("boot.py"), boot).expect("a program");
    let board = lab.start(["repl", "--tcp", "0", "--join-time", "0"]);
    let told = board.wait_for_told("an address", 1, |line| line.split_once("socket://").map(|(_, at)| at.to_owned()));
    let mut console = crate::kit::dial(told[0].parse().expect("an address"));
    for round in 0..5 {
        console.write_all(b"\x04\x03\x03\x03").expect("typed"); // a soft reset, and Ctrl-C at once
        console.write_all(format!("\rprint({round} + 4000)\r").as_bytes()).expect("typed");
        let mut seen = String::new();
        while !seen.contains(&format!("\n{}\r\n", round + 4000)) {
            seen += &String::from_utf8_lossy(&crate::kit::read_some(&mut console, 1));
        }
    }
}
