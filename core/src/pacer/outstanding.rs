//! The requests that were sent and not yet answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Permission to send one request. Give it back with what came of it, to [`Pacer::answered`](super::Pacer::answered) or
/// [`Pacer::unanswered`](super::Pacer::unanswered). One that is dropped counts as unanswered: it can't be lost.
#[derive(Debug)]
#[must_use = "a request that is not sent still counts, until its permit is given back"]
pub struct Permit {
    number: u64,
    sent: Instant,
    /// Where to tell that it was dropped; `None` once it was given back.
    lost: Option<Arc<Lost>>,
}

impl Permit {
    /// Counts up with each request.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn sent(&self) -> Instant {
        self.sent
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(lost) = &self.lost {
            let mut numbers = lost.numbers.lock().unwrap_or_else(PoisonError::into_inner);
            numbers.push(self.number);
            lost.any.store(true, Ordering::Release);
        }
    }
}

/// The numbers of permits that were dropped.
#[derive(Debug, Default)]
struct Lost {
    any: AtomicBool,
    numbers: Mutex<Vec<u64>>,
}

/// What was under way around a request when it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Sent after it, answered or not.
    pub later: u64,
    /// Sent after it, and not answered.
    pub later_under_way: u64,
    /// Sent before it, and not answered.
    pub earlier: u64,
}

impl Place {
    /// All that are not answered.
    pub fn under_way(self) -> u64 {
        self.earlier + self.later_under_way
    }
}

#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// In rising order: sorted by itself, since numbers count up.
    numbers: Vec<u64>,
    newest: u64,
    lost: Arc<Lost>,
}

impl Outstanding {
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// The number of the oldest request that is not answered.
    pub fn oldest(&self) -> Option<u64> {
        self.numbers.first().copied()
    }

    /// The number of the latest request, 0 before the first.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    pub fn send(&mut self, now: Instant) -> Permit {
        self.newest += 1;
        self.numbers.push(self.newest);
        Permit {
            number: self.newest,
            sent: now,
            lost: Some(self.lost.clone()),
        }
    }

    /// Takes a permit back. `None`: it is not one of these.
    pub fn settle(&mut self, mut permit: Permit) -> Option<Place> {
        match &permit.lost {
            Some(lost) if Arc::ptr_eq(lost, &self.lost) => {}
            _ => return None,
        }
        permit.lost = None;
        self.remove(permit.number)
    }

    pub fn remove(&mut self, number: u64) -> Option<Place> {
        let index = self.numbers.binary_search(&number).ok()?;
        self.numbers.remove(index);
        Some(Place {
            later: self.newest - number,
            later_under_way: (self.numbers.len() - index) as u64,
            earlier: index as u64,
        })
    }

    /// A permit that was dropped, to be removed.
    pub fn take_lost(&self) -> Option<u64> {
        if !self.lost.any.load(Ordering::Acquire) {
            return None;
        }
        let mut numbers = self.lost.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.pop();
        if number.is_none() {
            self.lost.any.store(false, Ordering::Release);
        }
        number
    }
}
