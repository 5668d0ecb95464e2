//! A virtual network: a switch, access points, links and what can be wrong with them, DHCP, DNS and a gateway, and the
//! hosts on it, over smoltcp. It does no I/O and asks no clock: time and frames are passed in; frames, events and the
//! time of the next call come out. Chance is drawn from a seed, so that a run with equal input repeats exactly.
//!
//! [`Lan`] is the network, [`Host`] one board's stack; frames between them are carried by whoever embeds both, a
//! board's process through its pipe. [`LanStack`] lets sockets of `socklab_socket` run on a host.
//!
//! # Two boards
//!
//! ```
//! use socklab_lan::{Addressing, Attach, Host, HostConfig, Lan, LanConfig, Mac, Medium, Profile, Seed, Time};
//!
//! let mut lan = Lan::new(LanConfig::default());
//! let mac = Mac::local(1);
//! let attach = Attach { name: "b1".into(), mac, medium: Medium::Cable, address: None };
//! let port = lan.attach(Time::ZERO, attach)?;
//! let mut board = Host::new(HostConfig {
//!     mac,
//!     name: "b1".into(),
//!     seed: Seed(1),
//!     profile: Profile::ESP32,
//!     addressing: Addressing::Dhcp,
//! });
//!
//! let mut now = Time::ZERO;
//! board.set_link(now, true);
//! while board.ipv4().is_none() {
//!     while let Some(frame) = board.poll_transmit() {
//!         lan.handle_frame(now, port, frame);
//!     }
//!     lan.poll(now);
//!     while let Some((_, interface, frame)) = lan.poll_transmit() {
//!         board.handle_frame(now, interface, frame);
//!     }
//!     board.poll(now);
//!     // Where nothing is left to do at this moment, time passes at once.
//!     let next = [lan.deadline(), board.deadline()].into_iter().flatten().min();
//!     now = now.max(next.expect("DHCP has something to wait for"));
//! }
//! assert_eq!(board.ipv4().map(|v4| v4.address.to_string()).as_deref(), Some("192.168.1.20"));
//! # Ok::<(), socklab_lan::AttachError>(())
//! ```

mod air;
mod brief;
mod engine;
mod event;
mod fault;
mod fragment;
mod gateway;
mod host;
mod id;
mod lan;
mod link;
mod ndisc;
mod neighbour;
mod packet;
mod random;
mod stack;
mod switch;
mod time;
mod track;

pub use air::{AccessPoint, AirConfig, AirError, JoinError, Left, Seen};
pub use brief::{brief, segment};
pub use engine::{Buffers, Congestion};
pub use event::Event;
pub use fault::{
    AirFaults, Carries, Corrupt, Counts, Delay, Distribution, Drop, FaultError, FaultSpec, Faults, Filter, Flap, Loss,
    Marks, Preset, Queue, Radio, Rate, Reason, Reorder, Verdict,
};
pub use gateway::{
    DhcpFault, DnsFault, Ending, FlowError, FlowRow, Happened, Lease, Limits, Plan, Read, Refusal, UnknownNames,
};
pub use host::{
    Addressing, DhcpState, Host, HostConfig, Ipv4Config, LookupId, Netstat, Profile, SocketId, SocketRow, told_zh,
};
pub use id::{Direction, FlowId, Interface, Mac, PortId, QuestionId};
pub use lan::{
    ArpRow, Attach, AttachError, Bilingual, Lan, LanConfig, LanStatus, Medium, PointRow, PortRow, SegmentId,
};
pub use packet::Segment;
pub use random::Seed;
pub use stack::{Clock, LanLookup, LanSocket, LanStack, Transmit};
pub use time::Time;
pub use track::{Connection, Place, Reach, Sent, Stage};
