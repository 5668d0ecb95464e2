//! A board's flash: a folder of this machine, and nothing outside of it.
//!
//! Two things keep a program inside. A path is made absolute on the board and `.` and `..` are taken out of it before
//! the system sees it; and the folder is opened through cap-std, which refuses any symlink that leads out (openat2
//! with RESOLVE_BENEATH on Linux, step by step elsewhere). What Python sees of it belongs to `modules::files`.

use std::io;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use parking_lot::Mutex;

/// Directories in directories that are looked into.
const DEEPEST: usize = 16;

/// Blocks of a board's flash: 2 MiB of 4 KiB each.
pub(crate) const BLOCK: u64 = 4096;
pub(crate) const BLOCKS: u64 = 512;

/// Blocks that a directory takes, and the file system itself.
const OF_DIRECTORY: u64 = 2;

/// Blocks that may be written before the folder is looked at again, which others may write to.
const TRUSTED: u64 = 16;

/// A folder as a board's file system, with the board's current directory.
#[derive(Debug)]
pub struct Flash {
    root: Dir,
    current: Mutex<String>,
    /// What the board writes must fit into a board's flash.
    small: bool,
    /// Blocks that were free when the folder was looked at last, and are not taken yet.
    granted: Mutex<u64>,
}

impl Flash {
    /// Opens a folder of this machine.
    pub fn open(folder: &str) -> io::Result<Flash> {
        let root = Dir::open_ambient_dir(folder, ambient_authority())?;
        Ok(Flash { root, current: Mutex::new("/".to_owned()), small: false, granted: Mutex::new(0) })
    }

    /// The same, where the board cannot write more than [`BLOCKS`].
    pub(crate) fn with_the_room_of_a_board(self) -> Flash {
        Flash { small: true, ..self }
    }

    /// A path as the board's absolute path: begins with `/`, has no `.`, `..` or empty parts. Above the root is the
    /// root.
    pub(crate) fn absolute(&self, path: &str) -> String {
        let current = self.current.lock();
        let base = if path.starts_with('/') { "" } else { current.as_str() };
        let mut parts: Vec<&str> = Vec::new();
        for part in base.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    /// The same path as the host's, relative to the folder.
    fn inside(&self, path: &str) -> io::Result<String> {
        if path.contains(['\0', '\\', ':']) {
            // What a separator or a drive is on Windows is no name on a board.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let absolute = self.absolute(path);
        Ok(if absolute == "/" { ".".to_owned() } else { absolute[1..].to_owned() })
    }

    /// Opens a file.
    pub(crate) fn file(&self, path: &str, options: &OpenOptions) -> io::Result<File> {
        let path = self.inside(path)?;
        // Opening a directory for reading succeeds on Unix; a board says EISDIR.
        if self.root.metadata(&path).is_ok_and(|there| there.is_dir()) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.root.open_with(path, options)
    }

    /// Creates a file, or empties it.
    pub fn create(&self, path: &str) -> io::Result<File> {
        self.file(path, OpenOptions::new().write(true).create(true).truncate(true))
    }

    /// The whole of a file.
    pub fn bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        self.root.read(self.inside(path)?)
    }

    /// Kind, size and times.
    pub(crate) fn metadata(&self, path: &str) -> io::Result<Metadata> {
        self.root.metadata(self.inside(path)?)
    }

    /// Names and kinds in a directory, by name. A name that is not UTF-8 is left out: a board could not say it.
    pub(crate) fn list(&self, path: &str) -> io::Result<Vec<(String, Metadata)>> {
        let mut entries = Vec::new();
        for entry in self.root.read_dir(self.inside(path)?)? {
            let entry = entry?;
            if let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) {
                entries.push((name, metadata));
            }
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries)
    }

    /// The paths of all files and their sizes, by path. What is deeper than any board's is left out.
    pub fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let (mut files, mut folders) = (Vec::new(), vec![(String::new(), 0)]);
        while let Some((folder, depth)) = folders.pop() {
            for (name, metadata) in self.list(&format!("/{folder}"))? {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match metadata.is_dir() {
                    true if depth < DEEPEST => folders.push((path, depth + 1)),
                    true => {}
                    false => files.push((path, metadata.len())),
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// Writes a whole file, and makes the directories that it is in.
    pub fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        use std::io::Write;
        let inside = self.inside(path)?;
        if let Some((folder, _)) = inside.rsplit_once('/') {
            self.root.create_dir_all(folder)?;
        }
        self.create(path)?.write_all(bytes)
    }

    /// Blocks that are free, as files and directories leave them: what was put there from outside counts, too.
    pub(crate) fn free_blocks(&self) -> u64 {
        BLOCKS.saturating_sub(OF_DIRECTORY + self.blocks_in("/", DEEPEST))
    }

    fn blocks_in(&self, path: &str, depth: usize) -> u64 {
        let entries = self.list(path).unwrap_or_default();
        let blocks = entries.iter().map(|(name, there)| match there.is_dir() {
            true if depth > 0 => OF_DIRECTORY + self.blocks_in(&format!("{path}/{name}"), depth - 1),
            true => 0,
            false => there.len().div_ceil(BLOCK),
        });
        blocks.sum()
    }

    /// A file of `before` bytes is to have `after`: an error where the flash has no room for that.
    pub(crate) fn grow(&self, before: u64, after: u64) -> io::Result<()> {
        self.take(after.div_ceil(BLOCK).saturating_sub(before.div_ceil(BLOCK)))
    }

    fn take(&self, blocks: u64) -> io::Result<()> {
        if !self.small {
            return Ok(());
        }
        let mut granted = self.granted.lock();
        if *granted < blocks {
            let free = self.free_blocks();
            if free < blocks {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *granted = free.min(blocks.max(TRUSTED));
        }
        *granted -= blocks;
        Ok(())
    }

    /// Makes a directory.
    pub(crate) fn make_dir(&self, path: &str) -> io::Result<()> {
        self.take(OF_DIRECTORY)?;
        self.root.create_dir(self.inside(path)?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_dir(&self, path: &str) -> io::Result<()> {
        self.root.remove_dir(self.inside(path)?)
    }

    /// Removes a file, or an empty directory: boards' `os.remove` takes both.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.inside(path)?;
        if self.root.symlink_metadata(&path)?.is_dir() {
            self.root.remove_dir(path)
        } else {
            self.root.remove_file(path)
        }
    }

    /// Renames; what has the new name already is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.root.rename(self.inside(from)?, &self.root, self.inside(to)?)
    }

    /// The board's current directory.
    pub(crate) fn current(&self) -> String {
        self.current.lock().clone()
    }

    /// Goes to a directory that may be in no flash, but in a file system that a program has mounted.
    pub(crate) fn change_to_mounted(&self, path: &str) {
        let absolute = self.absolute(path);
        *self.current.lock() = absolute;
    }

    /// Goes to another directory.
    pub(crate) fn change_to(&self, path: &str) -> io::Result<()> {
        if !self.metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let absolute = self.absolute(path);
        *self.current.lock() = absolute;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn flash() -> (tempfile::TempDir, Flash) {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::create_dir_all(outside.path().join("flash/lib")).unwrap();
        fs::write(outside.path().join("flash/main.py"), "print(1)").unwrap();
        let flash = Flash::open(outside.path().join("flash").to_str().unwrap()).unwrap();
        (outside, flash)
    }

    #[test]
    fn a_path_is_from_the_current_directory_and_never_above_the_root() {
        let (_folder, flash) = flash();
        flash.change_to("lib").unwrap();
        assert_eq!(flash.absolute("x.py"), "/lib/x.py");
        assert_eq!(flash.absolute("../main.py"), "/main.py");
        assert_eq!(flash.absolute("../../../etc/passwd"), "/etc/passwd");
        assert_eq!(flash.absolute("/a//./b/"), "/a/b");
        assert_eq!(flash.bytes("../main.py").unwrap(), b"print(1)");
    }

    #[cfg(unix)]
    #[test]
    fn a_symlink_leads_nowhere_outside() {
        let (folder, flash) = flash();
        for (name, target) in [("up", "../secret"), ("absolute", "/etc/passwd"), ("dir", "..")] {
            std::os::unix::fs::symlink(target, folder.path().join("flash").join(name)).unwrap();
        }
        assert!(flash.bytes("up").is_err());
        assert!(flash.bytes("absolute").is_err());
        assert!(flash.bytes("dir/secret").is_err());
        assert!(flash.file("up", OpenOptions::new().write(true)).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("secret")).unwrap(), "secret");
    }

    proptest! {
        #[test]
        fn an_absolute_path_has_no_way_up(path in "[./a-c]{0,20}") {
            let (_folder, flash) = flash();
            let absolute = flash.absolute(&path);
            prop_assert!(absolute.starts_with('/'));
            prop_assert!(absolute.split('/').all(|part| part != ".." && part != "."));
        }
    }
}
