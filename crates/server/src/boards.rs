//! Virtual boards, as clients see them: made, run, reset, looked at, their consoles and their files. What a board does
//! belongs to the crate `board`; that it is a process, to the engine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use socklab_engine::board::flash::Flash;
use socklab_engine::board::folder::Folder;
use socklab_engine::board::link::{Cause, End, FromBoard};
use socklab_engine::board::look::Said;
use socklab_engine::board::{Board, BoardConfig, BoardEvent, BoardRemote, Given, NotGiven, Profile, Source, explain};
use socklab_engine::lan::LanPort;
use socklab_engine::{Command as Do, Lang, Reply as Done};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::command::Reply;
use crate::offers::{self, Offer, OfferView, Wish};
use crate::problem::Problem;
use crate::terminal::Kind;
use crate::workbench::Workbench;

/// Boards at a time: each is a process.
const MOST: usize = 64;

/// Bytes of a console that are kept for whoever comes to it.
const SCROLL: usize = 256 << 10;

/// Remarks about a board that are kept.
const NOTES: usize = 50;

/// The longest name, which is also one of the network's.
const LONGEST_NAME: usize = 32;

/// How long joining a Wi-Fi takes, as `socklab run` has it.
const JOIN_TIME: [&str; 2] = ["--join-delay", "1000"];

/// A board. Written `b1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BoardId(u32);

impl fmt::Display for BoardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl FromStr for BoardId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('b').and_then(|number| number.parse().ok());
        number.map(BoardId).ok_or_else(|| format!("{text:?} is no board (write it as b1)"))
    }
}

/// What a board is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBoard {
    /// `esp32`, `k230`, `waffle`, `mpython`, `rp2` or `linux`.
    pub(crate) profile: String,
    /// What it is called, on the network too: small letters, digits and `-`. Its files are kept under this name.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Refuse what the real board lacks.
    #[serde(default)]
    pub(crate) strict: bool,
    /// It is on this machine's own network, not on the virtual one: it dials this machine only, and may be dialled.
    #[serde(default)]
    pub(crate) host: bool,
    /// What the outside gives to it from the start, each in the words of `board_set`.
    #[serde(default)]
    pub(crate) set: Vec<String>,
}

/// A board, for those who look.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct BoardView {
    /// `b1`.
    id: String,
    name: String,
    profile: &'static str,
    state: BoardState,
    /// The pins that it drives: their levels, by number.
    pins: BTreeMap<u8, u8>,
    /// The pins that carry a square wave.
    pwm: BTreeMap<u8, Wave>,
    /// Strips of lights by the pin that they are connected to: `#rrggbb`, the first first.
    lights: BTreeMap<u8, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<Display>,
    /// The Wi-Fi network that it has joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    wifi: Option<String>,
    /// What the outside gives to it, in the words of `board_set`.
    given: BTreeMap<String, String>,
    /// Whether it refuses what the real board lacks.
    strict: bool,
    /// Whether it is on this machine's own network.
    host: bool,
    /// Where tools find its console.
    offers: Vec<OfferView>,
    /// Remarks about its program, the newest last.
    notes: Vec<Note>,
}

/// What a board does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BoardState {
    /// A program runs.
    Running,
    /// The prompt waits.
    Prompt,
    /// It could not go on: it is to be removed.
    Over,
}

/// A square wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Wave {
    /// In Hz.
    frequency: u32,
    /// The part of the time that it is high, of 65535.
    duty: u16,
}

/// What a display shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Display {
    /// Pixels in a row.
    width: u16,
    /// Rows.
    height: u16,
    /// In base64: rows from the top, each padded to whole bytes; the leftmost pixel is a byte's highest bit.
    bits: String,
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Note {
    /// Counts them.
    number: u64,
    en: String,
    zh: String,
}

/// The boards that there are.
#[derive(Debug, Default)]
pub(crate) struct Boards(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    last: u32,
    /// Names of boards that are being made.
    promised: BTreeSet<String>,
    members: BTreeMap<u32, Arc<Member>>,
    gone: BTreeSet<u32>,
}

/// A board and what is known of it.
#[derive(Debug)]
pub(crate) struct Member {
    remote: BoardRemote,
    profile: &'static Profile,
    /// Dropping it switches the board off.
    board: Mutex<Option<Board>>,
    face: Arc<Face>,
    offers: Mutex<Vec<Offer>>,
    pub(crate) flash: PathBuf,
    name: String,
    /// Held as long as the board is there.
    _folder: Folder,
}

/// A name that no other board has or gets, until this is dropped.
struct Promised<'a> {
    boards: &'a Boards,
    name: String,
}

impl Drop for Promised<'_> {
    fn drop(&mut self) {
        lock(&self.boards.0).promised.remove(&self.name);
    }
}

/// What a board shows. Its own thread draws it.
#[derive(Debug)]
struct Face {
    view: Mutex<(BoardView, bool)>,
    scroll: Scroll,
}

/// The end of what a console has printed.
#[derive(Debug)]
pub(crate) struct Scroll {
    bytes: Mutex<VecDeque<u8>>,
    printed: watch::Sender<Printed>,
}

/// What a console has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    /// Bytes that were printed in all.
    total: u64,
    /// The board is gone: there will be no more.
    pub(crate) is_over: bool,
}

impl Scroll {
    fn new() -> Self {
        Scroll { bytes: Mutex::default(), printed: watch::Sender::default() }
    }

    fn put(&self, bytes: &[u8]) {
        let mut kept = lock(&self.bytes);
        kept.extend(bytes);
        let surplus = kept.len().saturating_sub(SCROLL);
        kept.drain(..surplus);
        self.printed.send_modify(|printed| printed.total += bytes.len() as u64);
    }

    fn end(&self) {
        self.printed.send_modify(|printed| printed.is_over = true);
    }

    /// To be told when there is more.
    pub(crate) fn watch(&self) -> watch::Receiver<Printed> {
        self.printed.subscribe()
    }

    /// What was printed after the first `from` bytes, as far as it is kept: how much of it is not, the bytes, and where
    /// to go on.
    pub(crate) fn after(&self, from: u64) -> (u64, Vec<u8>, u64) {
        let kept = lock(&self.bytes);
        let total = self.printed.borrow().total;
        let oldest = total - kept.len() as u64;
        let start = from.clamp(oldest, total);
        let bytes = kept.iter().skip((start - oldest) as usize).copied().collect();
        (start - from.min(start), bytes, total)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Boards {
    /// Switches all off.
    pub(crate) fn clear(&self) {
        let members = std::mem::take(&mut lock(&self.0).members);
        members.into_values().for_each(|member| member.switch_off());
    }

    /// The names of those on the virtual network.
    pub(crate) fn names(&self) -> Vec<String> {
        let held = lock(&self.0);
        let is_there = |member: &&Arc<Member>| !lock(&member.face.view).0.host;
        held.members.values().filter(is_there).map(|member| member.name.clone()).collect()
    }

    /// What they are, by their ids.
    pub(crate) fn kinds(&self) -> BTreeMap<String, Kind> {
        let held = lock(&self.0);
        let kind = |member: &Arc<Member>| {
            let (view, _) = &*lock(&member.face.view);
            let (strict, host) = (view.strict, view.host);
            (view.id.clone(), Kind { name: view.name.clone(), profile: view.profile, strict, host })
        };
        held.members.values().map(kind).collect()
    }

    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        !lock(&self.0).members.is_empty()
    }

    /// Those that have changed since this was asked last, and those that are gone.
    pub(crate) fn news(&self) -> (BTreeMap<u32, Arc<BoardView>>, BTreeSet<u32>) {
        let mut held = lock(&self.0);
        let changed = held.members.iter().filter_map(|(id, member)| Some((*id, Arc::new(member.face.news()?))));
        let changed = changed.collect();
        (changed, std::mem::take(&mut held.gone))
    }
}

impl Face {
    /// How it looks now, if that is new.
    fn news(&self) -> Option<BoardView> {
        let mut view = lock(&self.view);
        std::mem::take(&mut view.1).then(|| view.0.clone())
    }

    fn change(&self, change: impl FnOnce(&mut BoardView)) {
        let mut view = lock(&self.view);
        change(&mut view.0);
        view.1 = true;
    }

    fn hear(&self, profile: &Profile, event: BoardEvent) {
        match event {
            BoardEvent::Told(told, _) => self.change(|view| view.hear(told)),
            BoardEvent::Anew(cause) => self.change(|view| view.begin_anew(cause)),
            BoardEvent::Reset(cause, _) => {
                let said = |lang| explain::reset(cause, lang);
                self.change(|view| view.note(Said::new(said(Lang::En), said(Lang::Zh))));
            }
            BoardEvent::Busy(true) => self.change(|view| view.state = BoardState::Running),
            BoardEvent::Busy(false) => self.change(|view| view.state = BoardState::Prompt),
            BoardEvent::Raised(raised) => {
                let said = |lang| explain::raised(profile, &raised, lang).unwrap_or_default();
                let said = Said::new(said(Lang::En), said(Lang::Zh));
                if !said.en.is_empty() {
                    self.change(|view| view.note(said));
                }
            }
            BoardEvent::Crashed(status) => self.change(|view| {
                view.note(Said::new(explain::death(status, Lang::En), explain::death(status, Lang::Zh)));
            }),
            BoardEvent::Ended(End::Finished | End::Missing | End::Raised(_) | End::Exit(_)) => {
                self.change(|view| view.state = BoardState::Over);
            }
            BoardEvent::Ended(_) => {}
            BoardEvent::Failed(error) => self.change(|view| {
                let cause = |lang| socklab_engine::failure::cause(&error, lang);
                let en = format!("cannot start a board: {}", cause(Lang::En));
                view.note(Said::new(en, format!("无法启动板子：{}", cause(Lang::Zh))));
                view.state = BoardState::Over;
            }),
        }
    }
}

impl BoardView {
    /// A board that is about to be switched on.
    fn new(id: BoardId, name: &str, profile: &Profile, new: &NewBoard) -> Self {
        BoardView {
            id: id.to_string(),
            name: name.to_owned(),
            profile: profile.name,
            state: BoardState::Running,
            pins: BTreeMap::new(),
            pwm: BTreeMap::new(),
            lights: BTreeMap::new(),
            display: None,
            wifi: None,
            given: new.set.iter().filter_map(|words| named(words)).collect(),
            strict: new.strict,
            host: new.host,
            offers: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn note(&mut self, Said { en, zh }: Said) {
        let number = self.notes.last().map_or(1, |note| note.number + 1);
        self.notes.push(Note { number, en, zh });
        let surplus = self.notes.len().saturating_sub(NOTES);
        self.notes.drain(..surplus);
    }

    fn hear(&mut self, told: FromBoard) {
        match told {
            FromBoard::Note(said) => self.note(said),
            FromBoard::Pin { pin, high } => drop(self.pins.insert(pin, u8::from(high))),
            FromBoard::Pwm { pin, frequency: 0, .. } => drop(self.pwm.remove(&pin)),
            FromBoard::Pwm { pin, frequency, duty } => drop(self.pwm.insert(pin, Wave { frequency, duty })),
            FromBoard::Lights { pin, colours } => {
                let shown = colours.iter().map(|[r, g, b, _]| format!("#{r:02x}{g:02x}{b:02x}"));
                self.lights.insert(pin, shown.collect());
            }
            FromBoard::Display { width, height, bits } => {
                self.display = Some(Display { width, height, bits: STANDARD.encode(bits) });
            }
            FromBoard::Wifi(network) => self.wifi = network,
            _ => {}
        }
    }

    /// A new process drives nothing yet. A soft reset does not leave the Wi-Fi.
    fn begin_anew(&mut self, cause: Cause) {
        if cause != Cause::Soft {
            self.wifi = None;
        }
        self.pins.clear();
        self.pwm.clear();
        self.lights.clear();
        self.display = None;
    }
}

impl Member {
    /// It is offered to nobody any more before it goes.
    fn switch_off(&self) {
        drop(std::mem::take(&mut *lock(&self.offers)));
        drop(lock(&self.board).take());
        self.face.scroll.end();
    }

    /// Commands for a board that could not go on would come to nothing.
    fn is_on(&self) -> Result<(), Problem> {
        if lock(&self.face.view).0.state != BoardState::Over {
            return Ok(());
        }
        let (en, zh) = ("this board is switched off: remove it and make a new one", "板子已停止：请移除后新建");
        Err(Problem::conflict("board_is_over", en, zh))
    }

    pub(crate) fn remote(&self) -> &BoardRemote {
        &self.remote
    }

    pub(crate) fn scroll(&self) -> &Scroll {
        &self.face.scroll
    }

    pub(crate) fn run(&self, name: Option<String>, source: String) -> Result<Reply, Problem> {
        self.is_on()?;
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "main.py".into());
        self.remote.run(Source { name, text: source.into_bytes() });
        Ok(Reply::Done)
    }

    pub(crate) fn interrupt(&self) -> Result<Reply, Problem> {
        self.is_on()?;
        self.remote.interrupt();
        Ok(Reply::Done)
    }

    pub(crate) fn reset(&self, hard: bool) -> Result<Reply, Problem> {
        self.is_on()?;
        if hard {
            self.remote.hard_reset()
        } else {
            self.remote.soft_reset()
        }
        Ok(Reply::Done)
    }

    /// Offers its console to tools of this machine, until it is withdrawn or the board goes.
    pub(crate) fn offer(&self, wish: Wish) -> Result<Reply, Problem> {
        self.is_on()?;
        let mut offers = lock(&self.offers);
        offers::check_room(offers.len())?;
        let offer = Offer::make(self.remote.clone(), wish, || Flash::open(&self.flash.to_string_lossy()))?;
        let at = offer.view.at.clone();
        offers.push(offer);
        self.show_offers(&offers);
        Ok(Reply::Forwarded { at })
    }

    /// Takes an offer back.
    fn withdraw(&self, at: &str) -> Result<Reply, Problem> {
        let mut offers = lock(&self.offers);
        let place = offers.iter().position(|offer| offer.view.at == at);
        let missing =
            || Problem::missing("no_such_offer", format!("nothing is offered at {at}"), format!("{at} 没有提供入口"));
        drop(offers.remove(place.ok_or_else(missing)?));
        self.show_offers(&offers);
        Ok(Reply::Done)
    }

    fn show_offers(&self, offers: &[Offer]) {
        self.face.change(|view| view.offers = offers.iter().map(|offer| offer.view.clone()).collect());
    }

    pub(crate) fn set(&self, words: &str) -> Result<Reply, Problem> {
        self.is_on()?;
        let given = parse_given(words, self.profile)?;
        self.remote.give(given);
        self.face.change(|view| view.given.extend(named(words)));
        Ok(Reply::Done)
    }
}

fn parse_given(words: &str, profile: &Profile) -> Result<Given, Problem> {
    let words = words.trim();
    let given: Given = words.parse().map_err(|error: NotGiven| {
        let told = |lang| format!("{words:?} {}", error.text(lang));
        Problem::bad("bad_setting", told(Lang::En), told(Lang::Zh))
    })?;
    let (name, last) = (profile.name, profile.pins.end());
    match given.pin().filter(|pin| !profile.pins.contains(pin)) {
        None => Ok(given),
        Some(pin) => Err(Problem::bad(
            "no_such_pin",
            format!("{name} has no pin {pin}: the last is {last}"),
            format!("{name} 没有引脚 {pin}：最大为 {last}"),
        )),
    }
}

/// What is given, and how much of it.
fn named(words: &str) -> Option<(String, String)> {
    words.trim().split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Why a board does not have the files that its name promises.
fn others_files(name: &str, folder: &Folder) -> Said {
    let there = folder.path.display();
    Said::new(
        format!("another Socklab has the files of {name}: this board has its own, in {there}"),
        format!("另一个 Socklab 正在使用 {name} 的文件：这块板子使用自己的，在 {there}"),
    )
}

/// None of those that there are.
pub(crate) fn no_such_profile() -> Problem {
    let names = Profile::names().collect::<Vec<_>>().join(", ");
    let (en, zh) = (format!("no such board; there are {names}"), format!("没有这种板子；可用的有 {names}"));
    Problem::bad("no_such_profile", en, zh)
}

impl Workbench {
    /// The board of this number.
    pub(crate) fn board(&self, id: BoardId) -> Result<Arc<Member>, Problem> {
        let found = lock(&self.boards.0).members.get(&id.0).cloned();
        found.ok_or_else(|| Problem::no_board(&id.to_string()))
    }

    /// The board of this id as it is written.
    pub(crate) fn board_named(&self, id: &str) -> Result<Arc<Member>, Problem> {
        self.board(id.parse().map_err(|_| Problem::no_board(id))?)
    }

    pub(crate) async fn new_board(self: &Arc<Self>, new: NewBoard) -> Result<Reply, Problem> {
        let profile = Profile::named(&new.profile).ok_or_else(no_such_profile)?;
        let given = new.set.iter().map(|words| parse_given(words, profile)).collect::<Result<Vec<_>, _>>()?;
        let (id, promised) = self.reserve(profile, new.name.as_deref())?;
        let name = promised.name.clone();
        let folder = Folder::own(&self.ground.flash, &name, profile.name);
        let folder = folder.map_err(|error| Problem::of_system("flash", &error))?;
        let lan = match new.host {
            true => None,
            false => Some(self.attach(&name, profile).await?),
        };
        let mut options: Vec<OsString> = JOIN_TIME.map(Into::into).into();
        options.extend(["--closed".into(), self.ground.control.to_string().into()]);
        options.extend(new.strict.then(|| "--strict".into()));
        let command = self.ground.board_command.clone();
        let flash = folder.path.clone();
        let config = BoardConfig { command, profile, flash, options, given, lan, source: None };
        let mut view = BoardView::new(id, &name, profile, &new);
        if folder.is_other {
            view.note(others_files(&name, &folder));
        }
        self.switch_on(id, view, config, folder);
        Ok(Reply::Board { board: id.to_string(), name })
    }

    async fn attach(&self, name: &str, profile: &Profile) -> Result<LanPort, Problem> {
        match self.ask(Do::Attach { name: name.to_owned(), cable: !profile.has_wifi() }).await? {
            Done::Attached(port) => Ok(port),
            Done::NotAttached(why) => Err(why.into()),
            _ => Err(Problem::ended()),
        }
    }

    fn switch_on(self: &Arc<Self>, id: BoardId, view: BoardView, config: BoardConfig, folder: Folder) {
        let (profile, flash, name) = (config.profile, config.flash.clone(), view.name.clone());
        let face = Arc::new(Face { view: Mutex::new((view, true)), scroll: Scroll::new() });
        let (drawn, workbench) = (Arc::clone(&face), Arc::downgrade(self));
        let board = Board::start(config, move |event| {
            drawn.hear(profile, event);
            if let Some(workbench) = workbench.upgrade() {
                workbench.gathered.bell.notify_one();
            }
        });
        let remote = board.remote();
        let printed = Arc::clone(&face);
        let seat = remote.attach(move |bytes| {
            printed.scroll.put(bytes);
            Ok(())
        });
        std::mem::forget(seat); // it stays until the board goes
        let (board, offers) = (Mutex::new(Some(board)), Mutex::default());
        let member = Member { remote, profile, board, face, offers, flash, name, _folder: folder };
        lock(&self.boards.0).members.insert(id.0, Arc::new(member));
        self.gathered.look_at_lan();
    }

    /// A number, and a name that no other board has.
    fn reserve(&self, profile: &Profile, wanted: Option<&str>) -> Result<(BoardId, Promised<'_>), Problem> {
        let mut held = lock(&self.boards.0);
        if held.members.len() + held.promised.len() >= MOST {
            let (en, zh) = (format!("there are {MOST} boards already"), format!("已有 {MOST} 块板子"));
            return Err(Problem::bad("too_many_boards", en, zh));
        }
        let is_taken =
            |name: &str| held.promised.contains(name) || held.members.values().any(|member| member.name == name);
        let name = choose_name(profile, wanted.map(str::trim).filter(|name| !name.is_empty()), is_taken)?;
        held.last += 1;
        held.promised.insert(name.clone());
        Ok((BoardId(held.last), Promised { boards: &self.boards, name }))
    }

    /// Takes back what is offered there.
    pub(crate) async fn withdraw(&self, id: BoardId, at: String) -> Result<Reply, Problem> {
        let member = self.board(id)?;
        let withdrawn = tokio::task::spawn_blocking(move || member.withdraw(&at)); // it waits for a thread
        let reply = withdrawn.await.map_err(|_| Problem::ended())?;
        self.gathered.bell.notify_one();
        reply
    }

    pub(crate) async fn remove_board(&self, id: BoardId) -> Result<Reply, Problem> {
        let member = self.board(id)?;
        let name = member.name.clone();
        let off = tokio::task::spawn_blocking(move || member.switch_off()); // it waits for the process
        off.await.map_err(|_| Problem::ended())?;
        self.ask(Do::Detach(name)).await?;
        let mut held = lock(&self.boards.0);
        held.members.remove(&id.0);
        held.gone.insert(id.0);
        drop(held);
        self.gathered.look_at_lan();
        Ok(Reply::Done)
    }
}

/// The name that is wanted, or the first of the profile's that nobody has.
fn choose_name(profile: &Profile, wanted: Option<&str>, is_taken: impl Fn(&str) -> bool) -> Result<String, Problem> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match wanted {
        Some(name) if name.len() > LONGEST_NAME || !name.chars().all(is_plain) || name.starts_with('-') => {
            Err(Problem::bad(
                "bad_name",
                "a board's name is of small letters, digits and -, 32 at most",
                "板子名称只能包含小写字母、数字和 -，最多 32 个字符",
            ))
        }
        Some(name) if is_taken(name) => {
            let (en, zh) = (format!("there is a board {name} already"), format!("已有名为 {name} 的板子"));
            Err(Problem::bad("name_taken", en, zh))
        }
        Some(name) => Ok(name.to_owned()),
        None => {
            let numbered = (2..).map(|number| format!("{}-{number}", profile.name));
            let mut names = std::iter::once(profile.name.to_owned()).chain(numbered);
            Ok(names.find(|name| !is_taken(name)).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_has_a_name_of_its_own() {
        let profile = Profile::named("esp32").expect("a profile");
        let choose = |wanted, taken: &[&str]| choose_name(profile, wanted, |name| taken.contains(&name)).ok();
        assert_eq!(choose(None, &[]).as_deref(), Some("esp32"));
        assert_eq!(choose(None, &["esp32", "esp32-2"]).as_deref(), Some("esp32-3"));
        assert_eq!(choose(Some("desk-1"), &[]).as_deref(), Some("desk-1"));
        let long = "x".repeat(LONGEST_NAME + 1);
        for bad in ["Desk", "a b", "../x", "-x", "é", "a/b", &long] {
            assert_eq!(choose(Some(bad), &[]), None, "{bad}");
        }
        assert_eq!(choose(Some("desk"), &["desk"]), None);
    }

    #[test]
    fn a_console_is_read_on_from_where_a_seat_was() {
        let scroll = Scroll::new();
        scroll.put(b"hello");
        assert_eq!(scroll.after(0), (0, b"hello".to_vec(), 5));
        scroll.put(b" board");
        assert_eq!(scroll.after(5), (0, b" board".to_vec(), 11));
        assert_eq!(scroll.after(11), (0, Vec::new(), 11));
        scroll.put(&vec![b'x'; SCROLL]);
        let (skipped, bytes, next) = scroll.after(5);
        assert_eq!((skipped, bytes.len(), next), (6, SCROLL, 11 + SCROLL as u64), "the six before are gone");
    }
}
