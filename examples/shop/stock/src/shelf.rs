//! The rules of the stock, on a connection inside a transaction.

use common::Error;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

pub const SCHEMA: &str = "
    CREATE TABLE items (
        sku TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        price_cents INTEGER NOT NULL,
        available INTEGER NOT NULL CHECK (available >= 0)
    ) STRICT;
    CREATE TABLE reservations (
        order_id TEXT,
        sku TEXT REFERENCES items,
        quantity INTEGER NOT NULL,
        released INTEGER NOT NULL,
        PRIMARY KEY (order_id, sku)
    ) STRICT;
    INSERT INTO items VALUES
        ('coffee', 'Coffee, 500 g', 790, 500),
        ('cup', 'Cup, white', 1200, 100),
        ('samovar', 'Samovar, brass', 34900, 3),
        ('tea', 'Tea, 250 g', 450, 1000);
";

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    pub sku: String,
    pub name: String,
    pub price_cents: i64,
    pub available: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Reserved {
    pub sku: String,
    pub order: String,
    pub quantity: i64,
    pub price_cents: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Released {
    pub sku: String,
    pub order: String,
    pub quantity: i64,
}

pub fn all(shelf: &Connection) -> Result<Vec<Item>, Error> {
    let mut statement = shelf.prepare_cached("SELECT sku, name, price_cents, available FROM items ORDER BY sku")?;
    Ok(statement.query_map([], item)?.collect::<Result<_, _>>()?)
}

pub fn find(shelf: &Connection, sku: &str) -> Result<Item, Error> {
    let mut statement = shelf.prepare_cached("SELECT sku, name, price_cents, available FROM items WHERE sku = ?1")?;
    statement.query_row([sku], item).optional()?.ok_or_else(|| Error::not_found(format!("there is no item `{sku}`")))
}

pub fn reserve(shelf: &Connection, sku: &str, quantity: u32, order: &str) -> Result<Reserved, Error> {
    if quantity == 0 || order.is_empty() {
        return Err(Error::invalid("a reservation needs a quantity of at least 1 and an order"));
    }
    let Item { price_cents, available, .. } = find(shelf, sku)?;
    let quantity = i64::from(quantity);
    match reservation(shelf, sku, order)? {
        Some((_, true)) => return Err(Error::conflict(format!("order {order} was released"))),
        Some((earlier, false)) if earlier != quantity => {
            return Err(Error::conflict(format!("order {order} has reserved {earlier} already")));
        }
        Some(_) => (),
        None if available < quantity => {
            return Err(Error::conflict(format!("{available} of `{sku}` left, {quantity} wanted")));
        }
        None => take(shelf, sku, order, quantity)?,
    }
    Ok(Reserved { sku: sku.into(), order: order.into(), quantity, price_cents })
}

pub fn release(shelf: &Connection, sku: &str, order: &str) -> Result<Released, Error> {
    find(shelf, sku)?;
    let quantity = match reservation(shelf, sku, order)? {
        Some((quantity, false)) => quantity,
        Some((_, true)) | None => 0,
    };
    // An order that has reserved nothing is remembered too: its reservation may still be on the way here.
    let remember = "INSERT INTO reservations VALUES (?1, ?2, 0, 1) ON CONFLICT DO UPDATE SET released = 1";
    shelf.prepare_cached(remember)?.execute((order, sku))?;
    add(shelf, sku, quantity)?;
    Ok(Released { sku: sku.into(), order: order.into(), quantity })
}

fn reservation(shelf: &Connection, sku: &str, order: &str) -> Result<Option<(i64, bool)>, Error> {
    let mut statement =
        shelf.prepare_cached("SELECT quantity, released FROM reservations WHERE order_id = ?1 AND sku = ?2")?;
    Ok(statement.query_row([order, sku], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn take(shelf: &Connection, sku: &str, order: &str, quantity: i64) -> Result<(), Error> {
    shelf.prepare_cached("INSERT INTO reservations VALUES (?1, ?2, ?3, 0)")?.execute((order, sku, quantity))?;
    add(shelf, sku, -quantity)
}

fn add(shelf: &Connection, sku: &str, quantity: i64) -> Result<(), Error> {
    let add = "UPDATE items SET available = available + ?1 WHERE sku = ?2";
    shelf.prepare_cached(add)?.execute((quantity, sku))?;
    Ok(())
}

fn item(row: &Row) -> rusqlite::Result<Item> {
    Ok(Item { sku: row.get(0)?, name: row.get(1)?, price_cents: row.get(2)?, available: row.get(3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Reserve(u32, &'static str),
        Release(&'static str),
    }
    use Step::{Release, Reserve};

    /// Each step with the status it gives (200 for a success) and the samovars left after it, of 3.
    fn check(steps: &[(Step, u16, i64)]) {
        let shelf = Connection::open_in_memory().unwrap();
        shelf.execute_batch(SCHEMA).unwrap();
        for (number, (step, status, left)) in steps.iter().enumerate() {
            let result = match step {
                Reserve(quantity, order) => reserve(&shelf, "samovar", *quantity, order).map(drop),
                Release(order) => release(&shelf, "samovar", order).map(drop),
            };
            let got = result.map_or_else(|error| error.status.as_u16(), |()| 200);
            assert_eq!((got, find(&shelf, "samovar").unwrap().available), (*status, *left), "step {number}");
        }
    }

    #[test]
    fn reserving_takes_what_is_there() {
        check(&[
            (Reserve(2, "a"), 200, 1),
            (Reserve(2, "b"), 409, 1),
            (Reserve(1, "b"), 200, 0),
            (Reserve(0, "c"), 422, 0),
        ]);
    }

    #[test]
    fn a_repeated_request_changes_nothing() {
        check(&[
            (Reserve(2, "a"), 200, 1),
            (Reserve(2, "a"), 200, 1),
            (Reserve(1, "a"), 409, 1),
            (Release("a"), 200, 3),
            (Release("a"), 200, 3),
        ]);
    }

    #[test]
    fn a_released_order_never_reserves_again() {
        check(&[(Release("late"), 200, 3), (Reserve(1, "late"), 409, 3)]);
    }

    #[test]
    fn an_unknown_item_is_not_found() {
        let shelf = Connection::open_in_memory().unwrap();
        shelf.execute_batch(SCHEMA).unwrap();
        let missing = Error::not_found("there is no item `gold`");
        assert_eq!(reserve(&shelf, "gold", 1, "a"), Err(missing.clone()));
        assert_eq!(release(&shelf, "gold", "a"), Err(missing));
    }
}
