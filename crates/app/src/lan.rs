//! The virtual network around the boards of `run` and `repl`, and the endpoints that are opened beside them.
//! What the network does belongs in the engine.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use socklab_capture::run::{Retention, run_name};
use socklab_engine::url::EndpointUrl;
use socklab_engine::{Command, Config, Engine, Forward, LanPort, LanSettings, Lang, Reply, Store, Sync};

use crate::cli::{BoardArgs, Net, Show};
use crate::output::{Output, Sink, Style};
use crate::places::Places;
use crate::say::{self, Fail};

/// How long what waits to be sent may take at the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// A network that boards can be attached to.
pub(crate) struct Lan {
    engine: Engine,
    shown: Option<Output>,
    /// Some of the capture could not be written.
    lost: Arc<AtomicBool>,
}

/// Records of endpoints: stdout is the board's.
struct Stderr;

impl Sink for Stderr {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::stderr().lock().write_all(bytes)
    }
}

impl Lan {
    /// The network that was asked for, for the boards of these names; none where boards are on this machine's.
    pub(crate) fn start(args: &BoardArgs, boards: &[&str], places: &Places, lang: Lang) -> Result<Option<Lan>, Fail> {
        let urls = args.open.iter().map(|url| EndpointUrl::for_listen(url)).collect::<Result<Vec<_>, _>>()?;
        if args.net == Net::Host {
            return refuse_on_host(args).map(|()| None);
        }
        args.forward.iter().try_for_each(|forward| has_board(forward, boards))?;
        let harmed = args.fault.iter().filter_map(|fault| fault.board.as_deref());
        harmed.into_iter().try_for_each(|board| is_board(board, boards))?;
        let (lost, shows_events) = (Arc::default(), Arc::new(AtomicBool::new(!urls.is_empty())));
        let told = crate::run::teller(&lost, &shows_events, lang);
        let (engine, reader) = Engine::start(config(args, places, lang), told)?;
        for url in urls {
            match engine.remote().call(Command::Open(url)) {
                Some(Reply::Opened(id, url)) => {
                    say::tell(format_args!("{id} {} {url}", lang.pick("listening on", "正在监听")));
                }
                Some(Reply::Failed(failure)) => return Err(failure.into()),
                _ => return Err(ended()),
            }
        }
        for forward in &args.forward {
            open_forward(&engine, forward, boards, lang)?;
        }
        let style = Style::new(Some(Show::Text), Default::default(), lang);
        let (watch, _) = mpsc::channel(); // what an output tells is not waited for
        let shown = reader.zip(style).map(|(reader, style)| Output::start(reader, style, Stderr, watch));
        Ok(Some(Lan { engine, shown, lost }))
    }

    /// A place for one board.
    pub(crate) fn attach(&self, name: &str, cable: bool) -> Result<LanPort, Fail> {
        match self.engine.remote().call(Command::Attach { name: name.to_owned(), cable }) {
            Some(Reply::Attached(port)) => Ok(port),
            Some(Reply::NotAttached(why)) => Err(Fail::usage(why.text(Lang::En), why.text(Lang::Zh))),
            _ => Err(ended()),
        }
    }

    /// Closes what was opened, once the boards are gone. Says whether the whole capture is there.
    pub(crate) fn end(self) -> bool {
        self.engine.shut_down(PATIENCE);
        if let Some(shown) = self.shown {
            let _ = shown.result(); // nobody reads stderr any more
        }
        !self.lost.load(Ordering::SeqCst)
    }
}

fn ended() -> Fail {
    Fail::other("the engine has ended", "引擎已结束")
}

/// What only the virtual network has.
fn refuse_on_host(args: &BoardArgs) -> Result<(), Fail> {
    if !args.open.is_empty() {
        return Err(Fail::usage(
            "--open is for the virtual network: with --net host, start `socklab listen` beside the board",
            "--open 用于虚拟网络；使用 --net host 时请另外运行 `socklab listen`",
        ));
    }
    if args.frames {
        return Err(Fail::usage("--frames is for the virtual network", "--frames 用于虚拟网络"));
    }
    if !args.fault.is_empty() {
        return Err(Fail::usage("--fault is for the virtual network", "--fault 用于虚拟网络"));
    }
    if args.air.is_some() {
        return Err(Fail::usage("--air is for the virtual network", "--air 用于虚拟网络"));
    }
    if !args.name.is_empty() {
        return Err(Fail::usage("--name is for the virtual network", "--name 用于虚拟网络"));
    }
    if args.seed != 0 {
        return Err(Fail::usage("--seed is for the virtual network", "--seed 用于虚拟网络"));
    }
    if args.host_loopback {
        return Err(Fail::usage(
            "--host-loopback is for the virtual network: with --net host, this machine's loopback is the board's own",
            "--host-loopback 用于虚拟网络；使用 --net host 时板子直接使用本机的环回地址",
        ));
    }
    if !args.forward.is_empty() {
        return Err(Fail::usage(
            "--forward is for the virtual network: with --net host, the board's ports are this machine's",
            "--forward 用于虚拟网络；使用 --net host 时板子的端口就是本机的端口",
        ));
    }
    Ok(())
}

fn has_board(forward: &Forward, boards: &[&str]) -> Result<(), Fail> {
    match &forward.board {
        Some(board) => is_board(board, boards),
        None if boards.len() == 1 => Ok(()),
        None => Err(Fail::usage(
            format!("--forward has to say which board: {}", boards.join(", ")),
            format!("--forward 需要指明板子：{}", boards.join("、")),
        )),
    }
}

fn is_board(name: &str, boards: &[&str]) -> Result<(), Fail> {
    if boards.contains(&name) {
        return Ok(());
    }
    Err(Fail::usage(
        format!("no board is called {name:?} here; there are {}", boards.join(", ")),
        format!("这里没有名为 {name:?} 的板子；有 {}", boards.join("、")),
    ))
}

/// Opens it, and says where.
fn open_forward(engine: &Engine, forward: &Forward, boards: &[&str], lang: Lang) -> Result<(), Fail> {
    let board = forward.board.as_deref().or(boards.first().copied()).unwrap_or_default();
    match engine.remote().call(Command::Forward(forward.clone())) {
        Some(Reply::Forwarded(at)) => {
            let port = forward.port;
            say::tell(format_args!("{at} {} {board}:{port}", lang.pick("leads to", "转到")));
            Ok(())
        }
        Some(Reply::Failed(failure)) => Err(failure.into()),
        _ => Err(ended()),
    }
}

fn config(args: &BoardArgs, places: &Places, lang: Lang) -> Config {
    let has_endpoints = !args.open.is_empty();
    let store = match has_endpoints || args.frames {
        true => Store::Disk { captures: places.captures(None), retention: Retention::default(), sync: Sync::default() },
        false => Store::Nothing,
    };
    let lan = LanSettings {
        seed: args.seed,
        faults: args.fault.clone(),
        air: args.air.unwrap_or_default(),
        wifi: args.wifi.clone(),
        join_time: args.join_time,
        host_loopback: args.host_loopback,
        internet: args.internet,
        frames: args.frames,
        names: args.name.clone(),
    };
    let run = run_name(SystemTime::now().into(), std::process::id());
    Config { store, run, reader: has_endpoints, lang, registers: true, lan: Some(lan), control: None }
}
