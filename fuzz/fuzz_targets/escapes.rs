//! Text with escapes, and text of every encoding: what is shown is safe, and reads back as the bytes that came.
#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use socklab_capture::escape::{self, is_safe};
use socklab_capture::text::{Decoder, Encoding};

/// All encodings that there are, but for those of `OTHER_FORMS`: the text that is shown gives the bytes back.
const EXACT: &str = "utf-8 utf-16le utf-16be ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 \
    iso-8859-8 iso-8859-8-i iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u macintosh \
    windows-874 windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 \
    windows-1257 windows-1258 x-mac-cyrillic x-user-defined";
/// Those in which some characters can be written in two ways.
const OTHER_FORMS: &str = "gbk gb18030 big5 shift_jis euc-jp euc-kr iso-2022-jp";

fuzz_target!(|data: &[u8]| {
    escapes(data);
    let _ = decoder(&mut Unstructured::new(data));
});

fn escapes(data: &[u8]) {
    let shown = escape::emit(data);
    assert!(shown.chars().all(is_safe), "{shown:?}");
    assert_eq!(escape::parse(&shown).as_deref(), Ok(data));
    let text = String::from_utf8_lossy(data);
    if let Err(error) = escape::parse(&text) {
        assert_eq!(text.as_bytes().get(error.at), Some(&b'\\'));
        assert!(error.to_string().chars().all(is_safe), "{error:?}");
    }
}

/// Decodes the same bytes whole, and in pieces that end anywhere.
fn decoder(input: &mut Unstructured<'_>) -> Result<()> {
    let (is_exact, names) = *input.choose(&[(true, EXACT), (false, OTHER_FORMS)])?;
    let names: Vec<_> = names.split(' ').collect();
    let encoding: Encoding = input.choose(&names)?.parse().expect("an encoding");
    let cuts = [input.arbitrary::<u8>()?, input.arbitrary()?, input.arbitrary()?];
    let bytes = input.bytes(input.len())?;
    let whole = shown(encoding, [bytes]);
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for cut in cuts {
        let (piece, after) = rest.split_at(rest.len().min(cut.into()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    assert_eq!(shown(encoding, pieces), whole, "{encoding}");
    assert_eq!(shown(encoding, bytes.chunks(1)), whole, "{encoding}");
    if is_exact {
        assert_eq!(encoding.parse_escaped(&whole).as_deref(), Ok(bytes), "{encoding}");
    }
    Decoder::new(encoding).decode_plain(bytes, &mut String::new());
    if let Err(error) = encoding.parse_escaped(&String::from_utf8_lossy(bytes)) {
        assert!(error.to_string().chars().all(is_safe), "{error:?}");
    }
    Ok(())
}

fn shown<'a>(encoding: Encoding, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let (mut decoder, mut out) = (Decoder::new(encoding), String::new());
    pieces.into_iter().for_each(|piece| decoder.decode(piece, &mut out));
    decoder.finish(&mut out);
    assert!(out.chars().all(is_safe), "{encoding}: {out:?}");
    out
}
