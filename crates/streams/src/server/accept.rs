//! Takes in clients.

use std::{rc::Rc, time::Duration};

use tokio::{net::TcpListener, time::sleep};

use super::{tls, worker::Worker};

/// The pause after a client could not be accepted, for want of descriptors say.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts clients for ever.
pub(super) async fn accept(worker: Rc<Worker>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it messages are later, nothing else.
                let _ = stream.set_nodelay(true);
                if !worker.closed.get() {
                    Worker::spawn(tls::enter(worker.clone(), stream, peer));
                }
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}
