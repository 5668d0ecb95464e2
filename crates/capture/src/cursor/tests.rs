//! Readers of a run that grows, rotates and is thinned out under them.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::*;
use crate::encoder::{Buffer, Chunk};
use crate::kit::{Given, Growing, chunk, encoder, frame, next, records, rest};
use crate::record::Timestamp;
use crate::run::RunWriter;

const LONG: Duration = Duration::from_secs(10);
/// The last record of a run with many segments.
const LAST: u64 = 3000;

fn growing(segment_bytes: u64) -> (tempfile::TempDir, Growing) {
    let folder = tempfile::tempdir().expect("a folder");
    let growing = Growing::new(folder.path(), segment_bytes);
    (folder, growing)
}

/// Reads to the end, as fast as it can.
fn read_out(mut cursor: Cursor) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        match next(&mut cursor).expect("a readable run") {
            Given::Record(seq) => seen.push(seq),
            Given::Wait => cursor.wait(Duration::from_millis(5)),
            Given::End => return seen,
        }
    }
}

#[test]
fn every_record_comes_once_while_segments_change() {
    let (_folder, mut growing) = growing(1500);
    let (run, live) = (growing.run(), Arc::new(Live::new(|| {})));
    let written = AtomicU64::new(0);
    let last = thread::scope(|scope| {
        let along = scope.spawn(|| read_out(Cursor::live(run.clone(), Arc::clone(&live), 1).expect("a run")));
        let beside = scope.spawn(|| read_out(Cursor::follow(run.clone(), 1).expect("a run")));
        let middle = scope.spawn(|| {
            loop {
                let before = written.load(Ordering::SeqCst);
                let seen = records(&run);
                assert!(seen.iter().copied().eq(1..=seen.len() as u64), "a gapless prefix");
                assert!(seen.len() as u64 >= before.min(LAST), "{} of {before}", seen.len());
                if before == u64::MAX {
                    return;
                }
            }
        });
        for n in 0..LAST / 2 {
            let position = growing.write(2);
            live.publish(position);
            written.store(position.last_seq, Ordering::SeqCst);
            if n % 16 == 0 {
                thread::sleep(Duration::from_micros(300)); // so that readers catch up now and then
            }
        }
        growing.finish();
        live.end();
        written.store(u64::MAX, Ordering::SeqCst);
        middle.join().expect("prefixes");
        (along.join().expect("all"), beside.join().expect("all"))
    });
    assert!(last.0.into_iter().eq(1..=LAST), "live");
    assert!(last.1.into_iter().eq(1..=LAST), "follow");
    assert!(run.segments().expect("a run").len() > 50);
}

/// Number, endpoint and address of all that comes.
fn known(mut cursor: Cursor) -> Vec<(u64, String, String)> {
    let mut seen = Vec::new();
    while let Next::Record(record) = cursor.next().expect("a readable run") {
        seen.push((record.seq, record.endpoint.to_string(), record.address.to_string()));
    }
    seen
}

#[test]
fn a_reader_begins_amid_the_segment_that_is_being_written() {
    let (_folder, mut growing) = growing(1 << 20);
    let live = Arc::new(Live::new(|| {}));
    for chunk in 0..180 {
        if chunk % 40 == 20 {
            growing.go_on_with(&format!("/tmp/{chunk}"));
        }
        let position = growing.write(100);
        growing.writer.tell_places(&live);
        live.publish(position);
    }
    let (position, _) = live.position();
    assert!(position.segment > 1 && position.offset > 1 << 18, "a segment was sealed, and one is long: {position:?}");
    let open = |from| Cursor::live(growing.run(), Arc::clone(&live), from).expect("a run");
    let all = known(open(1));
    assert_eq!(all.len() as u64, position.last_seq);
    for from in (1..=position.last_seq).step_by(611).chain([position.last_seq - 1, position.last_seq]) {
        assert!(known(open(from)) == all[from as usize - 1..], "{from}");
    }
    let cursor = open(position.last_seq);
    let Source::Disk(disk) = &cursor.source else { panic!("it is on disk") };
    let begun = disk.reader.as_ref().expect("a segment").offset();
    assert!(begun + (1 << 17) > position.offset, "{begun} of {}: it need not walk all of it", position.offset);
}

#[test]
fn a_run_is_read_as_it_was_when_opened() {
    let (_folder, mut growing) = growing(1500);
    growing.write(3);
    let mut cursor = Cursor::open(growing.run(), 1).expect("a run");
    growing.write_each(40);
    assert_eq!(rest(&mut cursor), [1, 2, 3]);
    assert_eq!(next(&mut cursor).expect("a run"), Given::End);
    let mut cursor = Cursor::open(growing.run(), 1).expect("a run");
    growing.finish();
    assert!(rest(&mut cursor).into_iter().eq(1..=43));
}

/// What is written between a reader's last look at a segment and its look for the next is read all the same.
#[test]
fn nothing_is_passed_over_when_a_segment_follows() {
    for is_here in [true, false] {
        let (_folder, mut growing) = growing(1500);
        let live = Arc::new(Live::new(|| {}));
        live.publish(growing.write(1));
        let run = growing.run();
        let opened = if is_here { Cursor::live(run, Arc::clone(&live), 1) } else { Cursor::follow(run, 1) };
        let mut cursor = opened.expect("a run");
        assert_eq!(rest(&mut cursor), [1]);
        let Source::Disk(disk) = &mut cursor.source else { panic!("on disk") };
        assert!(!disk.extend().expect("a segment"));
        let last = loop {
            let position = growing.write(1);
            live.publish(position);
            if position.segment == 2 {
                break position.last_seq;
            }
        };
        assert_eq!(disk.following().expect("a run"), Some(2));
        assert!(disk.extend_to_end().expect("a segment"));
        assert!(rest(&mut cursor).into_iter().eq(2..=last));
    }
}

/// A run of segments of one record each.
fn single_records(count: u64) -> (tempfile::TempDir, Growing) {
    let (folder, mut growing) = growing(1);
    growing.write_each(count);
    (folder, growing)
}

fn remove(run: &Run, segments: impl IntoIterator<Item = u32>) {
    segments.into_iter().for_each(|number| fs::remove_file(run.segment_path(number)).expect("a segment"));
}

#[test]
fn a_gap_is_told_once() {
    let (_folder, growing) = single_records(8);
    let run = growing.run();
    let mut cursors = [Cursor::follow(run.clone(), 1), Cursor::open(run.clone(), 1)].map(|c| c.expect("a run"));
    cursors.iter_mut().for_each(|cursor| assert_eq!(next(cursor).expect("a run"), Given::Record(1)));
    remove(&run, 2..=4);
    growing.finish();
    for cursor in &mut cursors {
        let error = next(cursor).expect_err("records are gone");
        assert_eq!(error.gap(), Some(Gap { from: 2, to: 4 }));
        assert!(error.to_string().ends_with("records 2 to 4 are gone: removed, or never written"), "{error}");
        assert_eq!(cursor.next_seq(), 5);
        assert_eq!(rest(cursor), [5, 6, 7, 8]);
        assert_eq!(next(cursor).expect("a run"), Given::End);
    }
}

#[test]
fn what_was_removed_before_is_a_gap_from_the_first_wanted_on() {
    let (_folder, growing) = single_records(8);
    let run = growing.finish();
    remove(&run, 1..=3);
    for from in 0..=4 {
        let opened = [Cursor::follow(run.clone(), from), Cursor::open(run.clone(), from)];
        for mut cursor in opened.map(|cursor| cursor.expect("a run")) {
            if from < 4 {
                let error = next(&mut cursor).expect_err("records are gone");
                assert_eq!(error.gap(), Some(Gap { from: from.max(1), to: 3 }));
            }
            assert_eq!(rest(&mut cursor), [4, 5, 6, 7, 8]);
        }
    }
    remove(&run, [5, 6]);
    let mut cursor = Cursor::open(run, 8).expect("a run");
    assert_eq!(rest(&mut cursor), [8], "records before the first wanted do not matter");
}

#[test]
fn a_reader_that_retention_has_overtaken_says_what_is_gone_and_ends() {
    let (_folder, mut growing) = single_records(4);
    let run = growing.run();
    let mut cursor = Cursor::open(run.clone(), 1).expect("a run");
    assert_eq!(next(&mut cursor).expect("a run"), Given::Record(1));
    growing.write_each(4);
    remove(&run, 1..=6);
    let error = next(&mut cursor).expect_err("records are gone");
    assert_eq!(error.gap(), Some(Gap { from: 2, to: 6 }));
    assert_eq!(next(&mut cursor).expect("an end"), Given::End);
}

#[test]
fn a_last_segment_that_is_gone_is_an_error() {
    let (_folder, growing) = single_records(3);
    let run = growing.finish();
    let mut cursor = Cursor::open(run.clone(), 1).expect("a run");
    remove(&run, [2, 3]);
    assert_eq!(next(&mut cursor).expect("a run"), Given::Record(1));
    assert!(matches!(next(&mut cursor), Err(RunError::Io { .. })));
}

#[test]
fn reading_begins_anywhere() {
    let (folder, mut growing) = growing(1500);
    growing.write_each(60);
    let run = growing.run();
    for is_over in [false, true] {
        for from in 1..=61 {
            let mut cursor = Cursor::open(run.clone(), from).expect("a run");
            assert!(rest(&mut cursor).into_iter().eq(from..=60), "from {from}");
        }
        let newest = run.segments().expect("a run").pop().expect("a segment");
        assert_eq!(newest.path.with_extension("idx").exists(), is_over, "a growing segment has no sidecar");
        if !is_over {
            let over = std::mem::replace(&mut growing, Growing::named(folder.path(), "other", 1));
            over.finish();
        }
    }
}

#[test]
fn a_reader_ahead_of_the_first_chunk_waits() {
    let (_folder, mut growing) = growing(1500);
    let live = Arc::new(Live::new(|| {}));
    let mut cursor = Cursor::live(growing.run(), Arc::clone(&live), 1).expect("a run");
    assert_eq!(next(&mut cursor).expect("a run"), Given::Wait);
    let begun = Instant::now();
    cursor.wait(Duration::from_millis(60));
    assert!(begun.elapsed() >= Duration::from_millis(60));
    live.publish(growing.write(1));
    cursor.wait(LONG);
    assert!(begun.elapsed() < LONG, "what was told since the look is not waited for");
    assert_eq!(rest(&mut cursor), [1]);
}

/// What a cursor gives: records as `r1`, frames by their times as `f1`.
fn all(cursor: &mut Cursor) -> String {
    let mut seen = Vec::new();
    loop {
        seen.push(match cursor.next().expect("a readable run") {
            Next::Record(record) => format!("r{}", record.seq),
            Next::Frame(frame, link) => format!("f{} {}", frame.at.0, link.name),
            Next::Wait | Next::End => return seen.join(" "),
        });
    }
}

#[test]
fn frames_are_given_to_those_who_want_them_from_where_they_want_them() {
    for segment_bytes in [1, 2000, 1 << 20] {
        let (_folder, mut growing) = growing(segment_bytes);
        growing.write(1);
        growing.add_link();
        (0..3).for_each(|_| _ = growing.write(2));
        let run = growing.run();
        let live = Arc::new(Live::new(|| {}));
        live.publish(growing.write(1));
        for (from, wanted) in [(1, "r1 f2 r2 r3 f4 r4 r5 f6 r6 r7 f8 r8"), (4, "r4 r5 f6 r6 r7 f8 r8"), (8, "r8")] {
            let opened = [
                Cursor::open(run.clone(), from),
                Cursor::follow(run.clone(), from),
                Cursor::live(run.clone(), Arc::clone(&live), from),
            ];
            for mut cursor in opened.map(|cursor| cursor.expect("a run")) {
                cursor.give_frames();
                assert_eq!(all(&mut cursor).replace(" esp32", ""), wanted, "{segment_bytes} {from}");
            }
        }
        assert_eq!(totals(&run).expect("a run").frames(), 4);
        let counted = totals(&growing.finish()).expect("a run");
        let link = &counted.links[0];
        assert_eq!((link.frames, link.bytes, link.dropped, link.left_out), (4, 240, 4, 0));
        assert_eq!((counted.records, counted.packets), (8, 12));
    }
}

/// A segment may have frames alone.
#[test]
fn frames_without_records_are_walked_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut encoder, flow) = encoder(1);
    let link = encoder.add_link("esp32".into(), "a board", [2; 6]);
    let mut chunks: Vec<Chunk> = vec![chunk(&mut encoder, flow, 1)];
    for number in 10..13 {
        encoder.frame(&frame(link, number, b"0123456789abcd"));
        chunks.extend(encoder.seal(Timestamp(0), Buffer::default()));
    }
    chunks.push(chunk(&mut encoder, flow, 1));
    let mut writer = RunWriter::create(folder.path(), "r").expect("a run");
    chunks.iter().for_each(|chunk| _ = writer.write(chunk).expect("written"));
    let run = writer.run().clone();
    writer.finish();
    assert_eq!(run.segments().expect("a run").len(), 5);
    assert_eq!(records(&run), [1, 2]);
    assert_eq!(rest(&mut Cursor::open(run.clone(), 2).expect("a run")), [2]);
    let mut cursor = Cursor::open(run.clone(), 1).expect("a run");
    cursor.give_frames();
    assert_eq!(all(&mut cursor), "r1 f10 esp32 f11 esp32 f12 esp32 r2");
    let counted = totals(&run).expect("a run");
    assert_eq!((counted.frames(), counted.records, counted.gaps), (3, 2, Vec::new()));
}
