//! Scenario files: what boards do, when, and what came of it. Each file in `scenarios` is a script, a line `---`, and
//! the log that the script must give; `UPDATE=1` writes the log anew, for a person to look at.
//!
//! A line begins with a board's name or with a word of the world's; times are virtual.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socklab_lan::{
    AccessPoint, Addressing, DhcpFault, Direction, DnsFault, Event, FlowId, Happened, Ipv4Config, LookupId, Medium,
    Preset, Profile, Read, Refusal, SocketId, brief,
};
use socklab_socket::{Address, Cause, Errno, Family, Protocol, Query, SockOpt, SockOptName, Type};

use crate::world::World;

#[test]
fn scenarios_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let wrong: Vec<_> = files.iter().filter(|file| !goes_as_written(file)).collect();
    assert!(wrong.is_empty(), "{wrong:?} went otherwise");
}

fn goes_as_written(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap();
    let (script, expected) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let log = play(script);
    assert_eq!(log, play(script), "{} does not repeat", file.display());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, format!("{}\n---\n{log}", script.trim_end())).unwrap();
    } else if log != expected {
        println!("{}:\n{}", file.display(), difference(expected, &log));
        return false;
    }
    true
}

fn difference(expected: &str, log: &str) -> String {
    let mut text = String::new();
    let (mut old, mut new) = (expected.lines(), log.lines());
    loop {
        match (old.next(), new.next()) {
            (None, None) => return text,
            (a, b) if a == b => {}
            (a, b) => writeln!(text, "- {}\n+ {}", a.unwrap_or(""), b.unwrap_or("")).unwrap(),
        }
    }
}

/// What answers outside, by port.
#[derive(Clone, Copy, PartialEq)]
enum Outside {
    Echo,
    Say,
    Hold,
    Silence,
    Unreachable,
}

struct Play {
    world: World,
    log: String,
    sockets: BTreeMap<String, SocketId>,
    lookups: BTreeMap<String, LookupId>,
    outside: BTreeMap<u16, Outside>,
    flows: BTreeMap<FlowId, (Outside, Vec<u8>)>,
    held: Vec<FlowId>,
    watched: bool,
    seen: usize,
}

fn play(script: &str) -> String {
    let seed = script.lines().find_map(|line| line.strip_prefix("seed ")).map_or(1, |seed| seed.parse().unwrap());
    let mut play = Play {
        world: World::new(seed),
        log: String::new(),
        sockets: BTreeMap::new(),
        lookups: BTreeMap::new(),
        outside: BTreeMap::new(),
        flows: BTreeMap::new(),
        held: Vec::new(),
        watched: false,
        seen: 0,
    };
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("seed")) {
        let said = play.line(line);
        play.happen();
        let now = play.world.now;
        match said.as_str() {
            "" => {}
            said => writeln!(play.log, "{now} {line}: {said}").unwrap(),
        }
    }
    play.log
}

impl Play {
    fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["board", name, rest @ ..] => self.board(name, rest),
            ["wait", span] => self.wait(span),
            ["watch", on] => {
                self.watched = *on == "on";
                self.world.lan.watch(self.watched);
                String::new()
            }
            ["outside", port, what] => self.set_outside(port, what),
            ["accept-held"] => {
                self.held.drain(..).for_each(|flow| self.world.lan.accept(flow).unwrap());
                String::new()
            }
            ["dial", address, say @ ..] => self.dial_in(address, &say.join(" ")),
            ["datagram", from, to, rest @ ..] => {
                let (from, to) = (self.address(from), self.address(to));
                let sent = self.world.lan.send_datagram(self.world.now, from, to, rest.join(" ").as_bytes());
                if sent { String::new() } else { "no such board".into() }
            }
            ["dhcp", rest @ ..] => self.dhcp(rest),
            ["dns", rest @ ..] => self.dns(rest),
            ["status"] => format!("\n{}", self.world.lan.status()),
            ["air", ssid, rest @ ..] => self.air(ssid, rest),
            [name, rest @ ..] => self.board_line(name, rest),
            [] => String::new(),
        }
    }

    fn board(&mut self, name: &str, rest: &[&str]) -> String {
        let (mut medium, mut profile, mut addressing) = (Medium::Cable, Profile::LINUX, Addressing::Dhcp);
        for word in rest {
            match *word {
                "air" => medium = Medium::Air,
                "esp32" => profile = Profile::ESP32,
                "linux" => profile = Profile::LINUX,
                "silent" => addressing = Addressing::None,
                address => {
                    let address = address.parse().unwrap();
                    let gateway = Some(self.world.lan.plan().gateway);
                    let dns = vec![self.world.lan.plan().gateway];
                    addressing = Addressing::Static(Ipv4Config { address, prefix: 24, gateway, dns });
                }
            }
        }
        self.world.add(name, medium, profile, addressing);
        String::new()
    }

    fn wait(&mut self, span: &str) -> String {
        let end = self.world.now + duration(span);
        loop {
            let heard = self.world.events.len();
            let more = self.world.wait_until(end, |world| world.events.len() > heard);
            self.happen();
            if !more {
                return String::new();
            }
        }
    }

    fn set_outside(&mut self, port: &str, what: &str) -> String {
        let what = match what {
            "echo" => Outside::Echo,
            "say" => Outside::Say,
            "hold" => Outside::Hold,
            "silence" => Outside::Silence,
            "unreachable" => Outside::Unreachable,
            what => panic!("{what}"),
        };
        self.outside.insert(port.parse().unwrap(), what);
        String::new()
    }

    fn dial_in(&mut self, address: &str, say: &str) -> String {
        let (board, from) = (self.address(address), SocketAddr::new(self.world.lan.plan().pc.into(), 0));
        match self.world.lan.connect(self.world.now, board, from) {
            Ok((flow, _)) => {
                self.flows.insert(flow, (Outside::Say, say.into()));
                flow.to_string()
            }
            Err(error) => error.to_string(),
        }
    }

    fn dhcp(&mut self, rest: &[&str]) -> String {
        self.world.lan.set_dhcp_fault(match rest {
            ["off"] => DhcpFault::Off,
            ["slow", span] => DhcpFault::Slow(duration(span)),
            ["nak"] => DhcpFault::Nak,
            ["exhausted"] => DhcpFault::Exhausted,
            _ => DhcpFault::None,
        });
        String::new()
    }

    fn dns(&mut self, rest: &[&str]) -> String {
        self.world.lan.set_dns_fault(match rest {
            ["off"] => DnsFault::Off,
            ["slow", span] => DnsFault::Slow(duration(span)),
            ["nxdomain"] => DnsFault::NxDomain,
            ["wrong", address] => DnsFault::Wrong(address.parse().unwrap()),
            _ => DnsFault::None,
        });
        String::new()
    }

    fn air(&mut self, ssid: &str, rest: &[&str]) -> String {
        let known = self.world.lan.change_access_point(self.world.now, ssid, |point| match rest {
            ["gone"] => point.gone = true,
            ["back"] => point.gone = false,
            ["isolated"] => point.isolated = true,
            ["refuses"] => point.refuses = true,
            ["password", password] => point.password = Some((*password).to_owned()),
            rest => panic!("{rest:?}"),
        });
        if known { String::new() } else { "no such access point".into() }
    }

    /// `a:80`, `pc:80`, `192.168.1.20:80`, `[fe80::1]:80`, `a6:80` for a board's IPv6 address.
    fn address(&mut self, text: &str) -> SocketAddr {
        if let Ok(address) = text.parse() {
            return address;
        }
        let (name, port) = text.rsplit_once(':').unwrap();
        let ip: IpAddr = match (name, name.strip_suffix('6')) {
            ("pc", _) => self.world.lan.plan().pc.into(),
            ("pc6", _) => self.world.lan.plan().pc6().into(),
            ("gateway", _) => self.world.lan.plan().gateway.into(),
            ("all", _) => self.world.lan.plan().broadcast().into(),
            (_, Some(name)) if self.world.boards.contains_key(name) => self.global6(name),
            _ => self.world.address(name).into(),
        };
        SocketAddr::new(ip, port.parse().unwrap())
    }

    fn global6(&mut self, name: &str) -> IpAddr {
        let all = self.world.host(name).addresses();
        let global = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.is_unique_local());
        all.into_iter().map(|(ip, _)| ip).find(global).unwrap()
    }

    fn board_line(&mut self, name: &str, rest: &[&str]) -> String {
        let port = self.world.boards.get(name).unwrap_or_else(|| panic!("no board {name}")).port;
        let now = self.world.now;
        match rest {
            ["link", direction, faults @ ..] => {
                let direction = if *direction == "up" { Direction::Up } else { Direction::Down };
                let faults = faults.join(" ").parse().unwrap();
                self.world.lan.set_faults(now, port, direction, faults);
                String::new()
            }
            ["preset", preset] => {
                let preset: Preset = preset.parse().unwrap();
                for direction in [Direction::Up, Direction::Down] {
                    self.world.lan.set_faults(now, port, direction, preset.faults(direction));
                }
                String::new()
            }
            ["join", ssid, password @ ..] => {
                self.world.lan.join(now, port, ssid, password.first().copied());
                String::new()
            }
            ["leave"] => {
                self.world.lan.leave_air(now, port);
                String::new()
            }
            ["deauth"] => {
                self.world.lan.deauthenticate(now, port);
                String::new()
            }
            ["unplug"] => {
                self.world.lan.detach(now, port);
                self.world.boards.remove(name);
                String::new()
            }
            ["addresses"] => {
                let all = self.world.host(name).addresses();
                all.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect::<Vec<_>>().join(" ")
            }
            ["dhcp"] => format!("{:?}", self.world.host(name).dhcp()),
            ["opens", ssid] => {
                let point = AccessPoint { ssid: (*ssid).to_owned(), ..AccessPoint::default() };
                self.world.lan.open_access_point(now, port, point);
                let address = Ipv4Addr::new(192, 168, 4, 1);
                let own = Ipv4Config { address, prefix: 24, gateway: Some(address), dns: Vec::new() };
                self.world.host(name).serve(now, Some(own));
                String::new()
            }
            ["shuts"] => {
                self.world.lan.close_access_point(now, port);
                self.world.host(name).serve(now, None);
                String::new()
            }
            ["scan"] => {
                let seen = self.world.lan.scan(port);
                seen.iter()
                    .map(|seen| format!("{} {} {}", seen.ssid, seen.bssid, seen.channel))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            ["release"] => {
                self.world.host(name).release(now);
                String::new()
            }
            ["netstat"] => format!("\n{}", self.world.host(name).netstat()),
            ["counts", "up"] => self.world.lan.counts(port, Direction::Up).unwrap().to_string(),
            ["counts", "down"] => self.world.lan.counts(port, Direction::Down).unwrap().to_string(),
            ["lookup", host] => {
                let id = self.world.host(name).lookup(&Query::new(*host, 80));
                self.lookups.insert(format!("{name} {host}"), id);
                String::new()
            }
            ["answer", host] => self.lookup_answer(name, host),
            [verb, socket, rest @ ..] => {
                let outcome = self.socket_line(name, verb, socket, rest);
                outcome.unwrap_or_else(|cause| named(&cause))
            }
            rest => panic!("{name} {rest:?}"),
        }
    }

    fn lookup_answer(&mut self, name: &str, host: &str) -> String {
        let id = self.lookups[&format!("{name} {host}")];
        match self.world.host(name).answer(id) {
            None => "not yet".into(),
            Some(Err(cause)) => cause.to_string(),
            Some(Ok(found)) => found.iter().map(|info| info.address.to_string()).collect::<Vec<_>>().join(" "),
        }
    }

    fn socket_line(&mut self, name: &str, verb: &str, socket: &str, rest: &[&str]) -> Result<String, Cause> {
        let key = format!("{name}.{socket}");
        if let Some((family, kind, protocol)) = opened(verb) {
            let id = self.world.host(name).open(family, kind, protocol)?;
            self.sockets.insert(key, id);
            return Ok(String::new());
        }
        let Some(id) = self.sockets.get(&key).copied() else { return Ok("there is no such socket".into()) };
        let done = |()| String::new();
        let target = rest.first().copied();
        match verb {
            "bind" => {
                let to = self.address(target.unwrap());
                self.world.host(name).bind(id, &to.into()).map(done)
            }
            "listen" => self.world.host(name).listen(id, target.map_or(5, |n| n.parse().unwrap())).map(done),
            "connect" => {
                let to = self.address(target.unwrap());
                self.world.host(name).connect(id, &to.into()).map(done)
            }
            "accept" => {
                let (accepted, from) = self.world.host(name).accept(id)?;
                self.sockets.insert(format!("{name}.{}", target.unwrap()), accepted);
                Ok(format!("from {from}"))
            }
            "send" => {
                let bytes = payload(rest);
                let count = self.world.host(name).send(id, &bytes, None)?;
                Ok(if count == bytes.len() { String::new() } else { count.to_string() })
            }
            "sendto" => {
                let to: Address = self.address(rest[0]).into();
                self.world.host(name).send(id, &payload(&rest[1..]), Some(&to)).map(|_| String::new())
            }
            "recv" => {
                let mut into = vec![0; target.map_or(1 << 20, |n| n.parse().unwrap())];
                let (count, from) = self.world.host(name).receive(id, &mut into, false)?;
                let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
                Ok(format!("{}{from}", shown(&into[..count])))
            }
            "close" => {
                self.world.host(name).close(id);
                Ok(String::new())
            }
            "shutdown" => self.world.host(name).shutdown(id, Shutdown::Write).map(done),
            "error" => match self.world.host(name).get(id, SockOptName::Error)? {
                SockOpt::Error(Some(errno)) => Ok(errno.to_string()),
                _ => Ok("none".into()),
            },
            "ready" => Ok(format!("{:?}", self.world.host(name).ready(id))),
            "local" => self.world.host(name).local_address(id).map(|address| address.to_string()),
            "peer" => self.world.host(name).peer_address(id).map(|address| address.to_string()),
            "group" => {
                let option = match target.unwrap().parse().unwrap() {
                    IpAddr::V4(group) => SockOpt::JoinV4 { group, interface: std::net::Ipv4Addr::UNSPECIFIED },
                    IpAddr::V6(group) => SockOpt::JoinV6 { group, interface: 0 },
                };
                self.world.host(name).set(id, &option).map(done)
            }
            "reuse" => self.world.host(name).set(id, &SockOpt::ReuseAddress(true)).map(done),
            "linger" => {
                let time = Duration::from_secs(target.unwrap().parse().unwrap());
                self.world.host(name).set(id, &SockOpt::Linger(Some(time))).map(done)
            }
            "broadcast" => self.world.host(name).set(id, &SockOpt::Broadcast(true)).map(done),
            verb => panic!("{verb}"),
        }
    }

    /// What the network has told since it was last looked at.
    fn happen(&mut self) {
        self.world.settle();
        while self.seen < self.world.events.len() {
            let event = self.world.events[self.seen].clone();
            self.seen += 1;
            self.event(event);
            self.world.settle();
        }
    }

    fn say(&mut self, text: impl std::fmt::Display) {
        writeln!(self.log, "{} {text}", self.world.now).unwrap();
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Frame { at, port, direction, verdict, frame, .. } => {
                writeln!(self.log, "{at} {port} {direction} {} [{verdict}]", brief(&frame)).unwrap();
            }
            Event::Dialled { flow, port, from, to } => self.dialled(flow, format!("{port} {from} dials {to}"), to),
            Event::Flow { flow, what } => self.flow(flow, what),
            Event::Datagram { port, from, to, bytes, .. } => self.datagram(&port.to_string(), from, to, &bytes),
            Event::DatagramsOver { flow } => self.say(format!("datagrams {flow} over")),
            Event::DatagramRefused { from, to } => self.say(format!("{to} refuses what {from} sent")),
            Event::Limited { port, to, reason } => self.say(format!("{port} may not dial {to}: {reason}")),
            Event::Leased { port, lease } => self.say(format!("{port} has {}", lease.address)),
            Event::Asked { question, name } => self.say(format!("{question} asks for {name}")),
            Event::Joined { port, ssid, outcome, .. } => match outcome {
                Ok(()) => self.say(format!("{port} has joined {ssid}")),
                Err(error) => self.say(format!("{port} has not joined {ssid}: {error}")),
            },
            Event::Left { port, ssid, why } => self.say(format!("{port} is no longer joined to {ssid}: {why}")),
        }
    }

    fn dialled(&mut self, flow: FlowId, text: String, to: SocketAddr) {
        let outside = self.outside.get(&to.port()).copied();
        self.say(text);
        match outside {
            None => self.world.lan.refuse(flow, Refusal::Reset).unwrap(),
            Some(Outside::Silence) => self.world.lan.refuse(flow, Refusal::Silence).unwrap(),
            Some(Outside::Unreachable) => self.world.lan.refuse(flow, Refusal::Unreachable).unwrap(),
            Some(what) => {
                self.flows.insert(flow, (what, Vec::new()));
                if what == Outside::Hold { self.held.push(flow) } else { self.world.lan.accept(flow).unwrap() }
            }
        }
    }

    fn flow(&mut self, flow: FlowId, what: Happened) {
        match what {
            Happened::Over(ending) => self.say(format!("{flow} over: {ending}")),
            Happened::Opened => {
                self.say(format!("{flow} open"));
                self.write(flow);
            }
            Happened::Readable => self.read(flow),
            Happened::Writable => self.write(flow),
        }
    }

    fn read(&mut self, flow: FlowId) {
        let mut into = vec![0; 65536];
        let mut got = Vec::new();
        loop {
            match self.world.lan.read(flow, &mut into) {
                Ok(Read::Bytes(count)) => got.extend_from_slice(&into[..count]),
                Ok(Read::End) => {
                    self.say(format!("{flow} says the last"));
                    self.world.lan.finish(flow).unwrap();
                    break;
                }
                _ => break,
            }
        }
        if !got.is_empty() {
            self.say(format!("{flow} says {}", shown(&got)));
            if let Some((Outside::Echo, back)) = self.flows.get_mut(&flow) {
                back.extend_from_slice(&got);
            }
            self.write(flow);
        }
    }

    fn write(&mut self, flow: FlowId) {
        let Some((_, back)) = self.flows.get_mut(&flow) else { return };
        if !back.is_empty() {
            let taken = self.world.lan.write(flow, back).unwrap_or(0);
            back.drain(..taken);
        }
    }

    fn datagram(&mut self, port: &str, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.say(format!("{port} {from} sends {to} {}", shown(bytes)));
        match self.outside.get(&to.port()) {
            Some(Outside::Echo) => drop(self.world.lan.send_datagram(self.world.now, to, from, bytes)),
            Some(_) => {}
            None => self.world.lan.refuse_datagram(from, to),
        }
    }
}

fn opened(verb: &str) -> Option<(Family, Type, Protocol)> {
    Some(match verb {
        "tcp" => (Family::Inet, Type::Stream, Protocol::Usual),
        "tcp6" => (Family::Inet6, Type::Stream, Protocol::Usual),
        "udp" => (Family::Inet, Type::Datagram, Protocol::Usual),
        "udp6" => (Family::Inet6, Type::Datagram, Protocol::Usual),
        "icmp" => (Family::Inet, Type::Raw, Protocol::Icmp),
        "icmp6" => (Family::Inet6, Type::Raw, Protocol::Icmpv6),
        _ => return None,
    })
}

/// `words`, or `1000 bytes`; `hex 0800...`.
fn payload(words: &[&str]) -> Vec<u8> {
    match words {
        [count, "bytes"] => (0..count.parse::<usize>().unwrap()).map(|index| (index % 251) as u8).collect(),
        ["hex", digits] => {
            (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
        }
        words => words.join(" ").into_bytes(),
    }
}

/// Short text as it is, a pattern that is whole by its length.
fn shown(bytes: &[u8]) -> String {
    let pattern = bytes.len() > 40 && bytes.iter().enumerate().all(|(index, byte)| usize::from(*byte) == index % 251);
    match std::str::from_utf8(bytes) {
        _ if bytes.is_empty() => "nothing".into(),
        _ if pattern => format!("{} bytes as sent", bytes.len()),
        Ok(text) if text.chars().all(|letter| !letter.is_control()) => format!("{text:?}"),
        _ => format!("{} bytes", bytes.len()),
    }
}

fn named(cause: &Cause) -> String {
    match cause.kind {
        socklab_socket::Kind::Errno(errno) => Errno::name(errno).to_owned(),
        _ => cause.to_string(),
    }
}

fn duration(text: &str) -> Duration {
    let (digits, unit) = text.split_at(text.find(|letter: char| letter.is_alphabetic()).unwrap());
    let number: u64 = digits.parse().unwrap();
    match unit {
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        unit => panic!("{unit}"),
    }
}
