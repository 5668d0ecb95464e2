//! What a native object is made of by its `__init__`.

use parking_lot::Mutex;
use rustpython_vm::{PyResult, VirtualMachine};

/// What an object has from `__init__` on: a program's subclass may have its own, and other arguments before that.
#[derive(Debug)]
pub(crate) struct Late<T>(Mutex<Option<T>>);

impl<T> Default for Late<T> {
    fn default() -> Late<T> {
        Late(Mutex::new(None))
    }
}

impl<T: Clone> Late<T> {
    pub(crate) fn set(&self, value: T) {
        // What was there may be an object, and its end run a program: outside of the lock.
        let before = self.0.lock().replace(value);
        drop(before);
    }

    pub(crate) fn get(&self, vm: &VirtualMachine) -> PyResult<T> {
        let value = self.0.lock().clone();
        value.ok_or_else(|| vm.new_attribute_error("call super().__init__() first"))
    }
}
