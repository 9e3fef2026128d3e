//! Faults: those that strike by rate, drawn from a seed, and those set by hand for the next requests to some path.

use std::time::Duration;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{Config, FaultKind};
use crate::replies::{Body, ErrorDetail, Reply, error_body};

/// A fault set by hand: what happens to the next requests that match it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "FaultText")]
pub struct Fault {
    /// The path with its query must contain this, ignoring case; empty matches every request.
    pub path_part: String,
    /// The request must have this method; `None` matches every method.
    pub method: Option<String>,
    /// How many requests it strikes.
    pub times: u32,
    /// What happens to them.
    pub action: FaultAction,
}

impl Fault {
    /// A fault that strikes the next request whose path contains `path_part`.
    pub fn new(path_part: impl Into<String>, action: FaultAction) -> Self {
        Self {
            path_part: path_part.into(),
            method: None,
            times: 1,
            action,
        }
    }

    /// Strikes only requests with this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Strikes this many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// What a fault does to a request. All but `Latency` and `Lost` strike before the request has any effect.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultAction {
    /// This answer is given.
    Answer(InjectedAnswer),
    /// The connection (HTTP/1.1) or the stream (HTTP/2) is reset.
    Reset,
    /// There is never an answer.
    Stall,
    /// The request is carried out, then its answer is lost: the connection or stream is reset.
    Lost,
    /// The right answer comes this much later.
    Latency(Duration),
}

impl FaultAction {
    /// What a kind of fault does. `slow` is what [`FaultKind::Slow`] adds.
    fn of(kind: FaultKind, slow: Duration) -> Self {
        let answer = |status, code: Option<&str>, message: Option<&str>| InjectedAnswer {
            status,
            // The service never sends a 429 without saying when to come back.
            retry_after: (status == 429).then(|| "1".to_owned()),
            code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            ..InjectedAnswer::default()
        };
        match kind {
            FaultKind::Reset => Self::Reset,
            FaultKind::Stall => Self::Stall,
            FaultKind::Lost => Self::Lost,
            FaultKind::Slow => Self::Latency(slow),
            FaultKind::Status(409) => Self::Answer(answer(
                409,
                Some("PessimisticConcurrencyConflict"),
                Some("Operation on the API is in progress"),
            )),
            FaultKind::Status(422) => Self::Answer(answer(
                422,
                Some("ManagementApiRequestFailed"),
                Some("Management API timed out"),
            )),
            FaultKind::Status(status) => Self::Answer(answer(status, None, None)),
        }
    }

    /// The service's transient refusals: 409 `PessimisticConcurrencyConflict` and 422 `ManagementApiRequestFailed`.
    /// Other statuses are as [`status`](Self::status) has them.
    pub fn transient(status: u16) -> Self {
        Self::of(FaultKind::Status(status), Duration::ZERO)
    }

    /// An answer with this status and a fitting error body.
    pub fn status(status: u16) -> Self {
        Self::Answer(InjectedAnswer {
            status,
            ..InjectedAnswer::default()
        })
    }
}

/// An answer that a fault gives in place of the right one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InjectedAnswer {
    /// The status, 200 to 599.
    pub status: u16,
    /// The value of `Retry-After`: seconds or a date.
    pub retry_after: Option<String>,
    /// The error's code; `None` gives the usual one of the status.
    pub code: Option<String>,
    /// The error's text.
    pub message: Option<String>,
    /// The error's details.
    pub details: Vec<ErrorDetail>,
    /// A body in place of the one made from the members above; a string is sent as it is, all else as JSON.
    pub body: Option<Value>,
}

impl InjectedAnswer {
    pub(crate) fn to_reply(&self) -> Reply {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = match &self.body {
            Some(Value::String(text)) => Body::Text(None, text.clone()),
            Some(body) => Body::Compact(body.clone()),
            None => Body::Compact(error_body(
                self.code.as_deref().unwrap_or_else(|| usual_code(status)),
                self.message.as_deref().unwrap_or("This fault was asked for."),
                &self.details,
                false,
            )),
        };
        let reply = Reply::new(status, body);
        match &self.retry_after {
            Some(value) => reply.with(RETRY_AFTER, value),
            None => reply,
        }
    }
}

/// The code that Azure Resource Manager uses most with a status.
fn usual_code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "BadRequest",
        401 => "AuthenticationFailed",
        403 => "AuthorizationFailed",
        404 => "ResourceNotFound",
        408 => "RequestTimeout",
        409 => "Conflict",
        412 => "PreconditionFailed",
        429 => "TooManyRequests",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "InternalServerError",
    }
}

/// A fault as `POST /_emulator/faults` takes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaultText {
    #[serde(default, rename = "match")]
    path_part: String,
    method: Option<String>,
    #[serde(default = "once")]
    times: u32,
    kind: Option<FaultName>,
    ms: Option<u64>,
    status: Option<u16>,
    retry_after: Option<Value>,
    code: Option<String>,
    message: Option<String>,
    #[serde(default)]
    details: Vec<ErrorDetail>,
    body: Option<Value>,
}

fn once() -> u32 {
    1
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FaultName {
    Status,
    Reset,
    Stall,
    Lost,
    Latency,
    #[serde(rename = "409")]
    Conflict,
    #[serde(rename = "422")]
    Unprocessable,
}

impl TryFrom<FaultText> for Fault {
    type Error = String;

    fn try_from(text: FaultText) -> Result<Self, String> {
        let kind = text.kind.unwrap_or(FaultName::Status);
        let answers = text.status.is_some()
            || text.retry_after.is_some()
            || text.code.is_some()
            || text.message.is_some()
            || !text.details.is_empty()
            || text.body.is_some();
        if answers && kind != FaultName::Status {
            return Err("status, retryAfter, code, message, details and body belong to kind status only".into());
        }
        if text.ms.is_some() != (kind == FaultName::Latency) {
            return Err("ms belongs to kind latency, which needs it".into());
        }
        let action = match kind {
            FaultName::Reset => FaultAction::Reset,
            FaultName::Stall => FaultAction::Stall,
            FaultName::Lost => FaultAction::Lost,
            FaultName::Conflict => FaultAction::transient(409),
            FaultName::Unprocessable => FaultAction::transient(422),
            FaultName::Latency => FaultAction::Latency(Duration::from_millis(text.ms.unwrap_or_default())),
            FaultName::Status => FaultAction::Answer(InjectedAnswer {
                status: match text.status {
                    Some(status @ 200..=599) => status,
                    Some(status) => return Err(format!("status {status} cannot be answered; give 200 to 599")),
                    None => return Err("give a status, or a kind: reset, stall, lost, latency, 409 or 422".into()),
                },
                retry_after: match text.retry_after {
                    None => None,
                    Some(Value::Number(seconds)) => Some(seconds.to_string()),
                    Some(Value::String(value)) if HeaderValue::from_str(&value).is_ok() => Some(value),
                    Some(other) => {
                        return Err(format!("retryAfter {other} is neither a number nor a header's text"));
                    }
                },
                code: text.code,
                message: text.message,
                details: text.details,
                body: text.body,
            }),
        };
        Ok(Self {
            path_part: text.path_part,
            method: text.method,
            times: text.times,
            action,
        })
    }
}

/// The faults of one emulator.
pub(crate) struct Faults {
    by_hand: Vec<Fault>,
    rate: f64,
    kinds: Vec<FaultKind>,
    slow: Duration,
    random: fastrand::Rng,
}

impl Faults {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            by_hand: Vec::new(),
            rate: config.fault_rate,
            kinds: config.fault_kinds.clone(),
            slow: config.slow,
            random: fastrand::Rng::with_seed(config.seed),
        }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.by_hand.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.by_hand.clear();
    }

    /// The fault set by hand for this request: the first that matches, one of its times used up.
    pub(crate) fn by_hand(&mut self, method: &Method, path: &str) -> Option<FaultAction> {
        let at = self.by_hand.iter().position(|fault| {
            fault.times > 0
                && contains_ignoring_case(path, &fault.path_part)
                && fault
                    .method
                    .as_ref()
                    .is_none_or(|name| name.eq_ignore_ascii_case(method.as_str()))
        })?;
        let fault = &mut self.by_hand[at];
        fault.times -= 1;
        if fault.times == 0 {
            return Some(self.by_hand.remove(at).action);
        }
        Some(fault.action.clone())
    }

    /// Whether and how the rate strikes the request that came just now.
    pub(crate) fn by_rate(&mut self) -> Option<FaultAction> {
        if self.rate <= 0.0 || self.random.f64() >= self.rate {
            return None;
        }
        let kind = self.kinds[self.random.usize(..self.kinds.len())];
        Some(FaultAction::of(kind, self.slow))
    }
}

fn contains_ignoring_case(text: &str, part: &str) -> bool {
    part.is_empty()
        || text
            .as_bytes()
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}
