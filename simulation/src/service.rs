//! The simulated service: its limits, its faults, and the ledger of what it carried out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use engine_core::pacer::Remaining;
use engine_core::reply::NoAnswer;
use engine_core::step::Step;

use crate::limits::{HiddenLimit, TokenBucket};
use crate::plan::Plan;

/// An item, wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ItemId {
    pub session: usize,
    pub index: u64,
}

/// A request on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub item: ItemId,
    pub step: Step,
    pub subscription: usize,
    /// When the token that it carries ends.
    pub token_end: Option<Instant>,
}

/// What comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Response {
    Answer {
        status: u16,
        code: &'static str,
        retry_after: Option<Duration>,
        remaining: Remaining,
    },
    /// Nothing, and this long after it was sent.
    Nothing(NoAnswer, Duration),
}

/// What the service did for one item, and what the item's session was told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub settings: StepEntry,
    pub reset: StepEntry,
    pub get: StepEntry,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StepEntry {
    /// Requests that the session sent.
    pub sent: u32,
    /// Requests that the service carried out.
    pub carried_out: u32,
    /// The documented success was delivered to the session.
    pub acknowledged: bool,
}

impl Entry {
    pub fn step(&mut self, step: Step) -> &mut StepEntry {
        match step {
            Step::Settings => &mut self.settings,
            Step::Reset => &mut self.reset,
            Step::Get => &mut self.get,
        }
    }
}

struct Subscription {
    write: Option<TokenBucket>,
    read: Option<TokenBucket>,
    global_write: Option<TokenBucket>,
    global_read: Option<TokenBucket>,
    hidden: Option<HiddenLimit>,
    /// Requests that its limits let through: writes, reads.
    let_through: [usize; 2],
    /// When they last did.
    last_let_through: Duration,
}

pub(crate) struct Service {
    plan: Plan,
    random: fastrand::Rng,
    subscriptions: Vec<Subscription>,
    pub ledger: HashMap<ItemId, Entry>,
    pub refusals: u64,
}

impl Service {
    pub fn new(plan: &Plan) -> Self {
        let bucket = |size: Option<(f64, f64)>, more: (f64, f64)| {
            size.map(|(capacity, rate)| TokenBucket::new((capacity * more.0).max(1.0), rate * more.1))
        };
        let subscriptions = (0..plan.subscriptions)
            .map(|number| Subscription {
                write: bucket(plan.bucket, (1.0, 1.0)),
                read: bucket(plan.bucket, (1.25, 2.5)),
                global_write: bucket(plan.global_bucket, (1.0, 1.0)),
                global_read: bucket(plan.global_bucket, (1.25, 2.5)),
                hidden: plan
                    .hidden
                    .filter(|_| number == 0)
                    .map(|hidden| HiddenLimit::new(hidden.per_second, hidden.retry_after)),
                let_through: [0; 2],
                last_let_through: Duration::ZERO,
            })
            .collect();
        Self {
            plan: plan.clone(),
            random: fastrand::Rng::with_seed(plan.seed ^ 0x5e_21_1c_e5),
            subscriptions,
            ledger: HashMap::new(),
            refusals: 0,
        }
    }

    /// The time that one way takes.
    pub fn one_way(&mut self) -> Duration {
        self.plan.latency.mul_f64(0.4 + 0.2 * self.random.f64())
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.f64() < share
    }

    /// What the way to the service does to a request; none: it arrives.
    pub fn on_the_way(&mut self, elapsed: Duration) -> Option<Response> {
        let gone = |(from, lasts): &(Duration, Duration)| (*from..*from + *lasts).contains(&elapsed);
        if self.plan.outages.iter().any(gone) {
            let why = match self.random.u8(0..4) {
                _ if self.plan.outages_refuse => NoAnswer::NotConnected,
                0 => NoAnswer::Broken,
                1 => return Some(Response::Nothing(NoAnswer::TimedOut, self.plan.timeout)),
                _ => NoAnswer::NotConnected,
            };
            return Some(Response::Nothing(why, self.plan.latency));
        }
        for (share, why) in [
            (self.plan.breaks_before, NoAnswer::Broken),
            (self.plan.not_processed, NoAnswer::NotProcessed),
        ] {
            if self.happens(share) {
                return Some(Response::Nothing(why, self.plan.latency));
            }
        }
        None
    }

    /// A request arrives.
    pub fn handle(&mut self, request: Request, now: Instant, elapsed: Duration) -> Response {
        let stalls = self.happens(self.plan.stalls);
        if stalls && self.random.bool() {
            return Response::Nothing(NoAnswer::TimedOut, self.plan.timeout);
        }
        if request.token_end.is_some_and(|end| now >= end) {
            return answer(401, "ExpiredAuthenticationToken");
        }
        if self.happens(self.plan.strays) {
            self.refusals += 1;
            return Response::Answer {
                status: 429,
                code: "TooManyRequests",
                retry_after: Some(Duration::from_secs(1)),
                remaining: Remaining::default(),
            };
        }
        if let Err(refusal) = self.take_tokens(request, now) {
            self.refusals += 1;
            return refusal;
        }
        self.subscriptions[request.subscription].last_let_through = elapsed;
        let remaining = self.remaining(request);
        let response = self.carry_out(request, elapsed, remaining);
        if stalls {
            return Response::Nothing(NoAnswer::TimedOut, self.plan.timeout);
        }
        if self.happens(self.plan.breaks_after) {
            return Response::Nothing(NoAnswer::Broken, Duration::ZERO);
        }
        response
    }

    fn carry_out(&mut self, request: Request, elapsed: Duration, remaining: Remaining) -> Response {
        let with = |status, code, retry_after| Response::Answer {
            status,
            code,
            retry_after,
            remaining,
        };
        // Bursts: errors come in every second stretch of that length, twice as dense.
        let burst = self.plan.burst.as_millis();
        let errors = match burst {
            0 => self.plan.errors,
            _ if (elapsed.as_millis() / burst).is_multiple_of(2) => 2.0 * self.plan.errors,
            _ => 0.0,
        };
        // The same items are missing however often one asks.
        let missing =
            fastrand::Rng::with_seed(self.plan.seed ^ request.item.index ^ ((request.item.session as u64) << 32)).f64()
                < self.plan.missing;
        if missing {
            return with(404, "ResourceNotFound", None);
        }
        if self.happens(errors) {
            if self.happens(0.2) {
                self.note(request);
            }
            let retry_after = self.random.bool().then(|| Duration::from_secs(self.random.u64(1..4)));
            return with(
                *self.random.choice([500, 502, 503, 504].iter()).unwrap_or(&500),
                "",
                retry_after,
            );
        }
        if request.step != Step::Get && self.happens(self.plan.conflicts) {
            return if self.random.bool() {
                with(409, "PessimisticConcurrencyConflict", None)
            } else {
                with(422, "ManagementApiRequestFailed", None)
            };
        }
        if self.happens(self.plan.undocumented) {
            if self.random.bool() {
                self.note(request);
            }
            let status = if request.step == Step::Get { 206 } else { 302 };
            return with(status, "", None);
        }
        self.note(request);
        match request.step {
            Step::Settings => with(if self.random.u8(0..8) == 0 { 204 } else { 200 }, "", None),
            Step::Reset => with(202, "", None),
            Step::Get => with(200, "", None),
        }
    }

    fn note(&mut self, request: Request) {
        self.ledger
            .entry(request.item)
            .or_default()
            .step(request.step)
            .carried_out += 1;
    }

    fn take_tokens(&mut self, request: Request, now: Instant) -> Result<(), Response> {
        let says = self.plan.says_retry_after;
        let headers = self.plan.headers;
        let subscription = &mut self.subscriptions[request.subscription];
        let read = request.step == Step::Get;
        let (own, global) = if read {
            (&mut subscription.read, &mut subscription.global_read)
        } else {
            (&mut subscription.write, &mut subscription.global_write)
        };
        let refused = |wait: Duration, remaining: Remaining| Response::Answer {
            status: 429,
            code: "SubscriptionRequestsThrottled",
            retry_after: says.then(|| Duration::from_secs_f64(wait.as_secs_f64().ceil().max(1.0))),
            remaining: if headers { remaining } else { Remaining::default() },
        };
        if let Some(bucket) = own
            && let Err(wait) = bucket.take(now)
        {
            let remaining = Remaining {
                principal: Some(0),
                global: global.as_ref().map(TokenBucket::remaining),
            };
            return Err(refused(wait, remaining));
        }
        if let Some(bucket) = global
            && let Err(wait) = bucket.take(now)
        {
            if let Some(own) = own {
                own.put_back();
            }
            let remaining = Remaining {
                principal: own.as_ref().map(TokenBucket::remaining),
                global: Some(0),
            };
            return Err(refused(wait, remaining));
        }
        if !read
            && let Some(hidden) = &mut subscription.hidden
            && let Err(wait) = hidden.take(now)
        {
            return Err(Response::Answer {
                status: 429,
                code: "ResourceRequestsThrottled",
                retry_after: Some(Duration::from_secs_f64(wait.as_secs_f64().ceil().max(1.0))),
                remaining: Remaining {
                    principal: headers.then_some(199),
                    global: None,
                },
            });
        }
        subscription.let_through[usize::from(read)] += 1;
        Ok(())
    }

    fn remaining(&self, request: Request) -> Remaining {
        if !self.plan.headers {
            return Remaining::default();
        }
        let subscription = &self.subscriptions[request.subscription];
        let (own, global) = if request.step == Step::Get {
            (&subscription.read, &subscription.global_read)
        } else {
            (&subscription.write, &subscription.global_write)
        };
        Remaining {
            principal: own.as_ref().map(TokenBucket::remaining),
            global: global.as_ref().map(TokenBucket::remaining),
        }
    }

    /// By subscription: when its limits last let a request through.
    pub fn last_let_through(&self) -> Vec<Duration> {
        self.subscriptions.iter().map(|s| s.last_let_through).collect()
    }

    /// The shortest time in which the limits let through what they did.
    pub fn bound(&self) -> Duration {
        let of = |bucket: &Option<TokenBucket>, count| bucket.as_ref().map_or(Duration::ZERO, |b| b.bound(count));
        self.subscriptions
            .iter()
            .flat_map(|s| {
                let [writes, reads] = s.let_through;
                [
                    of(&s.write, writes),
                    of(&s.global_write, writes),
                    of(&s.read, reads),
                    of(&s.global_read, reads),
                    s.hidden.as_ref().map_or(Duration::ZERO, |h| h.bound(writes)),
                ]
            })
            .max()
            .unwrap_or_default()
    }
}

fn answer(status: u16, code: &'static str) -> Response {
    Response::Answer {
        status,
        code,
        retry_after: None,
        remaining: Remaining::default(),
    }
}
