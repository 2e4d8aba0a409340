//! The people who buy: `GET /users`, `POST /users {"name": "Ada"}`, `GET /users/{id}`.

use std::process::ExitCode;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::get,
};
use common::{Database, Error, Fault, Input, number};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL) STRICT";
const NAME_CHARS_MAX: usize = 80;
const LIST_MAX: u32 = 100;

fn main() -> ExitCode {
    common::run("users", app)
}

fn app() -> Result<Router, Fault> {
    let database = Database::open(SCHEMA)?;
    Ok(Router::new().route("/users", get(list).post(create)).route("/users/{id}", get(read)).with_state(database))
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct User {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
}

async fn list(State(database): State<Database>) -> Result<Json<Vec<User>>, Error> {
    Ok(Json(database.read(newest).await?))
}

async fn read(State(database): State<Database>, Path(id): Path<String>) -> Result<Json<User>, Error> {
    let id = number(&id)?;
    Ok(Json(database.read(move |connection| find(connection, id)).await?))
}

async fn create(State(database): State<Database>, Input(new): Input<NewUser>) -> Result<impl IntoResponse, Error> {
    let name = valid_name(&new.name)?;
    let user = database.write(move |connection| insert(connection, name)).await?;
    println!("user {} is {}", user.id, user.name);
    Ok((StatusCode::CREATED, [(LOCATION, format!("/users/{}", user.id))], Json(user)))
}

fn valid_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    match name.chars().count() {
        1..=NAME_CHARS_MAX if !name.chars().any(char::is_control) => Ok(name.into()),
        _ => Err(Error::invalid(format!(
            "a name has 1 to {NAME_CHARS_MAX} characters, none of them a control character"
        ))),
    }
}

fn newest(connection: &Connection) -> Result<Vec<User>, Error> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM users ORDER BY id DESC LIMIT ?1")?;
    Ok(statement.query_map([LIST_MAX], user)?.collect::<Result<_, _>>()?)
}

fn find(connection: &Connection, id: i64) -> Result<User, Error> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM users WHERE id = ?1")?;
    statement.query_row([id], user).optional()?.ok_or_else(|| Error::not_found(format!("there is no user {id}")))
}

fn insert(connection: &Connection, name: String) -> Result<User, Error> {
    connection.prepare_cached("INSERT INTO users (name) VALUES (?1)")?.execute([&name])?;
    Ok(User { id: connection.last_insert_rowid(), name })
}

fn user(row: &Row) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let (longest, too_long) = ("x".repeat(80), "x".repeat(81));
        for (given, kept) in
            [("Ada", "Ada"), (" Ada Lovelace\n", "Ada Lovelace"), ("Édith", "Édith"), (&longest, &longest)]
        {
            assert_eq!(valid_name(given), Ok(kept.into()));
        }
        for bad in ["", "  ", "A\0da", "A\nda", &too_long] {
            assert!(valid_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_user_is_found_by_the_number_given() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let ada = insert(&connection, "Ada".into()).unwrap();
        let bob = insert(&connection, "Bob".into()).unwrap();
        assert_eq!(find(&connection, ada.id), Ok(User { id: 1, name: "Ada".into() }));
        assert_eq!(find(&connection, 3), Err(Error::not_found("there is no user 3")));
        assert_eq!(newest(&connection), Ok(vec![bob, ada]));
    }
}
