//! `socklab serve`: the workbench, from its start to Ctrl-C. What it serves belongs in the crate `server`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socklab_engine::url::EndpointUrl;
use socklab_engine::{Lang, Reach, Trouble};
use socklab_server::{Page, Server, Settings, StartError, Token};

use crate::board::PROCESS;
use crate::cli::ServeArgs;
use crate::places::Places;
use crate::run::{self, PATIENCE};
use crate::say::{self, Fail, INTERRUPTED};
use crate::watch::{Happening, Watch};

/// Where the workbench is, unless another one is there.
const PORT: u16 = 7625;

pub(crate) fn run(args: &ServeArgs, places: &Places, lang: Lang) -> Result<ExitCode, Fail> {
    let urls = args.open.iter().map(|url| EndpointUrl::for_listen(url)).collect::<Result<Vec<_>, _>>()?;
    let (watch, lost) = (Watch::new()?, Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&lost);
    let server = Server::start(settings(args, places, lang)?, move |trouble| {
        seen.fetch_or(matches!(trouble, Trouble::Lost { .. }), Ordering::SeqCst);
        say::say(trouble.text(lang));
    })?;
    let run = server.run().clone();
    let opened = open_all(&server, urls, lang);
    if opened.is_ok() {
        tell(&server, args, lang);
        while !matches!(watch.next(None), Some(Happening::Interrupt) | None) {}
    }
    let farewell = server.shut_down(PATIENCE);
    run::discard(&run);
    let unsent = run::report_unsent(&farewell, lang);
    opened?;
    Ok(ExitCode::from(if unsent || lost.load(Ordering::SeqCst) { 1 } else { INTERRUPTED }))
}

fn settings(args: &ServeArgs, places: &Places, lang: Lang) -> Result<Settings, Fail> {
    let token = match &args.token {
        Some(word) => Token::chosen(word).ok_or_else(|| {
            Fail::usage("a token is of letters, digits and - _ . ~", "令牌只能包含字母、数字和 - _ . ~")
        })?,
        None => Token::random().map_err(|error| Fail::Other(format!("no token can be made: {error}")))?,
    };
    let own = std::env::current_exe();
    let own =
        own.map_err(|error| Fail::other(format!("cannot find socklab: {error}"), format!("找不到 socklab：{error}")))?;
    Ok(Settings {
        listen: args.listen.as_deref().map_or(Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))), place)?,
        moves: args.listen.is_none(),
        token,
        captures: places.captures(None),
        retention: args.keeping.retention(),
        sync: args.keeping.sync.into(),
        flash: places.flashes(),
        board_command: vec![own.into(), PROCESS.into()],
        lang,
        page: Page::Embedded,
    })
}

/// `8650`, `localhost:8650`, `0.0.0.0:8650`, `[::1]:8650`. A name is none: what it leads to may change.
fn place(text: &str) -> Result<SocketAddr, Fail> {
    let port = text.strip_prefix("localhost:").unwrap_or(text).parse();
    let local = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    local.or_else(|_| text.parse()).map_err(|_| {
        Fail::usage(
            format!("{text:?} is no place to listen: write a port, or an address and a port: 8650, 0.0.0.0:8650"),
            format!("{text:?} 不能用于监听：请写端口，或地址加端口，例如 8650、0.0.0.0:8650"),
        )
    })
}

fn open_all(server: &Server, urls: Vec<EndpointUrl>, lang: Lang) -> Result<(), Fail> {
    for url in urls {
        let url = server.open(url)?;
        say::tell(format_args!("{} {url}", lang.pick("listening on", "正在监听")));
    }
    Ok(())
}

/// Says where it is, and opens a browser there.
fn tell(server: &Server, args: &ServeArgs, lang: Lang) {
    let (at, url) = (server.address(), server.url());
    if args.listen.is_none() && at.port() != PORT {
        say::tell(match lang {
            Lang::En => format!("port {PORT} is taken, so this one is on port {}", at.port()),
            Lang::Zh => format!("端口 {PORT} 已被占用，改用端口 {}", at.port()),
        });
    }
    say::tell(format_args!("{} {url}", lang.pick("workbench:", "工作台：")));
    if at.ip().is_unspecified() {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let networks = socklab_engine::addresses().unwrap_or_default().into_iter();
        let networks = networks
            .filter(|(interface, reach)| *reach == Reach::Network && (at.is_ipv6() || interface.ip().is_ipv4()));
        for (interface, reach) in networks {
            let at = SocketAddr::new(interface.ip(), at.port());
            say::tell(format_args!("  http://{at}/?{query}   {}", reach.text(lang)));
        }
    }
    say::tell(lang.pick("Ctrl-C ends it", "按 Ctrl-C 结束"));
    if !args.no_open && has_display() && open::that_detached(&url).is_err() {
        say::tell(
            lang.pick("no browser could be opened: open the address yourself", "无法打开浏览器：请手动打开上面的地址"),
        );
    }
}

/// Whether there is a screen that a browser could be on.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos")) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

impl From<StartError> for Fail {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Listen(failure) => failure.into(),
            StartError::Engine(error) => error.into(),
            StartError::System(error) => Fail::Other(format!("cannot start: {error}")),
        }
    }
}
