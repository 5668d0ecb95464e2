//! Captures that nobody vouches for. The first byte says which of two things the rest is:
//!
//! * even: a segment file, as it is. Whatever reads captures must come to an end or an error, in little memory.
//! * odd: a [`scene`] and what befalls the file of its last segment. Recovery must give back every record up to the
//!   last commit mark before the damage, and nothing that no mark vouches for; and all of the above.
#![no_main]

mod scene;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use regex::bytes::Regex;
use scene::Scene;
use socklab_capture::cursor::{self, Cursor, Next};
use socklab_capture::export::{self, Filter, Format};
use socklab_capture::run::Run;
use socklab_capture::search::{self, Needle, Query};
use socklab_capture::show::{Clock, Form, Printer};
use socklab_capture::text::Encoding;
use socklab_capture::{PeerId, Record};

/// The run's folder, in TMPDIR.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| tempfile::tempdir().expect("a folder").keep());
static REGEX: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s-u)[a-c]+|\xff.*\n|^\x00").expect("an expression"));

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((kind, bytes)) if kind % 2 == 0 => {
            lay_out(&[bytes, bytes]); // recovery looks at the last only
            read_all();
        }
        Some((_, bytes)) => drop(damaged_scene(&mut Unstructured::new(bytes))),
        None => {}
    }
});

fn segment_path(number: usize) -> PathBuf {
    FOLDER.join(format!("{number:06}.pcapng"))
}

fn lay_out<S: AsRef<[u8]>>(segments: &[S]) {
    for entry in fs::read_dir(&*FOLDER).expect("the folder").flatten() {
        fs::remove_file(entry.path()).expect("removed");
    }
    for (index, segment) in segments.iter().enumerate() {
        fs::write(segment_path(index + 1), segment).expect("written");
    }
}

fn damaged_scene(input: &mut Unstructured<'_>) -> Result<()> {
    let mut scene = Scene::play(input)?;
    let segment = scene.segments.last_mut().expect("at least one");
    let whole = segment.clone();
    for _ in 0..input.int_in_range(0..=3)? {
        damage(segment, input)?;
    }
    let same = whole.iter().zip(&*segment).take_while(|(a, b)| a == b).count();
    let vouched = vouched(segment);
    let last = scene.segments.len();
    let intact = scene.marks.iter().rfind(|(number, end, _)| *number < last || *end <= same);
    let (start, count) = intact.map_or((0, 0), |(number, end, count)| (if *number == last { *end } else { 0 }, *count));

    lay_out(&scene.segments);
    let run = Run::at(&*FOLDER);
    let length = scene.segments[last - 1].len();
    assert_eq!(run.recover().expect("recovered"), (length - vouched) as u64);
    assert!(vouched >= start, "a mark before the damage at {same} was lost: {vouched} < {start}");
    let mut seen = 0;
    let end = walk(&run, 1, |record| {
        if let Some(expected) = scene.records[..count].get(seen) {
            assert_eq!(record, expected);
        }
        seen += 1;
    });
    // Damage can forge a mark of its own; then anything may follow.
    assert!(seen == count && end.is_ok() || seen >= count && vouched > start, "{seen} of {count} records, {end:?}");
    lay_out(&scene.segments);
    read_all();
    Ok(())
}

/// What a crash, a bad disk or somebody's editor does to a file.
fn damage(file: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    let at = input.int_in_range(0..=file.len())?;
    let length = input.int_in_range(0..=24)?;
    let bytes = input.bytes(length.min(input.len()))?;
    let end = file.len().min(at + bytes.len());
    match input.int_in_range(0..=4)? {
        0 => file.truncate(at),
        1 => file[at..].fill(0),
        2 => file[at..end].copy_from_slice(&bytes[..end - at]),
        3 => drop(file.splice(at..at, bytes.iter().copied())),
        _ => drop(file.drain(at..end)),
    }
    Ok(())
}

/// How many bytes of a segment its marks vouch for, found apart from the library.
fn vouched(file: &[u8]) -> usize {
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"));
    let (mut good, mut at) = (0, 0);
    while file.len() - at >= 12 {
        let length = number(file, at + 4) as usize;
        let Some(block) = file.get(at..at + length) else { break };
        if length % 4 != 0 || length < 12 || number(block, length - 4) as usize != length {
            break;
        }
        let is_mark = number(block, 0) == 0x8000_0001;
        if is_mark && (length < 32 || number(block, 24) != crc32c::crc32c(&file[good..at])) {
            break;
        }
        at += length;
        good = if is_mark { at } else { good };
    }
    good
}

/// Reads the first segment as a file, which nothing recovers, and then the run, with everything that reads one.
fn read_all() {
    let peer: PeerId = "e1.1".parse().expect("a peer");
    for run in [Run::at(segment_path(1)), Run::at(&*FOLDER)] {
        let mut printer = Printer::new(Form::Both, Encoding::default(), Clock::utc());
        let mut shown = String::new();
        let mut last = 0;
        let _ = walk(&run, 1, |record| {
            shown.clear();
            printer.print(record, &mut shown);
            last = record.seq;
        });
        let _ = cursor::totals(&run).map(|totals| (totals.received(), totals.sent()));
        let _ = walk(&run, last, |_| {}); // by the index
        for (index, format) in Format::ALL.into_iter().enumerate() {
            let filter = Filter { peers: if index % 2 == 0 { Vec::new() } else { vec![peer] } };
            let _ = export::export(&run, format, &filter, Encoding::default(), Clock::utc(), &mut io::sink());
        }
        for (needle, peers) in [(Needle::Bytes(b"ab".into()), None), (Needle::Regex(REGEX.clone()), Some(vec![peer]))] {
            let query = Query { needle, peers, side: None };
            let _ = search::search(&run, &query, &mut |hit| {
                assert!(!hit.matched.is_empty() && hit.context.get(hit.matched.clone()).is_some());
                ControlFlow::Continue(())
            });
        }
    }
}

/// Reads to the end, or to an error, which is told.
fn walk(run: &Run, from: u64, mut each: impl FnMut(&Record<'_>)) -> std::result::Result<(), String> {
    let mut cursor = Cursor::open(run.clone(), from).map_err(|error| error.to_string())?;
    loop {
        match cursor.next().map_err(|error| error.to_string())? {
            Next::Record(record) => each(&record),
            Next::End => return Ok(()),
            Next::Wait => panic!("a run that nobody writes has nothing to wait for"),
        }
    }
}
