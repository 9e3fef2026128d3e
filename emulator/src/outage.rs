//! Outages: a time in which no request gets an answer of any kind.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::{Outage, OutageKind};

/// An outage that is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Current {
    pub(crate) kind: OutageKind,
    pub(crate) until: Instant,
}

pub(crate) struct Outages {
    /// The one to come, with the requests before it still to be counted.
    next: Mutex<Option<Outage>>,
    now: watch::Sender<Option<Current>>,
}

impl Outages {
    pub(crate) fn new(next: Option<Outage>) -> Self {
        Self {
            next: Mutex::new(next),
            now: watch::Sender::new(None),
        }
    }

    /// Plans an outage in place of the one that was planned.
    pub(crate) fn plan(&self, outage: Outage) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(outage);
    }

    /// Starts an outage at once.
    pub(crate) fn begin(&self, kind: OutageKind, length: Duration) {
        let until = Instant::now() + length;
        self.now.send_replace(Some(Current { kind, until }));
    }

    /// Ends the outage that is under way, if there is one.
    pub(crate) fn end(&self) {
        self.now.send_replace(None);
    }

    /// The same, if its time is over.
    pub(crate) fn end_when_over(&self) {
        self.now.send_if_modified(|now| {
            let over = now.is_some_and(|current| current.until <= Instant::now());
            if over {
                *now = None;
            }
            over
        });
    }

    /// Counts a request. Says whether it gets no answer, since the outage starts with it or is under way.
    pub(crate) fn swallows_request(&self) -> bool {
        let starting = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            match next.as_mut() {
                Some(outage) if outage.after_requests > 0 => {
                    outage.after_requests -= 1;
                    None
                }
                _ => next.take(),
            }
        };
        if let Some(outage) = starting {
            self.begin(outage.kind, outage.length);
        }
        self.now.borrow().is_some()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Current>> {
        self.now.subscribe()
    }
}
