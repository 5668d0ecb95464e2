//! stdin to the peers: the bytes as they come, or a line at a time.

use std::io::{self, BufRead, IsTerminal, Read};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use socklab_capture::EndpointId;
use socklab_engine::{Command, Outcome, Remote, Reply, Targets, WhenFull};

use crate::watch::Happening;
use std::sync::mpsc::Sender;

/// The most that is read, and for datagrams sent, at a time: as nc has it.
pub(crate) const CHUNK: usize = 16 * 1024;

/// A line without an end would fill the memory: it is cut here.
const LONGEST_LINE: u64 = 1 << 20;

/// How input is cut into sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// One send a line, its end included; else as it comes.
    pub(crate) lines: bool,
    /// Between two sends.
    pub(crate) pause: Option<Duration>,
    /// A line feed becomes CR LF.
    pub(crate) crlf: bool,
}

/// Sends all of stdin to all peers, waiting for the first of them and for those that are slow.
///
/// Servers for one client, `takes_one`, end with it; but where a pipe or a file feeds them, input that has begun is the
/// client's to its end, also when that has finished. Input that has not begun by then is not waited for: nobody can say
/// whether there will be any.
pub(crate) fn start(remote: Remote, cut: Cut, takes_one: Vec<EndpointId>, watch: Sender<Happening>) {
    thread::spawn(move || {
        let mut begun = io::stdin().is_terminal(); // a person sees that the client has gone
        let mut each = |bytes: Bytes| {
            if !std::mem::replace(&mut begun, true) {
                keep_open(&remote, &takes_one, true);
            }
            send(&remote, bytes) && watch.send(Happening::Traffic).is_ok()
        };
        let _ = feed(cut, &mut each); // a stdin that cannot be read has ended
        keep_open(&remote, &takes_one, false);
        let _ = watch.send(Happening::InputEnded);
    });
}

fn keep_open(remote: &Remote, endpoints: &[EndpointId], on: bool) {
    for endpoint in endpoints {
        remote.call(Command::HalfOpen { endpoint: *endpoint, on });
    }
}

/// Gives `each` of stdin, until it has ended or `each` wants no more.
fn feed(cut: Cut, each: &mut impl FnMut(Bytes) -> bool) -> io::Result<()> {
    let mut stdin = io::BufReader::with_capacity(CHUNK, io::stdin());
    loop {
        let mut bytes = Vec::new();
        if cut.lines {
            stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        } else {
            bytes.extend_from_slice(stdin.fill_buf()?);
            stdin.consume(bytes.len());
        }
        if cut.crlf {
            bytes = with_crlf(&bytes);
        }
        if bytes.is_empty() || !each(bytes.into()) {
            return Ok(());
        }
        if let Some(pause) = cut.pause {
            thread::sleep(pause);
        }
    }
}

/// False when the engine has ended, or nobody will come any more.
fn send(remote: &Remote, bytes: Bytes) -> bool {
    loop {
        let send = Command::Send { to: Targets::All, bytes: bytes.clone(), when_full: WhenFull::Wait };
        match remote.call(send) {
            Some(Reply::Outcomes(outcomes)) if outcomes.is_empty() => return false,
            // All of them left before they could be given it: the next one to come gets it.
            Some(Reply::Outcomes(outcomes)) if outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Gone) => {
                continue;
            }
            Some(_) => return true,
            None => return false,
        }
    }
}

fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) if !line.ends_with(b"\r") => {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}
