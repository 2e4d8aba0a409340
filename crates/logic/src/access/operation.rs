//! What is asked for by a message.

/// What a client asks for by publishing a message. Names are those of streams and consumers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A message for whoever gets it: the subject.
    Publish(&'a str),
    /// What the account has.
    AccountInfo,
    /// Which streams there are for this subject; for any if it is empty.
    FindStreams(&'a str),
    /// What is known of a stream.
    StreamInfo(&'a str),
    /// A stream that is made, changed or deleted: nothing happens if it is as is asked for, and all else is refused with the reason.
    StreamAsIs(&'a str),
    /// A stream without messages.
    Purge(&'a str),
    /// A message of a stream.
    MessageGet(&'a str),
    /// A stream without a message.
    MessageDelete(&'a str),
    /// A consumer, or a change of one.
    ConsumerCreate(ConsumerWish<'a>),
    /// A consumer's messages, its state, its pause, its end, or an acknowledgement.
    ConsumerUse {
        /// Of which stream.
        stream: &'a str,
        /// Which one.
        consumer: &'a str,
    },
    /// The consumers of a stream.
    ConsumerList(&'a str),
}

/// A consumer that somebody wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerWish<'a> {
    /// Of which stream.
    pub stream: &'a str,
    /// Its name; the server chooses one if it is empty.
    pub name: &'a str,
    /// It stays when nobody uses it.
    pub durable: bool,
    /// The subjects that it wants; all if there are none.
    pub filters: Vec<&'a str>,
    /// Where its messages are pushed to.
    pub deliver: Option<&'a str>,
}
