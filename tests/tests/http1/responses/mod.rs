//! Responses: what an instance writes until it closes, read by ours, by a hyper client and by nginx. Ours gives the same verdict
//! or is stricter, and what both take they understand alike: status and body. The same for what goes on to the client.

mod exceptions;
mod hyper;
mod messages;
mod nginx;
mod ours;

use std::cell::RefCell;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestCaseError, TestRunner},
};

use crate::{CASES_FACTOR, compare::Peer, messages::Sent};

/// A response as it was understood, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Where ours is laxer, or understands something else.
struct Difference {
    ours: Answer,
    /// `None` for a refusal.
    theirs: Option<Answer>,
}

impl Difference {
    /// What it is, for a person.
    fn tell(&self) -> String {
        format!("we take {:?}, the other {:?}", self.ours, self.theirs)
    }
}

#[test]
fn responses_compared_with_hyper() {
    let hyper = hyper::Hyper::start();
    check(Peer::Hyper, |bytes, to_head| hyper.hear(bytes, to_head));
}

#[test]
fn responses_compared_with_nginx() {
    let nginx = nginx::Proxy::start();
    check(Peer::Nginx, |bytes, to_head| nginx.hear(bytes, to_head));
}

fn check(peer: Peer, hear: impl FnMut(&[u8], bool) -> Option<Answer>) {
    let hear = RefCell::new(hear);
    let judge_one = |bytes: &[u8], to_head: bool| {
        let ours = ours::read(bytes, to_head)?;
        let theirs = hear.borrow_mut()(bytes, to_head);
        (theirs.as_ref() != Some(&ours)).then_some(Difference { ours, theirs })
    };
    let judge = |bytes: &[u8], to_head: bool| {
        let goes_on = ours::goes_on(bytes, to_head);
        judge_one(bytes, to_head).or_else(|| goes_on.and_then(|bytes| judge_one(&bytes, to_head)))
    };
    for exception in exceptions::of(peer) {
        let found = judge(exception.example.as_bytes(), false);
        let is_allowed = found.is_some() && (exception.fits)(exception.example.as_bytes());
        assert!(is_allowed, "no exception any more: {}", exception.reason);
    }
    let cases = Config::default().cases * CASES_FACTOR;
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&messages::response(), |(Sent(bytes), to_head)| match judge(&bytes, to_head) {
        Some(found) if !exceptions::of(peer).any(|exception| (exception.fits)(&bytes)) => {
            Err(TestCaseError::fail(found.tell()))
        }
        _ => Ok(()),
    });
    result.unwrap_or_else(|error| panic!("{peer:?}: {error}"));
}

/// Neither side may take nothing at all: then nothing would be compared.
#[test]
fn many_responses_are_taken() {
    let (hyper, nginx) = (hyper::Hyper::start(), nginx::Proxy::start());
    let mut runner = TestRunner::deterministic();
    let mut taken = [0; 3];
    for _ in 0..300 {
        let (Sent(bytes), to_head) = messages::response().new_tree(&mut runner).expect("it always gives one").current();
        let answers = [ours::read(&bytes, to_head), hyper.hear(&bytes, to_head), nginx.hear(&bytes, to_head)];
        taken.iter_mut().zip(answers).for_each(|(sum, answer)| *sum += u32::from(answer.is_some()));
    }
    assert!(taken.iter().all(|count| *count > 50), "ours, hyper, nginx: {taken:?}");
}
