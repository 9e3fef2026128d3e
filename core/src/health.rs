//! Whether the endpoint answers: a state beside the limits, since an endpoint that is gone is no item's fault.

use std::time::{Duration, Instant};

/// An endpoint from which no answer ever came is given this many attempts, over all items.
pub const MAX_FIRST_ATTEMPTS: u32 = 5;
/// This many requests in a row without an answer, of at least two items, are an outage.
pub const OUTAGE_AFTER: usize = 5;
/// An outage ends the session after this long without any answer.
pub const MAX_OUTAGE: Duration = Duration::from_secs(600);
/// The pause between probes doubles from the first to the last.
const FIRST_PROBE_PAUSE: Duration = Duration::from_millis(250);
const MAX_PROBE_PAUSE: Duration = Duration::from_secs(5);

/// An outage.
#[derive(Debug)]
struct Down {
    since: Instant,
    next_probe: Instant,
    pause: Duration,
    /// The item whose request is the probe in flight.
    probe: Option<u64>,
}

/// The endpoint's health, as one session sees it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    last_answer: Option<Instant>,
    /// Attempts before the first answer that ended without a connection, or with one that broke.
    first_attempts: u32,
    /// When the next of those may be tried.
    next_attempt: Option<Instant>,
    /// The items of the latest requests without an answer, oldest first, since the last answer.
    unanswered: Vec<u64>,
    down: Option<Down>,
}

/// What a reply changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that anyone needs to know.
    None,
    /// An outage begins. The items spent a try each on an endpoint that is gone.
    Down(Vec<u64>),
    /// The outage is over, after this long.
    Up(Duration),
    /// The endpoint was not reached in as many attempts as it is given: the session ends.
    Unreachable,
}

impl Health {
    /// An answer of any status came.
    pub fn answered(&mut self, now: Instant) -> Change {
        self.last_answer = Some(now);
        self.next_attempt = None;
        self.unanswered.clear();
        match self.down.take() {
            Some(down) => Change::Up(now.saturating_duration_since(down.since)),
            None => Change::None,
        }
    }

    /// A request of that item ended without an answer; `in_time` says that it did not wait for one until its time ran out.
    pub fn unanswered(&mut self, item: u64, in_time: bool, now: Instant) -> Change {
        if let Some(down) = &mut self.down {
            if down.probe == Some(item) {
                down.probe = None;
                down.next_probe = now + down.pause;
                down.pause = (down.pause * 2).min(MAX_PROBE_PAUSE);
            }
            return Change::None;
        }
        if in_time && !self.was_reached() {
            // Requests that fail together are one attempt.
            if self.next_attempt.is_some_and(|next| now < next) {
                return Change::None;
            }
            self.next_attempt = Some(now + FIRST_PROBE_PAUSE * 2u32.pow(self.first_attempts));
            self.first_attempts += 1;
            let spent = self.first_attempts >= MAX_FIRST_ATTEMPTS;
            return if spent { Change::Unreachable } else { Change::None };
        }
        if self.unanswered.len() < OUTAGE_AFTER {
            self.unanswered.push(item);
        }
        let several = self.unanswered.iter().any(|known| *known != item);
        if self.unanswered.len() < OUTAGE_AFTER || !several {
            return Change::None;
        }
        self.down = Some(Down {
            since: self.last_answer.unwrap_or(now),
            next_probe: now,
            pause: FIRST_PROBE_PAUSE,
            probe: None,
        });
        Change::Down(std::mem::take(&mut self.unanswered))
    }

    /// True in an outage.
    pub fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// True once an answer of any status came.
    pub fn was_reached(&self) -> bool {
        self.last_answer.is_some()
    }

    /// How many requests may go out beside those in flight, as far as the health is concerned.
    pub fn places(&self, in_flight: usize, now: Instant) -> usize {
        match (&self.down, self.next_attempt) {
            (Some(down), _) => usize::from(down.probe.is_none() && down.next_probe <= now),
            (None, Some(next)) => usize::from(in_flight == 0 && next <= now),
            (None, None) => usize::MAX,
        }
    }

    /// A request of that item goes out.
    pub fn sent(&mut self, item: u64) {
        if let Some(down) = &mut self.down {
            down.probe = Some(item);
        }
    }

    /// When the health alone changes what may be done: the next probe, or the end of the session.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        match &self.down {
            Some(down) => {
                let end = down.since + MAX_OUTAGE;
                let waits = down.probe.is_none() && down.next_probe > now;
                Some(if waits { end.min(down.next_probe) } else { end })
            }
            None => self.next_attempt.filter(|next| *next > now),
        }
    }

    /// How long the outage has lasted; none where there is none.
    pub fn outage(&self, now: Instant) -> Option<Duration> {
        let down = self.down.as_ref()?;
        Some(now.saturating_duration_since(down.since))
    }
}
