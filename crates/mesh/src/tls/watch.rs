//! What the mesh tells of its TLS, and how the certificate is looked after.

use std::time::Duration;

use crate::Mesh;

/// How often the files of the certificate are looked at.
const CHECK: Duration = Duration::from_secs(2);

impl Mesh {
    /// Looks after the gateway's certificate for as long as it is polled: see [`Mesh::check_certificate`]. Never ends.
    pub fn watch_certificate(&self) -> impl Future<Output = ()> + Send + 'static {
        let (door, clock) = (self.door.clone(), self.clock.clone());
        async move {
            let Some(door) = door else { return std::future::pending().await };
            loop {
                tokio::time::sleep(CHECK).await;
                door.clone().check_aside(clock.now()).await;
            }
        }
    }

    /// Puts the certificate into force that is in its files now, if it changed. One that cannot be used changes nothing;
    /// [`Mesh::tls_problem`] then says why. Development certificates are renewed in time. Connections go on with what they began with.
    pub async fn check_certificate(&self) {
        if let Some(door) = self.door.clone() {
            door.check_aside(self.clock.now()).await;
        }
    }

    /// What is wrong with the gateway's certificate, in a sentence.
    pub fn tls_problem(&self) -> Option<String> {
        self.door.as_ref()?.problem(self.clock.now())
    }
}
