//! The slots of the interpreter's types, which are statics: a function that is stored there is the type's from then on.

use std::sync::OnceLock;

use crossbeam_utils::atomic::AtomicCell;

/// Puts a function into a slot, and keeps the interpreter's own. A second interpreter finds ours there already.
pub(crate) fn exchange<F: Copy>(slot: &AtomicCell<Option<F>>, own: &OnceLock<F>, ours: F) {
    if let Some(function) = slot.load() {
        own.get_or_init(|| function);
        slot.store(Some(ours));
    }
}
