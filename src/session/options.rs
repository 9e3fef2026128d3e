//! What a caller sets for a whole session; `docs/abi.md` says what each member means.

use std::collections::HashMap;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::trace::Level;

/// Who gets the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CredentialSource {
    /// The engine, from what the environment names.
    #[default]
    Environment,
    /// The caller, who answers token requests.
    Host,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    environment: Option<HashMap<String, String>>,
    environment_block: Option<String>,
    #[serde(default)]
    credential: CredentialSource,
    endpoint: Option<String>,
    audience: Option<String>,
    tenant: Option<String>,
    subscription: Option<String>,
    success_events: Option<bool>,
    #[serde(default)]
    trace: Level,
}

/// The options, read.
pub(crate) struct Options {
    pub environment: Environment,
    pub credential: CredentialSource,
    pub endpoint: Option<String>,
    pub audience: Option<String>,
    pub tenant: Option<String>,
    pub subscription: Option<String>,
    pub success_events: bool,
    pub trace: Level,
}

impl Options {
    /// Reads the options. An unknown member is an error: a misspelt one must not be dropped in silence.
    pub fn parse(json: &str) -> Result<Self> {
        let input: Input = serde_json::from_str(json).map_err(|e| {
            // Only the place is told: serde_json's text can quote the input, which holds secrets.
            Error::invalid(
                "InvalidOptions",
                format!(
                    "The session's options are not the JSON object that is expected (line {}, column {}).",
                    e.line(),
                    e.column()
                ),
            )
            .into_fatal()
        })?;
        let environment = match (input.environment, input.environment_block.map(Zeroizing::new)) {
            (None, None) => Environment::of_process(),
            (variables, block) => {
                let listed = variables
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| format!("{name}={value}"));
                let entries: Vec<String> = block.iter().map(|block| block.to_string()).chain(listed).collect();
                Environment::from_block(&Zeroizing::new(entries.join("\0")))
            }
        };
        Ok(Self {
            environment,
            credential: input.credential,
            endpoint: input.endpoint,
            audience: input.audience,
            tenant: input.tenant,
            subscription: input.subscription,
            success_events: input.success_events.unwrap_or(true),
            trace: input.trace,
        })
    }
}
