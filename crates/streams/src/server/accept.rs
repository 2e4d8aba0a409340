//! Takes in clients.

use std::{rc::Rc, time::Duration};

use tokio::{net::TcpListener, time::sleep};

use super::worker::Worker;

/// The pause after a client could not be accepted, for want of descriptors say.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts clients for ever.
pub(super) async fn accept(worker: Rc<Worker>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it messages are later, nothing else.
                let _ = stream.set_nodelay(true);
                worker.serve(stream, Some(peer), None);
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}
