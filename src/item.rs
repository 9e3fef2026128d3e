//! One item of a session, from the JSON of the ABI to what is to be sent. All checks of input are made here, before
//! anything is queued.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use engine_core::step::{Known, Plan};

use crate::error::{Error, Result};
use crate::json::{self, Json, Text};
use crate::resource_id::{BackendRef, ServiceRef};
use crate::settings::Settings;
use crate::target::Target;

/// What an item asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Default)]
struct Input<'a> {
    action: Option<Action>,
    id: Option<Text<'a>>,
    backend_id: Option<Text<'a>>,
    resource_group: Option<Text<'a>>,
    service: Option<Text<'a>>,
    workspace: Option<Text<'a>>,
    subscription: Option<Text<'a>>,
    next_link: Option<Text<'a>>,
    after: Option<i64>,
    settings: Option<Json<'a>>,
    pass_thru: Option<bool>,
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
    /// The PATCH's body, where settings are to be changed; taken out once it is not needed any more.
    settings: Option<Mutex<Option<Bytes>>>,
    /// Read the backend after the reset.
    pub pass_thru: bool,
}

/// What an item asks for, checked, for a person to read.
pub(crate) struct Outline {
    pub action: Action,
    pub target: Target,
    /// The subscription, where the item names one.
    pub subscription: Option<String>,
    /// Seconds until the reset.
    pub after: Option<u32>,
    /// What is changed first ([`Settings::changes`]).
    pub changes: Vec<String>,
}

/// What the items of a session have in common.
#[derive(Clone, Copy)]
pub(crate) struct Defaults<'a> {
    /// Azure Resource Manager's base URL, without a slash at its end. Where there is none, a next page may be anywhere.
    pub endpoint: Option<&'a str>,
    /// The current subscription, or why there is none.
    pub subscription: &'a Result<String>,
}

/// Where the item's first request goes.
struct Place {
    path: String,
    subscription: String,
}

impl Item {
    /// Reads and checks an item. An error names the backend as far as the item does.
    pub fn parse(json: &str, defaults: &Defaults) -> Result<Self> {
        let input = Input::read(json)?;
        let checked = || {
            let Checked { settings, after, place } = input.check(defaults)?;
            Ok(Self {
                action: input.action.unwrap_or_default(),
                path: place.path.into(),
                subscription: place.subscription.into_boxed_str(),
                after,
                // The bytes stay in the memory that is wiped when the last one to use them is done.
                settings: settings.map(|settings| Mutex::new(Some(Bytes::from_owner(settings.to_body())))),
                pass_thru: input.pass_thru.unwrap_or(false),
            })
        };
        checked().map_err(|error: Error| error.about(input.target(), input.nothing_sent()))
    }

    /// The requests that the item needs.
    pub fn plan(&self) -> Plan {
        plan(self.action, self.settings.is_some(), self.pass_thru)
    }

    /// The body of the PATCH.
    pub fn settings_body(&self) -> Option<Bytes> {
        let body = self.settings.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        body.clone()
    }

    /// Lets go of the PATCH's body, which may hold secrets.
    pub fn forget_settings(&self) {
        if let Some(settings) = &self.settings {
            settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// The body of the reset; none where the service's own default of the time is wanted.
    pub fn reset_body(&self) -> Option<Bytes> {
        let seconds = self.after?;
        Some(format!(r#"{{"properties":{{"after":"PT{seconds}S"}}}}"#).into())
    }

    /// Reads and checks an item as [`Item::parse`] does, for a session that has a subscription.
    pub fn outline(json: &str) -> Result<Outline> {
        let input = Input::read(json)?;
        let checked = || {
            let any = Ok("00000000-0000-0000-0000-000000000000".to_owned());
            let Checked { settings, after, place } = input.check(&Defaults {
                endpoint: None,
                subscription: &any,
            })?;
            let named = input.id.is_some() || input.next_link.is_some() || input.subscription.is_some();
            let target = Target::of_path(&place.path)
                .ok_or_else(|| Error::invalid("InvalidItem", "The nextLink names no API Management service."))?;
            Ok(Outline {
                action: input.action.unwrap_or_default(),
                target,
                subscription: named.then_some(place.subscription),
                after,
                changes: settings.map(|settings| settings.changes()).unwrap_or_default(),
            })
        };
        checked().map_err(|error: Error| error.about(input.target(), input.nothing_sent()))
    }
}

/// What an item's members say, checked.
struct Checked<'a> {
    settings: Option<Settings<'a>>,
    after: Option<u32>,
    place: Place,
}

/// The requests that an action needs.
fn plan(action: Action, settings: bool, pass_thru: bool) -> Plan {
    let reset = action == Action::Reset;
    Plan {
        settings: reset && settings,
        reset,
        get: !reset || pass_thru,
    }
}

impl<'a> Input<'a> {
    fn read(json: &'a str) -> Result<Self> {
        let members = json::object(json).map_err(|(line, column)| {
            let why = format!("The item is not a JSON object (line {line}, column {column}).");
            Error::invalid("InvalidItem", why)
        })?;
        let mut input = Self::default();
        for (name, value) in members {
            if value.is_null() {
                continue;
            }
            let name: &str = &name;
            let once = match name {
                "id" => set(&mut input.id, value.text()),
                "backendId" => set(&mut input.backend_id, value.text()),
                "resourceGroup" => set(&mut input.resource_group, value.text()),
                "service" => set(&mut input.service, value.text()),
                "workspace" => set(&mut input.workspace, value.text()),
                "subscription" => set(&mut input.subscription, value.text()),
                "nextLink" => set(&mut input.next_link, value.text()),
                "action" => set(&mut input.action, value.text().and_then(|text| Action::named(&text))),
                "after" => set(&mut input.after, value.integer()),
                "settings" => set(&mut input.settings, Some(value)),
                "passThru" => set(&mut input.pass_thru, value.boolean()),
                _ => return Err(json::unknown_member("InvalidItem", "The item", name)),
            };
            let wanted = match name {
                "action" => "\"reset\", \"get\" or \"list\"",
                "after" => "a whole number",
                "passThru" => "true or false",
                _ => "a string",
            };
            match once {
                Some(true) => {}
                Some(false) => {
                    let why = format!("The item has the member '{name}' twice.");
                    return Err(Error::invalid("InvalidItem", why));
                }
                None => {
                    let why = format!("The item's member '{name}' is {}. It must be {wanted}.", value.kind());
                    return Err(Error::invalid("InvalidItem", why));
                }
            }
        }
        Ok(input)
    }

    /// What an error about the item names, as far as the item says it.
    fn target(&self) -> Option<Target> {
        let owned = |text: &Option<Text>| text.as_deref().map(str::to_owned);
        if let Some(link) = &self.next_link {
            return Target::of_path(&link[link.find("/subscriptions/")?..]);
        }
        if let Some(id) = &self.id {
            return Target::of_id(id);
        }
        Some(Target {
            backend_id: owned(&self.backend_id),
            service: owned(&self.service)?,
            resource_group: owned(&self.resource_group)?,
            workspace: owned(&self.workspace),
        })
    }

    fn nothing_sent(&self) -> Known {
        Known::nothing_done(plan(
            self.action.unwrap_or_default(),
            self.settings.is_some(),
            self.pass_thru.unwrap_or(false),
        ))
    }

    /// Checks what the members say. Settings and time before the names: a caller can check what holds for many items by
    /// itself.
    fn check(&self, defaults: &Defaults) -> Result<Checked<'a>> {
        Ok(Checked {
            settings: self.settings.map(Settings::read).transpose()?.flatten(),
            after: self.after.map(check_after).transpose()?,
            place: self.place(defaults)?,
        })
    }

    fn place(&self, defaults: &Defaults) -> Result<Place> {
        let backend = match (self.action.unwrap_or_default(), &self.next_link) {
            (Action::List, Some(link)) => return page(link, defaults.endpoint),
            (Action::List, None) => {
                let service = self.service(defaults)?;
                return Ok(Place {
                    path: service.backends_path(),
                    subscription: service.subscription.to_lowercase(),
                });
            }
            (_, Some(_)) => return Err(Error::invalid("InvalidItem", "Only a list takes a nextLink.")),
            (_, None) => match &self.id {
                Some(id) => {
                    let backend = BackendRef::parse(id)?;
                    self.check_same(&backend)?;
                    backend
                }
                None => BackendRef::new(self.service(defaults)?, self.backend_id.as_deref().unwrap_or_default())?,
            },
        };
        Ok(Place {
            path: backend.path(),
            subscription: backend.service.subscription.to_lowercase(),
        })
    }

    fn service<'b>(&'b self, defaults: &Defaults<'b>) -> Result<ServiceRef<'b>> {
        let subscription = match &self.subscription {
            Some(subscription) => subscription,
            None => defaults.subscription.as_ref().map_err(Clone::clone)?.as_str(),
        };
        ServiceRef::new(
            subscription,
            self.resource_group.as_deref().unwrap_or_default(),
            self.service.as_deref().unwrap_or_default(),
            self.workspace.as_deref(),
        )
    }

    fn check_same(&self, backend: &BackendRef) -> Result<()> {
        match self.backend_id.as_deref() {
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
}

impl Action {
    fn named(name: &str) -> Option<Self> {
        match name {
            "reset" => Some(Self::Reset),
            "get" => Some(Self::Get),
            "list" => Some(Self::List),
            _ => None,
        }
    }
}

/// Puts a value in its place. None: it has the wrong type; false: one is there already.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> Option<bool> {
    Some(place.replace(value?).is_none())
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

/// The path and subscription of a page that the service itself linked to. A link to another host is refused: the
/// token would go there.
fn page(link: &str, endpoint: Option<&str>) -> Result<Place> {
    let refused = || {
        let shown = crate::secret::mask_user_info(link);
        Error::invalid(
            "InvalidItem",
            format!("'{shown}' is not a page of this service's backends."),
        )
    };
    let link = url::Url::parse(link).map_err(|_| refused())?;
    let home = match endpoint {
        Some(endpoint) => url::Url::parse(endpoint).map_err(|_| refused())?,
        None => link.join("/").map_err(|_| refused())?,
    };
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
    Ok(Place {
        path: format!("{path}{query}"),
        subscription,
    })
}
