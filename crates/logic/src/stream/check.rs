//! Whether a configuration makes a stream.

use std::{fmt::Display, time::Duration};

use model::streams::{
    ApiError, DESCRIPTION_BYTES_MAX, Discard, Durability, METADATA_BYTES_MAX, Persist, Storage, StreamConfig, is_name,
};

use super::subjects::{covers, is_valid, overlap};

/// The duplicate window of a stream that names none.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
const SHORTEST: Duration = Duration::from_millis(100);

/// The configuration with its defaults filled in, or why it makes no stream.
///
/// # Errors
/// The first of its faults, with the words of nats-server where it has any.
pub fn check(mut config: StreamConfig) -> Result<StreamConfig, ApiError> {
    check_name(&config)?;
    check_support(&config)?;
    fill(&mut config);
    check_times(&config)?;
    check_flags(&config)?;
    check_subjects(&config.subjects, config.no_ack)?;
    Ok(config)
}

/// The same for a stream that exists.
///
/// # Errors
/// When it would change what cannot change.
pub fn check_update(old: &StreamConfig, new: StreamConfig) -> Result<StreamConfig, ApiError> {
    let new = check(new)?;
    let refuse = |what: &str| invalid(format!("stream configuration update can not change {what}"));
    if old.name != new.name {
        return refuse("name");
    }
    for (differs, what) in [
        (old.storage != new.storage, "storage type"),
        (old.retention != new.retention, "retention policy"),
        (old.max_consumers != new.max_consumers, "MaxConsumers"),
        (old.deny_delete && !new.deny_delete, "deny message deletes"),
        (old.deny_purge && !new.deny_purge, "deny purge"),
        (old.sealed && !new.sealed, "sealed"),
        (old.first_seq != new.first_seq, "first sequence"),
        (old.allow_msg_ttl && !new.allow_msg_ttl, "message TTL status"),
        (old.allow_msg_schedules && !new.allow_msg_schedules, "message schedules status"),
        (old.persist_mode != new.persist_mode, "persist mode"),
    ] {
        if differs {
            return refuse(what);
        }
    }
    Ok(new)
}

/// Whether [`check`] left a configuration as it was said.
///
/// # Errors
/// When it has turned a flag.
pub fn check_pedantic(said: &StreamConfig, checked: &StreamConfig) -> Result<(), ApiError> {
    for (said, checked, what) in [
        (said.allow_msg_ttl, checked.allow_msg_ttl, "allow_msg_ttl"),
        (said.allow_rollup_hdrs, checked.allow_rollup_hdrs, "allow_rollup_hdrs"),
        (said.deny_purge, checked.deny_purge, "deny_purge"),
    ] {
        if said != checked {
            return Err(ApiError::Pedantic(format!("{what} has to be {checked} with what else is asked for")));
        }
    }
    Ok(())
}

/// Whether a stream has all that somebody asks for who makes it as if it were not there: what clients of key-value and of object
/// stores write differently, and what does not change how the stream behaves for them, may differ.
pub fn offers(has: &StreamConfig, asked: &StreamConfig) -> bool {
    let same = StreamConfig {
        description: has.description.clone(),
        metadata: has.metadata.clone(),
        duplicate_window: has.duplicate_window,
        compression: has.compression,
        allow_direct: asked.allow_direct || has.allow_direct,
        allow_msg_ttl: asked.allow_msg_ttl || has.allow_msg_ttl,
        ..asked.clone()
    };
    same == *has
}

fn invalid<T>(why: impl Display) -> Result<T, ApiError> {
    Err(ApiError::InvalidConfig(why.to_string()))
}

fn check_name(config: &StreamConfig) -> Result<(), ApiError> {
    if !is_name(&config.name) {
        return invalid("stream name is required and can not contain '.', '*', '>', path separators or spaces");
    }
    if config.description.len() > DESCRIPTION_BYTES_MAX {
        return invalid(format!("stream description is too long, maximum allowed is {DESCRIPTION_BYTES_MAX}"));
    }
    let metadata: usize = config.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata > METADATA_BYTES_MAX {
        return invalid(format!("stream metadata exceeds maximum size of {METADATA_BYTES_MAX} bytes"));
    }
    Durability::read(&config.metadata).map_or_else(invalid, |_| Ok(()))
}

/// What this server has not is refused, never accepted in silence.
fn check_support(config: &StreamConfig) -> Result<(), ApiError> {
    if config.num_replicas < 0 {
        return Err(ApiError::ReplicasNegative);
    }
    if config.num_replicas > 1 {
        return Err(ApiError::Replicas);
    }
    for (asked, what) in [
        (config.mirror.is_some(), "mirrors are"),
        (!config.sources.is_empty(), "sources are"),
        (config.allow_msg_counter, "message counters are"),
        (config.allow_batched, "fast batches are"),
        (config.subject_transform.is_some(), "subject transforms are"),
        (config.republish.is_some(), "republishing is"),
    ] {
        if asked {
            return invalid(format!("{what} not supported"));
        }
    }
    Ok(())
}

fn fill(config: &mut StreamConfig) {
    config.num_replicas = 1;
    for limit in
        [&mut config.max_consumers, &mut config.max_msgs, &mut config.max_bytes, &mut config.max_msgs_per_subject]
    {
        *limit = if *limit <= 0 { -1 } else { *limit };
    }
    config.max_msg_size = if config.max_msg_size <= 0 { -1 } else { config.max_msg_size };
    if config.subjects.is_empty() {
        config.subjects.push(config.name.clone());
    }
    if config.duplicate_window.is_zero() {
        let longest = if config.max_age.is_zero() { DUPLICATE_WINDOW } else { config.max_age };
        config.duplicate_window = DUPLICATE_WINDOW.min(longest);
    }
    if !config.subject_delete_marker_ttl.is_zero() {
        (config.allow_msg_ttl, config.allow_rollup_hdrs, config.deny_purge) = (true, true, false);
    }
    if config.allow_msg_schedules {
        (config.allow_rollup_hdrs, config.deny_purge) = (true, false);
    }
}

fn check_times(config: &StreamConfig) -> Result<(), ApiError> {
    if !config.max_age.is_zero() && config.max_age < SHORTEST {
        return invalid("max age needs to be >= 100ms");
    }
    if !config.max_age.is_zero() && config.duplicate_window > config.max_age {
        return invalid("duplicates window can not be larger then max age");
    }
    if config.duplicate_window < SHORTEST {
        return invalid("duplicates window needs to be >= 100ms");
    }
    let marker = config.subject_delete_marker_ttl;
    if !marker.is_zero() && marker < Duration::from_secs(1) {
        return invalid("subject delete marker TTL must be at least 1 second");
    }
    Ok(())
}

fn check_flags(config: &StreamConfig) -> Result<(), ApiError> {
    let is_async = config.persist_mode == Persist::Async;
    for (wrong, why) in [
        (config.deny_purge && config.allow_rollup_hdrs, "roll-ups require the purge permission"),
        (
            config.discard_new_per_subject && config.discard != Discard::New,
            "discard new per subject requires discard new policy to be set",
        ),
        (
            config.discard_new_per_subject && config.max_msgs_per_subject <= 0,
            "discard new per subject requires max msgs per subject > 0",
        ),
        (config.allow_msg_schedules && config.discard == Discard::New, "message scheduling cannot use discard new"),
        (is_async && config.storage != Storage::File, "async persist mode is only supported on file storage"),
        (is_async && config.allow_atomic, "async persist mode is not supported with atomic batch publish"),
    ] {
        if wrong {
            return invalid(why);
        }
    }
    Ok(())
}

fn check_subjects(subjects: &[String], no_ack: bool) -> Result<(), ApiError> {
    for (i, subject) in subjects.iter().enumerate() {
        if !is_valid(subject) {
            return invalid("invalid subject");
        }
        // An acknowledgement would be stored as a message of its own.
        if !no_ack && overlap(subject, "$JS.>") && !covers("$JS.EVENT.>", subject) {
            return invalid("subjects that overlap with jetstream api require no-ack to be true");
        }
        if subjects[..i].contains(subject) {
            return invalid("duplicate subjects detected");
        }
        if let Some(other) = subjects[..i].iter().find(|other| overlap(other, subject)) {
            return invalid(format!("subject {subject:?} overlaps with {other:?}"));
        }
    }
    Ok(())
}
