//! The board on the virtual network: its stack, and what it says to the access points, by way of the parent.
//! How far the station has come is kept in `wifi`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustpython_vm::{PyResult, VirtualMachine};
use socklab_lan::{Addressing, Host, HostConfig, Interface, Ipv4Config, LanStack, Mac, Seed};

use super::wire::Wire;
use super::{Link, Network, Outside};
use crate::board::board;
use crate::link::{Frames, FromBoard, JoinFailure, Seen, Serving};
use crate::look::Said;
use crate::profile::{Profile, Sockets};

/// The pause between two attempts to find a network again that was lost.
const RETRY: Duration = Duration::from_secs(1);

/// How long a program waits at most for the address that the board had before a soft reset, or gets over a cable.
pub(super) const ADDRESS: Duration = Duration::from_secs(1);

/// When its person is told what a board waits for whose program is over; one without a network waits no longer.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long it then waits for peers that have taken all bytes and have not said that they know of the end.
const LAST_END: Duration = Duration::from_secs(15);

/// How long the parent may take for the last frames.
const LAST_FRAMES: Duration = Duration::from_secs(1);

/// How often the stack is asked for its address while that is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// The board's own stack. Its link is up at once where there is a cable, or a network that it had joined.
pub(super) fn stack(mac: Mac, outside: &Outside, profile: &Profile, wire: Arc<Wire>) -> LanStack {
    let host = Host::new(HostConfig {
        mac,
        name: outside.name.clone(),
        // Not the same after a reset: an old connection must not be taken for a new one.
        seed: Seed(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)),
        profile: match profile.sockets {
            Sockets::CPython => socklab_lan::Profile::LINUX,
            Sockets::Bsd | Sockets::Raw | Sockets::Card => socklab_lan::Profile::ESP32,
        },
        addressing: Addressing::Dhcp,
    });
    let stack = LanStack::new(host, Box::new(move |frame| wire.put(frame)), Box::new(Instant::now));
    set_link(&stack, profile.wifi.is_none() || outside.joined.is_some());
    let timers = stack.clone();
    thread::spawn(move || timers.run());
    stack
}

fn set_link(lan: &LanStack, up: bool) {
    lan.with(|host| {
        let now = host.now();
        host.set_link(now, up);
    });
}

fn set_addressing(lan: &LanStack, addressing: Addressing) {
    lan.with(|host| {
        let now = host.now();
        host.set_addressing(now, addressing);
    });
}

/// What `(address, mask, gateway, name server)` says; 0.0.0.0 is none.
fn configured([address, mask, gateway, dns]: [Ipv4Addr; 4]) -> Ipv4Config {
    let some = |address: Ipv4Addr| (!address.is_unspecified()).then_some(address);
    let prefix = mask.to_bits().leading_ones() as u8;
    Ipv4Config { address, prefix, gateway: some(gateway), dns: some(dns).into_iter().collect() }
}

/// `(address, mask, gateway, name server)`.
pub(super) fn addresses(lan: &LanStack) -> [Ipv4Addr; 4] {
    let config = lan.with(|host| host.ipv4().cloned());
    let nowhere = Ipv4Addr::UNSPECIFIED;
    config.map_or([nowhere; 4], |config| {
        let dns = config.dns.first().copied().unwrap_or(nowhere);
        [config.address, config.mask(), config.gateway.unwrap_or(nowhere), dns]
    })
}

/// Says one thing about each peer, and how many bytes for it.
fn say_each(peers: Vec<(SocketAddr, usize)>, said: fn(SocketAddr, usize) -> Option<Said>) {
    let mut all = BTreeMap::<SocketAddr, usize>::new();
    peers.into_iter().for_each(|(peer, bytes)| *all.entry(peer).or_default() += bytes);
    let said = all.into_iter().filter_map(|(peer, bytes)| said(peer, bytes));
    said.for_each(|said| board().tell(FromBoard::Note(said)));
}

fn waits_for(peer: SocketAddr, bytes: usize) -> Option<Said> {
    Some(match bytes {
        0 => Said::new(
            format!("the program is over; its connection with {peer} is still being closed (Ctrl-C: do not wait)"),
            format!("程序已结束；与 {peer} 的连接仍在关闭（按 Ctrl-C 不再等待）"),
        ),
        _ => Said::new(
            format!("the program is over; {bytes} bytes for {peer} are still on their way (Ctrl-C: do not wait)"),
            format!("程序已结束；仍有 {bytes} 字节正在发往 {peer}（按 Ctrl-C 不再等待）"),
        ),
    })
}

fn not_delivered(peer: SocketAddr, bytes: usize) -> Option<Said> {
    (bytes > 0).then(|| {
        Said::new(
            format!("{bytes} bytes for {peer} were not delivered"),
            format!("发往 {peer} 的 {bytes} 字节未能送达"),
        )
    })
}

impl Network {
    /// Joins a network in the background; `None` is the one that was given last.
    pub(crate) fn join(&self, network: Option<(String, String)>) {
        self.station(|station| {
            station.join(network);
            self.set_air_link(false);
        });
        if self.lan().is_some() {
            self.ask_to_join();
        }
    }

    fn ask_to_join(&self) {
        let (attempt, (ssid, key)) = self.station(|station| (station.attempt, station.wanted()));
        board().tell(FromBoard::Join { attempt, ssid, key });
    }

    /// With the station at hand: how far it has come and its link change together.
    fn set_air_link(&self, up: bool) {
        if let Some(lan) = self.lan() {
            set_link(lan, up);
        }
    }

    /// Leaves the network.
    pub(crate) fn leave(&self) {
        self.station(|station| {
            station.leave();
            self.set_air_link(false);
        });
        if self.lan().is_some() {
            board().tell(FromBoard::Leave);
        }
    }

    /// An access point has answered this attempt.
    pub(crate) fn joined(&self, attempt: u64, outcome: Result<u8, JoinFailure>) {
        let again = self.station(|station| {
            let is_current = station.answered(attempt, outcome);
            if is_current && outcome.is_ok() {
                self.set_air_link(true);
            }
            is_current && outcome.is_err() && station.lost
        });
        if again {
            thread::spawn(move || {
                thread::sleep(RETRY);
                let network = &board().network;
                if network.station(|station| station.attempt) == attempt {
                    network.ask_to_join();
                }
            });
        }
        board().change(|state| state.air_changes += 1);
    }

    /// The access point is gone, or has sent the board away. Firmwares look for it until they find it again.
    pub(crate) fn lose(&self) {
        let Some(lan) = self.lan() else { return };
        set_link(lan, false);
        self.station(|station| station.lose());
        self.ask_to_join();
        board().change(|state| state.air_changes += 1);
    }

    /// Frames from the network, at one of the board's interfaces.
    pub(crate) fn deliver(&self, interface: Interface, frames: Frames) {
        if let Some(lan) = self.lan() {
            lan.deliver(interface, frames);
        }
    }

    /// Closes all connections, and waits for their last bytes to be taken: as long as the stack does while there is a
    /// network, or until they are [cut off](Self::cut_off). Then the parent knows, and what was not taken is said.
    pub(crate) fn switch_off(&self) {
        if let Some(lan) = self.lan() {
            lan.with(|host| host.close_all());
            if self.station(|station| station.is_off()) {
                self.cut_off();
            }
            let after = |span| Instant::now().checked_add(span);
            let is_closed = |host: &Host| !host.is_closing();
            if !lan.await_that(after(LAST_WORDS), is_closed) {
                if self.station(|station| station.is_up()) {
                    say_each(lan.with(|host| host.closing()), waits_for);
                    lan.await_that(None, |host| host.closing().iter().all(|(_, bytes)| *bytes == 0));
                    lan.await_that(after(LAST_END), is_closed);
                }
                self.cut_off();
            }
            say_each(lan.with(|host| host.take_undelivered()), not_delivered);
            self.wire().await_empty(Instant::now() + LAST_FRAMES);
        }
        board().tell(FromBoard::SwitchedOff);
    }

    /// Waits no longer for peers to take the last bytes.
    pub(crate) fn cut_off(&self) {
        if let Some(lan) = self.lan() {
            lan.with(|host| host.cut_closing());
        }
    }

    /// Waits until joining comes to its end.
    pub(crate) fn await_joined(&self, vm: &VirtualMachine, until: Option<Instant>) -> PyResult<()> {
        loop {
            let seen = board().air_changes();
            let (link, done) = self.station(|station| (station.link(), station.done()));
            if link != Link::Joining || until.is_some_and(|until| Instant::now() >= until) {
                return Ok(());
            }
            // Nothing tells when the stack takes an address: it may be by its own clock.
            let look = self.lan().and_then(|_| Instant::now().checked_add(LOOK));
            let until = [until, done, look].into_iter().flatten().min();
            board().wait(vm, until, |state| (state.air_changes != seen).then_some(()))?;
        }
    }

    /// Waits for the address that the board had before a soft reset: it keeps it, and so has it at once.
    pub(crate) fn await_old_address(&self, vm: &VirtualMachine) {
        let _ = self.await_joined(vm, Instant::now().checked_add(ADDRESS)); // Ctrl-C: then without
    }

    /// The board is an access point from now on, with these addresses ([`configured`]), or none any more. The network that
    /// it has joined, it stays in.
    pub(crate) fn serve(&self, serving: Option<(Serving, [Ipv4Addr; 4])>) {
        let served = self.station(|station| {
            station.stations.clear();
            std::mem::replace(&mut station.serving, serving.is_some())
        });
        if !served && serving.is_none() {
            return; // programs switch off what they do not use, and are in another network meanwhile
        }
        let Some(lan) = self.lan() else { return };
        let (serving, own) = serving.map(|(serving, four)| (serving, configured(four))).unzip();
        lan.with(|host| {
            let now = host.now();
            host.serve(now, own);
        });
        board().tell(FromBoard::Serve(serving));
    }

    /// Gives the station this address, or leaves it to DHCP. On this machine's network only the program believes it.
    pub(crate) fn fix(&self, four: Option<[Ipv4Addr; 4]>) {
        let Some(lan) = self.lan() else { return };
        set_addressing(lan, four.map_or(Addressing::Dhcp, |four| Addressing::Static(configured(four))));
    }

    /// Addresses, sockets and neighbours, a line each; nothing on this machine's network.
    pub(crate) fn netstat(&self) -> String {
        self.lan().map(|lan| lan.with(|host| host.netstat().to_string())).unwrap_or_default()
    }

    /// The access points that the board hears.
    pub(crate) fn scan(&self, vm: &VirtualMachine) -> PyResult<Vec<Seen>> {
        if self.lan().is_none() {
            let seen = |(ssid, secured)| Seen { ssid, bssid: [2, 0, 0, 0, 0, 1], channel: 6, rssi: -50, secured };
            return Ok(self.station(|station| station.in_the_air().into_iter().map(seen).collect()));
        }
        board().change(|state| state.scanned = None);
        board().tell(FromBoard::Scan);
        let scanned = board().wait(vm, None, |state| state.scanned.take())?;
        Ok(scanned.unwrap_or_default())
    }
}
