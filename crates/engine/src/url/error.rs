//! What is wrong with an endpoint URL and its parts, and how it is said in both languages.
//! When it is wrong belongs to what reads the part: `host`, `name`, `options`, and `url` for the whole.

use crate::failure::Lang;
use crate::quantity::QuantityError;

use super::choice::{Choice, list};
use super::name::encode;
use super::{SCHEMES, Scheme};

/// What is wrong with an endpoint URL, or with what stands for one on the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing before a colon that could be a scheme.
    #[error("no scheme in {0:?} (begin with one of {names})", names = list(SCHEMES.map(Scheme::name)))]
    NoScheme(String),
    /// A scheme, but none of ours.
    #[error("unknown scheme {scheme:?} (one of {choice})")]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
        /// Those there are, and the one that was probably meant.
        choice: Choice,
    },
    /// A space, a control character or a `#`.
    #[error(
        "{} at character {at} (leave it out; in a path or an option, write it as {})",
        named(*found, Lang::En),
        escaped(*found)
    )]
    Character {
        /// What it is.
        found: char,
        /// Which character of the URL it is, from 1.
        at: usize,
    },
    /// The host does not come after two slashes.
    #[error("{0} needs two slashes before the host (write {0}://HOST:PORT)")]
    NoSlashes(Scheme),
    /// `user:password@`; not repeated in the message.
    #[error("a user name before the host means nothing here (leave out everything up to the @)")]
    UserInfo,
    /// Something after the port.
    #[error("the path {0:?} after the port means nothing (leave it out)")]
    Path(String),
    /// The host or the port.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The path or name of a Unix socket.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A Unix path after two slashes that does not begin with a third.
    #[error("{path:?} after {scheme}:// is no absolute path (write {scheme}:PATH or {scheme}:///PATH)")]
    NotAbsolute {
        /// What the URL begins with.
        scheme: Scheme,
        /// What follows the two slashes.
        path: String,
    },
    /// A percent sign that two hexadecimal digits do not follow, or bytes that are no UTF-8.
    #[error("{0:?} cannot be decoded (write a percent sign as %25, and everything else as UTF-8)")]
    Escape(String),
    /// An option without `=`.
    #[error("option {0:?} has no value (write it as NAME=VALUE)")]
    NoValue(String),
    /// No scheme has such an option.
    #[error("unknown option {option:?} for {scheme} (one of {choice})")]
    UnknownOption {
        /// What stands before the `=`.
        option: String,
        /// What the URL begins with.
        scheme: Scheme,
        /// Those that the scheme takes, and the one that was probably meant.
        choice: Choice,
    },
    /// An option of other schemes.
    #[error("option {option} means nothing for {scheme} (it is for {takers})")]
    WrongScheme {
        /// The option.
        option: &'static str,
        /// What the URL begins with.
        scheme: Scheme,
        /// The schemes that take it.
        takers: String,
    },
    /// An option given twice that can be given once.
    #[error("option {0} is given twice (keep one)")]
    Repeated(&'static str),
    /// An option's value.
    #[error("option {option}: {reason}")]
    Value {
        /// The option.
        option: &'static str,
        /// What is wrong with its value.
        reason: ValueError,
    },
    /// `join` where there is nothing to join.
    #[error("option join needs a multicast group as the host (224.0.0.0 to 239.255.255.255, or ff00::/8)")]
    NoGroup,
    /// A client's URL where something is to listen.
    #[error("{0}: is for clients (use connect, or listen on {1})")]
    Client(Scheme, &'static str),
    /// A server's URL where something is to connect.
    #[error("{0}: is for servers (use listen, or connect to {1})")]
    Server(Scheme, &'static str),
    /// A path without the scheme that would say so.
    #[error("{path:?} looks like a path (write {url})")]
    BarePath {
        /// What was given.
        path: String,
        /// What to give instead.
        url: String,
    },
    /// A port without the host to connect to.
    #[error("{0:?} is only a port (write HOST:{0})")]
    OnlyPort(String),
    /// Not one or two arguments for one peer.
    #[error("one peer is a URL, HOST:PORT, or HOST PORT")]
    Arguments,
}

/// What is wrong with a host and port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing where the host should be.
    #[error("the host is missing (* is every address of this machine)")]
    NoHost,
    /// Not a name, not an address.
    #[error("{0:?} is no host name (letters, digits, - and _, in parts joined by dots)")]
    BadName(String),
    /// Ends in a number as IPv4 addresses do, but is none.
    #[error("{0:?} is no IPv4 address (four numbers from 0 to 255, joined by dots)")]
    BadIpv4(String),
    /// What the brackets hold.
    #[error("{0:?} is no IPv6 address (between the brackets: fe80::1, or with a zone fe80::1%eth0)")]
    BadIpv6(String),
    /// A bracket without its partner, or something other than a port after it.
    #[error("{0:?} has its brackets in the wrong place (write it as [ADDRESS]:PORT)")]
    Brackets(String),
    /// An IPv6 address that could as well end in a port.
    #[error("the IPv6 address {text:?} needs brackets (write it as {})", forms.join(" or "))]
    NoBrackets {
        /// What was given.
        text: String,
        /// What it may mean, with brackets.
        forms: Vec<String>,
    },
    /// No port.
    #[error("the port is missing (write {0}:PORT)")]
    NoPort(String),
    /// A port that is no number.
    #[error("port {0:?} is no number (0 to 65535)")]
    BadPort(String),
    /// A port that no address has.
    #[error("port {0} is out of range (0 to 65535)")]
    PortRange(String),
    /// Port 0 where a peer's should be.
    #[error("port 0 cannot be dialled (1 to 65535)")]
    PortZero,
    /// `*` where a peer's address should be.
    #[error("* is every address of this machine, not a peer (name one host)")]
    NoPeer,
}

/// What is wrong with the name of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("the path of the socket is missing")]
    Missing,
    /// `@` alone.
    #[error("the abstract name after @ is missing")]
    NoAbstract,
    /// A zero byte, which ends a path for the system.
    #[error("the path {0:?} holds a zero byte (leave out %00)")]
    Zero(String),
}

/// What is wrong with the value of an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Neither 0 nor 1.
    #[error("{0:?} is neither 0 nor 1")]
    Flag(String),
    /// No number, or none in range.
    #[error("{text:?} is no whole number from 1 to {most}")]
    Number {
        /// What was given.
        text: String,
        /// The largest there is.
        most: u32,
    },
    /// A buffer of no size, or larger than the system can be asked for.
    #[error("{0:?} is no size from 1 to 2147483647 bytes")]
    Buffer(String),
    /// An idle time that the system cannot be asked for.
    #[error("{0:?} is no duration from 1s to 32767s")]
    KeepAlive(String),
    /// A duration of zero where time has to pass.
    #[error("{0:?} is no time at all (write one above 0)")]
    NoTime(String),
    /// No way to name an interface.
    #[error("{0:?} is no interface (its name, its index, its IPv4 address, or 0.0.0.0 for the system's choice)")]
    Interface(String),
    /// No duration, or no size.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// The host or the port.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The path or name of a Unix socket.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl UrlError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Zh, UrlError::Host(error)) => error.text(lang),
            (Lang::Zh, UrlError::Name(error)) => error.text(lang),
            (Lang::Zh, UrlError::Value { option, reason }) => format!("选项 {option}：{}", reason.text(lang)),
            (Lang::Zh, _) => self.option_zh().unwrap_or_else(|| self.place_zh()),
        }
    }

    /// What is wrong with an option.
    fn option_zh(&self) -> Option<String> {
        Some(match self {
            UrlError::NoValue(option) => format!("选项 {option:?} 没有值（写成 NAME=VALUE）"),
            UrlError::UnknownOption { option, scheme, choice } => {
                format!("{scheme} 没有选项 {option:?}（可用：{}）", choice.zh())
            }
            UrlError::WrongScheme { option, scheme, takers } => {
                format!("选项 {option} 对 {scheme} 没有意义（只用于 {}）", takers.replace(", ", "、"))
            }
            UrlError::Repeated(option) => format!("选项 {option} 重复（只保留一个）"),
            UrlError::NoGroup => {
                "使用选项 join 时，主机必须是组播地址（224.0.0.0 到 239.255.255.255，或 ff00::/8）".into()
            }
            _ => return None,
        })
    }

    /// What is wrong with everything before the options.
    fn place_zh(&self) -> String {
        use UrlError::*;
        match self {
            NoScheme(text) => format!("{text:?} 中没有协议（开头应为 {}）", SCHEMES.map(Scheme::name).join("、")),
            UnknownScheme { scheme, choice } => format!("未知协议 {scheme:?}（可用：{}）", choice.zh()),
            Character { found, at } => {
                let (what, escape) = (named(*found, Lang::Zh), escaped(*found));
                format!("第 {at} 个字符不可用：{what}（请去掉；在路径或选项中写成 {escape}）")
            }
            NoSlashes(scheme) => format!("{scheme} 的主机前要有两个斜杠（写成 {scheme}://HOST:PORT）"),
            UserInfo => "主机前的用户名没有意义（去掉 @ 及其前面的部分）".into(),
            Path(path) => format!("端口后的路径 {path:?} 没有意义（请去掉）"),
            NotAbsolute { scheme, path } => {
                format!("{scheme}:// 之后的 {path:?} 不是绝对路径（写成 {scheme}:PATH 或 {scheme}:///PATH）")
            }
            Escape(text) => format!("{text:?} 无法解码（百分号写成 %25，其余用 UTF-8）"),
            Client(scheme, other) => format!("{scheme}: 用于客户端（请用 connect，或监听 {other}）"),
            Server(scheme, other) => format!("{scheme}: 用于服务器（请用 listen，或连接 {other}）"),
            BarePath { path, url } => format!("{path:?} 看起来是路径（写成 {url}）"),
            OnlyPort(port) => format!("{port:?} 只是端口（写成 HOST:{port}）"),
            Arguments => "对端写成 URL、HOST:PORT 或 HOST PORT，只能有一个".into(),
            // The rest have a text of their own.
            Host(_)
            | Name(_)
            | Value { .. }
            | NoValue(_)
            | UnknownOption { .. }
            | WrongScheme { .. }
            | Repeated(_)
            | NoGroup => self.to_string(),
        }
    }
}

impl HostError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        use HostError::*;
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            NoHost => "缺少主机（* 表示本机的所有地址）".into(),
            BadName(text) => format!("{text:?} 不是主机名（由字母、数字、- 和 _ 组成，各段用点连接）"),
            BadIpv4(text) => format!("{text:?} 不是 IPv4 地址（四个 0 到 255 的数，用点连接）"),
            BadIpv6(text) => format!("{text:?} 不是 IPv6 地址（方括号内写 fe80::1，带区域则写 fe80::1%eth0）"),
            Brackets(text) => format!("{text:?} 的方括号位置不对（写成 [ADDRESS]:PORT）"),
            NoBrackets { text, forms } => format!("IPv6 地址 {text:?} 要加方括号（写成 {}）", forms.join(" 或 ")),
            NoPort(host) => format!("缺少端口（写成 {host}:PORT）"),
            BadPort(port) => format!("端口 {port:?} 不是数字（0 到 65535）"),
            PortRange(port) => format!("端口 {port} 超出范围（0 到 65535）"),
            PortZero => "不能连接端口 0（1 到 65535）".into(),
            NoPeer => "* 表示本机的所有地址，不能作为对端（请写一个主机）".into(),
        }
    }
}

impl NameError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Zh, NameError::Missing) => "缺少套接字的路径".into(),
            (Lang::Zh, NameError::NoAbstract) => "@ 之后缺少抽象名称".into(),
            (Lang::Zh, NameError::Zero(path)) => format!("路径 {path:?} 含有零字节（去掉 %00）"),
        }
    }
}

impl ValueError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        use ValueError::*;
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Flag(text) => format!("{text:?} 既不是 0 也不是 1"),
            Number { text, most } => format!("{text:?} 不是 1 到 {most} 的整数"),
            Buffer(text) => format!("{text:?} 不是 1 到 2147483647 字节的大小"),
            KeepAlive(text) => format!("{text:?} 不是 1s 到 32767s 的时长"),
            NoTime(text) => format!("{text:?} 的时长为零（请写大于 0 的值）"),
            Interface(text) => {
                format!("{text:?} 不是网络接口（写名称、序号或 IPv4 地址；0.0.0.0 由系统选择）")
            }
            Quantity(error) => error.text(lang),
            Host(error) => error.text(lang),
            Name(error) => error.text(lang),
        }
    }
}

/// A character of those, for a message.
fn named(c: char, lang: Lang) -> String {
    match c {
        '#' => "\"#\"".into(),
        ' ' => lang.pick("a space", "空格").into(),
        other => format!("{}U+{:04X}", lang.pick("the character ", ""), u32::from(other)),
    }
}

fn escaped(c: char) -> String {
    encode(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::EndpointUrl;

    #[test]
    fn errors_in_chinese_say_the_same() {
        let chinese = |text: &str| text.parse::<EndpointUrl>().expect_err(text).text(Lang::Zh);
        for (text, expected) in [
            ("10000", r#""10000" 中没有协议（开头应为 tcp-listen、tcp、udp、unix-listen、unix、unix-dgram）"#),
            ("tcp://a b:1", "第 8 个字符不可用：空格（请去掉；在路径或选项中写成 %20）"),
            ("tcp://a\tb:1", "第 8 个字符不可用：U+0009（请去掉；在路径或选项中写成 %09）"),
            ("tcp://a:b", r#"端口 "b" 不是数字（0 到 65535）"#),
            ("tcp://::1:80", r#"IPv6 地址 "::1:80" 要加方括号（写成 [::1]:80 或 [::1:80]:PORT）"#),
            ("tcp:a:80", "tcp 的主机前要有两个斜杠（写成 tcp://HOST:PORT）"),
            ("unix:", "缺少套接字的路径"),
            ("tcp://a:1?join=eth0", "选项 join 对 tcp 没有意义（只用于 udp）"),
            ("tcp://a:1?keepalive=1d", r#"选项 keepalive：时长 "1d" 的单位 "d" 未知（可用 ms、s、m、h）"#),
            ("tcp://a:1?ttl=0", r#"选项 ttl："0" 不是 1 到 255 的整数"#),
            (
                "udp://*:5000?join=eth0",
                "使用选项 join 时，主机必须是组播地址（224.0.0.0 到 239.255.255.255，或 ff00::/8）",
            ),
        ] {
            assert_eq!(chinese(text), expected, "{text}");
        }
        assert!(chinese("tcq://a:1").ends_with("unix-dgram；是不是 tcp？）"));
        assert!(chinese("tcp://a:1?keep=1").ends_with("halfopen；是不是 keepalive？）"));
        let error = EndpointUrl::for_connect(&["tcp-listen://*:1"]).expect_err("a server");
        assert_eq!(error.text(Lang::Zh), "tcp-listen: 用于服务器（请用 listen，或连接 tcp://HOST:PORT）");
        assert_eq!(error.text(Lang::En), error.to_string());
    }
}
