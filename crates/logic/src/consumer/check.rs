//! Whether a configuration makes a consumer.

use std::time::Duration;

use model::streams::{
    AckPolicy, ApiError, ConsumerConfig, DESCRIPTION_BYTES_MAX, DeliverPolicy, METADATA_BYTES_MAX, Retention,
    StreamConfig, is_name, limit,
};

use crate::stream::subjects::{covers, is_literal, is_valid, overlap};

/// Messages that may be outstanding where the configuration sets no bound. So many have place in one record of the journal.
pub const OUTSTANDING_MAX: u64 = 1 << 17;
/// Requests that may wait where the configuration sets no bound.
pub const WAITING_MAX: i64 = 512;
const ACK_PENDING: i64 = 1000;
const ACK_WAIT: Duration = Duration::from_secs(30);
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
const EPHEMERAL_INACTIVE: Duration = Duration::from_secs(5);

/// The configuration with its defaults filled in, or why it makes no consumer of this stream.
///
/// # Errors
/// The first of its faults, with the words of nats-server where it has any.
pub fn check(mut config: ConsumerConfig, stream: &StreamConfig) -> Result<ConsumerConfig, ApiError> {
    fill(&mut config, stream);
    check_names(&config)?;
    check_acks(&config, stream)?;
    match config.is_push() {
        true => check_push(&config, stream)?,
        false => check_pull(&config, stream)?,
    }
    check_filters(&config)?;
    check_start(&config)?;
    check_work_queue(&config, stream)?;
    Ok(config)
}

/// The same for a consumer that exists.
///
/// # Errors
/// When it would change what cannot change.
pub fn check_update(
    old: &ConsumerConfig,
    new: ConsumerConfig,
    stream: &StreamConfig,
) -> Result<ConsumerConfig, ApiError> {
    let new = check(new, stream)?;
    for (differs, what) in [
        (old.deliver_policy != new.deliver_policy, "deliver policy"),
        (old.opt_start_seq != new.opt_start_seq, "start sequence"),
        (old.opt_start_time != new.opt_start_time, "start time"),
        (old.ack_policy != new.ack_policy, "ack policy"),
        (old.replay_policy != new.replay_policy, "replay policy"),
        (old.idle_heartbeat != new.idle_heartbeat, "heart beats"),
        (old.flow_control != new.flow_control, "flow control"),
        (old.is_push() != new.is_push(), "delivery type"),
        (old.max_waiting != new.max_waiting, "max waiting"),
        (old.mem_storage != new.mem_storage, "memory storage"),
    ] {
        if differs {
            return Err(ApiError::ConsumerCreate(format!("{what} can not be updated")));
        }
    }
    Ok(new)
}

/// Whether [`check`] left a configuration as it was said.
///
/// # Errors
/// When something else was said than is in force.
pub fn check_pedantic(said: &ConsumerConfig, checked: &ConsumerConfig) -> Result<(), ApiError> {
    for (differs, why) in [
        (!said.ack_wait.is_zero() && said.ack_wait != checked.ack_wait, "ack_wait has to be the first backoff"),
        (said.max_deliver != 0 && limit(said.max_deliver) != limit(checked.max_deliver), "max_deliver is the stream's"),
        (said.max_ack_pending < -1, "max_ack_pending has to be -1 or more"),
    ] {
        if differs {
            return Err(ApiError::Pedantic(why.into()));
        }
    }
    Ok(())
}

/// Whether a consumer of a work-queue stream leaves the messages of the others alone.
///
/// # Errors
/// When a message would have two consumers.
pub fn check_unique<'a>(
    config: &ConsumerConfig,
    others: impl IntoIterator<Item = &'a ConsumerConfig>,
) -> Result<(), ApiError> {
    let ours = config.filters();
    for other in others {
        let theirs = other.filters();
        if ours.is_empty() || theirs.is_empty() {
            return Err(ApiError::WorkQueueMultipleUnfiltered);
        }
        if ours.iter().any(|a| theirs.iter().any(|b| overlap(a, b))) {
            return Err(ApiError::WorkQueueNotUnique);
        }
    }
    Ok(())
}

fn fill(config: &mut ConsumerConfig, stream: &StreamConfig) {
    config.max_deliver = if config.max_deliver <= 0 { -1 } else { config.max_deliver };
    for number in [&mut config.max_waiting, &mut config.max_batch, &mut config.max_bytes] {
        *number = (*number).max(0);
    }
    if !config.is_push() && config.max_waiting == 0 {
        config.max_waiting = WAITING_MAX;
    }
    if config.ack_wait.is_zero() && config.ack_policy != AckPolicy::None {
        config.ack_wait = ACK_WAIT;
    }
    config.ack_wait = config.backoff.first().copied().unwrap_or(config.ack_wait);
    config.max_ack_pending = match (config.max_ack_pending, stream.consumer_limits.max_ack_pending) {
        (0, 0) if config.ack_policy == AckPolicy::None => 0,
        (0, 0) => ACK_PENDING,
        (0, default) => default,
        (given, _) => given.max(-1),
    };
    if config.inactive_threshold.is_zero() {
        config.inactive_threshold = stream.consumer_limits.inactive_threshold;
    }
    if config.inactive_threshold.is_zero() && !config.is_durable() {
        config.inactive_threshold = EPHEMERAL_INACTIVE;
    }
    if config.name.is_empty() {
        config.name.clone_from(&config.durable_name);
    }
}

fn check_names(config: &ConsumerConfig) -> Result<(), ApiError> {
    let (name, durable) = (&config.name, &config.durable_name);
    if !durable.is_empty() && name != durable {
        return Err(ApiError::DurableAndNameMismatch);
    }
    if !is_name(name) {
        let why = "consumer name can not contain '.', '*', '>', path separators or spaces";
        return Err(ApiError::InvalidConfig(why.into()));
    }
    if config.description.len() > DESCRIPTION_BYTES_MAX {
        return Err(ApiError::DescriptionTooLong(DESCRIPTION_BYTES_MAX));
    }
    let metadata: usize = config.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata > METADATA_BYTES_MAX {
        return Err(ApiError::MetadataTooLong(METADATA_BYTES_MAX));
    }
    if config.num_replicas < 0 {
        return Err(ApiError::ReplicasNegative);
    }
    if config.num_replicas > 1 {
        return Err(ApiError::ConsumerReplicas);
    }
    if !config.priority_groups.is_empty() {
        return Err(ApiError::InvalidConfig("priority groups are not supported".into()));
    }
    if config.sample_percent().is_none() {
        return Err(ApiError::InvalidSampling(config.sample_freq.clone()));
    }
    Ok(())
}

fn check_acks(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    if limit(config.max_deliver).is_some_and(|max| (config.backoff.len() as u64) > max) {
        return Err(ApiError::MaxDeliverBackoff);
    }
    if limit(stream.consumer_limits.max_ack_pending).is_some_and(|max| {
        config.ack_policy != AckPolicy::None && limit(config.max_ack_pending).is_none_or(|ours| ours > max)
    }) {
        return Err(ApiError::MaxAckPendingExceeds(stream.consumer_limits.max_ack_pending.unsigned_abs()));
    }
    let longest = stream.consumer_limits.inactive_threshold;
    if !longest.is_zero() && config.inactive_threshold > longest {
        return Err(ApiError::InactiveThresholdExceeds(format!("{}s", longest.as_secs_f64())));
    }
    Ok(())
}

fn check_push(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    if !is_literal(&config.deliver_subject) {
        return Err(ApiError::DeliverToWildcards);
    }
    if !is_valid(&config.deliver_subject) {
        return Err(ApiError::InvalidDeliverSubject);
    }
    if stream.subjects.iter().any(|subject| covers(subject, &config.deliver_subject)) {
        return Err(ApiError::DeliverCycle);
    }
    if config.max_waiting > 0 {
        return Err(ApiError::PushMaxWaiting);
    }
    if config.max_ack_pending > 0 && config.ack_policy == AckPolicy::None {
        return Err(ApiError::MaxPendingAckPolicyRequired);
    }
    if !config.idle_heartbeat.is_zero() && config.idle_heartbeat < HEARTBEAT_MIN {
        return Err(ApiError::SmallHeartbeat);
    }
    if config.flow_control && config.idle_heartbeat.is_zero() {
        return Err(ApiError::FlowControlNeedsHeartbeats);
    }
    Ok(())
}

fn check_pull(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    let is_work_queue = stream.retention == Retention::WorkQueue;
    let short = !config.max_expires.is_zero() && config.max_expires < Duration::from_millis(1);
    for (wrong, error) in [
        (config.ack_policy == AckPolicy::None && is_work_queue, ApiError::PullRequiresAck),
        (config.rate_limit_bps > 0, ApiError::PullWithRateLimit),
        (!config.idle_heartbeat.is_zero(), ApiError::HeartbeatRequiresPush),
        (config.flow_control, ApiError::FlowControlRequiresPush),
        (short, ApiError::MaxRequestExpiresTooSmall),
    ] {
        if wrong {
            return Err(error);
        }
    }
    Ok(())
}

/// They need not match what the stream takes: its subjects may change.
fn check_filters(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !config.filter_subject.is_empty() && !config.filter_subjects.is_empty() {
        return Err(ApiError::DuplicateFilterSubjects);
    }
    if config.filter_subjects.iter().any(String::is_empty) {
        return Err(ApiError::EmptyFilter);
    }
    let filters = config.filters();
    if filters.iter().any(|filter| !is_valid(filter)) {
        return Err(ApiError::InvalidConfig("invalid subject".into()));
    }
    for (i, filter) in filters.iter().enumerate() {
        if filters.iter().enumerate().any(|(j, other)| i != j && covers(other, filter)) {
            return Err(ApiError::OverlappingFilters);
        }
    }
    Ok(())
}

fn check_start(config: &ConsumerConfig) -> Result<(), ApiError> {
    let (seq, time) = (config.opt_start_seq > 0, config.opt_start_time.is_some());
    let (policy, seq_wanted, time_wanted) = match config.deliver_policy {
        DeliverPolicy::All => ("all", false, false),
        DeliverPolicy::Last => ("last", false, false),
        DeliverPolicy::New => ("new", false, false),
        DeliverPolicy::ByStartSequence => ("by start sequence", true, false),
        DeliverPolicy::ByStartTime => ("by start time", false, true),
        DeliverPolicy::LastPerSubject => ("last per subject", false, false),
    };
    for (given, wanted, what) in [(seq, seq_wanted, "start sequence"), (time, time_wanted, "start time")] {
        let fault = match (given, wanted) {
            (true, false) => "is also set",
            (false, true) => "is not set",
            _ => continue,
        };
        let why = format!("consumer delivery policy is deliver {policy}, but optional {what} {fault}");
        return Err(ApiError::InvalidPolicy(why));
    }
    if config.deliver_policy == DeliverPolicy::LastPerSubject && config.filters().is_empty() {
        let why = "consumer delivery policy is deliver last per subject, but optional filter subject is not set";
        return Err(ApiError::InvalidPolicy(why.into()));
    }
    Ok(())
}

fn check_work_queue(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    if stream.retention != Retention::WorkQueue {
        return Ok(());
    }
    if config.ack_policy != AckPolicy::Explicit {
        return Err(ApiError::WorkQueueRequiresExplicitAck);
    }
    if config.deliver_policy != DeliverPolicy::All {
        return Err(ApiError::WorkQueueNotDeliverAll);
    }
    Ok(())
}
