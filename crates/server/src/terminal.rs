//! What a command of the API looks like in a terminal, so that what was done in the page can be done again without it.
//! A payload comes from whoever typed it, or from a device: it stays one word, whatever is in it.

use crate::boards::NewBoard;
use crate::command::{Command, How, To};
use crate::data::{Data, LineEnding};
use crate::lan::{Link, whole};
use crate::offers::Way;

/// The lines that do the same; `None` where a terminal has no way.
pub(crate) fn line(command: &Command) -> Option<String> {
    Some(match command {
        Command::Open { url } => open(url),
        Command::Send { to, data, line_ending } => {
            format!("{}\n:{}", select(to), prompt_data(data, *line_ending)?)
        }
        Command::Repeat { to, data, line_ending, .. } => {
            format!("{}\n:{}", select(to), prompt_data(data, *line_ending)?)
        }
        Command::End { peers, how } => {
            let word = match how {
                How::Close => "close",
                How::HalfClose => "half",
                How::Reset => "reset",
            };
            format!(":{word} {}", who(peers))
        }
        Command::AddPeer { endpoint, target } => prompt(format!(":peer {endpoint} {target}"))?,
        Command::Join { endpoint, group, interface } => {
            prompt(format!(":join {endpoint} {group} {}", interface.as_deref().unwrap_or_default()))?
        }
        Command::Leave { endpoint, group, interface } => {
            prompt(format!(":leave {endpoint} {group} {}", interface.as_deref().unwrap_or_default()))?
        }
        Command::Echo { on, .. } => format!(":echo {}", if *on { "on" } else { "off" }),
        Command::BoardNew(new) => board_new(new),
        Command::BoardOffer { way: Way::Tcp, port, .. } => format!("socklab repl --tcp {port}"),
        Command::BoardOffer { way: Way::Serial, .. } => "socklab repl --pty".into(),
        Command::BoardOffer { way: Way::Webrepl, port, password, .. } => {
            let password = password.as_ref().map(|password| format!(" --password {}", word(password)));
            format!("socklab repl --webrepl {port}{}", password.unwrap_or_default())
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
        Command::Air { name, gone } => {
            format!("socklab lan air {} {}", word(name), if *gone { "gone" } else { "back" })
        }
        Command::Forward { forward } => format!("socklab run main.py --forward {}", word(forward)),
        Command::LanSet(settings) => settings
            .as_options()
            .iter()
            .fold("socklab run main.py".into(), |line, option| format!("{line} {}", word(option))),
        Command::BoardRun { name, .. } => format!("socklab run {}", word(name.as_deref().unwrap_or("main.py"))),
        Command::BoardSet { set, .. } => format!("socklab repl --set {}", word(set)),
        Command::Close { .. }
        | Command::Dismiss { .. }
        | Command::Name { .. }
        | Command::Encoding { .. }
        | Command::Stop { .. }
        | Command::BoardStop { .. }
        | Command::BoardReset { .. }
        | Command::BoardRemove { .. }
        | Command::BoardWithdraw { .. }
        | Command::EndForward { .. } => return None,
    })
}

fn open(url: &str) -> String {
    let url = url.trim();
    let verb = if url.starts_with("tcp://") || url.starts_with("unix:") { "connect" } else { "listen" };
    format!("socklab {verb} {}", word(url))
}

fn board_new(new: &NewBoard) -> String {
    let mut line = format!("socklab repl --board {}", word(&new.profile));
    if new.strict {
        line += " --strict";
    }
    new.set.iter().for_each(|given| line += &format!(" --set {}", word(given.trim())));
    line
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
        line(&serde_json::from_str(json).expect(json))
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
            (
                r#"{"do":"fault","board":"esp32","direction":"up","spec":"loss=5% delay=20ms"}"#,
                "socklab lan fault esp32 'up:loss=5% delay=20ms'",
            ),
            (
                r#"{"do":"board_new","profile":"rp2","strict":true,"set":["4=1"]}"#,
                "socklab repl --board rp2 --strict --set 4=1",
            ),
            (
                r#"{"do":"board_offer","board":"b1","way":"webrepl","port":8266,"password":"a b"}"#,
                "socklab repl --webrepl 8266 --password 'a b'",
            ),
            (
                r#"{"do":"lan_set","wifi":{"ssid":"Class 3","password":"p@ss w0rd"},"seed":7,"host_loopback":true}"#,
                "socklab run main.py --wifi 'Class 3:p@ss w0rd' --seed 7 --host-loopback",
            ),
            (r#"{"do":"air","name":"it's; rm -rf /","gone":true}"#, r"socklab lan air 'it'\''s; rm -rf /' gone"),
        ] {
            assert_eq!(shown(json).as_deref(), Some(wanted), "{json}");
        }
        assert_eq!(shown(r#"{"do":"close","endpoint":"e1"}"#), None);
        assert_eq!(shown(r#"{"do":"add_peer","endpoint":"e1","target":"a\n:quit"}"#), None, "two lines of one");
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
