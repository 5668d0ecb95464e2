//! The queue of `collections`: of a length that is said when it is made. Full, it lets go of the other end, or raises
//! IndexError where its flags say so. The rest of `collections` is Python, in `frozen`.

pub(crate) use deque::{items, module_def};

use rustpython_vm::pymodule;

#[pymodule(name = "_deque")]
mod deque {
    use std::collections::VecDeque;

    use parking_lot::Mutex;
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::protocol::{PyIterReturn, PyMappingMethods, PyNumberMethods, PySequenceMethods};
    use rustpython_vm::types::{
        AsMapping, AsNumber, AsSequence, Constructor, DefaultConstructor, Initializer, IterNext, Iterable, SelfIter,
    };
    use rustpython_vm::{Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, atomic_func, pyclass};

    use crate::modules::late::Late;

    #[pyattr]
    #[pyclass(name = "deque", module = "collections", unhashable = true)]
    #[derive(Debug, Default, PyPayload)]
    struct Deque {
        items: Mutex<VecDeque<PyObjectRef>>,
        /// How many it may have, and whether one more is an error.
        limits: Late<(usize, bool)>,
    }

    impl DefaultConstructor for Deque {}

    impl Initializer for Deque {
        type Args = (PyObjectRef, isize, OptionalArg<PyObjectRef>);

        fn init(zelf: PyRef<Deque>, (first, most, flags): Self::Args, vm: &VirtualMachine) -> PyResult<()> {
            let most = usize::try_from(most).map_err(|_| vm.new_value_error("maxlen must be non-negative"))?;
            let strict = flags.into_option().map_or(Ok(false), |flags| flags.try_to_bool(vm))?;
            let before = std::mem::take(&mut *zelf.items.lock());
            drop(before);
            zelf.limits.set((most, strict));
            zelf.extend(first, vm)
        }
    }

    #[pyclass(with(Constructor, Initializer, AsSequence, AsMapping, AsNumber, Iterable), flags(BASETYPE))]
    impl Deque {
        #[pymethod]
        fn append(&self, item: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            self.put(vm, |items| items.push_back(item), VecDeque::pop_front)
        }

        #[pymethod]
        fn appendleft(&self, item: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            self.put(vm, |items| items.push_front(item), VecDeque::pop_back)
        }

        /// What falls out at the other end is let go after the lock, as it may be the last of an object with a
        /// finalizer.
        fn put(
            &self,
            vm: &VirtualMachine,
            put: impl FnOnce(&mut VecDeque<PyObjectRef>),
            make_room: fn(&mut VecDeque<PyObjectRef>) -> Option<PyObjectRef>,
        ) -> PyResult<()> {
            let (most, strict) = self.limits.get(vm)?;
            let mut items = self.items.lock();
            if items.len() >= most && strict {
                return Err(vm.new_index_error("full"));
            }
            put(&mut items);
            let fallen = if items.len() > most { make_room(&mut items) } else { None };
            drop(items);
            drop(fallen);
            Ok(())
        }

        #[pymethod]
        fn pop(&self, vm: &VirtualMachine) -> PyResult {
            self.items.lock().pop_back().ok_or_else(|| vm.new_index_error("empty"))
        }

        #[pymethod]
        fn popleft(&self, vm: &VirtualMachine) -> PyResult {
            self.items.lock().pop_front().ok_or_else(|| vm.new_index_error("empty"))
        }

        #[pymethod]
        fn extend(&self, more: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let more: Vec<PyObjectRef> = vm.extract_elements_with(&more, Ok)?;
            more.into_iter().try_for_each(|item| self.append(item, vm))
        }

        fn place(&self, index: &PyObject, vm: &VirtualMachine) -> PyResult<usize> {
            let index: isize = index.to_owned().try_into_value(vm)?;
            let length = self.items.lock().len();
            let place = if index < 0 { length.checked_add_signed(index) } else { usize::try_from(index).ok() };
            place.filter(|place| *place < length).ok_or_else(|| vm.new_index_error("deque index out of range"))
        }

        fn item(&self, index: &PyObject, vm: &VirtualMachine) -> PyResult {
            let place = self.place(index, vm)?;
            Ok(self.items.lock()[place].clone())
        }

        fn replace(&self, index: &PyObject, item: Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
            let item = item.ok_or_else(|| vm.new_type_error("'deque' object doesn't support item deletion"))?;
            let place = self.place(index, vm)?;
            let before = std::mem::replace(&mut self.items.lock()[place], item);
            drop(before);
            Ok(())
        }
    }

    /// What is in a queue; `None` of another object.
    pub(crate) fn items(object: &PyObject) -> Option<Vec<PyObjectRef>> {
        Some(object.downcast_ref::<Deque>()?.items.try_lock()?.iter().cloned().collect())
    }

    impl AsSequence for Deque {
        fn as_sequence() -> &'static PySequenceMethods {
            static METHODS: PySequenceMethods = PySequenceMethods {
                length: atomic_func!(|sequence, _vm| Ok(Deque::sequence_downcast(sequence).items.lock().len())),
                ..PySequenceMethods::NOT_IMPLEMENTED
            };
            &METHODS
        }
    }

    impl AsMapping for Deque {
        fn as_mapping() -> &'static PyMappingMethods {
            static METHODS: PyMappingMethods = PyMappingMethods {
                length: atomic_func!(|mapping, _vm| Ok(Deque::mapping_downcast(mapping).items.lock().len())),
                subscript: atomic_func!(|mapping, index, vm| Deque::mapping_downcast(mapping).item(index, vm)),
                ass_subscript: atomic_func!(|mapping, index, item, vm| {
                    Deque::mapping_downcast(mapping).replace(index, item, vm)
                }),
            };
            &METHODS
        }
    }

    impl AsNumber for Deque {
        fn as_number() -> &'static PyNumberMethods {
            static METHODS: PyNumberMethods = PyNumberMethods {
                boolean: Some(|number, _vm| {
                    Ok(number.obj.downcast_ref::<Deque>().is_some_and(|deque| !deque.items.lock().is_empty()))
                }),
                ..PyNumberMethods::NOT_IMPLEMENTED
            };
            &METHODS
        }
    }

    impl Iterable for Deque {
        fn iter(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult {
            Ok(Items { of: zelf, next: Mutex::new(0) }.into_pyobject(vm))
        }
    }

    #[pyclass(no_attr, name = "iterator", module = "collections")]
    #[derive(Debug, PyPayload)]
    struct Items {
        of: PyRef<Deque>,
        next: Mutex<usize>,
    }

    #[pyclass(with(IterNext, Iterable))]
    impl Items {}

    impl SelfIter for Items {}

    impl IterNext for Items {
        fn next(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<PyIterReturn> {
            let mut next = zelf.next.lock();
            let item = zelf.of.items.lock().get(*next).cloned();
            *next += 1;
            Ok(item.map_or(PyIterReturn::StopIteration(None), PyIterReturn::Return))
        }
    }
}
