//! Durations and sizes as people type them (`1.5s`, `64k`), and the text that reads back as the same value.
//! Both are exact: what cannot be said in whole nanoseconds or bytes is an error, never rounded.
//! Which option takes which range belongs in `url`.

use std::time::Duration;

use crate::failure::Lang;

/// What was given is no duration or no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// There is no plain decimal number at the front.
    #[error("{text:?} is no {what} (write it as {example})")]
    Malformed {
        /// What was given.
        text: String,
        /// `duration` or `size`.
        what: &'static str,
        /// Some that would do.
        example: &'static str,
    },
    /// It begins with a minus sign.
    #[error("{what} {text:?} is negative (leave out the -)")]
    Negative {
        /// What was given.
        text: String,
        /// `duration` or `size`.
        what: &'static str,
    },
    /// The number is followed by something that is no suffix.
    #[error("{what} {text:?} has the unknown unit {unit:?} ({known})")]
    Unit {
        /// What was given.
        text: String,
        /// `duration` or `size`.
        what: &'static str,
        /// What follows the number.
        unit: String,
        /// The units that there are.
        known: &'static str,
    },
    /// It is more than the type holds.
    #[error("{what} {text:?} is too large (at most {limit})")]
    TooLarge {
        /// What was given.
        text: String,
        /// `duration` or `size`.
        what: &'static str,
        /// The largest there is.
        limit: &'static str,
    },
    /// It has more decimals than the type holds.
    #[error("{what} {text:?} is no whole number of {step} (use fewer decimals)")]
    TooFine {
        /// What was given.
        text: String,
        /// `duration` or `size`.
        what: &'static str,
        /// The smallest step, in the plural.
        step: &'static str,
    },
}

impl QuantityError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        use QuantityError::*;
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Malformed { text, what, example } => format!("{text:?} 不是{}（写成 {}）", zh(what), zh(example)),
            Negative { text, what } => format!("{} {text:?} 是负数（去掉 -）", zh(what)),
            Unit { text, what, unit, known } => format!("{} {text:?} 的单位 {unit:?} 未知（{}）", zh(what), zh(known)),
            TooLarge { text, what, limit } => format!("{} {text:?} 太大（最大 {limit}）", zh(what)),
            TooFine { text, what, step } => format!("{} {text:?} 不是整数个{}（减少小数位数）", zh(what), zh(step)),
        }
    }
}

/// The words of `Measure` in Chinese.
const WORDS: [(&str, &str); 8] = [
    ("duration", "时长"),
    ("500ms, 1.5s, 2m or 1h", "500ms、1.5s、2m 或 1h"),
    ("one of ms, s, m, h", "可用 ms、s、m、h"),
    ("nanoseconds", "纳秒"),
    ("size", "大小"),
    ("1500, 64k, 1.5m or 2g", "1500、64k、1.5m 或 2g"),
    ("one of k, m, g", "可用 k、m、g"),
    ("bytes", "字节"),
];

fn zh(word: &'static str) -> &'static str {
    WORDS.iter().find(|(en, _)| *en == word).map_or(word, |(_, zh)| zh)
}

/// Reads a duration: a decimal number and `ms`, `s`, `m` or `h`; a bare number counts seconds.
///
/// From zero to `Duration::MAX`, in whole nanoseconds. Suffixes are lower-case, without a space before them.
///
/// # Errors
/// No number, a sign, another suffix, more than `Duration::MAX`, or a fraction of a nanosecond.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let nanos = DURATION.parse(text)?;
    let seconds = u64::try_from(nanos / SECOND).map_err(|_| DURATION.too_large(text))?;
    // A remainder below a billion always fits.
    Ok(Duration::new(seconds, (nanos % SECOND) as u32))
}

/// Reads a size in bytes: a decimal number and `k`, `m` or `g` (either case; 1024, 1024² and 1024³), or bare.
///
/// # Errors
/// No number, a sign, another suffix (`kb` and `kib` too), 2^64 or more, or a fraction of a byte (`1.1k`).
pub fn parse_size(text: &str) -> Result<u64, QuantityError> {
    u64::try_from(SIZE.parse(text)?).map_err(|_| SIZE.too_large(text))
}

/// Writes a duration so that `parse_duration` reads the same again: the shortest form that names its unit.
///
/// Half a second is `0.5s`, ninety minutes are `90m`, zero is `0s`.
pub fn format_duration(duration: Duration) -> String {
    DURATION.format(duration.as_nanos())
}

/// Writes a size in bytes so that `parse_size` reads the same again, in the shortest form.
///
/// Of two as short, the one without a point: 1536 stays `1536`, 1.5 MiB become `1.5m`.
pub fn format_size(size: u64) -> String {
    SIZE.format(size.into())
}

/// Nanoseconds in a second.
const SECOND: u128 = 1_000_000_000;

/// A kind of quantity: its words, and its units in the smallest step.
struct Measure {
    what: &'static str,
    example: &'static str,
    known: &'static str,
    limit: &'static str,
    step: &'static str,
    /// What a number without a suffix counts.
    bare: u128,
    /// Suffix and worth; the one that is first wins where two are written equally short.
    units: &'static [(&'static str, u128)],
}

static DURATION: Measure = Measure {
    what: "duration",
    example: "500ms, 1.5s, 2m or 1h",
    known: "one of ms, s, m, h",
    limit: "18446744073709551615s",
    step: "nanoseconds",
    bare: SECOND,
    units: &[("s", SECOND), ("m", 60 * SECOND), ("h", 3600 * SECOND), ("ms", SECOND / 1000)],
};

static SIZE: Measure = Measure {
    what: "size",
    example: "1500, 64k, 1.5m or 2g",
    known: "one of k, m, g",
    limit: "18446744073709551615",
    step: "bytes",
    bare: 1,
    units: &[("", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)],
};

impl Measure {
    /// The value of `text` in the smallest step; may be more than the type to be filled holds.
    fn parse(&self, text: &str) -> Result<u128, QuantityError> {
        if text.starts_with('-') {
            return Err(QuantityError::Negative { text: text.into(), what: self.what });
        }
        let (number, unit) = text.split_at(number_len(text));
        let (whole, fraction) = split_number(number).ok_or_else(|| self.malformed(text))?;
        let unit = self.unit(unit).ok_or_else(|| self.unknown_unit(text, unit))?;
        let part = fraction_of(fraction, unit).ok_or_else(|| self.too_fine(text))?;
        multiple_of(whole, unit).and_then(|n| n.checked_add(part)).ok_or_else(|| self.too_large(text))
    }

    /// The worth of a suffix.
    fn unit(&self, suffix: &str) -> Option<u128> {
        let known = || self.units.iter().find(|(name, _)| *name == suffix).map(|&(_, worth)| worth);
        if suffix.is_empty() { Some(self.bare) } else { known() }
    }

    /// The shortest text for `value`, counted in the smallest step.
    fn format(&self, value: u128) -> String {
        let forms = self.units.iter().filter_map(|&(suffix, unit)| Some(decimal(value, unit)? + suffix));
        forms.min_by_key(|form| (form.len(), form.contains('.'))).unwrap_or_default()
    }

    fn malformed(&self, text: &str) -> QuantityError {
        QuantityError::Malformed { text: text.into(), what: self.what, example: self.example }
    }

    fn unknown_unit(&self, text: &str, unit: &str) -> QuantityError {
        QuantityError::Unit { text: text.into(), what: self.what, unit: unit.into(), known: self.known }
    }

    fn too_large(&self, text: &str) -> QuantityError {
        QuantityError::TooLarge { text: text.into(), what: self.what, limit: self.limit }
    }

    fn too_fine(&self, text: &str) -> QuantityError {
        QuantityError::TooFine { text: text.into(), what: self.what, step: self.step }
    }
}

/// How many bytes at the front of `text` are digits and points.
fn number_len(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len())
}

/// The digits before and after the point: `.5` has none before it, but `5.` and `1.2.3` are no numbers.
fn split_number(number: &str) -> Option<(&str, &str)> {
    match number.split_once('.') {
        None => (!number.is_empty()).then_some((number, "")),
        Some((_, fraction)) if fraction.is_empty() || fraction.contains('.') => None,
        split => split,
    }
}

/// `digits` times `unit`; `None` when it overflows.
fn multiple_of(digits: &str, unit: u128) -> Option<u128> {
    let count: u128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    count.checked_mul(unit)
}

/// `0.digits` of `unit`; `None` when that is no whole number.
fn fraction_of(digits: &str, unit: u128) -> Option<u128> {
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    // More digits than u128 has cannot come out even: no unit holds that many twos and fives.
    let power = 10u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
    let value: u128 = digits.parse().ok()?;
    // Reduced first, so that the product stays below the unit.
    let common = gcd(unit, power);
    let divisor = power / common;
    value.is_multiple_of(divisor).then(|| value / divisor * (unit / common))
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `value / unit` as a decimal number; `None` when it does not end, or not within what `fraction_of` reads.
fn decimal(value: u128, unit: u128) -> Option<String> {
    let mut text = (value / unit).to_string();
    let mut rest = value % unit;
    let digits = text.len();
    while rest != 0 {
        // The point comes before the first decimal only.
        if text.len() == digits {
            text.push('.');
        }
        rest *= 10;
        text.push(char::from_digit((rest / unit) as u32, 10)?);
        rest %= unit;
        if text.len() > digits + 38 {
            return None;
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message<T: std::fmt::Debug>(result: Result<T, QuantityError>) -> String {
        result.expect_err("an error").to_string()
    }

    #[test]
    fn durations_as_people_type_them() {
        let millis = |text| parse_duration(text).map(|d| d.as_micros() as f64 / 1000.0);
        for (text, expected) in [
            ("0", 0.0),
            ("2", 2000.0),
            ("0.2", 200.0),
            (".5", 500.0),
            ("1.5s", 1500.0),
            ("20ms", 20.0),
            ("0.25ms", 0.25),
            ("2m", 120_000.0),
            ("0.1h", 360_000.0),
            ("001.500s", 1500.0),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        assert_eq!(parse_duration("18446744073709551615.999999999"), Ok(Duration::MAX));
        assert_eq!(parse_duration("0.0000000000001h").map_err(|_| ()), Err(()));
    }

    #[test]
    fn sizes_as_people_type_them() {
        for (text, expected) in [
            ("0", 0),
            ("1500", 1500),
            ("64k", 65536),
            ("64K", 65536),
            ("1.5m", 1_572_864),
            ("2G", 2 << 30),
            (".5k", 512),
        ] {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
        assert_eq!(parse_size("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(parse_size("0.999999999068677425384521484375g"), Ok((1 << 30) - 1));
    }

    #[test]
    fn errors_name_the_part_and_the_next_step() {
        for (text, expected) in [
            ("", r#""" is no duration (write it as 500ms, 1.5s, 2m or 1h)"#),
            ("s", r#""s" is no duration (write it as 500ms, 1.5s, 2m or 1h)"#),
            ("5.", r#""5." is no duration (write it as 500ms, 1.5s, 2m or 1h)"#),
            ("1.2.3", r#""1.2.3" is no duration (write it as 500ms, 1.5s, 2m or 1h)"#),
            ("+1", r#""+1" is no duration (write it as 500ms, 1.5s, 2m or 1h)"#),
            ("-1s", r#"duration "-1s" is negative (leave out the -)"#),
            ("1d", r#"duration "1d" has the unknown unit "d" (one of ms, s, m, h)"#),
            ("1 s", r#"duration "1 s" has the unknown unit " s" (one of ms, s, m, h)"#),
            ("1S", r#"duration "1S" has the unknown unit "S" (one of ms, s, m, h)"#),
            ("18446744073709551616", r#"duration "18446744073709551616" is too large (at most 18446744073709551615s)"#),
            ("0.1234567891", r#"duration "0.1234567891" is no whole number of nanoseconds (use fewer decimals)"#),
        ] {
            assert_eq!(message(parse_duration(text)), expected);
        }
        assert_eq!(message(parse_size("1kb")), r#"size "1kb" has the unknown unit "kb" (one of k, m, g)"#);
        assert_eq!(message(parse_size("1.1k")), r#"size "1.1k" is no whole number of bytes (use fewer decimals)"#);
        assert!(matches!(parse_size("17179869184g"), Err(QuantityError::TooLarge { .. })));
        assert!(matches!(parse_size(&"9".repeat(500)), Err(QuantityError::TooLarge { .. })));
        assert!(matches!(parse_size(&format!("0.{}g", "1".repeat(500))), Err(QuantityError::TooFine { .. })));
    }

    #[test]
    fn errors_in_chinese_say_the_same() {
        let text = |result: Result<Duration, QuantityError>| result.expect_err("an error").text(Lang::Zh);
        assert_eq!(text(parse_duration("s")), r#""s" 不是时长（写成 500ms、1.5s、2m 或 1h）"#);
        assert_eq!(text(parse_duration("-1s")), r#"时长 "-1s" 是负数（去掉 -）"#);
        assert_eq!(text(parse_duration("1d")), r#"时长 "1d" 的单位 "d" 未知（可用 ms、s、m、h）"#);
        let error = parse_size("1.1k").expect_err("an error");
        assert_eq!(error.text(Lang::Zh), r#"大小 "1.1k" 不是整数个字节（减少小数位数）"#);
        assert_eq!(error.text(Lang::En), error.to_string());
        for measure in [&DURATION, &SIZE] {
            for word in [measure.what, measure.example, measure.known, measure.step] {
                assert_ne!(zh(word), word);
            }
        }
    }

    #[test]
    fn the_shortest_form_is_written() {
        for (nanos, expected) in [
            (0, "0s"),
            (1, "0.000001ms"),
            (10_000_000, "10ms"),
            (100_000_000, "0.1s"),
            (1_500_000_000, "1.5s"),
            (30_000_000_000, "30s"),
            (60_000_000_000, "1m"),
            (5_400_000_000_000, "90m"),
            (36_000_000_000_000, "10h"),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(nanos)), expected);
        }
        for (size, expected) in [(0, "0"), (1000, "1000"), (1024, "1k"), (1536, "1536"), (1_572_864, "1.5m")] {
            assert_eq!(format_size(size), expected);
        }
        assert_eq!(parse_duration(&format_duration(Duration::MAX)), Ok(Duration::MAX));
    }

    proptest! {
        #[test]
        fn durations_read_back(seconds in prop_oneof![0..100_000u64, any::<u64>()], nanos in 0..1_000_000_000u32) {
            let whole = Duration::from_secs(seconds);
            let exact = Duration::new(seconds, nanos);
            prop_assert_eq!(parse_duration(&format_duration(whole)), Ok(whole));
            prop_assert_eq!(parse_duration(&format_duration(exact)), Ok(exact));
        }

        #[test]
        fn sizes_read_back(size in any::<u64>(), shift in 0..64) {
            prop_assert_eq!(parse_size(&format_size(size >> shift)), Ok(size >> shift));
            prop_assert_eq!(parse_size(&format_size(size << shift)), Ok(size << shift));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.kmgs-]{0,40}|\\PC*") {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            }
            if let Ok(size) = parse_size(&text) {
                prop_assert_eq!(parse_size(&format_size(size)), Ok(size));
            }
        }
    }
}
