//! A system of which only some services change.

use model::{
    ServiceName,
    spec::{Service, System},
};

/// The old system with these services as the new one has them, or without them if it has them not; the new one if none is named.
/// What they publish and own comes with them, unless it is there.
pub fn only(old: &System, new: &System, services: &[ServiceName]) -> System {
    if services.is_empty() {
        return new.clone();
    }
    let mut system = old.clone();
    for name in services {
        match new.services.get(name) {
            Some(service) => {
                bring(&mut system, new, service);
                system.services.insert(name.clone(), service.clone());
            }
            None => drop(system.services.remove(name)),
        }
    }
    system
}

fn bring(system: &mut System, new: &System, service: &Service) {
    for name in &service.publishes {
        if let Some(topic) = new.topics.get(name) {
            system.topics.entry(name.clone()).or_insert_with(|| topic.clone());
        }
    }
    for name in &service.buckets {
        if let Some(bucket) = new.buckets.get(name) {
            system.buckets.entry(name.clone()).or_insert_with(|| bucket.clone());
        }
    }
    for name in &service.objects {
        if let Some(objects) = new.objects.get(name) {
            system.objects.entry(name.clone()).or_insert_with(|| objects.clone());
        }
    }
}
