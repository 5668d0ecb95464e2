//! Streams over bad links: every byte comes, once and in order, and what it took is counted.

use std::time::Duration;

use socklab_lan::{Congestion, Direction, Event, Profile, Read, SocketId, Time};
use socklab_socket::{Errno, Family, Protocol, SockOpt, Type};

use crate::world::World;

/// Dials from `b` to `a`; gives both ends.
pub(crate) fn connected(world: &mut World, port: u16) -> (SocketId, SocketId) {
    let to = world.address("a");
    let listener = world.host("a").open(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    world.host("a").bind(listener, &(std::net::Ipv4Addr::UNSPECIFIED, port).into()).unwrap();
    world.host("a").listen(listener, 4).unwrap();
    let dialled = world.host("b").open(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    let cause = world.host("b").connect(dialled, &(to, port).into()).unwrap_err();
    assert!(cause.is(Errno::EINPROGRESS));
    let end = world.now + Duration::from_secs(60);
    let mut accepted = None;
    world.wait_until(end, |world| {
        accepted = world.host("a").accept(listener).ok().map(|(socket, _)| socket);
        accepted.is_some()
    });
    (dialled, accepted.expect("a connection"))
}

/// Sends so many bytes from `b` to `a`, and gives how long that took.
fn transfer(world: &mut World, ends: (SocketId, SocketId), bytes: usize) -> Duration {
    carry(world, ("b", ends.0), ("a", ends.1), bytes)
}

fn carry(world: &mut World, from: (&str, SocketId), to: (&str, SocketId), bytes: usize) -> Duration {
    let start = world.now;
    let data: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
    let (mut sent, mut got) = (0, Vec::new());
    let mut into = vec![0; 65536];
    let done = world.wait_until(start + Duration::from_secs(3600), |world| {
        while let Ok(taken) = world.host(from.0).send(from.1, &data[sent..], None) {
            sent += taken;
            if sent == data.len() {
                break;
            }
        }
        while let Ok((count, _)) = world.host(to.0).receive(to.1, &mut into, false) {
            got.extend_from_slice(&into[..count]);
        }
        got.len() == data.len()
    });
    assert!(done && got == data, "{} of {bytes} bytes came", got.len());
    world.now - start
}

fn bad(world: &mut World, faults: &str) {
    let port = world.boards["b"].port;
    for direction in [Direction::Up, Direction::Down] {
        world.lan.set_faults(world.now, port, direction, faults.parse().unwrap());
    }
}

#[test]
fn nothing_is_lost_twisted_or_doubled() {
    let links = [
        "loss=0.05 delay=2ms",
        "duplicate=0.2 delay=2ms",
        "delay=5ms reorder=0.2 gap=3",
        "corrupt=0.05 delay=2ms",
        "rate=2mbit queue=8 delay=3ms",
        "rate=2mbit queue=8 drop=head delay=3ms",
        "delay=4ms jitter=4ms distribution=pareto",
        "loss=gilbert:0.05,0.3,0.2,1 radio=4x2ms delay=2ms",
    ];
    for (profile, bytes) in [(Profile::ESP32, 60_000), (Profile::LINUX, 200_000)] {
        for link in links {
            let mut world = World::boards(9, &["a", "b"], profile);
            bad(&mut world, link);
            let ends = connected(&mut world, 80);
            transfer(&mut world, ends, bytes);
        }
    }
}

#[test]
fn what_was_sent_again_is_counted() {
    let mut world = World::boards(4, &["a", "b"], Profile::LINUX);
    let again = |world: &mut World| world.host("b").netstat().sockets[0].sent.retransmitted;
    let ends = connected(&mut world, 80);
    transfer(&mut world, ends, 100_000);
    assert_eq!(again(&mut world), 0);
    bad(&mut world, "loss=0.05 delay=2ms");
    transfer(&mut world, ends, 100_000);
    let counted = again(&mut world);
    assert!(counted > 0, "{counted}");
    let seen = world.lan.status().connections[0].clone();
    assert!(seen.sent[0].early > 0, "the network saw gaps: {seen:?}");
}

#[test]
fn a_run_repeats_exactly_for_its_seed() {
    let run = |seed: u64| {
        let mut world = World::boards(seed, &["a", "b"], Profile::ESP32);
        bad(&mut world, "loss=0.03 delay=3ms jitter=2ms");
        let ends = connected(&mut world, 80);
        (transfer(&mut world, ends, 30_000), world.lan.status().to_string())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn profiles_have_their_windows() {
    assert_eq!(Profile::ESP32.tcp.receive, 5744);
    assert_eq!((Profile::ESP32.tcp.congestion, Profile::LINUX.tcp.congestion), (Congestion::Reno, Congestion::Cubic));
    let time = |profile: Profile| {
        let mut world = World::boards(1, &["a", "b"], profile);
        bad(&mut world, "delay=10ms");
        let ends = connected(&mut world, 80);
        transfer(&mut world, ends, 100_000)
    };
    // Four segments a round trip of 20 ms: 17 round trips and more.
    let (board, linux) = (time(Profile::ESP32), time(Profile::LINUX));
    assert!(board > Duration::from_millis(300) && linux < board, "{board:?} {linux:?}");
}

#[test]
fn a_reader_that_does_not_read_holds_up_the_writer_and_no_other() {
    let mut world = World::boards(1, &["a", "b"], Profile::ESP32);
    let (writer, reader) = connected(&mut world, 80);
    let mut sent = 0;
    let end = world.now + Duration::from_secs(300);
    world.wait_until(end, |world| {
        sent += world.host("b").send(writer, &[7; 4096], None).unwrap_or(0);
        false
    });
    let buffers = Profile::ESP32.tcp;
    assert_eq!(sent, buffers.send + buffers.receive);
    let ends = connected(&mut world, 81);
    transfer(&mut world, ends, 20_000);
    // It reads at last, and the rest comes.
    let mut into = vec![0; 65536];
    let mut got = 0;
    let end = world.now + Duration::from_secs(200);
    assert!(world.wait_until(end, |world| {
        got += world.host("a").receive(reader, &mut into, false).map_or(0, |(count, _)| count);
        got == sent
    }));
}

#[test]
fn connections_survive_an_access_point_that_is_gone_for_ten_seconds() {
    let mut world = World::new(1);
    for name in ["a", "b"] {
        world.add(name, socklab_lan::Medium::Air, Profile::ESP32, socklab_lan::Addressing::Dhcp);
    }
    let join = |world: &mut World| {
        for name in ["a", "b"] {
            let port = world.boards[name].port;
            world.lan.join(world.now, port, "socklab", None);
        }
        world.wait(Duration::from_secs(5));
    };
    join(&mut world);
    let ends = connected(&mut world, 80);
    world.lan.change_access_point(world.now, "socklab", |point| point.gone = true);
    world.host("b").send(ends.0, b"while it was gone", None).unwrap();
    world.wait(Duration::from_secs(10));
    world.lan.change_access_point(world.now, "socklab", |point| point.gone = false);
    join(&mut world);
    world.wait(Duration::from_secs(30));
    let mut into = [0; 100];
    let (count, _) = world.host("a").receive(ends.1, &mut into, false).unwrap();
    assert_eq!(&into[..count], b"while it was gone");
}

#[test]
fn timeouts_and_resets_are_told_apart() {
    let mut world = World::boards(1, &["a", "b"], Profile::ESP32);
    let (writer, reader) = connected(&mut world, 80);
    bad(&mut world, "down");
    world.host("b").send(writer, b"into the void", None).unwrap();
    let end = world.now + Duration::from_secs(300);
    let mut into = [0; 10];
    let mut told = None;
    assert!(world.wait_until(end, |world| {
        told = world.host("b").receive(writer, &mut into, false).err().filter(|cause| !cause.is(Errno::EAGAIN));
        told.is_some()
    }));
    assert!(told.unwrap().is(Errno::ETIMEDOUT));
    bad(&mut world, "");
    // The other end knows nothing of it, until it writes: then it is cut off.
    assert!(world.host("a").receive(reader, &mut into, false).unwrap_err().is(Errno::EAGAIN));
    world.host("a").send(reader, b"still there?", None).unwrap();
    world.wait(Duration::from_secs(5));
    assert!(world.host("a").receive(reader, &mut into, false).unwrap_err().is(Errno::ECONNRESET));
    assert_eq!(world.host("a").receive(reader, &mut into, false).unwrap().0, 0);
    assert!(world.now > Time::ZERO);
}

/// Both sides time out while everything of both is under way: each then says what it has received in segments that the
/// other must not take for old ones (RFC 9293, 3.10.7.4: an acknowledgement has the number of the next byte to send).
#[test]
fn both_sides_recover_when_both_have_timed_out() {
    for profile in [Profile::ESP32, Profile::LINUX] {
        let mut world = World::boards(3, &["a", "b"], profile);
        let ends = connected(&mut world, 80);
        let names = [("b", ends.0), ("a", ends.1)];
        // What may be under way grows.
        carry(&mut world, names[0], names[1], 200_000);
        carry(&mut world, names[1], names[0], 200_000);
        world.wait(Duration::from_secs(1));
        for (name, socket) in names {
            assert_eq!(world.host(name).send(socket, &[1; 5000], None).unwrap(), 5000);
        }
        bad(&mut world, "delay=3s");
        let (mut got, mut into) = ([0; 2], [0; 8192]);
        let end = world.now + Duration::from_secs(400);
        let done = world.wait_until(end, |world| {
            for (got, (name, socket)) in got.iter_mut().zip(names) {
                *got += world.host(name).receive(socket, &mut into, false).map_or(0, |(count, _)| count);
            }
            let waiting = |row: &socklab_lan::SocketRow| row.unsent > 0;
            got == [5000; 2] && !names.iter().any(|(name, _)| world.host(name).netstat().sockets.iter().any(waiting))
        });
        assert!(done, "{got:?} came\n{}\n{}", world.host("a").netstat(), world.host("b").netstat());
    }
}

#[test]
fn what_was_written_before_closing_comes_though_the_window_was_shut() {
    for profile in [Profile::ESP32, Profile::LINUX] {
        let mut world = World::boards(3, &["a", "b"], profile);
        let (reader, writer) = connected(&mut world, 80);
        let data: Vec<u8> = (0..profile.tcp.receive + profile.tcp.send).map(|index| (index % 251) as u8).collect();
        let mut sent = 0;
        world.wait_until(world.now + Duration::from_secs(5), |world| {
            sent += world.host("a").send(writer, &data[sent..], None).unwrap_or(0);
            sent == data.len()
        });
        // The reader says its last first; then the writer, which has read that, with the window shut.
        world.host("b").shutdown(reader, std::net::Shutdown::Write).unwrap();
        world.wait(Duration::from_secs(1));
        assert_eq!(world.host("a").receive(writer, &mut [0; 9], false).unwrap().0, 0);
        world.host("a").close(writer);
        world.wait(Duration::from_secs(1));
        let (mut got, mut into) = (Vec::new(), [0; 8192]);
        // As soon as the window opens, not when somebody asks whether it has.
        let end = world.now + Duration::from_millis(500);
        let ended = world.wait_until(end, |world| {
            loop {
                match world.host("b").receive(reader, &mut into, false) {
                    Ok((0, _)) => return true,
                    Ok((count, _)) => got.extend_from_slice(&into[..count]),
                    Err(_) => return false,
                }
            }
        });
        assert!(ended && got == data[..sent], "{} of {sent} bytes came", got.len());
    }
}

/// A scaled window is rounded down, by more or less with every acknowledgement: what was sent into one is not refused.
#[test]
fn a_window_that_fills_costs_nothing_that_is_sent_again() {
    // Who dials scales its windows as who is dialled.
    for (writer, reader) in [("b", "a"), ("a", "b")] {
        let mut world = World::boards(3, &["a", "b"], Profile::LINUX);
        let (dialled, accepted) = connected(&mut world, 80);
        let socket = |name: &str| if name == "b" { dialled } else { accepted };
        world.host(writer).set(socket(writer), &SockOpt::NoDelay(true)).unwrap();
        bad(&mut world, "delay=5ms rate=100mbit");
        let (mut sent, mut into) = (0, [0; 100_000]);
        for turn in 0..40 {
            // No multiple of a segment, nor of what a window's unit is.
            while let Ok(taken) = world.host(writer).send(socket(writer), &[7; 3001], None) {
                sent += taken;
                world.settle();
            }
            // Long enough to be asked whether there is room, now and then.
            world.wait(Duration::from_millis(if turn % 10 == 5 { 7000 } else { 100 }));
            let room = into.len() - 13;
            let got = world.host(reader).receive(socket(reader), &mut into[..room], false).unwrap().0;
            assert!(got > 0 && got <= sent);
        }
        let again: u64 = world.host(writer).netstat().sockets.iter().map(|row| row.sent.retransmitted).sum();
        assert_eq!(again, 0, "{}", world.host(writer).netstat());
    }
}

/// Bytes that fill the window, and the FIN behind them: each comes, also where the link doubles the first segments.
#[test]
fn a_stream_that_fills_the_window_ends_with_its_last_byte() {
    // Each of these has been seen to hang or to end early, for one reason or another.
    let seeds = [0, 7, 17, 43, 48, 50, 56, 89, 132, 136, 176];
    let links = ["delay=3ms jitter=2ms rate=200mbit", "delay=3ms jitter=2ms rate=200mbit duplicate=50%"];
    for (link, (writer, reader)) in links.into_iter().flat_map(|link| [(link, ("b", "a")), (link, ("a", "b"))]) {
        for seed in seeds {
            let mut world = World::boards(seed, &["a", "b"], Profile::LINUX);
            bad(&mut world, link);
            let (dialled, accepted) = connected(&mut world, 80);
            let socket = |name: &str| if name == "b" { dialled } else { accepted };
            let length = Profile::LINUX.tcp.receive - (seed % 8) as usize;
            let data: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut sent = 0;
            let end = world.now + Duration::from_secs(60);
            assert!(world.wait_until(end, |world| {
                sent += world.host(writer).send(socket(writer), &data[sent..], None).unwrap_or(0);
                sent == data.len()
            }));
            world.host(writer).close(socket(writer));
            // Nobody reads until the window is full.
            world.wait(Duration::from_millis(600));
            let (mut got, mut into) = (Vec::new(), [0; 8192]);
            let end = world.now + Duration::from_secs(60);
            let ended = world.wait_until(end, |world| {
                while let Ok((count, _)) = world.host(reader).receive(socket(reader), &mut into, false) {
                    if count == 0 {
                        return true;
                    }
                    got.extend_from_slice(&into[..count]);
                }
                false
            });
            assert!(ended && got == data, "{link}, seed {seed}, {reader} reads: {} of {length} bytes came", got.len());
        }
    }
}

/// What a program has sent and closed goes on for as long as the link needs.
#[test]
fn a_closed_connection_sends_what_it_has_on_a_slow_link() {
    let mut world = World::boards(5, &["a", "b"], Profile::LINUX);
    let (dialled, accepted) = connected(&mut world, 80);
    bad(&mut world, "rate=3kbit");
    let data = [7; 50_000]; // over two minutes
    let mut sent = 0;
    let end = world.now + Duration::from_secs(600);
    assert!(world.wait_until(end, |world| {
        sent += world.host("b").send(dialled, &data[sent..], None).unwrap_or(0);
        sent == data.len()
    }));
    world.host("b").close(dialled);
    let (mut got, mut into) = (0, [0; 8192]);
    let end = world.now + Duration::from_secs(600);
    let ended = world.wait_until(end, |world| {
        while let Ok((count, _)) = world.host("a").receive(accepted, &mut into, false) {
            if count == 0 {
                return true;
            }
            got += count;
        }
        false
    });
    assert!(ended && got == data.len(), "{got} of {}, ended: {ended}", data.len());
}

/// TIME-WAIT ends, and what was received and not read is still there.
#[test]
fn what_was_received_is_there_for_whoever_reads_late() {
    let mut world = World::boards(1, &["a", "b"], Profile::LINUX);
    let (dialled, accepted) = connected(&mut world, 80);
    world.host("a").shutdown(accepted, std::net::Shutdown::Write).unwrap();
    world.wait(Duration::from_secs(1));
    world.host("b").send(dialled, &[7; 1000], None).unwrap();
    world.host("b").close(dialled);
    world.wait(Duration::from_secs(60));
    let mut into = [0; 600];
    let counts = [(); 3].map(|()| world.host("a").receive(accepted, &mut into, false).unwrap().0);
    assert_eq!(counts, [600, 400, 0]);
}

#[test]
fn so_it_is_for_whoever_is_outside() {
    let mut world = World::boards(1, &["b"], Profile::LINUX);
    let pc = world.lan.plan().pc;
    let dialled = world.host("b").open(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    assert!(world.host("b").connect(dialled, &(pc, 80).into()).unwrap_err().is(Errno::EINPROGRESS));
    world.wait(Duration::from_secs(1));
    let flow = world.events.iter().find_map(|event| match event {
        Event::Dialled { flow, .. } => Some(*flow),
        _ => None,
    });
    let flow = flow.expect("a dial");
    world.lan.accept(flow).unwrap();
    world.wait(Duration::from_secs(1));
    world.lan.finish(flow).unwrap();
    world.wait(Duration::from_secs(1));
    world.host("b").send(dialled, &[7; 1000], None).unwrap();
    world.host("b").close(dialled);
    world.wait(Duration::from_secs(60));
    let mut into = [0; 600];
    let counts = [(); 2].map(|()| world.lan.read(flow, &mut into).unwrap());
    assert_eq!(counts, [Read::Bytes(600), Read::Bytes(400)]);
    world.wait(Duration::from_secs(1));
    assert!(world.lan.read(flow, &mut into).is_err(), "it is over");
}
