//! A board's console, and its files, offered to tools of this machine: mpremote, Thonny, a WebREPL client. How each of
//! them is served belongs in the engine.

use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use socklab_engine::board::flash::Flash;
#[cfg(unix)]
use socklab_engine::board::pty;
use socklab_engine::board::{BoardRemote, Door, tcp, webrepl};
use utoipa::ToSchema;

use crate::problem::Problem;

/// What WebREPL asks for where nobody has chosen a word, as `socklab repl` has it.
const PASSWORD: &str = "socklab";

/// The longest password that WebREPL clients take.
const LONGEST_PASSWORD: usize = 9;

/// Offers of one board.
const MOST: usize = 16;

/// In which way a console is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// A TCP port of 127.0.0.1: `mpremote connect socket://...`.
    #[default]
    Tcp,
    /// A TCP port of 127.0.0.1 as well, but a WebSocket with a password; the files are offered with it.
    Webrepl,
    /// A serial port of this machine. Not on Windows.
    Serial,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) way: Way,
    pub(crate) port: u16,
    pub(crate) password: Option<String>,
}

/// An offer, for those who look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OfferView {
    way: Way,
    /// `127.0.0.1:40123`, or `/dev/pts/3`.
    pub(crate) at: String,
    /// What WebREPL asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// Something that is offered. Dropping it takes it away, and ends whoever uses it.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) view: OfferView,
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are held, not used")]
enum Held {
    Door(Door),
    #[cfg(unix)]
    Port(pty::Port),
}

impl Offer {
    /// Makes one. `flash` is the board's, which WebREPL reads and writes.
    pub(crate) fn make(
        board: BoardRemote,
        wish: Wish,
        flash: impl FnOnce() -> io::Result<Flash>,
    ) -> Result<Offer, Problem> {
        let Wish { way, port, password } = wish;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(match way {
            Way::Tcp => {
                let door = tcp::serve(board, address)?;
                Offer::new(way, door.at(), None, Held::Door(door))
            }
            Way::Webrepl => {
                let password = password.filter(|word| !word.is_empty()).unwrap_or_else(|| PASSWORD.into());
                check(&password)?;
                let flash = flash().map_err(|error| Problem::of_system("flash", &error))?;
                let door = webrepl::serve(board, flash, password.clone(), address)?;
                Offer::new(way, door.at(), Some(password), Held::Door(door))
            }
            #[cfg(unix)]
            Way::Serial => {
                let port = pty::serve(&board, None).map_err(|error| Problem::of_system("serial_port", &error))?;
                Offer::new(way, port.path.display().to_string(), None, Held::Port(port))
            }
            #[cfg(not(unix))]
            Way::Serial => {
                let (en, zh) = ("this system has no pseudo-terminals", "此系统没有伪终端");
                return Err(Problem::bad("serial_port", en, zh));
            }
        })
    }

    fn new(way: Way, at: impl Display, password: Option<String>, held: Held) -> Self {
        Offer { view: OfferView { way, at: at.to_string(), password }, _held: held }
    }
}

/// Whether there may be one more.
pub(crate) fn check_room(offers: usize) -> Result<(), Problem> {
    if offers < MOST {
        return Ok(());
    }
    let (en, zh) = (format!("a board is offered in {MOST} ways at most"), format!("每块板子最多提供 {MOST} 个入口"));
    Err(Problem::conflict("too_many_offers", en, zh))
}

fn check(password: &str) -> Result<(), Problem> {
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
    if password.len() <= LONGEST_PASSWORD && password.chars().all(is_plain) {
        return Ok(());
    }
    let (en, zh) = ("a WebREPL password has 9 plain characters at most", "WebREPL 密码最多 9 个普通字符");
    Err(Problem::bad("bad_password", en, zh))
}
