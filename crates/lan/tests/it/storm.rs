//! Two programs and a connection between them, on links with all that a link can have: whatever they do, what one writes
//! is what the other reads, and then comes its end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use socklab_lan::{Addressing, Buffers, Congestion, Direction, Medium, Profile, SocketId, Time};
use socklab_socket::{Errno, Family, Protocol, Type};

use crate::world::World;

/// What is not over by then is never: the longest pause between two tries is a minute.
const PATIENCE: Duration = Duration::from_secs(400);

/// What one program does. Times are in milliseconds.
#[derive(Clone, Debug)]
struct Program {
    buffers: Buffers,
    length: usize,
    writes: usize,
    write_pause: u64,
    reads: usize,
    reads_after: u64,
    read_pause: u64,
    /// It says its last only when it has heard the other's.
    waits: bool,
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    programs: [Program; 2],
    links: [String; 2],
    /// The links are bad before the connection is made.
    early: bool,
    v6: bool,
    /// For how long they are bad.
    bad: u64,
}

fn buffers() -> impl Strategy<Value = Buffers> {
    let sizes = || select(vec![1000, 1460, 2000, 2920, 5744, 16384, 65535, 65536, 65537, 100_000, 131_072, 262_144]);
    let congestion = select(vec![Congestion::Reno, Congestion::Cubic]);
    (sizes(), 0..17_usize, sizes(), congestion).prop_map(|(receive, less, send, congestion)| Buffers {
        receive: receive - less,
        send,
        congestion,
    })
}

fn program() -> impl Strategy<Value = Program> {
    let length = prop_oneof![Just(0), 1..3000_usize, 1..200_000_usize, 262_000..300_000_usize];
    let piece = || prop_oneof![1..100_usize, 1..3000_usize, Just(300_000_usize)];
    let pause = || select(vec![0, 0, 1, 20, 300, 2000]);
    let reads_after = prop_oneof![Just(0), 0..20_000_u64];
    (buffers(), length, (piece(), pause()), (piece(), pause(), reads_after), any::<bool>()).prop_map(
        |(buffers, length, (writes, write_pause), (reads, read_pause, reads_after), waits)| Program {
            buffers,
            length,
            writes,
            write_pause,
            reads,
            reads_after,
            read_pause,
            waits,
        },
    )
}

/// Some of the words for what is wrong with a link.
fn link() -> impl Strategy<Value = String> {
    let one_of = |words: &[&'static str]| select(words.to_vec());
    let words = (
        one_of(&["", "delay=1ms", "delay=20ms jitter=15ms", "delay=5ms reorder=0.2 gap=2", "delay=40ms"]),
        one_of(&["", "loss=0.01", "loss=0.1", "loss=0.3", "loss=gilbert:0.05,0.3,0.2,1"]),
        one_of(&["", "duplicate=0.05", "duplicate=0.3", "duplicate=0.9"]),
        one_of(&["", "", "corrupt=0.01", "corrupt=0.2"]),
        one_of(&["", "", "rate=200kbit queue=5", "rate=2mbit queue=20", "rate=50mbit queue=40"]),
    );
    words.prop_map(|(delay, loss, copies, damage, rate)| [delay, loss, copies, damage, rate].join(" "))
}

fn plan() -> impl Strategy<Value = Plan> {
    let both = (vec(program(), 2), vec(link(), 2));
    (any::<u64>(), both, any::<bool>(), any::<bool>(), 5000..60_000_u64, any::<Index>()).prop_map(
        |(seed, (programs, links), early, v6, bad, first)| {
            let mut programs = <[Program; 2]>::try_from(programs).expect("two");
            if programs.iter().all(|program| program.waits) {
                programs[first.index(2)].waits = false; // or neither would ever end
            }
            Plan { seed, programs, links: links.try_into().expect("two"), early, v6, bad }
        },
    )
}

/// One end of the connection, and how far its program has come.
struct End {
    name: &'static str,
    socket: SocketId,
    program: Program,
    data: Vec<u8>,
    sent: usize,
    got: Vec<u8>,
    writes_at: Time,
    reads_at: Time,
    has_heard_all: bool,
    has_said_all: bool,
}

impl End {
    fn new(world: &World, name: &'static str, socket: SocketId, program: &Program) -> End {
        let salt = name.as_bytes()[0];
        let data = (0..program.length).map(|at| (at % 251) as u8 ^ (at >> 9) as u8 ^ salt).collect();
        let (now, program) = (world.now, program.clone());
        let reads_at = now + Duration::from_millis(program.reads_after);
        let (sent, got, has_heard_all, has_said_all) = Default::default();
        End { name, socket, program, data, sent, got, writes_at: now, reads_at, has_heard_all, has_said_all }
    }

    /// Neither waits for anything but the other any more.
    fn hurry(&mut self, now: Time) {
        (self.program.write_pause, self.program.read_pause) = (0, 0);
        (self.program.writes, self.program.reads) = (300_000, 300_000);
        (self.writes_at, self.reads_at) = (now, now);
    }

    fn act(&mut self, world: &mut World) {
        self.write(world);
        self.read(world);
        let may = self.sent == self.data.len() && (self.has_heard_all || !self.program.waits);
        if may && !self.has_said_all {
            self.has_said_all = true;
            world.host(self.name).shutdown(self.socket, Shutdown::Write).expect("it is open");
            if self.is_done() {
                world.host(self.name).close(self.socket);
            }
        }
    }

    fn write(&mut self, world: &mut World) {
        while self.sent < self.data.len() && world.now >= self.writes_at {
            let piece = &self.data[self.sent..][..self.program.writes.min(self.data.len() - self.sent)];
            match world.host(self.name).send(self.socket, piece, None) {
                Ok(taken) => self.sent += taken,
                Err(cause) => {
                    assert!(cause.is(Errno::EAGAIN), "{} writes: {cause:?}", self.name);
                    break;
                }
            }
            self.writes_at = world.now + Duration::from_millis(self.program.write_pause);
        }
    }

    fn read(&mut self, world: &mut World) {
        let mut into = vec![0; self.program.reads];
        while !self.has_heard_all && world.now >= self.reads_at {
            match world.host(self.name).receive(self.socket, &mut into, false) {
                Ok((0, _)) => self.has_heard_all = true,
                Ok((count, _)) => self.got.extend_from_slice(&into[..count]),
                Err(cause) => {
                    assert!(cause.is(Errno::EAGAIN), "{} reads: {cause:?}", self.name);
                    break;
                }
            }
            self.reads_at = world.now + Duration::from_millis(self.program.read_pause);
            if self.is_done() {
                world.host(self.name).close(self.socket);
            }
        }
    }

    fn progress(&self) -> (usize, usize, bool, bool) {
        (self.sent, self.got.len(), self.has_said_all, self.has_heard_all)
    }

    fn is_done(&self) -> bool {
        self.has_said_all && self.has_heard_all
    }
}

fn harm(world: &mut World, links: [&str; 2]) {
    let port = world.boards["b"].port;
    for (direction, link) in [Direction::Up, Direction::Down].into_iter().zip(links) {
        world.lan.set_faults(world.now, port, direction, link.trim().parse().expect("faults"));
    }
}

/// Lets both programs act until then, or until both are done; says whether they are.
fn play(world: &mut World, ends: &mut [End; 2], until: Time) -> bool {
    loop {
        world.settle();
        let before = ends.each_ref().map(End::progress);
        ends.iter_mut().for_each(|end| end.act(world));
        if ends.iter().all(End::is_done) {
            return true;
        }
        if ends.each_ref().map(End::progress) != before {
            continue; // which the other may hear at this moment
        }
        let awaited = ends.iter().flat_map(|end| [end.writes_at, end.reads_at]).filter(|at| *at > world.now).min();
        let next = awaited.unwrap_or(until).min(until);
        let mut first = true;
        world.wait_until(next, |_| !std::mem::take(&mut first)); // what is due next, and no more
        if world.now >= until {
            return false;
        }
    }
}

/// The two ends; `None` where the links were too bad to find each other.
fn dial(world: &mut World, v6: bool) -> Option<(SocketId, SocketId)> {
    let is_global =
        |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.segments()[0] >> 13 == 1 || v6.segments()[0] >> 9 == 0x7e);
    let (family, any, to) = match v6 {
        true => {
            let all = world.host("a").addresses();
            let own = all.iter().map(|(ip, _)| *ip).find(is_global).expect("an address by SLAAC");
            (Family::Inet6, IpAddr::from(Ipv6Addr::UNSPECIFIED), own)
        }
        false => (Family::Inet, Ipv4Addr::UNSPECIFIED.into(), world.address("a").into()),
    };
    let listener = world.host("a").open(family, Type::Stream, Protocol::Usual).expect("a socket");
    world.host("a").bind(listener, &SocketAddr::new(any, 80).into()).expect("bound");
    world.host("a").listen(listener, 4).expect("it listens");
    let dialled = world.host("b").open(family, Type::Stream, Protocol::Usual).expect("a socket");
    let _ = world.host("b").connect(dialled, &SocketAddr::new(to, 80).into()); // EINPROGRESS
    let mut accepted = None;
    let end = world.now + Duration::from_secs(900);
    world.wait_until(end, |world| {
        accepted = world.host("a").accept(listener).ok().map(|(socket, _)| socket);
        accepted.is_some()
    });
    Some((dialled, accepted?))
}

fn check(plan: &Plan) {
    let mut world = World::new(plan.seed);
    for (name, program) in ["b", "a"].into_iter().zip(&plan.programs) {
        let timeouts = (Duration::from_secs(100_000), Duration::from_secs(1000));
        let profile =
            Profile { tcp: program.buffers, data_timeout: timeouts.0, connect_timeout: timeouts.1, ..Profile::LINUX };
        world.add(name, Medium::Cable, profile, Addressing::Dhcp);
    }
    world.wait(Duration::from_secs(6));
    let links = plan.links.each_ref().map(String::as_str);
    if plan.early {
        harm(&mut world, links);
    }
    let Some((dialled, accepted)) = dial(&mut world, plan.v6) else { return assert!(plan.early, "no connection") };
    harm(&mut world, links);
    let mut ends =
        [End::new(&world, "b", dialled, &plan.programs[0]), End::new(&world, "a", accepted, &plan.programs[1])];
    let bad = world.now + Duration::from_millis(plan.bad);
    if !play(&mut world, &mut ends, bad) {
        harm(&mut world, [""; 2]);
        ends.iter_mut().for_each(|end| end.hurry(bad));
        play(&mut world, &mut ends, bad + PATIENCE);
    }
    for (end, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
        let (name, got, wanted) = (end.name, end.got.len(), other.data.len());
        assert!(end.got == other.data, "{name} has read {got} bytes of {wanted}, {} were written", other.sent);
        let states = ["a", "b"].map(|name| world.host(name).netstat().to_string()).concat();
        assert!(end.is_done(), "{name} has heard no end\n{states}");
    }
    harm(&mut world, [""; 2]);
    world.wait(PATIENCE);
    assert!(!["a", "b"].iter().any(|name| world.host(name).is_closing()), "nothing is left of it");
}

#[test]
fn what_one_writes_the_other_reads_in_any_weather() {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    if let Err(error) = runner.run(&plan(), |plan| {
        check(&plan);
        Ok(())
    }) {
        panic!("{error}");
    }
}
