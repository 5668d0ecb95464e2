//! The slots of the interpreter's types, which are statics: a function that is stored there is the type's from then on.

use std::sync::OnceLock;

use crossbeam_utils::atomic::AtomicCell;
use rustpython_vm::builtins::{PyByteArray, PyBytes, PyInt, PyStr, PyType, PyTypeRef};
use rustpython_vm::class::add_operators;
use rustpython_vm::function::{FuncArgs, PySetterValue};
use rustpython_vm::protocol::PyMapping;
use rustpython_vm::{AsObject as _, Py, PyObject, PyObjectRef, PyResult, VirtualMachine};

type Subscript = fn(PyMapping<'_>, &PyObject, &VirtualMachine) -> PyResult;
type New = fn(PyTypeRef, FuncArgs, &VirtualMachine) -> PyResult;
type Store = fn(PyMapping<'_>, &PyObject, Option<PyObjectRef>, &VirtualMachine) -> PyResult<()>;

/// The interpreter's own `[]` of bytes and bytearray, and `[] =` of bytearray.
static ITEMS: [OnceLock<Subscript>; 2] = [const { OnceLock::new() }; 2];
static STORE: OnceLock<Store> = OnceLock::new();

/// Its own way to make a class.
static NEW_TYPE: OnceLock<New> = OnceLock::new();

/// Puts a function into a slot, and keeps the interpreter's own. A second interpreter finds ours there already.
pub(crate) fn exchange<F: Copy>(slot: &AtomicCell<Option<F>>, own: &OnceLock<F>, ours: F) {
    if let Some(function) = slot.load() {
        own.get_or_init(|| function);
        slot.store(Some(ours));
    }
}

/// Makes of `object`'s own ways to attributes what they are, its slots. The interpreter has them as methods, which each
/// class then seems to have redefined: looking up any attribute would be a call, and never be remembered where it is.
pub(crate) fn open_attributes(vm: &VirtualMachine) {
    let object = vm.ctx.types.object_type;
    for name in ["__getattribute__", "__setattr__", "__delattr__"] {
        object.attributes.write().shift_remove(vm.ctx.intern_str(name));
    }
    add_operators(object, &vm.ctx);
    exchange(&vm.ctx.types.type_type.slots.new, &NEW_TYPE, new_type);
}

/// `__setattr__` and `__delattr__` have one slot, which the interpreter sets by the former, `object`'s own, where a class
/// has the latter alone.
fn new_type(meta: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let makes = args.args.len() == 3;
    let made = NEW_TYPE.get().expect("set before this was put in")(meta, args, vm)?;
    if let Some(class) = made.downcast_ref::<PyType>().filter(|_| makes) {
        let delete = class.get_attr(vm.ctx.intern_str("__delattr__"));
        let told = delete.is_some_and(|delete| !delete.class().is(vm.ctx.types.wrapper_descriptor_type));
        let slot = |class: &Py<PyType>| class.slots.setattro.load().map(|slot| slot as usize);
        if told && slot(class) == slot(vm.ctx.types.object_type) {
            class.slots.setattro.store(Some(delete_told));
        }
    }
    Ok(made)
}

fn delete_told(object: &PyObject, name: &Py<PyStr>, value: PySetterValue, vm: &VirtualMachine) -> PyResult<()> {
    match value {
        PySetterValue::Assign(_) => object.generic_setattr(name, value, vm),
        PySetterValue::Delete => {
            let delete = vm.ctx.intern_str("__delattr__");
            vm.call_special_method(object, delete, (name.to_owned(),)).map(drop)
        }
    }
}

/// One byte of `bytes` and `bytearray` by a plain small index, the most usual, without the interpreter's way over slices.
pub(crate) fn open_items(vm: &VirtualMachine) {
    let types = &vm.ctx.types;
    exchange(&types.bytes_type.slots.as_mapping.subscript, &ITEMS[0], item::<0>);
    exchange(&types.bytearray_type.slots.as_mapping.subscript, &ITEMS[1], item::<1>);
    exchange(&types.bytearray_type.slots.as_mapping.ass_subscript, &STORE, store);
}

fn item<const TYPE: usize>(mapping: PyMapping<'_>, needle: &PyObject, vm: &VirtualMachine) -> PyResult {
    let byte = small(needle, vm).and_then(|index| match TYPE {
        0 => mapping.obj.downcast_ref::<PyBytes>()?.as_bytes().get(index).copied(),
        _ => mapping.obj.downcast_ref::<PyByteArray>()?.borrow_buf().get(index).copied(),
    });
    match byte {
        Some(byte) => Ok(vm.ctx.new_int(byte).into()),
        None => ITEMS[TYPE].get().expect("set before this was put in")(mapping, needle, vm),
    }
}

fn store(mapping: PyMapping<'_>, needle: &PyObject, value: Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
    let byte = value.as_deref().and_then(|value| u8::try_from(small(value, vm)?).ok());
    if let (Some(byte), Some(index)) = (byte, small(needle, vm))
        && let Some(array) = mapping.obj.downcast_ref::<PyByteArray>()
        && let Some(place) = array.borrow_buf_mut().get_mut(index)
    {
        *place = byte;
        return Ok(());
    }
    STORE.get().expect("set before this was put in")(mapping, needle, value, vm)
}

/// What is an `int`, no subclass of it, and not negative.
fn small(object: &PyObject, vm: &VirtualMachine) -> Option<usize> {
    object.downcast_ref_if_exact::<PyInt>(vm)?.as_bigint().try_into().ok()
}

#[cfg(test)]
mod tests {
    use rustpython_vm::Interpreter;
    use rustpython_vm::compiler::Mode;
    use rustpython_vm::scope::Scope;

    use super::*;

    fn run(vm: &VirtualMachine, program: &str) -> Scope {
        let scope = vm.new_scope_with_builtins();
        let code = vm.compile(program, Mode::Exec, "<test>".to_owned()).expect("it is right");
        vm.run_code_obj(code, scope.clone()).expect("its asserts hold");
        scope
    }

    const PROGRAM: &str = "
class Plain: pass
class Child(Plain): pass
class Told(Plain):
    def __setattr__(self, name, value):
        object.__setattr__(self, name, 2 * value)
    def __delattr__(self, name):
        super().__delattr__(name)
        super().__setattr__('gone', name)
told = Told()
told.x = 4
assert told.x == 8 and told.__getattribute__('x') == 8
del told.x
assert told.gone == 'x' and not hasattr(told, 'x')
class Kept(Plain):
    def __delattr__(self, name):
        raise ValueError(name)
class Heir(Kept): pass
for kept in Kept(), Heir():
    kept.x = 1
    try:
        del kept.x
    except ValueError:
        continue
    assert False
";

    #[test]
    fn an_index_of_any_kind_is_right() {
        const PROGRAM: &str = "
class Index:
    def __index__(self): return 1
class Bytes(bytes): pass
array = bytearray(b'abc')
for all in (b'abc', array, Bytes(b'abc')):
    assert all[0] == 97 and all[-1] == 99 and all[True] == 98 and all[Index()] == 98 and all[1:] == b'bc'
    for index in (3, -4, 1 << 80, '0'):
        try:
            all[index]
        except (IndexError, TypeError):
            continue
        assert False, index
array[0], array[-1], array[Index()] = 255, True, 0
assert array == bytearray(b'\\xff\\x00\\x01')
for index, value in ((3, 0), (0, 256), (0, -1), (0, '0')):
    try:
        array[index] = value
    except (IndexError, TypeError, ValueError):
        continue
    assert False, (index, value)
array[1:], array[0] = b'yz', 120
assert array == bytearray(b'xyz')
del array[0]
assert array == bytearray(b'yz')
";
        Interpreter::without_stdlib(rustpython_vm::Settings::default()).enter(|vm| {
            open_items(vm);
            run(vm, PROGRAM);
        });
    }

    #[test]
    fn a_class_has_the_interpreters_own_ways_to_attributes() {
        Interpreter::without_stdlib(rustpython_vm::Settings::default()).enter(|vm| {
            open_attributes(vm);
            let scope = run(vm, PROGRAM);
            let class = |name| scope.globals.get_item(name, vm).expect("a class").downcast().expect("a class");
            let object = &vm.ctx.types.object_type.slots;
            let own = (object.getattro.load().map(|f| f as usize), object.setattro.load().map(|f| f as usize));
            for name in ["Plain", "Child", "Told"] {
                let class: PyTypeRef = class(name);
                let has =
                    (class.slots.getattro.load().map(|f| f as usize), class.slots.setattro.load().map(|f| f as usize));
                assert_eq!(has.0, own.0, "{name}");
                assert_eq!(has.1 == own.1, name != "Told", "{name}");
            }
        });
    }
}
