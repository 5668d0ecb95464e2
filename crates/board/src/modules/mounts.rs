//! Paths: those below the place where a program has mounted a file system of its own go to that, all others to the
//! flash. And the module `vfs`.
//!
//! A program's file system is any object with `open`, `stat`, `ilistdir` and so on; `mpremote mount` brings one.

pub(crate) use vfs::module_def;

use std::io;

use cap_std::fs::Metadata;
use parking_lot::RwLock;
use rustpython_vm::builtins::PyStr;
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, FromArgs, PyObject, PyObjectRef, PyResult, VirtualMachine, pymodule};

use super::{errors, stream};
use crate::board::board;
use crate::flash::{BLOCK, BLOCKS, Flash};

/// Kinds in `stat` and `ilistdir`.
pub(crate) const DIRECTORY: u32 = 0x4000;
pub(crate) const FILE: u32 = 0x8000;

/// A program's file system.
struct Mount {
    /// Absolute, without `/` at its end.
    place: String,
    system: PyObjectRef,
}

/// A path in a program's file system.
pub(crate) struct Mounted {
    pub(crate) system: PyObjectRef,
    /// As the file system sees it: from its own root.
    pub(crate) path: String,
}

static MOUNTS: RwLock<Vec<Mount>> = RwLock::new(Vec::new());

/// Lets go of all: a reset.
pub(crate) fn forget_all() {
    drop(std::mem::take(&mut *MOUNTS.write()));
}

/// Does something with the flash.
pub(crate) fn on_flash<R>(vm: &VirtualMachine, f: impl FnOnce(&Flash) -> io::Result<R>) -> PyResult<R> {
    f(&board().flash).map_err(|e| errors::of_file(vm, &e))
}

/// The program's file system that a path is in, if it is in one.
pub(crate) fn at(path: &str) -> Option<Mounted> {
    let absolute = board().flash.absolute(path);
    MOUNTS.read().iter().find_map(|mount| {
        let rest = absolute.strip_prefix(&mount.place)?;
        let path = if rest.is_empty() { "/" } else { rest };
        path.starts_with('/').then(|| Mounted { system: mount.system.clone(), path: path.to_owned() })
    })
}

/// Whether a path is a file or a directory; `None` for neither. Ctrl-C may come in a program's `stat`.
pub(crate) fn kind(path: &str, vm: &VirtualMachine) -> PyResult<Option<u32>> {
    let Some(mounted) = at(path) else {
        return Ok(board().flash.metadata(path).ok().map(|there| kind_of(&there)));
    };
    match vm.call_method(&mounted.system, "stat", (mounted.path,)) {
        Ok(stat) => {
            const PERMISSIONS: u32 = 0o7777; // of a folder of a computer that is mounted
            let mode: u32 = stat.get_item(vm.ctx.new_int(0).as_object(), vm)?.try_into_value(vm)?;
            Ok(Some(mode & !PERMISSIONS))
        }
        Err(raised) if raised.fast_isinstance(vm.ctx.exceptions.os_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

/// The whole of a file.
pub(crate) fn bytes(path: &str, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    match at(path) {
        None => on_flash(vm, |flash| flash.bytes(path)),
        Some(mounted) => {
            let file = vm.call_method(&mounted.system, "open", (mounted.path, "rb"))?;
            stream::read_file(&file, vm)
        }
    }
}

fn kind_of(metadata: &Metadata) -> u32 {
    if metadata.is_dir() { DIRECTORY } else { FILE }
}

/// A board says 0 for a directory's size.
fn size_of(metadata: &Metadata) -> u64 {
    if metadata.is_dir() { 0 } else { metadata.len() }
}

/// `os.ilistdir`. In the root, what is mounted there comes before the flash's own.
pub(crate) fn list(path: &str, vm: &VirtualMachine) -> PyResult {
    if let Some(mounted) = at(path) {
        return vm.call_method(&mounted.system, "ilistdir", (mounted.path,))?.get_iter(vm).map(Into::into);
    }
    let root = board().flash.absolute(path) == "/";
    let places: Vec<_> = MOUNTS.read().iter().map(|mount| mount.place.clone()).collect();
    let places = places.iter().filter_map(|place| place.strip_prefix('/')).filter(|_| root);
    let mut entries: Vec<PyObjectRef> =
        places.map(|name| vm.new_tuple((name.to_owned(), DIRECTORY, 0, 0)).into()).collect();
    for (name, there) in on_flash(vm, |flash| flash.list(path))? {
        entries.push(vm.new_tuple((name, kind_of(&there), 0, size_of(&there))).into());
    }
    let entries: PyObjectRef = vm.ctx.new_list(entries).into();
    entries.get_iter(vm).map(Into::into)
}

/// `os.stat`: kind, five times nothing, size, and three times when it was changed.
pub(crate) fn stat(path: &str, vm: &VirtualMachine) -> PyResult {
    if let Some(mounted) = at(path) {
        return vm.call_method(&mounted.system, "stat", (mounted.path,));
    }
    let there = on_flash(vm, |flash| flash.metadata(path))?;
    let changed = there.modified().ok().and_then(|time| time.into_std().elapsed().ok());
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seconds = changed.map_or(0, |ago| now.saturating_sub(ago).as_secs()).saturating_sub(board().profile.epoch);
    let fields = [u64::from(kind_of(&there)), 0, 0, 0, 0, 0, size_of(&there), seconds, seconds, seconds];
    Ok(tuple_of(fields, vm))
}

/// `os.statvfs`: a flash of a board's size, as full as the files make it.
pub(crate) fn statvfs(path: &str, vm: &VirtualMachine) -> PyResult {
    if let Some(mounted) = at(path) {
        return vm.call_method(&mounted.system, "statvfs", (mounted.path,));
    }
    const LONGEST_NAME: u64 = 255;
    let free = board().flash.free_blocks();
    Ok(tuple_of([BLOCK, BLOCK, BLOCKS, free, free, 0, 0, 0, 0, LONGEST_NAME], vm))
}

fn tuple_of(fields: [u64; 10], vm: &VirtualMachine) -> PyObjectRef {
    vm.ctx.new_tuple(fields.map(|field| vm.ctx.new_int(field).into()).to_vec()).into()
}

/// `os.mkdir`, `rmdir` and `remove`: the method of that name, or what is done to the flash.
pub(crate) fn change(
    method: &'static str,
    path: &str,
    vm: &VirtualMachine,
    f: impl FnOnce(&Flash, &str) -> io::Result<()>,
) -> PyResult<()> {
    match at(path) {
        // The place where it is mounted is there already.
        Some(mounted) if mounted.path == "/" && method == "mkdir" => Err(errors::named(vm, "EEXIST")),
        Some(mounted) => vm.call_method(&mounted.system, method, (mounted.path,)).map(drop),
        None => on_flash(vm, |flash| f(flash, path)),
    }
}

/// `os.rename`, within one file system.
pub(crate) fn rename(from: &str, to: &str, vm: &VirtualMachine) -> PyResult<()> {
    match (at(from), at(to)) {
        (None, None) => on_flash(vm, |flash| flash.rename(from, to)),
        (Some(from), Some(to)) if from.system.is(&to.system) => {
            vm.call_method(&from.system, "rename", (from.path, to.path)).map(drop)
        }
        _ => Err(errors::named(vm, "EPERM")),
    }
}

/// `os.chdir`.
pub(crate) fn change_dir(path: &str, vm: &VirtualMachine) -> PyResult<()> {
    match at(path) {
        None => on_flash(vm, |flash| flash.change_to(path)),
        Some(mounted) => {
            vm.call_method(&mounted.system, "chdir", (mounted.path,))?;
            board().flash.change_to_mounted(path);
            Ok(())
        }
    }
}

#[derive(FromArgs)]
struct MountArgs {
    #[pyarg(positional)]
    system: PyObjectRef,
    #[pyarg(positional)]
    place: rustpython_vm::builtins::PyStrRef,
    #[pyarg(any, default)]
    readonly: bool,
    #[pyarg(any, default)]
    mkfs: bool,
}

/// `mount(system, place)`; without arguments, what is mounted, and where.
pub(crate) fn mount(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    if args.args.is_empty() {
        let pair = |mount: &Mount| vm.new_tuple((mount.system.clone(), mount.place.clone())).into();
        let mut pairs: Vec<PyObjectRef> = vec![vm.new_tuple((vfs::flash(vm), "/")).into()];
        pairs.extend(MOUNTS.read().iter().map(pair));
        return Ok(vm.ctx.new_list(pairs).into());
    }
    let args: MountArgs = args.bind(vm)?;
    let place = board().flash.absolute(&args.place.to_string_lossy());
    if place == "/" || at(&place).is_some() {
        return Err(errors::named(vm, "EPERM"));
    }
    vm.call_method(&args.system, "mount", (args.readonly, args.mkfs))?;
    MOUNTS.write().push(Mount { place, system: args.system });
    Ok(vm.ctx.none())
}

/// `umount(place)` or `umount(system)`. Whoever is in it is in the root then.
pub(crate) fn umount(what: &PyObject, vm: &VirtualMachine) -> PyResult<()> {
    let place = what.downcast_ref::<PyStr>().map(|place| board().flash.absolute(&place.to_string_lossy()));
    let is_it = |mount: &Mount| place.as_ref().map_or(mount.system.is(what), |place| mount.place == *place);
    let mut mounts = MOUNTS.write();
    let taken = mounts.iter().position(is_it).map(|at| mounts.remove(at));
    drop(mounts);
    let taken = taken.ok_or_else(|| errors::named(vm, "EINVAL"))?;
    let current = board().flash.current();
    if current.strip_prefix(&taken.place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        board().flash.change_to_mounted("/");
    }
    vm.call_method(&taken.system, "umount", ()).map(drop)
}

#[pymodule]
mod vfs {
    use rustpython_vm::function::FuncArgs;
    use rustpython_vm::types::Representable;
    use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

    /// The flash itself, as `mount()` shows it.
    #[pyclass(no_attr, name = "VfsLfs2", module = "vfs")]
    #[derive(Debug, PyPayload)]
    struct Flash;

    impl Representable for Flash {
        fn repr_str(_zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok("<VfsLfs2>".to_owned())
        }
    }

    #[pyclass(with(Representable))]
    impl Flash {}

    pub(super) fn flash(vm: &VirtualMachine) -> PyObjectRef {
        Flash.into_pyobject(vm)
    }

    #[pyfunction]
    fn mount(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        super::mount(args, vm)
    }

    #[pyfunction]
    fn umount(what: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        super::umount(&what, vm)
    }
}
