//! What can be wrong with one direction of a link: values, which a user sets and changes while it runs. What they do
//! to frames is in `pipe`; how they are written, in `text`, and whose they are, in `spec`; those of access points, in `air`.

mod air;
mod filter;
mod pipe;
mod preset;
mod spec;
mod text;

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

pub use air::AirFaults;
pub use filter::{Carries, Filter};
pub(crate) use pipe::{Out, Pipe};
pub use preset::Preset;
pub use spec::FaultSpec;
pub use text::FaultError;

/// The faults of one direction. Nothing is wrong by default. Probabilities are 0 to 1; what lies outside counts as the
/// nearer of these.
///
/// A frame goes through them in this order: filters and mtu, up and flap, loss (with its retries), duplication,
/// corruption of each copy, queue and rate, delay, unless reordering lets it skip that.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// Whether frames pass at all.
    pub up: bool,
    /// Going down and up by itself.
    pub flap: Option<Flap>,
    /// How many bits a second pass. A frame counts from its addresses to its payload.
    pub rate: Option<Rate>,
    /// Where frames wait for the rate; without a rate nothing waits.
    pub queue: Queue,
    /// How long frames travel.
    pub delay: Delay,
    /// Which frames are lost.
    pub loss: Loss,
    /// How likely a frame comes twice.
    pub duplicate: f64,
    /// How likely one bit of a frame is turned over.
    pub corrupt: Corrupt,
    /// Which frames overtake others; nothing without a delay.
    pub reorder: Reorder,
    /// The longest packet that passes, in bytes without the Ethernet header; longer ones vanish.
    pub mtu: Option<u16>,
    /// Loss becomes delay, as radio does it.
    pub radio: Option<Radio>,
    /// Frames that are picked out and dropped.
    pub filters: Vec<Filter>,
}

/// Up for a while, down for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flap {
    /// How long it is up; it begins so.
    pub up: Duration,
    /// How long it is down.
    pub down: Duration,
    /// By which part of itself each span varies at most: 0.1 is ±10 %.
    pub jitter: f64,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits a second; 0 counts as 1.
    pub bits: u64,
    /// Bytes that pass at once after silence.
    pub burst: u32,
}

/// A queue's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Frames.
    pub packets: u32,
    /// Bytes.
    pub bytes: u32,
    /// Which frame goes when it is full.
    pub drop: Drop,
}

/// Which frame a full queue drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The one that comes.
    Tail,
    /// The one that has waited longest.
    Head,
}

/// How long frames travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// The mean.
    pub base: Duration,
    /// How much it varies: at most so much for a uniform distribution, its standard deviation for others. It never
    /// makes the delay negative.
    pub jitter: Duration,
    /// How much a frame's delay resembles the one before, 0 to 1.
    pub correlation: f64,
    /// In which way it varies.
    pub distribution: Distribution,
    /// No frame arrives before one that left before it.
    pub keep_order: bool,
}

/// How a delay varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Equally likely everywhere.
    Uniform,
    /// Gauss' bell.
    Normal,
    /// A few that are much longer (shape 3).
    Pareto,
}

/// Which frames are lost.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// None.
    None,
    /// Each with this probability.
    Random(f64),
    /// In bursts (E. N. Gilbert 1960, E. O. Elliott 1963).
    Gilbert {
        /// How likely a good state turns bad with a frame.
        p: f64,
        /// How likely a bad one turns good.
        r: f64,
        /// How likely a frame passes in the bad state.
        h: f64,
        /// How likely it passes in the good state.
        k: f64,
    },
    /// These, counted from 1 since the faults were set.
    List(Vec<u64>),
    /// Each n-th.
    Every(u64),
}

/// Bits turned over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrupt {
    /// How likely one bit of a frame is.
    pub probability: f64,
    /// It is one of the payload of TCP or UDP, and the checksum is made right: the damage reaches the program.
    pub fix_checksum: bool,
}

/// Frames that overtake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reorder {
    /// How likely one of those that may does.
    pub probability: f64,
    /// Each n-th frame may; 0 and 1 are all.
    pub gap: u64,
}

/// A radio that sends again what was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Radio {
    /// How many times a frame is sent again before it is lost.
    pub retries: u32,
    /// How long one more try takes.
    pub retry_time: Duration,
}

/// What one direction of a link has done. Copies count as frames of their own once they exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that came.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were delivered.
    pub delivered: u64,
    /// Dropped by a filter.
    pub filtered: u64,
    /// Dropped because they were too long.
    pub too_long: u64,
    /// Dropped because the link was down.
    pub down: u64,
    /// Lost.
    pub lost: u64,
    /// Tries that radio made again.
    pub retried: u64,
    /// Copies that were made.
    pub duplicated: u64,
    /// Frames with a wrong bit.
    pub corrupted: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Frames that skipped the delay.
    pub reordered: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.delivered += other.delivered;
        self.filtered += other.filtered;
        self.too_long += other.too_long;
        self.down += other.down;
        self.lost += other.lost;
        self.retried += other.retried;
        self.duplicated += other.duplicated;
        self.corrupted += other.corrupted;
        self.overflowed += other.overflowed;
        self.reordered += other.reordered;
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was delivered.
    Delivered(Marks),
    /// It was not.
    Dropped(Reason),
}

/// What happened to a frame that was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// It is a copy.
    pub duplicate: bool,
    /// It has a wrong bit.
    pub corrupted: bool,
    /// It skipped the delay.
    pub reordered: bool,
}

/// Why a frame was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A filter picked it.
    Filtered,
    /// It was longer than the mtu.
    TooLong,
    /// The link was down.
    Down,
    /// It was lost.
    Lost,
    /// The queue was full.
    Overflow,
    /// Its board had not joined the access point.
    NotJoined,
    /// The access point keeps its stations apart.
    Isolated,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            up: true,
            flap: None,
            rate: None,
            queue: Queue::default(),
            delay: Delay::default(),
            loss: Loss::None,
            duplicate: 0.0,
            corrupt: Corrupt { probability: 0.0, fix_checksum: false },
            reorder: Reorder { probability: 0.0, gap: 0 },
            mtu: None,
            radio: None,
            filters: Vec::new(),
        }
    }
}

impl Default for Queue {
    /// A thousand frames, as Linux has it.
    fn default() -> Queue {
        Queue { packets: 1000, bytes: u32::MAX, drop: Drop::Tail }
    }
}

impl Default for Delay {
    fn default() -> Delay {
        let (base, jitter) = (Duration::ZERO, Duration::ZERO);
        Delay { base, jitter, correlation: 0.0, distribution: Distribution::Uniform, keep_order: false }
    }
}

impl Faults {
    /// Whether frames go through as they came, at once.
    pub fn is_perfect(&self) -> bool {
        *self == Faults { queue: self.queue, reorder: self.reorder, radio: self.radio, ..Faults::default() }
    }
}

/// `delivered`, `delivered copy corrupted`, `dropped: lost`.
impl fmt::Display for Verdict {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Delivered(marks) => write!(to, "delivered{marks}"),
            Verdict::Dropped(reason) => write!(to, "dropped: {reason}"),
        }
    }
}

/// Each with a space before it: ` copy corrupted`.
impl fmt::Display for Marks {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = [(self.duplicate, " copy"), (self.corrupted, " corrupted"), (self.reordered, " overtaking")];
        marks.iter().filter(|(set, _)| *set).try_for_each(|(_, word)| to.write_str(word))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Reason::Filtered => "filtered",
            Reason::TooLong => "too long",
            Reason::Down => "link down",
            Reason::Lost => "lost",
            Reason::Overflow => "queue full",
            Reason::NotJoined => "not joined",
            Reason::Isolated => "stations kept apart",
        })
    }
}
