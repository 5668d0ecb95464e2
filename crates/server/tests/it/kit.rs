//! A workbench of a test's own, and clients that say exactly what they are told to.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socklab_engine::Lang;
use socklab_server::{Page, Server, Settings, Token};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// What every test's workbench wants to hear.
pub(crate) const TOKEN: &str = "t0ken";

/// However slow the machine: what has not happened by then never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A workbench, and the folder that is its own.
pub(crate) struct Bench {
    server: Option<Server>,
    at: SocketAddr,
    folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, in whatever case it was sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The code of the problem that it is.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench::with_page(Page::Embedded)
    }

    pub(crate) fn with_page(page: Page) -> Self {
        Bench::in_folder(tempfile::tempdir().expect("a folder"), page)
    }

    fn in_folder(folder: tempfile::TempDir, page: Page) -> Self {
        let settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            moves: false,
            token: Token::chosen(TOKEN).expect("a word"),
            captures: folder.path().join("captures"),
            retention: Default::default(),
            sync: Default::default(),
            flash: folder.path().join("flash"),
            board_command: vec!["/nonexistent".into()],
            lang: Lang::En,
            page,
        };
        let server = Server::start(settings, |trouble| panic!("{trouble:?}")).expect("starts");
        Bench { at: server.address(), server: Some(server), folder }
    }

    /// Another that keeps its files where this one does, as a second start of the program. Neither outlives the other.
    #[cfg(unix)]
    pub(crate) fn beside(&self) -> Self {
        let folder = self.folder.path();
        let own = tempfile::tempdir_in(folder).expect("a folder");
        std::os::unix::fs::symlink(folder.join("flash"), own.path().join("flash")).expect("a link");
        Bench::in_folder(own, Page::Embedded)
    }

    /// The cookie that the printed address gives, as a browser sends it: `name=value`.
    pub(crate) fn cookie(&self, host: &str) -> String {
        let head = format!("GET /?token={TOKEN} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = self.say(&head, b"");
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        cookie.unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn url(&self) -> String {
        self.server.as_ref().expect("it runs").url()
    }

    pub(crate) fn captures(&self) -> PathBuf {
        self.folder.path().join("captures")
    }

    /// A request as a program makes it.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Answer {
        let (at, length) = (self.at, body.map_or(0, |(_, body)| body.len()));
        let kind = body.map(|(kind, _)| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {TOKEN}\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        self.say(&head, body.map_or(&[], |(_, body)| body))
    }

    /// Bytes, as they are; the answer to them.
    pub(crate) fn say(&self, head: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.at).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(head.as_bytes()).expect("it reads");
        let _ = stream.write_all(body); // it may refuse before it has read all
        answer(stream)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    pub(crate) fn state(&self) -> Value {
        self.get("/api/state").json()
    }

    pub(crate) fn command(&self, command: &Value) -> Answer {
        self.ask("POST", "/api/command", Some(("application/json", command.to_string().as_bytes())))
    }

    /// Does it, which must work.
    #[track_caller]
    pub(crate) fn done(&self, command: Value) -> Value {
        let answer = self.command(&command);
        assert_eq!(answer.status, 200, "{command}: {}", answer.text());
        answer.json()
    }

    /// Opens a TCP server; gives its id and port.
    #[track_caller]
    pub(crate) fn listen(&self) -> (String, u16) {
        let opened = self.done(json!({"do": "open", "url": "tcp-listen://127.0.0.1:0"}));
        let port = opened["url"].as_str().and_then(|url| url.rsplit(':').next()?.parse().ok());
        (opened["endpoint"].as_str().expect("an id").to_owned(), port.expect("a port"))
    }

    /// Waits until the state is as it should be, and gives it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let state = self.state();
            if is_so(&state) {
                return state;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {state:#}");
            std::thread::sleep(Duration::from_millis(5)); // a look costs the engine something
        }
    }

    /// Waits until the log can be read up to a record, and gives all of it.
    #[track_caller]
    pub(crate) fn records(&self, count: u64) -> Vec<Value> {
        self.until("the log", |state| state["log"]["next"].as_u64() > Some(count));
        let window = self.get("/api/runs/current/records").json();
        window["records"].as_array().expect("records").clone()
    }

    /// A WebSocket, as a program opens it.
    pub(crate) fn socket(&self, path: &str) -> WebSocket<TcpStream> {
        let mut request = format!("ws://{}{path}", self.at).into_client_request().expect("a URL");
        request.headers_mut().insert("Authorization", format!("Bearer {TOKEN}").parse().expect("a header"));
        let stream = TcpStream::connect(self.at).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        tungstenite::client(request, stream).expect("a WebSocket").0
    }

    /// Ends it; gives its folder, which lives on.
    pub(crate) fn end(mut self) -> tempfile::TempDir {
        self.server.take().expect("it runs").shut_down(Duration::from_secs(1));
        self.folder
    }
}

/// The next message as JSON.
pub(crate) fn heard(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return serde_json::from_str(&text).expect("JSON"),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            // A read with a deadline is not taken up again after a signal (signal(7)), such as a child's end.
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
            other => panic!("{other:?}"),
        }
    }
}

fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes); // a reset after the answer is as good as its end
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let rest = &bytes[end + 4..];
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { joined(rest) } else { rest.to_vec() };
    Answer { status, head, body }
}

/// The chunks of a body (RFC 9112, 7.1), as many as are whole.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).expect("a length");
        let Some(chunk) = rest.get(end + 2..end + 2 + length).filter(|_| length > 0) else { break };
        body.extend_from_slice(chunk);
        rest = &rest[end + 4 + length..];
    }
    body
}

/// A device that connects.
pub(crate) fn device(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Reads so many bytes.
#[track_caller]
pub(crate) fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("bytes");
    bytes
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}
