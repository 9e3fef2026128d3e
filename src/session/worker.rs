//! The runtime's side of a session: a driver that begins work when there is some, and up to a window of workers that
//! each carry one request at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::HeaderValue;
use tokio::task::JoinSet;

use super::Core;
use super::event::{Event, Outcome, Output};
use super::lanes::{Cleared, Job};
use crate::credential::Token;
use crate::defect;
use crate::error::{Category, Error, Known, State, Step};
use crate::exchange::{Answer, Failure, Request};
use crate::item::Action;
use crate::retry;
use crate::target::Target;
use crate::throttle::{self, BucketKey, Kind, Observation};
use crate::trace::{self, Level};

/// A session's first request goes alone for this long at the most: over the connection that it makes the others go too,
/// where each would otherwise make one of its own.
const SCOUT_TIME: Duration = Duration::from_millis(250);

/// Ends the session when the code that it stands in panics, a defect: the item that was worked on would otherwise never
/// end, and whoever waits for it neither.
struct EndOnPanic<'a>(&'a Core);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let place = defect::place().map(|place| format!(" ({place})")).unwrap_or_default();
            let why = format!(
                "The engine has a defect{place}: a request could not be carried to its end. What was not answered is cancelled."
            );
            let error = Error::new("InternalError", Category::NotSpecified, why).into_fatal();
            self.0.close(Some((error, None)));
        }
    }
}

/// Begins work whenever there is some, until the session ends. Dropping its workers cancels what they have in flight.
pub(super) async fn drive(core: Arc<Core>) {
    let _guard = EndOnPanic(&core);
    let mut workers = JoinSet::new();
    loop {
        while workers.try_join_next().is_some() {}
        let now = Instant::now();
        let (begin, due) = {
            let mut state = core.lock();
            if state.closed || (state.finished && state.order.len() == 0) {
                return;
            }
            state.lanes.unblock_due(now);
            while let Some(entry) = state.delayed.first_entry() {
                if entry.key().0 > now {
                    break;
                }
                let job = entry.remove();
                state.lanes.push(job, true);
            }
            if state.lanes.ready() > 0 {
                state.scout_began.get_or_insert(now);
            }
            let scouting_until = state
                .scout_began
                .map(|began| began + SCOUT_TIME)
                .filter(|until| !state.connected && *until > now);
            let window = if scouting_until.is_some() {
                1
            } else {
                core.tuning.window
            };
            let begin = state.lanes.ready().min(window.saturating_sub(state.workers));
            state.workers += begin;
            let delayed = state.delayed.first_key_value().map(|((at, _), _)| *at);
            let due = [state.lanes.next_due(), delayed, scouting_until]
                .into_iter()
                .flatten()
                .min();
            (begin, due)
        };
        for _ in 0..begin {
            workers.spawn(work(core.clone()));
        }
        let wake = core.driver.notified();
        match due {
            Some(due) => {
                tokio::select! {
                    () = wake => {}
                    () = tokio::time::sleep_until(due.into()) => {}
                }
            }
            None => wake.await,
        }
    }
}

/// Carries request after request while there are some that may be sent.
async fn work(core: Arc<Core>) {
    let _guard = EndOnPanic(&core);
    loop {
        let token = match core.tokens.token().await {
            Ok(token) => token,
            Err(error) => {
                core.close(Some((error.into_fatal(), None)));
                return;
            }
        };
        core.tell_source();
        let Some(cleared) = core.next_cleared() else {
            return;
        };
        core.carry(cleared, &token).await;
    }
}

/// What follows from a request's end.
enum Then {
    /// The item has ended.
    Settle(Outcome),
    /// Its next request (or the same once more) is to be queued.
    Again(Job),
    /// The same request, not before that time.
    After(Duration, Job),
    /// The session has ended: every other item would fail the same way.
    Close(Error),
}

/// How long to wait after a 429, the `refusals`th of its request. At once, as some gateways ask, it would only be refused
/// again, until none of its tries is left.
fn pause_of_refusal(answer: &Answer, refusals: u32) -> Duration {
    let asked_for = answer.retry_after().filter(|wait| !wait.is_zero());
    asked_for.unwrap_or_else(|| retry::pause(refusals))
}

fn give_up(error: Error) -> Then {
    if error.fatal {
        Then::Close(error)
    } else {
        Then::Settle(Outcome::Failed(Box::new(error)))
    }
}

impl Core {
    fn tell_source(&self) {
        if self.trace < Level::Verbose {
            return;
        }
        let mut state = self.lock();
        if !state.source_told {
            state.source_told = true;
            let text = format!("Credentials: {}. Endpoint: {}.", self.tokens.name(), self.endpoint);
            state.notices.push_back(Event::Log {
                level: Level::Verbose,
                text,
            });
            self.caller.notify_all();
        }
    }

    /// The next request that its bucket lets through; none: the worker ends.
    fn next_cleared(&self) -> Option<Cleared> {
        let principal = self.tokens.principal();
        let now = Instant::now();
        let mut state = self.lock();
        let had_room = state.has_much_room(&self.tuning);
        let cleared = state.lanes.pop(now, |subscription, kind| {
            let key = BucketKey {
                endpoint: self.endpoint.clone(),
                principal,
                subscription: subscription.into(),
                kind,
            };
            throttle::bucket(key, now)
        });
        match &cleared {
            Some(cleared) => {
                state.order.mark_sent(cleared.job.index, cleared.job.step);
                state.counts.in_flight += 1;
                state.counts.requests += 1;
                // More can be sent than there are workers: after a pause for a token, say.
                if state.lanes.ready() > 0 && state.workers < self.tuning.window {
                    self.driver.notify_one();
                }
            }
            None => {
                state.workers -= 1;
                // The time to wake up again may have changed.
                self.driver.notify_one();
            }
        }
        if !had_room && state.has_much_room(&self.tuning) {
            self.caller.notify_all();
        }
        cleared
    }

    /// Sends one request and does what follows from its answer.
    async fn carry(&self, cleared: Cleared, token: &Arc<Token>) {
        let Cleared { job, pass } = cleared;
        let request = Request::new(job.step, &self.base, &job.path, body(&job));
        self.log(Level::Debug, || {
            trace::request(&request, &request.headers(HeaderValue::from_static("Bearer ****")))
        });
        let authorization = token.authorization().clone();
        let result = request.send(&self.client, authorization, self.tuning.timeout).await;
        let now = Instant::now();
        let kind = pass.kind();
        if let Ok(answer) = &result {
            self.log(Level::Debug, || trace::response(answer));
            let seen = Observation {
                remaining: answer.remaining(kind),
                throttled: (answer.status == 429).then(|| pause_of_refusal(answer, job.refusals + 1)),
            };
            pass.answered(seen, now);
        }
        self.conclude(job, &request, result, token, kind, now);
    }

    fn conclude(
        &self,
        mut job: Job,
        request: &Request,
        result: Result<Answer, Failure>,
        token: &Arc<Token>,
        kind: Kind,
        now: Instant,
    ) {
        let index = job.index;
        let refused = matches!(&result, Ok(answer) if answer.status == 429);
        job.tries += u32::from(!refused);
        job.refusals += u32::from(refused);
        job.requests += 1;
        // Looked up before the job moves on to another lane.
        let sent_step = job.step;
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.counts.in_flight -= 1;
        state.counts.refusals += u64::from(refused);
        if result.is_ok() && !state.connected {
            state.connected = true;
            self.driver.notify_one();
        }
        state.lanes.reconsider(&job, kind);
        drop(state);
        let then = match result {
            Ok(answer) if answer.status < 300 => advance(job, &answer, request),
            Ok(answer) => self.after_refusal(job, answer, request, token),
            Err(failure) => self.after_failure(job, failure, request),
        };
        let mut state = self.lock();
        if state.closed {
            return;
        }
        match then {
            Then::Settle(outcome) => self.settle(&mut state, index, outcome),
            Then::Again(job) => {
                let moved_on = job.step != sent_step;
                state.counts.retries += u64::from(!moved_on);
                state.lanes.push(job, true);
            }
            Then::After(pause, job) => {
                state.counts.retries += 1;
                state.delayed.insert((now + pause, index), job);
                self.driver.notify_one();
            }
            Then::Close(error) => {
                drop(state);
                self.close(Some((error, Some(index))));
                return;
            }
        }
        if state.finished && state.order.len() == 0 {
            self.driver.notify_one();
        }
    }

    /// An answer that is no success: the same request again, or the item's end.
    fn after_refusal(&self, mut job: Job, answer: Answer, request: &Request, token: &Arc<Token>) -> Then {
        match answer.status {
            401 if answer.is_of_another_tenant() => {}
            401 if !job.reauthenticated => {
                job.reauthenticated = true;
                self.tokens.reject(token);
                self.log(Level::Verbose, || {
                    format!("{}: status 401; a new token is asked for.", describe(request))
                });
                return Then::Again(job);
            }
            429 if job.refusals < retry::MOST_REFUSALS => {
                let pause = pause_of_refusal(&answer, job.refusals);
                self.log(Level::Verbose, || {
                    let wait = pause.as_secs_f64();
                    format!("{}: status 429; the next try in {wait:.1} s.", describe(request))
                });
                return Then::After(pause, job);
            }
            429 => {}
            status if retry::is_transient(status) && job.tries < self.tuning.tries => {
                let pause = answer.retry_after().unwrap_or_else(|| retry::pause(job.tries));
                return self.try_again(job, pause, request, &format!("status {status}"));
            }
            _ => {}
        }
        let mut error = answer.to_error();
        if answer.status == 401 && !answer.is_of_another_tenant() {
            // Every other item would be refused the same way.
            error.fatal = true;
        }
        give_up(explain(error, &job, request))
    }

    /// No answer: the same request again, or the item's end.
    fn after_failure(&self, job: Job, failure: Failure, request: &Request) -> Then {
        if failure.is_transient() && job.tries < self.tuning.tries {
            let pause = retry::pause(job.tries);
            let what = match &failure {
                Failure::TimedOut => "no answer in time",
                Failure::NotConnected(_) => "no connection",
                Failure::Broken(_) | Failure::CertificateRejected(_) => "the connection broke",
            };
            return self.try_again(job, pause, request, what);
        }
        let error = failure.to_error(&self.peer, self.tuning.timeout);
        give_up(explain(error, &job, request))
    }

    fn try_again(&self, job: Job, pause: Duration, request: &Request, what: &str) -> Then {
        self.log(Level::Verbose, || {
            format!(
                "{}: {what}; try {} of {} in {:.1} s.",
                describe(request),
                job.tries + 1,
                self.tuning.tries,
                pause.as_secs_f64()
            )
        });
        Then::After(pause, job)
    }
}

/// A request succeeded: the item's next one, or its end.
fn advance(mut job: Job, answer: &Answer, request: &Request) -> Then {
    match job.step {
        Step::Settings => {
            job.settings_changed = true;
            // Wiped now rather than when the reset is through.
            job.settings = None;
            go_on(job, Step::Reset)
        }
        Step::Reset if job.pass_thru => {
            job.reset_done = true;
            go_on(job, Step::Get)
        }
        Step::Reset => Then::Settle(Outcome::Succeeded {
            attempts: job.requests,
            output: None,
        }),
        Step::Get => {
            let output = match job.action {
                Action::List => Output::page(answer.body.clone()),
                Action::Get | Action::Reset => Output::backend(answer.body.clone()),
            };
            match output {
                Some(output) => Then::Settle(Outcome::Succeeded {
                    attempts: job.requests,
                    output: Some(output),
                }),
                None => give_up(explain(answer.to_invalid_response(), &job, request)),
            }
        }
    }
}

/// The item's next request, with tries of its own. The token was good: one that is refused later has ended meanwhile.
fn go_on(mut job: Job, step: Step) -> Then {
    job.step = step;
    job.tries = 0;
    job.refusals = 0;
    job.reauthenticated = false;
    Then::Again(job)
}

/// Adds what the item had gone through when it failed.
fn explain(mut error: Error, job: &Job, request: &Request) -> Error {
    error.step = Some(job.step);
    error.attempts = job.tries + job.refusals;
    error.client_request_id = Some(request.client_request_id.clone());
    let state = |done| if done { State::Done } else { State::NotSent };
    let resets = job.action == Action::Reset;
    let known = Known {
        settings: job.has_settings.then(|| state(job.settings_changed)),
        reset: resets.then(|| state(job.reset_done)),
    };
    error.about(Target::of_path(&job.path), known)
}

fn describe(request: &Request) -> String {
    format!("{} {}", request.method, request.url)
}

fn body(job: &Job) -> Option<Bytes> {
    match job.step {
        // The bytes stay in the memory that is wiped when the last one to use them is done.
        Step::Settings => job.settings.clone().map(Bytes::from_owner),
        Step::Reset => job
            .after
            .map(|n| format!(r#"{{"properties":{{"after":"PT{n}S"}}}}"#).into()),
        Step::Get => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Next, Session};
    use super::*;
    use crate::environment::Environment;

    #[test]
    fn a_defect_ends_the_session() {
        let session = Session::start(r#"{"credential":"caller"}"#, Environment::from([])).expect("it starts");
        let core = session.core.clone();
        let worker = std::thread::spawn(move || {
            let _guard = EndOnPanic(&core);
            let _held = core.lock();
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
