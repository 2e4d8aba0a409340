//! Connections at the addresses of messages: what has been attested is given to the server of messages.

use std::rc::Rc;

use model::{InstanceId, Slot, status::Failure};

use crate::{
    client::Client,
    problem::Fault,
    refused::{self, Refused},
    worker::Worker,
};

/// Hands a connection over.
pub(crate) fn serve(worker: &Rc<Worker>, client: Client, slot: Slot, instance: Option<InstanceId>) {
    let (Some(messages), Some(socket)) = (worker.messages.clone(), client.socket.into_tcp()) else { return };
    worker.spawn(async move { messages.serve(socket, &slot, instance).await });
}

/// Has a caller told why it is refused, counts it, and remembers it as a failure of the slot's service.
pub(crate) fn refuse(worker: &Rc<Worker>, client: Client, slot: Slot, Fault { reason, detail, .. }: Fault) {
    refused::write_down(worker, client.entry, client.peer, reason, Refused::default());
    let why = format!("{}: {detail}", reason.code());
    worker.failures.record_again(Failure {
        at: worker.now(),
        connection: format!("{slot} -> messages"),
        service: slot.service,
        request: "a connection".into(),
        reason: Some(reason),
        status: None,
        detail,
        instances: Vec::new(),
    });
    let (Some(messages), Some(socket)) = (worker.messages.clone(), client.socket.into_tcp()) else { return };
    worker.spawn(async move { messages.refuse(socket, &why).await });
}
