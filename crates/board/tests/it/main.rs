//! The real board process at the other end of its link.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod asyncio;
#[cfg(target_os = "linux")]
mod clients;
mod console;
mod drivers;
mod files;
mod imports;
mod interrupt;
mod language;
mod library;
#[cfg(target_os = "linux")]
mod linux;
mod look;
mod machine;
mod memory;
mod network;
mod pins;
#[cfg(target_os = "linux")]
mod python;
mod select;
mod sockets;
mod streams;
mod support;
mod threads;
#[cfg(target_os = "linux")]
mod tls;
mod words;
