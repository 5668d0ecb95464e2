//! What could not be done, in words: operation, address, the error's name and number, the cause in plain
//! language and the next step, in English and Chinese.

use std::borrow::Cow;
use std::fmt;
use std::io;

pub use socklab_board::look::Lang;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Binding and listening.
    Listen,
    /// Connecting to a peer.
    Connect,
    /// Binding a socket to an address.
    Bind,
    /// Binding a datagram socket.
    BindDatagram,
    /// Looking up a name.
    Resolve,
    /// Looking for a network interface of this machine.
    FindInterface,
    /// Taking a connection.
    Accept,
    /// Sending.
    Send,
    /// Receiving.
    Receive,
    /// Joining a multicast group.
    Join,
    /// Leaving one.
    Leave,
    /// Setting a socket option.
    SetOption(&'static str),
    /// Finding the addresses of this machine.
    ListInterfaces,
}

impl Operation {
    fn text(self, lang: Lang) -> String {
        let (en, zh) = match self {
            Operation::Listen => ("listen on", "监听"),
            Operation::Connect => ("connect to", "连接"),
            Operation::Bind | Operation::BindDatagram => ("bind", "绑定"),
            Operation::Resolve => ("resolve", "解析"),
            Operation::FindInterface => ("find the interface", "找到网络接口"),
            Operation::Accept => ("accept on", "接受连接于"),
            Operation::Send => ("send to", "发送到"),
            Operation::Receive => ("receive on", "接收于"),
            Operation::Join => ("join", "加入组播"),
            Operation::Leave => ("leave", "离开组播"),
            Operation::ListInterfaces => ("list", "列出"),
            Operation::SetOption(name) => {
                return match lang {
                    Lang::En => format!("set {name} on"),
                    Lang::Zh => format!("设置选项 {name} 于"),
                };
            }
        };
        lang.pick(en, zh).to_owned()
    }
}

/// An operation on an address that failed.
#[derive(Debug)]
pub struct Failure {
    /// What was tried.
    pub operation: Operation,
    /// On what, as a person writes it.
    pub address: String,
    /// What the system said.
    pub error: io::Error,
    /// Who is in the way, where the system can tell: `process 4711 (ncat)`.
    pub holder: Option<Holder>,
}

/// A reason of our own for an error of the system's kinds, in both languages.
#[derive(Debug)]
pub(crate) struct Reason {
    en: Cow<'static, str>,
    zh: Cow<'static, str>,
}

impl Reason {
    /// The error with that reason.
    pub(crate) fn error(
        kind: io::ErrorKind,
        en: impl Into<Cow<'static, str>>,
        zh: impl Into<Cow<'static, str>>,
    ) -> io::Error {
        io::Error::new(kind, Reason { en: en.into(), zh: zh.into() })
    }

    /// Why there is no address for a name, as the system's resolver has it.
    pub(crate) fn of_lookup(error: &io::Error) -> io::Error {
        let text = error.to_string();
        let detail = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned();
        Reason::error(error.kind(), detail.clone(), format!("找不到该名称的地址（{detail}）"))
    }

    /// That a board of the virtual network has no address yet.
    pub(crate) fn no_address_yet() -> io::Error {
        Reason::error(io::ErrorKind::NotFound, "the board has no address yet", "这块板子还没有地址")
    }

    /// That this machine has no such network interface.
    pub(crate) fn no_interface() -> io::Error {
        Reason::error(io::ErrorKind::NotFound, "there is no such interface", "没有这个网络接口")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for Reason {}

/// A process that has what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it holds: `port 10000`.
    pub port: u16,
    /// Its id.
    pub process: u32,
    /// Its name.
    pub name: String,
}

impl Failure {
    /// A failure without a known culprit.
    pub fn new(operation: Operation, address: impl fmt::Display, error: io::Error) -> Self {
        Failure { operation, address: address.to_string(), error, holder: None }
    }

    /// The whole of it in one line, without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        let (operation, address) = (self.operation.text(lang), &self.address);
        let reason = cause(&self.error, lang);
        let mut text = match lang {
            Lang::En => format!("cannot {operation} {address}: {reason}"),
            Lang::Zh => format!("无法{operation} {address}：{reason}"),
        };
        if let Some(holder) = &self.holder {
            text += &holder.text(lang);
        }
        if let Some(step) = self.next_step(lang) {
            text += lang.pick("; ", "；");
            text += step;
        }
        text
    }

    fn next_step(&self, lang: Lang) -> Option<&'static str> {
        use io::ErrorKind::*;
        let (en, zh) = match (self.operation, self.error.kind()) {
            (Operation::Listen | Operation::Bind | Operation::BindDatagram, AddrInUse)
                if self.holder.as_ref().is_some_and(|holder| !holder.is_ourselves()) =>
            {
                ("stop it or choose another port", "请结束该进程或换一个端口")
            }
            (Operation::Listen | Operation::Bind | Operation::BindDatagram, AddrInUse) => {
                ("choose another port or path", "请换一个端口或路径")
            }
            (_, PermissionDenied) if self.address.starts_with("unix:") => {
                ("choose a folder that you may write to", "请换一个有写权限的目录")
            }
            (Operation::Listen | Operation::Bind | Operation::BindDatagram, PermissionDenied) => {
                ("ports below 1024 need privileges: choose a higher one", "1024 以下的端口需要特权：请换一个更大的端口")
            }
            (Operation::Listen | Operation::Bind | Operation::BindDatagram, AddrNotAvailable) => {
                ("`socklab addr` lists the addresses of this machine", "用 `socklab addr` 查看本机地址")
            }
            (Operation::Connect, ConnectionRefused) => {
                ("is the server running, and on this port?", "服务器是否已启动，端口是否正确？")
            }
            (Operation::Send, ConnectionRefused) => {
                ("is the program at the other end running, and on this port?", "对方程序是否已启动，端口是否正确？")
            }
            (Operation::Connect, TimedOut) => {
                ("is the address right, and no firewall in between?", "地址是否正确，中间是否有防火墙？")
            }
            (Operation::Connect, NetworkUnreachable | HostUnreachable) => {
                ("are both in the same network?", "双方是否在同一网络？")
            }
            (Operation::Connect, NotFound) => ("is the server running?", "服务器是否已启动？"),
            (Operation::FindInterface | Operation::Join | Operation::Leave, NotFound) => {
                ("`socklab addr` lists the interfaces of this machine", "用 `socklab addr` 查看本机的网络接口")
            }
            (Operation::Send, _) if is_too_long(&self.error) => {
                ("a UDP datagram holds at most 65507 bytes", "一个 UDP 数据报最多 65507 字节")
            }
            (Operation::Resolve, _) => ("check the spelling, or use the IP address", "请检查拼写，或直接使用 IP 地址"),
            _ => return None,
        };
        Some(lang.pick(en, zh))
    }
}

impl Holder {
    fn is_ourselves(&self) -> bool {
        self.process == std::process::id()
    }

    fn text(&self, lang: Lang) -> String {
        let Holder { port, process, name } = self;
        match lang {
            Lang::En if self.is_ourselves() => format!(": this program itself has port {port}"),
            Lang::Zh if self.is_ourselves() => format!("：端口 {port} 由本程序自己占用"),
            Lang::En => format!(": port {port} is held by process {process} ({name})"),
            Lang::Zh => format!("：端口 {port} 被进程 {process}（{name}）占用"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl std::error::Error for Failure {}

/// An error's cause in plain words, with its name and number: `nobody listens there (ECONNREFUSED 111)`.
pub fn cause(error: &io::Error, lang: Lang) -> String {
    if let Some(Reason { en, zh }) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return lang.pick(en, zh).to_owned();
    }
    let plain = match plain_cause(error) {
        Some((en, zh)) => lang.pick(en, zh).to_owned(),
        None => described(error),
    };
    match (errno_name(error), error.raw_os_error()) {
        (Some(name), Some(number)) => format!("{plain} ({name} {number})"),
        (None, Some(number)) => format!("{plain} ({number})"),
        _ => plain,
    }
}

/// What an error means to somebody who has not read the manual page.
fn plain_cause(error: &io::Error) -> Option<(&'static str, &'static str)> {
    use io::ErrorKind::*;
    if error.get_ref().is_some() {
        return None; // it has words of its own
    }
    Some(match error.kind() {
        AddrInUse => ("address already in use", "地址已被占用"),
        AddrNotAvailable => ("this machine has no such address", "本机没有这个地址"),
        PermissionDenied => ("permission denied", "权限不足"),
        ConnectionRefused => ("nobody listens there", "对方没有监听该端口"),
        ConnectionReset => ("the peer reset the connection", "连接被对方重置"),
        ConnectionAborted => ("the connection was aborted", "连接被中止"),
        BrokenPipe => ("the peer has closed the connection", "对方已关闭连接"),
        TimedOut => ("no answer in time", "超时无应答"),
        NetworkUnreachable => ("there is no route to that network", "没有到该网络的路由"),
        HostUnreachable => ("there is no route to that host", "没有到该主机的路由"),
        NotFound => ("there is nothing of that name", "没有这个名称"),
        AlreadyExists => ("there is something of that name already", "已经有这个名称"),
        IsADirectory => ("it is a directory", "这是目录"),
        NotADirectory => ("a part of that path is no directory", "路径中有一部分不是目录"),
        StorageFull => ("no space left on the disk", "磁盘空间不足"),
        ReadOnlyFilesystem => ("the file system is read-only", "文件系统只读"),
        _ => return None,
    })
}

/// Whether a datagram was longer than one can be.
fn is_too_long(error: &io::Error) -> bool {
    errno_name(error).is_some_and(|name| name.ends_with("EMSGSIZE"))
}

/// The system's own text, without the number that Rust adds.
pub(crate) fn described(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// The error's symbolic name on this system.
#[cfg(unix)]
pub fn errno_name(error: &io::Error) -> Option<String> {
    let errno = nix::errno::Errno::from_raw(error.raw_os_error()?);
    (errno != nix::errno::Errno::UnknownErrno).then(|| format!("{errno:?}"))
}

/// The error's symbolic name on this system.
#[cfg(not(unix))]
pub fn errno_name(error: &io::Error) -> Option<String> {
    use io::ErrorKind::*;
    let name = match error.kind() {
        AddrInUse => "WSAEADDRINUSE",
        AddrNotAvailable => "WSAEADDRNOTAVAIL",
        PermissionDenied => "WSAEACCES",
        ConnectionRefused => "WSAECONNREFUSED",
        ConnectionReset => "WSAECONNRESET",
        ConnectionAborted => "WSAECONNABORTED",
        TimedOut => "WSAETIMEDOUT",
        NetworkUnreachable => "WSAENETUNREACH",
        HostUnreachable => "WSAEHOSTUNREACH",
        _ => return None,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_operation_address_number_cause_and_next_step() {
        let error = io::Error::from(io::ErrorKind::AddrInUse);
        let holder = Some(Holder { port: 10000, process: 4711, name: "ncat".into() });
        let failure = Failure { holder, ..Failure::new(Operation::Listen, "0.0.0.0:10000", error) };
        assert_eq!(
            failure.text(Lang::En),
            "cannot listen on 0.0.0.0:10000: address already in use: \
             port 10000 is held by process 4711 (ncat); stop it or choose another port"
        );
        assert_eq!(
            failure.text(Lang::Zh),
            "无法监听 0.0.0.0:10000：地址已被占用：端口 10000 被进程 4711（ncat）占用；请结束该进程或换一个端口"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_number_has_its_name() {
        let failure = Failure::new(Operation::Connect, "127.0.0.1:9", io::Error::from_raw_os_error(111));
        let text = failure.text(Lang::En);
        assert!(text.starts_with("cannot connect to 127.0.0.1:9: nobody listens there (ECONNREFUSED 111); "), "{text}");
    }
}
