//! Ctrl-C, resets, and what must not bring the process down.

use socklab_board::link::{End, FromBoard, INTERRUPTED, Program, ToBoard};

use crate::support::{Board, printed};

fn interrupted(program: &str) -> String {
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready\r\n");
    board.tell(ToBoard::Interrupt);
    assert_eq!(board.raised().class, "KeyboardInterrupt");
    std::mem::take(&mut board.output)
}

#[test]
fn ctrl_c_ends_whatever_runs() {
    let programs = [
        "print('ready')\nwhile True: pass",
        "import time\nprint('ready')\ntime.sleep(1000)",
        "print('ready')\ninput()",
        "import sys\nprint('ready')\nsys.stdin.buffer.read(1)",
        "import micropython\ndef loop(_):\n    print('ready')\n    while True: pass\nmicropython.schedule(loop, 0)\nwhile True: pass",
        "import micropython, time\ndef loop(_):\n    print('ready')\n    while True: pass\nmicropython.schedule(loop, 0)\ntime.sleep(1000)",
    ];
    for program in programs {
        let text = interrupted(program);
        assert!(text.ends_with("KeyboardInterrupt: \r\n"), "{program}: {text}");
    }
}

#[test]
fn ctrl_c_is_raised_in_generators_and_handlers_at_any_bytecode() {
    let programs = [
        "print('ready')\n'a' in (max(i, 1, 2, 3) for i in range(10**10))",
        "try:\n    1/0\nexcept ZeroDivisionError:\n    print('ready')\n    while True: max(1, 2, 3)",
        "try:\n    1/0\nfinally:\n    print('ready')\n    while True: max(1, 2, 3)",
        "class C:\n    def __enter__(self): pass\n    def __exit__(self, *_):\n        print('ready')\n        while True: max(1, 2, 3)\nwith C(): 1/0",
        "def loop():\n    while True: yield max(1, 2, 3)\nprint('ready')\nfor _ in loop(): pass",
        "print('ready')\nwhile True: [max(i, 1, 2, 3) for i in range(100)]",
    ];
    for program in programs {
        for _ in 0..8 {
            let text = interrupted(program);
            assert!(text.ends_with("KeyboardInterrupt: \r\n"), "{program}: {text}");
        }
    }
}

#[test]
fn ctrl_c_ends_a_program_that_has_just_been_started() {
    let mut board = Board::start("esp32", &[("main.py", "while True: pass")]);
    for _ in 0..200 {
        board.tell(ToBoard::Interrupt);
        assert_eq!(board.raised().class, "KeyboardInterrupt");
        board.tell(ToBoard::Run(Program::File("main.py".to_owned())));
    }
}

/// Two lists whose comparison takes as good as forever: each holds one object twice, which does so too.
const PAIR: &str = "for _ in range(60): a, b = [a, a], [b, b]\n";

/// The program of a native loop, which catches the exception: only a board that goes on says so.
fn caught_in(profile: &str, begin: &str, endless: &str) {
    let program =
        format!("{begin}try:\n    print('ready')\n    {endless}\nexcept KeyboardInterrupt:\n    print('caught')");
    let mut board = Board::start(profile, &[("main.py", &program)]);
    board.until("ready\r\n");
    board.tell(ToBoard::Interrupt);
    assert_eq!(board.end(), End::Finished, "{profile}: {endless}");
    assert_eq!(board.output, "caught\r\n", "{profile}: {endless}");
}

#[test]
fn ctrl_c_is_an_exception_in_the_interpreters_own_loops() {
    for profile in ["esp32", "linux"] {
        for endless in [
            "sum(range(10**12))",
            "max(map(str, range(10**12)))",
            "'a' in zip(range(10**20), range(10**20))",
            "5 in iter(int, 1)",
            "sum(iter(int, 1))",
            "max(iter(int, 1))",
            "any(iter(int, 1))",
            "all(map(str, iter(int, 1)))",
            "list(filter(None, iter(int, 1)))",
            "set(iter(int, 1))",
            "dict(zip(iter(int, 1), iter(int, 1)))",
            "'a' in enumerate(iter(int, 1))",
        ] {
            caught_in(profile, "", endless);
        }
        // Equal, and not one object.
        for (leaf, other) in [
            ("1000", "int('1000')"),
            ("1.5", "float('1.5')"),
            ("'xy'", "''.join('xy')"),
            ("b'xy'", "bytes([120, 121])"),
        ] {
            caught_in(profile, &format!("a, b = [{leaf}], [{other}]\n{PAIR}"), "a == b");
        }
    }
    for endless in ["5 in itertools.repeat(1)", "'a' in itertools.count()", "5 in itertools.cycle([1])"] {
        caught_in("linux", "import itertools\n", endless);
    }
}

/// Ctrl-C may come between the last bytecode that looks and the loop that does not: then it is asked again.
#[test]
fn a_board_that_looks_at_no_ctrl_c_ends_after_saying_so() {
    let program = format!("a, b = [1j], [1j]\n{PAIR}def endless():\n    a == b\nprint('ready')\nendless()");
    let mut board = Board::start("esp32", &[("main.py", &program)]);
    let raised = loop {
        board.until("ready\r\n");
        board.tell(ToBoard::Interrupt);
        match board.last_words() {
            Ok(raised) => break raised,
            Err(End::Raised(early)) => assert_eq!(early.class, "KeyboardInterrupt"),
            Err(end) => panic!("{end:?}"),
        }
        board.tell(ToBoard::Run(Program::File("main.py".to_owned())));
    };
    assert_eq!(raised.class, "KeyboardInterrupt");
    assert_eq!(board.status(), Some(INTERRUPTED));
}

#[test]
fn ctrl_c_after_a_program_is_not_meant_for_the_next() {
    let mut board = Board::start("esp32", &[("main.py", "print('done')")]);
    for _ in 0..50 {
        assert_eq!(board.end(), End::Finished);
        board.tell(ToBoard::Interrupt);
        board.tell(ToBoard::Run(Program::File("main.py".to_owned())));
    }
}

#[test]
fn the_watchdog_bites_at_the_prompt_and_timers_may_reset() {
    for program in [
        "import machine\nmachine.WDT(timeout=10)",
        "import machine\nmachine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=1, callback=lambda t: machine.reset())",
    ] {
        let mut board = Board::start("esp32", &[("main.py", program)]);
        // On a slow machine it may come before the program's end.
        let end = match board.end() {
            End::Finished => board.end(),
            early => early,
        };
        assert!(matches!(end, End::Watchdog | End::HardReset), "{program}");
    }
}

#[test]
fn ctrl_c_can_be_caught_and_the_program_goes_on() {
    let program =
        "try:\n    print('ready')\n    while True: pass\nexcept KeyboardInterrupt:\n    print('caught')\ninput()";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready\r\n");
    board.tell(ToBoard::Interrupt);
    board.until("caught\r\n");
    board.type_in("\r");
    assert_eq!(board.end(), End::Finished);
}

#[test]
fn callbacks_run_between_bytecodes_and_their_errors_are_printed() {
    let program = "import micropython
done = []
def call(x):
    done.append(x)
    if x == 2:
        1/0
for i in range(3):
    micropython.schedule(call, i)
while len(done) < 3: pass
print(done)";
    let text = printed(program);
    assert!(text.contains("ZeroDivisionError: divide by zero\r\n"), "{text}");
    assert!(text.ends_with("[0, 1, 2]\r\n"), "{text}");
}

#[test]
fn a_callback_that_schedules_itself_lets_the_program_go_on() {
    let program = "import micropython
called, full = [], []
def again(order):
    called.append(order)
    if not full:
        try:
            for i in range(100):
                micropython.schedule(again, i)
        except RuntimeError:
            full.append(i)
    elif order == 0:
        micropython.schedule(again, 0)
micropython.schedule(again, 'first')
n = 0
while len(called) < 100:
    n += 1
print(full, called[:11], n > 0)";
    let text = printed(program);
    assert_eq!(text, "[8] ['first', 0, 1, 2, 3, 4, 5, 6, 7, 0, 0] True\r\n");
}

#[test]
fn endless_recursion_is_an_error_in_the_program() {
    let cases = [
        "def f():\n    f()\n",
        "def f():\n    repr(C())\nclass C:\n    def __repr__(self):\n        return repr(self)\n",
        "def f():\n    [C()] == [C()]\nclass C:\n    def __eq__(self, other):\n        return [self] == [other]\n",
        "def f():\n    sorted([2, 1], key=lambda _: f())\n",
    ];
    for case in cases {
        let program = format!("{case}try:\n    f()\nexcept RuntimeError as e:\n    print(e)");
        assert_eq!(printed(&program), "maximum recursion depth exceeded\r\n", "{case}");
    }
}

#[test]
fn a_program_that_asks_for_a_reset_is_over_whatever_it_catches() {
    let program = "import machine\ntry:\n    machine.soft_reset()\nexcept SystemExit:\n    print('not for long')\nwhile True: pass";
    assert_eq!(Board::start("esp32", &[("main.py", program)]).end(), End::SoftReset);
    assert_eq!(Board::start("esp32", &[("main.py", "import machine\nmachine.reset()")]).end(), End::HardReset);
}

#[test]
fn globals_stay_from_one_program_to_the_next() {
    let mut board = Board::switch_on("esp32", &[("main.py", "x = 20")]);
    for (program, printed) in [
        (Program::File("boot.py".into()), End::Missing),
        (Program::File("main.py".into()), End::Finished),
        (Program::Text { name: "more.py".into(), text: b"x += 1\n".to_vec() }, End::Finished),
        (Program::Interactive("x * 2".into()), End::Finished),
        (Program::Interactive("_ + 1".into()), End::Finished),
    ] {
        board.tell(ToBoard::Run(program));
        assert_eq!(board.end(), printed);
    }
    assert_eq!(board.output, "42\r\n43\r\n");
}

#[test]
fn names_are_completed_from_what_there_is() {
    let mut board = Board::switch_on("esp32", &[]);
    board.tell(ToBoard::Run(Program::Text { name: "a".into(), text: b"import sys\nvalue = 1\n".to_vec() }));
    board.end();
    for (text, typed, some) in
        [("print(val", "val", "value"), ("sys.pa", "pa", "path"), ("nothing.x", "x", ""), ("prin", "prin", "print")]
    {
        board.tell(ToBoard::Complete(text.into()));
        let FromBoard::Candidates { typed: back, names } = board.next() else { panic!("no answer to {text}") };
        assert_eq!(back, typed);
        assert!(some.is_empty() == names.is_empty() && (some.is_empty() || names.contains(&some.into())), "{names:?}");
    }
}

#[test]
fn imports_are_completed() {
    let mut board = Board::switch_on("esp32", &[]);
    for (text, typed, all) in [
        ("imp", "imp", &["import "][..]),
        ("import mac", "mac", &["machine"]),
        ("import ma", "ma", &["machine", "math"]),
        ("from netw", "netw", &["network"]),
        ("x = imp", "imp", &[]),
        ("imported", "imported", &[]),
    ] {
        board.tell(ToBoard::Complete(text.into()));
        let FromBoard::Candidates { typed: back, names } = board.next() else { panic!("no answer to {text}") };
        assert_eq!((back.as_str(), names), (typed, all.iter().map(ToString::to_string).collect()), "{text}");
    }
}

#[test]
fn a_board_without_a_parent_stops() {
    let mut board = Board::start(
        "esp32",
        &[("main.py", "print('ready')\nwhile True:\n    try:\n        while True: pass\n    except: pass")],
    );
    board.until("ready");
    board.assert_ends_alone();
}

#[test]
fn what_is_told_keeps_its_place_among_the_output() {
    let program = "from machine import Pin\np = Pin(2, Pin.OUT)\nprint('a')\np.on()\nprint('b')";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    let mut seen = Vec::new();
    loop {
        match board.next() {
            FromBoard::Output(bytes) => seen.push(String::from_utf8(bytes).unwrap()),
            FromBoard::Pin { pin, high } => seen.push(format!("{pin}={high}")),
            FromBoard::Ended(_) => break,
            _ => {}
        }
    }
    assert_eq!(seen, ["2=false", "a\r\n", "2=true", "b\r\n"]);
}
