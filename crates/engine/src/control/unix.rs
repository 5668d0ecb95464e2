//! The socket, from both sides.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream as Dialled;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use super::ControlError;
use crate::failure::Lang;
use crate::hub::Hub;
use crate::lan::{Following, NotSteered, Steer};
use crate::open::SocketFile;
use crate::writer::Trouble;

/// The longest question: a fault with all its words is a tenth of it.
const LONGEST: u64 = 16 << 10;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to leave questions waiting when the system has no more descriptors to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// What is asked, and the language that the answer is to be in.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    lang: Lang,
    steer: Steer,
}

type Answer = Result<String, NotSteered>;

/// The folder; `None` where the system names none.
fn folder() -> Option<PathBuf> {
    let runtime = dirs::runtime_dir().or_else(dirs::cache_dir)?;
    Some(runtime.join("socklab").join("control"))
}

fn file_of(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.sock"))
}

/// Answers until the task is dropped, which takes the socket away. Where there can be none, the network runs without,
/// and that is said.
pub(crate) async fn serve(hub: Rc<Hub>) {
    let Some(folder) = folder() else { return };
    let (listener, _file) = match listen(&folder) {
        Ok(listening) => listening,
        Err(error) => return hub.recorder.tell(Trouble::Unreachable { folder, error }),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let hub = Rc::clone(&hub);
                tokio::task::spawn_local(async move { answer(&hub, stream).await }); // who asks sees it end
            }
            Err(_) => tokio::time::sleep(EXHAUSTED_PAUSE).await,
        }
    }
}

/// The folder keeps others out, also in the moment before the socket itself does.
fn listen(folder: &Path) -> io::Result<(UnixListener, SocketFile)> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    // Made under a name of its own: another engine of this process may be doing the same, and a process that had this
    // number before may not have ended well.
    static ENGINES: AtomicU32 = AtomicU32::new(0);
    let (process, engine) = (std::process::id(), ENGINES.fetch_add(1, Ordering::Relaxed));
    let new = SocketFile(folder.join(format!("{process}.{engine}")));
    let _ = fs::remove_file(&new.0);
    let listener = UnixListener::bind(&new.0)?;
    fs::set_permissions(&new.0, Permissions::from_mode(0o600))?;
    let file = SocketFile(file_of(folder, process));
    fs::rename(&new.0, &file.0)?;
    Ok((listener, file))
}

async fn answer(hub: &Hub, stream: UnixStream) -> io::Result<()> {
    let (mut asks, mut hears) = stream.into_split();
    let steer = tokio::time::timeout(PATIENCE, answer_line(hub, &mut asks, &mut hears)).await??;
    match hub.lan() {
        Some(lan) if steer == Steer::Capture => carry(&lan.follow(), asks, hears).await,
        _ => Ok(()),
    }
}

/// Answers one question, and gives it.
async fn answer_line(hub: &Hub, asks: &mut OwnedReadHalf, hears: &mut OwnedWriteHalf) -> io::Result<Steer> {
    let mut line = String::new();
    tokio::io::BufReader::new(asks.take(LONGEST)).read_line(&mut line).await?;
    let Question { steer, lang } = serde_json::from_str(&line)?;
    let answer: Answer = match hub.lan() {
        Some(lan) => lan.answer(&steer, lang).await,
        None => Err(NotSteered::NoNetwork),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    hears.write_all(&line).await?;
    Ok(steer)
}

/// Carries a capture to who follows, until one of both has had enough. Who follows says nothing more.
async fn carry(following: &Following, mut asks: OwnedReadHalf, mut hears: OwnedWriteHalf) -> io::Result<()> {
    let carried = async {
        while let Some(bytes) = following.next().await {
            hears.write_all(&bytes).await?;
        }
        Ok(())
    };
    tokio::select! {
        carried = carried => carried,
        _ = asks.read_u8() => Ok(()),
    }
}

pub(super) fn ask(pid: Option<u32>, steer: Steer, lang: Lang) -> Result<String, ControlError> {
    let (answer, _) = exchange(dial(pid)?, &Question { lang, steer }).map_err(ControlError::Broken)?;
    answer.map_err(ControlError::Refused)
}

pub(super) fn follow(pid: Option<u32>) -> Result<Answers, ControlError> {
    let stream = dial(pid)?;
    let question = Question { lang: Lang::En, steer: Steer::Capture };
    let (answer, answers) = exchange(stream, &question).map_err(ControlError::Broken)?;
    answer.map_err(ControlError::Refused)?;
    answers.0.get_ref().set_read_timeout(None).map_err(ControlError::Broken)?;
    Ok(answers)
}

/// What comes behind an answer.
#[derive(Debug)]
pub(super) struct Answers(BufReader<Dialled>);

impl Answers {
    pub(super) fn end(&self) -> Box<dyn Fn() + Send> {
        let stream = self.0.get_ref().try_clone();
        Box::new(move || drop(stream.as_ref().map(|stream| stream.shutdown(Shutdown::Both))))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

fn dial(pid: Option<u32>) -> Result<Dialled, ControlError> {
    let folder = folder().ok_or(ControlError::None)?;
    match pid {
        Some(pid) => Dialled::connect(file_of(&folder, pid)).map_err(|_| ControlError::NoSuch(pid)),
        None => only(&folder),
    }
}

/// The only one that answers: sockets are left behind by processes that did not end well.
fn only(folder: &Path) -> Result<Dialled, ControlError> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".sock")?.parse().ok());
    let mut alive: Vec<(u32, Dialled)> =
        pids.filter_map(|pid| Some((pid, Dialled::connect(file_of(folder, pid)).ok()?))).collect();
    match alive.len() {
        0 => Err(ControlError::None),
        1 => Ok(alive.remove(0).1),
        _ => {
            let mut pids: Vec<u32> = alive.iter().map(|(pid, _)| *pid).collect();
            pids.sort_unstable();
            Err(ControlError::Several(pids))
        }
    }
}

fn exchange(mut stream: Dialled, question: &Question) -> io::Result<(Answer, Answers)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_string(question)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    line.clear();
    let mut answers = BufReader::new(stream);
    if answers.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into()); // it has just ended
    }
    Ok((serde_json::from_str(&line)?, Answers(answers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_an_answer_are_a_line_each() {
        let (ours, theirs) = Dialled::pair().expect("two ends");
        let served = std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(&theirs).read_line(&mut line).expect("a line");
            (&theirs).write_all(b"{\"Err\":{\"no_board\":\"rp2\"}}\n").expect("it listens");
            line
        });
        let question = Question { lang: Lang::Zh, steer: Steer::Fault("rp2:down".into()) };
        let (answer, _) = exchange(ours, &question).expect("an answer");
        assert_eq!(answer, Err(NotSteered::NoBoard("rp2".into())));
        assert_eq!(served.join().expect("it was served"), "{\"lang\":\"zh\",\"steer\":{\"fault\":\"rp2:down\"}}\n");
    }

    #[tokio::test]
    async fn the_socket_is_its_owners_and_goes_with_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("socklab");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let (listener, file) = listen(&folder).expect("a socket");
        assert_eq!((mode(&folder), mode(&file.0)), (0o700, 0o600));
        assert!(only(&folder).is_ok());
        drop(listener);
        assert!(matches!(only(&folder), Err(ControlError::None)), "one that was left behind does no harm");
        let (_again, new) = listen(&folder).expect("in the place of one that was left behind");
        assert!(only(&folder).is_ok());
        drop(new);
        assert!(!file.0.exists());
    }
}
