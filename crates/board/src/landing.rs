//! Where a handler begins. The interpreter raises Ctrl-C between two bytecodes, and the first bytecode of the handler
//! then finds the argument of the one that was not executed before its own: `COPY 3` copies the 515th value, and the
//! interpreter panics. So each handler is entered by a bytecode that takes no argument: behind the code's end, a NOP
//! and a jump to the handler.

use rustpython_vm::bytecode::{
    Arg, CodeObject, CodeUnit, ExceptionTableEntry, Instruction, OpArgByte, decode_exception_table,
    encode_exception_table, find_exception_handler,
};

/// Has all handlers be entered so.
pub(crate) fn prepare(code: &mut CodeObject) {
    let mut table = decode_exception_table(&code.exceptiontable);
    let mut units = code.instructions.to_vec();
    let (own, mut entered) = (table.len(), Vec::new());
    for at in 0..own {
        let handler = table[at].target;
        if takes_argument(units.get(handler as usize)) {
            let entry = match entered.iter().find(|(target, _)| *target == handler) {
                Some((_, entry)) => *entry,
                None => land(handler, &mut units, &mut table, &code.exceptiontable),
            };
            entered.push((handler, entry));
        }
    }
    if entered.is_empty() {
        return;
    }
    for entry in &mut table {
        let landing = entered.iter().find(|(handler, _)| *handler == entry.target);
        entry.target = landing.map_or(entry.target, |(_, entry)| *entry);
    }
    let last = code.locations.last().copied();
    let missing = units.len() - code.locations.len();
    code.locations = code.locations.iter().copied().chain(last.into_iter().cycle().take(missing)).collect();
    code.instructions = units.into_iter().collect();
    code.exceptiontable = encode_exception_table(&table);
}

/// `PUSH_EXC_INFO`, with which most handlers begin, takes none.
fn takes_argument(first: Option<&CodeUnit>) -> bool {
    first.is_some_and(|unit| !matches!(unit.op, Instruction::PushExcInfo | Instruction::Nop))
}

/// Appends the entrance; what it raises goes where it would from the handler. Gives its place.
fn land(handler: u32, units: &mut Vec<CodeUnit>, table: &mut Vec<ExceptionTableEntry>, before: &[u8]) -> u32 {
    let entry = units.len() as u32;
    units.push(unit(Instruction::Nop, 0));
    // The jump counts back from the unit behind it. Three prefixes are room for any distance.
    let distance = entry + 5 - handler;
    for shift in [24, 16, 8] {
        units.push(unit(Instruction::ExtendedArg, distance >> shift));
    }
    units.push(unit(Instruction::JumpBackwardNoInterrupt { delta: Arg::marker() }, distance));
    if let Some(around) = find_exception_handler(before, handler) {
        table.push(ExceptionTableEntry { start: entry, end: units.len() as u32, ..around });
    }
    entry
}

/// With the lowest byte of the argument.
fn unit(op: Instruction, argument: u32) -> CodeUnit {
    CodeUnit { op, arg: OpArgByte::from(argument.to_le_bytes()[0]) }
}
