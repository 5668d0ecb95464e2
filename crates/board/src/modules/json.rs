//! The module `json`, as lenient as a board's: commas and colons between values are passed over, and what JSON has
//! no word for is written as Python would print it.

pub(crate) use json::module_def;

use rustpython_vm::builtins::{PyBytes, PyDict, PyList, PyStr, PyTuple};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine, pymodule};

/// What stands between the items of a list or dict, and between key and value.
struct Separators {
    item: String,
    key: String,
}

fn write(object: &PyObject, between: &Separators, to: &mut String, vm: &VirtualMachine) -> PyResult<()> {
    if let Some(text) = object.downcast_ref::<PyStr>() {
        write_text(&text.to_string_lossy(), to);
    } else if let Some(bytes) = object.downcast_ref::<PyBytes>() {
        write_text(&String::from_utf8_lossy(bytes.as_bytes()), to);
    } else if let Some(list) = object.downcast_ref::<PyList>() {
        let items = list.borrow_vec().to_vec();
        write_list(&items, between, to, vm)?;
    } else if let Some(tuple) = object.downcast_ref::<PyTuple>() {
        write_list(tuple.as_slice(), between, to, vm)?;
    } else if let Some(dict) = object.downcast_ref::<PyDict>() {
        vm.with_recursion("", || write_dict(dict, between, to, vm))?;
    } else if vm.is_none(object) {
        to.push_str("null");
    } else if object.is(&vm.ctx.true_value) {
        to.push_str("true");
    } else if object.is(&vm.ctx.false_value) {
        to.push_str("false");
    } else {
        to.push_str(&object.repr(vm)?.to_string_lossy());
    }
    Ok(())
}

fn write_list(items: &[PyObjectRef], between: &Separators, to: &mut String, vm: &VirtualMachine) -> PyResult<()> {
    to.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            to.push_str(&between.item);
        }
        vm.with_recursion("", || write(item, between, to, vm))?;
    }
    to.push(']');
    Ok(())
}

fn write_dict(dict: &PyDict, between: &Separators, to: &mut String, vm: &VirtualMachine) -> PyResult<()> {
    to.push('{');
    for (at, (key, value)) in dict.items_vec().iter().enumerate() {
        if at > 0 {
            to.push_str(&between.item);
        }
        let text = key.downcast_ref::<PyStr>().is_some() || key.downcast_ref::<PyBytes>().is_some();
        if text {
            write(key, between, to, vm)?;
        } else {
            to.push('"');
            write(key, between, to, vm)?;
            to.push('"');
        }
        to.push_str(&between.key);
        write(value, between, to, vm)?;
    }
    to.push('}');
    Ok(())
}

fn write_text(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => to.extend(['\\', character]),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            '\0'..' ' => to.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => to.push(character),
        }
    }
    to.push('"');
}

/// A list or dict that is not closed yet. The key waits for its value.
struct Open {
    container: PyObjectRef,
    key: Option<PyObjectRef>,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<Open>,
}

impl Reader<'_> {
    /// The whole text as one value; `None` when it is not one.
    fn read(&mut self, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        let mut whole = None;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                continue;
            }
            if whole.is_some() {
                return Ok(None);
            }
            match byte {
                b',' | b':' if !self.open.is_empty() => {}
                b'[' | b'{' => {
                    let dict = byte == b'{';
                    let container = if dict { vm.ctx.new_dict().into() } else { vm.ctx.new_list(Vec::new()).into() };
                    self.open.push(Open { container, key: None });
                }
                b']' | b'}' => {
                    let Some(closed) = self.open.pop() else { return Ok(None) };
                    let dict = closed.container.downcast_ref::<PyDict>().is_some();
                    if dict != (byte == b'}')
                        || closed.key.is_some()
                        || !self.place(closed.container, &mut whole, vm)?
                    {
                        return Ok(None);
                    }
                }
                _ => {
                    let Some(value) = self.scalar(byte, vm)? else { return Ok(None) };
                    if !self.place(value, &mut whole, vm)? {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(whole.filter(|_| self.open.is_empty()))
    }

    /// Puts a value where it belongs; false for a list or dict as a key.
    fn place(&mut self, value: PyObjectRef, whole: &mut Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<bool> {
        let Some(open) = self.open.last_mut() else {
            *whole = Some(value);
            return Ok(true);
        };
        if let Some(list) = open.container.downcast_ref::<PyList>() {
            list.borrow_vec_mut().push(value);
        } else if let Some(key) = open.key.take() {
            open.container.set_item(&*key, value, vm)?;
        } else if value.downcast_ref::<PyDict>().is_some() || value.downcast_ref::<PyList>().is_some() {
            return Ok(false);
        } else {
            open.key = Some(value);
        }
        Ok(true)
    }

    fn scalar(&mut self, first: u8, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        let rest = &self.text[self.at - 1..];
        let words = [
            ("null", vm.ctx.none()),
            ("false", vm.ctx.false_value.clone().into()),
            ("true", vm.ctx.true_value.clone().into()),
        ];
        match first {
            b'"' => Ok(self.string().map(|text| vm.ctx.new_str(text).into())),
            b'-' | b'0'..=b'9' => {
                let part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
                let length = rest.iter().position(|byte| !part(byte)).unwrap_or(rest.len());
                self.at += length - 1;
                number(&String::from_utf8_lossy(&rest[..length]), vm)
            }
            _ => {
                let word = words.into_iter().find(|(word, _)| rest.starts_with(word.as_bytes()));
                Ok(word.map(|(word, value)| {
                    self.at += word.len() - 1;
                    value
                }))
            }
        }
    }

    /// After the opening quote, to the closing one.
    fn string(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some(String::from_utf8_lossy(&bytes).into_owned()),
                b'\\' => self.escape(&mut bytes)?,
                _ => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        match byte {
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'u' => {
                let mut unit = self.four_digits()?;
                // The two halves of a character beyond 16 bits.
                if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let low = self.four_digits()?;
                    unit = 0x1_0000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
                }
                let character = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            byte => bytes.push(byte),
        }
        Some(())
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

fn number(text: &str, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
    if text.contains(['.', 'e', 'E']) {
        return Ok(text.parse::<f64>().ok().map(|value| vm.ctx.new_float(value).into()));
    }
    match text.parse::<i64>() {
        Ok(value) => Ok(Some(vm.ctx.new_int(value).into())),
        // Longer than that, the interpreter's own.
        Err(_) => vm.ctx.types.int_type.as_object().call((text.to_owned(),), vm).map(Some),
    }
}

#[pymodule]
mod json {
    use rustpython_vm::{AsObject, FromArgs, PyObjectRef, PyResult, VirtualMachine};

    use super::{Reader, Separators};
    use crate::modules::{stream, with_bytes};

    #[derive(FromArgs)]
    struct Style {
        #[pyarg(named, default)]
        separators: Option<PyObjectRef>,
    }

    fn separators(style: Style, vm: &VirtualMachine) -> PyResult<Separators> {
        let Some(given) = style.separators.filter(|given| !vm.is_none(given)) else {
            return Ok(Separators { item: ", ".to_owned(), key: ": ".to_owned() });
        };
        let class = given.class();
        if !class.is(vm.ctx.types.tuple_type) && !class.is(vm.ctx.types.list_type) {
            return Err(vm.new_type_error("object isn't a tuple or list"));
        }
        let parts: Vec<PyObjectRef> = vm.extract_elements_with(&given, Ok)?;
        let [item, key] = &parts[..] else {
            return Err(vm.new_value_error("requested length 2 but object has another length"));
        };
        let text = |part: &PyObjectRef| part.str(vm).map(|text| text.to_string_lossy().into_owned());
        Ok(Separators { item: text(item)?, key: text(key)? })
    }

    #[pyfunction]
    fn dumps(object: PyObjectRef, style: Style, vm: &VirtualMachine) -> PyResult<String> {
        let mut text = String::new();
        super::write(object.as_object(), &separators(style, vm)?, &mut text, vm)?;
        Ok(text)
    }

    #[pyfunction]
    fn dump(object: PyObjectRef, to: PyObjectRef, style: Style, vm: &VirtualMachine) -> PyResult<()> {
        let text = dumps(object, style, vm)?;
        stream::write_text(&to, text, vm)
    }

    #[pyfunction]
    fn loads(text: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        with_bytes(&text, vm, |text| Reader { text, at: 0, open: Vec::new() }.read(vm))??
            .ok_or_else(|| vm.new_value_error("syntax error in JSON"))
    }

    #[pyfunction]
    fn load(from: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        loads(stream::read_all(&from, vm)?, vm)
    }
}
