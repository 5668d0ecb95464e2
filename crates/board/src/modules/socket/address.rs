//! Addresses as programs write them, a tuple or a list of a host and a port, and `getaddrinfo`. Which of them a board
//! looks up is its dialect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustpython_vm::builtins::{PyInt, PyList, PyStr, PyTuple};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{PyObject, PyObjectRef, PyResult, VirtualMachine};
use socklab_socket::{Errno, Family, LookupFailure, Query, Type};

use crate::board::board;
use crate::modules::errors;
use crate::net;
use crate::profile::Sockets;

/// What lwIP's `getaddrinfo` says to a port that is none.
const EAI_SERVICE: i32 = -201;

/// Where to bind or to connect: hosts may have names, where the board looks names up.
pub(super) fn place(vm: &VirtualMachine, address: &PyObject, family: Family) -> PyResult<SocketAddr> {
    let (host, port) = pair(vm, address)?;
    match board().profile.sockets {
        Sockets::CPython => cpython_place(vm, &host, &port, family),
        _ if board().profile.quirks.resolves_names => {
            let host = text(vm, &host)?;
            let port = port_or_text(vm, &port)?;
            Ok(SocketAddr::new(look_up(vm, &host, family)?, port))
        }
        _ => numeric_place(vm, &host, &port),
    }
}

/// Where to send a datagram: boards take no names there.
pub(super) fn numeric(vm: &VirtualMachine, address: &PyObject, family: Family) -> PyResult<SocketAddr> {
    let (host, port) = pair(vm, address)?;
    match board().profile.sockets {
        Sockets::CPython => cpython_place(vm, &host, &port, family),
        _ => numeric_place(vm, &host, &port),
    }
}

fn numeric_place(vm: &VirtualMachine, host: &PyObject, port: &PyObject) -> PyResult<SocketAddr> {
    let host = dotted(&text(vm, host)?).ok_or_else(|| vm.new_value_error("invalid arguments"))?;
    // The firmware puts any int into 16 bits.
    Ok(SocketAddr::new(host.into(), int(vm, port)? as u16))
}

fn cpython_place(vm: &VirtualMachine, host: &PyObject, port: &PyObject, family: Family) -> PyResult<SocketAddr> {
    let port = u16::try_from(int(vm, port)?).map_err(|_| vm.new_overflow_error("bind(): port must be 0-65535."))?;
    let host = text(vm, host)?;
    let host = if host == "<broadcast>" { Ipv4Addr::BROADCAST.into() } else { look_up(vm, &host, family)? };
    Ok(SocketAddr::new(host, port))
}

/// The address that the firmware reads in a text: up to the first character that is neither a digit nor a dot.
fn dotted(text: &str) -> Option<Ipv4Addr> {
    if text.is_empty() {
        return Some(Ipv4Addr::UNSPECIFIED);
    }
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let mut bytes = [0; 4];
    let mut parts = text[..end].split('.');
    for byte in &mut bytes {
        *byte = parts.next()?.bytes().fold(0u8, |value, digit| value.wrapping_mul(10).wrapping_add(digit - b'0'));
    }
    parts.next().is_none().then(|| bytes.into())
}

/// The one address of a host, for this family.
fn look_up(vm: &VirtualMachine, host: &str, family: Family) -> PyResult<IpAddr> {
    let query = Query::new(host, 0).family(family);
    let found = look_up_all(vm, &query)?;
    found.first().map(SocketAddr::ip).ok_or_else(|| net::of_lookup(vm, LookupFailure::NoName))
}

/// All addresses. Numbers and this machine need no network.
fn look_up_all(vm: &VirtualMachine, query: &Query) -> PyResult<Vec<SocketAddr>> {
    let host = query.host.as_str();
    let near = host.is_empty() || host.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost");
    if !near && !board().network.is_up() {
        net::not_in_a_network(host.escape_debug());
        return Err(net::of_lookup(vm, LookupFailure::NoName));
    }
    board().hurry();
    board().attend(vm)?;
    let net = if near { board().network.net() } else { board().network.ready_net(vm)? };
    let found = net.getaddrinfo(query).map_err(|error| {
        if !near && !error.is_interrupted() {
            net::unknown_name(host, error.kind());
        }
        net::raised_by(vm, &error)
    })?;
    Ok(found.into_iter().map(|info| info.address).collect())
}

/// Refuses to leave the board while it is in no network.
pub(super) fn check_way(vm: &VirtualMachine, to: &SocketAddr) -> PyResult<()> {
    if to.ip().is_loopback() || to.ip().is_unspecified() || board().network.is_up() {
        return Ok(());
    }
    net::not_in_a_network(to);
    Err(net::os_error(vm, Errno::EHOSTUNREACH))
}

/// `(host, port)` as programs see it; CPython has two more for IPv6.
pub(super) fn tuple(vm: &VirtualMachine, address: &SocketAddr) -> PyObjectRef {
    let mut fields: Vec<PyObjectRef> =
        vec![vm.ctx.new_str(address.ip().to_string()).into(), vm.ctx.new_int(address.port()).into()];
    if let SocketAddr::V6(address) = address {
        fields.extend([address.flowinfo(), address.scope_id()].map(|number| vm.ctx.new_int(number).into()));
    }
    vm.ctx.new_tuple(fields).into()
}

/// The two items of a tuple or a list.
fn pair(vm: &VirtualMachine, address: &PyObject) -> PyResult<(PyObjectRef, PyObjectRef)> {
    let items: Vec<PyObjectRef> = match (address.downcast_ref::<PyTuple>(), address.downcast_ref::<PyList>()) {
        (Some(tuple), _) => tuple.as_slice().to_vec(),
        (_, Some(list)) if board().profile.sockets != Sockets::CPython => list.borrow_vec().to_vec(),
        _ => return Err(no_sequence(vm, address)),
    };
    // Addresses of IPv6 may have four, as `getaddrinfo` gives them.
    let is_v6 = |host: &PyObject| host.downcast_ref::<PyStr>().is_some_and(|host| host.to_string_lossy().contains(':'));
    let extra = items.len() == 4 && (board().profile.sockets == Sockets::CPython || is_v6(&items[0]));
    match &items[..] {
        [host, port] => Ok((host.clone(), port.clone())),
        [host, port, ..] if extra => Ok((host.clone(), port.clone())),
        _ => Err(vm.new_value_error(format!("requested length 2 but object has length {}", items.len()))),
    }
}

fn no_sequence(vm: &VirtualMachine, address: &PyObject) -> rustpython_vm::builtins::PyBaseExceptionRef {
    let class = address.class().name().to_owned();
    vm.new_type_error(match board().profile.sockets {
        Sockets::CPython => format!("AF_INET address must be tuple, not {class}"),
        _ => format!("object '{class}' isn't a tuple or list"),
    })
}

fn text(vm: &VirtualMachine, object: &PyObject) -> PyResult<String> {
    if let Some(text) = object.downcast_ref::<PyStr>() {
        return Ok(text.to_string_lossy().into_owned());
    }
    let bytes = object.try_bytes_like(vm, |bytes| String::from_utf8_lossy(bytes).into_owned());
    bytes.map_err(|_| vm.new_type_error(format!("can't convert '{}' object to str implicitly", object.class().name())))
}

fn int(vm: &VirtualMachine, object: &PyObject) -> PyResult<i64> {
    match object.downcast_ref::<PyInt>() {
        Some(number) => number.try_to_primitive(vm),
        None => Err(vm.new_type_error(format!("can't convert {} to int", object.class().name()))),
    }
}

/// A port that the ESP32 hands to lwIP as text.
fn port_or_text(vm: &VirtualMachine, port: &PyObject) -> PyResult<u16> {
    let number = match port.downcast_ref::<PyStr>() {
        Some(port) => port.to_string_lossy().trim().parse().ok(),
        None => u16::try_from(int(vm, port)?).ok(),
    };
    number.ok_or_else(|| errors::numbered(vm, EAI_SERVICE))
}

/// `getaddrinfo(host, port[, family, type, proto, flags])`.
pub(super) fn getaddrinfo(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    let [host, port, rest @ ..] = &args.args[..] else {
        return Err(vm.new_type_error("function missing required positional arguments"));
    };
    let dialect = board().profile.sockets;
    let mut numbers = [0; 3];
    for (place, (number, name)) in numbers.iter_mut().zip(["family", "type", "proto"]).enumerate() {
        let named = args.kwargs.get(name).filter(|_| dialect == Sockets::CPython);
        if let Some(given) = rest.get(place).or(named) {
            *number = int(vm, given)?;
        }
    }
    let host = if vm.is_none(host) { String::new() } else { text(vm, host)? };
    let port = match dialect {
        Sockets::Bsd => port_or_text(vm, port)?,
        Sockets::CPython if vm.is_none(port) => 0,
        Sockets::CPython => port_or_text(vm, port)?,
        Sockets::Raw | Sockets::Card => int(vm, port)? as u16,
    };
    answers(vm, &host, port, numbers)
}

fn answers(vm: &VirtualMachine, host: &str, port: u16, [family, kind, protocol]: [i64; 3]) -> PyResult {
    let dialect = board().profile.sockets;
    let six = i64::from(board().profile.socket_constant("AF_INET6").unwrap_or(0));
    let mut query = Query::new(host, port);
    query.family = match family {
        10 if six == 10 => Some(Family::Inet6),
        0 if dialect == Sockets::CPython => None,
        _ => Some(Family::Inet),
    };
    let found = look_up_all(vm, &query)?;
    let mut answers = Vec::new();
    for address in found {
        let family = if address.is_ipv4() { 2 } else { 10 };
        match dialect {
            Sockets::Bsd => answers.push(answer(vm, [family, kind.max(1), protocol], host, &address)),
            Sockets::Raw | Sockets::Card => answers.push(answer(vm, [family, 1, 0], "", &address)),
            Sockets::CPython => {
                let kinds = [(1, 6), (2, 17), (3, 0)];
                let asked = kinds.iter().filter(|(number, _)| kind == 0 || *number == kind);
                answers.extend(asked.map(|(kind, protocol)| answer(vm, [family, *kind, *protocol], "", &address)));
            }
        }
    }
    Ok(vm.ctx.new_list(answers).into())
}

fn answer(vm: &VirtualMachine, numbers: [i64; 3], name: &str, address: &SocketAddr) -> PyObjectRef {
    let mut fields: Vec<PyObjectRef> = numbers.map(|number| vm.ctx.new_int(number).into()).to_vec();
    fields.extend([vm.ctx.new_str(name).into(), tuple(vm, address)]);
    vm.ctx.new_tuple(fields).into()
}

/// The number that programs know a type by.
pub(super) fn kind_number(kind: Type) -> i64 {
    match kind {
        Type::Stream => 1,
        Type::Datagram => 2,
        Type::Raw => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::dotted;

    #[test]
    fn addresses_are_read_as_the_firmware_reads_them() {
        for (text, address) in [
            ("", Some([0, 0, 0, 0])),
            ("192.168.4.1", Some([192, 168, 4, 1])),
            ("10.0.0.1:80", Some([10, 0, 0, 1])),
            ("10.0.0.1 ", Some([10, 0, 0, 1])),
            ("10.0.1", None),
            ("10.0.0.1.2", None),
            ("localhost", None),
        ] {
            assert_eq!(dotted(text).map(|address| address.octets()), address, "{text}");
        }
    }
}
