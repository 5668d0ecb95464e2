//! The board's network: the glue between `socklab_socket` and the board. Which hosts may be dialled, how a wait for a
//! socket attends to Ctrl-C, resets and callbacks, and what an error of the network is on this board.
//!
//! Sockets below are non-blocking, always: a call that has to wait does so here, with no Python object borrowed, so
//! that a callback may use the very buffer that is being sent. What a timeout means is a dialect, and belongs to
//! `modules::socket`; who is in the air, to `wifi`.

mod air;
mod failure;
mod stack;
mod wifi;
mod wire;

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::vm::thread::with_current_vm;
use rustpython_vm::{PyResult, VirtualMachine};
use socklab_lan::{LanStack, Mac};
use socklab_socket::{Cause, Error, Interrupt, Kind, LookupFailure, OsStack, Query, Ready, policy};

use crate::board::board;
use crate::link::FromBoard;
use crate::look::Said;
use crate::profile::Profile;
pub(crate) use failure::{of_lookup, os_error, raised_by, timed_out};
use stack::BoardStack;
pub(crate) use wifi::{Link, Station, is_key};
pub(crate) use wire::Wire;

/// The board's network.
pub(crate) type Net = socklab_socket::Net<BoardStack>;
/// A socket of it.
pub(crate) type Socket = socklab_socket::Socket<BoardStack>;
/// One to be waited for.
pub(crate) type Entry<'a> = socklab_socket::Entry<'a, BoardStack>;

/// What the parent says about the world outside of the board.
#[derive(Debug)]
pub(crate) struct Outside {
    /// Any host may be dialled, and any name looked up.
    pub(crate) internet: bool,
    /// A port of this machine that may not be dialled from its own network: where this program is commanded.
    pub(crate) closed: Option<u16>,
    /// The one Wi-Fi network that there is, and its password; `None` for every network, with any.
    pub(crate) only: Option<(String, String)>,
    /// How long joining takes.
    pub(crate) join_delay: Duration,
    /// What was joined before a soft reset.
    pub(crate) joined: Option<String>,
    /// The board's hardware address on the virtual network; `None` for this machine's network.
    pub(crate) lan: Option<Mac>,
    /// The name that it says it has.
    pub(crate) name: String,
}

impl Default for Outside {
    fn default() -> Outside {
        let join_delay = Duration::from_secs(1);
        Outside {
            internet: false,
            closed: None,
            only: None,
            join_delay,
            joined: None,
            lan: None,
            name: "board".to_owned(),
        }
    }
}

/// The network of the one board.
pub(crate) struct Network {
    net: Net,
    interrupt: Interrupt,
    internet: bool,
    closed: Option<u16>,
    wire: Arc<Wire>,
    mac: Mac,
    station: Mutex<Station>,
    /// Remarks that were made: each is made once.
    remarks: Mutex<Vec<Said>>,
    /// When a program waits no longer for the address that comes over a cable.
    ready_by: Instant,
}

thread_local! {
    /// What a callback raised, or Ctrl-C, while the network waited.
    static RAISED: RefCell<Option<PyBaseExceptionRef>> = const { RefCell::new(None) };
}

impl Network {
    pub(crate) fn new(outside: Outside, profile: &Profile) -> Network {
        let (internet, closed, wire) = (outside.internet, outside.closed, Arc::<Wire>::default());
        let stack = match outside.lan {
            Some(mac) => BoardStack::Lan(air::stack(mac, &outside, profile, Arc::clone(&wire)), Arc::clone(&wire)),
            None => BoardStack::Host(host_stack(internet, closed)),
        };
        let net = Net::with_hook(stack, attend);
        let interrupt = net.interrupt();
        let mac = outside.lan.unwrap_or(Mac([0x24, 0x0a, 0xc4, 0, 0, 1]));
        let station = Mutex::new(Station::new(outside, profile.wifi.is_none()));
        let ready_by = Instant::now() + air::ADDRESS;
        Network { net, interrupt, internet, closed, wire, mac, station, remarks: Mutex::default(), ready_by }
    }

    /// The virtual network's end here, if the board is on that.
    pub(crate) fn lan(&self) -> Option<&LanStack> {
        self.net.stack().lan()
    }

    /// Where the board's frames wait to be sent.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The hardware address of the board's station.
    pub(crate) fn mac(&self) -> [u8; 6] {
        self.mac.0
    }

    /// That of its access point: Espressif's next one, where the board has addresses of Espressif's.
    pub(crate) fn own_mac(&self) -> [u8; 6] {
        let [a, b, c, d, e, last] = self.mac.0;
        if self.lan().is_some() { self.mac.access_point().0 } else { [a, b, c, d, e, last.wrapping_add(1)] }
    }

    /// Has a call that waits for the network look at what came up.
    pub(crate) fn wake(&self) {
        self.interrupt.wake();
    }

    pub(crate) fn net(&self) -> &Net {
        &self.net
    }

    /// The same for a program that is about to use it. Where a cable leads to it, the computer would have had its address
    /// before the program began; here that is waited for when it matters.
    pub(crate) fn ready_net(&self, vm: &VirtualMachine) -> PyResult<&Net> {
        if board().profile.wifi.is_none() {
            self.await_joined(vm, Some(self.ready_by))?;
        }
        Ok(&self.net)
    }

    /// The Wi-Fi station as it is at this moment. The parent hears of what has changed.
    pub(crate) fn station<R>(&self, look: impl FnOnce(&mut Station) -> R) -> R {
        let mut station = self.station.lock();
        let before = station.link();
        let now = Instant::now();
        station.pass(now, || self.lan().is_none_or(|lan| lan.with(|host| host.ipv4().is_some())));
        let result = look(&mut station);
        if let Some((en, zh)) = station.failure().filter(|_| station.link() != before) {
            self.remark(en, zh);
        }
        if let Some((en, zh)) = station.complaint(now) {
            self.remark(en, zh);
        }
        if let Some(joined) = station.news() {
            board().tell(FromBoard::Wifi(joined));
        }
        result
    }

    /// Tells the parent what came of a joining that nobody has looked at.
    pub(crate) fn settle(&self) {
        self.station(|_| ());
    }

    /// Whether packets get further than the board itself.
    pub(crate) fn is_up(&self) -> bool {
        board().profile.wifi.is_none() || self.station(|station| station.is_up())
    }

    /// `(address, mask, gateway, name server)`: on this machine's network, of the machine as others see it, or the
    /// loopback address where it has no other.
    pub(crate) fn addresses(&self) -> [Ipv4Addr; 4] {
        match self.lan() {
            Some(lan) => air::addresses(lan),
            None => {
                let own = own_address();
                let [a, b, c, _] = own.octets();
                let gateway = Ipv4Addr::new(a, b, c, 1);
                [own, Ipv4Addr::new(255, 255, 255, 0), gateway, gateway]
            }
        }
    }

    /// Makes a remark about the program, once.
    pub(crate) fn remark(&self, en: impl Into<String>, zh: impl Into<String>) {
        let said = Said::new(en, zh);
        let mut remarks = self.remarks.lock();
        if !remarks.contains(&said) {
            remarks.push(said.clone());
            board().tell(FromBoard::Note(said));
        }
    }
}

/// This machine's network, as far as the board may use it.
fn host_stack(internet: bool, closed: Option<u16>) -> OsStack {
    use policy::Verdict;
    let stack = OsStack::new().with_policy(move |to| match policy::this_machine(to) {
        Verdict::Allow if closed == Some(to.port()) => {
            Verdict::Refuse("that is the workbench's own control port".into())
        }
        Verdict::Refuse(_) if internet => Verdict::Allow,
        verdict => verdict,
    });
    // A name server is a host like others: who may not dial any, asks none.
    if internet { stack } else { stack.with_resolver(known_here) }
}

fn own_address() -> Ipv4Addr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let own = all.iter().filter(|interface| !interface.is_loopback()).find_map(|interface| match interface.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    own.unwrap_or(Ipv4Addr::LOCALHOST)
}

/// Runs in the thread that waits, after each waking.
fn attend() -> Result<(), Cause> {
    with_current_vm(|vm| {
        board().attend(vm).map_err(|raised| {
            RAISED.set(Some(raised));
            Kind::Interrupted.into()
        })
    })
}

/// Names that need no name server.
fn known_here(query: &Query) -> Result<Vec<socklab_socket::Info>, LookupFailure> {
    match query.host.to_ascii_lowercase().as_str() {
        "localhost" => query.answers([IpAddr::V4(Ipv4Addr::LOCALHOST), std::net::Ipv6Addr::LOCALHOST.into()]),
        _ => Err(LookupFailure::NoName),
    }
}

/// Waits until the socket is ready, or `until`; says whether it is. A closed one is ready: trying tells.
pub(crate) fn wait(vm: &VirtualMachine, socket: &Socket, interest: Ready, until: Option<Instant>) -> PyResult<bool> {
    wait_all(vm, &mut [Entry::new(socket, interest)], until, || false).map(|ready| ready > 0)
}

/// The same for many, and for what is not a socket: `other` is looked at whenever the board has changed.
pub(crate) fn wait_all(
    vm: &VirtualMachine,
    entries: &mut [Entry<'_>],
    until: Option<Instant>,
    other: impl FnMut() -> bool,
) -> PyResult<usize> {
    board().hurry();
    board().attend(vm)?;
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    board().network.net.poll_or(entries, left, other).map_err(|error| raised_by(vm, &error))
}

/// Says why the policy refused a dial.
fn remark_refusal(error: &Error) {
    let place = error.address().map_or_else(|| "another machine".to_owned(), ToString::to_string);
    let is_closed = |port: u16| place.ends_with(&format!(":{port}"));
    if board().network.closed.is_some_and(is_closed) {
        return board().network.remark(
            format!("{place} is the workbench's own control port: the board may not dial it"),
            format!("{place} 是工作台自己的控制端口，板子不能连接"),
        );
    }
    board().network.remark(
        format!("the board may dial this machine only, not {place}; --internet lets it"),
        format!("板子只能连接本机，不能连接 {place}；--internet 可以放行"),
    );
}

/// What a program should know that dials while the board is in no network.
pub(crate) fn not_in_a_network(place: impl std::fmt::Display) {
    board()
        .network
        .remark(format!("no way to {place}: Wi-Fi is not connected"), format!("无法到达 {place}：尚未连接 Wi-Fi"));
}

/// What a program should know that asks for a name that nobody may be asked for, or for which nobody answers.
pub(crate) fn unknown_name(name: &str, why: Kind) {
    if !board().network.internet {
        let name = name.escape_debug();
        let (en, zh) = match board().network.lan() {
            Some(_) if why == Kind::Lookup(LookupFailure::Again) => (
                format!("the name server has not answered when it was asked for {name}"),
                format!("向域名服务器查询 {name} 时没有得到回答"),
            ),
            Some(_) => (
                format!("the network's name server knows no {name}; pc.lan is this computer, NAME.lan a board"),
                format!("此网络的域名服务器不认识 {name}；pc.lan 是这台电脑，NAME.lan 是板子"),
            ),
            None => (
                format!("the board asks no name servers, so {name} is unknown; --internet lets it"),
                format!("板子不查询域名服务器，因此不认识 {name}；--internet 可以放行"),
            ),
        };
        board().network.remark(en, zh);
    }
}
