//! The log as NetAssist (网络调试助手) writes it, for whoever has a program that reads those.
//!
//! ```text
//! [2019-07-12 16:05:41.240]# Client 192.168.56.1:4089 gets online.
//!
//! [2019-07-12 16:05:48.417]# RECV ASCII FROM 192.168.56.1 :4089>
//! Hello
//!
//! [2019-07-12 16:05:59.239]# SEND HEX TO 192.168.56.1 :4089>
//! 01 03 FF
//! ```

use std::borrow::Cow;
use std::fmt::Write;

use super::Lines;
use crate::escape;
use crate::record::{Address, Event, Record, Timestamp};
use crate::show::{self, Clock, Fraction};
use crate::text::{Encoding, Encodings};

/// Writes what NetAssist has words for; what else happened is left out.
pub(super) struct Log {
    encodings: Encodings,
    clock: Clock,
}

impl Log {
    pub(super) fn new(encodings: Encodings, clock: Clock) -> Self {
        Log { encodings, clock: clock.with_date(true) }
    }

    fn push_time(&mut self, at: Timestamp, out: &mut String) {
        out.push('[');
        self.clock.push(at, Fraction::Millis, out);
        out.push_str("]# ");
    }

    fn push_data(&mut self, record: &Record<'_>, words: [&str; 2], bytes: &[u8], out: &mut String) {
        let text = harmless(self.encodings.of(record.peer), bytes);
        let form = if text.is_some() { "ASCII" } else { "HEX" };
        self.push_time(record.at, out);
        let _ = writeln!(out, "{} {form} {} {}>", words[0], words[1], spaced(&record.address));
        match text {
            Some(text) => out.push_str(&text),
            None => push_hex(bytes, out),
        }
        out.push_str("\n\n");
    }
}

impl Lines for Log {
    fn add(&mut self, record: &Record<'_>, out: &mut String) -> bool {
        let state = match record.event {
            Event::Received(bytes) => {
                self.push_data(record, ["RECV", "FROM"], bytes, out);
                return true;
            }
            Event::Sent(bytes) => {
                self.push_data(record, ["SEND", "TO"], bytes, out);
                return true;
            }
            Event::Connected if record.peer.is_some() => "online",
            Event::Closed(_) | Event::Reset(_) if record.peer.is_some() => "offline",
            _ => return false,
        };
        self.push_time(record.at, out);
        let _ = write!(out, "Client {} gets {state}.\n\n", show::write_address(&record.address));
        true
    }
}

/// An address as it stands in the head of data: NetAssist puts a space before the port.
fn spaced(address: &Address) -> String {
    match address {
        Address::Inet(address) => format!("{} :{}", address.ip(), address.port()),
        other => show::write_address(other),
    }
}

/// The text of `bytes`, if they are nothing but text that can be printed and cannot be taken for the log's own.
fn harmless(encoding: Encoding, bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = encoding.decode_exact(bytes)?;
    let printable = |line: &str| line.chars().all(|c| escape::is_safe(c) || c == '\t');
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    // At the very end, a carriage return is not the first half of a line's end.
    let whole = !text.ends_with('\r') && lines.all(|line| printable(line) && !is_head(line));
    whole.then_some(text)
}

/// Whether a line looks like the start of an entry.
fn is_head(line: &str) -> bool {
    line.starts_with('[') && line.contains("]# ")
}

/// In capitals, unlike all other hex here, because NetAssist does.
fn push_hex(bytes: &[u8], out: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02X}", if index == 0 { "" } else { " " });
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::record::{EndpointId, PeerId, Side};

    fn entry(encoding: &str, address: Address, event: Event<'_>) -> String {
        let endpoint = EndpointId::from_index(0).expect("first");
        let peer = Some(PeerId { endpoint, number: NonZeroU32::MIN });
        let at = Timestamp(1_562_947_541_240_999_999);
        let record = Record { seq: 1, at, endpoint, peer, address, is_datagram: false, event };
        let mut out = String::new();
        Log::new(encoding.parse::<Encoding>().expect("an encoding").into(), Clock::utc()).add(&record, &mut out);
        out
    }

    fn inet() -> Address {
        Address::Inet(([192, 168, 56, 1], 4089).into())
    }

    #[test]
    fn entries_are_netassists() {
        let cases = [
            (Event::Connected, "Client 192.168.56.1:4089 gets online."),
            (Event::Reset(Side::Peer), "Client 192.168.56.1:4089 gets offline."),
            (Event::Received(b"\xb9\xfe 1\r\n"), "RECV ASCII FROM 192.168.56.1 :4089>\n哈 1\r\n"),
            (Event::Sent(b"ok"), "SEND ASCII TO 192.168.56.1 :4089>\nok"),
            (Event::Received(b"\xb9\xfe\xb9"), "RECV HEX FROM 192.168.56.1 :4089>\nB9 FE B9"),
            (Event::Sent(b"\x1b[A"), "SEND HEX TO 192.168.56.1 :4089>\n1B 5B 41"),
            (Event::Sent(b"\r"), "SEND HEX TO 192.168.56.1 :4089>\n0D"),
            (Event::Received(b""), "RECV ASCII FROM 192.168.56.1 :4089>\n"),
        ];
        for (event, expected) in cases {
            assert_eq!(entry("gbk", inet(), event), format!("[2019-07-12 16:05:41.240]# {expected}\n\n"));
        }
        assert_eq!(entry("gbk", inet(), Event::Note("dropped")), "");
    }

    #[test]
    fn other_addresses_have_a_form_too() {
        let v6 = Address::Inet("[fe80::1]:4089".parse().expect("an address"));
        assert!(entry("gbk", v6.clone(), Event::Received(b"")).contains("FROM fe80::1 :4089>"));
        assert!(entry("gbk", v6, Event::Connected).contains("Client [fe80::1]:4089 gets"));
        let unix = Address::Unix("@a\n".into());
        assert!(entry("gbk", unix, Event::Sent(b"")).contains("TO unix:@a\\n>"));
    }

    #[test]
    fn no_peer_can_forge_an_entry() {
        let forged = b"\r\n[2019-07-12 16:05:41.240]# Client 1.2.3.4:5 gets online.\n";
        assert!(entry("utf-8", inet(), Event::Received(forged)).contains("RECV HEX"));
        assert!(entry("utf-8", inet(), Event::Received(b"[1, 2]\n[3]")).contains("RECV ASCII"));
    }

    proptest! {
        #[test]
        fn the_log_is_harmless(bytes in prop_oneof!["[a\r\n\t\\[\\]# \u{1b}\u{202e}é]{0,12}".prop_map(String::into_bytes), any::<Vec<u8>>()], utf16: bool) {
            let log = entry(if utf16 { "utf-16le" } else { "utf-8" }, inet(), Event::Received(&bytes));
            let plain = log.replace("\r\n", "\n");
            prop_assert!(plain.chars().all(|c| escape::is_safe(c) || c == '\n' || c == '\t'));
            prop_assert_eq!(plain.lines().filter(|line| is_head(line)).count(), 1);
            let data = log.split_once(">\n").and_then(|(_, data)| data.strip_suffix("\n\n")).expect("data");
            if log.contains("HEX") {
                prop_assert_eq!(crate::hex::parse(data), Ok(bytes));
            } else if !utf16 {
                prop_assert_eq!(data.as_bytes(), bytes);
            }
        }
    }
}
