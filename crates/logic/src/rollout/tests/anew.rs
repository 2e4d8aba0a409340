//! The system comes up again in the midst of a rollout.

use super::{bench::Bench, *};

const A_LONG_TIME: Duration = Duration::from_secs(3600);

impl Bench {
    /// After a long time in which nothing ran; what is asked for then.
    fn come_up_again(&mut self) -> String {
        self.now = self.now + A_LONG_TIME;
        self.machine = Machine::restore(self.machine.snapshot().clone().asked_anew(self.now), []);
        self.tell(Event::Due)
    }
}

#[test]
fn instances_have_their_time_anew() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 2, 2)]));
    assert_eq!(b.come_up_again(), "run web.old1, run web.old2, run web.new1");
    b.report("web.old1", State::Healthy);
    b.report("web.old2", State::Healthy);
    assert_eq!(b.up(&["web.new1"]), "stop web.old2");
    assert_eq!(b.come_up_again(), "run web.old1, run web.new1, stop web.old2");
    assert_eq!(b.pass(seconds(60)), "stop web.new1", "it is not healthy in time");
}

#[test]
fn a_set_that_is_kept_is_given_up_when_the_new_one_is_healthy() {
    let mut b = Bench::begun(plan(blue_green(Wait::For(seconds(0))), &[("web", 1, 1)]));
    b.up(&["web.new1"]);
    b.routed();
    b.pass(seconds(0));
    assert_eq!(b.machine.phase(), &Phase::Keeping);
    assert_eq!(b.come_up_again(), "run web.old1, run web.new1");
    assert_eq!(b.up(&["web.new1"]), "stop web.old1");
    assert_eq!(b.come_up_again(), "run web.new1, stop web.old1");
    assert_eq!(b.ended(&["web.old1"]), "promoted");
}

#[test]
fn a_migration_runs_again() {
    let migration = Migration { hold: false, deadline: seconds(30) };
    let mut b = Bench::new(Plan { migration: Some(migration), ..plan(Strategy::Rolling, &[("web", 1, 1)]) });
    b.report("web.old1", State::Healthy);
    assert_eq!(b.routed(), "migrate");
    assert_eq!(b.come_up_again(), "migrate, run web.old1");
    assert_eq!(b.tell(Event::Migrated(Ok(()))), "run web.new1");
}

#[test]
fn what_goes_back_does_so_still() {
    let mut b = Bench::begun(plan(Strategy::Rolling, &[("web", 2, 2)]));
    b.up(&["web.new1"]);
    b.ended(&["web.old2"]);
    b.tell(Event::Told(Command::Abort));
    assert_eq!(b.come_up_again(), "run web.old1, stop web.new1, stop web.new2");
    assert_eq!(b.ended(&["web.new1"]), "run web.old3");
    b.ended(&["web.new2"]);
    b.report("web.old1", State::Healthy);
    assert_eq!(b.report("web.old3", State::Healthy), "rolled back: it was aborted");
}
