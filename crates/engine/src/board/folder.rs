//! The folder with a board's files. One board has it at a time, of all programs on this machine: two that write the same
//! file would spoil it. What is in the files belongs to the crate `board`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A folder, and the hold on it, which ends with this.
#[derive(Debug)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Whether another board has what was wanted: a folder that was asked for is shared with it, one by name is
    /// another's.
    pub is_other: bool,
    _hold: Option<File>,
}

impl Folder {
    /// The folder that was asked for, made if it is not there. One that another board has is shared.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn asked(folder: &Path) -> io::Result<Folder> {
        fs::create_dir_all(folder)?;
        let held = hold(File::open(folder));
        Ok(Folder { path: folder.to_owned(), is_other: held.is_none(), _hold: held.flatten() })
    }

    /// The one called `name` of those in `all`; where another board has it, the next of `kind-2`, `kind-3` and so on
    /// that is free.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn own(all: &Path, name: &str, kind: &str) -> io::Result<Folder> {
        let others = (2_u32..).map(|number| format!("{kind}-{number}"));
        for candidate in std::iter::once(name.to_owned()).chain(others) {
            let path = all.join(&candidate);
            fs::create_dir_all(&path)?;
            let lock = File::options().create(true).append(true).open(path.with_extension("lock"));
            if let Some(hold) = hold(lock) {
                return Ok(Folder { path, is_other: candidate != name, _hold: hold });
            }
        }
        Err(io::Error::other("no folder is free"))
    }
}

/// The hold on a lock; `None` if another has it. Where the system has no such locks, nobody is held off.
fn hold(lock: io::Result<File>) -> Option<Option<File>> {
    let Ok(lock) = lock else { return Some(None) };
    match lock.try_lock() {
        Ok(()) => Some(Some(lock)),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(_)) => Some(None),
    }
}
