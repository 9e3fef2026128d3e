//! One item on its way: which request comes next, and what a reply to it means for the item. "Send again, go on, end"
//! is decided here and nowhere else.

use std::time::Duration;

use crate::reply::Reply;
use crate::retry::{self, Meaning};
use crate::step::{Known, Plan, Step};

/// An item between submit and its end.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    plan: Plan,
    step: Step,
    /// Tries of the step that failed in a way that may pass.
    tries: u32,
    /// Requests that went out for the step.
    attempts: u32,
    /// Requests that went out for the reset, or the read of an item without one.
    reported_attempts: u32,
    free_resends: u32,
    /// A 401 to this step was answered with a new token already.
    renewed: bool,
    known: Known,
}

/// What follows from a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next step.
    GoOn,
    /// The same request again, when its limits permit it.
    Again,
    /// The same request again, not before this long.
    AgainAfter(Duration),
    /// The same request again, with a new token.
    Renew,
    /// The item has succeeded.
    Succeed,
    /// The item has failed.
    Fail,
    /// The item has failed, and every other one would fail the same way.
    FailAll,
}

/// What the decision needs to know besides the job.
pub(crate) struct Circumstances<'a> {
    /// Tries of a request.
    pub max_tries: u32,
    /// The endpoint is gone: a request without an answer costs no try.
    pub outage: bool,
    /// The endpoint was never reached, in as many attempts as it is given.
    pub unreachable: bool,
    /// How long the step's limits have let nothing of this session through.
    pub starved: Duration,
    pub random: &'a mut fastrand::Rng,
}

impl Job {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            step: plan.first(),
            tries: 0,
            attempts: 0,
            reported_attempts: 0,
            free_resends: 0,
            renewed: false,
            known: Known::nothing_done(plan),
        }
    }

    /// The request that comes next.
    pub fn step(&self) -> Step {
        self.step
    }

    /// What is known about the steps.
    pub fn known(&self) -> Known {
        self.known
    }

    /// Failed tries of the current step.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// How often the request that a result is about went out: of a failure the one that failed, of a success the reset
    /// or, without one, the read.
    pub fn attempts(&self, succeeded: bool) -> u32 {
        if succeeded {
            self.reported_attempts
        } else {
            self.attempts
        }
    }

    /// A request goes out.
    pub fn sent(&mut self) {
        self.attempts += 1;
    }

    /// Takes a try back that was spent on an endpoint which turned out to be gone.
    pub fn refund(&mut self) {
        self.tries = self.tries.saturating_sub(1);
    }

    /// The item is cancelled while its request is in flight.
    pub fn abandoned(&mut self) {
        self.known.may_be_done(self.step);
    }

    /// Takes in the reply to the request that was sent.
    pub fn replied(&mut self, reply: &Reply, circumstances: Circumstances) -> Next {
        if retry::may_be_done(self.step, reply) {
            self.known.may_be_done(self.step);
        }
        let meaning = retry::meaning(self.step, reply);
        if meaning != Meaning::Unauthorized && matches!(reply, Reply::Answer(_)) {
            // The token was good, so one that is refused later has ended meanwhile.
            self.renewed = false;
        }
        match meaning {
            _ if circumstances.unreachable => Next::FailAll,
            Meaning::Success => self.go_on(),
            Meaning::Throttled if circumstances.starved < retry::MAX_STARVED => Next::Again,
            Meaning::Unauthorized if !self.renewed => {
                self.renewed = true;
                Next::Renew
            }
            // The new token was refused, too: it is the principal that has no access.
            Meaning::Unauthorized | Meaning::Fatal => Next::FailAll,
            Meaning::NotProcessed if self.free_resends < retry::MAX_FREE_RESENDS => {
                self.free_resends += 1;
                Next::Again
            }
            Meaning::Transient | Meaning::NotProcessed => {
                let unanswered = matches!(reply, Reply::NoAnswer(_));
                if !(circumstances.outage && unanswered) {
                    self.tries += 1;
                }
                if self.tries < circumstances.max_tries {
                    Next::AgainAfter(retry::pause(reply, self.tries, circumstances.random))
                } else {
                    Next::Fail
                }
            }
            Meaning::Throttled | Meaning::Final => Next::Fail,
        }
    }

    fn go_on(&mut self) -> Next {
        self.known.done(self.step);
        if self.step == Step::Reset || !self.plan.reset {
            self.reported_attempts = self.attempts;
        }
        let Some(step) = self.plan.after(self.step) else {
            return Next::Succeed;
        };
        // Tries of its own.
        self.step = step;
        self.tries = 0;
        self.attempts = 0;
        self.free_resends = 0;
        Next::GoOn
    }
}
