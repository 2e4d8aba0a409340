//! The HTTP/1.1 codec beside hyper and nginx: on any message it gives the same verdict or is stricter, and what both take they
//! understand alike: method, host, path, body, and where the next message begins.
//!
//! What goes on is given to them too, so that an upstream never reads it otherwise than we do.
//!
//! `PROPTEST_CASES` says how many connections are tried (a fortieth of them); `cargo xtask fuzz compare` sets it.

mod compare;
mod exceptions;
mod hyper;
mod messages;
mod nginx;
mod responses;

use std::cell::RefCell;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestCaseError, TestRunner},
};
use tests::codec;

use compare::{Heard, Peer};
use messages::Sent;

/// How many connections for each case that proptest is asked for: 256 unless it is told otherwise.
const CASES_FACTOR: u32 = 40;

#[test]
fn compared_with_hyper() {
    let mut hyper = hyper::Hyper::start();
    check(Peer::Hyper, |bytes| hyper.hear(bytes));
}

#[test]
fn compared_with_nginx() {
    let nginx = nginx::Nginx::start();
    check(Peer::Nginx, |bytes| nginx.hear(bytes));
}

/// The messages that the exceptions are about, each of which must still be one; then generated ones.
fn check(peer: Peer, hear: impl FnMut(&[u8]) -> Heard) {
    let hear = RefCell::new(hear);
    let judge_one = |bytes: &[u8]| compare::difference(bytes, &hear.borrow_mut()(bytes), peer);
    let judge = |bytes: &[u8]| judge_one(bytes).or_else(|| judge_one(&goes_on(bytes)));
    for exception in exceptions::of(peer) {
        let found = judge(exception.example.as_bytes());
        assert!(found.is_some_and(|found| exception.allows(&found)), "no exception any more: {}", exception.tell());
    }
    let cases = Config::default().cases * CASES_FACTOR;
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&messages::connection(), |Sent(bytes)| match judge(&bytes) {
        Some(found) if !exceptions::of(peer).any(|exception| exception.allows(&found)) => {
            Err(TestCaseError::fail(found.tell()))
        }
        _ => Ok(()),
    });
    result.unwrap_or_else(|error| panic!("{peer:?}: {error}"));
}

/// What an upstream gets of a connection.
fn goes_on(bytes: &[u8]) -> Vec<u8> {
    codec::read(&[bytes]).0.iter().flat_map(codec::send_on).collect()
}

/// Neither side may take nothing at all: then nothing would be compared.
#[test]
fn hyper_nginx_and_we_take_many_messages() {
    let (mut hyper, nginx) = (hyper::Hyper::start(), nginx::Nginx::start());
    let mut runner = TestRunner::deterministic();
    let mut taken = [0; 3];
    for _ in 0..300 {
        let Sent(bytes) = messages::connection().new_tree(&mut runner).expect("it always gives one").current();
        let counts =
            [codec::read(&[&bytes]).0.len(), hyper.hear(&bytes).requests.len(), nginx.hear(&bytes).requests.len()];
        taken.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    assert!(taken.iter().all(|count| *count > 50), "ours, hyper, nginx: {taken:?}");
}
