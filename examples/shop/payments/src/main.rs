//! The money: `POST /payments {"user": 1, "amount_cents": 900, "order": "…"}`, `POST /payments/void {"order": "…"}` and
//! `GET /payments/{id}`. Both posts may be repeated: an order is charged once and voided once.

mod ledger;

use std::process::ExitCode;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::{get, post},
};
use common::{Database, Error, Fault, Input, number};
use ledger::{Charge, Payment};
use serde::Deserialize;

fn main() -> ExitCode {
    common::run("payments", app)
}

fn app() -> Result<Router, Fault> {
    let database = Database::open(ledger::SCHEMA)?;
    Ok(Router::new()
        .route("/payments", post(charge))
        .route("/payments/void", post(void))
        .route("/payments/{id}", get(read))
        .with_state(database))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Void {
    order: String,
}

async fn charge(State(database): State<Database>, Input(charge): Input<Charge>) -> Result<impl IntoResponse, Error> {
    let payment = database.write(move |ledger| ledger::charge(ledger, &charge)).await?;
    println!("user {} pays {} cents for order {}", payment.user, payment.amount_cents, payment.order);
    Ok((StatusCode::CREATED, [(LOCATION, format!("/payments/{}", payment.id))], Json(payment)))
}

async fn void(State(database): State<Database>, Input(Void { order }): Input<Void>) -> Result<Json<Payment>, Error> {
    let payment = database.write(move |ledger| ledger::void(ledger, &order)).await?;
    println!("order {} is not to be paid", payment.order);
    Ok(Json(payment))
}

async fn read(State(database): State<Database>, Path(id): Path<String>) -> Result<Json<Payment>, Error> {
    let id = number(&id)?;
    Ok(Json(database.read(move |ledger| ledger::find(ledger, id)).await?))
}
