//! The process that a board is: started, spoken to, ended. What is said belongs in `board`.

use std::ffi::OsString;
use std::io::{self, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use socklab_board::link::{self, FromBoard, ToBoard};

use super::console::Backlog;

/// What may wait to be told: batches of frames mostly, which are lost beyond that, as on a cable. Anything else waits
/// for room: the process reads all the time.
const WAITING: usize = 64;

/// `CREATE_NEW_PROCESS_GROUP`.
#[cfg(windows)]
const NEW_PROCESS_GROUP: u32 = 0x200;

/// A running board process; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    told: SyncSender<ToBoard>,
}

impl Process {
    /// Starts it. `heard` is called in a thread of its own with each frame, and with `None` when no more will come.
    pub(crate) fn start(
        command: &[OsString],
        backlog: Arc<Backlog>,
        mut heard: impl FnMut(Option<FromBoard>) + Send + 'static,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut process = Command::new(program);
        process.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Names for a backtrace need more memory than a board may have, and without it the process would stand still.
        process.env("RUST_BACKTRACE", "0");
        // Ctrl-C at a terminal is for the parent, which says it to the board in its own way.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut process, 0);
        #[cfg(windows)]
        std::os::windows::process::CommandExt::creation_flags(&mut process, NEW_PROCESS_GROUP);
        let mut child = process.spawn()?;
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
        let (told, telling) = mpsc::sync_channel(WAITING);
        thread::spawn(move || write_link(link, &telling));
        Ok(Process { child, told })
    }

    /// Tells it something. One that is gone does not hear it, and its end is found elsewhere.
    pub(crate) fn tell(&self, frame: ToBoard) {
        let _ = self.told.send(frame);
    }

    /// For others that have something to tell it.
    pub(crate) fn teller(&self) -> SyncSender<ToBoard> {
        self.told.clone()
    }

    /// How it ended, once it has closed its link.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

/// Writes until nobody tells anything any more, or the process is gone.
fn write_link(link: ChildStdin, telling: &Receiver<ToBoard>) {
    let mut to = BufWriter::with_capacity(64 << 10, link);
    while let Ok(frame) = telling.recv() {
        let waiting = std::iter::once(frame).chain(std::iter::from_fn(|| telling.try_recv().ok()));
        let written = waiting.take(WAITING).try_for_each(|frame| link::write(&mut to, &frame));
        if written.and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
