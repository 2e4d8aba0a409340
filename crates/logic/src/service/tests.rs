//! The machine under a clock of its own, and against random orders of events.

use std::{collections::BTreeMap, time::Duration};

use model::{InstanceId, Timestamp, spec::Health};

use super::*;

struct World {
    machine: Machine,
    now: Timestamp,
}

impl World {
    fn new(replicas: u32) -> Self {
        let (web, slots) = ("web".parse().unwrap(), (1..=replicas).collect());
        let machine = Machine::new(web, settings(), slots, BTreeMap::new(), 7);
        Self { machine, now: Timestamp(1_000_000_000) }
    }

    fn healthy(replicas: u32) -> Self {
        let mut world = Self::new(replicas);
        world.tell(Event::Go);
        for slot in 1..=replicas {
            world.bring_up(slot, 1);
        }
        world
    }

    fn bring_up(&mut self, slot: u32, run: u64) -> String {
        self.tell(Event::Started(id(slot, run)));
        self.due();
        self.tell(Event::Probed(id(slot, run), ProbeVerdict::Passed))
    }

    fn tell(&mut self, event: Event) -> String {
        let mut actions = Vec::new();
        self.machine.handle(event, self.now, &mut actions);
        actions.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    fn due(&mut self) -> String {
        self.tell(Event::Due)
    }

    /// Moves to the next deadline and handles it.
    fn next(&mut self) -> (u128, String) {
        let at = self.machine.deadline().expect("a deadline");
        let waited = at.since(self.now).as_millis();
        self.now = at.max(self.now);
        (waited, self.due())
    }

    fn refuse(&mut self, slot: u32, run: u64) -> String {
        self.tell(Event::Probed(id(slot, run), ProbeVerdict::Refused("was refused".into())))
    }

    fn phases(&self) -> Vec<String> {
        self.machine.instances().map(|(i, _)| format!("{}#{} {:?}", i.id.slot.index, i.id.run, i.phase)).collect()
    }
}

fn settings() -> Settings {
    Settings { health: Health::default(), stop_grace: Duration::from_secs(10), drain_timeout: Duration::from_secs(30) }
}

/// Those of another release.
fn other() -> Settings {
    let health = Health { grace: Duration::from_secs(3), ..Health::default() };
    Settings { health, stop_grace: Duration::from_secs(1), ..settings() }
}

fn wanted(kind: u8) -> Wanted {
    match kind {
        0 => Wanted::Own,
        1 => Wanted::Other(other()),
        _ => Wanted::Once(other()),
    }
}

fn free(w: &World) -> u32 {
    w.machine.free_slots().next().unwrap()
}

fn id(slot: u32, run: u64) -> InstanceId {
    format!("web/{slot}#{run}").parse().unwrap()
}

fn show(action: &Action) -> String {
    let name = |id: &InstanceId| format!("{}#{}", id.slot.index, id.run);
    match action {
        Action::Start(i) => format!("start {}", name(i)),
        Action::Probe(i) => format!("probe {}", name(i)),
        Action::Enter(i) => format!("enter {}", name(i)),
        Action::Leave(i) => format!("leave {}", name(i)),
        Action::Drain(i) => format!("drain {}", name(i)),
        Action::Terminate(i) => format!("terminate {}", name(i)),
        Action::Kill(i) => format!("kill {}", name(i)),
        Action::Remove(i) => format!("remove {}", name(i)),
        Action::Vacated(slot, cause) => format!("vacated {} ({cause})", slot.index),
        Action::Trouble(i, cause) => format!("trouble {} ({cause})", name(i)),
        Action::RestartEnded(Ok(())) => "restarted".into(),
        Action::RestartEnded(Err(cause)) => format!("restart failed ({cause})"),
        Action::GaveUp(i, _) => format!("gave up {}", name(i)),
        Action::Stopped => "stopped".into(),
    }
}

#[test]
fn starts_when_it_may_and_enters_when_healthy() {
    let mut w = World::new(2);
    assert_eq!(w.tell(Event::Go), "start 1#1, start 2#1");
    assert_eq!(w.tell(Event::Started(id(1, 1))), "");
    assert_eq!(w.due(), "probe 1#1");
    assert_eq!(w.due(), "", "one check at a time");
    assert_eq!(w.refuse(1, 1), "");
    let pauses: Vec<_> = (0..35)
        .map(|_| {
            let (waited, did) = w.next();
            assert_eq!((did.as_str(), w.refuse(1, 1).as_str()), ("probe 1#1", ""));
            waited
        })
        .collect();
    assert_eq!((pauses[0], pauses[7], pauses[34]), (10, 10, 200));
    // The pauses are rounded down to whole milliseconds.
    let late = |at: usize| pauses[at] > 10 && pauses[at] * 8 > pauses[..at].iter().map(|pause| pause + 1).sum();
    assert!(pauses.is_sorted() && !(1..35).any(late), "an eighth of the time so far at the most: {pauses:?}");
    w.next();
    assert_eq!(w.tell(Event::Probed(id(1, 1), ProbeVerdict::Passed)), "enter 1#1");
    assert!(!w.machine.is_settled());
    assert_eq!(w.bring_up(2, 1), "enter 2#1");
    assert!(w.machine.is_settled());
    let (waited, did) = w.next();
    assert_eq!(did, "probe 1#1");
    assert!((4_000..=5_500).contains(&waited), "{waited} ms is not 5 s with a tenth of jitter");
}

#[test]
fn a_crash_starts_at_once_and_then_with_growing_pauses() {
    let mut w = World::healthy(1);
    let crash = Event::Exited(id(1, 1), Ending::Signal(9));
    assert_eq!(w.tell(crash), "leave 1#1, trouble 1#1 (the program was ended by signal 9), remove 1#1, start 1#2");
    for (run, least, most) in [(2, 100, 200), (3, 200, 400), (4, 400, 800)] {
        w.tell(Event::Started(id(1, run)));
        assert!(w.tell(Event::Exited(id(1, run), Ending::Code(1))).ends_with(&format!("remove 1#{run}")));
        let (waited, did) = w.next();
        assert_eq!(did, format!("start 1#{}", run + 1));
        assert!((least..=most).contains(&waited), "{waited} ms");
    }
    assert!(w.machine.is_in_crash_loop());
    w.bring_up(1, 5);
    w.now = w.now + Duration::from_secs(11);
    w.due();
    w.tell(Event::Probed(id(1, 5), ProbeVerdict::Passed));
    assert!(!w.machine.is_in_crash_loop(), "ten healthy seconds forgive");
}

#[test]
fn gives_up_only_what_was_never_healthy() {
    let mut w = World::new(1);
    w.tell(Event::Go);
    for run in 1..=2 {
        assert!(!w.tell(Event::Exited(id(1, run), Ending::Code(127))).contains("gave up"));
        w.next();
    }
    assert!(w.tell(Event::Exited(id(1, 3), Ending::Code(127))).contains("gave up 1#3"));

    let mut w = World::new(1);
    w.tell(Event::Go);
    w.tell(Event::Started(id(1, 1)));
    w.due();
    w.refuse(1, 1);
    w.now = w.now + Duration::from_secs(60);
    let did = w.due();
    assert!(did.contains("not healthy in time: the health check was refused), gave up 1#1, terminate 1#1"), "{did}");
}

fn not_started(retry: bool) -> Cause {
    Cause::NotStarted { cause: "no".into(), hint: String::new(), retry }
}

#[test]
fn gives_up_at_once_where_another_start_cannot_help() {
    for (retry, gives_up) in [(true, false), (false, true)] {
        let mut w = World::new(1);
        w.tell(Event::Go);
        let did = w.tell(Event::StartFailed(id(1, 1), not_started(retry)));
        assert_eq!(did.contains("gave up 1#1"), gives_up, "{did}");
        assert_eq!(w.next().1, "start 1#2", "somebody may mend it while the system runs");

        let mut w = World::healthy(1);
        w.tell(Event::Exited(id(1, 1), Ending::Code(1)));
        let did = w.tell(Event::StartFailed(id(1, 2), not_started(retry)));
        assert!(!did.contains("gave up"), "it was healthy once: {did}");
    }
}

#[test]
fn leaves_when_it_fails_and_comes_back() {
    let mut w = World::healthy(1);
    let failed = || Event::Probed(id(1, 1), ProbeVerdict::Failed("was answered with status 500".into()));
    w.next();
    assert_eq!(w.tell(failed()), "");
    assert_eq!(w.next(), (200, "probe 1#1".into()));
    w.tell(failed());
    w.next();
    assert_eq!(w.tell(failed()), "leave 1#1, trouble 1#1 (the health check was answered with status 500)");
    assert_eq!(w.phases(), ["1#1 Unhealthy"]);
    w.next();
    assert_eq!(w.tell(Event::Probed(id(1, 1), ProbeVerdict::Passed)), "enter 1#1");

    let mut w = World::healthy(1);
    w.next();
    assert!(w.refuse(1, 1).starts_with("leave 1#1"), "a refused connection is certain");
    w.now = w.now + Duration::from_secs(60);
    let did = w.due();
    assert!(did.starts_with("trouble 1#1") && did.ends_with("drain 1#1"), "{did}");
    assert_eq!(w.tell(Event::Drained(id(1, 1))), "terminate 1#1");
    assert_eq!(w.tell(Event::Exited(id(1, 1), Ending::Code(0))), "remove 1#1, start 1#2");
}

#[test]
fn scales_down_by_draining_the_last() {
    let mut w = World::healthy(3);
    assert_eq!(w.tell(Event::Scale(1)), "drain 2#1, drain 3#1");
    assert_eq!(w.tell(Event::Drained(id(3, 1))), "terminate 3#1");
    w.now = w.now + Duration::from_secs(10);
    assert_eq!(w.due(), "probe 1#1, kill 3#1");
    let gone = "(it was asked to stop)";
    assert_eq!(w.tell(Event::Exited(id(3, 1), Ending::Signal(9))), format!("remove 3#1, vacated 3 {gone}"));
    assert_eq!(w.tell(Event::Drained(id(2, 1))), "terminate 2#1");
    assert_eq!(w.tell(Event::Scale(2)), "start 3#2", "a slot that ends may be of another release");
    assert_eq!(w.tell(Event::Exited(id(2, 1), Ending::Signal(15))), format!("remove 2#1, vacated 2 {gone}"));
    assert_eq!(w.tell(Event::Scale(1)), "terminate 3#2");
    w.tell(Event::Exited(id(3, 2), Ending::Signal(15)));
    assert!(w.machine.is_settled());
    assert_eq!(w.tell(Event::Scale(2)), "start 2#2", "a run is never used twice");
}

#[test]
fn restarts_one_by_one_without_a_gap() {
    let mut w = World::healthy(2);
    assert_eq!(w.tell(Event::Restart), "start 1#2");
    assert_eq!(w.bring_up(1, 2), "enter 1#2, drain 1#1");
    assert_eq!(w.tell(Event::Drained(id(1, 1))), "terminate 1#1");
    assert_eq!(w.tell(Event::Exited(id(1, 1), Ending::Code(0))), "remove 1#1, start 2#2");
    assert_eq!(w.tell(Event::Exited(id(2, 1), Ending::Code(0))).split(", ").next(), Some("leave 2#1"));
    assert_eq!(w.bring_up(2, 2), "enter 2#2, restarted");
    assert_eq!(w.phases(), ["1#2 Healthy", "2#2 Healthy"]);
}

#[test]
fn a_failed_restart_keeps_the_old_instance() {
    let mut w = World::healthy(1);
    w.tell(Event::Restart);
    w.tell(Event::Started(id(1, 2)));
    let did = w.tell(Event::Exited(id(1, 2), Ending::Code(1)));
    assert!(did.contains("restart failed (the program exited with code 1), remove 1#2"), "{did}");
    assert_eq!(w.phases(), ["1#1 Healthy"]);
}

#[test]
fn a_restart_that_is_ended_leaves_one_instance_in_its_slot() {
    let mut w = World::healthy(2);
    assert_eq!(w.tell(Event::EndRestart), "", "none is under way");
    w.tell(Event::Restart);
    assert_eq!(w.tell(Event::EndRestart), "restart failed (it was asked to stop), terminate 1#2");
    assert_eq!(w.tell(Event::Exited(id(1, 2), Ending::Signal(15))), "remove 1#2");
    assert_eq!(w.phases(), ["1#1 Healthy", "2#1 Healthy"]);
}

#[test]
fn stops_whatever_it_was_doing() {
    let mut w = World::healthy(2);
    w.tell(Event::Restart);
    assert_eq!(w.tell(Event::Stop), "restart failed (it was asked to stop), drain 1#1, terminate 1#2, drain 2#1");
    assert_eq!(w.tell(Event::Started(id(1, 2))), "terminate 1#2", "the process came after SIGTERM was asked for");
    for instance in [id(1, 1), id(2, 1)] {
        w.tell(Event::Drained(instance));
    }
    w.tell(Event::Exited(id(1, 1), Ending::Code(0)));
    w.tell(Event::Exited(id(1, 2), Ending::Code(0)));
    assert_eq!(
        w.tell(Event::Exited(id(2, 1), Ending::Code(0))),
        "remove 2#1, vacated 2 (it was asked to stop), stopped"
    );
    let mut empty = World::new(0);
    assert_eq!(empty.tell(Event::Stop), "stopped");
}

#[test]
fn adopts_what_runs() {
    let mut w = World::new(2);
    assert_eq!(w.tell(Event::Adopted(id(1, 4), Some(Timestamp(7)))), "enter 1#4");
    assert_eq!(w.machine.instance_in(1).map(|i| i.since), Some(Timestamp(7)), "it has been healthy since then");
    assert_eq!(w.tell(Event::Adopted(id(2, 5), None)), "");
    assert_eq!(w.tell(Event::Adopted(id(2, 6), Some(w.now))), "enter 2#6");
    assert_eq!(w.tell(Event::Adopted(id(3, 1), Some(w.now))), "enter 3#1");
    assert_eq!(w.tell(Event::Go), "terminate 2#5, drain 3#1", "two in a slot: the healthy newer one stays");
}

#[test]
fn an_instance_of_another_release_ends_for_good() {
    let mut w = World::healthy(2);
    assert_eq!(free(&w), 3);
    assert_eq!(w.tell(Event::Want(3, Wanted::Once(other()))), "start 3#1");
    assert_eq!(w.tell(Event::Want(3, Wanted::Once(other()))), "", "it is asked for again");
    assert_eq!(free(&w), 4);
    assert_eq!(w.bring_up(3, 1), "enter 3#1");
    assert!(w.machine.is_settled() && w.machine.wanted() == 3);
    let did = w.tell(Event::Exited(id(3, 1), Ending::Code(1)));
    let cause = "(the program exited with code 1)";
    assert_eq!(did, format!("leave 3#1, trouble 3#1 {cause}, remove 3#1, vacated 3 {cause}"));
    assert!(w.machine.is_settled() && w.machine.wanted() == 2);

    assert_eq!(w.tell(Event::Want(3, Wanted::Once(other()))), "start 3#2");
    w.tell(Event::Started(id(3, 2)));
    w.due();
    w.refuse(3, 2);
    w.now = w.now + Duration::from_secs(3);
    assert!(w.due().contains("terminate 3#2"), "its own grace has passed");
    w.now = w.now + Duration::from_secs(1);
    assert!(w.due().contains("kill 3#2"), "its own stop_grace has passed");
    let did = w.tell(Event::Exited(id(3, 2), Ending::Signal(9)));
    assert!(did.ends_with("vacated 3 (it was not healthy in time: the health check was refused)"), "{did}");
}

#[test]
fn an_instance_of_another_release_that_cannot_start_does_not_end_the_system() {
    let mut w = World::new(0);
    w.tell(Event::Go);
    w.tell(Event::Want(1, Wanted::Once(other())));
    let did = w.tell(Event::StartFailed(id(1, 1), not_started(false)));
    assert_eq!(did, "trouble 1#1 (no), remove 1#1, vacated 1 (no)");
}

#[test]
fn nobody_waits_for_an_instance_of_another_release_that_fails() {
    let mut w = World::new(1);
    w.tell(Event::Go);
    w.tell(Event::Want(2, Wanted::Other(other())));
    w.bring_up(1, 1);
    assert!(!w.machine.has_come_up(), "it may come up yet");
    for run in 1..=3 {
        w.tell(Event::Started(id(2, run)));
        w.tell(Event::Exited(id(2, run), Ending::Code(1)));
        assert!(w.machine.has_come_up() && !w.machine.is_settled() && !w.machine.is_in_crash_loop());
        while w.phases().len() == 1 {
            w.next();
        }
        assert!(w.machine.has_come_up(), "it is started again");
    }
    for run in 1..=3 {
        w.tell(Event::Exited(id(1, run), Ending::Code(1)));
        assert!(!w.machine.has_come_up(), "the service's own is missing");
        while w.phases().len() == 1 {
            w.next();
        }
        w.tell(Event::Started(id(1, run + 1)));
    }
    assert!(w.machine.is_in_crash_loop());
}

#[test]
fn another_release_takes_over() {
    let mut w = World::healthy(2);
    for slot in [3, 4] {
        w.tell(Event::Want(slot, Wanted::Once(other())));
        w.bring_up(slot, 1);
    }
    assert_eq!(w.tell(Event::Unwant(1)), "drain 1#1");
    w.tell(Event::Drained(id(1, 1)));
    assert_eq!(w.tell(Event::Exited(id(1, 1), Ending::Code(0))), "remove 1#1, vacated 1 (it was asked to stop)");
    assert_eq!(w.tell(Event::Unwant(2)), "drain 2#1");
    assert_eq!(w.tell(Event::Settle(other())), "");
    assert_eq!(w.machine.own_slots().collect::<Vec<_>>(), [3, 4]);
    assert!(w.tell(Event::Exited(id(3, 1), Ending::Code(1))).ends_with("start 3#2"), "it is an ordinary one now");
    w.bring_up(3, 2);
    assert_eq!(w.tell(Event::Restart), "start 3#3", "the slots are those of the other release");
}

/// Any order of events, lost and repeated ones included: the machine never panics, never has more than two instances
/// in a slot, never starts a run twice, and once the world behaves it settles, and once it is stopped nothing is left.
#[test]
fn random_events_settle() {
    for seed in 1..=300_u64 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut w = World::new(3);
        let mut started = std::collections::BTreeSet::new();
        w.tell(Event::Go);
        for _ in 0..200 {
            random_event(&mut w, &mut rng, &mut started, seed);
        }
        behave(&mut w, seed);
        let once: Vec<_> = (1..1_000).filter(|slot| w.machine.is_wanted(*slot)).collect();
        once.into_iter().for_each(|slot| drop(w.tell(Event::Unwant(slot))));
        w.tell(Event::Scale(2));
        behave(&mut w, seed);
        assert!(w.machine.is_settled(), "seed {seed}: {:?}", w.phases());
        w.tell(Event::Stop);
        behave(&mut w, seed);
        assert!(w.phases().is_empty(), "seed {seed}: {:?}", w.phases());
    }
}

fn random_event(
    w: &mut World,
    rng: &mut fastrand::Rng,
    started: &mut std::collections::BTreeSet<InstanceId>,
    seed: u64,
) {
    let known: Vec<_> = w.machine.instances().map(|(i, _)| i.id.clone()).collect();
    let any = if known.is_empty() { id(1, 1) } else { known[rng.usize(..known.len())].clone() };
    let event = match rng.u8(..16) {
        0 => Event::Scale(rng.u32(..5)),
        12 | 13 => Event::Want(free(w), wanted(rng.u8(..4))),
        14 => Event::Unwant(any.slot.index),
        15 if rng.bool() => Event::Settle(other()),
        1 => Event::Restart,
        2 | 3 => Event::Started(any),
        4 => Event::StartFailed(any, not_started(rng.bool())),
        5 | 6 => Event::Probed(any, ProbeVerdict::Passed),
        7 => Event::Probed(any, ProbeVerdict::Refused("no".into())),
        8 => Event::Drained(any),
        9 => Event::Exited(any, Ending::Code(1)),
        _ => Event::Due,
    };
    w.now = w.now + Duration::from_millis(rng.u64(..3_000));
    let own: Vec<_> = w.machine.slots.keys().copied().filter(|slot| !w.machine.wants.is_once(*slot)).collect();
    let begins = if let Event::Want(index, _) = &event { Some(*index) } else { None };
    let mut actions = Vec::new();
    w.machine.handle(event, w.now, &mut actions);
    for action in actions {
        if let Action::Start(id) = action {
            let may = w.machine.own_slots().chain(own.iter().copied()).chain(begins).any(|slot| slot == id.slot.index);
            assert!(may, "seed {seed}: {id} of another release starts again");
            assert!(started.insert(id.clone()), "seed {seed}: {id} starts twice");
        }
    }
    for slot in w.machine.slots.values() {
        assert!(slot.instances.iter().filter(|i| !i.is_leaving()).count() <= 2, "seed {seed}: {:?}", w.phases());
    }
}

/// Answers everything as a well-behaved world would, until nothing is left to do.
fn behave(w: &mut World, seed: u64) {
    for _ in 0..400 {
        let view: Vec<_> = w.machine.instances().map(|(i, _)| (i.id.clone(), i.phase)).collect();
        for (id, phase) in view {
            match phase {
                Phase::Starting | Phase::Unhealthy | Phase::Healthy => {
                    w.tell(Event::Started(id.clone()));
                    w.tell(Event::Probed(id, ProbeVerdict::Passed));
                }
                Phase::Draining => drop(w.tell(Event::Drained(id))),
                Phase::Stopping => drop(w.tell(Event::Exited(id, Ending::Code(0)))),
            }
        }
        let Some(at) = w.machine.deadline() else { return };
        if at.since(w.now) > Duration::from_secs(4) && (w.machine.is_settled() || w.phases().is_empty()) {
            return;
        }
        w.now = at.max(w.now);
        w.due();
    }
    panic!("seed {seed}: does not settle: {:?}", w.phases());
}
