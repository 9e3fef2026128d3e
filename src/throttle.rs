//! Pacing against Azure Resource Manager's token buckets.
//!
//! The service keeps a bucket of tokens for each subscription, principal and kind of request (Microsoft Learn,
//! "Understand how Azure Resource Manager throttles requests"): writes 200 tokens refilled at 10 a second, reads 250 at
//! 25. Each answer says how many tokens its bucket has left. A [`Bucket`] is our picture of one such bucket. It is kept
//! on the low side of the truth: what an answer reports, less every request that the answer cannot have counted yet,
//! plus what has been refilled since at a rate that is measured, not assumed. So requests go out as fast as the tokens
//! come back, and a 429 is the exception that corrects the picture.
//!
//! Others may use the bucket too: another process, another tool. Before that is known a part of the tokens is left for
//! the next answer to find; once it is (more tokens are gone than we took, or a request was refused) a few are left for good.

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
        let mut state = self.bucket.lock();
        if state.unanswered.remove(&self.number) {
            // A token may be gone that is in no count: nobody else need have taken it.
            state.level = 0.0;
        }
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
/// For this long after a sign of another user the bucket is taken to have one.
const SHARED_FOR: Duration = Duration::from_secs(60);
/// The share of the tokens left that is spent before the next answer tells how many there are then. Were it all of them,
/// two processes that begin at once would each spend the whole. What is held back is not lost: the next answer finds it.
const SHARE_ALONE: f64 = 0.5;
/// The share where there is another user, who may well be several.
const SHARE_SHARED: f64 = 0.25;
/// Tokens that are left to the other users: about as many as they take between two answers of ours.
const RESERVE_SHARED: f64 = 4.0;
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
    /// The most that (tokens left + tokens taken) was for certain. It grows with the refill and never falls, unless
    /// someone else takes tokens.
    level: f64,
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
                level: 0.0,
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
        let later = (self.next_pass - 1 - pass) as f64;
        let earlier = self.unanswered.range(..pass).count() as f64;
        let under_way = self.unanswered.len() as f64;
        // Sent after it and answered before: they are among those taken, and need not be in the count.
        let overtakers = later - (under_way - earlier);
        let lowest = remaining + self.taken as f64 - overtakers;
        // The header is rounded down: up to one token more may have been left.
        let highest = remaining + self.taken as f64 + under_way + 1.0;
        self.measure_rate(lowest, highest, under_way, now);
        if highest < self.level {
            self.shared_until = Some(now + SHARED_FOR);
            self.level = lowest;
        }
        self.level = self.level.max(lowest);
        let is_shared = self.shared_until.is_some_and(|until| now < until);
        let spendable = match remaining - RESERVE_SHARED {
            _ if !is_shared => remaining * SHARE_ALONE,
            spare if spare > 0.0 => spare * SHARE_SHARED,
            missing => missing,
        };
        let credit = spendable - later - earlier;
        self.knowledge = Knowledge::Tokens { credit, at: now };
    }

    /// Tokens left plus tokens taken grow by the refill alone. What is under way may or may not have been taken, so the
    /// sum is known as a range; the rate is measured from the top of the range at the start to its bottom at the end,
    /// never too high.
    fn measure_rate(&mut self, lowest: f64, highest: f64, under_way: f64, now: Instant) {
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
                // What went through before is all that is known of the rate. It is no bound: a refusal can have
                // another reason than an empty bucket, and must not slow the rest down for that.
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
    use std::collections::BTreeMap;

    use super::*;

    /// The service's side, as section 4 of the specification states it, in simulated time.
    #[derive(Debug)]
    struct Service {
        tokens: f64,
        capacity: f64,
        rate: f64,
        at: Instant,
        /// Whether answers say what is left.
        tells: bool,
    }

    impl Service {
        fn new(capacity: f64, rate: f64) -> Self {
            Self {
                tokens: capacity,
                capacity,
                rate,
                at: Instant::now(),
                tells: true,
            }
        }

        fn take(&mut self, now: Instant) -> Observation {
            let refilled = now.duration_since(self.at).as_secs_f64() * self.rate;
            self.tokens = (self.tokens + refilled).min(self.capacity);
            self.at = now;
            if self.tokens >= 1.0 {
                self.tokens -= 1.0;
                return Observation {
                    remaining: self.tells.then_some(self.tokens as u64),
                    throttled: None,
                };
            }
            let wait = ((1.0 - self.tokens) / self.rate).ceil().max(1.0);
            Observation {
                remaining: self.tells.then_some(0),
                throttled: Some(Duration::from_secs_f64(wait)),
            }
        }
    }

    struct Run {
        seconds: f64,
        refused: u32,
    }

    /// A process's picture of the bucket, and what it has to send.
    struct Fleet {
        bucket: Arc<Bucket>,
        /// Requests that were not sent, or refused.
        left: u32,
        /// By the time of the answer.
        under_way: BTreeMap<(Instant, u32), (Pass, Observation)>,
        sent: u32,
        refused: u32,
        random: fastrand::Rng,
    }

    impl Fleet {
        fn new(count: u32, now: Instant) -> Self {
            Self {
                bucket: Arc::new(Bucket::new(Kind::Write, now)),
                left: count,
                under_way: Default::default(),
                sent: 0,
                refused: 0,
                random: fastrand::Rng::with_seed(1),
            }
        }

        /// Takes the answers that are there, sends what may be sent, and says when to look again; `None` at the end.
        fn step(&mut self, now: Instant, latency: Duration, service: &mut Service) -> Option<Instant> {
            while let Some(answer) = self.under_way.first_entry() {
                if answer.key().0 > now {
                    break;
                }
                let (pass, seen) = answer.remove();
                if seen.throttled.is_some() {
                    self.refused += 1;
                    self.left += 1;
                }
                pass.answered(seen, now);
            }
            let mut next = None;
            while self.left > 0 && self.under_way.len() < 64 {
                match self.bucket.try_pass(now) {
                    Ok(pass) => {
                        self.left -= 1;
                        self.sent += 1;
                        let seen = service.take((now + latency / 2).max(service.at));
                        // Some answers overtake others.
                        let back = latency.mul_f64(0.4 + 0.2 * self.random.f64());
                        self.under_way
                            .insert((now + latency / 2 + back, self.sent), (pass, seen));
                    }
                    Err(until) => {
                        next = Some(until);
                        break;
                    }
                }
            }
            let answer = self.under_way.first_key_value().map(|((at, _), _)| *at);
            [next, answer].into_iter().flatten().min()
        }
    }

    /// Sends all of each fleet with a window of 64 and the given latency; `rival` tokens a second are taken by someone
    /// who does not mind.
    fn run_fleets(counts: &[u32], mut service: Service, latency: Duration, rival: f64) -> Run {
        let start = service.at;
        let mut fleets: Vec<Fleet> = counts.iter().map(|count| Fleet::new(*count, start)).collect();
        let (mut now, mut rival_at) = (start, start);
        loop {
            while rival > 0.0 && now.duration_since(rival_at).as_secs_f64() >= 1.0 / rival {
                rival_at += Duration::from_secs_f64(1.0 / rival);
                let _ = service.take(rival_at.max(service.at));
            }
            let next = fleets
                .iter_mut()
                .filter_map(|fleet| fleet.step(now, latency, &mut service))
                .min();
            match next {
                Some(next) => now = next.max(now + Duration::from_micros(20)),
                None => break,
            }
        }
        Run {
            seconds: now.duration_since(start).as_secs_f64(),
            refused: fleets.iter().map(|fleet| fleet.refused).sum(),
        }
    }

    fn run(count: u32, capacity: f64, rate: f64, latency: Duration, rival: f64) -> Run {
        run_fleets(&[count], Service::new(capacity, rate), latency, rival)
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

    /// Checks a run of several fleets, each with a picture of its own, against the shortest possible time for all.
    #[track_caller]
    fn assert_shared(counts: &[u32], service: Service, latency: u64, most_refused: f64, longest: f64) {
        let count = f64::from(counts.iter().sum::<u32>());
        let bound = (count - service.capacity).max(0.0) / service.rate;
        let case = format!("{counts:?} items, {service:?}, {latency} ms");
        let ran = run_fleets(counts, service, Duration::from_millis(latency), 0.0);
        let case = format!(
            "{case}: {:.2} s against {bound:.2} s, {} refused",
            ran.seconds, ran.refused
        );
        assert!(f64::from(ran.refused) <= count * most_refused, "{case}");
        assert!(ran.seconds <= bound * longest, "{case}");
    }

    #[test]
    fn two_fleets_share_a_bucket_with_few_refusals_and_no_time_lost() {
        for latency in [1, 20, 50, 200] {
            for counts in [[1000, 1000], [1000, 200]] {
                assert_shared(&counts, Service::new(200.0, 10.0), latency, 0.01, 1.02);
            }
            assert_shared(&[300, 300], Service::new(50.0, 50.0), latency, 0.03, 1.15);
        }
        for latency in [1, 20, 50] {
            assert_shared(&[1000, 1000], Service::new(100.0, 500.0), latency, 0.03, 1.25);
        }
    }

    #[test]
    fn several_fleets_share_a_bucket_with_no_time_lost() {
        for latency in [1, 20, 50, 200] {
            assert_shared(&[500; 4], Service::new(200.0, 10.0), latency, 0.1, 1.02);
        }
    }

    #[test]
    fn without_the_header_a_shared_bucket_is_found_out_by_refusals() {
        let blind = || Service {
            tells: false,
            ..Service::new(200.0, 10.0)
        };
        for latency in [1, 20, 50, 200] {
            assert_shared(&[1000], blind(), latency, 0.25, 1.03);
            assert_shared(&[1000, 1000], blind(), latency, 0.35, 1.03);
        }
    }

    #[test]
    fn a_request_that_nobody_waits_for_holds_nothing_back() {
        let start = Instant::now();
        let bucket = Arc::new(Bucket::new(Kind::Write, start));
        let seen = |remaining| Observation {
            remaining: Some(remaining),
            throttled: None,
        };
        bucket
            .try_pass(start)
            .expect("the first goes ahead")
            .answered(seen(100), start);
        let given_up: Vec<Pass> = (0..40)
            .map(|_| bucket.try_pass(start).expect("there are tokens"))
            .collect();
        let last = bucket.try_pass(start).expect("there are tokens");
        drop(given_up);
        last.answered(seen(40), start);
        let half: Vec<Pass> = (0..20).map_while(|_| bucket.try_pass(start).ok()).collect();
        assert_eq!(half.len(), 20);
    }
}
