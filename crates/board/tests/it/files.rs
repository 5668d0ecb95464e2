//! Files, directories and imports, in the flash and nowhere else.

use crate::support::{Board, printed, printed_by};

#[test]
fn files_are_those_of_the_flash() {
    let program = "import os
with open('/data.txt', 'w') as f:
    f.write('one\\n二\\n')
print(os.listdir(), open('data.txt').read().split())
print([len(line) for line in open('data.txt')], os.stat('data.txt')[6])
os.mkdir('d')
os.chdir('d')
print(os.getcwd(), list(os.ilistdir('/..')))
try:
    open('/etc/passwd')
except OSError as e:
    print(e.errno, e)";
    let expected =
        "['data.txt', 'main.py'] ['one', '\\u4e8c']\r\n[4, 2] 8\r\n/d [('d', 16384, 0, 0), ('data.txt', 32768, 0, 8), ";
    let text = printed(program);
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("2 [Errno 2] ENOENT\r\n"), "{text}");
}

#[test]
fn a_flash_is_full_when_its_blocks_are_used() {
    let program = "import os
def free(): return os.statvfs('/')[3]
def write(name, bytes, mode='wb'):
    n = 0
    try:
        with open(name, mode) as f:
            while n < bytes: n += f.write(b'x' * 4096)
    except OSError as e:
        print(e)
    return n
whole = free() * 4096
print(write('a', 10 << 20) == whole, free())
try: os.mkdir('d')
except OSError as e: print(e.errno)
write('b', 1)
with open('a', 'r+b') as f: print(f.write(b'y' * 10))
os.remove('a')
print(write('a', whole - 4096), write('a', 4096, 'ab'), write('c', 1), free())";
    let mut board = Board::start("esp32", &[("main.py", program), ("big.bin", &"x".repeat(1 << 20))]);
    board.end();
    let left = 512 - 2 - 256 - 1;
    let (most, whole) = ((left - 1) * 4096, left);
    assert_eq!(
        board.output,
        format!("28\r\nTrue 0\r\n28\r\n28\r\n10\r\n28\r\n{most} 4096 0 0\r\n"),
        "{whole} blocks are free"
    );
}

#[test]
fn a_computers_disk_is_larger_than_a_boards_flash() {
    let program = "with open('a', 'wb') as f: print(f.write(b'x' * (3 << 20)))";
    assert_eq!(printed_by("linux", program), "3145728\r\n");
}

#[test]
fn modules_come_from_the_root_and_from_lib() {
    let files = [
        ("main.py", "import one, pack.sub\nfrom pack import other\nprint(one.x, pack.sub.y, other.z)\nimport nowhere"),
        ("one.py", "x = 1"),
        ("lib/pack/__init__.py", ""),
        ("lib/pack/sub.py", "from .other import z\ny = z + 1"),
        ("lib/pack/other.py", "z = 2"),
    ];
    let mut board = Board::start("esp32", &files);
    board.end();
    let expected = "1 3 2\r\nTraceback (most recent call last):\r\n  File \"main.py\", line 4, in <module>\r\nImportError: no module named 'nowhere'\r\n";
    assert_eq!(board.output, expected);
}

#[test]
fn nothing_of_this_machine_can_be_imported() {
    let names = "posix _io marshal _imp _ctypes subprocess _socket ctypes _frozen_importlib importlib signal _posixsubprocess pathlib codecs";
    let program = format!(
        "for n in '{names}'.split():\n    try:\n        __import__(n)\n        print(n)\n    except ImportError:\n        pass"
    );
    assert_eq!(printed(&program), "");
}
