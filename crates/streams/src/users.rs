//! The services of a system as users of a nats-server.
//!
//! Its permissions know subjects only, so they grant what `logic::access` does, or less: a consumer of a topic is named as the service,
//! for nothing can be said of names that begin with it; ephemeral ones are for buckets and object stores. What a request's body says is
//! not looked at: a service learns the names of all streams, and may have its own consumers push to any subject.

use std::sync::Arc;

use logic::access::{Access, Stream};
use model::{
    Login, ServiceName,
    spec::{Nats, System},
};

/// What every user may ask the API.
const ALWAYS: [&str; 2] = ["$JS.API.INFO", "$JS.API.STREAM.NAMES"];

/// The block `authorization` of nats-server's configuration; passwords are variables of its environment. `None` unless the services are
/// users of a server.
pub fn nats_users(system: &System) -> Option<String> {
    let nats = system.nats.as_ref().filter(|nats| nats.users)?;
    let Some(Login::User { name: admin, .. }) = nats.url.login() else { return None };
    let shared = Arc::new(system.clone());
    let services: String = system.services.keys().filter_map(|name| user(&shared, nats, name)).collect();
    Some(format!(
        "# What the services of {} may do: `isles nats-users` prints it.\nauthorization {{\n  users: [\n    \
         # Isles itself, with the password in `url`\n    {{ user: {}, password: $NATS_PASSWORD }}\n{services}  ]\n}}\n",
        system.name,
        quoted(&admin),
    ))
}

fn user(system: &Arc<System>, nats: &Nats, name: &ServiceName) -> Option<String> {
    let secret = nats.secret(name, system.services.get(name)?)?;
    let access = Access::new(system, name);
    let publish = lines(publishes(&access, name.as_str()));
    let subscribe = lines(access.subscribes().into_iter().map(str::to_owned).collect());
    Some(format!(
        "    {{\n      user: {}, password: ${secret}\n      permissions: {{\n        publish: [\n{publish}        ]\n        \
         subscribe: [\n{subscribe}        ]\n      }}\n    }}\n",
        quoted(name.as_str()),
    ))
}

fn lines(subjects: Vec<String>) -> String {
    subjects.iter().map(|subject| format!("          {}\n", quoted(subject))).collect()
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// The subjects that a service may publish to: messages, requests and acknowledgements.
fn publishes(access: &Access, service: &str) -> Vec<String> {
    let of_all = access.streams().flat_map(|(name, stream)| of_stream(name, stream, service));
    ALWAYS.map(str::to_owned).into_iter().chain(of_all).collect()
}

fn of_stream(name: &str, stream: &Stream, service: &str) -> Vec<String> {
    let mut subjects = vec![format!("$JS.API.STREAM.INFO.{name}")];
    if stream.publishes {
        subjects.extend(stream.subjects.iter().map(|subject| subject.to_string()));
    }
    if stream.reads {
        let reads = ["STREAM.MSG.GET.{}", "DIRECT.GET.{}", "DIRECT.GET.{}.>"];
        subjects.extend(reads.map(|endpoint| format!("$JS.API.{}", endpoint.replace("{}", name))));
    }
    if stream.owns {
        let owns = [
            "STREAM.CREATE",
            "STREAM.PURGE",
            "STREAM.MSG.DELETE",
            "CONSUMER.CREATE",
            "CONSUMER.NAMES",
            "CONSUMER.LIST",
        ];
        subjects.extend(owns.map(|endpoint| format!("$JS.API.{endpoint}.{name}")));
        subjects.push(format!("$JS.API.CONSUMER.CREATE.{name}.>"));
        subjects.extend(of_consumer(name, "*"));
    } else if stream.reads {
        let filtered =
            stream.subjects.iter().map(|subject| format!("$JS.API.CONSUMER.CREATE.{name}.{service}.{subject}"));
        subjects.push(format!("$JS.API.CONSUMER.CREATE.{name}.{service}"));
        subjects.extend(filtered);
        subjects.extend(of_consumer(name, service));
    }
    subjects
}

fn of_consumer(stream: &str, consumer: &str) -> Vec<String> {
    let api = ["DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT", "PAUSE"];
    let api = api.map(|endpoint| format!("$JS.API.CONSUMER.{endpoint}.{stream}.{consumer}"));
    let answers = ["ACK", "FC"].map(|kind| format!("$JS.{kind}.{stream}.{consumer}.>"));
    api.into_iter().chain(answers).collect()
}
