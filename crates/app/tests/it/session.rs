//! Sessions for others to look at, and the reading of what they left.

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::path::{Path, PathBuf};

use crate::kit::{Done, Lab, read_all, read_some};

/// What the three clients of [`Session`] say, write by write.
pub(crate) const SAID: [&[&[u8]]; 3] = [
    &[b"Hello 01Studio!\r\n"],
    &[b"tempe", b"rature=21\n"], // a word that comes in two
    &[b"\x01\x03\x00\x00\x00\x02\xc4\x0b", b"T=42\n"],
];

/// A run of `listen --echo` with three clients, one after the other. Every write is a record, and so is its echo.
pub(crate) struct Session {
    pub(crate) lab: Lab,
    /// The URL listened on.
    pub(crate) url: String,
    /// The clients' addresses.
    pub(crate) clients: Vec<String>,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self::on("tcp-listen://127.0.0.1:0")
    }

    /// On some other loopback address.
    pub(crate) fn on(place: &str) -> Self {
        let lab = Lab::new();
        let (url, clients) = play(&lab, place);
        Session { lab, url, clients }
    }

    /// The records as `show` tells of them, without the time.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("e1 {} * open", self.url)];
        for (number, client) in self.clients.iter().enumerate() {
            lines.extend(self.lines_of(number, client));
        }
        lines.push(format!("e1 {} * closed", self.url));
        lines
    }

    fn lines_of(&self, number: usize, client: &str) -> Vec<String> {
        let head = format!("e1.{} {client}", number + 1);
        let data = SAID[number].iter().flat_map(|bytes| [('<', bytes), ('>', bytes)]);
        let data = data.map(|(sign, bytes)| format!("{head} {sign} {}", escaped(bytes)));
        let begin = [format!("{head} * connected")];
        begin.into_iter().chain(data).chain([format!("{head} * closed by peer")]).collect()
    }
}

/// As the text forms write bytes; enough for what is said here.
fn escaped(bytes: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b'\r' => r"\r".into(),
        b'\n' => r"\n".into(),
        0 => r"\0".into(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!(r"\x{other:02x}"),
    };
    bytes.iter().map(escape).collect()
}

fn play(lab: &Lab, place: &str) -> (String, Vec<String>) {
    let server = lab.listen(place, &["--echo"]);
    let address = server.urls[0].trim_start_matches("tcp-listen://").split('?').next().unwrap_or_default();
    let address = address.parse().expect("an address that can be dialled");
    let mut clients = Vec::new();
    for writes in SAID {
        let mut client = crate::kit::dial(address);
        clients.push(client.local_addr().expect("an address").to_string());
        for bytes in writes {
            client.write_all(bytes).expect("sent");
            assert_eq!(read_some(&mut client, bytes.len()), *bytes);
        }
        client.shutdown(Shutdown::Write).expect("a half-close");
        assert!(read_all(&mut client).is_empty());
        // What is shown has been written: no two clients are in one chunk.
        server.running.wait_for_text(&String::from_utf8_lossy(writes.last().expect("some")));
    }
    let url = server.urls[0].clone();
    server.stop();
    (url, clients)
}

/// All that the three clients said.
pub(crate) fn said() -> Vec<u8> {
    SAID.concat().concat()
}

/// The lines of a text form without their first word, the time.
pub(crate) fn without_time(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest)).collect()
}

/// The one segment of a short run.
pub(crate) fn segment(run: &Path) -> PathBuf {
    run.join("000001.pcapng")
}

/// Copies a run under another name, beside it.
pub(crate) fn copy_run(run: &Path, name: &str) -> PathBuf {
    let copy = run.with_file_name(name);
    fs::create_dir(&copy).expect("a new folder");
    for entry in fs::read_dir(run).expect("a folder").flatten() {
        fs::copy(entry.path(), copy.join(entry.file_name())).expect("copied");
    }
    copy
}

/// Checks that a command failed as it should: with this code, one line on stderr that says so, and nothing on stdout.
#[track_caller]
pub(crate) fn assert_refused(done: &Done, code: i32, says: &str) {
    let one_line = done.err.lines().count() == 1 && done.err.starts_with("socklab: ") && done.err.contains(says);
    assert!(
        done.code == Some(code) && one_line && done.out.is_empty(),
        "wanted code {code} and one line with {says:?}: {done:?}"
    );
}

/// Reads base64 (RFC 4648, with padding).
pub(crate) fn base64(text: &str) -> Vec<u8> {
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{:?} in base64", char::from(other)),
    };
    let decode = |four: &[u8]| {
        let digits = four.iter().take_while(|digit| **digit != b'=').count();
        let bits = four[..digits].iter().fold(0, |bits: u32, digit| bits << 6 | u32::from(value(*digit)));
        let bytes = (bits << (6 * (4 - digits))).to_be_bytes();
        bytes[1..digits].to_vec()
    };
    assert!(text.len().is_multiple_of(4), "{text:?} is cut");
    text.as_bytes().chunks(4).flat_map(decode).collect()
}
