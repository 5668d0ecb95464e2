//! The highest rate of datagrams at which none is lost, and whether what is lost is counted.

use std::time::Duration;

use anyhow::Result;

use crate::bench::{Bench, Context};
use crate::process::run_role;
use crate::report::Report;
use crate::roles::datagrams::{Arguments, DATAGRAM, Received, Sent, SinkArguments, fill_datagram, number_of};
use crate::server::Server;
use crate::socklab::{Data, Listen};
use crate::stats::{Clock, interleaved, median};
use crate::table::{Table, figure, ratio};

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "udp",
    about: "64-byte datagrams at rising rates: the highest without loss",
    only_ours: false,
    run: bench,
};

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    /// The bare loop as it comes.
    Bare,
    /// The bare loop with a large receive buffer, where the system permits one.
    BareRoomy,
    /// Socklab, writing a capture.
    Ours,
}

impl Receiver {
    /// For the columns.
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::BareRoomy => "bare, 4 MiB buffer",
            Self::Ours => "socklab",
        }
    }

    /// Starts it.
    fn start(self, context: &Context) -> Result<Server> {
        match self {
            Self::Bare => Server::role("udp-sink", &SinkArguments::default()),
            Self::BareRoomy => Server::role("udp-sink", &SinkArguments { receive_buffer: Some(4 << 20) }),
            Self::Ours => Server::socklab(context, Listen { scheme: "udp", ..Listen::TCP }),
        }
    }
}

/// Datagrams a second, step by step.
const RATES: [f64; 7] = [25e3, 50e3, 100e3, 200e3, 300e3, 400e3, 500e3];

/// Below this share of the wanted rate the machine is at its end, and higher steps make no sense.
const SENDER_KEPT_UP: f64 = 0.8;

/// One receiver with the median loss of every step that it took part in.
struct Entry {
    receiver: Receiver,
    steps: Vec<Step>,
}

/// What one receiver lost at one rate, each figure the median of the rounds.
#[derive(Clone, Copy)]
struct Step {
    lost: f64,
    share: f64,
    sent_rate: f64,
}

/// What became of the datagrams of one run.
struct Outcome {
    sent: Sent,
    received: u64,
}

impl Entry {
    /// Whether a further step makes no sense: two have had losses, or the sender did not reach the last one.
    fn is_done(&self) -> bool {
        let losing = self.steps.iter().filter(|step| step.lost > 0.0).count();
        let unreached =
            self.steps.last().is_some_and(|step| step.sent_rate < RATES[self.steps.len() - 1] * SENDER_KEPT_UP);
        losing >= 2 || unreached
    }

    /// The highest rate that was really sent without loss, while nothing was lost below either.
    fn highest_without_loss(&self) -> f64 {
        self.steps.iter().take_while(|step| step.lost == 0.0).map(|step| step.sent_rate).fold(0.0, f64::max)
    }
}

/// Climbs the steps, everyone at each before the next, and prints the table.
fn bench(context: &Context, report: &mut Report) -> Result<()> {
    let mut receivers = vec![Receiver::Bare, Receiver::BareRoomy, Receiver::Ours];
    receivers.retain(|receiver| *receiver != Receiver::Ours || context.socklab.is_some());
    let mut entries: Vec<Entry> = receivers.into_iter().map(|receiver| Entry { receiver, steps: Vec::new() }).collect();
    let clock = Clock::of_seconds(100);
    for rate in RATES.into_iter().take(context.options.full_or_quick(RATES.len(), 2)) {
        climb(&mut entries, rate, &clock, context, report)?;
    }
    print(&entries);
    Ok(())
}

/// One step for all who still take part.
fn climb(entries: &mut [Entry], rate: f64, clock: &Clock, context: &Context, report: &mut Report) -> Result<()> {
    let mut outcomes: Vec<Vec<Outcome>> = entries.iter().map(|_| Vec::new()).collect();
    for (round, index) in interleaved(context.options.rounds_up_to(3), entries.len()) {
        if clock.permits(round) && !entries[index].is_done() {
            outcomes[index].push(measure(entries[index].receiver, rate, context, report)?);
        }
    }
    for (entry, outcomes) in entries.iter_mut().zip(outcomes).filter(|(_, outcomes)| !outcomes.is_empty()) {
        entry.steps.push(Step::of(&outcomes));
    }
    Ok(())
}

impl Step {
    /// The medians.
    fn of(outcomes: &[Outcome]) -> Self {
        let of = |figure: fn(&Outcome) -> f64| median(&outcomes.iter().map(figure).collect::<Vec<f64>>());
        let lost = of(|outcome| outcome.sent.datagrams.saturating_sub(outcome.received) as f64);
        Self {
            lost,
            share: lost / of(|outcome| outcome.sent.datagrams as f64),
            sent_rate: of(|outcome| outcome.sent.rate),
        }
    }
}

/// One run of one receiver.
fn measure(receiver: Receiver, rate: f64, context: &Context, report: &mut Report) -> Result<Outcome> {
    let mut server = receiver.start(context)?;
    let seconds = context.options.full_or_quick(2.0, 0.5);
    let arguments = Arguments { port: server.port, rate, seconds };
    let sent: Sent = run_role("udp-source", &arguments, Duration::from_secs(30))?;
    std::thread::sleep(Duration::from_millis(100));
    server.stop()?;
    let received = match receiver {
        Receiver::Ours => check_capture(server.data()?, rate, sent, report)?,
        _ => server.last_report::<Received>()?.datagrams,
    };
    Ok(Outcome { sent, received })
}

/// Every datagram is either in the capture, whole and in order, or counted as dropped; returns how many are in it.
fn check_capture(data: &Data, rate: f64, sent: Sent, report: &mut Report) -> Result<u64> {
    let stat = data.stat()?;
    let received = stat.received / DATAGRAM as u64;
    let sum = received + stat.dropped;
    let text =
        format!("{rate:.0}/s: {received} received + {} dropped = {sum} of {} sent", stat.dropped, sent.datagrams);
    report.check_quietly(text, sum == sent.datagrams);
    let raw = std::fs::read(data.export_raw("e1.1")?)?;
    let right = raw.len() as u64 == stat.received && whole_and_in_order(&raw);
    report.check_quietly(format!("{rate:.0}/s: the exported datagrams are whole and in order"), right);
    Ok(received)
}

/// Whether these are datagrams of the sender with rising numbers.
fn whole_and_in_order(raw: &[u8]) -> bool {
    let mut next = 0;
    let mut expected = [0; DATAGRAM];
    raw.chunks(DATAGRAM).all(|datagram| {
        let number = number_of(datagram);
        fill_datagram(&mut expected, number);
        let right = datagram == expected && number >= next;
        next = number + 1;
        right
    })
}

/// The table: a row a rate and receiver, and below the highest rate without loss.
fn print(entries: &[Entry]) {
    let mut table = Table::new(["datagrams/s, receiver", "sent/s", "lost", "%"]);
    for (index, rate) in RATES.iter().enumerate() {
        for entry in entries {
            if let Some(step) = entry.steps.get(index) {
                let name = format!("{rate:>6} {}", entry.receiver.name());
                let share = figure(step.share * 100.0, 2);
                table.row([name, figure(step.sent_rate, 0), figure(step.lost, 0), share]);
            }
        }
    }
    table.print();
    let mut table = Table::new(["none lost up to", "sent/s", "/ bare", "/ roomy"]);
    let highest = |entry: usize| entries.get(entry).map_or(f64::NAN, Entry::highest_without_loss);
    for entry in entries {
        let own = entry.highest_without_loss();
        table.row([entry.receiver.name().to_owned(), figure(own, 0), ratio(own / highest(0)), ratio(own / highest(1))]);
    }
    table.print();
}
