//! The process that a board is: started, spoken to, ended. What is said belongs in `board`.

use std::ffi::OsString;
use std::io::{self, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;

use socklab_board::link::{self, FromBoard, ToBoard};

use super::console::Backlog;

/// A running board process; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    link: BufWriter<ChildStdin>,
}

impl Process {
    /// Starts it. `heard` is called in a thread of its own with each frame, and with `None` when no more will come.
    pub(crate) fn start(
        command: &[OsString],
        backlog: Arc<Backlog>,
        mut heard: impl FnMut(Option<FromBoard>) + Send + 'static,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(link), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        thread::spawn(move || {
            let mut from = BufReader::with_capacity(64 << 10, from);
            loop {
                backlog.wait_for_room();
                let frame = link::read(&mut from).unwrap_or_default();
                let over = frame.is_none();
                heard(frame);
                if over {
                    return;
                }
            }
        });
        Ok(Process { child, link: BufWriter::new(link) })
    }

    /// Tells it something. One that is gone does not hear it, and its end is found elsewhere.
    pub(crate) fn tell(&mut self, frame: &ToBoard) {
        let _ = link::write(&mut self.link, frame).and_then(|()| self.link.flush());
    }

    /// How it ended, once it has closed its link.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
