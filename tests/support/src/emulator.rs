//! The emulator, with what a session or another program needs to reach it.

use std::ops::Deref;

use apim_emulator::{Config, Emulator};
use serde_json::{Value, json};

use crate::options::Options;

/// A running emulator. It stops when this is dropped.
pub struct TestEmulator {
    emulator: Emulator,
    ca: Option<tempfile::NamedTempFile>,
    token: String,
}

impl Deref for TestEmulator {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.emulator
    }
}

impl TestEmulator {
    /// Starts an emulator on a free port.
    ///
    /// # Panics
    ///
    /// It cannot be started.
    pub fn start(config: Config) -> Self {
        let emulator = Emulator::start(config).expect("the emulator starts");
        let ca = emulator.ca_pem().map(|pem| {
            let file = tempfile::Builder::new()
                .suffix(".pem")
                .tempfile()
                .expect("a temporary file");
            std::fs::write(file.path(), pem).expect("the certificate is written");
            file
        });
        Self {
            emulator,
            ca,
            token: random_token(),
        }
    }

    /// Plain HTTP on loopback.
    pub fn with_backends(backends: u32) -> Self {
        Self::start(Config {
            backends,
            ..Config::default()
        })
    }

    /// The variables that lead the engine here: endpoint, trusted certificate, subscription, and a token that is
    /// accepted.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AZURE_RESOURCE_MANAGER_ENDPOINT", self.url().to_owned()),
            ("AZURE_SUBSCRIPTION_ID", subscription(1)),
            ("AZURE_ACCESS_TOKEN", self.token.clone()),
        ];
        if let Some(ca) = &self.ca {
            variables.push(("SSL_CERT_FILE", ca.path().display().to_string()));
        }
        variables
    }

    /// Options with that environment.
    pub fn options(&self) -> Options {
        self.environment()
            .into_iter()
            .fold(Options::new(), |options, (name, value)| options.env(name, value))
    }

    /// The token of [`environment`](Self::environment).
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What was sent: `METHOD path-with-query`, and after a space the body, where there is one. In order of arrival.
    pub fn sent(&self) -> Vec<String> {
        let entry = |entry: apim_emulator::JournalEntry| match entry.body.as_str() {
            "" => format!("{} {}", entry.method, entry.path),
            body => format!("{} {} {body}", entry.method, entry.path),
        };
        self.journal().into_iter().map(entry).collect()
    }
}

/// A token that looks like none that was ever issued.
pub fn random_token() -> String {
    format!("test-token-{:032x}", fastrand::u128(..))
}

/// The id of one of the emulator's subscriptions, counted from 1.
pub fn subscription(number: u32) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

/// The resource id of one of the backends that every subscription of the emulator starts with.
pub fn backend_id(subscription_number: u32, backend: impl std::fmt::Display) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso/backends/{backend}",
        subscription(subscription_number)
    )
}

/// The path, with its query, of a backend of the first subscription as requests must have it.
pub fn backend_path(backend: impl std::fmt::Display) -> String {
    format!("{}?api-version=2024-05-01", backend_id(1, backend))
}

/// The path, with its query, of the reset of a backend of the first subscription.
pub fn reset_path(backend: impl std::fmt::Display) -> String {
    format!("{}/reconnect?api-version=2024-05-01", backend_id(1, backend))
}

/// An item that resets a backend of the first subscription.
pub fn item(backend: impl std::fmt::Display) -> Value {
    item_in(1, backend)
}

/// An item that resets a backend of a subscription of the emulator.
pub fn item_in(subscription_number: u32, backend: impl std::fmt::Display) -> Value {
    json!({ "id": backend_id(subscription_number, backend) })
}
