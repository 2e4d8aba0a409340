//! Classes of bytes, and how far a run of one class goes.

/// May stand in a token (RFC 9110 section 5.6.2).
pub(crate) const TOKEN: u16 = 1;
/// May stand in a method: those registered have nothing but capital letters and `-`.
pub(crate) const METHOD: u16 = 2;
/// Visible, and may not stand in a request target: a fragment begins there, or no browser leaves it unencoded (RFC 3986
/// section 2, WHATWG URL section 1.3).
pub(crate) const NO_TARGET: u16 = 4;
/// In a path it may have to be decoded, resolved or refused.
pub(crate) const ODD_IN_PATH: u16 = 8;
/// Letters, digits and `-_`: may stand in a host name beside dots.
pub(crate) const NAME: u16 = 16;
/// May stand in a field value (RFC 9110 section 5.5): blanks, what is visible, and bytes that are not ASCII.
pub(crate) const TEXT: u16 = 32;
/// Visible, or not ASCII.
pub(crate) const VISIBLE: u16 = 64;
/// Begins the query of a target.
pub(crate) const QUERY: u16 = 128;
/// May stand in a token, and is no `_`, which some programs take for `-`.
const PLAIN: u16 = 256;

/// NUL is of no class.
static CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        table[byte as usize] = class(byte);
        byte -= 1;
    }
    table
}

const fn class(byte: u8) -> u16 {
    let is_symbol = matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    );
    let alphanumeric = byte.is_ascii_alphanumeric();
    let is_target = byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>');
    let is_visible = byte > b' ' && byte != 0x7F;
    let is_text = byte == b'\t' || (byte >= b' ' && byte != 0x7F);
    let classes = [
        (TOKEN, alphanumeric || is_symbol),
        (METHOD, byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_')),
        (NO_TARGET, is_visible && !is_target),
        (ODD_IN_PATH, matches!(byte, b'%' | b'\\' | b'`' | b'.')),
        (NAME, alphanumeric || matches!(byte, b'-' | b'_')),
        (TEXT, is_text),
        (VISIBLE, is_visible),
        (QUERY, byte == b'?'),
        (PLAIN, (alphanumeric || is_symbol) && byte != b'_'),
    ];
    let (mut class, mut index) = (0, 0);
    while index < classes.len() {
        if classes[index].1 {
            class |= classes[index].0;
        }
        index += 1;
    }
    class
}

/// The classes of a byte.
pub(crate) fn of(byte: u8) -> u16 {
    CLASSES[usize::from(byte)]
}

/// Whether a byte is of a class.
pub(crate) fn is(byte: u8, class: u16) -> bool {
    of(byte) & class != 0
}

/// A run of bytes of one class: where it ends, and all classes that were met in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) end: usize,
    pub(crate) met: u16,
}

/// The run that begins at `from`.
pub(crate) fn run(input: &[u8], from: usize, class: u16) -> Run {
    let mut met = 0;
    let mut end = from;
    for byte in input.get(from..).unwrap_or_default() {
        let found = of(*byte);
        if found & class == 0 {
            break;
        }
        met |= found;
        end += 1;
    }
    Run { end, met }
}

/// How many bytes at the beginning are a token, looked at four at a time, and whether a `_` is in it.
pub(crate) fn token(input: &[u8]) -> (usize, bool) {
    let fours = input.as_chunks::<4>().0;
    let is_mixed = |four: &[u8; 4]| four.iter().fold(PLAIN, |all, byte| all & of(*byte)) == 0;
    let whole = fours.iter().position(is_mixed).unwrap_or(fours.len());
    let plain = run(input, whole * 4, PLAIN).end;
    match input.get(plain) {
        Some(b'_') => (run(input, plain, TOKEN).end, true),
        _ => (plain, false),
    }
}

/// The number that digits make; `None` if there is anything else, or more than surely fits.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'));
    (1..=19).contains(&digits.len()).then_some(digits)?.iter().try_fold(0, add)
}

/// Eight times the same byte.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// How many bytes at the beginning are [`TEXT`], looked at eight at a time.
pub(crate) fn text(input: &[u8]) -> usize {
    let mut at = 0;
    for bytes in input.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*bytes);
        // The highest bit of each byte that is a control character; bytes above the first such one may be marked falsely.
        let below_blank = word.wrapping_sub(eight(b' ')) & !word;
        let unlike_delete = word ^ eight(0x7F);
        let delete = unlike_delete.wrapping_sub(eight(1)) & !unlike_delete;
        let marked = (below_blank | delete) & eight(0x80);
        if marked != 0 {
            at += marked.trailing_zeros() as usize / 8;
            break;
        }
        at += 8;
    }
    run(input, at, TEXT).end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_where_the_table_says() {
        for byte in 0..=u8::MAX {
            for (before, after) in [(0, 0), (3, 12), (7, 1), (8, 8), (13, 3), (0, 30)] {
                let mut input = vec![b'a'; before];
                input.push(byte);
                input.extend(vec![0xC3; after]);
                let expected = run(&input, 0, TEXT).end;
                assert_eq!(text(&input), expected, "{byte:#x} behind {before}, before {after}");
            }
        }
    }

    #[test]
    fn a_run_tells_what_it_met() {
        assert_eq!(run(b"GET /a?b c", 4, VISIBLE), Run { end: 8, met: of(b'/') | of(b'a') | of(b'?') | of(b'b') });
        assert_eq!(run(b"ab", 2, TOKEN), Run { end: 2, met: 0 });
        assert_eq!(run(b"ab", 3, TOKEN).end, 3);
        for (input, end, has) in
            [("a-b:", 3, false), ("_a:", 2, true), ("a__b c", 4, true), (":", 0, false), ("a_", 2, true)]
        {
            assert_eq!(token(input.as_bytes()), (end, has), "{input}");
        }
    }
}
