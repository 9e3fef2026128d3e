//! A limit that no header shows: its rate, learned from what it let through.
//!
//! A refusal costs the whole `Retry-After`, so the rate is not searched for by refusals. A limit of r requests a second
//! with a burst of one second's worth lets through at most r × (1 + t) in any t seconds. So each stretch of time in which
//! A requests went through shows that r is at least A / (1 + t), and the best of these stretches up to a refusal comes
//! close to r from below. The pace begins there and grows so slowly that what the next refusal costs is small
//! beside what lies between two; only after a long time without a refusal, as after a limit was raised, it grows fast.

use std::time::{Duration, Instant};

use super::pace::Pace;
use super::pause::Resume;

/// The burst of a limit, in seconds' worth of its rate.
const BURST: f64 = 1.0;
/// Part of the rate learned that is used at first.
const CAUTION: f64 = 0.97;
/// The pace grows to at least this much of where it began.
const LEAST_GROWTH: f64 = 1.08;
/// A refusal with little company in flight may be a stray one, and a pace that it teaches keeps the company small. So it
/// is put to the test: the next requests go without a pace, and only a limit refuses several of them. That costs a
/// limit one more pause, so once several requests were refused together, this many refusals pass before the next
/// test, and after each test twice as many as before it.
const TEST_AFTER: u32 = 24;
/// A pace that went well for so many seconds before a refusal is cut to no less than this part.
const PROVEN: f64 = 4.0;
const PROVEN_CUT: f64 = 0.95;
/// The refusal after it, however soon, cuts to no less than this part; the next one is believed.
const DOUBTED_CUT: f64 = 0.5;
/// A pace under which the probe was refused is cut to this part.
const BLIND_CUT: f64 = 0.7;
/// The slow growth takes this many pauses, so that the pauses stay a small part of the time.
const SLOW_PAUSES: f64 = 20.0;
/// And this many requests, so that the refusals stay a small part of the requests.
const SLOW_REQUESTS: f64 = 100.0;
/// And this many seconds; and no more than that, if the pauses are not longer.
const SLOW_LEAST: f64 = 10.0;
const SLOW_MOST: f64 = 120.0;
/// One request in this many seconds is the slowest pace.
const LOWEST_RATE: f64 = 1.0 / 60.0;
/// A pace above this holds nothing back.
const HIGHEST_RATE: f64 = 100_000.0;
/// A request that was sent late, because the process woke late, lets the next one be early by as much.
const SLACK: Duration = Duration::from_millis(20);
/// A pace that held nothing back for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// A moment, and how many requests had gone through before it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    accepted: u64,
}

/// Levels of marks. Those of level n are 2^n × [`STEP`] apart.
const LEVELS: usize = 12;
const STEP: Duration = Duration::from_millis(50);

/// What went through, as the stretches of time that began at the marks.
#[derive(Debug)]
struct History {
    accepted: u64,
    /// The beginning: the first answer, or the end of the last pause.
    start: Mark,
    /// An older and a newer mark of each level.
    marks: [(Mark, Mark); LEVELS],
}

#[derive(Debug)]
pub(super) struct Hidden {
    pace: Option<Pace>,
    history: Option<History>,
    /// The refusal that began the present pause, until it ends.
    refusal: Option<Refusal>,
    /// Seconds' worth of tokens at the start of the history.
    burst: f64,
    /// So many refusals teach something before the next one is put to the test.
    doubt: u32,
    /// And so many after that.
    next_doubt: u32,
}

impl Default for Hidden {
    fn default() -> Self {
        Self {
            pace: None,
            history: None,
            refusal: None,
            burst: BURST,
            doubt: 0,
            next_doubt: 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Refusal {
    at: Instant,
    until: Instant,
    before: Option<Pace>,
}

impl Refusal {
    /// Seconds.
    fn pause(&self) -> f64 {
        self.until.saturating_duration_since(self.at).as_secs_f64().max(0.001)
    }
}

impl History {
    fn new(now: Instant) -> Self {
        let mark = Mark { at: now, accepted: 0 };
        Self {
            accepted: 0,
            start: mark,
            marks: [(mark, mark); LEVELS],
        }
    }

    fn accepted(&mut self, now: Instant) {
        let mark = Mark {
            at: now,
            accepted: self.accepted,
        };
        let mut step = STEP;
        for (older, newer) in &mut self.marks {
            if now.saturating_duration_since(newer.at) < step {
                break;
            }
            *older = *newer;
            *newer = mark;
            step *= 2;
        }
        self.accepted += 1;
    }

    /// The lowest that the rate can be, requests a second, after what went through up to `now`. `burst`: seconds' worth
    /// of tokens that were there at the start.
    fn at_least(&self, burst: f64, now: Instant) -> f64 {
        let through = |mark: &Mark, burst: f64| {
            (self.accepted - mark.accepted) as f64 / (burst + now.saturating_duration_since(mark.at).as_secs_f64())
        };
        let whole = through(&self.start, burst);
        self.marks
            .iter()
            .flat_map(|(older, newer)| [older, newer])
            .map(|mark| through(mark, BURST))
            .fold(whole, f64::max)
    }
}

impl Hidden {
    pub fn pace(&self) -> Option<Pace> {
        self.pace
    }

    /// When to ask again, where the pace holds the next request back.
    pub fn earliest(&mut self, now: Instant) -> Option<Instant> {
        let pace = self.pace.as_mut()?;
        if now < pace.next {
            pace.held = true;
            pace.last_held = now;
            return Some(pace.next);
        }
        if now.saturating_duration_since(pace.last_held) > FORGET_AFTER {
            self.pace = None;
        }
        None
    }

    /// As [`Hidden::earliest`], and changes nothing.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        self.pace.map(|pace| pace.next).filter(|next| now < *next)
    }

    pub fn sent(&mut self, now: Instant) {
        let Some(pace) = &mut self.pace else { return };
        let interval = 1.0 / pace.rate();
        if std::mem::take(&mut pace.held) {
            let waited = now.saturating_duration_since(pace.last_sent).as_secs_f64();
            pace.grown += waited.min(2.0 * interval);
        }
        pace.last_sent = now;
        let rate = pace.rate();
        if rate > HIGHEST_RATE {
            self.pace = None;
            return;
        }
        let from = now.checked_sub(SLACK).map_or(pace.next, |early| pace.next.max(early));
        pace.next = from + Duration::from_secs_f64(1.0 / rate);
    }

    /// Takes in that a request went through.
    pub fn accepted(&mut self, now: Instant) {
        self.history.get_or_insert_with(|| History::new(now)).accepted(now);
        if self.refusal.is_some() {
            // It was under way when another one was refused.
            self.learn();
        }
    }

    /// Takes in the refusal that began a pause, which ends at `until`. `stated`: the service asked for it.
    pub fn refused(&mut self, until: Instant, stated: bool, now: Instant) {
        match &mut self.refusal {
            // The probe came too early: how long the limit stays closed is a guess. It says nothing of the rate.
            Some(refusal) if !stated => refusal.until = until,
            refusal => {
                *refusal = Some(Refusal {
                    at: now,
                    until,
                    before: self.pace,
                });
            }
        }
        self.learn();
    }

    fn learn(&mut self) {
        let Some(refusal) = self.refusal else { return };
        let Refusal { at, until, before } = refusal;
        let pause = refusal.pause();
        let accepted = self.history.as_ref().map_or(0, |history| history.accepted);
        let (low, high, proven) = match &self.history {
            Some(history) if accepted > 0 => {
                let least = history.at_least(self.burst, at);
                let elapsed = at.saturating_duration_since(history.start.at).as_secs_f64();
                let floor = match before {
                    Some(pace) if elapsed >= PROVEN => pace.rate() * PROVEN_CUT,
                    Some(pace) if pace.proven => pace.rate() * DOUBTED_CUT,
                    _ => 0.0,
                };
                (
                    (least * CAUTION).max(floor),
                    (accepted + 1) as f64 / (self.burst + elapsed),
                    elapsed >= PROVEN,
                )
            }
            // Not even the probe went through.
            _ => {
                let rate = before.map_or(1.0 / pause, |pace| pace.rate());
                (rate * BLIND_CUT, rate, false)
            }
        };
        let low = low.clamp(LOWEST_RATE, HIGHEST_RATE);
        let high = high.max(low * LEAST_GROWTH);
        let slow = (SLOW_REQUESTS / low)
            .clamp(SLOW_LEAST, SLOW_MOST)
            .max(SLOW_PAUSES * pause);
        self.pace = Some(Pace {
            low,
            high,
            slow,
            grown: 0.0,
            proven,
            next: until,
            held: false,
            last_held: until,
            last_sent: until,
        });
    }

    /// The pause is over. True where the refusal is put to the test: the next requests go without a pace.
    pub fn resume(&mut self, how: Resume) -> bool {
        let refusal = self.refusal.take();
        let (refused, together) = match how {
            Resume::Stray(pace) => {
                self.pace = pace;
                return false;
            }
            Resume::Probed { refused, together } => (refused, together),
        };
        self.burst = refusal.map_or(BURST, |refusal| refusal.pause().min(BURST));
        self.history = None;
        // Only a limit refuses several requests in flight together and lets few of them through.
        if refused >= 2 && refused > together {
            self.doubt = self.doubt.max(TEST_AFTER);
            self.next_doubt = self.next_doubt.max(TEST_AFTER);
        }
        if self.doubt > 0 {
            self.doubt -= 1;
            return false;
        }
        self.doubt = self.next_doubt;
        self.next_doubt = (2 * self.next_doubt).max(1);
        self.pace = None;
        true
    }

    /// Requests a second, where there is such a limit.
    pub fn rate(&self) -> Option<f64> {
        self.pace.map(|pace| pace.rate())
    }
}
