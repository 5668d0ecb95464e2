//! Memory that is used up.

use socklab_board::link::OUT_OF_MEMORY;

use crate::support::{Board, printed, printed_by};

#[test]
fn one_object_larger_than_the_heap_is_an_error_in_the_program() {
    for large in [
        "bytearray(200000)",
        "bytes(10**9)",
        "'a' * 10**9",
        "[0] * 10**8",
        "1 << 10**11",
        "3 ** 10**8",
        "(1).to_bytes(10**10, 'big')",
        "'%1000000000d' % 1",
        "'%.1000000000f' % 1.0",
        "b'%(n)1000000000d' % {b'n': 1}",
        "'{:>10000000000}'.format(1)",
        "'{:.10000000000f}'.format(1.0)",
        "f'{1:>1000000000}'",
        "format('a', '1000000000')",
        "('b' * 10**3).join(['a'] * 10**3)",
        "b'ab'.join((b'a',) * 30000 + (b'b',) * 30000)",
        "('a' * 10000).replace('a', 'b' * 10000)",
        "'a'.ljust(10**10)",
        "'a'.center(10**10)",
        "b'1'.zfill(10**10)",
        "list(range(10**9))",
        "[i for i in range(10**9)]",
        "tuple(map(str, range(10**9)))",
        "set(range(10**9))",
        "dict.fromkeys(range(10**9))",
        "print(*range(10**9))",
        "'-'.join(str(i) for i in range(10**9))",
    ] {
        let program = format!("try:\n    {large}\nexcept MemoryError as e:\n    print(e)");
        let text = printed(&program);
        assert!(text.starts_with("memory allocation failed, allocating "), "{large}: {text}");
    }
}

#[test]
fn what_grows_in_small_steps_is_an_error_in_the_program_too() {
    let program = "def fill(step):
    kept = []
    try:
        while True: kept.append(step())
    except MemoryError as e:
        print(str(e)[:24])
    return len(kept)
fill(lambda: bytearray(1000000))
fill(lambda: 'a' * 100000)
fill(lambda: [1, 2, 3])
fill(lambda: {})
n = fill(lambda: bytearray(1000))
print(100 < n < 160)";
    let text = printed(program);
    assert_eq!(text, "memory allocation failed\r\n".repeat(5) + "True\r\n");
}

#[test]
fn what_is_joined_piece_by_piece_fills_the_boards_heap() {
    for step in [
        "d += b'x' * 1000",
        "d = d + b'x' * 1000",
        "d = d + d[:1000] + b'x'",
        "d = b''.join((d, b'x' * 1000))",
        "d += bytearray(1000)",
        "d += open('1000.txt', 'rb').read()",
    ] {
        for start in ["b''", "bytearray()"] {
            if start == "bytearray()" && step.contains('=') && !step.contains("+=") {
                continue;
            }
            let program = format!(
                "d = {start}\ntry:\n    while True: {step}\nexcept MemoryError as e:\n    print(str(e)[:24], 40000 < len(d) < 160000)"
            );
            let mut board = Board::start("esp32", &[("main.py", &program), ("1000.txt", &"x".repeat(1000))]);
            board.end();
            assert_eq!(board.output, "memory allocation failed True\r\n", "{start}: {step}");
        }
    }
}

/// How many, by the unix port with its words of 64 bits and a heap of 320 KiB, in which everything but text and bytes
/// takes twice what it does on a board of 160 KiB; of text and bytes, half as many.
#[test]
fn as_much_fits_as_on_a_board() {
    for (grow, steps) in [
        ("d = {}\ndef grow(i): d[i] = i", 7243),
        ("d = []\ndef grow(i): d.append(i)", 32768),
        ("d = set()\ndef grow(i): d.add(i)", 10861),
        ("d = []\ndef grow(i): d.append((i, i, i))", 4096),
        ("d = ()\ndef grow(i):\n    global d\n    d += (i,) * 50", 251),
        ("d = ''\ndef grow(i):\n    global d\n    d += 'x' * 100", 502),
        ("d = ''\ndef grow(i):\n    global d\n    d = f'{d}{i:08d}'", 4688),
        ("d = []\ndef grow(i): d.append('item number %d' % i)", 4096),
        ("d = []\ndef grow(i): d.extend([i] * 10)", 2215),
        ("d = bytearray()\ndef grow(i): d.extend(b'0123456789')", 15019),
        ("b = b'x' * 5000\nd = []\ndef grow(i): d.append(b[:1000])", 141),
        ("b = 'x' * 5000\nd = []\ndef grow(i): d.append(b[i:i + 100])", 1024),
        ("d = []\ndef grow(i): d.append(i * 0.5)", 7839),
        ("class C:\n    def __init__(self, i): self.x = self.y = i\nd = []\ndef grow(i): d.append(C(i))", 4096),
        ("d = {}\ndef grow(i): d['key%d' % i] = i", 3229),
        ("d = []\ndef grow(i): d.append([i])", 4096),
        ("d = []\ndef grow(i): d.append({'a': i})", 4096),
        ("d = []\ndef grow(i): d.append(10**20 + i)", 4096),
    ] {
        let program = format!(
            "{grow}\ni = 0\ntry:\n    while True:\n        grow(i)\n        i += 1\nexcept MemoryError:\n    print(i)"
        );
        let text = printed(&program);
        let fitted: usize = text.trim_end().parse().unwrap_or_else(|_| panic!("{grow}: {text}"));
        assert!((steps / 2..=steps * 2).contains(&fitted), "{grow}: {fitted}, and {steps} on a board");
    }
}

#[test]
fn a_linux_computer_refuses_one_object_larger_than_its_memory() {
    for large in [
        "bytearray(10 * 1024**3)",
        "bytes(10**10)",
        "b'x' * 10**10",
        "[0] * 10**10",
        "(0,) * 10**10",
        "'x' * 10**10",
        "1 << 10**11",
        "3 ** 10**10",
        "(1).to_bytes(10**10, 'big')",
        "'x'.ljust(10**10)",
        "'%10000000000d' % 1",
        "f'{1:>10000000000}'",
        "('b' * 10**5).join(['a'] * 10**5)",
    ] {
        let program =
            format!("try:\n    {large}\nexcept MemoryError as e:\n    print(repr(e))\nprint(len(bytes(10**7)))");
        assert_eq!(printed_by("linux", &program), "MemoryError()\r\n10000000\r\n", "{large}");
    }
}

#[test]
fn garbage_is_let_go_of_before_memory_is_used_up() {
    let program = "for i in range(300):
    a = []
    a.append(a)
    a.append(bytearray(50000))
for i in range(100000):
    b = bytearray(2000)
print('done')";
    assert_eq!(printed(program), "done\r\n");
}

#[test]
fn what_gc_says_is_free_can_be_had() {
    let program = "import gc
def free():
    gc.collect()
    return gc.mem_free()
whole = free()
a = bytearray(whole - 100)
print(free() < 1000)
try: bytearray(2000)
except MemoryError: print('full')
del a
print(abs(free() - whole) < 1000, gc.mem_free() + gc.mem_alloc())";
    for (profile, heap) in [("esp32", "163840"), ("rp2", "192512")] {
        assert_eq!(printed_by(profile, program), format!("True\r\nfull\r\nTrue {heap}\r\n"), "{profile}");
    }
    // A small computer has more than a board.
    assert_eq!(printed_by("linux", "print(len(bytearray(10**7)))"), "10000000\r\n");
}

#[test]
fn a_board_that_cannot_say_so_in_the_program_says_so_and_ends() {
    // The text of two lists, each of which holds one object twice, which does so too: in no object before its end.
    let program = "a = [b'x' * 10000]\nfor _ in range(60): a = [a, a]\ndef grow():\n    repr(a)\ngrow()";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    let raised = board.raised();
    assert_eq!(raised.class, "MemoryError");
    let (first, rest) = raised.traceback.split_once("\r\n").unwrap();
    assert_eq!(first, "Traceback (most recent call last):");
    assert!(
        rest.starts_with("  File \"main.py\", line 5, in <module>\r\n  File \"main.py\", line 4, in grow\r\n"),
        "{rest}"
    );
    assert_eq!(board.status(), Some(OUT_OF_MEMORY));
}
