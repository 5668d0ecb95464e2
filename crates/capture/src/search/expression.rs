//! Regular expressions as people write them, and what is wrong with one, in English and in Chinese.

use regex::bytes::Regex;
use regex_syntax::ast::ErrorKind as Mistake;
use regex_syntax::hir::ErrorKind as Meaningless;
use regex_syntax::{Error, ParserBuilder};

use super::Needle;

/// What was written is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct BadRegex {
    /// As the parser says it, in English and in one line.
    said: String,
    cause: &'static str,
}

impl BadRegex {
    /// The message in Chinese, with the parser's own words behind it.
    pub fn zh(&self) -> String {
        format!("{}（“{}”）", self.cause, self.said)
    }
}

impl Needle {
    /// A regular expression over bytes.
    ///
    /// # Errors
    /// It is none, or one that would take too much memory.
    pub fn regex(pattern: &str) -> Result<Self, BadRegex> {
        Regex::new(pattern).map(Needle::Regex).map_err(|error| {
            // The parser's own message draws a picture over several lines; its last line says what is wrong.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            BadRegex { said: last.strip_prefix("error: ").unwrap_or(last).to_owned(), cause: cause(pattern) }
        })
    }
}

/// What is wrong with it, in Chinese: the parser is asked again, since the error that it gave has no more than a text.
fn cause(pattern: &str) -> &'static str {
    match ParserBuilder::new().utf8(false).build().parse(pattern) {
        Err(Error::Parse(error)) => mistake(error.kind()),
        Err(Error::Translate(error)) => meaningless(error.kind()),
        Err(_) => "写法有误",
        Ok(_) => "编译后太大",
    }
}

fn mistake(kind: &Mistake) -> &'static str {
    match kind {
        Mistake::GroupUnclosed => "左括号“(”没有对应的“)”",
        Mistake::GroupUnopened => "右括号“)”没有对应的“(”",
        Mistake::ClassUnclosed => "“[”没有对应的“]”",
        Mistake::ClassEscapeInvalid => "方括号里不能用这个转义",
        Mistake::ClassRangeInvalid => "方括号里的范围前大后小",
        Mistake::ClassRangeLiteral => "方括号里的范围两端必须是单个字符",
        Mistake::RepetitionMissing => "“*”“+”“?”或“{”前面没有可以重复的内容",
        Mistake::RepetitionCountInvalid => "“{}”里的次数前大后小",
        Mistake::RepetitionCountUnclosed => "“{”没有对应的“}”",
        Mistake::RepetitionCountDecimalEmpty | Mistake::DecimalEmpty => "“{}”里缺少次数",
        Mistake::DecimalInvalid => "“{}”里的次数太大或不是数字",
        Mistake::EscapeUnexpectedEof => "末尾的“\\”后面缺少字符",
        Mistake::EscapeUnrecognized => "没有这个转义；要查找字符本身请写“\\\\”",
        Mistake::EscapeHexEmpty | Mistake::EscapeHexInvalid | Mistake::EscapeHexInvalidDigit => {
            "“\\x”后面应是两位十六进制数字"
        }
        Mistake::UnsupportedBackreference => "不支持反向引用（“\\1”等）",
        Mistake::UnsupportedLookAround => "不支持环视（“(?=”“(?!”“(?<=”“(?<!”）",
        Mistake::UnicodeClassInvalid => "“\\p”后面的类别写法有误",
        Mistake::FlagUnrecognized | Mistake::FlagUnexpectedEof => "“(?”后面的标志写法有误",
        Mistake::FlagDanglingNegation | Mistake::FlagDuplicate { .. } | Mistake::FlagRepeatedNegation { .. } => {
            "“(?”后面的标志重复或不完整"
        }
        Mistake::GroupNameDuplicate { .. } => "分组的名称重复",
        Mistake::GroupNameEmpty | Mistake::GroupNameInvalid | Mistake::GroupNameUnexpectedEof => "分组的名称写法有误",
        Mistake::SpecialWordBoundaryUnclosed
        | Mistake::SpecialWordBoundaryUnrecognized
        | Mistake::SpecialWordOrRepetitionUnexpectedEof => "“\\b{”的写法有误",
        Mistake::NestLimitExceeded(_) | Mistake::CaptureLimitExceeded => "括号嵌套太深或分组太多",
        _ => "写法有误",
    }
}

fn meaningless(kind: &Meaningless) -> &'static str {
    match kind {
        Meaningless::UnicodePropertyNotFound | Meaningless::UnicodePropertyValueNotFound => "没有这个 Unicode 类别",
        _ => "写法有误",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_both_languages() {
        for (pattern, en, zh) in [
            ("(", "unclosed group", "左括号“(”没有对应的“)”（“unclosed group”）"),
            ("a)", "unopened group", "右括号“)”没有对应的“(”（“unopened group”）"),
            ("[a", "unclosed character class", "“[”没有对应的“]”（“unclosed character class”）"),
            ("*", "repetition operator missing expression", "前面没有可以重复的内容（"),
            ("a{2,1}", "invalid repetition count range", "次数前大后小（"),
            (r"\y", "unrecognized escape sequence", "没有这个转义"),
            (r"(a)\1", "backreferences are not supported", "不支持反向引用"),
            ("(?=a)", "look-around", "不支持环视"),
            (r"\p{Nope}", "Unicode property not found", "没有这个 Unicode 类别（"),
            (r"\w{1000}{1000}", "size limit", "编译后太大（"),
        ] {
            let error = Needle::regex(pattern).expect_err("it is none");
            assert!(error.to_string().contains(en) && !error.to_string().contains('\n'), "{pattern}: {error}");
            assert!(error.zh().contains(zh), "{pattern}: {}", error.zh());
        }
        assert!(Needle::regex(r"(?-u)\xff|a(b)*").is_ok(), "also one over bytes that are no text");
    }
}
