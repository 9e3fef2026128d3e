//! The service's limits: token buckets that the headers show, and limits that only a refusal shows.

use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    tokens: f64,
    capacity: f64,
    per_second: f64,
    at: Option<Instant>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            tokens: capacity,
            capacity,
            per_second,
            at: None,
        }
    }

    fn refill(&mut self, now: Instant) {
        let at = self.at.replace(now).unwrap_or(now);
        let gained = now.saturating_duration_since(at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.capacity);
    }

    /// Takes a token; else says how long until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
    }

    /// Puts a token back that another limit refused to take.
    pub fn put_back(&mut self) {
        self.tokens += 1.0;
    }

    /// Whole tokens left.
    pub fn remaining(&self) -> u64 {
        self.tokens.max(0.0) as u64
    }

    /// The shortest time in which the bucket lets `count` requests through.
    pub fn bound(&self, count: usize) -> Duration {
        Duration::from_secs_f64((count as f64 - self.capacity).max(0.0) / self.per_second)
    }
}

/// A limit of which no header tells. A request before the end of its Retry-After is refused.
#[derive(Debug, Clone)]
pub struct HiddenLimit {
    bucket: TokenBucket,
    retry_after: Duration,
    refuses_until: Option<Instant>,
}

impl HiddenLimit {
    /// A limit of so many a second, with one second's worth at once.
    pub fn new(per_second: f64, retry_after: Duration) -> Self {
        Self {
            bucket: TokenBucket::new(per_second.max(1.0), per_second),
            retry_after,
            refuses_until: None,
        }
    }

    /// Lets a request through, or says for how long none is.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.refuses_until.filter(|until| now < *until) {
            return Err(until - now);
        }
        self.bucket.take(now).map_err(|_| {
            self.refuses_until = Some(now + self.retry_after);
            self.retry_after
        })
    }

    /// The shortest time in which the limit lets `count` requests through.
    pub fn bound(&self, count: usize) -> Duration {
        self.bucket.bound(count)
    }
}
