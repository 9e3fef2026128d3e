//! What the caller's threads and the runtime share, under one lock, and the one place that wakes either.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine_core::event as core_event;
use engine_core::machine::Machine;
use tokio::sync::Notify;
use url::Url;

use super::cause::{Cause, Errors};
use super::event::{Event, Outcome};
use super::notices::Notices;
use crate::credential::{CallerTokens, TokenSource};
use crate::error::{Error, Result};
use crate::item::Item;
use crate::trace::Level;
use crate::tuning::Tuning;

/// What the caller's threads and the runtime share.
pub(super) struct Shared {
    pub client: reqwest::Client,
    pub tokens: TokenSource,
    pub caller_tokens: Option<Arc<CallerTokens>>,
    pub endpoint: Arc<str>,
    /// The endpoint once more, parsed: each request's URL starts as a copy of it.
    pub base: Url,
    /// The endpoint's host and the way there, for messages.
    pub peer: String,
    pub subscription: Result<String>,
    pub tuning: Tuning,
    pub trace: Level,
    pub state: Mutex<State>,
    /// Wakes the caller: an event came, room came, or the session ended.
    pub caller: Condvar,
    /// Wakes the driver: more can be sent, or the core's time has changed.
    pub driver: Notify,
}

pub(super) struct State {
    pub machine: Machine<Arc<Item>, Cause>,
    /// Events that do not belong in the order of results.
    pub notices: Notices,
    pub workers: usize,
    /// When the driver wakes by itself.
    pub driver_due: Option<Instant>,
    /// Callers that wait for room.
    pub waiting_for_room: usize,
    /// Callers that wait for an event.
    pub waiting_for_event: usize,
    /// A caller without room knows that events wait.
    pub events_announced: bool,
    /// A token was there, so that the source's name and the principal are known.
    pub source_known: bool,
}

impl State {
    /// How many workers could start now. A worker without a request is about to take one.
    pub fn startable(&self, now: Instant, window: usize) -> usize {
        let about_to_send = self.workers.saturating_sub(self.machine.in_flight());
        let wanted = self.machine.sendable(now).saturating_sub(about_to_send);
        wanted.min(window.saturating_sub(self.workers))
    }

    pub fn event_waits(&self) -> bool {
        !self.notices.is_empty() || self.machine.has_event()
    }

    pub fn is_done(&self) -> bool {
        self.notices.is_empty() && self.machine.is_done()
    }
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a defect; the state stays usable for the caller's clean-up.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever has something to do after the state has changed.
    pub fn wake(&self, state: &mut State, now: Instant) {
        // For an event, or for half of the room rather than each place of it: that would be a switch of threads for
        // every item.
        let ended = state.machine.is_closed_to_items() || state.is_done();
        let for_event = state.waiting_for_event > 0 && (state.event_waits() || state.is_done());
        let news = state.event_waits() && !state.events_announced;
        let for_room = state.waiting_for_room > 0 && (ended || state.machine.has_much_room() || news);
        if for_event || for_room {
            self.caller.notify_all();
        }
        let earlier = match (state.machine.wake_at(now), state.driver_due) {
            (Some(due), Some(driver)) => due < driver,
            (due, driver) => due.is_some() && driver.is_none(),
        };
        if earlier || state.machine.is_idle_for_good() || state.startable(now, self.tuning.window) > 0 {
            self.driver.notify_one();
        }
    }

    pub fn notice(&self, event: Event) {
        let mut state = self.lock();
        state.notices.push(event);
        self.wake(&mut state, Instant::now());
    }

    /// A line for the caller's log; the text is made only where it is wanted.
    pub fn log(&self, state: &mut State, level: Level, text: impl FnOnce() -> String) {
        if self.trace >= level {
            state.notices.log(level, text());
        }
    }

    /// The same for one who does not hold the lock.
    pub fn log_now(&self, level: Level, text: impl FnOnce() -> String) {
        if self.trace >= level {
            let text = text();
            let mut state = self.lock();
            state.notices.log(level, text);
            self.wake(&mut state, Instant::now());
        }
    }

    /// Ends the session by an error that every item would meet.
    pub fn fail(&self, error: Error) {
        self.end(|machine, now| machine.fail(Cause::error(error.into_fatal()), now));
    }

    /// Cancels what has no result.
    pub fn cancel(&self) {
        self.end(Machine::close);
    }

    pub fn end(&self, end: impl FnOnce(&mut Machine<Arc<Item>, Cause>, Instant)) {
        let now = Instant::now();
        let mut state = self.lock();
        end(&mut state.machine, now);
        self.wake(&mut state, now);
        drop(state);
        if let Some(tokens) = &self.caller_tokens {
            tokens.close();
        }
    }

    /// The caller's event for one of the core's; none where that is a line for the log that nobody wants.
    pub fn event(&self, event: core_event::Event<Arc<Item>, Cause>) -> Option<Event> {
        let errors = Errors {
            peer: &self.peer,
            timeout: self.tuning.timeout,
        };
        let log = |text: String| {
            let level = Level::Verbose;
            (self.trace >= level).then_some(Event::Log { level, text })
        };
        Some(match event {
            core_event::Event::Ended { index, item, outcome } => Event::Result {
                index,
                outcome: match outcome {
                    core_event::Outcome::Succeeded { output, attempts } => Outcome::Succeeded {
                        attempts,
                        output: output.and_then(Cause::into_output),
                    },
                    core_event::Outcome::Failed(failure) => {
                        Outcome::Failed(Box::new(errors.of_item(&failure, item.as_deref())))
                    }
                    core_event::Outcome::Cancelled(known) => Outcome::Cancelled(known),
                },
            },
            core_event::Event::Fatal(fatal) => Event::Fatal {
                error: Box::new(errors.of_session(&fatal)),
                item: match fatal {
                    core_event::Fatal::Item { index, .. } => Some(index),
                    _ => None,
                },
            },
            core_event::Event::OutageBegan => log(format!(
                "{} has stopped answering. The run pauses and sends one request at a time until it answers again.",
                self.peer
            ))?,
            core_event::Event::OutageEnded(lasted) => log(format!(
                "{} answers again, after {:.1} s. The run goes on.",
                self.peer,
                lasted.as_secs_f64()
            ))?,
        })
    }
}
