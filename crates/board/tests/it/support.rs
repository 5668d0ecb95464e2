//! Starts a board on a flash folder of its own, and speaks its link.

use std::io::{BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use socklab_board::link::{self, End, FromBoard, Program, Raised, ToBoard};
use tempfile::TempDir;

/// Runs a program to its end on that board, and gives what it printed.
pub(crate) fn printed_by(profile: &str, program: &str) -> String {
    let mut board = Board::start(profile, &[("main.py", program)]);
    board.end();
    std::mem::take(&mut board.output)
}

/// A board process; it ends when this is dropped.
pub(crate) struct Board {
    _flash: TempDir,
    /// Closed when the test is over.
    _watch: Sender<()>,
    child: Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
    /// What it printed and nobody has asked for yet.
    pub(crate) output: String,
}

/// Runs a program to its end on an ESP32, and gives what it printed.
pub(crate) fn printed(program: &str) -> String {
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.end();
    std::mem::take(&mut board.output)
}

/// Ends a board that a test waits for in vain: then its link closes, and the test fails instead of waiting on.
pub(crate) fn watch(process: u32) -> Sender<()> {
    let (over, watched) = mpsc::channel();
    thread::spawn(move || {
        if watched.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").arg("-9").arg(process.to_string()).status();
        }
    });
    over
}

impl Board {
    /// Starts a board that runs `main.py`.
    pub(crate) fn start(profile: &str, files: &[(&str, &str)]) -> Board {
        let mut board = Board::switch_on(profile, files);
        board.tell(ToBoard::Run(Program::File("main.py".to_owned())));
        board
    }

    /// Starts a strict board, which runs `main.py`.
    pub(crate) fn start_strict(files: &[(&str, &str)]) -> Board {
        let mut board = Board::switch_on_with("esp32", files, &["--strict"]);
        board.tell(ToBoard::Run(Program::File("main.py".to_owned())));
        board
    }

    /// Starts a board that runs nothing yet.
    pub(crate) fn switch_on(profile: &str, files: &[(&str, &str)]) -> Board {
        Board::switch_on_with(profile, files, &[])
    }

    /// The same with more arguments. Joining a Wi-Fi network takes no time unless they say otherwise.
    pub(crate) fn switch_on_with(profile: &str, files: &[(&str, &str)], arguments: &[&str]) -> Board {
        let flash = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = flash.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_socklab-board"))
            .args(["--profile", profile, "--join-delay", "0", "--flash"])
            .arg(flash.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let _watch = watch(child.id());
        let to = Some(BufWriter::new(child.stdin.take().unwrap()));
        let from = BufReader::new(child.stdout.take().unwrap());
        Board { _flash: flash, _watch, child, to, from, output: String::new() }
    }

    pub(crate) fn tell(&mut self, frame: ToBoard) {
        let to = self.to.as_mut().expect("an open link");
        link::write(to, &frame).unwrap();
        to.flush().unwrap();
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.tell(ToBoard::Input(text.as_bytes().to_vec()));
    }

    /// The next frame; output is added to what is printed.
    pub(crate) fn next(&mut self) -> FromBoard {
        let Some(frame) = link::read(&mut self.from).unwrap() else {
            panic!("the board closed its link after {:?}", self.output);
        };
        if let FromBoard::Output(bytes) = &frame {
            self.output.push_str(&String::from_utf8_lossy(bytes));
        }
        frame
    }

    /// Reads until the program has printed this; it and what came before are taken.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.output.find(text) {
                let rest = self.output.split_off(at + text.len());
                return std::mem::replace(&mut self.output, rest);
            }
            let frame = self.next();
            assert!(!matches!(frame, FromBoard::Ended(_)), "ended with {frame:?} after {:?}", self.output);
        }
    }

    /// Reads until the program is over.
    pub(crate) fn end(&mut self) -> End {
        loop {
            let end = match self.next() {
                FromBoard::Ended(end) => Some(end),
                FromBoard::Lost(raised) => Some(End::Raised(raised)),
                _ => None,
            };
            if let Some(end) = end {
                if let End::Raised(raised) = &end {
                    self.output.push_str(&raised.traceback);
                }
                return end;
            }
        }
    }

    /// Reads what the board says as it ends, or else how the program ended.
    pub(crate) fn last_words(&mut self) -> Result<Raised, End> {
        loop {
            match self.next() {
                FromBoard::Lost(raised) => return Ok(raised),
                FromBoard::Ended(end) => return Err(end),
                _ => {}
            }
        }
    }

    /// Reads until the program is over, which must be by an exception.
    pub(crate) fn raised(&mut self) -> Raised {
        match self.end() {
            End::Raised(raised) => raised,
            end => panic!("{end:?} after {:?}", self.output),
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Board {
    /// How the process ends by itself.
    pub(crate) fn status(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Closes the link, upon which the process has to end.
    pub(crate) fn assert_ends_alone(&mut self) {
        self.to = None;
        assert!(self.child.wait().unwrap().success());
    }
}
