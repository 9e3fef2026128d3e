//! How fast requests may go to one subscription, for every limit that Azure has: those that its headers show and those
//! that only a refusal shows.

use std::time::{Duration, Instant};

/// Which of a subscription's two kinds of limits a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// GET.
    Read,
    /// PATCH and POST.
    Write,
}

/// What the rate-limit headers of one answer say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Tokens left in the principal's bucket (`x-ms-ratelimit-remaining-subscription-writes` or `-reads`).
    pub principal: Option<u64>,
    /// Tokens left in the bucket of all principals (`…-subscription-global-writes` or `-global-reads`).
    pub global: Option<u64>,
}

/// Whether a limit let the request through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Any answer but a 429.
    Accepted,
    /// A 429. `retry_after` is `None` where the answer does not say, says 0, or names a time that is past.
    Refused {
        /// How long the answer asks to wait.
        retry_after: Option<Duration>,
    },
}

/// Permission to send one request. Every permit is given back, by [`Pacer::answered`] or [`Pacer::unanswered`].
#[derive(Debug)]
#[must_use]
pub struct Permit {
    number: u64,
}

/// The pace of one kind of request to one subscription by one principal. Every session of a process shares it.
#[derive(Debug)]
pub struct Pacer {
    kind: Kind,
    next: u64,
}

impl Pacer {
    /// A pacer that knows nothing yet.
    pub fn new(kind: Kind, _now: Instant) -> Self {
        Self { kind, next: 0 }
    }

    /// The kind of request that it paces.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Permits one request, or says when to ask again.
    pub fn try_send(&mut self, _now: Instant) -> Result<Permit, Instant> {
        self.next += 1;
        Ok(Permit { number: self.next })
    }

    /// Takes in an answer.
    pub fn answered(&mut self, permit: Permit, _remaining: Remaining, _verdict: Verdict, _now: Instant) {
        let _ = permit.number;
    }

    /// Takes in that no answer came: whether the request took a token is unknown.
    pub fn unanswered(&mut self, _permit: Permit, _now: Instant) {}

    /// True while a limit is known to hold requests back, and not merely a first answer is awaited.
    pub fn is_limiting(&self, _now: Instant) -> bool {
        false
    }

    /// Requests a second that the limits let through, where that is known: for an estimate of the time left.
    pub fn rate(&self) -> Option<f64> {
        None
    }
}
