//! Workspaces of a service.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::ETAG;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::backend_store::BackendStore;
use crate::listing::Wanted;
use crate::lookup::not_found;
use crate::replies::{Body, Outcome, Refusal, Reply};
use crate::request::Request;
use crate::resources::{Service, Workspace, position};
use crate::{etag, rules};

/// `…/workspaces`.
pub(crate) fn list(id: &str, service: &Service, request: &Request<'_>, page_size: usize) -> Outcome {
    request.only(&Method::GET)?;
    let wanted = Wanted::of(request, &["name", "displayName", "description"], page_size)?;
    let passing: Vec<&Workspace> = service
        .workspaces
        .iter()
        .filter(|workspace| {
            wanted.filter.as_ref().is_none_or(|filter| {
                filter.passes(&|field: &str| match field {
                    "name" => Some(workspace.name.as_str()),
                    property => workspace.properties.get(property)?.as_str(),
                })
            })
        })
        .collect();
    let page = passing.iter().skip(wanted.skip).take(wanted.count);
    let page: Vec<Value> = page.map(|workspace| resource(id, workspace)).collect();
    Ok(wanted.reply(request, &page, passing.len()))
}

/// `…/workspaces/{name}`.
pub(crate) fn one(id: &str, service: &mut Service, request: &Request<'_>, name: &str) -> Outcome {
    rules::check_id(name, "workspaceId")?;
    let place = position(&service.workspaces, name);
    let old = place.map(|place| &mut service.workspaces[place]);
    let old_etag = old.as_ref().map(|workspace| etag_of(workspace));
    match (request.method().clone(), old) {
        (Method::GET | Method::HEAD, Some(old)) => Ok(show(id, old, StatusCode::OK)),
        (Method::PUT, old) => {
            etag::check_put(request, old_etag.as_deref())?;
            let properties = request.properties()?;
            if properties
                .get("displayName")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(Refusal::field("displayName", "'displayName' should not be empty."));
            }
            if let Some(old) = old {
                old.properties = properties;
                old.version += 1;
                return Ok(show(id, old, StatusCode::OK));
            }
            let workspace = Workspace {
                name: name.to_owned(),
                version: 1,
                properties,
                backends: BackendStore::new(0),
            };
            let reply = show(id, &workspace, StatusCode::CREATED);
            service.workspaces.push(workspace);
            Ok(reply)
        }
        (Method::PATCH, Some(old)) => {
            etag::check_change(request, &etag_of(old))?;
            old.properties.extend(request.properties()?);
            old.version += 1;
            Ok(show(id, old, StatusCode::OK))
        }
        (Method::DELETE, _) => {
            etag::check_change(request, old_etag.as_deref().unwrap_or("*"))?;
            match place {
                Some(place) => service.workspaces.remove(place),
                None => return Ok(Reply::empty(StatusCode::NO_CONTENT)),
            };
            Ok(Reply::empty(StatusCode::OK))
        }
        (Method::GET | Method::HEAD | Method::PATCH, None) => Err(not_found("Workspace")),
        (method, _) => Err(Refusal::method(&method)),
    }
}

fn etag_of(workspace: &Workspace) -> String {
    format!("\"{}\"", STANDARD.encode(workspace.version.to_be_bytes()))
}

fn show(service_id: &str, workspace: &Workspace, status: StatusCode) -> Reply {
    Reply::new(status, Body::Pretty(resource(service_id, workspace))).with(ETAG, &etag_of(workspace))
}

fn resource(service_id: &str, workspace: &Workspace) -> Value {
    json!({
        "id": format!("{service_id}/workspaces/{}", workspace.name),
        "type": "Microsoft.ApiManagement/service/workspaces",
        "name": workspace.name,
        "properties": workspace.properties,
    })
}
