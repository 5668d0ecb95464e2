//! Print, input, and the console as a file.

use socklab_board::link::End;

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
