//! What can be said about a program, and its words.

use super::Lang;

/// What is wrong, with the names it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A block must be indented and is not.
    IndentationLost {
        /// The line whose block it is.
        header: u32,
        /// No line of the program is indented.
        everywhere: bool,
    },
    /// A line is indented and no block begins there, or its depth is that of no block around.
    WrongIndentation,
    /// Statements on one line without `;` between them.
    LineBreaksLost,
    /// `print "text"`, as in Python 2.
    PrintStatement,
    /// A character that looks like another and is none of Python's: `，` for `,`.
    Lookalike {
        /// As in the program.
        found: char,
        /// What was meant.
        meant: &'static str,
    },
    /// A bracket that is never closed.
    Unclosed {
        /// The bracket.
        bracket: char,
    },
    /// A string without its end.
    UnclosedString,
    /// `if x = 5`.
    AssignedInCondition,
    /// Another error of syntax.
    Syntax {
        /// What the parser says, in English.
        detail: String,
    },
    /// A name that is bound nowhere.
    Undefined {
        /// The name.
        name: String,
        /// What was meant by it.
        hint: Hint,
    },
    /// A module that is near to one there is.
    NoSuchModule {
        /// As in the program.
        name: String,
        /// What was meant.
        near: &'static str,
    },
    /// A module's or object's attribute that is near to one there is.
    Misspelt {
        /// What it was asked of.
        of: String,
        /// As in the program.
        name: String,
        /// What was meant.
        near: String,
    },
    /// Something of CPython's that the board lacks.
    NotOnBoard {
        /// What: `datetime`, `str.zfill`, `socket.timeout`, `match`.
        what: String,
        /// What sort of thing.
        need: Need,
        /// The board.
        board: &'static str,
        /// What does instead.
        instead: Option<(&'static str, &'static str)>,
    },
    /// A condition is the result of a function that has none.
    NoValue {
        /// The function.
        function: String,
        /// Whether there is a `not` before it.
        negated: bool,
    },
    /// A function or a method that is named where it should be called.
    NotCalled {
        /// The name, with dots.
        what: String,
        /// It decides something, and so always the same.
        condition: bool,
    },
    /// Bytes compared with a str: never equal.
    BytesAgainstStr {
        /// The str, as a literal, where it is one.
        literal: Option<String>,
    },
    /// The result of `recv` compared with None: it never is.
    NeverNone,
    /// The end of a connection goes unnoticed in an endless loop.
    EndUnchecked {
        /// The socket.
        socket: String,
        /// What was received.
        data: String,
        /// What is sent then raises here, being empty.
        empty_send_raises: bool,
    },
    /// A socket closed inside the loop that goes on with it.
    ClosedInLoop {
        /// The socket.
        socket: String,
        /// What the next round does with it.
        method: String,
    },
    /// `read(n)` waits for all of n bytes.
    ReadWaits {
        /// How many.
        bytes: u64,
    },
    /// `SOCK_STREAM` and the like where an option belongs.
    TypeAsOption {
        /// The constant.
        constant: String,
    },
    /// A variable takes the name of a module.
    Shadows {
        /// The name.
        module: String,
        /// The module is imported by this name, and so lost.
        lost: bool,
    },
    /// Nothing waits until the Wi-Fi is up.
    NoWait {
        /// The board.
        board: &'static str,
    },
    /// A host name where the board takes numbers only.
    NameNotLookedUp {
        /// The host.
        host: String,
        /// The method.
        method: String,
        /// The board.
        board: &'static str,
    },
    /// A str sent under CPython.
    StrSent {
        /// The method.
        method: String,
    },
    /// `s.connect(host, port)`: the address in two arguments.
    AddressInPieces {
        /// The method.
        method: String,
    },
    /// `c = s.accept()`, and then `c.recv()`: the pair of both is used as a socket.
    PairAsSocket {
        /// What is asked of it.
        name: String,
    },
    /// `str(data) == 'on'`: the text of bytes is `b'on'`.
    StrOfBytes,
    /// `data.split(',')` of bytes.
    StrToBytes {
        /// The method.
        method: String,
    },
    /// `wlan.connect()` in a program that never calls `active`.
    NotActive,
    /// A Wi-Fi password that is too short to be one.
    ShortPassword,
}

/// What was meant by a name that is bound nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Nobody can tell.
    None,
    /// This name.
    Near(String),
    /// This line is missing at the top.
    Import(&'static str),
}

/// A sort of thing that a board can lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To import.
    Module,
    /// Of a module or an object.
    Attribute,
    /// Built in.
    Name,
    /// A statement.
    Statement,
    /// An argument's name.
    Argument,
}

impl Kind {
    /// The whole of it in one line, without the place and without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        self.text_of_syntax(lang).or_else(|| self.text_of_names(lang)).unwrap_or_else(|| match lang {
            Lang::En => self.en(),
            Lang::Zh => self.zh(),
        })
    }

    fn text_of_syntax(&self, lang: Lang) -> Option<String> {
        let (en, zh) = match self {
            Kind::IndentationLost { header, everywhere: false } => (
                format!("indentation lost: the block of line {header} must be indented (4 spaces); copying from a web page loses it"),
                format!("缩进丢失：第 {header} 行的代码块必须缩进（4 个空格）；从网页复制时容易丢失缩进"),
            ),
            Kind::IndentationLost { header, everywhere: true } => (
                format!("indentation lost in the whole program, first in the block of line {header}: copying from a web page loses it; copy it again from the source, or indent each block by 4 spaces"),
                format!("整个程序的缩进都丢失了，从第 {header} 行的代码块开始：从网页复制时容易丢失；请重新复制源代码，或把每个代码块缩进 4 个空格"),
            ),
            Kind::WrongIndentation => (
                "IndentationError: this line is indented differently from its block".into(),
                "IndentationError：这一行的缩进与所在代码块不一致".into(),
            ),
            Kind::LineBreaksLost => (
                "SyntaxError: statements run together: a line break was lost here (copying from a web page loses them), or an operator or comma is missing".into(),
                "SyntaxError：语句连在了一起：此处丢失了换行（从网页复制时容易丢失），或少了运算符、逗号".into(),
            ),
            Kind::PrintStatement => (
                "SyntaxError: print is a function in Python 3: print(...)".into(),
                "SyntaxError：Python 3 中 print 是函数，请写 print(...)".into(),
            ),
            Kind::Lookalike { found, meant } => (
                format!("SyntaxError: `{}` is not a Python character: write {meant}", seen(*found)),
                format!("SyntaxError：“{}”不是 Python 的字符：请改为 {meant}（切换到英文输入法）", seen(*found)),
            ),
            Kind::Unclosed { bracket } => (
                format!("SyntaxError: the `{bracket}` of this line is never closed"),
                format!("SyntaxError：这一行的“{bracket}”没有配对的右括号"),
            ),
            Kind::UnclosedString => (
                "SyntaxError: the string of this line has no closing quote".into(),
                "SyntaxError：这一行的字符串缺少结束的引号".into(),
            ),
            Kind::AssignedInCondition => (
                "SyntaxError: `=` gives a name a value; to compare, write `==`".into(),
                "SyntaxError：“=”是赋值；比较是否相等请写“==”".into(),
            ),
            Kind::Syntax { detail } => (
                format!("SyntaxError: invalid syntax ({detail})"),
                format!("SyntaxError：语法错误（{}）", syntax_zh(detail)),
            ),
            _ => return None,
        };
        Some(lang.pick(&en, &zh).to_owned())
    }

    fn text_of_names(&self, lang: Lang) -> Option<String> {
        let (en, zh) = match self {
            Kind::Undefined { name, hint: Hint::None } => {
                (format!("`{name}` is not defined anywhere"), format!("“{name}”没有定义"))
            }
            Kind::Undefined { name, hint: Hint::Near(near) } => (
                format!("`{name}` is not defined: did you mean `{near}`?"),
                format!("“{name}”没有定义：是不是想写“{near}”？"),
            ),
            Kind::Undefined { name, hint: Hint::Import(line) } => (
                format!("`{name}` is not defined: add `{line}` at the top"),
                format!("“{name}”没有定义：请在开头加上“{line}”"),
            ),
            Kind::NoSuchModule { name, near } => (
                format!("there is no module `{name}`: did you mean `{near}`?"),
                format!("没有模块“{name}”：是不是想写“{near}”？"),
            ),
            Kind::Misspelt { of, name, near } => (
                format!("{of} has no `{name}`: did you mean `{near}`?"),
                format!("{of} 没有“{name}”：是不是想写“{near}”？"),
            ),
            Kind::NotOnBoard { what, need, board, instead } => {
                let (en, zh) = instead.map_or_else(Default::default, |(en, zh)| (format!(": {en}"), format!("：{zh}")));
                let (this, that) = need.words();
                (format!("the board {board} has no {this} `{what}`{en}"), format!("{board} 板没有{that}“{what}”{zh}"))
            }
            Kind::Shadows { module, lost: true } => (
                format!("the variable `{module}` hides the module `{module}`: give it another name, e.g. `s`"),
                format!("变量“{module}”遮住了同名模块：请换个名字，例如“s”"),
            ),
            Kind::Shadows { module, lost: false } => (
                format!("the variable `{module}` has the name of a module; another name, e.g. `s`, avoids surprises"),
                format!("变量“{module}”与模块同名；换个名字（例如“s”）可以避免意外"),
            ),
            _ => return None,
        };
        Some(lang.pick(&en, &zh).to_owned())
    }

    fn en(&self) -> String {
        match self {
            Kind::NoValue { function, negated } => {
                format!(
                    "{function}() never returns a value, so this condition is always {negated}: add `return True` to it"
                )
            }
            Kind::NotCalled { what, condition } => {
                let then = if *condition { "so the condition never changes" } else { "so nothing happens" };
                format!("`{what}` is named and not called, {then}: parentheses are missing behind it")
            }
            Kind::BytesAgainstStr { literal: Some(literal) } => {
                format!(
                    "this compares bytes with the str {literal}, and they are never equal: write b{literal}, or decode() the bytes"
                )
            }
            Kind::BytesAgainstStr { literal: None } => {
                "this compares bytes with a str, and they are never equal: decode() the bytes first".into()
            }
            Kind::NeverNone => "recv() never gives None: at the end of the connection it gives b''".into(),
            Kind::EndUnchecked { socket, data, empty_send_raises } => {
                let then = if *empty_send_raises { ", and sending that raises OSError 116" } else { "" };
                format!(
                    "when the other side has closed, {socket}.recv() gives b'' for ever{then}: leave the loop `if not {data}:`"
                )
            }
            Kind::ClosedInLoop { socket, method } => format!(
                "{socket} is closed inside the loop: the next round's {socket}.{method}() fails with OSError 9 (EBADF); close it after the loop"
            ),
            Kind::ReadWaits { bytes } => format!(
                "read({bytes}) waits until all {bytes} bytes have come or the other side has closed: recv({bytes}) gives what is there"
            ),
            Kind::TypeAsOption { constant } => {
                format!("{constant} is a kind of socket and no option: did you mean SO_REUSEADDR?")
            }
            Kind::NoWait { board } => format!(
                "on the board {board}, connect() comes back at once: wait for the Wi-Fi with `while not wlan.isconnected(): time.sleep_ms(100)`"
            ),
            Kind::NameNotLookedUp { host, method, board } => format!(
                "on the board {board}, {method}() takes numbers only and not '{host}': socket.getaddrinfo('{host}', port)[0][-1] gives them"
            ),
            Kind::StrSent { method } => {
                format!("in CPython, {method}() takes bytes and no str: write b'...' or add .encode()")
            }
            Kind::AddressInPieces { method } => {
                format!("{method}() takes one address: two pairs of parentheses, {method}((host, port))")
            }
            Kind::PairAsSocket { name } => format!(
                "accept() gives a pair, the connection and its address, which has no `{name}`: write `c, address = s.accept()`"
            ),
            Kind::StrOfBytes => {
                "str() of bytes is text with a b and quotes, b'...', and so never equal to this: use decode()".into()
            }
            Kind::StrToBytes { method } => {
                format!("{method}() of bytes takes bytes and no str: write b'...', or decode() the bytes first")
            }
            Kind::NotActive => "the Wi-Fi is switched off until `wlan.active(True)`: call it before connect()".into(),
            Kind::ShortPassword => "a Wi-Fi password has 8 to 63 characters: with this one, it cannot join".into(),
            _ => String::new(), // the other two texts have all others; a test asks for each
        }
    }

    fn zh(&self) -> String {
        match self {
            Kind::NoValue { function, negated } => {
                let value = if *negated { "真" } else { "假" };
                format!("{function}() 从不返回值，所以这个条件永远为{value}：请在函数中加上“return True”")
            }
            Kind::NotCalled { what, condition } => {
                let then = if *condition { "条件永远不变" } else { "什么也不会发生" };
                format!("“{what}”只写了名字，没有调用，{then}：后面缺少括号")
            }
            Kind::BytesAgainstStr { literal: Some(literal) } => {
                format!("这里用 bytes 与字符串 {literal} 比较，永远不会相等：请写 b{literal}，或先用 decode() 解码")
            }
            Kind::BytesAgainstStr { literal: None } => {
                "这里用 bytes 与字符串比较，永远不会相等：请先用 decode() 解码".into()
            }
            Kind::NeverNone => "recv() 不会返回 None：连接结束时它返回 b''".into(),
            Kind::EndUnchecked { socket, data, empty_send_raises } => {
                let then = if *empty_send_raises { "，再把它发出去会引发 OSError 116" } else { "" };
                format!("对方关闭连接后，{socket}.recv() 会一直返回 b''{then}：请用“if not {data}:”退出循环")
            }
            Kind::ClosedInLoop { socket, method } => format!(
                "{socket} 在循环内被关闭：下一轮的 {socket}.{method}() 会出错 OSError 9（EBADF）；请在循环之后再关闭"
            ),
            Kind::ReadWaits { bytes } => {
                format!("read({bytes}) 会一直等到收满 {bytes} 字节或对方关闭：recv({bytes}) 则有多少给多少")
            }
            Kind::TypeAsOption { constant } => {
                format!("{constant} 是套接字的类型，不是选项：是不是想写 SO_REUSEADDR？")
            }
            Kind::NoWait { board } => format!(
                "在 {board} 板上 connect() 会立即返回：请等待 Wi-Fi 连上：“while not wlan.isconnected(): time.sleep_ms(100)”"
            ),
            Kind::NameNotLookedUp { host, method, board } => format!(
                "在 {board} 板上 {method}() 只接受数字地址，不接受“{host}”：请用 socket.getaddrinfo('{host}', port)[0][-1]"
            ),
            Kind::AddressInPieces { method } => {
                format!("{method}() 只接受一个地址：请写两层括号 {method}((host, port))")
            }
            Kind::PairAsSocket { name } => {
                format!("accept() 返回一对值（连接和地址），它没有“{name}”：请写“c, address = s.accept()”")
            }
            Kind::StrOfBytes => "str(bytes) 得到的是带 b 和引号的文本 b'...'，永远不会与它相等：请用 decode()".into(),
            Kind::StrToBytes { method } => {
                format!("bytes 的 {method}() 只接受 bytes：请写 b'...'，或先用 decode() 解码")
            }
            Kind::NotActive => "Wi-Fi 默认是关闭的：请在 connect() 之前调用 wlan.active(True)".into(),
            Kind::ShortPassword => "Wi-Fi 密码须为 8 到 63 个字符：用这个密码无法连接".into(),
            Kind::StrSent { method } => format!("在 CPython 中 {method}() 只接受 bytes：请写 b'...' 或加上 .encode()"),
            _ => String::new(),
        }
    }
}

impl Need {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Need::Module => ("module", "模块"),
            Need::Attribute => ("attribute", "属性"),
            Need::Name => ("built-in name", "内置名称"),
            Need::Statement => ("statement", "语句"),
            Need::Argument => ("argument", "参数"),
        }
    }
}

/// A character so that it is seen even where it has no width of its own.
fn seen(character: char) -> String {
    let invisible =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    match character.is_whitespace() || character.is_control() || invisible {
        true => format!("U+{:04X}", u32::from(character)),
        false => character.to_string(),
    }
}
/// What the parser has against a program, in Chinese; what is rare is left as it is.
fn syntax_zh(detail: &str) -> String {
    if let Some((expected, found)) = detail.strip_prefix("expected ").and_then(|rest| rest.split_once(", found "))
        && !expected.contains(' ')
    {
        return format!("此处应为{}，而不是{}", token_zh(expected), token_zh(found));
    }
    let zh = match detail {
        "expected an expression" => "此处应为表达式",
        "expected a statement" => "此处应为语句",
        "expected an identifier" => "此处应为名称",
        "expected one or more symbol names after import" => "import 之后缺少名称",
        "expected an import name" | "expected a module name" => "此处应为模块名",
        "expected index or slice expression" => "方括号中缺少下标",
        "invalid assignment target" | "invalid augmented assignment target" => "不能给它赋值",
        "positional argument cannot follow keyword argument" => "位置参数不能放在关键字参数之后",
        "parameter without a default cannot follow a parameter with a default" => {
            "没有默认值的参数不能放在有默认值的参数之后"
        }
        "expected `except` or `finally` after `try` block" => "try 之后缺少 except 或 finally",
        "unexpected token at the end of an expression" => "表达式末尾多出内容",
        other => other,
    };
    zh.to_owned()
}

fn token_zh(token: &str) -> String {
    match token {
        "newline" => "行尾".to_owned(),
        "end of file" => "文件结尾".to_owned(),
        "name" | "an identifier" => "名称".to_owned(),
        "int" | "float" => "数字".to_owned(),
        "string" => "字符串".to_owned(),
        "indent" | "dedent" => "缩进的变化".to_owned(),
        "an expression" => "表达式".to_owned(),
        other => format!("“{}”", other.trim_matches('`')),
    }
}
