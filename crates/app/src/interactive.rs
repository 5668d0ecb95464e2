//! The prompt: lines to the selected peers, and commands that begin with a colon.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use socklab_capture::text::Encoding;
use socklab_capture::{EndpointId, PeerId, Timestamp, escape, hex};
use socklab_engine::failure::cause;
use socklab_engine::quantity::format_size;
use socklab_engine::url::{Interface, Target};
use socklab_engine::{
    Command, Ending, EndpointStatus, Lang, Outcome, PeerState, PeerStatus, Remote, Reply, Targets, WhenFull,
};

use crate::cli::Eol;
use crate::input;
use crate::output::{Sink, Stdout};
use crate::say::{self, Fail};
use crate::session;
use crate::watch::Happening;

pub(crate) struct Settings {
    pub(crate) encoding: Encoding,
    pub(crate) eol: Eol,
    pub(crate) history: PathBuf,
}

/// What a person types at.
pub(crate) struct Prompt {
    editor: Editor<(), FileHistory>,
    remote: Remote,
    settings: Settings,
    lang: Lang,
    /// Whom typed lines go to.
    to: Targets,
}

/// Prints above the line being typed.
struct Above<P>(P);

impl<P: ExternalPrinter + Send> Sink for Above<P> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        // A prompt that has ended takes nothing; nothing is in the way then.
        self.0.print(text).or_else(|_| Stdout.put(bytes))
    }
}

/// A command could not be done, for this reason.
type Refusal = String;

impl Prompt {
    pub(crate) fn new(remote: Remote, settings: Settings, lang: Lang) -> Result<Self, Fail> {
        let failed = |error: ReadlineError| Fail::Other(format!("cannot use this terminal: {error}"));
        let config = Config::builder().auto_add_history(true).build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        let _ = editor.load_history(&settings.history); // there is none the first time
        Ok(Prompt { editor, remote, settings, lang, to: Targets::All })
    }

    pub(crate) fn printer(&mut self) -> Result<impl Sink + use<>, Fail> {
        let printer = self.editor.create_external_printer();
        printer.map(Above).map_err(|error| Fail::Other(format!("cannot use this terminal: {error}")))
    }

    /// Reads until the person has had enough.
    pub(crate) fn start(mut self, watch: Sender<Happening>) {
        say::tell(self.lang.pick(
            "a line you type goes to every peer; :help lists the commands, Ctrl-D ends",
            "输入一行即发送给所有对端；:help 查看命令，Ctrl-D 退出",
        ));
        thread::spawn(move || {
            let end = self.read_lines();
            if let Some(folder) = self.settings.history.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            let _ = self.editor.save_history(&self.settings.history); // a help only
            let _ = watch.send(end);
        });
    }

    fn read_lines(&mut self) -> Happening {
        loop {
            let prompt = self.prompt();
            match self.editor.readline(&prompt) {
                Ok(line) => match self.take(&line) {
                    Ok(Some(text)) => say::tell(text.trim_end()),
                    Ok(None) => {}
                    Err(refusal) if refusal.is_empty() => return Happening::Quit,
                    Err(refusal) => say::tell(refusal),
                },
                Err(ReadlineError::Interrupted) => return Happening::Interrupt,
                Err(_) => return Happening::Quit,
            }
        }
    }

    fn prompt(&self) -> String {
        match &self.to {
            Targets::All => "all> ".into(),
            Targets::Endpoint(id) => format!("{id}> "),
            Targets::Peers(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",") + "> ",
        }
    }

    /// Does what a line says; gives what there is to tell. An empty refusal is the wish to leave.
    fn take(&mut self, line: &str) -> Result<Option<String>, Refusal> {
        let Some(command) = line.strip_prefix(':') else { return self.send_text(line).map(Some).map(not_empty) };
        if let Some(escaped) = command.strip_prefix(':') {
            return self.send_text(&format!(":{escaped}")).map(Some).map(not_empty);
        }
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match word {
            "peers" | "p" => self.peers().map(Some),
            "to" => self.select(rest).map(|()| None),
            "all" => {
                self.to = Targets::All;
                Ok(None)
            }
            "hex" => self
                .send(hex::parse(rest).map_err(|error| self.say(&error.to_string(), &error.zh()))?)
                .map(Some)
                .map(not_empty),
            "text" => self.send(self.escaped(rest)?).map(Some).map(not_empty),
            "file" => self.send_file(rest).map(Some),
            "close" => self.end(rest, Ending::Close),
            "half" => self.end(rest, Ending::HalfClose),
            "reset" => self.end(rest, Ending::Reset),
            "peer" => self.add_peer(rest).map(Some),
            "join" => self.group(rest, true),
            "leave" => self.group(rest, false),
            "echo" => self.echo(rest),
            "eol" => self.set_eol(rest).map(|()| None),
            "help" | "h" | "?" => Ok(Some(help(self.lang).into())),
            "quit" | "q" => Err(String::new()),
            other => Err(self.say(
                &format!("no command :{other}; :help lists them (:: sends a line that begins with a colon)"),
                &format!("没有命令 :{other}；:help 查看命令（:: 发送以冒号开头的一行）"),
            )),
        }
    }

    fn say(&self, en: &str, zh: &str) -> String {
        self.lang.pick(en, zh).to_owned()
    }

    fn escaped(&self, text: &str) -> Result<Vec<u8>, Refusal> {
        self.settings.encoding.parse_escaped(text).map_err(|error| self.say(&error.to_string(), &error.zh()))
    }

    fn send_text(&self, line: &str) -> Result<String, Refusal> {
        self.send(session::typed(self.settings.encoding, line, self.settings.eol, self.lang)?)
    }

    /// Queues bytes for the selected peers, and tells of those that did not get them.
    fn send(&self, bytes: Vec<u8>) -> Result<String, Refusal> {
        let send = Command::Send { to: self.to.clone(), bytes: bytes.into(), when_full: WhenFull::Refuse };
        let outcomes = match self.remote.call(send) {
            Some(Reply::Outcomes(outcomes)) => outcomes,
            Some(Reply::NoSuchEndpoint(id)) => {
                return Err(self.say(&format!("{id} is closed"), &format!("{id} 已关闭")));
            }
            _ => return Err(String::new()),
        };
        if outcomes.is_empty() {
            return Err(self.say("nobody is connected", "还没有对端连接"));
        }
        let mut text = String::new();
        for (peer, outcome) in outcomes {
            match (outcome, self.lang) {
                (Outcome::Queued, _) => continue,
                (Outcome::Full { waiting }, Lang::En) => {
                    let _ = writeln!(text, "{peer}: not sent: {waiting} bytes wait already, the peer does not read");
                }
                (Outcome::Full { waiting }, Lang::Zh) => {
                    let _ = writeln!(text, "{peer}：未发送：已有 {waiting} 字节在等待，对方没有接收");
                }
                (Outcome::Gone, _) => {
                    let _ = writeln!(
                        text,
                        "{peer}: {}",
                        self.say("not sent: it is gone, or you have finished", "未发送：对方已离开，或你已结束发送")
                    );
                }
            }
        }
        Ok(text)
    }

    /// A file of any length, without holding it in memory, and without holding up the prompt.
    fn send_file(&mut self, path: &str) -> Result<String, Refusal> {
        if path.is_empty() {
            return Err(self.say(":file PATH", ":file 路径"));
        }
        let lang = self.lang;
        let failed = move |path: &str, error: &io::Error| format!("{path}: {}", cause(error, lang));
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        // It ends while something else is being typed: what it says goes above that.
        let mut above = self.printer().map_err(|_| self.say("cannot use this terminal", "无法使用此终端"))?;
        let (remote, to, path) = (self.remote.clone(), self.to.clone(), path.to_owned());
        thread::spawn(move || {
            let text = match (copy(file, &remote, &to, lang), lang) {
                (Ok(bytes), Lang::En) => format!("{path}: {bytes} bytes handed over"),
                (Ok(bytes), Lang::Zh) => format!("{path}：已交付 {bytes} 字节"),
                (Err(error), _) => failed(&path, &error),
            };
            let mut line = String::new();
            say::push_harmless(&text, &mut line);
            let _ = above.put(format!("{line}\n").as_bytes()); // nobody is left to tell
        });
        Ok(self.say("sending ...", "正在发送……"))
    }

    fn end(&self, which: &str, ending: Ending) -> Result<Option<String>, Refusal> {
        let peers = if which.is_empty() { self.to.clone() } else { self.parse_targets(which)? };
        match self.remote.call(Command::End { peers, ending }) {
            Some(Reply::NoSuchEndpoint(id)) => Err(self.say(&format!("{id} is closed"), &format!("{id} 已关闭"))),
            Some(Reply::Peers(ended)) if ended.is_empty() => Err(self.say("there is no such peer", "没有这个对端")),
            _ => Ok(None),
        }
    }

    fn select(&mut self, which: &str) -> Result<(), Refusal> {
        self.to = match which {
            "" | "all" => Targets::All,
            _ => self.parse_targets(which)?,
        };
        Ok(())
    }

    /// `3`, `1,4`, `e2.3`, `e2` for all of an endpoint.
    fn parse_targets(&self, text: &str) -> Result<Targets, Refusal> {
        if text == "all" {
            return Ok(Targets::All);
        }
        let endpoints = self.status()?;
        if let Ok(wanted) = text.parse::<EndpointId>() {
            let known = endpoints.iter().any(|endpoint| endpoint.id == wanted);
            return known.then_some(Targets::Endpoint(wanted)).ok_or_else(|| self.no_endpoint(wanted));
        }
        let known: Vec<PeerId> =
            endpoints.iter().flat_map(|endpoint| endpoint.peers.iter().map(|peer| peer.id)).collect();
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        let chosen = words.map(|word| self.parse_peer(word, &known)).collect::<Result<BTreeSet<_>, _>>()?;
        if chosen.is_empty() {
            return Err(self.say("name peers, as 3 or 1,4 or e2.3", "请写出对端，例如 3、1,4 或 e2.3"));
        }
        Ok(Targets::Peers(chosen.into_iter().collect()))
    }

    fn no_endpoint(&self, id: EndpointId) -> Refusal {
        self.say(&format!("no endpoint {id}; :peers lists them"), &format!("没有端点 {id}；:peers 查看"))
    }

    fn parse_peer(&self, word: &str, known: &[PeerId]) -> Result<PeerId, Refusal> {
        let fits = |id: &&PeerId| id.to_string() == word || id.number.to_string() == word;
        let mut fitting = known.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(*id),
            (Some(_), Some(_)) => Err(self.say(
                &format!("{word} is a peer of several endpoints: write it as e1.{word}"),
                &format!("多个端点都有对端 {word}：请写成 e1.{word}"),
            )),
            (None, _) => {
                Err(self.say(&format!("no peer {word}; :peers lists them"), &format!("没有对端 {word}；:peers 查看")))
            }
        }
    }

    fn status(&self) -> Result<Vec<EndpointStatus>, Refusal> {
        match self.remote.call(Command::Status) {
            Some(Reply::Status(status)) => Ok(status),
            _ => Err(String::new()),
        }
    }

    fn peers(&self) -> Result<String, Refusal> {
        let (mut text, now) = (String::new(), Timestamp::from(std::time::SystemTime::now()));
        for endpoint in self.status()? {
            let _ = write!(text, "{} {}", endpoint.id, endpoint.url);
            for (count, en, zh) in
                [(endpoint.refused, "refused", "已拒绝"), (endpoint.dropped, "dropped by the system", "系统丢弃")]
            {
                if count > 0 {
                    let _ = match self.lang {
                        Lang::En => write!(text, "  {count} {en}"),
                        Lang::Zh => write!(text, "  {zh} {count}"),
                    };
                }
            }
            text.push('\n');
            if endpoint.peers.is_empty() {
                text += self.lang.pick("  no peers\n", "  没有对端\n");
            }
            endpoint.peers.iter().for_each(|peer| text += &row(peer, now, self.lang));
        }
        Ok(text)
    }

    /// On the first endpoint that has datagrams, or the one named first: `:peer e2 HOST:PORT`.
    fn add_peer(&self, rest: &str) -> Result<String, Refusal> {
        if rest.is_empty() {
            return Err(self.say(":peer HOST:PORT", ":peer 主机:端口"));
        }
        let (endpoint, place) = self.endpoint_and(rest)?;
        let target =
            place.parse().map(Target::Inet).map_err(|error: socklab_engine::url::HostError| error.text(self.lang))?;
        match self.remote.call(Command::AddPeer { endpoint, target }) {
            Some(Reply::Peers(ids)) => Ok(ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
            Some(Reply::Failed(failure)) => Err(failure.text(self.lang)),
            _ => Err(self.say("only a udp endpoint takes peers by hand", "只有 udp 端点可以手动添加对端")),
        }
    }

    fn endpoint_and<'a>(&self, rest: &'a str) -> Result<(EndpointId, &'a str), Refusal> {
        let endpoints = self.status()?;
        if let Some((id, rest)) = rest.split_once(' ')
            && let Ok(id) = id.parse()
        {
            let known = endpoints.iter().any(|endpoint| endpoint.id == id);
            return known.then_some((id, rest.trim())).ok_or_else(|| self.no_endpoint(id));
        }
        let udp = endpoints.iter().find(|endpoint| endpoint.url.place.scheme() == socklab_engine::url::Scheme::Udp);
        let endpoint = udp.or(endpoints.first()).map(|endpoint| endpoint.id);
        endpoint.map(|id| (id, rest)).ok_or_else(|| self.say("nothing is open", "没有打开的端点"))
    }

    /// `:join 239.1.2.3 [INTERFACE]`.
    fn group(&self, rest: &str, join: bool) -> Result<Option<String>, Refusal> {
        if rest.is_empty() {
            let word = if join { ":join" } else { ":leave" };
            return Err(format!("{word} {}", self.say("GROUP [INTERFACE]", "组播地址 [接口]")));
        }
        let (endpoint, rest) = self.endpoint_and(rest)?;
        let (group, interface) = rest.split_once(' ').unwrap_or((rest, "0.0.0.0"));
        let group = group.parse().map_err(|_| format!("{group:?}: {}", self.say("no IP address", "不是 IP 地址")))?;
        let interface: Interface =
            interface.trim().parse().map_err(|error: socklab_engine::url::ValueError| error.text(self.lang))?;
        let command = match join {
            true => Command::Join { endpoint, group, interface },
            false => Command::Leave { endpoint, group, interface },
        };
        match self.remote.call(command) {
            Some(Reply::Failed(failure)) => Err(failure.text(self.lang)),
            Some(Reply::Done) => Ok(None),
            _ => Err(self.say("only a udp endpoint takes part in groups", "只有 udp 端点可以加入组播")),
        }
    }

    fn echo(&self, rest: &str) -> Result<Option<String>, Refusal> {
        let on = match rest {
            "on" => true,
            "off" => false,
            _ => return Err(":echo on | off".into()),
        };
        for endpoint in self.status()? {
            self.remote.call(Command::Echo { endpoint: endpoint.id, on });
        }
        Ok(None)
    }

    fn set_eol(&mut self, rest: &str) -> Result<(), Refusal> {
        use clap::ValueEnum;
        self.settings.eol = Eol::from_str(rest, true).map_err(|_| ":eol lf | crlf | none".to_owned())?;
        Ok(())
    }
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn copy(mut file: File, remote: &Remote, to: &Targets, lang: Lang) -> io::Result<u64> {
    let (mut total, mut buffer) = (0, vec![0; input::CHUNK]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(total);
        }
        let bytes = Bytes::copy_from_slice(&buffer[..count]);
        match remote.call(Command::Send { to: to.clone(), bytes, when_full: WhenFull::Wait }) {
            Some(Reply::Outcomes(outcomes)) if outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Queued) => {}
            _ => return Err(io::Error::other(lang.pick("nobody takes it any more", "已没有对端接收"))),
        }
        total += count as u64;
    }
}

/// `e1.3 192.168.1.50:49152  rx 15  tx 0  since 2m10s ...`.
fn row(peer: &PeerStatus, now: Timestamp, lang: Lang) -> String {
    let (id, address) = (peer.id.to_string(), escape::emit(peer.address.to_string().as_bytes()));
    let (rx, tx) = (format_size(peer.received), format_size(peer.sent));
    let (since, seen) = (age(now.since(peer.since)), age(now.since(peer.last_seen)));
    let mut row = match lang {
        Lang::En => format!("  {id:<6} {address:<21} rx {rx:<7} tx {tx:<7} since {since} seen {seen}"),
        Lang::Zh => format!("  {id:<6} {address:<21} 收 {rx:<7} 发 {tx:<7} 已有 {since} 最近 {seen} 前"),
    };
    if let Some(tcp) = peer.tcp {
        let resent = lang.pick("resent", "重传");
        let _ = write!(row, "  rtt {:.1}ms {resent} {}", tcp.rtt.as_secs_f64() * 1e3, tcp.retransmits);
    }
    if peer.waiting > 0 {
        let _ = write!(row, "  {} {}", lang.pick("waiting", "待发"), format_size(peer.waiting as u64));
    }
    row + match peer.state {
        PeerState::Open => "\n",
        PeerState::HalfClosed => lang.pick("  you have finished\n", "  本端已结束发送\n"),
        PeerState::Finished => lang.pick("  has finished\n", "  对端已结束发送\n"),
        PeerState::Closing => lang.pick("  closing\n", "  正在关闭\n"),
    }
}

fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

fn help(lang: Lang) -> &'static str {
    lang.pick(
        "\
TEXT              a line to the selected peers (:: for one that begins with a colon)
:peers            who is there, and what has gone to and fro
:to 3 | 1,4 | e2  select peers, or all of an endpoint; :all selects all
:text AT\\r\\n       text with escapes, without a line end of its own
:hex 01 02 ff     bytes
:file PATH        a file
:close [3]        close in good order (FIN)
:half [3]         finish sending only (half-close)
:reset [3]        tear down (RST)
:peer HOST:PORT   add a UDP peer
:join GROUP [INTERFACE], :leave GROUP [INTERFACE]
:echo on|off      send back what comes
:eol lf|crlf|none what ends a typed line
:quit             leave (Ctrl-D)",
        "\
文本              发送一行给所选对端（以冒号开头的文本写成 ::）
:peers            查看对端和收发计数
:to 3 | 1,4 | e2  选择对端或某端点的全部对端；:all 选择全部
:text AT\\r\\n       发送带转义的文本，不另加行尾
:hex 01 02 ff     发送十六进制字节
:file 路径        发送文件
:close [3]        正常关闭（FIN）
:half [3]         只结束发送（半关闭）
:reset [3]        强制断开（RST）
:peer 主机:端口   添加 UDP 对端
:join 组播地址 [接口]、:leave 组播地址 [接口]
:echo on|off      回显收到的数据
:eol lf|crlf|none 每行的行尾
:quit             退出（Ctrl-D）",
    )
}
