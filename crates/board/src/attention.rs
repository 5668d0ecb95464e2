//! Ctrl-C in the interpreter's own loops. It looks between two bytecodes, and there are none in `sum(iter(int, 1))` or
//! `sort()`: what keeps such loops going, iterators and comparisons, looks too.

use std::sync::OnceLock;

use rustpython_vm::builtins::{PyType, PyTypeRef};
use rustpython_vm::function::{Either, PyComparisonValue};
use rustpython_vm::protocol::PyIterReturn;
use rustpython_vm::types::PyComparisonOp;
use rustpython_vm::{Py, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::slots::exchange;

/// Has the iterators of a type look.
type Draw = fn(&Py<PyType>);
type Next = fn(&PyObject, &VirtualMachine) -> PyResult<PyIterReturn>;
type Compare =
    fn(&PyObject, &PyObject, PyComparisonOp, &VirtualMachine) -> PyResult<Either<PyObjectRef, PyComparisonValue>>;

/// The interpreter's own functions.
static NEXT: [OnceLock<Next>; 33] = [const { OnceLock::new() }; 33];
static COMPARE: [OnceLock<Compare>; 4] = [const { OnceLock::new() }; 4];

/// Has them look.
pub(crate) fn draw(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    iterator::<0>(types.range_iterator_type);
    iterator::<1>(types.long_range_iterator_type);
    iterator::<2>(types.callable_iterator);
    iterator::<3>(types.iter_type);
    iterator::<4>(types.reverse_iter_type);
    iterator::<5>(types.list_iterator_type);
    iterator::<6>(types.list_reverseiterator_type);
    iterator::<7>(types.tuple_iterator_type);
    iterator::<8>(types.str_iterator_type);
    iterator::<9>(types.bytes_iterator_type);
    iterator::<10>(types.bytearray_iterator_type);
    iterator::<11>(types.memoryviewiterator_type);
    iterator::<12>(types.dict_keyiterator_type);
    iterator::<13>(types.dict_valueiterator_type);
    iterator::<14>(types.dict_itemiterator_type);
    iterator::<15>(types.dict_reversekeyiterator_type);
    iterator::<16>(types.dict_reversevalueiterator_type);
    iterator::<17>(types.dict_reverseitemiterator_type);
    iterator::<18>(types.set_iterator_type);
    iterator::<19>(types.map_type);
    iterator::<20>(types.filter_type);
    iterator::<21>(types.zip_type);
    iterator::<22>(types.enumerate_type);
    compared::<0>(types.int_type);
    compared::<1>(types.float_type);
    compared::<2>(types.str_type);
    compared::<3>(types.bytes_type);
}

/// The same of the iterators of `itertools` that make more than they are given.
pub(crate) fn draw_itertools(module: &PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let all: [(&str, Draw); 10] = [
        ("count", iterator::<23>),
        ("cycle", iterator::<24>),
        ("repeat", iterator::<25>),
        ("product", iterator::<26>),
        ("permutations", iterator::<27>),
        ("combinations", iterator::<28>),
        ("combinations_with_replacement", iterator::<29>),
        ("chain", iterator::<30>),
        ("islice", iterator::<31>),
        ("starmap", iterator::<32>),
    ];
    all.into_iter().try_for_each(|(name, draw)| {
        let class: PyTypeRef = module.get_attr(name, vm)?.try_into_value(vm)?;
        draw(&class);
        Ok(())
    })
}

fn iterator<const TYPE: usize>(class: &Py<PyType>) {
    exchange(&class.slots.iternext, &NEXT[TYPE], next::<TYPE>);
}

fn compared<const TYPE: usize>(class: &Py<PyType>) {
    exchange(&class.slots.richcompare, &COMPARE[TYPE], compare::<TYPE>);
}

fn next<const TYPE: usize>(iterator: &PyObject, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
    vm.check_signals()?;
    match NEXT[TYPE].get() {
        Some(own) => own(iterator, vm),
        None => Err(vm.new_type_error("no iterator")),
    }
}

fn compare<const TYPE: usize>(
    a: &PyObject,
    b: &PyObject,
    operator: PyComparisonOp,
    vm: &VirtualMachine,
) -> PyResult<Either<PyObjectRef, PyComparisonValue>> {
    vm.check_signals()?;
    match COMPARE[TYPE].get() {
        Some(own) => own(a, b, operator, vm),
        None => Ok(Either::B(PyComparisonValue::NotImplemented)),
    }
}
