//! Azure Resource Manager's throttle: a token bucket for each subscription, principal and class of requests.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hyper::Method;

use crate::config::{BucketSize, Config};

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

/// What the throttle says to a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// There are no buckets for this class.
    Unlimited,
    /// A token was taken; this many whole ones are left.
    Passed { remaining: u32 },
    /// There was none; one will be there after this time.
    Throttled { wait: Duration },
}

pub(crate) struct Throttle {
    writes: Option<BucketSize>,
    reads: Option<BucketSize>,
    buckets: HashMap<(u32, u64, Class), Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            writes: config.write_bucket,
            reads: config.read_bucket,
            buckets: HashMap::new(),
        }
    }

    /// Takes a token of the class for `principal` in `subscription`, if one is there at `now`.
    pub(crate) fn take(&mut self, subscription: u32, principal: u64, class: Class, now: Instant) -> Verdict {
        let size = match class {
            Class::Reads => self.reads,
            Class::Writes | Class::Deletes => self.writes,
        };
        let Some(size) = size else {
            return Verdict::Unlimited;
        };
        let bucket = self.buckets.entry((subscription, principal, class)).or_insert(Bucket {
            tokens: f64::from(size.capacity),
            at: now,
        });
        let back = now.saturating_duration_since(bucket.at).as_secs_f64() * size.refill_per_second;
        bucket.tokens = (bucket.tokens + back).min(f64::from(size.capacity));
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            Verdict::Passed {
                remaining: bucket.tokens as u32,
            }
        } else {
            let seconds = (1.0 - bucket.tokens) / size.refill_per_second;
            Verdict::Throttled {
                wait: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(capacity: u32, refill_per_second: f64) -> Throttle {
        Throttle::new(&Config {
            write_bucket: Some(BucketSize {
                capacity,
                refill_per_second,
            }),
            ..Config::default()
        })
    }

    #[test]
    fn a_bucket_gives_its_tokens_and_refills_continuously() {
        let mut throttle = throttle(2, 0.5);
        let start = Instant::now();
        let mut take = |seconds| throttle.take(0, 0, Class::Writes, start + Duration::from_secs_f64(seconds));
        assert_eq!(take(0.0), Verdict::Passed { remaining: 1 });
        assert_eq!(take(0.0), Verdict::Passed { remaining: 0 });
        assert_eq!(
            take(0.0),
            Verdict::Throttled {
                wait: Duration::from_secs(2)
            }
        );
        assert_eq!(
            take(1.0),
            Verdict::Throttled {
                wait: Duration::from_secs(1)
            }
        );
        assert_eq!(take(2.0), Verdict::Passed { remaining: 0 });
        assert_eq!(take(100.0), Verdict::Passed { remaining: 1 });
    }

    #[test]
    fn subscriptions_principals_and_classes_have_buckets_of_their_own() {
        let mut throttle = throttle(1, 1.0);
        let now = Instant::now();
        let passed = Verdict::Passed { remaining: 0 };
        assert_eq!(throttle.take(0, 0, Class::Writes, now), passed);
        assert_eq!(throttle.take(1, 0, Class::Writes, now), passed);
        assert_eq!(throttle.take(0, 7, Class::Writes, now), passed);
        assert_eq!(throttle.take(0, 0, Class::Deletes, now), passed);
        assert_eq!(throttle.take(0, 0, Class::Reads, now), Verdict::Unlimited);
        assert!(matches!(
            throttle.take(0, 0, Class::Writes, now),
            Verdict::Throttled { .. }
        ));
    }
}
