//! The terminal as it was before the prompt: the prompt's thread may sit in the middle of a line when all is over,
//! and would leave it without echo.

pub(crate) use system::{on_reader_gone, restore};

/// Puts the terminal back when dropped.
pub(crate) struct Terminal;

impl Terminal {
    /// Remembers how it is now.
    pub(crate) fn keep() -> Self {
        system::save(true);
        Terminal
    }

    /// Gives each key at once and shows none: the program at the other end does, as on a serial line. With `whole`,
    /// Ctrl-C is a key like any other.
    pub(crate) fn by_key(whole: bool) -> Self {
        system::save(false);
        system::by_key(whole);
        Terminal
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(unix)]
mod system {
    use std::io::{self, IsTerminal, Write};
    use std::os::fd::AsFd;
    use std::sync::{Mutex, PoisonError};

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::termios::{LocalFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

    /// Has it done once whoever reads stdout has gone: without a word to write, nobody else would notice.
    pub(crate) fn on_reader_gone(then: impl FnOnce() + Send + 'static) {
        std::thread::spawn(move || {
            let stdout = io::stdout();
            // XNU tells nothing to who asks for nothing; a pipe's writing end is never readable.
            let asked = if cfg!(target_vendor = "apple") { PollFlags::POLLIN } else { PollFlags::empty() };
            let mut gone = [PollFd::new(stdout.as_fd(), asked)];
            while let Err(Errno::EINTR) = poll(&mut gone, PollTimeout::NONE) {}
            let is_gone = |found: PollFlags| found.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
            if gone[0].revents().is_some_and(is_gone) {
                then();
            }
        });
    }

    /// How it was, and whether the prompt's settings are to be undone.
    static SAVED: Mutex<Option<(Termios, bool)>> = Mutex::new(None);

    /// What the prompt has switched on besides, to be off again: pasted text in brackets.
    const PLAIN: &[u8] = b"\x1b[?2004l\n";

    pub(super) fn save(for_prompt: bool) {
        let now = tcgetattr(io::stdin()).ok();
        *SAVED.lock().unwrap_or_else(PoisonError::into_inner) = now.map(|now| (now, for_prompt));
    }

    pub(super) fn by_key(whole: bool) {
        let Ok(mut settings) = tcgetattr(io::stdin()) else { return };
        if whole {
            // Lines that are said on stderr meanwhile begin at the left all the same.
            let output = settings.output_flags;
            cfmakeraw(&mut settings);
            settings.output_flags = output;
        } else {
            settings.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        }
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &settings);
    }

    /// Does nothing where the prompt has done it, or was never there.
    pub(crate) fn restore() {
        let Some((saved, for_prompt)) = SAVED.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if tcgetattr(io::stdin()).is_ok_and(|now| now != saved) {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &saved);
            if for_prompt && io::stdout().is_terminal() {
                let _ = io::stdout().write_all(PLAIN).and_then(|()| io::stdout().flush());
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn save(_for_prompt: bool) {}

    pub(super) fn by_key(_whole: bool) {}

    /// The next write notices it.
    pub(crate) fn on_reader_gone(_then: impl FnOnce() + Send + 'static) {}

    pub(crate) fn restore() {}
}
