//! What a name holds at each place, as far as it is certain, and what follows: comparisons that can never be true,
//! methods that wait, options that are none.
//!
//! A name has a kind where every way to the place gives it the same. In a loop, names that its body binds begin
//! without one. Functions are walked after the module, with what the module's names hold for good.

use std::collections::HashMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    CmpOp, ExceptHandler, Expr, ExprCall, ExprCompare, Stmt, StmtFunctionDef, StmtIf, StmtTry, UnaryOp,
};
use ruff_text_size::Ranged;

use super::program::Program;
use super::remark::{Kind, Need};
use super::uncalled::{self, Place};
use super::waits::Waits;
use super::{Found, bound, known, names, near};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
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
}

/// `s.recv(9).strip().lower()` has 4 links. Longer chains are asked about link by link, and so must end somewhere.
const LONGEST_CHAIN: usize = 8;

type Values<'a> = HashMap<&'a str, Value>;

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
    };
    flow.visit_body(program.body);
    flow.top = false;
    let lasting: Values<'_> = flow.module.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
    while let Some((function, mut hidden)) = flow.functions.pop() {
        hidden.extend(bound::by_parameters(&function.parameters));
        hidden.extend(bound::names(&function.body));
        flow.values = lasting.clone();
        flow.values.retain(|name, _| !hidden.contains(name) && !program.global.contains(name));
        flow.hidden_in(function, hidden);
    }
}

struct Flow<'p, 'a, 'f> {
    program: &'p Program<'a>,
    found: &'f mut Found,
    waits: Waits,
    values: Values<'a>,
    /// What the module's names hold; `None` for one that has held different things.
    module: HashMap<&'a str, Option<Value>>,
    /// The walk is in the module itself.
    top: bool,
    /// How many `try` are around that may be there to find out what there is.
    tried: usize,
    /// Functions to walk, each with the names of functions around it.
    functions: Vec<(&'a StmtFunctionDef, Vec<&'a str>)>,
}

impl<'a> Flow<'_, 'a, '_> {
    fn hidden_in(&mut self, function: &'a StmtFunctionDef, hidden: Vec<&'a str>) {
        let before = self.functions.len();
        self.visit_body(&function.body);
        for (_, outer) in &mut self.functions[before..] {
            outer.extend(&hidden);
        }
    }

    fn set(&mut self, name: &'a str, value: Option<Value>) {
        match value {
            Some(value) => self.values.insert(name, value),
            None => self.values.remove(name),
        };
        if self.top {
            self.module
                .entry(name)
                .and_modify(|held| *held = held.filter(|held| Some(*held) == value))
                .or_insert(value);
        }
    }

    fn forget(&mut self, names: Vec<&'a str>) {
        for name in names {
            self.values.remove(name);
        }
    }

    /// `target = value`.
    fn assign(&mut self, target: &'a Expr, value: &Expr) {
        if let Expr::Name(name) = target {
            let held = self.value(value);
            return self.set(name.id.as_str(), held);
        }
        for name in bound::by_target(target) {
            self.set(name, None);
        }
        if let Expr::Tuple(pair) = target
            && let [Expr::Name(first), _] = pair.elts.as_slice()
            && let Some((_, method)) = method(value)
        {
            match method {
                "recvfrom" if self.is_about_sockets() => self.set(first.id.as_str(), Some(Value::Received)),
                "accept" => self.set(first.id.as_str(), Some(Value::Socket { datagram: false })),
                _ => {}
            }
        }
    }

    /// What an expression gives, if that is certain.
    fn value(&self, expr: &Expr) -> Option<Value> {
        self.value_within(expr, LONGEST_CHAIN)
    }

    fn value_within(&self, expr: &Expr, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match expr {
            Expr::StringLiteral(_) | Expr::FString(_) => Some(Value::Str),
            Expr::BytesLiteral(_) => Some(Value::Bytes),
            Expr::Name(name) => self.values.get(name.id.as_str()).copied(),
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

    fn value_of_call(&self, call: &ExprCall, depth: usize) -> Option<Value> {
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
            Expr::Name(name) if self.program.defines(name.id.as_str()) => return None,
            Expr::Name(name) if matches!(name.id.as_str(), "str" | "input") => return Some(Value::Str),
            Expr::Name(name) if name.id.as_str() == "bytes" => return Some(Value::Bytes),
            _ => return None,
        };
        match (method, of) {
            _ if self.program.defines(method) => None,
            ("recv", Some(Value::Socket { .. })) => Some(Value::Received),
            ("recv", None) if self.is_about_sockets() => Some(Value::Received),
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
        for name in bound::names(&tried.body) {
            cut_short.remove(name);
        }
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

    /// A loop's body, after which its names may hold what they held before or in any round.
    fn visit_loop(&mut self, body: &'a [Stmt], orelse: &'a [Stmt]) {
        self.forget(bound::names(body));
        self.visit_body(body);
        self.visit_body(orelse);
        self.forget(bound::names(body));
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
            Expr::Call(call) => {
                if let Expr::Name(name) = &*call.func
                    && let Some(function) = self.program.function(name.id.as_str())
                    && !returns_something(function)
                {
                    self.found.add(test, Kind::NoValue { function: name.id.to_string(), negated });
                }
            }
            _ => self.uncalled(test, Place::Condition),
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
            if let Some(text) = text.filter(|_| equality) {
                self.found.add(&*compare.left, Kind::BytesAgainstStr { literal: literal(text) });
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
            ("connect" | "bind", Some(Value::Socket { .. })) => self.address(call, method, arguments.first()),
            ("sendto", Some(Value::Socket { .. })) => self.address(call, method, arguments.get(1)),
            _ => {}
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
        if !quirks.wlan_connect_blocks
            && self.program.is_micropython()
            && !self.waits.for_wifi
            && self.waits.has_need(call.start())
        {
            self.found.add(call, Kind::NoWait { board });
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
                self.functions.push((function, Vec::new()));
            }
            Stmt::ClassDef(class) => {
                self.set(class.name.as_str(), None);
                let (values, top) = (self.values.clone(), std::mem::replace(&mut self.top, false));
                self.visit_body(&class.body);
                (self.values, self.top) = (values, top);
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
                self.forget(bound::names(&again.body));
                self.condition(&again.test, false);
                self.visit_expr(&again.test);
                self.visit_loop(&again.body, &again.orelse);
            }
            Stmt::For(each) => {
                self.visit_expr(&each.iter);
                for name in bound::by_target(&each.target) {
                    self.set(name, None);
                }
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
            Expr::Call(call) => self.call(call),
            Expr::Attribute(_) => self.attribute(expr),
            // Their own names hide the function's: what these hold is not asked for.
            Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => return,
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
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
    struct Returns(bool);
    impl<'a> Visitor<'a> for Returns {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Return(back) => {
                    self.0 |= back.value.as_deref().is_some_and(|value| !value.is_none_literal_expr())
                }
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
                _ => {}
            }
            visitor::walk_stmt(self, stmt);
        }
        fn visit_expr(&mut self, expr: &'a Expr) {
            self.0 |= matches!(expr, Expr::Yield(_) | Expr::YieldFrom(_));
            visitor::walk_expr(self, expr);
        }
    }
    let mut returns = Returns(function.is_async || !function.decorator_list.is_empty());
    returns.visit_body(&function.body);
    returns.0 || matches!(function.body.last(), Some(Stmt::Raise(_)))
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
