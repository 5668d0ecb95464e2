//! From a program's text to bytecode, the way a board's compiler does it: without name mangling in classes, and with
//! `async def` making generators, which `await` resumes as `yield from` does.

use std::borrow::Cow;
use std::thread;

use ruff_python_parser::{ParseError, ParseErrorType};
use ruff_source_file::SourceFileBuilder;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyCode};
use rustpython_vm::bytecode::{CodeFlags, CodeObject, CodeUnit, ConstantData, Instruction, OpArgByte};
use rustpython_vm::compiler::{self, Mode};
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

use crate::board::board;
use crate::cpython::sources;
use crate::dialect::{floats, grammar, strict};
use crate::flash::Flash;
use crate::link::Program;
use crate::modules::{errors, mounts};
use crate::{import, indent, landing, literals, lost, nesting, reshape};

/// How deep a program may be nested ([`nesting`]): more is RuntimeError, as calls in calls are.
const DEEPEST: usize = 2000;

/// What is deeper than this is compiled on a stack of its own, of as many bytes.
const ORDINARY: usize = 100;
const STACK: usize = 256 << 20;

/// What the parent wants run; `None` for a file that is not there.
pub(crate) fn program(vm: &VirtualMachine, program: &Program) -> PyResult<Option<PyRef<PyCode>>> {
    match program {
        Program::File(path) if board().flash.metadata(path).is_err() => Ok(None),
        Program::File(path) => file(vm, path).map(Some),
        Program::Text { name, text } => {
            import::begin(name);
            text_of(vm, &utf8(vm, text, name)?, name, Mode::Exec).map(Some)
        }
        Program::Interactive(text) => text_of(vm, text, "<stdin>", Mode::Single).map(Some),
    }
}

/// A module's text.
pub(crate) fn module(vm: &VirtualMachine, text: &str, path: &str) -> PyResult<PyRef<PyCode>> {
    text_of(vm, text, path, Mode::Exec)
}

/// A module of a Linux computer's library; tracebacks call it by its name, as those that come compiled.
pub(crate) fn library(vm: &VirtualMachine, text: &str, name: &str) -> PyResult<PyRef<PyCode>> {
    as_it_is(vm, text, name, Mode::Exec)
}

/// A module or a program in the flash.
pub(crate) fn file(vm: &VirtualMachine, path: &str) -> PyResult<PyRef<PyCode>> {
    let text = mounts::bytes(path, vm)?;
    text_of(vm, &utf8(vm, &text, path)?, path, Mode::Exec)
}

/// A module in another folder.
pub(crate) fn file_of(vm: &VirtualMachine, folder: &Flash, path: &str) -> PyResult<PyRef<PyCode>> {
    let text = folder.bytes(path).map_err(|e| errors::of_file(vm, &e))?;
    text_of(vm, &utf8(vm, &text, path)?, path, Mode::Exec)
}

/// What is said of a file that is UTF-16: boards would say as little as of any other that is no UTF-8.
const UTF_16: &str = "invalid UTF-8: UTF-16";

/// The text, or a SyntaxError that says in which line it is none.
fn utf8(vm: &VirtualMachine, text: &[u8], path: &str) -> PyResult<String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let (good, why) = match std::str::from_utf8(text) {
        // Of UTF-16 it is the bytes between the characters, of which no program has any.
        _ if text.contains(&0) || text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") => (0, UTF_16),
        Ok(text) => return Ok(text.to_owned()),
        Err(error) => (error.valid_up_to(), "invalid UTF-8"),
    };
    Err({
        let line = 1 + text[..good].iter().filter(|&&byte| byte == b'\n').count();
        let raised = vm.new_exception_msg(vm.ctx.exceptions.syntax_error.to_owned(), why.into());
        let (path, line): (PyObjectRef, PyObjectRef) = (vm.ctx.new_str(path).into(), vm.ctx.new_int(line).into());
        for (name, value) in [("filename", path), ("lineno", line)] {
            let _ = raised.as_object().set_attr(name, value, vm); // without it, only the place is missing
        }
        raised
    })
}

/// A program's text; `path` is what tracebacks call it.
pub(crate) fn text_of(vm: &VirtualMachine, text: &str, path: &str, mode: Mode) -> PyResult<PyRef<PyCode>> {
    let text = &*with_newlines(text);
    if board().profile.is_cpython() {
        sources::keep(path, text);
        return as_it_is(vm, text, path, mode);
    }
    let text = &*indent::without_tabs(text, board().profile);
    let mut code = compiled(vm, text, path, mode)?.map_err(|e| refused(vm, &vm.new_syntax_error(&e, Some(text))))?;
    as_boards_do(&mut code, &mut Vec::new());
    Ok(vm.ctx.new_code(code))
}

/// The same for a Linux computer, whose compiler the interpreter's is like.
fn as_it_is(vm: &VirtualMachine, text: &str, path: &str, mode: Mode) -> PyResult<PyRef<PyCode>> {
    let mut code = compiled(vm, text, path, mode)?.map_err(|e| vm.new_syntax_error(&e, Some(text)))?;
    make_landings(&mut code);
    Ok(vm.ctx.new_code(code))
}

/// What the interpreter's compiler makes of the text, or what it says against it. It is not perfect: should it panic,
/// the board goes on.
fn compiled(
    vm: &VirtualMachine,
    text: &str,
    path: &str,
    mode: Mode,
) -> PyResult<Result<CodeObject, compiler::CompileError>> {
    let depth = nesting::depth(text);
    if depth > DEEPEST {
        return Err(vm.new_recursion_error("maximum recursion depth exceeded".to_owned()));
    }
    let options = vm.compile_opts();
    let code = match depth > ORDINARY {
        false => lost::quietly(|| compile(text, path, mode, options)),
        true => thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK);
            let compiling = thread.spawn_scoped(scope, || lost::quietly(|| compile(text, path, mode, options)));
            compiling.ok().and_then(|compiling| compiling.join().ok()).flatten()
        }),
    };
    code.ok_or_else(|| vm.new_not_implemented_error("the interpreter cannot compile this"))
}

fn compile(
    text: &str,
    path: &str,
    mode: Mode,
    options: compiler::CompileOpts,
) -> Result<CodeObject, compiler::CompileError> {
    let parses = match mode {
        Mode::Eval => ruff_python_parser::Mode::Expression,
        Mode::Exec | Mode::Single | Mode::BlockExpr => ruff_python_parser::Mode::Module,
    };
    let escaped = literals::without_wide_bytes(text, parses, board().profile);
    let text = escaped.as_deref().unwrap_or(text);
    let source = SourceFileBuilder::new(path, text).finish();
    let parsed = ruff_python_parser::parse(text, parses.into());
    let parsed = parsed.map_err(|error| compiler::CompileError::from_ruff_parse_error(error, &source))?;
    let mut program = parsed.into_syntax();
    if strict::is_strict()
        && !board().profile.is_cpython()
        && let Some(location) = grammar::refused(&program)
    {
        let error = ParseError { error: ParseErrorType::OtherError("invalid syntax".into()), location };
        return Err(compiler::CompileError::from_ruff_parse_error(error, &source));
    }
    reshape::reshape(&mut program);
    Ok(compiler::codegen::compile::compile_top(program, source, mode, options)?)
}

/// What every program needs, whosever dialect it is in.
fn make_landings(code: &mut CodeObject) {
    landing::prepare(code);
    let mut constants = code.constants.to_vec();
    for constant in &mut constants {
        if let ConstantData::Code { code } = constant {
            make_landings(code);
        }
    }
    code.constants = constants.into_iter().collect();
}

/// Lines end in `\n`, in long strings too.
fn with_newlines(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}

/// What the compiler raises. A block that is missing is a SyntaxError on boards, and no IndentationError.
fn refused(vm: &VirtualMachine, raised: &PyBaseExceptionRef) -> PyBaseExceptionRef {
    let text = raised.get_arg(0).and_then(|text| text.str(vm).ok());
    if !text.is_some_and(|text| text.as_bytes().starts_with(b"expected an indented block")) {
        return raised.clone();
    }
    let plain = vm.new_exception(vm.ctx.exceptions.syntax_error.to_owned(), raised.args().to_vec());
    for name in ["filename", "lineno"] {
        if let Ok(value) = raised.as_object().get_attr(name, vm) {
            let _ = plain.as_object().set_attr(name, value, vm); // without it, only the place is missing
        }
    }
    plain
}

/// Changes what the compiler made, and the functions and classes in it. `prefixes` are those of the classes around.
fn as_boards_do(code: &mut CodeObject, prefixes: &mut Vec<String>) {
    let class = !code.flags.intersects(CodeFlags::OPTIMIZED | CodeFlags::NEWLOCALS) && code.obj_name != "<module>";
    if class {
        prefixes.push(format!("_{}__", code.obj_name.trim_start_matches('_')));
    }
    unmangle(code, prefixes.last());
    resume_with_await(code);
    landing::prepare(code);
    let mut constants = code.constants.to_vec();
    for constant in &mut constants {
        match constant {
            ConstantData::Code { code } => as_boards_do(code, prefixes),
            // Too large for a float of the board's.
            ConstantData::Float { value } if board().profile.single && floats::single(*value).is_infinite() => {
                *value = floats::single(*value);
            }
            _ => {}
        }
    }
    code.constants = constants.into_iter().collect();
    if class {
        prefixes.pop();
    }
}

/// Gives names like `__x` in the class C back, which the compiler has made `_C__x`. A program that writes `_C__x`
/// inside of C itself means the same then.
fn unmangle(code: &mut CodeObject, prefix: Option<&String>) {
    let Some(prefix) = prefix else { return };
    for names in [&mut code.names, &mut code.varnames, &mut code.cellvars, &mut code.freevars] {
        for name in names.iter_mut() {
            *name = unmangled(name, prefix);
        }
    }
}

/// Boards have no coroutines: an `async def` makes a generator, and `await x` is `yield from x`.
fn resume_with_await(code: &mut CodeObject) {
    if code.flags.contains(CodeFlags::COROUTINE) {
        code.flags.remove(CodeFlags::COROUTINE);
        code.flags.insert(CodeFlags::GENERATOR);
    }
    let awaits = |unit: &CodeUnit| matches!(unit.op, Instruction::GetAwaitable { .. });
    if code.instructions.iter().any(awaits) {
        let resume = CodeUnit { op: Instruction::GetYieldFromIter, arg: OpArgByte::from(0) };
        code.instructions = code.instructions.iter().map(|unit| if awaits(unit) { resume } else { *unit }).collect();
    }
}

fn unmangled(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix) {
        Some(rest) if !rest.ends_with("__") => format!("__{rest}"),
        _ => name.to_owned(),
    }
}
