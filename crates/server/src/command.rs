//! What can be commanded over the API, and what is answered: one closed enum each, and the match that leads from one to
//! the other by way of the engine. What a command looks like in a terminal belongs in `terminal`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use socklab_capture::{EndpointId, PeerId};
use socklab_engine::url::{EndpointUrl, HostError, Interface, Target, UnixName, UrlError, ValueError};
use socklab_engine::{Command as Do, Ending, Lang, Outcome, Reply as Done, Targets, WhenFull};
use utoipa::ToSchema;

use crate::ask::{Asked, Port, Text, miswritten, read};
use crate::boards::{BoardId, NewBoard};
use crate::data::{Data, LineEnding};
use crate::jobs::JobId;
use crate::lan::{Link, NetworkSettings};
use crate::offers::{Way, Wish};
use crate::problem::Problem;
use crate::terminal;
use crate::workbench::Workbench;

/// What can be commanded.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Open an endpoint: `tcp-listen://*:10000`, `tcp://host:port`, `udp://*:5000`, and what else a terminal takes; a
    /// port alone is a TCP server there. A client without `retry=1` is open when it is connected.
    Open { url: String },
    /// Close an endpoint, in good order.
    Close {
        #[schema(value_type = String)]
        endpoint: Text<EndpointId>,
    },
    /// List an endpoint no longer that is closed. Its records stay in the capture, and in the totals.
    Dismiss {
        #[schema(value_type = String)]
        endpoint: Text<EndpointId>,
    },
    /// Queue bytes for peers. What became of it is told peer by peer.
    Send {
        to: To,
        data: Data,
        #[serde(default)]
        line_ending: LineEnding,
    },
    /// End conversations, or our half of them.
    End { peers: To, how: How },
    /// Make a peer of an address that has not sent anything yet: `192.168.1.50:5000`, or a path. Datagrams only.
    AddPeer {
        #[schema(value_type = String)]
        endpoint: Text<EndpointId>,
        target: String,
    },
    /// Take part in a multicast group.
    Join {
        #[schema(value_type = String)]
        endpoint: Text<EndpointId>,
        #[schema(value_type = String)]
        group: Text<std::net::IpAddr>,
        /// By its address or name; any if there is none.
        #[serde(default)]
        interface: Option<String>,
    },
    /// Take part no longer.
    Leave {
        #[schema(value_type = String)]
        endpoint: Text<EndpointId>,
        #[schema(value_type = String)]
        group: Text<std::net::IpAddr>,
        #[serde(default)]
        interface: Option<String>,
    },
    /// Send back to the peers of an endpoint what they send, or do so no longer.
    Echo {
        #[schema(value_type = String)]
        endpoint: Text<EndpointId>,
        on: bool,
    },
    /// Call a peer something; nothing, if it is empty.
    Name {
        #[schema(value_type = String)]
        peer: Text<PeerId>,
        name: String,
    },
    /// The encoding of a peer's text, or of all of an endpoint.
    Encoding {
        /// `e1` or `e1.3`.
        of: String,
        encoding: String,
    },
    /// Send again and again, until the job is stopped, those who were named are gone, or the endpoint is closed.
    Repeat {
        to: To,
        data: Data,
        #[serde(default)]
        line_ending: LineEnding,
        /// The time from one to the next, 1 to 86 400 000 ms, a whole number.
        every_ms: f64,
        /// So many times; without end if it is not there.
        #[serde(default)]
        times: Option<u64>,
    },
    /// Stop a job.
    Stop {
        #[schema(value_type = String)]
        job: Text<JobId>,
    },
    /// Put a board on the virtual network and switch it on.
    BoardNew(NewBoard),
    /// Have a board run a program, after a soft reset.
    BoardRun {
        #[schema(value_type = String)]
        board: Text<BoardId>,
        source: String,
        /// What tracebacks call it.
        #[serde(default)]
        name: Option<String>,
    },
    /// Ctrl-C.
    BoardStop {
        #[schema(value_type = String)]
        board: Text<BoardId>,
    },
    /// Reset a board: soft as Ctrl-D does, hard as its button does.
    BoardReset {
        #[schema(value_type = String)]
        board: Text<BoardId>,
        #[serde(default)]
        hard: bool,
    },
    /// Switch a board off and take it from the network. Its files stay.
    BoardRemove {
        #[schema(value_type = String)]
        board: Text<BoardId>,
    },
    /// What the outside gives to a pin or a sensor: `4=1`, `adc34=1.5`, `temp4=21.5`.
    BoardSet {
        #[schema(value_type = String)]
        board: Text<BoardId>,
        set: String,
    },
    /// Offer a board's console to tools of this machine, until it is withdrawn or the board goes.
    BoardOffer {
        #[schema(value_type = String)]
        board: Text<BoardId>,
        #[serde(default)]
        way: Way,
        /// 0 is any.
        #[serde(default)]
        #[schema(value_type = u16)]
        port: Port,
        /// What WebREPL asks for, 9 characters at most; `socklab` if it is not there.
        #[serde(default)]
        password: Option<String>,
    },
    /// Offer it there no longer, and end whoever is connected.
    BoardWithdraw {
        #[schema(value_type = String)]
        board: Text<BoardId>,
        /// Where it is offered, as the board's `offers` say.
        at: String,
    },
    /// What is wrong with links from now on, in the words of `socklab run --fault`: `loss=5% delay=20ms`, or a preset's
    /// name. What is not named is as it should be.
    Fault {
        /// A board's name; all if it is not there.
        #[serde(default)]
        board: Option<String>,
        /// Both ways if it is not there.
        #[serde(default)]
        direction: Option<Link>,
        spec: String,
    },
    /// What is wrong with an access point from now on, in the words of `socklab lan air`: `gone`, `dhcp=slow:3s`. What
    /// is not named is as it should be.
    Air { name: String, spec: String },
    /// Lead a port of this machine to a board's: `8080:80`, `8080:esp32:80`. Ends with its board.
    Forward { forward: String },
    /// Lead it there no longer. Connections that were made stay.
    EndForward {
        /// Where it listens: `127.0.0.1:8080`.
        #[schema(value_type = String)]
        at: Text<SocketAddr>,
    },
    /// What the virtual network is like from now on, and how far it reaches: all of it, what is left out as at the start.
    /// It is a new one: nobody may be on it, and forwards end.
    LanSet(NetworkSettings),
}

/// Which peers are meant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum To {
    /// Every peer of every endpoint.
    All,
    /// Every peer of this endpoint.
    Endpoint(String),
    /// These.
    Peers(Vec<String>),
}

impl To {
    pub(crate) fn targets(&self) -> Result<Targets, Problem> {
        Ok(match self {
            To::All => Targets::All,
            To::Endpoint(id) => Targets::Endpoint(read(id)?),
            To::Peers(ids) => Targets::Peers(ids.iter().map(|id| read(id)).collect::<Result<_, _>>()?),
        })
    }
}

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// Send what waits, say that no more will come (FIN), take in what still comes, and close.
    Close,
    /// Send what waits, say that no more will come, and go on receiving.
    HalfClose,
    /// Drop everything and tear the connection down (RST).
    Reset,
}

/// What is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// To `open`: its id, and its URL with what the system filled in.
    Opened { endpoint: String, url: String },
    /// To `send`: what became of it.
    Outcomes { outcomes: Vec<PeerOutcome> },
    /// To `end` and `add_peer`: the peers that it was about.
    Peers { peers: Vec<String> },
    /// To `repeat`.
    Job { job: String },
    /// To `board_new`.
    Board { board: String, name: String },
    /// To `forward` and `board_offer`: where it is.
    Forwarded { at: String },
    /// It was done.
    Done,
}

/// What became of bytes for a peer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeerOutcome {
    peer: String,
    outcome: OutcomeName,
    /// Where the queue is full: bytes that wait in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<usize>,
}

/// What became of bytes for a peer, in a word.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeName {
    /// They wait in the peer's queue; the log says `sent` when the system took them.
    Queued,
    /// Not taken: the peer does not read, and too much waits for it already.
    Full,
    /// Not taken: the peer is gone.
    Gone,
}

/// A reply, and how the same is done in a terminal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    #[serde(flatten)]
    reply: Reply,
    /// Lines for a shell, or, where they begin with a colon, for the prompt of `socklab listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_command: Option<String>,
}

/// Do something.
#[utoipa::path(post, path = "/api/command", request_body = Command,
    responses((status = 200, body = Answer), (status = "4XX", body = crate::problem::ProblemBody)))]
pub(crate) async fn command(
    State(workbench): State<Arc<Workbench>>,
    Asked(command): Asked<Command>,
) -> Result<Json<Answer>, Problem> {
    let as_command = terminal::line(&command, &workbench.around());
    let reply = workbench.obey(command).await?;
    Ok(Json(Answer { reply, as_command }))
}

impl Workbench {
    async fn obey(self: &Arc<Self>, command: Command) -> Result<Reply, Problem> {
        match command {
            Command::Open { url } => self.done(Do::Open(parse_url(&url)?)).await,
            Command::Close { endpoint } => self.done(Do::CloseEndpoint(endpoint.read()?)).await,
            Command::Dismiss { endpoint } => self.done(Do::Dismiss(endpoint.read()?)).await,
            Command::Send { to, data, line_ending } => {
                let bytes = data.bytes(line_ending)?;
                self.done(Do::Send { to: to.targets()?, bytes, when_full: WhenFull::Refuse }).await
            }
            Command::End { peers, how } => self.done(Do::End { peers: peers.targets()?, ending: how.into() }).await,
            Command::AddPeer { endpoint, target } => {
                let target = parse_target(&target)?;
                self.done(Do::AddPeer { endpoint: endpoint.read()?, target }).await
            }
            Command::Join { endpoint, group, interface } => {
                let interface = parse_interface(interface.as_deref())?;
                self.done(Do::Join { endpoint: endpoint.read()?, group: group.read()?, interface }).await
            }
            Command::Leave { endpoint, group, interface } => {
                let interface = parse_interface(interface.as_deref())?;
                self.done(Do::Leave { endpoint: endpoint.read()?, group: group.read()?, interface }).await
            }
            Command::Echo { endpoint, on } => self.done(Do::Echo { endpoint: endpoint.read()?, on }).await,
            Command::Name { peer, name } => self.choose_name(peer.read()?, &name).await,
            Command::Encoding { of, encoding } => self.choose_encoding(&of, &encoding).await,
            Command::Repeat { to, data, line_ending, every_ms, times } => {
                let bytes = data.bytes(line_ending)?;
                self.repeat(to.targets()?, bytes, every_ms, times)
            }
            Command::Stop { job } => self.jobs.stop(job.read()?).map(|()| Reply::Done),
            Command::BoardNew(new) => self.new_board(new).await,
            Command::BoardRun { board, source, name } => self.board(board.read()?)?.run(name, source),
            Command::BoardStop { board } => self.board(board.read()?)?.interrupt(),
            Command::BoardReset { board, hard } => self.board(board.read()?)?.reset(hard),
            Command::BoardRemove { board } => self.remove_board(board.read()?).await,
            Command::BoardSet { board, set } => self.board(board.read()?)?.set(&set),
            Command::BoardOffer { board, way, port, password } => {
                let port = port.read()?;
                self.board(board.read()?)?.offer(Wish { way, port, password })
            }
            Command::BoardWithdraw { board, at } => self.withdraw(board.read()?, at).await,
            Command::Fault { board, direction, spec } => self.harm(board.as_deref(), direction, &spec).await,
            Command::Air { name, spec } => self.change_air(name, spec).await,
            Command::Forward { forward } => self.forward(&forward).await,
            Command::EndForward { at } => self.end_forward(at.read()?).await,
            Command::LanSet(settings) => self.set_network(settings).await,
        }
    }

    /// What the engine does alone.
    pub(crate) async fn done(&self, command: Do) -> Result<Reply, Problem> {
        Ok(match self.ask(command).await? {
            Done::Opened(id, url) => Reply::Opened { endpoint: id.to_string(), url: url.to_string() },
            Done::Outcomes(outcomes) => Reply::Outcomes { outcomes: outcomes.into_iter().map(Into::into).collect() },
            Done::Peers(peers) => Reply::Peers { peers: peers.iter().map(ToString::to_string).collect() },
            Done::Forwarded(at) => Reply::Forwarded { at: at.to_string() },
            Done::Failed(failure) => return Err(failure.into()),
            Done::NoSuchEndpoint(id) => return Err(Problem::no_endpoint(id)),
            Done::NotOver(id) => return Err(Problem::not_over(id)),
            Done::Steered(Err(error)) => return Err(error.into()),
            Done::NotAttached(why) => return Err(why.into()),
            _ => Reply::Done,
        })
    }

    async fn choose_name(&self, peer: PeerId, name: &str) -> Result<Reply, Problem> {
        self.gather().await?;
        if !self.gathered.has_peer(peer) {
            return Err(Problem::no_peer(peer));
        }
        self.set_name(peer, name);
        Ok(Reply::Done)
    }

    async fn choose_encoding(&self, of: &str, encoding: &str) -> Result<Reply, Problem> {
        let encoding = crate::data::parse_encoding(encoding)?;
        self.gather().await?;
        match (of.parse::<PeerId>(), of.parse::<EndpointId>()) {
            (Ok(peer), _) if !self.gathered.has_peer(peer) => return Err(Problem::no_peer(peer)),
            (Ok(peer), _) => self.set_encoding(peer, encoding),
            (_, Ok(endpoint)) if !self.gathered.has_endpoint(endpoint) => return Err(Problem::no_endpoint(endpoint)),
            (_, Ok(endpoint)) => self.set_endpoint_encoding(endpoint, encoding),
            _ => return Err(miswritten::<PeerId>(of)),
        }
        Ok(Reply::Done)
    }
}

impl From<How> for Ending {
    fn from(how: How) -> Self {
        match how {
            How::Close => Ending::Close,
            How::HalfClose => Ending::HalfClose,
            How::Reset => Ending::Reset,
        }
    }
}

impl From<(PeerId, Outcome)> for PeerOutcome {
    fn from((peer, outcome): (PeerId, Outcome)) -> Self {
        let (outcome, waiting) = match outcome {
            Outcome::Queued => (OutcomeName::Queued, None),
            Outcome::Full { waiting } => (OutcomeName::Full, Some(waiting)),
            Outcome::Gone => (OutcomeName::Gone, None),
        };
        PeerOutcome { peer: peer.to_string(), outcome, waiting }
    }
}

/// A URL, or what stands for a server on the command line.
pub(crate) fn parse_url(text: &str) -> Result<EndpointUrl, UrlError> {
    let text = text.trim();
    match text.parse() {
        Err(UrlError::NoScheme(_)) => EndpointUrl::for_listen(text),
        read => read,
    }
}

/// What begins as a path does is one.
fn parse_target(text: &str) -> Result<Target, Problem> {
    let text = text.trim();
    let told = |en: String, zh: String| Problem::bad("bad_address", en, zh);
    if text.starts_with(['/', '.', '@']) {
        let name = UnixName::new(text).map(Target::Unix);
        return name.map_err(|error| told(error.text(Lang::En), error.text(Lang::Zh)));
    }
    let place = text.parse().map(Target::Inet);
    place.map_err(|error: HostError| told(error.text(Lang::En), error.text(Lang::Zh)))
}

fn parse_interface(text: Option<&str>) -> Result<Interface, Problem> {
    let told = |error: ValueError| Problem::bad("bad_interface", error.text(Lang::En), error.text(Lang::Zh));
    text.filter(|text| !text.is_empty()).unwrap_or("0.0.0.0").parse().map_err(told)
}

/// Bytes are handed over as they are.
pub(crate) fn send(to: &Targets, bytes: Bytes, when_full: WhenFull) -> Do {
    Do::Send { to: to.clone(), bytes, when_full }
}
