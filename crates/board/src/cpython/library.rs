//! Which modules a Linux computer has: of the interpreter, of the board, in Python of our own (the folder `library`),
//! and CPython's (the crate `pylib`). What is in none of these cannot be imported.

use rustpython_vm::builtins::PyModule;
use rustpython_vm::frozen::FrozenModule;
use rustpython_vm::{PyObjectRef, PyRef, PyResult, VirtualMachine};

/// The place in `sys.path` that stands for the library.
pub(crate) const PLACE: &str = "/usr/lib/python3.14";

/// Modules of the interpreter that a program may have: they reach nothing of the machine.
const OF_INTERPRETER: &[&str] = &[
    "_abc",
    "_ast",
    "_codecs",
    "_collections",
    "_functools",
    "_imp",
    "_io",
    "_operator",
    "_sre",
    "_stat",
    "_string",
    "_symtable",
    "_thread",
    "_types",
    "_typing",
    "_warnings",
    "_weakref",
    "atexit",
    "builtins",
    "errno",
    "gc",
    "itertools",
    "marshal",
    "sys",
    "time",
];

/// Modules of the board under the names that programs know, and those that ours in Python are made from.
const OF_BOARD: &[(&str, &str)] = &[
    ("_board_hashes", "_board_hashes"),
    ("_board_math", "math"),
    ("_board_os", "os"),
    ("_board_select", "select"),
    ("_board_text", "_board_text"),
    ("_random", "_random"),
    ("_struct", "_struct"),
    ("array", "array"),
    ("binascii", "binascii"),
    ("cmath", "cmath"),
    ("socket", "socket"),
];

/// Ours in Python, each in the place of a module in C, or of one that reaches for the machine.
const OURS: &[(&str, &str)] = &[
    ("_board_encodings", include_str!("library/_board_encodings.py")),
    ("_board_files", include_str!("library/_board_files.py")),
    ("_board_socket", include_str!("library/_board_socket.py")),
    ("_board_threads", include_str!("library/_board_threads.py")),
    ("_contextvars", include_str!("library/_contextvars.py")),
    ("_opcode", include_str!("library/_opcode.py")),
    ("_tokenize", include_str!("library/_tokenize.py")),
    ("asyncio.unix_events", include_str!("library/asyncio/unix_events.py")),
    ("asyncio.subprocess", "__all__ = ()\n"),
    ("asyncio.sslproto", include_str!("library/asyncio/sslproto.py")),
    ("hashlib", include_str!("library/hashlib.py")),
    ("importlib", include_str!("library/importlib.py")),
    ("importlib.machinery", include_str!("library/importlib/machinery.py")),
    ("math", include_str!("library/math.py")),
    ("posix", include_str!("library/posix.py")),
    ("select", include_str!("library/select.py")),
    ("signal", include_str!("library/signal.py")),
    ("struct", include_str!("library/struct.py")),
    ("subprocess", include_str!("library/subprocess.py")),
];

/// A module of the library that is Python.
pub(crate) struct Module {
    /// What tracebacks call its file.
    pub(crate) file: String,
    /// Whether there are modules in it.
    pub(crate) package: bool,
    pub(crate) text: Text,
}

/// What a module is run from.
pub(crate) enum Text {
    Python(&'static str),
    Compiled(FrozenModule<&'static [u8]>),
}

/// The module in Python of that full name.
pub(crate) fn module(name: &str) -> Option<Module> {
    let ours = OURS.iter().find(|(known, _)| *known == name).map(|(_, text)| Text::Python(text));
    let text = ours.or_else(|| socklab_pylib::module(name).map(Text::Compiled))?;
    let package = match &text {
        Text::Python(_) => {
            OURS.iter().any(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
        }
        Text::Compiled(module) => module.package,
    };
    let path = name.replace('.', "/");
    let file = if package { format!("{PLACE}/{path}/__init__.py") } else { format!("{PLACE}/{path}.py") };
    Some(Module { file, package, text })
}

/// The native module of that name, made new; `None` for one that a program cannot have.
pub(crate) fn native(name: &str, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
    let Some(known) = known_as(name) else { return Ok(None) };
    let Some(definition) = vm.state.module_defs.get(known) else { return Ok(None) };
    let module: PyRef<PyModule> = definition.create_module(vm)?;
    let loaded = vm.sys_module.get_attr("modules", vm)?;
    // Before it is run: modules import each other.
    loaded.set_item(name, module.clone().into(), vm)?;
    definition.exec_module(vm, &module)?;
    let module = module.into();
    super::provide(name, &module, vm)?;
    Ok(Some(module))
}

/// Whether a module in Python is native in CPython: its frames are not shown.
pub(super) fn is_native(name: &str) -> bool {
    name.starts_with("_board_") || ["_contextvars", "math", "posix", "select"].contains(&name)
}

/// The names of the native modules that programs know.
pub(super) fn natives() -> impl Iterator<Item = &'static str> {
    let of_board = OF_BOARD.iter().map(|(name, _)| *name).filter(|name| !name.starts_with("_board"));
    OF_INTERPRETER.iter().copied().chain(of_board)
}

/// The interpreter's name for a module.
fn known_as(name: &str) -> Option<&str> {
    let of_board = OF_BOARD.iter().find(|(shown, _)| *shown == name).map(|(_, known)| *known);
    of_board.or_else(|| OF_INTERPRETER.contains(&name).then_some(name))
}
