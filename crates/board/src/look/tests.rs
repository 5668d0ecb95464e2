//! Programs with one trap each, and good ones. The traps are those of lessons that people copy from web pages.

use super::*;

fn on(board: &str, text: &str) -> Vec<String> {
    look(text, Profile::named(board).unwrap()).iter().map(ToString::to_string).collect()
}

/// All that is said, in one text.
fn said(board: &str, text: &str) -> String {
    on(board, text).join("\n")
}

#[track_caller]
fn says(board: &str, text: &str, what: &str) {
    let said = said(board, text);
    assert!(said.contains(what), "{said:?} does not say {what:?}");
}

#[track_caller]
fn silent(board: &str, text: &str) {
    assert_eq!(on(board, text), [""; 0]);
}

const HEAD: &str = "import socket\nimport time\ns = socket.socket()\ns.connect(('192.168.1.115', 10000))\n";

#[test]
fn a_condition_without_a_value() {
    let program = "import network\nimport time\n\ndef wifi_connect():\n    wlan = network.WLAN(network.STA_IF)\n    wlan.active(True)\n    \
                   wlan.connect('a', '12345678')\n    while not wlan.isconnected():\n        time.sleep_ms(100)\n\nif wifi_connect():\n    print('up')\n";
    assert_eq!(
        on("esp32", program),
        ["line 11: wifi_connect() never returns a value, so this condition is always false: add `return True` to it"]
    );
    silent("esp32", &program.replace("sleep_ms(100)\n", "sleep_ms(100)\n    return True\n"));
    says("esp32", "def f():\n    print(1)\nwhile not f():\n    pass\n", "line 3: f() never returns");
    silent("esp32", "def f():\n    print(1)\nf = lambda: 1\nif f():\n    pass\n");
    silent("esp32", "def f():\n    yield 1\nif f():\n    pass\n");
    silent("esp32", "def f():\n    raise OSError(1)\nif f():\n    pass\n");
}

#[test]
fn parentheses_that_are_forgotten() {
    let pin = "from machine import Pin\nled = Pin(2, Pin.OUT)\n";
    says(
        "esp32",
        &format!("{pin}led.on\n"),
        "line 3: `led.on` is named and not called, so nothing happens: parentheses are missing behind it",
    );
    says("esp32", &format!("{pin}while led.value == 0:\n    pass\n"), "line 3: `led.value` is named and not called");
    says("rp2", &format!("{pin}if 1 == led.value:\n    pass\n"), "line 3: `led.value` is named");
    silent("esp32", &format!("{pin}switch = led.value\nwhile switch() == 0:\n    led.toggle()\n"));
    let wlan =
        "import network, time\nwlan = network.WLAN(network.STA_IF)\nwlan.active(True)\nwlan.connect('a', '12345678')\n";
    says(
        "esp32",
        &format!("{wlan}while not wlan.isconnected:\n    time.sleep(1)\n"),
        "line 5: `wlan.isconnected` is named and not called, so the condition never changes: parentheses are missing behind it",
    );
    says("esp32", "def up(w):\n    while not w.isconnected:\n        pass\n", "line 2: `w.isconnected` is named");
    says("esp32", "class A:\n    def f(self):\n        self.sock.close\n", "line 3: `self.sock.close` is named");
    says("esp32", &format!("{HEAD}try:\n    s.recv(1)\nfinally:\n    s.close\n"), "line 8: `s.close` is named");
    says("esp32", &format!("{HEAD}try:\n    s.close\nexcept OSError:\n    pass\n"), "line 6: `s.close` is named");
    says("k230", "import gc\nwhile True:\n    gc.collect\n", "line 3: `gc.collect` is named and not called");
    says("linux", "import time\ntime.sleep\n", "line 2: `time.sleep` is named and not called");
    let own = "def blink():\n    print(1)\n";
    says("esp32", &format!("{own}while True:\n    blink\n"), "line 4: `blink` is named and not called, so nothing");
    says("esp32", &format!("{own}if blink:\n    pass\n"), "line 3: `blink` is named and not called, so the condition");
    for good in [
        "def go(blink=None):\n    if blink:\n        blink()\n",
        "def go(blink):\n    blink\n",
        "timer.callback = blink\n",
    ] {
        silent("esp32", &format!("from lib import timer\n{own}{good}"));
    }
    for good in [
        // Values, and what may be one.
        "class A:\n    def __init__(self):\n        self.on = 1\n    def f(self):\n        while self.on:\n            self.on = 0\n",
        "class A:\n    @property\n    def close(self):\n        return 1\nA().close\n",
        "from lib import thing\nif thing.connected or thing.on or thing.value == 3:\n    thing.run()\n",
        "from lib import thing\ntry:\n    thing.close\nexcept AttributeError:\n    pass\n",
        "from lib import thing\nif hasattr(thing, 'on'):\n    thing.on\n",
        "import time\ntry:\n    time.time_ns\nexcept AttributeError:\n    pass\n",
        "def callable():\n    return 1\ntry:\n    callable\nexcept NameError:\n    pass\n",
        "list.append\n",
        "import sys\nif sys.platform == 'esp32':\n    pass\nsys.stdin\n",
    ] {
        silent("esp32", good);
    }
}

#[test]
fn received_bytes_against_a_str() {
    let program = |test: &str| {
        format!("{HEAD}while True:\n    text = s.recv(128)\n    if {test}:\n        break\n    s.send(text)\n")
    };
    says(
        "esp32",
        &program("text == ''"),
        "line 7: this compares bytes with the str '', and they are never equal: write b''",
    );
    says("k230", &program("'' == text"), "line 7: this compares bytes");
    says("esp32", &program("text == None"), "line 7: recv() never gives None");
    says("esp32", &program("text is None"), "line 7: recv() never gives None");
    for good in ["text == b''", "not text", "len(text) == 0", "text.decode() == 'quit'"] {
        silent("esp32", &program(good));
    }
    let udp = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 5000))\ndata, addr = s.recvfrom(100)\n";
    says("esp32", &format!("{udp}if data == 'on':\n    pass\n"), "line 5: this compares bytes with the str 'on'");
    silent("esp32", &format!("{udp}data = data.decode()\nif data == 'on':\n    pass\n"));
    says("esp32", "if b'a' == 'a':\n    pass\n", "line 1: this compares bytes");
    // On one of two ways only.
    silent("esp32", &format!("{HEAD}import sys\nx = s.recv(1)\nif sys.argv:\n    x = None\nif x == None:\n    pass\n"));
}

#[test]
fn names_that_are_not_there() {
    says("esp32", "import socekt\n", "line 1: there is no module `socekt`: did you mean `socket`?");
    says(
        "waffle",
        "import socket\nadd = ('192.168.1.115', 10000)\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.sendto(b'x', addr)\n",
        "line 4: `addr` is not defined: did you mean `add`?",
    );
    says(
        "esp32",
        "import socket\ns = socket.socket(socket.AF_INET, socket.SCOK_STREAM)\n",
        "line 2: socket has no `SCOK_STREAM`: did you mean `SOCK_STREAM`?",
    );
    says(
        "mpython",
        "import socket\ns = socket.socket(socket.AF_INET, socke.SOCK_DGRAM)\n",
        "line 2: `socke` is not defined: did you mean `socket`?",
    );
    says("esp32", "x = Ture\n", "line 1: `Ture` is not defined: did you mean `True`?");
    says("esp32", "time.sleep(1)\n", "line 1: `time` is not defined: add `import time` at the top");
    says(
        "esp32",
        "import network\nwlan = network.WLAN(network.STA_IF)\nwlan.activ(True)\n",
        "line 3: a WLAN has no `activ`: did you mean `active`?",
    );
    says("esp32", &format!("{HEAD}s.conect(1)\n"), "line 5: a socket has no `conect`: did you mean `connect`?");
    says(
        "esp32",
        "from machine import Pin\nled = Pin(2, Pin.OTU)\n",
        "line 2: machine.Pin has no `OTU`: did you mean `OUT`?",
    );
    silent("esp32", "try:\n    unicode\nexcept NameError:\n    unicode = str\n");
    silent("esp32", "from mpython import *\noled.fill(0)\n");
    silent("esp32", "class A:\n    _B = const(1)\n    def f(self):\n        return _B\n");
    silent("rp2", "import machine, rp2\n@rp2.asm_pio()\ndef blink():\n    set(pins, 1)\nprint(machine.DAC)\n");
    silent("esp32", "def f():\n    return [g(x) for x in y if (z := x)] + [z]\n\ndef g(x):\n    return x\n\ny = [1]\n");
    silent("esp32", "class A:\n    b = 1\n    c = b\n    def f(self):\n        return self.b, __name__\n");
    says("esp32", "class A:\n    b = 1\n    def f(self):\n        return b\n", "line 4: `b` is not defined");
}

#[test]
fn what_web_pages_lose() {
    says(
        "k230",
        "import time\nwhile True:\nprint(1)\ntime.sleep(1)\n",
        "line 3: indentation lost in the whole program, first in the block of line 2: copying from a web page",
    );
    says(
        "k230",
        "def f():\n    pass\n\nif 1:\n\n# why\nprint(1)\n",
        "line 7: indentation lost: the block of line 4 must be",
    );
    says("k230", "while True:", "line 1: indentation lost");
    says(
        "waffle",
        "import network import time wlan = network.WLAN()",
        "line 1: SyntaxError: statements run together: a line break was lost",
    );
    says("mpython", "a = 1\nb = 2 c = 3\n", "line 2: SyntaxError: statements run together");
    says(
        "waffle",
        "import socket\ndef f(c, msg):\n    c.sendall(str(msg,'utf-8')\n    c.close()\n",
        "line 3: SyntaxError: the `(` of this line is never closed",
    );
    says("waffle", "f = [1,\n2\n\nprint(f)\n", "line 1: SyntaxError: the `[` of this line");
    says("esp32", "print(1，2)\n", "line 1: SyntaxError: `，` is not a Python character: write `,`");
    says("esp32", "x = “a”\n", "line 1: SyntaxError: `“` is not");
    let wait = "def logger():\n    print(1)\nwhile not logger():\n    pass\n";
    says("esp32", wait, "line 3: logger() never returns a value, so this condition is always true");
    says("esp32", "x = 1\n\u{a0}\u{a0}y = 2\n", "line 2: SyntaxError: `U+00A0` is not");
    says("esp32", "print \"hello\"\n", "line 1: SyntaxError: print is a function");
    says("esp32", "x = 'abc\n", "line 1: SyntaxError: the string of this line");
    says("esp32", "x = 1\n    y = 2\n", "line 2: IndentationError");
    says("esp32", "if 1:\n        x = 1\n    y = 2\n", "line 3: IndentationError");
    silent("esp32", "if 1:\n \tx = 1\n\ty = 2\n");
    says("esp32", "if 1:\n    x = 1\n\ty = 2\n", "line 3: IndentationError: this line");
    says("esp32", "x = (1 +)\n", "line 1: SyntaxError: invalid syntax (");
    says("esp32", "s.connect((IP address, Port))\n", "line 1: SyntaxError");
    silent("esp32", "print('，（“')  # ，\n");
}

#[test]
fn what_a_board_lacks() {
    let join = "import network\nimport time\nw = network.WLAN(network.STA_IF)\nw.active(True)\nw.connect('a', '12345678', security=network.AUTH_PSK)\n\
                while not w.isconnected():\n    time.sleep(1)\n";
    says("esp32", join, "line 5: the board esp32 has no attribute `network.AUTH_PSK`: leave `security=` out");
    says("esp32", join, "line 5: the board esp32 has no argument `security`");
    silent("waffle", join);
    says("esp32", "match 1:\n    case 1:\n        pass\n", "line 1: the board esp32 has no statement `match`");
    silent("linux", "match 1:\n    case 1:\n        pass\n");
    says(
        "k230",
        "from datetime import datetime\n",
        "line 1: the board k230 has no module `datetime`: time.localtime()",
    );
    silent("k230", "try:\n    import logging\nexcept ImportError:\n    logging = None\n");
    silent("linux", "import datetime, threading\n");
    says("rp2", "print('7'.zfill(2))\n", "line 1: the board rp2 has no attribute `str.zfill`: '{:>5}'.format(x) pads");
    says("esp32", &format!("{HEAD}print(s.getpeername())\n"), "no attribute `socket().getpeername`");
    silent("linux", &format!("{HEAD}print(s.getpeername())\n"));
    says(
        "esp32",
        &format!("{HEAD}try:\n    s.recv(1)\nexcept socket.timeout:\n    pass\n"),
        "no attribute `socket.timeout`: use OSError",
    );
    says(
        "esp32",
        "try:\n    open('x')\nexcept FileNotFoundError:\n    pass\n",
        "line 3: the board esp32 has no built-in name `FileNotFoundError`",
    );
    silent("esp32", "import socket\nif hasattr(socket, 'SO_KEEPALIVE'):\n    print(socket.SO_KEEPALIVE)\n");
}

#[test]
fn sockets_that_wait_or_are_closed() {
    says("esp32", &format!("{HEAD}print(s.read(1024))\n"), "line 5: read(1024) waits until all 1024 bytes");
    silent("esp32", &format!("{HEAD}print(s.read(4))\nprint(open('f').read(1024))\n"));
    let echo = format!("{HEAD}while True:\n    text = s.recv(128)\n    s.send(text)\n");
    says(
        "esp32",
        &echo,
        "line 6: when the other side has closed, s.recv() gives b'' for ever, and sending that raises OSError 116: leave",
    );
    says("k230", &echo, "s.recv() gives b'' for ever: leave");
    let server = "import socket\ns = socket.socket()\ns.bind(('', 10000))\ns.listen(1)\nwhile True:\n    c, a = s.accept()\n    \
                  c.send(c.recv(100))\n    c.close()\n";
    silent("esp32", server);
    says(
        "waffle",
        &format!("{server}    s.close()\n"),
        "line 9: s is closed inside the loop: the next round's s.accept() fails with OSError 9",
    );
    silent("esp32", &format!("{server}    s.close()\n    break\n"));
    says(
        "esp32",
        &format!("{HEAD}s.setsockopt(socket.SOL_SOCKET, socket.SOCK_RAW, 1)\n"),
        "line 5: SOCK_RAW is a kind of socket",
    );
    says(
        "esp32",
        "import usocket\nsocket = usocket.socket()\n",
        "line 2: the variable `socket` has the name of a module",
    );
    says("esp32", "import socket\nsocket = socket.socket()\n", "line 2: the variable `socket` hides the module");
    says(
        "k230",
        "import socket\ns = socket.socket()\ns.connect(('example.com', 80))\n",
        "line 3: on the board k230, connect() takes numbers only",
    );
    silent("esp32", "import socket\ns = socket.socket()\ns.connect(('example.com', 80))\n");
    says("linux", &format!("{HEAD}s.send('hi')\n"), "line 5: in CPython, send() takes bytes");
    silent("esp32", &format!("{HEAD}s.send('hi')\n"));
}

#[test]
fn wifi_that_is_not_waited_for() {
    let join =
        "import network\nimport socket\nw = network.WLAN(network.STA_IF)\nw.active(True)\nw.connect('a', '12345678')\n";
    let dial = "s = socket.socket()\ns.connect(('192.168.1.115', 10000))\n";
    says("esp32", &format!("{join}{dial}"), "line 5: on the board esp32, connect() comes back at once: wait");
    silent("k230", &format!("{join}{dial}"));
    silent("esp32", &format!("{join}while not w.isconnected():\n    pass\n{dial}"));
    silent("esp32", &format!("import time\n{join}time.sleep(5)\n{dial}"));
    let once = "import network\nimport time\ndef join():\n    w = network.WLAN(network.STA_IF)\n    w.active(True)\n    if not w.isconnected():\n        \
                w.connect('a', '12345678')\n    if w.isconnected():\n        return True\n    for i in range(3):\n        time.sleep_ms(300)\n    return False\n";
    says("esp32", once, "line 7: on the board esp32, connect() comes back at once");
    silent("k230", once);
    silent(
        "esp32",
        "import network\nw = network.WLAN(network.STA_IF)\nw.active(True)\nif not w.isconnected():\n    w.connect('a', '12345678')\nprint(w.ifconfig())\n",
    );
}

#[test]
fn an_address_in_two_arguments() {
    let made = "import socket\ns = socket.socket()\n";
    says(
        "esp32",
        &format!("{made}s.connect('192.168.1.115', 10000)\n"),
        "line 3: connect() takes one address: two pairs",
    );
    says("linux", &format!("{made}s.bind('', 10000)\n"), "line 3: bind() takes one address");
    silent("esp32", &format!("{made}address = ('192.168.1.115', 10000)\ns.connect(address)\n"));
    silent("esp32", "import thing\ns = thing.socket()\ns.connect('192.168.1.115', 10000)\n");
    silent("esp32", "import network\nw = network.WLAN(network.STA_IF)\nw.active(True)\nw.connect('a', '12345678')\n");
}

#[test]
fn what_accept_gives_is_no_socket() {
    let made = "import socket\ns = socket.socket()\ns.bind(('', 10000))\ns.listen(1)\n";
    for used in ["c = s.accept()\nc.recv(10)\n", "while True:\n    c = s.accept()\n    c.send(b'hi')\n"] {
        says(
            "esp32",
            &format!("{made}{used}"),
            "accept() gives a pair, the connection and its address, which has no `",
        );
    }
    for good in [
        "c, a = s.accept()\nc.recv(10)\n",
        "c = s.accept()[0]\nc.recv(10)\n",
        "c = s.accept()\nc = c[0]\nc.recv(10)\n",
        "p = s.accept()\nprint(p.index(1), p[1])\n",
        "class Own:\n    def accept(self):\n        return self\no = Own()\nc = o.accept()\nc.send(b'')\n",
    ] {
        silent("esp32", &format!("{made}{good}"));
    }
}

#[test]
fn bytes_that_are_taken_for_text() {
    for used in
        ["if str(s.recv(9)) == 'on':\n    pass\n", "d = s.recv(9)\nt = str(d).strip()\nif 'on' != t:\n    pass\n"]
    {
        says("esp32", &format!("{HEAD}{used}"), "str() of bytes is text with a b and quotes");
    }
    silent("esp32", &format!("{HEAD}if str(s.recv(9), 'utf-8') == 'on':\n    pass\n"));
    silent("esp32", &format!("{HEAD}if str(s.recv(9)) == \"b'on'\":\n    pass\n"));
    silent("esp32", &format!("{HEAD}print('got ' + str(s.recv(9)))\n"));
    says(
        "esp32",
        &format!("{HEAD}d = s.recv(9)\nx = d.split(',')\n"),
        "line 6: split() of bytes takes bytes and no str",
    );
    silent("esp32", &format!("{HEAD}d = s.recv(9)\nx = d.split(b',')\ny = d.decode().split(',')\n"));
    // Boards take it.
    silent("esp32", &format!("{HEAD}d = s.recv(9)\nif d.startswith('on'):\n    pass\n"));
}

#[test]
fn wifi_that_is_off_or_has_no_password() {
    let made = "import network\nw = network.WLAN(network.STA_IF)\n";
    says("esp32", &format!("{made}w.connect('a', '12345678')\n"), "line 3: the Wi-Fi is switched off until");
    silent("esp32", &format!("import helper\n{made}w.connect('a', '12345678')\n"));
    silent("k230", &format!("{made}w.connect('a', '12345678')\n"));
    let on = format!("{made}w.active(True)\n");
    says("esp32", &format!("{on}w.connect('a', '1234567')\n"), "line 4: a Wi-Fi password has 8 to 63 characters");
    says("rp2", &format!("{on}w.config(ssid='a', password='123')\n"), "line 4: a Wi-Fi password has 8 to 63");
    for good in ["w.connect('a', '')", "w.connect('a')", "w.connect('a', '12345')", "w.connect('a', password)"] {
        silent("esp32", &format!("password = 'x'\n{on}{good}\n"));
    }
}

#[test]
fn an_assignment_for_a_condition() {
    let said = "SyntaxError: `=` gives a name a value; to compare, write `==`";
    for line in ["if x = 5:", "while x = 5:", "if x.value() = 1:", "if x == 1 and y = 2:"] {
        says("esp32", &format!("x = y = 1\n{line}\n    pass\n"), &format!("line 2: {said}"));
    }
    says("esp32", "x = 1\nif x == 5\n    pass\n", "line 2: SyntaxError: invalid syntax (");
}

/// A lesson's whole program, with the traps that such have, says this and nothing else.
#[test]
fn a_lesson_with_four_traps() {
    let program = "import network, usocket, time
from machine import Pin

led = Pin(15, Pin.OUT)

def wifi_connect():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    start = time.time()
    if not wlan.isconnected():
        print('WIFI connecting...')
        wlan.connect('a', '12345678')
        while not wlan.isconnected():
            led.value(not led.value())
            time.sleep_ms(300)
            if time.time() - start > 15:
                print('WIFI timeout!')
                break
    else:
        led.on()
        print(wlan.ifconfig())

if wifi_connect():
    socket = usocket.socket()
    add = ('192.168.1.115', 10000)
    socket.connect(addr)
    socket.send('Hello')
    while True:
        text = socket.recv(128)
        if text == None:
            pass
        else:
            print(text)
            socket.send('I received: ' + text.decode('utf-8'))
";
    assert_eq!(
        on("esp32", program),
        [
            "line 23: wifi_connect() never returns a value, so this condition is always false: add `return True` to it",
            "line 24: the variable `socket` has the name of a module; another name, e.g. `s`, avoids surprises",
            "line 26: `addr` is not defined: did you mean `add`?",
            "line 30: recv() never gives None: at the end of the connection it gives b''",
        ]
    );
}

/// The programs that we hand out are good ones, on the boards that they name themselves.
#[test]
fn our_own_programs_are_good() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/boards");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let (text, name) = (std::fs::read_to_string(&path).unwrap(), path.file_name().unwrap().to_str().unwrap());
            let command =
                text.lines().find_map(|line| line.split_once(&format!("{name} --board "))).expect("a command").1;
            assert_eq!(on(command.split(' ').next().unwrap(), &text), [""; 0], "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 15);
}

/// One of each kind.
fn kinds() -> Vec<Kind> {
    let text = || "x".to_owned();
    let need = [Need::Module, Need::Attribute, Need::Name, Need::Statement, Need::Argument];
    let hints = [Hint::None, Hint::Near(text()), Hint::Import("import x")];
    let lacks = |need| Kind::NotOnBoard { what: text(), need, board: "esp32", instead: known::instead("match") };
    let mut kinds = vec![
        Kind::IndentationLost { header: 1, everywhere: true },
        Kind::IndentationLost { header: 1, everywhere: false },
        Kind::WrongIndentation,
        Kind::LineBreaksLost,
        Kind::PrintStatement,
        Kind::Lookalike { found: '，', meant: "`,`" },
        Kind::Unclosed { bracket: '(' },
        Kind::UnclosedString,
        Kind::Syntax { detail: text() },
        Kind::NoSuchModule { name: text(), near: "socket" },
        Kind::Misspelt { of: text(), name: text(), near: text() },
        Kind::NoValue { function: text(), negated: true },
        Kind::BytesAgainstStr { literal: Some(text()) },
        Kind::BytesAgainstStr { literal: None },
        Kind::NeverNone,
        Kind::NotCalled { what: text(), condition: true },
        Kind::NotCalled { what: text(), condition: false },
        Kind::EndUnchecked { socket: text(), data: text(), empty_send_raises: true },
        Kind::ClosedInLoop { socket: text(), method: text() },
        Kind::ReadWaits { bytes: 1024 },
        Kind::TypeAsOption { constant: text() },
        Kind::Shadows { module: text(), lost: true },
        Kind::Shadows { module: text(), lost: false },
        Kind::NoWait { board: "esp32" },
        Kind::NameNotLookedUp { host: text(), method: text(), board: "k230" },
        Kind::StrSent { method: text() },
        Kind::AddressInPieces { method: text() },
        Kind::PairAsSocket { name: text() },
        Kind::StrOfBytes,
        Kind::StrToBytes { method: text() },
        Kind::NotActive,
        Kind::ShortPassword,
        Kind::AssignedInCondition,
    ];
    kinds.extend(need.map(lacks));
    kinds.extend(hints.map(|hint| Kind::Undefined { name: text(), hint }));
    kinds
}

#[test]
fn both_languages_say_all_in_one_line() {
    for kind in kinds() {
        let warning = Warning { line: 7, kind };
        let (en, zh) = (warning.text(Lang::En), warning.text(Lang::Zh));
        assert!(en.len() > 20 && en.starts_with("line 7: ") && !en.contains('\n') && !en.ends_with('.'), "{en}");
        let chinese = |c: char| ('\u{4e00}'..'\u{9fff}').contains(&c);
        assert!(zh.chars().filter(|c| chinese(*c)).count() > 4 && !zh.contains('\n') && !zh.ends_with('。'), "{zh}");
        assert!(!en.contains(chinese), "{en}");
    }
}

#[test]
fn names_out_of_a_star_are_known_where_the_module_is() {
    let head = "from socket import *\ns = socket(AF_INET, SOCK_STREAM)\ns.connect(('192.168.1.115', 10000))\n";
    silent("esp32", head);
    says(
        "esp32",
        &format!("{head}d = s.recv(9)\nif d == '':\n    pass\n"),
        "line 5: this compares bytes with the str ''",
    );
    says("esp32", &format!("{head}print(adr)\nadd = 1\n"), "line 4: `adr` is not defined");
    silent("esp32", "from machine import *\nI2S(0)\n");
}

#[test]
fn hostile_text_ends() {
    let deep = [
        "-".repeat(60_000),
        "(".repeat(60_000),
        "not ".repeat(15_000),
        "lambda:".repeat(9_000),
        "1+".repeat(30_000),
        "a.".repeat(30_000),
        "a if b else ".repeat(5_000),
        "**".repeat(30_000),
        "f'{".repeat(20_000),
        "[[[]".repeat(15_000),
        format!("{HEAD}while True:\n    a = s.recv(1)\n    b{}\n", "[0]".repeat(20_000)),
        format!("{HEAD}s{}\n", ".strip()".repeat(7_000)),
        (0..9_000).map(|i| format!("n{i}\n")).collect(),
        (0..5_000).map(|i| format!("v{i}=w{i}\n")).collect(),
        "import socket\nif socket.socket():\n pass\n".repeat(1_500),
        (0..350).map(|i| format!("{}if 1:\n", " ".repeat(i))).collect(),
    ];
    for text in deep {
        on("esp32", &text);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_looked_at(text in "([a-z =.():',\\[\\]\n]|while True:\n|    |\tdef f|import socket|s\\.recv\\(9\\)|=='')*") {
        on("esp32", &text);
    }
}
