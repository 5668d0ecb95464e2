//! A segment file as its writer sees it: bytes to its end, past the system's page cache where that is quicker.
//! What the bytes are belongs in `encoder`; which segment is next, in `run`.
//!
//! Copying into the page cache costs a processor more than anything else that a chunk goes through, and many
//! times more on a virtual machine that must be given each new page by its host. So a large chunk that is
//! aligned in memory and in the file goes to the disk directly, unless the disk turns out to be slow: then the
//! page cache takes what comes faster than the disk does.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::encoder::BLOCK;

/// Slower than this a disk does better behind the page cache, in bytes per second.
const SLOW: u64 = 250 << 20;
/// How far behind that a disk may fall, over a segment.
const GRACE: Duration = Duration::from_millis(100);

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    file: File,
    length: u64,
    direct: Option<Direct>,
}

/// The same file, opened to be written past the page cache.
#[derive(Debug)]
struct Direct {
    file: File,
    /// How much longer it took so far than a slow disk may take.
    late: Duration,
}

impl SegmentFile {
    /// Creates the file, or empties it.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        let direct = open_direct(path).ok().map(|file| Direct { file, late: Duration::ZERO });
        Ok(SegmentFile { file, length: 0, direct })
    }

    /// For whoever makes it durable.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// How long it is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds `bytes` at the end. After an error nothing of them is in the file.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match &mut self.direct {
            Some(direct) if is_aligned(bytes, self.length) => match direct.write(self.length, bytes) {
                Ok(quick) => {
                    self.direct.take_if(|_| !quick);
                    Ok(())
                }
                Err(_) => {
                    self.direct = None; // a file system may know the way and yet not let it be gone
                    write_at(&self.file, self.length, bytes)
                }
            },
            _ => write_at(&self.file, self.length, bytes),
        };
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            // What was written of it would be taken for damage; a file that cannot shrink either is cut at recovery.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }
}

impl Direct {
    /// Writes at `offset`, and tells whether the disk is quick enough to go on like this.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<bool> {
        let begun = Instant::now();
        write_at(&self.file, offset, bytes)?;
        let allowed = Duration::from_nanos(bytes.len() as u64 * 1_000_000_000 / SLOW);
        self.late = (self.late + begun.elapsed()).saturating_sub(allowed);
        Ok(self.late < GRACE)
    }
}

fn write_at(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

/// What the direct way asks for.
fn is_aligned(bytes: &[u8], offset: u64) -> bool {
    let aligned = |number: usize| number.is_multiple_of(BLOCK);
    aligned(bytes.as_ptr().addr()) && aligned(bytes.len()) && offset.is_multiple_of(BLOCK as u64)
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path)
}

/// Elsewhere the page cache does well, or nothing goes past it.
#[cfg(not(target_os = "linux"))]
fn open_direct(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Buffer;

    /// A MiB that may go to the disk directly.
    fn large() -> Buffer {
        let mut buffer = Buffer::aligned(1 << 20);
        buffer.bytes_mut().extend((0..1 << 20).map(|i: u32| (i / 4096) as u8));
        buffer
    }

    fn in_a_folder() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("000001.pcapng");
        (folder, path)
    }

    /// Whether this file system has the direct way, and not only says so.
    fn has_direct_way(path: &Path) -> bool {
        std::fs::write(path, "").expect("a file");
        open_direct(path).and_then(|file| write_at(&file, 0, &large().content()[..BLOCK])).is_ok()
    }

    #[test]
    fn large_and_small_pieces_end_up_in_order() {
        let (_folder, path) = in_a_folder();
        let has_direct_way = has_direct_way(&path);
        let mut segment = SegmentFile::create(&path).expect("a file");
        let (buffer, mut expected, begun) = (large(), Vec::new(), Instant::now());
        for piece in [BLOCK, 1 << 20, 100, 1 << 20, BLOCK - 100, 1 << 20, 1 << 18] {
            segment.append(&buffer.content()[..piece]).expect("room");
            expected.extend_from_slice(&buffer.content()[..piece]);
        }
        assert_eq!(segment.length(), expected.len() as u64);
        assert!(std::fs::read(&path).expect("the file") == expected);
        if has_direct_way && begun.elapsed() < GRACE {
            assert!(segment.direct.is_some(), "it is kept as long as the disk is quick");
        }
    }

    #[test]
    fn what_is_large_goes_past_the_page_cache() {
        let (_folder, path) = in_a_folder();
        if !has_direct_way(&path) {
            return;
        }
        let mut segment = SegmentFile::create(&path).expect("a file");
        segment.file = File::open(&path).expect("the file"); // nothing can be written the other way
        let buffer = large();
        segment.append(buffer.content()).expect("the direct way");
        segment.append(b"small").expect_err("not for what is small");
        assert_eq!(segment.length(), 1 << 20);
        assert!(std::fs::read(&path).expect("the file") == buffer.content());
    }

    #[test]
    fn where_the_direct_way_fails_the_page_cache_takes_it() {
        let (_folder, path) = in_a_folder();
        let mut segment = SegmentFile::create(&path).expect("a file");
        let refusing = File::open(&path).expect("the file"); // only to be read
        segment.direct = Some(Direct { file: refusing, late: Duration::ZERO });
        let buffer = large();
        for _ in 0..2 {
            segment.append(buffer.content()).expect("the page cache has room");
            assert!(segment.direct.is_none());
        }
        assert_eq!(segment.length(), 2 << 20);
        assert!(std::fs::read(&path).expect("the file") == [buffer.content(), buffer.content()].concat());
    }

    #[test]
    fn a_slow_disk_is_left_to_the_page_cache() {
        let (_folder, path) = in_a_folder();
        let mut segment = SegmentFile::create(&path).expect("a file");
        let file = OpenOptions::new().write(true).open(&path).expect("the file");
        segment.direct = Some(Direct { file, late: GRACE + Duration::from_secs(1) });
        let buffer = large();
        segment.append(buffer.content()).expect("room");
        assert!(segment.direct.is_none());
        segment.append(buffer.content()).expect("room");
        assert_eq!(segment.length(), 2 << 20);
        assert!(std::fs::read(&path).expect("the file") == [buffer.content(), buffer.content()].concat());
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
        let mut segment = SegmentFile { file: full, length: 0, direct: None };
        segment.append(b"anything").expect_err("no room");
        assert_eq!(segment.length(), 0);
    }
}
