//! Two systems, and what the way from one to the other asks for.

use std::{collections::BTreeMap, time::Duration};

use model::{
    ServiceName,
    api::Change,
    pins::reentry,
    spec::{Gateway, Migration, Protocol, Route, Scaling, Service, Step, Strategy, System, Topic, Wait},
};

use super::*;
use crate::rollout::Target;

/// A change of something.
type Edit<T> = fn(&mut T);

/// A system of services `NAME>CALLEE,CALLEE`, and a gateway that leads to the first.
fn system(text: &str) -> System {
    let mut system = System::new("shop".parse().unwrap());
    for service in text.split_whitespace() {
        let (name, callees) = service.split_once('>').unwrap_or((service, ""));
        let mut spec = Service::new("./run");
        for callee in callees.split(',').filter(|callee| !callee.is_empty()) {
            spec.calls.insert(callee.parse().unwrap(), Default::default());
        }
        system.services.insert(name.parse().unwrap(), spec);
    }
    let first = system.services.keys().next().unwrap().clone();
    system.gateway = Some(Gateway::new("127.0.0.1:80".parse().unwrap(), vec![Route::new("/", first)]));
    system
}

fn view<'a>(system: &'a System, none: &'a BTreeMap<String, String>) -> View<'a> {
    let unit = |spec| Unit { spec, artifact: Some("same"), env_file: none, secrets: none };
    View { system, units: system.services.iter().map(|(name, spec)| (name, unit(spec))).collect() }
}

fn differences(old: &System, new: &System) -> Vec<Difference> {
    let none = BTreeMap::new();
    compare(&view(old, &none), &view(new, &none))
}

fn words(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(|one| format!("{} {:?} {}", one.service, one.change, one.parts.join(" "))).collect()
}

fn service<'a>(system: &'a mut System, name: &str) -> &'a mut Service {
    system.services.get_mut(&name.parse::<ServiceName>().unwrap()).unwrap()
}

#[test]
fn what_needs_new_instances_and_what_does_not() {
    let cases: [(Edit<Service>, &str); 14] = [
        (|_| (), ""),
        (|s| s.run = "./other".into(), "Replaced run"),
        (|s| s.env = [("A".into(), "1".into())].into(), "Replaced env.A"),
        (|s| s.limits.cpu_millis = Some(500), "Replaced limits"),
        (|s| s.health.path = Some("/ok".into()), "Replaced health"),
        (|s| s.replicas = 4, "Adjusted replicas"),
        (|s| s.drain_timeout = Duration::ZERO, "Adjusted drain_timeout"),
        (|s| s.build = Some("make".into()), "Adjusted build"),
        (|s| s.artifact = vec!["out".into()], "Adjusted artifact paths"),
        (|s| s.calls.values_mut().for_each(|p| p.timeout = Duration::ZERO), "Adjusted calls.b.timeout"),
        (|s| s.calls.values_mut().for_each(|p| p.protocol = Protocol::Tcp), "Replaced calls.b.protocol"),
        (|s| s.calls.clear(), "Replaced calls.b"),
        (|s| s.publishes = ["t".parse().unwrap()].into(), "Replaced publishes"),
        (|s| s.upgrade.terms.max_surge = 9, "Adjusted upgrade"),
    ];
    for (change, expected) in cases {
        let old = system("a>b b");
        let mut new = old.clone();
        change(service(&mut new, "a"));
        let expected = if expected.is_empty() { Vec::new() } else { vec![format!("a {expected}")] };
        assert_eq!(words(&differences(&old, &new)), expected);
    }
}

#[test]
fn files_secrets_and_variables_count() {
    let (system, none) = (system("a"), BTreeMap::new());
    let one = BTreeMap::from([("X".to_owned(), "1".to_owned())]);
    let unit = view(&system, &none).units.into_values().next().unwrap();
    for (changed, expected) in [
        (Unit { artifact: Some("other"), ..unit }, "artifact"),
        (Unit { artifact: None, ..unit }, "artifact"),
        (Unit { env_file: &one, ..unit }, "env_file.X"),
        (Unit { secrets: &one, ..unit }, "secrets.X"),
    ] {
        assert_eq!(parts(unit, changed), [Part { name: expected.into(), needs_instances: true }]);
    }
}

#[test]
fn services_come_and_go() {
    let (old, new) = (system("a>b b"), system("a b>c c"));
    let found = words(&differences(&old, &new));
    assert_eq!(found, ["a Replaced calls.b", "b Replaced calls.c", "c Added "]);
    assert_eq!(words(&differences(&new, &system("a b"))), ["b Replaced calls.c", "c Removed "]);
    let mut partial = system("a>b b");
    partial.services.remove(&"b".parse().unwrap());
    let missing = dangling(&partial).unwrap();
    assert_eq!((missing.by.as_str(), missing.service.as_str()), ("the service `a`", "b"));
    assert_eq!(dangling(&old), None);
}

#[test]
fn pinned_paths_have_second_sets_and_never_come_back_in() {
    for (text, changed, seconds) in
        [("a>c c>b b", "a b", "c"), ("a>c c>b b", "b", "a c"), ("a>c,d c>b d b", "b", "a c"), ("a>b b x>b", "a", "")]
    {
        let (old, mut new) = (system(text), system(text));
        changed.split(' ').for_each(|name| service(&mut new, name).run = "./new".into());
        assert!(differences(&old, &new).iter().all(|one| one.change == Change::Replaced), "not without `pinned`");
        new.pinned = true;
        let all = differences(&old, &new);
        let second = all.iter().filter(|one| one.change == Change::Second).map(|one| one.service.as_str());
        assert_eq!(second.collect::<Vec<_>>().join(" "), seconds, "{text} with {changed}");
        let release = all.into_iter().map(|one| one.service).collect();
        assert_eq!(reentry(&new, &release), None);
    }
}

#[test]
fn what_a_route_or_a_call_leads_to_is_called() {
    let mut system = system("a>b b c d");
    let route = Route { host: None, prefix: "/".into(), to: "c".parse().unwrap(), strip: false, policy: None };
    system.gateway = Some(Gateway::new(([127, 0, 0, 1], 1).into(), vec![route]));
    let called = ["a", "b", "c", "d"].map(|name| is_called(&name.parse().unwrap(), &system));
    assert_eq!(called, [false, true, true, false]);
}

#[test]
fn sets_of_pinned_services_end_with_callers_first() {
    let (old, mut new) = (system("a>b b"), system("a b>a"));
    let waves = |new: &System| {
        let plan = rollout(&differences(&old, new), &old, new, &Counts::new()).unwrap();
        plan.targets.iter().map(|target| (target.waves.old, target.waves.new)).collect::<Vec<_>>()
    };
    assert_eq!(waves(&new), [(0, 0), (0, 0)], "their calls find the other release");
    new.pinned = true;
    assert_eq!(waves(&new), [(0, 1), (1, 0)]);
}

#[test]
fn what_sleeps_wakes_for_its_rollout() {
    let scaling = Scaling { min: 0, max: 4, concurrency: Some(10), cpu_millis: None, window: Duration::from_secs(60) };
    let mut old = system("a>b b");
    (service(&mut old, "b").replicas, service(&mut old, "b").scaling) = (0, Some(scaling));
    let mut new = old.clone();
    service(&mut new, "b").run = "./new".into();
    let now = Counts::from([("b".parse().unwrap(), 0)]);
    let sets = |new: &System| {
        let differences = differences(&old, new);
        let targets = rollout(&differences, &old, new, &now).unwrap().targets;
        let planned = planned(&differences, &old, new, &now).into_iter().map(|one| one.most);
        let target = |(target, most): (Target, u32)| format!("{} {} {} {most}", target.service, target.old, target.new);
        targets.into_iter().zip(planned).map(target).collect::<Vec<_>>()
    };
    assert_eq!(sets(&new), ["b 0 1 1"], "the new one takes over");
    let steps = vec![Step { weight: 100, wait: Wait::Person }];
    service(&mut new, "b").upgrade.strategy = Strategy::Canary { steps, judged: None, keep: Duration::ZERO };
    assert_eq!(sets(&new), ["b 1 1 2"], "most requests are the old one's");
    service(&mut new, "b").upgrade.strategy = Strategy::Rolling;
    new.pinned = true;
    assert_eq!(sets(&new), ["a 1 1 2", "b 1 1 2"], "requests of the old release find nobody in the new one");
}

#[test]
fn plans() {
    let (old, mut new) = (system("a>b b"), system("a>b b c"));
    let migrate = Migration { command: "m".into(), hold: true, deadline: Duration::from_secs(9) };
    service(&mut new, "b").run = "./new".into();
    (service(&mut new, "b").replicas, service(&mut new, "b").migrate) = (3, Some(migrate));
    let counts = |text: &str, now: &[(&str, u32)]| {
        let now = now.iter().map(|(name, count)| (name.parse().unwrap(), *count)).collect();
        let differences = differences(&old, &new);
        let planned = planned(&differences, &old, &new, &now);
        let found: Vec<_> = planned.iter().map(|p| format!("{} {} {} {}", p.service, p.old, p.new, p.most)).collect();
        assert_eq!(found.join(", "), text);
        rollout(&differences, &old, &new, &now).unwrap()
    };
    let plan = counts("b 2 3 4, c 0 1 1", &[("b", 2)]);
    assert_eq!(plan.check(), Ok(()));
    assert_eq!((&plan.strategy, plan.targets.len()), (&Strategy::Rolling, 2));
    assert!(plan.migration.is_some_and(|migration| migration.hold && migration.deadline.as_secs() == 9));
    let adjusted = differences(&old, &{
        let mut adjusted = old.clone();
        service(&mut adjusted, "a").replicas = 5;
        adjusted
    });
    assert_eq!(rollout(&adjusted, &old, &old, &Counts::new()), None, "no instance is replaced");
}

#[test]
fn a_migration_runs_at_once_where_no_instance_does() {
    let (mut old, nobody) = (system("a"), Counts::from([("a".parse().unwrap(), 0)]));
    for strategy in [Strategy::Rolling, Strategy::BlueGreen { preview: Wait::Person, keep: Duration::MAX }] {
        service(&mut old, "a").upgrade.strategy = strategy;
        let mut new = old.clone();
        service(&mut new, "a").run = "./new".into();
        let plan = |new: &System| rollout(&differences(&old, new), &old, new, &nobody);
        assert_eq!(plan(&new), None, "nothing starts, and nothing has to run");
        let migrate = Migration { command: "m".into(), hold: false, deadline: Duration::from_secs(9) };
        service(&mut new, "a").migrate = Some(migrate);
        let plan = plan(&new).unwrap();
        assert_eq!(plan.check(), Ok(()));
        assert_eq!((plan.targets[0].old, plan.targets[0].new, plan.migration.is_some()), (0, 0, true));
        let keep = if let Strategy::BlueGreen { preview, keep } = plan.strategy { Some((preview, keep)) } else { None };
        assert!(keep.is_none_or(|waits| waits == (Wait::For(Duration::ZERO), Duration::ZERO)), "nothing to look at");
    }
}

#[test]
fn what_must_migrate_before_a_system_starts() {
    let migrate = Migration { command: "m".into(), hold: false, deadline: Duration::from_secs(9) };
    let (mut old, none) = (system("a b c d"), BTreeMap::new());
    for name in ["a", "b", "c"] {
        service(&mut old, name).migrate = Some(migrate.clone());
    }
    let mut new = old.clone();
    service(&mut new, "a").run = "./new".into();
    service(&mut new, "b").drain_timeout = Duration::ZERO;
    service(&mut new, "d").run = "./new".into();
    let words = |old: Option<&System>, artifact: Option<&'static str>| {
        let mut to = view(&new, &none);
        to.units.values_mut().for_each(|unit| unit.artifact = artifact);
        let old = old.map(|old| view(old, &none));
        unmigrated(old.as_ref(), &to).iter().map(ServiceName::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(words(None, Some("same")), "a b c", "it never ran");
    assert_eq!(words(Some(&new), Some("same")), "", "the same again");
    assert_eq!(words(Some(&old), Some("same")), "a", "only what another program will run");
    assert_eq!(words(Some(&new), None), "a b c", "in place");
}

#[test]
fn a_person_s_number_holds_until_the_manifest_says_another() {
    let (old, mut new) = (system("a"), system("a"));
    service(&mut new, "a").run = "./new".into();
    let now = Counts::from([("a".parse().unwrap(), 5)]);
    let target = |new: &System| rollout(&differences(&old, new), &old, new, &now).unwrap().targets[0].clone();
    assert_eq!((target(&new).old, target(&new).new), (5, 5));
    service(&mut new, "a").replicas = 2;
    assert_eq!((target(&new).old, target(&new).new), (5, 2));
}

#[test]
fn services_that_agree_choose_the_strategy() {
    let blue_green = Strategy::BlueGreen { preview: Wait::Person, keep: Duration::ZERO };
    let (old, mut new) = (system("a b"), system("a b"));
    for name in ["a", "b"] {
        service(&mut new, name).run = "./new".into();
    }
    service(&mut new, "a").upgrade.strategy = blue_green.clone();
    let strategy = |new: &System| rollout(&differences(&old, new), &old, new, &Counts::new()).unwrap().strategy;
    assert_eq!(strategy_name(&strategy(&new)), "rolling", "they do not agree: as the system says");
    service(&mut new, "b").upgrade.strategy = blue_green;
    assert_eq!(strategy_name(&strategy(&new)), "blue-green");
}

#[test]
fn a_strategy_that_does_not_apply_is_named() {
    let steps = |weight| Strategy::Canary {
        steps: vec![Step { weight, wait: Wait::Person }],
        judged: None,
        keep: Duration::ZERO,
    };
    let (old, changed) = (system("a b z"), |text: &str, canaries: &[(&str, u16)]| {
        let mut new = system(text);
        for (name, weight) in canaries {
            service(&mut new, name).run = "./new".into();
            service(&mut new, name).upgrade.strategy = steps(*weight);
        }
        new
    });
    let found = |new: &System| {
        let differences = differences(&old, new);
        let strategy = rollout(&differences, &old, new, &Counts::new()).unwrap().strategy;
        let overruled = overruled(&differences, &old, new);
        let overruled: Vec<_> = overruled.iter().map(|(name, strategy)| format!("{name} {strategy}")).collect();
        (strategy_name(&strategy), overruled.join(", "))
    };
    let mut with_rolling = changed("a b z", &[("a", 100)]);
    service(&mut with_rolling, "b").run = "./new".into();
    assert_eq!(found(&with_rolling), ("rolling", "a canary".into()));
    let mut as_the_system = with_rolling.clone();
    as_the_system.upgrade.strategy = steps(100);
    assert_eq!(found(&as_the_system), ("canary", String::new()));
    assert_eq!(found(&changed("a b z", &[("a", 100), ("b", 50)])), ("rolling", "a canary, b canary".into()));
    assert_eq!(found(&changed("a b c", &[("a", 100)])), ("canary", String::new()), "what comes or goes has no say");
    assert_eq!(found(&changed("a b z c", &[("c", 100)])), ("canary", String::new()), "but where it is alone");
}

fn nats() -> spec::Nats {
    spec::Nats { url: "nats://127.0.0.1:4222".parse().unwrap(), ca: None, users: false }
}

#[test]
fn what_cannot_change_in_place() {
    let old = system("a b");
    let cases: [(Edit<System>, Option<&str>); 9] = [
        (|s| s.gateway.as_mut().unwrap().routes.clear(), None),
        (|s| drop(s.services.remove(&"b".parse().unwrap())), None),
        (|s| service(s, "a").protocol = Protocol::Http2, Some("the `protocol` of a service")),
        (|s| s.nats = Some(nats()), Some("`url` of [streams]")),
        (|s| s.name = "other".parse().unwrap(), Some("the system's name")),
        (|s| s.gateway = None, Some("whether there is a gateway")),
        (|s| s.gateway.as_mut().unwrap().listen.set_port(81), Some("the gateway's `listen`")),
        (|s| s.gateway.as_mut().unwrap().tls = Some(spec::Tls::Development), Some("the gateway's `tls`")),
        (|s| service(s, "a").buckets = ["x".parse().unwrap()].into(), None),
    ];
    for (change, expected) in cases {
        let mut new = old.clone();
        change(&mut new);
        assert_eq!(fixed(&old, &new).map(|fixed| fixed.what), expected);
    }
}

#[test]
fn what_changes_beside_services() {
    let (old, mut new) = (system("a b"), system("a b"));
    new.gateway.as_mut().unwrap().routes[0].to = "b".parse().unwrap();
    new.gateway.as_mut().unwrap().routes.push(Route::new("/b", "b".parse().unwrap()));
    new.topics.insert("t".parse().unwrap(), Topic::default());
    let forth = ["the route `/b` is new", "the route `/` changes", "the topic `t` is new"];
    let back =
        ["the route `/` changes", "the route `/b` goes", "the topic `t` is declared no more; what is in it stays"];
    assert_eq!(
        (others(&old, &new), others(&new, &old)),
        (forth.map(String::from).into(), back.map(String::from).into())
    );
    assert!(others(&old, &old).is_empty());
}

#[test]
fn only_some_services() {
    let (old, mut new) = (system("a b c"), system("a b d"));
    service(&mut new, "a").run = "./new".into();
    service(&mut new, "b").run = "./new".into();
    service(&mut new, "d").publishes = ["t".parse().unwrap()].into();
    new.topics.insert("t".parse().unwrap(), Topic::default());
    let of = |names: &str| {
        let names: Vec<_> = names.split_whitespace().map(|name| name.parse().unwrap()).collect();
        let system = only(&old, &new, &names);
        (words(&differences(&old, &system)).join(", "), system.topics.len())
    };
    for (names, expected, topics) in [
        ("", "a Replaced run, b Replaced run, c Removed , d Added ", 1),
        ("a", "a Replaced run", 0),
        ("c", "c Removed ", 0),
        ("d b", "b Replaced run, d Added ", 1),
    ] {
        assert_eq!(of(names), (expected.into(), topics), "{names}");
    }
}
