//! A session as a state machine: takes items, says what to send, takes in replies, and gives results in input order.
//!
//! The shell calls [`Machine::submit`], [`Machine::finish`] and [`Machine::close`] for its caller, sends what
//! [`Machine::poll_request`] gives, reports each reply to [`Machine::answered`], and calls [`Machine::advance`] at
//! [`Machine::wake_at`]. `T` is the shell's description of an item, `R` what it keeps of a reply.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::buckets::Buckets;
use crate::event::{Event, FailedRequest, Failure, Fatal, Outcome};
use crate::health::{Change, Health, MAX_OUTAGE};
use crate::job::{Circumstances, Job, Next};
use crate::pacer::{Kind, Permit, Verdict, Wait};
use crate::progress::{Counts, Progress, WaitReason};
use crate::queues::{Caller, Cleared, LaneId, Queues};
use crate::reorder::{Flight, Reorder, Slot};
use crate::reply::{NoAnswer, Reply};
use crate::retry::MAX_RETRY_AFTER;
use crate::step::{Plan, Step};

/// Maximum items between submit and delivery. It also bounds how far the rest may run ahead of one slow item.
pub const MAX_UNDELIVERED: usize = 16 * 1024;
/// Items that could be sent wait for a place in the window, up to this many windows full; then submit waits. Items that
/// limits hold back do not count, so that others can pass them.
const READY_PER_WINDOW: usize = 4;
/// While results that wait for their turn hold more bytes than this, no item begins but the oldest.
pub const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;
/// Send the first request alone for up to this long, so the rest reuse its connection.
const WARM_UP: Duration = Duration::from_millis(250);

/// What a session is given.
pub struct Config {
    /// Maximum requests in flight.
    pub window: usize,
    /// Maximum tries of a request; 429s are counted apart.
    pub tries: u32,
    /// Whether a success without output is passed over instead of reported.
    pub quiet: bool,
    /// The endpoint's name, for the buckets.
    pub endpoint: Arc<str>,
    /// The process's pacers.
    pub buckets: Arc<Buckets>,
    /// For the jitter of pauses.
    pub seed: u64,
}

/// A request to send.
#[derive(Debug)]
pub struct Request<T> {
    /// The item's index; an item has one request out at a time.
    pub index: u64,
    /// Which of its requests.
    pub step: Step,
    /// The item.
    pub item: T,
}

/// What a reply led to, for the shell's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What follows.
    pub next: Then,
    /// Failed tries of the request so far.
    pub tries: u32,
}

/// What follows from a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The session or the item had ended already.
    Ignored,
    /// The item's next request.
    GoOn,
    /// The same request again, when its limits permit it: after this long, as far as is known.
    Again(Duration),
    /// The same request again, not before this long.
    AgainAfter(Duration),
    /// The token must be replaced; then the same request again.
    Renew,
    /// The item has succeeded, after this many attempts.
    Succeeded(u32),
    /// The item has failed.
    Failed,
    /// The session has ended.
    Closed,
}

/// A session.
pub struct Machine<T, R> {
    window: usize,
    tries: u32,
    buckets: Arc<Buckets>,
    endpoint: Arc<str>,
    caller: Option<Caller>,
    queues: Queues,
    reorder: Reorder<T, R>,
    /// Items that wait for their next try, by the time of it.
    delayed: BTreeSet<(Instant, u64)>,
    health: Health,
    notices: VecDeque<Event<T, R>>,
    random: fastrand::Rng,
    /// When the first request went out.
    began: Option<Instant>,
    in_flight: usize,
    finished: bool,
    closed: bool,
    counts: Counts,
}

impl<T: Clone, R: Clone> Machine<T, R> {
    /// A session without items.
    pub fn new(config: Config) -> Self {
        Self {
            window: config.window,
            tries: config.tries,
            buckets: config.buckets,
            endpoint: config.endpoint,
            caller: None,
            queues: Queues::default(),
            reorder: Reorder::new(config.quiet),
            delayed: BTreeSet::new(),
            health: Health::default(),
            notices: VecDeque::new(),
            random: fastrand::Rng::with_seed(config.seed),
            began: None,
            in_flight: 0,
            finished: false,
            closed: false,
            counts: Counts::default(),
        }
    }

    /// True once no more items are taken.
    pub fn is_closed_to_items(&self) -> bool {
        self.finished || self.closed
    }

    /// Whether another item may be submitted now.
    pub fn has_room(&self) -> bool {
        self.reorder.len() < MAX_UNDELIVERED && self.queues.unlimited() < READY_PER_WINDOW * self.window
    }

    /// Whether half of the room is free: a shell that woke its caller for each free place would switch threads for
    /// every item.
    pub fn has_much_room(&self) -> bool {
        self.reorder.len() < MAX_UNDELIVERED && self.queues.unlimited() <= READY_PER_WINDOW * self.window / 2
    }

    /// Takes an item, and gives its index. The shell asks [`Self::has_room`] first.
    pub fn submit(&mut self, item: T, subscription: &str, plan: Plan) -> u64 {
        let subscription = self.queues.subscription(subscription);
        let lane = self.queues.lane(subscription, kind(plan.first()));
        let index = self.reorder.open(Slot::new(Some(item), subscription, Job::new(plan)));
        self.counts.submitted += 1;
        self.queues.push_fresh(lane, index);
        index
    }

    /// Takes an item that is invalid: it ends as failed, in its turn.
    pub fn submit_invalid(&mut self, cause: R) -> u64 {
        self.counts.submitted += 1;
        let index = self.reorder.open(Slot::new(None, 0, Job::new(Plan::default())));
        self.end(index, Outcome::Failed(Failure { cause, request: None }), 0);
        index
    }

    /// No more items will come.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Cancels what has not ended. Nothing more is sent.
    pub fn close(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.reorder.end_all(|slot| {
            if let Some(Flight { lane, permit }) = slot.flight.take() {
                if let Some(bucket) = self.queues.bucket(lane) {
                    bucket.at(now).unanswered(permit, now);
                }
                slot.job.abandoned();
            }
            self.counts.cancel(slot.job.known());
            Outcome::Cancelled(slot.job.known())
        });
        self.in_flight = 0;
        self.queues.clear();
        self.delayed.clear();
    }

    /// Ends the session for a reason of the shell's own.
    pub fn fail(&mut self, cause: R, now: Instant) {
        self.close_with(Fatal::Shell(cause), now);
    }

    fn close_with(&mut self, fatal: Fatal<R>, now: Instant) {
        if !self.closed {
            self.notices.push_back(Event::Fatal(fatal));
            self.close(now);
        }
    }

    /// Who is calling is known: requests may be sent.
    pub fn set_principal(&mut self, principal: u64) {
        if self.caller.is_none() {
            self.caller = Some(Caller {
                buckets: self.buckets.clone(),
                endpoint: self.endpoint.clone(),
                principal,
            });
        }
    }

    /// Does what is due by the clock alone.
    pub fn advance(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if let Some(lasted) = self.health.outage(now).filter(|lasted| *lasted >= MAX_OUTAGE) {
            return self.close_with(Fatal::Outage(lasted), now);
        }
        self.queues.unblock_due(now);
        while let Some(&(due, index)) = self.delayed.first() {
            if due > now {
                break;
            }
            self.delayed.pop_first();
            if let Some(slot) = self.reorder.slot(index) {
                let lane = self.queues.lane(slot.subscription, kind(slot.job.step()));
                self.queues.push_begun(lane, index);
            }
        }
    }

    /// When [`Self::advance`] has something to do, or more may be sent than before, if nothing else happens until then.
    pub fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let delayed = self.delayed.first().map(|(due, _)| *due);
        let warm_up = self.warm_up_end().filter(|end| *end > now);
        [self.queues.next_due(), delayed, warm_up, self.health.due(now)]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the first request stops going alone; none once an answer came.
    fn warm_up_end(&self) -> Option<Instant> {
        let began = self.began.filter(|_| !self.health.was_reached())?;
        Some(began + WARM_UP)
    }

    /// How many requests could be sent now, as far as is known without asking the limits.
    pub fn sendable(&self, now: Instant) -> usize {
        if self.closed {
            return 0;
        }
        let warms_up = !self.health.was_reached() && self.warm_up_end().is_none_or(|end| now < end);
        let window = if warms_up { 1 } else { self.window };
        let places = window.saturating_sub(self.in_flight);
        self.queues
            .ready()
            .min(places)
            .min(self.health.places(self.in_flight, now))
    }

    /// The next request to send, if one may go out.
    pub fn poll_request(&mut self, now: Instant) -> Option<Request<T>> {
        if self.sendable(now) == 0 {
            return None;
        }
        let caller = self.caller.as_ref()?;
        let (first, full) = (self.reorder.first(), self.reorder.held() > MAX_HELD_BYTES);
        let Cleared { index, lane, permit } = self.queues.pop(now, caller, |index| !full || index == first)?;
        let slot = self.reorder.slot(index).expect("a queued item has a slot");
        let item = slot.item.clone().expect("a queued item is valid");
        slot.job.sent();
        slot.flight = Some(Flight { lane, permit });
        let step = slot.job.step();
        self.began.get_or_insert(now);
        self.in_flight += 1;
        self.counts.requests += 1;
        self.health.sent(index);
        Some(Request { index, step, item })
    }

    /// Takes in the reply to an item's request. `keep` gives what the shell keeps of it, and how many bytes that holds;
    /// it is asked only where the reply decides the item.
    pub fn answered(&mut self, index: u64, reply: Reply, keep: impl FnOnce() -> (R, usize), now: Instant) -> Decision {
        let ignored = Decision {
            next: Then::Ignored,
            tries: 0,
        };
        let Some(slot) = self.reorder.slot(index) else {
            return ignored;
        };
        // After the session has ended, nothing is in flight.
        let Some(Flight { lane, permit }) = slot.flight.take() else {
            return ignored;
        };
        let subscription = slot.subscription;
        self.in_flight -= 1;
        let starved = self.tell_limits(&reply, lane, permit, now);
        let unreachable = self.tell_health(&reply, index, now);
        let Some(slot) = self.reorder.slot(index) else {
            return ignored;
        };
        let job = &mut slot.job;
        let circumstances = Circumstances {
            max_tries: self.tries,
            outage: self.health.is_down(),
            unreachable,
            starved,
            random: &mut self.random,
        };
        let next = job.replied(&reply, circumstances);
        let tries = job.tries();
        let failure = |job: &Job, cause| Failure {
            cause,
            request: Some(FailedRequest {
                step: job.step(),
                attempts: job.attempts(false),
                known: job.known(),
            }),
        };
        let next = match next {
            Next::GoOn => {
                let lane = self.queues.lane(subscription, kind(job.step()));
                self.queues.push_begun(lane, index);
                Then::GoOn
            }
            Next::Again | Next::Renew => {
                self.counts.retries += 1;
                self.queues.push_begun(lane, index);
                if next == Next::Renew {
                    Then::Renew
                } else {
                    let until = self.queues.limited_until(lane, now);
                    Then::Again(until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now)))
                }
            }
            Next::AgainAfter(pause) => {
                self.counts.retries += 1;
                self.delayed.insert((now + pause, index));
                Then::AgainAfter(pause)
            }
            Next::Succeed => {
                let attempts = job.attempts(true);
                let (output, bytes) = if job.step() == Step::Get {
                    let (output, bytes) = keep();
                    (Some(output), bytes)
                } else {
                    (None, 0)
                };
                self.end(index, Outcome::Succeeded { output, attempts }, bytes);
                Then::Succeeded(attempts)
            }
            Next::Fail => {
                let (cause, bytes) = keep();
                let failure = failure(job, cause);
                self.end(index, Outcome::Failed(failure), bytes);
                Then::Failed
            }
            Next::FailAll => {
                let (cause, bytes) = keep();
                let failure = failure(job, cause);
                self.end(index, Outcome::Failed(failure.clone()), bytes);
                self.close_with(Fatal::Item { index, failure }, now);
                Then::Closed
            }
        };
        Decision { next, tries }
    }

    /// Reports a reply to the limits of its lane; gives how long they have let nothing through.
    fn tell_limits(&mut self, reply: &Reply, lane: LaneId, permit: Permit, now: Instant) -> Duration {
        let Some(bucket) = self.queues.bucket(lane) else {
            return Duration::ZERO;
        };
        match reply {
            Reply::Answer(answer) => {
                let refused = answer.status == 429;
                let verdict = if refused {
                    Verdict::Refused {
                        retry_after: answer.retry_after.map(|wait| wait.min(MAX_RETRY_AFTER)),
                    }
                } else {
                    Verdict::Accepted
                };
                bucket.at(now).answered(permit, answer.remaining, verdict, now);
                self.counts.refusals += u64::from(refused);
                self.queues.answered(lane, refused, now)
            }
            Reply::NoAnswer(_) => {
                bucket.at(now).unanswered(permit, now);
                self.queues.reconsider(lane);
                Duration::ZERO
            }
        }
    }

    /// Reports a reply to the endpoint's health; true where the endpoint cannot be reached.
    fn tell_health(&mut self, reply: &Reply, index: u64, now: Instant) -> bool {
        let change = match reply {
            Reply::Answer(_) => self.health.answered(now),
            Reply::NoAnswer(why) => self.health.unanswered(index, *why != NoAnswer::TimedOut, now),
        };
        match change {
            Change::None => {}
            Change::Unreachable => return true,
            Change::Up(lasted) => self.notices.push_back(Event::OutageEnded(lasted)),
            Change::Down(spent) => {
                self.notices.push_back(Event::OutageBegan);
                // The item at hand has not spent its try yet.
                for item in spent.into_iter().filter(|item| *item != index) {
                    if let Some(slot) = self.reorder.slot(item) {
                        slot.job.refund();
                    }
                }
            }
        }
        false
    }

    fn end(&mut self, index: u64, outcome: Outcome<R>, bytes: usize) {
        match outcome {
            Outcome::Succeeded { .. } => self.counts.succeeded += 1,
            _ => self.counts.failed += 1,
        }
        self.reorder.end(index, outcome, bytes);
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// True when an event waits to be taken.
    pub fn has_event(&self) -> bool {
        !self.notices.is_empty() || self.reorder.has_result()
    }

    /// Takes the next event: a notice, else the oldest item's result.
    pub fn poll_event(&mut self) -> Option<Event<T, R>> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        let (index, item, outcome) = self.reorder.take()?;
        Some(Event::Ended { index, item, outcome })
    }

    /// True when every event was taken and none will come any more.
    pub fn is_done(&self) -> bool {
        (self.finished || self.closed) && self.reorder.len() == 0 && self.notices.is_empty()
    }

    /// True when nothing will be sent any more.
    pub fn is_idle_for_good(&self) -> bool {
        self.closed || (self.finished && self.reorder.len() == 0)
    }

    /// Items below this index are delivered: their input is not needed any more.
    pub fn delivered(&self) -> u64 {
        self.reorder.first()
    }

    /// The first item without a result, or the first cancelled one; the item is none where it was invalid.
    pub fn first_pending(&self) -> Option<(u64, Option<&T>)> {
        self.reorder.first_pending()
    }

    /// How far the session is.
    pub fn progress(&self, now: Instant) -> Progress {
        let throttled = self.queues.throttled(now);
        let outage = self.health.outage(now);
        let delayed = self.delayed.first().map(|(due, _)| *due);
        let (reason, until) = if outage.is_some() {
            (Some(WaitReason::Outage), self.health.due(now))
        } else if let Some((until, wait)) = throttled.first {
            let reason = match wait {
                Wait::Throttle => WaitReason::Throttle,
                Wait::RetryAfter => WaitReason::RetryAfter,
            };
            (Some(reason), Some(until))
        } else if delayed.is_some() && self.in_flight == 0 {
            (Some(WaitReason::RetryAfter), delayed)
        } else {
            (None, None)
        };
        let counts = self.counts;
        let ended = counts.succeeded + counts.failed + counts.cancelled;
        Progress {
            counts,
            delivered: self.reorder.first(),
            in_flight: self.in_flight as u64,
            queued: (self.queues.len() + self.delayed.len()) as u64,
            waiting: (throttled.items + self.delayed.len()) as u64,
            wait_reason: reason,
            wait: until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now)),
            outage: outage.unwrap_or_default(),
            time_left: self.time_left(counts.submitted - ended, ended, throttled.time_left, now),
        }
    }

    /// From what has ended so far, and no less than what the limits need; unknown while nothing has ended.
    fn time_left(&self, left: u64, ended: u64, throttled: Option<f64>, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.began?).as_secs_f64();
        if left == 0 {
            return Some(Duration::ZERO);
        }
        if ended == 0 {
            return None;
        }
        let seconds = (left as f64 * elapsed / ended as f64).max(throttled.unwrap_or(0.0));
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Which limits a step counts against.
fn kind(step: Step) -> Kind {
    match step {
        Step::Get => Kind::Read,
        Step::Settings | Step::Reset => Kind::Write,
    }
}
