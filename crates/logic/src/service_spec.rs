//! Small systems for the tests of this crate.

use model::{
    ServiceName,
    spec::{Policy, Service, System},
};

/// A system of services that call each other as listed.
pub(crate) fn system(calls: &[(&str, &[&str])]) -> System {
    let name = |text: &str| text.parse::<ServiceName>().expect("a test's name is valid");
    let services = calls.iter().map(|(service, callees)| {
        let calls = callees.iter().map(|callee| (name(callee), Policy::default())).collect();
        (name(service), Service { calls, ..Service::new("./serve") })
    });
    System { services: services.collect(), ..System::new("test".parse().expect("valid")) }
}
