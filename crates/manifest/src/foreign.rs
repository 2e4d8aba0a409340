//! What Docker Compose and Kubernetes call the keys of a service.

const RUN: &str = "write `run = \"…\"`, the whole command, for `sh -c`";
const CALLS: &str = "write `calls = [\"…\"]`: the services that it may call";
const PORTS: &str = "an instance listens on $PORT; the way in from outside is `[gateway]` and its `routes`";

const WORDS: [(&str, &str); 14] = [
    ("command", RUN),
    ("cmd", RUN),
    ("entrypoint", RUN),
    ("args", RUN),
    (
        "depends_on",
        "write `after = [\"…\"]` for services that must be healthy first, `calls` for those that it may call",
    ),
    ("links", CALLS),
    ("networks", CALLS),
    ("ports", PORTS),
    ("port", PORTS),
    ("expose", PORTS),
    ("restart", "remove it: a program that ends is always started again"),
    (
        "volumes",
        "remove it: a program sees the host's files; `store` gives it a database, `objects` a store of objects",
    ),
    ("working_dir", "write `dir`, the folder of its sources, where it is built and run"),
    ("resources", "write `limits = { memory = \"…\", cpu = … }`"),
];

/// What there is here for such a word.
pub(crate) fn hint(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(foreign, _)| *foreign == word).map(|(_, hint)| *hint)
}
