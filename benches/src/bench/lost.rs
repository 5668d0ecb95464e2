//! Nothing is lost: one peer with a gigabyte, and a crowd of peers at once. Every peer's export is compared.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::{Bench, Context};
use crate::process::run_role;
use crate::report::Report;
use crate::roles::crowd::{Arguments, Crowded};
use crate::server::{Contestant, Server};
use crate::socklab::{Data, Stat};
use crate::stream::Stream;
use crate::table::{Table, figure};

/// The bench.
pub(crate) const BENCH: Bench =
    Bench { name: "lost", about: "one peer, and 200 at once; no byte may be missing", only_ours: true, run: bench };

/// The longest that the sending may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Both crowds, and the table.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let crowds = context.options.full_or_quick([(1, 1 << 30), (200, 2 << 20)], [(1, 64 << 20), (20, 1 << 20)]);
    let mut table = Table::new(["peers", "MiB each", "GB/s", "peers whole"]);
    for (connections, bytes) in crowds {
        let mut server = Server::sink(Contestant::Capturing, context)?;
        let crowded: Crowded = run_role("crowd", &Arguments { port: server.port, connections, bytes }, PATIENCE)?;
        server.stop()?;
        let whole = count_whole(server.data()?, &crowded.addresses, bytes)?;
        let text = format!("{whole} of {connections} peers are whole, {} MiB each", bytes >> 20);
        report.check(text, whole == connections);
        let speed = (connections as u64 * bytes) as f64 / crowded.seconds / 1e9;
        table.row([connections.to_string(), (bytes >> 20).to_string(), figure(speed, 2), whole.to_string()]);
    }
    table.print();
    Ok(())
}

/// How many of the senders have exactly what they sent in the capture, and nothing more.
fn count_whole(data: &Data, addresses: &[String], bytes: u64) -> Result<usize> {
    let (stream, stat, mut whole) = (Stream::new(), data.stat()?, 0);
    for (number, address) in addresses.iter().enumerate() {
        let path = data.export_raw(peer_at(&stat, address)?)?;
        let length = std::fs::metadata(&path)?.len();
        let same = stream.common_prefix_from(number as u64 * bytes, &mut std::fs::File::open(&path)?, bytes)?;
        whole += usize::from(same == bytes && length == bytes);
        std::fs::remove_file(path)?;
    }
    Ok(whole)
}

/// The peer that sent from this address.
fn peer_at<'a>(stat: &'a Stat, address: &str) -> Result<&'a str> {
    let peer = stat.peers.iter().find(|peer| peer.address == address);
    Ok(&peer.with_context(|| format!("{address} is not in the capture"))?.peer)
}
