//! What a session tells its caller, and the JSON that carries it.

use bytes::Bytes;
use engine_core::step::Known;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::credential::TokenRequest;
use crate::error::Error;
use crate::target::printable;
use crate::trace::Level;

/// How an item ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Done. `output` is the body of a GET, where the item asked for one.
    Succeeded {
        /// How often its reset (without one: its read) was sent.
        attempts: u32,
        /// The resource, or the page of resources, as the service sent it.
        output: Option<Output>,
    },
    /// Not done, and why.
    Failed(Box<Error>),
    /// Ended because the session was cancelled; what is known of its steps.
    Cancelled(Known),
}

/// JSON that the service sent, checked to be JSON and passed on as it is.
#[derive(Debug)]
pub(crate) enum Output {
    /// One backend.
    Backend(Bytes),
    /// One page of backends.
    Page(Bytes),
}

/// One event.
#[derive(Debug)]
pub(crate) enum Event {
    /// An item has ended.
    Result {
        /// The item's number.
        index: u64,
        /// How.
        outcome: Outcome,
    },
    /// The caller is asked for a token.
    TokenRequest(TokenRequest),
    /// A line for the caller's log.
    Log {
        /// Which log.
        level: Level,
        /// The line or lines; holds no secret.
        text: String,
    },
    /// The session cannot go on.
    Fatal {
        /// Why.
        error: Box<Error>,
        /// The item whose request showed it.
        item: Option<u64>,
    },
}

impl Event {
    /// The number that goes with the event: an item's or a token request's.
    pub fn number(&self) -> u64 {
        match self {
            Event::Result { index, .. } => *index,
            Event::TokenRequest(request) => request.number,
            Event::Log { .. } | Event::Fatal { .. } => 0,
        }
    }

    /// The event's JSON (`docs/abi.md`, "Events").
    pub fn to_json(&self) -> String {
        let json = match self {
            Event::Result { outcome, .. } => return outcome.to_json(),
            Event::TokenRequest(request) => serde_json::to_string(&TokenRequestJson {
                audience: &request.audience,
                tenant: request.tenant.as_deref(),
                refresh: request.refresh,
            }),
            Event::Log { level, text } => serde_json::to_string(&LogJson {
                level: *level,
                text: &printable(text),
            }),
            Event::Fatal { error, item } => serde_json::to_string(&FatalJson { error, item: *item }),
        };
        json.expect("members of plain types are always written")
    }
}

#[derive(Serialize)]
struct TokenRequestJson<'a> {
    audience: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    refresh: bool,
}

#[derive(Serialize)]
struct LogJson<'a> {
    level: Level,
    text: &'a str,
}

#[derive(Serialize)]
struct FatalJson<'a> {
    error: &'a Error,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<u64>,
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
enum OutcomeJson<'a> {
    Succeeded {
        attempts: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        backend: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        backends: Option<&'a RawValue>,
        #[serde(rename = "nextLink", skip_serializing_if = "Option::is_none")]
        next_link: Option<String>,
    },
    Failed {
        error: &'a Error,
    },
    Cancelled(Known),
}

/// A page of a list, as the service documents it.
#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(rename = "nextLink")]
    next_link: Option<String>,
}

impl Output {
    /// Checks that the body is what it must be.
    pub fn backend(body: Bytes) -> Option<Self> {
        let json = serde_json::from_slice::<&RawValue>(&body).ok()?;
        json.get().starts_with('{').then_some(Self::Backend(body))
    }

    /// Checks that the body is a page: an array of objects, whatever they have.
    pub fn page(body: Bytes) -> Option<Self> {
        let page: Page = serde_json::from_slice(&body).ok()?;
        let backends: Vec<&RawValue> = serde_json::from_str(page.value.get()).ok()?;
        let objects = backends.iter().all(|backend| backend.get().starts_with('{'));
        objects.then_some(Self::Page(body))
    }
}

impl Outcome {
    fn to_json(&self) -> String {
        let json = match self {
            Outcome::Succeeded { attempts, output } => {
                let (mut backend, mut page) = (None, None);
                match output {
                    Some(Output::Backend(body)) => backend = serde_json::from_slice(body).ok(),
                    Some(Output::Page(body)) => page = serde_json::from_slice::<Page>(body).ok(),
                    None => {}
                }
                OutcomeJson::Succeeded {
                    attempts: *attempts,
                    backend,
                    backends: page.as_ref().map(|p| p.value),
                    next_link: page.and_then(|p| p.next_link).filter(|l| !l.is_empty()),
                }
            }
            Outcome::Failed(error) => OutcomeJson::Failed { error },
            Outcome::Cancelled(known) => OutcomeJson::Cancelled(*known),
        };
        serde_json::to_string(&json).expect("members of plain types are always written")
    }
}
