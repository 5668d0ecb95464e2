//! The modules of a board's library that need no hardware.

use socklab_board::link::FromBoard;

use crate::support::{Board, printed};

#[test]
fn json_is_written_as_boards_write_it() {
    let program = r#"import json
print(json.dumps([1, 2.5, True, None, 'a"\n', (3,), b'bytes', {1: {}, 'k': []}]))
print(json.dumps([1, {'a': 2}], separators=(',', ':')))
print(json.loads('{"a": [1 2, -3.5e1, "\\u4e2d\\n"], "b": null}'))
for bad in ('', '[1', ']', '{"a"}', '[1] 2'):
    try:
        print(json.loads(bad))
    except ValueError as e:
        print(e)"#;
    let expected = "[1, 2.5, true, null, \"a\\\"\\n\", [3], \"bytes\", {\"1\": {}, \"k\": []}]\r\n[1,{\"a\":2}]\r\n{'a': [1, 2, -35.0, '\\u4e2d\\n'], 'b': None}\r\n";
    let text = printed(program);
    assert_eq!(text, expected.to_owned() + &"syntax error in JSON\r\n".repeat(5));
}

#[test]
fn a_pattern_finds_groups() {
    let program = r#"import re
m = re.match('(\\w+)://([^/:]+)(:\\d+)?', 'http://board/x')
print(m.group(0), m.group(1), m.group(2), m.group(3), m.span(2))
print(re.search('[0-9]+?', 'ab123').group(0), re.compile(' +').split('a  b c'))
print(re.sub('(a)(b)', lambda m: m.group(2), 'abab'), re.sub('(a)b', '<\\1>', 'ab-ab', 1))
try:
    re.match('(a*)*', 'aaa')
except RuntimeError as e:
    print(e)"#;
    let expected = "http://board http board None (7, 12)\r\n1 ['a', 'b', 'c']\r\nbb <a>-ab\r\nmaximum recursion depth exceeded\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn a_pattern_that_takes_for_ever_is_stopped() {
    let mut board = Board::start("esp32", &[("main.py", "import re\nprint('go')\nre.match('(a+a+)+b', 'a' * 40)")]);
    board.until("go");
    board.tell(socklab_board::link::ToBoard::Interrupt);
    assert_eq!(board.raised().class, "KeyboardInterrupt");
}

#[test]
fn records_are_packed_without_a_check_of_range() {
    let program = "import struct, array
print(struct.pack('>Hb', 0x12345, -1), struct.unpack('<3sI', b'abc\\x01\\0\\0\\0'), struct.calcsize('bI'))
a = array.array('H', [1, 65537])
a.append(3)
print(a, a[1:], len(memoryview(a)), bytes(a))";
    let expected =
        "b'#E\\xff' (b'abc', 1) 8\r\narray('H', [1, 1, 3]) array('H', [1, 3]) 3 b'\\x01\\x00\\x01\\x00\\x03\\x00'\r\n";
    assert_eq!(printed(program), expected);
}

/// What `mpremote cp` runs to find whether a file is already there.
#[test]
fn a_file_is_hashed_piece_by_piece() {
    let program = "import hashlib, binascii
open('f', 'w').write('x' * 1000)
h = hashlib.sha256()
b = memoryview(bytearray(256))
with open('f', 'rb') as f:
    while True:
        n = f.readinto(b)
        if n == 0: break
        h.update(b[:n])
print(binascii.hexlify(h.digest()))
print(hashlib.sha256(b'x' * 1000).digest() == hashlib.sha256('x' * 1000).digest())
try:
    h.digest()
except ValueError as e:
    print(e)
print(binascii.hexlify(b'ab', ':'), binascii.b2a_base64('ab'), binascii.crc32(b'123456789'))";
    let expected = "b'44f8354494a5ba03ba1792a8d3e9c534c47a9181980fde7a3f44b06ef2ae7c7f'\r\nTrue\r\nhash is final\r\nb'61:62' b'YWI=\\n' 3421780262\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn collections_have_a_boards_limits() {
    let program = "from collections import deque, namedtuple, OrderedDict
d = deque((), 2, 1)
d.append(1); d.append(2)
try:
    d.append(3)
except IndexError as e:
    print(e, list(d))
P = namedtuple('P', ('x', 'y'))
print(P(1, y=2), P(1, 2).y, OrderedDict([('b', 1), ('a', 2)]))
import heapq
h = []
for i in (3, 1, 2): heapq.heappush(h, i)
print([heapq.heappop(h) for _ in range(3)])";
    assert_eq!(printed(program), "full [1, 2]\r\nP(x=1, y=2) 2 OrderedDict({'b': 1, 'a': 2})\r\n[1, 2, 3]\r\n");
}

/// It is native on a board, and Python here.
#[test]
fn a_traceback_does_not_show_the_library() {
    let expected =
        "Traceback (most recent call last):\r\n  File \"main.py\", line 2, in <module>\r\nIndexError: empty heap\r\n";
    assert_eq!(printed("import uheapq\nuheapq.heappop([])"), expected);
}

#[test]
fn a_programs_own_stream_is_printed_to() {
    let program = "import io, json, sys
class Screen(io.IOBase):
    def __init__(self): self.seen = []
    def write(self, data):
        self.seen.append(bytes(data))
        return len(data)
s = Screen()
print('a', 1, file=s)
json.dump([1], s)
print(s.seen)
t = io.StringIO()
try:
    1/0
except Exception as e:
    sys.print_exception(e, t)
print(t.getvalue().split('\\n')[-2], io.BytesIO(b'one\\ntwo').readline())";
    let text = printed(program);
    assert!(text.ends_with("ZeroDivisionError: divide by zero b'one\\n'\r\n"), "{text}");
    assert!(text.contains("b'[1]'"), "{text}");
}

#[test]
fn each_board_counts_seconds_from_its_own_epoch() {
    let program = "import time\nprint(time.gmtime(0), time.localtime(946684800)[0], time.mktime((2026, 2, 30, 0, 0, 0, 0, 0)) == time.mktime((2026, 3, 2, 0, 0, 0, 0, 0)))";
    for (profile, expected) in
        [("esp32", "(2000, 1, 1, 0, 0, 0, 5, 1) 2029 True\r\n"), ("rp2", "(1970, 1, 1, 0, 0, 0, 3, 1) 2000 True\r\n")]
    {
        let mut board = Board::start(profile, &[("main.py", program)]);
        board.end();
        assert_eq!(board.output, expected);
    }
}

#[test]
fn a_board_says_what_it_is() {
    let program = "import sys, os, gc
print(sys.implementation.name, sys.implementation.version, sys.implementation[2], sys.version_info)
print(os.uname().sysname, repr(os.uname())[:17], len(os.stat('main.py')), os.statvfs('/')[:3])
before = gc.mem_free()
kept = [[i] for i in range(100)]
print(gc.mem_free() < before, gc.collect() >= 0, gc.isenabled(), gc.threshold())
import builtins
builtins.help('modules')";
    let text = printed(program);
    let expected = "micropython (1, 29, 0, '') Generic ESP32 module with ESP32 (3, 4, 0)\r\nesp32 (sysname='esp32', 10 (4096, 4096, 512)\r\nTrue True True -1\r\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("__main__ ") && text.ends_with("Plus any modules on the filesystem\r\n"), "{text}");
}

/// What `mpremote mount` does, without the wire.
#[test]
fn a_programs_own_file_system_is_imported_from() {
    let program = "import os, io, vfs
class File(io.IOBase):
    def __init__(self, data): self.data = data
    def readinto(self, buffer):
        n = min(len(buffer), len(self.data))
        buffer[:n] = self.data[:n]
        self.data = self.data[n:]
        return n
    def ioctl(self, request, argument): return 0
    def read(self): return self.data
class System:
    files = {'/remote_module.py': b'print(__file__)'}
    def mount(self, readonly, mkfs): pass
    def umount(self): pass
    def chdir(self, path): print('chdir', path)
    def stat(self, path):
        if path in self.files: return (0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        raise OSError(2)
    def open(self, path, mode): return File(self.files[path])
    def ilistdir(self, path): return iter([(name[1:], 0x8000, 0) for name in self.files])
os.mount(System(), '/remote')
os.chdir('/remote')
import remote_module
print(os.getcwd(), os.listdir(), open('remote_module.py').read(), 'remote' in os.listdir('/'), len(vfs.mount()))
os.umount('/remote')
print(os.getcwd(), os.listdir('/'))";
    let expected =
        "chdir /\r\nremote_module.py\r\n/remote ['remote_module.py'] b'print(__file__)' True 2\r\n/ ['main.py']\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn compressed_data_is_read_as_it_is_needed() {
    let program = "import deflate, io
print(deflate.DeflateIO(io.BytesIO(b'\\x03\\x00'), deflate.RAW).read())
with deflate.DeflateIO(io.BytesIO(b'x\\x01\\x01\\x05\\x00\\xfa\\xffhello\\x06,\\x02\\x15')) as d:
    print(d.read(2), d.read())
try:
    deflate.DeflateIO(io.BytesIO(b'no')).read()
except OSError as e:
    print(e)
try:
    deflate.DeflateIO(io.BytesIO(b'\\x01'), deflate.RAW).read()
except EOFError:
    print('short')";
    assert_eq!(printed(program), "b''\r\nb'he' b'llo'\r\n[Errno 22] EINVAL\r\nshort\r\n");
}

#[test]
fn ussl_is_there_for_old_programs_only() {
    let mut board = Board::start("esp32", &[("main.py", "import ussl, ssl\nprint(ussl is ssl)")]);
    let note = loop {
        if let FromBoard::Note(note) = board.next() {
            break note.en;
        }
    };
    assert_eq!(note, "ussl: a real board does not have it");
    board.until("True\r\n");
    let mut strict = Board::start_strict(&[("main.py", "import ussl")]);
    assert_eq!(strict.raised().class, "ImportError");
}

#[test]
fn the_threshold_of_the_collector_is_counted_in_blocks() {
    let program = "import gc\nfor n in 100, 1, -1:\n    gc.threshold(n)\n    print(gc.threshold())";
    assert_eq!(printed(program), "96\r\n0\r\n-1\r\n");
}

#[test]
fn a_queue_can_be_derived_from() {
    let program = "from collections import deque
class Last(deque):
    def __init__(self, name):
        super().__init__((), 3)
        self.name = name
    def append(self, item):
        super().append((self.name, item))
last = Last('t')
for n in range(5): last.append(n)
print(list(last), len(last), isinstance(last, deque))
last.__init__('u')
print(list(last), last.name)
class Empty(deque):
    def __init__(self): pass
try:
    Empty().append(1)
except AttributeError as e:
    print(e)";
    let said = "[('t', 2), ('t', 3), ('t', 4)] 3 True\r\n[] u\r\ncall super().__init__() first\r\n";
    assert_eq!(printed(program), said);
}
