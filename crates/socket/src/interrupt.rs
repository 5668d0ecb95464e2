//! Reaching a thread that waits in a socket call, from another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// What has been asked of the next call that waits. Each is taken by exactly one call.
#[derive(Default)]
pub(crate) struct Signals {
    raised: AtomicBool,
    woken: AtomicBool,
}

impl Signals {
    pub(crate) fn take_raised(&self) -> bool {
        take(&self.raised)
    }

    pub(crate) fn take_woken(&self) -> bool {
        take(&self.woken)
    }
}

/// Most times nothing is there: a load does not claim the cache line as a swap would.
fn take(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Acquire) && flag.swap(false, Ordering::AcqRel)
}

/// Reaches the thread that waits in a call of a [`Net`](crate::Net) or of one of its sockets.
///
/// Not for use in a Unix signal handler: it takes a lock. Where several threads wait on one `Net`, one of them is
/// reached, whichever comes first; a thread that wants its own has a `Net` of its own.
#[derive(Clone)]
pub struct Interrupt {
    signals: Arc<Signals>,
    waker: Waker,
}

impl Interrupt {
    pub(crate) fn new(signals: Arc<Signals>, waker: Waker) -> Interrupt {
        Interrupt { signals, waker }
    }

    /// Makes the call that waits now, or else the next one that has to wait, fail with
    /// [`Kind::Interrupted`](crate::Kind::Interrupted). A call that is ready succeeds, and leaves it for the
    /// next; `poll` and `select` always notice it. Raised twice before it is noticed, it counts once.
    pub fn raise(&self) {
        self.signals.raised.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }

    /// Makes the call that waits now, or else the next one that has to, run the hook given to
    /// [`Net::with_hook`](crate::Net::with_hook), and go on waiting. Calls that come together run it once.
    pub fn wake(&self) {
        self.signals.woken.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }

    /// Takes back a [`raise`](Interrupt::raise) that no call has noticed, and says whether there was one: for an
    /// embedder that has stopped the program in another way.
    pub fn clear(&self) -> bool {
        self.signals.take_raised()
    }
}
