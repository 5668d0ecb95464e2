//! Writing under difficulties, recovery and retention.

use super::*;
use crate::cursor::totals;
use crate::encoder::{MARK_LEN, write_mark};
use crate::kit::{Growing, records};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_segment_that_cannot_begin_leaves_the_one_before_whole() {
    let folder = folder();
    let mut growing = Growing::new(folder.path(), 1);
    growing.write(3);
    let (run, chunk) = (growing.run(), growing.chunk(2));
    let obstacle = run.segment_path(2);
    fs::create_dir(&obstacle).expect("a folder in its place");
    for _ in 0..3 {
        let error = growing.writer.write(&chunk).expect_err("in the way");
        assert!(matches!(error, RunError::Io { operation: "create", .. }), "{error}");
    }
    fs::remove_dir(&obstacle).expect("out of the way");
    assert_eq!(growing.writer.write(&chunk).expect("written").segment, 2);
    growing.finish();
    let first = run.segment_path(1);
    let index = Index::saved(&first, file_len(&first).expect("a segment")).expect("a sidecar");
    assert_eq!(index.totals.records, 3);
    assert_eq!((totals(&run).expect("a run").records, records(&run)), (5, vec![1, 2, 3, 4, 5]));
}

#[test]
fn large_chunks_end_where_a_block_of_the_disk_does_and_read_back() {
    let folder = folder();
    let mut growing = Growing::new(folder.path(), u64::MAX);
    let mut expected = 0;
    for records in [1, 4000, 4001, 4002, 3, 4003] {
        let end = growing.write(records).offset;
        assert!(records < 100 || end.is_multiple_of(4096), "{records} records end at {end}");
        expected += records;
    }
    let run = growing.finish();
    assert_eq!(records(&run), (1..=expected).collect::<Vec<_>>());
    assert_eq!(run.recover().expect("a run"), 0);
}

/// A run of two chunks in one segment whose writer died, with the lengths after each.
fn two_chunks(captures: &Path) -> (Run, u64, u64) {
    let mut growing = Growing::new(captures, 1 << 20);
    let [first, second] = [2, 2].map(|records| growing.write(records).offset);
    (growing.die(), first, second)
}

#[test]
fn a_torn_chunk_is_cut_off_wherever_it_ends() {
    let folder = folder();
    let (run, first, second) = two_chunks(folder.path());
    let path = run.segment_path(1);
    let whole = fs::read(&path).expect("a segment");
    for length in first..=second {
        fs::write(&path, &whole[..length as usize]).expect("torn");
        let (good, seen): (_, &[u64]) = if length < second { (first, &[1, 2]) } else { (second, &[1, 2, 3, 4]) };
        assert_eq!(run.recover().expect("a run"), length - good);
        assert_eq!(file_len(&path).expect("a segment"), good);
        assert_eq!(run.recover().expect("a run"), 0);
        assert_eq!(records(&run), seen);
        fs::remove_file(path.with_extension("idx")).unwrap_or_default();
    }
}

#[test]
fn garbage_at_the_end_is_cut_off() {
    let folder = folder();
    let (run, first, second) = two_chunks(folder.path());
    let path = run.segment_path(1);
    let whole = fs::read(&path).expect("a segment");
    for garbage in [&[0; 5000][..], &[0xFF; 13], &whole, &whole[first as usize..second as usize - 1]] {
        fs::write(&path, [&whole, garbage].concat()).expect("written");
        let kept = second + if garbage == whole { second } else { 0 }; // the marks of a copy hold as well
        assert_eq!(run.recover().expect("a run"), second + garbage.len() as u64 - kept);
    }
    let mut flipped = whole.clone();
    flipped[first as usize + 50] ^= 1;
    fs::write(&path, &flipped).expect("written");
    assert_eq!(run.recover().expect("a run"), second - first);
}

/// Where the third of five chunks begins, what to change there, and what that is.
fn damages(mark: u64) -> [(u64, &'static str); 5] {
    [
        (40, "a payload"),
        (mark, "the type of a mark"),
        (mark + 4, "the length of a mark"),
        (mark + 24, "the checksum of a mark"),
        (4, "the length of a block"),
    ]
}

#[test]
fn what_stands_behind_damage_is_not_cut_off() {
    for n in 0..5 {
        let folder = folder();
        let mut growing = Growing::new(folder.path(), 1 << 20);
        let ends = [1, 2, 3, 4, 5].map(|records| growing.write(records).offset);
        let run = growing.die();
        let path = run.segment_path(1);
        for chunk in 1..4 {
            let start = ends[chunk - 1];
            let (at, what) = damages(ends[chunk] - start - 36)[n];
            let whole = fs::read(&path).expect("a segment");
            for torn in [&[][..], &[6, 0, 0, 0, 200, 0, 0, 0, 1, 2, 3]] {
                let mut bytes = [&whole, torn].concat();
                bytes[(start + at) as usize] ^= 1;
                fs::write(&path, &bytes).expect("written");
                assert_eq!(run.recover().expect("a run"), 0, "{what} in chunk {chunk}");
                let error = totals(&run).expect_err("damaged");
                assert!(matches!(error, RunError::Damaged { offset, .. } if offset >= start), "{what}: {error}");
                assert_eq!(fs::read(&path).expect("still there"), bytes, "{what} in chunk {chunk}");
            }
            fs::write(&path, whole).expect("written");
        }
    }
}

#[test]
fn a_mark_within_what_was_torn_does_not_save_it() {
    let folder = folder();
    let (run, first, second) = two_chunks(folder.path());
    let path = run.segment_path(1);
    let whole = fs::read(&path).expect("a segment");
    // A packet of 1000 bytes was being written that holds a capture of our own: its records are long known.
    let head = [6u32, 1000].map(u32::to_le_bytes).concat();
    let torn = [&head, &whole[..first as usize]].concat();
    fs::write(&path, [&whole, &torn[..]].concat()).expect("written");
    assert_eq!(run.recover().expect("a run"), torn.len() as u64);
    assert_eq!(file_len(&path).expect("a segment"), second);
}

#[test]
fn a_mark_is_found_far_behind_and_across_reads() {
    let folder = folder();
    let (run, first, second) = two_chunks(folder.path());
    let path = run.segment_path(1);
    let whole = fs::read(&path).expect("a segment");
    let window = 256 << 10;
    for length in (window - 80..window + 8).step_by(4) {
        let (good, rest) = whole.split_at(first as usize);
        let bytes = [good, &vec![0; length - first as usize], &rest[rest.len() - 36..]].concat();
        fs::write(&path, &bytes).expect("written");
        assert_eq!(run.recover().expect("a run"), 0, "a mark at {length}");
        assert_eq!(run.readable(&path, 0).expect("a segment"), bytes.len() as u64);
    }
    assert!(second > first);
}

#[test]
fn an_empty_file_is_no_capture() {
    let folder = folder();
    let path = folder.path().join("empty.pcapng");
    fs::write(&path, []).expect("written");
    let error = totals(&Run::at(path)).expect_err("nothing in it");
    assert!(matches!(error, RunError::Foreign { why: Foreign::NotPcapng, .. }), "{error}");
}

#[test]
fn a_folder_of_runs_is_told_from_a_run() {
    let folder = folder();
    Growing::new(folder.path(), 1).finish();
    let (elsewhere, name) = (folder.path().join("no"), folder.path().to_str().expect("UTF-8"));
    let error = Run::find(&elsewhere, Some(name)).expect_err("no run");
    assert!(error.to_string().ends_with(&format!("`--capture {name}` reads them")), "{error}");
    let error = Run::find(folder.path(), Some("x")).expect_err("no run");
    assert!(matches!(error, RunError::NoSuchRun { .. }), "{error}");
}

#[test]
fn a_run_that_ended_well_is_not_walked() {
    let folder = folder();
    let mut growing = Growing::new(folder.path(), 1 << 20);
    growing.write(2);
    let run = growing.finish();
    let path = run.segment_path(1);
    let mut bytes = fs::read(&path).expect("a segment");
    *bytes.last_mut().expect("a mark") ^= 1;
    fs::write(&path, &bytes).expect("written");
    assert_eq!(run.recover().expect("a run"), 0, "its index vouches for it");
    fs::remove_file(path.with_extension("idx")).expect("a sidecar");
    assert_eq!(run.recover().expect("a run"), bytes.len() as u64);
}

#[test]
fn a_live_run_is_not_recovered() {
    let folder = folder();
    let mut growing = Growing::new(folder.path(), 1 << 20);
    growing.write(2);
    io::Write::write_all(&mut growing.writer.file(), &[6, 0, 0]).expect("half a block");
    assert_eq!((growing.run().recover().expect("a run"), records(&growing.run())), (0, vec![1, 2]));
}

fn numbers(run: &Run) -> Vec<u32> {
    run.segments().map(|segments| segments.iter().map(|segment| segment.number).collect()).unwrap_or_default()
}

#[test]
fn retention_spares_what_is_live_and_goes_on_past_what_it_cannot_remove() {
    let folder = folder();
    let mut over = Growing::named(folder.path(), "a", 1);
    over.write_each(3);
    let over = over.finish();
    let mut live = Growing::named(folder.path(), "b", 1);
    live.write_each(5);
    let stubborn = live.run().segment_path(2);
    fs::remove_file(&stubborn).expect("a segment");
    fs::create_dir(&stubborn).expect("what is no file cannot be removed as one");
    let none = Retention { bytes: 0, age: None };
    let removed = none.apply(folder.path(), SystemTime::now()).expect("a folder");
    assert_eq!(removed.len(), 3 + 2);
    assert_eq!((over.path().exists(), numbers(&live.run())), (false, vec![2, 4, 5]));
    let live = live.finish();
    none.apply(folder.path(), SystemTime::now()).expect("a folder");
    assert_eq!(numbers(&live), [2]);
}

#[test]
fn retention_takes_the_oldest_until_the_rest_fits() {
    let folder = folder();
    let mut growing = Growing::new(folder.path(), 1);
    growing.write_each(4);
    let run = growing.finish();
    for number in 1..=4 {
        let file = File::options().append(true).open(run.segment_path(number)).expect("a segment");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(number) * 100);
        file.set_modified(at).expect("a time");
    }
    let length = |number| file_len(&run.segment_path(number)).expect("a segment");
    let two = Retention { bytes: length(3) + length(4), age: None };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(450);
    assert_eq!(two.apply(folder.path(), now).expect("a folder").len(), 2);
    assert_eq!(numbers(&run), [3, 4]);
    assert!(two.apply(folder.path(), now).expect("a folder").is_empty());
    let young = Retention { age: Some(Duration::from_secs(100)), ..two };
    young.apply(folder.path(), now).expect("a folder");
    assert_eq!(numbers(&run), [4]);
}

#[test]
fn what_is_spared_counts_as_well() {
    let folder = folder();
    let mut over = Growing::named(folder.path(), "a", 1);
    over.write_each(3);
    let over = over.finish();
    let mut live = Growing::named(folder.path(), "b", 1);
    live.write_each(2);
    let all = |run: &Run| -> u64 {
        run.segments().expect("a run").iter().map(|s| file_len(&s.path).expect("a segment")).sum()
    };
    let live_bytes = all(&live.run());
    let just = Retention { bytes: live_bytes + all(&over), age: None };
    assert!(just.apply(folder.path(), SystemTime::now()).expect("a folder").is_empty());
    let less = Retention { bytes: just.bytes - 1, age: None };
    assert_eq!(less.apply(folder.path(), SystemTime::now()).expect("a folder").len(), 1);
    let little = Retention { bytes: live_bytes, age: None };
    assert_eq!(little.apply(folder.path(), SystemTime::now()).expect("a folder").len(), 2);
    assert_eq!((over.path().exists(), numbers(&live.run())), (false, vec![1, 2]));
}

#[test]
fn a_capture_of_the_format_before_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut growing = Growing::new(folder.path(), 1 << 20);
    growing.write(3);
    let run = growing.die();
    let path = run.segment_path(1);
    let mut bytes = fs::read(&path).expect("a segment");
    let format = bytes.windows(8).position(|text| text == b"format=2").expect("its head");
    for (number, is_read) in [(b'1', true), (b'3', false)] {
        bytes[format + 7] = number;
        bytes.truncate(bytes.len() - MARK_LEN);
        let checksum = crc32c::crc32c(&bytes);
        write_mark(&mut bytes, 1, 3, checksum);
        fs::write(&path, &bytes).expect("written");
        match is_read {
            true => assert_eq!(records(&run), [1, 2, 3]),
            false => assert!(matches!(run.recover(), Err(RunError::Foreign { why: Foreign::Format(_), .. }))),
        }
    }
}
