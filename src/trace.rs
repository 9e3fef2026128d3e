//! The text of `LOG` events: requests and responses as Az cmdlets show them with -Debug, secrets masked.

use std::borrow::Cow;
use std::fmt::Write as _;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::exchange::{Answer, Request};
use crate::secret::mask_user_info;

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

const MASK: &str = "****";

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

/// Query parameters whose values are masked: those with one of these names, or with one of these words in them.
const SECRET_PARAMETERS: [&str; 2] = ["code", "sig"];
const SECRET_WORDS: [&str; 8] = [
    "auth",
    "credential",
    "key",
    "password",
    "pwd",
    "secret",
    "signature",
    "token",
];

/// A text in which the values of query parameters that carry secrets are masked, wherever in it a URL stands.
pub(crate) fn mask_query(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices(['?', '&', ';']) {
        let rest = &text[at + 1..];
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | '#' | '"' | '\''))
            .unwrap_or(rest.len());
        let Some((name, value)) = rest[..end].split_once('=') else {
            continue;
        };
        let lower = name.rsplit('?').next().unwrap_or(name).to_ascii_lowercase();
        let secret =
            SECRET_PARAMETERS.contains(&lower.as_str()) || SECRET_WORDS.iter().any(|word| lower.contains(word));
        let start = at + 1 + name.len() + 1;
        if secret && !value.is_empty() && start >= copied {
            masked.push_str(&text[copied..start]);
            masked.push_str(MASK);
            copied = start + value.len();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

/// A text as it is shown: neither user info nor secrets of a query in it.
pub(crate) fn mask_secrets(text: &str) -> Cow<'_, str> {
    match mask_query(text) {
        Cow::Borrowed(text) => mask_user_info(text),
        Cow::Owned(text) => Cow::Owned(mask_user_info(&text).into_owned()),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_a_query_are_masked_and_the_rest_is_shown() {
        for (text, shown) in [
            (
                "https://contoso.com/a?code=x&v=1",
                "https://contoso.com/a?code=****&v=1",
            ),
            (
                "https://contoso.com/a?v=1&sig=a%2Bb%3D#end",
                "https://contoso.com/a?v=1&sig=****#end",
            ),
            ("?Subscription-Key=x", "?Subscription-Key=****"),
            (
                "a ?api_key=x b ?ACCESS_TOKEN=y c",
                "a ?api_key=**** b ?ACCESS_TOKEN=**** c",
            ),
            (
                "https://a/?x=1;client_secret=y;z=2",
                "https://a/?x=1;client_secret=****;z=2",
            ),
            ("https://a/?u=b?code=x=y", "https://a/?u=b?code=****"),
            ("'https://a/?token=x'", "'https://a/?token=****'"),
        ] {
            assert_eq!(mask_query(text), shown);
        }
        for text in [
            "",
            "https://contoso.com/key=x",
            "?api-version=2024-05-01&%24skip=1",
            "?code",
            "?code=",
            "code=x",
        ] {
            assert!(matches!(mask_query(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn user_info_and_query_are_masked_together() {
        let text = "https://user:secret@contoso.com/?code=secret&v=1";
        assert!(
            !mask_secrets(text).contains("secret") && mask_secrets(text).contains("v=1"),
            "{}",
            mask_secrets(text)
        );
    }
}
