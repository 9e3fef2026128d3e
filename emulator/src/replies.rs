//! Replies as plain values: what the pipeline makes an HTTP answer of.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a handler gives back.
pub(crate) type Outcome = Result<Reply, Refusal>;

/// An answer but for the headers that every answer has.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Body,
    /// Azure Resource Manager's own refusal: it shows no rate headers.
    pub(crate) of_resource_manager: bool,
}

#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    /// JSON in one line, as Azure Resource Manager and all errors have it.
    Compact(Value),
    /// JSON in many lines that end in CRLF, as API Management has its resources.
    Pretty(Value),
    /// Text of this content type, if it has one.
    Text(Option<&'static str>, String),
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            of_resource_manager: false,
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Body::Empty)
    }

    pub(crate) fn json(body: Value) -> Self {
        Self::new(StatusCode::OK, Body::Compact(body))
    }

    /// A header more. A value that no header can have is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers
            .extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }
}

impl Body {
    /// The bytes, and their content type.
    pub(crate) fn into_bytes(self) -> (Vec<u8>, Option<&'static str>) {
        const JSON: Option<&str> = Some("application/json; charset=utf-8");
        match self {
            Self::Empty => (Vec::new(), None),
            Self::Compact(value) => (value.to_string().into_bytes(), JSON),
            Self::Pretty(value) => (format!("{value:#}").replace('\n', "\r\n").into_bytes(), JSON),
            Self::Text(kind, text) => (text.into_bytes(), kind),
        }
    }
}

/// One entry of an error body's `details`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The detail's code.
    pub code: String,
    /// What it is about, often a property's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The detail's text.
    pub message: String,
}

impl ErrorDetail {
    /// A field that has a wrong value.
    pub(crate) fn validation(target: &str, message: impl Into<String>) -> Self {
        Self {
            code: "ValidationError".into(),
            target: Some(target.into()),
            message: message.into(),
        }
    }
}

/// An error answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    details: Vec<ErrorDetail>,
    by: Party,
}

/// Who refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Party {
    /// Azure Resource Manager: without `details`, and with `x-ms-failure-cause: gateway`.
    ResourceManager,
    /// API Management: `details` is null where there are none.
    Provider,
}

const FAILURE_CAUSE: HeaderName = HeaderName::from_static("x-ms-failure-cause");

impl Refusal {
    /// Azure Resource Manager's.
    pub(crate) fn manager(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            by: Party::ResourceManager,
        }
    }

    /// API Management's.
    pub(crate) fn provider(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            by: Party::Provider,
            ..Self::manager(status, code, message)
        }
    }

    /// API Management's refusal of input: one detail for each field that is wrong.
    pub(crate) fn validation(details: Vec<ErrorDetail>) -> Self {
        Self {
            details,
            ..Self::provider(
                StatusCode::BAD_REQUEST,
                "ValidationError",
                "One or more fields contain incorrect values:",
            )
        }
    }

    /// The same, for one field.
    pub(crate) fn field(target: &str, message: impl Into<String>) -> Self {
        Self::validation(vec![ErrorDetail::validation(target, message)])
    }

    /// A method that a resource does not take.
    pub(crate) fn method(method: &hyper::Method) -> Self {
        Self::manager(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("The requested resource does not support http method '{method}'."),
        )
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let body = error_body(
            &refusal.code,
            &refusal.message,
            &refusal.details,
            refusal.by == Party::Provider,
        );
        let reply = Self::new(refusal.status, Body::Compact(body));
        match refusal.by {
            Party::Provider => reply,
            Party::ResourceManager => Self {
                of_resource_manager: true,
                ..reply.with(FAILURE_CAUSE, "gateway")
            },
        }
    }
}

/// The body of an error; `null_details`: `details` is there though there are none.
pub(crate) fn error_body(code: &str, message: &str, details: &[ErrorDetail], null_details: bool) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if !details.is_empty() {
        error["details"] = json!(details);
    } else if null_details {
        error["details"] = Value::Null;
    }
    json!({ "error": error })
}
