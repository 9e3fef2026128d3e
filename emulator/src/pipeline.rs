//! One request from its arrival to its answer: journal, faults, sign-in, throttle, latency, and then the work itself.
//!
//! What is decided on arrival (faults, sign-in, throttle) is decided before the latency; the work is done after it. So
//! a request whose caller gives up while it waits has no effect, and stays in the journal with status 0.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPIRES, HeaderMap, HeaderName, HeaderValue, PRAGMA, SERVER,
    STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode, Version};
use time::OffsetDateTime;

use crate::admission::{self, Left};
use crate::control;
use crate::faults::FaultAction;
use crate::journal::JournalEntry;
use crate::lookup::{self, ServicePath};
use crate::paths::{account, backends, endpoints, groups, services, sign_in, workspaces};
use crate::replies::{Body, Outcome, Refusal, Reply};
use crate::request::Request;
use crate::resources::World;
use crate::state::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
const ROUTING_ID: HeaderName = HeaderName::from_static("x-ms-routing-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_REQUEST_ID: &str = "x-ms-return-client-request-id";

/// The largest body that Azure Resource Manager takes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

pub(crate) type Answer = Response<Full<Bytes>>;

/// The request gets no answer: HTTP/1.1 closes the connection, HTTP/2 resets the stream.
#[derive(Debug)]
pub(crate) struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the request was dropped without an answer")
    }
}

impl std::error::Error for NoAnswer {}

enum Decision<'a> {
    /// The request was let in; these are the segments of its path, and the place of its subscription.
    Serve(Vec<Cow<'a, str>>, u32),
    SignIn,
    Answer(Reply),
    Reset,
    Stall,
}

/// What is decided on arrival.
struct Arrival<'a> {
    decision: Decision<'a>,
    left: Left,
    delay: Duration,
    /// The answer is lost.
    lost: bool,
}

/// Takes one request to its answer. `secure`: it came over TLS.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    secure: bool,
    request: hyper::Request<Incoming>,
) -> Result<Answer, NoAnswer> {
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let request = Request {
        head: &head,
        body: body.as_deref().unwrap_or_default(),
        secure,
    };
    if control::is_control(request.path()) {
        let reply = control::answer(&shared, &request).unwrap_or_else(Reply::from);
        return Ok(into_answer(reply, &request));
    }
    let mut running = shared.request_arrived(|| JournalEntry {
        method: request.method().to_string(),
        path: request.path_and_query().to_owned(),
        status: 0,
        body: journal_text(&request),
    });
    if shared.outages.swallows_request() {
        return Err(NoAnswer);
    }
    let mut arrival = Arrival {
        decision: Decision::SignIn,
        left: Left::new(),
        delay: shared.config.latency,
        lost: false,
    };
    if !has_length(&request) {
        arrival.decision = Decision::Answer(length_required());
    } else if body.is_none() {
        arrival.decision = Decision::Answer(too_large());
    } else {
        arrive(&shared, &request, &mut arrival);
    }
    wait(arrival.delay).await;

    let reply = match arrival.decision {
        Decision::Serve(path, at) => {
            let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
            dispatch(&mut shared.world(), &path, at, &request, shared.config.page_size).unwrap_or_else(Reply::from)
        }
        Decision::SignIn => {
            let desk = &mut sign_in::Desk {
                issuer: &mut shared.tokens(),
                lifetime: shared.config.token_lifetime,
                base: &request.base_url(),
            };
            sign_in::answer(desk, &request).unwrap_or_else(Reply::from)
        }
        Decision::Answer(reply) => reply,
        Decision::Reset => return Err(NoAnswer),
        Decision::Stall => std::future::pending().await,
    };
    if arrival.lost {
        return Err(NoAnswer);
    }
    let rates_shown = !reply.of_resource_manager;
    let mut answer = into_answer(reply, &request);
    if rates_shown {
        for (name, tokens) in arrival.left {
            answer.headers_mut().insert(name, HeaderValue::from(tokens));
        }
    }
    add_usual_headers(&request, answer.headers_mut());
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

fn journal_text(request: &Request<'_>) -> String {
    let masked = if sign_in::is_sign_in(request.path()) {
        sign_in::masked(request.body)
    } else {
        Cow::Borrowed(request.body)
    };
    String::from_utf8_lossy(&masked).into_owned()
}

/// Settles everything that is settled on arrival.
fn arrive<'a>(shared: &Shared, request: &Request<'a>, arrival: &mut Arrival<'a>) {
    let by_hand = shared.faults().by_hand(request.method(), request.path_and_query());
    if strike(shared, by_hand, arrival) || sign_in::is_sign_in(request.path()) {
        return;
    }
    arrival.decision = match admit(shared, request, &mut arrival.left) {
        Err(reply) => Decision::Answer(*reply),
        Ok(decision) => decision,
    };
    if matches!(arrival.decision, Decision::Serve(..)) {
        let by_rate = shared.faults().by_rate();
        strike(shared, by_rate, arrival);
    }
}

/// Lets a fault strike. Says whether the request goes no further.
fn strike(shared: &Shared, fault: Option<FaultAction>, arrival: &mut Arrival<'_>) -> bool {
    let Some(fault) = fault else {
        return false;
    };
    shared.record().stats.faults += 1;
    arrival.decision = match fault {
        FaultAction::Answer(injected) => Decision::Answer(injected.to_reply()),
        FaultAction::Reset => Decision::Reset,
        FaultAction::Stall => Decision::Stall,
        FaultAction::Latency(more) => {
            arrival.delay += more;
            return false;
        }
        FaultAction::Lost => {
            arrival.lost = true;
            return false;
        }
    };
    true
}

fn admit<'a>(shared: &Shared, request: &Request<'a>, left: &mut Left) -> Result<Decision<'a>, Box<Reply>> {
    let refused = |refusal: Refusal| Box::new(Reply::from(refusal));
    let segments = request.segments().ok_or_else(|| {
        let message = "The request uri's percent-encoding is not UTF-8.";
        refused(Refusal::manager(StatusCode::BAD_REQUEST, "InvalidRequestUri", message))
    })?;
    let path: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    match path[..] {
        ["tenants"] | ["subscriptions", ..] => {}
        // Who asks for this does not know yet where to sign in.
        ["metadata", word] if word.eq_ignore_ascii_case("endpoints") => {
            return endpoints::answer(request).map(Decision::Answer).map_err(refused);
        }
        _ => {
            let message = format!("The emulator serves nothing at '{}'.", request.path());
            return Err(refused(Refusal::manager(StatusCode::NOT_FOUND, "NotFound", message)));
        }
    }
    let tokens = shared.tokens();
    let token = admission::check_bearer(request, &shared.config, &tokens).map_err(|reply| {
        shared.record().stats.bad_tokens += 1;
        Box::new(reply)
    })?;
    admission::check_version(request).map_err(refused)?;
    let Some(id) = path.get(1) else {
        return Ok(Decision::Serve(segments, 0));
    };
    let at = admission::subscription(id, &shared.world()).map_err(refused)?;
    let (tokens_left, refusal) = admission::take(request, at, tokens.principal(token), &mut shared.throttle());
    *left = tokens_left;
    match refusal {
        Some(reply) => Err(Box::new(reply)),
        None => Ok(Decision::Serve(segments, at)),
    }
}

/// From a path to the handler of its family. `at`: the place of its subscription.
fn dispatch(world: &mut World, path: &[&str], at: u32, request: &Request<'_>, page_size: usize) -> Outcome {
    let get = |reply: Reply| match *request.method() {
        Method::GET | Method::HEAD => Ok(reply),
        _ => Err(Refusal::method(request.method())),
    };
    let below = match path {
        ["tenants"] => return get(account::tenants()),
        ["subscriptions"] => return get(account::subscriptions(world)),
        [_, _, below @ ..] => below,
        _ => &[],
    };
    let is_ours = |namespace: &str| namespace.eq_ignore_ascii_case("Microsoft.ApiManagement");
    match *below {
        [] => get(account::subscription(at)),
        ["locations"] => get(account::locations(at)),
        ["resources"] => account::resources(world, at, None, request),
        ["providers"] => get(account::providers(at)),
        ["providers", namespace] => get(account::provider(at, namespace)?),
        ["providers", namespace, "register"] => match *request.method() {
            Method::POST => account::provider(at, namespace),
            _ => Err(Refusal::method(request.method())),
        },
        ["providers", namespace, "service"] if is_ours(namespace) => services::list(world, at, None, request),
        ["providers", namespace, "checknameavailability"] if is_ours(namespace) => services::check_name(world, request),
        ["resourcegroups"] => groups::list(world, at, request),
        ["resourcegroups", group] => groups::one(world, at, group, request),
        ["resourcegroups", group, "resources"] => account::resources(world, at, Some(group), request),
        ["resourcegroups", group, "providers", namespace, "service"] if is_ours(namespace) => {
            services::list(world, at, Some(group), request)
        }
        [
            "resourcegroups",
            group,
            "providers",
            namespace,
            "service",
            service,
            ref rest @ ..,
        ] if is_ours(namespace) => {
            let place = ServicePath { at, group, service };
            match *rest {
                [] => services::one(world, at, group, service, request),
                ["workspaces"] => {
                    let (id, service) = lookup::service(world, place)?;
                    workspaces::list(&id, service, request, page_size)
                }
                ["workspaces", name] => {
                    let (id, service) = lookup::service(world, place)?;
                    workspaces::one(&id, service, request, name)
                }
                ["workspaces", name, ref rest @ ..] if is_backends(rest) => {
                    backends_of(world, place, Some(name), rest, request, page_size)
                }
                ref rest if is_backends(rest) => backends_of(world, place, None, rest, request, page_size),
                ref rest => {
                    let kinds: Vec<&str> = ["service"].into_iter().chain(rest.iter().copied().step_by(2)).collect();
                    let version = request.api_version();
                    Err(account::unknown_type(
                        &kinds.join("/"),
                        "Microsoft.ApiManagement",
                        &version,
                    ))
                }
            }
        }
        ["providers", namespace, kind, ..] | ["resourcegroups", _, "providers", namespace, kind, ..] => {
            // What is served of a namespace is known only of ours; of others nothing is.
            account::provider(at, namespace)?;
            Err(account::unknown_type(kind, namespace, &request.api_version()))
        }
        [kind, ..] => Err(account::unknown_type(
            kind,
            "Microsoft.Resources",
            &request.api_version(),
        )),
    }
}

fn is_backends(rest: &[&str]) -> bool {
    matches!(rest, ["backends"] | ["backends", _] | ["backends", _, "reconnect"])
}

fn backends_of(
    world: &mut World,
    place: ServicePath<'_>,
    workspace: Option<&str>,
    rest: &[&str],
    request: &Request<'_>,
    page_size: usize,
) -> Outcome {
    let mut holder = lookup::holder(world, place, workspace)?;
    match *rest {
        [_, id, _] => backends::reconnect(&holder, request, id),
        [_, id] => backends::one(&mut holder, request, id),
        _ => backends::list(&holder, request, page_size),
    }
}

/// Whether a request says how long its body is, where HTTP/1.1 wants it to: HTTP.sys, which stands before the service,
/// lets no other through.
fn has_length(request: &Request<'_>) -> bool {
    request.head.version >= Version::HTTP_2
        || !matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        || request.head.headers.contains_key(CONTENT_LENGTH)
        || request.head.headers.contains_key(TRANSFER_ENCODING)
}

fn length_required() -> Reply {
    let page = "<html><head><title>Length Required</title></head><body><h2>Length Required</h2><hr>\
                <p>HTTP Error 411. The request must be chunked or have a content length.</p></body></html>";
    Reply::new(
        StatusCode::LENGTH_REQUIRED,
        Body::Text(Some("text/html; charset=us-ascii"), page.into()),
    )
}

fn too_large() -> Reply {
    Reply::from(Refusal::manager(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestContentTooLarge",
        format!("The request content size exceeds the maximum size of '{BODY_LIMIT}' bytes."),
    ))
}

/// Waits as long as asked, on average. The timer counts whole milliseconds and rounds up twice, once for the moment and
/// once for the sleep until then, which together makes one millisecond too many.
async fn wait(delay: Duration) {
    if delay > Duration::ZERO {
        tokio::time::sleep(delay.saturating_sub(Duration::from_millis(1))).await;
    }
}

fn into_answer(reply: Reply, request: &Request<'_>) -> Answer {
    let (bytes, kind) = reply.body.into_bytes();
    // HTTP/2 clients take a body of a HEAD for a breach of the protocol; the service gives no type of it either.
    let head = *request.method() == Method::HEAD;
    let mut answer = Response::new(Full::new(if head { Bytes::new() } else { Bytes::from(bytes) }));
    *answer.status_mut() = reply.status;
    let headers = answer.headers_mut();
    if head && reply.status == StatusCode::OK {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    } else if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in reply.headers {
        headers.insert(name, value);
    }
    answer
}

/// The headers that every answer of Azure Resource Manager has.
fn add_usual_headers(request: &Request<'_>, answer: &mut HeaderMap) {
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        (PRAGMA, "no-cache"),
        (EXPIRES, "-1"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (SERVER, "Microsoft-HTTPAPI/2.0"),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
    let given = &request.head.headers;
    let id = new_id();
    let correlation = given.get(CORRELATION_ID).unwrap_or(&id).clone();
    let now = OffsetDateTime::now_utc();
    let routing = format!(
        "WESTUS:{}{:02}{:02}T{:02}{:02}{:02}Z:{}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        correlation.to_str().unwrap_or_default()
    );
    if let Ok(routing) = HeaderValue::from_str(&routing) {
        answer.insert(ROUTING_ID, routing);
    }
    answer.insert(CORRELATION_ID, correlation);
    answer.insert(REQUEST_ID, id);
    if request
        .header(RETURN_CLIENT_REQUEST_ID)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        && let Some(id) = given.get(CLIENT_REQUEST_ID)
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
