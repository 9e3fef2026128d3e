//! What must hold of every input from outside, for the fuzzer (`fuzz/`) to break. `cargo test` tries it on the corpora.

use bytes::Bytes;
use engine_core::step::Step;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::describe::describe;
use crate::environment::Environment;
use crate::error::Error;
use crate::error_body::ErrorBody;
use crate::exchange::Answer;
use crate::item::{Defaults, Item};
use crate::resource_id::BackendRef;
use crate::session::event::{Event, Outcome, Output};
use crate::session::options::Options;
use crate::target::Target;

/// A target: its name and what it tries.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every target. Each panics where something does not hold.
pub const TARGETS: [FuzzTarget; 7] = [
    ("item", item),
    ("options", options),
    ("resource_id", resource_id),
    ("environment", environment),
    ("error_body", error_body),
    ("page", page),
    ("headers", headers),
];

/// Tries one target.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target's name");
    target(data);
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// What the caller is given must be JSON, and hold nothing that a terminal obeys.
fn check_json(json: &str) -> Value {
    let value: Value = serde_json::from_str(json).expect("what is given is JSON");
    let mut texts = vec![&value];
    while let Some(value) = texts.pop() {
        match value {
            Value::String(text) => {
                let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
                assert!(!text.contains(obeyed), "{text:?}");
            }
            Value::Array(values) => texts.extend(values),
            Value::Object(members) => texts.extend(members.values()),
            _ => {}
        }
    }
    value
}

fn check_error(error: &Error) {
    let json = check_json(&serde_json::to_string(error).expect("it is written"));
    assert!(json["code"].is_string() && json["text"].is_string() && json["data"].is_object());
}

fn item(data: &[u8]) {
    let Some(json) = text(data) else { return };
    let subscription = Ok("00000000-0000-0000-0000-000000000000".to_owned());
    let parsed = Item::parse(
        json,
        &Defaults {
            endpoint: None,
            subscription: &subscription,
        },
    );
    let described = describe(json);
    match (&parsed, &described) {
        (Ok(item), Ok(description)) => {
            check_json(description);
            assert!(item.path.starts_with('/') && item.path.bytes().all(|b| b.is_ascii_graphic()));
            if let Some(body) = item.settings_body() {
                let body: Value = serde_json::from_slice(&body).expect("a body is JSON");
                assert!(body["properties"].is_object());
            }
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            check_error(one);
        }
        // A next page may be of a service that has no name in its path.
        (Ok(_), Err(error)) => assert!(error.message.contains("nextLink"), "{error}"),
        (Err(error), Ok(_)) => panic!("described and not sent: {error}"),
    }
}

fn options(data: &[u8]) {
    if let Some(Err(error)) = text(data).map(Options::parse) {
        check_error(&error);
    }
}

fn resource_id(data: &[u8]) {
    let Some(id) = text(data) else { return };
    match BackendRef::parse(id) {
        Ok(backend) => {
            let path = backend.path();
            let target = Target::of_path(&path).expect("the path of a backend names it");
            assert_eq!(target.backend_id.as_deref(), Some(backend.backend));
            assert_eq!(target.workspace.as_deref(), backend.service.workspace);
            assert_eq!(target.service, backend.service.service);
            assert_eq!(target.resource_group, backend.service.resource_group);
            assert_eq!(Target::of_id(id), Some(target));
        }
        Err(error) => check_error(&error),
    }
}

fn environment(data: &[u8]) {
    let Some(block) = text(data) else { return };
    let environment = Environment::from_block(block);
    for entry in block.split('\0') {
        if let Some((name, value)) = entry.split_once('=').filter(|(name, _)| !name.is_empty()) {
            let known = environment.get(name);
            assert!(value.trim().is_empty() || known.is_some() || block.matches(name).count() > 1);
        }
    }
    let _ = environment.for_child();
}

fn error_body(data: &[u8]) {
    let read = ErrorBody::read(data);
    let answer = answer(data, []);
    let error = answer.to_error();
    assert_eq!(error.details, read.details);
    check_error(&error);
}

fn page(data: &[u8]) {
    for output in [
        Output::page(Bytes::copy_from_slice(data)),
        Output::backend(Bytes::copy_from_slice(data)),
    ] {
        if output.is_some() {
            let outcome = Outcome::Succeeded { attempts: 1, output };
            let json = Event::Result { index: 0, outcome }.to_json();
            // The service's own numbers may be larger than any type here.
            serde_json::from_str::<&RawValue>(&json).expect("a result is JSON");
            assert!(
                json.contains(r#","backend":{"#) || json.contains(r#","backends":["#),
                "{json}"
            );
        }
    }
}

fn headers(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    for name in ["retry-after", "date", "x-ms-ratelimit-remaining-subscription-writes"] {
        let mut all = vec![(HeaderName::from_static(name), value.clone())];
        if name == "date" {
            all.push((
                HeaderName::from_static("retry-after"),
                HeaderValue::from_static("Fri, 31 Dec 9999 23:59:59 GMT"),
            ));
        }
        let answer = answer(b"", all);
        let wait = answer.retry_after();
        assert!(wait.is_none_or(|wait| wait.as_secs() <= 3600), "{wait:?}");
        let _ = answer.remaining(Step::Reset);
    }
}

fn answer(body: &[u8], headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Answer {
    Answer {
        status: 400,
        headers: HeaderMap::from_iter(headers),
        body: Bytes::copy_from_slice(body),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_must_hold_does_on_the_corpora() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            let folder = corpora.join(name);
            let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            let mut count = 0;
            for file in files {
                let file = file.expect("a file").path();
                target(&std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())));
                count += 1;
            }
            assert!(count > 0, "{} has no inputs", folder.display());
        }
    }
}
