//! One request from its arrival to its answer: journal, faults, sign-in, throttle, latency, and then the work itself.
//!
//! What is decided on arrival (faults, sign-in, throttle) is decided before the latency; the work is done after it. So
//! a request whose caller gives up while it waits has no effect, and stays in the journal with status 0.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};

use crate::answer::{Answer, Body, Refusal};
use crate::config::{Config, Limits};
use crate::contract;
use crate::counters::Stats;
use crate::fault::{FaultAction, Faults};
use crate::journal::{Journal, Ticket};
use crate::outage::Outages;
use crate::route::{Route, query_value};
use crate::throttle::{Class, Limit, Throttle};
use crate::token_issuer::TokenIssuer;
use crate::world::World;
use crate::{arm, control, discovery, identity};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-return-client-request-id");
const REMAINING_READS: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-reads");
const REMAINING_WRITES: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-writes");
const REMAINING_DELETES: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-deletes");
const REMAINING_GLOBAL_READS: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-reads");
const REMAINING_GLOBAL_WRITES: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-writes");
const REMAINING_GLOBAL_DELETES: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-deletes");
const FAILURE_CAUSE: HeaderName = HeaderName::from_static("x-ms-failure-cause");

/// Who a 429 says has asked too often.
const ACTOR: &str = "33333333-3333-3333-3333-333333333333";
/// The largest body that Azure Resource Manager takes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What all requests of one emulator share. No lock is ever held across an await.
pub(crate) struct Shared {
    pub(crate) config: Config,
    record: Mutex<Record>,
    world: Mutex<World>,
    throttle: Mutex<Throttle>,
    faults: Mutex<Faults>,
    tokens: Mutex<TokenIssuer>,
    pub(crate) outages: Outages,
    open_connections: AtomicU64,
}

/// What is written down about requests: together, for one lock at the start of a request and one at its end.
pub(crate) struct Record {
    pub(crate) journal: Journal,
    pub(crate) stats: Stats,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            record: Mutex::new(Record {
                journal: Journal::default(),
                stats: Stats::default(),
            }),
            world: Mutex::new(World::new(&config)),
            throttle: Mutex::new(Throttle::new(config.limits())),
            faults: Mutex::new(Faults::new(&config)),
            tokens: Mutex::new(TokenIssuer::default()),
            outages: Outages::new(config.outage),
            open_connections: AtomicU64::new(0),
            config,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, TokenIssuer> {
        lock(&self.tokens)
    }

    pub(crate) fn limits(&self) -> Limits {
        lock(&self.throttle).limits
    }

    /// Changes the limits, unless they cannot be.
    pub(crate) fn set_limits(&self, limits: Limits) -> Result<(), String> {
        limits.check()?;
        lock(&self.throttle).limits = limits;
        Ok(())
    }

    /// The counts as they are now.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.record().stats.clone();
        stats.open_connections = self.open_connections.load(Ordering::Relaxed);
        stats.tokens_issued = self.tokens().issued();
        stats
    }

    /// Counts a connection as open until the guard goes.
    pub(crate) fn connection_opened(self: &Arc<Self>) -> OpenConnection {
        self.open_connections.fetch_add(1, Ordering::Relaxed);
        self.record().stats.connections += 1;
        OpenConnection(Arc::clone(self))
    }
}

/// A panic while a lock was held is a defect that its own thread reports; others can still read the state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct OpenConnection(Arc<Shared>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request being worked on. Dropped without an answer, it counts as one that got none.
struct Running<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
    status: u16,
}

impl<'a> Running<'a> {
    fn begin(shared: &'a Shared, method: &Method, path: &str, body: &[u8]) -> Self {
        let mut record = shared.record();
        record.stats.begin();
        let ticket = shared.config.journal.then(|| record.journal.record(method, path, body));
        Self {
            shared,
            ticket,
            status: 0,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut record = self.shared.record();
        record.stats.end(self.status);
        if let Some(ticket) = self.ticket {
            record.journal.set_status(ticket, self.status);
        }
    }
}

/// The request gets no answer: HTTP/1.1 closes the connection, HTTP/2 resets the stream.
#[derive(Debug)]
pub(crate) struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the request was dropped without an answer")
    }
}

impl std::error::Error for NoAnswer {}

/// What a request may do once it was let in.
pub(crate) struct Admission<'a> {
    pub(crate) route: Route<'a>,
    /// The place of the route's subscription; 0 where the route is in none.
    pub(crate) subscription: u32,
}

enum Decision<'a> {
    Serve(Admission<'a>),
    /// As `Serve`, and the answer is lost.
    Lose(Admission<'a>),
    Issue,
    Answer(Box<Answer>),
    Reset,
    Stall,
}

/// Takes one request to its answer. `secure`: it came over TLS.
pub(crate) async fn exchange(
    shared: Arc<Shared>,
    secure: bool,
    request: Request<Incoming>,
) -> Result<Answer, NoAnswer> {
    let (head, body) = request.into_parts();
    let (body, too_large) = match read(body).await? {
        Some(body) => (body, false),
        None => (Bytes::new(), true),
    };
    if control::is_control(head.uri.path()) {
        return Ok(control::answer(&shared, &head, &body));
    }

    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut running = if identity::is_identity(head.uri.path()) {
        Running::begin(&shared, &head.method, path, &identity::masked(&body))
    } else {
        Running::begin(&shared, &head.method, path, &body)
    };
    if shared.outages.swallows_request() {
        return Err(NoAnswer);
    }
    let mut left = Vec::new();
    let mut delay = shared.config.latency;
    let decision = if !has_length(&head) {
        Decision::Answer(Box::new(length_required()))
    } else if too_large {
        Decision::Answer(Box::new(
            Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestContentTooLarge",
                format!("The request's body is larger than {BODY_LIMIT} bytes."),
            )
            .into_answer(),
        ))
    } else {
        decide(&shared, secure, &head, path, &mut left, &mut delay)
    };
    wait(delay).await;

    let mut answer = match decision {
        Decision::Serve(admission) => arm::answer(&shared, &admission, secure, &head, &body),
        Decision::Lose(admission) => {
            arm::answer(&shared, &admission, secure, &head, &body);
            return Err(NoAnswer);
        }
        Decision::Issue => identity::answer(&shared, secure, &head, &body),
        Decision::Answer(answer) => *answer,
        Decision::Reset => return Err(NoAnswer),
        Decision::Stall => std::future::pending().await,
    };
    if head.method == Method::HEAD {
        // HTTP/2 clients take a body here for a breach of the protocol.
        *answer.body_mut() = Body::Whole(Bytes::new());
    }
    let headers = answer.headers_mut();
    for (name, tokens) in left {
        headers.insert(name, HeaderValue::from(tokens));
    }
    add_request_ids(&head.headers, headers);
    running.status = answer.status().as_u16();
    Ok(answer)
}

/// Reads a request's body; `None` if it is too large.
async fn read(body: Incoming) -> Result<Option<Bytes>, NoAnswer> {
    if body.is_end_stream() {
        return Ok(Some(Bytes::new()));
    }
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        // The caller went away in the middle of its request.
        Err(_) => Err(NoAnswer),
    }
}

/// Whether a request says how long its body is, where HTTP/1.1 wants it to: HTTP.sys, which stands before the service,
/// lets no other through.
fn has_length(head: &Parts) -> bool {
    head.version >= Version::HTTP_2
        || !matches!(head.method, Method::POST | Method::PUT | Method::PATCH)
        || head.headers.contains_key(CONTENT_LENGTH)
        || head.headers.contains_key(TRANSFER_ENCODING)
}

fn length_required() -> Answer {
    let mut answer = crate::answer::empty(StatusCode::LENGTH_REQUIRED);
    *answer.body_mut() = Body::Whole(Bytes::from_static(
        b"<html><head><title>Length Required</title></head><body><h2>Length Required</h2><hr>\
          <p>HTTP Error 411. The request must be chunked or have a content length.</p></body></html>",
    ));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=us-ascii"));
    answer
}

/// Everything that is settled on arrival.
fn decide<'a>(
    shared: &Shared,
    secure: bool,
    head: &'a Parts,
    path: &str,
    left: &mut Vec<(HeaderName, u32)>,
    delay: &mut Duration,
) -> Decision<'a> {
    let by_hand = shared.faults().by_hand(&head.method, path);
    let mut lost = false;
    if let Some(decision) = strike(shared, by_hand, delay, &mut lost) {
        return decision;
    }
    if identity::is_identity(head.uri.path()) {
        return if lost { Decision::Reset } else { Decision::Issue };
    }
    match admit(shared, secure, head, left) {
        Err(answer) => Decision::Answer(answer),
        Ok(admission) => {
            let by_rate = shared.faults().by_rate();
            strike(shared, by_rate, delay, &mut lost).unwrap_or(if lost {
                Decision::Lose(admission)
            } else {
                Decision::Serve(admission)
            })
        }
    }
}

/// What a fault makes of a request; `None` if the request goes on.
fn strike<'a>(
    shared: &Shared,
    fault: Option<FaultAction>,
    delay: &mut Duration,
    lost: &mut bool,
) -> Option<Decision<'a>> {
    let fault = fault?;
    shared.record().stats.faults += 1;
    match fault {
        FaultAction::Answer(injected) => Some(Decision::Answer(Box::new(injected.to_answer()))),
        FaultAction::Reset => Some(Decision::Reset),
        FaultAction::Stall => Some(Decision::Stall),
        FaultAction::Lost => {
            *lost = true;
            None
        }
        FaultAction::Latency(more) => {
            *delay += more;
            None
        }
    }
}

/// Azure Resource Manager's own checks, in its order: sign-in, API version, subscription, throttle.
fn admit<'a>(
    shared: &Shared,
    secure: bool,
    head: &'a Parts,
    left: &mut Vec<(HeaderName, u32)>,
) -> Result<Admission<'a>, Box<Answer>> {
    let refuse = |status, code, message: String| Box::new(Refusal::new(status, code, message).into_answer());
    let route = match Route::of(head.uri.path()) {
        Ok(Some(route)) => route,
        Ok(None) => return Err(Box::new(discovery::answer(secure, head))),
        Err(_) => {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                "InvalidRequestUri",
                "The path's percent-encoding is not UTF-8.".into(),
            ));
        }
    };
    let token = match identity::check_bearer(shared, &head.headers) {
        Ok(token) => token,
        Err(problem) => {
            shared.record().stats.bad_tokens += 1;
            return Err(Box::new(problem.into_answer(&base_url(secure, head))));
        }
    };
    match query_value(head.uri.query(), "api-version") {
        Some(version) if contract::is_api_version(&version) => {}
        Some(version) if !version.is_empty() => {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                "InvalidApiVersionParameter",
                format!("The api-version '{version}' is invalid: it must be a date such as 2024-05-01."),
            ));
        }
        _ => {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.".into(),
            ));
        }
    }
    let Some(id) = route.subscription() else {
        return Ok(Admission { route, subscription: 0 });
    };
    let Some(subscription) = shared.world().position(id) else {
        return Err(if contract::is_guid(id) {
            refuse(
                StatusCode::NOT_FOUND,
                "SubscriptionNotFound",
                format!("The subscription '{id}' could not be found."),
            )
        } else {
            refuse(
                StatusCode::BAD_REQUEST,
                "InvalidSubscriptionId",
                format!("The subscription id '{id}' is not a GUID."),
            )
        });
    };
    let class = Class::of(&head.method);
    let principal = if shared.config.bucket_by_token {
        let mut hasher = DefaultHasher::new();
        token.hash(&mut hasher);
        hasher.finish()
    } else {
        0
    };
    let verdict = lock(&shared.throttle).take(subscription, principal, class, Instant::now());
    let (own, global) = match class {
        Class::Reads => (REMAINING_READS, REMAINING_GLOBAL_READS),
        Class::Writes => (REMAINING_WRITES, REMAINING_GLOBAL_WRITES),
        Class::Deletes => (REMAINING_DELETES, REMAINING_GLOBAL_DELETES),
    };
    left.extend(verdict.left.map(|tokens| (own, tokens)));
    left.extend(verdict.left_global.map(|tokens| (global, tokens)));
    if let Some((limit, seconds)) = verdict.refused {
        return Err(Box::new(throttled(limit, seconds, class, id)));
    }
    Ok(Admission { route, subscription })
}

/// The 429 of a limit.
fn throttled(limit: Limit, seconds: u64, class: Class, subscription: &str) -> Answer {
    let class = class.name();
    let (cause, code, message) = match limit {
        Limit::Principal | Limit::Global => (
            "gateway",
            "SubscriptionRequestsThrottled",
            format!(
                "Number of '{class}' requests for subscription '{subscription}' actor '{ACTOR}' exceeded. Please try \
                 again after '{seconds}' seconds after additional tokens are available. Refer to \
                 https://aka.ms/arm-throttling for additional information."
            ),
        ),
        Limit::Provider => (
            "service",
            "ResourceRequestsThrottled",
            format!(
                "Number of requests for action 'Microsoft.ApiManagement/service/backends/{class}' exceeded the limit. \
                 Please try again after '{seconds}' seconds."
            ),
        ),
    };
    let mut answer = Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, message).into_answer();
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
        .headers_mut()
        .insert(FAILURE_CAUSE, HeaderValue::from_static(cause));
    answer
}

/// Waits as long as asked, on average. The timer counts whole milliseconds and rounds up twice, once for the moment and
/// once for the sleep until then, which together makes one millisecond too many.
async fn wait(delay: Duration) {
    if delay > Duration::ZERO {
        tokio::time::sleep(delay.saturating_sub(Duration::from_millis(1))).await;
    }
}

/// The URL that the caller used, up to the path.
pub(crate) fn base_url(secure: bool, head: &Parts) -> String {
    let scheme = if secure { "https" } else { "http" };
    let authority = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or("localhost"),
    };
    format!("{scheme}://{authority}")
}

fn add_request_ids(request: &HeaderMap, answer: &mut HeaderMap) {
    let id = new_id();
    let correlation = request.get(CORRELATION_ID).unwrap_or(&id).clone();
    answer.insert(CORRELATION_ID, correlation);
    answer.insert(REQUEST_ID, id);
    if request
        .get(RETURN_CLIENT_REQUEST_ID)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
        && let Some(id) = request.get(CLIENT_REQUEST_ID)
    {
        answer.insert(CLIENT_REQUEST_ID, id.clone());
    }
}

/// A random id in the form of a GUID.
fn new_id() -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bits = fastrand::u128(..);
    let mut text = [b'-'; 36];
    for (at, byte) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23) {
            *byte = HEX[(bits & 15) as usize];
            bits >>= 4;
        }
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}
