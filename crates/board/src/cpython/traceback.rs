//! A traceback as CPython prints it: the chain of causes, the frames with their lines, and what was raised.

use std::collections::HashSet;
use std::fmt::Write;

use rustpython_vm::builtins::{PyBaseException, PyBaseExceptionRef};
use rustpython_vm::suggestion::offer_suggestions;
use rustpython_vm::{AsObject, Py, PyObjectRef, VirtualMachine};

use super::{library, sources};

/// Lines of the same frame that are shown, when a function calls itself.
const MOST_ALIKE: usize = 3;

/// The whole text, with `\n` at each line's end.
pub(crate) fn text(vm: &VirtualMachine, raised: &PyBaseExceptionRef) -> String {
    let mut text = String::new();
    write(vm, raised, &mut HashSet::new(), &mut text);
    text
}

fn write(vm: &VirtualMachine, raised: &Py<PyBaseException>, seen: &mut HashSet<usize>, to: &mut String) {
    seen.insert(raised.get_id());
    let cause = raised.__cause__().map(|cause| (cause, "The above exception was the direct cause of the following"));
    let context = raised.__context__().filter(|_| !is_suppressed(vm, raised));
    let context = context.map(|context| (context, "During handling of the above exception, another"));
    if let Some((before, words)) = cause.or(context).filter(|(before, _)| !seen.contains(&before.get_id())) {
        write(vm, &before, seen, to);
        let words = if words.starts_with("The") {
            format!("{words} exception:")
        } else {
            format!("{words} exception occurred:")
        };
        to.push_str(&format!("\n{words}\n\n"));
    }
    frames(raised, to);
    place_of_syntax_error(vm, raised, to);
    to.push_str(&last_line(vm, raised));
    notes(vm, raised, to);
}

fn frames(raised: &Py<PyBaseException>, to: &mut String) {
    let entries = raised.__traceback__();
    let shown = entries.iter().flat_map(|first| first.iter());
    let mut entries = shown.filter(|entry| !library::is_native(entry.frame.code.source_path().as_str())).peekable();
    if entries.peek().is_none() {
        return;
    }
    to.push_str("Traceback (most recent call last):\n");
    let (mut last, mut alike) = (String::new(), 0);
    for entry in entries {
        let code = &entry.frame.code;
        let (file, line) = (code.source_path().as_str(), entry.lineno.get());
        let mut text = format!("  File \"{}\", line {line}, in {}\n", path_of(file), code.obj_name.as_str());
        if let Some(line) = sources::line(file, line) {
            text.push_str(&format!("    {line}\n"));
        }
        if text != last {
            repeated(alike, to);
            (last, alike) = (text, 0);
        }
        alike += 1;
        if alike <= MOST_ALIKE {
            to.push_str(&last);
        }
    }
    repeated(alike, to);
}

/// What stands for lines that would be the same again.
fn repeated(alike: usize, to: &mut String) {
    if let Some(more) = alike.checked_sub(MOST_ALIKE).filter(|more| *more > 0) {
        let times = if more == 1 { "time" } else { "times" };
        to.push_str(&format!("  [Previous line repeated {more} more {times}]\n"));
    }
}

/// The name of a file; the library's modules are compiled without one.
fn path_of(file: &str) -> String {
    match library::module(file) {
        Some(module) => module.file,
        None => file.to_owned(),
    }
}

/// Where the compiler stopped, with a mark under the place.
fn place_of_syntax_error(vm: &VirtualMachine, raised: &Py<PyBaseException>, to: &mut String) {
    if !raised.fast_isinstance(vm.ctx.exceptions.syntax_error) {
        return;
    }
    let raised = raised.as_object();
    let attribute = |name: &'static str| raised.get_attr(name, vm).ok().filter(|value| !vm.is_none(value));
    let words = |value: PyObjectRef| value.str(vm).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let number = |value: PyObjectRef| value.try_into_value::<usize>(vm).ok();
    let (Some(file), Some(line)) = (attribute("filename").map(words), attribute("lineno").and_then(number)) else {
        return;
    };
    to.push_str(&format!("  File \"{file}\", line {line}\n"));
    let Some(text) = attribute("text").map(words) else { return };
    let (line, indent) = (text.trim(), text.chars().take_while(|c| c.is_whitespace()).count());
    to.push_str(&format!("    {line}\n"));
    if let Some(column) = attribute("offset").and_then(number).and_then(|offset| offset.checked_sub(1 + indent)) {
        let end = attribute("end_offset").and_then(number).and_then(|end| end.checked_sub(1 + indent));
        let marks = end.unwrap_or(0).min(line.chars().count()).saturating_sub(column).max(1);
        to.push_str(&format!("    {}{}\n", " ".repeat(column), "^".repeat(marks)));
    }
}

/// `ValueError: no`, with the module of a class that is not a builtin.
fn last_line(vm: &VirtualMachine, raised: &Py<PyBaseException>) -> String {
    let class = raised.class();
    let mut text = match class.__module__(vm).str(vm) {
        Ok(module) if !["builtins", "__main__"].contains(&&*module.to_string_lossy()) => {
            format!("{module}.{}", class.name())
        }
        _ => class.name().to_owned(),
    };
    let attribute = if raised.fast_isinstance(vm.ctx.exceptions.syntax_error) { "msg" } else { "" };
    let words = match raised.as_object().get_attr(attribute, vm) {
        Ok(message) => message.str(vm),
        Err(_) => raised.as_object().str(vm),
    };
    match words {
        Ok(words) if words.as_bytes().is_empty() => {}
        // The interpreter leaves room at the end of some texts.
        Ok(words) => text.push_str(&format!(": {}", words.to_string_lossy().trim_end_matches(' '))),
        Err(_) => text.push_str(": <exception str() failed>"),
    }
    if let Some(name) = offer_suggestions(raised, vm) {
        text.push_str(&format!(". Did you mean: '{name}'?"));
    }
    text.push('\n');
    text
}

/// What `add_note` added.
fn notes(vm: &VirtualMachine, raised: &Py<PyBaseException>, to: &mut String) {
    let Ok(notes) = raised.as_object().get_attr("__notes__", vm) else { return };
    let notes: Vec<PyObjectRef> = vm.extract_elements_with(&notes, Ok).unwrap_or_default();
    for note in notes {
        if let Ok(note) = note.str(vm) {
            let _ = writeln!(to, "{note}"); // writing to a String cannot fail
        }
    }
}

/// Whether `raise ... from` said that what was handled then is of no interest.
fn is_suppressed(vm: &VirtualMachine, raised: &Py<PyBaseException>) -> bool {
    let said = raised.as_object().get_attr("__suppress_context__", vm);
    said.and_then(|said| said.try_to_bool(vm)).unwrap_or(false)
}
