//! What boards do differently from the interpreter's own Python.

use socklab_board::link::FromBoard;

use crate::support::{Board, printed, printed_by};

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

#[test]
fn objects_are_shown_shorter_and_text_in_ascii() {
    let program = "class A: pass
import sys
print(A, OSError, sys, len, object(), '<A object at ' in repr(A()), repr('\u{4e2d}'), ['é', \"it's\"])";
    let expected =
        "<class 'A'> <class 'OSError'> <module 'sys'> <function> <object> True '\\u4e2d' ['\\xe9', \"it's\"]\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn texts_of_errors_are_the_boards_wherever_they_are_seen() {
    let program = "def f(a): pass
for code in ['[][1:2]=5', 'int(\"x\")', 'f()', 'f(b=1)', 'a, b = 1,', '\"a\" < 1', '{}[[]]', 'from sys import x', 'ab']:
    try:
        exec(code)
    except Exception as e:
        print(repr(e))";
    let expected = "TypeError('must assign iterable to extended slice',)\r
ValueError('invalid syntax for integer with base 10',)\r
TypeError('function takes 1 positional arguments but 0 were given',)\r
TypeError(\"unexpected keyword argument 'b'\",)\r
ValueError('need more than 1 values to unpack',)\r
TypeError(\"unsupported types for __lt__: 'str', 'int'\",)\r
TypeError(\"unsupported type for __hash__: 'list'\",)\r
ImportError(\"can't import name x\",)\r
NameError(\"name 'ab' isn't defined\",)\r\n";
    let said = printed(program);
    // What a list says to a wrong slice is not a board's yet.
    assert_eq!(said.split_once('\n').unwrap().1, expected.split_once('\n').unwrap().1);
}

#[test]
fn syntax_errors_say_no_more_than_on_a_board() {
    for (program, line, error) in [
        ("x = 1\nprint(x", 2, "SyntaxError: invalid syntax"),
        ("if 1:\nx", 2, "SyntaxError: invalid syntax"),
        ("  x = 1", 1, "IndentationError: unexpected indent"),
        ("\n\nbreak", 3, "SyntaxError: 'break'/'continue' outside loop"),
        ("1 = 2", 1, "SyntaxError: can't assign to expression"),
    ] {
        let expected = format!("Traceback (most recent call last):\r\n  File \"main.py\", line {line}\r\n{error}\r\n");
        assert_eq!(printed(program), expected, "{program:?}");
    }
}

#[test]
fn the_classes_that_boards_lack_have_another_name() {
    let program = "def f(): x; x = 1
def g(): g()
for call in f, g, lambda: b'\\xff'.decode(), lambda: __import__('nope'):
    try:
        call()
    except Exception as e:
        print(type(e).__name__)";
    assert_eq!(printed(program), "NameError\r\nRuntimeError\r\nUnicodeError\r\nImportError\r\n");
}

#[test]
fn bytes_and_text_meet_as_on_a_board() {
    let program = "print(b'a' + 'b', 'b' in b'abc', '' == b'')
b = bytearray(b'x')
b += b
print(b)";
    let expected = "Warning: Comparison between bytes and str\r\nb'ab' True False\r\nbytearray(b'xx')\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn a_coroutine_is_a_generator() {
    let program = "def wait(x):
    y = yield x
    return y + 1
async def f():
    return await wait(1)
g = f()
print(next(g))
try:
    g.send(5)
except StopIteration as e:
    print(e.value)";
    assert_eq!(printed(program), "1\r\n6\r\n");
}

#[test]
fn exec_takes_bytes_and_its_names_are_the_modules() {
    let program = "def f():
    exec(b'y = 1\\r\\nz = 2')
f()
print(y, z, 'f' in dir(), eval(' y + z'))";
    assert_eq!(printed(program), "1 2 True 3\r\n");
}

/// What CPython 3.11 and MicroPython 1.29 print, one as the other.
#[test]
fn a_block_is_left_through_with_and_finally() {
    let expected = "exit True|after|key|OSError 1|exit True|went on|finally 0|exit False|finally 1|in|0 0|2|3|4|1 0|2|3|4|c|\
        0|continue|1|continue|d|no|done|inner|done|swallowed|f|f|left False|g|[1, 2]|[0, 2] l|i|[0, 1, 2]|left False|\
        exit False|1|exit True|exit True|m 0|exit False|exit False|exit False|exit False|m|n|top 0|top 1|left False|\
        left False|left False|else|[]|left False|body 1|[0]|end|left False|left False|left False|else|[]|left False|\
        body 1|[0]|left False|[0, 1]|['r']|lambda|{'q': 1}|5|1|q|two|";
    assert_eq!(printed(include_str!("leaving.py")).replace("\r\n", "|"), expected);
    assert_eq!(printed_by("linux", include_str!("leaving.py")).replace("\r\n", "|"), expected);
}

#[test]
fn what_is_nested_too_deep_is_an_error_of_the_program() {
    let program = "def tell(text):
    try:
        compile(text, 'x', 'exec')
        print('fine')
    except RuntimeError as e:
        print(e)
for one in '-', 'not ', 'lambda:', 'x**', 'x+', 'x if y else ', 'f(':
    for times in 400, 100000:
        tell(one * times + 'x' + ')' * (times * (one[-1] == '(')))
tell('x' + '.a' * 400)
tell('x' + '.a' * 100000)
tell('[' + '-1,' * 20000 + ']')
tell('if x: pass\\n' + 'elif y: pass\\n' * 1000)";
    let wanted = "fine\r\nmaximum recursion depth exceeded\r\n".repeat(8) + "fine\r\nfine\r\n";
    assert_eq!(printed_by("k230", program), wanted);
}

#[test]
fn a_strict_board_lacks_what_boards_lack_and_a_lenient_one_tells() {
    let program = "for code in ['\"7\".zfill(2)', '\"7\".zfill(3)', '\"abc\"[::-1]', '[1, 2][::-1]', 'TimeoutError']:
    try:
        print(eval(code))
    except Exception as e:
        print(type(e).__name__)";
    let mut strict = Board::start_strict(&[("main.py", program)]);
    strict.end();
    assert_eq!(strict.output, "AttributeError\r\nAttributeError\r\nNotImplementedError\r\n[2, 1]\r\nNameError\r\n");
    let mut lenient = Board::start("esp32", &[("main.py", program)]);
    let mut told = Vec::new();
    loop {
        match lenient.next() {
            FromBoard::Note(note) => told.push(note.en.split(':').next().unwrap().to_owned()),
            FromBoard::Ended(_) => break,
            _ => {}
        }
    }
    assert_eq!(told, ["str.zfill", "str[a"]);
    assert!(lenient.output.starts_with("07\r\n007\r\ncba\r\n"), "{}", lenient.output);
}

#[test]
fn a_strict_board_refuses_what_boards_grammar_has_not() {
    let programs = [
        ("x = 1\nmatch x:\n    case 1: pass", 2),
        ("def f(a, /): pass", 1),
        ("f = lambda a, /: a", 1),
        ("try:\n    pass\nexcept* ValueError:\n    pass", 3),
        ("try:\n    pass\nexcept ValueError, OSError:\n    pass", 3),
        ("f'{1!a}'", 1),
        ("a = {1: 2}\nb = {**a, 3: 4}", 2),
        ("a = [*b]", 1),
        ("a = (*b, 2)", 1),
        ("def f():\n    return {*b}", 2),
        ("type X = int", 1),
        ("def f[T](x): pass", 1),
        ("async def f():\n    return [x async for x in y]", 2),
        ("@(lambda f: f)\ndef g(): pass", 1),
    ];
    for (program, line) in programs {
        let mut strict = Board::start_strict(&[("main.py", program)]);
        let traceback = strict.raised().traceback;
        let end = format!("  File \"main.py\", line {line}\r\nSyntaxError: invalid syntax\r\n");
        assert!(traceback.ends_with(&end), "{program:?}: {traceback}");
    }
    let good = "def f(a, *b, c=1, **d): return a, b, c, d
a, *rest = 1, 2, 3
print(f(*rest, *rest, **{'e': 5}, **{'g': 6})[:2], f'{a!r:>3}{a!s}{a=}', [y := 1, y])
class C:
    @staticmethod
    def m(): return lambda *, k=2: k
print(C.m()())";
    let mut strict = Board::start_strict(&[("main.py", good)]);
    strict.end();
    assert_eq!(strict.output, "(2, (3, 2, 3)) '  11a=1' [1, 1]\r\n2\r\n".replace('\'', ""));
}

#[test]
fn a_strict_boards_objects_are_those_of_a_board() {
    let program = "def f(): pass
for code in ['f.x = 1', 'memoryview(b\"12\").tobytes()', 'isinstance(True, int)', 'isinstance(True, (str, int))',
             'isinstance(True, (int, bool))', 'isinstance(1, int)', 'issubclass(bool, int)', 'issubclass(bool, bool)']:
    try:
        if '=' in code: exec(code)
        else: print(eval(code))
    except Exception as e:
        print(repr(e))";
    let mut strict = Board::start_strict(&[("main.py", program)]);
    strict.end();
    let expected = [
        "AttributeError(\"'function' object has no attribute 'x'\",)",
        "AttributeError(\"'memoryview' object has no attribute 'tobytes'\",)",
        "False",
        "False",
        "True",
        "True",
        "False",
        "True",
        "",
    ];
    assert_eq!(strict.output, expected.join("\r\n"));
    let lenient = printed(program);
    assert!(lenient.starts_with("b'12'\r\nTrue\r\nTrue\r\n"), "{lenient}");
}

#[test]
fn calls_with_the_wrong_number_of_arguments_are_worded_as_on_a_board() {
    let program = "import socket, time
def f(a): pass
class C:
    def m(self, a, b=1): pass
for call in (
    lambda: f(), lambda: f(1, 2), lambda: C().m(), lambda: C().m(1, 2, 3),
    lambda: socket.socket().connect('127.0.0.1', 80), lambda: socket.socket().bind('', 80),
):
    try: call()
    except TypeError as e: print(e)
try: time.sleep_ms(10**20)
except OverflowError as e: print(e)";
    let words = [(1, 0), (1, 2), (2, 1), (3, 4), (2, 3), (2, 3)]
        .map(|(takes, given)| format!("function takes {takes} positional arguments but {given} were given\r\n"));
    assert_eq!(printed(program), words.concat() + "overflow converting long int to machine word\r\n");
}

#[test]
fn native_functions_say_how_many_arguments_they_take() {
    let program = "import socket, time
s = socket.socket()
for call in (
    lambda: s.setsockopt(1, 2), lambda: s.send(), lambda: time.sleep(1, 2), lambda: time.sleep(), lambda: [].append(),
    lambda: len(1, 2),
):
    try: call()
    except TypeError as e: print(e)";
    let words = [(4, 3), (2, 1), (1, 2), (1, 0), (2, 1), (1, 2)]
        .map(|(takes, given)| format!("function takes {takes} positional arguments but {given} were given\r\n"));
    assert_eq!(printed(program), words.concat());
}

#[test]
fn the_name_of_an_encoding_is_ignored() {
    let program = "print(b'abc'.decode('gbk'), 'é'.encode('latin-1'), bytearray(b'x').decode('none'))";
    assert_eq!(printed(program), "abc b'\\xc3\\xa9' x\r\n");
    let text = printed("def f(): b'\\xff'.decode()\nf()");
    assert!(text.ends_with("  File \"main.py\", line 1, in f\r\nUnicodeError: \r\n"), "{text}");
}

#[test]
fn annotations_of_a_module_go_with_exec_and_eval() {
    assert_eq!(printed("exec('a = 1')\nx: int = eval('a + 1')\nlocals()\ny: int = x\nprint(a, x, y)"), "1 2 2\r\n");
}

#[test]
fn bytes_are_formatted_with_text_and_anything_that_can_be_printed() {
    let program =
        "print(b'%s' % 'x', b'%s|%d' % (b'a', 3), b'%s' % 5, b'%s' % None, b'%5s|%-5s|' % ('a', 'b'), b'%x' % 255)
print(b'%s: %s' % ('\u{e9}', [1]), b'GET %s HTTP/1.0' % '/')
try:
    b'%d' % 'x'
except TypeError:
    print('no number')";
    let expected =
        "b'x' b'a|3' b'5' b'None' b'    a|b    |' b'ff'\r\nb'\\xc3\\xa9: [1]' b'GET / HTTP/1.0'\r\nno number\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn floats_are_printed_as_precisely_as_the_board_has_them() {
    let program = "x = 0.1 + 0.2
print(x, 100 / 3, [1e7, 1e-5], str(2 / 3), f'{x} {x:.3f}', '{:.3f} {}'.format(x, x), '%s %.4f %g' % (x, 1 / 3, 1e10))
print(float('1e300'), 1e300, -1e39, 3e38 * 10, '%f' % 0.5)
import json
print(json.dumps({'t': 23.4}))";
    let single = "0.3 33.333332 [1e+07, 1e-05] 0.6666667 0.3 0.300 0.300 0.3 0.3 0.3333 1e+10\r\ninf inf -inf inf 0.500000\r\n{\"t\": 23.4}\r\n";
    for profile in ["esp32", "rp2", "mpython", "waffle"] {
        assert_eq!(printed_by(profile, program), single, "{profile}");
    }
    let double = printed_by("k230", program);
    assert!(double.starts_with("0.30000000000000004 33.333333333333336 "), "{double}");
}

/// Boards' lexer is 8-bit clean, where CPython's refuses.
#[test]
fn bytes_may_be_written_as_any_text() {
    let program = "print(b'你好', rb'é\\n', b'25°C'.decode(), b'''中
''')
print(eval(\"b'é'\"), len(b'\\é'))";
    let said = "b'\\xe4\\xbd\\xa0\\xe5\\xa5\\xbd' b'\\xc3\\xa9\\\\n' 25°C b'\\xe4\\xb8\\xad\\n'\r\nb'\\xc3\\xa9' 3\r\n";
    for board in ["esp32", "k230", "rp2"] {
        assert_eq!(printed_by(board, program), said, "{board}");
    }
}
