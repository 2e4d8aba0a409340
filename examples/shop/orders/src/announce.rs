//! Tells of placed orders on the topic `orders.placed`: each at least once, and with its id, so that it is kept once.

use std::{convert::Infallible, env, error::Error, sync::Arc, time::Duration};

use async_nats::{ConnectOptions, HeaderMap, header::NATS_MESSAGE_ID, jetstream::Context};
use common::{Database, Fault};
use tokio::sync::Notify;

use crate::book::{self, Order};

type Trouble = Box<dyn Error + Send + Sync>;

const TOPIC: &str = "orders.placed";
/// How long until it is tried again after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the one that announces.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Begins to announce what is in the book and not announced yet, now and whenever the bell rings. The book remembers what is
/// left, so that a crash between an order and its message loses nothing.
pub fn start(book: Database, bell: Bell) -> Result<(), Fault> {
    let url = env::var("NATS_URL").map_err(|_| "$NATS_URL is not set")?;
    tokio::spawn(async move {
        loop {
            // It comes back only with an error.
            let Err(error) = announce(&book, &bell, &url).await;
            eprintln!("orders cannot be announced: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    });
    Ok(())
}

async fn announce(book: &Database, bell: &Bell, url: &str) -> Result<Infallible, Trouble> {
    let client = ConnectOptions::new().name("orders").connect(url).await?;
    let stream = async_nats::jetstream::new(client);
    loop {
        let orders = book.read(book::unannounced).await.map_err(|error| error.message)?;
        if orders.is_empty() {
            bell.0.notified().await;
        }
        for order in orders {
            publish(&stream, &order).await?;
            book.write(move |book| book::announced(book, &order.id)).await.map_err(|error| error.message)?;
        }
    }
}

/// Returns when the message is on disk. Another instance may announce the same order: its id tells that it is one.
async fn publish(stream: &Context, order: &Order) -> Result<(), Trouble> {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, order.id.as_str());
    let body = serde_json::to_vec(order)?;
    stream.publish_with_headers(TOPIC, headers, body.into()).await?.await?;
    Ok(())
}
