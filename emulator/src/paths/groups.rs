//! Resource groups. They are deleted at once, with all that is in them.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::filter::Filter;
use crate::replies::{Body, Outcome, Refusal, Reply};
use crate::request::Request;
use crate::resources::{Group, World, position};
use crate::{listing, lookup, rules};

/// `…/resourceGroups`, with Azure's filter `tagName eq 'a' and tagValue eq 'b'`.
pub(crate) fn list(world: &mut World, at: u32, request: &Request<'_>) -> Outcome {
    request.only(&Method::GET)?;
    let filter = listing::manager_filter(request, &["tagName", "tagValue", "name", "location"])?;
    let top = request
        .given("$top")
        .and_then(|text| text.parse().ok())
        .unwrap_or(usize::MAX);
    let groups = world.subscription(at).groups.iter();
    let passing = groups.filter(|group| filter.as_ref().is_none_or(|filter| passes(filter, group)));
    let all: Vec<Value> = passing.take(top).map(|group| resource(at, group)).collect();
    Ok(Reply::json(json!({ "value": all })))
}

/// A group passes with any of its tags, name and value taken together.
fn passes(filter: &Filter, group: &Group) -> bool {
    let with = |tag: Option<(&String, &Value)>| {
        filter.passes(&|field: &str| match field {
            "tagName" => tag.map(|(name, _)| name.as_str()),
            "tagValue" => tag.and_then(|(_, value)| value.as_str()),
            "name" => Some(group.name.as_str()),
            _ => Some(group.location.as_str()),
        })
    };
    group.tags.iter().any(|tag| with(Some(tag))) || (group.tags.is_empty() && with(None))
}

/// `…/resourceGroups/{name}`.
pub(crate) fn one(world: &mut World, at: u32, name: &str, request: &Request<'_>) -> Outcome {
    match *request.method() {
        Method::GET => Ok(Reply::json(resource(at, lookup::group(world, at, name)?))),
        Method::HEAD => {
            lookup::group(world, at, name)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        Method::PUT => put(world, at, name, &request.json()?),
        Method::PATCH => {
            let group = lookup::group(world, at, name)?;
            if let Some(Value::Object(tags)) = request.json()?.remove("tags") {
                group.tags = tags;
            }
            Ok(Reply::json(resource(at, group)))
        }
        Method::DELETE => {
            lookup::group(world, at, name)?;
            let groups = &mut world.subscription(at).groups;
            if let Some(place) = position(groups, name) {
                groups.remove(place);
            }
            Ok(Reply::empty(StatusCode::OK))
        }
        _ => Err(Refusal::method(request.method())),
    }
}

fn put(world: &mut World, at: u32, name: &str, body: &Map<String, Value>) -> Outcome {
    if !rules::is_group_name(name) {
        return Err(Refusal::manager(
            StatusCode::BAD_REQUEST,
            "InvalidResourceGroupName",
            format!(
                "The resource group name '{name}' must have 1 to 90 letters, digits and _-.() and not end with a dot."
            ),
        ));
    }
    let location = rules::location(body)?;
    let groups = &mut world.subscription(at).groups;
    let (place, status) = match position(groups, name) {
        Some(place) => (place, StatusCode::OK),
        None => {
            groups.push(Group {
                name: name.to_owned(),
                location: String::new(),
                tags: Map::new(),
                services: Vec::new(),
            });
            (groups.len() - 1, StatusCode::CREATED)
        }
    };
    let group = &mut groups[place];
    group.location = location;
    if let Some(Value::Object(tags)) = body.get("tags") {
        group.tags.clone_from(tags);
    }
    Ok(Reply::new(status, Body::Compact(resource(at, group))))
}

fn resource(at: u32, group: &Group) -> Value {
    json!({
        "id": lookup::group_id(at, &group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": { "provisioningState": "Succeeded" },
    })
}
