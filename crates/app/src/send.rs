//! `socklab send`: connect, send, print what comes back, exit.

use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socklab_capture::hex;
use socklab_engine::url::{EndpointUrl, Place};
use socklab_engine::{Command, Config, Ending, Lang, LastEnd, Outcome, Remote, Reply, Store, Targets, WhenFull};

use crate::cli::SendArgs;
use crate::input;
use crate::output::{Stdout, Style};
use crate::run::{self, Care, Session};
use crate::say::{Fail, INTERRUPTED};
use crate::watch::Happening;

/// A file goes out in pieces of so many bytes, on stream sockets.
const FILE_CHUNK: usize = 64 * 1024;

pub(crate) fn run(args: SendArgs, lang: Lang) -> Result<ExitCode, Fail> {
    let url = EndpointUrl::for_connect(&[&args.url])?;
    let payload = Arc::new(Payload::new(&args, &url, lang)?);
    let style = args.wait.and(Style::new(Some(args.show), args.encoding, lang));
    // A reader in any case: what could not be sent stands in the log.
    let config = Config {
        store: Store::Memory,
        run: "send".into(),
        reader: true,
        lang,
        registers: false,
        lan: None,
        control: None,
    };
    run::run(config, Care::Resets, lang, |session| {
        session.open(vec![url], |_, _| {})?;
        session.show(style.unwrap_or(Style::Nothing), Stdout);
        match repeat(&args, &payload, session)? {
            Some(code) => Ok(code),
            None => Ok(listen_for_reply(&args, session)),
        }
    })
}

/// What is sent each time.
enum Payload {
    Bytes(Bytes),
    /// In pieces of so many bytes.
    File(std::path::PathBuf, usize),
}

impl Payload {
    fn new(args: &SendArgs, url: &EndpointUrl, lang: Lang) -> Result<Self, Fail> {
        if let Some(path) = &args.file {
            let has_datagrams = matches!(url.place, Place::Udp(_) | Place::UnixDgram(_));
            let piece = if has_datagrams { input::CHUNK } else { FILE_CHUNK };
            return match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => {
                    Err(Fail::Usage(format!("{}: {}", path.display(), lang.pick("it is a folder", "这是一个文件夹"))))
                }
                Ok(_) => Ok(Payload::File(path.clone(), piece)),
                Err(error) => {
                    Err(Fail::Usage(format!("{}: {}", path.display(), socklab_engine::failure::cause(&error, lang))))
                }
            };
        }
        let text = args.payload.join(" ");
        let bytes = if args.hex {
            hex::parse(&text).map_err(|error| Fail::usage(error.to_string(), error.zh()))
        } else {
            args.encoding.parse_escaped(&text).map_err(|error| Fail::usage(error.to_string(), error.zh()))
        };
        Ok(Payload::Bytes(bytes?.into()))
    }

    fn send(&self, remote: &Remote) -> Result<(), Fail> {
        match self {
            Payload::Bytes(bytes) => hand_over(remote, bytes.clone()),
            Payload::File(path, piece) => {
                let failed = |error| Fail::Other(format!("{}: {error}", path.display()));
                let (mut file, mut buffer) = (std::fs::File::open(path).map_err(failed)?, vec![0; *piece]);
                loop {
                    match file.read(&mut buffer).map_err(failed)? {
                        0 => return Ok(()),
                        count => hand_over(remote, Bytes::copy_from_slice(&buffer[..count]))?,
                    }
                }
            }
        }
    }
}

fn hand_over(remote: &Remote, bytes: Bytes) -> Result<(), Fail> {
    match remote.call(Command::Send { to: Targets::All, bytes, when_full: WhenFull::Wait }) {
        Some(Reply::Outcomes(outcomes)) if outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Queued) => Ok(()),
        _ => Err(Fail::other("the peer is gone: not all could be sent", "对端已离开：未能全部发送")),
    }
}

/// Hands over what is to be sent, and notes if the endpoint ends meanwhile; the exit code if Ctrl-C comes before.
fn send_once(payload: &Arc<Payload>, session: &mut Session, ended: &mut Option<LastEnd>) -> Result<Option<u8>, Fail> {
    let (remote, sender, payload) = (session.remote().clone(), session.sender(), Arc::clone(payload));
    thread::spawn(move || {
        let _ = sender.send(Happening::HandedOver(payload.send(&remote)));
    });
    loop {
        match session.next(None) {
            Some(Happening::HandedOver(result)) => return result.map(|()| None),
            Some(Happening::Interrupt) => return Ok(Some(INTERRUPTED)),
            Some(Happening::EndpointEnded(end)) => *ended = Some(end),
            Some(_) => {}
            None => return Err(Fail::other("the engine has ended", "引擎已结束")),
        }
    }
}

/// Sends as often as was asked; the exit code if something ends it before.
fn repeat(args: &SendArgs, payload: &Arc<Payload>, session: &mut Session) -> Result<Option<u8>, Fail> {
    let mut ended = None;
    for turn in 0..args.repeat {
        if let Some(code) = send_once(payload, session, &mut ended)? {
            return Ok(Some(code));
        }
        let is_last = turn + 1 == args.repeat;
        let next = Instant::now() + if is_last { Duration::ZERO } else { args.every };
        while ended.is_none()
            && let Some(happening) = session.next(Some(next))
        {
            match happening {
                Happening::Interrupt => return Ok(Some(INTERRUPTED)),
                Happening::EndpointEnded(end) => ended = Some(end),
                _ => {}
            }
        }
        match ended {
            Some(end) if is_last => return Ok(Some(session.code_of(end))),
            Some(_) => {
                return Err(Fail::other("the peer has closed: not all could be sent", "对端已关闭：未能全部发送"));
            }
            None => {}
        }
    }
    Ok(None)
}

/// Until the peer closes or is silent for as long as was asked; gives the exit code.
fn listen_for_reply(args: &SendArgs, session: &mut Session) -> u8 {
    let Some(silence) = args.wait else { return 0 };
    let mut deadline = Instant::now() + silence;
    loop {
        match session.next(Some(deadline)) {
            None => break,
            Some(Happening::Interrupt) => return INTERRUPTED,
            Some(Happening::Traffic) => deadline = Instant::now() + silence,
            Some(Happening::OutputEnded) => return 0,
            Some(Happening::EndpointEnded(end)) => return session.code_of(end),
            Some(_) => {}
        }
    }
    session.remote().call(Command::End { peers: Targets::All, ending: Ending::Close });
    0
}
