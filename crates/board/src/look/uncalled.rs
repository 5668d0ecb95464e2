//! Functions and methods that are named where they should be called: `led.on`, `while not wlan.isconnected:`.
//!
//! What a name holds is `flow`'s to say. Where it cannot, only names count that hardly any value has.

use ruff_python_ast::Expr;

use super::flow::Value;
use super::known::{self, has};
use super::program::Program;

/// Methods with names that tell: an attribute of this name with which nothing is done was to be called.
const DOING: &str = "on off toggle close connect disconnect isconnected accept listen send sendall sendto recv recvfrom \
     readline readinto deinit append";

/// Methods with names that tell even where an attribute could be a value.
const ASKING: &str = "isconnected";

const OF_PIN: &str = "value on off toggle init irq";

/// Functions of modules, by their dotted names.
const FUNCTIONS: &str = "asyncio.run gc.collect gc.disable gc.enable gc.mem_alloc gc.mem_free machine.deepsleep \
     machine.disable_irq machine.enable_irq machine.freq machine.idle machine.lightsleep machine.reset \
     machine.reset_cause machine.soft_reset machine.unique_id machine.wake_reason network.hostname ntptime.settime \
     os.getcwd os.listdir os.sync os.uname random.getrandbits random.random sys.exit";

/// Where a function or method is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A statement of its own.
    Statement,
    /// The same in a `try` that may be there to find out whether there is such an attribute.
    Tried,
    /// Something is decided by it.
    Condition,
}

/// The name of what is named here and should be called; `of` is what holds the attribute.
pub(super) fn name(program: &Program<'_>, expr: &Expr, of: Option<Value<'_>>, place: Place) -> Option<String> {
    let uncalled = match expr {
        Expr::Name(name) => {
            let own = program.function(name.id.as_str());
            (own.is_some_and(|own| own.decorator_list.is_empty()) || is_function(program, expr))
                && place != Place::Tried
        }
        Expr::Attribute(attribute) if !program.attributes_are_asked_for() => {
            let name = attribute.attr.as_str();
            let tells = tells(name, place) && !program.defines(name) && !is_class(&attribute.value);
            is_method(of, name) || tells || (is_function(program, expr) && place != Place::Tried)
        }
        _ => false,
    };
    uncalled.then(|| dotted(expr))
}

fn is_method(of: Option<Value<'_>>, name: &str) -> bool {
    let methods = |class| known::attributes(class).is_some_and(|(methods, _)| has(methods, name));
    match of {
        Some(Value::Socket { .. }) => methods("a socket"),
        Some(Value::Wlan) => methods("a WLAN") && name.starts_with(|c: char| c.is_ascii_lowercase()),
        Some(Value::Pin) => has(OF_PIN, name),
        _ => false,
    }
}

fn tells(name: &str, place: Place) -> bool {
    match place {
        Place::Statement => has(DOING, name),
        Place::Tried => false,
        Place::Condition => has(ASKING, name),
    }
}

/// `list`, in `list.append`.
fn is_class(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(name) if has(known::BUILTINS, name.id.as_str()))
}

fn is_function(program: &Program<'_>, expr: &Expr) -> bool {
    let Some((module, name)) = program.library_name(expr) else { return false };
    // All that this module has are functions.
    let of_time = module == "time" && name.strip_prefix("time.").is_some_and(|name| known::of("time", name));
    of_time || has(FUNCTIONS, &name)
}

/// As the program writes it; of what is made on the way, only the end.
pub(super) fn dotted(expr: &Expr) -> String {
    match expr {
        Expr::Name(name) => name.id.to_string(),
        Expr::Attribute(attribute) => match &*attribute.value {
            Expr::Name(of) => format!("{}.{}", of.id, attribute.attr),
            Expr::Attribute(of) if of.value.is_name_expr() => {
                format!("{}.{}", dotted(&attribute.value), attribute.attr)
            }
            _ => format!("....{}", attribute.attr),
        },
        _ => String::new(),
    }
}
