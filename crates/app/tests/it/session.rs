//! Sessions for others to look at, and the reading of what they left.

/// Reads base64 (RFC 4648, with padding).
pub(crate) fn base64(text: &str) -> Vec<u8> {
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{:?} in base64", char::from(other)),
    };
    let decode = |four: &[u8]| {
        let digits = four.iter().take_while(|digit| **digit != b'=').count();
        let bits = four[..digits].iter().fold(0, |bits: u32, digit| bits << 6 | u32::from(value(*digit)));
        let bytes = (bits << (6 * (4 - digits))).to_be_bytes();
        bytes[1..digits].to_vec()
    };
    assert!(text.len().is_multiple_of(4), "{text:?} is cut");
    text.as_bytes().chunks(4).flat_map(decode).collect()
}
