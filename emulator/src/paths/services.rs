//! API Management services. They are created, changed and deleted at once, where Azure takes half an hour.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::replies::{Body, Outcome, Refusal, Reply};
use crate::request::Request;
use crate::resources::{Group, Service, World, position};
use crate::{lookup, rules};

/// The services of a resource group, or of a whole subscription.
pub(crate) fn list(world: &mut World, at: u32, group: Option<&str>, request: &Request<'_>) -> Outcome {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refusal::method(request.method()));
    }
    let groups = match group {
        Some(name) => std::slice::from_ref(lookup::group(world, at, name)?),
        None => world.subscription(at).groups.as_slice(),
    };
    let all = groups
        .iter()
        .flat_map(|group| group.services.iter().map(|service| resource(at, group, service)));
    Ok(Reply::json(json!({ "value": all.collect::<Vec<_>>() })))
}

/// `…/service/{name}`.
pub(crate) fn one(world: &mut World, at: u32, group_name: &str, name: &str, request: &Request<'_>) -> Outcome {
    let group = lookup::group(world, at, group_name)?;
    let place = position(&group.services, name);
    match *request.method() {
        Method::PUT => {
            if !rules::is_service_name(name) {
                return Err(rules::bad_service_name(name));
            }
            let mut given = request.json()?;
            let location = rules::location(&given)?;
            given.retain(|member, _| matches!(member.as_str(), "sku" | "properties" | "tags"));
            let status = match place {
                Some(place) => {
                    let service = &mut group.services[place];
                    (service.location, service.given) = (location, given);
                    StatusCode::OK
                }
                None => {
                    group.services.push(Service::new(name, location, given, 0));
                    StatusCode::CREATED
                }
            };
            let place = place.unwrap_or(group.services.len() - 1);
            Ok(show(status, at, group, place))
        }
        Method::DELETE => match place {
            Some(place) => {
                group.services.remove(place);
                Ok(Reply::empty(StatusCode::OK))
            }
            None => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        },
        Method::GET | Method::HEAD | Method::PATCH => {
            let Some(place) = place else {
                return lookup::service(
                    world,
                    lookup::ServicePath {
                        at,
                        group: group_name,
                        service: name,
                    },
                )
                .and(Err(lookup::not_found("Service")));
            };
            if *request.method() == Method::PATCH {
                let old = &mut group.services[place].given;
                for (member, value) in request.json()? {
                    match (old.get_mut(&member), value) {
                        (Some(Value::Object(old)), Value::Object(new)) if member == "properties" => old.extend(new),
                        (_, value) if matches!(member.as_str(), "sku" | "properties" | "tags") => {
                            old.insert(member, value);
                        }
                        _ => {}
                    }
                }
            }
            Ok(show(StatusCode::OK, at, group, place))
        }
        _ => Err(Refusal::method(request.method())),
    }
}

/// `…/providers/Microsoft.ApiManagement/checkNameAvailability`.
pub(crate) fn check_name(world: &World, request: &Request<'_>) -> Outcome {
    request.only(&Method::POST)?;
    let body = request.json()?;
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let (reason, message) = if !rules::is_service_name(name) {
        ("Invalid", format!("{name} is not a valid service name."))
    } else if world.has_service(name) {
        (
            "AlreadyExists",
            format!("{name} is already in use. Please select a different name."),
        )
    } else {
        ("Valid", String::new())
    };
    let body = json!({ "nameAvailable": reason == "Valid", "reason": reason, "message": message });
    Ok(Reply::json(body))
}

fn show(status: StatusCode, at: u32, group: &Group, place: usize) -> Reply {
    Reply::new(status, Body::Compact(resource(at, group, &group.services[place])))
}

fn resource(at: u32, group: &Group, service: &Service) -> Value {
    let mut properties = match service.given.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => Map::new(),
    };
    properties.insert("provisioningState".into(), "Succeeded".into());
    for (name, value) in [("publisherEmail", "apim@contoso.example"), ("publisherName", "Contoso")] {
        properties.entry(name).or_insert_with(|| value.into());
    }
    let given = |name: &str, default: Value| service.given.get(name).cloned().unwrap_or(default);
    json!({
        "id": lookup::service_id(at, &group.name, &service.name),
        "name": service.name,
        "type": "Microsoft.ApiManagement/service",
        "location": service.location,
        "tags": given("tags", json!({})),
        "sku": given("sku", json!({ "name": "Developer", "capacity": 1 })),
        "properties": properties,
    })
}
