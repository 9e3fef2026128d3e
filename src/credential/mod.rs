//! Who is calling: where tokens come from, and the cache that every request takes its token from.

mod attempt;
mod blocking;
mod cache;
mod caller;
mod chain;
mod client_certificate;
mod command_line;
mod managed_identity;
mod origin;
mod sdk;
mod service_principal;
mod token;

use std::sync::Arc;

pub(crate) use caller::{CallerTokens, TokenRequest};
pub(crate) use token::Token;

use attempt::Context;
use cache::{Key, Lease};
use chain::Chain;
use origin::Origin;

use crate::azure_cli;
use crate::cloud::Cloud;
use crate::environment::Environment;
use crate::error::Result;

/// Gives a session's tokens, from any thread. Sessions with the same environment, authority and audience share theirs.
pub(crate) struct TokenSource {
    origin: Arc<Origin>,
    lease: Lease,
}

impl TokenSource {
    /// `AZURE_ACCESS_TOKEN` where it is set, else what the Azure SDKs would use here. Asks nobody yet.
    pub fn from_environment(env: &Environment, cloud: &Cloud, client: reqwest::Client) -> Result<Self> {
        if let Some(origin) = Origin::variable(env)? {
            return Ok(Self {
                origin: Arc::new(origin),
                lease: Lease::own(),
            });
        }
        let key = Key {
            authority: cloud.authority.clone(),
            audience: cloud.audience.clone(),
            environment: env.fingerprint(),
            signed_in: [azure_cli::profile(env), azure_cli::developer_account(env)]
                .map(|file| std::fs::metadata(file?).ok()?.modified().ok()),
        };
        let context = Context {
            env: env.clone(),
            cloud: cloud.clone(),
            client,
        };
        Ok(Self {
            origin: Arc::new(Origin::Chain(Chain::new(context)?)),
            lease: Lease::shared(key)?,
        })
    }

    /// The caller of the ABI answers, for the given audience and tenant.
    pub fn caller(tokens: Arc<CallerTokens>, audience: String, tenant: Option<String>) -> Self {
        Self {
            origin: Arc::new(Origin::Caller {
                tokens,
                audience,
                tenant,
            }),
            lease: Lease::own(),
        }
    }

    /// A token that is good now: the one in use, or a new one, asked for once however many wait for it. One that nears
    /// its end is still given, while the next one is asked for. The question is taken back when nobody waits for it.
    pub async fn token(&self) -> Result<Arc<Token>> {
        match self.try_current() {
            Some(token) => Ok(token),
            None => self.lease.token(&self.origin).await,
        }
    }

    /// The same without waiting: `None` where [`token`](Self::token) would wait.
    pub fn try_current(&self) -> Option<Arc<Token>> {
        self.lease.try_current(&self.origin)
    }

    /// Says that the service did not accept this token (401): it is not given again. When it has been replaced
    /// already, that is all there is to do.
    pub fn reject(&self, token: &Arc<Token>) {
        self.lease.reject(token);
    }

    /// Which source the tokens come from, for people. Known once a token was given.
    pub fn name(&self) -> String {
        self.origin.name(self.lease.winner())
    }

    /// A fingerprint of who the latest token was issued to; 0 before the first.
    pub fn principal(&self) -> u64 {
        self.lease.principal()
    }
}
