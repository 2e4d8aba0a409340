//! `traceparent`: which trace a request belongs to (W3C Trace Context, version 00).

/// The bytes of a value of version 00.
pub const LENGTH: usize = 55;

/// Whether a value may go on: well-formed, of a version that is known or later, and neither id is zero.
pub fn is_valid(value: &[u8]) -> bool {
    let is_hex = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == b'0');
    let Some((known, more)) = value.split_at_checked(LENGTH) else { return false };
    let (version, trace, parent, flags) = (&known[..2], &known[3..35], &known[36..52], &known[53..]);
    let dashes = [known[2], known[35], known[52]] == *b"---";
    let ends = if version == b"00" { more.is_empty() } else { more.is_empty() || more[0] == b'-' };
    dashes
        && ends
        && version != b"ff"
        && [version, trace, parent, flags].into_iter().all(is_hex)
        && !is_zero(trace)
        && !is_zero(parent)
}

/// A trace that begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    parent: u64,
}

impl Trace {
    /// A trace of these ids. Zero, which stands for none, becomes one.
    pub fn begin(id: u128, parent: u64) -> Self {
        Self { id: id.max(1), parent: parent.max(1) }
    }

    /// What the field says. It is marked as sampled, which is what a program that begins one itself does by default.
    pub fn value(self) -> [u8; LENGTH] {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-01";
        write_hex(&self.id.to_be_bytes(), &mut value[3..35]);
        write_hex(&self.parent.to_be_bytes(), &mut value[36..52]);
        value
    }
}

/// The two digits of each byte.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[b'0'; 2]; 256];
    let mut byte = 255;
    while byte > 0 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte -= 1;
    }
    table
};

fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    for (byte, digits) in bytes.iter().zip(digits.as_chunks_mut::<2>().0) {
        *digits = HEX[usize::from(*byte)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (value, valid) in [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false),
            ("", false),
        ] {
            assert_eq!(is_valid(value.as_bytes()), valid, "{value}");
        }
    }

    #[test]
    fn a_new_one_is_valid() {
        let trace = Trace::begin(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
        assert_eq!(&trace.value(), b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        for (id, parent) in [(0, 0), (u128::MAX, u64::MAX)] {
            assert!(is_valid(&Trace::begin(id, parent).value()));
        }
    }
}
