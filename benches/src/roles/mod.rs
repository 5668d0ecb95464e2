//! The processes behind the benches: plain servers to compare with, and the clients that load every contestant.
//!
//! A role takes its arguments as one JSON object and reports in lines of JSON on standard output. Roles that serve or
//! hold something go on until their standard input is closed, so that none outlives the conductor.

pub(crate) mod crowd;
pub(crate) mod datagrams;
pub(crate) mod echoer;
pub(crate) mod holder;
pub(crate) mod liner;
pub(crate) mod serving;
pub(crate) mod source;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest that a client waits for anything before it gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the role that is named first with the JSON that follows.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [role, json] = arguments else { bail!("role NAME JSON") };
    match role.as_str() {
        "sink" => serving::run(serving::Task::Sink, &parse(json)?),
        "echo" => serving::run(serving::Task::Echo, &parse(json)?),
        "crowd" => crowd::run(&parse(json)?),
        "source" => source::run(&parse(json)?),
        "echoer" => echoer::run(&parse(json)?),
        "holder" => holder::run(&parse(json)?),
        "liner" => liner::run(&parse(json)?),
        "udp-sink" => datagrams::run_sink(&parse(json)?),
        "udp-source" => datagrams::run_source(&parse(json)?),
        other => bail!("no role {other:?}"),
    }
}

/// The arguments of a role.
fn parse<A: DeserializeOwned>(json: &str) -> Result<A> {
    serde_json::from_str(json).with_context(|| format!("cannot read the arguments {json:?}"))
}

/// Prints a report, at once.
pub(crate) fn say(report: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(report)?)?;
    Ok(out.flush()?)
}

/// Returns when the conductor has closed our standard input.
pub(crate) fn wait_for_stdin_to_close() -> Result<()> {
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    Ok(())
}

/// The address of a server on this machine.
pub(crate) fn loopback(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

/// Connects, with a limit to all waiting.
pub(crate) fn connect(port: u16) -> Result<TcpStream> {
    let socket = TcpStream::connect(loopback(port)).with_context(|| format!("cannot connect to port {port}"))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Says that no more comes, and waits until the server has closed too.
pub(crate) fn finish(socket: &mut TcpStream) -> Result<()> {
    socket.shutdown(std::net::Shutdown::Write)?;
    let mut rest = [0; 64];
    while socket.read(&mut rest).context("waited for the server to close")? > 0 {}
    Ok(())
}
