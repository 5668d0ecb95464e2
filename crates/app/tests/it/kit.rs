//! What every test needs: a folder of its own, children that do not outlive it, and waiting under one deadline: every
//! call that can block has it, and whoever waits in vain says for what, and what has come so far. Nothing here is
//! shared between tests.

use std::ffi::OsStr;
use std::fmt::{self, Display};
#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Whatever is waited for comes within this time, or the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// How often a condition is looked at that nothing tells of.
const TICK: Duration = Duration::from_millis(2);

/// Waits until `find` finds something.
#[track_caller]
pub(crate) fn until<T>(what: impl Display, mut find: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        let is_last = Instant::now() >= end; // asked first: a machine that stood still has one more look
        if let Some(found) = find() {
            return found;
        }
        assert!(!is_last, "waited {DEADLINE:?} for {what}");
        thread::sleep(TICK);
    }
}

/// Does something that may wait for ever, and gives up on it at the deadline.
#[track_caller]
pub(crate) fn in_time<T: Send + 'static>(what: impl Display, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(act()));
    match done.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("waited {DEADLINE:?} for {what}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{what} failed"),
    }
}

/// Bytes without any pattern, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Compares without printing megabytes.
#[track_caller]
pub(crate) fn assert_same(what: impl Display, got: &[u8], wanted: &[u8]) {
    if got != wanted {
        let differ = got.iter().zip(wanted).position(|(a, b)| a != b);
        let at = differ.unwrap_or(got.len().min(wanted.len()));
        panic!("{what}: got {} bytes, wanted {}; the first difference is at {at}", got.len(), wanted.len());
    }
}

/// A folder of a test's own, and the program working in it.
pub(crate) struct Lab(TempDir);

impl Lab {
    pub(crate) fn new() -> Self {
        Lab(tempfile::Builder::new().prefix("socklab-it-").tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as it is typed.
    pub(crate) fn typed(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().expect("a temporary folder's path is UTF-8")
    }

    /// The program with its data in this folder.
    pub(crate) fn socklab<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = bare_socklab();
        command.arg("--data").arg(self.path("data")).args(args).current_dir(self.0.path());
        command.env("XDG_RUNTIME_DIR", self.path("run")); // one lab's boards do not find another's endpoints
        command
    }

    /// Runs the program to its end, without input.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Done {
        run(self.socklab(args))
    }

    /// Runs the program to its end, with this input.
    pub(crate) fn run_with<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &[u8]) -> Done {
        let mut running = self.start(args);
        running.feed(input.to_vec());
        running.finish()
    }

    /// Starts the program; its input stays open until it is fed or closed.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Running {
        Running::start(self.socklab(args))
    }

    /// Starts `listen` on one place, without input, and waits until it listens.
    pub(crate) fn listen(&self, place: &str, options: &[&str]) -> Server {
        let mut server = self.listen_with_input(&[place], options);
        server.running.close_input();
        server
    }

    /// Starts `listen` with its input left open.
    pub(crate) fn listen_with_input(&self, places: &[&str], options: &[&str]) -> Server {
        let args = ["listen"].iter().chain(places).chain(options);
        Server::new(self.start(args), places.len())
    }

    /// The only or newest run, as `capture stat --json` tells of it.
    pub(crate) fn stat(&self) -> Value {
        self.stat_of(&[])
    }

    pub(crate) fn stat_of(&self, run: &[&str]) -> Value {
        let done = self.run(["capture", "stat", "--json"].iter().chain(run));
        serde_json::from_str(&done.ok()).expect("stat --json prints JSON")
    }

    /// The records of the newest run, as JSON.
    pub(crate) fn records(&self) -> Vec<Value> {
        json_lines(&self.run(["capture", "show", "--show", "json"]).ok())
    }

    /// The bytes that peers sent, as the capture has them.
    pub(crate) fn exported_raw(&self, options: &[&str]) -> Vec<u8> {
        let done = self.run(["capture", "export", "--as", "raw"].iter().chain(options));
        assert_eq!((done.code, &*done.err), (Some(0), ""), "export --as raw");
        done.out
    }

    /// The folder of the newest run.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.path("data").join("captures").join(self.stat()["run"].as_str().expect("a run has a name"))
    }
}

/// The program, speaking English and telling the time in UTC.
pub(crate) fn bare_socklab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_socklab"));
    command.env("LC_ALL", "C").env("TZ", "UTC").env_remove("SOCKLAB_DATA").env_remove("NO_COLOR");
    command
}

/// A program that `ci.sh` installs for the tests.
pub(crate) fn installed(name: &str) -> PathBuf {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/bin")).join(name);
    assert!(path.exists(), "./ci.sh installs {name}; run it once");
    path
}

/// Runs a command to its end, without input.
pub(crate) fn run(command: Command) -> Done {
    let mut running = Running::start(command);
    running.close_input();
    running.finish()
}

/// Starts a command.
fn spawn(command: &mut Command, name: &str) -> Child {
    let spawned = command.spawn();
    spawned.unwrap_or_else(|error| panic!("cannot run {name}: {error}; ./ci.sh installs what the tests need"))
}

/// Both ends of a new terminal, ours first. Not by openpty(3), whose ends every child that another test starts at the
/// moment would inherit, and hold open.
#[cfg(target_os = "linux")]
fn terminal() -> io::Result<(File, File)> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::OpenOptionsExt;

    use nix::fcntl::OFlag;
    use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let mut options = File::options();
    let slave = options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(ptsname_r(&master)?)?;
    Ok((File::from(master.as_fd().try_clone_to_owned()?), slave))
}

/// The last of what was printed, for a person to read.
fn end_of(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..])
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// A child that has ended.
pub(crate) struct Done {
    name: String,
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Done {
    /// What it printed, if all went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}: {}", self.name, self.err);
        self.text()
    }

    /// What it printed.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.out).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

impl fmt::Debug for Done {
    /// For a person to read, and not megabytes of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = String::from_utf8_lossy(&self.out[..self.out.len().min(2000)]);
        let (name, code, err, length) = (&self.name, self.code, &self.err, self.out.len());
        write!(f, "{name}\nended with {code:?}; stdout, {length} bytes:\n{start}\nstderr:\n{err}")
    }
}

/// What a child reads.
type Input = Box<dyn Write + Send>;

/// A child at work; killed when it goes out of sight.
pub(crate) struct Running {
    name: String,
    child: Child,
    input: Option<Input>,
    writing: Option<JoinHandle<Input>>,
    pub(crate) out: Arc<Pipe>,
    pub(crate) err: Arc<Pipe>,
}

impl Running {
    /// Starts a command whose output is taken as it comes.
    pub(crate) fn start(command: Command) -> Self {
        let (mut running, out) = Self::start_unheard(command);
        running.out = Pipe::collect(out);
        running
    }

    /// Starts a command whose output nobody takes but the caller.
    pub(crate) fn start_unheard(command: Command) -> (Self, ChildStdout) {
        let mut running = Self::start_into(command, Stdio::piped());
        let out = running.child.stdout.take().expect("stdout is a pipe");
        (running, out)
    }

    /// Starts a command whose output goes elsewhere.
    pub(crate) fn start_into(mut command: Command, out: impl Into<Stdio>) -> Self {
        let name = format!("{command:?}");
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(out).stderr(Stdio::piped()), &name);
        let err = Pipe::collect(child.stderr.take().expect("stderr is a pipe"));
        let input = child.stdin.take().map(|input| Box::new(input) as Input);
        Running { name, child, input, writing: None, out: Arc::new(Pipe::ended()), err }
    }

    /// Starts a command at a terminal: what is written to it is typed, and what it prints comes as output. Its stderr
    /// is a pipe, so that what it says can be told from what it shows.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_at_terminal(command: &mut Command) -> Self {
        let (master, slave) = terminal().expect("a terminal");
        let name = format!("{command:?}");
        command.env("TERM", "xterm").stdin(slave.try_clone().expect("a terminal can be shared"));
        let mut child = spawn(command.stdout(slave).stderr(Stdio::piped()), &name);
        command.stdin(Stdio::null()).stdout(Stdio::null()); // the terminal has to close when the child does
        let err = Pipe::collect(child.stderr.take().expect("stderr is a pipe"));
        let typing = master.try_clone().expect("a terminal can be shared");
        Running { name, child, input: Some(Box::new(typing)), writing: None, out: Pipe::collect(master), err }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes one piece of input, in one go if it is short.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let (mut input, bytes) = (self.input.take().expect("the input is open"), bytes.to_vec());
        let what = format!("{} bytes of input to be read by {}", bytes.len(), self.so_far());
        self.input = Some(in_time(what, move || {
            input.write_all(&bytes).expect("the child reads its input");
            input
        }));
    }

    /// Writes all of its input and ends it, at the speed at which it is read. A reader that leaves early is no failure.
    pub(crate) fn feed(&mut self, bytes: Vec<u8>) {
        let mut input = self.input.take().expect("the input is open");
        thread::spawn(move || match input.write_all(&bytes) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("cannot feed: {error}"),
            _ => {}
        });
    }

    /// Writes all of this at the speed at which it is read, and leaves the input open until [`close_input`](Self::close_input).
    pub(crate) fn write_and_keep_open(&mut self, bytes: Vec<u8>) {
        let mut input = self.input.take().expect("the input is open");
        self.writing = Some(thread::spawn(move || {
            input.write_all(&bytes).expect("the child reads its input");
            input
        }));
    }

    #[track_caller]
    pub(crate) fn close_input(&mut self) {
        if let Some(writing) = self.writing.take() {
            self.until("all of the input to be read by", |_| writing.is_finished().then_some(()));
            drop(writing.join().expect("it was written"));
        }
        self.input = None;
    }

    /// Waits until so many bytes have come out.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, length: usize) -> Vec<u8> {
        self.out.wait_for(&self.name, "output", |bytes| (bytes.len() >= length).then(|| bytes.to_vec()), &self.err)
    }

    /// Waits for the output to hold this text.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) {
        let found = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text).then_some(());
        self.out.wait_for(&self.name, text, found, &self.err);
    }

    /// Waits for the output to hold this text behind its first `start` bytes.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn wait_for_text_after(&self, start: usize, text: &str) {
        let found = |bytes: &[u8]| bytes[start..].windows(text.len()).any(|window| window == text.as_bytes());
        self.out.wait_for(&self.name, text, |bytes| found(bytes).then_some(()), &self.err);
    }

    /// Waits for whole lines on stderr of which `pick` takes `count`.
    #[track_caller]
    pub(crate) fn wait_for_told<T>(&self, what: &str, count: usize, pick: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let find = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let found: Vec<T> = whole.lines().filter_map(&pick).collect();
            (found.len() >= count).then_some(found)
        };
        self.err.wait_for(&self.name, what, find, &self.err)
    }

    /// Waits for stderr to hold this text behind its first `start` bytes.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn wait_for_told_after(&self, start: usize, text: &str) {
        let found = |bytes: &[u8]| bytes[start..].windows(text.len()).any(|window| window == text.as_bytes());
        self.err.wait_for(&self.name, text, |bytes| found(bytes).then_some(()), &self.err);
    }

    /// Waits for what nothing tells of.
    #[track_caller]
    fn until<T>(&mut self, what: &str, mut find: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            let is_last = Instant::now() >= end;
            if let Some(found) = find(self) {
                return found;
            }
            assert!(!is_last, "waited {DEADLINE:?} for {what} {}", self.so_far());
            thread::sleep(TICK);
        }
    }

    /// What the system knows of it: its state, its times, and where in the kernel it waits (proc(5)).
    #[cfg(target_os = "linux")]
    fn doing(&self) -> String {
        let read = |file| std::fs::read_to_string(format!("/proc/{}/{file}", self.id())).unwrap_or_default();
        format!(" ({}, in {})", read("stat").trim_end(), read("wchan"))
    }

    #[cfg(not(target_os = "linux"))]
    fn doing(&self) -> &'static str {
        ""
    }

    /// Its name, and what has come from it: for whoever waits for more.
    fn so_far(&self) -> String {
        let (out, err) = (self.out.lock(), self.err.text());
        let (length, last, doing) = (out.bytes.len(), end_of(&out.bytes), self.doing());
        format!("{}{doing}; so far, {length} bytes on stdout:\n{last}\nstderr:\n{err}", self.name)
    }

    /// Ctrl-C.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends a signal, as kill(1) calls it.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn signal(&self, signal: &str) {
        let mut command = Command::new("kill");
        command.arg(signal).arg(self.id().to_string());
        let done = run(command);
        assert_eq!(done.code, Some(0), "{done:?}: has it ended already? {}", self.so_far());
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Done {
        self.child.kill().expect("a child can be killed");
        self.finish()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits for its end, and for all that it had to say.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Done {
        let name = self.name.clone();
        let status = self.until("the end of", |this| this.child.try_wait().expect("a child can be asked"));
        let out = self.out.wait_for_end(&name);
        let err = self.err.wait_for_end(&name);
        Done { name, code: status.code(), out, err: String::from_utf8(err).expect("stderr is text") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `listen` at work.
pub(crate) struct Server {
    pub(crate) running: Running,
    /// Where it listens, as it says.
    pub(crate) urls: Vec<String>,
}

impl Server {
    /// Waits until it listens on so many places.
    pub(crate) fn new(running: Running, places: usize) -> Self {
        let url = |line: &str| Some(line.split_once(" listening on ")?.1.to_owned());
        let urls = running.wait_for_told("listening on", places, url);
        Server { running, urls }
    }

    pub(crate) fn port(&self) -> u16 {
        port_of(&self.urls[0])
    }

    pub(crate) fn dial(&self) -> TcpStream {
        dial(SocketAddr::from(([127, 0, 0, 1], self.port())))
    }

    /// Ctrl-C, and its end with the exit code that stands for it.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn stop(self) -> Done {
        self.running.interrupt();
        let done = self.running.finish();
        assert_eq!(done.code, Some(130), "after SIGINT: {}", done.err);
        done
    }
}

impl Deref for Server {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

/// The port at the end of `tcp-listen://127.0.0.1:10000?echo=1`.
pub(crate) fn port_of(url: &str) -> u16 {
    let place = url.split('?').next().unwrap_or_default();
    let port = place.rsplit(':').next().unwrap_or_default();
    port.parse().unwrap_or_else(|error| panic!("no port in {url}: {error}"))
}

/// Connects, with the deadline on every call.
#[track_caller]
pub(crate) fn dial(address: SocketAddr) -> TcpStream {
    try_dial(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
}

/// The same where it may be refused.
pub(crate) fn try_dial(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, DEADLINE).map(with_deadline)
}

/// Connects to a Unix socket, with the deadline on every call.
#[cfg(unix)]
#[track_caller]
pub(crate) fn dial_unix(path: &str) -> std::os::unix::net::UnixStream {
    let to = path.to_owned();
    let dialled = in_time(format!("{path} to be answered"), || std::os::unix::net::UnixStream::connect(to));
    let stream = dialled.unwrap_or_else(|error| panic!("cannot connect to {path}: {error}"));
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
    stream
}

/// A loopback address that no other process uses, for tests that need a port of their own choice: this one's id.
#[cfg(target_os = "linux")]
pub(crate) fn own_place(port: u16) -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, a | 0x80, b, c), port))
}

/// Elsewhere there is but one loopback address.
#[cfg(not(target_os = "linux"))]
pub(crate) fn own_place(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn with_deadline(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
    stream
}

/// A listener on loopback for the program to dial.
pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Takes a connection, and gives it the deadline on every call.
#[track_caller]
pub(crate) fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let listener = listener.try_clone().expect("a listener can be shared");
    let (stream, from) = in_time("a connection", move || listener.accept()).expect("a connection");
    (with_deadline(stream), from)
}

/// A socket for datagrams, with the deadline on every call.
pub(crate) fn udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    socket.set_write_timeout(Some(DEADLINE)).expect("a deadline");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// Waits until so many bytes are there, and leaves them unread: with them, closing resets the connection.
#[track_caller]
pub(crate) fn leave_unread(stream: &TcpStream, length: usize) {
    let mut peeked = vec![0; length];
    until(format!("{length} bytes to leave unread"), || {
        (stream.peek(&mut peeked).expect("they come") == length).then_some(())
    });
}

/// Reads to the end of the stream.
#[track_caller]
pub(crate) fn read_all(stream: &mut impl Read) -> Vec<u8> {
    let (mut bytes, end) = (Vec::new(), Instant::now() + DEADLINE);
    while read_more(stream, &mut bytes, 64 * 1024, "the end of the stream") > 0 {
        assert!(Instant::now() < end, "the stream goes on and on: {} bytes so far, {}", bytes.len(), end_of(&bytes));
    }
    bytes
}

/// Reads so many bytes.
#[track_caller]
pub(crate) fn read_some(stream: &mut impl Read, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let left = length - bytes.len();
        let count = read_more(stream, &mut bytes, left.min(64 * 1024), format_args!("{length} bytes"));
        assert!(count > 0, "the stream ended after {} of {length} bytes: {}", bytes.len(), end_of(&bytes));
    }
    bytes
}

/// Reads once, and says what has come already where nothing more does.
#[track_caller]
fn read_more(stream: &mut impl Read, bytes: &mut Vec<u8>, most: usize, what: impl Display) -> usize {
    let start = bytes.len();
    bytes.resize(start + most, 0);
    let read = stream.read(&mut bytes[start..]);
    bytes.truncate(start + *read.as_ref().unwrap_or(&0));
    read.unwrap_or_else(|error| {
        panic!("waited for {what}: {error}; {start} bytes have come, in the end: {}", end_of(bytes))
    })
}

/// What has come out of a child so far.
pub(crate) struct Pipe {
    state: Mutex<Collected>,
    more: Condvar,
}

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Pipe {
    fn ended() -> Self {
        Pipe { state: Mutex::new(Collected { bytes: Vec::new(), ended: true }), more: Condvar::new() }
    }

    /// Takes everything from `source`, on a thread of its own.
    pub(crate) fn collect(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let pipe = Arc::new(Pipe { state: Mutex::default(), more: Condvar::new() });
        let filled = Arc::clone(&pipe);
        thread::spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            loop {
                let count = source.read(&mut piece).unwrap_or(0);
                let mut state = filled.lock();
                state.bytes.extend_from_slice(&piece[..count]);
                state.ended = count == 0;
                filled.more.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        pipe
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn length(&self) -> usize {
        self.lock().bytes.len()
    }

    /// Waits for so many bytes.
    #[track_caller]
    pub(crate) fn wait_for_length(&self, length: usize) -> Vec<u8> {
        self.wait_for("a pipe", "output", |bytes| (bytes.len() >= length).then(|| bytes.to_vec()), self)
    }

    #[track_caller]
    fn wait_for<T>(&self, name: &str, what: &str, find: impl Fn(&[u8]) -> Option<T>, err: &Pipe) -> T {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if let Some(found) = find(&state.bytes) {
                return found;
            }
            if state.ended || left.is_zero() {
                let (length, ended, last) = (state.bytes.len(), state.ended, end_of(&state.bytes).into_owned());
                drop(state);
                let why = if ended { "it ended" } else { "the time was up" };
                panic!("{name}: {why} before {what} came; {length} bytes did: {last}\nstderr: {}", err.text());
            }
            state = self.more.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    #[track_caller]
    fn wait_for_end(&self, name: &str) -> Vec<u8> {
        let ended = |state: &mut Collected| !state.ended;
        let waited = self.more.wait_timeout_while(self.lock(), DEADLINE, ended).unwrap_or_else(PoisonError::into_inner);
        let (state, timeout) = waited;
        let so_far = || format!("{} bytes came: {}", state.bytes.len(), end_of(&state.bytes));
        assert!(!timeout.timed_out(), "{name} has ended, but somebody still has its output open; {}", so_far());
        state.bytes.clone()
    }
}
