//! What only the system's own interface can tell. The one place where `unsafe` is allowed.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::time::Duration;

/// What TCP knows of the way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// The smoothed round-trip time.
    pub rtt: Duration,
    /// Segments sent again since the connection began.
    pub retransmits: u32,
}

/// Asks the system about a TCP socket; `None` for any other descriptor.
#[cfg(target_os = "linux")]
pub(crate) fn tcp_info(descriptor: i32) -> Option<TcpInfo> {
    // SAFETY: tcp_info consists of integers only, for which all zeros is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, and reports a bad descriptor as an error.
    let result = unsafe {
        libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length)
    };
    let known = TcpInfo { rtt: Duration::from_micros(info.tcpi_rtt.into()), retransmits: info.tcpi_total_retrans };
    (result == 0).then_some(known)
}

/// Other systems say it in other ways, or not at all.
#[cfg(not(target_os = "linux"))]
pub(crate) fn tcp_info(_: i32) -> Option<TcpInfo> {
    None
}

/// How many datagrams the system has dropped at a socket, modulo 2^32; `None` for any other descriptor.
#[cfg(target_os = "linux")]
pub(crate) fn dropped(descriptor: i32) -> Option<u32> {
    /// `SK_MEMINFO_DROPS` and the number of values, from linux/sock_diag.h.
    const DROPS: usize = 8;
    let mut values = [0u32; DROPS + 1];
    let mut length = size_of_val(&values) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `values`, and reports a bad descriptor as an error.
    let result = unsafe {
        libc::getsockopt(descriptor, libc::SOL_SOCKET, libc::SO_MEMINFO, values.as_mut_ptr().cast(), &raw mut length)
    };
    (result == 0 && length as usize == size_of_val(&values)).then_some(values[DROPS])
}

/// Other systems say it in other ways, or not at all.
#[cfg(not(target_os = "linux"))]
pub(crate) fn dropped(_: i32) -> Option<u32> {
    None
}

/// Asks the system to have this memory, which begins where a page does, in huge pages. It may not do so.
#[cfg(target_os = "linux")]
pub(crate) fn prefer_huge_pages(memory: &mut [MaybeUninit<u8>]) {
    // SAFETY: the memory is ours alone while this lasts, and keeps its contents.
    let _ = unsafe { libc::madvise(memory.as_mut_ptr().cast(), memory.len(), libc::MADV_HUGEPAGE) };
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn prefer_huge_pages(_: &mut [MaybeUninit<u8>]) {}
