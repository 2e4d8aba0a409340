//! Buckets, as services have them.

use hyper::Method;
use model::{
    BucketName,
    api::{BucketEntry, BucketQuery, BucketRevision, BucketStatus, PutValue},
};

use crate::{
    Client, ClientError, Lines,
    encode::{flag, part, query},
};

impl Client {
    /// The state of every bucket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn buckets(&self) -> Result<Vec<BucketStatus>, ClientError> {
        self.get("/v1/buckets").await
    }

    /// Entries of a bucket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn entries(&self, bucket: &BucketName, which: &BucketQuery) -> Result<Lines<BucketEntry>, ClientError> {
        let query = query(&[("keys", which.keys.clone()), ("follow", flag(which.follow))]);
        self.lines(&format!("/v1/buckets/{bucket}/keys{query}")).await
    }

    /// The entry of a key.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn entry(&self, bucket: &BucketName, key: &str) -> Result<BucketEntry, ClientError> {
        self.get(&path(bucket, "keys", key)).await
    }

    /// Writes a key; answers when it is kept.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn put(&self, bucket: &BucketName, key: &str, value: &PutValue) -> Result<BucketRevision, ClientError> {
        self.with_body(Method::PUT, &path(bucket, "keys", key), Some(value)).await
    }

    /// Deletes a key; answers when that is kept.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete(&self, bucket: &BucketName, key: &str) -> Result<BucketRevision, ClientError> {
        self.with_body(Method::DELETE, &path(bucket, "keys", key), None::<&()>).await
    }

    /// What is kept of a key's past, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn history(&self, bucket: &BucketName, key: &str) -> Result<Vec<BucketEntry>, ClientError> {
        self.get(&path(bucket, "history", key)).await
    }
}

fn path(bucket: &BucketName, what: &str, key: &str) -> String {
    format!("/v1/buckets/{bucket}/{what}/{}", part(key))
}
