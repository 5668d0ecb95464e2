//! `_thread` of the boards that have it.

use socklab_board::link::{End, Program, ToBoard};

use crate::support::{Board, printed, printed_by};

#[test]
fn threads_run_and_are_waited_for_with_locks() {
    let program = "import _thread, time, sys
total = 0
lock = _thread.allocate_lock()
done = _thread.allocate_lock()
done.acquire()
def add(times, step=1):
    global total
    for i in range(times):
        with lock:
            total += step
    if total == 2000:
        done.release()
print(_thread.get_ident() == _thread.start_new_thread(add, (100,), {'step': 10}), lock.locked(), done.locked(), lock)
_thread.start_new_thread(add, (1000,))
print(done.acquire(), done.acquire(0), total, sys.implementation._thread)
done.release()
try:
    done.release()
except RuntimeError as e:
    print(repr(e))
try:
    _thread.start_new_thread(add, [1])
except TypeError:
    print('a tuple')
print(_thread.stack_size(8192), _thread.stack_size(), _thread.stack_size(), _thread.LockType)";
    let expected =
        "False False True <lock>\r\nTrue False 2000 GIL\r\nRuntimeError('',)\r\na tuple\r\n0 8192 0 <class 'lock'>\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn what_a_thread_raises_is_printed_and_the_others_go_on() {
    let program = "import _thread
over = _thread.allocate_lock()
over.acquire()
def fail():
    raise ValueError('no')
def leave():
    _thread.exit()
def say():
    over.release()
for function in fail, leave, say:
    _thread.start_new_thread(function, ())
over.acquire()
print('on')";
    let mut board = Board::switch_on("k230", &[]);
    board.tell(ToBoard::Run(Program::Text { name: "p.py".to_owned(), text: program.into() }));
    assert_eq!(board.end(), End::Finished);
    let said = std::mem::take(&mut board.output).replace("on\r\n", "");
    let (head, traceback) = said.split_once("\r\n").unwrap();
    assert!(head.starts_with("Unhandled exception in thread started by <function fail at 0x"), "{said}");
    assert_eq!(
        traceback,
        "Traceback (most recent call last):\r\n  File \"p.py\", line 5, in fail\r\nValueError: no\r\n"
    );
}

/// What a board's own types do differently, and what modules remember, holds in every thread.
#[test]
fn a_thread_has_the_same_board() {
    let program = "import _thread, network, random, micropython, time
over = _thread.allocate_lock()
over.acquire()
def look():
    print(' a '.strip(), 'b'.encode('gbk'), b'a' + 'b', network.hostname(), random.getrandbits(16) == second)
    micropython.schedule(print, 'called')
    over.release()
network.hostname('mine')
random.seed(1)
random.getrandbits(16)
second = random.getrandbits(16)
random.seed(1)
random.getrandbits(16)
_thread.start_new_thread(look, ())
over.acquire()
time.sleep_ms(1)";
    assert_eq!(printed(program), "a b'b' b'ab' mine True\r\ncalled\r\n");
}

#[test]
fn the_pico_has_one_thread_more_and_others_have_none() {
    let program = "import _thread, time
lock = _thread.allocate_lock()
lock.acquire()
_thread.start_new_thread(lock.acquire, ())
try:
    _thread.start_new_thread(print, ())
except OSError as e:
    print(e)
lock.release()
while True:
    try:
        _thread.start_new_thread(print, ('again',))
        break
    except OSError:
        time.sleep_ms(1)
time.sleep_ms(1)";
    let mut board = Board::switch_on("rp2", &[]);
    board.tell(ToBoard::Run(Program::Text { name: "p.py".to_owned(), text: program.into() }));
    assert_eq!(board.end(), End::Finished);
    assert_eq!(board.output, "core1 in use\r\nagain\r\n");
    let absent = "try:\n    import _thread\nexcept ImportError as e:\n    print(e)";
    assert_eq!(printed_by("waffle", absent), "no module named '_thread'\r\n");
}

#[test]
fn ctrl_c_is_for_the_first_thread_and_a_reset_ends_all() {
    let program = "import _thread, time
def tick():
    while True:
        time.sleep_ms(1)
def spin():
    while True: pass
_thread.start_new_thread(tick, ())
_thread.start_new_thread(spin, ())
print('on')
lock = _thread.allocate_lock()
lock.acquire()
lock.acquire()";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("on\r\n");
    board.tell(ToBoard::Interrupt);
    assert_eq!(board.raised().class, "KeyboardInterrupt");
    board.tell(ToBoard::Run(Program::Interactive("print(1 + 1)".to_owned())));
    board.until("2\r\n");
    board.assert_ends_alone(); // as the parent does for a reset
}

#[test]
fn a_program_by_itself_goes_on_with_its_threads_until_ctrl_c() {
    let program = "import _thread
gate = _thread.allocate_lock()
gate.acquire()
def later():
    with gate:
        print('later')
_thread.start_new_thread(later, ())
print('first')
gate.release()";
    let text = |text: &str| ToBoard::Run(Program::Text { name: "p.py".to_owned(), text: text.into() });
    let mut board = Board::switch_on("esp32", &[]);
    board.tell(text(program));
    assert_eq!(board.end(), End::Finished);
    assert_eq!(board.output, "first\r\nlater\r\n");
    let mut board = Board::switch_on("esp32", &[]);
    board.tell(text("import _thread, time\n_thread.start_new_thread(time.sleep, (1000,))\nprint('on')"));
    board.until("on\r\n");
    board.tell(ToBoard::Interrupt);
    assert_eq!(board.raised().class, "KeyboardInterrupt");
}
