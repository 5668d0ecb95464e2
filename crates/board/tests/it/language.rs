//! What boards do differently from the interpreter's own Python.

use crate::support::{Board, printed};

#[test]
fn a_traceback_is_a_boards() {
    let text = printed("def f():\n    raise OSError(116)\ntry:\n    1/0\nexcept ZeroDivisionError:\n    f()");
    let expected = "Traceback (most recent call last):\r\n  File \"main.py\", line 6, in <module>\r\n  File \"main.py\", line 2, in f\r\nOSError: [Errno 116] ETIMEDOUT\r\n";
    assert_eq!(text, expected);
}

#[test]
fn a_syntax_error_says_where() {
    let text = printed("x = 1\ny = = 2");
    assert!(
        text.starts_with("Traceback (most recent call last):\r\n  File \"main.py\", line 2\r\nSyntaxError: "),
        "{text}"
    );
}

#[test]
fn an_os_error_is_its_number() {
    let program = "e = OSError(2)
print(e.errno, e.value, e.args, str(e), repr(e))
print(repr(OSError(9999)), OSError(9999), OSError('text'), repr(ValueError('a', 1)))
print(type(OSError(2, 'x')).__name__, OSError(2, 'x').errno)";
    let expected =
        "2 2 (2,) [Errno 2] ENOENT OSError(2,)\r\nOSError(9999,) 9999 text ValueError('a', 1)\r\nOSError 2\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn each_board_has_its_own_numbers() {
    let mut board = Board::start("rp2", &[("main.py", "print(OSError(110), OSError(116))")]);
    board.end();
    assert_eq!(board.output, "[Errno 110] ETIMEDOUT 116\r\n");
}

#[test]
fn the_probe_of_the_test_suites_finds_a_length_that_it_knows() {
    assert_eq!(printed("try:\n    (lambda: 0)(0)\nexcept TypeError as e:\n    print(len(e.value))"), "54\r\n");
}

#[test]
fn names_in_classes_are_not_mangled() {
    let program = "class __C:
    __x = 1
    def get(self, __y=2):
        def inner(): return __y
        return __C.__x, inner(), self.__x
print(__C().get(), getattr(__C, '__x'), __C().get(__y=5))";
    assert_eq!(printed(program), "(1, 2, 1) 1 (1, 5, 1)\r\n");
}

#[test]
fn text_may_be_decoded_again() {
    assert_eq!(printed("print(str('a', 'utf-8'), str(b'b', 'utf-8'))"), "a b\r\n");
}

#[test]
fn ticks_wrap_and_their_difference_has_a_sign() {
    let program = "import time, utime\nprint(utime is time, time.ticks_add(0, -1), time.ticks_diff(1, 1073741823), time.ticks_diff(0, 5))";
    assert_eq!(printed(program), "True 1073741823 2 -5\r\n");
}
