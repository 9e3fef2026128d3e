//! A session: takes items, keeps a window of requests in flight, gives their results in input order.
//!
//! One item goes the same way as ten thousand. The caller's threads only ever touch [`State`] under its lock; the
//! requests run on the process's runtime (see [`worker`]). Memory is bounded by [`MOST_UNSETTLED`], however many items
//! pass through.

mod event;
mod lanes;
mod options;
mod order;
mod progress;
mod worker;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use url::Url;

use crate::cloud::Cloud;
use crate::credential::{CallerTokens, TokenSource};
use crate::environment::Environment;
use crate::error::{Error, Known, Result, Step};
use crate::item::{Action, Defaults, Item};
use crate::secret::Secret;
use crate::target::Target;
use crate::trace::Level;
use crate::tuning::Tuning;
use crate::{http_client, runtime, subscription};

pub(crate) use event::Event;
use event::Outcome;
use lanes::{Job, Lanes};
use options::{CredentialSource, Options};
use order::Order;
pub(crate) use progress::Progress;
use progress::{Pending, WaitReason};

/// Items that a session holds at the most between taking them and handing their results over. It is also the bound of
/// the wait for input order: while the oldest item has no result, this many behind it are begun, no more.
const MOST_UNSETTLED: usize = 16 * 1024;
/// Items that could be sent at once wait in the session for a free place in the window, up to this many windows full;
/// then the caller waits. Items that an empty bucket holds back do not count, so that others can pass them.
const READY_PER_WINDOW: usize = 4;

/// What became of an item that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// Taken.
    Taken,
    /// Taken, and an event waits.
    TakenEventsWait,
    /// Not taken: no room within the time, or events wait that must be taken first.
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

/// What the caller's threads and the runtime share.
struct Core {
    client: reqwest::Client,
    tokens: TokenSource,
    caller_tokens: Option<Arc<CallerTokens>>,
    endpoint: Arc<str>,
    /// The endpoint once more, parsed: each request's URL starts as a copy of it.
    base: Url,
    /// The endpoint's host and the way there, for messages.
    peer: String,
    subscription: Result<String>,
    tuning: Tuning,
    trace: Level,
    state: Mutex<State>,
    /// Wakes the caller: an event came, room came, or the session ended.
    caller: Condvar,
    /// Wakes the driver: there is work to begin, or the session ended.
    driver: Notify,
}

struct State {
    lanes: Lanes,
    order: Order,
    /// Jobs that wait for their next try, by the time of it.
    delayed: std::collections::BTreeMap<(Instant, u64), Job>,
    /// Events that do not belong in the order of results.
    notices: std::collections::VecDeque<Event>,
    workers: usize,
    /// An answer has come, so a connection stands that the others can share.
    connected: bool,
    /// When the first worker began.
    scout_began: Option<Instant>,
    finished: bool,
    /// Cancelled or failed: nothing more is begun.
    closed: bool,
    source_told: bool,
    /// The caller knows that events wait.
    told_of_events: bool,
    counts: Progress,
}

impl State {
    fn event_waits(&self) -> bool {
        !self.notices.is_empty() || self.order.has_result()
    }

    fn has_room(&self, tuning: &Tuning) -> bool {
        self.order.len() < MOST_UNSETTLED && self.lanes.ready() < READY_PER_WINDOW * tuning.window
    }

    /// A caller that found no room is woken when half of it is free again, not for each place: at full speed that
    /// would be a switch of threads for every item.
    fn has_much_room(&self, tuning: &Tuning) -> bool {
        self.order.len() < MOST_UNSETTLED && self.lanes.ready() <= READY_PER_WINDOW * tuning.window / 2
    }

    fn is_done(&self) -> bool {
        (self.finished || self.closed) && self.order.len() == 0 && self.notices.is_empty()
    }
}

impl Core {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a defect; the counts stay usable for the caller's clean-up.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notice(&self, event: Event) {
        self.lock().notices.push_back(event);
        self.caller.notify_all();
    }

    /// A line for the caller's log; the text is made only where it is wanted.
    fn log(&self, level: Level, text: impl FnOnce() -> String) {
        if self.trace >= level {
            let text = text();
            self.notice(Event::Log { level, text });
        }
    }

    /// Ends an item.
    fn settle(&self, state: &mut State, index: u64, outcome: Outcome) {
        let succeeded = matches!(outcome, Outcome::Succeeded { .. });
        let was_full = state.order.len() >= MOST_UNSETTLED;
        if !state.order.settle(index, outcome) {
            return;
        }
        if succeeded {
            state.counts.succeeded += 1;
        } else {
            state.counts.failed += 1;
        }
        if was_full || state.event_waits() || state.is_done() {
            self.caller.notify_all();
        }
    }

    /// Ends the session: what has no result is cancelled.
    fn close(&self, why: Option<(Error, Option<u64>)>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        if let Some((error, item)) = why {
            let error = Box::new(error);
            state.notices.push_back(Event::Fatal { error, item });
        }
        let State { order, counts, .. } = &mut *state;
        order.cancel_rest(counts);
        state.counts.in_flight = 0;
        state.lanes.clear();
        state.delayed.clear();
        drop(state);
        if let Some(tokens) = &self.caller_tokens {
            tokens.close();
        }
        self.caller.notify_all();
        self.driver.notify_one();
    }
}

/// A session. Dropping it cancels what is left.
pub(crate) struct Session {
    core: Arc<Core>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.core.close(None);
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
        let core = Arc::new_cyclic(|weak: &Weak<Core>| {
            let (tokens, caller_tokens) = match environment_tokens.take() {
                Some(tokens) => (tokens, None),
                None => {
                    let weak = weak.clone();
                    let host = Arc::new(CallerTokens::new(move |request| {
                        if let Some(core) = weak.upgrade() {
                            core.notice(Event::TokenRequest(request));
                        }
                    }));
                    let source = TokenSource::caller(host.clone(), cloud.audience.clone(), options.tenant.clone());
                    (source, Some(host))
                }
            };
            Core {
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
                    lanes: Lanes::default(),
                    order: Order::new(!options.success_events),
                    delayed: Default::default(),
                    notices: Default::default(),
                    workers: 0,
                    connected: false,
                    scout_began: None,
                    finished: false,
                    closed: false,
                    source_told: false,
                    told_of_events: false,
                    counts: Progress::default(),
                }),
                caller: Condvar::new(),
                driver: Notify::new(),
            }
        });
        runtime.spawn(worker::drive(core.clone()));
        Ok(Self { core })
    }

    /// Offers an item, waiting for room no longer than `timeout`. A bad one is taken too, and settled as failed.
    pub fn submit(&self, item: &str, timeout: Duration) -> std::result::Result<Submitted, WrongState> {
        let core = &*self.core;
        // Room first: a caller whose item has none must not pay for its parsing at each try.
        if !self.wait_for_room(timeout)? {
            return Ok(Submitted::Full);
        }
        let parsed = Item::parse(
            item,
            &Defaults {
                endpoint: Some(&core.endpoint),
                subscription: &core.subscription,
            },
        );
        let mut state = core.lock();
        if state.finished || state.closed {
            return Err(WrongState);
        }
        state.counts.submitted += 1;
        let (path, known) = match &parsed {
            Ok(item) => (Some(item.path.clone()), item.known()),
            Err(_) => (None, Known::default()),
        };
        let index = state.order.open(path, known);
        match parsed {
            Ok(item) => {
                let subscription = state.lanes.subscription(&item.subscription);
                state.lanes.push(job(index, item, subscription), false);
                if state.workers < core.tuning.window {
                    core.driver.notify_one();
                }
            }
            Err(error) => core.settle(&mut state, index, Outcome::Failed(Box::new(error))),
        }
        Ok(if state.event_waits() {
            Submitted::TakenEventsWait
        } else {
            Submitted::Taken
        })
    }

    /// Whether there is room for an item within the time. Where events wait that must be taken first, it is said at once,
    /// but only once: a caller that takes none of them would do nothing but ask.
    fn wait_for_room(&self, timeout: Duration) -> std::result::Result<bool, WrongState> {
        let core = &*self.core;
        let deadline = Instant::now() + timeout;
        let mut state = core.lock();
        loop {
            if state.finished || state.closed {
                return Err(WrongState);
            }
            if state.has_room(&core.tuning) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || (state.event_waits() && !state.told_of_events) {
                state.told_of_events = state.event_waits();
                return Ok(false);
            }
            state = core
                .caller
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Says that no more items will come.
    pub fn finish(&self) -> std::result::Result<(), WrongState> {
        let mut state = self.core.lock();
        if state.finished || state.closed {
            return Err(WrongState);
        }
        state.finished = true;
        drop(state);
        self.core.driver.notify_one();
        self.core.caller.notify_all();
        Ok(())
    }

    /// Takes the next event, waiting for it no longer than `timeout`.
    pub fn next(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        let mut state = self.core.lock();
        loop {
            state.told_of_events = false;
            if let Some(notice) = state.notices.pop_front() {
                return Next::Event(notice);
            }
            if let Some((index, outcome)) = state.order.take() {
                if state.order.len() == 0 {
                    self.core.driver.notify_one();
                }
                return Next::Event(Event::Result { index, outcome });
            }
            if state.is_done() {
                return Next::Done;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Pending;
            }
            state = self
                .core
                .caller
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// How far the session is.
    pub fn progress(&self) -> Progress {
        let now = Instant::now();
        let state = self.core.lock();
        let (throttled, until) = state.lanes.throttled();
        // A refused request waits for its own time, whatever its bucket has by then.
        let refused = state.delayed.iter().filter(|(_, job)| job.refusals > 0);
        let throttled = throttled + refused.clone().count();
        let first_refused = refused.map(|((until, _), _)| *until).next();
        let until = [until, first_refused].into_iter().flatten().min();
        let reason = match until {
            None => None,
            until if until == first_refused => Some(WaitReason::RetryAfter),
            Some(_) => Some(WaitReason::Throttle),
        };
        Progress {
            delivered: state.order.first(),
            queued: (state.lanes.queued() + state.delayed.len()) as u64,
            waiting: throttled as u64,
            wait_ms: until.map_or(0, |until| {
                until.saturating_duration_since(now).as_millis().max(1) as u64
            }),
            wait_reason: reason,
            first_pending: state.order.first_pending().map(|(index, path)| Pending {
                index,
                target: path.and_then(Target::of_path),
            }),
            ..state.counts.clone()
        }
    }

    /// Items below this number need no input any more.
    pub fn delivered(&self) -> u64 {
        self.core.lock().order.first()
    }

    /// Answers a token request. False: no such request waits.
    pub fn answer_token(&self, request: u64, token: Secret, expires_on: Option<SystemTime>) -> bool {
        let tokens = self.core.caller_tokens.as_ref();
        tokens.is_some_and(|t| t.answer(request, token, expires_on))
    }

    /// Says that a token cannot be had. False: no such request waits.
    pub fn refuse_token(&self, request: u64, reason: String) -> bool {
        let tokens = self.core.caller_tokens.as_ref();
        tokens.is_some_and(|t| t.refuse(request, reason))
    }

    /// Cancels what is queued and in flight, at once. Every item without a result gets one: cancelled.
    pub fn cancel(&self) {
        self.core.close(None);
    }
}

fn job(index: u64, item: Item, subscription: u32) -> Job {
    let step = match item.action {
        Action::Get | Action::List => Step::Get,
        Action::Reset if item.settings.is_some() => Step::Settings,
        Action::Reset => Step::Reset,
    };
    Job {
        index,
        action: item.action,
        path: item.path,
        subscription,
        after: item.after,
        has_settings: item.settings.is_some(),
        settings: item.settings,
        pass_thru: item.pass_thru,
        step,
        tries: 0,
        refusals: 0,
        reauthenticated: false,
        requests: 0,
        settings_changed: false,
        reset_done: false,
    }
}
