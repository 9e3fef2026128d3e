//! The pacers of a process, so that what one session learned serves the next, and two at once share one picture.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::pacer::{Kind, Pacer};

/// Limits that nobody used for this long have refilled, or are as good as unknown.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// What tells the limits of one request from those of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketKey {
    /// Azure Resource Manager's base URL.
    pub endpoint: Arc<str>,
    /// A fingerprint of who is calling.
    pub principal: u64,
    /// The subscription's id, in lower case.
    pub subscription: Arc<str>,
    /// Reads or writes.
    pub kind: Kind,
}

/// A pacer that several sessions share.
#[derive(Debug)]
pub struct Bucket(Mutex<(Pacer, Instant)>);

impl Bucket {
    /// The pacer, noting that it is used now.
    pub(crate) fn at(&self, now: Instant) -> BucketGuard<'_> {
        let mut guard = self.lock();
        guard.1 = now;
        BucketGuard(guard)
    }

    /// The pacer, for a look that is no use of it.
    pub(crate) fn lock_for_reading(&self) -> BucketGuard<'_> {
        BucketGuard(self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, (Pacer, Instant)> {
        // Its numbers are valid one by one: a panic elsewhere cannot have torn them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pacer, locked.
pub(crate) struct BucketGuard<'a>(MutexGuard<'a, (Pacer, Instant)>);

impl std::ops::Deref for BucketGuard<'_> {
    type Target = Pacer;
    fn deref(&self) -> &Pacer {
        &self.0.0
    }
}

impl std::ops::DerefMut for BucketGuard<'_> {
    fn deref_mut(&mut self) -> &mut Pacer {
        &mut self.0.0
    }
}

/// All pacers of a process. Safe from any thread.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<BucketKey, Arc<Bucket>>,
    /// Unused pacers are looked for when there are this many: a new subscription costs the same however many there are.
    sweep_at: usize,
}

impl Buckets {
    /// The bucket of that key, made when it is new.
    pub fn get(&self, key: BucketKey, now: Instant) -> Arc<Bucket> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = known.by_key.get(&key) {
            return bucket.clone();
        }
        if known.by_key.len() >= known.sweep_at {
            known.by_key.retain(|_, bucket| {
                Arc::strong_count(bucket) > 1 || now.saturating_duration_since(bucket.lock().1) < FORGET_AFTER
            });
            known.sweep_at = (2 * known.by_key.len()).max(64);
        }
        let bucket = Arc::new(Bucket(Mutex::new((Pacer::new(key.kind, now), now))));
        known.by_key.insert(key, bucket.clone());
        bucket
    }

    /// How many pacers there are.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_key.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
