//! Builds the page where its sources are newer than what was built of them, and lists its files for `page`.
//!
//! Without Node the workbench is built all the same: with the page that was built before, or with none, which it then
//! says. A page that does not build is an error.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the page is built from, in `web`.
const SOURCES: [&str; 8] = [
    "src",
    "public",
    "scripts",
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "vite.config.ts",
];

/// The oldest Node that the page's tools run on.
const NODE: (u32, u32) = (20, 19);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let web = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    let built = web.join("dist");
    SOURCES.iter().for_each(|source| println!("cargo::rerun-if-changed=../../web/{source}"));
    println!("cargo::rerun-if-changed=../../web/dist/index.html");
    println!("cargo::rerun-if-env-changed=PATH");
    let page = changed(&built.join("index.html"));
    let newest = SOURCES.iter().filter_map(|source| newest(&web.join(source))).max();
    if newest > page {
        match missing_node() {
            None => build(&web)?,
            Some(why) if page.is_some() => println!("cargo::warning={why}: the page is as it was built before"),
            Some(why) => println!("cargo::warning={why}: the workbench is built without its page"),
        }
    }
    list(&built, &PathBuf::from(std::env::var("OUT_DIR")?))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// When a file, or the newest in a folder, was changed.
fn newest(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return changed(path);
    }
    let entries = fs::read_dir(path).ok()?.flatten();
    entries.filter_map(|entry| newest(&entry.path())).max()
}

/// Why the page cannot be built here.
fn missing_node() -> Option<String> {
    let version = Command::new("node").arg("--version").output().ok().filter(|output| output.status.success());
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let parts = |version: &String| {
        let mut parts = version.strip_prefix('v')?.split('.').map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    };
    let (major, minor) = NODE;
    match version {
        Some(version) if parts(&version).is_some_and(|version| version >= NODE) => None,
        Some(version) => Some(format!("the page needs Node.js {major}.{minor} or later, and this is {version}")),
        None => Some(format!("Node.js is not installed, and the page needs version {major}.{minor} or later")),
    }
}

fn build(web: &Path) -> Result<()> {
    let (wanted, installed) = (changed(&web.join("package-lock.json")), web.join("node_modules/.package-lock.json"));
    match changed(&installed) {
        None => npm(web, &["ci", "--no-audit", "--no-fund"])?,
        installed if installed < wanted => npm(web, &["install", "--no-audit", "--no-fund"])?,
        _ => {}
    }
    npm(web, &["run", "build"])
}

fn npm(web: &Path, args: &[&str]) -> Result<()> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = Command::new(program).args(args).current_dir(web).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let (said, args) = (String::from_utf8_lossy(&said).into_owned(), args.join(" "));
    Err(format!("`npm {args}` in web failed:\n{said}").into())
}

/// Copies the files, so that those that are included are all of one build, and writes a table of them.
fn list(built: &Path, out: &Path) -> Result<()> {
    let copy = out.join("page");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let mut table = String::from("&[\n");
    let mut names = Vec::new();
    collect(built, "", &mut names);
    for name in names {
        let target = copy.join(&name);
        fs::create_dir_all(target.parent().ok_or("a file without a folder")?)?;
        fs::copy(built.join(&name), &target)?;
        writeln!(table, "({name:?}, include_bytes!({:?})),", target.display().to_string())?;
    }
    table.push(']');
    fs::write(out.join("page.rs"), table)?;
    Ok(())
}

/// The names of all files, with `/` between their parts, by name.
fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}
