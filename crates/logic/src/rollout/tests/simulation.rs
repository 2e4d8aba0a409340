//! Thousands of rollouts in a world that goes wrong.

use super::{
    world::{Fate, Trouble, World},
    *,
};

const SEEDS: u64 = 150;

fn any_plan(rng: &mut fastrand::Rng) -> Plan {
    let strategy = match rng.u8(..4) {
        0 | 1 => Strategy::Rolling,
        2 => blue_green(Wait::For(seconds(rng.u64(..30)))),
        _ => canary(&[1, 500, 5_000], rng.bool().then_some(Scarce::Wait)),
    };
    let (first, second) = (rng.u32(1..6), rng.u32(1..6));
    let mut plan = plan(strategy, &[("web", first, rng.u32(1..6)), ("api", second, second)]);
    let (max_surge, max_unavailable) = [(1, 0), (0, 1), (2, 1), (5, 0), (0, 3)][rng.usize(..5)];
    plan.targets.iter_mut().for_each(|t| t.terms = Terms { max_surge, max_unavailable, ..t.terms.clone() });
    match rng.u8(..4) {
        0 => plan.targets = vec![target("added", 0, rng.u32(1..4))],
        1 => plan.targets.extend([target("added", 0, 2), target("removed", 2, 0), target("idle", 0, 0)]),
        _ => {}
    }
    if !matches!(plan.strategy, Strategy::Rolling) && rng.bool() {
        plan.targets.iter_mut().for_each(|t| t.waves = Waves { old: rng.u32(..3), new: rng.u32(..3) });
    }
    let migration = Migration { hold: rng.bool(), deadline: seconds(60) };
    plan.migration = rng.bool().then_some(migration);
    plan
}

/// A rollback: all at once, and one way.
fn one_way(plan: &mut Plan) {
    plan.strategy = Strategy::BlueGreen { preview: Wait::For(seconds(0)), keep: seconds(0) };
    (plan.migration, plan.one_way) = (None, true);
}

fn noise(rng: &mut fastrand::Rng) -> Trouble {
    Trouble {
        lost: rng.u8(..40),
        twice: rng.u8(..40),
        crashes: rng.u8(..10),
        verdict: Some(Verdict::Same),
        old_fail: rng.bool(),
        ..Trouble::default()
    }
}

/// Runs rollouts under many seeds; the change makes of noise what shall decide about the end.
fn check(change: impl Fn(&mut fastrand::Rng, &mut Plan, &mut Trouble), expected: impl Fn(&Outcome) -> bool) {
    for seed in 0..SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut plan = any_plan(&mut rng);
        let mut trouble = noise(&mut rng);
        change(&mut rng, &mut plan, &mut trouble);
        let case = format!("seed {seed}: {plan:?} {trouble:?}");
        let told = Told(case);
        let mut world = World::new(plan, trouble, seed);
        world.run();
        let outcome = world.finished.clone().expect("an end");
        assert!(expected(&outcome), "{outcome:?}");
        assert!(world.migrations <= 1);
        world.check_end();
        std::mem::forget(told);
    }
}

/// Tells the case when a test fails.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("{}", self.0);
    }
}

fn is_whole(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::RolledBack { whole: true, .. })
}

#[test]
fn a_good_release_is_promoted_whatever_happens_to_the_messages() {
    check(|_, _, _| {}, |outcome| *outcome == Outcome::Promoted);
}

#[test]
fn a_bad_release_goes_back_whole_whatever_happens_to_the_messages() {
    let change = |rng: &mut fastrand::Rng, plan: &mut Plan, trouble: &mut Trouble| {
        let fate = [Fate::NeverHealthy, Fate::EndsEarly, Fate::EndsSoon][rng.usize(..3)];
        let last = plan.targets.iter().map(|target| target.new).max().unwrap_or(1) as usize;
        trouble.fates = vec![Fate::Well; rng.usize(..last)];
        trouble.fates.push(fate);
    };
    check(change, is_whole);
}

#[test]
fn what_ends_when_there_is_no_way_back_takes_nothing_back() {
    let change = |rng: &mut fastrand::Rng, _: &mut Plan, trouble: &mut Trouble| {
        trouble.fates = vec![Fate::EndsLate; rng.usize(1..6)];
    };
    check(change, |outcome| *outcome == Outcome::Promoted);
}

#[test]
fn a_worse_release_goes_back_whole() {
    let change = |_: &mut fastrand::Rng, plan: &mut Plan, trouble: &mut Trouble| {
        plan.strategy = canary(&[1, 5_000], Some(Scarce::Promote));
        trouble.verdict = Some(Verdict::Worse);
    };
    check(change, is_whole);
}

#[test]
fn a_failed_migration_starts_nothing() {
    let change = |_: &mut fastrand::Rng, plan: &mut Plan, trouble: &mut Trouble| {
        plan.migration = Some(Migration { hold: true, deadline: seconds(60) });
        trouble.migration_fails = true;
    };
    check(change, is_whole);
}

#[test]
fn a_rollback_comes_through_though_its_instances_end_at_first() {
    let change = |rng: &mut fastrand::Rng, plan: &mut Plan, trouble: &mut Trouble| {
        one_way(plan);
        trouble.fates = vec![[Fate::EndsEarly, Fate::EndsSoon][rng.usize(..2)]; rng.usize(..5)];
    };
    check(change, |outcome| *outcome == Outcome::Promoted);
}

#[test]
fn a_rollback_that_stands_still_is_given_up_whole() {
    let change = |_: &mut fastrand::Rng, plan: &mut Plan, trouble: &mut Trouble| {
        one_way(plan);
        trouble.fates = vec![Fate::NeverHealthy];
    };
    let is_it = |outcome: &Outcome| {
        is_whole(outcome) && matches!(outcome, Outcome::RolledBack { cause: Cause::Standstill, .. })
    };
    check(change, is_it);
}

#[test]
fn whatever_persons_say_it_ends_whole_or_waits_for_one() {
    let mut ends = [0; 3];
    for seed in 0..2 * SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut plan = any_plan(&mut rng);
        if rng.u8(..4) == 0 {
            one_way(&mut plan);
        }
        let mut trouble = noise(&mut rng);
        trouble.said = (0..rng.u8(1..6)).map(|_| (rng.u64(..60), said(&mut rng))).collect();
        trouble.fates = vec![if rng.bool() { Fate::NeverHealthy } else { Fate::Well }];
        let told = Told(format!("seed {seed}: {plan:?} {trouble:?}"));
        let mut world = World::new(plan, trouble, seed);
        world.run();
        match &world.finished {
            None => assert!(world.machine.is_paused()),
            Some(outcome) => {
                assert!(*outcome == Outcome::Promoted || is_whole(outcome), "{outcome:?}");
                world.check_end();
            }
        }
        ends[world.finished.as_ref().map_or(0, |outcome| 1 + usize::from(is_whole(outcome)))] += 1;
        std::mem::forget(told);
    }
    assert!(ends.iter().all(|count| *count > 20), "paused, promoted, rolled back: {ends:?}");
}

fn said(rng: &mut fastrand::Rng) -> Event {
    match rng.u8(..9) {
        0 => Event::Told(Command::Abort),
        1 => Event::Superseded,
        2..5 => Event::Told(Command::Pause),
        5..8 => Event::Told(Command::Resume),
        _ => Event::Told(Command::Promote),
    }
}
