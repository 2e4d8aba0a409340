//! Autoscalers under simulated load.

use std::time::Duration;

use model::Timestamp;

use super::*;

const TARGET: f64 = 10.0;

fn terms(min: u32, max: u32) -> Terms {
    Terms { min, max, concurrency: Some(TARGET), ..Terms::default() }
}

/// A service whose instances take 2 s to start, under a load that is given as requests in flight by second and changes
/// ten times a second. What was wanted, by second, and every change.
#[expect(clippy::cast_possible_truncation, reason = "loads are small")]
fn simulate(terms: Terms, seconds: u64, mut load: impl FnMut(f64) -> f64) -> (Vec<u32>, Vec<(u64, Change)>) {
    let at = |tenth: u64| Timestamp(0) + Duration::from_millis(tenth * 100);
    let mut scaler = Autoscaler::new(terms, terms.min, at(0)).expect("good terms");
    let (mut wanted, mut changes, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = 0;
    for tenth in 0..seconds * 10 {
        let now = at(tenth);
        starts.push(scaler.wanted());
        let started = starts[starts.len().saturating_sub(20)..].iter().copied().min().unwrap_or(0);
        scaler.ready(started);
        let in_flight = load(tenth as f64 / 10.0).max(0.0) as u32;
        scaler.requests(f64::from(std::mem::replace(&mut before, in_flight)), in_flight, now);
        let woken = (in_flight > 0).then(|| scaler.wake(now)).flatten();
        let is_due = scaler.deadline().is_some_and(|at| at <= now);
        let change = woken.into_iter().chain(is_due.then(|| scaler.due(now)).flatten());
        changes.extend(change.map(|change| (tenth / 10, change)));
        if tenth % 10 == 9 {
            wanted.push(scaler.wanted());
        }
    }
    (wanted, changes)
}

/// How often it turns from growing to shrinking or back, from one instance on.
fn turns(changes: &[(u64, Change)]) -> usize {
    let wanted: Vec<_> = std::iter::once(1).chain(changes.iter().map(|(_, change)| change.wanted)).collect();
    let grows: Vec<_> = wanted.windows(2).map(|pair| pair[1] > pair[0]).collect();
    grows.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn a_step_is_followed_within_seconds_and_without_overshoot() {
    for (from, to, needed) in [(5.0, 100.0, 10), (5.0, 995.0, 100), (50.0, 60.0, 6)] {
        let (wanted, _) = simulate(terms(1, 200), 400, |s| if s < 100.0 { from } else { to });
        assert!(wanted.iter().all(|count| *count <= needed), "{:?} exceeds {needed}", wanted.iter().max());
        let settled = wanted.iter().position(|count| *count == needed).expect("it settles");
        let late = if to > 2.0 * from { 10 } else { 70 };
        assert!((100..100 + late).contains(&settled), "{settled} s");
        assert!(wanted[settled..].iter().all(|count| *count == needed), "it stays");
    }
}

#[test]
fn a_step_down_waits_for_the_windows() {
    let (wanted, changes) = simulate(terms(1, 200), 400, |s| if s < 100.0 { 100.0 } else { 5.0 });
    let settled = wanted.iter().skip(100).position(|count| *count == 1).expect("it settles");
    assert!((60..150).contains(&settled), "{settled} s");
    assert_eq!(turns(&changes), 1, "{changes:?}");
}

#[test]
fn a_ramp_is_followed() {
    let (wanted, changes) = simulate(terms(1, 200), 600, |s| s);
    for (second, count) in wanted.iter().enumerate().skip(120) {
        let needed = second as f64 / TARGET;
        let is_near = f64::from(*count) <= needed + 1.0 && f64::from(*count) >= needed - 4.0;
        assert!(is_near, "{count} at {second} s");
    }
    assert_eq!(turns(&changes), 0);
}

#[test]
fn a_spike_is_met_at_once_and_let_go_after_the_windows() {
    let spike = |s: f64| if (200.0..205.0).contains(&s) { 400.0 } else { 9.0 };
    let (wanted, changes) = simulate(terms(1, 100), 400, spike);
    let most = wanted.iter().copied().max().unwrap();
    assert!((20..=40).contains(&most), "{most}: the panic window is averaged too");
    assert!(wanted[199] == 1 && wanted[203] > 10, "{:?}", &wanted[199..206]);
    assert_eq!((wanted[250], wanted[399]), (most, 1), "nothing shrinks in panic");
    assert_eq!(turns(&changes), 1, "{changes:?}");
    assert!(changes.iter().any(|(_, change)| change.why == Why::Panic));
}

#[test]
fn noise_does_not_make_it_flap() {
    for seed in 1..=20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (wanted, changes) = simulate(terms(1, 100), 1_200, |_| 100.0 + 40.0 * (rng.f64() - 0.5));
        let late = changes.iter().filter(|(second, _)| *second > 120).count();
        assert!(late <= 4, "seed {seed}: {changes:?}");
        assert!(wanted[120..].iter().all(|count| (10..=12).contains(count)), "seed {seed}: {wanted:?}");
    }
}

#[test]
fn sleeps_after_a_whole_window_and_wakes_at_once() {
    let load = |s: f64| if (10.0..20.0).contains(&s) || s >= 300.5 { 1.0 } else { 0.0 };
    let (wanted, changes) = simulate(terms(0, 10), 400, load);
    let why: Vec<_> = changes.iter().map(|(second, change)| (*second, change.wanted, change.why)).collect();
    let slept = why.iter().find(|(_, wanted, _)| *wanted == 0).expect("it sleeps").0;
    assert!((80..=115).contains(&slept), "{why:?}");
    assert_eq!((why[0], why.last()), ((10, 1, Why::Woken), Some(&(300, 1, Why::Woken))));
    assert!(wanted[300..].iter().all(|count| *count == 1));
    let (wanted, _) = simulate(terms(1, 10), 400, |_| 0.0);
    assert!(wanted.iter().all(|count| *count == 1), "the smallest number is kept");
}

#[test]
fn a_request_now_and_then_keeps_it_awake() {
    let (_, changes) = simulate(terms(0, 10), 1_000, |s| if s % 50.0 < 1.0 { 1.0 } else { 0.0 });
    assert_eq!(changes.len(), 1, "{changes:?}");
}

#[test]
fn processor_time_counts_too() {
    let terms = Terms { min: 1, max: 10, cpu: Some(0.5), ..Terms::default() };
    let mut scaler = Autoscaler::new(terms, 1, Timestamp(0)).unwrap();
    let now = Timestamp(0) + Duration::from_secs(2);
    scaler.cores(1.9, now);
    assert_eq!(scaler.due(now), Some(Change { wanted: 4, why: Why::Load }));
    assert_eq!((scaler.due(now), scaler.deadline()), (None, Some(now + Duration::from_secs(2))));
}

#[test]
fn terms_that_make_no_sense() {
    let good = terms(0, 10);
    assert_eq!(good.check(), Ok(()));
    assert_eq!(Terms { max: 3, min: 3, ..Terms::default() }.check(), Ok(()));
    for (terms, expected) in [
        (Terms { max: 0, min: 0, ..good }, Invalid::Bounds),
        (Terms { min: 11, ..good }, Invalid::Bounds),
        (Terms { max: 10_001, ..good }, Invalid::Bounds),
        (Terms { concurrency: None, ..good }, Invalid::Target),
        (Terms { cpu: Some(0.0), ..good }, Invalid::Target),
        (Terms { concurrency: Some(f64::NAN), ..good }, Invalid::Target),
        (Terms { down_max: 1.0, ..good }, Invalid::Factor),
        (Terms { stable: Duration::from_millis(999), ..good }, Invalid::Time),
        (Terms { pause: Duration::ZERO, ..good }, Invalid::Time),
        (Terms { down_delay: Duration::MAX, ..good }, Invalid::Time),
    ] {
        assert_eq!(terms.check(), Err(expected), "{terms:?}");
    }
}
