//! The limits that hold at once: Azure Resource Manager's token buckets for each subscription, principal and class of
//! requests, the same over all principals, and the resource provider's own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hyper::Method;

use crate::config::{BucketSize, Limits};

/// What a request takes its token from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Reads,
    Writes,
    Deletes,
}

impl Class {
    pub(crate) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Reads,
            Method::DELETE => Self::Deletes,
            _ => Self::Writes,
        }
    }

    /// What a 429 calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reads => "read",
            Self::Writes => "write",
            Self::Deletes => "delete",
        }
    }
}

/// Which limit refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    Principal,
    Global,
    Provider,
}

/// What the throttle says to a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    /// What the headers say is left of the principal's bucket; `None` where there is none.
    pub(crate) left: Option<u32>,
    /// The same of the bucket over all principals.
    pub(crate) left_global: Option<u32>,
    /// The limit that refused, and its `Retry-After` in seconds.
    pub(crate) refused: Option<(Limit, u64)>,
}

pub(crate) struct Throttle {
    pub(crate) limits: Limits,
    buckets: HashMap<(Limit, u32, u32, Class), Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, size: BucketSize, now: Instant) {
        let back = now.saturating_duration_since(self.at).as_secs_f64() * size.refill_per_second;
        self.tokens = (self.tokens + back).min(f64::from(size.capacity));
        self.at = now;
    }
}

impl Throttle {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
        }
    }

    /// Takes a token of the class for `principal` in `subscription` from every limit there is. Where one has none, the
    /// others before it keep theirs; the provider's limit is met by what Resource Manager let through.
    pub(crate) fn take(&mut self, subscription: u32, principal: u32, class: Class, now: Instant) -> Verdict {
        let limits = self.limits;
        let (own, global) = match class {
            Class::Reads => (limits.read_bucket, limits.global_read_bucket),
            Class::Writes | Class::Deletes => (limits.write_bucket, limits.global_write_bucket),
        };
        let own_key = (Limit::Principal, subscription, principal, class);
        let global_key = (Limit::Global, subscription, 0, class);
        let own_wait = own.and_then(|size| self.wait(own_key, size, now));
        let global_wait = global.and_then(|size| self.wait(global_key, size, now));
        let refused = match (own_wait, global_wait) {
            (Some(wait), _) => Some((Limit::Principal, wait)),
            (None, Some(wait)) => Some((Limit::Global, wait)),
            (None, None) => None,
        };
        let taken = refused.is_none();
        let mut verdict = Verdict {
            left: own.map(|_| self.left(own_key, taken)),
            left_global: global.map(|_| self.left(global_key, taken)),
            refused: refused.map(|(limit, wait)| (limit, limits.retry_after.unwrap_or_else(|| whole_seconds(wait)))),
        };
        if let Some(hidden) = limits.hidden_limit {
            // As a full bucket after one request, for ever.
            let usual = if class == Class::Reads {
                BucketSize::READS
            } else {
                BucketSize::WRITES
            };
            verdict.left.get_or_insert(usual.capacity - 1);
            if taken {
                let size = BucketSize {
                    capacity: hidden.per_second.max(1.0) as u32,
                    refill_per_second: hidden.per_second,
                };
                let key = (Limit::Provider, subscription, 0, Class::Writes);
                match self.wait(key, size, now) {
                    Some(_) => verdict.refused = Some((Limit::Provider, hidden.retry_after)),
                    None => drop(self.left(key, true)),
                }
            }
        }
        verdict
    }

    /// How long it takes until the bucket has a token; `None` if it has one.
    fn wait(&mut self, key: (Limit, u32, u32, Class), size: BucketSize, now: Instant) -> Option<Duration> {
        let bucket = self.buckets.entry(key).or_insert(Bucket {
            tokens: f64::from(size.capacity),
            at: now,
        });
        bucket.refill(size, now);
        let missing = 1.0 - bucket.tokens;
        (missing > 0.0).then(|| Duration::try_from_secs_f64(missing / size.refill_per_second).unwrap_or(Duration::MAX))
    }

    /// The whole tokens that are left in a bucket after one was taken, if it was.
    fn left(&mut self, key: (Limit, u32, u32, Class), taken: bool) -> u32 {
        self.buckets.get_mut(&key).map_or(0, |bucket| {
            bucket.tokens -= f64::from(u8::from(taken));
            bucket.tokens as u32
        })
    }
}

/// A wait as `Retry-After` says it: in whole seconds, at least one.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: BucketSize = BucketSize {
        capacity: 2,
        refill_per_second: 0.5,
    };

    /// What `take` gives: what is left, what is left of the global bucket, and the refusal.
    type Taken = (Option<u32>, Option<u32>, Option<(Limit, u64)>);

    fn take(throttle: &mut Throttle, key: (u32, u32, Class), now: Instant) -> Taken {
        let verdict = throttle.take(key.0, key.1, key.2, now);
        (verdict.left, verdict.left_global, verdict.refused)
    }

    #[test]
    fn a_bucket_gives_its_tokens_and_refills_continuously() {
        let mut throttle = Throttle::new(Limits {
            write_bucket: Some(BUCKET),
            ..Limits::default()
        });
        let start = Instant::now();
        for (seconds, left, refused) in [
            (0.0, 1, None),
            (0.0, 0, None),
            (0.0, 0, Some((Limit::Principal, 2))),
            (1.0, 0, Some((Limit::Principal, 1))),
            (2.0, 0, None),
            (100.0, 1, None),
        ] {
            let now = start + Duration::from_secs_f64(seconds);
            assert_eq!(
                take(&mut throttle, (0, 0, Class::Writes), now),
                (Some(left), None, refused)
            );
        }
    }

    #[test]
    fn subscriptions_principals_and_classes_have_buckets_of_their_own() {
        let one = BucketSize { capacity: 1, ..BUCKET };
        let mut throttle = Throttle::new(Limits {
            write_bucket: Some(one),
            ..Limits::default()
        });
        let now = Instant::now();
        for key in [
            (0, 0, Class::Writes),
            (1, 0, Class::Writes),
            (0, 7, Class::Writes),
            (0, 0, Class::Deletes),
        ] {
            assert_eq!(take(&mut throttle, key, now), (Some(0), None, None), "{key:?}");
        }
        assert_eq!(take(&mut throttle, (0, 0, Class::Reads), now), (None, None, None));
        assert!(take(&mut throttle, (0, 0, Class::Writes), now).2.is_some());
    }

    #[test]
    fn the_global_bucket_refuses_with_tokens_left_in_the_principals() {
        let mut throttle = Throttle::new(Limits {
            write_bucket: Some(BucketSize::WRITES),
            global_write_bucket: Some(BUCKET),
            retry_after: Some(10),
            ..Limits::default()
        });
        let now = Instant::now();
        assert_eq!(
            take(&mut throttle, (0, 1, Class::Writes), now),
            (Some(199), Some(1), None)
        );
        assert_eq!(
            take(&mut throttle, (0, 2, Class::Writes), now),
            (Some(199), Some(0), None)
        );
        let refused = take(&mut throttle, (0, 1, Class::Writes), now);
        assert_eq!(refused, (Some(199), Some(0), Some((Limit::Global, 10))));
    }
}
