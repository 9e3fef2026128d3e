//! The options of a session.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Options to start a session with. Its environment is the one given here, never the process's own.
#[derive(Debug, Clone, Default)]
pub struct Options {
    environment: BTreeMap<String, String>,
    members: Map<String, Value>,
}

impl Options {
    /// Options with an empty environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.insert(name.to_owned(), value.to_string());
        self
    }

    /// Takes a variable out of the environment.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Sets a member of the options.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Requests in flight at the most.
    #[must_use]
    pub fn window(self, requests: u32) -> Self {
        self.env("AZAPIM_WINDOW", requests)
    }

    /// Tries of a request at the most.
    #[must_use]
    pub fn tries(self, tries: u32) -> Self {
        self.env("AZAPIM_TRIES", tries)
    }

    /// Time for one try.
    #[must_use]
    pub fn timeout_seconds(self, seconds: u32) -> Self {
        self.env("AZAPIM_TIMEOUT_SECONDS", seconds)
    }

    /// The caller answers token requests.
    #[must_use]
    pub fn caller_credential(self) -> Self {
        self.without_env("AZURE_ACCESS_TOKEN").with("credential", "caller")
    }

    /// Which log events there are.
    #[must_use]
    pub fn trace(self, level: &str) -> Self {
        self.with("trace", level)
    }

    /// The options as the library takes them.
    pub fn to_json(&self) -> String {
        Value::from(self.members.clone()).to_string()
    }

    /// The environment as the library takes it: entries with NUL between them.
    pub fn to_block(&self) -> String {
        let entries = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        entries.collect::<Vec<_>>().join("\0")
    }
}
