//! What the benches found: targets met or missed, checks held or not.

use anyhow::Error;

use crate::table;

/// A limit for a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// The figure should be this or more.
    AtLeast(f64),
    /// The figure should be this or less.
    AtMost(f64),
}

impl Target {
    /// Whether the figure is within.
    fn met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(limit) => figure >= limit,
            Self::AtMost(limit) => figure <= limit,
        }
    }

    /// For a column of a table.
    pub(crate) fn text(self) -> String {
        match self {
            Self::AtLeast(limit) => format!(">= {limit}"),
            Self::AtMost(limit) => format!("<= {limit}"),
        }
    }
}

/// One line of the summary.
#[derive(Debug)]
struct Finding {
    text: String,
    held: bool,
}

/// Everything that is worth a line at the end.
#[derive(Debug, Default)]
pub(crate) struct Report {
    targets: Vec<Finding>,
    checks: Vec<Finding>,
}

impl Report {
    /// Notes a figure with its target; a figure that is missing counts as missed.
    pub(crate) fn target(&mut self, what: &str, figure: f64, target: Target) {
        let text = format!("{what}: {} (target {})", table::figure(figure, 2), target.text());
        self.targets.push(Finding { text, held: target.met(figure) });
    }

    /// Notes a check of which there are many, and prints it when it failed.
    pub(crate) fn check_quietly(&mut self, what: String, held: bool) {
        match held {
            true => self.checks.push(Finding { text: what, held }),
            false => self.check(what, held),
        }
    }

    /// Notes a check of bytes or counts, and prints it.
    pub(crate) fn check(&mut self, what: String, held: bool) {
        println!("   check {}: {what}", if held { "ok" } else { "FAILED" });
        self.checks.push(Finding { text: what, held });
    }

    /// Notes a bench or contestant of ours that broke down, and prints it.
    pub(crate) fn broken(&mut self, what: &str, error: &Error) {
        self.check(format!("{what} ran ({error:#})"), false);
    }

    /// Whether every byte was where it should be.
    pub(crate) fn all_checks_held(&self) -> bool {
        self.checks.iter().all(|check| check.held)
    }

    /// Prints what held and what did not.
    pub(crate) fn print_summary(&self) {
        println!("\n== summary");
        for target in &self.targets {
            println!("   {} {}", if target.held { "met   " } else { "MISSED" }, target.text);
        }
        for check in self.checks.iter().filter(|check| !check.held) {
            println!("   FAILED {}", check.text);
        }
        let held = self.checks.iter().filter(|check| check.held).count();
        println!("   {held} of {} checks held", self.checks.len());
    }
}
