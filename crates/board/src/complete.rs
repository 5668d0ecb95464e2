//! Which names could stand at the cursor of the prompt. How they are shown belongs in `repl`.

use rustpython_vm::builtins::PyStr;
use rustpython_vm::scope::Scope;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

use crate::modules::help;

/// The one statement that a board knows by its beginning, at the beginning of a line.
const IMPORT: &str = "import ";

/// The unfinished name at the end of `text`, and the names that begin like it: attributes of what stands before its
/// last dot, modules behind `import`, or globals and builtins. Nothing is called to find them.
pub(crate) fn names(vm: &VirtualMachine, scope: &Scope, text: &str) -> (String, Vec<String>) {
    let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == '.';
    let path = text.rsplit(|character| !is_part(character)).next().unwrap_or_default();
    let (owner, typed) = path.rsplit_once('.').map_or((None, path), |(owner, typed)| (Some(owner), typed));
    let names = match text.split_once(' ') {
        Some(("import" | "from", module)) if module.trim_start() == path && owner.is_none() => help::module_names(vm),
        _ => candidates(vm, scope, owner).unwrap_or_default(),
    };
    let mut names: Vec<_> = names.into_iter().filter(|name| fits(name, typed)).collect();
    names.sort();
    names.dedup();
    if names.is_empty() && !text.is_empty() && IMPORT.starts_with(text) {
        names.push(IMPORT.to_owned());
    }
    (typed.to_owned(), names)
}

/// Hidden names are shown to those who ask for them.
fn fits(name: &str, typed: &str) -> bool {
    name.starts_with(typed) && (!name.starts_with('_') || typed.starts_with('_'))
}

fn candidates(vm: &VirtualMachine, scope: &Scope, owner: Option<&str>) -> PyResult<Vec<String>> {
    let globals: PyObjectRef = scope.globals.clone().into();
    let builtins = vm.builtins.dict();
    let Some(owner) = owner else {
        let mut names = keys(&globals, vm)?;
        names.extend(keys(&builtins.into(), vm)?);
        return Ok(names);
    };
    let mut parts = owner.split('.');
    let first = parts.next().unwrap_or_default();
    let start = globals.get_item(first, vm).or_else(|_| builtins.as_object().get_item(first, vm))?;
    let object = parts.try_fold(start, |object, name| object.get_attr(&vm.ctx.new_str(name), vm))?;
    let names = vm.dir(Some(object))?;
    Ok(names.borrow_vec().iter().filter_map(text).collect())
}

fn keys(dict: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Vec<String>> {
    let keys = vm.call_method(dict, "keys", ())?;
    let keys: Vec<PyObjectRef> = vm.extract_elements_with(&keys, Ok)?;
    Ok(keys.iter().filter_map(text).collect())
}

fn text(name: &PyObjectRef) -> Option<String> {
    Some(name.downcast_ref::<PyStr>()?.to_string_lossy().into_owned())
}
