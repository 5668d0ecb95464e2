//! What the objects of a program would take of a board's heap: sizes of a firmware with pointers of 32 bits, whose heap
//! is of blocks of 16 bytes (`py/gc.c`, `py/map.c`, `py/objlist.c`). What the program can reach is counted object by
//! object, which costs time: when to count belongs to `memory`.

use std::collections::HashSet;

use parking_lot::Mutex;
use rustpython_vm::builtins::{
    PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFunction, PyGenerator, PyInt, PyList, PySet, PyStr, PyTuple,
    PyType,
};
use rustpython_vm::frame::Frame;
use rustpython_vm::gc_state::gc_state;
use rustpython_vm::{AsObject, Context, PyObject, PyObjectRef};

use crate::modules::{array, deque, io, thread};

const BLOCK: usize = 16;
const POINTER: usize = 4;

/// Small ints are in the pointer.
const SMALL_INT: u64 = 30;

/// Generations of objects that the program can have made; the firmware's are in another.
const GENERATIONS: [i32; 3] = [0, 1, 2];

/// Places of a dict or a set, from one size to the next.
const PLACES: [usize; 35] = [
    0, 1, 2, 4, 6, 8, 10, 12, 17, 23, 29, 37, 47, 59, 73, 97, 127, 167, 223, 293, 389, 521, 691, 919, 1223, 1627, 2161,
    3229, 4831, 7243, 10861, 16273, 24407, 36607, 54907,
];

/// What was counted.
#[derive(Default)]
pub(super) struct Census {
    pub(super) bytes: usize,
    pub(super) largest: Option<Table>,
    seen: HashSet<usize>,
}

/// The places of a container that grows.
#[derive(Clone, Copy)]
pub(super) struct Table {
    id: usize,
    bytes: usize,
    /// What they were before they grew.
    before: usize,
}

/// The largest table when somebody last asked.
static LARGEST: Mutex<Option<Table>> = Mutex::new(None);

/// Bytes that the largest container needed besides when it has grown since the last time: its places before that.
pub(super) fn outgrown(largest: Option<Table>) -> usize {
    let known = std::mem::replace(&mut *LARGEST.lock(), largest);
    match (known, largest) {
        (Some(known), Some(now)) if known.id == now.id && known.bytes < now.bytes => now.before,
        _ => 0,
    }
}

/// Counts.
pub(super) fn take() -> Census {
    let mut census = Census::default();
    for generation in GENERATIONS {
        for object in gc_state().get_objects(Some(generation)) {
            census.add(&object);
        }
    }
    census
}

impl Census {
    /// An object that may hold others, and those of them that cannot.
    fn add(&mut self, object: &PyObject) {
        let is_frame = object.downcast_ref::<Frame>().is_some();
        if is_frame && thread::any() {
            return; // what runs in another thread changes while it is looked at
        }
        let held = object.gc_get_referents();
        self.bytes += own(object, held.len());
        if let Some(table) = table(object, held.len()) {
            self.bytes += table.bytes;
            if self.largest.is_none_or(|largest| largest.bytes < table.bytes) {
                self.largest = Some(table);
            }
        }
        held.iter().filter(|held| !held.is_gc_tracked()).for_each(|held| self.add_leaf(held));
    }

    /// An object that the interpreter takes to hold no others: once, whoever has it.
    fn add_leaf(&mut self, leaf: &PyObjectRef) {
        const HERE: usize = 2; // its holder, and this
        if leaf.strong_count() > HERE && !self.seen.insert(leaf.get_id()) {
            return;
        }
        self.bytes += of_leaf(leaf);
        if let Some(items) = deque::items(leaf) {
            self.bytes += BLOCK + blocks(items.len() * POINTER);
            items.iter().filter(|item| !item.is_gc_tracked()).for_each(|item| self.add_leaf(item));
        }
    }
}

/// Bytes of an object that holds so many, without a table that it may have.
fn own(object: &PyObject, held: usize) -> usize {
    const TYPE: usize = 64;
    const GENERATOR: usize = 96;
    const OTHER: usize = 32;
    if object.downcast_ref::<PyTuple>().is_some() {
        return blocks(2 * POINTER + held * POINTER);
    }
    if object.downcast_ref::<PyType>().is_some() {
        return TYPE + 2 * POINTER * held;
    }
    if object.downcast_ref::<PyGenerator>().is_some() {
        return GENERATOR;
    }
    // What the firmware has on its stack, or not at all.
    if object.downcast_ref::<Frame>().is_some() {
        return 0;
    }
    let cell = Context::genesis().types.cell_type;
    let is_small = [
        object.downcast_ref::<PyList>().is_some(),
        object.downcast_ref::<PyDict>().is_some(),
        object.downcast_ref::<PySet>().is_some(),
        object.class().is(cell),
        object.class().heaptype_ext.is_some(),
        object.downcast_ref::<PyFunction>().is_some(),
    ];
    if is_small.contains(&true) { BLOCK + of_leaf(object) } else { OTHER + of_leaf(object) }
}

fn table(object: &PyObject, held: usize) -> Option<Table> {
    let id = object.get_id();
    if object.downcast_ref::<PyList>().is_some() {
        let bytes = blocks(held.max(4) * POINTER);
        return Some(Table { id, bytes, before: bytes / 2 });
    }
    let (entries, size) = match (object.downcast_ref::<PyDict>(), object.downcast_ref::<PySet>()) {
        (Some(_), _) => (held / 2, 2 * POINTER),
        (_, Some(_)) => (held, POINTER),
        _ => return None,
    };
    let (before, places) = places(entries);
    Some(Table { id, bytes: blocks(places * size), before: blocks(before * size) })
}

/// Places of a dict with so many entries, and how many it had before.
fn places(entries: usize) -> (usize, usize) {
    if let Some(at) = PLACES.iter().position(|&places| entries <= places) {
        return (PLACES[at.saturating_sub(1)], PLACES[at]);
    }
    let mut sizes = (PLACES[PLACES.len() - 2], PLACES[PLACES.len() - 1]);
    while sizes.1 < entries {
        sizes = (sizes.1, sizes.1 + sizes.1 / 2);
    }
    sizes
}

/// Bytes of an object that holds no others; of others, what they have of bytes.
fn of_leaf(object: &PyObject) -> usize {
    let bytes = |length: usize| BLOCK + blocks(length + 1);
    if let Some(text) = object.downcast_ref::<PyStr>() {
        return bytes(text.as_bytes().len());
    }
    if let Some(int) = object.downcast_ref::<PyInt>() {
        let bits = int.as_bigint().bits();
        return if bits <= SMALL_INT { 0 } else { BLOCK + blocks(usize::try_from(bits / 8).unwrap_or(0)) };
    }
    if object.downcast_ref::<PyFloat>().is_some() || object.downcast_ref::<PyComplex>().is_some() {
        return BLOCK;
    }
    if let Some(text) = object.downcast_ref::<PyBytes>() {
        return bytes(text.as_bytes().len());
    }
    if let Some(array) = object.downcast_ref::<PyByteArray>() {
        return bytes(array.borrow_buf().len());
    }
    array::size(object).or_else(|| io::size(object)).map_or(0, bytes)
}

fn blocks(bytes: usize) -> usize {
    bytes.div_ceil(BLOCK) * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dicts_grow_as_on_a_board() {
        for (entries, expected) in
            [(0, (0, 0)), (1, (0, 1)), (3, (2, 4)), (12, (10, 12)), (4831, (3229, 4831)), (60000, (54907, 82360))]
        {
            assert_eq!(places(entries), expected, "{entries}");
        }
    }
}
