//! A traceback as boards print it: file, line and function of each frame, and the exception. No source lines, no
//! markers, no chain of causes.

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{AsObject, VirtualMachine};

use crate::board::board;
use crate::cpython;
use crate::frozen;
use crate::link::Raised;
use crate::messages;

/// What the interpreter's own codecs are in.
const CODECS: &str = "encodings";

/// The whole text, with `\n` at each line's end.
pub(crate) fn text(vm: &VirtualMachine, raised: &PyBaseExceptionRef) -> String {
    if board().profile.is_cpython() {
        return cpython::traceback::text(vm, raised);
    }
    let mut text = "Traceback (most recent call last):\n".to_owned();
    for entry in raised.__traceback__().iter().flat_map(|first| first.iter()) {
        let code = &entry.frame.code;
        let (file, line, function) = (code.source_path().as_str(), entry.lineno.get(), code.obj_name.as_str());
        if file != frozen::LIBRARY && !file.starts_with(CODECS) {
            text.push_str(&format!("  File \"{file}\", line {line}, in {function}\n"));
        }
    }
    if let Some(place) = place_of_syntax_error(vm, raised) {
        text.push_str(&place);
    }
    text.push_str(&format!("{}: {}\n", messages::class_name(&raised.class().name()), messages::of(vm, raised)));
    text
}

/// What the parent is told of an exception that nobody caught.
pub(crate) fn raised(vm: &VirtualMachine, raised: &PyBaseExceptionRef) -> Raised {
    let is_os_error = raised.fast_isinstance(vm.ctx.exceptions.os_error);
    let number = || raised.get_arg(0).and_then(|number| number.try_into_value(vm).ok());
    Raised {
        traceback: text(vm, raised).replace('\n', "\r\n"),
        class: match board().profile.is_cpython() {
            true => raised.class().name().to_owned(),
            false => messages::class_name(&raised.class().name()).to_owned(),
        },
        errno: is_os_error.then(number).flatten(),
    }
}

/// Where the compiler stopped; the frames say only who compiled.
fn place_of_syntax_error(vm: &VirtualMachine, raised: &PyBaseExceptionRef) -> Option<String> {
    if !raised.fast_isinstance(vm.ctx.exceptions.syntax_error) {
        return None;
    }
    let raised = raised.as_object();
    let file = raised.get_attr("filename", vm).ok()?.str(vm).ok()?;
    let line = raised.get_attr("lineno", vm).ok()?.str(vm).ok()?;
    Some(format!("  File \"{file}\", line {line}\n"))
}
