//! The machine itself.

use std::{collections::VecDeque, time::Duration};

use model::{Timestamp, spec::Scaling};

use super::window::Window;

/// The panic window, in parts of sixty of the stable one.
const PANIC_PARTS: u32 = 6;
const STABLE_PARTS: u32 = 60;
/// The part of the target that fewer instances must stay below.
const SHRINK_BELOW: f64 = 0.95;
/// What an average may be off by.
const ROUNDING: f64 = 1e-9;
/// The time between two decisions.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The most instances that can be asked for.
const INSTANCES_MAX: u32 = 10_000;

/// How a service is scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The fewest instances; 0 lets the service sleep.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// How many requests in flight one instance shall have.
    pub concurrency: Option<f64>,
    /// How many cores one instance shall use.
    pub cpu: Option<f64>,
    /// The window over which the load is averaged; a tenth of it is the panic window.
    pub stable: Duration,
    /// How many times what is ready the panic window must want.
    pub panic_threshold: f64,
    /// How many times what is ready may be asked for at once.
    pub up_max: f64,
    /// The part of what is ready that is asked for at the least is one of so many.
    pub down_max: f64,
    /// For how long a larger wish is remembered.
    pub down_delay: Duration,
    /// The time between two decisions.
    pub pause: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            min: 1,
            max: 1,
            concurrency: None,
            cpu: None,
            stable: Duration::from_secs(60),
            panic_threshold: 2.0,
            up_max: 1000.0,
            down_max: 2.0,
            down_delay: Duration::from_secs(30),
            pause: PAUSE_MAX,
        }
    }
}

/// Why terms make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// `max` is 0, below `min` or above 10,000.
    Bounds,
    /// `min` is below `max`, and no target is given, or one is not above 0.
    Target,
    /// A factor is not above 1.
    Factor,
    /// `stable` is below 1 s, `pause` below 100 ms, or `down_delay` above an hour.
    Time,
}

/// How many instances shall run from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// So many.
    pub wanted: u32,
    /// Why.
    pub why: Why,
}

/// Why the number changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A request came, and nothing ran.
    Woken,
    /// The load has leapt.
    Panic,
    /// The load of the stable window.
    Load,
    /// There was no request for a whole window.
    Idle,
}

/// The autoscaler of one service.
#[derive(Debug, Clone)]
pub struct Autoscaler {
    terms: Terms,
    wanted: u32,
    ready: u32,
    requests: Window,
    cores: Window,
    in_flight: u32,
    /// When a request was in flight last.
    busy_at: Timestamp,
    panics_until: Option<Timestamp>,
    /// Wishes of the last while, each larger than those after it.
    wishes: VecDeque<(Timestamp, u32)>,
    due_at: Timestamp,
}

impl Autoscaler {
    /// One of a service that has so many instances now, and no requests.
    pub fn new(terms: Terms, instances: u32, now: Timestamp) -> Result<Self, Invalid> {
        terms.check()?;
        Ok(Self {
            wanted: instances.clamp(terms.min, terms.max),
            ready: instances,
            requests: Window::new(terms.stable, now),
            cores: Window::new(terms.stable, now),
            in_flight: 0,
            busy_at: now,
            panics_until: None,
            wishes: VecDeque::new(),
            due_at: now + terms.pause,
            terms,
        })
    }

    /// So many requests were in flight or held on average since the last call, and so many are now.
    pub fn requests(&mut self, average: f64, in_flight: u32, now: Timestamp) {
        if average > 0.0 || in_flight > 0 {
            self.busy_at = now;
        }
        self.in_flight = in_flight;
        self.requests.was(average.max(0.0), now);
    }

    /// A request is held for it, or one will come: it must not sleep.
    pub fn wake(&mut self, now: Timestamp) -> Option<Change> {
        if self.wanted > 0 {
            return None;
        }
        (self.busy_at, self.due_at) = (now, now + self.terms.pause);
        self.change(1, Why::Woken)
    }

    /// So many cores were used on average since the last call.
    pub fn cores(&mut self, used: f64, now: Timestamp) {
        self.cores.was(used.max(0.0), now);
    }

    /// So many instances are healthy from now on.
    pub fn ready(&mut self, instances: u32) {
        self.ready = instances;
    }

    /// When [`Self::due`] must be called; nothing is decided while it sleeps.
    pub fn deadline(&self) -> Option<Timestamp> {
        (self.wanted > 0).then_some(self.due_at)
    }

    /// How many instances shall run.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Decides, if it is time to.
    pub fn due(&mut self, now: Timestamp) -> Option<Change> {
        if now < self.due_at {
            return None;
        }
        self.due_at = now + self.terms.pause;
        let (wish, why) = self.wish(now);
        let remembered = f64::from(self.remember(wish, now));
        let ready = f64::from(self.ready.max(1));
        let (least, most) = ((ready / self.terms.down_max).floor(), (ready * self.terms.up_max).ceil());
        let bounded = whole(remembered.clamp(least, most));
        let idle = bounded == 0 && (self.wanted == 0 || self.is_idle(now));
        let wanted = if idle { 0 } else { bounded.max(1) };
        self.change(wanted, if idle { Why::Idle } else { why })
    }

    fn wish(&mut self, now: Timestamp) -> (u32, Why) {
        let requests = self.requests.average(STABLE_PARTS, now);
        let cores = self.cores.average(STABLE_PARTS, now);
        let leap = instances(self.requests.average(PANIC_PARTS, now), self.terms.concurrency);
        let stable = self.stable_wish(requests, cores);
        let ready = f64::from(self.ready.max(1));
        if f64::from(leap) >= self.terms.panic_threshold * ready {
            self.panics_until = Some(now + self.terms.stable);
        }
        let panics = self.panics_until.is_some_and(|until| now < until);
        let wish = if panics { leap.max(stable).max(self.wanted) } else { stable };
        (wish, if panics { Why::Panic } else { Why::Load })
    }

    /// Grows when the load exceeds the target, and shrinks when it would be clearly below it.
    fn stable_wish(&self, requests: f64, cores: f64) -> u32 {
        let Terms { concurrency, cpu, .. } = self.terms;
        let wish = |part: f64| instances(requests / part, concurrency).max(instances(cores / part, cpu));
        let exact = wish(1.0);
        if exact < self.wanted { wish(SHRINK_BELOW).min(self.wanted) } else { exact }
    }

    /// The largest wish of the last while.
    fn remember(&mut self, wish: u32, now: Timestamp) -> u32 {
        while self.wishes.back().is_some_and(|(_, smaller)| *smaller <= wish) {
            self.wishes.pop_back();
        }
        self.wishes.push_back((now, wish));
        while self.wishes.front().is_some_and(|(at, _)| *at + self.terms.down_delay < now) {
            self.wishes.pop_front();
        }
        self.wishes.front().map_or(wish, |(_, largest)| *largest)
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        self.in_flight == 0 && self.busy_at + self.terms.stable <= now
    }

    fn change(&mut self, wanted: u32, why: Why) -> Option<Change> {
        let wanted = wanted.clamp(self.terms.min, self.terms.max);
        (std::mem::replace(&mut self.wanted, wanted) != wanted).then_some(Change { wanted, why })
    }
}

impl Terms {
    /// Those of a manifest. The shorter the window, the sooner everything else.
    pub fn of(scaling: &Scaling) -> Self {
        let pause = (scaling.window / 30).clamp(PAUSE_MIN, PAUSE_MAX);
        Self {
            min: scaling.min,
            max: scaling.max,
            concurrency: scaling.concurrency.map(f64::from),
            cpu: scaling.cpu_millis.map(|millis| f64::from(millis) / 1000.0),
            stable: scaling.window,
            down_delay: scaling.window / 2,
            pause,
            ..Self::default()
        }
    }

    /// Whether they make sense.
    pub fn check(&self) -> Result<(), Invalid> {
        let targets = [self.concurrency, self.cpu];
        let is_given = targets.iter().flatten().count() > 0 || self.min == self.max;
        let times = [(self.stable, 1_000), (self.pause, 100)];
        if self.max == 0 || self.max < self.min || self.max > INSTANCES_MAX {
            Err(Invalid::Bounds)
        } else if !is_given || targets.iter().flatten().any(|target| target.is_nan() || *target <= 0.0) {
            Err(Invalid::Target)
        } else if [self.panic_threshold, self.up_max, self.down_max]
            .iter()
            .any(|factor| factor.is_nan() || *factor <= 1.0)
        {
            Err(Invalid::Factor)
        } else if times.iter().any(|(time, least)| *time < Duration::from_millis(*least))
            || self.down_delay > Duration::from_secs(3_600)
        {
            Err(Invalid::Time)
        } else {
            Ok(())
        }
    }
}

/// How many instances a load needs.
fn instances(load: f64, target: Option<f64>) -> u32 {
    target.map_or(0, |target| whole((load / target - ROUNDING).ceil()))
}

/// A number of instances; the smallest and the largest if it is outside.
fn whole(number: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
    let whole = number.clamp(0.0, f64::from(INSTANCES_MAX)) as u32;
    whole
}
