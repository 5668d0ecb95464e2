//! Pins, seen and set from outside.

use socklab_board::link::{FromBoard, ToBoard};

use crate::support::{Board, printed};

#[test]
fn what_the_board_drives_is_told() {
    let program = "from machine import Pin\np = Pin(2, Pin.OUT, value=1)\np.toggle()\nPin(2).on()\nprint(p.value(), p)";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    for high in [true, false, true] {
        assert_eq!(board.next(), FromBoard::Pin { pin: 2, high });
    }
    board.until("1 Pin(2)\r\n");
}

#[test]
fn what_the_outside_gives_is_read() {
    let program = "from machine import Pin\nimport time\np = Pin(0, Pin.IN)\nprint('ready')\nwhile not p.value(): pass\nprint('on')";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready");
    board.tell(ToBoard::SetPin { pin: 0, high: true });
    board.until("on");
}

#[test]
fn a_pin_that_is_not_there_is_refused() {
    assert!(printed("from machine import Pin\nPin(99)").ends_with("ValueError: invalid pin\r\n"));
}
