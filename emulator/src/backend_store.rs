//! The backends of one service or workspace. The seeded ones cost nothing until they are changed: they are made up from their
//! number when they are asked for, so that a hundred thousand of them start in no time.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A backend as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Backend {
    /// The id, in the letters in which it was first given.
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) properties: Map<String, Value>,
}

impl Backend {
    /// The ETag, quotes included: the version's eight bytes in Base64, as the service's are.
    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", STANDARD.encode(self.version.to_be_bytes()))
    }

    fn seeded(number: u32) -> Self {
        let Value::Object(properties) = json!({
            "title": format!("Backend {number}"),
            "description": format!("Backend {number} of the emulator's seed"),
            "url": format!("https://backend-{number}.contoso.example/api"),
            "protocol": "http",
        }) else {
            unreachable!("the literal above is an object")
        };
        Self {
            name: number.to_string(),
            version: u64::from(number),
            properties,
        }
    }
}

/// The backends of one service or workspace, found without regard to case.
pub(crate) struct BackendStore {
    seeded: u32,
    /// Seeded backends that were changed, or deleted (`None`).
    changed: HashMap<u32, Option<Backend>>,
    /// All others, by their id in lower case.
    added: BTreeMap<String, Backend>,
    last_version: u64,
}

impl BackendStore {
    /// Backends `1` to `seeded`.
    pub(crate) fn new(seeded: u32) -> Self {
        Self {
            seeded,
            changed: HashMap::new(),
            added: BTreeMap::new(),
            last_version: u64::from(seeded),
        }
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        match self.seed_number(id) {
            Some(number) => self.has_seeded(number),
            None => self.added.contains_key(&id.to_lowercase()),
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Backend> {
        match self.seed_number(id) {
            Some(number) => self.get_seeded(number),
            None => self.added.get(&id.to_lowercase()).cloned(),
        }
    }

    /// Creates or replaces a backend and gives it a new version.
    pub(crate) fn put(&mut self, id: &str, properties: Map<String, Value>) -> Backend {
        self.last_version += 1;
        let backend = Backend {
            name: self.get(id).map_or_else(|| id.to_owned(), |old| old.name),
            version: self.last_version,
            properties,
        };
        match self.seed_number(id) {
            Some(number) => {
                self.changed.insert(number, Some(backend.clone()));
            }
            None => {
                self.added.insert(id.to_lowercase(), backend.clone());
            }
        }
        backend
    }

    /// Deletes a backend, if it is there.
    pub(crate) fn delete(&mut self, id: &str) {
        match self.seed_number(id) {
            Some(number) => {
                self.changed.insert(number, None);
            }
            None => {
                self.added.remove(&id.to_lowercase());
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        let deleted = self.changed.values().filter(|backend| backend.is_none()).count();
        self.seeded as usize - deleted + self.added.len()
    }

    /// Up to `count` backends from the `skip`th on: the seeded ones by number, then the others by id.
    pub(crate) fn page(&self, skip: usize, count: usize) -> Vec<Backend> {
        let seeded = (1..=self.seeded)
            .filter(|&number| self.has_seeded(number))
            .map(Place::Seeded);
        seeded
            .chain(self.added.values().map(Place::Added))
            .skip(skip)
            .take(count)
            .filter_map(|place| match place {
                Place::Seeded(number) => self.get_seeded(number),
                Place::Added(backend) => Some(backend.clone()),
            })
            .collect()
    }

    fn has_seeded(&self, number: u32) -> bool {
        // The lookup is spared while nothing was changed, which is most of the time in a benchmark.
        self.changed.is_empty() || self.changed.get(&number).is_none_or(Option::is_some)
    }

    fn get_seeded(&self, number: u32) -> Option<Backend> {
        match self.changed.get(&number) {
            Some(changed) => changed.clone(),
            None => Some(Backend::seeded(number)),
        }
    }

    /// The number of a seeded backend, deleted or not, if the id is that of one.
    fn seed_number(&self, id: &str) -> Option<u32> {
        if !id.bytes().all(|byte| byte.is_ascii_digit()) || id.starts_with('0') {
            return None;
        }
        id.parse().ok().filter(|number| (1..=self.seeded).contains(number))
    }
}

enum Place<'a> {
    Seeded(u32),
    Added(&'a Backend),
}
