//! Looking names up: libc's `getaddrinfo` blocks and cannot be stopped, so each look-up has a thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::task::Waker;

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType};

use crate::{Cause, Family, Info, LookupFailure, Query};

type Answer = Result<Vec<Info>, LookupFailure>;

/// Threads at the same time. One that was given up goes on until the name servers' timeout, half a minute: a program
/// that is interrupted again and again must not fill the process with them.
const THREADS_MAX: usize = 64;

/// Who looks names up, and how many threads do at the moment.
pub(super) struct Lookups {
    resolve: Arc<dyn Fn(&Query) -> Answer + Send + Sync>,
    threads: Arc<AtomicUsize>,
}

/// One under way.
pub(super) struct Lookup(Receiver<Answer>);

/// Counts its thread for as long as it lives, and wakes whoever waits for it at the end, also that of a panic.
struct Counted {
    threads: Arc<AtomicUsize>,
    waker: Waker,
}

impl Default for Lookups {
    fn default() -> Lookups {
        Lookups::new(ask_system)
    }
}

impl Lookups {
    pub(super) fn new(resolve: impl Fn(&Query) -> Answer + Send + Sync + 'static) -> Lookups {
        Lookups { resolve: Arc::new(resolve), threads: Arc::default() }
    }

    pub(super) fn start(&self, query: &Query, waker: Waker) -> Result<Lookup, Cause> {
        let under_way = self.threads.fetch_add(1, Ordering::AcqRel);
        let counted = Counted { threads: self.threads.clone(), waker };
        if under_way >= THREADS_MAX {
            return Err(Cause::with_detail(LookupFailure::Again, "too many look-ups under way"));
        }
        let (answer, receiver) = sync_channel(1);
        let (resolve, query) = (self.resolve.clone(), query.clone());
        std::thread::Builder::new().name("look-up".into()).spawn(move || {
            // Dropped after the answer is there, whose sender is dropped before it.
            let _counted = counted;
            let answer = answer;
            // Nobody takes it if the look-up has been given up.
            let _ = answer.send(resolve(&query));
        })?;
        Ok(Lookup(receiver))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.threads.fetch_sub(1, Ordering::AcqRel);
        self.waker.wake_by_ref();
    }
}

impl Lookup {
    pub(super) fn answer(&self) -> Option<Result<Vec<Info>, Cause>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer.map_err(Cause::from)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(LookupFailure::System.into())),
        }
    }
}

/// The system's own way: hosts file, name servers, and whatever else it is set up for.
fn ask_system(query: &Query) -> Answer {
    let address = match query.family {
        None => 0,
        Some(Family::Inet) => AddrFamily::Inet.into(),
        Some(Family::Inet6) => AddrFamily::Inet6.into(),
        Some(Family::Unix) => return Err(LookupFailure::Family),
    };
    // One type only: without it every address comes three times.
    let hints = AddrInfoHints { address, socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match dns_lookup::getaddrinfo(Some(&query.host), None, Some(hints)) {
        Ok(found) => query.answers_from(found.filter_map(Result::ok).map(|info| -> SocketAddr { info.sockaddr })),
        Err(error) => Err(failure(error.kind())),
    }
}

fn failure(kind: LookupErrorKind) -> LookupFailure {
    match kind {
        LookupErrorKind::NoName => LookupFailure::NoName,
        LookupErrorKind::Again => LookupFailure::Again,
        LookupErrorKind::NoData => LookupFailure::NoData,
        LookupErrorKind::Family => LookupFailure::Family,
        LookupErrorKind::Memory => LookupFailure::Memory,
        LookupErrorKind::Fail => LookupFailure::Fail,
        _ => LookupFailure::System,
    }
}
