//! The list of endpoints.

/// One endpoint of the API; the documentation is made from the list.
pub struct Endpoint {
    /// The HTTP method.
    pub method: &'static str,
    /// The path; what stands in braces is a name: `{service}` a service's. `{path}` and `{key}` may have slashes in them.
    pub path: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The query parameters.
    pub query: Option<&'static str>,
    /// The type of the request's body.
    pub request: Option<&'static str>,
    /// The type of the answer's body; `NDJSON of X` is a stream, an object a line.
    pub answer: &'static str,
}

/// Every endpoint.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/v1/system",
        what: "The state of the system and all its services.",
        query: None,
        request: None,
        answer: "SystemStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/system/watch",
        what: "The state now and after every change, at most ten times a second.",
        query: None,
        request: None,
        answer: "NDJSON of SystemStatus",
    },
    Endpoint {
        method: "POST",
        path: "/v1/system/down",
        what: "Stops every service, callers first, and then Isles. Answers as soon as stopping has begun.",
        query: None,
        request: None,
        answer: "Accepted",
    },
    Endpoint {
        method: "GET",
        path: "/v1/services/{service}",
        what: "The state of one service.",
        query: None,
        request: None,
        answer: "ServiceStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/services/{service}/why",
        what: "Why a service is as it is: its state, its instances' last words, what its connections tell and the last \
               failed requests.",
        query: None,
        request: None,
        answer: "Why",
    },
    Endpoint {
        method: "POST",
        path: "/v1/services/{service}/restart",
        what: "Replaces every instance by a new one, one at a time, each new one healthy before its predecessor is \
               drained. Answers when it is done.",
        query: None,
        request: None,
        answer: "ServiceStatus",
    },
    Endpoint {
        method: "POST",
        path: "/v1/services/{service}/scale",
        what: "Sets the number of instances. Answers when it is reached.",
        query: None,
        request: Some("Scale"),
        answer: "ServiceStatus",
    },
    Endpoint {
        method: "ANY",
        path: "/v1/services/{service}/call/{path}",
        what: "Sends the request to the service through the mesh, as the operator, and gives back its answer.",
        query: None,
        request: None,
        answer: "the service's answer",
    },
    Endpoint {
        method: "GET",
        path: "/v1/connections",
        what: "The figures of every connection, in the order of their names.",
        query: Some("ConnectionQuery"),
        request: None,
        answer: "list of ConnectionFigures",
    },
    Endpoint {
        method: "GET",
        path: "/v1/logs",
        what: "Log lines, merged by time.",
        query: Some("LogQuery"),
        request: None,
        answer: "NDJSON of LogLine",
    },
    Endpoint {
        method: "GET",
        path: "/v1/topics",
        what: "The state of every topic, in the order of their names.",
        query: None,
        request: None,
        answer: "list of TopicStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/topics/{topic}",
        what: "The state of one topic.",
        query: None,
        request: None,
        answer: "TopicStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/topics/{topic}/messages",
        what: "Its messages, oldest first; and those that come, if asked. A reader that does not read is waited for, and misses what the topic drops meanwhile.",
        query: Some("MessageQuery"),
        request: None,
        answer: "NDJSON of Message",
    },
    Endpoint {
        method: "POST",
        path: "/v1/topics/{topic}/messages",
        what: "Publishes a message. Answers when it is kept.",
        query: None,
        request: Some("Publish"),
        answer: "Published",
    },
    Endpoint {
        method: "POST",
        path: "/v1/topics/{topic}/consumers/{consumer}/replay",
        what: "Lets one consumer get messages again: it goes back, or forward, to where it is told, and what it has not \
               acknowledged is forgotten. Nothing is published, and other consumers get nothing again.",
        query: None,
        request: Some("Replay"),
        answer: "Replayed",
    },
    Endpoint {
        method: "GET",
        path: "/v1/topics/{topic}/dead",
        what: "Its dead letters, the oldest of each consumer first.",
        query: Some("DeadQuery"),
        request: None,
        answer: "NDJSON of DeadLetter",
    },
    Endpoint {
        method: "POST",
        path: "/v1/topics/{topic}/dead/replay",
        what: "Publishes dead letters to their topic again, once each, and takes them away from the dead letters.",
        query: None,
        request: Some("ReplayDead"),
        answer: "list of DeadLetterId",
    },
    Endpoint {
        method: "GET",
        path: "/v1/buckets",
        what: "The state of every bucket, in the order of their names.",
        query: None,
        request: None,
        answer: "list of BucketStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/buckets/{bucket}/keys",
        what: "The entries of all keys that have a value, in the order of the keys; if asked, in the order in which they were written, and then every change as it comes.",
        query: Some("BucketQuery"),
        request: None,
        answer: "NDJSON of BucketEntry",
    },
    Endpoint {
        method: "GET",
        path: "/v1/buckets/{bucket}/keys/{key}",
        what: "The entry of a key.",
        query: None,
        request: None,
        answer: "BucketEntry",
    },
    Endpoint {
        method: "PUT",
        path: "/v1/buckets/{bucket}/keys/{key}",
        what: "Writes a key. Answers when it is kept.",
        query: None,
        request: Some("PutValue"),
        answer: "BucketRevision",
    },
    Endpoint {
        method: "DELETE",
        path: "/v1/buckets/{bucket}/keys/{key}",
        what: "Deletes a key. Answers when that is kept.",
        query: None,
        request: None,
        answer: "BucketRevision",
    },
    Endpoint {
        method: "GET",
        path: "/v1/buckets/{bucket}/history/{key}",
        what: "What is kept of a key's past, oldest first: as many entries as the bucket's history has.",
        query: None,
        request: None,
        answer: "list of BucketEntry",
    },
    Endpoint {
        method: "GET",
        path: "/metrics",
        what: "The figures of connections, instances and topics for Prometheus. The values of labels come from the manifest, never \
               from a request, so the number of series is bounded.",
        query: None,
        request: None,
        answer: "text in the Prometheus exposition format 0.0.4",
    },
];
