//! The end of a board that cannot go on, where the program cannot be told by an exception: its memory is used up in
//! the middle of something, or Ctrl-C came in the middle of something long that looks at nothing. The parent is told
//! the exception that it should have been, and then the process ends; why, its exit status says.

use std::cell::Cell;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::thread;

use rustpython_vm::vm::thread::with_current_vm;

use crate::board::board;
use crate::frozen;
use crate::link::{FromBoard, INTERRUPTED, OUT_OF_MEMORY, Raised};

/// Why a board cannot go on.
#[derive(Clone, Copy)]
pub(crate) enum Why {
    /// Ctrl-C, and nobody looks.
    Interrupt,
    /// The memory is used up, and so many bytes more are wanted.
    Memory(usize),
}

impl Why {
    fn status(self) -> i32 {
        match self {
            Why::Interrupt => INTERRUPTED,
            Why::Memory(_) => OUT_OF_MEMORY,
        }
    }

    /// The exception that it should have been; `frames` are the lines of its traceback.
    fn raised(self, frames: &str) -> Raised {
        let (class, text) = match self {
            Why::Interrupt => ("KeyboardInterrupt", String::new()),
            Why::Memory(bytes) => ("MemoryError", format!("memory allocation failed, allocating {bytes} bytes")),
        };
        let traceback = format!("Traceback (most recent call last):\r\n{frames}{class}: {text}\r\n");
        Raised { traceback, class: class.to_owned(), errno: None }
    }
}

/// Ends the board from the thread that runs Python, at any point of it. Never comes back.
pub(crate) fn here(why: Why) -> ! {
    end(why, &quietly(frames).unwrap_or_default())
}

/// Ends the board from another thread, which cannot see where Python is.
pub(crate) fn somewhere(why: Why) -> ! {
    end(why, "")
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// A panic that is not caught ends the board; a person reads of it in one line.
pub(crate) fn say_panics() {
    panic::set_hook(Box::new(|panic| {
        if !QUIET.get() {
            let text = panic.payload_as_str().unwrap_or_default().lines().next().unwrap_or_default();
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(io::stderr(), "the board's interpreter failed: {text} ({place})");
        }
    }));
}

/// Nothing where it panics, and no word of it.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) -> Option<R> {
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    QUIET.set(before);
    result.ok()
}

fn end(why: Why, frames: &str) -> ! {
    board().end_process(FromBoard::Lost(why.raised(frames)), why.status());
    loop {
        thread::park(); // until the thread that writes the link ends the process
    }
}

/// The calls that are being made, outermost first. Everything may be in the middle of a change: nothing is waited for.
fn frames() -> String {
    with_current_vm(|vm| {
        let mut lines = Vec::new();
        let mut frame = vm.frames.try_borrow().is_ok().then(|| vm.current_frame()).flatten();
        while let Some(inner) = frame {
            let file = inner.code.source_path().as_str();
            if file != frozen::LIBRARY {
                lines.push(format!("  File \"{file}\", line {}, in {}\r\n", inner.f_lineno(), inner.code.obj_name));
            }
            frame = inner.f_back(vm);
        }
        lines.into_iter().rev().collect()
    })
}
