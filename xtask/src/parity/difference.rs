//! What two answers to one request don't have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One difference.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// `status`, `header:name`, `body:path` or `form`; after a `+` where only the emulator has it, after a `-` where only
    /// the service has.
    pub field: String,
    /// What is expected and what was found.
    pub text: String,
}

/// An answer: status, headers with their names in lower case, body.
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Headers whose values are new in every answer: only that they are there is compared.
const CHANGING: [&str; 4] = [
    "date",
    "x-ms-request-id",
    "x-ms-correlation-request-id",
    "x-ms-routing-request-id",
];

fn difference(field: impl Into<String>, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug) -> Difference {
    Difference {
        field: field.into(),
        text: format!("expected {expected:?}, found {found:?}"),
    }
}

fn sign(not_expected: bool, not_found: bool) -> &'static str {
    match (not_expected, not_found) {
        (true, false) => "+",
        (false, true) => "-",
        _ => "",
    }
}

/// Compares status and headers.
pub fn of_heads(expected: &Answer, found: &Answer) -> Vec<Difference> {
    let mut all = Vec::new();
    if expected.status != found.status {
        all.push(difference("status", &expected.status, &found.status));
    }
    let names: BTreeSet<&String> = expected.headers.keys().chain(found.headers.keys()).collect();
    for name in names {
        let normal = |headers: &BTreeMap<String, String>| {
            headers.get(name).map(|value| {
                let changes =
                    CHANGING.contains(&name.as_str()) || name == "etag" || name.starts_with("x-ms-ratelimit-remaining");
                if changes { "(some)".to_owned() } else { value.clone() }
            })
        };
        let (expected, found) = (normal(&expected.headers), normal(&found.headers));
        if expected != found {
            let sign = sign(expected.is_none(), found.is_none());
            all.push(difference(format!("{sign}header:{name}"), &expected, &found));
        }
    }
    all
}

/// Compares two bodies as texts and as JSON: where they say the same, their form must be the same too.
pub fn of_texts(expected: &str, found: &str) -> Vec<Difference> {
    if expected == found {
        return Vec::new();
    }
    match (serde_json::from_str(expected), serde_json::from_str(found)) {
        (Ok(expected_json), Ok(found_json)) => {
            let mut all = Vec::new();
            of_values(&expected_json, &found_json, "", &mut all);
            if all.is_empty() {
                all.push(difference("form", &expected, &found));
            }
            all
        }
        _ => vec![difference("body:", &expected, &found)],
    }
}

/// Compares two JSON values member by member; the places of an array are not told apart.
pub fn of_values(expected: &Value, found: &Value, path: &str, all: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => of_values(left, right, &path, all),
                    (left, right) => {
                        let sign = sign(left.is_none(), right.is_none());
                        let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
                        all.push(difference(format!("{sign}body:{path}"), &shown(left), &shown(right)));
                    }
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                of_values(left, right, &format!("{path}[]"), all);
            }
        }
        _ if expected == found => {}
        _ => all.push(difference(
            format!("body:{path}"),
            &expected.to_string(),
            &found.to_string(),
        )),
    }
}
