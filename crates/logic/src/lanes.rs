//! The lanes of a connection: each of its policies has one, of which there are several while releases differ in it.
//!
//! What belongs to a policy and outlives it, the evidence of its breaker for one, stays in its lane when another policy takes its
//! place.

/// The lane of each policy, after these lanes had these policies: its own if it had one, else that of a policy that goes, else one
/// that is free. No policy may stand twice in either.
pub fn assign<P: PartialEq>(before: &[(u32, P)], policies: &[P]) -> Vec<u32> {
    let own = |policy: &P| before.iter().find(|(_, known)| known == policy).map(|(lane, _)| *lane);
    let left = before.iter().filter(|(_, known)| !policies.contains(known)).map(|(lane, _)| *lane);
    let free = (0..).filter(|lane| before.iter().all(|(taken, _)| taken != lane));
    let mut next = left.chain(free);
    policies.iter().filter_map(|policy| own(policy).or_else(|| next.next())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Policies are letters, lanes are where they stand; `.` is a lane without one.
    fn assigned(before: &str, policies: &str) -> Vec<u32> {
        let before: Vec<_> = (0..).zip(before.chars()).filter(|(_, policy)| *policy != '.').collect();
        assign(&before, &Vec::from_iter(policies.chars()))
    }

    #[test]
    fn a_policy_stays_and_one_that_is_new_takes_the_place_of_one_that_goes() {
        for (what, before, policies, expected) in [
            ("the first one", "", "a", &[0][..]),
            ("nothing changes", "a", "a", &[0]),
            ("a change in place", "a", "b", &[0]),
            ("a second release comes", "a", "ab", &[0, 1]),
            ("whatever the order of the addresses", "a", "ba", &[1, 0]),
            ("the second one changes", "ab", "ac", &[0, 1]),
            ("it goes", "ab", "a", &[0]),
            ("it is promoted", "ab", "b", &[1]),
            ("a change in place after that", ".b", "c", &[1]),
            ("the next release", ".b", "bc", &[1, 0]),
            ("a third one, while the first still ends", "ab", "abc", &[0, 1, 2]),
            ("both change", "ab", "cd", &[0, 1]),
        ] {
            assert_eq!(assigned(before, policies), expected, "{what}");
        }
    }

    proptest! {
        #[test]
        fn no_two_share_a_lane_and_no_lane_is_left_out(states in prop::collection::vec(prop::collection::btree_set(0..6_u8, 1..5), 1..20)) {
            let mut before: Vec<(u32, u8)> = Vec::new();
            for policies in states {
                let policies = Vec::from_iter(policies);
                let lanes = assign(&before, &policies);
                prop_assert_eq!(lanes.len(), policies.len());
                prop_assert_eq!(BTreeSet::from_iter(&lanes).len(), lanes.len());
                prop_assert!(lanes.iter().all(|lane| *lane < 8), "they are used again");
                let after: Vec<_> = lanes.into_iter().zip(policies).collect();
                for (lane, policy) in &before {
                    let now = after.iter().find(|(_, other)| other == policy);
                    prop_assert!(now.is_none_or(|(now, _)| now == lane));
                }
                before = after;
            }
        }
    }
}
