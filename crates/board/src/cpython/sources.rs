//! The texts of what has been compiled, for the lines that a traceback shows. They are kept here, because a file may
//! have changed since, and some programs are in no file.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

static TEXTS: Mutex<Option<HashMap<String, Arc<str>>>> = Mutex::new(None);

/// Keeps the text of a program or a module under the name that tracebacks give it.
pub(crate) fn keep(name: &str, text: &str) {
    // What `exec` and the prompt compile has no place that could be looked up.
    if !name.starts_with('<') {
        TEXTS.lock().get_or_insert_default().insert(name.to_owned(), text.into());
    }
}

/// A line, without the space around it; `None` when there is nothing to show.
pub(crate) fn line(name: &str, number: usize) -> Option<String> {
    let text = TEXTS.lock().as_ref()?.get(name).cloned()?;
    let line = text.lines().nth(number.checked_sub(1)?)?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
