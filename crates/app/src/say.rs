//! What the program says to a person: in which language, on which stream, and with which exit code it ends.
//! Payload never comes here; it goes to stdout through `output`.
#![allow(clippy::print_stderr)]

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use socklab_capture::escape;
use socklab_capture::run::{Gap, RunError};
use socklab_engine::trouble::{capture_text, gap_text};
use socklab_engine::url::UrlError;
use socklab_engine::{Failure, Lang, StartError};

use crate::zh::Chinese;

/// The exit code after Ctrl-C: 128 and the signal's number, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The language that this person's system speaks. POSIX's variables come first, on every system.
pub(crate) fn language() -> Lang {
    let variable =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let locale = variable.or_else(sys_locale::get_locale).unwrap_or_default();
    if locale.to_ascii_lowercase().starts_with("zh") { Lang::Zh } else { Lang::En }
}

/// Why the program ends without having done what it was asked.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The command line or the configuration is wrong: exit code 2.
    Usage(String),
    /// The same, or something that failed on the way, in both languages and with its exit code.
    Said { en: String, zh: String, code: u8 },
    /// The network or the system refused: exit code 1.
    Network(Failure),
    /// Anything else that failed on the way: exit code 1.
    Other(String),
    /// A capture cannot be read or written: exit code 2 where there is none, else 1.
    Capture(RunError),
    /// The command line's parser has something to say: help, version or an error.
    Clap(clap::Error),
    /// Whoever read our output has gone: there is nobody to tell, and nothing is wrong.
    ClosedOutput,
    /// Ctrl-C: whoever pressed it knows.
    Interrupted,
}

impl Fail {
    /// The command line or the configuration is wrong, in both languages.
    pub(crate) fn usage(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Fail::Said { en: en.into(), zh: zh.into(), code: 2 }
    }

    /// Something failed on the way, in both languages.
    pub(crate) fn other(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Fail::Said { en: en.into(), zh: zh.into(), code: 1 }
    }

    /// Says it in one line, and gives the exit code.
    pub(crate) fn report(self, lang: Lang) -> ExitCode {
        let (text, code) = match self {
            Fail::Usage(text) => (text, 2),
            Fail::Said { en, zh, code } => (lang.pick(&en, &zh).to_owned(), code),
            Fail::Network(failure) => (failure.text(lang), 1),
            Fail::Other(text) => (text, 1),
            Fail::Capture(error) => (capture_text(&error, lang), if is_missing(&error) { 2 } else { 1 }),
            Fail::Clap(error) => return report_clap(error, lang),
            Fail::ClosedOutput => return ExitCode::SUCCESS,
            Fail::Interrupted => return ExitCode::from(INTERRUPTED),
        };
        say(text);
        ExitCode::from(code)
    }
}

fn is_missing(error: &RunError) -> bool {
    use RunError::{FolderOfRuns, Foreign, NoRuns, NoSuchRun};
    matches!(error, NoRuns(_) | NoSuchRun { .. } | FolderOfRuns(_) | Foreign { .. })
}

/// Help goes to stdout and is no failure; errors go to stderr. A reader that has gone is fine either way.
fn report_clap(error: clap::Error, lang: Lang) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let printed = match lang {
        Lang::En => error.print(),
        Lang::Zh => error.apply::<Chinese>().print(),
    };
    match printed.and_then(|()| io::stdout().flush()).map_err(output_failed) {
        Err(fail) if code == 0 => fail.report(lang),
        _ => ExitCode::from(code),
    }
}

impl From<clap::Error> for Fail {
    fn from(error: clap::Error) -> Self {
        Fail::Clap(error)
    }
}

impl From<UrlError> for Fail {
    fn from(error: UrlError) -> Self {
        Fail::usage(error.text(Lang::En), error.text(Lang::Zh))
    }
}

impl From<Failure> for Fail {
    fn from(failure: Failure) -> Self {
        Fail::Network(failure)
    }
}

impl From<RunError> for Fail {
    fn from(error: RunError) -> Self {
        Fail::Capture(error)
    }
}

impl From<StartError> for Fail {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Capture(error) => Fail::Capture(error),
            StartError::System(error) => Fail::Other(error.to_string()),
        }
    }
}

/// Says which records nobody will see any more.
pub(crate) fn say_gap(gap: Gap, lang: Lang) {
    say(gap_text(gap, lang));
}

/// Says how much of a run was never written whole, and so is no longer there. Nothing said to be there is lost.
pub(crate) fn say_cut(run: &str, bytes: u64, lang: Lang) {
    say(match lang {
        Lang::En => format!("{run}: cut {bytes} bytes that were being written when the writer died"),
        Lang::Zh => format!("{run}：已截去写入程序终止时未写完的 {bytes} 字节"),
    });
}

/// A line on stderr. Text that a peer had a hand in is made harmless.
pub(crate) fn say(text: impl Display) {
    let mut line = String::from("socklab: ");
    push_harmless(&text.to_string(), &mut line);
    line.push('\n');
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Lines on stderr without the program's name: what the user asked to be told.
pub(crate) fn tell(text: impl Display) {
    let mut line = String::new();
    for part in text.to_string().lines() {
        push_harmless(part, &mut line);
        line.push('\n');
    }
    let _ = io::stderr().write_all(line.as_bytes());
}

/// As it is, but for what could drive a terminal.
pub(crate) fn push_harmless(text: &str, out: &mut String) {
    for c in text.chars() {
        if escape::is_safe(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
}

/// Whether colours may be used on stdout.
pub(crate) fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes all of it to stdout; a reader that has gone is told apart.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Fail> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(output_failed)
}

pub(crate) fn output_failed(error: io::Error) -> Fail {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Fail::ClosedOutput,
        _ => {
            let cause = |lang| socklab_engine::failure::cause(&error, lang);
            Fail::other(
                format!("cannot write the output: {}", cause(Lang::En)),
                format!("无法写出结果：{}", cause(Lang::Zh)),
            )
        }
    }
}
