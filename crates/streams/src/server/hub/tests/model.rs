//! Random conversations beside a model that walks over all subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use logic::subject::matches;
use proptest::prelude::*;

use super::rig::{PLAIN, Rig};
use crate::server::Config;

#[derive(Debug, Clone)]
enum Step {
    Subscribe { filter: &'static str, queue: Option<&'static str>, sid: u8 },
    Unsubscribe { sid: u8, max: Option<u64> },
    Publish { subject: &'static str, payload: usize },
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    let filter = prop::sample::select(vec!["a", "a.b", "a.*", "*.b", "a.>", ">"]);
    let queue = prop::option::weighted(0.3, prop::sample::select(vec!["q", "r"]));
    let subscribe = (filter, queue, 0_u8..4).prop_map(|(filter, queue, sid)| Step::Subscribe { filter, queue, sid });
    let unsubscribe = (0_u8..4, prop::option::of(1_u64..4)).prop_map(|(sid, max)| Step::Unsubscribe { sid, max });
    let subject = prop::sample::select(vec!["a", "b", "a.b", "c.b", "a.b.c"]);
    let payload = prop::sample::select(vec![0, 1, 20, 9000, 40_000]);
    let publish = (subject, payload).prop_map(|(subject, payload)| Step::Publish { subject, payload });
    prop_oneof![4 => subscribe, 2 => unsubscribe, 8 => publish, 1 => Just(Step::Leave)]
}

#[derive(Debug, Clone)]
struct Known {
    filter: &'static str,
    queue: Option<&'static str>,
    delivered: u64,
    max: Option<u64>,
}

/// The subscriptions by client and id.
#[derive(Default)]
struct Model(BTreeMap<(usize, u8), Known>);

impl Model {
    fn unsubscribe(&mut self, client: usize, sid: u8, max: Option<u64>) {
        let Some(known) = self.0.get_mut(&(client, sid)) else { return };
        match max.filter(|max| *max > known.delivered) {
            Some(_) => known.max = max,
            None => drop(self.0.remove(&(client, sid))),
        }
    }

    /// Checks who got a message, and counts it.
    fn delivered(&mut self, subject: &str, got: &[(usize, u8)]) -> Result<(), TestCaseError> {
        let mut expected = BTreeSet::new();
        let mut groups = BTreeMap::<_, BTreeSet<_>>::new();
        for (key, known) in &self.0 {
            if matches(known.filter.as_bytes(), subject.as_bytes()) {
                match known.queue {
                    None => drop(expected.insert(*key)),
                    Some(queue) => drop(groups.entry(queue).or_default().insert(*key)),
                }
            }
        }
        let unique: BTreeSet<_> = got.iter().copied().collect();
        prop_assert_eq!(unique.len(), got.len(), "somebody got it twice");
        prop_assert_eq!(got.len(), expected.len() + groups.len());
        prop_assert!(expected.is_subset(&unique));
        prop_assert!(groups.values().all(|group| group.intersection(&unique).count() == 1));
        for key in got {
            let known = self.0.get_mut(key).expect("it was expected");
            known.delivered += 1;
            if known.max == Some(known.delivered) {
                self.0.remove(key);
            }
        }
        Ok(())
    }
}

/// The ids of the subscriptions for which this was delivered, with nothing else said.
fn read(heard: &str, subject: &str, payload: &str) -> Result<Vec<u8>, TestCaseError> {
    let (mut rest, mut sids) = (heard, Vec::new());
    while !rest.is_empty() {
        let sid = rest.strip_prefix(&format!("MSG {subject} ")).and_then(|rest| rest.bytes().next());
        let sid = sid.ok_or_else(|| TestCaseError::fail(format!("no message: {rest:.80?}")))?;
        let whole = format!("MSG {subject} {} {}\r\n{payload}\r\n", char::from(sid), payload.len());
        let Some(left) = rest.strip_prefix(&whole) else { return Err(TestCaseError::fail("another message")) };
        sids.push(sid - b'0');
        rest = left;
    }
    Ok(sids)
}

const CLIENTS: usize = 3;

proptest! {
    #[test]
    fn a_message_reaches_whom_a_walk_finds(
        steps in prop::collection::vec((0..CLIENTS, step()), 0..60),
        piece in prop::sample::select(vec![1_usize, 7, 1000, 100_000]),
    ) {
        let (mut rig, mut model) = (Rig::new(Config::default()), Model::default());
        let mut keys = [PLAIN; CLIENTS].map(|says| rig.client(says));
        for (client, step) in steps {
            let says = match &step {
                Step::Subscribe { filter, queue, sid } => format!("SUB {filter} {} {sid}\r\n", queue.unwrap_or("")),
                Step::Unsubscribe { sid, max } => format!("UNSUB {sid} {}\r\n", max.map_or(String::new(), |max| max.to_string())),
                Step::Publish { subject, payload } => format!("PUB {subject} {payload}\r\n{}\r\n", "x".repeat(*payload)),
                Step::Leave => String::new(),
            };
            let piece = if says.len() > 1000 { piece.max(1000) } else { piece };
            says.as_bytes().chunks(piece).for_each(|piece| rig.say(keys[client], piece));
            match step {
                Step::Subscribe { filter, queue, sid } => {
                    let known = Known { filter, queue, delivered: 0, max: None };
                    model.0.entry((client, sid)).or_insert(known);
                }
                Step::Unsubscribe { sid, max } => model.unsubscribe(client, sid, max),
                Step::Publish { subject, payload } => {
                    let mut got = Vec::new();
                    for (client, key) in keys.iter().enumerate() {
                        let heard = rig.hear(*key);
                        got.extend(read(&heard, subject, &"x".repeat(payload))?.into_iter().map(|sid| (client, sid)));
                    }
                    model.delivered(subject, &got)?;
                }
                Step::Leave => {
                    rig.leave(keys[client]);
                    model.0.retain(|(owner, _), _| *owner != client);
                    keys[client] = rig.client(PLAIN);
                }
            }
            prop_assert_eq!(rig.hub.report().subscriptions, model.0.len());
        }
        keys.into_iter().for_each(|key| rig.leave(key));
        prop_assert_eq!((rig.hub.report().subscriptions, rig.hub.report().nodes), (0, 1));
    }
}
