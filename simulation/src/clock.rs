//! Virtual time, and what is to happen when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Events in the order of their time, and of their being scheduled where that is the same.
pub(crate) struct Clock<E> {
    start: Instant,
    now: Instant,
    next: u64,
    events: BinaryHeap<Reverse<Entry<E>>>,
}

struct Entry<E> {
    at: Instant,
    number: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> Clock<E> {
    pub fn new() -> Self {
        // The only reading of a clock: where virtual time begins. Nothing depends on it but differences.
        let start = Instant::now();
        Self {
            start,
            now: start,
            next: 0,
            events: BinaryHeap::new(),
        }
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn after(&mut self, delay: Duration, event: E) {
        self.at(self.now + delay, event);
    }

    pub fn at(&mut self, at: Instant, event: E) {
        let number = self.next;
        self.next += 1;
        self.events.push(Reverse(Entry {
            at: at.max(self.now),
            number,
            event,
        }));
    }

    /// Moves on to the next event.
    pub fn pop(&mut self) -> Option<E> {
        let Reverse(entry) = self.events.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}
