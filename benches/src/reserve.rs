//! Memory kept at hand for the file cache.
//!
//! Virtual machines give free memory back to their host, and get it again at a tenth of the speed of a file cache. A
//! run that writes gigabytes would measure that. So we hold the memory, and let go of it just before such a run.

use std::fs::File;
use std::io::Write;

use anyhow::Result;
use rustix::fs::{MemfdFlags, memfd_create};

/// Memory that is held, as a file that no disk has: to write that, too, would tire the disk that is measured.
#[derive(Debug)]
pub(crate) struct Reserve {
    size: u64,
    file: Option<File>,
}

impl Reserve {
    /// Holds what files of this many bytes in all will need, or a third of what the machine has to spare.
    pub(crate) fn for_files_of(bytes: u64) -> Result<Self> {
        let size = (bytes + bytes / 16).min(available() / 3);
        Ok(Self { size, file: Some(fill(size)?) })
    }

    /// Lets go of the memory while this is done.
    pub(crate) fn lend<T>(&mut self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        self.file = None;
        let outcome = run();
        self.file = Some(fill(self.size)?);
        outcome
    }
}

/// A file without a name of this size, rounded up to whole chunks.
fn fill(size: u64) -> Result<File> {
    let mut file = File::from(memfd_create("reserve", MemfdFlags::CLOEXEC)?);
    let chunk = vec![1; 1 << 20];
    for _ in 0..size.div_ceil(chunk.len() as u64) {
        file.write_all(&chunk)?;
    }
    Ok(file)
}

/// Bytes of memory that the machine has to spare.
fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes << 10)
}
