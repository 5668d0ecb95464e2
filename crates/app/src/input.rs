//! stdin to the peers: the bytes as they come, or a line at a time.

use std::io::{self, BufRead, Read};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use socklab_capture::EndpointId;
use socklab_engine::{Command, Outcome, Remote, Reply, Targets, WhenFull};

use crate::watch::Happening;
use std::sync::mpsc::Sender;

/// The most that is read, and for datagrams sent, at a time: as nc has it.
pub(crate) const CHUNK: usize = 16 * 1024;

/// An input that has been silent for so many milliseconds has no more for now.
#[cfg(unix)]
const SILENCE: u16 = 1000;

/// A line without an end would fill the memory: it is cut here.
const LONGEST_LINE: u64 = 1 << 20;

/// How input is cut into sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// As it comes.
    Reads,
    /// One send a line, its end included.
    Lines,
    /// One send a line, and then a pause.
    Paced(Duration),
    /// As it comes, a line feed becoming CR LF.
    Crlf,
}

/// Sends all of stdin to all peers, waiting for the first of them and for those that are slow. Servers for one client,
/// `takes_one`, go on when that has finished, as long as there is more to be sent; else they end with it. Input that pauses
/// for longer than a second after the client has finished is not waited for, and where the system does not tell whether
/// there is more, none is.
pub(crate) fn start(remote: Remote, cut: Cut, takes_one: Vec<EndpointId>, watch: Sender<Happening>) {
    thread::spawn(move || {
        let mut supply = Supply { remote, takes_one, has_more: false };
        let _ = feed(&mut supply, cut, &watch); // a stdin that cannot be read has ended
        supply.tell(false);
        let _ = watch.send(Happening::InputEnded);
    });
}

/// What the engine is told of the input.
struct Supply {
    remote: Remote,
    takes_one: Vec<EndpointId>,
    has_more: bool,
}

impl Supply {
    fn tell(&mut self, has_more: bool) {
        if std::mem::replace(&mut self.has_more, has_more) != has_more {
            for endpoint in &self.takes_one {
                self.remote.call(Command::HalfOpen { endpoint: *endpoint, on: has_more });
            }
        }
    }
}

/// Whether stdin has something to read soon, if only its end. Where the system does not tell, it has not.
#[cfg(unix)]
fn has_more() -> bool {
    use nix::poll::{PollFd, PollFlags, poll};
    use std::os::fd::AsFd;
    let stdin = io::stdin();
    poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], SILENCE).is_ok_and(|ready| ready > 0)
}

#[cfg(not(unix))]
fn has_more() -> bool {
    false
}

fn feed(supply: &mut Supply, cut: Cut, watch: &Sender<Happening>) -> io::Result<()> {
    let mut stdin = io::BufReader::with_capacity(CHUNK, io::stdin());
    loop {
        let mut bytes = Vec::new();
        if supply.has_more && stdin.buffer().is_empty() && !has_more() {
            supply.tell(false);
        }
        match cut {
            Cut::Reads | Cut::Crlf => {
                bytes.extend_from_slice(stdin.fill_buf()?);
                stdin.consume(bytes.len());
            }
            Cut::Lines | Cut::Paced(_) => drop(stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?),
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if cut == Cut::Crlf {
            bytes = with_crlf(&bytes);
        }
        supply.tell(true);
        if !send(&supply.remote, bytes.into()) {
            return Ok(());
        }
        let _ = watch.send(Happening::Traffic);
        if let Cut::Paced(pause) = cut {
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
