//! `socklab send`: connect, send, print what comes back, exit.

use std::io::Read;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socklab_capture::hex;
use socklab_engine::url::EndpointUrl;
use socklab_engine::{Command, Config, Ending, Engine, Lang, Outcome, Remote, Reply, Store, Targets, WhenFull};

use crate::cli::SendArgs;
use crate::output::{Output, Stdout, Style};
use crate::say::{Fail, INTERRUPTED};
use crate::session::{PATIENCE, report_unsent};
use crate::watch::{Happening, Watch};

/// A file goes out in pieces of so many bytes, on stream sockets.
const FILE_CHUNK: usize = 64 * 1024;

pub(crate) fn run(args: SendArgs, lang: Lang) -> Result<ExitCode, Fail> {
    let url = EndpointUrl::for_connect(&[&args.url])?;
    let payload = Payload::new(&args, lang)?;
    let watch = Watch::new()?;
    let style = args.wait.and(Style::new(Some(args.show), args.encoding));
    let store = if style.is_some() { Store::Memory } else { Store::Nothing };
    let config = Config { store, run: "send".into(), reader: style.is_some() };
    let (engine, reader) = Engine::start(config, |_| {})?;
    let remote = engine.remote();
    match remote.call(Command::Open(url)) {
        Some(Reply::Opened(id, _)) => watch.endpoint(remote.clone(), id),
        Some(Reply::Failed(failure)) => return Err(failure.into()),
        _ => return Err(Fail::Other("the engine has ended".into())),
    }
    let output = reader.zip(style).map(|(reader, style)| Output::start(reader, style, Stdout, watch.sender.clone()));
    let code = match repeat(&args, &payload, &remote, &watch)? {
        Some(code) => code,
        None => listen_for_reply(&args, &remote, &watch)?,
    };
    let farewell = engine.shut_down(PATIENCE);
    if let Some(output) = output {
        output.finish();
    }
    let lost = report_unsent(&farewell, lang);
    Ok(ExitCode::from(if lost && code == 0 { 1 } else { code }))
}

/// What is sent each time.
enum Payload {
    Bytes(Bytes),
    File(std::path::PathBuf),
}

impl Payload {
    fn new(args: &SendArgs, lang: Lang) -> Result<Self, Fail> {
        if let Some(path) = &args.file {
            return match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => {
                    Err(Fail::Usage(format!("{}: {}", path.display(), lang.pick("it is a folder", "这是一个文件夹"))))
                }
                Ok(_) => Ok(Payload::File(path.clone())),
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
            Payload::File(path) => {
                let failed = |error| Fail::Other(format!("{}: {error}", path.display()));
                let (mut file, mut buffer) = (std::fs::File::open(path).map_err(failed)?, vec![0; FILE_CHUNK]);
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

/// Sends as often as was asked; the exit code if something ends it before.
fn repeat(args: &SendArgs, payload: &Payload, remote: &Remote, watch: &Watch) -> Result<Option<u8>, Fail> {
    for turn in 0..args.repeat {
        payload.send(remote)?;
        let next = Instant::now() + if turn + 1 < args.repeat { args.every } else { Duration::ZERO };
        while let Some(happening) = watch.next(Some(next)) {
            match happening {
                Happening::Interrupt => return Ok(Some(INTERRUPTED)),
                Happening::EndpointEnded(_) if turn + 1 < args.repeat => {
                    return Err(Fail::other("the peer has closed: not all could be sent", "对端已关闭：未能全部发送"));
                }
                Happening::EndpointEnded(_) => return Ok(Some(0)),
                _ => {}
            }
        }
    }
    Ok(None)
}

/// Until the peer closes or is silent for as long as was asked.
fn listen_for_reply(args: &SendArgs, remote: &Remote, watch: &Watch) -> Result<u8, Fail> {
    let Some(silence) = args.wait else { return Ok(0) };
    let mut deadline = Instant::now() + silence;
    loop {
        match watch.next(Some(deadline)) {
            None => break,
            Some(Happening::Interrupt) => return Ok(INTERRUPTED),
            Some(Happening::Traffic) => deadline = Instant::now() + silence,
            Some(Happening::OutputEnded(Err(fail))) => return Err(fail),
            Some(Happening::EndpointEnded(_)) => return Ok(0),
            Some(_) => {}
        }
    }
    remote.call(Command::End { peers: Targets::All, ending: Ending::Close });
    Ok(0)
}
