//! OSError as boards raise it: with the number only, which is the board's own for each error.

use std::io;

use rustpython_vm::VirtualMachine;
use rustpython_vm::builtins::PyBaseExceptionRef;

use crate::board::board;

/// `OSError(number)`, by its constructor: `new_exception` would make an object without OSError's own fields, which
/// the interpreter then reads beyond its end.
pub(crate) fn numbered(vm: &VirtualMachine, number: i32) -> PyBaseExceptionRef {
    let number = vm.ctx.new_int(number).into();
    vm.invoke_exception(vm.ctx.exceptions.os_error.to_owned(), vec![number]).unwrap_or_else(|raised| raised)
}

/// The same by the error's name, with this board's number for it. A name that the board does not know is EIO.
pub(crate) fn named(vm: &VirtualMachine, name: &str) -> PyBaseExceptionRef {
    const EIO: i32 = 5;
    numbered(vm, board().profile.error_number(name).unwrap_or(EIO))
}

/// What the flash folder answered, as the board's file system would say it.
pub(crate) fn of_file(vm: &VirtualMachine, error: &io::Error) -> PyBaseExceptionRef {
    use io::ErrorKind::*;
    // `errno` has no name for it on a board; the number is the same on all.
    const ENOSPC: i32 = 28;
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        return numbered(vm, ENOSPC);
    }
    named(
        vm,
        match error.kind() {
            NotADirectory | DirectoryNotEmpty if board().profile.is_cpython() => of_linux(error),
            NotFound | NotADirectory => "ENOENT",
            AlreadyExists => "EEXIST",
            IsADirectory => "EISDIR",
            // Also what cap-std says to a way out of the folder.
            PermissionDenied => "EACCES",
            DirectoryNotEmpty => "EACCES",
            InvalidInput | InvalidFilename => "EINVAL",
            _ => "EIO",
        },
    )
}

/// What other boards have no name for.
fn of_linux(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotADirectory { "ENOTDIR" } else { "ENOTEMPTY" }
}
