//! What an exception says on a board: OSError by its number's name, and the texts that boards word differently.
//!
//! The interpreter makes its texts when it raises. They are reworded when someone looks: `str`, `.value`, a traceback;
//! `.args` keeps the original.

mod texts;

use rustpython_vm::builtins::{PyBaseException, PyInt, PyStr};
use rustpython_vm::{AsObject, Py, PyObject, VirtualMachine};

use crate::board::board;

/// The name of a class on a board, which has fewer of them.
pub(crate) fn class_name(interpreter: &str) -> &str {
    match interpreter {
        "ModuleNotFoundError" => "ImportError",
        "RecursionError" => "RuntimeError",
        "UnboundLocalError" => "NameError",
        "UnicodeDecodeError" | "UnicodeEncodeError" => "UnicodeError",
        "builtin_function_or_method" | "method_descriptor" => "function",
        "TabError" => "IndentationError",
        name => name,
    }
}

/// `str()` of an exception.
pub(crate) fn of(vm: &VirtualMachine, exception: &Py<PyBaseException>) -> String {
    let args = exception.args();
    let zoo = &vm.ctx.exceptions;
    match args.as_slice() {
        // Boards do not say which byte it was.
        [_, _, _, _, _] if exception.fast_isinstance(zoo.unicode_error) => String::new(),
        [text, ..] if is_of_compiler(vm, exception) => texts::of_syntax(&text_of(text, vm)),
        [] => String::new(),
        [one] => of_argument(vm, exception.as_object(), one),
        _ => args.as_object().repr(vm).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

/// Whether the compiler raised it, and not the program.
fn is_of_compiler(vm: &VirtualMachine, exception: &Py<PyBaseException>) -> bool {
    let line = || exception.as_object().get_attr("lineno", vm);
    exception.fast_isinstance(vm.ctx.exceptions.syntax_error) && line().is_ok_and(|line| !vm.is_none(&line))
}

fn text_of(object: &PyObject, vm: &VirtualMachine) -> String {
    object.str(vm).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

fn of_argument(vm: &VirtualMachine, exception: &PyObject, argument: &PyObject) -> String {
    let zoo = &vm.ctx.exceptions;
    if exception.fast_isinstance(zoo.os_error)
        && let Some(text) = os_error(vm, argument)
    {
        return text;
    }
    let Ok(text) = argument.str(vm) else { return String::new() };
    let text = text.to_string_lossy();
    if argument.downcast_ref::<PyStr>().is_none() {
        return text.into_owned();
    }
    reworded(&text).unwrap_or_else(|| text.into_owned())
}

/// `[Errno 2] ENOENT`, when the board has a name for the number.
fn os_error(vm: &VirtualMachine, argument: &PyObject) -> Option<String> {
    let number: i32 = argument.downcast_ref::<PyInt>()?.try_to_primitive(vm).ok()?;
    board().profile.error_name(number).map(|name| format!("[Errno {number}] {name}"))
}

/// The board's words for a text of the interpreter; `None` when it has no others.
pub(crate) fn reworded(text: &str) -> Option<String> {
    let reworded = of_operator(text).or_else(|| texts::reworded(text));
    let said = reworded.as_deref().unwrap_or(text);
    // What is native has a class of its own in the interpreter only.
    match said.contains(NATIVE) {
        true => Some(said.replace(NATIVE, "'function'")),
        false => reworded,
    }
}

const NATIVE: &str = "'builtin_function_or_method'";

/// `unsupported operand type(s) for +: 'int' and 'str'`, and the like with one operand.
fn of_operator(text: &str) -> Option<String> {
    if let Some((operator, types)) =
        text.strip_prefix("unsupported operand type(s) for ").and_then(|t| t.split_once(": "))
    {
        let method = texts::method_of(operator)?;
        return Some(format!("unsupported types for {method}: {}", types.replace(" and ", ", ")));
    }
    if let Some((operator, types)) = text.split_once(" not supported between instances of ") {
        let method = texts::method_of(operator.trim_matches('\''))?;
        return Some(format!("unsupported types for {method}: {}", types.replace(" and ", ", ")));
    }
    let (operator, class) = text.strip_prefix("bad operand type for ")?.split_once(": ")?;
    let method = match operator {
        "unary -" => "__neg__",
        "unary +" => "__pos__",
        "unary ~" => "__invert__",
        "abs()" => "__abs__",
        _ => return None,
    };
    Some(format!("unsupported type for {method}: {class}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_worded_as_on_a_board() {
        let cases = [
            ("division by zero", "divide by zero"),
            ("name 'x' is not defined", "name 'x' isn't defined"),
            (
                "<lambda>() takes 0 positional arguments but 1 was given",
                "function takes 0 positional arguments but 1 were given",
            ),
            (
                "f() takes 1 positional argument but 2 were given",
                "function takes 1 positional arguments but 2 were given",
            ),
            ("unsupported operand type(s) for +: 'int' and 'str'", "unsupported types for __add__: 'int', 'str'"),
            ("'int' object is not callable", "'int' object isn't callable"),
        ];
        for (interpreter, board) in cases {
            assert_eq!(reworded(interpreter).as_deref(), Some(board));
        }
        assert_eq!(reworded("anything else"), None);
    }
}
