//! How much memory a process has resident.

use anyhow::{Context as _, Result};

/// Bytes resident at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All resident pages.
    pub(crate) resident: f64,
    /// Those that no file stands behind.
    pub(crate) anonymous: f64,
    /// Resident, shared pages counted in part.
    pub(crate) proportional: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

impl Memory {
    /// Reads the figures of a process.
    pub(crate) fn of(id: u32) -> Result<Self> {
        let status = read(id, "status")?;
        let rollup = read(id, "smaps_rollup").unwrap_or_default();
        Ok(Self {
            resident: field(&status, "VmRSS:"),
            anonymous: field(&status, "RssAnon:"),
            proportional: field(&rollup, "Pss:"),
            peak: field(&status, "VmHWM:"),
        })
    }
}

/// The text of a file in the process's folder.
fn read(id: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{id}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}

/// A field that is given in kB, in bytes; NaN when it is missing.
fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    number.map_or(f64::NAN, |kilobytes| kilobytes * 1024.0)
}
