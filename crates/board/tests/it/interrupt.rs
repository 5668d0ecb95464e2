//! Ctrl-C, resets, and what must not bring the process down.

use socklab_board::link::{End, FromBoard, ToBoard};

use crate::support::{Board, printed};

fn interrupted(program: &str) -> String {
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready\r\n");
    board.tell(ToBoard::Interrupt);
    assert_eq!(board.end(), End::Raised);
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
fn ctrl_c_can_be_caught_and_the_program_goes_on() {
    let program = "print('ready')\ntry:\n    while True: pass\nexcept KeyboardInterrupt:\n    print('caught')\ninput()";
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
fn a_soft_reset_forgets_everything_and_starts_again() {
    let program = "import time\nprint('x' in globals(), 'ready')\nx = 1\ntime.sleep(1000)";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    for _ in 0..3 {
        assert_eq!(board.until("ready\r\n"), "False ready\r\n");
        board.tell(ToBoard::SoftReset);
        assert_eq!(board.end(), End::SoftReset);
    }
}

#[test]
fn a_hard_reset_waits_for_nothing() {
    let mut board = Board::start(
        "esp32",
        &[("main.py", "print('ready')\nwhile True:\n    try:\n        while True: pass\n    except: pass")],
    );
    board.until("ready");
    board.tell(ToBoard::HardReset);
    board.assert_closed();
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
            FromBoard::Exited(_) => break,
            FromBoard::Note(_) => {}
        }
    }
    assert_eq!(seen, ["2=false", "a\r\n", "2=true", "b\r\n"]);
}
