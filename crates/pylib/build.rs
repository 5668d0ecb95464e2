//! Puts the modules that a board's library has into one folder, for the macro that compiles a folder.

use std::path::Path;
use std::{env, fs, io};

/// Modules and whole packages, by the names of their files. What reaches for the machine (subprocess, ctypes,
/// multiprocessing, ...), for a screen, or for modules in C that are not here, is left out.
const MODULES: &[&str] = &[
    "__future__.py",
    "_collections_abc.py",
    "_colorize.py",
    "_compat_pickle.py",
    "_opcode_metadata.py",
    "_py_abc.py",
    "_py_warnings.py",
    "_pycodecs.py",
    "_pydatetime.py",
    "_pydecimal.py",
    "_pylong.py",
    "_strptime.py",
    "_weakrefset.py",
    "abc.py",
    "annotationlib.py",
    "argparse.py",
    "ast.py",
    "asyncio",
    "base64.py",
    "bisect.py",
    "calendar.py",
    "cmd.py",
    "codecs.py",
    "codeop.py",
    "collections",
    "colorsys.py",
    "concurrent",
    "configparser.py",
    "contextlib.py",
    "contextvars.py",
    "copy.py",
    "copyreg.py",
    "dataclasses.py",
    "datetime.py",
    "decimal.py",
    "difflib.py",
    "dis.py",
    "encodings/__init__.py",
    "encodings/aliases.py",
    "encodings/ascii.py",
    "encodings/cp1252.py",
    "encodings/cp437.py",
    "encodings/latin_1.py",
    "encodings/raw_unicode_escape.py",
    "encodings/unicode_escape.py",
    "encodings/utf_16.py",
    "encodings/utf_16_be.py",
    "encodings/utf_16_le.py",
    "encodings/utf_32.py",
    "encodings/utf_32_be.py",
    "encodings/utf_32_le.py",
    "encodings/utf_8.py",
    "encodings/utf_8_sig.py",
    "email",
    "enum.py",
    "fnmatch.py",
    "fractions.py",
    "functools.py",
    "genericpath.py",
    "getopt.py",
    "gettext.py",
    "glob.py",
    "heapq.py",
    "hmac.py",
    "html",
    "http",
    "inspect.py",
    "io.py",
    "ipaddress.py",
    "json",
    "keyword.py",
    "linecache.py",
    "locale.py",
    "logging",
    "mimetypes.py",
    "ntpath.py",
    "numbers.py",
    "opcode.py",
    "operator.py",
    "optparse.py",
    "os.py",
    "pathlib",
    "pickle.py",
    "platform.py",
    "posixpath.py",
    "pprint.py",
    "queue.py",
    "quopri.py",
    "random.py",
    "re",
    "reprlib.py",
    "sched.py",
    "secrets.py",
    "selectors.py",
    "shlex.py",
    "shutil.py",
    "socketserver.py",
    "stat.py",
    "statistics.py",
    "string",
    "struct.py",
    "tempfile.py",
    "textwrap.py",
    "threading.py",
    "timeit.py",
    "token.py",
    "tokenize.py",
    "traceback.py",
    "types.py",
    "typing.py",
    "unittest",
    "urllib",
    "uuid.py",
    "warnings.py",
    "weakref.py",
];

/// Parts of those packages that are left out as the rest is, or that are frozen in the interpreter itself.
const NOT: &[&str] = &[
    "__main__.py",
    "_bootstrap.py",
    "_bootstrap_external.py",
    "base_subprocess.py",
    "cookiejar.py",
    "metadata",
    "proactor_events.py",
    "process.py",
    "resources",
    "robotparser.py",
    "sslproto.py",
    "subprocess.py",
    "tool.py",
    "tools.py",
    "unix_events.py",
    "windows_events.py",
    "windows_utils.py",
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let (from, to) = (Path::new(rustpython_pylib::LIB_PATH), Path::new(&out).join("library"));
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    for module in MODULES {
        copy(&from.join(module), &to.join(module))?;
    }
    // The macro finds the folder beside the file that it is written in.
    let text = "const LIBRARY: &FrozenLib = \
                rustpython_derive::py_freeze!(dir = \"library\", crate_name = \"rustpython_compiler_core\");\n";
    fs::write(Path::new(&out).join("library.rs"), text)
}

/// Copies a file, or a folder with the modules in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        return fs::copy(from, to).map(drop);
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let left_out = NOT.iter().any(|not| name == **not);
        let of_python = from.join(&name).is_dir() || name.to_string_lossy().ends_with(".py");
        if of_python && !left_out {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}
