//! The book of orders, on a connection inside a transaction.

use common::Error;
use rusqlite::{Connection, OptionalExtension, Row, types::Type};
use serde::{Deserialize, Serialize};

pub const SCHEMA: &str = "
    CREATE TABLE orders (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(8)))),
        user INTEGER NOT NULL,
        sku TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        amount_cents INTEGER NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT 'pending',
        announced INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX unannounced ON orders (number) WHERE status = 'placed' AND announced = 0;
";
const COLUMNS: &str = "id, user, sku, quantity, amount_cents, status";
const LIST_MAX: u32 = 100;
const QUANTITY_MAX: u32 = 1_000;

/// What a customer asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub user: i64,
    pub sku: String,
    pub quantity: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    pub id: String,
    pub user: i64,
    pub sku: String,
    pub quantity: u32,
    pub amount_cents: i64,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being placed.
    Pending,
    /// Reserved and paid.
    Placed,
    /// Not to be had; nothing is reserved, nothing is paid.
    Refused,
    /// Failed, and so did undoing it: a person must look whether it is reserved or paid.
    Unsettled,
}

impl Status {
    const ALL: [(&str, Self); 4] = [
        ("pending", Self::Pending),
        ("placed", Self::Placed),
        ("refused", Self::Refused),
        ("unsettled", Self::Unsettled),
    ];

    fn text(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl Wanted {
    /// Refuses what nobody can want.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return Err(Error::invalid(format!("the quantity must be 1 to {QUANTITY_MAX}")));
        }
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&self.sku.len()) || !self.sku.bytes().all(letters) {
            return Err(Error::invalid("a sku consists of 1 to 40 of a-z, 0-9 and -"));
        }
        Ok(())
    }
}

pub fn begin(book: &Connection, wanted: &Wanted) -> Result<Order, Error> {
    let insert = format!("INSERT INTO orders (user, sku, quantity) VALUES (?1, ?2, ?3) RETURNING {COLUMNS}");
    let values = (wanted.user, &wanted.sku, wanted.quantity);
    Ok(book.prepare_cached(&insert)?.query_row(values, order)?)
}

pub fn save(book: &Connection, order: &Order) -> Result<(), Error> {
    let update = "UPDATE orders SET amount_cents = ?1, status = ?2 WHERE id = ?3";
    book.prepare_cached(update)?.execute((order.amount_cents, order.status.text(), &order.id))?;
    Ok(())
}

pub fn find(book: &Connection, id: &str) -> Result<Order, Error> {
    let mut statement = book.prepare_cached(&format!("SELECT {COLUMNS} FROM orders WHERE id = ?1"))?;
    statement.query_row([id], order).optional()?.ok_or_else(|| Error::not_found(format!("there is no order `{id}`")))
}

pub fn newest(book: &Connection) -> Result<Vec<Order>, Error> {
    let mut statement = book.prepare_cached(&format!("SELECT {COLUMNS} FROM orders ORDER BY number DESC LIMIT ?1"))?;
    Ok(statement.query_map([LIST_MAX], order)?.collect::<Result<_, _>>()?)
}

/// Placed orders that nobody was told of yet, the oldest first.
pub fn unannounced(book: &Connection) -> Result<Vec<Order>, Error> {
    let placed = "status = 'placed' AND announced = 0";
    let select = format!("SELECT {COLUMNS} FROM orders WHERE {placed} ORDER BY number LIMIT ?1");
    Ok(book.prepare_cached(&select)?.query_map([LIST_MAX], order)?.collect::<Result<_, _>>()?)
}

pub fn announced(book: &Connection, id: &str) -> Result<(), Error> {
    book.prepare_cached("UPDATE orders SET announced = 1 WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn order(row: &Row) -> rusqlite::Result<Order> {
    let text: String = row.get(5)?;
    let status = Status::ALL.iter().find(|(name, _)| *name == text);
    Ok(Order {
        id: row.get(0)?,
        user: row.get(1)?,
        sku: row.get(2)?,
        quantity: row.get(3)?,
        amount_cents: row.get(4)?,
        status: status.ok_or_else(|| rusqlite::Error::InvalidColumnType(5, text.clone(), Type::Text))?.1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_wanted() {
        for (sku, quantity, fits) in [
            ("tea", 1, true),
            ("green-tea-2", 1_000, true),
            ("tea", 0, false),
            ("tea", 1_001, false),
            ("", 1, false),
            ("../users", 1, false),
            ("Tea", 1, false),
        ] {
            let wanted = Wanted { user: 1, sku: sku.into(), quantity };
            assert_eq!(wanted.check().is_ok(), fits, "{wanted:?}");
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_saved() {
        let book = Connection::open_in_memory().unwrap();
        book.execute_batch(SCHEMA).unwrap();
        for (_, status) in Status::ALL {
            let wanted = Wanted { user: 1, sku: "tea".into(), quantity: 2 };
            let begun = begin(&book, &wanted).unwrap();
            assert_eq!((begun.status, begun.amount_cents, begun.id.len()), (Status::Pending, 0, 16));
            let saved = Order { amount_cents: 900, status, ..begun };
            save(&book, &saved).unwrap();
            assert_eq!(find(&book, &saved.id), Ok(saved.clone()));
            assert_eq!(newest(&book).unwrap().first(), Some(&saved));
        }
        let placed = unannounced(&book).unwrap();
        assert_eq!(placed.iter().map(|order| order.status).collect::<Vec<_>>(), [Status::Placed]);
        announced(&book, &placed[0].id).unwrap();
        assert_eq!(unannounced(&book), Ok(vec![]));
        assert_eq!(find(&book, "x"), Err(Error::not_found("there is no order `x`")));
    }
}
