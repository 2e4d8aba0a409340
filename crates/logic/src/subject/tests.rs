//! Subjects by tables, and against what their definitions say by brute force.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn subjects_and_filters() {
    for (text, subject, filter) in [
        ("a", true, true),
        ("a.b.c", true, true),
        ("$JS.API.x-y_z", true, true),
        ("a*.>b", true, true),
        ("é.b", true, true),
        ("*", false, true),
        (">", false, true),
        ("a.*.c", false, true),
        ("a.>", false, true),
        ("a.>.c", false, false),
        ("", false, false),
        (".", false, false),
        (".a", false, false),
        ("a.", false, false),
        ("a..b", false, false),
        ("a b", false, false),
        ("a\tb", false, false),
        ("a\r", false, false),
        ("a\u{7f}", false, false),
    ] {
        assert_eq!((is_subject(text.as_bytes()), is_filter(text.as_bytes())), (subject, filter), "{text:?}");
    }
}

#[test]
fn filters_match_subjects() {
    for (filter, subject, expected) in [
        ("a.b", "a.b", true),
        ("a.b", "a.b.c", false),
        ("a.b.c", "a.b", false),
        ("a.*", "a.b", true),
        ("a.*", "a", false),
        ("a.*", "a.b.c", false),
        ("a.>", "a.b.c", true),
        ("a.>", "a", false),
        (">", "a", true),
        ("*.b", "a.b", true),
        ("a.*", "a.", false),
        (">", "a..b", false),
    ] {
        assert_eq!(matches(filter.as_bytes(), subject.as_bytes()), expected, "{filter} {subject}");
    }
}

#[test]
fn filters_lie_within_filters() {
    for (filter, of, subset, both) in [
        ("a", "a", true, true),
        ("a.b", "a.*", true, true),
        ("a.*", "a.b", false, true),
        ("a.*", "a.>", true, true),
        ("a.>", "a.*", false, true),
        ("a.>", "a.>", true, true),
        ("a.>", ">", true, true),
        (">", "*", false, true),
        ("*", ">", true, true),
        ("a.*.c", "a.>", true, true),
        ("a.b", "a.b.>", false, false),
        ("a.*", "b.*", false, false),
        ("*.b", "a.*", false, true),
    ] {
        let [filter, of] = [filter, of].map(str::as_bytes);
        assert_eq!((is_subset(filter, of), overlap(filter, of)), (subset, both), "{filter:?} {of:?}");
    }
}

#[test]
fn permissions() {
    let may = Permissions {
        publish: Rules::new(Some(&["orders.*", "$JS.API.>"]), &["$JS.API.STREAM.DELETE.*"]),
        subscribe: Rules::new(Some(&["_INBOX.me.>", "stock.>"]), &["stock.secret.*"]),
        ..Permissions::default()
    };
    for (subject, expected) in [
        ("orders.placed", true),
        ("orders.a.b", false),
        ("other", false),
        ("$JS.API.INFO", true),
        ("$JS.API.STREAM.DELETE.x", false),
    ] {
        assert_eq!(may.may_publish(subject.as_bytes()), expected, "{subject}");
        assert!(Permissions::default().may_publish(subject.as_bytes()));
    }
    for (filter, expected) in [
        ("_INBOX.me.*", SubscribeVerdict::Allowed),
        ("_INBOX.>", SubscribeVerdict::Denied),
        ("stock.low", SubscribeVerdict::Allowed),
        ("stock.>", SubscribeVerdict::InPart),
        ("stock.*.x", SubscribeVerdict::InPart),
        ("stock.secret.*", SubscribeVerdict::Denied),
        ("stock.secret.x", SubscribeVerdict::Denied),
        (">", SubscribeVerdict::Denied),
    ] {
        assert_eq!(may.may_subscribe(filter.as_bytes()), expected, "{filter}");
        assert_eq!(Permissions::default().may_subscribe(filter.as_bytes()), SubscribeVerdict::Allowed);
    }
    assert_eq!([&b"stock.secret.x"[..], b"stock.low"].map(|subject| may.may_receive(subject)), [false, true]);
}

/// Each member of a group is chosen, and in equal shares.
#[test]
fn a_group_shares_its_messages() {
    let mut list = Sublist::default();
    for (member, filter) in (0..8).zip(["a.b", "a.*", "a.>", ">"].into_iter().cycle()) {
        list.insert(filter.as_bytes(), Some(b"workers"), member);
    }
    let mut found = Found::default();
    list.find(b"a.b", &mut found);
    let groups: Vec<_> = found.groups().collect();
    assert_eq!(groups.len(), 1);
    let mut taken = BTreeMap::<i32, u32>::new();
    for random in 0..800 {
        let order: Vec<_> = list.order(groups[0], random).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..8).collect::<Vec<_>>());
        *taken.entry(order[0]).or_default() += 1;
    }
    assert_eq!(taken.into_values().collect::<Vec<_>>(), [100; 8]);
}

/// A subject of `a`, `b` and `c`, which no filter names.
fn all_subjects() -> Vec<String> {
    let mut all: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
    for _ in 0..3 {
        let longer: Vec<_> =
            all.iter().flat_map(|head| ["a", "b", "c"].map(|token| format!("{head}.{token}"))).collect();
        all.extend(longer);
    }
    all.sort();
    all.dedup();
    all
}

fn filter() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec!["a", "b", "*"]);
    (prop::collection::vec(token, 0..3), prop::sample::select(vec!["a", "b", "*", ">"]))
        .prop_map(|(tokens, last)| tokens.into_iter().chain([last]).collect::<Vec<_>>().join("."))
}

#[derive(Debug, Clone)]
enum Step {
    Insert(String, Option<&'static str>),
    Remove(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let queue = prop::option::of(prop::sample::select(vec!["q", "r"]));
    let insert = (filter(), queue).prop_map(|(filter, queue)| Step::Insert(filter, queue));
    let remove = any::<prop::sample::Index>().prop_map(Step::Remove);
    prop::collection::vec(prop_oneof![3 => insert, 2 => remove], 0..60)
}

type Naive = Vec<(String, Option<&'static str>, u32)>;

/// Who gets a message, as a walk over all subscriptions says: members, and groups with theirs.
fn naive(all: &Naive, subject: &str) -> (Vec<u32>, Vec<Vec<u32>>) {
    let hits = all.iter().filter(|(filter, ..)| matches(filter.as_bytes(), subject.as_bytes()));
    let mut by_queue = BTreeMap::<_, Vec<_>>::new();
    hits.for_each(|(_, queue, member)| by_queue.entry(*queue).or_default().push(*member));
    by_queue.values_mut().for_each(|members| members.sort_unstable());
    let members = by_queue.remove(&None).unwrap_or_default();
    let mut groups: Vec<_> = by_queue.into_values().collect();
    groups.sort_unstable();
    (members, groups)
}

fn sorted(list: &Sublist<u32>, found: &Found<u32>, random: u64) -> (Vec<u32>, Vec<Vec<u32>>) {
    let sort = |mut members: Vec<u32>| {
        members.sort_unstable();
        members
    };
    let mut groups: Vec<_> = found.groups().map(|group| sort(list.order(group, random).collect())).collect();
    groups.sort_unstable();
    (sort(found.members().to_vec()), groups)
}

proptest! {
    #[test]
    fn a_subset_is_what_its_subjects_say(one in filter(), other in filter()) {
        let of = |filter: &str| {
            let subjects = all_subjects().into_iter();
            subjects.filter(|subject| matches(filter.as_bytes(), subject.as_bytes())).collect::<Vec<_>>()
        };
        let (ones, others) = (of(&one), of(&other));
        prop_assert_eq!(is_subset(one.as_bytes(), other.as_bytes()), ones.iter().all(|subject| others.contains(subject)));
        prop_assert_eq!(overlap(one.as_bytes(), other.as_bytes()), ones.iter().any(|subject| others.contains(subject)));
    }

    #[test]
    fn the_tree_finds_what_a_walk_finds(steps in steps(), random in any::<u64>()) {
        let (mut list, mut all, mut found) = (Sublist::default(), Naive::new(), Found::default());
        for (number, step) in (0..).zip(steps) {
            list.find(b"a.b", &mut found);
            match step {
                Step::Insert(filter, queue) => {
                    list.insert(filter.as_bytes(), queue.map(str::as_bytes), number);
                    all.push((filter, queue, number));
                }
                Step::Remove(_) if all.is_empty() => continue,
                Step::Remove(index) => {
                    let (filter, queue, member) = all.swap_remove(index.index(all.len()));
                    prop_assert!(list.remove(filter.as_bytes(), queue.map(str::as_bytes), member));
                    prop_assert!(!list.remove(filter.as_bytes(), queue.map(str::as_bytes), member));
                }
            }
            prop_assert!(!list.is_current(&found));
        }
        prop_assert_eq!(list.len(), all.len());
        for subject in all_subjects() {
            list.find(subject.as_bytes(), &mut found);
            prop_assert!(list.is_current(&found));
            prop_assert_eq!(sorted(&list, &found, random), naive(&all, &subject), "{}", subject);
            for queue in [None, Some("q")] {
                let counts = |member: u32| !member.is_multiple_of(3);
                let mut hits = all.iter().filter(|(filter, ..)| matches(filter.as_bytes(), subject.as_bytes()));
                let expected = hits.any(|(_, of, member)| (queue.is_none() || *of == queue) && counts(*member));
                prop_assert_eq!(list.has_interest(subject.as_bytes(), queue.map(str::as_bytes), counts), expected);
            }
        }
        for (filter, queue, member) in all {
            list.remove(filter.as_bytes(), queue.map(str::as_bytes), member);
        }
        prop_assert_eq!((list.len(), list.nodes()), (0, 1));
    }

    #[test]
    fn nothing_panics(filter in "[a.*> ]{0,12}", subject in "[a.*> ]{0,12}") {
        let [filter, subject] = [filter.as_bytes(), subject.as_bytes()];
        let _ = (matches(filter, subject), is_subset(filter, subject), overlap(filter, subject));
        let (mut list, mut found) = (Sublist::default(), Found::default());
        list.insert(b">", None, 0);
        if is_filter(filter) {
            list.insert(filter, None, 1);
        }
        list.find(subject, &mut found);
        if is_subject(subject) {
            prop_assert!(found.members().contains(&0));
            prop_assert_eq!(found.members().contains(&1), is_filter(filter) && matches(filter, subject));
        }
    }
}
