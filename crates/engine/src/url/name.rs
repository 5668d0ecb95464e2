//! The name of a Unix socket, and the percent-coding by which names and the values of options stand in a URL.
//! Where in a URL a name stands, and with how many slashes, belongs to `url`; binding and connecting elsewhere.

use std::fmt;
use std::path::Path;

use super::error::{NameError, UrlError};

/// The name of a Unix socket: a path, absolute or relative, or `@name` in Linux's abstract namespace.
///
/// Empty (the default) only for a datagram socket: a name that the system picks. A file whose name begins with `@` is
/// `./@name`. How long a name may be is for the system to say (107 bytes on Linux).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnixName(pub(super) String);

impl UnixName {
    /// Takes a name as it is, without any decoding.
    ///
    /// # Errors
    /// It is empty, `@` alone, or holds a zero byte.
    pub fn new(name: impl Into<String>) -> Result<UnixName, NameError> {
        let name = name.into();
        match name.as_str() {
            "" => Err(NameError::Missing),
            "@" => Err(NameError::NoAbstract),
            _ if name.contains('\0') => Err(NameError::Zero(name)),
            _ => Ok(UnixName(name)),
        }
    }

    /// As `new`, but it may be empty.
    pub(super) fn optional(name: String) -> Result<UnixName, NameError> {
        if name.is_empty() { Ok(UnixName(name)) } else { UnixName::new(name) }
    }

    /// The name as it is written: a path, `@name`, or nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in the abstract namespace, without its `@`, if it is one.
    pub fn abstract_name(&self) -> Option<&str> {
        self.0.strip_prefix('@')
    }

    /// The path, if it is one: not abstract, not empty.
    pub fn path(&self) -> Option<&Path> {
        let path = !self.0.is_empty() && !self.0.starts_with('@');
        path.then(|| Path::new(&self.0))
    }
}

impl fmt::Display for UnixName {
    /// As `as_str`: not percent-encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Replaces `%41` by what it stands for.
pub(super) fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let wrong = || UrlError::Escape(format!("%{}", after.chars().take(2).collect::<String>()));
        let (code, after) = after.split_at_checked(2).ok_or_else(wrong)?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(hex(code).ok_or_else(wrong)?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| UrlError::Escape(text.into()))
}

/// Digits only: `from_str_radix` alone would take a sign.
fn hex(code: &str) -> Option<u8> {
    code.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(code, 16).ok()).flatten()
}

/// Keeps what a URL, a shell and a reader take as it is: letters and digits of every script, and a few marks.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || "-._~/:@[]*,=+".contains(c) {
            encoded.push(c);
        } else {
            encoded.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|b| format!("%{b:02X}")));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::testing::refused;

    #[test]
    fn paths_that_are_none() {
        for (text, expected) in [
            ("unix:", "the path of the socket is missing"),
            ("unix-listen://?echo=1", "the path of the socket is missing"),
            ("unix:@", "the abstract name after @ is missing"),
            ("unix:a%00", r#"the path "a\0" holds a zero byte (leave out %00)"#),
            ("unix://run/a", r#""run/a" after unix:// is no absolute path (write unix:PATH or unix:///PATH)"#),
            ("unix:a%4", r#""%4" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
            ("unix:a%+1", r#""%+1" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
            ("unix:a%4套", r#""%4套" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
            ("unix:%ff", r#""%ff" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
        ] {
            assert_eq!(refused(text), expected);
        }
    }

    #[test]
    fn unix_names_know_what_they_are() {
        let name = |text: &str| UnixName::new(text).expect("a name");
        assert_eq!((name("@lab").abstract_name(), name("@lab").path()), (Some("lab"), None));
        assert_eq!((name("./@lab").abstract_name(), name("./@lab").path()), (None, Some(Path::new("./@lab"))));
        assert_eq!((UnixName::default().abstract_name(), UnixName::default().path()), (None, None));
    }
}
