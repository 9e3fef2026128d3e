//! How fast requests may go to one subscription, for every limit that Azure has: those that its headers show and those
//! that only a refusal shows.
//!
//! Four rules decide together, and the slowest one counts:
//! - the warm-up: a few requests first, then twice as many with each round trip;
//! - the pause after a 429, and the one probe that ends it ([`pause`]);
//! - the token buckets that headers show, the principal's and the one of all principals ([`shown`]);
//! - the rate of a limit that no header shows, learned from what it let through ([`hidden`]).

mod hidden;
mod outstanding;
mod pace;
mod pause;
mod shown;

use std::time::{Duration, Instant};

use hidden::Hidden;
use outstanding::Outstanding;
pub use outstanding::Permit;
use pause::{Gate, Pause};
use shown::Shown;

/// Which of a subscription's two kinds of limits a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// GET.
    Read,
    /// PATCH and POST.
    Write,
}

impl Kind {
    /// Tokens a second of the principal's bucket (Microsoft Learn, "Understand how Azure Resource Manager throttles
    /// requests"): the guess until a rate has been measured. The bucket of all principals gets more, but we may get
    /// little of it.
    fn documented_rate(self) -> f64 {
        match self {
            Kind::Read => 25.0,
            Kind::Write => 10.0,
        }
    }
}

/// What the rate-limit headers of one answer say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Tokens left in the principal's bucket (`x-ms-ratelimit-remaining-subscription-writes` or `-reads`).
    pub principal: Option<u64>,
    /// Tokens left in the bucket of all principals (`…-subscription-global-writes` or `-global-reads`).
    pub global: Option<u64>,
}

/// Whether a limit let the request through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Any answer but a 429.
    Accepted,
    /// A 429. `retry_after` is `None` where the answer does not say, says 0, or names a time that is past.
    Refused {
        /// How long the answer asks to wait.
        retry_after: Option<Duration>,
    },
}

/// Why requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For tokens, as the headers show or as refusals have taught, or for the pacer's own pause after a refusal that
    /// did not say how long.
    Throttle,
    /// For the `Retry-After` of a refusal to pass.
    RetryAfter,
}

/// Requests in flight before the first answer. Several processes may start at once, and none knows of the others.
const FIRST_WINDOW: usize = 2;
/// Requests in flight at first when a refusal is put to the test: enough to tell a stray one from a limit.
const TEST_WINDOW: usize = 12;
/// As many in flight as this need no warm-up any more.
const WARM: usize = 1 << 12;
/// Should the answers that the warm-up waits for not come, one more request goes out after each such time.
const WARM_UP_PATIENCE: Duration = Duration::from_millis(250);

/// The pace of one kind of request to one subscription by one principal. Every session of a process shares it.
#[derive(Debug)]
pub struct Pacer {
    kind: Kind,
    outstanding: Outstanding,
    /// The most requests in flight while the warm-up lasts.
    window: usize,
    last_sent: Option<Instant>,
    /// Requests that went through, as far as answers have said.
    accepted: u64,
    pause: Pause,
    principal: Shown,
    global: Shown,
    hidden: Hidden,
    random: fastrand::Rng,
}

impl Pacer {
    /// A pacer that knows nothing yet.
    pub fn new(kind: Kind, now: Instant) -> Self {
        Self::with_seed(kind, now, 0)
    }

    /// As [`Pacer::new`], with a seed for the small random delays that keep several processes from asking in step.
    pub fn with_seed(kind: Kind, _now: Instant, seed: u64) -> Self {
        Self {
            kind,
            outstanding: Outstanding::default(),
            window: FIRST_WINDOW,
            last_sent: None,
            accepted: 0,
            pause: Pause::default(),
            principal: Shown::new(kind.documented_rate()),
            global: Shown::new(kind.documented_rate()),
            hidden: Hidden::default(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The kind of request that it paces.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Permits one request, or says when to ask again: later than `now`, and earlier if an answer comes before.
    pub fn try_send(&mut self, now: Instant) -> Result<Permit, Instant> {
        while let Some(number) = self.outstanding.take_lost() {
            self.without_answer(number, now);
        }
        match self.pause.gate(now) {
            Gate::Closed(until) => return Err(until),
            Gate::Probe => {
                let permit = self.send(now);
                self.pause.probing(permit.number(), now);
                return Ok(permit);
            }
            Gate::Open => {}
        }
        if self.window < WARM && self.outstanding.count() >= self.window {
            let again = self.last_sent.map_or(now, |last| last + WARM_UP_PATIENCE);
            if now < again {
                return Err(again);
            }
        }
        let again = [
            self.hidden.earliest(now),
            self.principal.until(now),
            self.global.until(now),
        ];
        match again.into_iter().flatten().max() {
            Some(again) => Err(again),
            None => Ok(self.send(now)),
        }
    }

    fn send(&mut self, now: Instant) -> Permit {
        self.last_sent = Some(now);
        self.principal.sent(now);
        self.global.sent(now);
        self.hidden.sent(now);
        self.outstanding.send(now)
    }

    /// Takes in an answer.
    pub fn answered(&mut self, permit: Permit, remaining: Remaining, verdict: Verdict, now: Instant) {
        let number = permit.number();
        let sent = permit.sent();
        let Some(place) = self.outstanding.settle(permit) else {
            return;
        };
        match verdict {
            Verdict::Accepted => {
                self.accepted += 1;
                self.window = (self.window + 1).min(WARM);
                for (shown, remaining) in [
                    (&mut self.principal, remaining.principal),
                    (&mut self.global, remaining.global),
                ] {
                    shown.answered(remaining, place, self.accepted, now);
                }
                let oldest = self.outstanding.oldest();
                if let Some(how) = self.pause.accepted(number, sent, oldest)
                    && self.hidden.resume(how)
                {
                    self.window = self.window.min(TEST_WINDOW);
                }
                self.hidden.accepted(now);
            }
            Verdict::Refused { retry_after } => {
                let in_flight = place.under_way();
                let empty = match (remaining.principal, remaining.global) {
                    (None, None) => {
                        self.principal.is_nearly_empty(in_flight, now) || self.global.is_nearly_empty(in_flight, now)
                    }
                    (principal, global) => principal == Some(0) || global == Some(0),
                };
                let newest = self.outstanding.newest();
                let Some(until) = self.pause.refused(
                    number,
                    sent,
                    retry_after,
                    empty,
                    newest,
                    self.hidden.pace(),
                    &mut self.random,
                    now,
                ) else {
                    return;
                };
                if empty {
                    for (shown, remaining) in [
                        (&mut self.principal, remaining.principal),
                        (&mut self.global, remaining.global),
                    ] {
                        shown.refused(remaining, until);
                    }
                } else {
                    self.hidden.refused(until, retry_after.is_some(), now);
                }
            }
        }
    }

    /// Takes in that no answer came: whether the request took a token is unknown. A permit that is dropped counts so,
    /// too, as of the next [`Pacer::try_send`].
    pub fn unanswered(&mut self, permit: Permit, now: Instant) {
        let number = permit.number();
        if self.outstanding.settle(permit).is_some() {
            self.forget(number, now);
        }
    }

    fn without_answer(&mut self, number: u64, now: Instant) {
        if self.outstanding.remove(number).is_some() {
            self.forget(number, now);
        }
    }

    fn forget(&mut self, number: u64, now: Instant) {
        self.pause.unanswered(number, now);
        self.principal.unanswered();
        self.global.unanswered();
    }

    /// True while a limit is known to hold requests back, and not merely a first answer is awaited.
    pub fn is_limiting(&self, now: Instant) -> bool {
        self.limited_until(now).is_some()
    }

    /// When the limits let the next request through, later than `now`, and what it waits for; `None` where no limit
    /// holds it back. Never further away than a `Retry-After` said, or than the pacer's own estimates reach (minutes).
    pub fn limited_until(&self, now: Instant) -> Option<(Instant, Wait)> {
        if let Some((until, stated)) = self.pause.until(now) {
            return Some((until, if stated { Wait::RetryAfter } else { Wait::Throttle }));
        }
        [
            self.hidden.until(now),
            self.principal.until(now),
            self.global.until(now),
        ]
        .into_iter()
        .flatten()
        .max()
        .map(|until| (until, Wait::Throttle))
    }

    /// Requests a second that the limits let through, where that is known: for an estimate of the time left.
    pub fn rate(&self) -> Option<f64> {
        [self.hidden.rate(), self.principal.rate(), self.global.rate()]
            .into_iter()
            .flatten()
            .min_by(f64::total_cmp)
    }
}
