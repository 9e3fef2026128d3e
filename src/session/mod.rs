//! A session: the shell around the core's state machine.
//!
//! The core ([`engine_core::machine::Machine`]) decides; this module does the I/O. The caller's threads and the runtime
//! ([`driver`]) meet in [`shared`]. One item goes the same way as ten thousand.

mod cause;
mod driver;
pub(crate) mod event;
mod notices;
pub(crate) mod options;
mod progress;
mod shared;

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use engine_core::buckets::Buckets;
use engine_core::machine::{Config, Machine};
use once_cell::sync::Lazy;
use tokio::sync::Notify;
use url::Url;

use crate::cloud::Cloud;
use crate::credential::{CallerTokens, TokenSource};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::item::{Defaults, Item};
use crate::secret::Secret;
use crate::tuning::Tuning;
use crate::{http_client, runtime, subscription};

use cause::Cause;
pub(crate) use event::Event;
use notices::Notices;
use options::{CredentialSource, Options};
pub(crate) use progress::Progress;
use shared::{Shared, State};

/// What became of an item that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// Taken.
    Taken,
    /// Taken, and an event waits.
    TakenEventsWait,
    /// Not taken: no room within the time, or events wait that should be taken first.
    Full,
}

/// What the caller got.
#[derive(Debug)]
pub(crate) enum Next {
    /// An event.
    Event(Event),
    /// None within the time.
    Pending,
    /// None will come any more.
    Done,
}

/// A call that the session's state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongState;

/// The pacers of the process.
static BUCKETS: Lazy<Arc<Buckets>> = Lazy::new(Arc::default);

/// A session. Dropping it cancels what is left.
pub(crate) struct Session {
    shared: Arc<Shared>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.cancel();
    }
}

impl Session {
    /// Starts a session. Nothing is sent, and no token is asked for, before the first item.
    pub fn start(options: &str, environment: Environment) -> Result<Self> {
        let options = Options::parse(options)?;
        // Before anything that takes a lock: in a forked child it might be held for ever.
        let runtime = runtime::handle()?;
        let environment = &environment;
        let tuning = Tuning::from_environment(environment)?;
        let cloud = Cloud::resolve(environment, options.endpoint.as_deref(), options.audience.as_deref())?;
        let client = http_client::shared(environment)?;
        let subscription = match &options.subscription {
            Some(given) => crate::resource_id::check_subscription(given).map(|()| given.clone()),
            None => subscription::current(environment),
        };
        let endpoint: Arc<str> = cloud.endpoint.as_str().into();
        let base = Url::parse(&endpoint)
            .map_err(|e| Error::invalid("InvalidEndpoint", format!("'{endpoint}' is not a URL: {e}.")).into_fatal())?;
        let host = base.host_str().unwrap_or(&endpoint);
        let peer = match http_client::proxy_variable(environment, &base) {
            Some(variable) => format!("{host} (by the proxy in {variable})"),
            None => host.to_owned(),
        };
        let mut environment_tokens = match options.credential {
            CredentialSource::Environment => Some(TokenSource::from_environment(environment, &cloud, client.clone())?),
            CredentialSource::Caller => None,
        };
        let machine = Machine::new(Config {
            window: tuning.window,
            tries: tuning.tries,
            quiet: !options.success_events,
            endpoint: endpoint.clone(),
            buckets: BUCKETS.clone(),
            seed: fastrand::u64(..),
        });
        let shared = Arc::new_cyclic(|weak: &Weak<Shared>| {
            let (tokens, caller_tokens) = match environment_tokens.take() {
                Some(tokens) => (tokens, None),
                None => {
                    let weak = weak.clone();
                    let caller = Arc::new(CallerTokens::new(move |request| {
                        if let Some(shared) = weak.upgrade() {
                            shared.notice(Event::TokenRequest(request));
                        }
                    }));
                    let source = TokenSource::caller(caller.clone(), cloud.audience.clone(), options.tenant.clone());
                    (source, Some(caller))
                }
            };
            Shared {
                client,
                tokens,
                caller_tokens,
                endpoint,
                base,
                peer,
                subscription,
                tuning,
                trace: options.trace,
                state: Mutex::new(State {
                    machine,
                    notices: Notices::default(),
                    workers: 0,
                    driver_due: None,
                    waiting_for_room: 0,
                    waiting_for_event: 0,
                    events_announced: false,
                    source_known: false,
                }),
                caller: Condvar::new(),
                driver: Notify::new(),
            }
        });
        runtime.spawn(driver::drive(shared.clone()));
        Ok(Self { shared })
    }

    /// Offers an item, waiting for room no longer than `timeout`. An invalid one is taken too, and ends as failed.
    ///
    /// Without room, and with events that wait, it returns at once; the next time, should none have been taken
    /// meanwhile, it waits, so that a caller who never takes one does not spin.
    pub fn submit(&self, item: &str, timeout: Duration) -> std::result::Result<Submitted, WrongState> {
        let shared = &*self.shared;
        if !self.wait_for_room(timeout)? {
            return Ok(Submitted::Full);
        }
        // Outside the lock: the runtime must not wait for it.
        let parsed = Item::parse(
            item,
            &Defaults {
                endpoint: Some(&shared.endpoint),
                subscription: &shared.subscription,
            },
        );
        let mut state = shared.lock();
        if state.machine.is_closed_to_items() {
            return Err(WrongState);
        }
        match parsed {
            Ok(item) => {
                let item = Arc::new(item);
                state.machine.submit(item.clone(), &item.subscription, item.plan());
            }
            Err(error) => {
                state.machine.submit_invalid(Cause::error(error));
            }
        }
        shared.wake(&mut state, Instant::now());
        Ok(if state.event_waits() {
            Submitted::TakenEventsWait
        } else {
            Submitted::Taken
        })
    }

    fn wait_for_room(&self, timeout: Duration) -> std::result::Result<bool, WrongState> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        let mut deadline = None;
        loop {
            if state.machine.is_closed_to_items() {
                return Err(WrongState);
            }
            if state.machine.has_room() {
                return Ok(true);
            }
            if state.event_waits() && !state.events_announced {
                state.events_announced = true;
                return Ok(false);
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + timeout);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            state.waiting_for_room += 1;
            state = shared
                .caller
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.waiting_for_room -= 1;
        }
    }

    /// Says that no more items will come.
    pub fn finish(&self) -> std::result::Result<(), WrongState> {
        let mut state = self.shared.lock();
        if state.machine.is_closed_to_items() {
            return Err(WrongState);
        }
        state.machine.finish();
        self.shared.wake(&mut state, Instant::now());
        Ok(())
    }

    /// Takes the next event, waiting for it no longer than `timeout`.
    pub fn next(&self, timeout: Duration) -> Next {
        let mut deadline = None;
        let mut state = self.shared.lock();
        loop {
            if let Some(notice) = state.notices.pop() {
                state.events_announced = false;
                return Next::Event(notice);
            }
            while let Some(event) = state.machine.poll_event() {
                state.events_announced = false;
                if let Some(event) = self.shared.event(event) {
                    self.shared.wake(&mut state, Instant::now());
                    return Next::Event(event);
                }
            }
            if state.is_done() {
                return Next::Done;
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + timeout);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Pending;
            }
            state.waiting_for_event += 1;
            state = self
                .shared
                .caller
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.waiting_for_event -= 1;
        }
    }

    /// How far the session is.
    pub fn progress(&self) -> Progress {
        let now = Instant::now();
        let state = self.shared.lock();
        Progress::of(&state.machine, now)
    }

    /// Items below this index need no input any more.
    pub fn delivered(&self) -> u64 {
        self.shared.lock().machine.delivered()
    }

    /// Answers a token request. False: no such request waits.
    pub fn answer_token(&self, request: u64, token: Secret, expires_on: Option<SystemTime>) -> bool {
        let tokens = self.shared.caller_tokens.as_ref();
        tokens.is_some_and(|t| t.answer(request, token, expires_on))
    }

    /// Says that a token cannot be had. False: no such request waits.
    pub fn refuse_token(&self, request: u64, reason: String) -> bool {
        let tokens = self.shared.caller_tokens.as_ref();
        tokens.is_some_and(|t| t.refuse(request, reason))
    }

    /// Cancels what is queued and in flight, at once. Every item without a result gets one: cancelled.
    pub fn cancel(&self) {
        self.shared.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_ends_the_session() {
        let session = Session::start(r#"{"credential":"caller"}"#, Environment::from([])).expect("it starts");
        let shared = session.shared.clone();
        let worker = std::thread::spawn(move || {
            let _guard = driver::EndOnPanic(&shared);
            let _held = shared.lock();
            panic!("this is meant to happen");
        });
        assert!(worker.join().is_err());
        let Next::Event(Event::Fatal { error, .. }) = session.next(Duration::ZERO) else {
            panic!("nothing is said");
        };
        assert_eq!(error.code, "InternalError");
        assert!(matches!(session.next(Duration::ZERO), Next::Done));
    }
}
