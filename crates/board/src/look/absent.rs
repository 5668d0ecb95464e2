//! Modules, attributes, methods and statements that the board lacks, or that are misspelt.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, Expr, ExprAttribute, Stmt, StmtTry};
use ruff_text_size::Ranged;

use super::program::{Program, without_u};
use super::remark::{Kind, Need};
use super::{Found, known, near};
use crate::profile::Wifi;

pub(super) fn look(program: &Program<'_>, found: &mut Found) {
    Absent { program, found, tried: 0 }.visit_body(program.body);
}

struct Absent<'p, 'a, 'f> {
    program: &'p Program<'a>,
    found: &'f mut Found,
    /// How many `try` are around: a program that tries knows what it does.
    tried: usize,
}

impl Absent<'_, '_, '_> {
    fn lacks(&mut self, place: &impl Ranged, what: String, need: Need) {
        let asks_first = self.tried > 0
            || self.program.attributes_are_asked_for()
            || ["platform", "implementation"].iter().any(|name| self.program.attributes.contains(name));
        if self.program.is_micropython() && !asks_first {
            let instead = known::instead(&what).or_else(|| known::instead(what.rsplit('.').next()?));
            self.found.add(place, Kind::NotOnBoard { what, need, board: self.program.profile.name, instead });
        }
    }

    fn import(&mut self, place: &Alias, module: &str) {
        let name = module.split('.').next().unwrap_or(module);
        if module == "string.templatelib" {
            // the one part of `string` that there is
        } else if module == "os.path" || known::has(known::CPYTHON_MODULES, name) {
            self.lacks(place, module.to_owned(), Need::Module);
        } else if !known::has(known::MODULES, name) && self.tried == 0 {
            // A file of the program's own may be near to a module by chance, but hardly with letters swapped.
            let near = near::nearest(name, known::MODULES.split_whitespace());
            if let Some(near) = near.filter(|near| near::same_letters(name, near)) {
                self.found.add(place, Kind::NoSuchModule { name: name.to_owned(), near });
            }
        }
    }

    fn attribute(&mut self, place: &impl Ranged, of: &str, name: &str) {
        let Some((there, cpython)) = known::attributes(of) else { return };
        let constants = self.program.profile.socket.iter().map(|(name, _)| *name).filter(|_| of == "socket");
        let mut all = there.split_whitespace().chain(constants);
        let whole = format!("{of}.{name}");
        let profile = self.program.profile;
        let is_anothers = whole == "os.exitpoint" && profile.wifi != Some(Wifi::K230)
            || of == "network" && name == "AUTH_PSK" && !profile.quirks.wlan_security;
        if is_anothers {
            self.lacks(place, whole, Need::Attribute);
        } else if all.clone().any(|known| known == name) {
        } else if known::has(cpython, name) || (of == "socket" && is_constant_elsewhere(name)) {
            self.lacks(place, whole, Need::Attribute);
        } else if self.tried == 0
            && let Some(near) = near::nearest(name, &mut all)
            && !differs_in_a_number(name, near)
            // The lists are MicroPython's; CPython has more, but hardly the same letters in another order.
            && (self.program.is_micropython() || near::same_letters(name, near))
        {
            self.found.add(place, Kind::Misspelt { of: of.to_owned(), name: name.to_owned(), near: near.to_owned() });
        }
    }

    fn method_of_str(&mut self, attribute: &ExprAttribute) {
        let name = attribute.attr.as_str();
        let is_str = match &*attribute.value {
            Expr::StringLiteral(_) | Expr::FString(_) => true,
            Expr::Name(name) => name.id.as_str() == "str",
            Expr::Call(call) => matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "str"),
            _ => false,
        };
        let lacks = known::has(known::STR_METHODS, name) || (is_str && known::has(known::STR_METHODS_COMMON, name));
        if lacks && !self.program.defines(name) {
            self.lacks(attribute, format!("str.{name}"), Need::Attribute);
        }
    }
}

/// A name that sockets have on some board.
fn is_constant_elsewhere(name: &str) -> bool {
    crate::Profile::names()
        .filter_map(crate::Profile::named)
        .any(|profile| profile.socket.iter().any(|(n, _)| *n == name))
}

/// `AUTH_WPA2_PSK` is no slip for `AUTH_WPA3_PSK`.
fn differs_in_a_number(one: &str, other: &str) -> bool {
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(one) != digits(other)
}

impl<'a> Visitor<'a> for Absent<'_, '_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(alias, alias.name.as_str())),
            Stmt::ImportFrom(import) if import.level == 0 => {
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                import.names.iter().take(1).for_each(|alias| self.import(alias, module));
                for alias in import.names.iter().filter(|alias| alias.name.as_str() != "*") {
                    self.attribute(alias, without_u(module), alias.name.as_str());
                }
            }
            Stmt::Match(_) => self.lacks(stmt, "match".to_owned(), Need::Statement),
            Stmt::Try(tried) => return self.visit_try(tried),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Attribute(attribute) = expr
            && attribute.ctx.is_load()
            && !self.program.attributes_are_asked_for()
        {
            self.method_of_str(attribute);
            if let Some((_, of)) = self.program.library_name(&attribute.value) {
                self.attribute(attribute, &of, attribute.attr.as_str());
            }
        }
        visitor::walk_expr(self, expr);
    }
}

impl<'a> Absent<'_, '_, '_> {
    fn visit_try(&mut self, tried: &'a StmtTry) {
        let catches = usize::from(super::names::tries_what_may_be_missing(tried));
        self.tried += catches;
        self.visit_body(&tried.body);
        self.tried -= catches;
        // A handler may import what there is instead; a class named in it is evaluated only then.
        tried.handlers.iter().for_each(|handler| self.visit_except_handler(handler));
        self.visit_body(&tried.orelse);
        self.visit_body(&tried.finalbody);
    }
}
