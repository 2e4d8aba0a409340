//! What there is to buy: `GET /stock`, `GET /stock/{sku}`, `POST /stock/{sku}/reserve {"quantity": 2, "order": "…"}`
//! and `POST /stock/{sku}/release {"order": "…"}`. Both may be repeated: an order reserves once and releases once.

mod shelf;

use std::process::ExitCode;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use common::{Database, Error, Fault, Input};
use serde::Deserialize;
use shelf::{Item, Released};

fn main() -> ExitCode {
    common::run("stock", app)
}

fn app() -> Result<Router, Fault> {
    let database = Database::open(shelf::SCHEMA)?;
    Ok(Router::new()
        .route("/stock", get(list))
        .route("/stock/{sku}", get(read))
        .route("/stock/{sku}/reserve", post(reserve))
        .route("/stock/{sku}/release", post(release))
        .with_state(database))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reserve {
    quantity: u32,
    order: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    order: String,
}

async fn list(State(database): State<Database>) -> Result<Json<Vec<Item>>, Error> {
    Ok(Json(database.read(shelf::all).await?))
}

async fn read(State(database): State<Database>, Path(sku): Path<String>) -> Result<Json<Item>, Error> {
    Ok(Json(database.read(move |shelf| shelf::find(shelf, &sku)).await?))
}

async fn reserve(
    State(database): State<Database>,
    Path(sku): Path<String>,
    Input(Reserve { quantity, order }): Input<Reserve>,
) -> Result<impl IntoResponse, Error> {
    let reserved = database.write(move |shelf| shelf::reserve(shelf, &sku, quantity, &order)).await?;
    println!("{} of {} reserved for order {}", reserved.quantity, reserved.sku, reserved.order);
    Ok((StatusCode::CREATED, Json(reserved)))
}

async fn release(
    State(database): State<Database>,
    Path(sku): Path<String>,
    Input(Release { order }): Input<Release>,
) -> Result<Json<Released>, Error> {
    let released = database.write(move |shelf| shelf::release(shelf, &sku, &order)).await?;
    println!("{} of {} released by order {}", released.quantity, released.sku, released.order);
    Ok(Json(released))
}
