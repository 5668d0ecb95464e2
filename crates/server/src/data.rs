//! Bytes as a client writes them: text in an encoding, text with escapes, hex, base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use socklab_capture::hex;
use socklab_capture::text::Encoding;
use utoipa::ToSchema;

use crate::problem::Problem;

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Data {
    /// Text as it is.
    Text {
        text: String,
        /// `utf-8` if it is not there.
        #[serde(default)]
        encoding: Option<String>,
    },
    /// Text with escapes: `\n \r \t \0 \xNN \\`.
    Escaped {
        escaped: String,
        /// `utf-8` if it is not there.
        #[serde(default)]
        encoding: Option<String>,
    },
    /// `01 02 ff`, `0x01,0x02`, `0102ff`.
    Hex { hex: String },
    /// RFC 4648, 4.
    Base64 { base64: String },
}

/// What is put behind text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineEnding {
    #[default]
    None,
    /// Line feed.
    Lf,
    /// Carriage return and line feed.
    Crlf,
    /// Carriage return.
    Cr,
}

impl LineEnding {
    pub(crate) fn text(self) -> &'static str {
        match self {
            LineEnding::None => "",
            LineEnding::Lf => "\n",
            LineEnding::Crlf => "\r\n",
            LineEnding::Cr => "\r",
        }
    }
}

impl Data {
    /// The bytes. A line ending is put behind text only, in its encoding.
    pub(crate) fn bytes(&self, line_ending: LineEnding) -> Result<Bytes, Problem> {
        let bytes = match self {
            Data::Text { text, encoding } => {
                let encoding = parse_encoding(encoding.as_deref().unwrap_or_default())?;
                let text = format!("{text}{}", line_ending.text());
                encoding.encode(&text).map_err(|error| Problem::bad("bad_data", error.to_string(), error.zh()))?
            }
            Data::Escaped { escaped, encoding } => {
                let encoding = parse_encoding(encoding.as_deref().unwrap_or_default())?;
                let told = |en: String, zh| Problem::bad("bad_data", en, zh);
                let mut bytes = encoding.parse_escaped(escaped).map_err(|error| told(error.to_string(), error.zh()))?;
                let ending = encoding.encode(line_ending.text());
                bytes.extend(ending.map_err(|error| told(error.to_string(), error.zh()))?);
                bytes
            }
            Data::Hex { hex } => {
                hex::parse(hex).map_err(|error| Problem::bad("bad_data", error.to_string(), error.zh()))?
            }
            Data::Base64 { base64 } => STANDARD.decode(base64).map_err(|error| no_base64(&error))?,
        };
        Ok(bytes.into())
    }
}

fn no_base64(error: &base64::DecodeError) -> Problem {
    Problem::bad("bad_data", format!("no base64: {error}"), format!("不是 base64（“{error}”）"))
}

/// The encoding of that name; UTF-8 where none is named.
pub(crate) fn parse_encoding(name: &str) -> Result<Encoding, Problem> {
    if name.is_empty() {
        return Ok(Encoding::default());
    }
    name.parse().map_err(|error: socklab_capture::text::UnknownEncoding| {
        Problem::bad("bad_encoding", error.to_string(), error.zh())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_written_in_four_ways() {
        let read = |json: &str, ending| {
            let data: Data = serde_json::from_str(json).expect(json);
            data.bytes(ending).map(|bytes| bytes.to_vec()).map_err(|_| ())
        };
        for (json, ending, bytes) in [
            (r#"{"text":"a\\n"}"#, LineEnding::None, Ok(b"a\\n".to_vec())),
            (r#"{"text":"中","encoding":"gbk"}"#, LineEnding::Crlf, Ok(b"\xd6\xd0\r\n".to_vec())),
            (r#"{"escaped":"a\\x00\\n"}"#, LineEnding::Lf, Ok(b"a\0\n\n".to_vec())),
            (r#"{"hex":"01 ff"}"#, LineEnding::Lf, Ok(b"\x01\xff".to_vec())),
            (r#"{"base64":"AAE="}"#, LineEnding::None, Ok(b"\0\x01".to_vec())),
            (r#"{"hex":"0"}"#, LineEnding::None, Err(())),
            (r#"{"base64":"?"}"#, LineEnding::None, Err(())),
            (r#"{"text":"x","encoding":"klingon"}"#, LineEnding::None, Err(())),
            (r#"{"text":"中","encoding":"windows-1252"}"#, LineEnding::None, Err(())),
        ] {
            assert_eq!(read(json, ending), bytes, "{json}");
        }
        assert!(serde_json::from_str::<Data>(r#"{"text":"a","hex":"01"}"#).is_err(), "one way at a time");
    }
}
