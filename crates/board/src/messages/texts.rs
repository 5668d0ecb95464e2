//! The texts that boards word differently, as they are with the normal level of error texts (the ESP32's).

/// What the interpreter says, with `{}` for what differs each time, and what a board says, with `{0}`, `{1}`.
const TEXTS: &[(&str, &str)] = &[
    // numbers
    ("division by zero", "divide by zero"),
    ("integer division or modulo by zero", "divide by zero"),
    ("integer modulo by zero", "divide by zero"),
    ("float division by zero", "divide by zero"),
    ("float modulo by zero", "divide by zero"),
    ("invalid literal for int() with base {}: {}", "invalid syntax for integer with base {0}"),
    ("int() base must be {}", "int() arg 2 must be >= 2 and <= 36"),
    ("int() argument must be {}, not '{}'", "can't convert {1} to int"),
    ("float() argument must be {}, not '{}'", "can't convert {1} to float"),
    ("could not convert string to float: {}", "invalid syntax for number"),
    ("{}cannot convert float infinity to integer", "can't convert inf to int"),
    ("{}cannot convert float NaN to integer", "can't convert NaN to int"),
    ("type {} doesn't define __round__", "can't convert {0} to float"),
    ("Python int too large to convert to Rust {}", "overflow converting long int to machine word"),
    ("zero to a negative power", "divide by zero"),
    ("must be real number, not {}", "can't convert {0} to float"),
    ("complex() arg is a malformed string", "invalid syntax for number"),
    // names, attributes and imports
    ("name '{}' is not defined", "name '{0}' isn't defined"),
    ("cannot access local variable {}", "local variable referenced before assignment"),
    ("local variable '{}' referenced before assignment", "local variable referenced before assignment"),
    ("cannot import name '{}' from {}", "can't import name {0}"),
    // calls
    (
        "{}() takes from {} to {} positional arguments but {} were given",
        "function takes {2} positional arguments but {3} were given",
    ),
    (
        "{}() takes {} positional argument but {} was given",
        "function takes {1} positional arguments but {2} were given",
    ),
    (
        "{}() takes {} positional argument but {} were given",
        "function takes {1} positional arguments but {2} were given",
    ),
    (
        "{}() takes {} positional arguments but {} was given",
        "function takes {1} positional arguments but {2} were given",
    ),
    (
        "{}() takes {} positional arguments but {} were given",
        "function takes {1} positional arguments but {2} were given",
    ),
    ("{}() missing {} required positional argument: {}", "function missing {1} required positional arguments"),
    ("{}() missing {} required positional arguments: {}", "function missing {1} required positional arguments"),
    ("{}() missing {} required keyword-only argument{}", "function missing keyword-only argument"),
    ("{}() got an unexpected keyword argument '{}'", "unexpected keyword argument '{1}'"),
    ("{}() got multiple values for argument '{}'", "function got multiple values for argument '{1}'"),
    // Of native functions: most take as many as they take. The object of a method counts, here and there.
    ("expected at least {} arguments, got {}", "function takes {0} positional arguments but {1} were given"),
    ("expected at most 0 arguments, got {}", "function takes 0 positional arguments but {0} were given"),
    ("expected at most 1 arguments, got {}", "function takes 1 positional arguments but {0} were given"),
    ("expected at most {} arguments, got {}", "function expected at most {0} arguments, got {1}"),
    ("{} expected at least {} argument, got 0", "function missing {1} required positional arguments"),
    ("{}() takes no arguments", "function takes 0 positional arguments but 1 were given"),
    ("Unexpected keyword argument {}", "extra keyword arguments given"),
    ("{}() argument after * must be an iterable, not {}", "'{1}' object isn't iterable"),
    ("Value after * must be an iterable, not {}", "'{0}' object isn't iterable"),
    ("{}() argument after ** must be a mapping, not {}", "'{1}' object has no attribute 'keys'"),
    // what objects can do
    ("'{}' object is not callable", "'{0}' object isn't callable"),
    ("'{}' object is not iterable", "'{0}' object isn't iterable"),
    ("cannot unpack non-iterable {} object", "'{0}' object isn't iterable"),
    ("'{}' object is not an iterator", "'{0}' object isn't an iterator"),
    ("{} object is not an iterator", "'{0}' object isn't an iterator"),
    ("'{}' object is not subscriptable", "'{0}' object isn't subscriptable"),
    ("type '{}' is not an acceptable base type", "type '{0}' isn't an acceptable base type"),
    ("multiple bases have instance layout conflict", "multiple bases have instance lay-out conflict"),
    ("Iterator must have exactly two elements", "dict update sequence has wrong length"),
    ("type() takes 1 or 3 arguments", "type takes 1 or 3 arguments"),
    ("attribute name must be string, not '{}'", "can't convert '{0}' object to str implicitly"),
    ("'{}' does not support item assignment", "'{0}' object doesn't support item assignment"),
    ("'{}' does not support item deletion", "'{0}' object doesn't support item deletion"),
    ("'{}' object does not support item assignment", "'{0}' object doesn't support item assignment"),
    ("'{}' object does not support item deletion", "'{0}' object doesn't support item deletion"),
    ("'{}' object does not support the context manager protocol{}", "'{0}' object has no attribute '__exit__'"),
    ("unhashable type: {}", "unsupported type for __hash__: {0}"),
    ("'{}' object cannot be interpreted as an integer", "can't convert {0} to int"),
    ("isinstance() arg 2 must be {}", "issubclass() arg 2 must be a class or a tuple of classes"),
    ("issubclass() arg 1 must be a class, not {}", "issubclass() arg 1 must be a class"),
    ("exceptions must be classes or instances deriving {}", "exceptions must derive from BaseException"),
    ("calling {} should have returned an instance of {}", "exceptions must derive from BaseException"),
    ("No active exception to reraise", "no active exception to reraise"),
    ("maximum recursion depth exceeded{}", "maximum recursion depth exceeded"),
    // sequences
    ("pop index out of range", "list index out of range"),
    ("assignment index out of range", "list index out of range"),
    ("negative count", ""),
    ("Cannot add list and {}", "unsupported types for __add__: 'list', '{0}'"),
    ("can only concatenate tuple (not '{}') to tuple", "unsupported types for __add__: 'tuple', '{0}'"),
    ("list assignment index out of range", "list index out of range"),
    ("str indices must be {}, not '{}'", "string indices must be integers, not {1}"),
    ("{} indices must be {}, not '{}'", "{0} indices must be integers, not {2}"),
    ("not enough values to unpack (expected {}, got {})", "need more than {1} values to unpack"),
    ("too many values to unpack (expected {}, got {})", "too many values to unpack (expected {0})"),
    ("'{}' is not in list", "object not in sequence"),
    ("{} is not in list", "object not in sequence"),
    ("list.remove(x): x not in list", "object not in sequence"),
    ("range() arg 3 must not be zero", "zero step"),
    ("slice step cannot be zero", "slice step can't be zero"),
    ("max() iterable argument is empty", "arg is an empty sequence"),
    ("min() iterable argument is empty", "arg is an empty sequence"),
    ("byte must be in range(0, 256)", "bytes value out of range"),
    // text
    (
        "ord() expected a character, but string of length {} found",
        "ord() expected a character, but string of length {0} found",
    ),
    ("unexpected type {}", "can't convert '{0}' object to str implicitly"),
    ("startswith first arg must be {}, not {}", "can't convert '{1}' object to str implicitly"),
    ("endswith first arg must be {}, not {}", "can't convert '{1}' object to str implicitly"),
    ("can only concatenate str (not \"bytes\") to str", "unsupported types for __add__: 'str', 'bytes'"),
    ("can only concatenate str (not \"{}\") to str", "can't convert '{0}' object to str implicitly"),
    ("can't concat {} to bytes", "can't convert '{0}' object to bytes implicitly"),
    ("'in <string>' requires string as left operand, not {}", "can't convert '{0}' object to str implicitly"),
    ("Expected type 'str' but '{}' found.", "can't convert '{0}' object to str implicitly"),
    ("Expected type 'int' but '{}' found.", "can't convert {0} to int"),
    ("Expected type 'float' but '{}' found.", "can't convert {0} to float"),
    ("Expected type 'tuple' but '{}' found.", "object '{0}' isn't a tuple or list"),
    ("Expected type 'list' but '{}' found.", "object '{0}' isn't a tuple or list"),
    ("Expected type '{}' but '{}' found.", "can't convert '{1}' object to {0} implicitly"),
    ("Invalid format specifier", "invalid format specifier"),
    ("Unknown format code '{}' for object of type '{}'", "unknown format code '{0}' for object of type '{1}'"),
    ("%{} format: a number is required, not {}", "can't convert {1} to int"),
    ("%{} format: an integer is required, not {}", "can't convert {1} to int"),
    ("not enough arguments for format string", "format string needs more arguments"),
    ("not all arguments converted during string formatting", "format string didn't convert all arguments"),
    ("format requires a mapping", "format needs a dict"),
    (
        "cannot switch from manual field specification to automatic field numbering",
        "can't switch from manual field specification to automatic field numbering",
    ),
    (
        "cannot switch from automatic field numbering to manual field specification",
        "can't switch from automatic field numbering to manual field specification",
    ),
    ("a bytes-like object is required, not '{}'", "object with buffer protocol required"),
];

/// The same of the compiler. For what is not here, boards say no more than "invalid syntax".
const SYNTAX: &[(&str, &str)] = &[
    ("unexpected indentation", "unexpected indent"),
    ("unindent does not match any outer indentation level", "unindent doesn't match any outer indent level"),
    ("'break' outside loop", "'break'/'continue' outside loop"),
    ("'continue' outside loop", "'break'/'continue' outside loop"),
    ("'return' outside function", "'return' outside function"),
    ("'yield' outside function", "'yield' outside function"),
    ("'await' outside {}", "'await' outside function"),
    ("invalid assignment target", "can't assign to expression"),
    ("starred assignment target {}", "can't assign to expression"),
    ("invalid delete target", "can't delete expression"),
    ("duplicate argument {} in function definition", "argument name reused"),
    ("positional argument cannot follow keyword argument{}", "positional arg after keyword arg"),
    ("cannot define nonlocal {}", "can't declare nonlocal in outer code"),
    ("no binding for nonlocal {} found", "no binding for nonlocal found"),
    ("multiple starred expressions in assignment", "multiple *x in assignment"),
    ("invalid decimal integer literal", "invalid syntax for integer with base 10"),
    ("invalid UTF-8", "invalid UTF-8"),
    ("invalid UTF-8: UTF-16", "invalid UTF-8: UTF-16"),
];

/// The board's words for a text of the interpreter.
pub(super) fn reworded(text: &str) -> Option<String> {
    TEXTS.iter().find_map(|(interpreter, board)| Some(filled(board, &parts(interpreter, text)?)))
}

/// The board's words for a text of the compiler.
pub(super) fn of_syntax(text: &str) -> String {
    let found = SYNTAX.iter().find_map(|(compiler, board)| Some(filled(board, &parts(compiler, text)?)));
    found.unwrap_or_else(|| "invalid syntax".to_owned())
}

/// What stands in a text where a pattern has `{}`; `None` when it is another text.
fn parts<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let Some((start, mut pattern)) = pattern.split_once("{}") else { return (pattern == text).then(Vec::new) };
    let mut rest = text.strip_prefix(start)?;
    let mut found = Vec::new();
    while let Some((literal, after)) = pattern.split_once("{}") {
        let (part, tail) = rest.split_once(literal)?;
        found.push(part);
        (rest, pattern) = (tail, after);
    }
    found.push(rest.strip_suffix(pattern)?);
    Some(found)
}

fn filled(board: &str, parts: &[&str]) -> String {
    let mut text = board.to_owned();
    for (index, part) in parts.iter().enumerate() {
        text = text.replace(&format!("{{{index}}}"), part);
    }
    text
}

/// The method behind an operator.
pub(super) fn method_of(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "+" => "__add__",
        "-" => "__sub__",
        "*" => "__mul__",
        "/" => "__truediv__",
        "//" => "__floordiv__",
        "%" => "__mod__",
        "** or pow()" => "__pow__",
        "divmod" | "divmod()" => "__divmod__",
        "&" => "__and__",
        "|" => "__or__",
        "^" => "__xor__",
        "<<" => "__lshift__",
        ">>" => "__rshift__",
        "+=" => "__iadd__",
        "-=" => "__isub__",
        "*=" => "__imul__",
        "/=" => "__itruediv__",
        "<" => "__lt__",
        ">" => "__gt__",
        "<=" => "__le__",
        ">=" => "__ge__",
        _ => return None,
    })
}
