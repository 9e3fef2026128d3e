//! The text of `LOG` events: requests and responses as Az cmdlets show them with -Debug, secrets masked.

use std::fmt::Write as _;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::exchange::{Answer, Request};
use crate::mask::{MASK, mask_secrets};

/// How much a session tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    /// Nothing.
    #[default]
    None,
    /// What is being done, in short.
    Verbose,
    /// Every request and answer besides.
    Debug,
}

/// Headers whose values are shown. Any other is named and masked: a list of what is safe does not leak what is new.
const SHOWN: [&str; 26] = [
    "accept",
    "cache-control",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "if-match",
    "location",
    "pragma",
    "retry-after",
    "server",
    "strict-transport-security",
    "user-agent",
    "x-content-type-options",
    "x-ms-client-request-id",
    "x-ms-correlation-request-id",
    "x-ms-failure-cause",
    "x-ms-ratelimit-remaining-subscription-global-reads",
    "x-ms-ratelimit-remaining-subscription-global-writes",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-resource-requests",
    "x-ms-ratelimit-remaining-subscription-writes",
    "x-ms-request-id",
    "x-ms-routing-request-id",
    "x-msedge-ref",
];

/// Members of a body under which every text is a secret.
const SECRET_MEMBERS: [&str; 8] = [
    "credentials",
    "password",
    "username",
    "parameter",
    "access_token",
    "client_secret",
    "client_assertion",
    "clientsecret",
];

/// A request as it is sent.
pub(crate) fn request(request: &Request, headers: &HeaderMap) -> String {
    let mut text =
        String::from("============================ HTTP REQUEST ============================\n\nHTTP Method:\n");
    let _ = write!(text, "{}\n\nAbsolute Uri:\n{}\n\n", request.method, request.url);
    write_headers(&mut text, headers);
    write_body(&mut text, request.body.as_deref().unwrap_or_default());
    text
}

/// An answer as it came.
pub(crate) fn response(answer: &Answer) -> String {
    let mut text =
        String::from("============================ HTTP RESPONSE ============================\n\nStatus Code:\n");
    let reason = reqwest::StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or_default();
    let _ = write!(text, "{} {reason}\n\n", answer.status);
    write_headers(&mut text, &answer.headers);
    write_body(&mut text, &answer.body);
    text
}

fn write_headers(text: &mut String, headers: &HeaderMap) {
    text.push_str("Headers:\n");
    for (name, value) in headers {
        let shown = SHOWN.contains(&name.as_str());
        let value = value.to_str().ok().filter(|_| shown).unwrap_or(MASK);
        let _ = writeln!(text, "{:<30}: {value}", name.as_str());
    }
    text.push('\n');
}

fn write_body(text: &mut String, body: &[u8]) {
    text.push_str("Body:\n");
    if body.is_empty() {
        return;
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            mask(&mut value, false);
            let _ = writeln!(text, "{value:#}");
        }
        // What cannot be read cannot be masked.
        Err(_) => {
            let _ = writeln!(text, "({} bytes that are not JSON)", body.len());
        }
    }
}

fn mask(value: &mut Value, secret: bool) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let named = SECRET_MEMBERS.iter().any(|m| name.eq_ignore_ascii_case(m));
                mask(value, secret || named);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|v| mask(v, secret)),
        Value::Null => {}
        other if secret => *other = Value::String(MASK.into()),
        Value::String(text) => *text = mask_secrets(text).into_owned(),
        _ => {}
    }
}
