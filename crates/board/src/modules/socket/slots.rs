//! The board's table of sockets: how many there can be, and the number that each has.

use parking_lot::Mutex;

use crate::board::board;

/// Of all threads: one may close what another has opened.
static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());

/// A place in the table, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot(usize);

impl Slot {
    /// The lowest free one; `None` when there is no more.
    pub(super) fn take() -> Option<Slot> {
        let (most, _) = board().profile.quirks.most_sockets;
        let mut taken = TAKEN.lock();
        let free = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if free >= most {
            return None;
        }
        if free == taken.len() {
            taken.push(false);
        }
        taken[free] = true;
        Some(Slot(free))
    }

    /// What `fileno` gives.
    pub(super) fn number(&self) -> i64 {
        board().profile.quirks.first_fileno + self.0 as i64
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(taken) = TAKEN.lock().get_mut(self.0) {
            *taken = false;
        }
    }
}
