//! The limits of a simulated service, in virtual time. For every test that needs one: `mod sim_limits;`, or `#[path]`.

#![allow(dead_code, reason = "each test uses its part")]

use std::time::{Duration, Instant};

use engine_core::pacer::{Remaining, Verdict};

/// What a limit says about when to come back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RetryAfter {
    /// When there will be a token, in whole seconds, at least one: what Azure Resource Manager says.
    Refill,
    /// Always so many seconds, and everything before is refused: what a resource provider does.
    Closed(u64),
    /// Nothing, and the limit is closed for so long.
    Unsaid(Duration),
}

/// A token bucket.
#[derive(Debug, Clone)]
pub struct Limit {
    pub capacity: f64,
    /// Tokens a second.
    pub rate: f64,
    pub retry_after: RetryAfter,
    tokens: f64,
    at: Option<Instant>,
    closed_until: Option<Instant>,
}

impl Limit {
    /// A bucket that headers show, full.
    pub fn bucket(capacity: f64, rate: f64) -> Self {
        Self {
            capacity,
            rate,
            retry_after: RetryAfter::Refill,
            tokens: capacity,
            at: None,
            closed_until: None,
        }
    }

    /// A limit that no header shows: its burst is one second's worth, at least one.
    pub fn hidden(rate: f64, retry_after: RetryAfter) -> Self {
        Self {
            retry_after,
            ..Self::bucket(rate.max(1.0), rate)
        }
    }

    /// The shortest time for so many requests, in seconds.
    pub fn bound(&self, requests: f64) -> f64 {
        (requests - self.capacity).max(0.0) / self.rate
    }

    pub fn left(&self) -> u64 {
        self.tokens as u64
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = self
            .at
            .map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.tokens = (self.tokens + elapsed * self.rate).min(self.capacity);
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    /// A new rate from now on, with one second's worth of burst.
    pub fn change(&mut self, rate: f64, now: Instant) {
        self.refill(now);
        self.rate = rate;
        self.capacity = rate.max(1.0);
    }

    /// Takes one token, or says how long to wait.
    pub fn take(&mut self, now: Instant) -> Result<(), Option<Duration>> {
        self.refill(now);
        let closed = self.closed_until.filter(|until| now < *until);
        // As above: a sum of many refills may be short of the whole by a rounding error.
        if closed.is_none() && self.tokens >= 1.0 - 1e-9 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let (wait, said) = match self.retry_after {
            RetryAfter::Refill => {
                let seconds = ((1.0 - self.tokens) / self.rate).ceil().max(1.0);
                return Err(Some(Duration::from_secs_f64(seconds)));
            }
            RetryAfter::Closed(seconds) => (Duration::from_secs(seconds), Some(Duration::from_secs(seconds))),
            RetryAfter::Unsaid(wait) => (wait, None),
        };
        match closed {
            // In whole seconds, rounded up.
            Some(until) => Err(said.map(|_| Duration::from_secs_f64(until.duration_since(now).as_secs_f64().ceil()))),
            None => {
                self.closed_until = Some(now + wait);
                Err(said)
            }
        }
    }
}

/// What the headers of answers say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Headers {
    True,
    Constant(u64),
    Absent,
}

/// All limits of one subscription, for one kind of request.
#[derive(Debug, Clone)]
pub struct Limits {
    pub principal: Option<Limit>,
    pub global: Option<Limit>,
    pub hidden: Option<Limit>,
    pub headers: Headers,
}

impl Limits {
    pub fn none() -> Self {
        Self {
            principal: None,
            global: None,
            hidden: None,
            headers: Headers::Absent,
        }
    }

    /// The principal's bucket under a header that tells the truth.
    pub fn principal(capacity: f64, rate: f64) -> Self {
        Self {
            principal: Some(Limit::bucket(capacity, rate)),
            headers: Headers::True,
            ..Self::none()
        }
    }

    pub fn with_global(self, capacity: f64, rate: f64) -> Self {
        Self {
            global: Some(Limit::bucket(capacity, rate)),
            ..self
        }
    }

    pub fn with_hidden(self, rate: f64, retry_after: RetryAfter) -> Self {
        Self {
            hidden: Some(Limit::hidden(rate, retry_after)),
            ..self
        }
    }

    pub fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    /// The shortest time for so many requests, in seconds: the largest over all limits.
    pub fn bound(&self, requests: f64) -> f64 {
        [&self.principal, &self.global, &self.hidden]
            .into_iter()
            .flatten()
            .map(|limit| limit.bound(requests))
            .fold(0.0, f64::max)
    }

    /// One request arrives. The buckets come first, as Azure Resource Manager stands before the resource provider: what
    /// the provider refuses has taken its tokens.
    pub fn take(&mut self, now: Instant) -> (Remaining, Verdict) {
        let mut verdict = Verdict::Accepted;
        for limit in [&mut self.principal, &mut self.global, &mut self.hidden]
            .into_iter()
            .flatten()
        {
            if let Err(retry_after) = limit.take(now) {
                verdict = Verdict::Refused { retry_after };
                break;
            }
        }
        let left = |limit: &Option<Limit>| limit.as_ref().map(Limit::left);
        let remaining = match self.headers {
            Headers::True => Remaining {
                principal: left(&self.principal),
                global: left(&self.global),
            },
            Headers::Constant(left) => Remaining {
                principal: Some(left),
                global: None,
            },
            Headers::Absent => Remaining::default(),
        };
        (remaining, verdict)
    }
}
