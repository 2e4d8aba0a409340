//! Subjects and their patterns: `orders.*.placed`, `orders.>`.

use crate::subject;

/// Whether a text is a subject, wildcards allowed: tokens between dots, none empty, `>` only as the last.
pub(crate) fn is_valid(subject: &str) -> bool {
    let mut rest = false;
    subject.split('.').all(|token| {
        let fits = !rest && !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c == '\0');
        rest = token == ">";
        fits
    })
}

/// Whether a subject names itself only.
pub(crate) fn is_literal(subject: &str) -> bool {
    !subject.split('.').any(|token| token == "*" || token == ">")
}

/// Whether everything that `narrow` matches is matched by `wide`. A literal subject matches itself.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    subject::is_subset(narrow.as_bytes(), wide.as_bytes())
}

/// Whether some subject is matched by both.
pub(crate) fn overlap(a: &str, b: &str) -> bool {
    subject::overlap(a.as_bytes(), b.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity() {
        for (subject, valid, literal) in [
            ("a", true, true),
            ("a.b-c.$d", true, true),
            ("a.*", true, false),
            ("*.b", true, false),
            (">", true, false),
            ("a.>", true, false),
            ("a*.b>", true, true),
            ("", false, true),
            ("a.", false, true),
            (".a", false, true),
            ("a..b", false, true),
            ("a.>.b", false, false),
            ("a b", false, true),
            ("a\t", false, true),
        ] {
            assert_eq!((is_valid(subject), is_literal(subject)), (valid, literal), "{subject}");
        }
    }

    #[test]
    fn patterns() {
        for (a, b, a_covers, b_covers, overlaps) in [
            ("a.b", "a.b", true, true, true),
            ("a.*", "a.b", true, false, true),
            ("a.>", "a.b.c", true, false, true),
            ("a.>", "a", false, false, false),
            ("a.*", "a.>", false, true, true),
            ("a.*.c", "*.b.c", false, false, true),
            ("a.*", "*.b.c", false, false, false),
            (">", "*", true, false, true),
            ("a.b", "a.c", false, false, false),
            ("a.b", "a", false, false, false),
        ] {
            assert_eq!((covers(a, b), covers(b, a)), (a_covers, b_covers), "{a} {b}");
            assert_eq!((overlap(a, b), overlap(b, a)), (overlaps, overlaps), "{a} {b}");
        }
    }
}
