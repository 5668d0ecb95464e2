//! Records by window: so many from one on, forwards or backwards, of all peers or of some. A page shows a capture of any
//! length by asking for what is on the screen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use socklab_capture::cursor::{self, Cursor, Next};
use socklab_capture::run::{Run, RunError, Segment};
use socklab_capture::{EndpointId, Event, PeerId, Record};
use socklab_engine::Lang;
use socklab_engine::trouble::event_text;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use crate::ask::{Wanted, list, words};
use crate::guard::Speaks;
use crate::problem::Problem;
use crate::state::millis;
use crate::workbench::{Ground, Workbench};

/// The most records of one window.
const MOST: usize = 1000;

/// How long a window may be looked for where few records are wanted of many.
const PATIENCE: Duration = Duration::from_millis(50);

/// Longer data is cut in a window; the record alone has all of it.
const CUT: usize = 4 << 10;

/// So many of the last bytes of what was cut off are told all the same: whoever decodes a stream goes on behind them.
const TAIL: usize = 64;

/// The bytes of data of one window; the window ends with the record that goes beyond.
const ROOM: usize = 1 << 20;

/// The most records that a look backwards takes in one go.
const LONGEST_STEP: u64 = 64_000;

/// What is wanted of a window.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowQuery {
    /// The record to begin with; forwards the first, backwards the last. Without it, the first or the last of all.
    from: Option<u64>,
    /// So many records, 1000 at most.
    limit: Option<usize>,
    /// `forward` or `back`.
    #[serde(default)]
    #[param(inline)]
    dir: Direction,
    /// Only of these peers: `e1.3,e1.4`.
    peer: Option<String>,
    /// Only of these endpoints: `e1,e2`.
    endpoint: Option<String>,
    /// Only of these kinds: `received,sent`.
    kinds: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Forward,
    Back,
}

/// Records in their order, whichever way they were looked for.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Window {
    /// The first record of the run that can still be read.
    first: u64,
    /// The last one that can be read by now; less than `first` where there is none.
    last: u64,
    records: Vec<Rec>,
    /// Where to go on the same way; not there where nothing can follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    /// False where the time was over before the window was full: more of it is to be had from `next` on.
    complete: bool,
}

/// A record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rec {
    /// Its number in the run, from 1.
    seq: u64,
    /// When, in ms since 1970.
    at: f64,
    endpoint: String,
    /// Not there for what concerns the whole endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    /// The peer's address, or the endpoint's URL.
    address: String,
    /// `opened`, `connected`, `received`, `sent`, `closed`, `reset`, `failed` or `note`.
    kind: &'static str,
    /// How many bytes travelled.
    bytes: usize,
    /// The bytes in base64; of more than 4096 the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Whether `data` is not all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    /// The last of the bytes that `data` lacks, 64 at most, in base64: in the middle of which character the record ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    tail: Option<String>,
    /// Whether the bytes are a datagram: no character goes on in the next.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    datagram: bool,
    /// What a person reads of a record without bytes, in the language of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Rec {
    fn new(record: &Record<'_>, most: usize, lang: Lang) -> Self {
        let payload = record.event.payload();
        let has_data = matches!(record.event, Event::Received(_) | Event::Sent(_));
        let (data, rest) = payload.split_at(payload.len().min(most));
        let tail = &rest[rest.len().saturating_sub(TAIL)..];
        Rec {
            seq: record.seq,
            at: millis(record.at),
            endpoint: record.endpoint.to_string(),
            peer: record.peer.map(|peer| peer.to_string()),
            address: record.address.to_string(),
            kind: record.event.kind(),
            bytes: payload.len(),
            data: has_data.then(|| STANDARD.encode(data)),
            cut: !rest.is_empty(),
            tail: (has_data && !tail.is_empty()).then(|| STANDARD.encode(tail)),
            datagram: record.is_datagram,
            text: event_text(&record.event, lang).map(str::to_owned),
        }
    }
}

/// Which records are wanted.
#[derive(Clone, Debug, Default)]
struct Filter {
    peers: Vec<PeerId>,
    endpoints: Vec<EndpointId>,
    kinds: Vec<String>,
}

impl Filter {
    fn of(query: &WindowQuery) -> Result<Self, Problem> {
        Ok(Filter {
            peers: list(query.peer.as_deref())?,
            endpoints: list(query.endpoint.as_deref())?,
            kinds: words(query.kinds.as_deref()).map(str::to_owned).collect(),
        })
    }

    fn takes_all(&self) -> bool {
        self.peers.is_empty() && self.endpoints.is_empty() && self.kinds.is_empty()
    }

    fn takes(&self, record: &Record<'_>) -> bool {
        let peer = || record.peer.is_some_and(|peer| self.peers.contains(&peer));
        (self.peers.is_empty() || peer())
            && (self.endpoints.is_empty() || self.endpoints.contains(&record.endpoint))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == record.event.kind()))
    }
}

/// Records of a run, `current` for the one that is being captured.
#[utoipa::path(get, operation_id = "records", path = "/api/runs/{run}/records", params(("run" = String, Path), WindowQuery),
    responses((status = 200, body = Window), (status = "4XX", body = crate::problem::ProblemBody)))]
pub(crate) async fn window(
    State(workbench): State<Arc<Workbench>>,
    Path(run): Path<String>,
    Speaks(lang): Speaks,
    Wanted(query): Wanted<WindowQuery>,
) -> Result<Json<Window>, Problem> {
    let filter = Filter::of(&query)?;
    let ends = Arc::clone(&workbench.ends);
    let read = workbench.read(&run, move |archive| archive.window(&query, &filter, lang, &ends)).await?;
    Ok(Json(read?))
}

/// One record, with all of its data.
#[utoipa::path(get, operation_id = "record", path = "/api/runs/{run}/records/{seq}", params(("run" = String, Path), ("seq" = u64, Path)),
    responses((status = 200, body = Rec), (status = "4XX", body = crate::problem::ProblemBody)))]
pub(crate) async fn one(
    State(workbench): State<Arc<Workbench>>,
    Path((run, seq)): Path<(String, u64)>,
    Speaks(lang): Speaks,
) -> Result<Json<Rec>, Problem> {
    let read = workbench.read(&run, move |archive| archive.one(seq, lang)).await??;
    let missing = || Problem::missing("no_such_record", format!("there is no record {seq}"), format!("没有记录 {seq}"));
    read.map(Json).ok_or_else(missing)
}

/// The first and the last records of runs that have ended, by the names of these, and what retention has left of them.
pub(crate) type Ends = Mutex<BTreeMap<(String, u32, u32), (u64, u64)>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run that is read.
pub(crate) struct Archive {
    pub(crate) run: Run,
    /// It is the one that this program writes.
    live: Option<Arc<socklab_capture::live::Live>>,
    first: Option<u64>,
    /// The record after the last that clients may have been told of.
    told: u64,
}

impl Workbench {
    /// Has a run read in a thread for that, when one is free.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        run: &str,
        read: impl FnOnce(&Archive) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.read_in_turn(&self.readers, run, read).await
    }

    /// The same, where others than those who look at the screen have their turns.
    pub(crate) async fn read_in_turn<T: Send + 'static>(
        &self,
        turns: &Arc<Semaphore>,
        run: &str,
        read: impl FnOnce(&Archive) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let archive = self.archive(run)?;
        let permit = Arc::clone(turns).acquire_owned().await.map_err(|_| Problem::ended())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read(&archive)
        });
        reading.await.map_err(|_| Problem::ended())
    }

    /// The run of that name, in this workbench's captures and nowhere else.
    pub(crate) fn archive(&self, name: &str) -> Result<Archive, Problem> {
        let Ground { run, live, captures, .. } = &self.ground;
        if name == "current" || name == run.name() {
            let (first, told) = (self.gathered.first(), self.gathered.recorded());
            return Ok(Archive { run: run.clone(), live: Some(Arc::clone(live)), first, told });
        }
        let found = Run::list(captures)?.into_iter().find(|run| run.name() == name);
        let missing = || RunError::NoSuchRun { name: name.to_owned(), captures: captures.clone() };
        Ok(Archive { run: found.ok_or_else(missing)?, live: None, first: None, told: 0 })
    }
}

impl Archive {
    fn cursor(&self, from: u64) -> Result<Cursor, RunError> {
        match &self.live {
            Some(live) => Cursor::live(self.run.clone(), Arc::clone(live), from),
            None => Cursor::open(self.run.clone(), from),
        }
    }

    /// Waits until all can be read that clients may have been told of: counters run a little ahead of the disk.
    pub(crate) fn catch_up(&self) {
        let Some(live) = &self.live else { return };
        loop {
            let (position, ended) = live.position();
            if ended || position.last_seq + 1 >= self.told {
                return;
            }
            live.wait(position, Duration::from_secs(1));
        }
    }

    /// The first and the last record that can be read, looked for once in a run that has ended.
    fn ends(&self, known: &Ends) -> Result<(u64, u64), RunError> {
        if self.live.is_some() || self.run.is_live() {
            return self.look_for_ends();
        }
        let segments = self.run.segments()?;
        let number = |segment: Option<&Segment>| segment.map_or(0, |segment| segment.number);
        let key = (self.run.name(), number(segments.first()), number(segments.last()));
        let found = lock(known).get(&key).copied();
        match found {
            Some(found) => Ok(found),
            None => {
                let found = self.look_for_ends()?;
                lock(known).insert(key, found);
                Ok(found)
            }
        }
    }

    fn look_for_ends(&self) -> Result<(u64, u64), RunError> {
        let first = match self.first {
            Some(first) => first,
            None => cursor::first_seq(&self.run)?,
        };
        let last = match &self.live {
            Some(live) => live.position().0.last_seq,
            None => cursor::last_seq(&self.run)?,
        };
        Ok((first, last))
    }

    fn one(&self, seq: u64, lang: Lang) -> Result<Option<Rec>, Problem> {
        let mut found = None;
        self.each(seq, seq, |record| {
            found = Some(Rec::new(record, usize::MAX, lang));
            false
        })?;
        Ok(found)
    }

    fn window(&self, query: &WindowQuery, filter: &Filter, lang: Lang, ends: &Ends) -> Result<Window, Problem> {
        let limit = query.limit.unwrap_or(MOST).clamp(1, MOST);
        let (first, last) = self.ends(ends)?;
        let window = Window { first, last, complete: true, ..Window::default() };
        let filter = (filter, lang);
        match query.dir {
            Direction::Forward => self.forward(query.from.unwrap_or(first).max(first), limit, filter, window),
            Direction::Back => self.back(query.from.unwrap_or(last).min(last), limit, filter, window),
        }
    }

    fn forward(
        &self,
        from: u64,
        limit: usize,
        (filter, lang): (&Filter, Lang),
        mut window: Window,
    ) -> Result<Window, Problem> {
        let (begun, mut room, mut seen) = (Instant::now(), ROOM, from);
        let mut full = false;
        self.each(from, window.last, |record| {
            seen = record.seq + 1;
            if filter.takes(record) {
                room = room.saturating_sub(record.event.payload().len().min(CUT));
                window.records.push(Rec::new(record, CUT, lang));
            }
            full = window.records.len() >= limit || room == 0;
            !full && begun.elapsed() < PATIENCE
        })?;
        window.next = (seen <= window.last).then_some(seen);
        window.complete = full || window.next.is_none();
        Ok(window)
    }

    /// Goes back by steps, each read forwards: the log has no other way.
    fn back(
        &self,
        from: u64,
        limit: usize,
        (filter, lang): (&Filter, Lang),
        mut window: Window,
    ) -> Result<Window, Problem> {
        let begun = Instant::now();
        let mut step = if filter.takes_all() { limit as u64 } else { limit as u64 * 2 };
        let (mut records, mut before) = (VecDeque::new(), from + 1);
        while before > window.first && records.len() < limit {
            let start = before.saturating_sub(step).max(window.first);
            let wanted = limit - records.len();
            let mut part = VecDeque::with_capacity(wanted);
            self.each(start, before - 1, |record| {
                if filter.takes(record) {
                    if part.len() == wanted {
                        part.pop_front();
                    }
                    part.push_back(Rec::new(record, CUT, lang));
                }
                true
            })?;
            before = match part.front() {
                Some(oldest) if part.len() == wanted => oldest.seq,
                _ => start,
            };
            part.into_iter().rev().for_each(|record| records.push_front(record));
            step = (step * 4).min(LONGEST_STEP);
            if begun.elapsed() >= PATIENCE {
                break;
            }
        }
        window.next = (before > window.first).then(|| before - 1);
        window.complete = records.len() >= limit || window.next.is_none();
        window.records = records.into();
        Ok(window)
    }

    /// The records `from` to `to`, as many as there are, while `wants` them. Those that are gone are left out.
    fn each(&self, from: u64, to: u64, mut wants: impl FnMut(&Record<'_>) -> bool) -> Result<(), Problem> {
        if from > to {
            return Ok(());
        }
        let mut cursor = self.cursor(from)?;
        loop {
            match cursor.next() {
                Ok(Next::Record(record)) if record.seq > to => return Ok(()),
                Ok(Next::Record(record)) => {
                    let is_last = record.seq == to;
                    if !wants(&record) || is_last {
                        return Ok(());
                    }
                }
                Ok(Next::Frame(..)) => {} // nobody asked for them
                Ok(Next::Wait | Next::End) => return Ok(()),
                Err(error) if error.gap().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
