//! `open` and the module `os`: files and directories of the board's flash.
//!
//! What keeps a program in the flash folder belongs to `flash`.

pub(crate) use os::module_def;

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use cap_std::fs::{File as HostFile, OpenOptions};
use parking_lot::Mutex;
use rustpython_vm::builtins::PyStrRef;
use rustpython_vm::class::PyClassImpl;
use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg};
use rustpython_vm::protocol::PyIterReturn;
use rustpython_vm::types::{IterNext, Iterable, SelfIter};
use rustpython_vm::{FromArgs, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass, pymodule};

use super::{asked, errors, mounts, with_bytes};
use crate::board::board;
use crate::memory;

/// Puts `open` into the builtins.
pub(crate) fn install(vm: &VirtualMachine) -> PyResult<()> {
    File::make_static_type();
    vm.builtins.set_attr("open", vm.new_function("open", open), vm)
}

/// An open file, as text or as bytes.
#[pyclass(module = "io", name = "FileIO")]
#[derive(PyPayload)]
struct File {
    text: bool,
    /// Whatever is written goes to the end.
    appends: bool,
    /// `None` when closed. Reading is buffered; writing goes to the host at once.
    file: Mutex<Option<BufReader<HostFile>>>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("text", &self.text).finish_non_exhaustive()
    }
}

/// What `open` takes.
#[derive(FromArgs)]
pub(crate) struct OpenArgs {
    #[pyarg(positional)]
    path: PyStrRef,
    #[pyarg(any, optional)]
    mode: OptionalArg<PyStrRef>,
    #[pyarg(any, optional)]
    #[expect(dead_code, reason = "accepted; a board's text is UTF-8")]
    encoding: OptionalArg<PyObjectRef>,
}

/// `open(path, mode)`.
pub(crate) fn open(args: OpenArgs, vm: &VirtualMachine) -> PyResult {
    let mode = args.mode.into_option().map_or_else(|| "r".into(), |mode| mode.to_string_lossy().into_owned());
    if let Some(mounted) = mounts::at(&args.path.to_string_lossy()) {
        return vm.call_method(&mounted.system, "open", (mounted.path, mode));
    }
    let options = options(&mode).ok_or_else(|| errors::named(vm, "EINVAL"))?;
    let file = board().flash.file(&args.path.to_string_lossy(), &options).map_err(|e| errors::of_file(vm, &e))?;
    let (text, appends) = (!mode.contains('b'), mode.contains('a'));
    Ok(File { text, appends, file: Mutex::new(Some(BufReader::new(file))) }.into_pyobject(vm))
}

/// What a mode such as `rb+` asks of the host; `None` for one that says nothing.
fn options(mode: &str) -> Option<OpenOptions> {
    let mut options = OpenOptions::new();
    let both = mode.contains('+');
    match mode.chars().find(|c| "rwax".contains(*c))? {
        'r' => options.read(true).write(both),
        'w' => options.write(true).read(both).create(true).truncate(true),
        'x' => options.write(true).read(both).create_new(true),
        _ => options.append(true).read(both).create(true),
    };
    Some(options)
}

#[pyclass(with(IterNext, Iterable))]
impl File {
    /// All that is left, or `count` bytes, or characters of text.
    #[pymethod]
    fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult {
        let count = asked::most(count);
        let bytes = self.with(vm, |file| match self.text {
            true => read_chars(file, count),
            false => read_most(file, count),
        })?;
        self.made_of(bytes, vm)
    }

    #[pymethod]
    fn readline(&self, most: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult {
        let most = asked::most(most) as u64;
        let line = self.with(vm, |file| read_line(file, most))?;
        self.made_of(line, vm)
    }

    #[pymethod]
    fn readlines(&self, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let mut lines = Vec::new();
        loop {
            let line = self.with(vm, |file| read_line(file, u64::MAX))?;
            if line.is_empty() {
                return Ok(lines);
            }
            lines.push(self.made_of(line, vm)?);
        }
    }

    /// `readinto(buf)`, or `readinto(buf, n)` for n bytes at most.
    #[pymethod]
    fn readinto(&self, buffer: ArgMemoryBuffer, count: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<usize> {
        asked::fill_now(&buffer, count, |most| self.with(vm, |file| read_most(file, most)))
    }

    /// Writes all of it; str as UTF-8, into a binary file too.
    #[pymethod]
    fn write(&self, data: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        let length = data.length_opt(vm).transpose()?.unwrap_or_default();
        with_bytes(&data, vm, |bytes| {
            self.with(vm, |file| {
                // What was read ahead is not where the program is.
                file.seek_relative(0)?;
                let here = file.stream_position()?;
                file.seek(SeekFrom::Start(here))?;
                self.make_room(file.get_ref(), here, bytes.len())?;
                file.get_mut().write_all(bytes)
            })
        })??;
        Ok(length)
    }

    #[pymethod]
    fn seek(&self, offset: i64, whence: OptionalArg<u8>, vm: &VirtualMachine) -> PyResult<u64> {
        let place = match whence.unwrap_or(0) {
            0 => SeekFrom::Start(offset.try_into().map_err(|_| errors::named(vm, "EINVAL"))?),
            1 => SeekFrom::Current(offset),
            _ => SeekFrom::End(offset),
        };
        self.with(vm, |file| file.seek(place))
    }

    #[pymethod]
    fn tell(&self, vm: &VirtualMachine) -> PyResult<u64> {
        self.with(vm, |file| file.stream_position())
    }

    #[pymethod]
    fn flush(&self) {}

    #[pymethod]
    fn close(&self) {
        self.file.lock().take();
    }

    #[pymethod]
    fn __enter__(zelf: PyRef<Self>) -> PyRef<Self> {
        zelf
    }

    #[pymethod]
    fn __exit__(&self, _args: FuncArgs) {
        self.close();
    }

    fn with<R>(&self, vm: &VirtualMachine, f: impl FnOnce(&mut BufReader<HostFile>) -> io::Result<R>) -> PyResult<R> {
        match self.file.lock().as_mut() {
            Some(file) => f(file).map_err(|e| errors::of_file(vm, &e)),
            None => Err(vm.new_value_error("I/O operation on closed file")),
        }
    }

    fn make_room(&self, file: &HostFile, here: u64, bytes: usize) -> io::Result<()> {
        let size = file.metadata()?.len();
        let begin = if self.appends { size } else { here };
        board().flash.grow(size, size.max(begin.saturating_add(bytes as u64)))
    }

    fn made_of(&self, bytes: Vec<u8>, vm: &VirtualMachine) -> PyResult {
        memory::check(bytes.len(), vm)?;
        if !self.text {
            return Ok(vm.ctx.new_bytes(bytes).into());
        }
        let text =
            String::from_utf8(bytes).map_err(|_| vm.new_exception_empty(vm.ctx.exceptions.unicode_error.to_owned()))?;
        Ok(vm.ctx.new_str(text).into())
    }
}

impl SelfIter for File {}

impl IterNext for File {
    fn next(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
        let line = zelf.with(vm, |file| read_line(file, u64::MAX))?;
        if line.is_empty() {
            return Ok(PyIterReturn::StopIteration(None));
        }
        zelf.made_of(line, vm).map(PyIterReturn::Return)
    }
}

fn read_all(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// At most `count` bytes; fewer only at the end. A program may ask for more than there is memory.
fn read_most(file: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    read_all(&mut file.take(count as u64))
}

fn read_line(file: &mut BufReader<HostFile>, most: u64) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    file.take(most).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// `count` characters in UTF-8: each byte that does not continue one begins another.
fn read_chars(file: &mut BufReader<HostFile>, count: usize) -> io::Result<Vec<u8>> {
    if count == usize::MAX {
        return read_all(file);
    }
    let mut bytes = Vec::new();
    let mut left = count;
    while let Some(&next) = file.fill_buf()?.first() {
        if next & 0xc0 != 0x80 {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        bytes.push(next);
        file.consume(1);
    }
    Ok(bytes)
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod os {
    use rustpython_vm::builtins::{PyModule, PyStrRef};
    use rustpython_vm::function::{FuncArgs, OptionalArg};
    use rustpython_vm::{AsObject, Py, PyObjectRef, PyResult, VirtualMachine};

    use crate::board::board;
    use crate::modules::mounts::{self, on_flash};
    use crate::modules::random;
    use crate::profile::{RELEASE, Wifi};

    /// What parts of a path have between them.
    #[pyattr(name = "sep")]
    const SEPARATOR: &str = "/";

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        if board().profile.wifi == Some(Wifi::K230) {
            module.set_attr("exitpoint", vm.new_function("exitpoint", exit_point), vm)?;
        }
        Ok(())
    }

    /// Where the K230's editor may end a program; here Ctrl-C ends it anywhere.
    fn exit_point(_enable: OptionalArg<PyObjectRef>) {}

    fn or_here(path: OptionalArg<PyStrRef>) -> String {
        path.into_option().map_or_else(String::new, |path| path.to_string_lossy().into_owned())
    }

    #[pyfunction]
    fn listdir(path: OptionalArg<PyStrRef>, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let entries = mounts::list(&or_here(path), vm)?;
        let entries: Vec<PyObjectRef> = vm.extract_elements_with(&entries, Ok)?;
        entries.iter().map(|entry| entry.get_item(vm.ctx.new_int(0).as_object(), vm)).collect()
    }

    /// `(name, kind, inode, size)` of each entry; boards have no inodes.
    #[pyfunction]
    fn ilistdir(path: OptionalArg<PyStrRef>, vm: &VirtualMachine) -> PyResult {
        mounts::list(&or_here(path), vm)
    }

    #[pyfunction]
    fn stat(path: PyStrRef, vm: &VirtualMachine) -> PyResult {
        mounts::stat(&path.to_string_lossy(), vm)
    }

    #[pyfunction]
    fn statvfs(path: PyStrRef, vm: &VirtualMachine) -> PyResult {
        mounts::statvfs(&path.to_string_lossy(), vm)
    }

    #[pyfunction]
    fn mkdir(path: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        mounts::change("mkdir", &path.to_string_lossy(), vm, |flash, path| flash.make_dir(path))
    }

    #[pyfunction]
    fn rmdir(path: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        mounts::change("rmdir", &path.to_string_lossy(), vm, |flash, path| flash.remove_dir(path))
    }

    #[pyfunction]
    #[pyfunction(name = "unlink")]
    fn remove(path: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        mounts::change("remove", &path.to_string_lossy(), vm, |flash, path| flash.remove(path))
    }

    #[pyfunction]
    fn rename(from: PyStrRef, to: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        mounts::rename(&from.to_string_lossy(), &to.to_string_lossy(), vm)
    }

    #[pyfunction]
    fn getcwd() -> String {
        board().flash.current()
    }

    #[pyfunction]
    fn chdir(path: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        mounts::change_dir(&path.to_string_lossy(), vm)
    }

    #[pyfunction]
    fn mount(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        mounts::mount(args, vm)
    }

    #[pyfunction]
    fn umount(what: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        mounts::umount(&what, vm)
    }

    /// What the board writes is in the host's hands at once.
    #[pyfunction]
    fn sync(vm: &VirtualMachine) -> PyResult<()> {
        on_flash(vm, |_| Ok(()))
    }

    #[pyfunction]
    fn urandom(count: i64, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        const MOST: usize = 1 << 20;
        let count = usize::try_from(count).map_err(|_| vm.new_value_error("negative count"))?;
        if count > MOST {
            return Err(vm.new_memory_error(format!("memory allocation failed, allocating {count} bytes")));
        }
        Ok(random::noise(count))
    }

    /// The console has one place only: a second one is accepted, and not used.
    #[pyfunction]
    fn dupterm(_stream: OptionalArg<PyObjectRef>, _index: OptionalArg<usize>, vm: &VirtualMachine) -> PyObjectRef {
        vm.ctx.none()
    }

    #[pyfunction]
    fn dupterm_notify(_stream: PyObjectRef) {}

    /// Which board this is, as a named tuple.
    #[pyfunction]
    fn uname(vm: &VirtualMachine) -> PyResult {
        let profile = board().profile;
        let fields = [
            ("sysname", profile.platform),
            ("nodename", profile.platform),
            ("release", RELEASE.number),
            ("version", RELEASE.text),
            ("machine", profile.machine),
        ];
        crate::vm::attributes(vm, fields.map(|(name, value)| (name, vm.ctx.new_str(value).into())).to_vec())
    }
}
