//! Backends of a service or a workspace: list, read, write, reset.

use hyper::header::ETAG;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::backend_store::Backend;
use crate::listing::{self, Wanted};
use crate::lookup::{Holder, not_found};
use crate::replies::{Body, Outcome, Refusal, Reply};
use crate::request::Request;
use crate::{etag, rules};

/// `…/backends`.
pub(crate) fn list(holder: &Holder<'_>, request: &Request<'_>, page_size: usize) -> Outcome {
    request.only(&Method::GET)?;
    let wanted = Wanted::of(request, &["name", "title", "url"], page_size)?;
    let (page, total) = match &wanted.filter {
        None => (holder.backends.page(wanted.skip, wanted.count), holder.backends.len()),
        Some(filter) => {
            let mut all = holder.backends.page(0, usize::MAX);
            all.retain(|backend| {
                filter.passes(&|field: &str| match field {
                    "name" => Some(backend.name.as_str()),
                    property => backend.properties.get(property)?.as_str(),
                })
            });
            let total = all.len();
            (all.into_iter().skip(wanted.skip).take(wanted.count).collect(), total)
        }
    };
    let page: Vec<Value> = page.iter().map(|backend| resource(holder, request, backend)).collect();
    Ok(wanted.reply(request, &page, total))
}

/// `…/backends/{id}`.
pub(crate) fn one(holder: &mut Holder<'_>, request: &Request<'_>, id: &str) -> Outcome {
    rules::check_id(id, "backendId")?;
    let old = holder.backends.get(id);
    match *request.method() {
        Method::GET | Method::HEAD => {
            let backend = old.ok_or_else(|| not_found("Backend"))?;
            Ok(show(holder, request, &backend, StatusCode::OK))
        }
        Method::PUT => {
            etag::check_put(request, old.as_ref().map(Backend::etag).as_deref())?;
            let status = if old.is_some() {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            let backend = write(holder, request, id, request.properties()?)?;
            Ok(show(holder, request, &backend, status))
        }
        Method::PATCH => {
            let old = old.ok_or_else(|| not_found("Backend"))?;
            etag::check_change(request, &old.etag())?;
            let mut merged = old.properties;
            merge(&mut merged, request.properties()?);
            let backend = write(holder, request, id, merged)?;
            if listing::is_first_version(request) {
                return Ok(Reply::empty(StatusCode::NO_CONTENT));
            }
            Ok(show(holder, request, &backend, StatusCode::OK))
        }
        Method::DELETE => match old {
            None => {
                etag::check_change(request, "*")?;
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            Some(old) => {
                etag::check_change(request, &old.etag())?;
                holder.backends.delete(id);
                Ok(Reply::empty(StatusCode::OK))
            }
        },
        _ => Err(Refusal::method(request.method())),
    }
}

/// `…/backends/{id}/reconnect`.
pub(crate) fn reconnect(holder: &Holder<'_>, request: &Request<'_>, id: &str) -> Outcome {
    request.only(&Method::POST)?;
    rules::check_id(id, "backendId")?;
    if !request.body.is_empty() {
        rules::check_reconnect(&request.json()?)?;
    }
    if !holder.backends.contains(id) {
        return Err(not_found("Backend"));
    }
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

fn write(
    holder: &mut Holder<'_>,
    request: &Request<'_>,
    id: &str,
    mut properties: Map<String, Value>,
) -> Result<Backend, Refusal> {
    rules::normalise(&mut properties, &holder.service_id, &holder.known);
    // The recorded answers of older versions took one flag.
    let strict_tls = *request.api_version() >= *"2023";
    let problems = rules::backend_problems(&properties, &holder.known, strict_tls);
    if !problems.is_empty() {
        return Err(Refusal::validation(problems));
    }
    Ok(holder.backends.put(id, properties))
}

fn show(holder: &Holder<'_>, request: &Request<'_>, backend: &Backend, status: StatusCode) -> Reply {
    Reply::new(status, Body::Pretty(resource(holder, request, backend))).with(ETAG, &backend.etag())
}

/// A backend as the service shows it: title and description always, url and protocol also of a pool, and members in the
/// service's order.
fn resource(holder: &Holder<'_>, request: &Request<'_>, backend: &Backend) -> Value {
    const FIRST: [&str; 8] = [
        "resourceId",
        "type",
        "url",
        "protocol",
        "credentials",
        "proxy",
        "tls",
        "properties",
    ];
    let mut rest = backend.properties.clone();
    let mut shown = Map::with_capacity(rest.len() + 2);
    for name in ["title", "description"] {
        shown.insert(name.into(), rest.remove(name).unwrap_or_default());
    }
    let pooled = rest.get("type").is_some_and(|kind| kind == "Pool");
    for name in FIRST {
        match rest.shift_remove(name) {
            Some(value) => shown.insert(name.into(), value),
            None if pooled && matches!(name, "url" | "protocol") => shown.insert(name.into(), Value::Null),
            None => None,
        };
    }
    shown.extend(rest);
    if listing::is_first_version(request)
        && let Some(Value::Object(cluster)) = shown
            .get_mut("properties")
            .and_then(|inner| inner.get_mut("serviceFabricCluster"))
        && let Some(thumbprint) = cluster.shift_remove("clientCertificateThumbprint")
    {
        cluster.shift_remove("clientCertificateId");
        cluster.shift_insert(1.min(cluster.len()), "clientCertificateThumbprint".into(), thumbprint);
    }
    json!({
        "id": format!("{}/backends/{}", holder.id, backend.name),
        "type": holder.kind,
        "name": backend.name,
        "properties": shown,
    })
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
