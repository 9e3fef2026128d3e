//! What one run is like: everything that a seed decides.

use std::time::Duration;

/// A hidden limit.
#[derive(Debug, Clone, Copy)]
pub struct Hidden {
    /// Requests a second.
    pub per_second: f64,
    /// What its refusals ask for.
    pub retry_after: Duration,
}

/// How a caller takes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as they are there.
    Eager,
    /// One every so often.
    Slow(Duration),
    /// Not before every item was submitted.
    AtTheEnd,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// Processes, each with pacers of its own.
    pub processes: usize,
    /// Sessions of each process.
    pub sessions: usize,
    /// Items of each session.
    pub items: usize,
    /// Subscriptions that the items are spread over.
    pub subscriptions: usize,
    /// Requests in flight of each session.
    pub window: usize,
    /// Tries of a request.
    pub tries: u32,
    /// The round trip's mean.
    pub latency: Duration,
    /// The principal's bucket of writes: size and refill. Reads have 1.25 and 2.5 times as much.
    pub bucket: Option<(f64, f64)>,
    /// The bucket of all principals.
    pub global_bucket: Option<(f64, f64)>,
    /// A limit without a header, on the writes of the first subscription.
    pub hidden: Option<Hidden>,
    /// Whether answers have the rate-limit headers.
    pub headers: bool,
    /// Whether a 429 of a token bucket has a Retry-After.
    pub says_retry_after: bool,
    /// The share of requests that get a 5xx, and whether in bursts.
    pub errors: f64,
    /// Errors come in bursts of this length.
    pub burst: Duration,
    /// The share of requests whose connection breaks before the service sees them.
    pub breaks_before: f64,
    /// The share of requests that the service carries out, and whose answer is lost.
    pub breaks_after: f64,
    /// The share of requests that the peer says it did not process.
    pub not_processed: f64,
    /// The share of requests that never get an answer.
    pub stalls: f64,
    /// The time that one try may take.
    pub timeout: Duration,
    /// The share of requests that get a 429 although no limit is reached, with a Retry-After of a second.
    pub strays: f64,
    /// The share of items that the service refuses for good.
    pub missing: f64,
    /// The share of transient 409s and 422s.
    pub conflicts: f64,
    /// The share of answers that nobody documents.
    pub undocumented: f64,
    /// Times at which the endpoint is gone: from, and for how long.
    pub outages: Vec<(Duration, Duration)>,
    /// In an outage every connection is refused; else requests also break or get no answer.
    pub outages_refuse: bool,
    /// How long a token lasts; none: for ever.
    pub token_life: Option<Duration>,
    /// The share of questions for a token that are answered with an error.
    pub token_failures: f64,
    /// How the callers take events.
    pub pace: Pace,
    /// The pause between two items that a caller submits.
    pub input_pause: Duration,
    /// When the callers cancel.
    pub cancel_at: Option<Duration>,
    /// The share of items with settings, with a read, and of invalid ones.
    pub settings: f64,
    /// See `settings`.
    pub reads: f64,
    /// See `settings`.
    pub invalid: f64,
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut plan = Self::calm(seed, random.usize(1..120));
        let chance = |random: &mut fastrand::Rng, share: f64| random.f64() < share;
        plan.processes = if chance(&mut random, 0.3) {
            random.usize(2..4)
        } else {
            1
        };
        plan.sessions = if chance(&mut random, 0.3) {
            random.usize(2..4)
        } else {
            1
        };
        plan.subscriptions = random.usize(1..4);
        plan.window = *random.choice([1, 2, 8, 64].iter()).unwrap_or(&64);
        plan.tries = random.u32(1..7);
        plan.latency = Duration::from_millis(*random.choice([1, 5, 20, 100, 400].iter()).unwrap_or(&20));
        if chance(&mut random, 0.5) {
            plan.bucket = Some((random.usize(1..40) as f64, random.usize(1..50) as f64));
            plan.headers = chance(&mut random, 0.7);
            plan.says_retry_after = chance(&mut random, 0.7);
            if chance(&mut random, 0.3) {
                plan.global_bucket = Some((random.usize(1..60) as f64, random.usize(1..60) as f64));
            }
        }
        if chance(&mut random, 0.2) {
            plan.hidden = Some(Hidden {
                per_second: random.usize(1..50) as f64,
                retry_after: Duration::from_secs(random.u64(1..11)),
            });
        }
        if chance(&mut random, 0.6) {
            let mut share = |most: f64| if random.bool() { random.f64() * most } else { 0.0 };
            plan.errors = share(0.3);
            plan.breaks_before = share(0.2);
            plan.breaks_after = share(0.2);
            plan.not_processed = share(0.2);
            plan.stalls = share(0.05);
            plan.strays = share(0.05);
            plan.missing = share(0.3);
            plan.conflicts = share(0.2);
            plan.undocumented = share(0.1);
        }
        if chance(&mut random, 0.3) {
            plan.burst = Duration::from_millis(random.u64(100..5000));
        }
        if chance(&mut random, 0.2) {
            plan.outages_refuse = random.bool();
            let mut at = Duration::from_millis(random.u64(0..3000));
            for _ in 0..random.usize(1..3) {
                let longest = if random.u8(0..10) == 0 { 900_000 } else { 30_000 };
                let lasts = Duration::from_millis(random.u64(100..longest));
                plan.outages.push((at, lasts));
                at += lasts + Duration::from_millis(random.u64(100..5000));
            }
        }
        if chance(&mut random, 0.2) {
            // Long enough for a request to get there with it.
            plan.token_life = Some(10 * plan.latency + Duration::from_millis(random.u64(200..20_000)));
            if chance(&mut random, 0.3) {
                plan.token_failures = random.f64() * 0.3;
            }
        }
        plan.pace = match random.u8(0..4) {
            0 => Pace::Slow(Duration::from_millis(random.u64(1..200))),
            1 => Pace::AtTheEnd,
            _ => Pace::Eager,
        };
        if chance(&mut random, 0.3) {
            plan.input_pause = Duration::from_millis(random.u64(1..300));
        }
        if chance(&mut random, 0.25) {
            plan.cancel_at = Some(Duration::from_millis(random.u64(0..8000)));
        }
        plan.settings = if random.bool() { random.f64() } else { 0.0 };
        plan.reads = if random.bool() { random.f64() } else { 0.0 };
        plan.invalid = if chance(&mut random, 0.2) {
            random.f64() * 0.2
        } else {
            0.0
        };
        plan
    }

    /// A run in which nothing goes wrong.
    pub fn calm(seed: u64, items: usize) -> Self {
        Self {
            seed,
            processes: 1,
            sessions: 1,
            items,
            subscriptions: 1,
            window: 64,
            tries: 5,
            latency: Duration::from_millis(20),
            bucket: None,
            global_bucket: None,
            hidden: None,
            headers: true,
            says_retry_after: true,
            errors: 0.0,
            burst: Duration::ZERO,
            breaks_before: 0.0,
            breaks_after: 0.0,
            not_processed: 0.0,
            stalls: 0.0,
            timeout: Duration::from_secs(30),
            strays: 0.0,
            missing: 0.0,
            conflicts: 0.0,
            undocumented: 0.0,
            outages: Vec::new(),
            outages_refuse: false,
            token_life: None,
            token_failures: 0.0,
            pace: Pace::Eager,
            input_pause: Duration::ZERO,
            cancel_at: None,
            settings: 0.0,
            reads: 0.0,
            invalid: 0.0,
        }
    }

    /// Whether every item should succeed: nothing is broken for good, and nobody cancels.
    pub fn is_calm(&self) -> bool {
        let shares = [
            self.errors,
            self.breaks_before,
            self.breaks_after,
            self.not_processed,
            self.stalls,
            self.strays,
            self.missing,
            self.conflicts,
            self.undocumented,
            self.invalid,
            self.token_failures,
        ];
        shares.iter().all(|share| *share == 0.0) && self.outages.is_empty() && self.cancel_at.is_none()
    }
}
