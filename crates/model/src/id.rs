//! Names and ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest name of a system or a service, in bytes (a DNS label, RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`")]
pub struct InvalidName(pub String);

fn check_label(text: &str) -> Result<(), InvalidName> {
    let bytes = text.as_bytes();
    let fits = (1..=NAME_BYTES_MAX).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    if fits { Ok(()) } else { Err(InvalidName(text.into())) }
}

/// A name as a type of its own, by the function that checks it.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident $check:path, $error:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                $check(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().into()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
pub(crate) use name;

name! {
    /// The name of a system: a DNS label.
    SystemName check_label, InvalidName
}
name! {
    /// The name of a service: a DNS label, unique in its system.
    ServiceName check_label, InvalidName
}

impl ServiceName {
    /// Names that no service may have: figures and logs name the gateway and the operator so, where a caller stands.
    pub const RESERVED: [&str; 2] = ["gateway", "operator"];

    /// The name as the first part of an environment variable: `stock-count` is `STOCK_COUNT`.
    pub fn env_prefix(&self) -> String {
        self.0.to_ascii_uppercase().replace('-', "_")
    }
}

/// A place for one instance of a service: `orders/2`. It outlives the processes that run in it. Counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The service.
    pub service: ServiceName,
    /// The place, from 1.
    pub index: u32,
}

/// One run of a program in a slot: `orders/2#7`. Never used twice in a system's life.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    /// Where it runs.
    pub slot: Slot,
    /// The number of the run, from 1, unique within the slot.
    pub run: u64,
}

impl InstanceId {
    /// The id as a file name and a key: `orders.2.7`.
    pub fn file_name(&self) -> String {
        format!("{}.{}.{}", self.slot.service, self.slot.index, self.run)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.index)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.slot, self.run)
    }
}

impl FromStr for Slot {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (service, index) = text.split_once('/').ok_or_else(|| InvalidName(text.into()))?;
        let index = index.parse().ok().filter(|i| *i > 0).ok_or_else(|| InvalidName(text.into()))?;
        Ok(Self { service: service.parse()?, index })
    }
}

impl FromStr for InstanceId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (slot, run) = text.split_once('#').ok_or_else(|| InvalidName(text.into()))?;
        Ok(Self { slot: slot.parse()?, run: run.parse().map_err(|_| InvalidName(text.into()))? })
    }
}

macro_rules! serde_as_text {
    ($name:ident $meaning:literal) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $meaning })
            }
        }
    };
}
serde_as_text!(Slot "A place for one instance of a service: `orders/2`.");
serde_as_text!(InstanceId "One run of a program in a slot: `orders/2#7`.");

/// The number of a routing state. A greater one is newer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for good in ["a", "users", "stock-count", "a1", &longest] {
            assert_eq!(good.parse::<ServiceName>().map(|n| n.to_string()), Ok(good.to_string()));
        }
        let too_long = "a".repeat(64);
        for bad in ["", "1a", "-a", "a-", "Users", "a_b", "a.b", "é", &too_long] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_survive_a_round_trip() {
        let id: InstanceId = "stock-count/2#7".parse().unwrap();
        assert_eq!((id.to_string().as_str(), id.file_name().as_str()), ("stock-count/2#7", "stock-count.2.7"));
        assert_eq!(serde_json::from_str::<InstanceId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        assert_eq!(id.slot.service.env_prefix(), "STOCK_COUNT");
        for bad in ["stock", "stock/0", "stock/x", "stock/1#", "/1#1"] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad}");
        }
    }
}
