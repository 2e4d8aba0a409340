//! A system with a server of messages, and clients of its services.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions, Event, ServerError,
    jetstream::{self, Context, kv},
};
use model::{
    InstanceId, Slot,
    spec::{Bucket, Service, System, Topic},
    streams::Redelivery,
};
use ports::{clock::HostClock, messages::Messages};
use streams::{Buckets, MessageServer};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

/// How long an answer may take that must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);
/// How long one may take that must come: less than `ack_wait`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// `orders` publishes, `mailer` subscribes and owns a bucket and an object store, `audit` subscribes.
fn system() -> System {
    let topics = |names: &[&str]| names.iter().map(|name| name.parse().expect("a topic")).collect();
    let orders = Service { publishes: topics(&["orders.placed", "orders.cancelled"]), ..Service::new("x") };
    let mailer = Service {
        subscribes: topics(&["orders.placed"]),
        buckets: ["sent", "drafts"].map(|name| name.parse().expect("a bucket")).into(),
        objects: ["mails".parse().expect("a store")].into(),
        ..Service::new("x")
    };
    let audit = Service { subscribes: topics(&["orders.placed", "orders.cancelled"]), ..Service::new("x") };
    let redelivery = Redelivery { max_deliver: Some(2), ..Redelivery::default() };
    System {
        services: [("orders", orders), ("mailer", mailer), ("audit", audit)]
            .map(|(name, service)| (name.parse().expect("a service"), service))
            .into(),
        topics: [("orders.placed", Topic { redelivery, ..Topic::default() }), ("orders.cancelled", Topic::default())]
            .map(|(name, topic)| (name.parse().expect("a topic"), topic))
            .into(),
        buckets: [("drafts".parse().expect("a bucket"), Bucket { history: 5, ..Bucket::default() })].into(),
        ..System::new("shop".parse().expect("a system"))
    }
}

pub(crate) struct Rig {
    pub(crate) server: Arc<MessageServer>,
    /// The release of each slot that is not of the first one.
    releases: BTreeMap<Slot, (u64, Arc<System>)>,
    buckets: Arc<Buckets>,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let buckets = Arc::new(Buckets::new(folder.path().into()));
        let rig = Self { server: serve(&buckets), releases: BTreeMap::new(), buckets, _folder: folder };
        rig.ensure(&system()).await;
        rig
    }

    /// Another server over the same journal, which starts with its first client.
    pub(crate) async fn restart(&mut self) {
        self.server.stop().await;
        self.server = serve(&self.buckets);
    }

    /// From now on the slot is of this release, in which `orders` publishes this.
    pub(crate) async fn release(&mut self, slot: &str, release: u64, publishes: &[&str]) {
        let mut system = system();
        let orders = system.services.get_mut(&"orders".parse().expect("a service")).expect("it is there");
        orders.publishes = publishes.iter().map(|name| name.parse().expect("a topic")).collect();
        for name in &orders.publishes {
            system.topics.entry(name.clone()).or_default();
        }
        self.ensure(&system).await;
        let (slot, system) = (slot.parse::<Slot>().expect("a slot"), Arc::new(system));
        self.server.admit(&slot, release, &system);
        self.releases.insert(slot, (release, system));
    }

    async fn ensure(&self, system: &System) {
        for stream in system.streams() {
            self.server.topics().ensure(stream).await.expect("it is made");
        }
    }

    /// A client of the instance in a slot.
    pub(crate) async fn client(&self, slot: &str) -> Client {
        self.connect(slot, None, ConnectOptions::new()).await
    }

    /// The same, of a known instance.
    pub(crate) async fn client_of(&self, slot: &str, instance: InstanceId) -> Client {
        self.connect(slot, Some(instance), ConnectOptions::new()).await
    }

    pub(crate) async fn context(&self, slot: &str) -> Context {
        context(self.client(slot).await)
    }

    /// A client of the instance in a slot that notes what it is refused.
    pub(crate) async fn suspect(&self, slot: &str) -> Suspect {
        let (sender, refusals) = mpsc::channel(100);
        let note = move |event: Event| {
            let sender = sender.clone();
            async move {
                if let Event::ServerError(ServerError::Other(text)) = event {
                    sender.send(text).await.expect("the test listens");
                }
            }
        };
        let client = self.connect(slot, None, ConnectOptions::new().event_callback(note)).await;
        Suspect { context: context(client.clone()), client, refusals }
    }

    async fn connect(&self, slot: &str, instance: Option<InstanceId>, options: ConnectOptions) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (server, slot) = (self.server.clone(), slot.parse::<Slot>().expect("a slot"));
        let (release, system) = self.releases.get(&slot).cloned().unwrap_or_else(|| (1, Arc::new(system())));
        server.admit(&slot, release, &system);
        let accepted = async move {
            let (socket, _) = listener.accept().await.expect("a client");
            server.serve(socket.into_std().expect("a socket"), &slot, instance).await;
        };
        let (client, ()) = tokio::join!(options.connect(format!("nats://{address}")), accepted);
        client.expect("it is served")
    }
}

fn serve(buckets: &Arc<Buckets>) -> Arc<MessageServer> {
    MessageServer::new(buckets, &system().name, Arc::new(HostClock::start()), 7)
}

fn context(client: Client) -> Context {
    let mut context = jetstream::new(client);
    context.set_timeout(PATIENCE);
    context
}

/// A client that asks for what it may not have.
pub(crate) struct Suspect {
    pub(crate) client: Client,
    pub(crate) context: Context,
    refusals: mpsc::Receiver<String>,
}

impl Suspect {
    /// It is told that it may not publish to a subject.
    pub(crate) async fn is_refused(&mut self, subject: &str) {
        let told = timeout(PATIENCE, self.refusals.recv()).await.unwrap_or_else(|_| panic!("no word of {subject}"));
        assert_eq!(told, Some(format!("Permissions Violation for Publish to \"{subject}\"")));
    }

    /// Something is not answered: it is told that it may not publish to a subject.
    pub(crate) async fn fails<T>(&mut self, asked: impl Future<Output = T>, subject: &str) {
        tokio::select! {
            () = self.is_refused(subject) => {}
            _ = asked => panic!("{subject} is answered"),
        }
    }
}

/// Where the messages of a push consumer go.
pub(crate) fn inbox(name: &str) -> String {
    format!("_INBOX.{name}.push")
}

/// A bucket as a client asks for it.
pub(crate) fn bucket(name: &str) -> kv::Config {
    kv::Config { bucket: name.into(), ..kv::Config::default() }
}
