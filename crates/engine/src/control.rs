//! How other processes of the same user reach a network that runs: a Unix socket in the user's runtime folder, which
//! nobody else can open. A connection carries one line of JSON each way; behind the answer to who wants to follow the
//! frames comes a capture, until either side closes. What can be asked is in `lan::steer`.

#[cfg(unix)]
mod unix;

use std::io;

use crate::failure::{Lang, cause};
use crate::lan::{NotSteered, Steer};

#[cfg(unix)]
pub(crate) use unix::serve;

/// Why a network could not be asked.
#[derive(Debug)]
pub enum ControlError {
    /// No Socklab of this user has one.
    None,
    /// Several have, of these processes.
    Several(Vec<u32>),
    /// This process has none, or is not there.
    NoSuch(u32),
    /// It cannot be reached, or answered in no way that can be read.
    Broken(io::Error),
    /// It would not do it.
    Refused(NotSteered),
    /// There is no way to ask on this system yet.
    Unsupported,
}

impl ControlError {
    /// In one line, without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            ControlError::None => lang
                .pick(
                    "no Socklab with a virtual network is running; `socklab run` starts one",
                    "没有正在运行的带虚拟网络的 Socklab；用 `socklab run` 启动",
                )
                .into(),
            ControlError::Several(pids) => {
                let pids = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                let (en, zh) = ("several are running; say which with --pid", "有多个正在运行；请用 --pid 指明");
                format!("{}: {pids}", lang.pick(en, zh))
            }
            ControlError::NoSuch(pid) => {
                let (en, zh) = ("no Socklab with a virtual network is process", "带虚拟网络的 Socklab 中没有进程");
                format!("{} {pid}", lang.pick(en, zh))
            }
            ControlError::Broken(error) => {
                format!("{}: {}", lang.pick("it does not answer", "没有应答"), cause(error, lang))
            }
            ControlError::Refused(why) => why.text(lang),
            ControlError::Unsupported => lang.pick("not on this system yet", "此系统尚不支持").into(),
        }
    }
}

/// Frames of another process's network, as a capture in pcapng that grows. Its end is that of the network.
#[derive(Debug)]
pub struct Frames {
    #[cfg(unix)]
    answers: unix::Answers,
}

impl Frames {
    /// Ends it, also for who reads in another thread.
    pub fn end(&self) -> Box<dyn Fn() + Send> {
        #[cfg(unix)]
        return self.answers.end();
        #[cfg(not(unix))]
        Box::new(|| {})
    }
}

impl io::Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        return self.answers.read(buffer);
        #[cfg(not(unix))]
        {
            let _ = buffer;
            Ok(0)
        }
    }
}

/// Follows the frames of the network of a process, or of the only one that has one.
pub fn follow(pid: Option<u32>) -> Result<Frames, ControlError> {
    #[cfg(unix)]
    return unix::follow(pid).map(|answers| Frames { answers });
    #[cfg(not(unix))]
    {
        let _ = pid;
        Err(ControlError::Unsupported)
    }
}

/// Asks the network of a process, or of the only one that has one; it answers in that language.
pub fn ask(pid: Option<u32>, steer: Steer, lang: Lang) -> Result<String, ControlError> {
    #[cfg(unix)]
    return unix::ask(pid, steer, lang);
    #[cfg(not(unix))]
    {
        let _ = (pid, steer, lang);
        Err(ControlError::Unsupported)
    }
}
