//! Who is calling: where tokens come from, and the cache that every request takes its token from.

mod chain;
mod client_certificate;
mod command_line;
mod host;
mod managed_identity;
mod service_principal;
mod token;
mod transport;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

pub(crate) use host::{HostTokens, TokenRequest};
pub(crate) use token::{AccessToken, Token};

use chain::{Chain, Context};

use crate::cloud::Cloud;
use crate::environment::Environment;
use crate::error::{Category, Error, Result};
use crate::secret::Secret;

const ACCESS_TOKEN_VARIABLE: &str = "AZURE_ACCESS_TOKEN";

/// After a refresh that failed, the next one is tried no sooner than this while the old token is still good.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Gives tokens. One serves a whole session, from any thread.
pub(crate) struct TokenSource {
    shared: Arc<Shared>,
}

struct Shared {
    origin: Origin,
    state: Mutex<State>,
    principal: AtomicU64,
}

/// Where tokens come from.
enum Origin {
    /// `AZURE_ACCESS_TOKEN`: one token, which cannot be renewed.
    Variable(Arc<Token>),
    /// What the Azure SDKs would use.
    Chain(Chain),
    /// The caller of the ABI.
    Host {
        tokens: Arc<HostTokens>,
        audience: String,
        tenant: Option<String>,
    },
}

/// The outcome of asking for a token, seen by everyone who waits for it: `None` while it is not there yet.
type Flight = watch::Receiver<Option<Result<Arc<Token>>>>;

#[derive(Default)]
struct State {
    current: Option<Arc<Token>>,
    /// The one request for a token that is under way.
    flight: Option<Flight>,
    /// Whether an earlier token ran out or was refused.
    had_one: bool,
    no_refresh_before: Option<Instant>,
}

impl TokenSource {
    /// `AZURE_ACCESS_TOKEN` where it is set, else what the Azure SDKs would use here. Asks nobody yet.
    pub fn from_environment(env: &Environment, cloud: &Cloud, client: reqwest::Client) -> Result<Self> {
        let origin = match env.get(ACCESS_TOKEN_VARIABLE) {
            Some(value) => Origin::Variable(Arc::new(variable_token(value)?)),
            None => Origin::Chain(Chain::new(Context {
                env: env.clone(),
                cloud: cloud.clone(),
                client,
            })?),
        };
        Ok(Self::new(origin))
    }

    /// The caller of the ABI answers, for the given audience and tenant.
    pub fn host(tokens: Arc<HostTokens>, audience: String, tenant: Option<String>) -> Self {
        Self::new(Origin::Host {
            tokens,
            audience,
            tenant,
        })
    }

    fn new(origin: Origin) -> Self {
        Self {
            shared: Arc::new(Shared {
                origin,
                state: Mutex::default(),
                principal: AtomicU64::new(0),
            }),
        }
    }

    /// A token that is good now: the cached one, or a new one, asked for once however many wait for it.
    /// A cached one that nears its end is still given, while a new one is asked for. Call it within a tokio runtime.
    pub async fn token(&self) -> Result<Arc<Token>> {
        let mut flight = {
            let mut state = self.shared.lock();
            let now = SystemTime::now();
            if let Some(token) = &state.current
                && token.is_usable(now)
            {
                let token = Arc::clone(token);
                if self.shared.is_renewable() && token.is_due(now) {
                    state.refresh_if_idle(&self.shared);
                }
                return Ok(token);
            }
            state.current = None;
            state.join_flight(&self.shared)
        };
        let outcome = flight.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(result)) => result.clone(),
            // The task was dropped: its runtime is shutting down.
            _ => Err(Error::new(
                "Cancelled",
                Category::OperationStopped,
                "The request for a token was cancelled.",
            )
            .into_fatal()),
        }
    }

    /// Says that the service did not accept this token (401): it is not given again. When it has been replaced
    /// already, that is all there is to do.
    pub fn reject(&self, token: &Arc<Token>) {
        let mut state = self.shared.lock();
        if state
            .current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, token))
        {
            state.current = None;
        }
    }

    /// Which source the tokens come from, for people. Known once a token was given.
    pub fn name(&self) -> String {
        self.shared.name()
    }

    /// A fingerprint of who the latest token was issued to; 0 before the first.
    pub fn principal(&self) -> u64 {
        self.shared.principal.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self, refresh: bool) -> Result<Arc<Token>> {
        let token = match &self.origin {
            Origin::Variable(_) if refresh => {
                return Err(authentication_failed(format!(
                    "The service did not accept the token in {ACCESS_TOKEN_VARIABLE}. Put a new one there, issued for this cloud's Azure Resource Manager."
                )));
            }
            Origin::Variable(token) => Arc::clone(token),
            Origin::Chain(chain) => ready(chain.token().await?, &self.name())?,
            Origin::Host {
                tokens,
                audience,
                tenant,
            } => ready(tokens.ask(audience, tenant.as_deref(), refresh).await?, &self.name())?,
        };
        if token.is_usable(SystemTime::now()) {
            Ok(token)
        } else {
            let way_out = match self.origin {
                Origin::Variable(_) => "put a new one there",
                Origin::Chain(_) | Origin::Host { .. } => "sign in again",
            };
            Err(authentication_failed(format!(
                "The token of {} has expired: {way_out}, or set this machine's clock right.",
                self.name()
            )))
        }
    }

    fn name(&self) -> String {
        match &self.origin {
            Origin::Variable(_) => ACCESS_TOKEN_VARIABLE.to_owned(),
            Origin::Chain(chain) => chain
                .name()
                .unwrap_or_else(|| "the Azure SDKs' default chain".to_owned()),
            Origin::Host { .. } => "Az.Accounts".to_owned(),
        }
    }

    /// Whether asking again can bring another token.
    fn is_renewable(&self) -> bool {
        !matches!(self.origin, Origin::Variable(_))
    }

    /// Puts the outcome where the next request looks.
    fn land(&self, outcome: &Result<Arc<Token>>) {
        let mut state = self.lock();
        state.flight = None;
        match outcome {
            Ok(token) => {
                self.principal.store(token.principal(), Ordering::Relaxed);
                state.current = Some(Arc::clone(token));
                state.had_one = true;
                state.no_refresh_before = None;
            }
            Err(_) => state.no_refresh_before = Some(Instant::now() + RETRY_AFTER_FAILURE),
        }
    }
}

impl State {
    /// Asks for a new token in the background, unless that is being done or has just failed.
    fn refresh_if_idle(&mut self, shared: &Arc<Shared>) {
        if self.no_refresh_before.is_none_or(|time| Instant::now() >= time) {
            self.join_flight(shared);
        }
    }

    /// The request for a token that is under way, or a new one. It goes on even when nobody waits for it any more.
    fn join_flight(&mut self, shared: &Arc<Shared>) -> Flight {
        // A closed channel without an outcome belongs to a task that died with its runtime.
        if let Some(flight) = &self.flight
            && flight.has_changed().is_ok()
        {
            return flight.clone();
        }
        let (sender, receiver) = watch::channel(None);
        self.flight = Some(receiver.clone());
        let shared = Arc::clone(shared);
        let refresh = self.had_one;
        tokio::spawn(async move {
            let outcome = shared.fetch(refresh).await;
            shared.land(&outcome);
            // Nobody may be waiting for a refresh.
            sender.send_replace(Some(outcome));
        });
        receiver
    }
}

fn variable_token(value: &str) -> Result<Token> {
    let secret = Secret::new(value.trim().to_owned());
    let expires_on = token::expiry_of(&secret);
    Token::new(AccessToken { secret, expires_on }).ok_or_else(|| unusable_token(ACCESS_TOKEN_VARIABLE))
}

fn ready(token: AccessToken, source: &str) -> Result<Arc<Token>> {
    Token::new(token).map(Arc::new).ok_or_else(|| unusable_token(source))
}

fn unusable_token(source: &str) -> Error {
    Error::new(
        "CredentialUnavailable",
        Category::AuthenticationError,
        format!(
            "What {source} gave is not a token: it is empty or has characters that no token has (a space or a line break, say)."
        ),
    )
    .into_fatal()
}

fn authentication_failed(message: String) -> Error {
    Error::new("AuthenticationFailed", Category::AuthenticationError, message).into_fatal()
}
