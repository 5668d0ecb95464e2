//! What is wrong with an access point, and with what its network gives, as people write it: `isolated dhcp=slow:3s`.
//! Links have faults of their own: see `text`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use super::FaultError;
use super::text::{Span, duration};
use crate::{DhcpFault, DnsFault};

/// What is to be wrong with an access point, from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AirFaults {
    /// It is switched off: its stations lose it, and nobody finds it.
    pub gone: bool,
    /// It says of every password that it is wrong.
    pub wrong_password: bool,
    /// Its stations do not hear each other.
    pub isolated: bool,
    /// It sends its stations away, once; they may join again.
    pub deauth: bool,
    /// What is wrong with the DHCP server.
    pub dhcp: DhcpFault,
    /// What is wrong with the DNS server.
    pub dns: DnsFault,
}

impl AirFaults {
    /// Whether something is to be wrong with what only the network's own access point gives.
    pub fn harms_services(&self) -> bool {
        self.dhcp != DhcpFault::None || self.dns != DnsFault::None
    }
}

impl FromStr for AirFaults {
    type Err = FaultError;

    /// Words in any order; `back` alone, or none, for nothing.
    fn from_str(text: &str) -> Result<AirFaults, FaultError> {
        let mut faults = AirFaults::default();
        let words = if text.trim() == "back" { "" } else { text };
        for word in words.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let wrong = |key, example| FaultError::Value(value.to_owned(), key, example);
            match key {
                "gone" if word == key => faults.gone = true,
                "wrong-password" if word == key => faults.wrong_password = true,
                "isolated" if word == key => faults.isolated = true,
                "deauth" if word == key => faults.deauth = true,
                "dhcp" => faults.dhcp = dhcp(value).ok_or_else(|| wrong("dhcp", "off, slow:3s, nak, exhausted"))?,
                "dns" => {
                    faults.dns = dns(value).ok_or_else(|| wrong("dns", "off, slow:3s, nxdomain, wrong:10.0.0.1"))?;
                }
                _ => return Err(FaultError::Word(word.to_owned())),
            }
        }
        Ok(faults)
    }
}

fn dhcp(text: &str) -> Option<DhcpFault> {
    Some(match text {
        "off" => DhcpFault::Off,
        "nak" => DhcpFault::Nak,
        "exhausted" => DhcpFault::Exhausted,
        _ => DhcpFault::Slow(slow(text)?),
    })
}

fn dns(text: &str) -> Option<DnsFault> {
    Some(match text {
        "off" => DnsFault::Off,
        "nxdomain" => DnsFault::NxDomain,
        _ => match text.strip_prefix("wrong:") {
            Some(address) => DnsFault::Wrong(address.parse::<Ipv4Addr>().ok()?),
            None => DnsFault::Slow(slow(text)?),
        },
    })
}

fn slow(text: &str) -> Option<Duration> {
    duration(text.strip_prefix("slow:")?)
}

/// What reads back as the same, but for what is over: nobody is sent away twice.
impl fmt::Display for AirFaults {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [("gone", self.gone), ("wrong-password", self.wrong_password), ("isolated", self.isolated)];
        let words = words.into_iter().filter(|(_, on)| *on).map(|(word, _)| word.to_owned());
        let dhcp = match self.dhcp {
            DhcpFault::None => None,
            DhcpFault::Off => Some("dhcp=off".to_owned()),
            DhcpFault::Slow(by) => Some(format!("dhcp=slow:{}", Span(by))),
            DhcpFault::Nak => Some("dhcp=nak".to_owned()),
            DhcpFault::Exhausted => Some("dhcp=exhausted".to_owned()),
        };
        let dns = match self.dns {
            DnsFault::None => None,
            DnsFault::Off => Some("dns=off".to_owned()),
            DnsFault::Slow(by) => Some(format!("dns=slow:{}", Span(by))),
            DnsFault::NxDomain => Some("dns=nxdomain".to_owned()),
            DnsFault::Wrong(address) => Some(format!("dns=wrong:{address}")),
        };
        to.write_str(&words.chain(dhcp).chain(dns).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["", "gone", "wrong-password isolated", "dhcp=slow:3s dns=off", "dhcp=nak dns=wrong:10.0.0.1"] {
            assert_eq!(text.parse::<AirFaults>().map(|faults| faults.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("back".parse(), Ok(AirFaults::default()));
        assert_eq!("deauth".parse(), Ok(AirFaults { deauth: true, ..AirFaults::default() }));
        for wrong in [
            "loss=5%",
            "gone=no",
            "gone back",
            "dhcp",
            "dhcp=slow",
            "dns=wrong",
            "dns=wrong:x",
            "gone!",
            "dhcp=slow:-1s",
        ] {
            assert!(wrong.parse::<AirFaults>().is_err(), "{wrong}");
        }
        let late = "dhcp=late".parse::<AirFaults>().expect_err("no value");
        assert_eq!(late.to_string(), "\"late\" is no value for dhcp; for example off, slow:3s, nak, exhausted");
        assert_eq!(late.zh(), "dhcp 不能是 \"late\"；例如 off、slow:3s、nak、exhausted");
    }
}
