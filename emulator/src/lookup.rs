//! From names in a path to resources, or to the 404 that says which of them is missing.

use std::sync::Arc;

use hyper::StatusCode;

use crate::backend_store::BackendStore;
use crate::replies::Refusal;
use crate::resources::{Group, KnownReferences, Service, Workspace, World, position};
use crate::rules;

/// The names that lead to a service.
#[derive(Clone, Copy)]
pub(crate) struct ServicePath<'a> {
    /// The subscription's place in the world.
    pub(crate) at: u32,
    pub(crate) group: &'a str,
    pub(crate) service: &'a str,
}

/// Where backends are: a service or one of its workspaces.
pub(crate) struct Holder<'w> {
    /// Its resource id.
    pub(crate) id: String,
    /// The type of its backends.
    pub(crate) kind: &'static str,
    /// The service's resource id.
    pub(crate) service_id: String,
    pub(crate) backends: &'w mut BackendStore,
    pub(crate) known: Arc<KnownReferences>,
}

pub(crate) fn group_id(at: u32, group: &str) -> String {
    format!("/subscriptions/{}/resourceGroups/{group}", World::id(at))
}

pub(crate) fn service_id(at: u32, group: &str, service: &str) -> String {
    format!(
        "{}/providers/Microsoft.ApiManagement/service/{service}",
        group_id(at, group)
    )
}

/// API Management's 404.
pub(crate) fn not_found(kind: &str) -> Refusal {
    Refusal::provider(StatusCode::NOT_FOUND, "ResourceNotFound", format!("{kind} not found."))
}

pub(crate) fn group<'w>(world: &'w mut World, at: u32, name: &str) -> Result<&'w mut Group, Refusal> {
    let groups = &mut world.subscription(at).groups;
    match position(groups, name) {
        Some(place) => Ok(&mut groups[place]),
        None => Err(Refusal::manager(
            StatusCode::NOT_FOUND,
            "ResourceGroupNotFound",
            format!("Resource group '{name}' could not be found."),
        )),
    }
}

/// A service, and its resource id in the letters in which its names were first given.
pub(crate) fn service<'w>(world: &'w mut World, path: ServicePath<'_>) -> Result<(String, &'w mut Service), Refusal> {
    let group = group(world, path.at, path.group)?;
    if !rules::is_service_name(path.service) {
        return Err(rules::bad_service_name(path.service));
    }
    let Some(place) = position(&group.services, path.service) else {
        return Err(Refusal::manager(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            format!(
                "The Resource 'Microsoft.ApiManagement/service/{}' under resource group '{}' was not found. For more \
                 details please go to https://aka.ms/ARMResourceNotFoundFix",
                path.service, path.group
            ),
        ));
    };
    let service = &mut group.services[place];
    Ok((service_id(path.at, &group.name, &service.name), service))
}

/// A workspace, and its resource id.
pub(crate) fn workspace<'w>(
    world: &'w mut World,
    path: ServicePath<'_>,
    name: &str,
) -> Result<(String, &'w mut Workspace), Refusal> {
    let (service_id, service) = service(world, path)?;
    let place = position(&service.workspaces, name).ok_or_else(|| not_found("Workspace"))?;
    let workspace = &mut service.workspaces[place];
    Ok((format!("{service_id}/workspaces/{}", workspace.name), workspace))
}

/// The backends of a service or, where one is named, of its workspace.
pub(crate) fn holder<'w>(
    world: &'w mut World,
    path: ServicePath<'_>,
    workspace_name: Option<&str>,
) -> Result<Holder<'w>, Refusal> {
    let known = Arc::clone(&world.known);
    match workspace_name {
        None => {
            let (id, service) = service(world, path)?;
            Ok(Holder {
                service_id: id.clone(),
                id,
                kind: "Microsoft.ApiManagement/service/backends",
                backends: &mut service.backends,
                known,
            })
        }
        Some(name) => {
            let service_id = service(world, path)?.0;
            let (id, workspace) = workspace(world, path, name)?;
            Ok(Holder {
                id,
                kind: "Microsoft.ApiManagement/service/workspaces/backends",
                service_id,
                backends: &mut workspace.backends,
                known,
            })
        }
    }
}
