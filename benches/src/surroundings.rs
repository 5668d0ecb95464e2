//! What is compared with what, and on which machine: the head of the report.

use std::process::{Command, Stdio};

use crate::bench::Context;

/// Prints processor, kernel and the versions of the contestants.
pub(crate) fn print(context: &Context) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("machine   {cores} x {}, Linux {}", processor(), kernel());
    match &context.socklab {
        Some(path) => println!("socklab   {} ({})", version(&path.to_string_lossy(), "--version"), path.display()),
        None => println!("socklab   NOT FOUND: the others run alone; see --socklab"),
    }
    println!(
        "others    {}; {}; {}",
        version("ncat", "--version"),
        version("socat", "-V"),
        version("iperf3", "--version")
    );
    println!("busy      {:.0} % of all cores before the start; the figures want a quiet machine", busy() * 100.0);
    println!("rounds    {} (medians), contestants interleaved, loopback only", context.options.rounds);
}

/// The name of the processor.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or("processor", |rest| rest.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// The release of the kernel.
fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// The line of its version output that names a version.
fn version(program: &str, option: &str) -> String {
    let output = Command::new(program).arg(option).stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let Ok(output) = output else { return format!("{program} (missing)") };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let has_number = |line: &&str| line.contains(|c: char| c.is_ascii_digit());
    text.lines().find(has_number).unwrap_or(program).chars().take(40).collect()
}

/// The share of all processor time that others use, over half a second.
fn busy() -> f64 {
    let (idle_before, all_before) = processor_time();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let (idle, all) = processor_time();
    1.0 - (idle - idle_before) / (all - all_before).max(1.0)
}

/// Ticks that all cores were idle, and all ticks.
fn processor_time() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    (ticks.iter().skip(3).take(2).sum(), ticks.iter().take(8).sum())
}
