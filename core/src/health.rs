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

#[derive(Debug)]
enum State {
    /// No answer of any status has come yet.
    NeverReached { attempts: u32, next: Option<Instant> },
    /// Answers come. The items of the latest requests without one, oldest first.
    Up { unanswered: Vec<u64> },
    /// Requests have stopped being answered.
    Down {
        since: Instant,
        next_probe: Instant,
        pause: Duration,
        /// The item whose request is the probe in flight.
        probe: Option<u64>,
    },
}

/// The endpoint's health, as one session sees it.
#[derive(Debug)]
pub(crate) struct Health {
    state: State,
    last_answer: Option<Instant>,
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
    pub fn new() -> Self {
        Self {
            state: State::NeverReached {
                attempts: 0,
                next: None,
            },
            last_answer: None,
        }
    }

    /// An answer of any status came.
    pub fn answered(&mut self, now: Instant) -> Change {
        self.last_answer = Some(now);
        match &mut self.state {
            State::Up { unanswered } => {
                unanswered.clear();
                Change::None
            }
            State::NeverReached { .. } => {
                self.state = State::Up { unanswered: Vec::new() };
                Change::None
            }
            State::Down { since, .. } => {
                let lasted = now.saturating_duration_since(*since);
                self.state = State::Up { unanswered: Vec::new() };
                Change::Up(lasted)
            }
        }
    }

    /// A request of that item ended without an answer.
    pub fn unanswered(&mut self, item: u64, now: Instant) -> Change {
        match &mut self.state {
            State::NeverReached { attempts, next } => {
                *next = Some(now + FIRST_PROBE_PAUSE * 2u32.pow((*attempts).min(8)));
                *attempts += 1;
                if *attempts >= MAX_FIRST_ATTEMPTS {
                    return Change::Unreachable;
                }
                Change::None
            }
            State::Up { unanswered } => {
                if unanswered.len() < OUTAGE_AFTER || unanswered.iter().all(|known| *known == item) {
                    unanswered.push(item);
                }
                let several = unanswered.iter().any(|known| *known != item);
                if unanswered.len() < OUTAGE_AFTER || !several {
                    return Change::None;
                }
                let spent = std::mem::take(unanswered);
                self.state = State::Down {
                    since: self.last_answer.unwrap_or(now),
                    next_probe: now,
                    pause: FIRST_PROBE_PAUSE,
                    probe: None,
                };
                Change::Down(spent)
            }
            State::Down {
                probe,
                next_probe,
                pause,
                ..
            } => {
                if *probe == Some(item) {
                    *probe = None;
                    *next_probe = now + *pause;
                    *pause = (*pause * 2).min(MAX_PROBE_PAUSE);
                }
                Change::None
            }
        }
    }

    /// True in an outage.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// True once an answer of any status came.
    pub fn was_reached(&self) -> bool {
        self.last_answer.is_some()
    }

    /// How many requests may go out beside those in flight, as far as the health is concerned.
    pub fn places(&self, in_flight: usize, now: Instant) -> usize {
        match &self.state {
            State::Up { .. } => usize::MAX,
            State::NeverReached { next: None, .. } => (MAX_FIRST_ATTEMPTS as usize).saturating_sub(in_flight),
            State::NeverReached { next: Some(next), .. } => usize::from(in_flight == 0 && *next <= now),
            State::Down { next_probe, probe, .. } => usize::from(probe.is_none() && *next_probe <= now),
        }
    }

    /// A request of that item goes out.
    pub fn sent(&mut self, item: u64) {
        if let State::Down { probe, .. } = &mut self.state {
            *probe = Some(item);
        }
    }

    /// When the health alone changes what may be done: the next probe, or the end of the session.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Down {
                since,
                next_probe,
                probe,
                ..
            } => {
                let end = *since + MAX_OUTAGE;
                let waits = probe.is_none() && *next_probe > now;
                Some(if waits { end.min(*next_probe) } else { end })
            }
            State::NeverReached { next, .. } => next.filter(|next| *next > now),
            State::Up { .. } => None,
        }
    }

    /// How long the outage has lasted; none where there is none.
    pub fn outage(&self, now: Instant) -> Option<Duration> {
        match &self.state {
            State::Down { since, .. } => Some(now.saturating_duration_since(*since)),
            _ => None,
        }
    }
}
