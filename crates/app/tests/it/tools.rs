//! The programs at the other end: how each is told to be a client or a server, and where it then listens.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::kit::{Lab, Running, until};

/// A program of somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// OpenBSD's.
    Nc,
    Ncat,
    Socat,
    /// `peer.py`.
    Python,
}

/// What is between both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Tcp,
    Udp,
    Unix,
    UnixDgram,
}

impl Wire {
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Wire::Tcp | Wire::Unix)
    }

    fn is_unix(self) -> bool {
        matches!(self, Wire::Unix | Wire::UnixDgram)
    }

    fn name(self) -> &'static str {
        match self {
            Wire::Tcp => "tcp",
            Wire::Udp => "udp",
            Wire::Unix => "unix",
            Wire::UnixDgram => "unix-dgram",
        }
    }

    /// The URL to listen on; a port is left to the system.
    pub(crate) fn listen_url(self, lab: &Lab) -> String {
        match self {
            Wire::Tcp => "tcp-listen://127.0.0.1:0".into(),
            Wire::Udp => "udp://127.0.0.1:0".into(),
            Wire::Unix => format!("unix-listen://{}", lab.typed("ours.sock")),
            Wire::UnixDgram => format!("unix-dgram://{}", lab.typed("ours.sock")),
        }
    }

    /// The URL to connect to `place`.
    pub(crate) fn connect_url(self, place: &str) -> String {
        match self {
            Wire::Tcp => format!("tcp://127.0.0.1:{place}"),
            Wire::Udp => format!("udp://127.0.0.1:{place}"),
            Wire::Unix => format!("unix://{place}"),
            Wire::UnixDgram => format!("unix-dgram://{place}"),
        }
    }
}

impl Tool {
    /// Connects to `place`, a port of 127.0.0.1 or a path.
    pub(crate) fn client(self, wire: Wire, place: &str, lab: &Lab) -> Running {
        let own = lab.typed("theirs.sock");
        let args: Vec<String> = match (self, wire) {
            (Tool::Nc, Wire::Tcp) => words(&["-N", "127.0.0.1", place]),
            (Tool::Nc | Tool::Ncat, Wire::Udp) => words(&["-u", "127.0.0.1", place]),
            (Tool::Nc, Wire::Unix) => words(&["-N", "-U", place]),
            (Tool::Ncat, Wire::Tcp) => words(&["127.0.0.1", place]),
            (Tool::Ncat, Wire::Unix) => words(&["-U", place]),
            (Tool::Socat, Wire::Tcp) => socat(format!("TCP:127.0.0.1:{place}")),
            (Tool::Socat, Wire::Udp) => socat(format!("UDP:127.0.0.1:{place}")),
            (Tool::Socat, Wire::Unix) => socat(format!("UNIX-CONNECT:{place}")),
            (Tool::Socat, Wire::UnixDgram) => socat(format!("UNIX-SENDTO:{place},bind={own}")),
            (Tool::Python, Wire::UnixDgram) => words(&["client", wire.name(), place, &own]),
            (Tool::Python, _) => words(&["client", wire.name(), place]),
            (Tool::Nc | Tool::Ncat, Wire::UnixDgram) => panic!("{self:?} is not tried with {wire:?}"),
        };
        self.start(&args, lab)
    }

    /// Listens where the system picks; gives the place once it does.
    pub(crate) fn server(self, wire: Wire, lab: &Lab) -> (Running, String) {
        let path = lab.typed("theirs.sock");
        let args: Vec<String> = match (self, wire) {
            (Tool::Nc, Wire::Tcp) => words(&["-l", "-N", "127.0.0.1", "0"]),
            (Tool::Nc | Tool::Ncat, Wire::Udp) => words(&["-u", "-l", "127.0.0.1", "0"]),
            (Tool::Nc, Wire::Unix) => words(&["-l", "-N", "-U", &path]),
            (Tool::Ncat, Wire::Tcp) => words(&["-l", "127.0.0.1", "0"]),
            (Tool::Ncat, Wire::Unix) => words(&["-l", "-U", &path]),
            (Tool::Socat, Wire::Tcp) => socat("TCP-LISTEN:0,bind=127.0.0.1".into()),
            (Tool::Socat, Wire::Udp) => socat("UDP-LISTEN:0,bind=127.0.0.1".into()),
            (Tool::Socat, Wire::Unix) => socat(format!("UNIX-LISTEN:{path}")),
            (Tool::Socat, Wire::UnixDgram) => socat(format!("UNIX-RECVFROM:{path}")),
            (Tool::Python, Wire::Tcp | Wire::Udp) => words(&["server", wire.name(), "0"]),
            (Tool::Python, _) => words(&["server", wire.name(), &path]),
            (Tool::Nc | Tool::Ncat, Wire::UnixDgram) => panic!("{self:?} is not tried with {wire:?}"),
        };
        let mut running = self.start(&args, lab);
        let place = if wire.is_unix() { path } else { String::new() };
        let place = until(format!("{self:?} to listen ({wire:?})"), || {
            assert!(!running.has_ended(), "{self:?}: {}", running.err.text());
            bound(running.id(), wire, &place)
        });
        (running, place)
    }

    fn start(self, args: &[String], lab: &Lab) -> Running {
        let mut command = match self {
            Tool::Nc => Command::new("nc.openbsd"),
            Tool::Ncat => Command::new("ncat"),
            Tool::Socat => Command::new("socat"),
            Tool::Python => python(),
        };
        command.args(args).env("LC_ALL", "C").current_dir(lab.path(""));
        Running::start(command)
    }
}

/// Python with `peer.py`.
pub(crate) fn python() -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("peer.py")]);
    command
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// After the end of one direction it waits for the other as long as a test may last.
fn socat(address: String) -> Vec<String> {
    vec!["-t30".into(), "-".into(), address]
}

/// The port, or the path again, at which a process can be reached by now.
fn bound(process: u32, wire: Wire, path: &str) -> Option<String> {
    match wire {
        Wire::Tcp => port_of(process, "tcp", "0A"), // LISTEN
        Wire::Udp => port_of(process, "udp", "07"), // not connected
        Wire::Unix => has_socket(path, "00010000"), // accepts
        Wire::UnixDgram => has_socket(path, "00000000"),
    }
}

/// The port of a socket of `process` in `state`: /proc/PID/net/tcp, as proc(5) has it.
fn port_of(process: u32, table: &str, state: &str) -> Option<String> {
    let own = sockets_of(process);
    let table = fs::read_to_string(format!("/proc/{process}/net/{table}")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let wanted = columns[3] == state && own.iter().any(|socket| socket == columns[9]);
        let port = columns[1].split(':').nth(1).filter(|_| wanted)?;
        u16::from_str_radix(port, 16).ok().filter(|port| *port != 0).map(|port| port.to_string())
    })
}

/// The inodes of a process's sockets.
fn sockets_of(process: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let links: Vec<PathBuf> = entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    let socket = |link: &PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    links.iter().filter_map(socket).collect()
}

fn has_socket(path: &str, flags: &str) -> Option<String> {
    let table = fs::read_to_string("/proc/net/unix").ok()?;
    let ours = |line: &&str| line.ends_with(path) && line.split_whitespace().nth(3) == Some(flags);
    table.lines().find(ours).map(|_| path.to_owned())
}
