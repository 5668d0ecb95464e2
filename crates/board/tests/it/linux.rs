//! The board with Linux speaks CPython's dialect: the same program by python3 and by the board prints the same, where
//! neither addresses nor times are in it.

use std::process::Command;

use socklab_board::link::{End, FromBoard, Program, ToBoard};

use crate::support::{Board, printed_by, watch};

/// Runs a program by python3 and on the board, and compares what they print.
fn same_as_cpython(program: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.py"), program).unwrap();
    let python = Command::new("python3")
        .args(["-X", "no_debug_ranges", "main.py"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let _watch = watch(python.id());
    let output = python.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let place = format!("{}/", std::fs::canonicalize(folder.path()).unwrap().display());
    let expected = String::from_utf8(printed).unwrap().replace(&place, "");
    assert_eq!(printed_by("linux", program).replace("\r\n", "\n"), expected);
}

#[test]
fn time_is_cpythons() {
    same_as_cpython(
        "import time
print(time.gmtime(0), time.gmtime(0).tm_year)
print(time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(86400)), time.asctime(time.gmtime(0)))
print(time.strptime('2024-02-29', '%Y-%m-%d').tm_yday, time.mktime(time.localtime(1000)))
for clock in time.time, time.monotonic, time.perf_counter, time.process_time:
    print(type(clock()))
print(type(time.time_ns()), type(time.monotonic_ns()), time.sleep(0.001))
before = time.monotonic()
time.sleep(0.02)
print(time.monotonic() - before >= 0.02, hasattr(time, 'no_such'))",
    );
}

#[test]
fn exceptions_have_cpythons_classes_and_texts() {
    same_as_cpython(
        "def outcome(f):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e, repr(e), isinstance(e, OSError) and e.errno)
d = {}
for f in (lambda: 1 + 'a', lambda: 'a' + 1, lambda: d['k'], lambda: [][1], lambda: int('x'), lambda: None.foo,
          lambda: open('nope'), lambda: b'\\xff'.decode(), lambda: undefined, lambda: len(5), lambda: float('q'),
          lambda: [1] + (2,), lambda: b'a' + 'b', lambda: 'a' in b'abc', lambda: b'a' + bytearray(b'b'), lambda: 1 < 'a'):
    outcome(f)
print(repr('你好'), ascii('你好'), b'a' == 'a', 'x'.zfill(3), 'abc'[::-1])
print(OSError(111, 'Connection refused'), type(OSError(111, 'no')), [OSError, ValueError, RecursionError])",
    );
}

#[test]
fn a_traceback_is_cpythons() {
    for program in [
        "def f(x):\n    return undefined_name + x\n\nf(1)\n",
        "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('no') from e\n",
        "try:\n    [].pop()\nexcept IndexError:\n    raise ValueError('no')\n",
        "class Mine(Exception):\n    pass\n\ndef g(n):\n    return g(n - 1) if n else h()\n\ndef h():\n    raise Mine('deep', 3)\n\ng(9)\n",
        "import sys\n\ntry:\n    open('x.txt')\nfinally:\n    print(sys.argv)\n",
    ] {
        same_as_cpython(program);
    }
}

#[test]
fn the_library_is_there() {
    same_as_cpython(
        "import argparse, asyncio, collections, contextlib, dataclasses, datetime, enum, functools, hashlib, itertools, json
import logging, math, os, os.path, queue, random, re, selectors, socketserver, string, struct, sys, threading
import traceback, typing
print(struct.pack('<HhI4s?', 1, -2, 3, b'ab', True), struct.unpack('>d', struct.pack('>d', 1.5)), struct.calcsize('bi'))
print(json.dumps({'a': [1, 2.5, None, True], '名': '值'}), json.dumps({'b': 1, 'a': 2}, indent=2, sort_keys=True))
try:
    json.loads('[1,')
except json.JSONDecodeError as e:
    print(e)
print(re.findall(r'(\\w+)=(\\d+)', 'a=1 b=22'), re.sub('(?P<x>a)', r'<\\g<x>>', 'banana'))
print(datetime.datetime(2024, 1, 31, 12, 30) + datetime.timedelta(days=1), datetime.date(2024, 2, 29).isoformat())
print(datetime.datetime.strptime('2024-05-06 07:08', '%Y-%m-%d %H:%M'))
random.seed(42)
print(random.random(), random.randint(1, 100), random.choice('abcdef'), random.sample(range(50), 5), random.gauss(0, 1))
random.seed('text')
print(random.random(), random.getrandbits(70))
print(math.gcd(12, 18), math.factorial(20), math.isqrt(10**20), math.comb(10, 3), math.hypot(3, 4), math.fsum([.1] * 10))
print(hashlib.md5(b'x').hexdigest(), hashlib.sha512(b'').hexdigest())
@dataclasses.dataclass
class Place:
    x: int
    y: int = 2
print(Place(1), collections.Counter('abca').most_common(1), functools.reduce(lambda a, b: a * b, [1, 2, 3]))
logging.basicConfig(format='%(levelname)s %(message)s', stream=sys.stdout)
logging.warning('one %d', 1)
async def late(n):
    await asyncio.sleep(n / 1000)
    return n
async def main():
    return await asyncio.gather(late(3), late(1))
print(asyncio.run(main()))",
    );
}

#[test]
fn text_of_chinese_tools_is_read_and_written() {
    same_as_cpython(
        "print('你好'.encode('gbk'), b'\\xc4\\xe3'.decode('gbk'), '€'.encode('gb18030'), 'é'.encode('latin-1'))
print('a😀b'.encode('gbk', 'replace'), b'\\xc4'.decode('gbk', 'ignore') == '', 'x'.encode('utf-16-le'))
for f in lambda: '😀'.encode('gbk'), lambda: b'ab\\xff\\xff'.decode('gbk'), lambda: 'x'.encode('nosuch'):
    try:
        print(f())
    except (UnicodeError, LookupError) as e:
        print(type(e).__name__, e)",
    );
}

#[test]
fn files_are_cpythons() {
    same_as_cpython(
        "import os
os.mkdir('d')
with open('d/f.txt', 'w', encoding='utf-8') as f:
    print(f.write('línea\\nzwei\\n'))
print(os.listdir('d'), os.path.getsize('d/f.txt'), os.path.isdir('d'), os.path.exists('nope'), f.closed)
for line in open('d/f.txt', encoding='utf-8'):
    print(repr(line))
with open('d/b', 'wb') as f:
    print(f.write(b'123'))
with open('d/b', 'r+b') as f:
    print(f.read(1), f.seek(0), f.write(b'x'), f.read())
def outcome(f, *args):
    try:
        print(f(*args))
    except Exception as e:
        print(type(e).__name__, e)
outcome(os.remove, 'zz')
outcome(os.rmdir, 'd')
outcome(os.mkdir, 'd')
outcome(os.listdir, 'zz')
outcome(open('d/b').write, 'text')
outcome(open, 'd/b', 'q')
os.rename('d/b', 'd/c')
print([(at, folders, sorted(files)) for at, folders, files in os.walk('d')])
os.remove('d/c')
os.remove('d/f.txt')
os.rmdir('d')
print(os.listdir(), os.path.join('a', 'b'), os.path.splitext('x.tar.gz'), os.name, os.sep, os.environ.get('NO_SUCH'))",
    );
}

#[test]
fn a_server_has_a_thread_for_each_client() {
    same_as_cpython(
        "import queue, socket, threading
def handle(conn):
    with conn:
        while data := conn.recv(100):
            conn.sendall(data.upper())
def serve():
    for _ in range(3):
        conn, _ = server.accept()
        threading.Thread(target=handle, args=(conn,), daemon=True).start()
server = socket.create_server(('127.0.0.1', 0))
first = threading.Thread(target=serve, name='server')
first.start()
clients = [socket.create_connection(server.getsockname(), timeout=20) for _ in range(3)]
for number, client in enumerate(clients):
    client.sendall(b'hello %d' % number)
for client in clients:
    print(client.recv(100))
    client.close()
first.join(timeout=20)
print(first.is_alive())
count, lock, done = 0, threading.Lock(), queue.Queue()
def add():
    global count
    for _ in range(500):
        with lock:
            count += 1
    done.put(threading.current_thread().name)
for number in range(4):
    threading.Thread(target=add, name='t%d' % number).start()
print(sorted(done.get() for _ in range(4)), count)
threading.Timer(0.01, print, ['the last']).start()",
    );
}

#[test]
fn servers_of_the_library_work() {
    same_as_cpython(
        "import http.server, select, selectors, socket, socketserver, threading, urllib.request
class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())
with socketserver.ThreadingTCPServer(('127.0.0.1', 0), Upper) as server:
    threading.Thread(target=server.serve_forever).start()
    with socket.create_connection(server.server_address) as client:
        client.sendall(b'text\\n')
        print(client.makefile('r').readline())
    server.shutdown()
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'page ' + self.path.encode())
    def log_message(self, *args):
        pass
with http.server.HTTPServer(('127.0.0.1', 0), Page) as server:
    threading.Thread(target=server.serve_forever).start()
    print(urllib.request.urlopen('http://127.0.0.1:%d/x' % server.server_port).read())
    server.shutdown()
a, b = socket.socketpair()
b.sendall(b'x')
print(select.select([a], [], [], 20)[0] == [a], select.select([a.fileno()], [], [], 20)[0] == [a.fileno()])
selector = selectors.DefaultSelector()
selector.register(a, selectors.EVENT_READ, 'data')
print([key.data for key, _ in selector.select(20)])",
    );
}

#[test]
fn nothing_of_the_machine_is_reached() {
    let text = printed_by(
        "linux",
        "import os, subprocess, sys
def outcome(f):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)
outcome(lambda: open('/etc/passwd'))
outcome(lambda: os.system('ls'))
outcome(lambda: subprocess.run(['ls']))
outcome(lambda: __import__('ctypes'))
outcome(lambda: __import__('machine'))
print(os.getcwd(), os.listdir('/'), 'CARGO' in str(os.environ), sys.executable, sys.implementation.name, sys.platform)",
    );
    let absent = "a virtual board starts no programs of the machine that it runs on";
    let expected = format!(
        "FileNotFoundError [Errno 2] No such file or directory: '/etc/passwd'
NotImplementedError os.system: {absent}
ImportError subprocess.run: {absent}
ModuleNotFoundError No module named 'ctypes'
ModuleNotFoundError No module named 'machine'
/ ['main.py'] False /usr/bin/python3 cpython linux
"
    );
    assert_eq!(text.replace("\r\n", "\n"), expected);
}

#[test]
fn names_of_micropython_are_remarked_on_or_refused() {
    let program =
        "import time\ntime.sleep_ms(1)\ntime.sleep_ms(1)\nprint(time.ticks_diff(3, 1), 'x'.zfill(2), b'' == '')";
    let mut board = Board::start("linux", &[("main.py", program)]);
    let mut notes = Vec::new();
    loop {
        match board.next() {
            FromBoard::Note(note) => notes.push(note.en),
            FromBoard::Ended(end) => break assert_eq!(end, End::Finished),
            _ => {}
        }
    }
    assert_eq!(board.output, "2 0x False\r\n");
    assert_eq!(notes.len(), 2, "{notes:?}");
    let mut board = Board::switch_on_with("linux", &[("main.py", program)], &["--strict"]);
    board.tell(ToBoard::Run(Program::File("main.py".to_owned())));
    assert!(board.raised().traceback.ends_with("AttributeError: module 'time' has no attribute 'sleep_ms'\r\n"));
}

#[test]
fn ctrl_c_ends_the_waits_of_the_first_thread() {
    for wait in ["lock.acquire()", "queue.Queue().get()", "forever.join()", "time.sleep(1e6)"] {
        let program = format!(
            "import queue, threading, time
lock = threading.Lock()
lock.acquire()
forever = threading.Thread(target=lock.acquire, daemon=True)
forever.start()
try:
    print('ready')
    {wait}
except KeyboardInterrupt:
    print('caught')"
        );
        let mut board = Board::start("linux", &[("main.py", &program)]);
        board.until("ready\r\n");
        board.tell(ToBoard::Interrupt);
        board.until("caught\r\n");
        assert_eq!(board.end(), End::Finished);
    }
}

/// `decimal` is another module from its end on.
#[test]
fn a_module_may_put_another_in_its_place() {
    same_as_cpython(
        "import statistics
from decimal import Decimal
print(statistics.mean([Decimal('1.1'), Decimal('1.2')]), statistics.stdev([1, 2, 4]))",
    );
}
