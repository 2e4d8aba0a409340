//! Header blocks that the engine changes.

use wire::nats::{HeaderBlock, write_field, write_headers_end, write_status};

/// A header block without the fields whose names begin so, and with others at its end.
pub(super) fn rewritten(headers: &[u8], without: &[&str], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    write_status(None, &mut block);
    if let Ok(old) = HeaderBlock::parse(headers) {
        let kept = old.fields().filter(|(name, _)| !without.iter().any(|prefix| begins(name, prefix)));
        kept.for_each(|(name, value)| write_field(name, value.as_bytes(), &mut block));
    }
    fields.iter().for_each(|(name, value)| write_field(name, value.as_bytes(), &mut block));
    write_headers_end(&mut block);
    block
}

fn begins(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        for (headers, expected) in [
            ("", "NATS/1.0\r\nA: b\r\n\r\n"),
            ("NATS/1.0\r\nC: d\r\nnats-ttl: 1\r\nNats-TTL-x: 2\r\n\r\n", "NATS/1.0\r\nC: d\r\nA: b\r\n\r\n"),
        ] {
            let block = rewritten(headers.as_bytes(), &["Nats-TTL"], &[("A", "b")]);
            assert_eq!(String::from_utf8(block).unwrap(), expected);
        }
    }
}
