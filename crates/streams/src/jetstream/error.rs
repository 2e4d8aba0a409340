//! The errors of JetStream: number, HTTP-like status and text, as clients know them (nats-server, `server/errors.json`).

use serde::{Deserialize, Serialize};

/// An error as a response carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What kind of failure, in the manner of HTTP: 4xx is the caller's, 5xx the server's.
    pub code: u16,
    /// Which failure; clients branch on it.
    pub err_code: u16,
    /// The text for people.
    pub description: String,
}

/// Declares the codes: `Name number status "text"`, where `{}` stands for what [`ErrorCode::because`] tells.
macro_rules! codes {
    ($($name:ident $number:literal $status:literal $text:literal;)*) => {
        /// Which failure. The names say what the texts say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "each text is the meaning")]
        pub enum ErrorCode { $($name = $number),* }

        impl ErrorCode {
            /// Every code, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn table(self) -> (u16, &'static str) {
                match self { $(Self::$name => ($status, $text)),* }
            }
        }
    };
}

codes! {
    BadRequest 10003 400 "bad request";
    ClusterRequired 10010 503 "JetStream clustering support required";
    ClusterTags 10011 400 "tags placement not supported for operation";
    ConsumerCreate 10012 500 "{}";
    ConsumerNameExists 10013 400 "consumer name already in use";
    ConsumerNotFound 10014 404 "consumer not found";
    ConsumerDurableNameNotInSubject 10016 400 "consumer expected to be durable but no durable name set in subject";
    ConsumerDurableNameNotMatchSubject 10017 400 "consumer name in subject does not match durable name in request";
    ConsumerDurableNameNotSet 10018 400 "consumer expected to be durable but a durable name was not set";
    ConsumerEphemeralWithDurableName 10020 400 "consumer expected to be ephemeral but a durable name was set in request";
    InsufficientResources 10023 503 "insufficient resources";
    InvalidJson 10025 400 "invalid JSON: {}";
    MaximumConsumersLimit 10026 400 "maximum consumers limit reached";
    MaximumStreamsLimit 10027 400 "maximum number of streams reached";
    MemoryResourcesExceeded 10028 500 "insufficient memory resources available";
    NoMessageFound 10037 404 "no message found";
    NotEmptyRequest 10038 400 "expected an empty request payload";
    NotEnabledForAccount 10039 503 "JetStream not enabled for account";
    SequenceNotFound 10043 400 "sequence {} not found";
    StorageResourcesExceeded 10047 500 "insufficient storage resources available";
    StreamCreate 10049 500 "{}";
    StreamGeneral 10051 500 "{}";
    StreamInvalidConfig 10052 500 "{}";
    StreamMessageExceedsMaximum 10054 400 "message size exceeds maximum allowed";
    StreamMismatch 10056 400 "stream name in subject does not match request";
    StreamMessageDeleteFailed 10057 500 "{}";
    StreamNameExists 10058 400 "stream name already in use with a different configuration";
    StreamNotFound 10059 404 "stream not found";
    StreamNotMatch 10060 400 "expected stream does not match";
    StreamRestore 10062 500 "restore failed: {}";
    StreamSnapshot 10064 500 "snapshot failed: {}";
    StreamSubjectOverlap 10065 400 "subjects overlap with an existing stream";
    StreamUpdate 10069 500 "{}";
    StreamWrongLastMessageId 10070 400 "wrong last msg ID: {}";
    StreamWrongLastSequence 10071 400 "wrong last sequence: {}";
    StreamReplicasNotSupported 10074 500 "replicas > 1 not supported in non-clustered mode";
    NotEnabled 10076 503 "JetStream not enabled";
    StreamStoreFailed 10077 503 "{}";
    ConsumerConfigRequired 10078 400 "consumer config required";
    ConsumerDeliverToWildcards 10079 400 "consumer deliver subject has wildcards";
    ConsumerPushMaxWaiting 10080 400 "consumer in push mode can not set max waiting";
    ConsumerDeliverCycle 10081 400 "consumer deliver subject forms a cycle";
    ConsumerMaxPendingAckPolicyRequired 10082 400 "consumer requires ack policy for max ack pending";
    ConsumerSmallHeartbeat 10083 400 "consumer idle heartbeat needs to be >= 100ms";
    ConsumerPullRequiresAck 10084 400 "consumer in pull mode requires explicit ack policy on workqueue stream";
    ConsumerPullNotDurable 10085 400 "consumer in pull mode requires a durable name";
    ConsumerPullWithRateLimit 10086 400 "consumer in pull mode can not have rate limit set";
    ConsumerMaxWaitingNegative 10087 400 "consumer max waiting needs to be positive";
    ConsumerHeartbeatRequiresPush 10088 400 "consumer idle heartbeat requires a push based consumer";
    ConsumerFlowControlRequiresPush 10089 400 "consumer flow control requires a push based consumer";
    ConsumerDirectRequiresPush 10090 400 "consumer direct requires a push based consumer";
    ConsumerDirectRequiresEphemeral 10091 400 "consumer direct requires an ephemeral consumer";
    ConsumerOnMapped 10092 400 "consumer direct on a mapped consumer";
    ConsumerFilterNotSubset 10093 400 "consumer filter subject is not a valid subset of the interest subjects";
    ConsumerInvalidPolicy 10094 400 "{}";
    ConsumerInvalidSampling 10095 400 "failed to parse consumer sampling configuration: {}";
    StreamInvalid 10096 500 "stream not valid";
    StreamHeaderExceedsMaximum 10097 400 "header size exceeds maximum allowed of 64k";
    ConsumerWorkQueueRequiresExplicitAck 10098 400 "workqueue stream requires explicit ack";
    ConsumerWorkQueueMultipleUnfiltered 10099 400 "multiple non-filtered consumers not allowed on workqueue stream";
    ConsumerWorkQueueNotUnique 10100 400 "filtered consumer not unique on workqueue stream";
    ConsumerWorkQueueNotDeliverAll 10101 400 "consumer must be deliver all on workqueue stream";
    ConsumerNameTooLong 10102 400 "consumer name is too long, maximum allowed is {}";
    ConsumerBadDurableName 10103 400 "durable name can not contain '.', '*', '>'";
    ConsumerStoreFailed 10104 500 "error creating store for consumer: {}";
    ConsumerExistingActive 10105 400 "consumer already exists and is still active";
    ConsumerReplacementWithDifferentName 10106 400 "consumer replacement durable config not the same";
    ConsumerDescriptionTooLong 10107 400 "consumer description is too long, maximum allowed is {}";
    ConsumerFlowControlNeedsHeartbeats 10108 400 "consumer with flow control also needs heartbeats";
    StreamSealed 10109 400 "invalid operation on sealed stream";
    StreamPurgeFailed 10110 500 "{}";
    StreamRollupFailed 10111 500 "{}";
    ConsumerInvalidDeliverSubject 10112 400 "invalid push consumer deliver subject";
    StreamMaxBytesRequired 10113 400 "account requires a stream config to have max bytes set";
    ConsumerMaxRequestBatchNegative 10114 400 "consumer max request batch needs to be > 0";
    ConsumerMaxRequestExpiresTooSmall 10115 400 "consumer max request expires needs to be >= 1ms";
    ConsumerMaxDeliverBackoff 10116 400 "max deliver is required to be > length of backoff values";
    StreamInfoMaxSubjects 10117 500 "subject details would exceed maximum allowed";
    StreamOffline 10118 500 "stream is offline";
    ConsumerOffline 10119 500 "consumer is offline";
    ConsumerMaxPendingAckExcess 10121 400 "consumer max ack pending exceeds system limit of {}";
    ConsumerMaxRequestBatchExceeded 10125 400 "consumer max request batch exceeds server limit of {}";
    ConsumerNameContainsPathSeparators 10127 400 "Consumer name can not contain path separators";
    StreamNameContainsPathSeparators 10128 400 "Stream name can not contain path separators";
    ConsumerCreateFilterSubjectMismatch 10131 400 "Consumer create request did not match filtered subject from create subject";
    ConsumerCreateDurableAndNameMismatch 10132 400 "Consumer Durable and Name have to be equal if both are provided";
    ReplicasCountNegative 10133 400 "replicas count cannot be negative";
    ConsumerMetadataLength 10135 400 "consumer metadata exceeds maximum size of {}";
    ConsumerDuplicateFilterSubjects 10136 400 "consumer cannot have both FilterSubject and FilterSubjects specified";
    ConsumerMultipleFiltersNotAllowed 10137 400 "consumer with multiple subject filters cannot use subject based API";
    ConsumerOverlappingSubjectFilters 10138 400 "consumer subject filters cannot overlap";
    ConsumerEmptyFilter 10139 400 "consumer filter in FilterSubjects cannot be empty";
    ConsumerAlreadyExists 10148 400 "consumer already exists";
    ConsumerDoesNotExist 10149 400 "consumer does not exist";
    ConsumerInactiveThresholdExcess 10153 400 "consumer inactive threshold exceeds system limit of {}";
    StreamTransformInvalidSource 10155 400 "stream transform source: {}";
    StreamTransformInvalidDestination 10156 400 "stream transform: {}";
    Pedantic 10157 400 "pedantic mode: {}";
    ConsumerInvalidPriorityGroup 10160 400 "Provided priority group does not exist for this consumer";
    StreamWrongLastSequenceConstant 10164 400 "wrong last sequence";
    MessageTtlInvalid 10165 400 "invalid per-message TTL";
    MessageTtlDisabled 10166 400 "per-message TTL is disabled";
    StreamTooManyRequests 10167 429 "too many requests";
    MessageCounterDisabled 10168 400 "message counters is disabled";
    AtomicPublishDisabled 10174 400 "atomic publish is disabled";
    AtomicPublishMissingSequence 10175 400 "atomic publish sequence is missing";
    AtomicPublishIncompleteBatch 10176 400 "atomic publish batch is incomplete";
    AtomicPublishUnsupportedHeader 10177 400 "atomic publish unsupported header used: {}";
    AtomicPublishInvalidBatchId 10179 400 "atomic publish batch ID is invalid";
    ConsumerAckPolicyInvalid 10181 400 "consumer ack policy invalid";
    ConsumerReplayPolicyInvalid 10182 400 "consumer replay policy invalid";
    ConsumerAckWaitNegative 10183 400 "consumer ack wait needs to be positive";
    ConsumerBackoffNegative 10184 400 "consumer backoff needs to be positive";
    RequiredApiLevel 10185 412 "JetStream minimum api level required";
    MessageSchedulesDisabled 10188 400 "message schedules is disabled";
    MessageSchedulesPatternInvalid 10189 400 "message schedules pattern is invalid";
    MessageSchedulesTargetInvalid 10190 400 "message schedules target is invalid";
    MessageSchedulesTtlInvalid 10191 400 "message schedules invalid per-message TTL";
    MessageSchedulesRollupInvalid 10192 400 "message schedules invalid rollup";
    StreamExpectedLastSequencePerSubjectInvalid 10193 400 "missing sequence for expected last sequence per subject";
    StreamOfflineReason 10194 500 "stream is offline: {}";
    AtomicPublishTooLargeBatch 10199 400 "atomic publish batch is too large: {}";
    AtomicPublishInvalidBatchCommit 10200 400 "atomic publish batch commit is invalid";
    AtomicPublishContainsDuplicateMessage 10201 400 "atomic publish batch contains duplicate message id";
    MessageSchedulesSourceInvalid 10203 400 "message schedules source is invalid";
    ConsumerInvalidReset 10204 400 "invalid reset: {}";
    BatchPublishDisabled 10205 400 "batch publish is disabled";
    AtomicPublishTooManyInflight 10210 429 "atomic publish too many inflight";
}

impl ErrorCode {
    /// The number that clients branch on.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The error of a code whose text is complete.
    pub fn error(self) -> ApiError {
        self.because("")
    }

    /// The error of a code whose text has a place for the cause.
    pub fn because(self, cause: impl AsRef<str>) -> ApiError {
        let (code, text) = self.table();
        ApiError { code, err_code: self.number(), description: text.replacen("{}", cause.as_ref(), 1) }
    }
}

/// A decision's error as a response carries it.
impl From<model::streams::ApiError> for ApiError {
    fn from(error: model::streams::ApiError) -> Self {
        Self { code: error.code(), err_code: error.err_code(), description: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_read() {
        let json = |error: &ApiError| serde_json::to_string(error).unwrap();
        for (error, expected) in [
            (ErrorCode::StreamNotFound.error(), r#"{"code":404,"err_code":10059,"description":"stream not found"}"#),
            (
                ErrorCode::StreamWrongLastSequence.because("7"),
                r#"{"code":400,"err_code":10071,"description":"wrong last sequence: 7"}"#,
            ),
            (
                ErrorCode::StreamStoreFailed.because("maximum messages per subject exceeded"),
                r#"{"code":503,"err_code":10077,"description":"maximum messages per subject exceeded"}"#,
            ),
        ] {
            assert_eq!(json(&error), expected);
        }
    }

    #[test]
    fn numbers_ascend_and_statuses_are_failures() {
        for pair in ErrorCode::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{pair:?}");
        }
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.error().code), "{code:?}");
        }
    }

    /// Those that the published clients branch on, and what a validation answers.
    #[test]
    fn no_code_that_clients_know_is_missing() {
        let known = [
            10003, 10012, 10013, 10014, 10025, 10026, 10027, 10037, 10039, 10043, 10052, 10054, 10056, 10058, 10059,
            10060, 10065, 10070, 10071, 10074, 10076, 10077, 10105, 10109, 10110, 10112, 10116, 10119, 10131, 10132,
            10136, 10137, 10138, 10139, 10148, 10149, 10157, 10164, 10165, 10166, 10188, 10189, 10190, 10191, 10192,
            10203, 10204,
        ];
        let has = |number: &u16| ErrorCode::ALL.iter().any(|code| code.number() == *number);
        let validation = 10078..=10101;
        let missing: Vec<_> = known.into_iter().chain(validation).filter(|number| !has(number)).collect();
        assert_eq!(missing, [0_u16; 0]);
    }
}
