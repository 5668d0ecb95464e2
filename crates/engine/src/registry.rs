//! What the Socklabs of one user have open on this machine, so that boards of one reach endpoints of another: a file
//! for each process in the user's runtime folder, and beside it one that is locked while the process lives. Without that
//! lock nothing is believed: the ports of a process that has died may be anybody's by now.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What kind of port it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A TCP server.
    Tcp,
    /// A UDP socket.
    Udp,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Tcp => "tcp",
            Kind::Udp => "udp",
        }
    }
}

/// The folder; `None` where the system names none.
fn folder() -> Option<PathBuf> {
    let runtime = dirs::runtime_dir().or_else(dirs::cache_dir)?;
    Some(runtime.join("socklab").join("ports"))
}

fn own_file() -> Option<PathBuf> {
    folder().map(|folder| folder.join(std::process::id().to_string()))
}

/// Locked as long as this process lives and has something open; the system unlocks it however the process ends.
static ALIVE: Mutex<Option<File>> = Mutex::new(None);

/// Says what this process has open, now. What cannot be written, others do not find.
pub(crate) fn publish(open: impl Iterator<Item = (Kind, SocketAddr)>) {
    let Some(file) = own_file() else { return };
    let text: String = open.map(|(kind, at)| format!("{} {at}\n", kind.word())).collect();
    let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    if text.is_empty() {
        let _ = fs::remove_file(&file);
        if alive.take().is_some() {
            let _ = fs::remove_file(lock_of(&file));
        }
        return;
    }
    if alive.is_none() {
        *alive = locked(&lock_of(&file)).ok();
    }
    let _ = write(&file, &text);
}

fn lock_of(file: &Path) -> PathBuf {
    file.with_extension("lock")
}

fn locked(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path.parent().ok_or(io::ErrorKind::NotFound)?)?;
    let file = File::create(path)?;
    file.lock()?;
    Ok(file)
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    // Whole at every moment, for those who read it.
    let draft = file.with_extension("new");
    fs::write(&draft, text)?;
    fs::rename(draft, file)
}

/// Where other processes have this port open, as it is reached from this machine.
pub(crate) fn others(kind: Kind, port: u16) -> Vec<SocketAddr> {
    let Some(entries) = folder().and_then(|folder| fs::read_dir(folder).ok()) else { return Vec::new() };
    let own = std::process::id().to_string();
    let is_process = |name: &str| name != own && name.bytes().all(|byte| byte.is_ascii_digit());
    let files = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_process));
    let texts = files.filter_map(|entry| living(&entry.path()).then(|| fs::read_to_string(entry.path()).ok())?);
    texts
        .flat_map(|text| text.lines().filter_map(parse).collect::<Vec<_>>())
        .filter(|(of, at)| *of == kind && at.port() == port)
        .map(|(_, at)| reached(at))
        .collect()
}

/// Whether the process whose file this is still runs. What a dead one left behind is removed: its ports may be anybody's.
fn living(file: &Path) -> bool {
    let lock = lock_of(file);
    match File::open(&lock).map(|lock| lock.try_lock_shared()) {
        Ok(Err(TryLockError::WouldBlock)) => return true,
        Ok(Ok(())) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // It cannot be told, for want of descriptors maybe: nothing is believed, and nothing removed.
        Ok(Err(_)) | Err(_) => return false,
    }
    let _ = fs::remove_file(file);
    let _ = fs::remove_file(lock);
    false
}

fn parse(line: &str) -> Option<(Kind, SocketAddr)> {
    let (word, at) = line.split_once(' ')?;
    let kind = [Kind::Tcp, Kind::Udp].into_iter().find(|kind| kind.word() == word)?;
    Some((kind, at.parse().ok()?))
}

/// A socket on all addresses is reached at the loopback one.
fn reached(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // Mostly a dual-stack socket; those of IPv6 alone say where they are.
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6 == Ipv6Addr::LOCALHOST => v6.into(),
        other => other,
    };
    (ip, at.port()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_kind_and_an_address() {
        assert_eq!(parse("tcp 0.0.0.0:10000"), Some((Kind::Tcp, "0.0.0.0:10000".parse().expect("an address"))));
        assert_eq!(parse("udp [::1]:5000"), Some((Kind::Udp, "[::1]:5000".parse().expect("an address"))));
        for wrong in ["", "tcp", "tcp x", "unix 1.2.3.4:5"] {
            assert_eq!(parse(wrong), None);
        }
        assert_eq!(reached("[::]:7".parse().expect("an address")).to_string(), "127.0.0.1:7");
    }
}
