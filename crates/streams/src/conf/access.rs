//! `authorization { … }`: who may connect, and do what.

use std::sync::Arc;

use logic::subject::{Permissions, Responses, Rules, is_filter};

use super::{
    error::ConfError,
    keys::unknown,
    value::{Entry, Item, Value},
};
use crate::server::{Config, Identity, User};

/// Passwords are compared as they are.
const HASHES: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

pub(super) fn authorization(item: Item, server: &mut Config) -> Result<(), ConfError> {
    let whole = item.clone();
    let (mut name, mut password, mut users, mut default) = (None, None, Vec::new(), None);
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "user" | "username" => name = Some(item.text()?.to_owned()),
            "pass" | "password" => password = Some(secret(&item)?),
            "token" => server.auth.token = Some(secret(&item)?),
            "timeout" => server.auth_timeout = item.duration()?,
            "users" => users = item.list()?,
            "default_permissions" | "defaultpermissions" => default = Some(permissions(item)?),
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    let default = default.unwrap_or_default();
    let users = users.into_iter().map(|item| user(item, &default)).collect::<Result<Vec<_>, _>>()?;
    let alone = match (name, password) {
        (Some(name), Some(password)) => Some(known(name, password, default)),
        (None, None) => None,
        _ => return Err(whole.refuse("`user` and `password` belong together", "give both, or `token`")),
    };
    let kinds = [alone.is_some(), !users.is_empty(), server.auth.token.is_some()];
    if kinds.iter().filter(|given| **given).count() > 1 {
        return Err(whole.refuse("`user`, `users` and `token` exclude each other", "list several in `users`"));
    }
    server.auth.users = alone.into_iter().chain(users).collect();
    let names: Vec<_> = server.auth.users.iter().map(|user| &user.identity.name).collect();
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(*name)) {
        Some((_, name)) => Err(whole.refuse(&format!("there are two users `{name}`"), "keep one of them")),
        None => Ok(()),
    }
}

fn user(item: Item, default: &Permissions) -> Result<User, ConfError> {
    let whole = item.clone();
    let (mut name, mut password, mut rights) = (None, None, default.clone());
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "user" | "username" => name = Some(item.text()?.to_owned()),
            "pass" | "password" => password = Some(secret(&item)?),
            "permission" | "permissions" | "authorization" => rights = permissions(item)?,
            "nkey" => return Err(item.refuse("there are no nkeys", "give `user` and `password`")),
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    match name.zip(password) {
        Some((name, password)) => Ok(known(name, password, rights)),
        None => Err(whole.refuse("a user needs `user` and `password`", "give both")),
    }
}

fn known(name: String, password: String, permissions: Permissions) -> User {
    User { password, identity: Arc::new(Identity { name, permissions, ..Identity::default() }) }
}

fn secret(item: &Item) -> Result<String, ConfError> {
    let text = item.text()?;
    if HASHES.iter().any(|hash| text.starts_with(hash)) {
        return Err(item.refuse("hashed passwords are not supported", "write it as it is, or as a $VARIABLE"));
    }
    Ok(text.into())
}

fn permissions(item: Item) -> Result<Permissions, ConfError> {
    let mut permissions = Permissions::default();
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "pub" | "publish" | "import" => permissions.publish = rules(item)?,
            "sub" | "subscribe" | "export" => permissions.subscribe = rules(item)?,
            "allow_responses" | "allow_response" => permissions.responses = responses(item)?,
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    if permissions.responses.is_some() {
        // Whoever may answer may publish nothing else unless it is allowed.
        permissions.publish.allow.get_or_insert_default();
    }
    Ok(permissions)
}

/// A filter, a list of filters, or `{ allow, deny }`.
fn rules(item: Item) -> Result<Rules, ConfError> {
    if !matches!(item.value, Value::Map(_)) {
        return Ok(Rules { allow: Some(filters(&item)?), deny: Vec::new() });
    }
    let mut rules = Rules::default();
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "allow" => rules.allow = Some(filters(&item)?),
            "deny" => rules.deny = filters(&item)?,
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    Ok(rules)
}

fn filters(item: &Item) -> Result<Vec<Box<[u8]>>, ConfError> {
    let filter = |(text, item): (&str, &Item)| {
        if text.contains(' ') {
            return Err(item.refuse("rights of queue groups are not supported", "give the subject alone"));
        }
        let wrong = || item.refuse(&format!("`{text}` is no subject"), "give one such as orders.* or orders.>");
        is_filter(text.as_bytes()).then(|| text.as_bytes().into()).ok_or_else(wrong)
    };
    item.texts()?.into_iter().map(filter).collect()
}

/// `true`, or `{ max, expires }`; without end where `max` is negative.
fn responses(item: Item) -> Result<Option<Responses>, ConfError> {
    if let Value::Text(_) = item.value {
        return item.boolean().map(|may| may.then(Responses::default));
    }
    let mut responses = Responses::default();
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "max" | "max_msgs" | "max_messages" | "max_responses" => {
                responses.count_max = u32::try_from(item.bound(None)?).unwrap_or(u32::MAX);
            }
            "expires" | "expiration" | "ttl" => responses.lifetime = item.duration()?,
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    Ok(Some(responses))
}
