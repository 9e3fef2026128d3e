//! What the shell keeps of the reply that decided an item, and the error that it stands for.

use std::sync::Arc;
use std::time::Duration;

use engine_core::event::{FailedRequest, Failure, Fatal};

use super::event::Output;
use crate::error::{Category, Error};
use crate::exchange::{self, Answer};
use crate::item::Item;
use crate::target::Target;

/// What decided an item, or ended the session. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Cause(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// What a GET asked for.
    Output(Output),
    /// An answer, and the client's id of its request.
    Answer(Answer, String),
    /// No answer, and the client's id of the request.
    NoAnswer(exchange::Failure, String),
    /// An error of the shell's own.
    Error(Error),
}

impl Cause {
    pub fn output(output: Output) -> Self {
        Self(Arc::new(Kind::Output(output)))
    }

    pub fn answer(answer: Answer, client_request_id: String) -> Self {
        Self(Arc::new(Kind::Answer(answer, client_request_id)))
    }

    pub fn no_answer(failure: exchange::Failure, client_request_id: String) -> Self {
        Self(Arc::new(Kind::NoAnswer(failure, client_request_id)))
    }

    pub fn error(error: Error) -> Self {
        Self(Arc::new(Kind::Error(error)))
    }

    /// What a GET asked for.
    pub fn into_output(self) -> Option<Output> {
        match Arc::try_unwrap(self.0) {
            Ok(Kind::Output(output)) => Some(output),
            _ => None,
        }
    }

    fn to_error(&self, peer: &str, timeout: Duration) -> Error {
        let (mut error, id) = match &*self.0 {
            Kind::Error(error) => return error.clone(),
            Kind::Output(_) => unreachable!("an output decides no failure"),
            Kind::Answer(answer, id) => (answer.to_error(), id),
            Kind::NoAnswer(failure, id) => (failure.to_error(peer, timeout), id),
        };
        error.client_request_id = Some(id.clone());
        error
    }
}

/// Makes errors of one session's failures.
pub(super) struct Errors<'a> {
    /// The endpoint's host and the way there.
    pub peer: &'a str,
    /// The time that one try may take.
    pub timeout: Duration,
}

impl Errors<'_> {
    /// The error of a failed item.
    pub fn of_item(&self, failure: &Failure<Cause>, item: Option<&Item>) -> Error {
        let mut error = failure.cause.to_error(self.peer, self.timeout);
        let Some(FailedRequest { step, attempts, known }) = failure.request else {
            return error;
        };
        error.step = Some(step);
        error.attempts = attempts;
        error.about(item.and_then(|item| Target::of_path(&item.path)), known)
    }

    /// The error that ends a session.
    pub fn of_session(&self, fatal: &Fatal<Cause>) -> Error {
        let error = match fatal {
            Fatal::Item { failure, .. } => {
                let mut error = failure.cause.to_error(self.peer, self.timeout);
                if let Some(FailedRequest { step, attempts, known }) = failure.request {
                    error.step = Some(step);
                    error.attempts = attempts;
                    error.known = known;
                }
                error
            }
            Fatal::Outage(lasted) => Error::new(
                "ConnectionFailed",
                Category::ConnectionError,
                format!(
                    "{} has not answered for {} minutes. Check the network and https://status.azure.com, then run the command again for what is left.",
                    self.peer,
                    lasted.as_secs() / 60
                ),
            ),
            Fatal::Shell(cause) => cause.to_error(self.peer, self.timeout),
        };
        error.into_fatal()
    }
}
