//! What the tests of endpoint URLs share: short ways to read one, and strategies that make every part of one.
//! A test stands with what it tests, not here.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::Scheme::{self, UnixDgram};
use super::options::{RULES, Rule};
use super::{EndpointUrl, Host, HostPort, Interface, MOST_PEERS, Options, Place, Target, UnixName};

pub(super) fn url(text: &str) -> EndpointUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(super) fn message<T: fmt::Debug, E: fmt::Display>(result: Result<T, E>) -> String {
    result.map(|value| format!("no error but {value:?}")).unwrap_or_else(|error| error.to_string())
}

pub(super) fn refused(text: &str) -> String {
    message(text.parse::<EndpointUrl>())
}

pub(super) fn written(text: &str) -> String {
    url(text).to_string()
}

fn any_host() -> impl Strategy<Value = Host> {
    prop_oneof![
        any::<IpAddr>().prop_map(Host::Ip),
        (any::<Ipv6Addr>(), "[a-z0-9_.:é-]{1,9}").prop_map(|(address, zone)| Host::Zoned(address, zone)),
        "([a-zA-Z0-9_-]{1,63}\\.){0,2}[a-z网][a-z0-9-]{0,20}\\.?".prop_map(Host::Name),
    ]
}

/// What a peer may be.
fn any_peer() -> impl Strategy<Value = HostPort> {
    (any_host(), 1..=u16::MAX).prop_map(|(host, port)| HostPort { host, port })
}

/// What a socket may be bound to.
pub(super) fn any_local() -> impl Strategy<Value = HostPort> {
    (prop_oneof![Just(Host::Any), any_host()], any::<u16>()).prop_map(|(host, port)| HostPort { host, port })
}

fn any_name() -> impl Strategy<Value = UnixName> {
    prop_oneof!["[/@]{0,2}[a-z%?&# /]{1,9}", "[^\0]{1,20}"]
        .prop_filter_map("a name that there is", |name| UnixName::new(name).ok())
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        any_local().prop_map(Place::TcpListen),
        any_peer().prop_map(Place::Tcp),
        any_local().prop_map(Place::Udp),
        any_name().prop_map(Place::UnixListen),
        any_name().prop_map(Place::Unix),
        prop_oneof![Just(UnixName::default()), any_name()].prop_map(Place::UnixDgram),
    ]
}

fn any_interface() -> impl Strategy<Value = Interface> {
    prop_oneof![
        Just(Interface::Any),
        any::<NonZeroU32>().prop_map(Interface::Index),
        (1..224u8, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Interface::Address([a, b, c, d].into())),
        "[a-z][a-z0-9% ]{0,14}".prop_map(Interface::Name),
    ]
}

fn any_time() -> impl Strategy<Value = Duration> {
    (1..32767u64, 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

/// The options of every scheme at once; the peers are those of `scheme`.
pub(super) fn any_options(scheme: Scheme) -> impl Strategy<Value = Options> {
    let target = match scheme {
        UnixDgram => any_name().prop_map(Target::Unix).boxed(),
        _ => any_peer().prop_map(Target::Inet).boxed(),
    };
    let flags = vec(of(any::<bool>()), 8);
    let times = (of(any_time()), of(any_time()), of(any_time()));
    let sizes = (of(1..=i32::MAX as usize), of(1..=i32::MAX as usize), of(1..=MOST_PEERS));
    let small = (of(1..=65535u32), of(1..=255u8), of(any_local()), of("[a-z0-9&=% ]{1,15}"));
    let many = (vec(any_interface(), 0..3), vec(target, 0..3));
    (flags, times, sizes, small, many).prop_map(|(flags, times, sizes, small, many)| Options {
        nodelay: flags[0],
        keepalive: times.0,
        rcvbuf: sizes.0,
        sndbuf: sizes.1,
        reuse: flags[1],
        max_peers: sizes.2,
        backlog: small.0,
        broadcast: flags[2],
        ttl: small.1,
        loopback: flags[3],
        join: many.0,
        bind: small.2,
        interface: small.3,
        timeout: times.1,
        retry: flags[4],
        age: times.2,
        peer: many.1,
        echo: flags[5],
        halfopen: flags[6],
        once: flags[7],
    })
}

/// Only those options that `wanted` says, by way of their text.
pub(super) fn keep(options: &Options, scheme: Scheme, wanted: impl Fn(&Rule) -> bool) -> Options {
    let mut kept = Options::default();
    for rule in RULES.iter().filter(|rule| wanted(rule)) {
        for value in (rule.write)(options) {
            (rule.read)(&mut kept, scheme, &value).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
        }
    }
    kept
}

pub(super) fn any_url() -> impl Strategy<Value = EndpointUrl> {
    let both = any_place().prop_flat_map(|place| {
        let options = any_options(place.scheme());
        (Just(place), options)
    });
    both.prop_map(|(place, options)| {
        let group = matches!(&place, Place::Udp(at) if at.multicast_group().is_some());
        let wanted = |rule: &Rule| rule.schemes.contains(&place.scheme()) && (group || rule.name != "join");
        EndpointUrl { options: keep(&options, place.scheme(), wanted), place }
    })
}
