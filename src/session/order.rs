//! The results of a session in input order: a slot for each item from the oldest that is not done with to the newest.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Outcome;
use super::progress::Progress;
use crate::error::{Known, State, Step};

enum Slot {
    /// Not ended: where it goes, and what is known of its steps.
    Open(Option<Arc<str>>, Known),
    /// Ended; waits for its turn.
    Settled(Outcome),
}

/// Outcomes in input order.
#[derive(Default)]
pub(crate) struct Order {
    slots: VecDeque<Slot>,
    /// The number of the first slot: every item below it is done with.
    first: u64,
    /// Whether a success without output is passed over.
    skips_plain_success: bool,
    first_cancelled: Option<(u64, Option<Arc<str>>)>,
}

impl Order {
    /// An empty order.
    pub fn new(skips_plain_success: bool) -> Self {
        Self {
            skips_plain_success,
            ..Self::default()
        }
    }

    /// Opens a slot for the next item and gives the item's number.
    pub fn open(&mut self, path: Option<Arc<str>>, known: Known) -> u64 {
        self.slots.push_back(Slot::Open(path, known));
        self.first + self.slots.len() as u64 - 1
    }

    /// Items that are not done with.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Items below this number are done with.
    pub fn first(&self) -> u64 {
        self.first
    }

    fn slot(&mut self, index: u64) -> Option<&mut Slot> {
        let at = index.checked_sub(self.first)?;
        self.slots.get_mut(at as usize)
    }

    /// Notes that a request of the item has gone out. It stays so, whatever comes back: nothing that was sent is to be
    /// called unsent.
    pub fn mark_sent(&mut self, index: u64, step: Step) {
        let Some(Slot::Open(_, known)) = self.slot(index) else {
            return;
        };
        let passed = |state: &mut Option<State>| *state = state.map(|_| State::Done);
        match step {
            Step::Settings => known.settings = Some(State::Unknown),
            Step::Reset => {
                passed(&mut known.settings);
                known.reset = Some(State::Unknown);
            }
            Step::Get => passed(&mut known.reset),
        }
    }

    /// The first item that has not ended, or was cancelled.
    pub fn first_pending(&self) -> Option<(u64, Option<&str>)> {
        if let Some((index, path)) = &self.first_cancelled {
            return Some((*index, path.as_deref()));
        }
        self.slots
            .iter()
            .zip(self.first..)
            .find_map(|(slot, index)| match slot {
                Slot::Open(path, _) => Some((index, path.as_deref())),
                Slot::Settled(_) => None,
            })
    }

    /// Ends an item. False when it had ended already.
    pub fn settle(&mut self, index: u64, outcome: Outcome) -> bool {
        match self.slot(index) {
            Some(slot @ Slot::Open(..)) => {
                *slot = Slot::Settled(outcome);
                self.pass_over();
                true
            }
            _ => false,
        }
    }

    /// Ends every item that has not ended as cancelled, and counts them.
    pub fn cancel_rest(&mut self, counts: &mut Progress) {
        for (slot, index) in self.slots.iter_mut().zip(self.first..) {
            let Slot::Open(path, known) = slot else {
                continue;
            };
            if self.first_cancelled.is_none() {
                self.first_cancelled = Some((index, path.take()));
            }
            let known = *known;
            let states = [known.settings, known.reset];
            let has = |state: State| states.contains(&Some(state));
            counts.cancelled += 1;
            if has(State::Unknown) {
                counts.cancelled_unknown += 1;
            } else if known.settings == Some(State::Done) && known.reset != Some(State::Done) {
                counts.cancelled_settings_done += 1;
            } else if !has(State::Done) {
                counts.cancelled_not_sent += 1;
            }
            *slot = Slot::Settled(Outcome::Cancelled(known));
        }
        self.pass_over();
    }

    fn pass_over(&mut self) {
        while self.skips_plain_success
            && matches!(
                self.slots.front(),
                Some(Slot::Settled(Outcome::Succeeded { output: None, .. }))
            )
        {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// True when the oldest item has ended and its result can be taken.
    pub fn has_result(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Settled(_)))
    }

    /// Takes the oldest item's result, if it has ended.
    pub fn take(&mut self) -> Option<(u64, Outcome)> {
        if !self.has_result() {
            return None;
        }
        let Some(Slot::Settled(outcome)) = self.slots.pop_front() else {
            return None;
        };
        let index = self.first;
        self.first += 1;
        self.pass_over();
        Some((index, outcome))
    }
}
