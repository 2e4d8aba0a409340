//! The families of the system, its services and their slots.

use std::collections::BTreeMap;

use model::{
    Slot,
    status::{InstancePhase, InstanceStatus, SystemStatus},
};

use super::text::{Family, Kind, Labels, seconds};

pub(super) fn families(status: &SystemStatus) -> Vec<Family> {
    let mut families = system(status);
    families.extend(slots(status));
    families
}

fn system(status: &SystemStatus) -> Vec<Family> {
    let mut info = Family::new("isles_build_info", Kind::Gauge, "Always 1; the version of Isles is a label.");
    info.add(&vec![("version", status.version.clone())], 1);
    let help = "When the platform process started, in seconds since 1970; counters begin at 0 then.";
    let mut start = Family::new("isles_start_time_seconds", Kind::Gauge, help);
    start.add(&Vec::new(), seconds(status.started_at.0));
    let mut wanted = Family::new("isles_service_replicas", Kind::Gauge, "The instances asked for.");
    for service in &status.services {
        wanted.add(&vec![("service", service.name.to_string())], service.replicas);
    }
    vec![info, start, wanted]
}

/// What the runs in a slot come to. There are two while one replaces the other.
#[derive(Default)]
struct Sum {
    up: bool,
    crashes: u32,
    memory_bytes: Option<u64>,
}

impl Sum {
    fn add(&mut self, instance: &InstanceStatus) {
        self.up |= instance.phase == InstancePhase::Healthy;
        self.crashes = self.crashes.max(instance.crashes);
        self.memory_bytes = match (self.memory_bytes, instance.memory_bytes) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
}

fn slots(status: &SystemStatus) -> [Family; 3] {
    let mut sums: BTreeMap<&Slot, Sum> = BTreeMap::new();
    for instance in status.services.iter().flat_map(|service| &service.instances) {
        sums.entry(&instance.id.slot).or_default().add(instance);
    }
    let mut up = Family::new("isles_instance_up", Kind::Gauge, "1 if the slot's instance takes requests.");
    let help = "How often the slot's program has ended by itself.";
    let mut crashes = Family::new("isles_instance_crashes_total", Kind::Counter, help);
    let mut memory = Family::new("isles_instance_memory_bytes", Kind::Gauge, "Memory, where the host can tell.");
    for (slot, sum) in sums {
        let labels = labels(slot);
        up.add(&labels, u8::from(sum.up));
        crashes.add(&labels, sum.crashes);
        if let Some(bytes) = sum.memory_bytes {
            memory.add(&labels, bytes);
        }
    }
    [up, crashes, memory]
}

/// Not `instance`: Prometheus gives that name to what it scrapes.
fn labels(slot: &Slot) -> Labels {
    vec![("service", slot.service.to_string()), ("slot", slot.index.to_string())]
}
