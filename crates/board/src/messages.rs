//! What an exception says on a board: OSError by its number's name, and the texts that boards word differently.
//!
//! The interpreter makes its texts when it raises. They are reworded when someone looks: `str`, `.value`, a traceback;
//! `.args` keeps the original.

use rustpython_vm::builtins::{PyBaseException, PyInt, PyStr};
use rustpython_vm::{AsObject, Py, PyObject, VirtualMachine};

use crate::board::board;

/// The name of a class on a board, which has fewer of them.
pub(crate) fn class_name(interpreter: &str) -> &str {
    match interpreter {
        "ModuleNotFoundError" => "ImportError",
        "RecursionError" => "RuntimeError",
        "UnboundLocalError" => "NameError",
        name => name,
    }
}

/// `str()` of an exception.
pub(crate) fn of(vm: &VirtualMachine, exception: &Py<PyBaseException>) -> String {
    let args = exception.args();
    match args.as_slice() {
        [] => String::new(),
        [one] => of_argument(vm, exception.as_object(), one),
        _ => args.as_object().repr(vm).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default(),
    }
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
    let fixed = match text {
        "division by zero" | "integer division or modulo by zero" | "integer modulo by zero" => "divide by zero",
        "list index out of range" | "list assignment index out of range" => "list index out of range",
        _ => return of_name(text).or_else(|| of_call(text)).or_else(|| of_operator(text)),
    };
    Some(fixed.to_owned())
}

/// Texts about one quoted name.
fn of_name(text: &str) -> Option<String> {
    if let Some(name) = between(text, "name '", "' is not defined") {
        return Some(format!("name '{name}' isn't defined"));
    }
    if let Some(name) = between(text, "'", "' object is not callable") {
        return Some(format!("'{name}' object isn't callable"));
    }
    if let Some(name) = between(text, "'", "' object is not iterable") {
        return Some(format!("'{name}' object isn't iterable"));
    }
    if text.starts_with("cannot access local variable") {
        return Some("local variable referenced before assignment".to_owned());
    }
    text.starts_with("maximum recursion depth exceeded").then(|| "maximum recursion depth exceeded".to_owned())
}

/// `f() takes 1 positional argument but 2 were given`, without the function and always in the plural: the wording of
/// builds with the normal level of error texts, which the ESP32's are.
fn of_call(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("() takes ")?;
    let (takes, rest) = rest.split_once(" positional argument")?;
    let given = rest.trim_start_matches('s').strip_prefix(" but ")?;
    let given = given.strip_suffix(" was given").or_else(|| given.strip_suffix(" were given"))?;
    Some(format!("function takes {takes} positional arguments but {given} were given"))
}

/// `unsupported operand type(s) for +: 'int' and 'str'`.
fn of_operator(text: &str) -> Option<String> {
    let (operator, types) = text.strip_prefix("unsupported operand type(s) for ")?.split_once(": ")?;
    let method = match operator {
        "+" => "__add__",
        "-" => "__sub__",
        "*" => "__mul__",
        "/" => "__truediv__",
        "//" => "__floordiv__",
        "%" => "__mod__",
        "** or pow()" => "__pow__",
        "&" => "__and__",
        "|" => "__or__",
        "^" => "__xor__",
        "<<" => "__lshift__",
        ">>" => "__rshift__",
        _ => return None,
    };
    Some(format!("unsupported types for {method}: {}", types.replace(" and ", ", ")))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
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
