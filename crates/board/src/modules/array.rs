//! The module `array`: numbers of one kind in a row. Their bytes belong to `layout`.

pub(crate) use array::{module_def, size};

use rustpython_vm::pymodule;

#[pymodule]
mod array {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustpython_vm::builtins::{PyByteArray, PyBytes, PyInt, PySlice, PyStrRef, PyType};
    use rustpython_vm::common::lock::{PyMutex, PyRwLock, PyRwLockReadGuard, PyRwLockWriteGuard};
    use rustpython_vm::function::{OptionalArg, PyComparisonValue};
    use rustpython_vm::protocol::{
        BufferDescriptor, BufferMethods, PyBuffer, PyIterReturn, PyMappingMethods, PyNumberMethods, PySequenceMethods,
    };
    use rustpython_vm::types::{
        AsBuffer, AsMapping, AsNumber, AsSequence, Comparable, Constructor, IterNext, Iterable, PyComparisonOp,
        Representable, SelfIter,
    };
    use rustpython_vm::{Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, atomic_func, pyclass};

    use crate::modules::layout::{NATIVE, bytes_of};

    #[pyattr]
    #[pyclass(name = "array", module = "array", unhashable = true)]
    #[derive(Debug, PyPayload)]
    struct Array {
        code: u8,
        size: usize,
        bytes: PyRwLock<Vec<u8>>,
        /// Views of it: while there are any, it keeps its length.
        views: AtomicUsize,
    }

    impl Constructor for Array {
        type Args = (PyStrRef, OptionalArg<PyObjectRef>);

        fn py_new(_class: &Py<PyType>, (code, first): Self::Args, vm: &VirtualMachine) -> PyResult<Array> {
            let code = match code.as_bytes() {
                [code] if !matches!(code, b'x' | b's' | b'e') => *code,
                _ => return Err(vm.new_value_error("bad typecode")),
            };
            let Some((size, _)) = NATIVE.size_and_align(code) else {
                return Err(vm.new_value_error("bad typecode"));
            };
            let array = Array { code, size, bytes: PyRwLock::default(), views: AtomicUsize::new(0) };
            if let OptionalArg::Present(first) = first {
                array.begin(&first, vm)?;
            }
            Ok(array)
        }
    }

    /// Bytes in an array; `None` of another object.
    pub(crate) fn size(object: &PyObject) -> Option<usize> {
        Some(object.downcast_ref::<Array>()?.bytes.try_read()?.len())
    }

    #[pyclass(
        with(Constructor, AsBuffer, AsSequence, AsMapping, AsNumber, Comparable, Iterable, Representable),
        flags(BASETYPE)
    )]
    impl Array {
        /// From the memory of bytes, from so many numbers that are zero, or from numbers.
        fn begin(&self, first: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
            let raw = first.downcast_ref::<PyBytes>().is_some() || first.downcast_ref::<PyByteArray>().is_some();
            if raw {
                let mut bytes = bytes_of(first, vm)?;
                bytes.truncate(bytes.len() / self.size * self.size);
                *self.bytes.write() = bytes;
                return Ok(());
            }
            self.add(first, vm)
        }

        fn len(&self) -> usize {
            self.bytes.read().len() / self.size
        }

        fn packed(&self, value: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
            let mut bytes = vec![0; self.size];
            NATIVE.put(self.code, value, &mut bytes, vm)?;
            Ok(bytes)
        }

        fn at(&self, index: usize, vm: &VirtualMachine) -> Option<PyResult> {
            let start = index * self.size;
            let bytes = self.bytes.read().get(start..start + self.size)?.to_vec();
            Some(NATIVE.get(self.code, &bytes, vm))
        }

        /// The array's memory for a change of its length.
        fn growing(&self, vm: &VirtualMachine) -> PyResult<PyRwLockWriteGuard<'_, Vec<u8>>> {
            if self.views.load(Ordering::Acquire) > 0 {
                return Err(vm.new_runtime_error("an array with views keeps its length"));
            }
            Ok(self.bytes.write())
        }

        /// The numbers of an array of the same kind as they lie, others one by one.
        fn add(&self, more: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
            let same = more.downcast_ref::<Array>().filter(|more| more.code == self.code);
            let bytes = match same {
                Some(same) => same.bytes.read().clone(),
                None => {
                    let values: Vec<PyObjectRef> = vm.extract_elements_with(more, Ok)?;
                    let packed: PyResult<Vec<_>> = values.iter().map(|value| self.packed(value, vm)).collect();
                    packed?.concat()
                }
            };
            self.growing(vm)?.extend(bytes);
            Ok(())
        }

        #[pymethod]
        fn append(&self, value: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let bytes = self.packed(&value, vm)?;
            self.growing(vm)?.extend(bytes);
            Ok(())
        }

        #[pymethod]
        fn extend(&self, more: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            self.add(&more, vm)
        }

        fn made_of(&self, bytes: Vec<u8>) -> Array {
            Array { code: self.code, size: self.size, bytes: PyRwLock::new(bytes), views: AtomicUsize::new(0) }
        }

        fn place(&self, index: &PyObject, vm: &VirtualMachine) -> PyResult<usize> {
            let Some(index) = index.downcast_ref::<PyInt>() else {
                return Err(vm.new_type_error("array indices must be integers"));
            };
            let (index, length): (isize, usize) = (index.try_to_primitive(vm)?, self.len());
            let place = if index < 0 { length.checked_add_signed(index) } else { usize::try_from(index).ok() };
            place.filter(|place| *place < length).ok_or_else(|| vm.new_index_error("array index out of range"))
        }

        /// The bytes that a slice without a step means.
        fn range(&self, slice: &PySlice, vm: &VirtualMachine) -> PyResult<std::ops::Range<usize>> {
            let (range, step, _) = slice.to_saturated(vm)?.adjust_indices(self.len());
            if step != 1 {
                return Err(vm.new_not_implemented_error("only slices with step=1 (aka None) are supported"));
            }
            Ok(range.start * self.size..range.end * self.size)
        }

        fn item(&self, index: &PyObject, vm: &VirtualMachine) -> PyResult {
            if let Some(slice) = index.downcast_ref::<PySlice>() {
                let range = self.range(slice, vm)?;
                return Ok(self.made_of(self.bytes.read()[range].to_vec()).into_pyobject(vm));
            }
            let place = self.place(index, vm)?;
            self.at(place, vm).unwrap_or_else(|| Err(vm.new_index_error("array index out of range")))
        }

        fn replace(&self, index: &PyObject, value: Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
            let value = value.ok_or_else(|| vm.new_type_error("'array' object doesn't support item deletion"))?;
            if let Some(slice) = index.downcast_ref::<PySlice>() {
                let range = self.range(slice, vm)?;
                let Some(from) = value.downcast_ref::<Array>().filter(|from| from.code == self.code) else {
                    return Err(vm.new_value_error("lhs and rhs should be compatible"));
                };
                let from = from.bytes.read().clone();
                if from.len() == range.len() {
                    self.bytes.write()[range].copy_from_slice(&from);
                } else {
                    self.growing(vm)?.splice(range, from);
                }
                return Ok(());
            }
            let start = self.place(index, vm)? * self.size;
            let bytes = self.packed(&value, vm)?;
            self.bytes.write()[start..start + self.size].copy_from_slice(&bytes);
            Ok(())
        }

        fn plus(&self, other: &PyObject, vm: &VirtualMachine) -> PyResult {
            let sum = self.made_of(self.bytes.read().clone());
            sum.add(other, vm)?;
            Ok(sum.into_pyobject(vm))
        }

        fn contains(&self, value: &PyObject, vm: &VirtualMachine) -> PyResult<bool> {
            for index in 0..self.len() {
                if let Some(item) = self.at(index, vm)
                    && vm.bool_eq(&*item?, value)?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }

    static BUFFER: BufferMethods = BufferMethods {
        obj_bytes: |buffer| PyRwLockReadGuard::map(buffer.obj_as::<Array>().bytes.read(), Vec::as_slice).into(),
        obj_bytes_mut: |buffer| {
            PyRwLockWriteGuard::map(buffer.obj_as::<Array>().bytes.write(), Vec::as_mut_slice).into()
        },
        release: |buffer| {
            buffer.obj_as::<Array>().views.fetch_sub(1, Ordering::Release);
        },
        retain: |buffer| {
            buffer.obj_as::<Array>().views.fetch_add(1, Ordering::Release);
        },
    };

    impl AsBuffer for Array {
        fn as_buffer(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<PyBuffer> {
            let format = match (zelf.code, zelf.size) {
                // The interpreter's views know no addresses.
                (b'P' | b'O' | b'S', 8) => "Q".into(),
                (b'P' | b'O' | b'S', _) => "I".into(),
                (b'l', 4) => "i".into(),
                (b'L', 4) => "I".into(),
                (code, _) => char::from(code).to_string().into(),
            };
            let description = BufferDescriptor::format(zelf.bytes.read().len(), false, zelf.size, format);
            Ok(PyBuffer::new(zelf.to_owned().into(), description, &BUFFER))
        }
    }

    impl AsSequence for Array {
        fn as_sequence() -> &'static PySequenceMethods {
            static METHODS: PySequenceMethods = PySequenceMethods {
                length: atomic_func!(|sequence, _vm| Ok(Array::sequence_downcast(sequence).len())),
                concat: atomic_func!(|sequence, other, vm| Array::sequence_downcast(sequence).plus(other, vm)),
                contains: atomic_func!(|sequence, value, vm| Array::sequence_downcast(sequence).contains(value, vm)),
                inplace_concat: atomic_func!(|sequence, other, vm| {
                    let array = Array::sequence_downcast(sequence);
                    array.add(other, vm)?;
                    Ok(array.to_owned().into())
                }),
                ..PySequenceMethods::NOT_IMPLEMENTED
            };
            &METHODS
        }
    }

    impl AsMapping for Array {
        fn as_mapping() -> &'static PyMappingMethods {
            static METHODS: PyMappingMethods = PyMappingMethods {
                length: atomic_func!(|mapping, _vm| Ok(Array::mapping_downcast(mapping).len())),
                subscript: atomic_func!(|mapping, index, vm| Array::mapping_downcast(mapping).item(index, vm)),
                ass_subscript: atomic_func!(|mapping, index, value, vm| {
                    Array::mapping_downcast(mapping).replace(index, value, vm)
                }),
            };
            &METHODS
        }
    }

    impl AsNumber for Array {
        fn as_number() -> &'static PyNumberMethods {
            static METHODS: PyNumberMethods = PyNumberMethods {
                boolean: Some(|number, _vm| {
                    Ok(number.obj.downcast_ref::<Array>().is_some_and(|array| array.len() > 0))
                }),
                ..PyNumberMethods::NOT_IMPLEMENTED
            };
            &METHODS
        }
    }

    impl Comparable for Array {
        /// By their bytes. Boards do not compare arrays of different kinds, nor of floats.
        fn cmp(
            zelf: &Py<Self>,
            other: &PyObject,
            op: PyComparisonOp,
            vm: &VirtualMachine,
        ) -> PyResult<PyComparisonValue> {
            let own = zelf.bytes.read().clone();
            if let Some(other) = other.downcast_ref::<Array>() {
                // Ints of either sign have one layout, if they are as long.
                let kind = |array: &Array| (array.code.to_ascii_lowercase(), array.size);
                if kind(other) != kind(zelf) || matches!(zelf.code, b'f' | b'd') {
                    return Err(vm.new_not_implemented_error(""));
                }
                let other = other.bytes.read().clone();
                return Ok(PyComparisonValue::Implemented(op.eval_ord(own.cmp(&other))));
            }
            // Without this, bytes would be asked, which compare any memory.
            Ok(match op {
                PyComparisonOp::Eq => PyComparisonValue::Implemented(false),
                PyComparisonOp::Ne => PyComparisonValue::Implemented(true),
                _ => PyComparisonValue::NotImplemented,
            })
        }
    }

    impl Representable for Array {
        fn repr_str(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<String> {
            let code = char::from(zelf.code);
            let mut items = Vec::new();
            for index in 0..zelf.len() {
                if let Some(item) = zelf.at(index, vm) {
                    items.push(item?.repr(vm)?.to_string_lossy().into_owned());
                }
            }
            Ok(match items.is_empty() {
                true => format!("array('{code}')"),
                false => format!("array('{code}', [{}])", items.join(", ")),
            })
        }
    }

    impl Iterable for Array {
        fn iter(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult {
            Ok(Items { of: zelf, next: PyMutex::new(0) }.into_pyobject(vm))
        }
    }

    #[pyclass(no_attr, name = "iterator", module = "array")]
    #[derive(Debug, PyPayload)]
    struct Items {
        of: PyRef<Array>,
        next: PyMutex<usize>,
    }

    #[pyclass(with(IterNext, Iterable))]
    impl Items {}

    impl SelfIter for Items {}

    impl IterNext for Items {
        fn next(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
            let mut next = zelf.next.lock();
            let item = zelf.of.at(*next, vm).transpose()?;
            *next += 1;
            Ok(item.map_or(PyIterReturn::StopIteration(None), PyIterReturn::Return))
        }
    }
}
