//! Pacing against Azure Resource Manager's token buckets.
//!
//! The service keeps a bucket of tokens for each subscription, principal and kind of request (Microsoft Learn,
//! "Understand how Azure Resource Manager throttles requests"): writes 200 tokens refilled at 10 a second, reads 250 at
//! 25. Each answer says how many tokens its bucket has left. A [`Bucket`] is our picture of one such bucket. It is kept
//! on the low side of the truth: what an answer reports, less every request that the answer cannot have counted yet,
//! plus what has been refilled since at a rate that is measured, not assumed. So requests go out as fast as the tokens
//! come back, and a 429 is the exception that corrects the picture.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;

/// Which of a subscription's two buckets a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// GET.
    Read,
    /// PATCH and POST.
    Write,
}

impl Kind {
    /// The header that says how many tokens are left.
    pub fn header(self) -> &'static str {
        match self {
            Kind::Read => "x-ms-ratelimit-remaining-subscription-reads",
            Kind::Write => "x-ms-ratelimit-remaining-subscription-writes",
        }
    }

    /// Tokens a second as the service documents them: the guess until a rate has been measured.
    fn documented_rate(self) -> f64 {
        match self {
            Kind::Read => 25.0,
            Kind::Write => 10.0,
        }
    }
}

/// What an answer says about its bucket.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Observation {
    /// Tokens left, from the header.
    pub remaining: Option<u64>,
    /// The request was refused with 429, to be tried again after this long.
    pub throttled: Option<Duration>,
}

/// Proof that a request was let through. Dropped without an answer (there was none, or nobody waits for it any more),
/// the request counts as having taken a token: whether it did cannot be known.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pass {
    bucket: Arc<Bucket>,
    number: u64,
}

impl Pass {
    /// The kind of request that it is for.
    pub fn kind(&self) -> Kind {
        self.bucket.kind
    }

    /// Takes in what the request's answer said.
    pub fn answered(self, seen: Observation, now: Instant) {
        let mut state = self.bucket.lock();
        state.unanswered.remove(&self.number);
        match seen.throttled {
            Some(retry_after) => state.refused(self.number, retry_after, self.bucket.kind.documented_rate(), now),
            None => state.accepted(self.number, seen.remaining, now),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // Left where it is, it would hold requests back for as long as the process lasts.
        self.bucket.lock().unanswered.remove(&self.number);
    }
}

/// With nothing known yet, one request goes ahead and its answer tells the rest. Should it not come back, another
/// follows after this long.
const SCOUT_INTERVAL: Duration = Duration::from_millis(250);
/// Longest wait on our own estimate. Another client of the same bucket may have kept the measured rate near zero; one
/// request then finds out how things stand.
const LONGEST_GUESS: Duration = Duration::from_secs(1);
/// A measurement of the rate spans at least this long, so that the jitter of single answers is small beside it.
const SHORTEST_MEASUREMENT: Duration = Duration::from_millis(100);
/// A measurement is closed after this long, however little it has gained.
const LONGEST_MEASUREMENT: Duration = Duration::from_secs(4);
/// After this long without a request, tokens may have been lost to a full bucket: the old measurement is of no use.
const STALE_MEASUREMENT: Duration = Duration::from_secs(5);
/// For this long after a refusal the bucket is taken to have another user: its tokens are then spent at the measured
/// rate, not as a heap that the other one counts on too.
const SHARED_FOR: Duration = Duration::from_secs(5);
/// On a 429 the rate was too high by an unknown factor.
const RATE_CUT: f64 = 0.7;
/// Without the header nothing corrects the rate upwards, so each success raises it a little.
const BLIND_GROWTH: f64 = 1.01;
const LOWEST_RATE: f64 = 0.05;

#[derive(Debug)]
enum Knowledge {
    /// No answer yet.
    Nothing { last_scout: Option<Instant> },
    /// Answers come without the header and nothing was refused.
    Unlimited,
    /// A count of tokens.
    Tokens { credit: f64, at: Instant },
}

#[derive(Debug)]
struct State {
    knowledge: Knowledge,
    blocked_until: Option<Instant>,
    /// The latest request that was refused: a later one that was accepted proves that the bucket is not empty.
    last_refused: u64,
    shared_until: Option<Instant>,
    /// Since when answers have come without a refusal, and how many requests had taken a token by then.
    unrefused_since: (Instant, u64),
    /// Tokens a second.
    rate: f64,
    rate_is_measured: bool,
    header_seen: bool,
    next_pass: u64,
    unanswered: BTreeSet<u64>,
    /// Requests that took a token, as far as answers have said.
    taken: u64,
    /// Where the current measurement of the rate began: when, and the highest that (tokens left + tokens taken) can
    /// have been.
    measurement: Option<(Instant, f64)>,
    last_activity: Instant,
}

/// Our picture of one token bucket. Shared by every session of the process that uses it; safe from any thread.
#[derive(Debug)]
pub(crate) struct Bucket {
    kind: Kind,
    state: Mutex<State>,
}

impl Bucket {
    fn new(kind: Kind, now: Instant) -> Self {
        Self {
            kind,
            state: Mutex::new(State {
                knowledge: Knowledge::Nothing { last_scout: None },
                blocked_until: None,
                last_refused: 0,
                shared_until: None,
                unrefused_since: (now, 0),
                rate: kind.documented_rate(),
                rate_is_measured: false,
                header_seen: false,
                next_pass: 0,
                unanswered: BTreeSet::new(),
                taken: 0,
                measurement: None,
                last_activity: now,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state holds only numbers that are valid one by one: a panic elsewhere cannot have torn it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one request through, or says when to ask again.
    pub fn try_pass(self: &Arc<Self>, now: Instant) -> std::result::Result<Pass, Instant> {
        let mut state = self.lock();
        if let Some(until) = state.blocked_until {
            if now < until {
                return Err(until);
            }
            state.blocked_until = None;
        }
        state.let_one_through(now)?;
        state.last_activity = now;
        let number = state.next_pass;
        state.next_pass += 1;
        state.unanswered.insert(number);
        Ok(Pass {
            bucket: self.clone(),
            number,
        })
    }

    /// True while the bucket is known to hold requests back (and not merely while its first answer is awaited).
    pub fn is_limiting(&self) -> bool {
        let state = self.lock();
        state.blocked_until.is_some() || matches!(state.knowledge, Knowledge::Tokens { .. })
    }
}

impl State {
    fn let_one_through(&mut self, now: Instant) -> std::result::Result<(), Instant> {
        if now.duration_since(self.last_activity) > STALE_MEASUREMENT {
            self.measurement = None;
        }
        match &mut self.knowledge {
            Knowledge::Nothing { last_scout } => match *last_scout {
                Some(last) if now < last + SCOUT_INTERVAL => Err(last + SCOUT_INTERVAL),
                _ => {
                    *last_scout = Some(now);
                    Ok(())
                }
            },
            Knowledge::Unlimited => Ok(()),
            Knowledge::Tokens { credit, at } => {
                let refilled = now.saturating_duration_since(*at).as_secs_f64() * self.rate;
                let have = *credit + refilled;
                let waited_long = now.saturating_duration_since(self.last_activity) >= LONGEST_GUESS;
                if have >= 1.0 || (waited_long && self.unanswered.is_empty()) {
                    *credit = have.max(1.0) - 1.0;
                    *at = now;
                    return Ok(());
                }
                let wait = Duration::from_secs_f64(((1.0 - have) / self.rate).clamp(0.0005, 3600.0));
                Err(now + wait.min(LONGEST_GUESS))
            }
        }
    }

    fn accepted(&mut self, pass: u64, remaining: Option<u64>, now: Instant) {
        self.taken += 1;
        if self.blocked_until.is_some() && pass > self.last_refused {
            // One refusal among answers that are fine is that request's own matter.
            self.blocked_until = None;
            self.last_activity = now;
            if let Knowledge::Tokens { at, .. } = &mut self.knowledge {
                *at = now;
            }
        }
        let Some(remaining) = remaining else {
            match self.knowledge {
                Knowledge::Nothing { .. } => self.knowledge = Knowledge::Unlimited,
                Knowledge::Tokens { .. } if !self.header_seen => self.rate *= BLIND_GROWTH,
                _ => {}
            }
            return;
        };
        self.header_seen = true;
        let remaining = remaining as f64;
        // Sent after this request, or before it and still under way: the count may not include them yet.
        let later = self.next_pass - 1 - pass;
        let earlier = self.unanswered.range(..pass).count() as u64;
        let under_way = self.unanswered.len() as f64;
        self.measure_rate(remaining, under_way, now);
        let reported = remaining - (later + earlier) as f64;
        let credit = match self.knowledge {
            Knowledge::Tokens { credit, at } if self.shared_until.is_some_and(|until| now < until) => {
                let refilled = now.saturating_duration_since(at).as_secs_f64() * self.rate;
                reported.min(credit + refilled)
            }
            _ => reported,
        };
        self.knowledge = Knowledge::Tokens { credit, at: now };
    }

    /// Tokens left plus tokens taken grow by the refill alone. What is under way may or may not have been taken, so the
    /// sum is known as a range; the rate is measured from the top of the range at the start to its bottom at the end,
    /// never too high.
    fn measure_rate(&mut self, remaining: f64, under_way: f64, now: Instant) {
        let lowest = remaining + self.taken as f64;
        // The header is rounded down: up to one token more may have been left.
        let highest = lowest + under_way + 1.0;
        let Some((start, start_level)) = self.measurement else {
            self.measurement = Some((now, highest));
            return;
        };
        let elapsed = now.saturating_duration_since(start);
        let gain = lowest - start_level;
        let long_enough = elapsed >= SHORTEST_MEASUREMENT && gain >= 16.0 && gain >= 4.0 * under_way;
        if !long_enough && elapsed < LONGEST_MEASUREMENT {
            return;
        }
        let measured = (gain / elapsed.as_secs_f64()).max(LOWEST_RATE);
        self.rate = if self.rate_is_measured {
            0.5 * (self.rate + measured)
        } else {
            measured
        };
        self.rate_is_measured = true;
        self.measurement = Some((now, highest));
    }

    fn refused(&mut self, pass: u64, retry_after: Duration, documented_rate: f64, now: Instant) {
        self.last_refused = self.last_refused.max(pass);
        // Requests that were under way together are refused together: they tell one thing once.
        let first_of_its_kind = self.blocked_until.is_none_or(|until| now >= until);
        if first_of_its_kind {
            let (since, taken) = std::mem::replace(&mut self.unrefused_since, (now, self.taken));
            self.rate = if self.header_seen {
                (self.rate * RATE_CUT).max(LOWEST_RATE)
            } else {
                // What went through before is all that is known of the rate.
                let seconds = now.saturating_duration_since(since).as_secs_f64().max(0.05);
                let went_through = (self.taken - taken) as f64 / seconds;
                (self.rate.max(went_through) * RATE_CUT).max(documented_rate)
            };
            self.measurement = None;
        }
        let until = now + retry_after;
        let until = self.blocked_until.map_or(until, |before| before.max(until));
        self.blocked_until = Some(until);
        self.shared_until = Some(until + SHARED_FOR);
        // By then one token is promised; its answer will tell of more.
        self.knowledge = Knowledge::Tokens { credit: 1.0, at: until };
        // The pause is not a wait on our own estimate.
        self.last_activity = until;
    }
}

/// What tells one bucket from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BucketKey {
    /// Azure Resource Manager's base URL.
    pub endpoint: Arc<str>,
    /// A fingerprint of who is calling.
    pub principal: u64,
    /// The subscription's id, in lower case.
    pub subscription: Box<str>,
    /// Reads or writes.
    pub kind: Kind,
}

/// Buckets of the process, so that what one session learned serves the next, and two at once share one picture.
static BUCKETS: Lazy<Mutex<HashMap<BucketKey, Arc<Bucket>>>> = Lazy::new(Mutex::default);

/// A bucket left alone for this long is full again, or as good as unknown.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// The bucket of that key, made when it is new.
pub(crate) fn bucket(key: BucketKey, now: Instant) -> Arc<Bucket> {
    let mut buckets = BUCKETS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = buckets.get(&key) {
        return known.clone();
    }
    // Looked through only when one is added, so that a long-lived host does not gather buckets for ever.
    buckets.retain(|_, bucket| {
        Arc::strong_count(bucket) > 1 || now.saturating_duration_since(bucket.lock().last_activity) < FORGET_AFTER
    });
    let kind = key.kind;
    buckets
        .entry(key)
        .or_insert_with(|| Arc::new(Bucket::new(kind, now)))
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The service's side, as section 4 of the specification states it, in simulated time.
    struct Service {
        tokens: f64,
        capacity: f64,
        rate: f64,
        at: Instant,
    }

    impl Service {
        fn take(&mut self, now: Instant) -> Observation {
            let refilled = now.duration_since(self.at).as_secs_f64() * self.rate;
            self.tokens = (self.tokens + refilled).min(self.capacity);
            self.at = now;
            if self.tokens >= 1.0 {
                self.tokens -= 1.0;
                return Observation {
                    remaining: Some(self.tokens as u64),
                    throttled: None,
                };
            }
            let wait = ((1.0 - self.tokens) / self.rate).ceil().max(1.0);
            Observation {
                remaining: Some(0),
                throttled: Some(Duration::from_secs_f64(wait)),
            }
        }
    }

    struct Run {
        seconds: f64,
        refused: u32,
    }

    /// Sends `count` requests with the given window and latency; `rival` tokens a second are taken by someone else.
    fn run(count: u32, capacity: f64, rate: f64, latency: Duration, rival: f64) -> Run {
        let start = Instant::now();
        let bucket = Arc::new(Bucket::new(Kind::Write, start));
        let mut service = Service {
            tokens: capacity,
            capacity,
            rate,
            at: start,
        };
        let mut under_way: std::collections::VecDeque<(Instant, Pass, Observation)> = Default::default();
        let (mut now, mut done, mut sent, mut refused) = (start, 0, 0, 0);
        let mut rival_at = start;
        while done < count {
            if rival > 0.0 {
                while now.duration_since(rival_at).as_secs_f64() >= 1.0 / rival {
                    rival_at += Duration::from_secs_f64(1.0 / rival);
                    let _ = service.take(rival_at.max(service.at));
                }
            }
            while under_way.front().is_some_and(|(at, ..)| *at <= now) {
                let (_, pass, seen) = under_way.pop_front().unwrap();
                if seen.throttled.is_some() {
                    refused += 1;
                    sent -= 1;
                } else {
                    done += 1;
                }
                pass.answered(seen, now);
            }
            let mut next = under_way.front().map(|(at, ..)| *at);
            while sent < count && under_way.len() < 64 {
                match bucket.try_pass(now) {
                    Ok(pass) => {
                        sent += 1;
                        let seen = service.take((now + latency / 2).max(service.at));
                        under_way.push_back((now + latency, pass, seen));
                        next = next.or(Some(now + latency));
                    }
                    Err(until) => {
                        next = Some(next.map_or(until, |n| n.min(until)));
                        break;
                    }
                }
            }
            now = next.unwrap_or(now).max(now + Duration::from_micros(20));
        }
        Run {
            seconds: now.duration_since(start).as_secs_f64(),
            refused,
        }
    }

    #[test]
    fn a_fleet_ends_close_to_the_shortest_possible_time_whatever_the_bucket() {
        for (count, capacity, rate) in [
            (1000, 200.0, 10.0),
            (3000, 200.0, 1000.0),
            (2000, 20.0, 100.0),
            (300, 50.0, 5.0),
            (100, 10.0, 1.0),
            (5000, 100.0, 500.0),
        ] {
            for latency in [1, 20, 50] {
                let ran = run(count, capacity, rate, Duration::from_millis(latency), 0.0);
                let bound = (f64::from(count) - capacity).max(0.0) / rate;
                let case = format!(
                    "{count} items, {capacity} tokens, {rate}/s, {latency} ms: {:.2} s against {bound:.2} s, {} refused",
                    ran.seconds, ran.refused
                );
                // A rate far below the documented one costs a few refusals before it is known.
                let few = if rate < 10.0 { 8 } else { 0 };
                assert!(ran.refused.saturating_sub(few) * 100 < count, "{case}");
                assert!(ran.seconds <= bound * 1.05 + 0.2, "{case}");
            }
        }
    }

    #[test]
    fn another_client_of_the_same_bucket_slows_it_down_and_no_more() {
        let ran = run(500, 50.0, 20.0, Duration::from_millis(20), 10.0);
        // Half of the refill goes to the other: 450 at 10 to 20 a second.
        assert!(ran.seconds < 450.0 / 10.0 * 1.2, "{} s", ran.seconds);
        assert!(ran.refused < 25, "{} refused", ran.refused);
    }
}
