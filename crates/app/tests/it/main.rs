//! The program from outside: what it promises on its command line, with real peers at the other end of its sockets.
//! What only one crate can see is tested there.

mod kit;
#[cfg(unix)]
mod session;

mod bad_input;
mod board;
#[cfg(target_os = "linux")]
mod broadcast;
#[cfg(unix)]
mod capture;
mod chinese;
#[cfg(target_os = "linux")]
mod examples;
#[cfg(target_os = "linux")]
mod frames;
#[cfg(target_os = "linux")]
mod interop;
mod lan;
mod lan_examples;
#[cfg(target_os = "linux")]
mod mpremote;
#[cfg(target_os = "linux")]
mod nc;
#[cfg(target_os = "linux")]
mod nothing_lost;
#[cfg(unix)]
mod pipe;
#[cfg(target_os = "linux")]
mod safe;
mod send;
mod serve;
#[cfg(target_os = "linux")]
mod thonny;
#[cfg(target_os = "linux")]
mod tools;
#[cfg(target_os = "linux")]
mod tshark;
#[cfg(target_os = "linux")]
mod wire;
