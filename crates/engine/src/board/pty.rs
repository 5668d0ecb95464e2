//! A board's console as a serial port: the far end of a pseudo-terminal, which mpremote and Thonny take for a USB one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::BoardRemote;

/// A port that takes nothing for so long, in milliseconds, has nobody at its other end.
const PATIENCE: u16 = 1000;

/// A serial port. Dropping it takes it away, and the link to it: whoever has it open sees it unplugged.
#[derive(Debug)]
pub struct Port {
    /// What to open.
    pub path: PathBuf,
    link: Option<PathBuf>,
    leads_to: PathBuf,
    /// Its other end is told by being the only one left.
    _held: UnixStream,
}

impl Drop for Port {
    fn drop(&mut self) {
        // Unless somebody has put another in its place.
        if let Some(link) = self.link.as_ref().filter(|link| fs::read_link(link).is_ok_and(|to| to == self.leads_to)) {
            let _ = fs::remove_file(link); // it leads nowhere any more
        }
    }
}

/// Serves the console from threads of its own, until what is given is dropped; with `link`, under that name.
pub fn serve(board: &BoardRemote, link: Option<&Path>) -> io::Result<Port> {
    let pair = openpty(None, None)?;
    let mut settings = tcgetattr(&pair.slave)?;
    cfmakeraw(&mut settings);
    tcsetattr(&pair.slave, SetArg::TCSANOW, &settings)?;
    let path = nix::unistd::ttyname(&pair.slave)?;
    if let Some(link) = link {
        put_link(&path, link)?;
    }
    let master = File::from(pair.master);
    let mut output = Output { port: master.try_clone()?, is_read: true };
    let seat = board.attach(move |bytes| output.write(bytes));
    let slave = pair.slave;
    let (held, let_go) = UnixStream::pair()?;
    thread::spawn(move || read(master, slave, &let_go, |bytes| seat.type_in(bytes)));
    let shown = link.map_or_else(|| path.clone(), Path::to_owned);
    Ok(Port { path: shown, link: link.map(Path::to_owned), leads_to: path, _held: held })
}

/// A link to a port that is gone, left behind by a board that did not end well, is replaced; nothing else is. That port's
/// number may be ours again by now.
fn put_link(path: &Path, link: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|to| to.starts_with("/dev/") && (to == path || !to.exists())) {
        fs::remove_file(link)?;
    }
    std::os::unix::fs::symlink(path, link)
}

/// Where the board's output goes. What nobody listens to is lost, as on a serial line.
struct Output {
    port: File,
    is_read: bool,
}

impl Output {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = [PollFd::new(self.port.as_fd(), PollFlags::POLLOUT)];
            let patience = PollTimeout::from(if self.is_read { PATIENCE } else { 0 });
            self.is_read = poll(&mut ready, patience)? > 0;
            if !self.is_read {
                return Ok(());
            }
            // A little at a time, for which there is room: more would wait for the reader.
            let count = self.port.write(&bytes[..bytes.len().min(256)])?;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

/// Types what comes in, until the port is let go. `slave` is held open, so that the port outlives those who open and
/// close it.
fn read(mut master: File, slave: OwnedFd, let_go: &UnixStream, type_in: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    while is_wanted(&master, let_go) {
        match master.read(&mut buffer) {
            Ok(count) if count > 0 && type_in(&buffer[..count]) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    drop(slave);
}

/// Waits until there is something to read; false when the port was let go before.
fn is_wanted(master: &File, let_go: &UnixStream) -> bool {
    let mut ready = [PollFd::new(master.as_fd(), PollFlags::POLLIN), PollFd::new(let_go.as_fd(), PollFlags::POLLIN)];
    while poll(&mut ready, PollTimeout::NONE) == Err(Errno::EINTR) {}
    !ready[1].any().unwrap_or(true)
}
