//! Lets callers in, once each.

use std::rc::Rc;

use model::{Reason, Slot};
use ports::traffic::Caller;

use super::{Attestor, Verdict, refuse};
use crate::{
    client::{self, Client},
    listener::Entry,
    messages,
    problem::Fault,
    worker::Worker,
};

/// Serves a client that was accepted, if it may use the address that it entered by.
pub(crate) fn admit(worker: &Rc<Worker>, mut client: Client) {
    if let Entry::Address(address) = client.entry
        && let Some(slot) = worker.view().table.messages.get(&address)
    {
        return admit_to_messages(worker, client, slot.clone());
    }
    let (Some(attestor), Entry::Address(address)) = (&worker.attestor, client.entry) else {
        return client::serve(worker, client);
    };
    let view = worker.view();
    let Some(declared) = view.table.addresses.get(&address) else {
        // It may be declared later, for somebody else.
        return refuse(worker, client, Fault::new(Reason::NotDeclared, address.to_string()));
    };
    match attestor.attest(&declared.caller, &client.socket) {
        Verdict::Passed(_) => client::serve(worker, client),
        Verdict::Refused(detail) => refuse(worker, client, Fault::new(Reason::NotAttested, detail)),
        Verdict::Unsettled(slot) => match client.enter(worker) {
            Ok(()) => admit_once_settled(worker, attestor, client, slot),
            Err(fault) => refuse(worker, client, fault),
        },
    }
}

fn admit_to_messages(worker: &Rc<Worker>, mut client: Client, slot: Slot) {
    let Some(attestor) = &worker.attestor else { return messages::serve(worker, client, slot, None) };
    match attestor.attest(&Caller::Slot(slot.clone()), &client.socket) {
        Verdict::Passed(instance) => messages::serve(worker, client, slot, instance),
        Verdict::Refused(detail) => messages::refuse(worker, client, slot, Fault::new(Reason::NotAttested, detail)),
        Verdict::Unsettled(slot) => match client.enter(worker) {
            Ok(()) => admit_once_settled(worker, attestor, client, slot),
            Err(fault) => messages::refuse(worker, client, slot, fault),
        },
    }
}

/// While it waits it counts as one of the slot's connections, whoever it is.
fn admit_once_settled(worker: &Rc<Worker>, attestor: &Attestor, mut client: Client, slot: Slot) {
    let (again, identities) = (worker.clone(), attestor.identities.clone());
    worker.spawn(async move {
        identities.settled(&slot).await;
        client.guest = None;
        admit(&again, client);
    });
}
