//! Answers and their bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::Shared;
use crate::fault::ErrorDetail;
use crate::journal::JournalWriter;

pub(crate) type Answer = Response<Body>;

/// The body of an answer: all there at once, or the journal, written as the caller reads.
pub(crate) enum Body {
    Whole(Bytes),
    Journal { shared: Arc<Shared>, writer: JournalWriter },
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(std::mem::take(bytes)),
            Self::Journal { shared, writer } => writer.next_part(&shared.record().journal).map(Bytes::from),
        };
        Poll::Ready(part.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Journal { .. } => SizeHint::default(),
        }
    }
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::Whole(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// An answer with a JSON body.
pub(crate) fn json_answer(status: StatusCode, body: &impl Serialize) -> Answer {
    // Every type that comes here is made of strings, numbers and string-keyed maps.
    let text = serde_json::to_vec(body).expect("an answer is plain JSON");
    let mut answer = Response::new(Body::Whole(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    answer
}

/// A refusal in the form of Azure Resource Manager.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<ErrorDetail>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// API Management's refusal of input: one detail for each field that is wrong.
    pub(crate) fn validation(details: Vec<ErrorDetail>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "ValidationError",
            message: "One or more fields contain incorrect values:".into(),
            details,
        }
    }

    /// The same, for one field.
    pub(crate) fn field(target: &str, message: impl Into<String>) -> Self {
        Self::validation(vec![ErrorDetail::validation(target, message)])
    }

    pub(crate) fn into_answer(self) -> Answer {
        json_answer(self.status, &error_body(self.code, &self.message, &self.details))
    }
}

/// The body of an error.
pub(crate) fn error_body(code: &str, message: &str, details: &[ErrorDetail]) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    json!({ "error": error })
}
