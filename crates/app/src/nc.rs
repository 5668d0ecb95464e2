//! `socklab nc`: the flags of nc and ncat, for commands that people paste. Nothing is captured.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use socklab_capture::text::Encoding;
use socklab_engine::url::{EndpointUrl, HostPort, Options, Place, Target, UnixName, UrlError};
use socklab_engine::{Command, Config, Ending, Engine, Lang, Reply, Store, Targets};

use crate::cli::{NcArgs, Show};
use crate::input::Cut;
use crate::output::{Dump, DumpForm, Stdout, Style};
use crate::run::{self, Care, Session};
use crate::say::{self, Fail, INTERRUPTED};
use crate::watch::Happening;

/// Silence of less, between two reads of an input that goes on, is none: -w0 sends all that is there.
const BETWEEN_READS: Duration = Duration::from_millis(100);

pub(crate) fn run(args: NcArgs, lang: Lang) -> Result<ExitCode, Fail> {
    if args.zero {
        return scan(&args, lang);
    }
    let mut url = url(&args)?;
    run::send_all_input(&mut url);
    let style =
        Style::new(Some(Show::Raw), Encoding::default(), lang).ok_or_else(|| Fail::Other("nothing to show".into()))?;
    let dumps = dumps(&args, lang)?;
    let config = Config {
        store: Store::Memory,
        run: "nc".into(),
        reader: true,
        lang,
        registers: false,
        lan: None,
        control: None,
    };
    let failed: Vec<_> = dumps.iter().map(Dump::failed).collect();
    let code = run::run(config, Care::Failures, lang, |session| {
        session.open(vec![url], |_, url| tell_opened(&args, url, lang))?;
        session.show(Style::Dumped(Box::new(style), dumps), Stdout);
        session.feed(cut(&args));
        Ok(wait_for_end(&args, session))
    })?;
    let is_whole = !failed.iter().any(|failed| failed.load(Ordering::SeqCst));
    Ok(if is_whole || code != ExitCode::SUCCESS { code } else { ExitCode::FAILURE })
}

fn tell_opened(args: &NcArgs, url: &EndpointUrl, lang: Lang) {
    if args.verbose > 0 {
        let (en, zh) = if args.listen { ("listening on", "正在监听") } else { ("connected to", "已连接") };
        say::tell(format_args!("{} {}", lang.pick(en, zh), run::as_asked(url)));
    }
}

fn cut(args: &NcArgs) -> Cut {
    Cut { lines: args.interval.is_some(), pause: args.interval, crlf: args.crlf }
}

/// The exit code, when it is time to end.
fn wait_for_end(args: &NcArgs, session: &mut Session) -> u8 {
    // With -w, silence ends a connection. It begins to count with the first byte, or when there is no input any more:
    // what comes through a pipe must have had its chance. With -q, what counts of a server begins with its first client.
    let (mut silent, mut quit, mut shortest) = (None, None, BETWEEN_READS + args.interval.unwrap_or_default());
    let (mut is_there, mut input_ended) = (!args.listen, false);
    loop {
        let idle = |shortest: Duration| args.wait.map(|wait| Instant::now() + wait.max(shortest));
        let after = |begun: bool| args.quit_after.filter(|_| begun).map(|after| Instant::now() + after);
        let deadline: Option<Instant> = [silent, quit].into_iter().flatten().min();
        match session.next(deadline) {
            None if args.listen && args.keep_open && deadline == silent => {
                silent = None;
                session.remote().call(Command::End { peers: Targets::All, ending: Ending::Close });
            }
            None | Some(Happening::OutputEnded) => return 0,
            Some(Happening::Interrupt) => return INTERRUPTED,
            Some(Happening::Traffic) => silent = idle(shortest),
            Some(Happening::Connected) if !is_there => {
                is_there = true;
                quit = after(input_ended);
            }
            Some(Happening::InputEnded) => {
                shortest = Duration::ZERO;
                input_ended = true;
                quit = after(is_there);
                if !args.listen {
                    silent = idle(shortest);
                }
                if !args.listen || args.finish {
                    session.remote().call(Command::End { peers: Targets::All, ending: Ending::HalfClose });
                }
            }
            Some(Happening::EndpointEnded(end)) => return session.code_of(end),
            Some(_) => {}
        }
    }
}

/// What the flags amount to.
fn url(args: &NcArgs) -> Result<EndpointUrl, Fail> {
    let mut options = Options::default();
    if !args.udp {
        options.timeout = args.wait.filter(|wait| !args.listen && !wait.is_zero());
    }
    if args.listen {
        options.max_peers = args.max_conns.map(NonZeroUsize::get).filter(|_| !args.udp || args.keep_open);
        options.once = (!args.keep_open && !args.udp).then_some(true);
    }
    let place = match (args.unixsock, args.listen) {
        (true, _) => unix_place(args, &mut options)?,
        (false, true) => listen_place(args)?,
        (false, false) => match args.place.as_slice() {
            [host, port] => dial_place(args, [host, port], &mut options)?,
            _ => return Err(Fail::usage("HOST and PORT are needed, or -l PORT", "需要 HOST 和 PORT，或 -l PORT")),
        },
    };
    Ok(EndpointUrl { place, options })
}

fn unix_place(args: &NcArgs, options: &mut Options) -> Result<Place, Fail> {
    let [path] = args.place.as_slice() else { return Err(Fail::usage("-U takes one path", "-U 需要一个路径")) };
    let name = UnixName::new(path.as_str()).map_err(UrlError::from)?;
    Ok(match (args.listen, args.udp) {
        (true, true) => Place::UnixDgram(name),
        (true, false) => Place::UnixListen(name),
        (false, true) => {
            options.peer.push(Target::Unix(name));
            Place::UnixDgram(UnixName::default())
        }
        (false, false) => Place::Unix(name),
    })
}

fn listen_place(args: &NcArgs) -> Result<Place, Fail> {
    let port = args.source_port.map(|port| port.to_string());
    let (host, port) = match (args.place.as_slice(), port) {
        ([], Some(port)) => (None, port),
        ([host], Some(port)) => (Some(host.clone()), port),
        ([port], None) => (None, port.clone()),
        ([host, port], None) => (Some(host.clone()), port.clone()),
        _ => return Err(Fail::usage("-l takes [HOST] PORT", "-l 之后是 [HOST] PORT")),
    };
    let host = host.or_else(|| args.source.clone()).unwrap_or_else(|| any(args).into());
    let place = host_port(&host, &port)?;
    Ok(if args.udp { Place::Udp(place) } else { Place::TcpListen(place) })
}

fn dial_place(args: &NcArgs, [host, port]: [&str; 2], options: &mut Options) -> Result<Place, Fail> {
    let target = family(args, host_port(host, port)?)?;
    let source = (args.source.is_some() || args.source_port.is_some())
        .then(|| {
            host_port(args.source.as_deref().unwrap_or(any_like(&target)), &args.source_port.unwrap_or(0).to_string())
        })
        .transpose()?;
    if args.udp {
        options.peer.push(Target::Inet(target.clone()));
        let own = host_port(any_like(&target), "0")?;
        return Ok(Place::Udp(source.unwrap_or(own)));
    }
    options.bind = source;
    Ok(Place::Tcp(target))
}

/// The unspecified address of the family that the flags ask for.
fn any(args: &NcArgs) -> &'static str {
    match (args.ipv4, args.ipv6) {
        (true, _) => "0.0.0.0",
        (_, true) => "::",
        _ => "*",
    }
}

fn any_like(target: &HostPort) -> &'static str {
    if target.to_string().starts_with('[') { "::" } else { "0.0.0.0" }
}

/// nc takes IPv6 addresses without brackets.
fn host_port(host: &str, port: &str) -> Result<HostPort, Fail> {
    let bare_v6 = host.contains(':') && !host.starts_with('[');
    let text = if bare_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Ok(text.parse::<HostPort>().map_err(UrlError::from)?)
}

/// The target in the family that the flags ask for, its name looked up here if need be.
fn family(args: &NcArgs, target: HostPort) -> Result<HostPort, Fail> {
    use socklab_engine::url::Host;
    use std::net::ToSocketAddrs;
    let fits = |v4: bool| !(args.ipv4 && !v4 || args.ipv6 && v4);
    match &target.host {
        Host::Name(name) if args.nodns => {
            Err(Fail::usage(format!("-n: {name} is no IP address"), format!("-n：{name} 不是 IP 地址")))
        }
        Host::Name(name) if args.ipv4 || args.ipv6 => {
            let failed = |error| socklab_engine::Failure::new(socklab_engine::failure::Operation::Resolve, name, error);
            let mut found = (name.as_str(), target.port).to_socket_addrs().map_err(failed)?;
            let fitting = found.find(|address| fits(address.is_ipv4()));
            let none = || failed(io::ErrorKind::NotFound.into());
            Ok(HostPort { host: Host::Ip(fitting.ok_or_else(none)?.ip()), port: target.port })
        }
        Host::Ip(ip) if !fits(ip.is_ipv4()) => {
            Err(Fail::usage(format!("{ip} is not of the family asked for"), format!("{ip} 不属于所选的地址族")))
        }
        _ => Ok(target),
    }
}

/// `-z`: which ports of a range take connections.
fn scan(args: &NcArgs, lang: Lang) -> Result<ExitCode, Fail> {
    let [host, ports] = args.place.as_slice() else {
        return Err(Fail::usage("-z takes HOST PORT or HOST LOW-HIGH", "-z 之后是 HOST PORT 或 HOST LOW-HIGH"));
    };
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    let bad = |text: &str| Fail::usage(format!("{text:?} is no port"), format!("{text:?} 不是端口"));
    let port = |text: &str| text.parse::<u16>().map_err(|_| bad(text));
    let (low, high) = (port(low)?, port(high)?);
    let config = Config {
        store: Store::Nothing,
        run: "nc".into(),
        reader: false,
        lang,
        registers: false,
        lan: None,
        control: None,
    };
    let (engine, _) = Engine::start(config, |_| {})?;
    let mut open = 0;
    for port in low..=high {
        let mut options = Options { timeout: args.wait.filter(|wait| !wait.is_zero()), ..Options::default() };
        let place = dial_place(args, [host, &port.to_string()], &mut options)?;
        match engine.remote().call(Command::Open(EndpointUrl { place, options })) {
            Some(Reply::Opened(_, url)) => {
                open += 1;
                if args.verbose > 0 {
                    say::tell(format_args!("{url} {}", lang.pick("takes connections", "可以连接")));
                }
            }
            Some(Reply::Failed(failure)) if args.verbose > 0 => say::say(failure.text(lang)),
            _ => {}
        }
    }
    engine.shut_down(Duration::ZERO);
    Ok(ExitCode::from(u8::from(open == 0)))
}

/// The files of -o and -x.
fn dumps(args: &NcArgs, lang: Lang) -> Result<Vec<Dump>, Fail> {
    let wanted = [(&args.output, DumpForm::Bytes), (&args.hex_dump, DumpForm::Hex)];
    wanted.into_iter().filter_map(|(path, form)| path.as_deref().map(|path| open_dump(path, form, lang))).collect()
}

fn open_dump(path: &Path, form: DumpForm, lang: Lang) -> Result<Dump, Fail> {
    let file = File::create(path).map_err(|error| {
        let (path, cause) = (path.display(), socklab_engine::failure::cause(&error, Lang::Zh));
        Fail::usage(format!("cannot create {path}: {error}"), format!("无法创建 {path}：{cause}"))
    })?;
    Ok(Dump::new(file, form, lang))
}
