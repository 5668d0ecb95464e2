//! Loops that go on with what is over: a connection whose end nobody looks for, a socket closed in the loop itself.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, Stmt, StmtWhile};

use super::program::Program;
use super::remark::Kind;
use super::{Found, bound};

pub(super) fn look(program: &Program<'_>, found: &mut Found) {
    if program.uses("socket") {
        Loops { program, found }.visit_body(program.body);
    }
}

struct Loops<'p, 'a, 'f> {
    program: &'p Program<'a>,
    found: &'f mut Found,
}

impl<'a> Visitor<'a> for Loops<'_, 'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::While(again) => {
                if is_true(&again.test) {
                    self.end_unchecked(again);
                }
                self.closed_inside(&again.body);
            }
            Stmt::For(each) => self.closed_inside(&each.body),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }
}

impl<'a> Loops<'_, 'a, '_> {
    /// `data = s.recv(n)` for ever, and no test of `data` or of what is made of it.
    fn end_unchecked(&mut self, again: &'a StmtWhile) {
        let bound = bound::names(&again.body);
        for (stmt, data, socket) in again.body.iter().flat_map(unguarded).filter_map(received) {
            let unclear = bound.contains(&socket) || bound.iter().filter(|name| **name == data).count() > 1;
            if unclear || self.may_be_datagrams() {
                continue;
            }
            let mut derived = Derived { names: vec![data], tested: false };
            derived.visit_body(&again.body);
            if !derived.tested {
                let sends = self.program.attributes.contains("send") || self.program.attributes.contains("sendall");
                let empty_send_raises = self.program.profile.quirks.empty_send_raises && sends;
                let (socket, data) = (socket.to_owned(), data.to_owned());
                self.found.add(stmt, Kind::EndUnchecked { socket, data, empty_send_raises });
            }
        }
    }

    /// The end of a connection is a matter of streams.
    fn may_be_datagrams(&self) -> bool {
        ["SOCK_DGRAM", "SOCK_RAW", "setblocking"].iter().any(|name| self.program.attributes.contains(name))
            || self.program.imported.values().any(|(_, name)| *name == "SOCK_DGRAM")
            || self.program.star
    }

    /// `s.close()` as a step of the loop itself, `s` from outside of it, and the next round goes on with `s`.
    fn closed_inside(&mut self, body: &'a [Stmt]) {
        let steps: Vec<&Stmt> = body.iter().flat_map(steps_of).collect();
        if steps.iter().any(|step| matches!(step, Stmt::Break(_) | Stmt::Return(_) | Stmt::Raise(_))) {
            return;
        }
        let bound = bound::names(body);
        let calls: Vec<_> = steps.iter().filter_map(|step| Some((*step, call_of(step)?))).collect();
        for (place, (socket, _)) in calls.iter().filter(|(_, (_, method))| *method == "close") {
            let next = calls.iter().find(|(_, (other, method))| other == socket && needs_open(method));
            if let Some((_, (_, method))) = next
                && !bound.contains(socket)
                && !self.program.global.contains(socket)
            // another function may have made it anew
            {
                let (socket, method) = ((*socket).to_owned(), (*method).to_owned());
                self.found.add(*place, Kind::ClosedInLoop { socket, method });
            }
        }
    }
}

/// Methods that fail on a closed socket, and that other things with a `close` hardly have.
fn needs_open(method: &str) -> bool {
    matches!(method, "accept" | "recv" | "recvfrom" | "sendto" | "sendall" | "listen")
}

/// The statements that each round takes: the body's own and those in a `try`.
fn steps_of(stmt: &Stmt) -> Vec<&Stmt> {
    match stmt {
        Stmt::Try(tried) => tried.body.iter().chain(&tried.finalbody).collect(),
        _ => vec![stmt],
    }
}

/// The statements of a loop's round, but not those in a `try` with a way out: an error may be how the loop ends.
fn unguarded(stmt: &Stmt) -> Vec<&Stmt> {
    match stmt {
        Stmt::Try(tried) => {
            let leaves = |ExceptHandler::ExceptHandler(handler): &ExceptHandler| {
                let mut exits = Exits(false);
                exits.visit_body(&handler.body);
                exits.0
            };
            if tried.handlers.iter().any(leaves) { Vec::new() } else { tried.body.iter().collect() }
        }
        _ => vec![stmt],
    }
}

/// Does something in here leave the loop?
struct Exits(bool);

impl<'a> Visitor<'a> for Exits {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.0 |= matches!(stmt, Stmt::Break(_) | Stmt::Return(_) | Stmt::Raise(_));
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.0 |= matches!(expr, Expr::Call(_)); // sys.exit(), machine.reset(), a function of the program's own
        visitor::walk_expr(self, expr);
    }
}

/// `name.method(...)`, alone or assigned.
fn call_of(stmt: &Stmt) -> Option<(&str, &str)> {
    let value = match stmt {
        Stmt::Expr(expr) => &*expr.value,
        Stmt::Assign(assign) => &*assign.value,
        _ => return None,
    };
    let Expr::Call(call) = value else { return None };
    let Expr::Attribute(function) = &*call.func else { return None };
    let Expr::Name(of) = &*function.value else { return None };
    Some((of.id.as_str(), function.attr.as_str()))
}

/// `data = socket.recv(...)`: the statement and the two names.
fn received(stmt: &Stmt) -> Option<(&Stmt, &str, &str)> {
    let Stmt::Assign(assign) = stmt else { return None };
    let ([Expr::Name(data)], Some((socket, "recv"))) = (assign.targets.as_slice(), call_of(stmt)) else { return None };
    Some((stmt, data.id.as_str(), socket))
}

/// `while True`, `while 1`.
fn is_true(test: &Expr) -> bool {
    match test {
        Expr::BooleanLiteral(literal) => literal.value,
        Expr::NumberLiteral(_) => true,
        _ => false,
    }
}

/// Names made of what was received, and whether any of them decides something or goes where it may.
struct Derived<'a> {
    names: Vec<&'a str>,
    tested: bool,
}

impl Derived<'_> {
    fn mentioned_in(&self, expr: &Expr) -> bool {
        struct Mentions<'n, 'a>(&'n [&'a str], bool);
        impl<'e> Visitor<'e> for Mentions<'_, '_> {
            fn visit_expr(&mut self, expr: &'e Expr) {
                self.1 |= matches!(expr, Expr::Name(name) if name.ctx.is_load() && self.0.contains(&name.id.as_str()));
                visitor::walk_expr(self, expr);
            }
        }
        let mut mentions = Mentions(&self.names, false);
        mentions.visit_expr(expr);
        mentions.1
    }
}

impl<'a> Visitor<'a> for Derived<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(assign) if self.mentioned_in(&assign.value) => {
                self.names.extend(assign.targets.iter().flat_map(bound::by_target));
            }
            Stmt::If(choice) => {
                let tests = choice.elif_else_clauses.iter().filter_map(|clause| clause.test.as_ref());
                self.tested |= std::iter::once(&*choice.test).chain(tests).any(|test| self.mentioned_in(test));
            }
            Stmt::While(again) => self.tested |= self.mentioned_in(&again.test),
            Stmt::For(each) => self.tested |= self.mentioned_in(&each.iter),
            Stmt::Assert(sure) => self.tested |= self.mentioned_in(&sure.test),
            Stmt::Match(_) => self.tested = true,
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::If(choice) => self.tested |= self.mentioned_in(&choice.test),
            Expr::BoolOp(_) => self.tested |= self.mentioned_in(expr),
            Expr::Subscript(part) if part.value.is_name_expr() => self.tested |= self.mentioned_in(&part.value),
            // A function of the program's own may look at it; an index or unpacking fails on b''.
            Expr::Call(call) => {
                let own = matches!(&*call.func, Expr::Name(name) if !super::known::has(super::known::BUILTINS, name.id.as_str()));
                self.tested |= own && call.arguments.args.iter().any(|argument| self.mentioned_in(argument));
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}
