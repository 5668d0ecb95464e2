//! Whether a program waits for what takes its time: above all, until the Wi-Fi is up.

use std::collections::HashSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::flow::method;
use super::program::Program;

/// What the program does about waiting.
pub(super) struct Waits {
    /// Something waits until the Wi-Fi is up.
    pub(super) for_wifi: bool,
    /// The program uses the network.
    uses_network: bool,
    /// Where it asks last whether the Wi-Fi is up.
    asked_last: Option<TextSize>,
    /// Sockets are told not to block.
    pub(super) never_block: bool,
}

impl Waits {
    pub(super) fn of(program: &Program<'_>) -> Waits {
        let mut asking = Asking::default();
        asking.visit_body(program.body);
        let mut waiting = Waiting { asking: asking.0, waits: false, asked_last: None };
        waiting.visit_body(program.body);
        Waits {
            for_wifi: waiting.waits,
            uses_network: ["socket", "requests", "urequests"].iter().any(|module| program.uses(module)),
            asked_last: waiting.asked_last,
            never_block: ["settimeout", "setblocking"].iter().any(|name| program.attributes.contains(name)),
        }
    }

    /// Does the program need the Wi-Fi to be up, once it has said `connect` there? A boot.py may not.
    pub(super) fn has_need(&self, connect: TextSize) -> bool {
        self.uses_network || self.asked_last.is_some_and(|asked| asked > connect)
    }
}

/// The functions that ask how the Wi-Fi is: a loop may call them.
#[derive(Default)]
struct Asking<'a>(HashSet<&'a str>);

impl<'a> Visitor<'a> for Asking<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::FunctionDef(function) = stmt {
            let mut asks = Asks { asking: &HashSet::new(), asks: false };
            asks.visit_body(&function.body);
            if asks.asks {
                self.0.insert(function.name.as_str());
            }
        }
        visitor::walk_stmt(self, stmt);
    }
}

/// Is there a loop that asks how the Wi-Fi is, a pause right after `connect`, or something else that is told how to ask?
struct Waiting<'a> {
    asking: HashSet<&'a str>,
    waits: bool,
    asked_last: Option<TextSize>,
}

impl<'a> Visitor<'a> for Waiting<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if matches!(stmt, Stmt::While(_) | Stmt::For(_)) {
            let mut asks = Asks { asking: &self.asking, asks: false };
            visitor::walk_stmt(&mut asks, stmt);
            self.waits |= asks.asks;
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_body(&mut self, body: &'a [Stmt]) {
        let mut connected = false;
        for stmt in body {
            if let Stmt::Expr(expr) = stmt {
                self.waits |= connected && is_sleep(&expr.value);
                connected |= method(&expr.value).is_some_and(|(_, method)| method == "connect");
            }
            connected &= !matches!(stmt, Stmt::If(_));
        }
        visitor::walk_body(self, body);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Attribute(attribute) = expr
            && attribute.attr.as_str() == "isconnected"
        {
            self.asked_last = self.asked_last.max(Some(attribute.attr.start()));
        }
        if let Expr::Call(call) = expr {
            // `wait_for(wlan.isconnected)`, `wait_for(lambda: wlan.isconnected())`
            for argument in &call.arguments.args {
                let how = match argument {
                    Expr::Lambda(lambda) => &*lambda.body,
                    other => other,
                };
                let asks = matches!(how, Expr::Attribute(_)) || matches!(argument, Expr::Lambda(_));
                self.waits |= asks && is_asked(how, &self.asking);
            }
        }
        visitor::walk_expr(self, expr);
    }
}

fn is_asked(expr: &Expr, asking: &HashSet<&str>) -> bool {
    let mut asks = Asks { asking, asks: false };
    asks.visit_expr(expr);
    asks.asks
}

/// `sleep(1)`, `time.sleep_ms(500)`, `await asyncio.sleep(1)`.
fn is_sleep(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Await(inner) => return is_sleep(&inner.value),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(function) => function.attr.as_str(),
            Expr::Name(function) => function.id.as_str(),
            _ => return false,
        },
        _ => return false,
    };
    name.starts_with("sleep")
}

/// Does something in here ask how the Wi-Fi is?
struct Asks<'n, 'a> {
    asking: &'n HashSet<&'a str>,
    asks: bool,
}

impl<'e> Visitor<'e> for Asks<'_, '_> {
    fn visit_expr(&mut self, expr: &'e Expr) {
        self.asks |= match expr {
            Expr::Attribute(attribute) => {
                matches!(attribute.attr.as_str(), "isconnected" | "status" | "ifconfig" | "ipconfig" | "config")
            }
            Expr::Call(call) => matches!(&*call.func, Expr::Name(name) if self.asking.contains(name.id.as_str())),
            _ => false,
        };
        visitor::walk_expr(self, expr);
    }
}
