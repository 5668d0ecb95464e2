//! What there is, kept up to date while somebody looks: what the engine lists as changed, what boards and jobs tell, and
//! how far the log is. Each client that looks has a picture of what it has not been sent yet, in which newer changes
//! replace older ones: however slow it is, it costs no more than one picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use socklab_capture::cursor::{Cursor, Next};
use socklab_capture::{EndpointId, PeerId};
use socklab_engine::board::look::Said;
use socklab_engine::{Changes, Command, EndpointState, Reply, Tally};
use tokio::sync::Notify;

use crate::labels::Label;
use crate::lan::LanView;
use crate::problem::Problem;
use crate::state::{EndpointView, Level, LogView, Notice, PeerView, Picture, State, Totals};
use crate::terminal::Around;
use crate::trouble::Standing;
use crate::workbench::Workbench;

/// The pause between two looks while somebody looks on: as often as a screen can show.
const TICK: Duration = Duration::from_millis(33);

/// The same where nobody does: what the engine lists must not grow without end.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// The engine has so many times as long for its sockets as a look at it takes.
const SHARE: u32 = 20;

/// How often the virtual network is looked at: its counters change with every frame.
const LAN_TICK: Duration = Duration::from_millis(200);

/// What has been gathered, and who wants to know.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    room: Mutex<Room>,
    /// One look at a time, or an older one might be taken for newer.
    turn: tokio::sync::Mutex<()>,
    /// What needs no engine is told in turn too.
    telling: Mutex<()>,
    /// Rung when something has changed that is not the engine's, or somebody begins to look.
    pub(crate) bell: Notify,
    /// Rung when somebody begins to look.
    looked: Notify,
}

#[derive(Debug, Default)]
struct Room {
    whole: Picture,
    looking: Vec<Weak<Look>>,
    /// The record that the engine comes to next; those before it may not be readable yet.
    recorded: u64,
    /// Files of the log that nothing is added to any more, and their length.
    sealed: BTreeMap<u32, u64>,
    first: Option<(u32, u64)>,
    lan_seen: Option<Instant>,
    notices: u64,
    standing: BTreeMap<Standing, Arc<Notice>>,
}

impl Room {
    fn notice(&mut self, level: Level, Said { en, zh }: Said) -> Arc<Notice> {
        self.notices += 1;
        Arc::new(Notice { number: self.notices, level, en, zh })
    }
}

/// A client that looks on.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pending: Mutex<Picture>,
    changed: Notify,
}

impl Look {
    /// Waits until there is something new, and takes it.
    pub(crate) async fn next(&self) -> Picture {
        loop {
            let picture = std::mem::take(&mut *lock(&self.pending));
            if !picture.is_empty() {
                return picture;
            }
            self.changed.notified().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gathered {
    /// Begins to look on: the whole as it is, and what changes from then on.
    pub(crate) fn look(&self) -> (Option<State>, Arc<Look>) {
        let mut room = lock(&self.room);
        let look = Arc::<Look>::default();
        room.looking.push(Arc::downgrade(&look));
        let state = State::of(&room.whole);
        drop(room);
        self.bell.notify_one();
        self.looked.notify_one();
        (state, look)
    }

    /// The first record that can still be read, if that is known.
    pub(crate) fn first(&self) -> Option<u64> {
        lock(&self.room).first.map(|(_, first)| first)
    }

    /// The record that comes after those which the state speaks of.
    pub(crate) fn recorded(&self) -> u64 {
        lock(&self.room).recorded
    }

    /// Addresses of boards on the virtual network, and how many endpoints are open, as far as has been gathered.
    pub(crate) fn around(&self) -> (BTreeSet<IpAddr>, usize) {
        let room = lock(&self.room);
        let addresses = room.whole.lan.as_ref().map(|lan| lan.addresses().collect()).unwrap_or_default();
        (addresses, room.whole.endpoints.values().filter(|endpoint| endpoint.is_open()).count())
    }

    /// Whether there is such a peer, as far as has been gathered.
    pub(crate) fn has_peer(&self, id: PeerId) -> bool {
        lock(&self.room).whole.peers.contains_key(&id)
    }

    /// Whether such an endpoint is listed, as far as has been gathered.
    pub(crate) fn has_endpoint(&self, id: EndpointId) -> bool {
        lock(&self.room).whole.endpoints.contains_key(&id)
    }

    /// The virtual network has been changed: it is to be looked at now.
    pub(crate) fn look_at_lan(&self) {
        lock(&self.room).lan_seen = None;
        self.bell.notify_one();
    }

    /// The whole as it was when it was gathered last.
    pub(crate) fn state(&self) -> Option<State> {
        State::of(&lock(&self.room).whole)
    }

    fn is_looked_at(&self) -> bool {
        let mut room = lock(&self.room);
        room.looking.retain(|look| look.strong_count() > 0);
        !room.looking.is_empty()
    }

    /// Whether records wait to be readable.
    fn is_behind(&self) -> bool {
        let room = lock(&self.room);
        room.whole.log.as_ref().is_none_or(|log| log.next < room.recorded)
    }

    /// Tells everybody.
    fn publish(&self, mut news: Picture) {
        let mut room = lock(&self.room);
        strip(&mut news, &room.whole);
        if news.is_empty() {
            return;
        }
        room.whole.merge(&news);
        room.whole.forget_gone();
        for look in room.looking.iter().filter_map(Weak::upgrade) {
            lock(&look.pending).merge(&news);
            look.changed.notify_one();
        }
    }

    /// A peer is shown with other words from now on.
    pub(crate) fn relabel(&self, which: impl Fn(PeerId) -> bool, change: impl Fn(PeerId, &mut PeerView)) {
        let peers = lock(&self.room).whole.peers.clone();
        let mut news = Picture::default();
        for (id, view) in peers.iter().filter(|(id, _)| which(**id)) {
            let mut view = PeerView::clone(view);
            change(*id, &mut view);
            news.peers.insert(*id, Arc::new(view));
        }
        self.publish(news);
    }

    /// What is called how, and read in which encoding, from now on.
    pub(crate) fn tell_labels(&self, labels: Vec<Label>) {
        self.publish(Picture { labels: Some(labels), ..Picture::default() });
    }

    /// Tells everybody who looks, and remembers it for those to come.
    pub(crate) fn say(&self, level: Level, said: Said) {
        let notice = lock(&self.room).notice(level, said);
        self.publish(Picture { notices: vec![notice], ..Picture::default() });
    }

    /// Something is wrong from now on, until it is settled.
    pub(crate) fn stand(&self, what: Standing, level: Level, said: Said) {
        let mut room = lock(&self.room);
        let notice = room.notice(level, said);
        room.standing.insert(what, notice);
        drop(room);
        self.tell_standing();
    }

    /// What was wrong is so no longer.
    pub(crate) fn settle(&self, is_over: impl Fn(&Standing) -> bool) {
        let mut room = lock(&self.room);
        let before = room.standing.len();
        room.standing.retain(|what, _| !is_over(what));
        let has_changed = room.standing.len() < before;
        drop(room);
        if has_changed {
            self.tell_standing();
        }
    }

    fn tell_standing(&self) {
        let _telling = lock(&self.telling);
        let mut standing: Vec<_> = lock(&self.room).standing.values().cloned().collect();
        standing.sort_by_key(|notice| notice.number);
        self.publish(Picture { standing: Some(standing), ..Picture::default() });
    }
}

/// Takes out what is as it was.
fn strip(news: &mut Picture, whole: &Picture) {
    news.endpoints.retain(|id, new| whole.endpoints.get(id) != Some(new));
    news.boards.retain(|id, new| whole.boards.get(id) != Some(new));
    news.jobs.retain(|id, new| whole.jobs.get(id) != Some(new));
    // Of two who have looked how far it is, the one with less may come last.
    news.log = news.log.take().filter(|log| whole.log.as_ref().is_none_or(|old| old.next <= log.next && old != log));
    news.totals = news.totals.take().filter(|totals| whole.totals.as_ref() != Some(totals));
    news.lan = news.lan.take().filter(|lan| whole.lan.as_ref() != Some(lan));
}

/// Tells how far the log is, and what boards and jobs do, while somebody looks: an engine that has all hands full with its
/// sockets answers late, and none of this needs it.
pub(crate) async fn keep_telling(workbench: Arc<Workbench>) {
    loop {
        workbench.tell();
        if workbench.gathered.is_looked_at() {
            tokio::time::sleep(TICK).await;
        } else {
            workbench.gathered.looked.notified().await;
        }
    }
}

/// Gathers until the engine ends.
pub(crate) async fn keep_gathering(workbench: Arc<Workbench>) {
    let gathered = &workbench.gathered;
    let mut changed = Box::pin(workbench.ground.remote.ask(Command::AwaitChange));
    loop {
        let begun = Instant::now();
        if workbench.gather().await.is_err() {
            return;
        }
        let took = begun.elapsed();
        if gathered.is_looked_at() {
            tokio::time::sleep(TICK.max(took * SHARE)).await;
        } else {
            let _ = tokio::time::timeout(IDLE_TICK, gathered.bell.notified()).await;
        }
        let soon = if gathered.is_behind() {
            Duration::ZERO
        } else if workbench.boards.any() && gathered.is_looked_at() {
            LAN_TICK
        } else {
            Duration::MAX
        };
        tokio::select! {
            reply = &mut changed => match reply {
                Some(_) => changed = Box::pin(workbench.ground.remote.ask(Command::AwaitChange)),
                None => return,
            },
            () = gathered.bell.notified() => {}
            () = tokio::time::sleep(soon) => {}
        }
    }
}

impl Workbench {
    /// Brings what was gathered up to date, and tells whoever looks on.
    pub(crate) async fn gather(&self) -> Result<(), Problem> {
        let _turn = self.gathered.turn.lock().await;
        let Reply::Changed(changes) = self.ask(Command::Changes).await? else { return Err(Problem::ended()) };
        let mut news = self.pictured(changes);
        if self.lan_is_due() {
            news.lan = LanView::ask(self).await?.map(Arc::new);
        }
        self.gathered.publish(news);
        self.tell();
        Ok(())
    }

    /// Tells what needs no engine.
    fn tell(&self) {
        let _telling = lock(&self.gathered.telling);
        let mut news = Picture { log: Some(self.log()), ..Picture::default() };
        (news.boards, news.boards_gone) = self.boards.news();
        (news.jobs, news.jobs_gone) = self.jobs.news();
        self.gathered.publish(news);
    }

    fn lan_is_due(&self) -> bool {
        let mut room = lock(&self.gathered.room);
        let due = room.lan_seen.is_none_or(|seen| seen.elapsed() >= LAN_TICK);
        if due {
            room.lan_seen = Some(Instant::now());
        }
        due
    }

    fn pictured(&self, changes: Changes) -> Picture {
        let Changes { endpoints, past, gone, next_seq } = changes;
        let (mut news, mut tally) = (Picture::default(), past);
        for status in &endpoints {
            tally.add(status.tally);
            let encoding = self.encoding_of_endpoint(status.id).to_string();
            news.endpoints.insert(status.id, Arc::new(EndpointView::new(status, encoding)));
            for peer in &status.peers {
                let (name, encoding) = (self.name_of(peer.id), self.encoding_of(peer.id).to_string());
                news.peers.insert(peer.id, Arc::new(PeerView::new(peer, name, encoding)));
            }
        }
        let open = endpoints.iter().filter(|status| status.state != EndpointState::Closed);
        let open: BTreeSet<String> = open.map(|status| status.url.place.to_string()).collect();
        self.gathered.settle(|what| matches!(what, Standing::NotAccepting(place) if !open.contains(place)));
        news.peers_gone.extend(gone);
        let mut room = lock(&self.gathered.room);
        room.recorded = next_seq;
        news.endpoints_gone =
            room.whole.endpoints.keys().filter(|id| !news.endpoints.contains_key(id)).copied().collect();
        drop(room);
        let Tally { received, sent, received_records, sent_records } = tally;
        news.totals = Some(Totals { received, sent, received_records, sent_records });
        news
    }

    /// What a line of the terminal depends on.
    pub(crate) fn around(&self) -> Around {
        let (addresses, endpoints) = self.gathered.around();
        Around { boards: self.boards.kinds(), addresses, endpoints }
    }

    /// How far the log can be read. The files are looked at when a new one is begun.
    fn log(&self) -> LogView {
        let (position, _) = self.ground.live.position();
        let mut room = lock(&self.gathered.room);
        if !room.sealed.contains_key(&position.segment.saturating_sub(1)) {
            let segments = self.ground.run.segments().unwrap_or_default();
            let length = |path| fs::metadata(path).map_or(0, |metadata| metadata.len());
            let sealed = segments.iter().filter(|segment| segment.number < position.segment);
            room.sealed = sealed.map(|segment| (segment.number, length(&segment.path))).collect();
            room.sealed.entry(position.segment.saturating_sub(1)).or_default(); // lest it be looked for again
            let oldest = segments.first().map_or(1, |segment| segment.number);
            if room.first.is_none_or(|(segment, _)| segment != oldest) {
                let first = if oldest == 1 { 1 } else { self.first_record() };
                room.first = Some((oldest, first));
            }
        }
        LogView {
            run: self.ground.run.name(),
            first: room.first.map_or(1, |(_, first)| first),
            next: position.last_seq + 1,
            bytes: room.sealed.values().sum::<u64>() + position.offset,
        }
    }

    /// The oldest record that is left, or the next one.
    fn first_record(&self) -> u64 {
        let cursor = Cursor::live(self.ground.run.clone(), Arc::clone(&self.ground.live), 1);
        let Ok(mut cursor) = cursor else { return 1 };
        let next = self.ground.live.position().0.last_seq + 1;
        match cursor.next() {
            Ok(Next::Record(record)) => record.seq,
            Err(error) => error.gap().map_or(1, |gap| gap.to + 1),
            Ok(Next::Frame(..) | Next::Wait | Next::End) => next, // frames are given to who asks for them
        }
    }
}
