//! Each rule by itself.

use super::{
    bench::{Bench, instance},
    *,
};

fn crash() -> State {
    State::Ended("code 1".into())
}

#[test]
fn rolling_replaces_one_by_one() {
    let mut b = Bench::new(plan(Strategy::Rolling, &[("web", 2, 2)]));
    assert_eq!(b.tell(Event::Due), "route alike, run web.old1, run web.old2");
    b.report("web.old1", State::Healthy);
    b.report("web.old2", State::Healthy);
    assert_eq!(b.routed(), "run web.new1");
    assert_eq!(b.report("web.new1", State::Healthy), "");
    assert_eq!(b.pass(Duration::from_millis(999)), "", "not for long enough");
    assert_eq!(b.pass(Duration::from_millis(1)), "confirm web.new1", "its end may be on its way");
    assert_eq!(b.still_healthy("web.new1", START), "stop web.old2");
    assert_eq!(b.report("web.old2", State::Unhealthy("drains".into())), "", "it exists still");
    assert_eq!(b.ended(&["web.old2"]), "run web.new2");
    assert_eq!(b.up(&["web.new2"]), "stop web.old1");
    assert_eq!(b.ended(&["web.old1"]), "promoted");
    assert_eq!((b.machine.deadline(), b.machine.standstill_at()), (None, None));
}

#[test]
fn surge_and_unavailable_are_kept_to() {
    for (max_surge, max_unavailable, expected) in [
        (1, 0, ["run web.new1", "stop web.old4"]),
        (3, 0, ["run web.new1, run web.new2, run web.new3", "stop web.old4, stop web.old3, stop web.old2"]),
        (1, 2, ["run web.new1", "stop web.old2, stop web.old3, stop web.old4"]),
    ] {
        let mut plan = plan(Strategy::Rolling, &[("web", 4, 4)]);
        plan.targets[0].terms = Terms { max_surge, max_unavailable, ..plan.targets[0].terms };
        let mut b = Bench::new(plan);
        (1..=4).for_each(|n| _ = b.report(&format!("web.old{n}"), State::Healthy));
        let started = b.routed();
        let names: Vec<_> = started.split(", ").map(|run| run.trim_start_matches("run ")).collect();
        let stopped = b.up(&names);
        assert_eq!([started.as_str(), &stopped], expected, "surge {max_surge}, unavailable {max_unavailable}");
    }
}

#[test]
fn without_surge_an_old_one_goes_first() {
    let mut plan = plan(Strategy::Rolling, &[("web", 2, 2)]);
    plan.targets[0].terms = Terms { max_surge: 0, max_unavailable: 1, ..plan.targets[0].terms };
    let mut b = Bench::new(plan);
    b.report("web.old1", State::Healthy);
    b.report("web.old2", State::Healthy);
    assert_eq!(b.routed(), "stop web.old2");
    assert_eq!(b.ended(&["web.old2"]), "run web.new1");
}

#[test]
fn a_broken_old_release_can_be_replaced() {
    let mut b = Bench::new(plan(Strategy::Rolling, &[("web", 2, 2)]));
    b.report("web.old1", State::Unhealthy("status 500".into()));
    b.report("web.old2", State::Unhealthy("status 500".into()));
    b.routed();
    assert_eq!(b.up(&["web.new1"]), "stop web.old2", "one for one");
    b.ended(&["web.old2"]);
    assert_eq!(b.up(&["web.new2"]), "stop web.old1");
}

#[test]
fn an_unhealthy_old_one_goes_first() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 3, 3)]));
    b.report("web.old1", State::Unhealthy("status 500".into()));
    assert_eq!(b.up(&["web.new1"]), "stop web.old1");
}

#[test]
fn an_instance_that_ends_takes_the_release_back() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 2, 2)]));
    b.up(&["web.new1"]);
    b.ended(&["web.old2"]);
    assert_eq!(b.report("web.new2", crash()), "run web.old3", "the old set is filled up first");
    assert_eq!(b.report("web.old3", State::Healthy), "stop web.new1");
    assert_eq!(b.ended(&["web.new1"]), "rolled back: web/2 (new) ended: code 1");
}

#[test]
fn an_instance_must_be_healthy_in_time_and_stay_so() {
    let late = "rolled back: web/1 (new) was not healthy in time: status 500";
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 1, 1)]));
    for second in 0..59 {
        let state = if second % 2 == 0 { State::Healthy } else { State::Unhealthy("status 500".into()) };
        b.report("web.new1", state);
        assert_eq!(b.pass(Duration::from_millis(999)), "", "flapping is not healthy");
    }
    b.report("web.new1", State::Unhealthy("status 500".into()));
    assert_eq!(b.pass(seconds(2)), "stop web.new1");
    assert_eq!(b.ended(&["web.new1"]), late);

    let mut b = Bench::begun(plan(blue_green(Wait::Person), &[("web", 1, 1)]));
    b.up(&["web.new1"]);
    b.report("web.new1", State::Unhealthy("status 500".into()));
    assert_eq!(b.pass(seconds(59)), "", "it may come back");
    assert_eq!(b.pass(seconds(1)), "stop web.new1");
    assert_eq!(b.ended(&["web.new1"]), late);
}

#[test]
fn blue_green_switches_once_and_keeps_the_old_set_warm() {
    let mut b = Bench::begun(plan(blue_green(Wait::For(seconds(20))), &[("web", 2, 2), ("api", 1, 1)]));
    b.up(&["web.new1", "web.new2"]);
    assert_eq!(b.up(&["api.new1"]), "", "the preview");
    assert_eq!(b.pass(seconds(19)), "");
    assert_eq!(b.pass(seconds(1)), "route 10000");
    assert_eq!(b.routed(), "");
    assert_eq!(b.machine.phase(), &Phase::Keeping);
    assert_eq!(b.pass(seconds(29)), "");
    assert_eq!(b.pass(seconds(1)), "stop api.old1, stop web.old1, stop web.old2");
    assert_eq!(b.ended(&["web.old1", "web.old2", "api.old1"]), "promoted");
}

#[test]
fn going_back_to_a_warm_set_is_one_change_of_routing() {
    let mut b = Bench::begun(plan(blue_green(Wait::For(seconds(0))), &[("web", 2, 2)]));
    b.up(&["web.new1", "web.new2"]);
    b.routed();
    assert_eq!(b.machine.phase(), &Phase::Keeping);
    assert_eq!(b.report("web.new1", crash()), "route 0");
    assert_eq!(b.routed(), "stop web.new2");
    assert_eq!(b.ended(&["web.new2"]), "rolled back: web/1 (new) ended: code 1");
}

#[test]
fn a_canary_grows_with_its_weight() {
    let mut b = Bench::begun(plan(canary(&[1, 5_000], None), &[("web", 4, 4)]));
    assert_eq!(b.up(&["web.new1"]), "route 1");
    b.routed();
    assert_eq!(b.pass(seconds(10)), "run web.new2");
    assert_eq!(b.up(&["web.new2"]), "route 5000");
    b.routed();
    assert_eq!(b.pass(seconds(10)), "run web.new3, run web.new4");
    assert_eq!(b.up(&["web.new3", "web.new4"]), "route 10000");
    b.routed();
    assert_eq!(b.pass(seconds(30)), "stop web.old1, stop web.old2, stop web.old3, stop web.old4");
}

#[test]
fn a_canary_is_judged() {
    let scarce = "there was not enough traffic to judge step 1";
    for (policy, verdict, expected) in [
        (Scarce::Wait, Verdict::Better, "run web.new2"),
        (Scarce::Wait, Verdict::Same, "run web.new2"),
        (Scarce::Wait, Verdict::NotEnoughTraffic, ""),
        (Scarce::Promote, Verdict::NotEnoughTraffic, "run web.new2"),
        (Scarce::Abort, Verdict::NotEnoughTraffic, scarce),
    ] {
        let mut b = Bench::begun(plan(canary(&[100], Some(policy)), &[("web", 2, 2)]));
        b.up(&["web.new1"]);
        assert_eq!(b.routed(), "judge 0");
        assert_eq!(b.tell(Event::Judged(0, verdict)), "");
        let did = b.pass(seconds(10));
        if expected == scarce {
            b.routed();
            assert_eq!(b.ended(&["web.new1"]), format!("rolled back: {scarce}"));
        } else {
            assert_eq!(did, expected, "{policy:?} {verdict:?}");
        }
    }
}

#[test]
fn worse_goes_back_at_once() {
    let mut b = Bench::begun(plan(canary(&[100], Some(Scarce::Wait)), &[("web", 2, 2)]));
    b.up(&["web.new1"]);
    assert_eq!(b.tell(Event::Judged(0, Verdict::Worse)), "", "the step has no weight yet");
    b.routed();
    assert_eq!(b.tell(Event::Judged(1, Verdict::Worse)), "", "another step");
    assert_eq!(b.tell(Event::Judged(0, Verdict::Worse)), "route 0");
    b.routed();
    assert_eq!(b.ended(&["web.new1"]), "rolled back: the new release does worse than the old one in step 1");
}

#[test]
fn one_way_goes_back_only_at_a_standstill_or_for_another_deploy() {
    let strategy = Strategy::BlueGreen { preview: Wait::For(seconds(0)), keep: seconds(0) };
    let begun = || Bench::begun(Plan { one_way: true, ..plan(strategy.clone(), &[("web", 1, 1)]) });
    let mut b = begun();
    assert_eq!(b.report("web.new1", State::Unhealthy("it ended".into())), "");
    assert_eq!(b.tell(Event::Told(Command::Abort)), "");
    assert_eq!(b.pass(seconds(100)), "", "it is started again for as long as something may go on");
    b.up(&["web.new1"]);
    b.routed();
    assert_eq!(b.machine.phase(), &Phase::Retiring);

    let mut b = begun();
    assert_eq!(b.pass(seconds(121)), "stop web.new1");
    assert_eq!(b.ended(&["web.new1"]), "rolled back: nothing went on for longer than the progress deadline");

    let mut b = begun();
    assert_eq!(b.tell(Event::Superseded), "stop web.new1");
    assert_eq!(b.ended(&["web.new1"]), "rolled back: another deploy took its place");
}

#[test]
fn no_verdict_ends_at_the_progress_deadline() {
    for (verdict, expected) in [
        (Some(Verdict::NotEnoughTraffic), "there was not enough traffic to judge step 1"),
        (None, "nothing went on for longer than the progress deadline"),
    ] {
        let mut b = Bench::begun(plan(canary(&[100], Some(Scarce::Wait)), &[("web", 2, 2)]));
        b.up(&["web.new1"]);
        b.routed();
        verdict.into_iter().for_each(|verdict| _ = b.tell(Event::Judged(0, verdict)));
        assert_eq!(b.pass(seconds(129)), "");
        assert_eq!(b.pass(seconds(1)), "route 0");
        b.routed();
        assert_eq!(b.ended(&["web.new1"]), format!("rolled back: {expected}"));
    }
}

#[test]
fn a_step_can_wait_for_a_person() {
    let mut b = Bench::begun(plan(blue_green(Wait::Person), &[("web", 1, 1)]));
    b.up(&["web.new1"]);
    assert!(b.machine.is_paused());
    assert_eq!((b.pass(seconds(100_000)), b.machine.standstill_at()), (String::new(), None));
    assert_eq!(b.tell(Event::Told(Command::Resume)), "route 10000");
}

#[test]
fn a_pause_stops_the_advance_and_not_the_watch() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 2, 2)]));
    b.tell(Event::Told(Command::Pause));
    assert_eq!(b.up(&["web.new1"]), "");
    assert_eq!(b.pass(seconds(100_000)), "");
    assert_eq!(b.tell(Event::Told(Command::Resume)), "stop web.old2");
    b.tell(Event::Told(Command::Pause));
    b.ended(&["web.old2"]);
    assert_eq!(b.report("web.new1", crash()), "run web.old3");
}

#[test]
fn promote_skips_the_steps_and_not_health() {
    let mut b = Bench::begun(plan(canary(&[1, 50], Some(Scarce::Wait)), &[("web", 2, 2)]));
    b.up(&["web.new1"]);
    b.routed();
    assert_eq!(b.tell(Event::Told(Command::Promote)), "run web.new2");
    assert_eq!(b.up(&["web.new2"]), "route 10000");
    b.routed();
    assert_eq!(b.tell(Event::Told(Command::Promote)), "", "the old set is kept all the same");
}

#[test]
fn a_promotion_before_the_first_step_is_remembered() {
    let plan = Plan {
        migration: Some(Migration { hold: false, deadline: seconds(60) }),
        ..plan(canary(&[1, 50], Some(Scarce::Wait)), &[("web", 2, 2)])
    };
    let mut b = Bench::new(plan);
    ["web.old1", "web.old2"].iter().for_each(|old| _ = b.report(old, State::Healthy));
    assert_eq!(b.routed(), "migrate");
    assert!(b.machine.snapshot().may_promote());
    assert_eq!(b.tell(Event::Told(Command::Promote)), "");
    assert!(!b.machine.snapshot().may_promote(), "once is enough");
    assert_eq!(b.tell(Event::Migrated(Ok(()))), "run web.new1, run web.new2");
    assert_eq!(b.up(&["web.new1", "web.new2"]), "route 10000");
}

#[test]
fn a_promotion_has_something_to_skip_or_is_not_taken() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 2, 2)]));
    assert!(!b.machine.snapshot().may_promote());
    b.tell(Event::Told(Command::Pause));
    assert!(b.machine.snapshot().may_promote(), "it ends the pause");
    let mut b = Bench::begun(plan(blue_green(Wait::For(seconds(9))), &[("web", 1, 1)]));
    assert!(b.machine.snapshot().may_promote());
    b.tell(Event::Told(Command::Promote));
    assert!(!b.machine.snapshot().may_promote());
    b.up(&["web.new1"]);
    b.routed();
    assert_eq!((b.machine.phase(), b.machine.snapshot().may_promote()), (&Phase::Keeping, false));
}

#[test]
fn to_resume_what_is_not_paused_puts_nothing_off() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 1, 1)]));
    let standstill = b.machine.standstill_at();
    b.pass(seconds(30));
    b.tell(Event::Told(Command::Resume));
    b.tell(Event::Told(Command::Promote));
    assert_eq!(b.machine.standstill_at(), standstill);
    b.tell(Event::Told(Command::Pause));
    b.tell(Event::Told(Command::Resume));
    assert!(b.machine.standstill_at() > standstill);
}

#[test]
fn persons_and_another_deploy_go_back_until_the_old_set_ends() {
    for (event, why) in [
        (Event::Told(Command::Abort), "it was aborted"),
        (Event::Told(Command::Rollback), "a rollback took it back"),
        (Event::Superseded, "another deploy took its place"),
    ] {
        let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 1, 1)]));
        assert_eq!(b.tell(event.clone()), "stop web.new1");
        for ignored in [Command::Promote, Command::Pause, Command::Resume, Command::Abort, Command::Rollback] {
            assert_eq!(b.tell(Event::Told(ignored)), "", "a rollback is never taken back");
        }
        assert_eq!(b.ended(&["web.new1"]), format!("rolled back: {why}"));

        let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 1, 1)]));
        assert_eq!(b.up(&["web.new1"]), "stop web.old1");
        assert_eq!(b.tell(event), "");
        assert_eq!(b.ended(&["web.old1"]), "promoted");
    }
}

#[test]
fn the_migration_runs_first_and_once() {
    let mut plan = plan(Strategy::Rolling, &[("web", 1, 1)]);
    plan.migration = Some(Migration { hold: true, deadline: seconds(30) });
    let begin = || {
        let mut b = Bench::new(plan.clone());
        assert_eq!(b.tell(Event::Due), "route alike and hold, run web.old1");
        b.report("web.old1", State::Healthy);
        assert_eq!(b.routed(), "migrate");
        b
    };
    let mut b = begin();
    assert_eq!(b.tell(Event::Migrated(Ok(()))), "route alike");
    assert_eq!(b.tell(Event::Migrated(Err("late".into()))), "", "once");
    assert_eq!(b.routed(), "run web.new1");

    let mut b = begin();
    assert_eq!(b.tell(Event::Migrated(Err("no such table".into()))), "route alike");
    assert_eq!(b.routed(), "rolled back: the migration failed: no such table");

    let mut b = begin();
    assert_eq!(b.pass(seconds(30)), "stop migration");
    assert_eq!(b.tell(Event::Migrated(Err("stopped".into()))), "route alike");
    assert_eq!(b.routed(), "rolled back: the migration took too long");
}

#[test]
fn migrations_may_take_longer_than_a_standstill() {
    let mut plan = plan(Strategy::Rolling, &[("web", 1, 1)]);
    plan.migration = Some(Migration { hold: false, deadline: seconds(300) });
    let mut b = Bench::begun(plan);
    assert_eq!(b.pass(seconds(299)), "");
    b.tell(Event::Migrated(Ok(())));
    assert_eq!(b.routed(), "");
    assert!(b.machine.cause().is_none() && b.machine.phase() == &Phase::Rolling);
}

#[test]
fn a_migration_without_instances_is_all_there_is() {
    for strategy in [Strategy::Rolling, blue_green(Wait::For(seconds(0)))] {
        let mut plan = plan(strategy, &[("web", 0, 0)]);
        plan.migration = Some(Migration { hold: false, deadline: seconds(30) });
        let mut b = Bench::new(plan);
        b.tell(Event::Due);
        assert_eq!(b.routed(), "migrate");
        b.tell(Event::Migrated(Ok(())));
        b.routed();
        b.pass(seconds(30));
        assert_eq!(b.machine.phase(), &Phase::Ended(Outcome::Promoted));
    }
}

#[test]
fn added_services_come_with_the_rest_and_removed_ones_go_last() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("added", 0, 1), ("gone", 1, 0), ("web", 1, 1)]));
    b.up(&["added.new1"]);
    assert_eq!(b.up(&["web.new1"]), "stop web.old1");
    assert_eq!(b.ended(&["web.old1"]), "stop gone.old1");
    assert_eq!(b.ended(&["gone.old1"]), "promoted");

    let mut b = Bench::begun(plan(Strategy::Rolling, &[("added", 0, 1), ("web", 1, 1)]));
    b.up(&["added.new1"]);
    assert_eq!(b.tell(Event::Told(Command::Abort)), "stop web.new1");
    assert_eq!(b.ended(&["web.new1"]), "stop added.new1");
    assert_eq!(b.ended(&["added.new1"]), "rolled back: it was aborted");
}

#[test]
fn sets_of_pinned_services_end_with_callers_first() {
    let pinned = || {
        let mut plan = plan(blue_green(Wait::For(seconds(0))), &[("back", 1, 1), ("front", 1, 1), ("left", 1, 0)]);
        (plan.targets[0].waves, plan.targets[2].waves) = (Waves { old: 2, new: 1 }, Waves { old: 1, new: 0 });
        let mut b = Bench::begun(plan);
        b.up(&["back.new1"]);
        b.up(&["front.new1"]);
        b.routed();
        b
    };
    let mut b = pinned();
    assert_eq!(b.pass(seconds(30)), "stop front.old1", "what it calls must still answer its last requests");
    assert_eq!(b.ended(&["front.old1"]), "stop left.old1");
    assert_eq!(b.ended(&["left.old1"]), "stop back.old1");
    assert_eq!(b.ended(&["back.old1"]), "promoted");

    let mut b = pinned();
    assert_eq!(b.tell(Event::Told(Command::Abort)), "route 0");
    assert_eq!(b.routed(), "stop front.new1");
    assert_eq!(b.ended(&["front.new1"]), "stop back.new1");
    assert_eq!(b.ended(&["back.new1"]), "rolled back: it was aborted");
}

#[test]
fn a_pinned_set_that_sleeps_serves_before_anything_new_starts() {
    let mut plan = plan(blue_green(Wait::For(seconds(0))), &[("back", 1, 1), ("front", 1, 1)]);
    plan.targets[0].wakes = true;
    let mut b = Bench::new(plan);
    assert_eq!(b.tell(Event::Due), "route 0, run back.old1, run front.old1");
    assert_eq!(b.report("front.old1", State::Healthy), "");
    assert_eq!(b.routed(), "");
    assert_eq!(b.report("back.old1", State::Healthy), "run back.new1, run front.new1");
}

#[test]
fn a_rollback_that_cannot_end_says_so() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 1, 1)]));
    b.report("web.old1", State::Unhealthy("status 500".into()));
    assert_eq!(b.report("web.new1", crash()), "");
    assert_eq!(b.pass(seconds(119)), "");
    assert_eq!(b.pass(seconds(1)), "rolled back in part: web/1 (new) ended: code 1");
}

#[test]
fn older_reports_and_epochs_are_ignored() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 1, 1)]));
    b.report("web.new1", State::Healthy);
    let report = |seq, state| Event::Reported(instance("web.new1"), Report { seq, state, since: START, at: START });
    b.tell(report(1, crash()));
    assert_eq!(b.pass(seconds(1)), "confirm web.new1");
    assert_eq!(b.still_healthy("web.new1", START), "stop web.old1");
    for unknown in ["web.new0", "web.new9", "web.old9", "none.new1"] {
        assert_eq!(b.report(unknown, crash()), "");
    }
    let mut b = Bench::new(plan(Strategy::Rolling, &[("web", 1, 1)]));
    assert_eq!(b.tell(Event::Routed(0)), "route alike, run web.old1");
    assert_eq!(b.tell(Event::Routed(2)), "", "no such epoch");
}

#[test]
fn what_is_not_answered_is_asked_again() {
    let mut b = Bench::new(plan(Strategy::Rolling, &[("web", 1, 1)]));
    let all = "route alike, run web.old1";
    assert_eq!(b.tell(Event::Due), all);
    assert_eq!(b.tell(Event::Due), "");
    assert_eq!(b.machine.deadline(), Some(START + seconds(5)));
    b.now = b.now + seconds(5);
    assert_eq!(b.tell(Event::Due), all);
    b.machine = Machine::restore(b.machine.snapshot().clone(), [(b.now, Event::Routed(1))]);
    assert_eq!(b.tell(Event::Due), "run web.old1, run web.new1");
}

#[test]
fn plans_that_make_no_sense() {
    let good = plan(canary(&[1, 10_000], None), &[("a", 1, 1), ("b", 0, 1), ("c", 1, 0)]);
    assert_eq!(good.check(), Ok(()));
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        plan.check().unwrap_err()
    };
    let terms = |change: &dyn Fn(&mut Terms)| with(&|plan| change(&mut plan.targets[1].terms));
    assert_eq!(with(&|plan| plan.targets.clear()), Invalid::Targets);
    assert_eq!(with(&|plan| plan.targets[1].service = plan.targets[0].service.clone()), Invalid::Targets);
    for (targets, replicas, expected) in
        [(2_500, 2, Ok(())), (2_501, 1, Err(Invalid::TooLarge)), (1_000, 5, Ok(())), (1_000, 6, Err(Invalid::TooLarge))]
    {
        let targets = (0..targets).map(|number| target(&format!("s{number}"), replicas, replicas)).collect();
        assert_eq!(Plan { targets, ..good.clone() }.check(), expected);
    }
    assert_eq!(with(&|plan| plan.targets[1].new = u32::MAX), Invalid::TooLarge);
    assert_eq!(terms(&|terms| terms.max_surge = 0), Invalid::NoRoom(1));
    assert_eq!(terms(&|terms| terms.max_surge = u32::MAX), Invalid::NoRoom(1));
    assert_eq!(terms(&|terms| terms.min_healthy_time = seconds(60)), Invalid::HealthyDeadline(1));
    assert_eq!(terms(&|terms| terms.healthy_deadline = seconds(120)), Invalid::ProgressDeadline(1));
    for weights in [&[0, 1][..], &[2, 2], &[3, 2], &[10_001]] {
        assert_eq!(with(&|plan| plan.strategy = canary(weights, None)), Invalid::Steps);
    }
}
