//! Names beyond the network that its DNS is to know: written `NAME` or `NAME=ADDRESS`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A name, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownName {
    /// In lower case, without a dot at its end.
    pub name: String,
    /// Where it leads; `None` to the assistant.
    pub address: Option<IpAddr>,
}

/// What was given is no name with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not NAME or NAME=ADDRESS, such as api.example.com or api.example.com=192.168.1.50")]
pub struct NoName;

impl fmt::Display for KnownName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(to, "{}={address}", self.name),
            None => to.write_str(&self.name),
        }
    }
}

impl FromStr for KnownName {
    type Err = NoName;

    /// A name has a dot, or it would be one of a board; its parts are as in RFC 1123, 2.1.
    fn from_str(text: &str) -> Result<Self, NoName> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) => (name, Some(address.parse().map_err(|_| NoName)?)),
            None => (text, None),
        };
        let is_part = |part: &str| {
            (1..=63).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_name = name.len() <= 253 && name.contains('.') && name.split('.').all(is_part);
        let name = name.to_ascii_lowercase();
        if !is_name || [".lan", ".internal", ".arpa"].iter().any(|own| name.ends_with(own)) {
            return Err(NoName);
        }
        Ok(KnownName { name, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_an_address() {
        let known = |name: &str, address: Option<&str>| {
            Ok(KnownName { name: name.into(), address: address.map(|address| address.parse().expect("an address")) })
        };
        assert_eq!("API.Example.com".parse(), known("api.example.com", None));
        assert_eq!("a.b=192.168.1.50".parse(), known("a.b", Some("192.168.1.50")));
        assert_eq!("a-1.b=fe80::1".parse(), known("a-1.b", Some("fe80::1")));
        for wrong in
            ["", "host", ".", "a..b", "a.b.", "esp32.lan", "ESP32.LAN", "a.b=", "a.b=c", "a b.c", "a.b=1.2.3.4=5"]
        {
            assert_eq!(wrong.parse::<KnownName>(), Err(NoName), "{wrong}");
        }
        for written in ["a.b", "a.b=192.168.1.50"] {
            assert_eq!(written.parse::<KnownName>().map(|known| known.to_string()).as_deref(), Ok(written));
        }
    }
}
