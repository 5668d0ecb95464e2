//! The secret that whoever commands this workbench has to know. It is made anew at each start.

use std::fmt::Write as _;
use std::io;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// 128 bits: nobody guesses that.
const BYTES: usize = 16;

/// The secret. It is shown by nothing but [`Token::reveal`].
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one, of the system's randomness.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Token::written(&bytes))
    }

    /// One that was chosen. `None` unless it is of letters, digits, `-`, `_`, `.` and `~`, so that it is the same in
    /// a URL, in a cookie and on a command line, and not empty.
    pub fn chosen(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        (!text.is_empty() && text.bytes().all(plain)).then(|| Token(text.to_owned()))
    }

    /// What a browser is given in its place: the same for the same token, which nobody can make out from it.
    pub(crate) fn session(&self) -> Token {
        let digest = Sha256::new().chain_update("socklab session ").chain_update(&self.0).finalize();
        Token::written(&digest[..BYTES])
    }

    fn written(bytes: &[u8]) -> Token {
        let mut text = String::with_capacity(bytes.len() * 2);
        bytes.iter().for_each(|byte| {
            let _ = write!(text, "{byte:02x}"); // a string takes whatever it is given
        });
        Token(text)
    }

    /// The secret itself, for a URL or a cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether this is it. Takes as long for one that is nearly right as for any other of its length.
    pub(crate) fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_of_its_own_and_long() {
        let (one, other) = (Token::random().expect("randomness"), Token::random().expect("randomness"));
        assert_eq!(one.reveal().len(), 32);
        assert!(one.is(one.reveal()) && !one.is(other.reveal()) && !one.is(&one.reveal()[1..]) && !one.is(""));
        assert!(!format!("{one:?}").contains(one.reveal()));
        assert!(Token::chosen("my-token_1.2~").is_some());
        for bad in ["", "a b", "a;b", "a\"", "a/b", "密"] {
            assert!(Token::chosen(bad).is_none(), "{bad}");
        }
    }
}
