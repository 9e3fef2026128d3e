//! What an operator may tune, each by an environment variable.

use std::time::Duration;

use crate::environment::Environment;
use crate::error::{Error, Result};

/// The widest window that can be asked for.
pub(crate) const WIDEST_WINDOW: u32 = 1024;

/// Limits of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Requests in flight at the most: `AZAPIM_WINDOW`, 1 to 1024, default 64.
    pub window: usize,
    /// How long one try may take, from the first byte sent to the last one read: `AZAPIM_TIMEOUT_SECONDS`, 1 to 3600,
    /// default 30.
    pub timeout: Duration,
    /// How often a request is tried: `AZAPIM_TRIES`, 1 to 20, default 5. Refusals with 429 are counted apart.
    pub tries: u32,
}

impl Tuning {
    /// Reads the variables; one that cannot be used is an error, not a default.
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let number = |name: &str, default: u32, most: u32| match environment.get(name) {
            None => Ok(default),
            Some(text) => match text.trim().parse() {
                Ok(value) if (1..=most).contains(&value) => Ok(value),
                _ => Err(Error::invalid(
                    "InvalidOptions",
                    format!(
                        "{name} is '{text}'. Use a whole number from 1 to {most}, or leave it unset for {default}."
                    ),
                )
                .into_fatal()),
            },
        };
        Ok(Self {
            window: number("AZAPIM_WINDOW", 64, WIDEST_WINDOW)? as usize,
            timeout: Duration::from_secs(number("AZAPIM_TIMEOUT_SECONDS", 30, 3600)?.into()),
            tries: number("AZAPIM_TRIES", 5, 20)?,
        })
    }
}
