//! Which module a name means where a file has the name of one of the firmware's.

use socklab_board::link::{End, FromBoard, Program, ToBoard};

use crate::support::Board;

/// Runs `main.py` to its end; what it printed, and what the parent was told.
fn told(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let mut board = Board::start("esp32", files);
    to_end(&mut board)
}

fn to_end(board: &mut Board) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    loop {
        match board.next() {
            FromBoard::Note(note) => notes.push(note.en),
            FromBoard::Ended(end) => {
                assert_eq!(end, End::Finished);
                return (std::mem::take(&mut board.output), notes);
            }
            _ => {}
        }
    }
}

#[test]
fn a_file_takes_the_place_of_a_module_that_has_a_u_name() {
    let main = "import json, ujson, socket
import usocket as real
print(json.dumps, ujson.dumps([1]), socket.mine, hasattr(real, 'mine'), real.AF_INET)
import ujson, json
print(json.dumps)";
    let files =
        [("main.py", main), ("json.py", "dumps = 'mine'"), ("socket.py", "from usocket import *\nmine = AF_INET")];
    let (printed, notes) = told(&files);
    assert_eq!(printed, "mine [1] 2 False 2\r\nmine\r\n");
    let said = |name: &str| {
        format!(
            "{name}: this is the file {name}.py and not the board's own module, whose place it takes: rename it, or import u{name}"
        )
    };
    assert_eq!(notes, [said("json"), said("socket")]);
}

#[test]
fn other_modules_take_the_place_of_a_file() {
    let files = [
        ("main.py", "import math, network\nfrom math import sin\nprint(math.sqrt(4), hasattr(network, 'mine'))"),
        ("math.py", "mine = 1"),
        ("network.py", "mine = 1"),
    ];
    let (printed, notes) = told(&files);
    assert_eq!(printed, "2.0 False\r\n");
    let said =
        |name: &str| format!("{name}: this is the board's own module and not the file {name}.py: rename the file");
    assert_eq!(notes, [said("math"), said("network")]);
}

/// `collections` is Python here, and none on boards; what needs it must not meet the program's.
#[test]
fn the_firmware_meets_its_own_modules() {
    let files = [
        (
            "main.py",
            "import collections, os, ucollections\nprint(collections.mine, os.uname()[0], hasattr(ucollections, 'mine'), ucollections.__name__)",
        ),
        ("collections.py", "mine = 1"),
        ("platform.py", "mine = 1"),
    ];
    let (printed, notes) = told(&files);
    assert_eq!(printed, "1 esp32 False collections\r\n");
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn a_module_that_is_python_gives_way_to_a_file() {
    let files = [("main.py", "import ntptime\nprint(ntptime.mine)"), ("ntptime.py", "mine = 1")];
    let (printed, notes) = told(&files);
    assert_eq!(printed, "1\r\n");
    assert_eq!(
        notes,
        ["ntptime: this is the file ntptime.py and not the board's own module, whose place it takes: rename it"]
    );
}

#[test]
fn a_program_that_has_a_modules_name_is_not_that_module() {
    let beside = tempfile::tempdir().unwrap();
    let program = "import socket, time\nprint(socket.AF_INET, time.mine)";
    std::fs::write(beside.path().join("socket.py"), program).unwrap();
    std::fs::write(beside.path().join("time.py"), "mine = 1").unwrap();
    let folder = beside.path().to_str().unwrap();
    let mut board = Board::switch_on_with("esp32", &[], &["--beside", folder]);
    board.tell(ToBoard::Run(Program::Text { name: "socket.py".to_owned(), text: program.into() }));
    let (printed, notes) = to_end(&mut board);
    assert_eq!(printed, "2 1\r\n");
    assert_eq!(notes[0], "socket: this is the board's own module and not the file socket.py: rename the file");
    assert!(notes[1].starts_with("time: this is the file time.py"), "{notes:?}");
}
