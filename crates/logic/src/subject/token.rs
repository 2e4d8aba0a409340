//! Tokens, and which texts are subjects and filters.

/// Stands for any one token.
pub(super) const ANY: &[u8] = b"*";
/// Stands for all tokens that follow, at least one.
pub(super) const REST: &[u8] = b">";

/// The tokens of a subject or filter.
pub(super) fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|byte| *byte == b'.')
}

/// Whether a message may be published there: tokens, none of them empty, a wildcard or with a blank in it.
pub fn is_subject(text: &[u8]) -> bool {
    tokens(text).all(|token| is_token(token) && token != ANY && token != REST)
}

/// Whether one may subscribe to that: as a subject, and each `*` is a whole token, `>` the last one.
pub fn is_filter(text: &[u8]) -> bool {
    let mut tokens = tokens(text).peekable();
    while let Some(token) = tokens.next() {
        if !is_token(token) || (token == REST && tokens.peek().is_some()) {
            return false;
        }
    }
    true
}

fn is_token(token: &[u8]) -> bool {
    !token.is_empty() && token.iter().all(|byte| *byte > b' ' && *byte != 0x7F)
}

/// Whether no token is empty; then the text can match something.
pub(super) fn has_no_empty_token(text: &[u8]) -> bool {
    let mut previous = b'.';
    for byte in text {
        if *byte == b'.' && previous == b'.' {
            return false;
        }
        previous = *byte;
    }
    previous != b'.'
}
