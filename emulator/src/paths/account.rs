//! Tenants, subscriptions, and what a subscription says of itself: locations, resource providers, resources.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::replies::{Outcome, Refusal, Reply};
use crate::request::Request;
use crate::resources::World;
use crate::tokens::TENANT;
use crate::{listing, lookup};

/// The namespaces that are served, each with its types.
const PROVIDERS: [(&str, &[&str]); 2] = [
    (
        "Microsoft.ApiManagement",
        &[
            "service",
            "service/backends",
            "service/workspaces",
            "service/workspaces/backends",
            "checkNameAvailability",
            "operations",
        ],
    ),
    (
        "Microsoft.Resources",
        &["tenants", "subscriptions", "resourceGroups", "resources"],
    ),
];

const API_VERSIONS: [&str; 8] = [
    "2024-05-01",
    "2023-05-01-preview",
    "2022-08-01",
    "2021-08-01",
    "2020-12-01",
    "2019-12-01",
    "2019-01-01",
    "2018-01-01",
];

pub(crate) fn tenants() -> Reply {
    let tenant = json!({
        "id": format!("/tenants/{TENANT}"), "tenantId": TENANT, "tenantCategory": "Home", "displayName": "Emulator",
    });
    Reply::json(json!({ "value": [tenant] }))
}

pub(crate) fn subscriptions(world: &World) -> Reply {
    let all: Vec<Value> = (0..world.len()).map(subscription_resource).collect();
    Reply::json(json!({ "value": all, "count": { "type": "Total", "value": all.len() } }))
}

pub(crate) fn subscription(at: u32) -> Reply {
    Reply::json(subscription_resource(at))
}

pub(crate) fn locations(at: u32) -> Reply {
    let all = [("westus", "West US"), ("westeurope", "West Europe")].map(|(name, shown)| {
        json!({
            "id": format!("/subscriptions/{}/locations/{name}", World::id(at)),
            "name": name,
            "type": "Region",
            "displayName": shown,
            "regionalDisplayName": shown,
            "metadata": { "regionType": "Physical", "regionCategory": "Recommended" },
        })
    });
    Reply::json(json!({ "value": all }))
}

pub(crate) fn providers(at: u32) -> Reply {
    let all = PROVIDERS.map(|(namespace, types)| provider_resource(at, namespace, types));
    Reply::json(json!({ "value": all }))
}

/// `…/providers/{namespace}`, and its registration, which is there from the start.
pub(crate) fn provider(at: u32, name: &str) -> Outcome {
    let known = PROVIDERS
        .iter()
        .find(|(namespace, _)| namespace.eq_ignore_ascii_case(name));
    match known {
        Some((namespace, types)) => Ok(Reply::json(provider_resource(at, namespace, types))),
        None => Err(unknown_namespace(name)),
    }
}

/// The resources of a subscription or a group: its services, filtered by name, type, location or group.
pub(crate) fn resources(world: &mut World, at: u32, group: Option<&str>, request: &Request<'_>) -> Outcome {
    const KIND: &str = "Microsoft.ApiManagement/service";
    let groups = match group {
        Some(name) => std::slice::from_ref(lookup::group(world, at, name)?),
        None => world.subscription(at).groups.as_slice(),
    };
    let filter = listing::manager_filter(request, &["name", "resourceType", "location", "resourceGroup"])?;
    let mut all = Vec::new();
    for group in groups {
        for service in &group.services {
            let passes = filter.as_ref().is_none_or(|filter| {
                filter.passes(&|field: &str| {
                    Some(match field {
                        "name" => service.name.as_str(),
                        "resourceType" => KIND,
                        "location" => service.location.as_str(),
                        _ => group.name.as_str(),
                    })
                })
            });
            if passes {
                all.push(json!({
                    "id": lookup::service_id(at, &group.name, &service.name),
                    "name": service.name,
                    "type": KIND,
                    "location": service.location,
                    "tags": service.given.get("tags").cloned().unwrap_or_else(|| json!({})),
                }));
            }
        }
    }
    Ok(Reply::json(json!({ "value": all })))
}

/// A namespace that Azure does not know.
pub(crate) fn unknown_namespace(name: &str) -> Refusal {
    Refusal::manager(
        StatusCode::NOT_FOUND,
        "InvalidResourceNamespace",
        format!("The resource namespace '{name}' is invalid."),
    )
}

/// A type that is not served, in Azure's words for one that is not there.
pub(crate) fn unknown_type(kind: &str, namespace: &str, version: &str) -> Refusal {
    Refusal::manager(
        StatusCode::NOT_FOUND,
        "InvalidResourceType",
        format!(
            "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'."
        ),
    )
}

fn provider_resource(at: u32, namespace: &str, types: &[&str]) -> Value {
    let types: Vec<Value> = types
        .iter()
        .map(|name| {
            json!({ "resourceType": name, "locations": ["West US", "West Europe"], "apiVersions": API_VERSIONS, "capabilities": "None" })
        })
        .collect();
    json!({
        "id": format!("/subscriptions/{}/providers/{namespace}", World::id(at)),
        "namespace": namespace,
        "resourceTypes": types,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    })
}

fn subscription_resource(at: u32) -> Value {
    let id = World::id(at);
    json!({
        "id": format!("/subscriptions/{id}"),
        "subscriptionId": id,
        "tenantId": TENANT,
        "displayName": format!("Emulator subscription {}", at + 1),
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01", "quotaId": "Internal_2014-09-01", "spendingLimit": "Off",
        },
        "managedByTenants": [],
    })
}
