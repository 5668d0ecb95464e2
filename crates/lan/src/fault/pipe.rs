//! Frames on their way through the faults of one direction of a link. Everything random is drawn by the number of the
//! frame, so that a knob that is turned moves no other knob's draws.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::f64::consts::SQRT_2;
use std::time::Duration;

use bytes::Bytes;

use super::{Counts, Distribution, Drop, Faults, Flap, Loss, Marks, Reason, Verdict};
use crate::packet::{ETHERNET, Ethernet, Ip, protocol};
use crate::random::{Draws, Seed};
use crate::time::earlier;
use crate::{Direction, PortId, Time};

/// Dropped frames that wait to be told: a flood must not fill the memory.
const MOST_UNTOLD: usize = 4096;

/// What draws are for; each has a stream of its own.
#[derive(Clone, Copy)]
enum Purpose {
    Filter,
    Flap,
    Loss,
    Chain,
    Duplicate,
    Corrupt,
    Delay,
    Reorder,
}

/// A frame that has come out, or will not.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) at: Time,
    pub(crate) frame: Bytes,
    pub(crate) verdict: Verdict,
}

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Pipe {
    faults: Faults,
    perfect: bool,
    pub(crate) counts: Counts,
    streams: [Draws; 8],
    /// How many frames have come, and how many had when the faults were set.
    number: u64,
    since: u64,
    /// How many frames each filter was about.
    fitted: Vec<u64>,
    flap: FlapState,
    /// Whether Gilbert's channel is in its bad state.
    bad: bool,
    /// The last delay, as a normal deviate.
    deviate: f64,
    waiting: VecDeque<Waiting>,
    /// Of what waits, frames that are not dropped, and their bytes.
    waiting_frames: usize,
    waiting_bytes: usize,
    /// When everything that has passed is paid for, and when the last of it did.
    paid: Time,
    passed: Time,
    flying: BinaryHeap<Reverse<Flying>>,
    flown: u64,
    /// When the last of those under way comes out.
    latest: Time,
    last_due: Time,
}

#[derive(Clone, Copy, Debug)]
struct FlapState {
    up: bool,
    until: Time,
    span: u64,
}

/// A frame in the queue, or one that was dropped behind it.
#[derive(Debug)]
struct Waiting {
    since: Time,
    what: Result<Copy, Dropped>,
}

/// A frame that was dropped. It is told behind those that came before it: whoever sees them go by would take it for one
/// that has overtaken them.
#[derive(Debug)]
struct Dropped {
    frame: Bytes,
    reason: Reason,
}

/// A frame past the choice whether it exists.
#[derive(Debug)]
struct Copy {
    number: u64,
    frame: Bytes,
    marks: Marks,
    deviate: f64,
    extra: Duration,
}

#[derive(Debug)]
struct Flying {
    due: Time,
    order: u64,
    frame: Bytes,
    verdict: Verdict,
}

impl PartialEq for Flying {
    fn eq(&self, other: &Flying) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for Flying {}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Flying) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flying {
    fn cmp(&self, other: &Flying) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl Pipe {
    pub(crate) fn new(seed: Seed, port: PortId, direction: Direction) -> Pipe {
        let stream = |purpose: u64| seed.draws(&[0x6c69_6e6b, port.0.into(), direction as u64, purpose]);
        Pipe {
            faults: Faults::default(),
            perfect: true,
            counts: Counts::default(),
            streams: std::array::from_fn(|purpose| stream(purpose as u64)),
            number: 0,
            since: 0,
            fitted: Vec::new(),
            flap: FlapState { up: true, until: Time::ZERO, span: 0 },
            bad: false,
            deviate: 0.0,
            waiting: VecDeque::new(),
            waiting_frames: 0,
            waiting_bytes: 0,
            paid: Time::ZERO,
            passed: Time::ZERO,
            flying: BinaryHeap::new(),
            flown: 0,
            latest: Time::ZERO,
            last_due: Time::ZERO,
        }
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Changes the faults. Frames under way stay so; those that wait for a rate wait for the new one.
    pub(crate) fn set(&mut self, now: Time, faults: Faults) {
        self.perfect = faults.is_perfect();
        self.fitted = vec![0; faults.filters.len()];
        self.since = self.number;
        self.bad = false;
        self.flap = FlapState { up: false, until: now, span: 0 };
        self.faults = faults;
    }

    fn draws(&self, purpose: Purpose) -> Draws {
        self.streams[purpose as usize]
    }

    /// Whether frames come out as they go in.
    pub(crate) fn is_clear(&self) -> bool {
        self.perfect && self.waiting.is_empty() && self.flying.is_empty()
    }

    /// Takes a frame. What is settled about it at once comes out; the rest, `poll` gives.
    pub(crate) fn push(&mut self, now: Time, frame: Bytes, out: &mut Vec<Out>) {
        self.number += 1;
        self.counts.frames += 1;
        self.counts.bytes += frame.len() as u64;
        let number = self.number;
        // These move with every frame, whatever becomes of it.
        self.step_chain(number);
        self.step_delay(number);
        match self.judge(now, number, &frame) {
            Ok(extra) => self.copy(now, number, frame, extra, out),
            Err(reason) => self.drop_behind(now, Dropped { frame, reason }, out),
        }
        self.poll(now, out);
    }

    /// A frame where nothing is wrong.
    pub(crate) fn pass(&mut self, length: usize) {
        self.number += 1;
        self.counts.frames += 1;
        self.counts.bytes += length as u64;
        self.counts.delivered += 1;
    }

    /// Whether a frame goes on, and how much later for radio's tries.
    fn judge(&mut self, now: Time, number: u64, frame: &[u8]) -> Result<Duration, Reason> {
        if self.is_filtered(now, number, frame) {
            self.counts.filtered += 1;
            return Err(Reason::Filtered);
        }
        if self.faults.mtu.is_some_and(|mtu| frame.len() > ETHERNET + usize::from(mtu)) {
            self.counts.too_long += 1;
            return Err(Reason::TooLong);
        }
        if !self.is_up(now) {
            self.counts.down += 1;
            return Err(Reason::Down);
        }
        self.survive(number).ok_or_else(|| {
            self.counts.lost += 1;
            Reason::Lost
        })
    }

    fn is_filtered(&mut self, now: Time, number: u64, frame: &[u8]) -> bool {
        let mut random = self.streams[Purpose::Filter as usize].at(number);
        let mut dropped = false;
        for (filter, fitted) in self.faults.filters.iter().zip(&mut self.fitted) {
            let chance = random.chance(filter.probability);
            if !filter.is_on(now) || !filter.fits(frame) {
                continue;
            }
            *fitted += 1;
            dropped |= chance && filter.nth.is_none_or(|nth| nth == *fitted);
        }
        dropped
    }

    fn is_up(&mut self, now: Time) -> bool {
        if let Some(flap) = self.faults.flap {
            self.step_flap(now, flap);
        }
        self.faults.up && (self.faults.flap.is_none() || self.flap.up)
    }

    fn step_flap(&mut self, now: Time, flap: Flap) {
        while self.flap.until <= now {
            let up = !self.flap.up;
            let span = if up { flap.up } else { flap.down };
            let vary =
                1.0 + flap.jitter.clamp(0.0, 1.0) * (2.0 * self.draws(Purpose::Flap).at(self.flap.span).unit() - 1.0);
            // Spans of nothing would never end.
            let span = span.mul_f64(vary).max(Duration::from_micros(1));
            self.flap = FlapState { up, until: self.flap.until + span, span: self.flap.span + 1 };
        }
    }

    fn step_chain(&mut self, number: u64) {
        if let Loss::Gilbert { p, r, .. } = self.faults.loss {
            let turn = self.draws(Purpose::Chain).at(number).chance(if self.bad { r } else { p });
            self.bad ^= turn;
        }
    }

    /// Delays resemble each other as normal deviates: each keeps its distribution whatever the correlation is.
    fn step_delay(&mut self, number: u64) {
        if self.faults.delay.jitter.is_zero() {
            return;
        }
        let fresh = self.draws(Purpose::Delay).at(2 * number).normal();
        self.deviate = self.correlated(fresh);
    }

    fn correlated(&self, fresh: f64) -> f64 {
        let rho = self.faults.delay.correlation.clamp(0.0, 1.0);
        rho * self.deviate + libm::sqrt(1.0 - rho * rho) * fresh
    }

    /// How long radio took to get the frame through; `None` if it is lost.
    fn survive(&mut self, number: u64) -> Option<Duration> {
        let mut random = self.draws(Purpose::Loss).at(number);
        let tries = self.faults.radio.map_or(0, |radio| radio.retries);
        for again in 0..=tries {
            if !self.is_lost(number, random.unit()) {
                self.counts.retried += u64::from(again);
                let time = self.faults.radio.map_or(Duration::ZERO, |radio| radio.retry_time);
                return Some(time.saturating_mul(again));
            }
        }
        self.counts.retried += u64::from(tries);
        None
    }

    fn is_lost(&self, number: u64, unit: f64) -> bool {
        let place = number - self.since;
        match &self.faults.loss {
            Loss::None => false,
            Loss::Random(probability) => unit < *probability,
            Loss::Gilbert { h, k, .. } => unit < 1.0 - if self.bad { *h } else { *k },
            Loss::List(places) => places.contains(&place),
            Loss::Every(n) => *n > 0 && place.is_multiple_of(*n),
        }
    }

    fn copy(&mut self, now: Time, number: u64, frame: Bytes, extra: Duration, out: &mut Vec<Out>) {
        let twice = self.draws(Purpose::Duplicate).at(number).chance(self.faults.duplicate);
        let second = twice.then(|| frame.clone());
        self.counts.duplicated += u64::from(twice);
        self.enqueue(now, self.damaged(2 * number, frame, false, self.deviate, extra), out);
        if let Some(frame) = second {
            let deviate = self.correlated(self.draws(Purpose::Delay).at(2 * number + 1).normal());
            self.enqueue(now, self.damaged(2 * number + 1, frame, true, deviate, extra), out);
        }
    }

    fn damaged(&self, number: u64, frame: Bytes, duplicate: bool, deviate: f64, extra: Duration) -> Copy {
        let mut random = self.draws(Purpose::Corrupt).at(number);
        let hit = random.chance(self.faults.corrupt.probability);
        let bad = if hit { corrupt(&frame, random.next(), self.faults.corrupt.fix_checksum) } else { None };
        let marks = Marks { duplicate, corrupted: bad.is_some(), reordered: false };
        Copy { number, frame: bad.unwrap_or(frame), marks, deviate, extra }
    }

    fn enqueue(&mut self, now: Time, copy: Copy, out: &mut Vec<Out>) {
        self.counts.corrupted += u64::from(copy.marks.corrupted);
        if self.faults.rate.is_none() && self.waiting.is_empty() {
            return self.launch(now, copy);
        }
        self.waiting_frames += 1;
        self.waiting_bytes += copy.frame.len();
        self.waiting.push_back(Waiting { since: now, what: Ok(copy) });
        let queue = self.faults.queue;
        while self.waiting_frames > queue.packets.max(1) as usize || self.waiting_bytes > queue.bytes as usize {
            let is_frame = |waiting: &Waiting| waiting.what.is_ok();
            let place = match queue.drop {
                Drop::Tail => self.waiting.iter().rposition(is_frame),
                Drop::Head => self.waiting.iter().position(is_frame),
            };
            let Some(Ok(copy)) = place.and_then(|place| self.waiting.remove(place)).map(|waiting| waiting.what) else {
                return;
            };
            self.waiting_frames -= 1;
            self.waiting_bytes -= copy.frame.len();
            self.counts.overflowed += 1;
            self.drop_behind(now, Dropped { frame: copy.frame, reason: Reason::Overflow }, out);
        }
    }

    /// Tells of a dropped frame once those before it have come out; of many of them, at once.
    fn drop_behind(&mut self, now: Time, dropped: Dropped, out: &mut Vec<Out>) {
        if self.waiting.len() - self.waiting_frames + self.flying.len() >= MOST_UNTOLD {
            let Dropped { frame, reason } = dropped;
            out.push(Out { at: now, frame, verdict: Verdict::Dropped(reason) });
        } else if self.waiting_frames == 0 || self.faults.queue.drop == Drop::Head && dropped.reason == Reason::Overflow
        {
            self.fly(now.max(self.latest), dropped.frame, Verdict::Dropped(dropped.reason));
        } else {
            self.waiting.push_back(Waiting { since: now, what: Err(dropped) });
        }
    }

    /// When the first in the queue has passed, and when everything is paid for then.
    fn next_passage(&self) -> Option<(Time, Time)> {
        let first = self.waiting.front()?;
        let start = first.since.max(self.passed);
        let Some(rate) = self.faults.rate else { return Some((start, start)) };
        let bits = rate.bits.max(1);
        let cost = |bytes: u64| Duration::from_nanos((u128::from(bytes) * 8_000_000_000 / u128::from(bits)) as u64);
        let length = first.what.as_ref().map_or(0, |copy| copy.frame.len());
        let paid = self.paid.max(first.since) + cost(length as u64);
        let credit = cost(rate.burst.into());
        let passed = Time::ZERO + (paid - Time::ZERO).saturating_sub(credit);
        Some((passed.max(start), paid))
    }

    /// On the way, for as long as it takes.
    fn launch(&mut self, now: Time, mut copy: Copy) {
        let delay = self.faults.delay;
        let reorder = self.faults.reorder;
        let may = (copy.number / 2).checked_sub(self.since).is_none_or(|of| of.is_multiple_of(reorder.gap.max(1)));
        let skips =
            !delay.base.is_zero() && may && self.draws(Purpose::Reorder).at(copy.number).chance(reorder.probability);
        copy.marks.reordered = skips;
        self.counts.reordered += u64::from(skips);
        let mut due = if skips { now } else { now + self.travel(copy.deviate) + copy.extra };
        if delay.keep_order && !skips {
            due = due.max(self.last_due);
            self.last_due = due;
        }
        self.fly(due, copy.frame, Verdict::Delivered(copy.marks));
    }

    fn fly(&mut self, due: Time, frame: Bytes, verdict: Verdict) {
        self.flown += 1;
        self.latest = self.latest.max(due);
        self.flying.push(Reverse(Flying { due, order: self.flown, frame, verdict }));
    }

    fn travel(&self, deviate: f64) -> Duration {
        let delay = self.faults.delay;
        if delay.jitter.is_zero() {
            return delay.base;
        }
        let seconds = delay.base.as_secs_f64() + delay.jitter.as_secs_f64() * shape(delay.distribution, deviate);
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
    }

    /// What has come out by now, in the order of the times at which it did.
    pub(crate) fn poll(&mut self, now: Time, out: &mut Vec<Out>) {
        while let Some((passed, paid)) = self.next_passage().filter(|(passed, _)| *passed <= now) {
            let Some(first) = self.waiting.pop_front() else { break };
            (self.passed, self.paid) = (passed, paid);
            match first.what {
                Ok(copy) => {
                    self.waiting_frames -= 1;
                    self.waiting_bytes -= copy.frame.len();
                    self.launch(passed, copy);
                }
                Err(Dropped { frame, reason }) => {
                    self.fly(passed.max(self.latest), frame, Verdict::Dropped(reason));
                }
            }
        }
        while self.flying.peek().is_some_and(|Reverse(first)| first.due <= now) {
            let Some(Reverse(Flying { due, frame, verdict, .. })) = self.flying.pop() else { break };
            self.counts.delivered += u64::from(matches!(verdict, Verdict::Delivered(_)));
            out.push(Out { at: due, frame, verdict });
        }
    }

    /// When the next frame passes or comes out.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let passes = self.next_passage().map(|(passed, _)| passed);
        earlier(passes, self.flying.peek().map(|Reverse(first)| first.due))
    }
}

/// A normal deviate in another distribution, of mean 0; its unit is the jitter.
fn shape(distribution: Distribution, deviate: f64) -> f64 {
    let below = 0.5 * libm::erfc(-deviate / SQRT_2);
    match distribution {
        Distribution::Normal => deviate,
        Distribution::Uniform => 2.0 * below - 1.0,
        // Shape 3 and scale 1 have mean 3/2 and variance 3/4.
        Distribution::Pareto => (libm::cbrt(1.0 / (1.0 - below).max(1e-12)) - 1.5) / libm::sqrt(0.75),
    }
}

/// The frame with one bit turned over, behind its Ethernet header; `None` if there is no such bit.
fn corrupt(frame: &Bytes, choice: u64, fix_checksum: bool) -> Option<Bytes> {
    let place = if fix_checksum { transport_payload(frame)? } else { (ETHERNET, frame.len()) };
    let bits = 8 * place.1.checked_sub(place.0).filter(|length| *length > 0)? as u64;
    let bit = choice % bits;
    let mut bytes = frame.to_vec();
    bytes[place.0 + (bit / 8) as usize] ^= 1 << (bit % 8);
    if fix_checksum {
        fix(&mut bytes);
    }
    Some(bytes.into())
}

/// Where the payload of TCP or UDP begins and ends.
fn transport_payload(frame: &[u8]) -> Option<(usize, usize)> {
    let ip = Ip::parse(Ethernet::parse(frame)?.payload).filter(|ip| ip.fragment.is_none())?;
    let header = match ip.protocol {
        protocol::UDP => crate::packet::UDP,
        protocol::TCP => 4 * usize::from(*ip.payload.get(12)? >> 4),
        _ => return None,
    };
    let end = ETHERNET + ip.bytes.len();
    let start = end - ip.payload.len() + header;
    (start < end).then_some((start, end))
}

fn fix(frame: &mut [u8]) {
    use smoltcp::wire::{TcpPacket, UdpPacket};
    let Some(ip) = Ip::parse(&frame[ETHERNET..]) else { return };
    let (src, dst, number) = (ip.src.into(), ip.dst.into(), ip.protocol);
    let end = ETHERNET + ip.bytes.len();
    let start = end - ip.payload.len();
    match number {
        protocol::TCP => TcpPacket::new_unchecked(&mut frame[start..end]).fill_checksum(&src, &dst),
        protocol::UDP => UdpPacket::new_unchecked(&mut frame[start..end]).fill_checksum(&src, &dst),
        _ => {}
    }
}
