//! Captures that nobody vouches for. The first byte says who reads them, and by its lowest bit what the rest is:
//!
//! * 0: a segment file, as it is. Whoever reads it must come to an end or an error, in little memory.
//! * 1: a number that stands for damage, of four bytes, and a [`scene`], of which one file is damaged. The same, and if
//!   the file is the last: recovery must give back every record up to the last commit mark before the damage, and keep
//!   nothing that no mark vouches for.
#![no_main]

mod scene;

use std::fs;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
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

static QUERIES: LazyLock<[Query; 2]> = LazyLock::new(|| {
    let expression = Regex::new(r"(?s-u)[\x00-\x0f]+|\xff.*\n|^a").expect("an expression");
    [
        Query { needle: Needle::Bytes(vec![0; 2]), peers: None, side: None },
        Query { needle: Needle::Regex(expression), peers: Some(vec![peer()]), side: None },
    ]
});

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let (way, run) = (first / 2, Run::at(&*FOLDER));
    if first % 2 == 0 {
        lay_out(&[rest, rest]); // as the last of a run it is cut by recovery, as the first it is not
        read(&Run::at(segment_path(1)), way);
    } else if let Some((number, script)) = rest.split_first_chunk()
        && let Ok(mut scene) = Scene::play(&mut Unstructured::new(script))
    {
        let (file, same) = damage(&mut scene.segments, u32::from_le_bytes(*number)).unwrap_or((1, 0));
        lay_out(&scene.segments);
        read(&Run::at(segment_path(file)), way); // a file by itself is never cut
        if file == scene.segments.len() {
            check_recovery(&run, &scene, same);
        }
    }
    read(&run, way);
});

// What chance alone seldom does: a scene becomes the file that it makes, or comes to other damage and another reader.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed.is_multiple_of(32)
        && size > 5
        && data[0] % 2 == 1
        && let Ok(segments) = Scene::play(&mut Unstructured::new(&data[5..size])).map(|scene| scene.segments)
        && let Some(place) = data[..max_size].get_mut(1..=segments[0].len())
    {
        place.copy_from_slice(&segments[0]);
        data[0] -= 1;
        return 1 + segments[0].len();
    }
    let size = fuzzer_mutate(data, size, max_size);
    if seed.is_multiple_of(3) && size > 5 {
        let number = (seed / 3).wrapping_mul(0x9e37_79b1).to_le_bytes();
        data[0] = data[0] % 2 | number[3] & !1;
        if data[0] % 2 == 1 {
            data[1..5].copy_from_slice(&number);
        }
    }
    size
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

/// Damages one of the files, mostly the last, in the way that `number` stands for. Gives the file, counted from 1, and
/// how many bytes it has before the damage.
fn damage(files: &mut [Vec<u8>], mut number: u32) -> Result<(usize, usize)> {
    let mut random = || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Knuth's generator
        (number >> 24) as u8
    };
    let random: [u8; 256] = std::array::from_fn(|_| random());
    let input = &mut Unstructured::new(&random);
    let at = *input.choose(&[files.len(), files.len(), 1])?;
    let file = &mut files[at - 1];
    let whole = file.clone();
    for _ in 0..input.int_in_range(0..=3)? {
        harm(file, input)?;
    }
    Ok((at, whole.iter().zip(&*file).take_while(|(old, new)| old == new).count()))
}

/// What a crash, a bad disk or somebody's editor does to a file.
fn harm(file: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    let at = place(file, input)?;
    let length = *input.choose(&[1, 2, 4, 8, 20])?;
    let end = file.len().min(at + length);
    let mut bytes = input.bytes(length)?.iter().copied();
    match input.int_in_range(0..=8)? {
        0 => file.truncate(at),
        1 => file[at..].fill(0),
        2 => drop(file.splice(at..at, bytes)),
        3 => drop(file.drain(at..end)),
        4 => file[at..end].fill(0),
        5 => file[at..end].fill(0xff),
        6 => file[at..end].fill_with(|| bytes.next().unwrap_or_default()),
        _ => file[at..end].iter_mut().take(1).for_each(|byte| *byte = bytes.next().unwrap_or_default() % 16),
    }
    Ok(())
}

/// Anywhere, but more often among the numbers at the ends of a block.
fn place(file: &[u8], input: &mut Unstructured<'_>) -> Result<usize> {
    let starts: Vec<usize> = blocks(file).map(|block| block.start).collect();
    if starts.is_empty() || input.ratio(1, 4)? {
        return input.int_in_range(0..=file.len());
    }
    let near = input.choose(&starts)? + 4 * input.int_in_range(0..=31)?;
    Ok(near.saturating_sub(64).min(file.len()))
}

/// Recovers a run whose last segment is as it was written for `same` bytes only.
fn check_recovery(run: &Run, scene: &Scene<'_>, same: usize) {
    let last = scene.segments.len();
    let file = &scene.segments[last - 1];
    let mark = scene.marks.iter().rfind(|mark| mark.segment < last || mark.end <= same);
    let (intact, count) = mark.map_or((0, 0), |mark| (if mark.segment == last { mark.end } else { 0 }, mark.records));
    let vouched = vouched(file);
    assert!(vouched >= intact);
    let cut = match run.recover() {
        Ok(cut) => cut,
        Err(error) => return assert_eq!(count, 0, "{error}"), // not known for ours, and left as it is
    };
    // With good marks behind the damage nothing is cut off: who reads comes to the damage.
    assert!(cut == (file.len() - vouched) as u64 || cut == 0);
    let mut seen = 0;
    let end = walk(run, 1, |record| {
        assert!(seen >= count || scene.records[seen].is(record), "{:?} is now {record:?}", scene.records[seen]);
        seen += 1;
    });
    // Damage may bring a mark of its own, and what that vouches for may be anything.
    let exact = seen == count && end.is_ok();
    assert!(exact || seen >= count && (vouched > intact || cut == 0), "{seen} of {count} records, {end:?}");
}

/// How many bytes of a segment its marks vouch for, found apart from the library.
fn vouched(file: &[u8]) -> usize {
    let mut good = 0;
    for block in blocks(file).filter(|block| number(file, block.start) == 0x8000_0001) {
        if block.len() < 32 || number(file, block.start + 24) != crc32c::crc32c(&file[good..block.start]) {
            break;
        }
        good = block.end;
    }
    good
}

/// Where the whole blocks at the front of a file are.
fn blocks(file: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = (file.len() - at >= 12).then_some(at)?;
        at = start.checked_add(number(file, start + 4) as usize).filter(|end| *end <= file.len())?;
        let length = at - start;
        (length % 4 == 0 && length >= 12 && number(file, at - 4) as usize == length).then_some(start..at)
    })
}

fn number(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*file[at..].first_chunk().expect("four bytes"))
}

/// Reads a run in one of the ways to read one.
fn read(run: &Run, way: u8) {
    match way {
        0..=31 => show(run),
        32..=63 => drop(cursor::totals(run).map(|totals| (totals.received(), totals.sent()))),
        64..=95 => write_out(run, way),
        _ => look_for(run, &QUERIES[usize::from(way % 2)]),
    }
}

fn show(run: &Run) {
    let mut printer = Printer::new(Form::Both, Encoding::default(), Clock::utc());
    let (mut shown, mut last) = (String::new(), 0);
    let _ = walk(run, 1, |record| {
        shown.clear();
        printer.print(record, &mut shown);
        last = record.seq;
    });
    let _ = walk(run, last, |_| {}); // by the index
}

fn write_out(run: &Run, way: u8) {
    let format = Format::ALL[usize::from(way / 2) % Format::ALL.len()];
    let filter = Filter { peers: if way % 2 == 0 { Vec::new() } else { vec![peer()] } };
    let _ = export::export(run, format, &filter, Encoding::default(), Clock::utc(), &mut io::sink());
}

fn look_for(run: &Run, query: &Query) {
    let _ = cursor::totals(run); // makes the index, which a search goes by
    let _ = search::search(run, query, &mut |hit| {
        assert!(!hit.matched.is_empty() && hit.context.get(hit.matched.clone()).is_some());
        ControlFlow::Continue(())
    });
}

fn peer() -> PeerId {
    "e1.1".parse().expect("a peer")
}

/// Reads to the end, or to an error, which is told.
fn walk(run: &Run, from: u64, mut each: impl FnMut(&Record<'_>)) -> std::result::Result<(), String> {
    let mut cursor = Cursor::open(run.clone(), from).map_err(|error| error.to_string())?;
    cursor.give_frames();
    loop {
        match cursor.next() {
            Ok(Next::Record(record)) => each(&record),
            Ok(Next::End) => return Ok(()),
            Ok(Next::Frame(frame, link)) => {
                let mut shown = String::new();
                Printer::new(Form::Both, Encoding::default(), Clock::utc())
                    .print_frame(&frame, &link.name, "", &mut shown);
                assert!(shown.ends_with('\n'));
            }
            Ok(Next::Wait) => panic!("a run that nobody writes has nothing to wait for"),
            Err(error) if error.gap().is_some() => {} // it goes on after that
            Err(error) => return Err(error.to_string()),
        }
    }
}
