//! The emulator's own endpoints, under `/_emulator`. They are in neither the journal nor the counts, and meet no faults.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::{Limits, Outage, OutageKind};
use crate::faults::Fault;
use crate::replies::{Outcome, Refusal, Reply};
use crate::request::Request;
use crate::resources::KnownReferences;
use crate::state::Shared;

const ROOT: &str = "/_emulator";

/// Whether a path belongs here.
pub(crate) fn is_control(path: &str) -> bool {
    path.strip_prefix(ROOT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request under `/_emulator`.
pub(crate) fn answer(shared: &Shared, request: &Request<'_>) -> Outcome {
    let place = request.path().strip_prefix(ROOT).unwrap_or_default();
    match (place, request.method()) {
        ("/journal", &Method::GET) if !shared.config.journal => {
            return Err(Refusal::manager(
                StatusCode::NOT_FOUND,
                "JournalOff",
                "This emulator keeps no journal; start it without --no-journal.",
            ));
        }
        ("/journal", &Method::GET) => return Ok(Reply::json(json!(shared.record().entries))),
        ("/journal", &Method::DELETE) => shared.record().clear(),
        ("/stats", &Method::GET) => return Ok(Reply::json(json!(shared.stats()))),
        ("/faults", &Method::POST) => add_faults(shared, request.body)?,
        ("/faults", &Method::DELETE) => shared.faults().clear(),
        ("/limits", &Method::PUT) => shared.set_limits(read::<Limits>(request.body)?).map_err(bad)?,
        ("/outage", &Method::POST) => shared.outages.plan(read::<OutageText>(request.body)?.into()),
        ("/known", &Method::PUT) => shared.world().known = Arc::new(read::<KnownReferences>(request.body)?),
        ("/tokens/expire", &Method::POST) => shared.tokens().expire_all(),
        ("/journal" | "/stats" | "/faults" | "/limits" | "/outage" | "/known" | "/tokens/expire", method) => {
            return Err(Refusal::method(method));
        }
        _ => {
            return Err(Refusal::manager(
                StatusCode::NOT_FOUND,
                "NotFound",
                format!(
                    "There is no '{place}' here; there are /journal, /stats, /faults, /limits, /outage, /known and \
                     /tokens/expire."
                ),
            ));
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn bad(problem: String) -> Refusal {
    Refusal::manager(StatusCode::BAD_REQUEST, "BadRequest", problem)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
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

impl From<OutageText> for Outage {
    fn from(text: OutageText) -> Self {
        Self {
            after_requests: text.after_requests,
            length: Duration::from_millis(text.ms),
            kind: text.kind,
        }
    }
}

/// Sets one fault, or each of an array.
fn add_faults(shared: &Shared, body: &[u8]) -> Result<(), Refusal> {
    let given = match read(body)? {
        Value::Array(all) => all,
        one @ Value::Object(_) => vec![one],
        _ => return Err(bad("The body must be a fault or an array of faults, in JSON.".into())),
    };
    let faults = given
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<Vec<Fault>, _>>()
        .map_err(|error| bad(error.to_string()))?;
    faults.into_iter().for_each(|fault| shared.faults().add(fault));
    Ok(())
}
