//! The reply subject of a delivered message, which tells what was delivered and takes the acknowledgement.

use std::fmt;

/// A delivery, as its reply subject tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The consumer.
    pub consumer: &'a str,
    /// How often the message was delivered, this time included.
    pub delivered: u64,
    /// The message's sequence in the stream.
    pub stream_seq: u64,
    /// The delivery's sequence in the consumer.
    pub consumer_seq: u64,
    /// When the message was stored, in nanoseconds since 1970.
    pub time_ns: u64,
    /// How many messages wait for the consumer after this one.
    pub pending: u64,
}

/// Whose stream it is; only the second form of the subject tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The domain; `_` in the subject where there is none.
    pub domain: Option<&'a str>,
    /// A token for the account.
    pub account: &'a str,
}

/// The subject, in its second form where an owner is given: a `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckSubject<'a> {
    /// Whose stream it is.
    pub owner: Option<Owner<'a>>,
    /// What was delivered.
    pub delivery: Delivery<'a>,
}

/// How many tokens the forms have; the second one may have more.
const TOKENS: [usize; 2] = [9, 11];

impl<'a> AckSubject<'a> {
    /// Reads a subject; `None` for what is none.
    pub fn parse(subject: &'a str) -> Option<Self> {
        let tokens: Vec<_> = subject.strip_prefix("$JS.ACK.")?.split('.').collect();
        let (owner, rest) = match tokens.len() + 2 {
            count if count == TOKENS[0] => (None, &tokens[..]),
            count if count >= TOKENS[1] => {
                let domain = Some(tokens[0]).filter(|domain| *domain != "_");
                (Some(Owner { domain, account: tokens[1] }), &tokens[2..])
            }
            _ => return None,
        };
        let &[stream, consumer, delivered, stream_seq, consumer_seq, time, pending, ..] = rest else { return None };
        let delivery = Delivery {
            stream,
            consumer,
            delivered: number(delivered)?,
            stream_seq: number(stream_seq)?,
            consumer_seq: number(consumer_seq)?,
            time_ns: number(time)?,
            pending: number(pending)?,
        };
        Some(Self { owner, delivery })
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(token: &str) -> Option<u64> {
    token.bytes().all(|byte| byte.is_ascii_digit()).then(|| token.parse().ok())?
}

impl fmt::Display for AckSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$JS.ACK.")?;
        if let Some(owner) = self.owner {
            write!(f, "{}.{}.", owner.domain.unwrap_or("_"), owner.account)?;
        }
        let Delivery { stream, consumer, delivered, stream_seq, consumer_seq, time_ns, pending } = self.delivery;
        write!(f, "{stream}.{consumer}.{delivered}.{stream_seq}.{consumer_seq}.{time_ns}.{pending}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELIVERY: Delivery<'_> = Delivery {
        stream: "orders",
        consumer: "mailer",
        delivered: 2,
        stream_seq: 30,
        consumer_seq: 4,
        time_ns: 1_767_323_045_000_000_007,
        pending: 5,
    };

    #[test]
    fn both_forms() {
        let rest = "orders.mailer.2.30.4.1767323045000000007.5";
        for (owner, subject) in [
            (None, format!("$JS.ACK.{rest}")),
            (Some(Owner { domain: None, account: "A1" }), format!("$JS.ACK._.A1.{rest}")),
            (Some(Owner { domain: Some("hub"), account: "A1" }), format!("$JS.ACK.hub.A1.{rest}")),
        ] {
            let parsed = AckSubject { owner, delivery: DELIVERY };
            assert_eq!(parsed.to_string(), subject);
            assert_eq!(AckSubject::parse(&subject), Some(parsed), "{subject}");
        }
        let longer = format!("$JS.ACK._.A1.{rest}.token.more");
        assert_eq!(AckSubject::parse(&longer).map(|parsed| parsed.delivery), Some(DELIVERY));
    }

    #[test]
    fn what_is_none() {
        for subject in [
            "",
            "$JS.ACK",
            "$JS.ACK.s.c.1.2.3.4",
            "$JS.ACK.s.c.1.2.3.4.5.6",
            "$JS.ACK.s.c.1.2.3.4.x",
            "$JS.ACK.s.c.+1.2.3.4.5",
            "$JS.ACK.s.c..2.3.4.5",
            "$JS.ACK.s.c.18446744073709551616.2.3.4.5",
            "$JS.API.s.c.1.2.3.4.5",
        ] {
            assert_eq!(AckSubject::parse(subject), None, "{subject}");
        }
    }

    proptest! {
        #[test]
        fn a_subject_is_read_as_it_was_written(
            names in prop::array::uniform4("[A-Za-z0-9_=-]{1,12}"), numbers: [u64; 5], has_owner: bool,
        ) {
            let [stream, consumer, domain, account] = &names;
            let [delivered, stream_seq, consumer_seq, time_ns, pending] = numbers;
            let owner = Owner { domain: Some(domain.as_str()).filter(|domain| *domain != "_"), account };
            let delivery = Delivery { stream, consumer, delivered, stream_seq, consumer_seq, time_ns, pending };
            let subject = AckSubject { owner: has_owner.then_some(owner), delivery };
            let written = subject.to_string();
            prop_assert_eq!(AckSubject::parse(&written), Some(subject));
        }
    }
}
