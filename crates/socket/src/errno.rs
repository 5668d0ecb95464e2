//! The names of errors that sockets give, with Linux' number and a plain cause for each. A board's own numbers belong
//! to the board.

use std::fmt;
use std::io;

/// Makes the enum and its tables from one list: POSIX name, rustix' name, Linux' number, cause. Those after `unix`
/// have no counterpart in Winsock.
macro_rules! errnos {
    ($($name:ident $rustix:ident $number:literal $cause:literal)* ; unix $($uname:ident $urustix:ident $unumber:literal $ucause:literal)*) => {
        /// The portable name of an error (POSIX.1-2024, `<errno.h>`). `EWOULDBLOCK` is [`EAGAIN`](Errno::EAGAIN) here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Errno {
            $(#[doc = concat!($cause, "; ", $number, " on Linux.")] $name,)*
            $(#[doc = concat!($ucause, "; ", $unumber, " on Linux.")] $uname,)*
        }

        impl Errno {
            /// All of them.
            pub const ALL: &'static [Errno] = &[$(Errno::$name,)* $(Errno::$uname,)*];

            /// The name as C has it: `"ECONNREFUSED"`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Errno::$name => stringify!($name),)*
                    $(Errno::$uname => stringify!($uname),)*
                }
            }

            /// The number that Linux has for it (x86, ARM, RISC-V), on whatever system this runs.
            pub fn linux(self) -> i32 {
                match self { $(Errno::$name => $number,)* $(Errno::$uname => $unumber,)* }
            }

            /// What it means, in lower case.
            pub fn cause(self) -> &'static str {
                match self { $(Errno::$name => $cause,)* $(Errno::$uname => $ucause,)* }
            }

            /// What this system means by its number; `None` for an error that is not in the table.
            #[cfg(feature = "os")]
            pub fn from_system(number: i32) -> Option<Errno> {
                $(if number == rustix::io::Errno::$rustix.raw_os_error() { return Some(Errno::$name); })*
                $(#[cfg(unix)] if number == rustix::io::Errno::$urustix.raw_os_error() { return Some(Errno::$uname); })*
                // Winsock's name for a send after shutdown (WSAESHUTDOWN).
                if cfg!(windows) && number == 10058 { Some(Errno::EPIPE) } else { None }
            }
        }
    };
}

errnos! {
    EAGAIN AGAIN 11 "it would have to wait"
    EINPROGRESS INPROGRESS 115 "the connection is being made"
    EALREADY ALREADY 114 "the connection is being made already"
    EISCONN ISCONN 106 "it is connected already"
    ENOTCONN NOTCONN 107 "it is not connected"
    ECONNREFUSED CONNREFUSED 111 "nobody listens there"
    ECONNRESET CONNRESET 104 "the peer cut the connection off"
    ECONNABORTED CONNABORTED 103 "the connection was given up"
    ETIMEDOUT TIMEDOUT 110 "no answer in time"
    EHOSTUNREACH HOSTUNREACH 113 "no way to that host"
    EHOSTDOWN HOSTDOWN 112 "that host is down"
    ENETUNREACH NETUNREACH 101 "no way to that network"
    ENETDOWN NETDOWN 100 "the network is down"
    ENETRESET NETRESET 102 "the network dropped the connection"
    EADDRINUSE ADDRINUSE 98 "the address is taken"
    EADDRNOTAVAIL ADDRNOTAVAIL 99 "the address is not one of this machine"
    EAFNOSUPPORT AFNOSUPPORT 97 "the address is of another family"
    EPROTONOSUPPORT PROTONOSUPPORT 93 "no such protocol for this family and type"
    EPROTOTYPE PROTOTYPE 91 "the protocol does not fit the type"
    EOPNOTSUPP OPNOTSUPP 95 "sockets of this type cannot do it"
    ENOPROTOOPT NOPROTOOPT 92 "no such option here"
    EDESTADDRREQ DESTADDRREQ 89 "it needs an address to send to"
    EMSGSIZE MSGSIZE 90 "the message is too long"
    ENOTSOCK NOTSOCK 88 "it is not a socket"
    ENOBUFS NOBUFS 105 "no room in the system's buffers"
    EBADF BADF 9 "the socket is closed"
    EINVAL INVAL 22 "not a valid argument, or not in this state"
    EACCES ACCESS 13 "not permitted"
    EFAULT FAULT 14 "bad memory address"
    EINTR INTR 4 "interrupted"
    EMFILE MFILE 24 "too many open files in this process"
    ENAMETOOLONG NAMETOOLONG 36 "the name is too long"
    ELOOP LOOP 40 "too many symbolic links"
    ; unix
    EPIPE PIPE 32 "the connection has been closed for writing"
    EPERM PERM 1 "a privilege is missing"
    ENOENT NOENT 2 "no such file"
    EIO IO 5 "input or output failed"
    ENXIO NXIO 6 "no such device or address"
    ENOMEM NOMEM 12 "no memory left"
    EEXIST EXIST 17 "it exists already"
    ENODEV NODEV 19 "no such device"
    ENOTDIR NOTDIR 20 "not a directory"
    EISDIR ISDIR 21 "it is a directory"
    ENFILE NFILE 23 "too many open files on this system"
    ENOSPC NOSPC 28 "no room left"
    EROFS ROFS 30 "the file system is read-only"
    EDOM DOM 33 "the value is out of range"
    EPROTO PROTO 71 "the protocol went wrong"
    ECANCELED CANCELED 125 "cancelled"
}

impl Errno {
    /// The error of that name, as C writes it; `EWOULDBLOCK` and `ENOTSUP` are taken as well.
    pub fn from_name(name: &str) -> Option<Errno> {
        match name {
            "EWOULDBLOCK" => Some(Errno::EAGAIN),
            "ENOTSUP" => Some(Errno::EOPNOTSUPP),
            _ => Self::ALL.iter().copied().find(|errno| errno.name() == name),
        }
    }

    /// The error that has this number on Linux, on whatever system this runs.
    pub fn from_linux(number: i32) -> Option<Errno> {
        Self::ALL.iter().copied().find(|errno| errno.linux() == number)
    }

    /// The kind that the standard library would give it.
    pub(crate) fn io_kind(self) -> io::ErrorKind {
        use io::ErrorKind as To;
        match self {
            Errno::EAGAIN | Errno::EINPROGRESS | Errno::EALREADY => To::WouldBlock,
            Errno::ETIMEDOUT => To::TimedOut,
            Errno::ECONNREFUSED => To::ConnectionRefused,
            Errno::ECONNRESET => To::ConnectionReset,
            Errno::ECONNABORTED => To::ConnectionAborted,
            Errno::ENOTCONN => To::NotConnected,
            Errno::EADDRINUSE => To::AddrInUse,
            Errno::EADDRNOTAVAIL => To::AddrNotAvailable,
            Errno::EHOSTUNREACH => To::HostUnreachable,
            Errno::ENETUNREACH => To::NetworkUnreachable,
            Errno::EPIPE => To::BrokenPipe,
            Errno::EACCES | Errno::EPERM => To::PermissionDenied,
            Errno::ENOENT => To::NotFound,
            Errno::EINVAL => To::InvalidInput,
            Errno::EOPNOTSUPP => To::Unsupported,
            _ => To::Other,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}
