//! For tests: what every reader makes of a finished run of which something was removed or changed.

use std::fs;
use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::cursor::{Cursor, Next, totals};
use crate::export::{ExportError, ExportSummary, Filter, Format, export};
use crate::index::sidecar;
use crate::kit::{Given, Growing, next, records};
use crate::live::Position;
use crate::run::{Gap, Run, RunError, file_len};
use crate::search::{Needle, Query, Summary, search};
use crate::show::Clock;
use crate::text::Encoding;

/// Before the checksum in a mark stand its kind and length, 8 bytes, and its ids, 16; after it the flags, 4, and the
/// length again. Nothing vouches for ids and flags, and nobody reads them.
const MARK: u64 = 36;

fn exported(run: &Run, format: Format) -> (Result<ExportSummary, ExportError>, Vec<u8>) {
    let mut out = Vec::new();
    (export(run, format, &Filter::default(), Encoding::default(), Clock::utc(), &mut out), out)
}

fn query(peers: Option<&str>) -> Query {
    let peers = peers.map(|peer| vec![peer.parse().expect("a peer")]);
    Query { needle: Needle::Bytes(vec![0; 7]), peers, side: None }
}

fn searched(run: &Run, query: &Query) -> Result<Summary, RunError> {
    search(run, query, &mut |_| ControlFlow::Continue(()))
}

/// The numbers of all records that can be had, and what ended them: `None` for the run's end.
fn walked(run: &Run, from: u64) -> (Vec<u64>, Option<RunError>) {
    let mut cursor = match Cursor::open(run.clone(), from) {
        Ok(cursor) => cursor,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut seen = Vec::new();
    loop {
        match cursor.next() {
            Ok(Next::Record(record)) => seen.push(record.seq),
            Ok(_) => return (seen, None),
            Err(error) if error.gap().is_some() => {}
            Err(error) => return (seen, Some(error)),
        }
    }
}

/// A run of eight segments of one record, the first three and two in the middle removed.
fn thinned_out() -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut growing = Growing::new(folder.path(), 1);
    growing.write_each(8);
    let run = growing.finish();
    [1, 2, 3, 5, 6].iter().for_each(|number| fs::remove_file(run.segment_path(*number)).expect("a segment"));
    (folder, run)
}

const GAPS: [Gap; 2] = [Gap { from: 1, to: 3 }, Gap { from: 5, to: 6 }];

#[test]
fn every_export_goes_on_after_a_gap_and_tells_it() {
    let (folder, run) = thinned_out();
    let left = [4, 7, 8];
    for format in Format::ALL {
        let (summary, out) = exported(&run, format);
        let summary = summary.expect("a run");
        assert_eq!((summary.records, &summary.gaps[..]), (3, &GAPS[..]), "{format}");
        let text = String::from_utf8_lossy(&out);
        match format {
            Format::Raw => assert_eq!(out, left.map(u64::to_le_bytes).concat()),
            Format::Jsonl | Format::Txt => assert_eq!(text.lines().count(), 3, "{text}"),
            Format::Pcapng => {
                let file = folder.path().join("one.pcapng");
                fs::write(&file, &out).expect("written");
                assert_eq!(records(&Run::at(file)), left, "a single file leaves out what it likes");
            }
            Format::Csv | Format::Netassist => {}
        }
    }
}

#[test]
fn search_and_totals_go_on_after_a_gap_and_tell_it() {
    let (_folder, run) = thinned_out();
    for peers in [None, Some("e1.1"), Some("e1.2")] {
        let summary = searched(&run, &query(peers)).expect("a run");
        let hits = if peers == Some("e1.2") { 0 } else { 3 };
        assert_eq!((summary.hits, &summary.gaps[..]), (hits, &GAPS[..]), "{peers:?}");
    }
    let totals = totals(&run).expect("a run");
    assert_eq!((totals.records, &totals.gaps[..]), (3, &GAPS[..]));
}

#[test]
fn a_peers_quiet_stretches_are_no_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut growing = Growing::new(folder.path(), 1500);
    for _ in 0..60 {
        growing.write(3);
    }
    let run = growing.finish();
    for peers in [None, Some("e1.1"), Some("e1.2")] {
        assert_eq!(searched(&run, &query(peers)).expect("a run").gaps, [], "{peers:?}");
    }
    assert_eq!(totals(&run).expect("a run").gaps, []);
}

/// A finished run of segments so long, each of a few chunks, and where each chunk ends.
fn chunks(segment_bytes: u64, frames: bool) -> (tempfile::TempDir, Run, Vec<Position>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut growing = Growing::new(folder.path(), segment_bytes);
    if frames {
        growing.add_link();
    }
    let ends = (0..12).map(|turn| growing.write(1 + turn % 3)).collect();
    (folder, growing.finish(), ends)
}

/// Flips a bit, counted over all segments of the run. Gives the last record before the chunk it is in,
/// and whether it is one of those for which nobody vouches.
fn flip(run: &Run, ends: &[Position], bit: usize) -> (u64, bool) {
    let mut at = (bit / 8) as u64;
    for (n, end) in ends.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| ends[n]).unwrap_or_default();
        let start = if before.segment == end.segment { before.offset } else { 0 };
        if at < end.offset - start {
            let path = run.segment_path(end.segment);
            let mut bytes = fs::read(&path).expect("a segment");
            bytes[(start + at) as usize] ^= 1 << (bit % 8);
            fs::write(&path, bytes).expect("written");
            let within_mark = (start + at + MARK).checked_sub(end.offset);
            return (before.last_seq, within_mark.is_some_and(|at| matches!(at, 8..24 | 28..32)));
        }
        at -= end.offset - start;
    }
    unreachable!("the bit is in the run")
}

fn length(ends: &[Position]) -> u64 {
    ends.iter().zip(ends.iter().skip(1).map(Some).chain([None])).fold(0, |sum, (end, next)| {
        let is_last = next.is_none_or(|next| next.segment != end.segment);
        sum + if is_last { end.offset } else { 0 }
    })
}

/// The last record of all segments but the last.
fn last_of_segments_before(ends: &[Position]) -> u64 {
    let last = ends.last().map_or(0, |end| end.segment);
    ends.iter().rfind(|end| end.segment < last).map_or(0, |end| end.last_seq)
}

fn is_told(error: &RunError) -> bool {
    // The first block of a segment says whose it is and in which format.
    error.gap().is_none() && matches!(error, RunError::Damaged { .. } | RunError::Foreign { .. })
}

fn sizes(run: &Run) -> Vec<u64> {
    let segments = run.segments().expect("a run");
    segments.iter().map(|segment| file_len(&segment.path).expect("a segment")).collect()
}

/// Every way to look at a run.
fn look_at(run: &Run) -> Vec<Result<(), RunError>> {
    let exported = |format| match exported(run, format).0 {
        Err(ExportError::Run(error)) => Err(error),
        Err(ExportError::Write(error)) => panic!("memory cannot be written to: {error}"),
        Ok(_) => Ok(()),
    };
    let walked = |from| walked(run, from).1.map_or(Ok(()), Err);
    let mut seen = vec![totals(run).map(drop), walked(1), followed(run), run.recover().map(drop)];
    seen.extend([None, Some("e1.1")].map(|peers| searched(run, &query(peers)).map(drop)));
    seen.extend(Format::ALL.map(exported));
    seen
}

/// How following a run that is over ends.
fn followed(run: &Run) -> Result<(), RunError> {
    let mut cursor = Cursor::follow(run.clone(), 1)?;
    loop {
        match cursor.next() {
            Ok(Next::Record(_)) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.gap().is_some() => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the last chunk of all is told by, if nothing but its own mark stands behind the damage.
fn is_in_the_last(good: u64, ends: &[Position]) -> bool {
    ends.len().checked_sub(2).is_some_and(|n| ends[n].last_seq == good)
}

/// Checks that no reader takes anything good from a run without an index in which one bit has changed,
/// and that all tell of it unless it is where a writer may have died.
fn check_unindexed(
    segment_bytes: u64,
    frames: bool,
    place: prop::sample::Index,
    tail: &[u8],
) -> Result<(), TestCaseError> {
    let (_folder, run, ends) = chunks(segment_bytes, frames);
    let last = *ends.last().expect("a chunk");
    (1..=last.segment).for_each(|number| fs::remove_file(sidecar(&run.segment_path(number))).expect("a sidecar"));
    let (good, is_idle) = flip(&run, &ends, place.index(length(&ends) as usize * 8));
    let whole = sizes(&run);
    let path = run.segment_path(last.segment);
    let bytes = fs::read(&path).expect("a segment");
    fs::write(&path, [&bytes, tail].concat()).expect("written");
    let in_last = !is_idle && is_in_the_last(good, &ends);
    let marked = if in_last { ends[ends.len() - 2] } else { last };
    let least = if marked.segment == last.segment { marked.offset } else { 0 };
    for _ in 0..2 {
        for (n, seen) in look_at(&run).into_iter().enumerate() {
            let is_recovery = n == 3; // which has nothing to say of damage
            let is_damaged = !is_idle && !in_last && !is_recovery;
            prop_assert!(!is_damaged || seen.as_ref().is_err_and(is_told), "look {n}: {seen:?}");
            prop_assert!(!is_idle || seen.is_ok(), "look {n}: {seen:?}");
            let (left, at_end) = (sizes(&run), last.segment as usize - 1);
            prop_assert_eq!(&left[..at_end], &whole[..at_end]);
            prop_assert!(left[at_end] >= least, "look {n} cut {whole:?} to {left:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_reader_takes_what_stands_behind_a_changed_bit(
        place in any::<prop::sample::Index>(), in_one: bool, frames: bool, torn in 0usize..200
    ) {
        // What a writer that died left at the end: the first bytes of a packet of 200.
        let mut tail = [6u32, 200, 0].map(u32::to_le_bytes).concat();
        tail.resize(torn, 0x61);
        check_unindexed(if in_one { u64::MAX } else { 2000 }, frames, place, &tail)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_changed_bit_is_told_after_all_that_is_good_before_it(
        place in any::<prop::sample::Index>(), indexed: bool, frames: bool
    ) {
        let (folder, run, ends) = chunks(2000, frames);
        let last = ends.last().expect("a chunk");
        if !indexed {
            (1..last.segment).for_each(|number| fs::remove_file(sidecar(&run.segment_path(number))).expect("a sidecar"));
        }
        let (good, is_idle) = flip(&run, &ends, place.index(length(&ends) as usize * 8));
        for from in [1, good, last.last_seq / 2] {
            let (seen, end) = walked(&run, from.max(1));
            if is_idle {
                prop_assert!(seen.iter().copied().eq(from.max(1)..=last.last_seq) && end.is_none());
                continue;
            }
            // Not by number: of a damaged chunk's records, that may be what is damaged.
            let (before, rest) = seen.split_at(seen.len().min((good + 1).saturating_sub(from.max(1)) as usize));
            if from <= good {
                prop_assert!(before.iter().copied().eq(from.max(1)..=good), "{before:?} {end:?}");
            }
            prop_assert!(from > 1 || end.as_ref().is_some_and(is_told), "{before:?} and {rest:?}, then {end:?}");
        }
        for peers in [None, Some("e1.1")] {
            let found = searched(&run, &query(peers));
            prop_assert!(if is_idle { found.is_ok() } else { found.as_ref().is_err_and(is_told) }, "{found:?}");
        }
        let (counted, is_read) = (totals(&run), !indexed && good < last_of_segments_before(&ends));
        prop_assert_eq!(counted.is_err(), is_read && !is_idle, "{:?}", counted);
        for format in Format::ALL {
            let (summary, out) = exported(&run, format);
            prop_assert_eq!(summary.is_ok(), is_idle, "{}: {:?}", format, summary);
            if format == Format::Pcapng && !is_idle && good == 0 {
                prop_assert!(out.is_empty(), "nothing is good, and an empty file is no capture");
            } else if format == Format::Pcapng && !is_idle {
                let file = folder.path().join("one.pcapng");
                fs::write(&file, out).expect("written");
                let mut cursor = Cursor::open(Run::at(file), 1).expect("a capture file");
                for seq in 1..=good {
                    prop_assert_eq!(next(&mut cursor).expect("a good record"), Given::Record(seq));
                }
                prop_assert_eq!(next(&mut cursor).expect("the end"), Given::End, "nothing vouches for the rest");
            }
        }
    }
}
