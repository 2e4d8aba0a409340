//! Everything that is compared, running side by side before the same back end.

use std::cell::OnceCell;

use super::{
    load::{Load, Seat},
    peers::{self, Peer},
    rounds::{self, Contender},
    samples::Samples,
    setup::Setup,
    speaker::{self, Speaker},
    system::{Gateway, System},
};

/// The proxies and what they need.
pub(super) struct Stage {
    pub(super) nginx: Peer,
    pub(super) haproxy: Peer,
    pub(super) floor: Speaker,
    pub(super) system: System,
    small: OnceCell<Compared>,
    _back: Speaker,
}

/// The samples of each, under the same load.
pub(super) struct Compared {
    pub(super) nginx: Samples,
    pub(super) haproxy: Samples,
    pub(super) floor: Samples,
    pub(super) gateway: Samples,
    pub(super) address: Samples,
}

impl Stage {
    /// Starts all of it.
    ///
    /// # Errors
    /// When one of them does not start.
    pub(super) fn start(setup: &Setup) -> anyhow::Result<Self> {
        let back = speaker::backend(setup, 1)?;
        let address = back.address()?;
        Ok(Self {
            nginx: peers::nginx(setup, address, &[])?,
            haproxy: peers::haproxy(setup, address, &[])?,
            floor: speaker::floor(setup, address, &[])?,
            system: System::start(setup, Gateway::Clear)?,
            small: OnceCell::new(),
            _back: back,
        })
    }

    /// Compared GETs on 64 connections; measured once.
    ///
    /// # Errors
    /// When a request fails.
    pub(super) fn small_get(&self, setup: &Setup) -> anyhow::Result<&Compared> {
        if self.small.get().is_none() {
            let _ = self.small.set(self.http1(setup, &Load::get(64), "/")?);
        }
        Ok(self.small.get().expect("it was just set"))
    }

    /// All of them under an HTTP/1.1 load.
    ///
    /// # Errors
    /// When a request fails.
    pub(super) fn http1(&self, setup: &Setup, load: &Load, path: &str) -> anyhow::Result<Compared> {
        let contender = |name, pids, seat, origin: String| Contender {
            name,
            pids,
            seat,
            url: format!("http://{origin}{path}"),
            load: load.clone(),
        };
        let System { gateway, caller, pids, .. } = &self.system;
        let (nginx, haproxy) = (&self.nginx, &self.haproxy);
        let contenders = [
            contender("nginx", nginx.started.pids()?, Seat::Outside, nginx.ports.http1.to_string()),
            contender("HAProxy", haproxy.started.pids()?, Seat::Outside, haproxy.ports.http1.to_string()),
            contender("floor", self.floor.started.pids()?, Seat::Outside, self.floor.address()?.to_string()),
            contender("gateway", pids.clone(), Seat::Outside, gateway.to_string()),
            contender("address", pids.clone(), caller.clone(), "back".into()),
        ];
        let [nginx, haproxy, floor, gateway, address] = rounds::run(setup, contenders)?;
        Ok(Compared { nginx, haproxy, floor, gateway, address })
    }
}
