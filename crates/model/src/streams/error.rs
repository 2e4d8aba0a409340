//! The errors of the JetStream API, with the numbers and words that clients compare.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

macro_rules! errors {
    (
        plain { $($name:ident $err_code:literal $code:literal $text:literal;)* }
        told { $($told:ident($value:ty) $told_err_code:literal $told_code:literal $told_text:literal;)* }
    ) => {
        /// Why the API refused. Numbers and words are those of nats-server (`server/errors.json`).
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum ApiError {
            $(#[doc = $text] $name,)*
            $(#[doc = $told_text] $told($value),)*
        }

        impl ApiError {
            /// The number that clients branch on.
            pub fn err_code(&self) -> u16 {
                match self { $(Self::$name => $err_code,)* $(Self::$told(_) => $told_err_code,)* }
            }

            /// The class of the error, as HTTP has them.
            pub fn code(&self) -> u16 {
                match self { $(Self::$name => $code,)* $(Self::$told(_) => $told_code,)* }
            }
        }

        impl fmt::Display for ApiError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($text),)*
                    $(Self::$told(value) => write!(f, $told_text, value),)*
                }
            }
        }
    };
}

errors! {
    plain {
        BadRequest 10003 400 "bad request";
        ClusterRequired 10010 503 "JetStream clustering support required";
        ConsumerNameExists 10013 400 "consumer name already in use";
        ConsumerNotFound 10014 404 "consumer not found";
        DurableNameNotInSubject 10016 400 "consumer expected to be durable but no durable name set in subject";
        DurableNameNotAsInSubject 10017 400 "consumer name in subject does not match durable name in request";
        DurableNameNotSet 10018 400 "consumer expected to be durable but a durable name was not set";
        EphemeralWithDurableInSubject 10019 400
            "consumer expected to be ephemeral but detected a durable name set in subject";
        EphemeralWithDurableName 10020 400 "consumer expected to be ephemeral but a durable name was set in request";
        InsufficientResources 10023 503 "insufficient resources";
        MaximumConsumers 10026 400 "maximum consumers limit reached";
        MaximumStreams 10027 400 "maximum number of streams reached";
        NoMessage 10037 404 "no message found";
        NotEnabledForAccount 10039 503 "JetStream not enabled for account";
        MessageTooLarge 10054 400 "message size exceeds maximum allowed";
        StreamMismatch 10056 400 "stream name in subject does not match request";
        StreamNameExists 10058 400 "stream name already in use with a different configuration";
        StreamNotFound 10059 404 "stream not found";
        ExpectedStream 10060 400 "expected stream does not match";
        SubjectsOverlap 10065 400 "subjects overlap with an existing stream";
        Replicas 10074 500 "replicas > 1 not supported in non-clustered mode";
        NotEnabled 10076 503 "JetStream not enabled";
        ConsumerConfigRequired 10078 400 "consumer config required";
        DeliverToWildcards 10079 400 "consumer deliver subject has wildcards";
        PushMaxWaiting 10080 400 "consumer in push mode can not set max waiting";
        DeliverCycle 10081 400 "consumer deliver subject forms a cycle";
        MaxPendingAckPolicyRequired 10082 400 "consumer requires ack policy for max ack pending";
        SmallHeartbeat 10083 400 "consumer idle heartbeat needs to be >= 100ms";
        PullRequiresAck 10084 400 "consumer in pull mode requires explicit ack policy on workqueue stream";
        PullWithRateLimit 10086 400 "consumer in pull mode can not have rate limit set";
        MaxWaitingNegative 10087 400 "consumer max waiting needs to be positive";
        HeartbeatRequiresPush 10088 400 "consumer idle heartbeat requires a push based consumer";
        FlowControlRequiresPush 10089 400 "consumer flow control requires a push based consumer";
        FilterNotSubset 10093 400 "consumer filter subject is not a valid subset of the interest subjects";
        HeadersTooLarge 10097 400 "header size exceeds maximum allowed of 64k";
        WorkQueueRequiresExplicitAck 10098 400 "workqueue stream requires explicit ack";
        WorkQueueMultipleUnfiltered 10099 400 "multiple non-filtered consumers not allowed on workqueue stream";
        WorkQueueNotUnique 10100 400 "filtered consumer not unique on workqueue stream";
        WorkQueueNotDeliverAll 10101 400 "consumer must be deliver all on workqueue stream";
        BadDurableName 10103 400 "durable name can not contain '.', '*', '>'";
        ConsumerExistsActive 10105 400 "consumer already exists and is still active";
        FlowControlNeedsHeartbeats 10108 400 "consumer with flow control also needs heartbeats";
        Sealed 10109 400 "invalid operation on sealed stream";
        InvalidDeliverSubject 10112 400 "invalid push consumer deliver subject";
        MaxRequestBatchNegative 10114 400 "consumer max request batch needs to be > 0";
        MaxRequestExpiresTooSmall 10115 400 "consumer max request expires needs to be >= 1ms";
        MaxDeliverBackoff 10116 400 "max deliver is required to be > length of backoff values";
        ConsumerReplicas 10126 400 "consumer config replica count exceeds parent stream";
        ConsumerNamePathSeparators 10127 400 "Consumer name can not contain path separators";
        StreamNamePathSeparators 10128 400 "Stream name can not contain path separators";
        CreateFilterMismatch 10131 400
            "Consumer create request did not match filtered subject from create subject";
        DurableAndNameMismatch 10132 400 "Consumer Durable and Name have to be equal if both are provided";
        ReplicasNegative 10133 400 "replicas count cannot be negative";
        DuplicateFilterSubjects 10136 400 "consumer cannot have both FilterSubject and FilterSubjects specified";
        MultipleFiltersNotAllowed 10137 400 "consumer with multiple subject filters cannot use subject based API";
        OverlappingFilters 10138 400 "consumer subject filters cannot overlap";
        EmptyFilter 10139 400 "consumer filter in FilterSubjects cannot be empty";
        ConsumerAlreadyExists 10148 400 "consumer already exists";
        ConsumerDoesNotExist 10149 400 "consumer does not exist";
        InvalidPriorityGroup 10160 400 "Provided priority group does not exist for this consumer";
        WrongLastSequenceInBatch 10164 400 "wrong last sequence";
        TtlInvalid 10165 400 "invalid per-message TTL";
        TtlDisabled 10166 400 "per-message TTL is disabled";
        CountersDisabled 10168 400 "message counters is disabled";
        BatchDisabled 10174 400 "atomic publish is disabled";
        BatchSequenceMissing 10175 400 "atomic publish sequence is missing";
        BatchIncomplete 10176 400 "atomic publish batch is incomplete";
        BatchIdInvalid 10179 400 "atomic publish batch ID is invalid";
        AckWaitNegative 10183 400 "consumer ack wait needs to be positive";
        RequiredApiLevel 10185 412 "JetStream minimum api level required";
        SchedulesDisabled 10188 400 "message schedules is disabled";
        SchedulePatternInvalid 10189 400 "message schedules pattern is invalid";
        ScheduleTargetInvalid 10190 400 "message schedules target is invalid";
        ScheduleTtlInvalid 10191 400 "message schedules invalid per-message TTL";
        ScheduleRollupInvalid 10192 400 "message schedules invalid rollup";
        ExpectedSubjectSequenceInvalid 10193 400 "missing sequence for expected last sequence per subject";
        BatchCommitInvalid 10200 400 "atomic publish batch commit is invalid";
        BatchDuplicate 10201 400 "atomic publish batch contains duplicate message id";
        ScheduleSourceInvalid 10203 400 "message schedules source is invalid";
        BatchesTooMany 10210 429 "atomic publish too many inflight";
        SchedulerInvalid 10212 400 "message schedules invalid scheduler";
    }
    told {
        InvalidJson(String) 10025 400 "invalid JSON: {}";
        ConsumerCreate(String) 10012 500 "{}";
        SequenceNotFound(u64) 10043 400 "sequence {} not found";
        InvalidConfig(String) 10052 500 "{}";
        DeleteFailed(String) 10057 500 "{}";
        UpdateFailed(String) 10069 500 "{}";
        WrongLastMessageId(String) 10070 400 "wrong last msg ID: {}";
        WrongLastSequence(u64) 10071 400 "wrong last sequence: {}";
        StoreFailed(String) 10077 503 "{}";
        InvalidPolicy(String) 10094 400 "{}";
        InvalidSampling(String) 10095 400 "failed to parse consumer sampling configuration: {}";
        ConsumerNameTooLong(usize) 10102 400 "consumer name is too long, maximum allowed is {}";
        DescriptionTooLong(usize) 10107 400 "consumer description is too long, maximum allowed is {}";
        PurgeFailed(String) 10110 500 "{}";
        RollupFailed(String) 10111 500 "{}";
        MaxAckPendingExceeds(u64) 10121 400 "consumer max ack pending exceeds system limit of {}";
        MetadataTooLong(usize) 10135 400 "consumer metadata exceeds maximum size of {}";
        InactiveThresholdExceeds(String) 10153 400 "consumer inactive threshold exceeds system limit of {}";
        TransformInvalid(String) 10156 400 "stream transform: {}";
        Pedantic(String) 10157 400 "pedantic mode: {}";
        BatchHeaderUnsupported(&'static str) 10177 400 "atomic publish unsupported header used: {}";
        BatchTooLarge(u64) 10199 400 "atomic publish batch is too large: {}";
    }
}

impl std::error::Error for ApiError {}

/// As the API answers: `{"code": 404, "err_code": 10059, "description": "stream not found"}`.
impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ApiError", 3)?;
        fields.serialize_field("code", &self.code())?;
        fields.serialize_field("err_code", &self.err_code())?;
        fields.serialize_field("description", &self.to_string())?;
        fields.end()
    }
}
