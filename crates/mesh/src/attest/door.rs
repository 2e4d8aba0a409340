//! Lets callers in, once each.

use std::rc::Rc;

use model::Reason;

use super::{
    Verdict,
    refusal::{Wanted, refuse},
};
use crate::{
    client::{self, Client},
    listener::Entry,
    problem::Fault,
    worker::Worker,
};

/// Serves a client that was accepted, if it may use the address that it entered by.
pub(crate) fn admit(worker: &Rc<Worker>, client: Client) {
    let (Some(attestor), Entry::Address(address)) = (&worker.attestor, client.entry) else {
        return worker.spawn(client::serve(worker.clone(), client));
    };
    let view = worker.view();
    let Some(declared) = view.table.addresses.get(&address) else {
        // It may be declared later, for somebody else.
        let fault = Fault::new(Reason::NotDeclared, address.to_string());
        return worker.spawn(refuse(worker.clone(), client, None, fault));
    };
    match attestor.attest(&declared.caller, &client.socket) {
        Verdict::Passed => worker.spawn(client::serve(worker.clone(), client)),
        Verdict::Refused(detail) => {
            let wanted = Wanted::new(&declared.caller, view.connections[declared.connection].clone());
            let fault = Fault::new(Reason::NotAttested, detail);
            worker.spawn(refuse(worker.clone(), client, Some(wanted), fault));
        }
        Verdict::Unsettled(slot) => {
            let (worker, identities) = (worker.clone(), attestor.identities.clone());
            worker.clone().spawn(async move {
                identities.settled(&slot).await;
                admit(&worker, client);
            });
        }
    }
}
