//! What a command of the API looks like in a terminal, so that what was done in the page can be done again without it.
//! A payload comes from whoever typed it, or from a device: it stays one word, whatever is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use socklab_engine::board::Profile;

use crate::ask::Port;
use crate::boards::NewBoard;
use crate::command::{Command, How, To};
use crate::data::{Data, LineEnding};
use crate::lan::{Link, whole};
use crate::offers::Way;

/// A longer line is nothing to copy.
const LONGEST: usize = 4 << 10;

/// What a command is about, as far as a line of the terminal depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// The boards by their ids, and what a terminal has to be told to have the same.
    pub(crate) boards: BTreeMap<String, Kind>,
    /// Addresses on the virtual network that are boards'.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// How many endpoints are open.
    pub(crate) endpoints: usize,
}

/// What a board is.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) profile: &'static str,
    pub(crate) strict: bool,
    /// On this machine's own network.
    pub(crate) host: bool,
}

/// The lines that do the same; `None` where a terminal has no way, or would do something else.
pub(crate) fn line(command: &Command, around: &Around) -> Option<String> {
    let line = match command {
        Command::Open { url } => open(url, around)?,
        Command::Send { to, data, line_ending } => {
            format!("{}\n:{}", select(to), prompt_data(data, *line_ending)?)
        }
        Command::End { peers, how } => {
            let word = match how {
                How::Close => "close",
                How::HalfClose => "half",
                How::Reset => "reset",
            };
            prompt(format!(":{word} {}", who(peers)))?
        }
        Command::AddPeer { target, .. } if around.is_boards(target) => return None,
        Command::AddPeer { endpoint, target } => prompt(format!(":peer {endpoint} {target}"))?,
        Command::Join { endpoint, group, interface } => {
            prompt(format!(":join {endpoint} {group} {}", interface.as_deref().unwrap_or_default()))?
        }
        Command::Leave { endpoint, group, interface } => {
            prompt(format!(":leave {endpoint} {group} {}", interface.as_deref().unwrap_or_default()))?
        }
        // There it is for all endpoints.
        Command::Echo { on, .. } if around.endpoints == 1 => format!(":echo {}", if *on { "on" } else { "off" }),
        Command::BoardNew(new) => board_new(new)?,
        Command::BoardOffer { board, way, port, password } => {
            format!("{} {}", repl(around.boards.get(&board.to_string())?), offer(*way, *port, password.as_deref()))
        }
        Command::Fault { board, direction, spec } => {
            let direction = match direction {
                None => "",
                Some(Link::Up) => "up:",
                Some(Link::Down) => "down:",
            };
            let board = board.as_deref().unwrap_or("all");
            format!("socklab lan fault {} {}", word(board), word(&format!("{direction}{}", whole(spec))))
        }
        Command::Air { name, spec } => {
            let spec: Vec<_> = spec.split_whitespace().map(word).collect();
            let spec = if spec.is_empty() { "back".to_owned() } else { spec.join(" ") };
            format!("socklab lan air {} {spec}", word(name))
        }
        Command::Forward { forward } => lead(forward, around)?,
        Command::LanSet(settings) => {
            let options = settings.as_options();
            options.iter().fold("socklab repl".into(), |line, option| format!("{line} {}", word(option)))
        }
        Command::BoardRun { board, name, .. } => {
            let kind = around.boards.get(&board.to_string())?;
            format!("socklab run{} {}", kind.options(), file(name.as_deref().unwrap_or("main.py")))
        }
        Command::BoardSet { board, set } => {
            format!("{} --set {}", repl(around.boards.get(&board.to_string())?), word(set.trim()))
        }
        // `:close e1` ends an endpoint's conversations, and it goes on listening.
        Command::Close { .. }
        | Command::Echo { .. }
        | Command::Repeat { .. }
        | Command::Dismiss { .. }
        | Command::Name { .. }
        | Command::Encoding { .. }
        | Command::Stop { .. }
        | Command::BoardStop { .. }
        | Command::BoardReset { .. }
        | Command::BoardRemove { .. }
        | Command::BoardWithdraw { .. }
        | Command::EndForward { .. } => return None,
    };
    (line.len() <= LONGEST).then_some(line)
}

/// The lines that send a file from the folder in which they are given.
pub(crate) fn send_file(to: &str, name: &str) -> Option<String> {
    let select = if to == "all" { ":all".into() } else { format!(":to {to}") };
    Some(format!("{}\n{}", prompt(select)?, prompt(format!(":file {name}"))?))
}

impl Around {
    /// Whether an address is a board's. In a terminal it is one of the real network.
    fn is_boards(&self, place: &str) -> bool {
        let host = place.trim().rsplit_once(':').map_or(place, |(host, _)| host);
        host.parse().is_ok_and(|address| self.addresses.contains(&address))
    }
}

impl Kind {
    /// As options, each with a space before it.
    fn options(&self) -> String {
        let strict = if self.strict { " --strict" } else { "" };
        let host = if self.host { " --net host" } else { "" };
        format!(" --board {}{strict}{host}", word(self.profile))
    }
}

fn repl(kind: &Kind) -> String {
    format!("socklab repl{}", kind.options())
}

fn open(url: &str, around: &Around) -> Option<String> {
    let url = url.trim();
    let dials = ["tcp://", "unix:"].iter().any(|scheme| url.starts_with(scheme));
    let place = url.strip_prefix("tcp://").map(|place| place.split(['?', '/']).next().unwrap_or_default());
    let is_there = !place.is_some_and(|place| around.is_boards(place));
    is_there.then(|| format!("socklab {} {}", if dials { "connect" } else { "listen" }, word(url)))
}

/// None for a board with a name of its own: boards of a terminal are called as their kind is.
fn board_new(new: &NewBoard) -> Option<String> {
    let profile = Profile::named(&new.profile)?.name;
    if new.name.as_deref().is_some_and(|name| !name.is_empty() && name != profile) {
        return None;
    }
    let line = repl(&Kind { name: profile.into(), profile, strict: new.strict, host: new.host });
    Some(new.set.iter().fold(line, |line, given| format!("{line} --set {}", word(given.trim()))))
}

fn offer(way: Way, port: Port, password: Option<&str>) -> String {
    match way {
        Way::Tcp => format!("--tcp {port}"),
        Way::Serial => "--pty".into(),
        Way::Webrepl => {
            let password = password.map(|password| format!(" --password {}", word(password)));
            format!("--webrepl {port}{}", password.unwrap_or_default())
        }
    }
}

/// A forward begins with its board there. None where it names one that would be called something else.
fn lead(forward: &str, around: &Around) -> Option<String> {
    let named: Vec<&Kind> =
        around.boards.values().filter(|kind| forward.split(':').any(|part| part == kind.name)).collect();
    let kind = match &named[..] {
        [kind] => *kind,
        _ => around.boards.values().next().filter(|_| around.boards.len() == 1)?,
    };
    (kind.name == kind.profile).then(|| format!("{} --forward {}", repl(kind), word(forward.trim())))
}

/// The name of a file where options may stand.
fn file(name: &str) -> String {
    if name.starts_with('-') { word(&format!("./{name}")) } else { word(name) }
}

fn select(to: &To) -> String {
    match to {
        To::All => ":all".into(),
        _ => format!(":to {}", who(to)),
    }
}

fn who(to: &To) -> String {
    match to {
        To::All => "all".into(),
        To::Endpoint(id) => id.to_string(),
        To::Peers(ids) => ids.join(","),
    }
}

/// `hex 01 02` or `text AT\r\n`: the prompt's text takes escapes, and no encoding but its own.
fn prompt_data(data: &Data, line_ending: LineEnding) -> Option<String> {
    let bytes = data.bytes(line_ending).ok()?;
    Some(match std::str::from_utf8(&bytes) {
        Ok(text) if !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ') => {
            format!("text {}", escaped(text))
        }
        _ => {
            let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("hex {}", digits.join(" "))
        }
    })
}

/// Text as the prompt takes it: every character that is not plain is an escape.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if socklab_capture::escape::is_safe(c) => out.push(c),
            c => c.to_string().bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}"))),
        }
    }
    out
}

/// A line for the prompt; none where something in it would make two of it.
fn prompt(line: String) -> Option<String> {
    line.chars().all(|c| !c.is_control()).then(|| line.trim_end().to_owned())
}

/// One word for a POSIX shell. What could drive the terminal that it is pasted into is left out of no word: it becomes
/// `$'...'`, which bash, zsh and ksh read.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if text.chars().all(|c| c != '\n' && socklab_capture::escape::is_safe(c)) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            c if socklab_capture::escape::is_safe(c) && c != '\n' => out.push(c),
            c => c.to_string().bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}"))),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> Option<String> {
        let board = |name: &str, profile, strict| Kind { name: name.into(), profile, strict, host: false };
        let boards = [("b1", board("k230", "k230", false)), ("b2", board("desk", "rp2", true))];
        let around = Around {
            boards: boards.map(|(id, kind)| (id.to_owned(), kind)).into(),
            addresses: [IpAddr::from([192, 168, 1, 20])].into(),
            endpoints: 1,
        };
        line(&serde_json::from_str(json).expect(json), &around)
    }

    #[test]
    fn a_command_is_a_line_of_a_terminal() {
        for (json, wanted) in [
            (r#"{"do":"open","url":"10000"}"#, "socklab listen 10000"),
            (r#"{"do":"open","url":"tcp://[::1]:7"}"#, "socklab connect 'tcp://[::1]:7'"),
            (r#"{"do":"open","url":"udp://*:5000?a=1"}"#, "socklab listen 'udp://*:5000?a=1'"),
            (r#"{"do":"send","to":"all","data":{"text":"AT"},"line_ending":"crlf"}"#, ":all\n:text AT\\r\\n"),
            (r#"{"do":"send","to":{"peers":["e1.2","e1.3"]},"data":{"hex":"00ff"}}"#, ":to e1.2,e1.3\n:hex 00 ff"),
            (r#"{"do":"end","peers":{"peers":["e1.2"]},"how":"half-close"}"#, ":half e1.2"),
            (r#"{"do":"echo","endpoint":"e1","on":true}"#, ":echo on"),
            (
                r#"{"do":"fault","board":"esp32","direction":"up","spec":"loss=5% delay=20ms"}"#,
                "socklab lan fault esp32 'up:loss=5% delay=20ms'",
            ),
            (
                r#"{"do":"board_new","profile":"rp2","strict":true,"set":["4=1"]}"#,
                "socklab repl --board rp2 --strict --set 4=1",
            ),
            (r#"{"do":"board_new","profile":"rp2","host":true}"#, "socklab repl --board rp2 --net host"),
            (r#"{"do":"board_run","board":"b1","source":"x"}"#, "socklab run --board k230 main.py"),
            (
                r#"{"do":"board_run","board":"b2","source":"x","name":"-x.py"}"#,
                "socklab run --board rp2 --strict ./-x.py",
            ),
            (r#"{"do":"board_set","board":"b1","set":"4=1"}"#, "socklab repl --board k230 --set 4=1"),
            (
                r#"{"do":"board_offer","board":"b1","way":"webrepl","port":8266,"password":"a b"}"#,
                "socklab repl --board k230 --webrepl 8266 --password 'a b'",
            ),
            (r#"{"do":"forward","forward":"8080:k230:80"}"#, "socklab repl --board k230 --forward 8080:k230:80"),
            (
                r#"{"do":"lan_set","wifi":{"ssid":"Class 3","password":"p@ss w0rd"},"seed":7,"host_loopback":true}"#,
                "socklab repl --wifi 'Class 3:p@ss w0rd' --seed 7 --host-loopback",
            ),
            (r#"{"do":"air","name":"it's; rm -rf /","spec":"gone"}"#, r"socklab lan air 'it'\''s; rm -rf /' gone"),
        ] {
            assert_eq!(shown(json).as_deref(), Some(wanted), "{json}");
        }
    }

    #[test]
    fn what_a_terminal_would_do_otherwise_has_no_line() {
        let long = format!(r#"{{"do":"send","to":"all","data":{{"text":"{}"}}}}"#, "x".repeat(LONGEST));
        for json in [
            r#"{"do":"close","endpoint":"e1"}"#,
            r#"{"do":"add_peer","endpoint":"e1","target":"a\n:quit"}"#,
            r#"{"do":"add_peer","endpoint":"e1","target":"192.168.1.20:5000"}"#,
            r#"{"do":"end","peers":{"peers":["e1.2\n:quit"]},"how":"reset"}"#,
            r#"{"do":"open","url":"tcp://192.168.1.20:80"}"#,
            r#"{"do":"repeat","to":"all","data":{"text":"x"},"every_ms":1000}"#,
            r#"{"do":"board_new","profile":"rp2","name":"desk"}"#,
            r#"{"do":"forward","forward":"8080:desk:80"}"#,
            r#"{"do":"forward","forward":"8080:80"}"#,
            r#"{"do":"board_run","board":"b9","source":"x"}"#,
            &long,
        ] {
            assert_eq!(shown(json), None, "{json}");
        }
        assert_eq!(send_file("e1", "a b.bin").as_deref(), Some(":to e1\n:file a b.bin"));
        assert_eq!(send_file("all", "a\n:quit"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_a_word_back() {
        let nasty =
            ["", " ", "a b", "$(id)", "`id`", "it's", "a\nb", "\x1b[31m", "!x", "a\\", "中文", "\u{202e}", "*", "-n"];
        for text in nasty {
            let script = format!("printf %s {}", word(text));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().expect("bash");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{script}");
            assert!(!script.contains(['\n', '\x1b', '\u{202e}']), "{script:?}");
        }
    }
}
