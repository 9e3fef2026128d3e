//! A token bucket whose level a header shows.
//!
//! A [`Shown`] is our picture of it. It is kept on the low side of the truth: what an answer reports, less every request
//! that the answer cannot have counted yet, plus what has been refilled since at a rate that is measured, not assumed. So
//! requests go out as fast as the tokens come back, and a 429 is the exception that corrects the picture.
//!
//! Others may use the bucket too: another process, another tool. Until a process has seen that nobody else takes tokens, it
//! spends a small part of those left before the next answer shows how many there are then; once it has seen that
//! somebody does, it also leaves a few for good.

use std::time::{Duration, Instant};

use super::outstanding::Place;

/// Longest wait on our own estimate, at first. Another client of the same bucket may have kept the measured rate near
/// zero; one request then finds out how things stand.
const PATIENCE: Duration = Duration::from_secs(1);
/// And after requests that found the bucket empty again and again: each makes it longer by this factor.
const PATIENCE_GROWTH: f64 = 1.5;
const MOST_PATIENCE: Duration = Duration::from_secs(8);
/// A measurement of the rate spans at least this long, so that the jitter of single answers is small beside it.
const SHORTEST_MEASUREMENT: Duration = Duration::from_millis(100);
/// A measurement is closed after this long and so many answers, however little it has gained.
const LONG_MEASUREMENT: Duration = Duration::from_secs(4);
const ENOUGH_ANSWERS: u64 = 8;
/// Or after this long.
const LONGEST_MEASUREMENT: Duration = Duration::from_secs(30);
/// After this long without a request, tokens may have been lost to a full bucket: the old measurement is of no use.
const STALE_MEASUREMENT: Duration = Duration::from_secs(5);
/// For this long after a sign of another user the bucket is taken to have one.
const SHARED_FOR: Duration = Duration::from_secs(60);
/// After so many tokens of ours without a sign of another user, the bucket is taken to be ours alone.
const ALONE_AFTER: u64 = 12;
/// The share of the tokens left that is spent before the next answer tells how many there are then. What is held back is
/// not lost: the next answer finds it.
const SHARE_ALONE: f64 = 0.5;
/// The share where there are other users, or may be: as many processes as this can start together.
const SHARE_SHARED: f64 = 1.0 / 16.0;
/// And until one or the other has been seen.
const SHARE_UNKNOWN: f64 = 1.0 / 8.0;
/// Tokens that are left to the other users: about as many as they take between two answers of ours.
const RESERVE_SHARED: f64 = 4.0;
/// On a 429 the rate was too high by an unknown factor.
const RATE_CUT: f64 = 0.7;
const LOWEST_RATE: f64 = 0.05;

#[derive(Debug)]
pub(super) struct Shown {
    /// Tokens that may be spent without another look, and when that was true. `None`: no header has shown the bucket.
    credit: Option<(f64, Instant)>,
    /// The most tokens ever shown.
    capacity: f64,
    /// Tokens a second.
    rate: f64,
    rate_is_measured: bool,
    shared_until: Option<Instant>,
    /// Requests that had gone through when there last was a sign of another user, or at the first answer.
    alone_since: u64,
    /// The most that (tokens left + tokens taken) was for certain. It grows with the refill and never falls, unless
    /// someone else takes tokens.
    level: f64,
    measurement: Option<Measurement>,
    patience: Duration,
    last_sent: Option<Instant>,
}

/// Where a measurement of the rate began.
#[derive(Debug)]
struct Measurement {
    at: Instant,
    /// The highest that (tokens left + tokens taken) can have been.
    level: f64,
    answers: u64,
}

impl Shown {
    /// `rate`: tokens a second, until it has been measured.
    pub fn new(rate: f64) -> Self {
        Self {
            credit: None,
            capacity: 0.0,
            rate,
            rate_is_measured: false,
            shared_until: None,
            alone_since: 0,
            level: 0.0,
            measurement: None,
            patience: PATIENCE,
            last_sent: None,
        }
    }

    /// Tokens that may be spent now.
    fn spendable(&self, now: Instant) -> Option<f64> {
        let (credit, at) = self.credit?;
        let refilled = now.saturating_duration_since(at).as_secs_f64() * self.rate;
        Some((credit + refilled).min(self.capacity.max(1.0)))
    }

    /// When to ask again, where it holds the next request back.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        let have = self.spendable(now)?;
        if have >= 1.0 {
            return None;
        }
        let wait = Duration::from_secs_f64(((1.0 - have) / self.rate).clamp(0.0005, 3600.0));
        // A picture that nothing has corrected for so long may be wrong: one request finds out.
        let look = self.last_sent.map_or(now + self.patience, |last| last + self.patience);
        (now < look).then(|| (now + wait).min(look))
    }

    pub fn sent(&mut self, now: Instant) {
        if let Some(have) = self.spendable(now) {
            self.credit = Some((have.max(1.0) - 1.0, now));
        }
        if self
            .last_sent
            .is_some_and(|last| now.saturating_duration_since(last) > STALE_MEASUREMENT)
        {
            self.measurement = None;
        }
        self.last_sent = Some(now);
    }

    /// Takes in an answer that was no refusal. `taken`: requests that went through, with this one.
    pub fn answered(&mut self, remaining: Option<u64>, place: Place, taken: u64, now: Instant) {
        let Some(remaining) = remaining else { return };
        let remaining = remaining as f64;
        if self.credit.is_none() {
            self.alone_since = taken;
        }
        self.capacity = self.capacity.max(remaining);
        // Sent after it and answered before: they are among those taken, and need not be in the count.
        let overtakers = (place.later - place.later_under_way) as f64;
        let under_way = place.under_way() as f64;
        let lowest = remaining + taken as f64 - overtakers;
        // The header is rounded down: up to one token more may have been left.
        let highest = remaining + taken as f64 + under_way + 1.0;
        self.measure_rate(lowest, highest, under_way, now);
        if highest < self.level {
            self.shared_until = Some(now + SHARED_FOR);
            self.alone_since = taken;
            self.level = lowest;
        }
        self.level = self.level.max(lowest);
        let is_shared = self.shared_until.is_some_and(|until| now < until);
        let reserve = if is_shared {
            RESERVE_SHARED.min(self.capacity / 4.0)
        } else {
            0.0
        };
        let share = if is_shared {
            SHARE_SHARED
        } else if taken - self.alone_since < ALONE_AFTER {
            SHARE_UNKNOWN
        } else {
            SHARE_ALONE
        };
        let spare = remaining - reserve;
        self.patience = if spare > 0.0 { PATIENCE } else { longer(self.patience) };
        let part = if spare > 0.0 { spare * share } else { spare };
        self.credit = Some((part - (place.later + place.earlier) as f64, now));
    }

    /// Tokens left plus tokens taken grow by the refill alone. What is under way may or may not have been taken, so the
    /// sum is known as a range; the rate is measured from the top of the range at the start to its bottom at the end,
    /// never too high.
    fn measure_rate(&mut self, lowest: f64, highest: f64, under_way: f64, now: Instant) {
        let fresh = Measurement {
            at: now,
            level: highest,
            answers: 0,
        };
        let Some(since) = &mut self.measurement else {
            self.measurement = Some(fresh);
            return;
        };
        since.answers += 1;
        let elapsed = now.saturating_duration_since(since.at);
        let gain = lowest - since.level;
        let is_done = elapsed >= SHORTEST_MEASUREMENT && gain >= 16.0 && gain >= 4.0 * under_way
            || elapsed >= LONG_MEASUREMENT && since.answers >= ENOUGH_ANSWERS
            || elapsed >= LONGEST_MEASUREMENT;
        if !is_done {
            return;
        }
        let measured = (gain / elapsed.as_secs_f64()).max(LOWEST_RATE);
        self.rate = if self.rate_is_measured {
            0.5 * (self.rate + measured)
        } else {
            measured
        };
        self.rate_is_measured = true;
        self.measurement = Some(fresh);
    }

    /// True where the refusal of a request may well be for want of tokens here.
    pub fn is_nearly_empty(&self, in_flight: u64, now: Instant) -> bool {
        self.spendable(now)
            .is_some_and(|have| have < RESERVE_SHARED + in_flight as f64 * SHARE_SHARED)
    }

    /// Takes in the refusal that began a pause, which ends at `until`: this bucket, or the other one, was empty.
    pub fn refused(&mut self, remaining: Option<u64>, until: Instant) {
        if self.credit.is_none() || remaining.is_some_and(|remaining| remaining > 0) {
            return;
        }
        self.rate = (self.rate * RATE_CUT).max(LOWEST_RATE);
        self.measurement = None;
        self.patience = longer(self.patience);
        self.shared_until = Some(until + SHARED_FOR);
        // By then one token is promised; its answer will tell of more.
        self.credit = Some((1.0, until));
    }

    /// A token may be gone that is in no count: nobody else need have taken it.
    pub fn unanswered(&mut self) {
        self.level = 0.0;
    }

    /// Tokens a second, where the bucket is what holds requests back.
    pub fn rate(&self) -> Option<f64> {
        let (credit, _) = self.credit?;
        (credit < 1.0).then_some(self.rate)
    }
}

fn longer(patience: Duration) -> Duration {
    patience.mul_f64(PATIENCE_GROWTH).min(MOST_PATIENCE)
}
