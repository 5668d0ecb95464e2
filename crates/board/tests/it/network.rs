//! Wi-Fi: joining it, what it says meanwhile, and what it is over a soft reset.

use socklab_board::link::{FromBoard, JoinFailure, Program, ToBoard};

use crate::support::{Board, printed, printed_by};

const JOIN: &str = "import network
w = network.WLAN(network.STA_IF)
w.active(True)
w.connect('home', 'password')
print(w.isconnected(), w.status(), w.ifconfig()[0] != '0.0.0.0')
";

/// Runs `main.py` to its end; gives what it printed, and what else it told.
fn told(arguments: &[&str], program: &str) -> (String, Vec<FromBoard>) {
    let mut board = Board::switch_on_with("esp32", &[("main.py", program)], arguments);
    board.tell(ToBoard::Run(Program::File("main.py".into())));
    let mut told = Vec::new();
    loop {
        match board.next() {
            FromBoard::Output(_) => {}
            FromBoard::Ended(_) => return (std::mem::take(&mut board.output), told),
            other => told.push(other),
        }
    }
}

#[test]
fn any_network_can_be_joined_and_the_parent_hears_of_it() {
    let program = format!("{JOIN}w.disconnect()\nprint(w.isconnected(), w.status(), w.ifconfig())");
    let (text, told) = told(&[], &program);
    let end = "False 1000 ('0.0.0.0', '0.0.0.0', '0.0.0.0', '0.0.0.0')\r\n";
    assert_eq!(text, format!("True 1010 True\r\n{end}"));
    assert_eq!(told, [FromBoard::Wifi(Some("home".into())), FromBoard::Wifi(None)]);
}

#[test]
fn the_answer_to_an_earlier_attempt_to_join_is_none_to_the_latest() {
    let program = "import network
w = network.WLAN(network.STA_IF)
w.active(True)
for key in ('right password', 'wrong password', 'right password'):
    w.connect('home', key)
while input() != 'end':
    print(w.status())";
    let arguments = ["--lan", "02:00:00:00:00:05"];
    let mut board = Board::switch_on_with("rp2", &[("main.py", program)], &arguments);
    board.tell(ToBoard::Run(Program::File("main.py".into())));
    let mut attempts = Vec::new();
    while attempts.len() < 3 {
        if let FromBoard::Join { attempt, .. } = board.next() {
            attempts.push(attempt);
        }
    }
    let [first, second, third] = attempts[..] else { panic!("{attempts:?}") };
    let wrong = Err(JoinFailure::WrongKey);
    for (attempt, outcome, status) in
        [(first, Ok(6), "1"), (second, wrong, "1"), (third, wrong, "-3"), (third, Ok(6), "-3")]
    {
        board.tell(ToBoard::Joined { attempt, outcome });
        board.type_in("\n");
        board.until(&format!("\r\n{status}\r\n"));
        assert_eq!(board.output, "", "after {outcome:?} to {attempt} of {attempts:?}");
    }
    board.type_in("end\n");
    board.end();
}

#[test]
fn a_network_survives_a_soft_reset() {
    let program = "import network\nw = network.WLAN()\nprint(w.active(), w.isconnected(), w.config('ssid'))";
    let (text, told) = told(&["--joined", "home"], program);
    assert_eq!((text.as_str(), told), ("True True home\r\n", vec![]));
}

#[test]
fn a_k230_has_its_own_dialect() {
    let program = "import network, os
os.exitpoint()
print(os.exitpoint(1))
w = network.WLAN(network.STA_IF)
for seen in w.scan():
    print(seen.ssid, seen.channel, seen.rssi, seen.security, seen.band, seen.hidden, len(seen.bssid))
    print(seen)
ap = network.WLAN(network.AP_IF)
ap.config(ssid='mine', key='12345678')
print(ap.info().ssid, ap.info().security, ap.stop())
for wrong in (w.info, w.stop):
    try: wrong()
    except OSError as e: print('OSError')";
    let expected = "None\r\nSocklab 6 -50 SECURITY_OPEN 2.4G False 6
{\"ssid\":\"Socklab\", \"bssid\":\"02:00:00:00:00:01\", \"channel\":6, \"rssi\":-50, \"security\":\"SECURITY_OPEN\", \"band\":\"2.4G\", \"hidden\":0}
mine SECURITY_WPA2_AES_PSK True\nOSError\nOSError\n";
    let expected = expected.replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(printed_by("k230", program), expected);
    let elsewhere = "import network, os\nw = network.WLAN()\nprint(*[hasattr(w, n) for n in ('info', 'stop')], hasattr(os, 'exitpoint'))";
    assert_eq!(printed_by("esp32", elsewhere), "False False False\r\n");
}

#[test]
fn only_the_network_that_is_there_can_be_joined() {
    for (network, status) in [("away:password", 201), ("home:another one", 202), ("home:password", 1010)] {
        let (text, _) = told(&["--wifi", network], JOIN);
        let up = if status == 1010 { "True" } else { "False" };
        assert_eq!(text, format!("{up} {status} {up}\r\n"), "{network}");
    }
}

#[test]
fn joining_takes_its_time() {
    let program = "import network
w = network.WLAN(network.STA_IF)
for f in (lambda: w.connect('a', '12345678'), w.scan, lambda: w.active(1), lambda: w.connect('a', '12345678'), w.status, lambda: w.connect('a')):
    try:
        print(f())
    except OSError as e:
        print(e)";
    let (text, _) = told(&["--join-delay", "3600000"], program);
    let expected = "Wifi Not Started\r\nSTA must be active\r\nTrue\r\nNone\r\n1001\r\nWifi Internal State Error\r\n";
    assert_eq!(text, expected);
}

#[test]
fn firmwares_have_dialects() {
    let k230 = "import network\nw = network.WLAN(network.STA_IF)\nprint(w.connect('a', '12345678'), w.status(), hasattr(network, 'AUTH_OPEN'))";
    assert_eq!(printed_by("k230", k230), "True True False\r\n");
    let waffle = "import network\nw = network.WLAN()\nw.active(1)\nprint(w.config())\nw.connect('a', 'b' * 8, security=network.AUTH_PSK)\nprint(w.config() != '0.0.0.0')";
    assert_eq!(printed_by("waffle", waffle), "0.0.0.0\r\nTrue\r\n");
    let rp2 = "import network\nw = network.WLAN(network.WLAN.IF_STA)\nw.connect('a', 'b' * 8)\nprint(w.status(), network.hostname())";
    assert_eq!(printed_by("rp2", rp2), "3 PicoW\r\n");
    assert!(printed_by("linux", "import network").ends_with("ModuleNotFoundError: No module named 'network'\r\n"));
}

#[test]
fn settings_are_read_and_written_by_name() {
    let program = "import network
w = network.WLAN(network.AP_IF)
w.active(True)
w.config(essid='lab', channel=3)
print(w.config('ssid'), w.config('channel'), len(w.config('mac')), w.ifconfig()[0], w.status())
for f in (lambda: w.config('what'), lambda: w.config(password='short'), lambda: network.WLAN(0).connect('a', security=3)):
    try:
        f()
    except Exception as e:
        print(type(e).__name__, e)";
    let expected = "lab 3 6 192.168.4.1 None\r\nValueError unknown config param\r\nOSError Wifi Invalid Password\r\nTypeError extra keyword arguments given\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn without_wifi_only_the_board_itself_is_reached() {
    let program =
        "import socket\ntry:\n    socket.socket().connect(('192.0.2.1', 80))\nexcept OSError as e:\n    print(e)";
    let (text, told) = told(&[], program);
    assert_eq!(text, "[Errno 118] EHOSTUNREACH\r\n");
    assert!(matches!(&told[..], [FromBoard::Note(note)] if note.en.contains("Wi-Fi is not connected")), "{told:?}");
}

#[test]
fn the_mpython_says_that_there_is_no_such_network() {
    let program = "from mpython import wifi
w = wifi()
try:
    w.connectWiFi('away', 'password')
except OSError as e:
    print(e)
w.connectWiFi('home', 'password')
print(w.sta.isconnected(), w.sta.scan()[0][0])";
    let mut board = Board::switch_on_with("mpython", &[("main.py", program)], &["--wifi", "home:password"]);
    board.tell(ToBoard::Run(Program::File("main.py".into())));
    board.until("SSID invalid\r\nWiFi(home) connected, Config:");
    board.until("True b'home'\r\n");
}
