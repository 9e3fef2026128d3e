//! The three places that a session's tokens can come from.

use std::sync::Arc;
use std::time::SystemTime;

use super::caller::CallerTokens;
use super::chain::{Chain, Source};
use super::token::{self, AccessToken, Token};
use crate::environment::Environment;
use crate::error::{Category, Error, Result};
use crate::secret::Secret;

const ACCESS_TOKEN_VARIABLE: &str = "AZURE_ACCESS_TOKEN";

/// Where tokens come from.
pub(super) enum Origin {
    /// `AZURE_ACCESS_TOKEN`: one token, which cannot be renewed.
    Variable(Arc<Token>),
    /// What the Azure SDKs would use.
    Chain(Chain),
    /// The caller of the ABI.
    Caller {
        tokens: Arc<CallerTokens>,
        audience: String,
        tenant: Option<String>,
    },
}

/// A token, and the source of the chain that gave it.
pub(super) struct Issued {
    pub token: Arc<Token>,
    pub source: Option<Source>,
}

impl Origin {
    /// The token in `AZURE_ACCESS_TOKEN`, where that is set.
    pub fn variable(env: &Environment) -> Result<Option<Self>> {
        let Some(value) = env.get(ACCESS_TOKEN_VARIABLE) else {
            return Ok(None);
        };
        let secret = Secret::new(value.trim().to_owned());
        let expires_on = token::expiry_of(&secret);
        let token = ready(AccessToken { secret, expires_on }, ACCESS_TOKEN_VARIABLE)?;
        Ok(Some(Self::Variable(token)))
    }

    /// Asks for a token. `refresh`: an earlier one ran out or was refused. `winner`: the source that gave that one.
    pub async fn ask(&self, refresh: bool, winner: Option<Source>) -> Result<Issued> {
        let (token, source) = match self {
            // One that has ended is reported as that, below, also where the service noticed it first.
            Self::Variable(token) if refresh && token.is_usable(SystemTime::now()) => {
                return Err(authentication_failed(format!(
                    "The service did not accept the token in {ACCESS_TOKEN_VARIABLE}. Put a new one there, issued for this cloud's Azure Resource Manager."
                )));
            }
            Self::Variable(token) => (Arc::clone(token), None),
            Self::Chain(chain) => {
                let (source, token) = chain.token(winner).await?;
                (ready(token, &self.name(Some(source)))?, Some(source))
            }
            Self::Caller {
                tokens,
                audience,
                tenant,
            } => {
                let token = tokens.ask(audience, tenant.as_deref(), refresh).await?;
                (ready(token, &self.name(None))?, None)
            }
        };
        if token.is_usable(SystemTime::now()) {
            return Ok(Issued { token, source });
        }
        let way_out = match self {
            Self::Variable(_) => "put a new one there",
            Self::Chain(_) | Self::Caller { .. } => "sign in again",
        };
        Err(authentication_failed(format!(
            "The token of {} has expired: {way_out}, or set this machine's clock right.",
            self.name(source)
        )))
    }

    /// Which source the tokens come from, for people. That of a chain is known once it gave a token.
    pub fn name(&self, winner: Option<Source>) -> String {
        match self {
            Self::Variable(_) => ACCESS_TOKEN_VARIABLE.to_owned(),
            Self::Chain(chain) => chain.name(winner),
            Self::Caller { .. } => "Az.Accounts".to_owned(),
        }
    }

    /// Whether asking again can bring another token.
    pub fn is_renewable(&self) -> bool {
        !matches!(self, Self::Variable(_))
    }
}

fn ready(token: AccessToken, source: &str) -> Result<Arc<Token>> {
    Token::new(token).map(Arc::new).ok_or_else(|| {
        Error::new(
            "CredentialUnavailable",
            Category::AuthenticationError,
            format!(
                "What {source} gave is not a token: it is empty or has characters that no token has (a space or a line break, say)."
            ),
        )
        .into_fatal()
    })
}

fn authentication_failed(message: String) -> Error {
    Error::new("AuthenticationFailed", Category::AuthenticationError, message).into_fatal()
}
