//! The first error of syntax, said so that a beginner finds what to change.

use ruff_python_ast::ModModule;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{LexicalErrorType, ParseError, ParseErrorType, Parsed};
use ruff_text_size::Ranged;

use super::{Kind, Lines, Warning};

pub(super) fn look(text: &str, parsed: &Parsed<ModModule>, lines: &Lines) -> Option<Warning> {
    let first = parsed.errors().iter().min_by_key(|error| error.location.start())?;
    let line = lines.at(first.location.start());
    if let Some((offset, kind)) = lookalike(text, parsed) {
        return Some(Warning { line: lines.at(offset), kind });
    }
    let is_string = matches!(first.error, ParseErrorType::Lexical(LexicalErrorType::UnclosedStringError));
    if let Some((offset, bracket)) = unclosed(parsed, first).filter(|_| !is_string) {
        return Some(Warning { line: lines.at(offset), kind: Kind::Unclosed { bracket } });
    }
    Some(Warning { line, kind: kind(text, first, line, lines) })
}

fn kind(text: &str, error: &ParseError, line: u32, lines: &Lines) -> Kind {
    match &error.error {
        ParseErrorType::OtherError(what) if what.starts_with("Expected an indented block") => {
            let header = header_before(text, line, lines);
            Kind::IndentationLost { header, everywhere: !text.lines().any(|line| line.starts_with([' ', '\t'])) }
        }
        ParseErrorType::UnexpectedIndentation | ParseErrorType::Lexical(LexicalErrorType::IndentationError) => {
            Kind::WrongIndentation
        }
        ParseErrorType::SimpleStatementsOnSameLine if prints(line_of(text, line, lines)) => Kind::PrintStatement,
        ParseErrorType::SimpleStatementsOnSameLine | ParseErrorType::SimpleAndCompoundStatementOnSameLine => {
            Kind::LineBreaksLost
        }
        ParseErrorType::Lexical(LexicalErrorType::UnclosedStringError) => Kind::UnclosedString,
        _ if assigns(text, error, line_of(text, line, lines)) => Kind::AssignedInCondition,
        other => Kind::Syntax { detail: lower(&other.to_string()) },
    }
}

/// `if x = 5:`, where the parser stops at the `=`, or at what is before it.
fn assigns(text: &str, error: &ParseError, line: &str) -> bool {
    let is_condition = ["if ", "elif ", "while "].iter().any(|word| line.trim_start().starts_with(word));
    let rest = &text[usize::from(error.location.start())..];
    let lone = |rest: &str| rest.starts_with('=') && !rest.starts_with("==");
    let after = rest[..usize::from(error.location.len()).min(rest.len())].len();
    is_condition && (lone(rest) || lone(rest[after..].trim_start()))
}

/// `print "text"` or `print name`.
fn prints(line: &str) -> bool {
    line.trim_start().strip_prefix("print ").is_some_and(|rest| !rest.trim_start().starts_with(['(', '=']))
}

fn line_of<'a>(text: &'a str, line: u32, lines: &Lines) -> &'a str {
    let begin = lines.0.get(line.saturating_sub(1) as usize).copied().unwrap_or(text.len());
    text[begin..].lines().next().unwrap_or_default()
}

/// The last line before this one that has a statement: it ends with the colon.
fn header_before(text: &str, line: u32, lines: &Lines) -> u32 {
    let has_code = |line: &u32| {
        let line = line_of(text, *line, lines).trim();
        !line.is_empty() && !line.starts_with('#')
    };
    // At the end of the file, the error may be on the header's own line.
    let this = line_of(text, line, lines).trim_end();
    if this.ends_with(':') && lines.0.get(line as usize).is_none_or(|&next| next >= text.len()) {
        return line;
    }
    (1..line).rev().find(has_code).unwrap_or(line)
}

fn lower(detail: &str) -> String {
    let mut letters = detail.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Characters that an input method or a web page puts in the place of Python's.
const LOOKALIKES: &[(char, &str)] = &[
    ('，', "`,`"),
    ('。', "`.`"),
    ('：', "`:`"),
    ('；', "`;`"),
    ('（', "`(`"),
    ('）', "`)`"),
    ('【', "`[`"),
    ('】', "`]`"),
    ('＝', "`=`"),
    ('＋', "`+`"),
    ('－', "`-`"),
    ('–', "`-`"),
    ('—', "`-`"),
    ('‘', "`'`"),
    ('’', "`'`"),
    ('“', "`\"`"),
    ('”', "`\"`"),
    ('\u{a0}', "a space"),
    ('\u{3000}', "a space"),
    ('\u{200b}', "nothing"),
    ('\u{feff}', "nothing"),
];

/// The first character that only looks like one of Python's. The lexer marks it as unknown.
fn lookalike(text: &str, parsed: &Parsed<ModModule>) -> Option<(usize, Kind)> {
    let unknown = parsed.tokens().iter().filter(|token| token.kind() == TokenKind::Unknown);
    unknown.into_iter().find_map(|token| {
        let offset = usize::from(token.start());
        let found = text.get(offset..)?.chars().next()?;
        let (_, meant) = LOOKALIKES.iter().find(|(character, _)| *character == found)?;
        Some((offset, Kind::Lookalike { found, meant }))
    })
}

/// The innermost bracket that is open where the parser stopped, if it stopped for that: in a later line, or at the
/// end of its own.
fn unclosed(parsed: &Parsed<ModModule>, error: &ParseError) -> Option<(usize, char)> {
    let stop = error.location.start();
    let mut open = Vec::new();
    let mut broken = false;
    for token in parsed.tokens() {
        if token.start() > stop || (token.start() == stop && token.kind() != TokenKind::Newline) {
            // What comes at the place itself ends the search, but a line's end is part of what went wrong.
            break;
        }
        match token.kind() {
            TokenKind::Lpar => open.push((token.start(), '(')),
            TokenKind::Lsqb => open.push((token.start(), '[')),
            TokenKind::Lbrace => open.push((token.start(), '{')),
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => drop(open.pop()),
            TokenKind::Newline | TokenKind::NonLogicalNewline => broken = !open.is_empty(),
            _ => {}
        }
    }
    let at_end = parsed.tokens().iter().all(|token| token.start() < stop || may_follow_the_end(token.kind()));
    open.last().filter(|_| broken || at_end).map(|&(offset, bracket)| (usize::from(offset), bracket))
}

/// What may follow the end of a program's last line.
fn may_follow_the_end(kind: TokenKind) -> bool {
    use TokenKind::{Comment, Dedent, EndOfFile, Newline, NonLogicalNewline};
    matches!(kind, Newline | NonLogicalNewline | Comment | Dedent | EndOfFile)
}
