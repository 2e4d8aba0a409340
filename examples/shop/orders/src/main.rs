//! The orders: `POST /orders {"user": 1, "sku": "tea", "quantity": 2}`, `GET /orders`, `GET /orders/{id}`.
//!
//! Placing an order asks users, reserves at stock and charges at payments; a failure undoes what was done before it.
//! What was placed is told on the topic `orders.placed`.

mod announce;
mod book;
mod place;

use std::process::ExitCode;

use announce::Bell;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::get,
};
use book::{Order, Wanted};
use common::{Database, Error, Fault, Input, Remote};
use place::Shop;

fn main() -> ExitCode {
    common::run("orders", app)
}

fn app() -> Result<Router, Fault> {
    let (book, bell) = (Database::open(book::SCHEMA)?, Bell::default());
    announce::start(book.clone(), bell.clone())?;
    let shop = Shop {
        book,
        bell,
        users: Remote::from_env("users")?,
        stock: Remote::from_env("stock")?,
        payments: Remote::from_env("payments")?,
    };
    Ok(Router::new().route("/orders", get(list).post(place)).route("/orders/{id}", get(read)).with_state(shop))
}

async fn list(State(shop): State<Shop>) -> Result<Json<Vec<Order>>, Error> {
    Ok(Json(shop.book.read(book::newest).await?))
}

async fn read(State(shop): State<Shop>, Path(id): Path<String>) -> Result<Json<Order>, Error> {
    Ok(Json(shop.book.read(move |book| book::find(book, &id)).await?))
}

async fn place(State(shop): State<Shop>, Input(wanted): Input<Wanted>) -> Result<impl IntoResponse, Error> {
    let order = shop.place(wanted).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/orders/{}", order.id))], Json(order)))
}
