//! The module `socket`, with peers of the standard library at the other end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use socklab_board::link::{FromBoard, Program, ToBoard};

use crate::support::{Board, printed, printed_by};

/// A port with a peer behind it that does this with the one connection it gets.
fn peer(serve: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    port
}

/// A port where nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Reads to the end and answers with it.
fn answer_at_end(mut stream: TcpStream) {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
}

fn connected(port: u16, rest: &str) -> String {
    format!("import socket\ns = socket.socket()\ns.connect(['127.0.0.1', {port}])\n{rest}")
}

#[test]
fn a_client_sends_text_and_reads_bytes() {
    let port = peer(|mut stream| {
        let mut hello = [0; 6];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, "你好".as_bytes());
        stream.write_all(b"one\ntwo\nrest").unwrap();
    });
    let program = connected(
        port,
        "print(s.send('你好'), s)
b = bytearray(3)
print(s.readline(), s.recv(2), s.readinto(b, 2), b, s.read(2), s.read(), s.read(), s.recv(5), s.readline())
print(s.makefile() is s, s.close(), s.close(), s.fileno())
try:
    s.recv(1)
except OSError as e:
    print(e)",
    );
    let expected = "6 <socket>\r\nb'one\\n' b'tw' 2 bytearray(b'o\\n\\x00') b're' b'st' b'' b'' b''\r\nTrue None None -1\r\n[Errno 9] EBADF\r\n";
    assert_eq!(printed(&program), expected);
}

#[test]
fn a_server_gives_a_blocking_socket_and_an_address() {
    let program = "import socket
s = socket.socket()
s.bind(('', PORT))
s.listen()
s.settimeout(5)
print('ready')
c, a = s.accept()
print(type(a), a[0], len(a))
print(c.read(), c.write('abc', 2), c.sendall(b''))";
    let port = nobody();
    let mut board = Board::start("rp2", &[("main.py", &program.replace("PORT", &port.to_string()))]);
    board.until("ready\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"x").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    board.until("<class 'tuple'> 127.0.0.1 2\r\nb'x' 2 None\r\n");
    let mut two = [0; 2];
    stream.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"ab");
}

#[test]
fn each_board_has_its_own_numbers_for_what_fails() {
    let program = "import socket
def number(f, *a):
    try:
        return f(*a)
    except OSError as e:
        return e.errno
r = socket.socket()
refused = number(r.connect, ('127.0.0.1', PORT))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.1', 0))
u.settimeout(0.1)
late = number(u.recv, 1)
u.setblocking(False)
print(refused, late, number(u.recvfrom, 1), number(socket.socket().recv, 1), number(socket.socket().send, b'x'), number(socket.getaddrinfo, 'no.such', 80))";
    let program = program.replace("PORT", &nobody().to_string());
    for (profile, numbers) in [
        ("esp32", "104 116 11 128 128 -2"),
        ("mpython", "104 116 11 128 128 -2"),
        ("rp2", "104 110 11 107 107 -2"),
        ("waffle", "104 110 11 107 107 -2"),
    ] {
        assert_eq!(printed_by(profile, &program), format!("{numbers}\r\n"), "{profile}");
    }
}

#[test]
fn the_k230_says_on_its_console_what_its_sockets_do() {
    let port = peer(answer_at_end);
    let program = format!(
        "import socket\ns = socket.socket()\ns.connect(('127.0.0.1', {port}))\ns.settimeout(0.01)\nprint(s.recv(9), s.sendall('abc'))"
    );
    assert_eq!(printed_by("k230", &program), "connect success\r\nrecv timeout!\r\nb'' 3\r\n");
}

#[test]
fn an_esp32_has_quirks() {
    let port = peer(answer_at_end);
    let program = connected(
        port,
        "def number(f, *a):
    try:
        return f(*a)
    except OSError as e:
        return e.errno
print(number(s.send, b''), s.fileno())
s.settimeout(0.05)
print(number(s.recv, 1), s.read(1))
s.setblocking(False)
print(number(s.send, ''), s.readline(), s.read(), number(s.recv, 1))
print(s.setsockopt(0xfff, 77, 1), s.setsockopt(1, 4, 1))
for f in (lambda: socket.socket(type=2), lambda: s.send(3), lambda: s.setsockopt(0, 3, 1), lambda: s.shutdown,
          lambda: setattr(s, 'x', 1), lambda: s.setsockopt(0, 3, b'1234'), lambda: s.sendto(b'x', ('name', 1)),
          lambda: s.bind(('', 1, 2)), lambda: s.bind(7), lambda: socket.timeout):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)",
    );
    let expected =
        "116 54\r\n11 None\r\n11 None None 11\r\nWarning: lwip.setsockopt() option not implemented\r\nNone None\r\n";
    let text = printed(&program);
    assert!(text.starts_with(expected), "{text}");
    let kinds: Vec<&str> = text[expected.len()..].lines().map(|line| line.split(' ').next().unwrap()).collect();
    let wanted = ["TypeError", "TypeError", "TypeError", "AttributeError", "AttributeError"];
    let more = ["ValueError", "ValueError", "ValueError", "TypeError", "AttributeError"];
    assert_eq!(kinds, [wanted, more].concat(), "{text}");
}

#[test]
fn sockets_run_out_and_come_back() {
    let program = "import socket
all = [socket.socket() for _ in range(10)]
try:
    socket.socket()
except OSError as e:
    print(e)
all.pop()
print(socket.socket().fileno())";
    assert_eq!(printed(program), "23\r\n63\r\n");
    assert_eq!(printed_by("rp2", &program.replace(".fileno()", "")), "[Errno 12] ENOMEM\r\n<socket>\r\n");
}

#[test]
fn a_socket_after_a_failed_dial_is_dead() {
    let program = "import socket
s = socket.socket()
for f in (s.connect, s.connect):
    try:
        f(('127.0.0.1', PORT))
    except OSError as e:
        print(e)";
    let text = printed(&program.replace("PORT", &nobody().to_string()));
    assert_eq!(text, "[Errno 104] ECONNRESET\r\n[Errno 128] ENOTCONN\r\n");
}

#[test]
fn datagrams_keep_their_bounds_and_senders() {
    let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    let program = format!(
        "import usocket as socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 0))
print(s.sendto('hello', ('127.0.0.1', {port})))
print(s.recv(2, socket.MSG_PEEK), s.recvfrom(3) == (b'one', ('127.0.0.1', {port})), s.recv(3))"
    );
    let mut board = Board::start("esp32", &[("main.py", &program)]);
    let mut got = [0; 9];
    let (length, sender) = outside.recv_from(&mut got).unwrap();
    assert_eq!(&got[..length], b"hello");
    for datagram in ["one and what is lost", "two"] {
        outside.send_to(datagram.as_bytes(), sender).unwrap();
    }
    board.until("5\r\nb'on' True b'two'\r\n");
}

#[test]
fn answers_of_getaddrinfo_have_the_boards_shape() {
    let program =
        "import socket\nprint(socket.getaddrinfo('localhost', 80), socket.getaddrinfo('1.2.3.4', 5, 0, 2)[0])";
    let expected = "[(2, 1, 0, 'localhost', ('127.0.0.1', 80))] (2, 2, 0, '1.2.3.4', ('1.2.3.4', 5))\r\n";
    assert_eq!(printed(program), expected);
    let expected = "[(2, 1, 0, '', ('127.0.0.1', 80))] (2, 1, 0, '', ('1.2.3.4', 5))\r\n";
    assert_eq!(printed_by("rp2", program), expected);
}

#[test]
fn much_goes_both_ways() {
    const MUCH: usize = 3 << 20;
    let port = peer(|mut stream| {
        let mut all = vec![0; MUCH];
        stream.read_exact(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let rest = format!("d = bytes(range(256)) * {}\nprint(s.write(d), s.read() == d)", MUCH / 256);
    // The memory for it has none of the smaller boards.
    let text = printed_by("k230", &connected(port, &rest));
    assert!(text.ends_with(&format!("{MUCH} True\r\n")), "{text}");
}

#[test]
fn ctrl_c_ends_every_call_that_waits() {
    let calls = [
        "s.recv(1)",
        "s.recvfrom(1)",
        "s.read(2)",
        "s.readline()",
        "s.readinto(bytearray(3))",
        "while True: s.sendall(bytes(60000))",
        "while True: s.write(bytearray(50000))",
        "l.accept()",
        "select.poll().poll()",
        "p = select.poll(); p.register(s, 1); p.poll()",
        "select.select([s], [], [])",
    ];
    for call in calls {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let rest =
            format!("import select\nl = socket.socket()\nl.bind(('127.0.0.1', 0))\nl.listen()\nprint('ready')\n{call}");
        let mut board = Board::start("esp32", &[("main.py", &connected(port, &rest))]);
        let _held = listener.accept().unwrap();
        board.until("ready\r\n");
        board.tell(ToBoard::Interrupt);
        assert_eq!(board.raised().class, "KeyboardInterrupt", "{call}");
    }
}

#[test]
fn callbacks_run_during_a_recv_and_may_use_its_buffer() {
    let (listener, program) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        "import micropython
b = bytearray(4)
def call(x):
    b[3] = x
    print('called')
    if x < 2:
        micropython.schedule(call, x + 1)
micropython.schedule(call, 1)
print(s.readinto(b, 3), b)",
    );
    let port = listener.local_addr().unwrap().port();
    let mut board = Board::start("esp32", &[("main.py", &connected(port, program))]);
    let (mut stream, _) = listener.accept().unwrap();
    board.until("called\r\ncalled\r\n");
    stream.write_all(b"abc").unwrap();
    board.until("3 bytearray(b'abc\\x02')\r\n");
}

#[test]
fn option_20_calls_back_when_there_is_something_to_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let rest = "import time
def got(c):
    print(c is s, c.recv(10))
s.setsockopt(socket.SOL_SOCKET, 20, got)
print('ready')
while True: time.sleep(1)";
    let mut board = Board::start("esp32", &[("main.py", &connected(port, rest))]);
    let (mut stream, _) = listener.accept().unwrap();
    board.until("ready\r\n");
    for text in ["a", "b"] {
        stream.write_all(text.as_bytes()).unwrap();
        board.until(&format!("True b'{text}'\r\n"));
    }
}

#[test]
fn other_machines_are_refused_and_the_parent_hears_why() {
    let program = "import socket, network
w = network.WLAN(network.STA_IF)
w.active(True)
w.connect('x', '12345678')
for f in (lambda: socket.socket().connect(('192.0.2.1', 80)), lambda: socket.getaddrinfo('example.com', 80)):
    try:
        f()
    except OSError as e:
        print(e.errno)";
    let mut board = Board::switch_on("esp32", &[("main.py", program)]);
    board.tell(ToBoard::Run(Program::File("main.py".into())));
    let mut notes = Vec::new();
    loop {
        match board.next() {
            FromBoard::Note(note) => notes.push(note.en),
            FromBoard::Ended(_) => break,
            _ => {}
        }
    }
    assert_eq!(board.output, "118\r\n-202\r\n");
    assert!(notes[0].contains("192.0.2.1:80") && notes[1].contains("example.com"), "{notes:?}");
}

#[test]
fn linux_has_cpythons_sockets() {
    let port = peer(answer_at_end);
    let program = "import socket
s = socket.create_connection(('127.0.0.1', PORT), timeout=0.01)
print(s.gettimeout(), s.type == socket.SOCK_STREAM, s.getpeername() == ('127.0.0.1', PORT), hasattr(s, 'readline'))
def name(f, *a, **k):
    try:
        return f(*a, **k)
    except Exception as e:
        return type(e).__name__, str(e)
print(name(s.recv, 1))
print(name(s.send, 'text'), name(s.sendall, b''))
print(name(socket.socket(type=socket.SOCK_STREAM).connect, ('127.0.0.1', NOBODY)))
print(name(socket.getaddrinfo, 'no.such', 1), issubclass(socket.timeout, OSError))
with socket.socket() as t:
    print(name(t.bind, ['', 0]), t.connect_ex(('127.0.0.1', NOBODY)))
print(t.fileno(), socket.inet_aton('1.2.3.4'), socket.htons(1))";
    let program = program.replace("PORT", &port.to_string()).replace("NOBODY", &nobody().to_string());
    let text = printed_by("linux", &program);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "0.01 True True False", "{text}");
    assert!(lines[1].starts_with("('TimeoutError', ") && lines[1].contains("timed out"), "{text}");
    assert!(
        lines[2].starts_with("('TypeError', ") && lines[2].ends_with(" None)") || lines[2].ends_with(" None"),
        "{text}"
    );
    assert!(lines[3].starts_with("('ConnectionRefusedError', "), "{text}");
    assert!(lines[4].starts_with("('gaierror', ") && lines[4].ends_with(" True"), "{text}");
    assert!(lines[5].starts_with("('TypeError', ") && lines[5].ends_with(" 111"), "{text}");
    assert_eq!(lines[6], "-1 b'\\x01\\x02\\x03\\x04' 256", "{text}");
}

/// A program's own class of socket opens it in its `__init__`, as what it likes.
#[test]
fn a_socket_can_be_derived_from() {
    let there = UdpSocket::bind("127.0.0.1:0").unwrap();
    let program = format!(
        "import socket
class Sender(socket.socket):
    def __init__(self, to):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.to = to
    def say(self, words):
        return self.sendto(words, self.to)
class Plain(socket.socket):
    pass
address = socket.getaddrinfo('127.0.0.1', {})[0][-1]
print(Sender(address).say(b'own'), Plain(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'plain', address))",
        there.local_addr().unwrap().port()
    );
    for board in ["esp32", "k230", "waffle", "linux"] {
        assert_eq!(printed_by(board, &program), "3 5\r\n", "{board}");
        for said in [b"own" as &[u8], b"plain"] {
            let mut buffer = [0; 9];
            let length = there.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], said, "{board}");
        }
    }
}

/// A socket is made once, and works on when a program tries it again.
#[test]
fn a_second_init_of_a_socket_is_refused() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = format!(
        "import socket
s = socket.socket()
s.connect(socket.getaddrinfo('127.0.0.1', {})[0][-1])
for again in range(40):
    try:
        s.__init__(socket.AF_INET, socket.SOCK_DGRAM)
    except RuntimeError as e:
        said = e
print(said, s.send(b'still'))",
        server.local_addr().unwrap().port()
    );
    for board in ["esp32", "linux"] {
        assert_eq!(printed_by(board, &program), "this socket is made already 5\r\n", "{board}");
        let mut said = String::new();
        server.accept().unwrap().0.read_to_string(&mut said).unwrap();
        assert_eq!(said, "still", "{board}");
    }
}
