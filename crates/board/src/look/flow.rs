//! What a name holds at each place, as far as it is certain, and what follows: comparisons that can never be true,
//! methods that wait, options that are none.
//!
//! A name has a kind where every way to the place gives it the same; in a loop, that is the kind from before it which
//! all that its body binds to the name has, too. An attribute has one until something may have changed it out of sight.
//! Functions are walked after the module, with what the module's names hold for good.

use std::collections::HashMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    CmpOp, ExceptHandler, Expr, ExprCall, ExprCompare, Stmt, StmtFunctionDef, StmtIf, StmtTry, UnaryOp,
};
use ruff_text_size::Ranged;

use super::bound::Bindings;
use super::program::Program;
use super::remark::{Kind, Need};
use super::uncalled::{self, Place};
use super::waits::Waits;
use super::{Found, bound, known, names, near};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Socket {
        datagram: bool,
    },
    Wlan,
    Pin,
    /// From `recv` or `recvfrom`: bytes, and nothing else.
    Received,
    /// From `read`: bytes, or None where there is nothing yet.
    Read,
    Bytes,
    Str,
    /// `str(b'...')`.
    Shown,
    /// From `accept`: a connection and its address.
    Accepted,
    /// An object of the program's own class of that name.
    Object(&'a str),
    /// None, from the program's own function of that name, which never gives anything else.
    Nothing(&'a str),
}

/// How often it is asked what of a loop's names is left when others are not certain: a chain of assignments is no longer.
const ROUNDS: usize = 4;

/// `s.recv(9).strip().lower()` has 4 links. Longer chains are asked about link by link, and so must end somewhere.
const LONGEST_CHAIN: usize = 8;

/// What can hold a value: a name, or an attribute of what a name holds.
type Holder<'a> = (&'a str, Option<&'a str>);

type Values<'a> = HashMap<Holder<'a>, Value<'a>>;

pub(super) fn look(program: &Program<'_>, found: &mut Found) {
    let waits = Waits::of(program);
    let mut flow = Flow {
        program,
        found,
        waits,
        values: Values::new(),
        module: HashMap::new(),
        top: true,
        tried: 0,
        functions: Vec::new(),
        returned: HashMap::new(),
        class: None,
    };
    flow.returned = flow.values_returned();
    flow.visit_body(program.body);
    flow.top = false;
    let lasting: Values<'_> = flow.module.iter().filter_map(|(name, value)| Some(((*name, None), (*value)?))).collect();
    while let Some(Inner { function, class, mut hidden }) = flow.functions.pop() {
        hidden.extend(bound::by_parameters(&function.parameters));
        hidden.extend(bound::names(&function.body));
        flow.values = lasting.clone();
        flow.values.retain(|(name, _), _| !hidden.contains(name) && !program.global.contains(name));
        if let (Some(class), Some(zelf)) = (class, bound::by_parameters(&function.parameters).next()) {
            flow.values.insert((zelf, None), Value::Object(class));
        }
        flow.hidden_in(function, hidden);
    }
}

/// A function that is still to be walked.
struct Inner<'a> {
    function: &'a StmtFunctionDef,
    /// The class of which it is a method.
    class: Option<&'a str>,
    /// The names of functions around it.
    hidden: Vec<&'a str>,
}

struct Flow<'p, 'a, 'f> {
    program: &'p Program<'a>,
    found: &'f mut Found,
    waits: Waits,
    values: Values<'a>,
    /// What the module's names hold; `None` for one that has held different things.
    module: HashMap<&'a str, Option<Value<'a>>>,
    /// The walk is in the module itself.
    top: bool,
    /// How many `try` are around that may be there to find out what there is.
    tried: usize,
    functions: Vec<Inner<'a>>,
    /// What functions give, by their names, where it is received or nothing.
    returned: HashMap<&'a str, Value<'a>>,
    /// The class whose body is walked.
    class: Option<&'a str>,
}

impl<'a> Flow<'_, 'a, '_> {
    fn hidden_in(&mut self, function: &'a StmtFunctionDef, hidden: Vec<&'a str>) {
        let before = self.functions.len();
        self.visit_body(&function.body);
        for inner in &mut self.functions[before..] {
            inner.hidden.extend(&hidden);
        }
    }

    /// What each function gives that is certain of it: what it received, or nothing.
    fn values_returned(&mut self) -> HashMap<&'a str, Value<'a>> {
        let mut returned = HashMap::new();
        for (name, function) in self.program.only_functions() {
            let value = match returns_something(function) {
                false => Some(Value::Nothing(name)),
                true => self.received_by(function),
            };
            returned.extend(value.map(|value| (name, value)));
        }
        returned
    }

    /// [`Value::Received`] where all that the function returns is that.
    fn received_by(&mut self, function: &'a StmtFunctionDef) -> Option<Value<'a>> {
        let returns = Returns::of(function);
        let certain = returns.plain && matches!(function.body.last(), Some(Stmt::Return(_)));
        let parameters: Vec<&str> = bound::by_parameters(&function.parameters).collect();
        let bindings = bound::bindings(&function.body);
        let mut locals = Values::new();
        for &name in bindings.names.iter().filter(|name| !parameters.contains(name)) {
            if self.always_holds(&bindings, name, Value::Received) {
                locals.insert((name, None), Value::Received);
            }
        }
        self.values = locals;
        let received = |value: &Option<&Expr>| value.and_then(|value| self.value(value)) == Some(Value::Received);
        let all = certain && returns.values.iter().all(received);
        self.values = Values::new();
        all.then_some(Value::Received)
    }

    /// All that these statements bind to the name is of this kind, as far as they can be told now.
    fn always_holds(&self, bindings: &Bindings<'a>, name: &str, value: Value<'a>) -> bool {
        let held = bindings.assigned.iter().flat_map(|(target, given)| self.held_after(target, given));
        let alike = held.filter(|(bound, held)| *bound == name && *held == Some(value)).count();
        alike == bindings.names.iter().filter(|bound| **bound == name).count()
    }

    fn set(&mut self, name: &'a str, value: Option<Value<'a>>) {
        self.values.retain(|(held, attribute), _| *held != name || attribute.is_none());
        match value {
            Some(value) => self.values.insert((name, None), value),
            None => self.values.remove(&(name, None)),
        };
        if self.top {
            self.module
                .entry(name)
                .and_modify(|held| *held = held.filter(|held| Some(*held) == value))
                .or_insert(value);
        }
    }

    fn forget(&mut self, names: &[&'a str]) {
        self.values.retain(|(name, _), _| !names.contains(name));
    }

    /// What somebody else may have changed.
    fn forget_attributes(&mut self) {
        self.values.retain(|(_, attribute), _| attribute.is_none());
    }

    /// `target = value`.
    fn assign(&mut self, target: &'a Expr, value: &Expr) {
        for (name, held) in self.held_after(target, value) {
            self.set(name, held);
        }
        if let Expr::Attribute(attribute) = target {
            let name = attribute.attr.as_str();
            self.values.retain(|(_, of), _| *of != Some(name)); // two names may hold one object
            if let (Expr::Name(of), Some(held)) = (&*attribute.value, self.value(value)) {
                self.values.insert((of.id.as_str(), Some(name)), held);
            }
        }
    }

    /// The names that `target = value` binds, and what they hold then.
    fn held_after(&self, target: &'a Expr, value: &Expr) -> Vec<(&'a str, Option<Value<'a>>)> {
        if let Expr::Name(name) = target {
            return vec![(name.id.as_str(), self.value(value))];
        }
        let mut held: Vec<_> = bound::by_target(target).into_iter().map(|name| (name, None)).collect();
        if let Expr::Tuple(pair) = target
            && let [Expr::Name(_), _] = pair.elts.as_slice()
            && let Some((_, method)) = method(value)
            && let Some((_, first)) = held.first_mut()
        {
            *first = match method {
                "recvfrom" if self.is_about_sockets() => Some(Value::Received),
                "accept" => Some(Value::Socket { datagram: false }),
                _ => None,
            };
        }
        held
    }

    /// What an expression gives, if that is certain.
    fn value(&self, expr: &Expr) -> Option<Value<'a>> {
        self.value_within(expr, LONGEST_CHAIN)
    }

    fn value_within(&self, expr: &Expr, depth: usize) -> Option<Value<'a>> {
        let depth = depth.checked_sub(1)?;
        match expr {
            Expr::StringLiteral(_) | Expr::FString(_) => Some(Value::Str),
            Expr::BytesLiteral(_) => Some(Value::Bytes),
            Expr::Name(name) => self.values.get(&(name.id.as_str(), None)).copied(),
            Expr::Attribute(attribute) => {
                let Expr::Name(of) = &*attribute.value else { return None };
                self.values.get(&(of.id.as_str(), Some(attribute.attr.as_str()))).copied()
            }
            Expr::Named(named) => self.value_within(&named.value, depth),
            Expr::Call(call) => self.value_of_call(call, depth),
            Expr::BinOp(sum) => self.value_within(&sum.left, depth).filter(|&left| left == Value::Str),
            Expr::Subscript(part) => match (&*part.slice, self.value_within(&part.value, depth)) {
                (Expr::Slice(_), Some(Value::Str)) => Some(Value::Str),
                (Expr::Slice(_), Some(Value::Bytes | Value::Received)) => Some(Value::Bytes),
                _ => None,
            },
            _ => None,
        }
    }

    fn value_of_call(&self, call: &ExprCall, depth: usize) -> Option<Value<'a>> {
        if let Some((_, name)) = self.program.library_name(&call.func) {
            return match name.as_str() {
                "socket.socket" => Some(Value::Socket { datagram: mentions(&call.arguments.args, "SOCK_DGRAM") }),
                "network.WLAN" => Some(Value::Wlan),
                "machine.Pin" => Some(Value::Pin),
                _ => None,
            };
        }
        let (of, method) = match &*call.func {
            Expr::Attribute(function) => (self.value_within(&function.value, depth), function.attr.as_str()),
            Expr::Name(name) if self.program.class(name.id.as_str()).is_some() => {
                return self.program.class(name.id.as_str()).map(|class| Value::Object(class.name.as_str()));
            }
            Expr::Name(name) if self.program.defines(name.id.as_str()) => {
                let own = self.program.function(name.id.as_str())?;
                return self.returned.get(own.name.as_str()).copied();
            }
            Expr::Name(name) if name.id.as_str() == "str" && self.shows_bytes(call, depth) => {
                return Some(Value::Shown);
            }
            Expr::Name(name) if matches!(name.id.as_str(), "str" | "input") => return Some(Value::Str),
            Expr::Name(name) if name.id.as_str() == "bytes" => return Some(Value::Bytes),
            _ => return None,
        };
        match (method, of) {
            (_, Some(Value::Object(class))) => {
                let own = self.program.method(class, method).filter(|own| !is_stub(own))?;
                self.returned.get(own.name.as_str()).copied()
            }
            _ if self.program.defines(method) => None,
            ("recv", Some(Value::Socket { .. })) => Some(Value::Received),
            ("recv", None) if self.is_about_sockets() => Some(Value::Received),
            ("accept", Some(Value::Socket { .. })) => Some(Value::Accepted),
            ("strip", Some(Value::Shown)) => Some(Value::Shown),
            ("read" | "readline", Some(Value::Socket { .. })) => Some(Value::Read),
            ("makefile", Some(socket)) if self.program.is_micropython() => Some(socket),
            ("decode", _) => Some(Value::Str),
            ("encode", _) => Some(Value::Bytes),
            ("strip" | "lstrip" | "rstrip" | "lower" | "upper" | "replace", Some(Value::Str)) => Some(Value::Str),
            ("strip" | "lstrip" | "rstrip" | "lower" | "upper" | "replace", Some(Value::Bytes | Value::Received)) => {
                Some(Value::Bytes)
            }
            _ => None,
        }
    }

    /// `str(data)`, and no other argument that says how it is to be decoded.
    fn shows_bytes(&self, call: &ExprCall, depth: usize) -> bool {
        let [of] = &*call.arguments.args else { return false };
        let is_bytes = matches!(self.value_within(of, depth), Some(Value::Bytes | Value::Received));
        is_bytes && call.arguments.keywords.is_empty()
    }

    /// A `recv` in this program is a socket's: nothing else that has one is in use.
    fn is_about_sockets(&self) -> bool {
        let others = ["espnow", "aioespnow", "websocket", "websockets", "multiprocessing", "bluetooth", "can", "pyb"];
        self.program.uses("socket") && !others.iter().any(|other| self.program.uses(other))
    }

    /// Walks ways of which one is taken, and keeps what all that go on agree on.
    fn ways(&mut self, ways: Vec<(Values<'a>, Vec<&'a [Stmt]>)>) {
        let mut ends: Vec<Values<'a>> = Vec::new();
        for (begin, bodies) in ways {
            self.values = begin;
            bodies.iter().for_each(|body| self.visit_body(body));
            if !bodies.iter().any(|body| leaves(body)) {
                ends.push(std::mem::take(&mut self.values));
            }
        }
        let mut agreed = ends.pop().unwrap_or_default();
        agreed.retain(|name, value| ends.iter().all(|end| end.get(name) == Some(value)));
        self.values = agreed;
    }

    fn visit_if(&mut self, choice: &'a StmtIf) {
        self.condition(&choice.test, false);
        self.visit_expr(&choice.test);
        let begin = self.values.clone();
        let mut ways = vec![(begin.clone(), vec![&choice.body[..]])];
        for clause in &choice.elif_else_clauses {
            if let Some(test) = &clause.test {
                self.condition(test, false);
                self.visit_expr(test);
            }
            ways.push((begin.clone(), vec![&clause.body[..]]));
        }
        if choice.elif_else_clauses.last().is_none_or(|last| last.test.is_some()) {
            ways.push((begin, Vec::new()));
        }
        self.ways(ways);
    }

    fn visit_try(&mut self, tried: &'a StmtTry) {
        let begin = self.values.clone();
        let mut cut_short = begin.clone();
        let bound = bound::names(&tried.body);
        cut_short.retain(|(name, attribute), _| attribute.is_none() && !bound.contains(name));
        let finds_out = usize::from(names::tries_what_may_be_missing(tried));
        self.tried += finds_out;
        let mut ways = vec![(begin, vec![&tried.body[..], &tried.orelse[..]])];
        for ExceptHandler::ExceptHandler(handler) in &tried.handlers {
            ways.push((cut_short.clone(), vec![&handler.body[..]]));
        }
        self.ways(ways);
        self.tried -= finds_out;
        self.visit_body(&tried.finalbody);
    }

    /// Keeps, of the names that a loop binds, what they hold in every round: what they held before, where all that is
    /// bound to them in the loop is of that kind. They hold it after the loop, too.
    fn enter_loop(&mut self, bindings: &Bindings<'a>) {
        let before = self.values.clone();
        self.forget_attributes();
        self.forget(&bindings.names);
        let held = |name: &&'a str| Some((*name, *before.get(&(*name, None))?));
        let mut kept: Vec<_> = bindings.names.iter().filter_map(held).collect();
        kept.sort_by_key(|(name, _)| *name);
        kept.dedup_by_key(|(name, _)| *name);
        for _ in 0..ROUNDS {
            self.values.extend(kept.iter().map(|&(name, value)| ((name, None), value)));
            let changed = |&(name, value): &(&'a str, Value<'a>)| !self.always_holds(bindings, name, value);
            let lost: Vec<&str> = kept.iter().filter(|held| changed(held)).map(|(name, _)| *name).collect();
            if lost.is_empty() {
                return;
            }
            kept.retain(|(name, _)| !lost.contains(name));
            self.forget(&lost);
        }
        self.forget(&bindings.names);
    }

    fn visit_loop(&mut self, body: &'a [Stmt], orelse: &'a [Stmt]) {
        let begin = self.values.clone();
        self.visit_body(body);
        self.values = begin;
        self.visit_body(orelse);
        self.forget(&bound::names(orelse));
        self.forget_attributes();
    }

    /// A function or method that is named here and should be called.
    fn uncalled(&mut self, expr: &Expr, place: Place) {
        let of = if let Expr::Attribute(attribute) = expr { self.value(&attribute.value) } else { None };
        if let Some(what) = uncalled::name(self.program, expr, of, place) {
            self.found.add(expr, Kind::NotCalled { what, condition: place == Place::Condition });
        }
    }

    /// A condition that is a function, or what a function without a value returns.
    fn condition(&mut self, test: &Expr, negated: bool) {
        match test {
            Expr::UnaryOp(not) => self.condition(&not.operand, negated ^ (not.op == UnaryOp::Not)),
            Expr::BoolOp(parts) => parts.values.iter().for_each(|part| self.condition(part, negated)),
            _ if self.nothing(test).is_some() => self.no_value(test, negated),
            Expr::Call(_) => {}
            _ => self.uncalled(test, Place::Condition),
        }
    }

    /// The function whose None this is; a method is written as it is called.
    fn nothing(&self, expr: &Expr) -> Option<String> {
        let Some(Value::Nothing(function)) = self.value(expr) else { return None };
        Some(match expr {
            Expr::Call(call) => uncalled::dotted(&call.func),
            _ => function.to_owned(),
        })
    }

    /// A call of the program's own code, or of what may lead there.
    fn may_change_attributes(&self, call: &ExprCall) -> bool {
        match &*call.func {
            Expr::Attribute(method) => self.program.defines(method.attr.as_str()),
            Expr::Name(name) => {
                self.program.defines(name.id.as_str()) || !known::has(known::BUILTINS, name.id.as_str())
            }
            _ => true,
        }
    }

    fn no_value(&mut self, test: &Expr, negated: bool) {
        if let Some(function) = self.nothing(test) {
            self.found.add(test, Kind::NoValue { function, negated });
        }
    }

    fn compare(&mut self, compare: &ExprCompare) {
        let mut left = &*compare.left;
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let equality = matches!(op, CmpOp::Eq | CmpOp::NotEq);
            let (one, other) = (self.value(left), self.value(right));
            let received = [one, other].contains(&Some(Value::Received));
            if received && (left.is_none_literal_expr() || right.is_none_literal_expr()) {
                self.found.add(left, Kind::NeverNone);
            }
            let is_bytes = |value| matches!(value, Some(Value::Bytes | Value::Received | Value::Read));
            let text = match (one, other) {
                (Some(Value::Str), bytes) if is_bytes(bytes) => Some(left),
                (bytes, Some(Value::Str)) if is_bytes(bytes) => Some(right),
                _ => None,
            };
            let never = |value, other: &Expr| value == Some(Value::Shown) && is_plain_text(other);
            if equality && (never(one, right) || never(other, left)) {
                self.found.add(&*compare.left, Kind::StrOfBytes);
            }
            if let Some(text) = text.filter(|_| equality) {
                self.found.add(&*compare.left, Kind::BytesAgainstStr { literal: literal(text) });
            }
            if equality && right.is_literal_expr() && !right.is_none_literal_expr() {
                self.no_value(left, *op == CmpOp::NotEq);
            }
            if equality && right.is_literal_expr() {
                self.uncalled(left, Place::Condition);
            } else if equality && left.is_literal_expr() {
                self.uncalled(right, Place::Condition);
            }
            left = right;
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        let Expr::Attribute(function) = &*call.func else { return };
        let (method, of) = (function.attr.as_str(), self.value(&function.value));
        let arguments = &call.arguments.args;
        match (method, of) {
            ("setsockopt", _) => {
                if let Some(constant) = arguments.get(1).and_then(type_of_socket) {
                    self.found.add(call, Kind::TypeAsOption { constant });
                }
            }
            ("read", Some(Value::Socket { datagram: false })) if !self.waits.never_block => {
                if let Some(bytes) = arguments.first().and_then(whole_number).filter(|&bytes| bytes >= 64) {
                    self.found.add(call, Kind::ReadWaits { bytes });
                }
            }
            ("connect", Some(Value::Wlan)) => self.join(call),
            ("connect" | "bind", Some(Value::Socket { .. })) if is_in_pieces(arguments) => {
                self.found.add(call, Kind::AddressInPieces { method: method.to_owned() });
            }
            ("connect" | "bind", Some(Value::Socket { .. })) => self.address(call, method, arguments.first()),
            ("config", Some(Value::Wlan)) => self.password(call, None),
            ("sendto", Some(Value::Socket { .. })) => self.address(call, method, arguments.get(1)),
            _ => {}
        }
        let takes_bytes = ["split", "rsplit", "find", "rfind", "index", "replace", "strip", "lstrip", "rstrip"];
        let of_bytes = matches!(of, Some(Value::Bytes | Value::Received)) && takes_bytes.contains(&method);
        if of_bytes && arguments.first().is_some_and(|first| self.value(first) == Some(Value::Str)) {
            self.found.add(call, Kind::StrToBytes { method: method.to_owned() });
        }
        let sends = matches!(method, "send" | "sendall" | "sendto") && matches!(of, Some(Value::Socket { .. }));
        if sends
            && !self.program.is_micropython()
            && arguments.first().is_some_and(|a| self.value(a) == Some(Value::Str))
        {
            self.found.add(call, Kind::StrSent { method: method.to_owned() });
        }
    }

    /// `wlan.connect(...)`.
    fn join(&mut self, call: &ExprCall) {
        let (quirks, board) = (self.program.profile.quirks, self.program.profile.name);
        if !quirks.wlan_security && call.arguments.find_keyword("security").is_some() {
            let (what, instead) = ("security".to_owned(), known::instead("security"));
            self.found.add(call, Kind::NotOnBoard { what, need: Need::Argument, board, instead });
        }
        self.password(call, call.arguments.args.get(1));
        if self.program.has_its_radio_off() {
            self.found.add(call, Kind::NotActive);
        }
        if !quirks.wlan_connect_blocks
            && self.program.is_micropython()
            && !self.waits.for_wifi
            && self.waits.has_need(call.start())
        {
            self.found.add(call, Kind::NoWait { board });
        }
    }

    /// A password that no WPA network has; of 5 characters are WEP's.
    fn password(&mut self, call: &ExprCall, by_place: Option<&Expr>) {
        let named = ["password", "key"].iter().find_map(|name| call.arguments.find_keyword(name));
        let Some(Expr::StringLiteral(password)) = by_place.or(named.map(|named| &named.value)) else { return };
        if matches!(password.value.to_str().len(), 1..=4 | 6..=7) {
            self.found.add(call, Kind::ShortPassword);
        }
    }

    /// The address that a socket's method is given.
    fn address(&mut self, call: &ExprCall, method: &str, address: Option<&Expr>) {
        let (quirks, board) = (self.program.profile.quirks, self.program.profile.name);
        let looks_up = !self.program.is_micropython()
            || if method == "sendto" {
                !quirks.empty_send_raises && quirks.resolves_names
            } else {
                quirks.resolves_names
            };
        let host = match address {
            Some(Expr::Tuple(pair)) => pair.elts.first(),
            Some(Expr::List(pair)) => pair.elts.first(),
            _ => None,
        };
        if let Some(Expr::StringLiteral(host)) = host
            && !looks_up
            && host.value.to_str().contains(|c: char| c.is_ascii_alphabetic())
        {
            let (host, method) = (host.value.to_str().to_owned(), method.to_owned());
            self.found.add(call, Kind::NameNotLookedUp { host, method, board });
        }
    }

    /// `s.conect`, `wlan.isconected`.
    fn attribute(&mut self, expr: &Expr) {
        let Expr::Attribute(attribute) = expr else { return };
        let of = match self.value(&attribute.value) {
            Some(Value::Socket { .. }) => "a socket",
            Some(Value::Wlan) => "a WLAN",
            Some(Value::Accepted) => {
                let name = attribute.attr.as_str();
                if known::attributes("a socket").is_some_and(|(there, _)| known::has(there, name)) {
                    self.found.add(expr, Kind::PairAsSocket { name: name.to_owned() });
                }
                return;
            }
            _ => return,
        };
        let Some((there, cpython)) = known::attributes(of) else { return };
        let name = attribute.attr.as_str();
        if known::has(there, name) || name.starts_with("__") || self.program.attributes_are_asked_for() {
        } else if known::has(cpython, name) {
            if self.program.is_micropython() {
                let (what, board) = (format!("socket().{name}"), self.program.profile.name);
                let instead = known::instead(name);
                self.found.add(expr, Kind::NotOnBoard { what, need: Need::Attribute, board, instead });
            }
        } else if let Some(near) = near::nearest(name, there.split_whitespace().chain(cpython.split_whitespace())) {
            self.found.add(expr, Kind::Misspelt { of: of.to_owned(), name: name.to_owned(), near: near.to_owned() });
        }
    }
}

impl<'a> Visitor<'a> for Flow<'_, 'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.set(function.name.as_str(), None);
                // Of a static method, the first parameter is any.
                let class = self.class.filter(|_| function.decorator_list.is_empty());
                self.functions.push(Inner { function, class, hidden: Vec::new() });
            }
            Stmt::ClassDef(class) => {
                self.set(class.name.as_str(), None);
                let (values, top) = (self.values.clone(), std::mem::replace(&mut self.top, false));
                let known = self.program.class(class.name.as_str()).map(|class| class.name.as_str());
                let around = std::mem::replace(&mut self.class, known);
                self.visit_body(&class.body);
                (self.values, self.top, self.class) = (values, top, around);
            }
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                assign.targets.iter().for_each(|target| self.visit_expr(target));
                assign.targets.iter().for_each(|target| self.assign(target, &assign.value));
            }
            Stmt::Expr(alone) => {
                let place = if self.tried > 0 { Place::Tried } else { Place::Statement };
                self.uncalled(&alone.value, place);
                self.visit_expr(&alone.value);
            }
            Stmt::If(choice) => self.visit_if(choice),
            Stmt::Try(tried) => self.visit_try(tried),
            Stmt::While(again) => {
                self.enter_loop(&bound::bindings(std::slice::from_ref(stmt)));
                self.condition(&again.test, false);
                self.visit_expr(&again.test);
                self.visit_loop(&again.body, &again.orelse);
            }
            Stmt::For(each) => {
                self.visit_expr(&each.iter);
                for name in bound::by_target(&each.target) {
                    self.set(name, None);
                }
                self.enter_loop(&bound::bindings(&each.body));
                self.visit_loop(&each.body, &each.orelse);
            }
            _ => {
                visitor::walk_stmt(self, stmt);
                for name in bound::names(std::slice::from_ref(stmt)) {
                    self.set(name, None); // with, import, del, +=
                }
            }
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Compare(compare) => self.compare(compare),
            Expr::If(choice) => self.condition(&choice.test, false),
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                return self.assign(&named.target, &named.value);
            }
            Expr::Call(call) => {
                self.call(call);
                visitor::walk_expr(self, expr);
                if self.may_change_attributes(call) {
                    self.forget_attributes();
                }
                return;
            }
            Expr::Attribute(_) => self.attribute(expr),
            // Their own names hide the function's: what these hold is not asked for.
            Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => return,
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// `host, port` where `(host, port)` belongs.
fn is_in_pieces(arguments: &[Expr]) -> bool {
    matches!(arguments, [host, port] if !host.is_starred_expr() && !port.is_starred_expr())
}

/// A text that is not what the text of bytes looks like.
fn is_plain_text(expr: &Expr) -> bool {
    matches!(expr, Expr::StringLiteral(text) if !text.value.to_str().starts_with("b'") && !text.value.to_str().starts_with("b\""))
}

/// `object.method(...)`.
pub(super) fn method(expr: &Expr) -> Option<(&Expr, &str)> {
    match expr {
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(function) => Some((&function.value, function.attr.as_str())),
            _ => None,
        },
        Expr::Await(inner) => method(&inner.value),
        _ => None,
    }
}

/// The last of these statements leaves what is around.
fn leaves(body: &[Stmt]) -> bool {
    matches!(body.last(), Some(Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_)))
}

/// Does a call of it give a value, or at least not come back with None?
fn returns_something(function: &StmtFunctionDef) -> bool {
    let returns = Returns::of(function);
    let some = |value: &Option<&Expr>| value.is_some_and(|value| !value.is_none_literal_expr());
    !returns.plain || returns.values.iter().any(some) || matches!(function.body.last(), Some(Stmt::Raise(_)))
}

/// It does nothing: another class may do it.
fn is_stub(function: &StmtFunctionDef) -> bool {
    function.body.iter().all(|stmt| match stmt {
        Stmt::Pass(_) => true,
        Stmt::Expr(alone) => alone.value.is_literal_expr(),
        _ => false,
    })
}

/// What a function returns.
struct Returns<'a> {
    /// Neither a generator, nor asynchronous, nor wrapped by a decorator.
    plain: bool,
    values: Vec<Option<&'a Expr>>,
}

impl<'a> Returns<'a> {
    fn of(function: &'a StmtFunctionDef) -> Returns<'a> {
        let plain = !function.is_async && function.decorator_list.is_empty();
        let mut returns = Returns { plain, values: Vec::new() };
        returns.visit_body(&function.body);
        returns
    }
}

impl<'a> Visitor<'a> for Returns<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Return(back) => self.values.push(back.value.as_deref()),
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Yield(_) | Expr::YieldFrom(_) => self.plain = false,
            Expr::Lambda(_) => return,
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// A str as the program writes it, if it is short enough to repeat.
fn literal(expr: &Expr) -> Option<String> {
    let Expr::StringLiteral(text) = expr else { return None };
    let text = text.value.to_str();
    let plain =
        text.len() <= 20 && text.chars().all(|c| c.is_ascii_graphic() || c == ' ') && !text.contains(['\'', '\\']);
    plain.then(|| format!("'{text}'"))
}

fn mentions(arguments: &[Expr], constant: &str) -> bool {
    arguments.iter().any(|argument| match argument {
        Expr::Attribute(attribute) => attribute.attr.as_str() == constant,
        Expr::Name(name) => name.id.as_str() == constant,
        _ => false,
    })
}

fn type_of_socket(option: &Expr) -> Option<String> {
    let name = match option {
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Name(name) => name.id.as_str(),
        _ => return None,
    };
    name.starts_with("SOCK_").then(|| name.to_owned())
}

fn whole_number(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::NumberLiteral(number) => match &number.value {
            ruff_python_ast::Number::Int(number) => number.as_u64(),
            _ => None,
        },
        _ => None,
    }
}
