//! A simulated caller: what it submits, when it takes events, and what it was told.

use std::time::Instant;

use engine_core::event::{Event, Fatal, Outcome};
use engine_core::machine::Machine;
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
    pub process: usize,
    pub inputs: Vec<Input>,
    pub submitted: usize,
    pub told: Vec<(u64, Outcome<Cause>)>,
    pub fatal: Option<Fatal<Cause>>,
    pub cancelled: bool,
    pub finished: bool,
    pub in_flight: usize,
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
            Some(Event::OutageBegan | Event::OutageEnded(_)) => {}
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
