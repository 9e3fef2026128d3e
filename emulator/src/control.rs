//! The emulator's own endpoints, under `/_emulator`. They are in neither the journal nor the counts, and meet no faults.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{Answer, Body, Refusal, empty, json_answer};
use crate::arm::not_allowed;
use crate::config::{Limits, Outage, OutageKind};
use crate::exchange::Shared;
use crate::fault::Fault;
use crate::journal::JournalWriter;

const ROOT: &str = "/_emulator";

/// Whether a path belongs here.
pub(crate) fn is_control(path: &str) -> bool {
    path.strip_prefix(ROOT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request under `/_emulator`.
pub(crate) fn answer(shared: &Arc<Shared>, head: &Parts, body: &[u8]) -> Answer {
    let place = head.uri.path().strip_prefix(ROOT).unwrap_or_default();
    let outcome = match (place, &head.method) {
        ("/journal", &Method::GET) => journal(shared),
        ("/journal", &Method::DELETE) => {
            shared.record().journal.clear();
            Ok(empty(StatusCode::NO_CONTENT))
        }
        ("/journal", _) => not_allowed("GET, DELETE"),
        ("/stats", &Method::GET) => Ok(json_answer(StatusCode::OK, &shared.stats())),
        ("/stats", _) => not_allowed("GET"),
        ("/faults", &Method::POST) => add_faults(shared, body),
        ("/faults", &Method::DELETE) => {
            shared.faults().clear();
            Ok(empty(StatusCode::NO_CONTENT))
        }
        ("/faults", _) => not_allowed("POST, DELETE"),
        ("/limits", &Method::PUT) => set_limits(shared, body),
        ("/limits", _) => not_allowed("PUT"),
        ("/outage", &Method::POST) => plan_outage(shared, body),
        ("/outage", _) => not_allowed("POST"),
        ("/tokens/expire", &Method::POST) => {
            shared.tokens().expire_all();
            Ok(empty(StatusCode::NO_CONTENT))
        }
        ("/tokens/expire", _) => not_allowed("POST"),
        _ => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!(
                "There is no '{place}' here; there are /journal, /stats, /faults, /limits, /outage and /tokens/expire."
            ),
        )),
    };
    outcome.unwrap_or_else(Refusal::into_answer)
}

fn journal(shared: &Arc<Shared>) -> Result<Answer, Refusal> {
    if !shared.config.journal {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "JournalOff",
            "This emulator keeps no journal; start it without --no-journal.",
        ));
    }
    let writer = JournalWriter::new(&shared.record().journal);
    let mut answer = Response::new(Body::Journal {
        shared: Arc::clone(shared),
        writer,
    });
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}

fn set_limits(shared: &Shared, body: &[u8]) -> Result<Answer, Refusal> {
    serde_json::from_slice::<Limits>(body)
        .map_err(|error| error.to_string())
        .and_then(|limits| shared.set_limits(limits))
        .map_err(|problem| Refusal::new(StatusCode::BAD_REQUEST, "BadLimits", problem))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// An outage as `POST /_emulator/outage` takes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutageText {
    #[serde(default)]
    after_requests: u64,
    ms: u64,
    #[serde(default)]
    kind: OutageKind,
}

fn plan_outage(shared: &Shared, body: &[u8]) -> Result<Answer, Refusal> {
    let text: OutageText = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "BadOutage", error.to_string()))?;
    shared.outages.plan(Outage {
        after_requests: text.after_requests,
        length: Duration::from_millis(text.ms),
        kind: text.kind,
    });
    Ok(empty(StatusCode::NO_CONTENT))
}

/// One fault or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    More(Vec<T>),
    One(T),
}

fn add_faults(shared: &Shared, body: &[u8]) -> Result<Answer, Refusal> {
    let bad = |text: String| Refusal::new(StatusCode::BAD_REQUEST, "BadFault", text);
    // The fault is read in a second step: an untagged enum would hide why it could not be.
    let given: OneOrMore<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body)
        .map_err(|_| bad("The body must be a fault or an array of faults, in JSON.".into()))?;
    let given = match given {
        OneOrMore::More(all) => all,
        OneOrMore::One(one) => vec![one],
    };
    let faults = given
        .into_iter()
        .map(|fault| serde_json::from_value(fault.into()))
        .collect::<Result<Vec<Fault>, _>>()
        .map_err(|error| bad(error.to_string()))?;
    let mut all = shared.faults();
    for fault in faults {
        all.add(fault);
    }
    Ok(json_answer(StatusCode::OK, &json!({ "waiting": all.waiting() })))
}
