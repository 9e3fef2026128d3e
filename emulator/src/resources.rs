//! The resources: subscriptions, their resource groups, the services in those with their workspaces. No HTTP here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::backend_store::BackendStore;

/// The resource group that every subscription starts with.
const SEEDED_GROUP: &str = "Api-Default-WestUS";
/// The service that every subscription starts with.
const SEEDED_SERVICE: &str = "contoso";
/// The workspace that it starts with.
const SEEDED_WORKSPACE: &str = "team";
/// Where everything is, unless its creator said otherwise.
pub(crate) const LOCATION: &str = "westus";

/// All resources of one emulator.
pub(crate) struct World {
    subscriptions: Vec<Subscription>,
    /// What backends may refer to.
    pub(crate) known: Arc<KnownReferences>,
}

/// What the services have that backends refer to. `None`: whatever is named is there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KnownReferences {
    /// The certificates: their thumbprints by their ids.
    pub certificates: Option<BTreeMap<String, String>>,
    /// The named values.
    pub named_values: Option<BTreeSet<String>>,
}

/// One subscription. There are never many groups or services, so they are searched one by one.
pub(crate) struct Subscription {
    pub(crate) groups: Vec<Group>,
}

/// A resource group.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Map<String, Value>,
    pub(crate) services: Vec<Service>,
}

/// An API Management service.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) location: String,
    /// The members that its creator gave beside name and location: `sku`, `properties`, `tags`.
    pub(crate) given: Map<String, Value>,
    pub(crate) backends: BackendStore,
    pub(crate) workspaces: Vec<Workspace>,
}

/// A workspace of a service.
pub(crate) struct Workspace {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) properties: Map<String, Value>,
    pub(crate) backends: BackendStore,
}

/// Something with a name that is found without regard to case.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($kind:ty),*) => {
        $(impl Named for $kind {
            fn name(&self) -> &str {
                &self.name
            }
        })*
    };
}
named!(Group, Service, Workspace);

/// The place of the one with this name.
pub(crate) fn position(all: &[impl Named], name: &str) -> Option<usize> {
    all.iter().position(|one| one.name().eq_ignore_ascii_case(name))
}

impl World {
    /// `subscriptions` of them, with so many backends in each one's service and workspace.
    pub(crate) fn new(subscriptions: u32, backends: u32) -> Self {
        let subscription = |_| {
            let mut service = Service::new(SEEDED_SERVICE, LOCATION.into(), Map::new(), backends);
            service.workspaces.push(Workspace {
                name: SEEDED_WORKSPACE.into(),
                version: 1,
                properties: Map::from_iter([("displayName".to_owned(), "Team".into())]),
                backends: BackendStore::new(backends),
            });
            Subscription {
                groups: vec![Group {
                    name: SEEDED_GROUP.into(),
                    location: LOCATION.into(),
                    tags: Map::new(),
                    services: vec![service],
                }],
            }
        };
        Self {
            subscriptions: (0..subscriptions).map(subscription).collect(),
            known: Arc::default(),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.subscriptions.len() as u32
    }

    /// The place of the subscription with this id among all, if there is one.
    pub(crate) fn position(&self, id: &str) -> Option<u32> {
        let number: u32 = id
            .strip_prefix("00000000-0000-0000-0000-")
            .filter(|digits| digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()?;
        (1..=self.len()).contains(&number).then(|| number - 1)
    }

    /// The id of the subscription at a place.
    pub(crate) fn id(position: u32) -> String {
        format!("00000000-0000-0000-0000-{:012}", position + 1)
    }

    /// The subscription at a place that [`position`](Self::position) gave.
    pub(crate) fn subscription(&mut self, position: u32) -> &mut Subscription {
        &mut self.subscriptions[position as usize]
    }

    /// Whether any subscription has a service of this name; their names are host names, so no two are alike.
    pub(crate) fn has_service(&self, name: &str) -> bool {
        let mut groups = self.subscriptions.iter().flat_map(|subscription| &subscription.groups);
        groups.any(|group| position(&group.services, name).is_some())
    }
}

impl Service {
    pub(crate) fn new(name: &str, location: String, given: Map<String, Value>, backends: u32) -> Self {
        Self {
            name: name.into(),
            location,
            given,
            backends: BackendStore::new(backends),
            workspaces: Vec::new(),
        }
    }
}

impl KnownReferences {
    /// The id and thumbprint of the certificate that this is either of.
    pub(crate) fn certificate(&self, id_or_thumbprint: &str) -> Option<(&str, &str)> {
        let name = id_or_thumbprint.rsplit('/').next().unwrap_or_default();
        self.certificates
            .iter()
            .flatten()
            .find(|(id, thumbprint)| id.eq_ignore_ascii_case(name) || thumbprint.eq_ignore_ascii_case(name))
            .map(|(id, thumbprint)| (id.as_str(), thumbprint.as_str()))
    }
}
