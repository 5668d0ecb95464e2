//! Memory kept at hand for the file cache.
//!
//! Virtual machines give free memory back to their host, and get it again at a tenth of the speed of a file cache. A
//! run that writes gigabytes would measure that. So we hold the memory, and let go of it just before such a run.

use anyhow::Result;

/// Memory that is held, touched, in this process.
#[derive(Debug)]
pub(crate) struct Reserve {
    size: usize,
    pages: Vec<u8>,
}

impl Reserve {
    /// Holds what files of this many bytes in all will need, or a third of what the machine has to spare.
    pub(crate) fn for_files_of(bytes: u64) -> Self {
        let size = (bytes + bytes / 8).min(available() / 3) as usize;
        Self { size, pages: vec![1; size] }
    }

    /// Lets go of the memory while this is done.
    pub(crate) fn lend<T>(&mut self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        self.pages = Vec::new();
        let outcome = run();
        self.pages = vec![1; self.size];
        outcome
    }
}

/// Bytes of memory that the machine has to spare.
fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes << 10)
}
