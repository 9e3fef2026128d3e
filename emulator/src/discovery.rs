//! What stands around the backends, as much of it as the SDKs and the Azure CLI ask for: the cloud's endpoints,
//! tenants, subscriptions, resource groups and services.

use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Refusal, json_answer};
use crate::arm::{Outcome, not_allowed};
use crate::backend_store::BackendStore;
use crate::contract;
use crate::exchange::base_url;
use crate::identity::TENANT;
use crate::route::{Route, ServicePath, query_value};
use crate::world::{Group, LOCATION, Service, World};

/// Answers a path outside Azure Resource Manager's hierarchy.
pub(crate) fn answer(secure: bool, head: &Parts) -> Answer {
    if head
        .uri
        .path()
        .trim_end_matches('/')
        .eq_ignore_ascii_case("/metadata/endpoints")
    {
        if head.method != Method::GET {
            return not_allowed("GET").unwrap_or_else(Refusal::into_answer);
        }
        return json_answer(StatusCode::OK, &endpoints(&base_url(secure, head), head));
    }
    Refusal::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        format!("The emulator serves nothing at '{}'.", head.uri.path()),
    )
    .into_answer()
}

/// The cloud's endpoints, by which `az cloud register` and the SDKs learn where to sign in. The emulator is its own
/// authority. Version 2019-05-01 of this call gives a list of clouds; those before and after give one.
fn endpoints(base: &str, head: &Parts) -> Value {
    let cloud = json!({
        "name": "Emulator",
        "resourceManager": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [format!("{base}/")],
            "tenant": TENANT,
            "identityProvider": "AAD",
        },
        "graph": base,
        "graphAudience": format!("{base}/"),
        "gallery": base,
        "portal": base,
        // What the first version calls them.
        "graphEndpoint": base,
        "galleryEndpoint": base,
        "portalEndpoint": base,
        "suffixes": {},
    });
    if query_value(head.uri.query(), "api-version").as_deref() == Some("2019-05-01") {
        json!([cloud])
    } else {
        cloud
    }
}

/// The group of this name, or the 404 that says it is missing.
pub(crate) fn group<'a>(world: &'a mut World, subscription: u32, name: &str) -> Result<&'a mut Group, Refusal> {
    world.subscription(subscription).group(name).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "ResourceGroupNotFound",
            format!("Resource group '{name}' could not be found."),
        )
    })
}

/// Answers a GET of anything above the backends.
pub(crate) fn get(world: &mut World, at: u32, route: &Route<'_>, head: &Parts) -> Outcome {
    let body = match route {
        Route::Tenants => {
            json!({ "value": [{ "id": format!("/tenants/{TENANT}"), "tenantId": TENANT, "tenantCategory": "Home", "displayName": "Emulator" }] })
        }
        Route::Subscriptions => {
            let all: Vec<Value> = (0..world.len()).map(subscription_resource).collect();
            json!({ "value": all, "count": { "type": "Total", "value": all.len() } })
        }
        Route::Subscription { .. } => subscription_resource(at),
        Route::Groups { subscription } => {
            let groups = &world.subscription(at).groups;
            json!({ "value": groups.iter().map(|group| group_resource(subscription, group)).collect::<Vec<_>>() })
        }
        Route::Group {
            subscription,
            group: name,
        } => group_resource(subscription, group(world, at, name)?),
        Route::Services {
            subscription,
            group: name,
        } => {
            let groups = match name {
                Some(name) => std::slice::from_ref(group(world, at, name)?),
                None => world.subscription(at).groups.as_slice(),
            };
            let services: Vec<Value> = groups
                .iter()
                .flat_map(|group| {
                    group
                        .services
                        .iter()
                        .map(|service| service_resource(&service_id(subscription, &group.name, &service.name), service))
                })
                .collect();
            json!({ "value": services })
        }
        _ => return Err(unserved(head.uri.path())),
    };
    Ok(json_answer(StatusCode::OK, &body))
}

/// Answers a PUT of a resource group.
pub(crate) fn put(world: &mut World, at: u32, route: &Route<'_>, body: &Map<String, Value>) -> Outcome {
    let Route::Group {
        subscription,
        group: name,
    } = route
    else {
        return not_allowed("GET, HEAD");
    };
    if !contract::is_group_name(name) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidResourceGroupName",
            format!(
                "The resource group name '{name}' must have 1 to 90 letters, digits and _-.() and not end with a dot."
            ),
        ));
    }
    let groups = world.subscription(at);
    let status = if groups.group(name).is_some() {
        StatusCode::OK
    } else {
        groups.groups.push(Group {
            name: name.to_string(),
            location: String::new(),
            tags: Map::new(),
            services: Vec::new(),
        });
        StatusCode::CREATED
    };
    let group = group(world, at, name)?;
    group.location = location(body)?;
    if let Some(Value::Object(tags)) = body.get("tags") {
        group.tags = tags.clone();
    }
    Ok(json_answer(status, &group_resource(subscription, group)))
}

/// Answers a GET of a service.
pub(crate) fn service(id: &str, service: &Service) -> Answer {
    json_answer(StatusCode::OK, &service_resource(id, service))
}

/// The resource id of a service.
pub(crate) fn service_id(subscription: &str, group: &str, service: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ApiManagement/service/{service}")
}

/// Answers a PUT of a service: at once, where Azure takes half an hour.
pub(crate) fn put_service(world: &mut World, at: u32, path: &ServicePath<'_>, body: &Map<String, Value>) -> Outcome {
    let group = group(world, at, &path.group)?;
    if !contract::is_service_name(&path.service) {
        return Err(Refusal::field(
            "serviceName",
            format!(
                "The service name '{}' must have 1 to 50 letters, digits and hyphens, start with a letter and not end with a hyphen.",
                path.service
            ),
        ));
    }
    let location = location(body)?;
    let given = body
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "sku" | "properties" | "tags"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let status = match group.service(&path.service) {
        Some(service) => {
            (service.location, service.given) = (location, given);
            StatusCode::OK
        }
        None => {
            group.services.push(Service {
                name: path.service.to_string(),
                location,
                given,
                backends: BackendStore::new(0),
            });
            StatusCode::CREATED
        }
    };
    let name = group.name.clone();
    match group.service(&path.service) {
        Some(service) => Ok(json_answer(
            status,
            &service_resource(&service_id(&path.subscription, &name, &service.name), service),
        )),
        None => Err(unserved(&path.service)),
    }
}

fn location(body: &Map<String, Value>) -> Result<String, Refusal> {
    match body.get("location") {
        None => Ok(LOCATION.to_owned()),
        Some(Value::String(location)) if !location.trim().is_empty() => Ok(location.clone()),
        Some(_) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "LocationRequired",
            "location must be the name of a region, as text.",
        )),
    }
}

fn unserved(path: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "InvalidResourceType",
        format!("The emulator has no resource of the type that '{path}' names."),
    )
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
        "subscriptionPolicies": { "locationPlacementId": "Public_2014-09-01", "quotaId": "Internal_2014-09-01", "spendingLimit": "Off" },
        "managedByTenants": [],
    })
}

fn group_resource(subscription: &str, group: &Group) -> Value {
    json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{}", group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": { "provisioningState": "Succeeded" },
    })
}

fn service_resource(id: &str, service: &Service) -> Value {
    let mut properties = match service.given.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => Map::new(),
    };
    properties.insert("provisioningState".into(), "Succeeded".into());
    properties
        .entry("publisherEmail")
        .or_insert_with(|| "apim@contoso.example".into());
    properties.entry("publisherName").or_insert_with(|| "Contoso".into());
    json!({
        "id": id,
        "name": service.name,
        "type": "Microsoft.ApiManagement/service",
        "location": service.location,
        "tags": service.given.get("tags").cloned().unwrap_or_else(|| json!({})),
        "sku": service.given.get("sku").cloned().unwrap_or_else(|| json!({ "name": "Developer", "capacity": 1 })),
        "properties": properties,
    })
}
