//! What ends a wait from outside: every thread that waits has a bell among the sockets it waits for.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

#[cfg(unix)]
type End = std::os::unix::net::UnixStream;
#[cfg(windows)]
type End = std::net::TcpStream;

/// All bells, and how often they have been rung.
#[derive(Default)]
pub(super) struct Belfry {
    epoch: AtomicU64,
    bells: Mutex<Bells>,
}

#[derive(Default)]
struct Bells {
    /// Those of the threads that wait.
    hung: Vec<Arc<Bell>>,
    /// For the next that wait: as many as ever waited at the same time.
    spare: Vec<Arc<Bell>>,
}

/// Two ends of a connection within this process.
struct Bell {
    rope: End,
    clapper: End,
}

/// A bell that is hung for as long as its thread waits.
pub(super) struct Hung<'a> {
    belfry: &'a Belfry,
    bell: Arc<Bell>,
    since: u64,
}

impl Belfry {
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// A bell that is rung whenever the epoch moves from now on. Whether it has moved since `since`, the caller has to
    /// look after this.
    pub(super) fn hang(&self, since: u64) -> io::Result<Hung<'_>> {
        let spare = self.bells().spare.pop();
        let bell = match spare {
            Some(bell) => bell,
            None => Arc::new(Bell::new()?),
        };
        self.bells().hung.push(bell.clone());
        Ok(Hung { belfry: self, bell, since })
    }

    fn bells(&self) -> MutexGuard<'_, Bells> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Belfry {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// The epoch moves before the lock is taken: a bell that is not hung by now belongs to a thread that will look.
    fn wake_by_ref(self: &Arc<Self>) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        for bell in &self.bells().hung {
            bell.ring();
        }
    }
}

impl Bell {
    #[cfg(unix)]
    fn new() -> io::Result<Bell> {
        let (rope, clapper) = End::pair()?;
        Self::quiet(rope, clapper)
    }

    /// WSAPoll takes sockets only, and Windows has no socketpair. Somebody else may connect to the listener first:
    /// what counts is that the two ends are each other's.
    #[cfg(windows)]
    fn new() -> io::Result<Bell> {
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let clapper = End::connect(listener.local_addr()?)?;
        loop {
            let (rope, peer) = listener.accept()?;
            if peer == clapper.local_addr()? {
                return Self::quiet(rope, clapper);
            }
        }
    }

    fn quiet(rope: End, clapper: End) -> io::Result<Bell> {
        rope.set_nonblocking(true)?;
        clapper.set_nonblocking(true)?;
        Ok(Bell { rope, clapper })
    }

    /// A full buffer has been rung enough.
    fn ring(&self) {
        let _ = (&self.clapper).write(&[0]);
    }

    fn hush(&self) {
        let mut rung = [0; 64];
        while (&self.rope).read(&mut rung).is_ok_and(|count| count == rung.len()) {}
    }
}

impl Hung<'_> {
    pub(super) fn rope(&self) -> &End {
        &self.bell.rope
    }
}

impl Drop for Hung<'_> {
    fn drop(&mut self) {
        let mut bells = self.belfry.bells();
        bells.hung.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
        // The epoch moves before a bell is rung: with the lock held, an unmoved one means silence.
        if self.belfry.epoch() != self.since {
            self.bell.hush();
        }
        bells.spare.push(self.bell.clone());
    }
}
