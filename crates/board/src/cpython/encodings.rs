//! Encodings of Chinese, Japanese and Korean text, for which CPython has modules in C. `library` makes codecs of them.

pub(super) use _board_text::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod _board_text {
    use encoding_rs::Encoding;
    use rustpython_vm::builtins::PyStrRef;
    use rustpython_vm::function::ArgBytesLike;
    use rustpython_vm::{PyResult, VirtualMachine};

    fn named(label: &PyStrRef, vm: &VirtualMachine) -> PyResult<&'static Encoding> {
        let label = label.to_string_lossy();
        Encoding::for_label(label.as_bytes()).ok_or_else(|| vm.new_value_error(format!("no encoding {label}")))
    }

    /// The bytes of a text; nothing when it has a character that the encoding has not.
    #[pyfunction]
    fn encode(label: PyStrRef, text: PyStrRef, vm: &VirtualMachine) -> PyResult<Option<Vec<u8>>> {
        let encoding = named(&label, vm)?;
        let Some(text) = text.to_str() else { return Ok(None) };
        let (bytes, _, unknown) = encoding.encode(text);
        Ok((!unknown).then(|| bytes.into_owned()))
    }

    /// The text of some bytes, with U+FFFD for what is none, and whether there is any such.
    #[pyfunction]
    fn decode(label: PyStrRef, bytes: ArgBytesLike, vm: &VirtualMachine) -> PyResult<(String, bool)> {
        let encoding = named(&label, vm)?;
        let (text, wrong) = bytes.with_ref(|bytes| {
            let (text, wrong) = encoding.decode_without_bom_handling(bytes);
            (text.into_owned(), wrong)
        });
        Ok((text, wrong))
    }
}
