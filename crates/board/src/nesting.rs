//! How deep a program's text is nested: parser and compiler call themselves for each operator that waits for its
//! operand and each bracket, and a stack has an end.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// A bracket takes the parser through all kinds of expressions, an operator through few.
const BRACKET: usize = 4;

/// The most that is open at a time, in operators; an estimate from above.
pub(crate) fn depth(text: &str) -> usize {
    let mut tokens = lexer::lex(text, Mode::Module);
    // Of each bracket or block that is open, what its expression has had so far.
    let mut open = vec![0];
    let (mut all, mut most) = (0, 0);
    loop {
        match tokens.next_token() {
            TokenKind::EndOfFile => return most,
            // What stands before a bracket waits for it: `f()()()`.
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                add(&mut open, &mut all, 1);
                open.push(BRACKET);
                all += BRACKET;
            }
            TokenKind::Indent => {
                open.push(BRACKET);
                all += BRACKET;
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd
            | TokenKind::Dedent => {
                if open.len() > 1 {
                    all -= open.pop().unwrap_or_default();
                }
            }
            TokenKind::Comma | TokenKind::Newline | TokenKind::Semi => {
                let empty = if open.len() > 1 { BRACKET } else { 0 };
                all -= open.last_mut().map_or(0, |last| std::mem::replace(last, empty)) - empty;
            }
            TokenKind::Name | TokenKind::Int | TokenKind::Float | TokenKind::Complex | TokenKind::String => {}
            TokenKind::FStringMiddle | TokenKind::TStringMiddle => {}
            TokenKind::Comment | TokenKind::NonLogicalNewline | TokenKind::Colon => {}
            _ => add(&mut open, &mut all, 1),
        }
        most = most.max(all);
    }
}

fn add(open: &mut [usize], all: &mut usize, operators: usize) {
    if let Some(last) = open.last_mut() {
        *last += operators;
        *all += operators;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_wait_and_elements_do_not() {
        assert_eq!(depth(""), 0);
        assert_eq!(depth("x = 1\ny = 2\n"), 1);
        assert_eq!(depth("---x\n"), 3);
        assert_eq!(depth("[1, 2, -3, 4]\n"), 1 + BRACKET + 1);
        assert_eq!(depth(&format!("x = [{}]\n", "-1, ".repeat(1000))), depth("x = [-1]\n"));
        assert_eq!(depth("f()()\n"), 2 + BRACKET);
        assert_eq!(depth("if x:\n  if y:\n    -z\n"), 2 * BRACKET + 1);
        assert_eq!(depth("'((((---'\n# ((((\n"), 0);
        assert!(depth(&"-".repeat(1000)) == 1000 && depth(&"not ".repeat(1000)) == 1000);
        assert!(depth(&"lambda:".repeat(500)) >= 500 && depth(&"f'{".repeat(100)) >= 100);
    }
}
