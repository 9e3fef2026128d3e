//! What a source of tokens is given, and what it answers.

use super::token::AccessToken;
use crate::cloud::Cloud;
use crate::environment::Environment;

/// Everything a source needs to ask for a token.
pub(super) struct Context {
    pub env: Environment,
    pub cloud: Cloud,
    pub client: reqwest::Client,
}

/// Why a source gives no token.
pub(super) enum Refusal {
    /// It is not configured here: the next one is tried.
    Unavailable(String),
    /// It is configured and does not work: nothing else is tried.
    Failed(String),
}

/// What a source says when asked for a token.
pub(super) type Attempt = std::result::Result<AccessToken, Refusal>;
