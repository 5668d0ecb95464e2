//! What the interpreter's compiler makes wrong bytecode of, written as something else that means the same.
//!
//! `return`, `break` and `continue` in a `finally`: where one `finally` is within another, its compiler fails. They
//! lead out of a loop in the `finally`, behind which an exception takes the place of whatever was on its way, as they
//! would; a handler around the `try` then does what they mean.
//!
//! The same statements in a `try` whose `finally` has a function, a class or a comprehension: that is compiled once for
//! each of them, and the compiler has forgotten the names in it the second time. They lead out of a loop within the
//! `try`, and what they mean is done after it.
//!
//! A `with` whose body never comes to its end: when `__exit__` then suppresses an exception, the compiler loses count
//! of the handlers, and what follows is covered by the wrong ones. Within a `try` whose handler takes nothing, the body
//! has an end.

use std::cell::Cell;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    AtomicNodeIndex, ExceptHandler, ExceptHandlerExceptHandler, Expr, ExprBooleanLiteral, ExprContext, ExprName,
    ExprNoneLiteral, ExprTuple, Mod, Stmt, StmtAssign, StmtBreak, StmtContinue, StmtIf, StmtPass, StmtRaise,
    StmtReturn, StmtTry, StmtWhile,
};
use ruff_text_size::{Ranged, TextRange};

/// Rewrites a whole program.
pub(crate) fn reshape(program: &mut Mod) {
    if let Mod::Module(module) = program {
        Reshape { leaves: Cell::new(0) }.body(&mut module.body);
    }
}

struct Reshape {
    /// Counts the `try` that are rewritten: each has names of its own.
    leaves: Cell<usize>,
}

impl Reshape {
    /// From the inside out: what is written anew has no more of what it was written for.
    fn body(&self, body: &mut Vec<Stmt>) {
        for mut stmt in std::mem::take(body) {
            match &mut stmt {
                Stmt::FunctionDef(function) => self.body(&mut function.body),
                Stmt::ClassDef(class) => self.body(&mut class.body),
                other => bodies_mut(other).into_iter().for_each(|(inner, _)| self.body(inner)),
            }
            match stmt {
                Stmt::With(mut with) => {
                    if !comes_to_its_end(&with.body) {
                        with.body = vec![with_an_end(std::mem::take(&mut with.body), with.range)];
                    }
                    body.push(Stmt::With(with));
                }
                Stmt::Try(mut tried) => {
                    let after = self.leave_by_loop(&mut tried, body);
                    self.leave_by_exception(&mut tried);
                    body.push(Stmt::Try(tried));
                    body.extend(after);
                }
                other => body.push(other),
            }
        }
    }

    fn number(&self) -> usize {
        self.leaves.replace(self.leaves.get() + 1)
    }
}

/// Whether the compiler, too, sees that control can go through all of these.
fn comes_to_its_end(body: &[Stmt]) -> bool {
    body.iter().all(|stmt| match stmt {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) | Stmt::Match(_) => false,
        Stmt::If(choice) => {
            let or_else = choice.elif_else_clauses.iter();
            let is_choice =
                !is_constant(&choice.test) && or_else.clone().all(|or| !or.test.as_ref().is_some_and(is_constant));
            let has_else = or_else.clone().any(|or| or.test.is_none());
            is_choice
                && (!has_else || comes_to_its_end(&choice.body) || or_else.clone().any(|or| comes_to_its_end(&or.body)))
        }
        Stmt::While(again) => !is_constant(&again.test) && comes_to_its_end(&again.orelse),
        Stmt::For(each) => comes_to_its_end(&each.orelse),
        Stmt::Try(tried) => {
            let handled = |ExceptHandler::ExceptHandler(handler): &ExceptHandler| comes_to_its_end(&handler.body);
            let whole = comes_to_its_end(&tried.body) && comes_to_its_end(&tried.orelse);
            (whole || tried.handlers.iter().any(handled)) && comes_to_its_end(&tried.finalbody)
        }
        // A `with` has an end by now, and all others are simple.
        _ => true,
    })
}

/// The compiler leaves out what such a condition rules out.
fn is_constant(test: &Expr) -> bool {
    match test {
        Expr::UnaryOp(operation) => is_constant(&operation.operand),
        Expr::Name(name) => name.id.as_str() == "__debug__",
        other => other.is_literal_expr() || other.is_tuple_expr(),
    }
}

/// `try: body`, `except (): pass`.
fn with_an_end(body: Vec<Stmt>, at: TextRange) -> Stmt {
    let nothing = ExprTuple {
        node_index: AtomicNodeIndex::default(),
        range: at,
        elts: Vec::new(),
        ctx: ExprContext::Load,
        parenthesized: true,
    };
    let pass = Stmt::Pass(StmtPass { node_index: AtomicNodeIndex::default(), range: at });
    Stmt::Try(try_except(body, Expr::Tuple(nothing), vec![pass], at))
}

/// A way out of a `finally`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Return,
    Break,
    Continue,
}

impl Way {
    const ALL: [Way; 3] = [Way::Return, Way::Break, Way::Continue];

    /// The way that a statement takes; inside a loop, only `return` leads out.
    fn of(stmt: &Stmt, in_loop: bool) -> Option<Way> {
        match stmt {
            Stmt::Return(_) => Some(Way::Return),
            Stmt::Break(_) if !in_loop => Some(Way::Break),
            Stmt::Continue(_) if !in_loop => Some(Way::Continue),
            _ => None,
        }
    }

    /// The variable that says it was taken; no program has such a name.
    fn name(self, number: usize) -> String {
        match self {
            Way::Return => format!(".returns{number}"),
            Way::Break => format!(".breaks{number}"),
            Way::Continue => format!(".continues{number}"),
        }
    }

    fn stmt(self, number: usize, at: TextRange) -> Stmt {
        let node_index = AtomicNodeIndex::default();
        match self {
            Way::Return => {
                let value = Some(Box::new(name(&value_of(number), at, ExprContext::Load)));
                Stmt::Return(StmtReturn { node_index, range: at, value })
            }
            Way::Break => break_out(at),
            Way::Continue => Stmt::Continue(StmtContinue { node_index, range: at }),
        }
    }
}

/// The variable for what is returned.
fn value_of(number: usize) -> String {
    format!(".value{number}")
}

/// What the ways out become. Nothing that boards catch by its name.
const LEAVE: &str = "GeneratorExit";

impl Reshape {
    fn leave_by_exception(&self, tried: &mut StmtTry) {
        let ways: Vec<Way> = Way::ALL.into_iter().filter(|way| takes(&tried.finalbody, *way, false)).collect();
        if ways.is_empty() {
            return;
        }
        let (number, at) = (self.number(), tried.range);
        let gone = |way: &Way| if_then(&way.name(number), raise(Some(name(LEAVE, at, ExprContext::Load)), at), at);
        let finally = std::mem::take(&mut tried.finalbody);
        tried.finalbody = begin(number, &ways, at);
        tried.finalbody.push(Leaving { number, ways: &ways }.once(finally, at));
        tried.finalbody.extend(ways.iter().map(gone));
        let arrived = ways.iter().map(|way| if_then(&way.name(number), way.stmt(number, at), at));
        let handler = arrived.chain([raise(None, at)]).collect();
        let mut body = begin(number, &ways, at);
        body.push(Stmt::Try(taken(tried)));
        *tried = try_except(body, name(LEAVE, at, ExprContext::Load), handler, at);
    }

    /// Writes what comes before the `try` into `before`; gives what comes after it.
    fn leave_by_loop(&self, tried: &mut StmtTry, before: &mut Vec<Stmt>) -> Vec<Stmt> {
        let handled = |tried: &StmtTry, way| {
            let handlers = &mut tried.handlers.iter().map(|ExceptHandler::ExceptHandler(handler)| &handler.body);
            handlers.any(|body| takes(body, way, false))
        };
        let parts =
            |way: &Way| takes(&tried.body, *way, false) || takes(&tried.orelse, *way, false) || handled(tried, *way);
        let ways: Vec<Way> = Way::ALL.into_iter().filter(parts).collect();
        if ways.is_empty() || !has_scopes(&tried.finalbody) {
            return Vec::new();
        }
        let at = tried.range;
        let finally = std::mem::take(&mut tried.finalbody);
        let body = match tried.handlers.is_empty() {
            true => std::mem::take(&mut tried.body),
            false => vec![Stmt::Try(taken(tried))],
        };
        let number = self.number();
        before.extend(begin(number, &ways, at));
        let once = Leaving { number, ways: &ways }.once(body, at);
        *tried = StmtTry { body: vec![once], finalbody: finally, ..empty_try(at) };
        ways.iter().map(|way| if_then(&way.name(number), way.stmt(number, at), at)).collect()
    }
}

/// Whether there are functions, classes or comprehensions in it.
fn has_scopes(body: &[Stmt]) -> bool {
    struct Scopes(bool);
    impl<'a> Visitor<'a> for Scopes {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            self.0 |= matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::TypeAlias(_));
            visitor::walk_stmt(self, stmt);
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            self.0 |= matches!(
                expr,
                Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_)
            );
            visitor::walk_expr(self, expr);
        }
    }
    let mut scopes = Scopes(false);
    scopes.visit_body(body);
    scopes.0
}

/// Whether this way is taken anywhere in here, and leads out.
fn takes(body: &[Stmt], way: Way, in_loop: bool) -> bool {
    body.iter().any(|stmt| {
        Way::of(stmt, in_loop) == Some(way)
            || bodies(stmt).iter().any(|(body, is_loop)| takes(body, way, in_loop || *is_loop))
    })
}

/// The bodies in a statement that run with it, and whether a `break` there is of the statement itself.
fn bodies(stmt: &Stmt) -> Vec<(&[Stmt], bool)> {
    match stmt {
        Stmt::If(choice) => {
            let or_else = choice.elif_else_clauses.iter().map(|or| (&or.body[..], false));
            std::iter::once((&choice.body[..], false)).chain(or_else).collect()
        }
        Stmt::While(again) => vec![(&again.body, true), (&again.orelse, false)],
        Stmt::For(each) => vec![(&each.body, true), (&each.orelse, false)],
        Stmt::With(with) => vec![(&with.body, false)],
        Stmt::Match(choice) => choice.cases.iter().map(|case| (&case.body[..], false)).collect(),
        Stmt::Try(tried) => {
            let handlers =
                tried.handlers.iter().map(|ExceptHandler::ExceptHandler(handler)| (&handler.body[..], false));
            let others = [&tried.body[..], &tried.orelse, &tried.finalbody].map(|body| (body, false));
            others.into_iter().chain(handlers).collect()
        }
        _ => Vec::new(),
    }
}

/// The same, to be changed.
fn bodies_mut(stmt: &mut Stmt) -> Vec<(&mut Vec<Stmt>, bool)> {
    match stmt {
        Stmt::If(choice) => {
            let or_else = choice.elif_else_clauses.iter_mut().map(|or| (&mut or.body, false));
            std::iter::once((&mut choice.body, false)).chain(or_else).collect()
        }
        Stmt::While(again) => vec![(&mut again.body, true), (&mut again.orelse, false)],
        Stmt::For(each) => vec![(&mut each.body, true), (&mut each.orelse, false)],
        Stmt::With(with) => vec![(&mut with.body, false)],
        Stmt::Match(choice) => choice.cases.iter_mut().map(|case| (&mut case.body, false)).collect(),
        Stmt::Try(tried) => {
            let handlers = tried.handlers.iter_mut();
            let handlers = handlers.map(|ExceptHandler::ExceptHandler(handler)| (&mut handler.body, false));
            let others = [&mut tried.body, &mut tried.orelse, &mut tried.finalbody].map(|body| (body, false));
            others.into_iter().chain(handlers).collect()
        }
        _ => Vec::new(),
    }
}

/// The ways are not taken yet.
fn begin(number: usize, ways: &[Way], at: TextRange) -> Vec<Stmt> {
    ways.iter().map(|way| assign(&way.name(number), boolean(false, at), at)).collect()
}

/// Has the ways out of some statements lead out of a loop around them.
struct Leaving<'a> {
    number: usize,
    ways: &'a [Way],
}

impl Leaving<'_> {
    /// A loop that runs the statements once.
    fn once(&self, mut body: Vec<Stmt>, at: TextRange) -> Stmt {
        self.replace(&mut body, false);
        body.extend(begin(self.number, self.ways, at));
        body.push(break_out(at));
        Stmt::While(StmtWhile {
            node_index: AtomicNodeIndex::default(),
            range: at,
            test: Box::new(boolean(true, at)),
            body,
            orelse: Vec::new(),
        })
    }

    fn replace(&self, body: &mut Vec<Stmt>, in_loop: bool) {
        for mut stmt in std::mem::take(body) {
            let leads_out = self.ways.iter().any(|way| takes(std::slice::from_ref(&stmt), *way, in_loop));
            if let Some(way) = Way::of(&stmt, in_loop) {
                self.take(way, stmt, body);
            } else if leads_out {
                for (inner, is_loop) in bodies_mut(&mut stmt) {
                    self.replace(inner, in_loop || is_loop);
                }
                let (is_loop, at) = (matches!(stmt, Stmt::While(_) | Stmt::For(_)), stmt.range());
                body.push(stmt);
                // Out of the loops within, too.
                let out = |way: &Way| if_then(&way.name(self.number), break_out(at), at);
                body.extend(self.ways.iter().filter(|_| is_loop).map(out));
            } else {
                body.push(stmt);
            }
        }
    }

    fn take(&self, way: Way, stmt: Stmt, body: &mut Vec<Stmt>) {
        let at = stmt.range();
        if let Stmt::Return(back) = stmt {
            let nothing = || Expr::NoneLiteral(ExprNoneLiteral { node_index: AtomicNodeIndex::default(), range: at });
            let value = back.value.map_or_else(nothing, |value| *value);
            body.push(assign(&value_of(self.number), value, at));
        }
        // A way that a `finally` within has turned into another is none any more.
        body.extend(self.ways.iter().map(|other| assign(&other.name(self.number), boolean(*other == way, at), at)));
        body.push(break_out(at));
    }
}

fn break_out(at: TextRange) -> Stmt {
    Stmt::Break(StmtBreak { node_index: AtomicNodeIndex::default(), range: at })
}

fn empty_try(at: TextRange) -> StmtTry {
    StmtTry {
        node_index: AtomicNodeIndex::default(),
        range: at,
        body: Vec::new(),
        handlers: Vec::new(),
        orelse: Vec::new(),
        finalbody: Vec::new(),
        is_star: false,
    }
}

/// The whole of it, which leaves nothing.
fn taken(tried: &mut StmtTry) -> StmtTry {
    let at = tried.range;
    std::mem::replace(tried, empty_try(at))
}

fn try_except(body: Vec<Stmt>, class: Expr, handler: Vec<Stmt>, at: TextRange) -> StmtTry {
    let handler = ExceptHandlerExceptHandler {
        node_index: AtomicNodeIndex::default(),
        range: at,
        type_: Some(Box::new(class)),
        name: None,
        body: handler,
    };
    StmtTry { body, handlers: vec![ExceptHandler::ExceptHandler(handler)], ..empty_try(at) }
}

fn name(id: &str, at: TextRange, ctx: ExprContext) -> Expr {
    Expr::Name(ExprName { node_index: AtomicNodeIndex::default(), range: at, id: id.into(), ctx })
}

fn boolean(value: bool, at: TextRange) -> Expr {
    Expr::BooleanLiteral(ExprBooleanLiteral { node_index: AtomicNodeIndex::default(), range: at, value })
}

fn assign(to: &str, value: Expr, at: TextRange) -> Stmt {
    let targets = vec![name(to, at, ExprContext::Store)];
    Stmt::Assign(StmtAssign { node_index: AtomicNodeIndex::default(), range: at, targets, value: Box::new(value) })
}

fn if_then(test: &str, then: Stmt, at: TextRange) -> Stmt {
    Stmt::If(StmtIf {
        node_index: AtomicNodeIndex::default(),
        range: at,
        test: Box::new(name(test, at, ExprContext::Load)),
        body: vec![then],
        elif_else_clauses: Vec::new(),
    })
}

fn raise(exception: Option<Expr>, at: TextRange) -> Stmt {
    Stmt::Raise(StmtRaise {
        node_index: AtomicNodeIndex::default(),
        range: at,
        exc: exception.map(Box::new),
        cause: None,
    })
}
