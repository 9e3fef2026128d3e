//! One item of a session, from the JSON of the ABI to what is to be sent. All checks of input are made here, before
//! anything is queued.

use std::borrow::Cow;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::resource_id::{BackendRef, ServiceRef};
use crate::settings::Settings;

/// What an item asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    /// Reset the backend's connections, changing its settings first where the item has some.
    #[default]
    Reset,
    /// Read the backend.
    Get,
    /// Read one page of the service's backends.
    List,
}

/// The item as the caller wrote it; `docs/abi.md` says what each member means.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input<'a> {
    #[serde(default)]
    operation: Action,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    backend_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource_group: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    subscription: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    next_link: Option<Cow<'a, str>>,
    #[serde(default)]
    after: Option<i64>,
    #[serde(borrow, default)]
    settings: Option<Settings<'a>>,
    #[serde(default)]
    pass_thru: bool,
}

/// An item that can be sent.
pub(crate) struct Item {
    pub action: Action,
    /// The encoded path of the backend (`List`: of the page, with its query), from the endpoint's root.
    pub path: Box<str>,
    /// Which subscription's throttle it counts against, in lower case.
    pub subscription: Box<str>,
    /// Seconds until the reset; none: the service's default.
    pub after: Option<u32>,
    /// The PATCH's body, where settings are to be changed.
    pub settings: Option<Zeroizing<Vec<u8>>>,
    /// Read the backend after the reset.
    pub pass_thru: bool,
}

/// What the items of a session have in common.
pub(crate) struct Defaults<'a> {
    /// Azure Resource Manager's base URL, without a slash at its end.
    pub endpoint: &'a str,
    /// The current subscription, or why there is none.
    pub subscription: &'a Result<String>,
}

impl Item {
    /// Reads and checks an item.
    pub fn parse(json: &str, defaults: &Defaults) -> Result<Self> {
        // serde_json's text can quote the input, which may hold a secret: only the place is told.
        let malformed = |line, column| {
            let why = format!("The item is not the JSON object that is expected (line {line}, column {column}).");
            Error::invalid("InvalidItem", why)
        };
        // serde also reads a struct from an array, in the order of its members: nothing that is documented.
        if !json.trim_start().starts_with('{') {
            return Err(malformed(1, 1));
        }
        let input: Input = serde_json::from_str(json).map_err(|e| malformed(e.line(), e.column()))?;
        let after = input.after.map(check_after).transpose()?;
        let settings = match input.settings {
            Some(settings) if !settings.is_empty() => Some(settings.into_body()?),
            _ => None,
        };
        let (path, subscription) = match (input.operation, &input.next_link) {
            (Action::List, Some(link)) => page(link, defaults.endpoint)?,
            (Action::List, None) => {
                let service = service(&input.subscription, &input.resource_group, &input.service, defaults)?;
                (service.backends_path(), service.subscription.to_lowercase())
            }
            (_, Some(_)) => {
                return Err(Error::invalid("InvalidItem", "Only a list takes a nextLink."));
            }
            (_, None) => {
                let backend = match &input.id {
                    Some(id) => {
                        let backend = BackendRef::parse(id)?;
                        check_same(&backend, input.backend_id.as_deref())?;
                        backend
                    }
                    None => BackendRef::new(
                        service(&input.subscription, &input.resource_group, &input.service, defaults)?,
                        input.backend_id.as_deref().unwrap_or_default(),
                    )?,
                };
                (backend.path(), backend.service.subscription.to_lowercase())
            }
        };
        Ok(Self {
            action: input.operation,
            path: path.into_boxed_str(),
            subscription: subscription.into_boxed_str(),
            after,
            settings,
            pass_thru: input.pass_thru,
        })
    }
}

fn service<'a>(
    subscription: &'a Option<Cow<'a, str>>,
    resource_group: &'a Option<Cow<'a, str>>,
    service: &'a Option<Cow<'a, str>>,
    defaults: &'a Defaults,
) -> Result<ServiceRef<'a>> {
    let subscription = match subscription {
        Some(subscription) => subscription,
        None => defaults.subscription.as_ref().map_err(Clone::clone)?.as_str(),
    };
    ServiceRef::new(
        subscription,
        resource_group.as_deref().unwrap_or_default(),
        service.as_deref().unwrap_or_default(),
    )
}

fn check_after(seconds: i64) -> Result<u32> {
    match u32::try_from(seconds) {
        Ok(valid) if valid <= i32::MAX as u32 => Ok(valid),
        _ => Err(Error::invalid(
            "InvalidTimeUntilReset",
            format!(
                "{seconds} seconds until the reset cannot be. Use 0 or more, up to {}.",
                i32::MAX
            ),
        )),
    }
}

fn check_same(backend: &BackendRef, named: Option<&str>) -> Result<()> {
    match named {
        Some(named) if named.to_lowercase() != backend.backend.to_lowercase() => Err(Error::invalid(
            "BackendIdMismatch",
            format!(
                "The backend id '{named}' and the resource id name two backends: the resource id's is '{}'. Leave the backend id out, or name the same.",
                backend.backend
            ),
        )),
        _ => Ok(()),
    }
}

/// The path and subscription of a page that the service itself linked to. A link to another host is refused: the
/// token would go there.
fn page(link: &str, endpoint: &str) -> Result<(String, String)> {
    let refused = || {
        Error::invalid(
            "InvalidItem",
            format!("'{link}' is not a page of this service's backends."),
        )
    };
    let link = url::Url::parse(link).map_err(|_| refused())?;
    let home = url::Url::parse(endpoint).map_err(|_| refused())?;
    // What comes first is the endpoint's own path, which is put before every request's.
    let path = link
        .path()
        .strip_prefix(home.path().trim_end_matches('/'))
        .ok_or_else(refused)?;
    let mut segments = path.split('/').skip(1);
    let (first, subscription) = (segments.next(), segments.next());
    if link.origin() != home.origin() || !first.is_some_and(|s| s.eq_ignore_ascii_case("subscriptions")) {
        return Err(refused());
    }
    let subscription = subscription.ok_or_else(refused)?.to_lowercase();
    let query = link.query().map(|q| format!("?{q}")).unwrap_or_default();
    Ok((format!("{path}{query}"), subscription))
}
