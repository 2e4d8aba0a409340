//! Buckets and object stores, as their owner sees them.

use async_nats::jetstream::{kv, object_store};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;

use crate::rig::{Rig, bucket};

#[tokio::test]
async fn the_owner_of_a_bucket_does_with_it_what_clients_do() {
    let rig = Rig::start().await;
    let mailer = rig.context("mailer/2").await;
    let made = mailer.create_key_value(bucket("sent")).await.expect("one like it is there");
    let found = mailer.get_key_value("sent").await.unwrap();
    assert!(mailer.create_key_value(kv::Config { history: 5, ..bucket("sent") }).await.is_err(), "another history");
    mailer.create_key_value(kv::Config { history: 5, ..bucket("drafts") }).await.expect("the history that it has");
    let mut watch = found.watch_all().await.unwrap();
    let revision = made.create("a", "1".into()).await.unwrap();
    made.update("a", "2".into(), revision).await.unwrap();
    assert!(made.update("a", "3".into(), revision).await.is_err(), "an old revision");
    assert_eq!(found.get("a").await.unwrap().unwrap(), "2");
    for value in ["1", "2"] {
        assert_eq!(watch.next().await.unwrap().unwrap().value, value);
    }
    found.put("b", "3".into()).await.unwrap();
    let mut keys: Vec<_> = found.keys().await.unwrap().try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    found.delete("a").await.unwrap();
    assert_eq!(found.get("a").await.unwrap(), None);
    found.purge("b").await.unwrap();
    assert_eq!(found.history("b").await.unwrap().try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_owner_of_an_object_store_does_with_it_what_clients_do() {
    let rig = Rig::start().await;
    let mailer = rig.context("mailer/1").await;
    let config = object_store::Config { bucket: "mails".into(), ..object_store::Config::default() };
    let made = mailer.create_object_store(config).await.expect("one like it is there");
    let content = vec![b'x'; 300_000];
    made.put("first", &mut content.as_slice()).await.unwrap();
    let found = mailer.get_object_store("mails").await.unwrap();
    let mut read = Vec::new();
    found.get("first").await.unwrap().read_to_end(&mut read).await.unwrap();
    assert_eq!(read.len(), content.len());
    let listed: Vec<_> = found.list().await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(), ["first"]);
    found.delete("first").await.unwrap();
    assert!(found.get("first").await.is_err());
    let mut orders = rig.suspect("orders/1").await;
    let other = orders.context.clone();
    orders.fails(other.get_object_store("mails"), "$JS.API.STREAM.INFO.OBJ_mails").await;
}
