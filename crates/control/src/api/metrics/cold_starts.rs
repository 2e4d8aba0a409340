//! The family of cold starts.

use std::collections::BTreeMap;

use model::{ServiceName, figures::Durations};

use super::text::{Family, Kind};

pub(super) fn family(cold_starts: &BTreeMap<ServiceName, Durations>) -> Family {
    let help = "From a request that wakes a sleeping service, or one that calls it, to its first healthy instance.";
    let mut family = Family::new("isles_cold_start_duration_seconds", Kind::Histogram, help);
    for (service, durations) in cold_starts {
        let labels = vec![("service", service.to_string())];
        family.add_histogram(&labels, &durations.buckets, durations.sum_micros, durations.count);
    }
    family
}
