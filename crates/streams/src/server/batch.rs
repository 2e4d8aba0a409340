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
    to: Option<usize>,
    subject: usize,
    reply: Option<usize>,
    headers: usize,
    payload: usize,
}

impl Batch {
    /// Adds a message. Subject and reply must be subjects, the headers a header block or empty.
    pub fn push(&mut self, message: &Message<'_>) {
        self.add(None, message);
    }

    /// Adds a message for those who subscribe to another subject: they see the message's own.
    pub fn push_to(&mut self, to: &[u8], message: &Message<'_>) {
        self.add(Some(to), message);
    }

    /// Adds all messages of another batch, and takes them out of it.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else {
            self.bytes.append(&mut other.bytes);
            self.lengths.append(&mut other.lengths);
        }
    }

    fn add(&mut self, to: Option<&[u8]>, message: &Message<'_>) {
        let Message { subject, reply, headers, payload } = *message;
        for part in [to.unwrap_or_default(), subject, reply.unwrap_or_default(), headers, payload] {
            self.bytes.extend_from_slice(part);
        }
        let (to, reply) = (to.map(<[u8]>::len), reply.map(<[u8]>::len));
        let (subject, headers, payload) = (subject.len(), headers.len(), payload.len());
        self.lengths.push(Lengths { to, subject, reply, headers, payload });
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

    /// The messages, each with the subject whose subscribers get it.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Message<'_>)> {
        let mut rest = self.bytes.as_slice();
        self.lengths.iter().map(move |lengths| {
            let mut take = |length: usize| rest.split_off(..length).expect("the lengths are those of the parts");
            let to = lengths.to.map(&mut take);
            let (subject, reply) = (take(lengths.subject), lengths.reply.map(&mut take));
            let message = Message { subject, reply, headers: take(lengths.headers), payload: take(lengths.payload) };
            (to.unwrap_or(subject), message)
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
        let mut expected: Vec<_> = messages.iter().map(|message| (message.subject, *message)).collect();
        expected.push((b"inbox", messages[1]));
        for _ in 0..2 {
            let mut other = Batch::default();
            messages.iter().for_each(|message| other.push(message));
            batch.append(&mut other);
            other.push_to(b"inbox", &messages[1]);
            batch.append(&mut other);
            assert_eq!((batch.len(), batch.iter().collect::<Vec<_>>(), other.len()), (4, expected.clone(), 0));
            batch.clear();
            assert!(batch.is_empty());
        }
    }
}
