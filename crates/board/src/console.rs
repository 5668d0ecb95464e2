//! `sys.stdin`, `sys.stdout`, `sys.stderr`, `print` and `input`: the board's console, over the link.
//!
//! Text has `\r\n` at its line ends going out and `\r` for `\n` coming in; `.buffer` is the bytes as they are. Where
//! nothing more can be typed, a read gives what was, and `input` raises EOFError. How bytes wait and leave belongs to
//! `board`.

use std::collections::VecDeque;

use rustpython_vm::builtins::{PyBaseExceptionRef, PyStr, PyStrRef};
use rustpython_vm::class::{PyClassImpl, StaticType};
use rustpython_vm::function::{ArgMemoryBuffer, OptionalArg, PosArgs};
use rustpython_vm::{AsObject, FromArgs, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

use crate::board::board;
use crate::modules::{asked, stream, with_bytes};

/// The console as text.
#[pyclass(module = "io", name = "TextIOWrapper")]
#[derive(Debug, PyPayload)]
struct Text;

/// The console as bytes.
#[pyclass(module = "io", name = "FileIO")]
#[derive(Debug, PyPayload)]
struct Bytes;

/// Puts the console into `sys` and `builtins`.
pub(crate) fn install(vm: &VirtualMachine) -> PyResult<()> {
    Text::make_static_type();
    Bytes::make_static_type();
    let console = Text.into_ref(&vm.ctx);
    for name in ["stdin", "stdout", "stderr"] {
        vm.sys_module.set_attr(name, console.clone(), vm)?;
    }
    vm.builtins.set_attr("print", vm.new_function("print", print), vm)?;
    vm.builtins.set_attr("input", vm.new_function("input", input), vm)
}

/// What streams of CPython have besides.
pub(crate) fn furnish_for_cpython(vm: &VirtualMachine) -> PyResult<()> {
    let (text, bytes) = (Text::static_type(), Bytes::static_type());
    for class in [text, bytes] {
        let flag = |name, value: bool| {
            let method = vm.new_method(name, class, move |_zelf: PyObjectRef| value);
            class.set_attr(vm.ctx.intern_str(name), method.into());
        };
        flag("isatty", true);
        flag("readable", true);
        flag("writable", true);
        flag("seekable", false);
        let lines = vm.new_method("writelines", class, writelines);
        class.set_attr(vm.ctx.intern_str("writelines"), lines.into());
        class.set_attr(vm.ctx.intern_str("closed"), vm.ctx.new_bool(false).into());
    }
    for (name, value) in [("encoding", "utf-8"), ("errors", "strict"), ("newlines", "\n"), ("mode", "w")] {
        text.set_attr(vm.ctx.intern_str(name), vm.ctx.new_str(value).into());
    }
    for (name, stream) in [("__stdin__", "stdin"), ("__stdout__", "stdout"), ("__stderr__", "stderr")] {
        vm.sys_module.set_attr(name, vm.sys_module.get_attr(stream, vm)?, vm)?;
    }
    Ok(())
}

fn writelines(stream: PyObjectRef, lines: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    let lines: Vec<PyObjectRef> = vm.extract_elements_with(&lines, Ok)?;
    lines.into_iter().try_for_each(|line| vm.call_method(&stream, "write", (line,)).map(drop))
}

/// Whether this is the console, as text or as bytes.
pub(crate) fn is_console(object: &PyObject) -> bool {
    object.downcast_ref::<Text>().is_some() || object.downcast_ref::<Bytes>().is_some()
}

#[pyclass]
impl Text {
    #[pymethod]
    fn write(&self, text: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        write_text(&text, vm)
    }

    #[pymethod]
    fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<String> {
        let mut text = Vec::new();
        for _ in 0..asked::most(count) {
            if !read_char(&mut text, vm)? {
                break;
            }
        }
        Ok(into_text(text))
    }

    #[pymethod]
    fn readline(&self, vm: &VirtualMachine) -> PyResult<String> {
        let mut text = Vec::new();
        while text.last() != Some(&b'\n') && read_char(&mut text, vm)? {}
        Ok(into_text(text))
    }

    #[pymethod]
    fn flush(&self) {
        board().hurry();
    }

    #[pygetset]
    fn buffer(&self, vm: &VirtualMachine) -> PyRef<Bytes> {
        Bytes.into_ref(&vm.ctx)
    }
}

#[pyclass]
impl Bytes {
    /// `write(buf)`, or `write(buf, n)` for the first n bytes of it.
    #[pymethod]
    fn write(&self, bytes: PyObjectRef, count: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<usize> {
        with_bytes(&bytes, vm, |bytes| {
            let bytes = &bytes[..count.unwrap_or(usize::MAX).min(bytes.len())];
            board().output(vm, bytes).map(|()| bytes.len())
        })?
    }

    #[pymethod]
    fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let count = asked::most(count);
        while bytes.len() < count {
            let most = count - bytes.len();
            match receive(vm, |input| input.drain(..most.min(input.len())).collect::<Vec<u8>>())? {
                Some(more) => bytes.extend(more),
                None => break,
            }
        }
        Ok(bytes)
    }

    /// `readinto(buf)`, or `readinto(buf, n)` for n bytes at most. Waits until all of them are there.
    #[pymethod]
    fn readinto(&self, buffer: ArgMemoryBuffer, count: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<usize> {
        asked::fill_now(&buffer, count, |most| {
            self.read(OptionalArg::Present(isize::try_from(most).unwrap_or(isize::MAX)), vm)
        })
    }

    #[pymethod]
    fn flush(&self) {
        board().hurry();
    }
}

/// What `print` takes besides the objects.
#[derive(FromArgs)]
struct PrintArgs {
    #[pyarg(named, default)]
    sep: Option<PyStrRef>,
    #[pyarg(named, default)]
    end: Option<PyStrRef>,
    #[pyarg(named, default)]
    file: Option<PyObjectRef>,
    #[pyarg(named, default)]
    flush: Option<PyObjectRef>,
}

/// One piece of output for the whole line: to a file that the program gave, or to `sys.stdout` where it may have put
/// one, else straight to the console.
fn print(objects: PosArgs, args: PrintArgs, vm: &VirtualMachine) -> PyResult<()> {
    if args.flush.is_some() && !board().profile.is_cpython() {
        return Err(vm.new_type_error("extra keyword arguments given"));
    }
    let flush = args.flush.map(|flush| flush.try_to_bool(vm)).transpose()?.unwrap_or(false);
    let own = args.file.as_deref().filter(|file| stream::is_own(file));
    let mut line = String::new();
    let mut first = true;
    for object in objects {
        if !std::mem::take(&mut first) {
            line.push_str(args.sep.as_ref().map_or(" ", |sep| sep.to_str().unwrap_or(" ")));
        }
        match object.downcast_ref_if_exact::<PyStr>(vm) {
            Some(text) => line.push_str(&text.to_string_lossy()),
            None => line.push_str(&object.str(vm)?.to_string_lossy()),
        }
        // A program's own stream sees piece by piece what boards give it so.
        if let Some(own) = own {
            stream::write_text(own, std::mem::take(&mut line), vm)?;
        }
    }
    line.push_str(args.end.as_ref().map_or("\n", |end| end.to_str().unwrap_or("\n")));
    let file = match args.file {
        Some(file) => file,
        None => vm.sys_module.get_attr("stdout", vm)?,
    };
    if file.downcast_ref::<Text>().is_some() {
        return write_lines(&line, vm);
    }
    if vm.is_none(&file) {
        return Ok(());
    }
    stream::write_text(&file, line, vm)?;
    if flush { vm.call_method(&file, "flush", ()).map(drop) } else { Ok(()) }
}

/// What ends the input at a terminal.
const CTRL_D: u8 = 4;

/// A line typed at the console, echoed as it is typed, without its end. EOFError at the end of all input.
fn input(prompt: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult<String> {
    if let OptionalArg::Present(prompt) = prompt {
        write_text(prompt.str(vm)?.as_object(), vm)?;
    }
    let mut line = Vec::new();
    loop {
        let typed = receive(vm, typed)?.filter(|typed| typed[..] != [CTRL_D] || board().profile.is_cpython());
        let Some(typed) = typed else {
            if line.is_empty() {
                return Err(end_of_input(vm));
            }
            break;
        };
        match typed[..] {
            [b'\r'] => {
                drop_line_feed();
                break;
            }
            [b'\n'] => break,
            [0x08 | 0x7f] => {
                if erase(&mut line) {
                    board().output(vm, b"\x08 \x08")?;
                }
            }
            _ => {
                line.extend_from_slice(&typed);
                board().output(vm, &typed)?;
            }
        }
    }
    board().output(vm, b"\r\n")?;
    Ok(into_text(line))
}

/// One key that does something, or what there is before the next: a line that is pasted is echoed in one piece.
fn typed(input: &mut VecDeque<u8>) -> Vec<u8> {
    let text = input.iter().take_while(|byte| !matches!(**byte, CTRL_D | b'\r' | b'\n' | 0x08 | 0x7f)).count();
    input.drain(..text.max(1)).collect()
}

/// Takes the last character off, all of its bytes.
fn erase(line: &mut Vec<u8>) -> bool {
    let start = line.iter().rposition(|byte| byte & 0xc0 != 0x80);
    line.truncate(start.unwrap_or(0));
    start.is_some()
}

fn write_text(text: &rustpython_vm::PyObject, vm: &VirtualMachine) -> PyResult<usize> {
    match text.downcast_ref::<PyStr>() {
        Some(text) => {
            write_lines(&text.to_string_lossy(), vm)?;
            Ok(text.char_len())
        }
        None => with_bytes(text, vm, |bytes| board().output(vm, bytes).map(|()| bytes.len()))?,
    }
}

/// Text with the line ends of a terminal.
fn write_lines(text: &str, vm: &VirtualMachine) -> PyResult<()> {
    if text.contains('\n') {
        board().output(vm, text.replace('\n', "\r\n").as_bytes())
    } else {
        board().output(vm, text.as_bytes())
    }
}

fn end_of_input(vm: &VirtualMachine) -> PyBaseExceptionRef {
    let class = vm.ctx.exceptions.eof_error.to_owned();
    match board().profile.is_cpython() {
        true => vm.new_exception_msg(class, "EOF when reading a line".into()),
        false => vm.new_exception_empty(class),
    }
}

/// Waits until `take` has anything to take from a console with input; `None` at the end of all input.
fn receive<T>(vm: &VirtualMachine, mut take: impl FnMut(&mut VecDeque<u8>) -> T) -> PyResult<Option<T>> {
    let found = board().wait(vm, None, |state| match state.input.is_empty() {
        true => state.input_ends.then_some(None),
        false => Some(Some(state.take_input(&mut take))),
    })?;
    Ok(found.flatten())
}

fn byte(vm: &VirtualMachine) -> PyResult<Option<u8>> {
    receive(vm, |input| input.pop_front().unwrap_or_default())
}

/// One character in UTF-8; false at the end of all input. A return is a line end; the line feed that programs send
/// after it is dropped.
fn read_char(text: &mut Vec<u8>, vm: &VirtualMachine) -> PyResult<bool> {
    let Some(first) = byte(vm)? else { return Ok(false) };
    if first == b'\r' {
        text.push(b'\n');
        drop_line_feed();
        return Ok(true);
    }
    text.push(first);
    let more = match first {
        0xc2..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf4 => 3,
        _ => 0,
    };
    for _ in 0..more {
        text.extend(byte(vm)?);
    }
    Ok(true)
}

/// Programs send a line feed after a return, in the same write.
fn drop_line_feed() {
    board().change(|state| {
        state.take_input(|input| input.pop_front_if(|next| *next == b'\n'));
    });
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}
