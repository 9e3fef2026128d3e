//! How far a session is.

use std::time::Duration;

use crate::step::{Known, State};

/// What a session has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items taken.
    pub submitted: u64,
    /// Items that succeeded.
    pub succeeded: u64,
    /// Items that failed.
    pub failed: u64,
    /// Items that were cancelled: the sum of the four that follow.
    pub cancelled: u64,
    /// Of those, items of which nothing was done.
    pub cancelled_not_done: u64,
    /// Of those, items with a step whose state is unknown.
    pub cancelled_unknown: u64,
    /// Of those, items whose settings were changed and whose connections were not reset.
    pub cancelled_settings_done: u64,
    /// Of those, items whose connections were reset, and which were not read afterwards.
    pub cancelled_reset_done: u64,
    /// Requests sent.
    pub requests: u64,
    /// Answers with status 429.
    pub refusals: u64,
    /// Requests sent again, for whatever reason.
    pub retries: u64,
}

impl Counts {
    /// Counts a cancelled item.
    pub(crate) fn cancel(&mut self, known: Known) {
        self.cancelled += 1;
        let count = if [known.settings, known.reset].contains(&Some(State::Unknown)) {
            &mut self.cancelled_unknown
        } else if known.reset == Some(State::Done) {
            &mut self.cancelled_reset_done
        } else if known.settings == Some(State::Done) {
            &mut self.cancelled_settings_done
        } else {
            &mut self.cancelled_not_done
        };
        *count += 1;
    }
}

/// What items wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// A limit of the service's.
    Throttle,
    /// The time that an answer asked for, or the pause before another try.
    RetryAfter,
    /// The endpoint, which does not answer.
    Outage,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What it has counted.
    pub counts: Counts,
    /// Items delivered, in input order.
    pub delivered: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Items that wait to be sent, for whatever reason.
    pub queued: u64,
    /// Of those, items that wait for a time to come.
    pub waiting: u64,
    /// What the session waits for.
    pub wait_reason: Option<WaitReason>,
    /// How long until the wait's end, as far as is known.
    pub wait: Duration,
    /// How long the endpoint has not answered; zero where it does.
    pub outage: Duration,
    /// The time that is left, with all waits; none while it is unknown.
    pub time_left: Option<Duration>,
}
