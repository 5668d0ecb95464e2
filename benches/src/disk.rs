//! How fast the disk takes bytes that go past the file cache, one piece after the other.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rustix::fs::OFlags;

/// How much is written at a time.
const PIECE: usize = 2 << 20;
/// What the address of a piece is a multiple of: that of a page is enough, and larger ones may be in one.
const ALIGNED_TO: usize = PIECE;

/// Writes so many bytes, rounded up to whole pieces, to a file in this folder, and removes it; gives GB/s.
pub(crate) fn write_directly(folder: &Path, bytes: u64) -> Result<f64> {
    let path = folder.join("direct.raw");
    let flags = OFlags::DIRECT.bits().cast_signed();
    let file = OpenOptions::new().write(true).create_new(true).custom_flags(flags).open(&path);
    let outcome = file.map_err(Into::into).and_then(|file| fill(file, bytes));
    let _ = std::fs::remove_file(&path); // it may not have come to be
    outcome
}

fn fill(mut file: File, bytes: u64) -> Result<f64> {
    let memory = vec![7; PIECE + ALIGNED_TO];
    let start = memory.as_ptr().addr().next_multiple_of(ALIGNED_TO) - memory.as_ptr().addr();
    let piece = &memory[start..start + PIECE];
    let pieces = bytes.div_ceil(PIECE as u64);
    let begun = Instant::now();
    for _ in 0..pieces {
        file.write_all(piece)?;
    }
    Ok((pieces * PIECE as u64) as f64 / begun.elapsed().as_secs_f64() / 1e9)
}
