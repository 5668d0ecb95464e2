//! Records as lines, while they happen and afterwards: three forms for people, one for programs.
//! Nothing that a peer sends or calls itself gets to the terminal unless [`escape::is_safe`]. Files are `export`'s.

use std::fmt::Write;

mod clock;
mod json;
mod party;

pub use clock::Clock;
pub(crate) use clock::Fraction;
pub(crate) use party::{Parties, payload};

use crate::escape::{self, Controls};
use crate::hex;
use crate::record::{Address, Event, Frame, Record, Side, Timestamp, Way};
use crate::text::Encodings;
pub use json::harmless_json;
use json::{Base64, FrameLine, Line};
use party::Party;

/// Bytes in a row of [`Form::Both`], in two groups.
const ROW: usize = 16;
/// Where the text of a row begins: three characters a byte, a space between the groups and one more.
const TEXT: usize = ROW * 3 + 2;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// How a record is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One line, with the text of the bytes: `12:00:01.123456 e1.3 192.168.1.50:49152 < Hello 01Studio!`.
    Text,
    /// One line, with the bytes in hex: `... < 48 65 6c`.
    Hex,
    /// One line with the number of bytes, then rows of sixteen, in hex and as ASCII.
    Both,
    /// One line, a JSON object.
    Json,
}

/// What stands between the address and what happened, and its colour in a terminal.
#[derive(Clone, Copy)]
struct Mark {
    sign: &'static str,
    colour: &'static str,
}

const RECEIVED: Mark = Mark { sign: "<", colour: "\x1b[32m" };
const SENT: Mark = Mark { sign: ">", colour: "\x1b[34m" };
const HAPPENED: Mark = Mark { sign: "*", colour: "\x1b[33m" };
const CARRIED: Mark = Mark { sign: "", colour: "\x1b[36m" };
const DROPPED: Mark = Mark { sign: "", colour: "\x1b[31m" };
const NO_COLOUR: &str = "\x1b[0m";

impl Mark {
    fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Received(_) => RECEIVED,
            Event::Sent(_) => SENT,
            _ => HAPPENED,
        }
    }
}

/// What a person reads of an event without bytes.
pub type Words = for<'a> fn(&Event<'a>) -> Option<&'a str>;

/// Shows the records of one log, in their order.
///
/// Text is decoded per peer and direction, so a character of a stream that comes in two reads is shown with the second;
/// what a datagram lacks of a character never comes, so its bytes are shown with it. What
/// still waits for its rest when the peer has closed gets a line of its own ahead of the one that tells of the close.
/// Of more than 4096 parties at a time, those that were quiet longest are taken for closed in this respect.
#[derive(Debug)]
pub struct Printer {
    pen: Pen,
    parties: Parties,
    /// The time of the last record.
    last: Timestamp,
}

#[derive(Debug)]
struct Pen {
    form: Form,
    encodings: Encodings,
    clock: Clock,
    colour: bool,
    words: Words,
    // Empty between records, kept for their room.
    time: String,
    text: String,
    json: Vec<u8>,
}

impl Printer {
    /// A printer at the start of a log. The times in JSON are UTC in any case.
    pub fn new(form: Form, encodings: impl Into<Encodings>, clock: Clock) -> Self {
        let (clock, write): (_, fn(&Address) -> String) = match form {
            Form::Json => (Clock::utc(), Address::to_string),
            _ => (clock, write_address),
        };
        let (time, text, json) = (String::new(), String::new(), Vec::new());
        let encodings = encodings.into();
        let words: Words = |event| event.text();
        let pen = Pen { form, encodings, clock, colour: false, words, time, text, json };
        Printer { pen, parties: Parties::new(write), last: Timestamp::default() }
    }

    /// Whether arrows and ids are coloured, which JSON never is; at first they are not.
    pub fn colour(&mut self, on: bool) {
        self.pen.colour = on;
    }

    /// What is told of events without bytes, but not in JSON; at first it is [`Event::text`].
    pub fn words(&mut self, words: Words) {
        self.pen.words = words;
    }

    /// Adds the lines of a record to `out`: whole ones, each with its end.
    pub fn print(&mut self, record: &Record<'_>, out: &mut String) {
        self.last = record.at;
        for mut gone in self.parties.make_room(record) {
            self.pen.tails(record.at, &mut gone, out);
        }
        let party = self.parties.of(record);
        if party::is_last(&record.event) {
            self.pen.tails(record.at, party, out);
        }
        self.pen.print(record, party, out);
        self.parties.let_go(record);
    }

    /// Adds the lines of a frame on the link of `board`: `12:00:01.123456 l1 esp32 out ...`, or `in`. `told` is what is
    /// in it, in a few words, by one who knows networks.
    pub fn print_frame(&mut self, frame: &Frame<'_>, board: &str, told: &str, out: &mut String) {
        self.pen.print_frame(frame, board, told, out);
    }

    /// Adds lines for the bytes that still wait for the rest of their character, of all peers: to be called when
    /// nothing more will be printed. They get the time of the last record.
    pub fn finish(&mut self, out: &mut String) {
        for mut party in self.parties.drain() {
            self.pen.tails(self.last, &mut party, out);
        }
    }
}

impl Pen {
    fn print(&mut self, record: &Record<'_>, party: &mut Party, out: &mut String) {
        if self.form == Form::Json {
            return self.print_json(record, party, out);
        }
        self.begin(record.at, party, Mark::of(&record.event), out);
        match payload(&record.event) {
            Some(payload) => self.push_payload(record, party, payload, out),
            None => push_word(out, |out| push_told((self.words)(&record.event), out)),
        }
        out.push('\n');
    }

    /// Adds a line up to its mark.
    fn begin(&mut self, at: Timestamp, party: &Party, mark: Mark, out: &mut String) {
        self.clock.push(at, Fraction::Micros, out);
        out.push(' ');
        self.push_coloured(party.id(), mark, out);
        out.push(' ');
        out.push_str(party.address());
        out.push(' ');
        self.push_coloured(mark.sign, mark, out);
    }

    fn push_coloured(&self, word: &str, mark: Mark, out: &mut String) {
        if self.colour {
            out.push_str(mark.colour);
        }
        out.push_str(word);
        if self.colour {
            out.push_str(NO_COLOUR);
        }
    }

    fn push_payload(&self, record: &Record<'_>, party: &mut Party, payload: (Side, &[u8]), out: &mut String) {
        match self.form {
            Form::Hex => push_word(out, |out| push_hex(payload.1, out)),
            Form::Both => push_dump(payload.1, out),
            Form::Text | Form::Json => {
                push_word(out, |out| party.decode(record, payload, self.encodings.of(record.peer), out));
            }
        }
    }

    /// Adds a line for each direction in which bytes wait for the rest of their character.
    fn tails(&mut self, at: Timestamp, party: &mut Party, out: &mut String) {
        if self.form != Form::Text {
            return; // the other forms show all bytes as they come
        }
        for (sender, mark) in [(Side::Peer, RECEIVED), (Side::Local, SENT)] {
            let mut tail = String::new();
            party.finish(sender, &mut tail);
            if !tail.is_empty() {
                self.begin(at, party, mark, out);
                push_word(out, |out| out.push_str(&tail));
                out.push('\n');
            }
        }
    }

    fn print_frame(&mut self, frame: &Frame<'_>, board: &str, told: &str, out: &mut String) {
        let way = if frame.way == Way::Out { "out" } else { "in" };
        if self.form == Form::Json {
            return self.print_frame_json(frame, board, way, told, out);
        }
        self.clock.push(frame.at, Fraction::Micros, out);
        out.push(' ');
        let mark = if frame.dropped { DROPPED } else { CARRIED };
        self.push_coloured(&frame.link.to_string(), mark, out);
        push_word(out, |out| escape::push_text(board, Controls::Byte, out));
        push_word(out, |out| out.push_str(way));
        push_word(out, |out| escape::push_text(told, Controls::Byte, out));
        if !frame.note.is_empty() {
            out.push_str(" (");
            escape::push_text(frame.note, Controls::Byte, out);
            out.push(')');
        }
        match self.form {
            Form::Hex => push_word(out, |out| push_hex(frame.bytes, out)),
            Form::Both => push_dump(frame.bytes, out),
            Form::Text | Form::Json => {}
        }
        out.push('\n');
    }

    fn print_frame_json(&mut self, frame: &Frame<'_>, board: &str, way: &'static str, told: &str, out: &mut String) {
        self.time.clear();
        self.clock.push_rfc3339(frame.at, &mut self.time);
        let line = FrameLine {
            at: &self.time,
            kind: "frame",
            link: &frame.link.to_string(),
            board,
            way,
            dropped: frame.dropped,
            copy: frame.copy,
            damaged: frame.damaged,
            note: frame.note,
            bytes: frame.bytes.len(),
            data: Base64(frame.bytes),
            text: told,
        };
        out.push_str(&harmless_json(&line));
        out.push('\n');
    }

    fn print_json(&mut self, record: &Record<'_>, party: &mut Party, out: &mut String) {
        self.time.clear();
        self.clock.push_rfc3339(record.at, &mut self.time);
        let payload = payload(&record.event);
        if let Some(payload) = payload {
            self.text.clear();
            party.decode_plain(record, payload, self.encodings.of(record.peer), &mut self.text);
        }
        let data = payload.map(|(_, bytes)| bytes);
        let (id, endpoint) = (party.id(), party.id().split('.').next());
        let line = Line {
            seq: record.seq,
            at: &self.time,
            endpoint: endpoint.unwrap_or_default(),
            peer: record.peer.map(|_| id),
            address: party.address(),
            kind: record.event.kind(),
            bytes: data.map(<[u8]>::len),
            data: data.map(Base64),
            text: record.event.text().unwrap_or(&self.text),
        };
        self.json.clear();
        line.write(&mut self.json);
        out.push_str(str::from_utf8(&self.json).unwrap_or_default());
    }
}

/// An address as one word: escaped, and without a space that could be taken for the next column's.
pub(crate) fn write_address(address: &Address) -> String {
    let mut out = String::new();
    escape::push_text(&address.to_string(), Controls::Byte, &mut out);
    if out.contains(' ') { out.replace(' ', "\\x20") } else { out }
}

/// Adds a space and what `push` adds; nothing where that is nothing.
fn push_word(out: &mut String, push: impl FnOnce(&mut String)) {
    out.push(' ');
    let start = out.len();
    push(out);
    if out.len() == start {
        out.pop();
    }
}

/// Adds what a person reads of an event.
pub(crate) fn push_told(text: Option<&str>, out: &mut String) {
    escape::push_text(text.unwrap_or_default(), Controls::Byte, out);
}

fn push_hex(bytes: &[u8], out: &mut String) {
    let _ = hex::write(bytes, out); // a string takes whatever it is given
}

/// Adds the number of bytes and a row for every sixteen of them, without the end of the last line.
fn push_dump(bytes: &[u8], out: &mut String) {
    let _ = write!(out, " {} {}", bytes.len(), if bytes.len() == 1 { "byte" } else { "bytes" });
    for (number, row) in bytes.chunks(ROW).enumerate() {
        let _ = write!(out, "\n  {:04x}  ", number * ROW);
        push_row(row, out);
    }
}

/// Adds the bytes of a row in hex, and those that are harmless as themselves.
fn push_row(row: &[u8], out: &mut String) {
    let mut cells = [b' '; TEXT + ROW];
    for (index, byte) in row.iter().enumerate() {
        let at = index * 3 + usize::from(index >= ROW / 2);
        cells[at] = DIGITS[usize::from(byte >> 4)];
        cells[at + 1] = DIGITS[usize::from(byte & 15)];
        cells[TEXT + index] = if matches!(byte, b' '..=b'~') { *byte } else { b'.' };
    }
    out.push_str(str::from_utf8(&cells[..TEXT + row.len()]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::Value;

    use super::*;
    use crate::record::{EndpointId, LinkId, PeerId};
    use crate::text::Encoding;

    const AT: Timestamp = Timestamp(1_795_262_401_123_456_789);

    fn peer(number: u32) -> PeerId {
        let endpoint = EndpointId::from_index(0).expect("first");
        PeerId { endpoint, number: NonZeroU32::new(number).expect("from 1") }
    }

    fn record<'a>(event: Event<'a>) -> Record<'a> {
        let peer = peer(3);
        let address = Address::Inet(([192, 168, 1, 50], 49152).into());
        Record { seq: 7, at: AT, endpoint: peer.endpoint, peer: Some(peer), address, is_datagram: false, event }
    }

    fn of_endpoint<'a>(url: &str, event: Event<'a>) -> Record<'a> {
        Record { peer: None, address: Address::Endpoint(url.into()), ..record(event) }
    }

    fn printer(form: Form, encoding: &str) -> Printer {
        Printer::new(form, encoding.parse::<Encoding>().expect("an encoding"), Clock::utc())
    }

    fn print(printer: &mut Printer, record: &Record<'_>) -> String {
        let mut out = String::new();
        printer.print(record, &mut out);
        out
    }

    const HEAD: &str = "12:00:01.123456 e1.3 192.168.1.50:49152";

    #[test]
    fn text_is_one_line_a_record() {
        let cases = [
            (Event::Received(b"Hello 01Studio!"), "< Hello 01Studio!"),
            (Event::Sent(b"a\\b\r\n\x1b[31m\xff"), r"> a\\b\r\n\x1b[31m\xff"),
            (Event::Received(b""), "<"),
            (Event::Connected, "* connected"),
            (Event::Note("\u{202e}\n"), r"* \u{202e}\n"),
            (Event::Closed(Side::Peer), "* closed by peer"),
        ];
        let mut printer = printer(Form::Text, "utf-8");
        for (event, expected) in cases {
            assert_eq!(print(&mut printer, &record(event)), format!("{HEAD} {expected}\n"));
        }
        let opened = of_endpoint("tcp-listen://0.0.0.0:10000", Event::Opened("listening"));
        assert_eq!(print(&mut printer, &opened), "12:00:01.123456 e1 tcp-listen://0.0.0.0:10000 * listening\n");
    }

    #[test]
    fn a_frame_is_a_line_that_says_what_became_of_it() {
        let link = LinkId::from_index(1).expect("second");
        let (way, note, bytes) = (Way::In, "dropped: lost", &b"\x02\x00abc"[..]);
        let frame = Frame { at: AT, link, way, dropped: true, copy: false, damaged: false, note, bytes };
        let show = |form, frame: &Frame<'_>| {
            let mut out = String::new();
            printer(form, "utf-8").print_frame(frame, "b\x1b", "udp \u{202e}", &mut out);
            out
        };
        let head = "12:00:01.123456 l2 b\\x1b in udp \\u{202e}";
        assert_eq!(show(Form::Text, &frame), format!("{head} (dropped: lost)\n"));
        assert_eq!(show(Form::Hex, &frame), format!("{head} (dropped: lost) 02 00 61 62 63\n"));
        assert!(show(Form::Both, &frame).starts_with(&format!("{head} (dropped: lost) 5 bytes\n  0000  02 00 61")));
        let delivered = Frame { way: Way::Out, dropped: false, note: "", ..frame };
        assert_eq!(show(Form::Text, &delivered), format!("{}\n", head.replace(" in ", " out ")));
        let json: Value = serde_json::from_str(&show(Form::Json, &frame)).expect("JSON");
        assert_eq!((&json["kind"], &json["board"], &json["way"]), (&"frame".into(), &"b\x1b".into(), &"in".into()));
        assert_eq!((&json["dropped"], &json["bytes"], &json["data"]), (&true.into(), &5.into(), &"AgBhYmM=".into()));
        assert_eq!((&json["note"], &json["seq"]), (&"dropped: lost".into(), &Value::Null), "it is no record");
    }

    #[test]
    fn the_date_is_shown_where_wanted() {
        let mut printer = Printer::new(Form::Text, Encoding::default(), Clock::utc().with_date(true));
        assert_eq!(print(&mut printer, &record(Event::Connected)), format!("2026-11-21 {HEAD} * connected\n"));
    }

    #[test]
    fn an_address_is_one_harmless_word() {
        let mut forged = record(Event::Received(b"x"));
        forged.address = Address::Unix("@a b < \x1b\\".into());
        let shown = print(&mut printer(Form::Text, "utf-8"), &forged);
        assert_eq!(shown, "12:00:01.123456 e1.3 unix:@a\\x20b\\x20<\\x20\\x1b\\\\ < x\n");
    }

    #[test]
    fn a_split_character_is_shown_with_its_last_byte() {
        let mut printer = printer(Form::Text, "gbk");
        let mut show = |event| print(&mut printer, &record(event));
        assert_eq!(show(Event::Received(b"a\xd6")), format!("{HEAD} < a\n"));
        assert_eq!(show(Event::Sent(b"\xd6")), format!("{HEAD} >\n"));
        assert_eq!(show(Event::Received(b"\xd0b\xd6")), format!("{HEAD} < 中b\n"));
        let tails = format!("{HEAD} < \\xd6\n{HEAD} > \\xd6\n{HEAD} * reset by peer\n");
        assert_eq!(show(Event::Reset(Side::Peer)), tails);
        assert_eq!(show(Event::Received(b"\xd0\xd6")), format!("{HEAD} < 兄\n"));
    }

    #[test]
    fn a_character_ends_with_its_datagram() {
        let datagram = |bytes| Record { is_datagram: true, ..record(Event::Received(bytes)) };
        let mut text = printer(Form::Text, "gbk");
        assert_eq!(print(&mut text, &datagram(b"a\xd6")), format!("{HEAD} < a\\xd6\n"));
        assert_eq!(print(&mut text, &datagram(b"\xd0")), format!("{HEAD} < \\xd0\n"));
        assert_eq!(print(&mut text, &record(Event::Closed(Side::Peer))), format!("{HEAD} * closed by peer\n"));
        let mut json = printer(Form::Json, "gbk");
        assert!(print(&mut json, &datagram(b"a\xd6")).contains("\"text\":\"a\u{fffd}\""));
        assert!(print(&mut json, &datagram(b"\xd6\xd0")).contains("\"text\":\"中\""));
    }

    #[test]
    fn what_waits_at_the_end_is_shown() {
        let (mut printer, mut out) = (printer(Form::Text, "utf-8"), String::new());
        printer.print(&record(Event::Received(b"\xe4\xb8")), &mut out);
        printer.finish(&mut out);
        printer.finish(&mut out);
        assert_eq!(out, format!("{HEAD} <\n{HEAD} < \\xe4\\xb8\n"));
    }

    #[test]
    fn hex_and_dump_show_every_byte() {
        let bytes: Vec<u8> = (0x1b..0x30).collect();
        assert_eq!(
            print(&mut printer(Form::Hex, "utf-8"), &record(Event::Sent(b"Hel\xff"))),
            format!("{HEAD} > 48 65 6c ff\n")
        );
        let rows = [
            "  0000  1b 1c 1d 1e 1f 20 21 22  23 24 25 26 27 28 29 2a  ..... !\"#$%&'()*",
            "  0010  2b 2c 2d 2e 2f                                    +,-./\n",
        ];
        assert_eq!(
            print(&mut printer(Form::Both, "utf-8"), &record(Event::Received(&bytes))),
            format!("{HEAD} < 21 bytes\n{}", rows.join("\n"))
        );
        let shown = print(&mut printer(Form::Both, "utf-8"), &record(Event::Received(b"")));
        assert_eq!(shown, format!("{HEAD} < 0 bytes\n"));
        let shown = print(&mut printer(Form::Both, "utf-8"), &record(Event::Connected));
        assert_eq!(shown, format!("{HEAD} * connected\n"));
    }

    #[test]
    fn colour_comes_beside_the_signs() {
        let mut printer = printer(Form::Text, "utf-8");
        printer.colour(true);
        let expected = "12:00:01.123456 \x1b[32me1.3\x1b[0m 192.168.1.50:49152 \x1b[32m<\x1b[0m hi\n";
        assert_eq!(print(&mut printer, &record(Event::Received(b"hi"))), expected);
    }

    #[test]
    fn json_has_the_fields_in_order() {
        let mut printer = printer(Form::Json, "gbk");
        let head = r#"{"seq":7,"at":"2026-11-21T12:00:01.123456789Z","endpoint":"e1","peer":"e1.3","address":"192.168.1.50:49152""#;
        let cases = [
            (Event::Received(b"hi\xd6".as_slice()), r#""received","bytes":3,"data":"aGnW","text":"hi"}"#),
            (Event::Received(b"\xd0\n\xff"), r#""received","bytes":3,"data":"0Ar/","text":"中\n�"}"#),
            (Event::Sent(b""), r#""sent","bytes":0,"data":"","text":""}"#),
            (Event::Finished(Side::Peer), r#""note","text":"peer finished sending"}"#),
        ];
        for (event, rest) in cases {
            assert_eq!(print(&mut printer, &record(event)), format!("{head},\"kind\":{rest}\n"));
        }
        let opened = print(&mut printer, &of_endpoint("udp://0.0.0.0:5000", Event::Opened("open")));
        let head = r#"{"seq":7,"at":"2026-11-21T12:00:01.123456789Z","endpoint":"e1","address":"udp://0.0.0.0:5000""#;
        assert_eq!(opened, format!("{head},\"kind\":\"opened\",\"text\":\"open\"}}\n"));
    }

    /// Something that may have happened: a kind, bytes and a text.
    pub(crate) fn happening() -> impl Strategy<Value = (u8, Vec<u8>, String)> {
        let nasty = select(b"\x00\x0a\x1b\x9b[31m\xc2\x85\xe2\x80\xaed\xd6\xd8\xff=,\"'".to_vec());
        let bytes = prop::collection::vec(prop_oneof![4 => nasty, 1 => any::<u8>()], 0..40);
        (0..10u8, bytes, any::<String>())
    }

    pub(crate) fn event<'a>(kind: u8, bytes: &'a [u8], text: &'a str) -> Event<'a> {
        match kind {
            0 => Event::Closed(Side::Peer),
            1 => Event::Note(text),
            2 => Event::Failed(text),
            3 => Event::Opened(text),
            4 => Event::Reset(Side::Local),
            5 | 6 => Event::Sent(bytes),
            _ => Event::Received(bytes),
        }
    }

    proptest! {
        #[test]
        fn nothing_shown_drives_a_terminal(
            happenings in prop::collection::vec(happening(), 1..8),
            form in select(vec![Form::Text, Form::Hex, Form::Both, Form::Json]),
            encoding in select(Encoding::COMMON.to_vec()),
            name: String,
            at: u64,
        ) {
            let (mut printer, mut out) = (printer(form, encoding), String::new());
            let mut lines = 0;
            for (kind, bytes, text) in &happenings {
                let record = Record { at: Timestamp(at), address: Address::Unix(name.as_str().into()), ..record(event(*kind, bytes, text)) };
                printer.print(&record, &mut out);
                prop_assert!(out.ends_with('\n'));
                lines += 1;
            }
            printer.finish(&mut out);
            prop_assert!(out.lines().count() >= lines);
            prop_assert!(out.split('\n').all(|line| line.chars().all(escape::is_safe)), "{}", out);
        }

        #[test]
        fn text_lines_give_the_bytes_back(happenings in prop::collection::vec(happening(), 0..8)) {
            let (mut printer, mut out) = (printer(Form::Text, "utf-8"), String::new());
            let mut expected = Vec::new();
            for (_, bytes, _) in &happenings {
                printer.print(&record(Event::Received(bytes)), &mut out);
                expected.extend_from_slice(bytes);
            }
            printer.finish(&mut out);
            let texts = out.lines().filter_map(|line| line.split_once(" < ")).map(|(_, text)| text);
            prop_assert_eq!(escape::parse(&texts.collect::<String>()), Ok(expected));
        }

        #[test]
        fn json_gives_the_bytes_back((kind, bytes, text) in happening()) {
            let event = event(kind, &bytes, &text);
            let line = print(&mut printer(Form::Json, "utf-8"), &record(event));
            let value: Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(value["kind"].as_str(), Some(event.kind()));
            match event.text() {
                Some(text) => prop_assert_eq!(value["text"].as_str(), Some(text)),
                None => {
                    prop_assert_eq!(value["bytes"].as_u64(), Some(bytes.len() as u64));
                    prop_assert_eq!(STANDARD.decode(value["data"].as_str().expect("a string")), Ok(bytes));
                }
            }
        }
    }
}
