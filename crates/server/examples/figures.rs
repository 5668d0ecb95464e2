//! How long windows of a long capture take, and what a page that looks on costs the sockets. Figures, no verdict.
//!
//! ```text
//! cargo run --release -p socklab-server --example figures -- 10000000
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socklab_capture::encoder::{Buffer, Encoder, Peer, Provenance, SegmentLimits, Subject};
use socklab_capture::run::RunWriter;
use socklab_capture::{Address, Event, PeerId, Side, Timestamp, Transport};
use socklab_engine::Lang;
use socklab_engine::url::EndpointUrl;
use socklab_server::{Page, Server, Settings, Token};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Peers of the long capture.
const PEERS: u32 = 50;

/// Threads that send, each on so many connections, and how long. With many connections a read is a message or a few.
const SENDERS: usize = 4;
const CONNECTIONS: usize = 25;
const SPAN: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let records = std::env::args().nth(1).map_or(Ok(10_000_000), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let captures = folder.path().join("captures");
    let begun = Instant::now();
    write(&captures, records)?;
    println!("a run of {records} records was written in {:.1?}", begun.elapsed());
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        moves: false,
        token: Token::chosen("t").ok_or("a token")?,
        captures,
        retention: Default::default(),
        sync: Default::default(),
        flash: folder.path().join("flash"),
        board_command: Vec::new(),
        lang: Lang::En,
        page: Page::Embedded,
    };
    let server = Server::start(settings, |trouble| println!("{trouble:?}"))?;
    let at = server.address();
    windows(at, records)?;
    looked_at(&server)?;
    server.shut_down(Duration::from_secs(1));
    Ok(())
}

/// A run named `long`.
fn write(captures: &Path, records: u64) -> Result<()> {
    let mut writer = RunWriter::create(captures, "long")?;
    let provenance = Provenance { program: "figures".into(), run: "long".into() };
    let mut encoder = Encoder::new(provenance, SegmentLimits::default(), Timestamp(0));
    let endpoint = encoder.add_endpoint("tcp-listen:1".into(), "tcp-listen://127.0.0.1:1");
    let flows: Vec<_> = (1..=PEERS)
        .filter_map(NonZeroU32::new)
        .map(|number| {
            let id = PeerId { endpoint, number };
            let [local, remote] =
                [1, 1000 + number.get() as u16].map(|port| Address::Inet(([127, 0, 0, 1], port).into()));
            encoder.add_peer(Peer { id, transport: Transport::Stream, opened_by: Side::Peer, local, remote })
        })
        .collect();
    for n in 0..records {
        let flow = flows[(n.wrapping_mul(2_654_435_761) >> 8) as usize % flows.len()];
        encoder.record(Timestamp(n * 10_000), Subject::Flow(flow), Event::Received(format!("temp:{n}\n").as_bytes()));
        if encoder.buffered() >= 1 << 20
            && let Some(chunk) = encoder.seal(Timestamp(n * 10_000), Buffer::default())
        {
            writer.write(&chunk)?;
        }
    }
    writer.write(&encoder.finish(Timestamp(records * 10_000)))?;
    writer.finish();
    Ok(())
}

fn get(at: SocketAddr, path: &str) -> Result<(Duration, usize)> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(at)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer t\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(&answer[..answer.len().min(500)]).into_owned().into());
    }
    Ok((begun.elapsed(), answer.len()))
}

fn windows(at: SocketAddr, records: u64) -> Result<()> {
    let (first, _) = get(at, "/api/runs/long/records?limit=100")?;
    println!("first window: {first:.1?}");
    for (what, query) in [
        ("jump, 100 records", "limit=100"),
        ("jump, 1000 records", "limit=1000"),
        ("jump back, 100 records", "limit=100&dir=back"),
        ("jump, 100 records of one of 50 peers", "limit=100&peer=e1.7"),
        ("jump back, 100 records of one of 50 peers", "limit=100&dir=back&peer=e1.7"),
    ] {
        let mut times: Vec<Duration> = (0..100_u64)
            .map(|n| {
                let from = n.wrapping_mul(2_654_435_761) % records + 1;
                get(at, &format!("/api/runs/long/records?{query}&from={from}")).map(|(time, _)| time)
            })
            .collect::<Result<_>>()?;
        times.sort();
        println!("{what}: median {:.1?}, worst {:.1?}", times[50], times[99]);
    }
    let (list, _) = get(at, "/api/runs")?;
    println!("list of runs: {list:.1?}");
    Ok(())
}

/// Bytes that arrive in a span, in small writes, with and without somebody who looks on.
fn looked_at(server: &Server) -> Result<()> {
    let url: EndpointUrl = "tcp-listen://127.0.0.1:0".parse()?;
    let url = server.open(url)?.to_string();
    let port: u16 = url.rsplit(':').next().ok_or("a port")?.parse()?;
    for turn in ["warm-up", "no page", "a page", "no page", "a page"] {
        let over = Arc::new(AtomicBool::new(false));
        let page = (turn == "a page").then(|| look_on(server.address(), Arc::clone(&over)));
        let before = received(server.address())?;
        let senders: Vec<_> = (0..SENDERS).map(|_| send(port, Arc::clone(&over))).collect();
        thread::sleep(SPAN);
        over.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().map_err(|_| "a sender")??;
        }
        let after = received(server.address())?;
        let rate = |a: f64, b: f64| (b - a) / SPAN.as_secs_f64();
        println!("{turn}: {:.0} records/s, {:.1} MB/s", rate(before.0, after.0), rate(before.1, after.1) / 1e6);
        if let Some(page) = page {
            println!("  the page saw {:?}", page.join().map_err(|_| "a page")??);
        }
    }
    Ok(())
}

/// Writes of 20 bytes, as fast as they are taken, until it is over.
fn send(port: u16, over: Arc<AtomicBool>) -> thread::JoinHandle<Result<()>> {
    thread::spawn(move || {
        let connect = || {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true).map(|()| stream)
        };
        let mut streams = (0..CONNECTIONS).map(|_| connect()).collect::<std::io::Result<Vec<_>>>()?;
        while !over.load(Ordering::SeqCst) {
            for stream in &mut streams {
                stream.write_all(b"temp:21.5,hum:60.25\n")?;
            }
        }
        Ok(())
    })
}

fn received(at: SocketAddr) -> Result<(f64, f64)> {
    let mut stream = TcpStream::connect(at)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer t\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let of = |name: &str| {
        let lines = answer.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    Ok((of("socklab_received_records_total"), of("socklab_received_bytes_total")))
}

/// A page: the state as it changes, and a window of the newest records after each change.
fn look_on(at: SocketAddr, over: Arc<AtomicBool>) -> thread::JoinHandle<Result<String>> {
    thread::spawn(move || {
        use tungstenite::client::IntoClientRequest;
        let mut request = format!("ws://{at}/api/live").into_client_request()?;
        request.headers_mut().insert("Authorization", "Bearer t".parse()?);
        let stream = TcpStream::connect(at)?;
        let (mut socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        let (mut messages, mut bytes, mut slowest) = (0, 0, Duration::ZERO);
        while !over.load(Ordering::SeqCst) {
            bytes += socket.read()?.len();
            messages += 1;
            let (time, length) = get(at, "/api/runs/current/records?dir=back&limit=100")?;
            slowest = slowest.max(time);
            bytes += length;
        }
        Ok(format!("{messages} messages and windows, {bytes} bytes, slowest window {slowest:.1?}"))
    })
}
