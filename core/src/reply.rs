//! What came back for a request, as far as decisions need it.

use std::time::Duration;

use crate::pacer::Remaining;
use crate::step::Step;

/// What came back.
#[derive(Debug, Clone, Copy)]
pub enum Reply<'a> {
    /// An answer, whatever its status.
    Answer(Answer<'a>),
    /// No answer.
    NoAnswer(NoAnswer),
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The service's error code, empty where there is none.
    pub code: &'a str,
    /// Whether a body that the step asks for is there and of the documented shape.
    pub is_complete: bool,
    /// How long the answer asks to wait. Zero and a time that is past count as not said.
    pub retry_after: Option<Duration>,
    /// What the rate-limit headers say.
    pub remaining: Remaining,
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection was made: nothing was sent.
    NotConnected,
    /// The peer said that it did not process the request (HTTP/2: REFUSED_STREAM, or a GOAWAY before it).
    NotProcessed,
    /// The time ran out.
    TimedOut,
    /// The connection broke after the request may have been sent.
    Broken,
    /// TLS refused the peer's certificate: nothing was sent, and every other request would meet the same.
    Untrusted,
}

impl Answer<'_> {
    /// Whether it is exactly what the service documents as success (API Management REST API, 2024-05-01; 204 for a PATCH
    /// on older versions).
    pub fn is_success(&self, step: Step) -> bool {
        match step {
            Step::Settings => matches!(self.status, 200 | 204),
            Step::Reset => self.status == 202,
            Step::Get => self.status == 200,
        }
    }
}
