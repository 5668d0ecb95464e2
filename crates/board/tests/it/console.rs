//! Print, input, and the console as a file.

use socklab_board::link::{End, ToBoard};

use crate::support::{Board, printed};

#[test]
fn lines_end_as_on_a_terminal() {
    assert_eq!(printed("print('a', 1, sep='-')\nprint('中文')"), "a-1\r\n中文\r\n");
}

#[test]
fn bytes_go_out_as_they_are() {
    assert_eq!(printed("import sys\nsys.stdout.buffer.write(b'a\\nbc', 3)"), "a\nb");
}

#[test]
fn much_output_arrives_whole_and_in_order() {
    let lines = printed("for i in range(20000):\n    print(i)");
    let expected: String = (0..20000).map(|i| format!("{i}\r\n")).collect();
    assert!(lines == expected);
}

#[test]
fn input_echoes_and_drops_the_line_feed_after_a_return() {
    let mut board = Board::start("esp32", &[("main.py", "n = input('name? ')\nprint('hi', n, repr(input()))")]);
    board.until("name? ");
    board.type_in("box\x08b\r\nx\r");
    assert_eq!(board.until("hi bob 'x'"), "box\x08 \x08b\r\nx\r\nhi bob 'x'");
}

#[test]
fn the_end_of_input_ends_what_waits_for_some() {
    let program = "import sys
print(repr(input()), repr(input()))
for f in input, sys.stdin.read, sys.stdin.readline, sys.stdin.buffer.read:
    try:
        print(repr(f()))
    except EOFError as e:
        print(repr(e))";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.type_in("one\rtwo");
    board.tell(ToBoard::InputEnds);
    assert_eq!(board.end(), End::Finished);
    assert_eq!(board.output, "one\r\ntwo\r\n'one' 'two'\r\nEOFError()\r\n''\r\n''\r\nb''\r\n");
    // Ctrl-D, on a line with nothing else.
    let mut board = Board::start("esp32", &[("main.py", "input('? ')")]);
    board.until("? ");
    board.type_in("\x04");
    assert_eq!(board.raised().class, "EOFError");
    let mut board = Board::start("linux", &[("main.py", "input()")]);
    board.tell(ToBoard::InputEnds);
    assert!(board.raised().traceback.ends_with("EOFError: EOF when reading a line\r\n"));
}

#[test]
fn binary_input_is_read_into_a_buffer() {
    let program = "import sys\nb = bytearray(4)\nprint('ready')\nprint(sys.stdin.buffer.readinto(b, 3), bytes(b))";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready");
    board.type_in("\x01\r\x03");
    board.until("3 b'\\x01\\r\\x03\\x00'");
}

#[test]
fn the_end_says_how() {
    let mut board = Board::start("esp32", &[("main.py", "import sys\nsys.exit(3)")]);
    assert_eq!(board.end(), End::Exit(3));
    let mut board = Board::start("esp32", &[("main.py", "1/0")]);
    board.raised();
}
