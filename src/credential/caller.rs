//! Tokens that the caller of the ABI gives: the engine asks with a number, the caller answers with the same number
//! whenever it gets to it. Nothing is called back into the caller; `notify` puts the question where it will look.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::token::AccessToken;
use crate::error::{Category, Error, Result};
use crate::secret::Secret;

/// One question to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRequest {
    /// What the answer must carry.
    pub number: u64,
    /// The resource that the token is for.
    pub audience: String,
    /// The tenant that it is for, where that is known.
    pub tenant: Option<String>,
    /// True when an earlier token ran out or was refused.
    pub refresh: bool,
}

/// Where questions and answers meet.
pub(crate) struct CallerTokens {
    notify: Box<dyn Fn(TokenRequest) + Send + Sync>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last_number: u64,
    requests: HashMap<u64, oneshot::Sender<Result<AccessToken>>>,
    closed: bool,
}

impl CallerTokens {
    /// `notify` is given each request, from whatever thread asks, and must not block.
    pub fn new(notify: impl Fn(TokenRequest) + Send + Sync + 'static) -> Self {
        Self {
            notify: Box::new(notify),
            waiting: Mutex::default(),
        }
    }

    /// Gives a token. False when no such request waits.
    pub fn answer(&self, request: u64, token: Secret, expires_on: Option<SystemTime>) -> bool {
        self.resolve(
            request,
            Ok(AccessToken {
                secret: token,
                expires_on,
            }),
        )
    }

    /// Says that there is no token to be had, and why. False when no such request waits.
    pub fn refuse(&self, request: u64, reason: String) -> bool {
        let reason = reason.trim();
        let reason = if reason.is_empty() {
            "no reason was given"
        } else {
            reason
        };
        let message = format!("Az.Accounts gave no token: {reason}");
        self.resolve(
            request,
            Err(Error::new("AuthenticationFailed", Category::AuthenticationError, message).into_fatal()),
        )
    }

    /// Ends every request, and those that are still to come, as cancelled.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        // Dropping the senders wakes the askers.
        waiting.requests.clear();
    }

    pub(super) async fn ask(&self, audience: &str, tenant: Option<&str>, refresh: bool) -> Result<AccessToken> {
        let (sender, receiver) = oneshot::channel();
        let number = {
            let mut waiting = self.lock();
            if waiting.closed {
                return Err(cancelled());
            }
            waiting.last_number += 1;
            let number = waiting.last_number;
            waiting.requests.insert(number, sender);
            number
        };
        (self.notify)(TokenRequest {
            number,
            audience: audience.to_owned(),
            tenant: tenant.map(str::to_owned),
            refresh,
        });
        receiver.await.unwrap_or_else(|_| Err(cancelled()))
    }

    fn resolve(&self, request: u64, answer: Result<AccessToken>) -> bool {
        let sender = self.lock().requests.remove(&request);
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cancelled() -> Error {
    Error::new(
        "Cancelled",
        Category::OperationStopped,
        "The session ended before a token was given.",
    )
    .into_fatal()
}
