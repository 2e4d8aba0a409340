//! Placing an order across three other programs.

use axum::http::StatusCode;
use common::{Database, Error, Remote};
use serde_json::json;

use crate::{
    announce::Bell,
    book::{self, Order, Status, Wanted},
};

#[derive(Clone)]
pub struct Shop {
    pub book: Database,
    pub bell: Bell,
    pub users: Remote,
    pub stock: Remote,
    pub payments: Remote,
}

/// How far an order got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Reserve,
    Charge,
}

impl Shop {
    /// Reserves and charges what is wanted, or leaves nothing of it.
    pub async fn place(&self, wanted: Wanted) -> Result<Order, Error> {
        wanted.check()?;
        self.users.get(&format!("/users/{}", wanted.user)).await?;
        let mut order = self.book.write(move |book| book::begin(book, &wanted)).await?;
        let outcome = self.fulfil(&mut order).await;
        order.status = match &outcome {
            Ok(()) => Status::Placed,
            Err((step, error)) => self.undo(&order, *step, error).await,
        };
        println!("order {} of {} {}: {:?}", order.id, order.quantity, order.sku, order.status);
        let saved = order.clone();
        self.book.write(move |book| book::save(book, &saved)).await?;
        self.bell.ring();
        outcome.map(|()| order).map_err(|(_, error)| error)
    }

    async fn fulfil(&self, order: &mut Order) -> Result<(), (Step, Error)> {
        let price = self.reserve(order).await.map_err(|error| (Step::Reserve, error))?;
        order.amount_cents = price * i64::from(order.quantity);
        self.charge(order).await.map_err(|error| (Step::Charge, error))
    }

    /// Gives the price of one piece in cents.
    async fn reserve(&self, order: &Order) -> Result<i64, Error> {
        let body = json!({ "quantity": order.quantity, "order": order.id });
        let reserved = self.stock.post(&format!("/stock/{}/reserve", order.sku), &body).await?;
        let price = reserved["price_cents"].as_i64();
        price.ok_or_else(|| Error::new(StatusCode::BAD_GATEWAY, "stock gave an answer without a price"))
    }

    async fn charge(&self, order: &Order) -> Result<(), Error> {
        let body = json!({ "user": order.user, "amount_cents": order.amount_cents, "order": order.id });
        self.payments.post("/payments", &body).await.map(drop)
    }

    async fn undo(&self, order: &Order, step: Step, error: &Error) -> Status {
        let (release, void) = to_undo(step, error);
        let order_id = json!({ "order": order.id });
        let voided = !void || self.payments.post("/payments/void", &order_id).await.is_ok();
        let released = !release || self.stock.post(&format!("/stock/{}/release", order.sku), &order_id).await.is_ok();
        if voided && released { Status::Refused } else { Status::Unsettled }
    }
}

/// Whether to release the reservation and whether to void the payment, after a step failed. A refusal did nothing, but
/// after trouble nobody knows: the request may have been carried out, or may be so yet.
fn to_undo(step: Step, error: &Error) -> (bool, bool) {
    let release = step == Step::Charge || error.is_trouble();
    let void = step == Step::Charge && error.is_trouble();
    (release, void)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_done_is_undone() {
        for (step, status, expected) in [
            (Step::Reserve, 404, (false, false)),
            (Step::Reserve, 409, (false, false)),
            (Step::Reserve, 503, (true, false)),
            (Step::Charge, 402, (true, false)),
            (Step::Charge, 502, (true, true)),
        ] {
            let error = Error::new(StatusCode::from_u16(status).unwrap(), "no");
            assert_eq!(to_undo(step, &error), expected, "{step:?} {status}");
        }
    }
}
