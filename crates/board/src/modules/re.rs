//! The module `re`: a pattern becomes a small program, and running it tries one way after the other.
//!
//! The instructions, their bytes and their limits are those of re1.5, which boards have: a jump reaches 127 bytes, a
//! class has at most 127 ranges, and it works on bytes of UTF-8. Only the ways not yet tried are kept differently: in
//! a list with a limit, not on the stack.

pub(crate) use re::module_def;

use rustpython_vm::{PyResult, VirtualMachine, pymodule};

const CHAR: u8 = 0x01;
const ANY: u8 = 0x02;
const CLASS: u8 = 0x03;
const CLASS_NOT: u8 = 0x04;
const NAMED_CLASS: u8 = 0x05;
const BOL: u8 = 0x50;
const EOL: u8 = 0x51;
const JMP: u8 = 0x60;
const SPLIT: u8 = 0x61;
const RSPLIT: u8 = 0x62;
const SAVE: u8 = 0x7e;
const MATCH: u8 = 0x7f;

/// At the beginning of each program: "or skip a character and try again". `match` begins after it.
const SEARCH: [u8; 5] = [RSPLIT, 3, ANY, JMP, -5_i8 as u8];

/// In a class, the first byte of a pair that names a class instead of bounds.
const NAMED: u8 = 0;

/// Ways not tried yet that a match may keep: a board's stack ends at a few thousand.
const DEEPEST: usize = 5000;

/// A compiled pattern.
#[derive(Debug)]
struct Code {
    bytes: Vec<u8>,
    /// Instructions in it.
    count: usize,
    /// Groups, without the whole match.
    groups: usize,
}

struct Compiler<'a> {
    pattern: &'a [u8],
    at: usize,
    /// Parentheses around here.
    depth: usize,
    code: Code,
}

/// Parentheses in each other, of which those that capture nothing have no other limit.
const NESTED: usize = 200;

/// The pattern is none.
struct Bad;

fn compile(pattern: &[u8]) -> Result<Code, Bad> {
    let code = Code { bytes: SEARCH.to_vec(), count: 3, groups: 0 };
    let mut compiler = Compiler { pattern, at: 0, depth: 0, code };
    compiler.emit(&[SAVE, 0]);
    compiler.alternatives()?;
    if compiler.at < pattern.len() {
        return Err(Bad); // a parenthesis too many
    }
    compiler.emit(&[SAVE, 1]);
    compiler.emit(&[MATCH]);
    Ok(compiler.code)
}

/// A jump's distance from the byte after it.
fn distance(from: usize, to: usize) -> Result<u8, Bad> {
    let distance = to as isize - from as isize - 2;
    i8::try_from(distance).map(|distance| distance as u8).map_err(|_| Bad)
}

fn is_class_name(letter: u8) -> bool {
    matches!(letter | 0x20, b'd' | b's' | b'w')
}

impl Compiler<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.pattern.get(self.at + ahead).copied()
    }

    fn here(&self) -> usize {
        self.code.bytes.len()
    }

    fn emit(&mut self, instruction: &[u8]) {
        self.code.bytes.extend_from_slice(instruction);
        self.code.count += 1;
    }

    fn insert(&mut self, at: usize, instruction: [u8; 2]) {
        self.code.bytes.splice(at..at, instruction);
        self.code.count += 1;
    }

    /// All up to the end or to a closing parenthesis.
    fn alternatives(&mut self) -> Result<(), Bad> {
        let start = self.here();
        let mut term = start;
        // Where the jump over the alternatives that follow says how far.
        let mut over: Option<usize> = None;
        while let Some(byte) = self.peek(0).filter(|byte| *byte != b')') {
            match byte {
                b'?' | b'*' | b'+' => {
                    self.repeat(byte, term)?;
                    term = self.here();
                }
                b'|' => {
                    self.end_of_alternative(over)?;
                    self.insert(start, [SPLIT, 0]);
                    over = Some(self.here() + 1);
                    self.emit(&[JMP, 0]);
                    self.code.bytes[start + 1] = distance(start, self.here())?;
                    term = self.here();
                }
                b'^' | b'$' => {
                    self.emit(&[if byte == b'^' { BOL } else { EOL }]);
                    term = self.here();
                }
                _ => {
                    term = self.here();
                    self.atom(byte)?;
                }
            }
            self.at += 1;
        }
        self.end_of_alternative(over)
    }

    fn end_of_alternative(&mut self, over: Option<usize>) -> Result<(), Bad> {
        if let Some(over) = over {
            // The inserted split has moved it when there was an alternative before.
            self.code.bytes[over] = distance(over - 1, self.here())?;
        }
        Ok(())
    }

    /// What can be repeated. Ends at its last byte.
    fn atom(&mut self, byte: u8) -> Result<(), Bad> {
        match byte {
            b'.' => self.emit(&[ANY]),
            b'[' => return self.class(),
            b'(' => return self.group(),
            b'\\' => {
                self.at += 1;
                let byte = self.peek(0).ok_or(Bad)?;
                self.emit(&[if is_class_name(byte) { NAMED_CLASS } else { CHAR }, byte]);
            }
            _ => self.emit(&[CHAR, byte]),
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), Bad> {
        self.at += 1;
        let not = self.peek(0) == Some(b'^');
        self.at += usize::from(not);
        let mut class = vec![if not { CLASS_NOT } else { CLASS }, 0];
        while let Some(mut first) = self.peek(0).filter(|byte| *byte != b']') {
            let mut named = false;
            if first == b'\\' {
                self.at += 1;
                first = self.peek(0).ok_or(Bad)?;
                named = is_class_name(first);
            }
            let range = !named && self.peek(1) == Some(b'-') && self.peek(2).is_some_and(|end| end != b']');
            self.at += if range { 2 } else { 0 };
            class.extend([if named { NAMED } else { first }, self.peek(0).ok_or(Bad)?]);
            self.at += 1;
        }
        self.peek(0).ok_or(Bad)?;
        class[1] = u8::try_from((class.len() - 2) / 2).ok().filter(|count| *count < 0x80).ok_or(Bad)?;
        self.emit(&class);
        Ok(())
    }

    fn group(&mut self) -> Result<(), Bad> {
        let captures = self.peek(1) != Some(b'?') || self.peek(2) != Some(b':');
        self.at += if captures { 1 } else { 3 };
        let save = if captures {
            self.code.groups += 1;
            Some(u8::try_from(2 * self.code.groups).ok().filter(|save| *save < 0x7f).ok_or(Bad)?)
        } else {
            None
        };
        if let Some(save) = save {
            self.emit(&[SAVE, save]);
        }
        self.depth += 1;
        if self.depth > NESTED {
            return Err(Bad);
        }
        self.alternatives()?;
        self.depth -= 1;
        if self.peek(0) != Some(b')') {
            return Err(Bad);
        }
        if let Some(save) = save {
            self.emit(&[SAVE, save + 1]);
        }
        Ok(())
    }

    /// `?`, `*` or `+` for what has been compiled from `term` on; lazy with another `?`.
    fn repeat(&mut self, how: u8, term: usize) -> Result<(), Bad> {
        if self.here() == term {
            return Err(Bad);
        }
        let lazy = self.peek(1) == Some(b'?');
        self.at += usize::from(lazy);
        if how == b'+' {
            let back = distance(self.here(), term)?;
            self.emit(&[if lazy { SPLIT } else { RSPLIT }, back]);
            return Ok(());
        }
        self.insert(term, [if lazy { RSPLIT } else { SPLIT }, 0]);
        if how == b'*' {
            let back = distance(self.here(), term)?;
            self.emit(&[JMP, back]);
        }
        self.code.bytes[term + 1] = distance(term, self.here())?;
        Ok(())
    }
}

/// A way that is left to try: from this instruction at this place, or, coming back, an end of a group as it was.
enum Left {
    Way { pc: usize, at: usize },
    Group { slot: usize, before: Option<usize> },
}

/// Where in the text each group begins and ends.
type Groups = Vec<Option<usize>>;

/// Instructions between two looks at Ctrl-C: a pattern can take for ever.
const PATIENCE: u32 = 1 << 14;

impl Code {
    /// Runs the program at `from`; `^` holds where the text begins, and `$` where it ends.
    fn run(&self, text: &[u8], from: usize, anchored: bool, vm: &VirtualMachine) -> PyResult<Option<Groups>> {
        let mut groups: Groups = vec![None; 2 * (self.groups + 1)];
        let mut left = vec![Left::Way { pc: if anchored { SEARCH.len() } else { 0 }, at: from }];
        let mut steps = 0_u32;
        while let Some(next) = left.pop() {
            match next {
                Left::Group { slot, before } => groups[slot] = before,
                Left::Way { mut pc, mut at } => loop {
                    if self.bytes[pc] == MATCH {
                        return Ok(Some(groups));
                    }
                    steps = steps.wrapping_add(1);
                    if steps.is_multiple_of(PATIENCE) {
                        vm.check_signals()?;
                    }
                    if left.len() > DEEPEST {
                        return Err(vm.new_runtime_error("maximum recursion depth exceeded"));
                    }
                    match self.step(text, pc, at, &mut groups, &mut left) {
                        Some(next) => (pc, at) = next,
                        None => break,
                    }
                },
            }
        }
        Ok(None)
    }

    /// One instruction: where it goes on, and at which place; `None` where it does not. Other ways are kept in `left`.
    fn step(
        &self,
        text: &[u8],
        pc: usize,
        at: usize,
        groups: &mut Groups,
        left: &mut Vec<Left>,
    ) -> Option<(usize, usize)> {
        let operand = self.bytes.get(pc + 1).copied().unwrap_or(0);
        let (next, target) = (pc + 2, (pc + 2).wrapping_add_signed((operand as i8).into()));
        match self.bytes[pc] {
            JMP => Some((target, at)),
            SPLIT => {
                left.push(Left::Way { pc: target, at });
                Some((next, at))
            }
            RSPLIT => {
                left.push(Left::Way { pc: next, at });
                Some((target, at))
            }
            SAVE => {
                let slot = usize::from(operand);
                left.push(Left::Group { slot, before: groups[slot].replace(at) });
                Some((next, at))
            }
            BOL => (at == 0).then_some((pc + 1, at)),
            EOL => (at == text.len()).then_some((pc + 1, at)),
            _ => text.get(at).and_then(|byte| self.consumes(pc, *byte)).map(|size| (pc + size, at + 1)),
        }
    }

    /// The size of an instruction that takes this byte; `None` when it does not.
    fn consumes(&self, pc: usize, byte: u8) -> Option<usize> {
        let code = &self.bytes[pc..];
        match code[0] {
            ANY => Some(1),
            CHAR => (code[1] == byte).then_some(2),
            NAMED_CLASS => in_named_class(code[1], byte).then_some(2),
            _ => {
                let size = 2 + 2 * usize::from(code[1]);
                let fits = |pair: &[u8]| match pair[0] {
                    NAMED => in_named_class(pair[1], byte),
                    first => (first..=pair[1]).contains(&byte),
                };
                let within = code[2..size].chunks_exact(2).any(fits);
                (within == (code[0] == CLASS)).then_some(size)
            }
        }
    }

    /// The program as text, for `re.DEBUG`.
    fn listing(&self) -> String {
        let (mut pc, mut text) = (0, String::new());
        while pc < self.bytes.len() {
            let operand = self.bytes.get(pc + 1).copied().unwrap_or(0);
            let jump = |name: &str| {
                let offset = operand as i8;
                format!("{name} {} ({offset})", (pc + 2).wrapping_add_signed(offset.into()))
            };
            let (size, what) = match self.bytes[pc] {
                ANY => (1, "any".to_owned()),
                CHAR => (2, format!("char {}", char::from(operand))),
                NAMED_CLASS => (2, format!("namedclass {}", char::from(operand))),
                BOL => (1, "assert bol".to_owned()),
                EOL => (1, "assert eol".to_owned()),
                JMP => (2, jump("jmp")),
                SPLIT => (2, jump("split")),
                RSPLIT => (2, jump("rsplit")),
                SAVE => (2, format!("save {operand}")),
                MATCH => (1, "match".to_owned()),
                class => {
                    let size = 2 + 2 * usize::from(operand);
                    let pairs = self.bytes[pc + 2..pc + size].chunks_exact(2);
                    let pairs: String = pairs.map(|pair| format!(" 0x{:02x}-0x{:02x}", pair[0], pair[1])).collect();
                    (size, format!("class{} {operand}{pairs}", if class == CLASS_NOT { "not" } else { "" }))
                }
            };
            text.push_str(&format!("{pc:2}: {what}\n"));
            pc += size;
        }
        text + &format!("Bytes: {}, insts: {}\n", self.bytes.len(), self.count)
    }
}

fn in_named_class(name: u8, byte: u8) -> bool {
    let within = match name | 0x20 {
        b'd' => byte.is_ascii_digit(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        _ => byte.is_ascii_alphanumeric() || byte == b'_',
    };
    within == name.is_ascii_lowercase()
}

/// A part of a replacement: text, or what a group matched.
enum Piece {
    Text(u8),
    Group(usize),
}

/// A replacement with `\1` and `\g<1>` in it.
fn pieces(template: &[u8]) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    let number = |digits: &[u8]| {
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold((0, 0_usize), |(count, value), byte| {
            (count + 1, value.saturating_mul(10).saturating_add(usize::from(byte - b'0')))
        })
    };
    while let Some(&byte) = template.get(at) {
        at += 1;
        let rest = &template[at..];
        let named = rest.starts_with(b"g<");
        let (digits, group) = number(rest.get(if named { 2 } else { 0 }..).unwrap_or_default());
        match (byte, rest.first()) {
            (b'\\', _) if digits > 0 => {
                pieces.push(Piece::Group(group));
                at += digits + if named { 3 } else { 0 };
            }
            (b'\\', Some(b'\\')) => {
                pieces.push(Piece::Text(b'\\'));
                at += 1;
            }
            _ => pieces.push(Piece::Text(byte)),
        }
    }
    pieces
}

#[pymodule]
#[allow(clippy::unwrap_used, reason = "what the macro makes of an attribute")]
mod re {
    use std::sync::Arc;

    use rustpython_vm::builtins::PyStr;
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::types::Representable;
    use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};

    use super::{Code, Groups, Piece, pieces};
    use crate::board::board;
    use crate::modules::layout::bytes_of;

    /// `compile(pattern, DEBUG)` prints the program.
    #[pyattr]
    const DEBUG: u32 = 0x1000;

    #[pyclass(no_attr, name = "re", module = "re")]
    #[derive(Debug, PyPayload)]
    struct Pattern {
        code: Code,
    }

    /// The text that was searched, and whether what is cut from it is text again.
    #[derive(Debug)]
    struct Subject {
        bytes: Vec<u8>,
        text: bool,
    }

    impl Subject {
        fn new(object: &PyObject, vm: &VirtualMachine) -> PyResult<Subject> {
            Ok(Subject { bytes: text_of(object, vm)?, text: object.downcast_ref::<PyStr>().is_some() })
        }

        fn made_of(&self, bytes: &[u8], vm: &VirtualMachine) -> PyObjectRef {
            if self.text {
                vm.ctx.new_str(String::from_utf8_lossy(bytes).into_owned()).into()
            } else {
                vm.ctx.new_bytes(bytes.to_vec()).into()
            }
        }
    }

    #[pyclass(no_attr, name = "match", module = "re")]
    #[derive(Debug, PyPayload)]
    struct Match {
        subject: Arc<Subject>,
        groups: Groups,
    }

    /// Text, or bytes in its place.
    fn text_of(object: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let class = object.class().name().to_owned();
        let refused = |_| vm.new_type_error(format!("can't convert '{class}' object to str implicitly"));
        bytes_of(object, vm).map_err(refused)
    }

    #[pyfunction]
    fn compile(pattern: PyObjectRef, flags: OptionalArg<u32>, vm: &VirtualMachine) -> PyResult<PyRef<Pattern>> {
        let code = super::compile(&text_of(&pattern, vm)?).map_err(|_| vm.new_value_error("error in regex"))?;
        if flags.unwrap_or(0) & DEBUG != 0 {
            board().output(vm, code.listing().replace('\n', "\r\n").as_bytes())?;
        }
        Ok(Pattern { code }.into_ref(&vm.ctx))
    }

    /// A pattern as it is, or text as a pattern.
    fn pattern(object: PyObjectRef, vm: &VirtualMachine) -> PyResult<PyRef<Pattern>> {
        match object.downcast::<Pattern>() {
            Ok(pattern) => Ok(pattern),
            Err(text) => compile(text, OptionalArg::Missing, vm),
        }
    }

    #[pyfunction(name = "match")]
    fn match_(re: PyObjectRef, text: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        pattern(re, vm)?.matched(text, OptionalArg::Missing, OptionalArg::Missing, vm)
    }

    #[pyfunction]
    fn search(re: PyObjectRef, text: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        pattern(re, vm)?.search(text, OptionalArg::Missing, OptionalArg::Missing, vm)
    }

    #[pyfunction]
    fn sub(
        re: PyObjectRef,
        replacement: PyObjectRef,
        text: PyObjectRef,
        count: OptionalArg<usize>,
        vm: &VirtualMachine,
    ) -> PyResult {
        pattern(re, vm)?.sub(replacement, text, count, vm)
    }

    impl Representable for Pattern {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok(format!("<re {:x}>", zelf.get_id()))
        }
    }

    #[pyclass(with(Representable))]
    impl Pattern {
        #[pymethod(name = "match")]
        fn matched(
            &self,
            text: PyObjectRef,
            start: OptionalArg<isize>,
            end: OptionalArg<isize>,
            vm: &VirtualMachine,
        ) -> PyResult {
            self.first(&text, start, end, true, vm)
        }

        #[pymethod]
        fn search(
            &self,
            text: PyObjectRef,
            start: OptionalArg<isize>,
            end: OptionalArg<isize>,
            vm: &VirtualMachine,
        ) -> PyResult {
            self.first(&text, start, end, false, vm)
        }

        fn first(
            &self,
            text: &PyObject,
            start: OptionalArg<isize>,
            end: OptionalArg<isize>,
            anchored: bool,
            vm: &VirtualMachine,
        ) -> PyResult {
            let mut subject = Subject::new(text, vm)?;
            let length = subject.bytes.len();
            let place = |place: isize| usize::try_from(place).unwrap_or(0).min(length);
            let (start, end) = (place(start.unwrap_or(0)), end.into_option().map_or(length, place));
            if end < start {
                return Ok(vm.ctx.none());
            }
            subject.bytes.truncate(end);
            let groups = self.code.run(&subject.bytes, start, anchored, vm)?;
            let subject = Arc::new(subject);
            Ok(groups.map_or_else(|| vm.ctx.none(), |groups| Match { subject, groups }.into_pyobject(vm)))
        }

        /// The places of the next match from `from` on; an empty match is none here.
        fn next(
            &self,
            subject: &Subject,
            from: usize,
            vm: &VirtualMachine,
        ) -> PyResult<Option<(usize, usize, Groups)>> {
            let groups = self.code.run(&subject.bytes, from, false, vm)?;
            Ok(groups.and_then(|groups| match groups[..] {
                [Some(start), Some(end), ..] if end > start => Some((start, end, groups)),
                _ => None,
            }))
        }

        #[pymethod]
        fn split(&self, text: PyObjectRef, most: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult {
            if self.code.groups > 0 {
                return Err(vm.new_not_implemented_error("splitting with sub-captures"));
            }
            let subject = Subject::new(&text, vm)?;
            let (mut from, mut parts) = (0, Vec::new());
            let most = most.into_option().filter(|most| *most > 0).unwrap_or(usize::MAX);
            while parts.len() < most {
                let Some((start, end, _)) = self.next(&subject, from, vm)? else { break };
                parts.push(subject.made_of(&subject.bytes[from..start], vm));
                from = end;
            }
            parts.push(subject.made_of(&subject.bytes[from..], vm));
            Ok(vm.ctx.new_list(parts).into())
        }

        /// Replaces each match, or the first `count`: by text with groups in it, or by what a function makes of it.
        #[pymethod]
        fn sub(
            &self,
            replacement: PyObjectRef,
            text: PyObjectRef,
            count: OptionalArg<usize>,
            vm: &VirtualMachine,
        ) -> PyResult {
            let subject = Arc::new(Subject::new(&text, vm)?);
            let function = replacement.is_callable().then_some(&replacement);
            let template = if function.is_some() { Vec::new() } else { pieces(&bytes_of(&replacement, vm)?) };
            let (mut from, mut made) = (0, Vec::new());
            let mut left = count.into_option().filter(|count| *count > 0).unwrap_or(usize::MAX);
            while left > 0
                && let Some((start, end, groups)) = self.next(&subject, from, vm)?
            {
                made.extend_from_slice(&subject.bytes[from..start]);
                let found = Match { subject: subject.clone(), groups };
                match function {
                    Some(function) => made.extend(bytes_of(&*function.call((found.into_ref(&vm.ctx),), vm)?, vm)?),
                    None => found.fill(&template, &mut made, vm)?,
                }
                from = end;
                left -= 1;
            }
            made.extend_from_slice(&subject.bytes[from..]);
            Ok(subject.made_of(&made, vm))
        }
    }

    impl Representable for Match {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok(format!("<match num={}>", zelf.groups.len() / 2))
        }
    }

    #[pyclass(with(Representable))]
    impl Match {
        /// Where a group is; `None` for one that took no part.
        fn place(&self, group: usize, vm: &VirtualMachine) -> PyResult<Option<(usize, usize)>> {
            match group.checked_mul(2).and_then(|at| self.groups.get(at..at + 2)) {
                Some([Some(start), Some(end)]) => Ok(Some((*start, *end))),
                Some(_) => Ok(None),
                None => Err(vm.new_index_error(group.to_string())),
            }
        }

        fn fill(&self, template: &[Piece], made: &mut Vec<u8>, vm: &VirtualMachine) -> PyResult<()> {
            for piece in template {
                match piece {
                    Piece::Text(byte) => made.push(*byte),
                    Piece::Group(group) => {
                        if let Some((start, end)) = self.place(*group, vm)? {
                            made.extend_from_slice(&self.subject.bytes[start..end]);
                        }
                    }
                }
            }
            Ok(())
        }

        #[pymethod]
        fn group(&self, group: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult {
            let place = self.place(group.unwrap_or(0), vm)?;
            let text = place.map(|(start, end)| self.subject.made_of(&self.subject.bytes[start..end], vm));
            Ok(text.unwrap_or_else(|| vm.ctx.none()))
        }

        #[pymethod]
        fn groups(&self, vm: &VirtualMachine) -> PyResult {
            let count = self.groups.len() / 2;
            let groups: PyResult<Vec<_>> =
                (1..count).map(|group| self.group(OptionalArg::Present(group), vm)).collect();
            Ok(vm.ctx.new_tuple(groups?).into())
        }

        /// In bytes, as boards count; `(-1, -1)` for a group that took no part.
        #[pymethod]
        fn span(&self, group: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<(isize, isize)> {
            let place = self.place(group.unwrap_or(0), vm)?;
            Ok(place.map_or((-1, -1), |(start, end)| (start as isize, end as isize)))
        }

        #[pymethod]
        fn start(&self, group: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<isize> {
            Ok(self.span(group, vm)?.0)
        }

        #[pymethod]
        fn end(&self, group: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult<isize> {
            Ok(self.span(group, vm)?.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_that_of_a_board() {
        let listing = compile(br"^a|b[0-9]\w$").map_or_else(|_| String::new(), |code| code.listing());
        assert!(listing.ends_with("22: assert eol\n23: save 1\n25: match\nBytes: 26, insts: 14\n"), "{listing}");
        assert!(listing.contains("\n 7: split 14 (5)\n 9: assert bol\n"), "{listing}");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["?", "*", "+", ")", "[", "([", "([)", r"[a\]", r"a\", "(a"] {
            assert!(compile(pattern.as_bytes()).is_err(), "{pattern}");
        }
    }
}
