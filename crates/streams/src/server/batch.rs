//! Messages in one piece of memory.

use super::Message;

/// Messages to publish, in their order. Adding one to a batch that has been used before allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    lengths: Vec<Lengths>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lengths {
    subject: usize,
    reply: Option<usize>,
    headers: usize,
    payload: usize,
}

impl Batch {
    /// Adds a message. Subject and reply must be subjects, the headers a header block or empty.
    pub fn push(&mut self, message: &Message<'_>) {
        let Message { subject, reply, headers, payload } = *message;
        for part in [subject, reply.unwrap_or_default(), headers, payload] {
            self.bytes.extend_from_slice(part);
        }
        let reply = reply.map(<[u8]>::len);
        self.lengths.push(Lengths { subject: subject.len(), reply, headers: headers.len(), payload: payload.len() });
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Takes all messages out, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }

    /// The messages.
    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        let mut rest = self.bytes.as_slice();
        self.lengths.iter().map(move |lengths| {
            let mut take = |length: usize| rest.split_off(..length).expect("the lengths are those of the parts");
            let (subject, reply) = (take(lengths.subject), lengths.reply.map(&mut take));
            Message { subject, reply, headers: take(lengths.headers), payload: take(lengths.payload) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let messages = [
            Message { subject: b"a", reply: None, headers: b"", payload: b"" },
            Message { subject: b"b.c", reply: Some(b"r"), headers: b"NATS/1.0\r\n\r\n", payload: b"xyz" },
            Message { subject: b"d", reply: Some(b"s"), headers: b"", payload: b"1" },
        ];
        let mut batch = Batch::default();
        for _ in 0..2 {
            messages.iter().for_each(|message| batch.push(message));
            assert_eq!((batch.len(), batch.iter().collect::<Vec<_>>()), (3, messages.to_vec()));
            batch.clear();
            assert!(batch.is_empty());
        }
    }
}
