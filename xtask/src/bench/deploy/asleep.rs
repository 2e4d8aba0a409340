//! A system whose services sleep until a request comes.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{bail, ensure};
use model::status::{ServicePhase, SystemStatus};
use ports::clock::Clock as _;

use super::{setup::Setup, stand::Stand};

/// How often it is looked whether all sleep, each time after `PAUSE`.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The shortest time without requests there is, after which a service falls asleep.
pub(super) const REPLICAS: &str = "{ min = 0, max = 1, concurrency = 100, window = \"1s\" }";

/// A running system.
pub(super) struct Asleep {
    stand: Stand,
    gateway: SocketAddr,
}

impl Asleep {
    /// Starts a system of these services.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn start(setup: &Setup, routes: &str, services: &str) -> anyhow::Result<Self> {
        let gateway = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let system = format!("[system]\nname = \"asleep\"\n[gateway]\nlisten = \"{gateway}\"\nroutes = {routes}\n");
        let stand = Stand::new(&setup.isles, &(system + services))?;
        stand.up(&setup.clock)?;
        Ok(Self { stand, gateway })
    }

    /// The time from a request until its answer is whole, when all sleep before it.
    ///
    /// # Errors
    /// When they do not fall asleep, or the answer is no good one.
    pub(super) fn first_answer(&self, setup: &Setup, path: &str) -> anyhow::Result<Duration> {
        self.all_sleep()?;
        let begun = setup.clock.now();
        let mut stream = TcpStream::connect(self.gateway)?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: asleep\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let taken = setup.clock.now().since(begun);
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.starts_with("HTTP/1.1 200"), "an odd answer: {answer}");
        Ok(taken)
    }

    fn all_sleep(&self) -> anyhow::Result<()> {
        for _ in 0..TRIES {
            let status: SystemStatus = serde_json::from_str(&self.stand.isles(&["--json", "status"])?)?;
            if status.services.iter().all(|service| service.phase == ServicePhase::Asleep) {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("the services do not fall asleep")
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not stop.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.stand.down()
    }
}
