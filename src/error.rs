//! The engine's one error type: what went wrong with an item or a session. `error_json` has its JSON.

use std::fmt;

use engine_core::step::{Known, Step};
use serde::Serialize;

use crate::target::Target;

/// How an error is to be filed. The names are those of PowerShell's `ErrorCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Category {
    /// The caller's input cannot be used.
    InvalidArgument,
    /// The service knows no such resource (404).
    ObjectNotFound,
    /// The caller is known and not allowed (403).
    PermissionDenied,
    /// The caller could not be authenticated (401, or no token).
    AuthenticationError,
    /// The service asks to slow down (429) and retries ran out.
    LimitsExceeded,
    /// No answer came: connection refused, reset, name not resolved.
    ConnectionError,
    /// No answer came in time.
    OperationTimeout,
    /// TLS refused the peer, or a secret would have travelled in the open.
    SecurityError,
    /// An answer came that is not what the service documents.
    InvalidResult,
    /// The item was cancelled.
    OperationStopped,
    /// The service cannot do it now (5xx, 409, 412).
    ResourceUnavailable,
    /// The service refused the request (other 4xx).
    InvalidOperation,
    /// None of the others.
    NotSpecified,
}

/// One entry of `details` in the service's error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The detail's code, empty when the service gave none.
    pub code: String,
    /// The detail's text.
    pub message: String,
    /// What it is about, often a property's name.
    pub target: Option<String>,
}

/// What went wrong. Holds no secret: messages are built from names, never from values of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The service's error code, or one of ours (listed in `docs/abi.md`).
    pub code: String,
    /// How to file it.
    pub category: Category,
    /// A full sentence for a person.
    pub message: String,
    /// True when the same would happen to every item.
    pub fatal: bool,
    /// The HTTP status of the service's answer.
    pub status: Option<u16>,
    /// `x-ms-request-id` of the answer.
    pub request_id: Option<String>,
    /// `x-ms-correlation-request-id` of the answer.
    pub correlation_id: Option<String>,
    /// `x-ms-client-request-id` that was sent with the last try.
    pub client_request_id: Option<String>,
    /// `error.details` of the answer.
    pub details: Vec<Detail>,
    /// Which request failed, when one was sent.
    pub step: Option<Step>,
    /// How many times that request was sent.
    pub attempts: u32,
    /// What it is about, where it is about one item.
    pub(crate) target: Option<Box<Target>>,
    /// What is known of the item's steps.
    pub known: Known,
}

impl Error {
    /// An error about one item, with nothing known of a service's answer.
    pub fn new(code: &str, category: Category, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            category,
            message: message.into(),
            fatal: false,
            status: None,
            request_id: None,
            correlation_id: None,
            client_request_id: None,
            details: Vec::new(),
            step: None,
            attempts: 0,
            target: None,
            known: Known::default(),
        }
    }

    /// Bad input: nothing was sent.
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(code, Category::InvalidArgument, message)
    }

    /// Marks the error as one that every item would meet.
    pub fn into_fatal(mut self) -> Self {
        self.fatal = true;
        self
    }

    /// Says what the error is about, and what is known of the item's steps.
    pub(crate) fn about(mut self, target: Option<Target>, known: Known) -> Self {
        self.target = target.map(Box::new);
        self.known = known;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// The engine's result type.
pub type Result<T> = std::result::Result<T, Error>;
