//! Looking names up, and the tables of errors.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::kit::*;
use socklab_socket::{Errno, Family, Kind, LookupFailure, OsStack, Query, Type};

#[test]
fn addresses_as_text_need_nobody() {
    let net = Probe::over(OsStack::new().with_resolver(|_| panic!("asked")));
    let one = |query: Query| net.getaddrinfo(&query).map(|mut infos| infos.remove(0));
    let info = one(Query::new("192.0.2.7", 80).kind(Type::Datagram)).unwrap();
    assert_eq!((info.family, info.kind), (Family::Inet, Type::Datagram));
    assert_eq!(info.address, (Ipv4Addr::new(192, 0, 2, 7), 80).into());
    assert_eq!(one(Query::new("::1", 1)).unwrap().address, (Ipv6Addr::LOCALHOST, 1).into());
    assert_eq!(one(Query::new("", 5)).unwrap().address, (Ipv4Addr::UNSPECIFIED, 5).into());
    let any = one(Query::new("", 5).family(Family::Inet6)).unwrap();
    assert_eq!(any.address, (Ipv6Addr::UNSPECIFIED, 5).into());
    let error = one(Query::new("::1", 1).family(Family::Inet)).unwrap_err();
    assert_eq!(error.kind(), Kind::Lookup(LookupFailure::NoName));
    assert_eq!(error.to_string(), "look up ::1: no such name (EAI_NONAME)");
    assert_eq!(error.errno(), None);
}

#[test]
fn the_system_knows_localhost() {
    let found = net().getaddrinfo(&Query::new("localhost", 80).family(Family::Inet)).unwrap();
    assert_eq!(found[0].address, (Ipv4Addr::LOCALHOST, 80).into());
}

#[test]
fn a_resolver_answers_and_fails() {
    let stack = OsStack::new().with_resolver(|query| match query.host.as_str() {
        "two.test" => {
            query.answers([Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()])
        }
        "panic.test" => panic!("as it should"),
        _ => Err(LookupFailure::Again),
    });
    let net = Probe::over(stack);
    let found = net.getaddrinfo(&Query::new("two.test", 9)).unwrap();
    let families: Vec<Family> = found.iter().map(|info| info.family).collect();
    assert_eq!(families, [Family::Inet6, Family::Inet]);
    let error = net.getaddrinfo(&Query::new("none.test", 9)).unwrap_err();
    assert_eq!(error.kind(), Kind::Lookup(LookupFailure::Again));
    let error = net.getaddrinfo(&Query::new("panic.test", 9)).unwrap_err();
    assert_eq!(error.kind(), Kind::Lookup(LookupFailure::System));
}

#[test]
fn names_and_numbers_are_inverse() {
    for errno in Errno::ALL {
        assert_eq!(Errno::from_name(errno.name()), Some(*errno));
        assert_eq!(Errno::from_linux(errno.linux()), Some(*errno));
        assert!(!errno.cause().ends_with('.') && errno.cause().to_lowercase() == errno.cause());
        #[cfg(target_os = "linux")]
        assert_eq!(Errno::from_system(errno.linux()), Some(*errno));
    }
    assert_eq!(Errno::from_name("EWOULDBLOCK"), Some(Errno::EAGAIN));
    assert_eq!(Errno::from_name("ENOSUCH"), None);
    assert_eq!(Errno::ECONNREFUSED.linux(), 111);
    assert_eq!(LookupFailure::NoName.linux(), -2);
}
