//! Breakers, rates and budgets of all workers.

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp(1_790_000_000_000_000);

fn guard(change: impl FnOnce(&mut Policy)) -> Arc<Guard> {
    let mut policy = Policy::default();
    change(&mut policy);
    let rates = Rates::new(&[policy.rate], &[]).remove(0);
    Arc::new(Guard::new(&policy, rates, Retries::new(&[policy.retry_budget], &[]).remove(0), None))
}

/// Runs the same work in so many threads at once; returns the sum of what each counts.
fn in_threads(workers: usize, work: impl Fn() -> u32 + Send + Sync + 'static) -> u32 {
    let work = Arc::new(work);
    let start = |_| {
        std::thread::spawn({
            let work = work.clone();
            move || work()
        })
    };
    let threads: Vec<_> = (0..workers).map(start).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn rate_and_budget_are_exact_with_any_number_of_workers(
        workers in prop::sample::select(vec![1_usize, 2, 8]),
        burst in 1_u32..50,
        each in 20_u32..80,
    ) {
        let guard = guard(|policy| policy.rate = Some(model::spec::Rate { requests: 1, per: Duration::from_secs(1), burst }));
        let wanted = u32::try_from(workers).unwrap() * each;
        let held = guard.clone();
        let admitted = in_threads(workers, move || (0..each).map(|_| u32::from(held.admit(START).is_ok())).sum());
        prop_assert_eq!(admitted, burst.min(wanted));
        let retries = in_threads(workers, move || (0..each).map(|_| u32::from(guard.retries.withdraw(START))).sum());
        // Ten seconds' worth of ten a second, and a fifth of the requests.
        prop_assert_eq!(retries, (100 + admitted / 5).min(wanted));
    }

    #[test]
    fn a_breaker_that_one_worker_opens_is_open_for_all(workers in prop::sample::select(vec![1_usize, 2, 8])) {
        let guard = guard(|_| {});
        for _ in 0..20 {
            let passed = guard.admit(START).unwrap();
            guard.judge(passed, Some(Outcome::Failure), START, || 0.0);
        }
        let held = guard.clone();
        let passed = in_threads(workers, move || u32::from(held.admit(START).is_ok()));
        prop_assert_eq!(passed, 0);
        let later = START + Duration::from_secs(2);
        let probes = in_threads(workers, move || u32::from(guard.admit(later).is_ok()));
        prop_assert_eq!(probes, 1, "one probe at a time");
    }
}

#[test]
fn what_an_open_breaker_refuses_uses_up_no_rate() {
    let per = Duration::from_secs(3600);
    let guard = guard(|policy| policy.rate = Some(model::spec::Rate { requests: 1, per, burst: 21 }));
    for _ in 0..20 {
        guard.judge(guard.admit(START).unwrap(), Some(Outcome::Failure), START, || 0.0);
    }
    for _ in 0..9 {
        assert_eq!(guard.admit(START).unwrap_err().reason, Reason::BreakerOpen);
    }
    let later = START + Duration::from_secs(2);
    let probe = guard.admit(later).expect("the rate still takes one");
    guard.judge(probe, None, later, || 0.0);
    let later = later + Duration::from_secs(60);
    assert_eq!(guard.admit(later).unwrap_err().reason, Reason::RateLimited);
    assert_eq!(guard.breaker(), BreakerState::Open, "what the rate refuses is no probe");
}

/// Each answer begins well, and `after` so long ends as a failure.
fn fail_at_the_end(guard: &Guard, passed: Passed, at: Timestamp, after: Duration) {
    let (outcome, now) = (Outcome::Success, at + after);
    let service_run = guard.judge(passed, Some(outcome), at, || 0.0);
    let begun = Begun { outcome, at, service_run, instance_run: 0 };
    let turned = begun.turned(Some(Outcome::Failure), now, Policy::default().timeout).expect("it turned");
    guard.amend(passed, begun, turned, now, || 0.0);
}

#[test]
fn successes_that_turn_out_to_be_none_open_it_and_those_that_lasted_do_not() {
    let only_by_share = |policy: &mut Policy| policy.breaker.as_mut().expect("it has one").consecutive = 0;
    for (after, state) in [(0, BreakerState::Open), (60, BreakerState::Closed)] {
        for guard in [guard(|_| {}), guard(only_by_share)] {
            for _ in 0..20 {
                let passed = guard.admit(START).expect("it is closed");
                fail_at_the_end(&guard, passed, START, Duration::from_secs(after));
            }
            assert_eq!(guard.breaker(), state, "after {after} s");
        }
    }
}

#[test]
fn a_probe_that_turns_out_a_failure_opens_it_again_for_longer() {
    for (after, state) in [(1, BreakerState::Open), (60, BreakerState::Closed)] {
        let guard = guard(|_| {});
        for _ in 0..20 {
            guard.judge(guard.admit(START).unwrap(), Some(Outcome::Failure), START, || 0.0);
        }
        let later = START + Duration::from_secs(2);
        fail_at_the_end(&guard, guard.admit(later).unwrap(), later, Duration::from_secs(after));
        assert_eq!(guard.breaker(), state, "after {after} s");
        if state == BreakerState::Open {
            let wait = guard.admit(later + Duration::from_secs(1)).unwrap_err().retry_after;
            assert_eq!(wait, Some(Duration::from_secs(2)));
        }
    }
}

#[test]
fn a_probe_decides() {
    for (outcome, state) in [
        (Some(Outcome::Success), BreakerState::Closed),
        (Some(Outcome::Failure), BreakerState::Open),
        (Some(Outcome::Limited), BreakerState::Open),
        (None, BreakerState::Open),
    ] {
        let guard = guard(|_| {});
        for _ in 0..20 {
            guard.judge(guard.admit(START).unwrap(), Some(Outcome::Failure), START, || 0.0);
        }
        assert_eq!(guard.breaker(), BreakerState::Open);
        let later = START + Duration::from_secs(2);
        let probe = guard.admit(later).unwrap();
        assert_eq!(guard.breaker(), BreakerState::Probing);
        assert_eq!(guard.admit(later).unwrap_err().reason, Reason::BreakerOpen);
        guard.judge(probe, outcome, later, || 0.0);
        assert_eq!(guard.breaker(), state, "{outcome:?}");
    }
}
