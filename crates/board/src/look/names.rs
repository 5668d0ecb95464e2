//! Names that are bound nowhere, and names that take a module's.

use std::collections::HashSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, ExceptHandler, Expr, ExprName, Parameters, Pattern, Stmt, StmtTry};

use super::program::{Program, is_cpython};
use super::remark::{Hint, Kind, Need};
use super::{Found, bound, known, near};
use crate::profile::Profile;

pub(super) fn look(program: &Program<'_>, found: &mut Found) {
    let mut names = Names { scopes: vec![Scope::new(Sort::Module, None)], at: 0, caught: 0, unsure: program.star };
    names.visit_body(program.body);
    names.scopes[0].bound.extend(program.imported.keys());
    if !names.unsure {
        let mut said = HashSet::new(); // once is enough
        for (index, scope) in names.scopes.iter().enumerate() {
            for used in &scope.uses {
                let name = used.id.as_str();
                if !names.is_known(index, name) && said.len() < MOST && said.insert(name) {
                    let kind = names.judge(program, index, name);
                    kind.into_iter().for_each(|kind| found.add(*used, kind));
                }
            }
        }
    }
    Shadows { program, found }.visit_body(program.body);
}

/// A program with more unknown names is part of another one.
const MOST: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Module,
    /// Its names are not seen from the functions inside.
    Class,
    Function,
    Comprehension,
}

struct Scope<'a> {
    sort: Sort,
    parent: Option<usize>,
    bound: HashSet<&'a str>,
    global: HashSet<&'a str>,
    uses: Vec<&'a ExprName>,
}

impl Scope<'_> {
    fn new(sort: Sort, parent: Option<usize>) -> Self {
        Scope { sort, parent, bound: HashSet::new(), global: HashSet::new(), uses: Vec::new() }
    }
}

struct Names<'a> {
    scopes: Vec<Scope<'a>>,
    /// The scope that the walk is in.
    at: usize,
    /// How many `try` around catch a NameError.
    caught: usize,
    /// Names may come from where this look does not see.
    unsure: bool,
}

impl<'a> Names<'a> {
    fn bind(&mut self, name: &'a str) {
        let global = self.scopes[self.at].global.contains(name);
        self.scopes[if global { 0 } else { self.at }].bound.insert(name);
    }

    fn within(&mut self, sort: Sort, walk: impl FnOnce(&mut Self)) {
        let outer = self.at;
        self.at = self.scopes.len();
        self.scopes.push(Scope::new(sort, Some(outer)));
        walk(self);
        self.at = outer;
    }

    fn function(&mut self, parameters: Option<&'a Parameters>, walk: impl FnOnce(&mut Self)) {
        let defaults = parameters.into_iter().flat_map(|all| all.iter_non_variadic_params());
        for default in defaults.filter_map(|parameter| parameter.default()) {
            self.visit_expr(default);
        }
        self.within(Sort::Function, |inner| {
            for name in parameters.into_iter().flat_map(bound::by_parameters) {
                inner.bind(name);
            }
            walk(inner);
        });
    }

    /// The scopes whose names are seen from one.
    fn seen_from(&self, scope: usize) -> impl Iterator<Item = &Scope<'a>> {
        let within_class = self.scopes[scope].sort == Sort::Comprehension;
        let outer = std::iter::successors(self.scopes[scope].parent, |&outer| self.scopes[outer].parent);
        let outer = outer.map(|outer| &self.scopes[outer]);
        let outer = outer.filter(move |outer| outer.sort != Sort::Class || within_class);
        std::iter::once(&self.scopes[scope]).chain(outer)
    }

    fn judge(&self, program: &Program<'_>, scope: usize, name: &str) -> Option<Kind> {
        let visible: Vec<&str> = self.seen_from(scope).flat_map(|seen| seen.bound.iter().copied()).collect();
        unknown(program.profile, name, &visible)
    }

    fn is_known(&self, scope: usize, name: &str) -> bool {
        // `micropython` is known to the compiler, for its decorators
        let special = name == "_" || name == "micropython" || (name.starts_with("__") && name.ends_with("__"));
        special || self.seen_from(scope).any(|seen| seen.bound.contains(name)) || known::has(known::BUILTINS, name)
    }
}

/// What is to be said about a name that is neither bound nor a board's own; `visible` are those that are bound.
pub(super) fn unknown(profile: &Profile, name: &str, visible: &[&str]) -> Option<Kind> {
    if known::has(known::CPYTHON_BUILTINS, name) {
        let (what, board) = (name.to_owned(), profile.name);
        let instead = known::instead(name);
        return (!is_cpython(profile)).then_some(Kind::NotOnBoard { what, need: Need::Name, board, instead });
    }
    let hint = match known::import_of(name) {
        Some(line) => Hint::Import(line),
        None => {
            let words = visible.iter().copied().chain(known::BUILTINS.split_whitespace());
            near::nearest(name, words).map_or(Hint::None, |near| Hint::Near(near.to_owned()))
        }
    };
    Some(Kind::Undefined { name: name.to_owned(), hint })
}

/// `@micropython.asm_thumb`, `@rp2.asm_pio()`.
fn is_assembler(decorator: &Expr) -> bool {
    match decorator {
        Expr::Call(call) => is_assembler(&call.func),
        Expr::Attribute(attribute) => attribute.attr.starts_with("asm_"),
        Expr::Name(name) => name.id.starts_with("asm_"),
        _ => false,
    }
}

/// `const(1)`, `micropython.const(1)`.
fn is_const(value: &Expr) -> bool {
    let Expr::Call(call) = value else { return false };
    match &*call.func {
        Expr::Name(name) => name.id.as_str() == "const",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "const",
        _ => false,
    }
}

/// Is it there to find out whether there is a module, an attribute or a name?
pub(super) fn tries_what_may_be_missing(tried: &StmtTry) -> bool {
    tries(tried, &["ImportError", "AttributeError", "NameError", "SyntaxError"])
}

/// Is it there for exceptions of these classes? A handler for all is, if little is tried; around a whole program it is
/// there to say what went wrong.
fn tries(tried: &StmtTry, classes: &[&str]) -> bool {
    let is_one = |class: &Expr| match class {
        Expr::Name(name) => {
            let all = matches!(name.id.as_str(), "Exception" | "BaseException");
            classes.contains(&name.id.as_str()) || (all && tried.body.len() <= 2)
        }
        _ => false,
    };
    tried.handlers.iter().any(|ExceptHandler::ExceptHandler(handler)| match handler.type_.as_deref() {
        None => tried.body.len() <= 2,
        Some(Expr::Tuple(classes)) => classes.iter().any(is_one),
        Some(class) => is_one(class),
    })
}

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.bind(function.name.as_str());
                if function.decorator_list.iter().any(|decorator| is_assembler(&decorator.expression)) {
                    return; // the names in it are instructions
                }
                self.function(Some(&function.parameters), |inner| inner.visit_body(&function.body));
            }
            Stmt::ClassDef(class) => {
                class.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                class.arguments.iter().for_each(|arguments| self.visit_arguments(arguments));
                self.bind(class.name.as_str());
                self.within(Sort::Class, |inner| inner.visit_body(&class.body));
            }
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.bind(bound::by_import(alias))),
            Stmt::ImportFrom(import) => import.names.iter().for_each(|alias| self.bind(bound::by_import(alias))),
            Stmt::Global(global) => {
                let names = global.names.iter().map(|name| name.as_str());
                self.scopes[self.at].global.extend(names);
            }
            Stmt::Try(tried) => self.visit_try(tried),
            Stmt::Assign(assign) if is_const(&assign.value) => {
                // MicroPython's compiler puts its value in wherever the name stands, whatever the scope.
                self.scopes[0].bound.extend(assign.targets.iter().flat_map(bound::by_target));
                visitor::walk_stmt(self, stmt);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_annotation(&mut self, _: &'a Expr) {} // boards do not look at them either

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        inner.name.iter().for_each(|name| self.bind(name.as_str()));
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        bound::by_pattern(pattern).into_iter().for_each(|name| self.bind(name));
        visitor::walk_pattern(self, pattern);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx.is_load() => {
                self.unsure |= matches!(name.id.as_str(), "exec" | "eval" | "globals" | "locals" | "execfile");
                if self.caught == 0 {
                    self.scopes[self.at].uses.push(name);
                }
            }
            Expr::Name(name) => self.bind(name.id.as_str()),
            Expr::Lambda(lambda) => self.function(lambda.parameters.as_deref(), |inner| inner.visit_expr(&lambda.body)),
            Expr::ListComp(e) => self.comprehension(&e.generators, &[&e.elt]),
            Expr::SetComp(e) => self.comprehension(&e.generators, &[&e.elt]),
            Expr::Generator(e) => self.comprehension(&e.generators, &[&e.elt]),
            Expr::DictComp(e) => self.comprehension(&e.generators, &[&e.key, &e.value]),
            _ => visitor::walk_expr(self, expr),
        }
    }
}

impl<'a> Names<'a> {
    fn visit_try(&mut self, tried: &'a StmtTry) {
        let catches = usize::from(tries(tried, &["NameError"]));
        self.caught += catches;
        self.visit_body(&tried.body);
        self.caught -= catches;
        tried.handlers.iter().for_each(|handler| self.visit_except_handler(handler));
        self.visit_body(&tried.orelse);
        self.visit_body(&tried.finalbody);
    }

    /// Its own names are its own, but one that `:=` binds belongs to the function around.
    fn comprehension(&mut self, generators: &'a [Comprehension], elements: &[&'a Expr]) {
        let outer = self.at;
        self.within(Sort::Comprehension, |inner| {
            generators.iter().for_each(|generator| inner.visit_comprehension(generator));
            elements.iter().for_each(|element| inner.visit_expr(element));
        });
        for inner in outer + 1..self.scopes.len() {
            if self.scopes[inner].parent == Some(outer) && self.scopes[inner].sort == Sort::Comprehension {
                let names = self.scopes[inner].bound.clone();
                self.scopes[outer].bound.extend(names); // MicroPython's own comprehensions leak nothing, but this is a look
            }
        }
    }
}

/// Variables that take the name of a module: `socket = socket.socket()`.
struct Shadows<'p, 'a, 'f> {
    program: &'p Program<'a>,
    found: &'f mut Found,
}

impl<'a> Visitor<'a> for Shadows<'_, '_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(assign) = stmt
            && let [Expr::Name(target)] = assign.targets.as_slice()
            && let Expr::Call(call) = &*assign.value
        {
            let name = target.id.as_str();
            let lost = self.program.modules.contains_key(name) && uses_attribute_of(name, &call.func);
            let makes_socket =
                name == "socket" && matches!(&*call.func, Expr::Attribute(f) if f.attr.as_str() == "socket");
            if lost || makes_socket {
                self.found.add(target, Kind::Shadows { module: name.to_owned(), lost });
            }
        }
        visitor::walk_stmt(self, stmt);
    }
}

fn uses_attribute_of(name: &str, function: &Expr) -> bool {
    matches!(function, Expr::Attribute(f) if matches!(&*f.value, Expr::Name(of) if of.id.as_str() == name))
}
