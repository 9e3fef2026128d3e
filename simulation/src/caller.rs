//! A simulated caller: what it submits, when it takes events, and what it was told.

use std::collections::HashMap;
use std::time::Instant;

use engine_core::event::{Event, Fatal, Outcome};
use engine_core::machine::Machine;
use engine_core::progress::Counts;
use engine_core::renewal::Renewal;
use engine_core::step;

use crate::plan::{Pace, Plan};

/// What the shell keeps of a reply: its status, 0 where there was none.
pub(crate) type Cause = u16;

/// An item as its caller submits it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    pub subscription: usize,
    pub plan: step::Plan,
    pub valid: bool,
}

/// A session with its caller and its token.
pub(crate) struct Session {
    pub machine: Machine<u64, Cause>,
    /// Successes without output are not reported.
    pub quiet: bool,
    pub process: usize,
    pub inputs: Vec<Input>,
    pub submitted: usize,
    pub told: Vec<(u64, Outcome<Cause>)>,
    pub fatal: Option<Fatal<Cause>>,
    pub cancelled: bool,
    pub finished: bool,
    pub in_flight: usize,
    /// Requests that were sent, and the 429s that came back.
    pub sent: u64,
    pub refused: u64,
    /// The latest notice was that an outage began.
    pub in_outage: bool,
    /// By lane (subscription, and whether it is read): the newest item that has begun.
    pub newest_begun: HashMap<(usize, bool), u64>,
    /// By lane: when the first of the 429s came since which nothing went through.
    pub refused_since: HashMap<(usize, bool), Instant>,
    pub tokens: Renewal<Token, Instant>,
    /// Tokens that were asked for.
    pub generation: u64,
    /// When the session is to be woken next.
    pub wake: Option<Instant>,
    pub done_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub end: Option<Instant>,
    pub generation: u64,
}

impl Session {
    /// What the items of a session are.
    pub fn draw_inputs(plan: &Plan, random: &mut fastrand::Rng) -> Vec<Input> {
        (0..plan.items)
            .map(|_| {
                let reset = random.u8(0..20) > 0;
                Input {
                    subscription: random.usize(0..plan.subscriptions),
                    plan: step::Plan {
                        settings: reset && random.f64() < plan.settings,
                        reset,
                        get: !reset || random.f64() < plan.reads,
                    },
                    valid: random.f64() >= plan.invalid,
                }
            })
            .collect()
    }

    /// What the session has counted.
    pub fn counts(&self, now: Instant) -> Counts {
        self.machine.progress(now).counts
    }

    /// Submits the next item, if there is room.
    pub fn submit(&mut self) -> bool {
        if self.machine.is_closed_to_items() || !self.machine.has_room() {
            return false;
        }
        let Some(input) = self.inputs.get(self.submitted) else {
            return false;
        };
        let number = self.submitted as u64;
        let index = if input.valid {
            let subscription = format!("subscription {}", input.subscription);
            self.machine.submit(number, &subscription, input.plan)
        } else {
            self.machine.submit_invalid(1)
        };
        assert_eq!(index, number, "items are numbered in the order of submit");
        self.submitted += 1;
        true
    }

    /// Takes one event.
    pub fn take(&mut self) -> bool {
        match self.machine.poll_event() {
            Some(Event::Ended { index, item, outcome }) => {
                assert!(item.is_none_or(|item| item == index), "a result has its own item");
                self.told.push((index, outcome));
            }
            Some(Event::Fatal(fatal)) => {
                assert!(self.fatal.is_none(), "a session ends once");
                self.fatal = Some(fatal);
            }
            Some(Event::OutageBegan) => {
                assert!(!self.in_outage, "an outage begins once");
                self.in_outage = true;
            }
            Some(Event::OutageEnded(_)) => {
                assert!(self.in_outage, "only an outage that began can end");
                self.in_outage = false;
            }
            None => return false,
        }
        true
    }

    /// Whether the caller takes all events that are there now.
    pub fn is_eager(&self, pace: Pace) -> bool {
        match pace {
            Pace::Eager => true,
            Pace::Slow(_) => false,
            Pace::AtTheEnd => self.finished || self.machine.is_closed_to_items() || !self.machine.has_room(),
        }
    }
}
