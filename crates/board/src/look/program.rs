//! A program, and what is true of it as a whole: what it imports, which functions it has.

use std::collections::{HashMap, HashSet};

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};

use super::{bound, known};
use crate::profile::{Profile, Wifi};

/// A program that was parsed without an error.
pub(super) struct Program<'a> {
    pub(super) body: &'a [Stmt],
    pub(super) profile: &'a Profile,
    /// Modules by the names that they are imported as, without the `u` of older ones.
    pub(super) modules: HashMap<&'a str, &'a str>,
    /// What is imported out of modules, by the names that it gets: module and name there.
    pub(super) imported: HashMap<&'a str, (&'a str, &'a str)>,
    /// Names come out of a module unseen: `from x import *`.
    pub(super) star: bool,
    /// The functions that have a name of their own.
    functions: HashMap<&'a str, Vec<&'a StmtFunctionDef>>,
    /// The classes; `None` for a name of several.
    classes: HashMap<&'a str, Option<&'a StmtClassDef>>,
    /// Attributes that are given values anywhere.
    attributes_set: HashSet<&'a str>,
    /// Names that are declared global somewhere, and so may change at any time.
    pub(super) global: HashSet<&'a str>,
    /// How often a name is bound, anywhere.
    bindings: HashMap<&'a str, usize>,
    /// All attributes that are asked for.
    pub(super) attributes: HashSet<&'a str>,
    /// It calls `hasattr`.
    asks: bool,
    /// Names that are bound other than by an import.
    assigned: HashSet<&'a str>,
}

impl<'a> Program<'a> {
    pub(super) fn of(body: &'a [Stmt], profile: &'a Profile) -> Self {
        let mut program = Program {
            body,
            profile,
            modules: HashMap::new(),
            imported: HashMap::new(),
            star: false,
            functions: HashMap::new(),
            classes: HashMap::new(),
            attributes_set: HashSet::new(),
            global: HashSet::new(),
            bindings: HashMap::new(),
            attributes: HashSet::new(),
            asks: false,
            assigned: HashSet::new(),
        };
        program.visit_body(body);
        for name in bound::names(body) {
            *program.bindings.entry(name).or_default() += 1;
        }
        program
    }

    /// The board speaks MicroPython.
    pub(super) fn is_micropython(&self) -> bool {
        !is_cpython(self.profile)
    }

    /// The program's own function of that name, if there can be no other.
    pub(super) fn function(&self, name: &str) -> Option<&'a StmtFunctionDef> {
        let bound_once = self.bindings.get(name).is_some_and(|&times| times == 1);
        match self.functions.get(name).map(Vec::as_slice) {
            Some(&[only]) if bound_once && !self.global.contains(name) && !self.assigned.contains(name) => Some(only),
            _ => None,
        }
    }

    /// All functions and methods of which there is but one of their name.
    pub(super) fn only_functions(&self) -> impl Iterator<Item = (&'a str, &'a StmtFunctionDef)> {
        self.functions.iter().filter_map(|(name, all)| match all.as_slice() {
            [only] => Some((*name, *only)),
            _ => None,
        })
    }

    /// The program's own class of that name, if there can be no other.
    pub(super) fn class(&self, name: &str) -> Option<&'a StmtClassDef> {
        let bound_once = self.bindings.get(name).is_some_and(|&times| times == 1);
        let is_it = bound_once && !self.global.contains(name) && !self.functions.contains_key(name);
        self.classes.get(name).copied().flatten().filter(|class| is_it && class.decorator_list.is_empty())
    }

    /// The method of a class of the program's own, if no object of it can have another.
    pub(super) fn method(&self, class: &str, name: &str) -> Option<&'a StmtFunctionDef> {
        let Some(&[only]) = self.functions.get(name).map(Vec::as_slice) else { return None };
        let is_it = |stmt: &Stmt| matches!(stmt, Stmt::FunctionDef(function) if std::ptr::eq(function, only));
        let in_class = self.class(class)?.body.iter().any(is_it);
        (in_class && !self.attributes_set.contains(name)).then_some(only)
    }

    /// The program defines something of this name, so that an attribute of that name may be its own.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.functions.contains_key(name) || self.bindings.contains_key(name)
    }

    /// The program imports a module of this name, as whatever.
    pub(super) fn uses(&self, module: &str) -> bool {
        self.modules.values().any(|used| *used == module) || self.imported.values().any(|(used, _)| *used == module)
    }

    /// The Wi-Fi of this board is off at its start, and nothing in the program switches it on, nor a module of others.
    pub(super) fn has_its_radio_off(&self) -> bool {
        let is_firmware = |module: &&'a str| known::MODULES.split_whitespace().any(|known| known == *module);
        let mut modules = self.modules.values().chain(self.imported.values().map(|(module, _)| module));
        let is_off = matches!(self.profile.wifi, Some(Wifi::Esp32 | Wifi::Cyw43));
        is_off && !self.star && !self.attributes.contains("active") && !self.asks && modules.all(is_firmware)
    }

    /// `from module import *`: of some modules it is known what that gives.
    fn import_all(&mut self, module: &'a str) {
        self.star |= !matches!(module, "socket" | "time") || is_cpython(self.profile);
        let names = known::attributes(module).map_or("", |(names, _)| names).split_whitespace();
        let constants = self.profile.socket.iter().map(|(name, _)| *name).filter(|_| module == "socket");
        self.imported.extend(names.chain(constants).map(|name| (name, (module, name))));
    }

    /// The program asks with `hasattr` what there is.
    pub(super) fn attributes_are_asked_for(&self) -> bool {
        self.asks
    }

    /// The dotted name by which the library knows an expression: `socket.SOCK_STREAM`, `machine.Pin`.
    pub(super) fn library_name(&self, expr: &Expr) -> Option<(&'a str, String)> {
        match expr {
            Expr::Name(name) => self.library_name_of(name.id.as_str()),
            // No deeper: nothing there is, and a chain of a thousand dots would be walked a thousand times.
            Expr::Attribute(attribute) => {
                let Expr::Name(name) = &*attribute.value else { return None };
                let (module, outer) = self.library_name_of(name.id.as_str())?;
                Some((module, format!("{outer}.{}", attribute.attr)))
            }
            _ => None,
        }
    }

    fn library_name_of(&self, name: &str) -> Option<(&'a str, String)> {
        if self.functions.contains_key(name) || self.assigned.contains(name) {
            return None;
        }
        match self.imported.get(name) {
            Some((module, inner)) => Some((module, format!("{module}.{inner}"))),
            None => self.modules.get(name).map(|module| (*module, (*module).to_owned())),
        }
    }
}

/// `linux` stands for small computers, and those speak CPython.
pub(super) fn is_cpython(profile: &Profile) -> bool {
    profile.name == "linux"
}

/// `usocket` is `socket`. A module whose own name begins with u keeps it.
pub(super) fn without_u(module: &str) -> &str {
    match module {
        "usocket" | "utime" | "uos" | "ujson" | "ustruct" | "ubinascii" | "uselect" | "ure" | "uio" | "urandom"
        | "uhashlib" | "uerrno" | "ucollections" | "umachine" | "usys" | "uasyncio" | "ussl" => &module[1..],
        _ => module,
    }
}

impl<'a> Visitor<'a> for Program<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.modules.insert(bound::by_import(alias), without_u(alias.name.as_str()));
                }
            }
            Stmt::ImportFrom(import) => {
                let module = without_u(import.module.as_ref().map_or("", |module| module.as_str()));
                let (named, star): (Vec<_>, Vec<_>) = import.names.iter().partition(|alias| alias.name.as_str() != "*");
                if !star.is_empty() {
                    self.import_all(module);
                }
                for alias in named {
                    self.imported.insert(bound::by_import(alias), (module, alias.name.as_str()));
                }
            }
            Stmt::FunctionDef(function) => {
                self.functions.entry(function.name.as_str()).or_default().push(function);
                self.assigned.extend(bound::by_parameters(&function.parameters));
            }
            Stmt::ClassDef(class) => {
                self.assigned.insert(class.name.as_str());
                let class_of_name = self.classes.entry(class.name.as_str());
                class_of_name.and_modify(|held| *held = None).or_insert(Some(class));
            }
            Stmt::Global(global) => self.global.extend(global.names.iter().map(|name| name.as_str())),
            _ => {}
        }
        if let Stmt::FunctionDef(StmtFunctionDef { body, .. }) = stmt {
            for name in bound::names(body) {
                *self.bindings.entry(name).or_default() += 1;
            }
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Attribute(attribute) = expr {
            self.attributes.insert(attribute.attr.as_str());
            if !attribute.ctx.is_load() {
                self.attributes_set.insert(attribute.attr.as_str());
            }
        }
        if let Expr::Name(name) = expr
            && !name.ctx.is_load()
        {
            self.assigned.insert(name.id.as_str());
        }
        self.asks |= matches!(expr, Expr::Name(name) if name.id.as_str() == "hasattr");
        visitor::walk_expr(self, expr);
    }
}
