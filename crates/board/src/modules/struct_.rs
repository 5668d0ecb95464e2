//! The module `struct`: values in the bytes of a record. The letters' sizes and bytes belong to `layout`.

pub(crate) use struct_::module_def;

use rustpython_vm::{PyResult, VirtualMachine, pymodule};

use super::layout::{Layout, NATIVE};

/// One step of a format: so many of a letter, or so many bytes of `s`.
struct Item {
    code: u8,
    count: usize,
    size: usize,
    align: usize,
}

struct Format {
    layout: Layout,
    items: Vec<Item>,
    /// Bytes of the whole record.
    size: usize,
    /// Values of the whole record.
    values: usize,
}

/// Longer records than a board could hold are refused before anything is allocated for them.
const LONGEST: usize = 16 << 20;

impl Format {
    fn parse(text: &[u8], vm: &VirtualMachine) -> PyResult<Format> {
        let (layout, letters) = match text.first() {
            Some(b'<') => (Layout { big: false, native: false }, &text[1..]),
            Some(b'>' | b'!') => (Layout { big: true, native: false }, &text[1..]),
            Some(b'@') => (NATIVE, &text[1..]),
            _ => (NATIVE, text),
        };
        let mut format = Format { layout, items: Vec::new(), size: 0, values: 0 };
        let mut count: Option<usize> = None;
        for &code in letters {
            if code.is_ascii_digit() {
                count = Some(count.unwrap_or(0).saturating_mul(10).saturating_add(usize::from(code - b'0')));
                continue;
            }
            let Some((size, align)) = layout.size_and_align(code) else {
                return Err(vm.new_value_error("bad typecode"));
            };
            format.add(Item { code, count: count.take().unwrap_or(1), size, align });
            if format.size > LONGEST {
                return Err(vm.new_memory_error("memory allocation failed".to_owned()));
            }
        }
        match count {
            Some(_) => Err(vm.new_value_error("bad typecode")),
            None => Ok(format),
        }
    }

    fn add(&mut self, item: Item) {
        self.size = self.size.next_multiple_of(item.align).saturating_add(item.size.saturating_mul(item.count));
        self.values += match item.code {
            b'x' => 0,
            b's' => 1,
            _ => item.count,
        };
        self.items.push(item);
    }
}

#[pymodule(name = "struct")]
mod struct_ {
    use rustpython_vm::function::{ArgMemoryBuffer, OptionalArg, PosArgs};
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

    use super::Format;
    use crate::modules::layout::bytes_of;
    use crate::modules::with_bytes;

    fn format(text: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Format> {
        with_bytes(text, vm, |text| Format::parse(text, vm))?
    }

    #[pyfunction]
    fn calcsize(text: PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
        Ok(format(&text, vm)?.size)
    }

    #[pyfunction]
    fn pack(text: PyObjectRef, values: PosArgs, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let format = format(&text, vm)?;
        let mut record = vec![0; format.size];
        fill(&format, &mut record, values, vm)?;
        Ok(record)
    }

    #[pyfunction]
    fn pack_into(
        text: PyObjectRef,
        buffer: ArgMemoryBuffer,
        offset: isize,
        values: PosArgs,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let format = format(&text, vm)?;
        let start = place(offset, buffer.len(), format.size, vm)?;
        // Values may be made by code that looks at the buffer, which must not be borrowed then.
        let mut record = buffer.with_ref(|buffer| buffer[start..start + format.size].to_vec());
        fill(&format, &mut record, values, vm)?;
        buffer.with_ref(|buffer| buffer[start..start + format.size].copy_from_slice(&record));
        Ok(())
    }

    #[pyfunction]
    fn unpack(text: PyObjectRef, data: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        unpack_from(text, data, OptionalArg::Missing, vm)
    }

    #[pyfunction]
    fn unpack_from(text: PyObjectRef, data: PyObjectRef, offset: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult {
        let format = format(&text, vm)?;
        let data = bytes_of(&data, vm)?;
        let start = place(offset.unwrap_or(0), data.len(), format.size, vm)?;
        let values = taken(&format, &data[start..], vm)?;
        Ok(vm.ctx.new_tuple(values).into())
    }

    /// Where a record begins; a negative offset is from the end.
    fn place(offset: isize, length: usize, size: usize, vm: &VirtualMachine) -> PyResult<usize> {
        let start = if offset < 0 { length.checked_add_signed(offset) } else { usize::try_from(offset).ok() };
        let start = start.filter(|start| start.checked_add(size).is_some_and(|end| end <= length));
        start.ok_or_else(|| vm.new_value_error("buffer too small"))
    }

    /// Values that are not given stay zero, as on boards.
    fn fill(format: &Format, record: &mut [u8], values: PosArgs, vm: &VirtualMachine) -> PyResult<()> {
        let (mut at, mut values) = (0, values.into_iter());
        for item in &format.items {
            at = usize::next_multiple_of(at, item.align);
            if item.code == b's' {
                if let Some(value) = values.next() {
                    let text = bytes_of(&value, vm)?;
                    let count = text.len().min(item.count);
                    record[at..at + item.count].fill(0);
                    record[at..at + count].copy_from_slice(&text[..count]);
                }
                at += item.count;
                continue;
            }
            for _ in 0..item.count {
                let to = &mut record[at..at + item.size];
                at += item.size;
                if item.code == b'x' {
                    to.fill(0);
                } else if let Some(value) = values.next() {
                    format.layout.put(item.code, &value, to, vm)?;
                }
            }
        }
        Ok(())
    }

    fn taken(format: &Format, record: &[u8], vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let (mut at, mut values) = (0, Vec::with_capacity(format.values));
        for item in &format.items {
            at = usize::next_multiple_of(at, item.align);
            if item.code == b's' {
                values.push(vm.ctx.new_bytes(record[at..at + item.count].to_vec()).into());
                at += item.count;
                continue;
            }
            for _ in 0..item.count {
                if item.code != b'x' {
                    values.push(format.layout.get(item.code, &record[at..at + item.size], vm)?);
                }
                at += item.size;
            }
        }
        Ok(values)
    }
}
