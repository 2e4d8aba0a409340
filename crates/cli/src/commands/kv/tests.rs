//! What is rendered of buckets, by exact expectation.

use serde_json::{Value, json};

use super::{ls, one, watch};
use crate::{
    fixture::{NOW, from},
    paint::Paint,
};

const PLAIN: Paint = Paint { on: false };

fn entry(revision: u64, operation: &str, value: &str) -> Value {
    json!({ "key": "users.7", "revision": revision, "at": 150_000_000, "operation": operation, "value": value })
}

#[test]
fn buckets_and_keys() {
    let buckets = json!([
        { "name": "sessions", "owner": "users", "entries": 2, "bytes": 90, "revision": 4, "last_at": 196_800_000 },
        { "name": "sent", "owner": "mailer", "entries": 0, "bytes": 0, "revision": 0 },
    ]);
    let expected = "\
BUCKET    OWNER   ENTRIES  SIZE  REVISION  LAST
sessions  users   2        90B   4         3.2s ago
sent      mailer  0        0B    0         -
";
    assert_eq!(ls::render(&from::<Vec<_>>(buckets), NOW, PLAIN), expected);
    let keys = "\
KEY      REVISION  WRITTEN  VALUE
users.7  3         50s ago  Ada
";
    assert_eq!(ls::render_keys(&from::<Vec<_>>(json!([entry(3, "put", "Ada")])), NOW, None, PLAIN), keys);
}

#[test]
fn past_and_changes() {
    let history = json!([entry(3, "put", "Ada"), entry(4, "delete", "")]);
    let expected = "\
REVISION  WHEN     WHAT    VALUE
3         50s ago  put     Ada
4         50s ago  delete  -
";
    assert_eq!(one::render(&from::<Vec<_>>(history), NOW, None, PLAIN), expected);
    for (operation, shown) in [("put", "Ada"), ("delete", "deleted"), ("purge", "purged")] {
        let expected = format!("3  1970-01-01T00:02:30.000Z  users.7  {shown}\n");
        assert_eq!(watch::render(&from(entry(3, operation, "Ada")), PLAIN), expected);
    }
}
