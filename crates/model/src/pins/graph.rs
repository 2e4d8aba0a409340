//! Which unchanged services need a second set of instances, so that a request stays on the release that it entered on.
//!
//! The mesh knows the release of a call by the calling instance. So every service that a request may pass on its way from
//! one changed service to another, or back to the same one, must have instances of its own in the release; all others are
//! shared by both. Then no path that has left the release comes back into it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Gather;

/// Who calls whom. A caller of changed services that must not mix their releases in one request, the gateway for one, is a
/// node like any other, and counts as changed.
pub(super) type Calls<N> = BTreeMap<N, BTreeSet<N>>;

/// The unchanged services that lie on a path of calls between two changed ones.
pub(super) fn second_sets<N: Ord + Clone>(calls: &Calls<N>, changed: &BTreeSet<N>) -> BTreeSet<N> {
    let called = reached(calls, changed);
    let callers = reached(&turned(calls), changed);
    called.intersection(&callers).filter(|node| !changed.contains(*node)).cloned().gather()
}

/// A path that leaves the release and comes back into it: from one of its services over others to one of its services.
pub(super) fn reentry<N: Ord + Clone>(calls: &Calls<N>, release: &BTreeSet<N>) -> Option<Vec<N>> {
    let mut paths: Vec<Vec<N>> = release.iter().map(|node| vec![node.clone()]).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        for callee in path.last().and_then(|last| calls.get(last)).into_iter().flatten() {
            let longer = || path.iter().chain([callee]).cloned().collect();
            if release.contains(callee) {
                if path.len() > 1 {
                    return Some(longer());
                }
            } else if seen.insert(callee) {
                paths.push(longer());
            }
        }
    }
    None
}

/// All that one comes to by one call or more.
fn reached<N: Ord + Clone>(calls: &Calls<N>, from: &BTreeSet<N>) -> BTreeSet<N> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&N> = from.iter().collect();
    while let Some(node) = next.pop() {
        next.extend(calls.get(node).into_iter().flatten().filter(|callee| reached.insert((*callee).clone())));
    }
    reached
}

fn turned<N: Ord + Clone>(calls: &Calls<N>) -> Calls<N> {
    let mut turned = Calls::new();
    for (caller, callees) in calls {
        for callee in callees {
            turned.entry(callee.clone()).or_insert_with(BTreeSet::new).insert(caller.clone());
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(text: &str) -> Calls<char> {
        let mut calls = Calls::new();
        for pair in text.split_whitespace() {
            let (caller, callee) = pair.split_once('>').expect("caller>callee");
            let one = |name: &str| name.chars().next().expect("a name");
            calls.entry(one(caller)).or_insert_with(BTreeSet::new).insert(one(callee));
        }
        calls
    }

    #[test]
    fn between_two_changed_ones() {
        for (graph, changed, expected) in [
            ("", "", ""),
            ("a>c c>b", "ab", "c"),
            ("a>c c>b", "a", ""),
            ("a>c c>b", "b", ""),
            ("a>b a>c", "ab", ""),
            ("a>c c>d d>b x>c d>y", "ab", "cd"),
            ("a>c c>a", "a", "c"),
            ("a>a", "a", ""),
            ("a>c b>c", "ab", ""),
            ("g>a a>b a>c", "gbc", "a"),
        ] {
            let found: String = second_sets(&calls(graph), &changed.chars().collect()).into_iter().collect();
            assert_eq!(found, expected, "{graph} with {changed}");
        }
    }

    #[test]
    fn reentries() {
        for (graph, release, expected) in [
            ("a>c c>b", "ab", Some("acb")),
            ("a>c c>b", "abc", None),
            ("a>c c>d d>a", "a", Some("acda")),
            ("a>b b>a a>a", "ab", None),
            ("x>a a>y", "a", None),
        ] {
            let found = reentry(&calls(graph), &release.chars().collect());
            assert_eq!(found.map(String::from_iter).as_deref(), expected, "{graph} with {release}");
        }
    }

    const NODES: u8 = 7;

    /// Whether a path leads from one to the other over some of the nodes, each at most once: all are tried.
    fn leads(calls: &Calls<u8>, from: u8, to: u8, over: &BTreeSet<u8>) -> bool {
        calls.get(&from).into_iter().flatten().any(|callee| {
            let mut rest = over.clone();
            *callee == to || (rest.remove(callee) && leads(calls, *callee, to, &rest))
        })
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_release_and_comes_back(
            pairs in prop::collection::vec((0..NODES, 0..NODES), 0..16),
            changed in prop::collection::btree_set(0..NODES, 0..4),
        ) {
            let mut calls = Calls::new();
            for (caller, callee) in pairs {
                calls.entry(caller).or_insert_with(BTreeSet::new).insert(callee);
            }
            let all: BTreeSet<u8> = (0..NODES).collect();
            let added = second_sets(&calls, &changed);
            let release: BTreeSet<u8> = changed.union(&added).copied().collect();
            prop_assert_eq!(reentry(&calls, &release), None);
            let outside: BTreeSet<u8> = all.difference(&release).copied().collect();
            for node in &outside {
                let comes = |to: &u8| leads(&calls, *node, *to, &outside);
                let leaves = |from: &u8| leads(&calls, *from, *node, &outside);
                prop_assert!(!(release.iter().any(comes) && release.iter().any(leaves)), "over {}", node);
            }
            for node in all.difference(&changed) {
                let is_between = changed.iter().any(|from| leads(&calls, *from, *node, &all))
                    && changed.iter().any(|to| leads(&calls, *node, *to, &all));
                prop_assert_eq!(added.contains(node), is_between, "{} is needed, or is not", node);
                let lacking: BTreeSet<u8> = release.iter().copied().filter(|other| other != node).collect();
                prop_assert!(!added.contains(node) || reentry(&calls, &lacking).is_some(), "it could do without {}", node);
            }
        }
    }
}
