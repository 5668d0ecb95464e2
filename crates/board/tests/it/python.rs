//! A program of CPython's at the other end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;

use tempfile::TempDir;

use crate::support::watch;

/// `python3` at work in a folder of its own; killed when it goes out of sight, or a test waits in vain.
pub(crate) struct Python {
    _folder: TempDir,
    _watch: Sender<()>,
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Python {
    /// Starts a program, with these files in its folder.
    pub(crate) fn start(program: &str, files: &[(&str, &str)]) -> Python {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut command = Command::new("python3");
        command.args(["-u", "-c", program]).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (_watch, out) = (watch(child.id()), BufReader::new(child.stdout.take().unwrap()));
        Python { _folder: folder, _watch, child, out }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The number in its next line: the port on which it listens.
    pub(crate) fn port(&mut self) -> u16 {
        self.line().parse().unwrap()
    }

    /// All that it still prints.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
