//! What is told of frames: each at the end of every link, and once to those who leave out what repeats.

use bytes::Bytes;
use proptest::prelude::*;
use socklab_lan::{Direction, Event, Faults, Lan, Mac, PortId, Reason, Time, Verdict};

use crate::frames::{Cable, frame};

/// What is told of each frame, but what repeats.
fn told(lan: &mut Lan) -> Vec<(PortId, Direction, Verdict, Bytes)> {
    let mut told = Vec::new();
    while let Some(event) = lan.poll_event() {
        if let Event::Frame { port, direction, verdict, frame, repeats: false, .. } = event {
            told.push((port, direction, verdict, frame));
        }
    }
    told
}

/// Sends these at one moment and waits until nothing is under way.
fn send(
    cable: &mut Cable,
    from: PortId,
    frames: impl IntoIterator<Item = Bytes>,
) -> Vec<(PortId, Direction, Verdict, Bytes)> {
    frames.into_iter().for_each(|frame| cable.lan.handle_frame(Time::ZERO, from, frame));
    while let Some(next) = cable.lan.deadline() {
        cable.lan.poll(next);
    }
    told(&mut cable.lan)
}

fn to(mac: Mac, number: u32) -> Bytes {
    let mut frame = frame(number).to_vec();
    frame[..6].copy_from_slice(&mac.0);
    frame.into()
}

/// The second board, heard by the switch.
fn introduce(cable: &mut Cable) {
    let mut hello = to(Mac::BROADCAST, 0).to_vec();
    hello[6..12].copy_from_slice(&Mac::local(2).0);
    let port = cable.to;
    send(cable, port, [hello.into()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_frame_from_board_to_board_is_told_once_where_its_way_ends(
        seed: u64, up in 0..60u8, down in 0..60u8, is_known: bool
    ) {
        let mut cable = Cable::new(seed, &format!("loss={up}% delay=5ms jitter=4ms"));
        let faults = format!("loss={down}% delay=3ms jitter=3ms").parse::<Faults>().unwrap();
        cable.lan.set_faults(Time::ZERO, cable.to, Direction::Down, faults);
        if is_known {
            introduce(&mut cable);
        }
        let port = cable.from;
        let told = send(&mut cable, port, (0..200).map(frame));
        let mut numbers: Vec<_> = told.iter().map(|(.., frame)| u32::from_be_bytes(*frame[8..].first_chunk().unwrap())).collect();
        numbers.sort_unstable();
        prop_assert!(numbers.iter().copied().eq(0..200), "{numbers:?}");
        for (port, direction, verdict, _) in told {
            let ends_here = port == cable.to && direction == Direction::Down;
            prop_assert!(ends_here || port == cable.from && verdict == Verdict::Dropped(Reason::Lost));
        }
    }
}

#[test]
fn a_frame_for_all_is_told_where_it_is_spread_and_where_it_is_lost() {
    let mut cable = Cable::new(1, "");
    let (from, other) = (cable.from, cable.to);
    let told = send(&mut cable, from, [to(Mac::BROADCAST, 7)]);
    let [(port, Direction::Up, Verdict::Delivered(_), _)] = told[..] else { panic!("{told:?}") };
    assert_eq!(port, from);
    cable.lan.set_faults(Time::ZERO, other, Direction::Down, "down".parse().unwrap());
    let told = send(&mut cable, from, [to(Mac::BROADCAST, 8)]);
    assert_eq!(told.len(), 2);
    assert_eq!((told[1].0, told[1].1, told[1].2), (other, Direction::Down, Verdict::Dropped(Reason::Down)));
}

#[test]
fn what_is_for_nobody_is_told_where_it_ends() {
    let mut cable = Cable::new(1, "");
    introduce(&mut cable);
    let from = cable.from;
    for target in [Mac::local(1), Mac::local(77)] {
        let told = send(&mut cable, from, [to(target, 9)]);
        assert_eq!(told.len(), 1, "{target}: {told:?}");
        assert_eq!((told[0].0, told[0].1), (from, Direction::Up));
    }
}

#[test]
fn what_is_dropped_is_told_in_its_place_among_the_others() {
    for faults in
        ["loss=20% delay=5ms", "loss=20% rate=10mbit queue=1000 delay=2ms", "rate=10mbit queue=50", "loss=50%"]
    {
        let mut cable = Cable::new(1, faults);
        let from = cable.from;
        let told = send(&mut cable, from, (0..200).map(frame));
        let numbers = told.iter().map(|(.., frame)| u32::from_be_bytes(*frame[8..].first_chunk().unwrap()));
        assert!(numbers.eq(0..200), "{faults}");
        assert!(told.iter().any(|(_, _, verdict, _)| matches!(verdict, Verdict::Dropped(_))), "{faults}");
    }
}

/// More than may wait to be told.
#[test]
fn a_flood_of_dropped_frames_is_told_at_once() {
    let mut cable = Cable::new(1, "rate=1kbit queue=1");
    let from = cable.from;
    (0..20_000).for_each(|number| cable.lan.handle_frame(Time::ZERO, from, frame(number)));
    cable.lan.poll(Time::ZERO);
    assert!(told(&mut cable.lan).len() > 15_000);
}
