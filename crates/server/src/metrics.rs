//! Figures for whoever keeps an eye on many machines, in Prometheus' text form.

use std::fmt::{Display, Write};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use socklab_engine::{Command, EndpointStatus, Reply};

use crate::problem::Problem;
use crate::workbench::Workbench;

/// A figure: its name, what it is, and where it comes from.
type Counter = (&'static str, &'static str, fn(&EndpointStatus) -> u64);

/// What is counted of each endpoint.
const COUNTERS: [Counter; 6] = [
    ("socklab_received_bytes_total", "Bytes received from peers.", |e| e.tally.received),
    ("socklab_sent_bytes_total", "Bytes that the system took for peers.", |e| e.tally.sent),
    ("socklab_received_records_total", "Reads and datagrams.", |e| e.tally.received_records),
    ("socklab_sent_records_total", "Writes and datagrams.", |e| e.tally.sent_records),
    ("socklab_refused_peers_total", "Peers turned away.", |e| e.refused),
    ("socklab_dropped_datagrams_total", "Datagrams that the system dropped.", |e| e.dropped),
];

/// Figures in Prometheus' text form.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
pub(crate) async fn metrics(State(workbench): State<Arc<Workbench>>) -> Result<Response, Problem> {
    let Reply::Status(endpoints) = workbench.ask(Command::Status).await? else { return Err(Problem::ended()) };
    let mut text = String::new();
    for (name, help, value) in COUNTERS {
        let values = endpoints.iter().map(|endpoint| (label(endpoint), value(endpoint)));
        family(&mut text, name, "counter", help, values);
    }
    let peers = endpoints.iter().map(|endpoint| (label(endpoint), endpoint.peers.len()));
    family(&mut text, "socklab_peers", "gauge", "Peers that are there.", peers);
    let waiting = endpoints
        .iter()
        .map(|endpoint| (label(endpoint), endpoint.peers.iter().map(|peer| peer.waiting).sum::<usize>()));
    family(&mut text, "socklab_waiting_bytes", "gauge", "Bytes that wait to be sent.", waiting);
    let (position, _) = workbench.ground.live.position();
    let last = std::iter::once((String::new(), position.last_seq));
    family(&mut text, "socklab_records_total", "counter", "Records in the log of this run.", last);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn family<V: Display>(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl Iterator<Item = (String, V)>,
) {
    // A string takes whatever it is given.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    values.for_each(|(label, value)| {
        let _ = writeln!(text, "{name}{label} {value}");
    });
}

/// The URL is quoted as the form wants it: a path in it may hold anything.
fn label(endpoint: &EndpointStatus) -> String {
    let url = endpoint.url.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{endpoint=\"{}\",url=\"{url}\"}}", endpoint.id)
}
