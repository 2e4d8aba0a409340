//! Small systems for the tests of this crate.

use model::{
    ServiceName,
    spec::{Health, Limits, Listen, Policy, Service, System},
};

/// A system of services that call each other as listed.
pub(crate) fn system(calls: &[(&str, &[&str])]) -> System {
    let name = |text: &str| text.parse::<ServiceName>().expect("a test's name is valid");
    let services = calls.iter().map(|(service, callees)| {
        let calls = callees.iter().map(|callee| (name(callee), Policy::default())).collect();
        (name(service), Service { calls, ..service_spec() })
    });
    System { name: "test".parse().expect("valid"), gateway: None, services: services.collect() }
}

fn service_spec() -> Service {
    Service {
        dir: None,
        inputs: vec![],
        build: None,
        artifact: vec![],
        cache: vec![],
        run: "./serve".into(),
        env: Default::default(),
        env_file: None,
        secrets: vec![],
        replicas: 1,
        health: Health::default(),
        after: vec![],
        stop_grace: std::time::Duration::from_secs(10),
        drain_timeout: std::time::Duration::from_secs(30),
        limits: Limits::default(),
        listen: Listen::Port,
        calls: Default::default(),
        store: None,
    }
}
