//! Lets callers in, once each.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use model::Reason;

use super::{Verdict, refusal::refuse};
use crate::{
    client::{self, Client},
    listener::Entry,
    problem::Fault,
    table::Connection,
    worker::Worker,
};

/// Serves a client that was accepted, if it may use the address that it entered by.
pub(crate) fn admit(worker: &Rc<Worker>, client: Client, peer: SocketAddr, local: SocketAddr) {
    let (Some(attestor), Entry::Address(address)) = (&worker.attestor, client.entry) else {
        return worker.spawn(client::serve(worker.clone(), client));
    };
    let Some(connection) = worker.view().table.connections.get(&address).cloned() else {
        // It may be declared later, for somebody else.
        return worker.spawn(refuse(
            worker.clone(),
            client,
            None,
            Fault::new(Reason::NotDeclared, address.to_string()),
        ));
    };
    match attestor.attest(&connection.caller, peer, local) {
        Verdict::Passed => worker.spawn(client::serve(worker.clone(), client)),
        Verdict::Refused(detail) => worker.spawn(refuse_stranger(worker.clone(), client, connection, detail)),
        Verdict::Unsettled(slot) => {
            let (worker, identities) = (worker.clone(), attestor.identities.clone());
            worker.clone().spawn(async move {
                identities.settled(&slot).await;
                admit(&worker, client, peer, local);
            });
        }
    }
}

async fn refuse_stranger(worker: Rc<Worker>, client: Client, connection: Arc<Connection>, detail: String) {
    refuse(worker, client, Some(connection), Fault::new(Reason::NotAttested, detail)).await;
}
