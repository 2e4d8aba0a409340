//! What of JetStream is not supported: refused where it is asked for, never accepted in silence.

use model::streams::Placement;

use super::{ApiError, Compression, ConsumerConfig, ErrorCode, StreamConfig};

/// # Errors
/// What a stream's configuration asks for that there is not.
pub(crate) fn check_stream(config: &StreamConfig) -> Result<(), ApiError> {
    check_replicas(config.num_replicas)?;
    if config.placement != Placement::default() {
        return Err(ErrorCode::ClusterTags.error());
    }
    let missing = [
        (config.mirror.is_some(), "mirrors are not supported"),
        (config.mirror_direct, "stream has no mirror but does have mirror direct"),
        (!config.sources.is_empty(), "sources are not supported"),
        (config.compression != Compression::None, "compression is not supported"),
        (config.allow_msg_counter, "message counters are not supported"),
        (config.allow_batched, "batched publishing is not supported"),
    ];
    match missing.into_iter().find(|(is_asked_for, _)| *is_asked_for) {
        Some((_, cause)) => Err(ErrorCode::StreamInvalidConfig.because(cause)),
        None => Ok(()),
    }
}

/// # Errors
/// What a consumer's configuration asks for that there is not.
pub(crate) fn check_consumer(config: &ConsumerConfig) -> Result<(), ApiError> {
    check_replicas(config.num_replicas)?;
    let is_grouped = !config.priority_groups.is_empty() || !config.priority_timeout.is_zero();
    let missing = [
        (is_grouped || !matches!(config.priority_policy.as_str(), "" | "none"), "priority groups are not supported"),
        (config.direct || config.sourcing, "consumers for mirrors and sources are not supported"),
    ];
    match missing.into_iter().find(|(is_asked_for, _)| *is_asked_for) {
        Some((_, cause)) => Err(ErrorCode::ConsumerInvalidPolicy.because(cause)),
        None => Ok(()),
    }
}

fn check_replicas(replicas: i32) -> Result<(), ApiError> {
    match replicas {
        ..0 => Err(ErrorCode::ReplicasCountNegative.error()),
        0 | 1 => Ok(()),
        _ => Err(ErrorCode::StreamReplicasNotSupported.error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams() {
        for (json, expected) in [
            (r#"{"num_replicas":1,"compression":"none","allow_msg_ttl":true,"allow_atomic":true}"#, None),
            (r#"{"num_replicas":3}"#, Some((10074, "replicas > 1 not supported in non-clustered mode"))),
            (r#"{"num_replicas":-1}"#, Some((10133, "replicas count cannot be negative"))),
            (r#"{"placement":{}}"#, None),
            (r#"{"placement":{"cluster":"","tags":[]}}"#, None),
            (r#"{"placement":{"cluster":"c"}}"#, Some((10011, "tags placement not supported for operation"))),
            (r#"{"placement":{"tags":["x"]}}"#, Some((10011, "tags placement not supported for operation"))),
            (r#"{"mirror":{"name":"m"}}"#, Some((10052, "mirrors are not supported"))),
            (r#"{"mirror_direct":true}"#, Some((10052, "stream has no mirror but does have mirror direct"))),
            (r#"{"sources":[{"name":"s"}]}"#, Some((10052, "sources are not supported"))),
            (r#"{"compression":"s2"}"#, Some((10052, "compression is not supported"))),
            (r#"{"allow_msg_counter":true}"#, Some((10052, "message counters are not supported"))),
            (r#"{"allow_batched":true}"#, Some((10052, "batched publishing is not supported"))),
        ] {
            let config: StreamConfig = serde_json::from_str(json).unwrap();
            let error = check_stream(&config).err();
            let found = error.as_ref().map(|error| (error.err_code, error.description.as_str()));
            assert_eq!(found, expected, "{json}");
        }
    }

    #[test]
    fn consumers() {
        for (json, expected) in [
            (r#"{"num_replicas":1,"priority_policy":"none"}"#, None),
            (r#"{"num_replicas":3}"#, Some(10074)),
            (r#"{"priority_groups":["a"]}"#, Some(10094)),
            (r#"{"priority_policy":"overflow"}"#, Some(10094)),
            (r#"{"priority_timeout":1}"#, Some(10094)),
            (r#"{"direct":true}"#, Some(10094)),
            (r#"{"sourcing":true}"#, Some(10094)),
        ] {
            let config: ConsumerConfig = serde_json::from_str(json).unwrap();
            assert_eq!(check_consumer(&config).err().map(|error| error.err_code), expected, "{json}");
        }
    }
}
