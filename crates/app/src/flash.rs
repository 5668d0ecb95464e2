//! The folder with a board's files. One board has it at a time: two that write the same file would spoil it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use socklab_engine::Lang;

use crate::places::Places;
use crate::say;

/// A folder, and the hold on it, which ends with this.
pub(crate) struct Flash {
    pub(crate) folder: PathBuf,
    _hold: Option<File>,
}

impl Flash {
    /// The folder that was asked for. One that another board has is shared, and that is said.
    pub(crate) fn asked(folder: &Path, lang: Lang) -> io::Result<Flash> {
        fs::create_dir_all(folder)?;
        let held = hold(File::open(folder));
        if held.is_none() {
            let folder = folder.display();
            say::say(lang.pick(
                &format!("another board has the folder {folder} too: what both write there may be lost"),
                &format!("另一块板子也在使用文件夹 {folder}：两边同时写入的内容可能丢失"),
            ));
        }
        Ok(Flash { folder: folder.to_owned(), _hold: held.flatten() })
    }

    /// The board's own. With another Socklab there, it is the next that is free, and that is said.
    pub(crate) fn own(places: &Places, name: &str, kind: &str, lang: Lang) -> io::Result<Flash> {
        let others = (2_u32..).map(|number| format!("{kind}-{number}"));
        for candidate in std::iter::once(name.to_owned()).chain(others) {
            let folder = places.flash(&candidate);
            fs::create_dir_all(&folder)?;
            let lock = File::options().create(true).append(true).open(folder.with_extension("lock"));
            if let Some(hold) = hold(lock) {
                if candidate != name {
                    let there = folder.display();
                    say::say(lang.pick(
                        &format!("another board has the files of {name}: this one has its own, in {there}"),
                        &format!("另一块板子正在使用 {name} 的文件：这块板子使用自己的，在 {there}"),
                    ));
                }
                return Ok(Flash { folder, _hold: hold });
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
