//! The results of a session in input order: a slot for each item from the oldest that is not done with to the newest.

use std::collections::VecDeque;

use super::event::Outcome;

enum Slot {
    /// No request of it has gone out.
    Waiting,
    /// A request of it has gone out.
    Sent,
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
    pub fn open(&mut self) -> u64 {
        self.slots.push_back(Slot::Waiting);
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
    pub fn mark_sent(&mut self, index: u64) {
        if let Some(slot @ Slot::Waiting) = self.slot(index) {
            *slot = Slot::Sent;
        }
    }

    /// Ends an item. False when it had ended already.
    pub fn settle(&mut self, index: u64, outcome: Outcome) -> bool {
        match self.slot(index) {
            Some(slot @ (Slot::Waiting | Slot::Sent)) => {
                *slot = Slot::Settled(outcome);
                self.pass_over();
                true
            }
            _ => false,
        }
    }

    /// Ends every item that has not ended as cancelled; gives (never sent, sent and not answered).
    pub fn cancel_rest(&mut self) -> (u64, u64) {
        let (mut unsent, mut unanswered) = (0, 0);
        for slot in &mut self.slots {
            let sent = match slot {
                Slot::Waiting => false,
                Slot::Sent => true,
                Slot::Settled(_) => continue,
            };
            if sent {
                unanswered += 1;
            } else {
                unsent += 1;
            }
            *slot = Slot::Settled(Outcome::Cancelled { sent });
        }
        self.pass_over();
        (unsent, unanswered)
    }

    fn pass_over(&mut self) {
        while self.skips_plain_success
            && matches!(
                self.slots.front(),
                Some(Slot::Settled(Outcome::Succeeded { output: None }))
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
