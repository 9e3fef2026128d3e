//! Azure Resource Manager's answers about backends, and the way from a route to whoever answers it.

use hyper::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Refusal, empty, json_answer};
use crate::backend_store::Backend;
use crate::contract::{self, BadReconnect};
use crate::discovery;
use crate::exchange::{Admission, Shared, base_url};
use crate::route::{Route, ServicePath, query_value};
use crate::world::{Service, World};

pub(crate) type Outcome = Result<Answer, Refusal>;

/// Answers a request that was let in.
pub(crate) fn answer(shared: &Shared, admission: &Admission<'_>, secure: bool, head: &Parts, body: &[u8]) -> Answer {
    let mut world = shared.world();
    dispatch(shared, &mut world, admission, secure, head, body).unwrap_or_else(Refusal::into_answer)
}

fn dispatch(
    shared: &Shared,
    world: &mut World,
    admission: &Admission<'_>,
    secure: bool,
    head: &Parts,
    body: &[u8],
) -> Outcome {
    let method = &head.method;
    let at = admission.subscription;
    match &admission.route {
        Route::Reconnect(path, id) => match *method {
            Method::POST => reconnect(service(world, at, path)?, id, head, body),
            _ => not_allowed("POST"),
        },
        Route::Backend(path, id) => {
            let place = place(world, at, path)?;
            let service = service(world, at, path)?;
            check_id(id)?;
            match *method {
                Method::GET | Method::HEAD => get(&place, service, id),
                Method::PUT => put(&place, service, id, head, body),
                Method::PATCH => patch(&place, service, id, head, body),
                Method::DELETE => delete(service, id, head),
                _ => not_allowed("GET, HEAD, PUT, PATCH, DELETE"),
            }
        }
        Route::Backends(path) => match *method {
            Method::GET => {
                let place = place(world, at, path)?;
                list(shared, service(world, at, path)?, &place, secure, head)
            }
            _ => not_allowed("GET"),
        },
        Route::Service(path) => match *method {
            Method::GET | Method::HEAD => {
                let place = place(world, at, path)?;
                Ok(discovery::service(&place, service(world, at, path)?))
            }
            Method::PUT => discovery::put_service(world, at, path, &json_body(head, body)?),
            _ => not_allowed("GET, HEAD, PUT"),
        },
        route => match *method {
            Method::GET | Method::HEAD => discovery::get(world, at, route, head),
            Method::PUT => discovery::put(world, at, route, &json_body(head, body)?),
            _ => not_allowed("GET, HEAD, PUT"),
        },
    }
}

/// The service at a path, or the 404 that names what is missing on the way to it.
fn service<'a>(world: &'a mut World, subscription: u32, path: &ServicePath<'_>) -> Result<&'a mut Service, Refusal> {
    discovery::group(world, subscription, &path.group)?
        .service(&path.service)
        .ok_or_else(|| {
            if !contract::is_service_name(&path.service) {
                return Refusal::field(
                    "serviceName",
                    format!(
                        "The service name '{}' must have 1 to 50 letters, digits and hyphens, start with a letter and not end with a hyphen.",
                        path.service
                    ),
                );
            }
            Refusal::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                format!(
                    "The resource 'Microsoft.ApiManagement/service/{}' under resource group '{}' was not found.",
                    path.service, path.group
                ),
            )
        })
}

/// The resource id of the service at a path, in the letters in which its names were first given.
fn place(world: &mut World, subscription: u32, path: &ServicePath<'_>) -> Result<String, Refusal> {
    let group = discovery::group(world, subscription, &path.group)?.name.clone();
    let service = service(world, subscription, path)?;
    Ok(discovery::service_id(&World::id(subscription), &group, &service.name))
}

pub(crate) fn not_allowed(allow: &'static str) -> Outcome {
    let mut answer = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        format!("This resource takes {allow} only."),
    )
    .into_answer();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    Ok(answer)
}

fn check_id(id: &str) -> Result<(), Refusal> {
    match contract::backend_id_problem(id) {
        None => Ok(()),
        Some(problem) => Err(Refusal::field("backendId", format!("{problem} Given: '{id}'."))),
    }
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "ResourceNotFound", "Backend not found.")
}

fn reconnect(service: &Service, id: &str, head: &Parts, body: &[u8]) -> Outcome {
    check_id(id)?;
    if !body.is_empty() {
        check_content_type(head)?;
    }
    contract::check_reconnect(body).map_err(|problem| match problem {
        BadReconnect::Malformed(text) => malformed(&text),
        BadReconnect::After(value) => Refusal::field(
            "properties.after",
            format!("after '{value}' must be an ISO 8601 duration such as PT3S."),
        ),
    })?;
    if !service.backends.contains(id) {
        return Err(not_found());
    }
    Ok(empty(StatusCode::ACCEPTED))
}

fn get(place: &str, service: &Service, id: &str) -> Outcome {
    let backend = service.backends.get(id).ok_or_else(not_found)?;
    Ok(with_etag(
        json_answer(StatusCode::OK, &resource(place, &backend)),
        &backend,
    ))
}

fn put(place: &str, service: &mut Service, id: &str, head: &Parts, body: &[u8]) -> Outcome {
    let old = service.backends.get(id);
    // The wildcard asks for an unconditional write, which creates as well; a tag must match what is there.
    if let Some(tags) = head.headers.get(IF_MATCH)
        && tags != "*"
        && !old.as_ref().is_some_and(|old| matches(tags, old))
    {
        return Err(modified());
    }
    let mut properties = properties(json_body(head, body)?)?;
    contract::keep_known(&mut properties);
    properties.retain(|_, value| !value.is_null());
    let status = if old.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    write(place, service, id, properties, status)
}

fn patch(place: &str, service: &mut Service, id: &str, head: &Parts, body: &[u8]) -> Outcome {
    let tags = head.headers.get(IF_MATCH).ok_or_else(if_match_missing)?;
    let old = service.backends.get(id).ok_or_else(not_found)?;
    if !matches(tags, &old) {
        return Err(modified());
    }
    let mut changes = properties(json_body(head, body)?)?;
    contract::keep_known(&mut changes);
    let mut properties = old.properties;
    merge(&mut properties, changes);
    write(place, service, id, properties, StatusCode::OK)
}

fn delete(service: &mut Service, id: &str, head: &Parts) -> Outcome {
    let tags = head.headers.get(IF_MATCH).ok_or_else(if_match_missing)?;
    let Some(old) = service.backends.get(id) else {
        return Ok(empty(StatusCode::NO_CONTENT));
    };
    if !matches(tags, &old) {
        return Err(modified());
    }
    service.backends.delete(id);
    Ok(empty(StatusCode::OK))
}

fn write(place: &str, service: &mut Service, id: &str, properties: Map<String, Value>, status: StatusCode) -> Outcome {
    let problems = contract::backend_problems(&properties);
    if !problems.is_empty() {
        return Err(Refusal::validation(problems));
    }
    let backend = service.backends.put(id, properties);
    Ok(with_etag(json_answer(status, &resource(place, &backend)), &backend))
}

fn list(shared: &Shared, service: &Service, place: &str, secure: bool, head: &Parts) -> Outcome {
    let query = head.uri.query();
    if query_value(query, "$filter").is_some_and(|filter| !filter.is_empty()) {
        return Err(Refusal::field(
            "$filter",
            "The emulator does not filter lists; leave $filter out.",
        ));
    }
    let number = |name: &str, least: usize| match query_value(query, name) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) if number >= least => Ok(Some(number)),
            _ => Err(Refusal::field(
                name,
                format!("{name} '{text}' must be a whole number, {least} or more."),
            )),
        },
    };
    let top: Option<usize> = number("$top", 1)?;
    let skip = number("$skip", 0)?.unwrap_or(0);
    let size = top.unwrap_or(usize::MAX).min(shared.config.page_size);
    let page = service.backends.page(skip, size);
    let total = service.backends.len();
    let mut reply = json!({
        "value": page.iter().map(|backend| resource(place, backend)).collect::<Vec<_>>(),
        "count": total,
    });
    let next = skip.saturating_add(page.len());
    if !page.is_empty() && next < total {
        let version = query_value(query, "api-version").unwrap_or_default();
        let mut link = format!(
            "{}{}?api-version={version}&%24skip={next}",
            base_url(secure, head),
            head.uri.path()
        );
        if let Some(top) = top {
            link.push_str(&format!("&%24top={top}"));
        }
        reply["nextLink"] = link.into();
    }
    Ok(json_answer(StatusCode::OK, &reply))
}

/// A backend as the service shows it: everything but the proxy's password.
fn resource(place: &str, backend: &Backend) -> Value {
    let mut properties = backend.properties.clone();
    if let Some(Value::Object(proxy)) = properties.get_mut("proxy") {
        proxy.remove("password");
    }
    json!({
        "id": format!("{place}/backends/{}", backend.name),
        "type": "Microsoft.ApiManagement/service/backends",
        "name": backend.name,
        "properties": properties,
    })
}

fn with_etag(mut answer: Answer, backend: &Backend) -> Answer {
    if let Ok(tag) = HeaderValue::from_str(&backend.etag()) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

/// Whether an If-Match lets a write on this backend through. Tags are taken with their quotes or without: command
/// lines tend to lose them.
fn matches(tags: &HeaderValue, backend: &Backend) -> bool {
    let etag = backend.etag();
    tags.to_str().is_ok_and(|tags| {
        tags.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_matches('"') == etag.trim_matches('"'))
    })
}

fn if_match_missing() -> Refusal {
    Refusal::field(
        "If-Match",
        "The If-Match header is required: the ETag of the backend, or *.",
    )
}

fn modified() -> Refusal {
    Refusal::new(
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "The backend was changed since it was read: its ETag does not match If-Match.",
    )
}

fn malformed(text: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "InvalidRequestContent",
        format!("The request's body is not the JSON that is expected: {text}."),
    )
}

fn check_content_type(head: &Parts) -> Result<(), Refusal> {
    let given = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UnsupportedMediaType",
        format!("The content type '{given}' is not supported; it must be application/json."),
    ))
}

fn json_body(head: &Parts, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    check_content_type(head)?;
    serde_json::from_slice(body).map_err(|error| malformed(&error.to_string()))
}

fn properties(mut body: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    match body.remove("properties") {
        Some(Value::Object(properties)) => Ok(properties),
        None | Some(Value::Null) => Ok(Map::new()),
        Some(_) => Err(Refusal::field("properties", "properties must be an object.")),
    }
}

/// JSON merge patch (RFC 7396): objects are merged, null removes, all else replaces.
fn merge(target: &mut Map<String, Value>, changes: Map<String, Value>) {
    for (name, change) in changes {
        match change {
            Value::Null => {
                target.remove(&name);
            }
            Value::Object(inner) => {
                let old = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if !old.is_object() {
                    *old = Value::Object(Map::new());
                }
                if let Value::Object(old) = old {
                    merge(old, inner);
                }
            }
            other => {
                target.insert(name, other);
            }
        }
    }
}
