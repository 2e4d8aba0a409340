//! The rules of paying, on a connection inside a transaction.

use axum::http::StatusCode;
use common::Error;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

pub const SCHEMA: &str = "
    CREATE TABLE payments (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        order_id TEXT NOT NULL UNIQUE,
        user INTEGER NOT NULL,
        amount_cents INTEGER NOT NULL,
        void INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX payments_by_user ON payments (user);
";

/// What a user may spend in all: 500.00.
const CREDIT_CENTS: i64 = 50_000;
const COLUMNS: &str = "id, order_id, user, amount_cents, void";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    pub user: i64,
    pub amount_cents: i64,
    pub order: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Payment {
    pub id: i64,
    pub order: String,
    pub user: i64,
    pub amount_cents: i64,
    /// Not paid any more, and never to be paid again.
    pub void: bool,
}

pub fn find(ledger: &Connection, id: i64) -> Result<Payment, Error> {
    let mut statement = ledger.prepare_cached(&format!("SELECT {COLUMNS} FROM payments WHERE id = ?1"))?;
    statement.query_row([id], payment).optional()?.ok_or_else(|| Error::not_found(format!("there is no payment {id}")))
}

pub fn charge(ledger: &Connection, charge: &Charge) -> Result<Payment, Error> {
    if charge.amount_cents <= 0 || charge.order.is_empty() {
        return Err(Error::invalid("a payment needs an amount above 0 and an order"));
    }
    match find_by_order(ledger, &charge.order)? {
        Some(earlier) if earlier.void => Err(Error::conflict(format!("order {} is void", charge.order))),
        Some(earlier) if (earlier.user, earlier.amount_cents) != (charge.user, charge.amount_cents) => {
            Err(Error::conflict(format!("order {} was charged otherwise", charge.order)))
        }
        Some(earlier) => Ok(earlier),
        None => charge_anew(ledger, charge),
    }
}

/// Gives an order's money back. One that was never charged is remembered too: its charge may still be on the way here.
pub fn void(ledger: &Connection, order: &str) -> Result<Payment, Error> {
    let remember = format!(
        "INSERT INTO payments (order_id, user, amount_cents, void) VALUES (?1, 0, 0, 1)
         ON CONFLICT DO UPDATE SET void = 1 RETURNING {COLUMNS}"
    );
    Ok(ledger.prepare_cached(&remember)?.query_row([order], payment)?)
}

fn charge_anew(ledger: &Connection, charge: &Charge) -> Result<Payment, Error> {
    let left = CREDIT_CENTS - spent(ledger, charge.user)?;
    if charge.amount_cents > left {
        let message = format!("user {} has {left} cents left, {} needed", charge.user, charge.amount_cents);
        return Err(Error::new(StatusCode::PAYMENT_REQUIRED, message));
    }
    let insert =
        format!("INSERT INTO payments (order_id, user, amount_cents, void) VALUES (?1, ?2, ?3, 0) RETURNING {COLUMNS}");
    let values = (&charge.order, charge.user, charge.amount_cents);
    Ok(ledger.prepare_cached(&insert)?.query_row(values, payment)?)
}

fn find_by_order(ledger: &Connection, order: &str) -> Result<Option<Payment>, Error> {
    let mut statement = ledger.prepare_cached(&format!("SELECT {COLUMNS} FROM payments WHERE order_id = ?1"))?;
    Ok(statement.query_row([order], payment).optional()?)
}

fn spent(ledger: &Connection, user: i64) -> Result<i64, Error> {
    let sum = "SELECT coalesce(sum(amount_cents), 0) FROM payments WHERE user = ?1 AND NOT void";
    Ok(ledger.prepare_cached(sum)?.query_row([user], |row| row.get(0))?)
}

fn payment(row: &Row) -> rusqlite::Result<Payment> {
    Ok(Payment { id: row.get(0)?, order: row.get(1)?, user: row.get(2)?, amount_cents: row.get(3)?, void: row.get(4)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Pay(i64, &'static str),
        Void(&'static str),
    }
    use Step::{Pay, Void};

    /// Each step of user 1 with the status it gives (200 for a success) and the cents spent after it.
    fn check(steps: &[(Step, u16, i64)]) {
        let ledger = Connection::open_in_memory().unwrap();
        ledger.execute_batch(SCHEMA).unwrap();
        for (number, (step, status, sum)) in steps.iter().enumerate() {
            let result = match step {
                Pay(amount_cents, order) => {
                    charge(&ledger, &Charge { user: 1, amount_cents: *amount_cents, order: (*order).into() })
                }
                Void(order) => void(&ledger, order),
            };
            let got = result.map_or_else(|error| error.status.as_u16(), |_| 200);
            assert_eq!((got, spent(&ledger, 1).unwrap()), (*status, *sum), "step {number}");
        }
    }

    #[test]
    fn credit_ends_at_500() {
        check(&[(Pay(49_000, "a"), 200, 49_000), (Pay(1_001, "b"), 402, 49_000), (Pay(1_000, "c"), 200, 50_000)]);
        check(&[(Pay(0, "a"), 422, 0), (Pay(1, ""), 422, 0)]);
    }

    #[test]
    fn an_order_pays_once() {
        check(&[(Pay(900, "a"), 200, 900), (Pay(900, "a"), 200, 900), (Pay(901, "a"), 409, 900)]);
    }

    #[test]
    fn a_void_order_costs_nothing_and_never_pays_again() {
        check(&[(Pay(900, "a"), 200, 900), (Void("a"), 200, 0), (Void("a"), 200, 0), (Pay(900, "a"), 409, 0)]);
        check(&[(Void("late"), 200, 0), (Pay(900, "late"), 409, 0)]);
    }

    #[test]
    fn a_payment_is_found_by_its_number() {
        let ledger = Connection::open_in_memory().unwrap();
        ledger.execute_batch(SCHEMA).unwrap();
        let paid = charge(&ledger, &Charge { user: 7, amount_cents: 5, order: "a".into() }).unwrap();
        assert_eq!(paid, Payment { id: 1, order: "a".into(), user: 7, amount_cents: 5, void: false });
        assert_eq!(find(&ledger, 1), Ok(paid));
        assert_eq!(find(&ledger, 2), Err(Error::not_found("there is no payment 2")));
    }
}
