//! The items of a session in input order: a slot for each, from the oldest that is not delivered to the newest.

use std::collections::VecDeque;

use crate::event::Outcome;
use crate::job::Job;
use crate::pacer::Permit;
use crate::queues::LaneId;

/// A request that is out.
pub(crate) struct Flight {
    pub lane: LaneId,
    pub permit: Permit,
}

/// A result that waits for its turn.
struct Ended<R> {
    outcome: Outcome<R>,
    /// Bytes that it holds.
    bytes: usize,
}

pub(crate) struct Slot<T, R> {
    /// None where the item was invalid.
    pub item: Option<T>,
    /// The number of its subscription's lanes.
    pub subscription: u32,
    pub job: Job,
    pub flight: Option<Flight>,
    ended: Option<Ended<R>>,
}

impl<T, R> Slot<T, R> {
    pub fn new(item: Option<T>, subscription: u32, job: Job) -> Self {
        Self {
            item,
            subscription,
            job,
            flight: None,
            ended: None,
        }
    }
}

/// Slots in input order.
pub(crate) struct Reorder<T, R> {
    slots: VecDeque<Slot<T, R>>,
    /// The index of the first slot: every item below it is delivered.
    first: u64,
    /// Whether a success without output is passed over instead of delivered.
    quiet: bool,
    /// Bytes that waiting results hold.
    held: usize,
}

impl<T, R> Reorder<T, R> {
    pub fn new(quiet: bool) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            quiet,
            held: 0,
        }
    }

    /// Opens a slot for the next item and gives the item's index.
    pub fn open(&mut self, slot: Slot<T, R>) -> u64 {
        self.slots.push_back(slot);
        self.first + self.slots.len() as u64 - 1
    }

    /// Items that are not delivered.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Items below this index are delivered.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Bytes that waiting results hold.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The slot of an item that is not delivered.
    pub fn slot(&mut self, index: u64) -> Option<&mut Slot<T, R>> {
        let at = index.checked_sub(self.first)?;
        self.slots.get_mut(usize::try_from(at).ok()?)
    }

    /// Ends every item that has not ended, as `end` says.
    pub fn end_all(&mut self, mut end: impl FnMut(&mut Slot<T, R>) -> Outcome<R>) {
        for slot in &mut self.slots {
            if slot.ended.is_none() {
                let outcome = end(slot);
                slot.ended = Some(Ended { outcome, bytes: 0 });
            }
        }
        self.pass_over();
    }

    /// The first item without a success or a failure.
    pub fn first_pending(&self) -> Option<(u64, Option<&T>)> {
        let at = self.slots.iter().position(|slot| {
            !matches!(
                slot.ended,
                Some(Ended {
                    outcome: Outcome::Succeeded { .. } | Outcome::Failed(_),
                    ..
                })
            )
        })?;
        Some((self.first + at as u64, self.slots[at].item.as_ref()))
    }

    /// Ends an item.
    pub fn end(&mut self, index: u64, outcome: Outcome<R>, bytes: usize) {
        if let Some(slot) = self.slot(index) {
            debug_assert!(slot.ended.is_none(), "an item ends once");
            slot.ended = Some(Ended { outcome, bytes });
            self.held += bytes;
            self.pass_over();
        }
    }

    /// Leaves successes behind that are not delivered.
    fn pass_over(&mut self) {
        while self.quiet
            && matches!(
                self.slots.front(),
                Some(Slot {
                    ended: Some(Ended {
                        outcome: Outcome::Succeeded { output: None, .. },
                        ..
                    }),
                    ..
                })
            )
        {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// True when the oldest item's result can be taken.
    pub fn has_result(&self) -> bool {
        self.slots.front().is_some_and(|slot| slot.ended.is_some())
    }

    /// Takes the oldest item's result, if it has ended.
    pub fn take(&mut self) -> Option<(u64, Option<T>, Outcome<R>)> {
        if !self.has_result() {
            return None;
        }
        let slot = self.slots.pop_front()?;
        let Ended { outcome, bytes } = slot.ended?;
        self.held -= bytes;
        let index = self.first;
        self.first += 1;
        self.pass_over();
        Some((index, slot.item, outcome))
    }
}
