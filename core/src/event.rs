//! What a session reports to its caller.

use std::time::Duration;

use crate::step::{Known, Step};

/// How an item ended. `R` is what the shell knows of the reply that decided it.
#[derive(Debug, Clone)]
pub enum Outcome<R> {
    /// Every step is done.
    Succeeded {
        /// The last reply, where the plan ends with a GET.
        output: Option<R>,
        /// How often the reset (without one: the read) went out.
        attempts: u32,
    },
    /// A step failed for good.
    Failed(Failure<R>),
    /// The session ended before the item did; what is known about its steps.
    Cancelled(Known),
}

/// How an item failed.
#[derive(Debug, Clone)]
pub struct Failure<R> {
    /// The reply that decided it, or why the item was invalid.
    pub cause: R,
    /// The request that failed; none where the item was invalid and nothing was sent.
    pub request: Option<FailedRequest>,
}

/// The request that an item failed by.
#[derive(Debug, Clone, Copy)]
pub struct FailedRequest {
    /// Its step.
    pub step: Step,
    /// How often it went out.
    pub attempts: u32,
    /// What is known about the item's steps.
    pub known: Known,
}

/// Why a session ends before its items do.
#[derive(Debug, Clone)]
pub enum Fatal<R> {
    /// Every other item would fail as this one did.
    Item {
        /// The item's index.
        index: u64,
        /// How it failed.
        failure: Failure<R>,
    },
    /// The endpoint gave no answer for this long.
    Outage(Duration),
    /// The shell cannot go on.
    Shell(R),
}

/// One event.
#[derive(Debug, Clone)]
pub enum Event<T, R> {
    /// An item has ended. These come in input order.
    Ended {
        /// The item's index.
        index: u64,
        /// The item; none where it was invalid.
        item: Option<T>,
        /// How it ended.
        outcome: Outcome<R>,
    },
    /// The session cannot go on: what has not ended is cancelled.
    Fatal(Fatal<R>),
    /// The endpoint has stopped answering. The session probes it with one request at a time.
    OutageBegan,
    /// The endpoint answers again, after this long.
    OutageEnded(Duration),
}
