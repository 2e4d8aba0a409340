//! The types as Markdown, from their JSON schemas.

use model::{
    Problem,
    api::{
        AbortQuery, Accepted, BucketEntry, BucketQuery, BucketRevision, BucketStatus, ConnectionQuery, DeadLetter,
        DeadLetterId, DeadQuery, Deploy, DeployPlan, LogLine, LogQuery, Message, MessageQuery, Publish, Published,
        PutValue, Release, ReleaseDiff, RemovedConsumer, RemovedMessage, Replay, Replayed, Rollback, RolloutQuery,
        RolloutStatus, Scale, TopicStatus, WhichDead, Why,
    },
    figures::ConnectionFigures,
    status::{ServiceStatus, SystemStatus},
};
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

macro_rules! types {
    ($($name:ident)*) => {
        /// The types that endpoints name; what they are made of is found from them.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn register(generator: &mut SchemaGenerator) {
            $(generator.subschema_for::<$name>();)*
        }
    };
}
types! {
    AbortQuery Accepted BucketEntry BucketQuery BucketRevision BucketStatus ConnectionFigures ConnectionQuery DeadLetter DeadLetterId DeadQuery
    Deploy DeployPlan LogLine LogQuery Message MessageQuery Problem Publish Published PutValue Release ReleaseDiff RemovedConsumer
    RemovedMessage Replay
    Replayed Rollback RolloutQuery RolloutStatus Scale ServiceStatus SystemStatus TopicStatus WhichDead Why
}

/// The schema of each type by its name.
pub(crate) fn definitions() -> Map<String, Value> {
    let mut generator = SchemaGenerator::default();
    register(&mut generator);
    generator.take_definitions(true)
}

pub(crate) fn markdown(definitions: &Map<String, Value>) -> String {
    let mut sorted: Vec<_> = definitions.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let sections: Vec<_> = sorted.into_iter().map(|(name, schema)| section(name, schema)).collect();
    format!("## Types\n\n{}", sections.join("\n"))
}

fn section(name: &str, schema: &Value) -> String {
    let body = match (schema["properties"].as_object(), values(schema)) {
        (Some(fields), _) if !fields.is_empty() => fields_table(schema, fields),
        (_, Some(values)) => values_table(&values),
        _ => format!("In JSON: {}.\n", type_of(schema)),
    };
    match description(schema) {
        none if none.is_empty() => format!("### {name}\n\n{body}"),
        meaning => format!("### {name}\n\n{meaning}\n\n{body}"),
    }
}

fn fields_table(schema: &Value, fields: &Map<String, Value>) -> String {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows = fields.iter().map(|(name, field)| {
        let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
        format!("| `{name}` | {}{optional} | {} |\n", type_of(field), description(field))
    });
    format!("| field | type | meaning |\n|---|---|---|\n{}", rows.collect::<String>())
}

/// The values of an enum of texts, with what each means.
fn values(schema: &Value) -> Option<Vec<(String, String)>> {
    let described = schema["oneOf"].as_array().map(|variants| {
        let pair = |variant: &Value| Some((variant["const"].as_str()?.into(), description(variant)));
        variants.iter().filter_map(pair).collect()
    });
    let plain = schema["enum"]
        .as_array()
        .map(|texts| texts.iter().filter_map(Value::as_str).map(|text| (text.into(), String::new())).collect());
    described.or(plain)
}

fn values_table(values: &[(String, String)]) -> String {
    if values.iter().all(|(_, meaning)| meaning.is_empty()) {
        let texts: Vec<_> = values.iter().map(|(text, _)| format!("`{text}`")).collect();
        return format!("One of {}.\n", texts.join(", "));
    }
    let rows = values.iter().map(|(text, meaning)| format!("| `{text}` | {meaning} |\n"));
    format!("| value | meaning |\n|---|---|\n{}", rows.collect::<String>())
}

fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let some: Vec<_> = choices.iter().filter(|choice| choice["type"] != "null").map(type_of).collect();
        return some.join(" or ");
    }
    if let Some(parts) = schema["prefixItems"].as_array() {
        return format!("[{}]", parts.iter().map(type_of).collect::<Vec<_>>().join(", "));
    }
    if !schema["items"].is_null() {
        return format!("list of {}", type_of(&schema["items"]));
    }
    if schema["additionalProperties"].is_object() {
        return format!("object of {}", type_of(&schema["additionalProperties"]));
    }
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("any").into()
        }
        _ => "any".into(),
    }
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_struct_an_enum_and_a_newtype() {
        let definitions = json!({
            "Cup": {
                "description": "A cup.",
                "type": "object",
                "required": ["state"],
                "properties": {
                    "state": { "description": "Its state.", "$ref": "#/$defs/State" },
                    "owner": { "anyOf": [{ "$ref": "#/$defs/Name" }, { "type": "null" }] },
                    "marks": { "description": "Marks | signs.", "type": ["array", "null"], "items": { "type": "string" } },
                    "age": { "description": "In\nyears.", "type": ["integer", "null"] },
                    "size": { "type": "array", "prefixItems": [{ "type": "integer" }, { "type": "string" }] },
                    "tags": { "type": "object", "additionalProperties": { "type": "integer" } },
                },
            },
            "Name": { "description": "A name.", "type": "string" },
            "Nothing": { "description": "Nothing.", "type": "object", "properties": {} },
            "State": { "oneOf": [{ "const": "full", "description": "Has tea." }, { "const": "empty" }] },
        });
        let expected = "\
## Types

### Cup

A cup.

| field | type | meaning |
|---|---|---|
| `age` | integer, optional | In years. |
| `marks` | list of string, optional | Marks \\| signs. |
| `owner` | [Name](#name), optional |  |
| `size` | [integer, string], optional |  |
| `state` | [State](#state) | Its state. |
| `tags` | object of integer, optional |  |

### Name

A name.

In JSON: string.

### Nothing

Nothing.

In JSON: object.

### State

| value | meaning |
|---|---|
| `full` | Has tea. |
| `empty` |  |
";
        assert_eq!(markdown(definitions.as_object().unwrap()), expected);
    }
}
