//! Which names some statements bind.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, ExprContext, Parameters, Pattern, Stmt};

/// The names that these statements bind in their own scope: not those of functions and classes inside.
pub(super) fn names(statements: &[Stmt]) -> Vec<&str> {
    let mut bound = Bound(Vec::new());
    bound.visit_body(statements);
    bound.0
}

/// What some statements bind in their own scope.
pub(super) struct Bindings<'a> {
    /// The names, as often as they are bound.
    pub(super) names: Vec<&'a str>,
    /// What stands on the left and on the right of `=` and of `:=`.
    pub(super) assigned: Vec<(&'a Expr, &'a Expr)>,
}

pub(super) fn bindings(statements: &[Stmt]) -> Bindings<'_> {
    let mut assigned = Assigned(Vec::new());
    assigned.visit_body(statements);
    Bindings { names: names(statements), assigned: assigned.0 }
}

/// The names that an expression on the left of `=` binds.
pub(super) fn by_target(target: &Expr) -> Vec<&str> {
    let mut bound = Bound(Vec::new());
    bound.visit_expr(target);
    bound.0
}

/// The names of parameters.
pub(super) fn by_parameters(parameters: &Parameters) -> impl Iterator<Item = &str> {
    parameters.iter().map(|parameter| parameter.name().as_str())
}

/// The name that an import binds: of `a.b`, it is `a`.
pub(super) fn by_import(alias: &ruff_python_ast::Alias) -> &str {
    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
    name.split('.').next().unwrap_or(name)
}

/// The name that a pattern of `match` binds itself.
pub(super) fn by_pattern(pattern: &Pattern) -> Option<&str> {
    let name = match pattern {
        Pattern::MatchAs(pattern) => pattern.name.as_ref(),
        Pattern::MatchStar(pattern) => pattern.name.as_ref(),
        Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
        _ => None,
    };
    name.map(|name| name.as_str())
}

struct Bound<'a>(Vec<&'a str>);

impl<'a> Visitor<'a> for Bound<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => self.0.push(function.name.as_str()),
            Stmt::ClassDef(class) => self.0.push(class.name.as_str()),
            Stmt::Import(import) => self.0.extend(import.names.iter().map(by_import)),
            Stmt::ImportFrom(import) => self.0.extend(import.names.iter().map(by_import)),
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx != ExprContext::Load => self.0.push(name.id.as_str()),
            Expr::Lambda(_) => {}
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        self.0.extend(inner.name.as_ref().map(|name| name.as_str()));
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.0.extend(by_pattern(pattern));
        visitor::walk_pattern(self, pattern);
    }
}

struct Assigned<'a>(Vec<(&'a Expr, &'a Expr)>);

impl<'a> Visitor<'a> for Assigned<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            Stmt::Assign(assign) => self.0.extend(assign.targets.iter().map(|target| (target, &*assign.value))),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) => self.0.push((&named.target, &named.value)),
            Expr::Lambda(_) => return,
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}
