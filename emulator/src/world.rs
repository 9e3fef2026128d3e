//! The resources: subscriptions, their resource groups, the services in those.

use serde_json::{Map, Value};

use crate::backend_store::BackendStore;
use crate::config::Config;

/// The resource group that every subscription starts with.
pub(crate) const SEEDED_GROUP: &str = "Api-Default-WestUS";
/// The service that every subscription starts with.
pub(crate) const SEEDED_SERVICE: &str = "contoso";
/// Where everything is, unless its creator said otherwise.
pub(crate) const LOCATION: &str = "westus";

/// All resources of one emulator.
pub(crate) struct World {
    subscriptions: Vec<Subscription>,
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
}

impl World {
    pub(crate) fn new(config: &Config) -> Self {
        let subscription = |_| Subscription {
            groups: vec![Group {
                name: SEEDED_GROUP.into(),
                location: LOCATION.into(),
                tags: Map::new(),
                services: vec![Service {
                    name: SEEDED_SERVICE.into(),
                    location: LOCATION.into(),
                    given: Map::new(),
                    backends: BackendStore::new(config.backends),
                }],
            }],
        };
        Self {
            subscriptions: (0..config.subscriptions).map(subscription).collect(),
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
}

impl Subscription {
    pub(crate) fn group(&mut self, name: &str) -> Option<&mut Group> {
        self.groups
            .iter_mut()
            .find(|group| group.name.eq_ignore_ascii_case(name))
    }
}

impl Group {
    pub(crate) fn service(&mut self, name: &str) -> Option<&mut Service> {
        self.services
            .iter_mut()
            .find(|service| service.name.eq_ignore_ascii_case(name))
    }
}
