//! What common mistakes are told, in the words of MicroPython's unix port, where its texts are those of the boards.

use crate::support::{Board, printed};

/// Programs of a mistake each, and the exception.
const MISTAKES: &[(&str, &str)] = &[
    ("int([])", "TypeError can't convert list to int"),
    ("int(None)", "TypeError can't convert NoneType to int"),
    ("float('x')", "ValueError invalid syntax for number"),
    ("complex('a')", "ValueError invalid syntax for number"),
    ("chr('a')", "TypeError can't convert str to int"),
    ("'abc'.center('a')", "TypeError can't convert str to int"),
    ("import random; random.randint('a', 2)", "TypeError can't convert str to int"),
    ("import random; random.randint(5, 1)", "ValueError "),
    ("import random; random.choice([])", "IndexError "),
    ("import time; time.sleep('a')", "TypeError can't convert str to float"),
    ("import time; time.sleep_ms('a')", "TypeError can't convert str to int"),
    ("import math; math.sqrt('a')", "TypeError can't convert str to float"),
    ("import math; math.sin(None)", "TypeError can't convert NoneType to float"),
    ("import _thread; _thread.start_new_thread(print, 1)", "TypeError object 'int' isn't a tuple or list"),
    ("'a' * 'b'", "TypeError unsupported types for __mul__: 'str', 'str'"),
    ("[1] * 1.5", "TypeError unsupported types for __mul__: 'list', 'float'"),
    ("1.5 * 'a'", "TypeError unsupported types for __mul__: 'float', 'str'"),
    ("'a' + 1", "TypeError unsupported types for __add__: 'str', 'int'"),
    ("'a' + b'a'", "TypeError unsupported types for __add__: 'str', 'bytes'"),
    ("1 + 'a'", "TypeError unsupported types for __add__: 'int', 'str'"),
    ("[1] + (1,)", "TypeError unsupported types for __add__: 'list', 'tuple'"),
    ("(1,) + [1]", "TypeError unsupported types for __add__: 'tuple', 'list'"),
    ("None + 1", "TypeError unsupported types for __add__: 'NoneType', 'int'"),
    ("divmod('a', 1)", "TypeError unsupported types for __divmod__: 'str', 'int'"),
    ("1 < 'a'", "TypeError unsupported types for __lt__: 'int', 'str'"),
    ("0 ** -1", "ZeroDivisionError divide by zero"),
    ("1 / 0", "ZeroDivisionError divide by zero"),
    ("(300).to_bytes(1, 'big')", "OverflowError value would overflow a 1 byte buffer"),
    ("f'{1:zz}'", "ValueError invalid format specifier"),
    ("'{:d}'.format('a')", "ValueError unknown format code 'd' for object of type 'str'"),
    ("'%d' % 'a'", "TypeError can't convert str to int"),
    ("'%s %s' % 1", "TypeError format string needs more arguments"),
    ("print(foo=1)", "TypeError extra keyword arguments given"),
    ("sorted([1], foo=1)", "TypeError extra keyword arguments given"),
    ("[].sort(foo=1)", "TypeError extra keyword arguments given"),
    ("print(*5)", "TypeError 'int' object isn't iterable"),
    ("len[0]", "TypeError 'function' object isn't subscriptable"),
    ("getattr(1, 2)", "TypeError can't convert 'int' object to str implicitly"),
    ("ord(5)", "TypeError can't convert 'int' object to str implicitly"),
    ("'a'.startswith(1)", "TypeError can't convert 'int' object to str implicitly"),
    ("''.join([1])", "TypeError join expects a list of str/bytes objects consistent with self object"),
    ("''.join((1, 2))", "TypeError join expects a list of str/bytes objects consistent with self object"),
    ("import re; re.match(5, 'a')", "TypeError can't convert 'int' object to str implicitly"),
    ("import re; re.match('a', 5)", "TypeError can't convert 'int' object to str implicitly"),
    ("[1].pop(5)", "IndexError list index out of range"),
    ("[1][5]", "IndexError list index out of range"),
    ("[1]['a']", "TypeError list indices must be integers, not str"),
    ("bytes(-1)", "ValueError "),
    ("type(1, 2)", "TypeError type takes 1 or 3 arguments"),
    ("None.foo", "AttributeError 'NoneType' object has no attribute 'foo'"),
    ("None[0]", "TypeError 'NoneType' object isn't subscriptable"),
    ("None()", "TypeError 'NoneType' object isn't callable"),
    ("a, b = 1", "TypeError 'int' object isn't iterable"),
    ("a, b = 1, 2, 3", "ValueError too many values to unpack (expected 2)"),
    ("for i in 5: pass", "TypeError 'int' object isn't iterable"),
    ("len(5)", "TypeError object of type 'int' has no len()"),
    ("{[]: 1}", "TypeError unsupported type for __hash__: 'list'"),
    ("nope", "NameError name 'nope' isn't defined"),
    ("import nope", "ImportError no module named 'nope'"),
    ("raise 5", "TypeError exceptions must derive from BaseException"),
];

#[test]
fn a_mistake_is_told_as_on_a_board() {
    let mut program = String::from(
        "def told(text):\n    try:\n        exec(text)\n    except Exception as e:\n        print(type(e).__name__, e)\n",
    );
    for (mistake, _) in MISTAKES {
        program.push_str(&format!("told({mistake:?})\n"));
    }
    let text = printed(&program);
    for ((mistake, expected), told) in MISTAKES.iter().zip(text.lines()) {
        assert_eq!(told, *expected, "{mistake}");
    }
    assert_eq!(text.lines().count(), MISTAKES.len());
}

#[test]
fn the_encoding_of_bytes_is_no_matter() {
    assert_eq!(printed("print(str(b'abc', 'x'), 3 * 'a', [1] * 2, 'a' * True)"), "abc aaa [1, 1] a\r\n");
}

#[test]
fn a_strict_board_takes_no_names_where_a_board_takes_none() {
    let program =
        "for call in ('sum([1], start=2)', 'list(zip([1], [2], strict=True))', 'sum([1], 2)', 'list(zip([1], [2]))'):
    try:
        print(eval(call))
    except TypeError as e:
        print(e)";
    let mut board = Board::start_strict(&[("main.py", program)]);
    board.end();
    let refused = "function doesn't take keyword arguments\r\n";
    assert_eq!(board.output, format!("{refused}{refused}3\r\n[(1, 2)]\r\n"));
    assert_eq!(printed("print(sum([1], start=2), list(zip([1], [2], strict=True)))"), "3 [(1, 2)]\r\n");
}

#[test]
fn a_program_in_utf_16_is_called_so() {
    for (begin, order) in
        [("\u{feff}", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("\u{feff}", u16::to_be_bytes), ("", u16::to_le_bytes)]
    {
        let text: Vec<u8> = format!("{begin}print(1)\n").encode_utf16().flat_map(order).collect();
        let mut board = Board::switch_on("esp32", &[]);
        board.tell(socklab_board::link::ToBoard::Run(socklab_board::link::Program::Text { name: "a.py".into(), text }));
        assert!(board.raised().traceback.ends_with("SyntaxError: invalid UTF-8: UTF-16\r\n"), "{}", board.output);
    }
}
