//! What goes on by itself until it is done or stopped: sending again and again, sending a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use socklab_capture::PeerId;
use socklab_engine::{Outcome, Reply as Done, Targets, WhenFull};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamExt as _;
use utoipa::{IntoParams, ToSchema};

use crate::ask::{Wanted, list};
use crate::command::{self, Reply};
use crate::problem::Problem;
use crate::state::millis;
use crate::terminal;
use crate::workbench::Workbench;

/// The longest time from one send to the next: a day.
const LONGEST_PAUSE: f64 = 86_400_000.0;

/// Jobs at a time.
const MOST: usize = 100;

/// Bytes of a file in one send.
const PIECE: usize = 64 << 10;

/// The same for datagrams, which it goes out in.
const DATAGRAM: usize = 16 << 10;

/// Bytes of a file that are read while it waits for its turn.
const AHEAD: usize = 1 << 20;

/// A job. Written `j1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobId(u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{}", self.0)
    }
}

impl FromStr for JobId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('j').and_then(|number| number.parse().ok());
        number.map(JobId).ok_or_else(|| format!("{text:?} is no job (write it as j1)"))
    }
}

/// A job, for those who look.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// `j1`.
    id: String,
    what: Work,
    /// For whom: `all`, `e1`, or peers with commas between.
    to: String,
    /// Bytes that were handed over: of a file, to the peer that has most of it; of the same again and again, to all
    /// peers together.
    done: u64,
    /// Bytes of all of it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// How often it was handed over to somebody.
    turns: u64,
    /// How often a peer did not take it: it does not read, and too much waits for it already.
    refused: u64,
    /// Since when, in ms since 1970.
    since: f64,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Work {
    /// It sends the same again and again.
    Repeat {
        /// The time from one to the next.
        every_ms: u64,
    },
    /// It sends a file.
    File {
        /// What the file is called.
        name: String,
    },
}

/// The jobs that go on.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    held: Mutex<Held>,
    /// One of them is over, or goes to fewer.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    last: u32,
    jobs: BTreeMap<u32, Job>,
    changed: BTreeSet<u32>,
    gone: BTreeSet<u32>,
}

#[derive(Debug)]
struct Job {
    view: JobView,
    to: Targets,
    stopped: Arc<Notify>,
}

impl Jobs {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, what: Work, to: &Targets, total: Option<u64>) -> Result<(JobId, Arc<Notify>), Problem> {
        let mut held = self.held();
        if held.jobs.len() >= MOST {
            let (en, zh) = (format!("{MOST} jobs are running already"), format!("已有 {MOST} 个任务在运行"));
            return Err(Problem::bad("too_many_jobs", en, zh));
        }
        held.last += 1;
        let (number, stopped) = (held.last, Arc::<Notify>::default());
        let since = millis(std::time::SystemTime::now().into());
        let view =
            JobView { id: JobId(number).to_string(), what, to: shown(to), done: 0, total, turns: 0, refused: 0, since };
        held.jobs.insert(number, Job { view, to: to.clone(), stopped: Arc::clone(&stopped) });
        held.changed.insert(number);
        Ok((JobId(number), stopped))
    }

    fn count(&self, job: JobId, bytes: u64, refused: u64) {
        let mut held = self.held();
        if let Some(job) = held.jobs.get_mut(&job.0) {
            job.view.done += bytes;
            job.view.turns += u64::from(bytes > 0);
            job.view.refused += refused;
        }
        held.changed.insert(job.0);
    }

    fn end(&self, job: JobId) {
        let mut held = self.held();
        held.jobs.remove(&job.0);
        held.changed.remove(&job.0);
        held.gone.insert(job.0);
        drop(held);
        self.freed.notify_waiters();
    }

    /// It goes to these alone from now on.
    fn narrow(&self, job: JobId, to: &Targets) {
        let mut held = self.held();
        let Some(job) = held.jobs.get_mut(&job.0).filter(|job| job.to != *to) else { return };
        job.to = to.clone();
        drop(held);
        self.freed.notify_waiters();
    }

    /// Waits until no file that was asked for before is for one of the same peers: they come one after the other, and in
    /// that order.
    async fn turn(&self, job: JobId) {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if !self.is_behind(job) {
                return;
            }
            freed.await;
        }
    }

    fn is_behind(&self, job: JobId) -> bool {
        let held = self.held();
        let Some(own) = held.jobs.get(&job.0) else { return false };
        let is_ahead = |other: &Job| matches!(other.view.what, Work::File { .. }) && meet(&own.to, &other.to);
        held.jobs.range(..job.0).any(|(_, other)| is_ahead(other))
    }

    /// Stops a job; it ends as soon as it notices.
    pub(crate) fn stop(&self, job: JobId) -> Result<(), Problem> {
        let held = self.held();
        let missing = || Problem::missing("no_such_job", format!("there is no job {job}"), format!("没有任务 {job}"));
        held.jobs.get(&job.0).map(|job| job.stopped.notify_one()).ok_or_else(missing)
    }

    /// Those that have changed since this was asked last, and those that are over.
    pub(crate) fn news(&self) -> (BTreeMap<u32, Arc<JobView>>, BTreeSet<u32>) {
        let mut held = self.held();
        let changed = std::mem::take(&mut held.changed);
        let views = changed.iter().filter_map(|id| Some((*id, Arc::new(held.jobs.get(id)?.view.clone()))));
        (views.collect(), std::mem::take(&mut held.gone))
    }
}

/// Whether a peer may be meant by both.
fn meet(one: &Targets, other: &Targets) -> bool {
    use Targets::{All, Endpoint, Peers};
    match (one, other) {
        (All, _) | (_, All) => true,
        (Endpoint(one), Endpoint(other)) => one == other,
        (Endpoint(whole), Peers(some)) | (Peers(some), Endpoint(whole)) => some.iter().any(|id| id.endpoint == *whole),
        (Peers(some), Peers(others)) => some.iter().any(|id| others.contains(id)),
    }
}

fn shown(to: &Targets) -> String {
    match to {
        Targets::All => "all".into(),
        Targets::Endpoint(id) => id.to_string(),
        Targets::Peers(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

/// A job that goes on; dropping it ends it, whatever it came to.
struct Running {
    workbench: Arc<Workbench>,
    job: JobId,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.workbench.jobs.end(self.job);
        self.workbench.gathered.bell.notify_one();
    }
}

impl Running {
    fn count(&self, bytes: u64, refused: u64) {
        self.workbench.jobs.count(self.job, bytes, refused);
        self.workbench.gathered.bell.notify_one();
    }
}

impl Workbench {
    /// Sends the same every so many milliseconds, until those who were named are gone or the endpoint is closed. A peer
    /// that does not read is left out that time.
    pub(crate) fn repeat(
        self: &Arc<Self>,
        to: Targets,
        bytes: Bytes,
        every_ms: f64,
        times: Option<u64>,
    ) -> Result<Reply, Problem> {
        if !(1.0..=LONGEST_PAUSE).contains(&every_ms) || every_ms.fract() != 0.0 {
            let (en, zh) = ("the pause is 1 to 86400000 ms, a whole number", "间隔为 1 到 86400000 毫秒，须为整数");
            return Err(Problem::bad("bad_pause", en, zh));
        }
        let every_ms = every_ms as u64;
        let (job, stopped) = self.jobs.start(Work::Repeat { every_ms }, &to, None)?;
        let running = Running { workbench: Arc::clone(self), job };
        self.gathered.bell.notify_one();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(every_ms));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            for _ in 0..times.unwrap_or(u64::MAX) {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = stopped.notified() => return,
                }
                let send = command::send(&to, bytes.clone(), WhenFull::Refuse);
                match running.workbench.ask(send).await {
                    Ok(Done::Outcomes(outcomes)) if is_lost(&to, &outcomes) => return,
                    Ok(Done::Outcomes(outcomes)) => {
                        let queued = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Queued).count();
                        let full = |(_, outcome): &&(PeerId, Outcome)| matches!(outcome, Outcome::Full { .. });
                        let full = outcomes.iter().filter(full).count();
                        running.count((queued * bytes.len()) as u64, full as u64);
                    }
                    Ok(_) | Err(_) => return, // the endpoint is closed, or all is
                }
            }
        });
        Ok(Reply::Job { job: job.to_string() })
    }
}

/// Whether nobody is left of those who were named. Of an endpoint, others may come.
fn is_lost(to: &Targets, outcomes: &[(PeerId, Outcome)]) -> bool {
    matches!(to, Targets::Peers(_)) && outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Gone)
}

/// Whom a file is for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// `all`, `e1`, or peers with commas between: `e1.3,e1.4`.
    to: String,
    /// What the file is called, for those who look.
    #[serde(default)]
    name: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileSent {
    /// Bytes that were handed over to the peer that has most of it.
    bytes: u64,
    /// Whether all peers have all of it. False where it was stopped, or one of them went before its end.
    complete: bool,
    /// What each peer has of it.
    peers: Vec<PeerSent>,
    /// Lines for the prompt of `socklab listen` that send a file of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_command: Option<String>,
}

/// What a peer has of a file.
#[derive(Debug, Serialize, ToSchema)]
struct PeerSent {
    peer: String,
    /// Bytes that were handed over to it, from the start.
    bytes: u64,
    /// Whether that is all of it.
    complete: bool,
}

/// Send a file: the body, as it comes, to the peers that are there at its start; to the first one that comes where there
/// is none. The slowest of them sets the pace, and files for one of them that were asked for before go first. It is a job
/// from the start; stopping that ends it, and so does closing the request: of more than 1 MiB that waits, only at its
/// turn.
#[utoipa::path(post, path = "/api/send-file", params(FileQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = FileSent), (status = "4XX", body = crate::problem::ProblemBody)))]
pub(crate) async fn send_file(
    State(workbench): State<Arc<Workbench>>,
    Wanted(query): Wanted<FileQuery>,
    headers: axum::http::HeaderMap,
    body: Body,
) -> Result<Json<FileSent>, Problem> {
    let to = parse_to(&query.to)?;
    let length = headers.get(axum::http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let piece = if workbench.has_datagrams(&to).await? { DATAGRAM } else { PIECE };
    let as_command = query.name.as_deref().and_then(|name| terminal::send_file(&query.to, name));
    let work = Work::File { name: query.name.unwrap_or_default() };
    let (job, stopped) = workbench.jobs.start(work, &to, length)?;
    let (running, data) = (Running { workbench: Arc::clone(&workbench), job }, body.into_data_stream());
    let mut file =
        Pouring { running, to, data, held: BytesMut::new(), bytes: 0, is_whole: false, peers: BTreeMap::new() };
    let pour = async {
        file.wait(workbench.jobs.turn(job)).await?;
        file.pour(piece).await
    };
    tokio::select! {
        poured = pour => poured?,
        () = stopped.notified() => {}
    }
    Ok(Json(file.end(as_command).await))
}

/// A file on its way.
struct Pouring {
    running: Running,
    to: Targets,
    data: BodyDataStream,
    /// What came of it, and is not handed over.
    held: BytesMut,
    /// How much of it has been handed over.
    bytes: u64,
    /// Whether that is all of it.
    is_whole: bool,
    /// How much of it each peer has.
    peers: BTreeMap<PeerId, u64>,
}

impl Pouring {
    /// Waits for its turn, and reads on meanwhile: that the request was closed is found by reading.
    async fn wait(&mut self, turn: impl Future<Output = ()>) -> Result<(), Problem> {
        let mut turn = pin!(turn);
        while self.held.len() < AHEAD {
            tokio::select! {
                () = &mut turn => return Ok(()),
                is_more = self.read() => if !is_more? { break },
            }
        }
        turn.await;
        Ok(())
    }

    /// More of the body, unless that was all.
    async fn read(&mut self) -> Result<bool, Problem> {
        let Some(bytes) = self.data.next().await else { return Ok(false) };
        self.held.extend_from_slice(&bytes.map_err(|error| cut_off(&error))?);
        Ok(true)
    }

    /// Hands it over in pieces of so many bytes, until its end, or until nobody takes it any more.
    async fn pour(&mut self, piece: usize) -> Result<(), Problem> {
        loop {
            while self.held.len() >= piece {
                let next = self.held.split_to(piece).freeze();
                if !self.hand_over(next).await? {
                    return Ok(());
                }
            }
            if !self.read().await? {
                break;
            }
        }
        let rest = std::mem::take(&mut self.held).freeze();
        self.is_whole = rest.is_empty() || self.hand_over(rest).await?;
        Ok(())
    }

    /// The job is over; what comes of the body is let go. An answer before its end would be a reset to the client, and a
    /// browser then sends the whole of it again.
    async fn end(self, as_command: Option<String>) -> FileSent {
        let Pouring { running, mut data, bytes, is_whole, peers, .. } = self;
        drop(running);
        while let Some(Ok(_)) = data.next().await {}
        let sent = |(peer, has): (PeerId, u64)| PeerSent {
            peer: peer.to_string(),
            bytes: has,
            complete: is_whole && has == bytes,
        };
        let peers: Vec<_> = peers.into_iter().map(sent).collect();
        FileSent { bytes, complete: is_whole && peers.iter().all(|peer| peer.complete), peers, as_command }
    }

    /// Whether anybody took it. Who did is who gets the rest: half a file is of no use to those who come later.
    async fn hand_over(&mut self, bytes: Bytes) -> Result<bool, Problem> {
        let count = bytes.len();
        let reply = self.running.workbench.ask(command::send(&self.to, bytes, WhenFull::Wait)).await?;
        let Done::Outcomes(outcomes) = reply else { return Ok(false) };
        let taken = outcomes.into_iter().filter(|(_, outcome)| *outcome == Outcome::Queued);
        let taken: Vec<PeerId> = taken.map(|(peer, _)| peer).collect();
        if taken.is_empty() {
            return Ok(false);
        }
        self.bytes += count as u64;
        taken.iter().for_each(|peer| *self.peers.entry(*peer).or_default() += count as u64);
        self.running.count(count as u64, 0);
        self.to = Targets::Peers(taken);
        self.running.workbench.jobs.narrow(self.running.job, &self.to);
        Ok(true)
    }
}

fn cut_off(error: &axum::Error) -> Problem {
    Problem::bad("cut_off", format!("the file was cut off: {error}"), format!("文件上传中断（“{error}”）"))
}

fn parse_to(text: &str) -> Result<Targets, Problem> {
    Ok(match text.parse() {
        _ if text == "all" => Targets::All,
        Ok(endpoint) => Targets::Endpoint(endpoint),
        Err(_) => Targets::Peers(list(Some(text))?),
    })
}

impl Workbench {
    /// Whether some of those who are meant get datagrams.
    async fn has_datagrams(&self, to: &Targets) -> Result<bool, Problem> {
        use socklab_engine::url::Place;
        let Done::Status(endpoints) = self.ask(socklab_engine::Command::Status).await? else { return Ok(false) };
        let is_meant = |endpoint: &socklab_engine::EndpointStatus| match to {
            Targets::All => true,
            Targets::Endpoint(id) => *id == endpoint.id,
            Targets::Peers(ids) => ids.iter().any(|id| id.endpoint == endpoint.id),
        };
        let has = |place: &Place| matches!(place, Place::Udp(_) | Place::UnixDgram(_));
        Ok(endpoints.iter().any(|endpoint| has(&endpoint.url.place) && is_meant(endpoint)))
    }
}
