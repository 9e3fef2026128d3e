//! The engine's one error type: what went wrong with an item or a session, in the words a person needs and the
//! members a program needs. It is serialised as is across the ABI (see `docs/abi.md`, "Error").

use serde::Serialize;

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

/// Which request of an item failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// PATCH of the backend's settings.
    Settings,
    /// POST of the reset.
    Reset,
    /// GET of a backend, or of a page of backends.
    Get,
}

/// One entry of `details` in the service's error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// The detail's code, empty when the service gave none.
    pub code: String,
    /// The detail's text.
    pub message: String,
    /// What it is about, often a property's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What went wrong. Holds no secret: messages are built from names, never from values of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `x-ms-request-id` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `x-ms-correlation-request-id` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// `x-ms-client-request-id` that was sent with the last try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<String>,
    /// `error.details` of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// Which request failed, when one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// True when the backend's settings had been changed before the failure.
    pub settings_changed: bool,
    /// True when the reset had been accepted before the failure.
    pub reset_done: bool,
    /// How many times the failed request was sent.
    pub attempts: u32,
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
            operation: None,
            settings_changed: false,
            reset_done: false,
            attempts: 0,
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
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// The engine's result type.
pub type Result<T> = std::result::Result<T, Error>;
