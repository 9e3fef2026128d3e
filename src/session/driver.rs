//! The shell's side on the runtime: sends what the core says, and reports to it what came back.
//!
//! A driver waits for work and for the core's time; up to a window of workers each carry one request at a time.

use std::sync::Arc;
use std::time::Instant;

use engine_core::machine::{Decision, Request, Then};
use engine_core::reply::{self, Reply};
use engine_core::step::Step;
use reqwest::header::HeaderValue;
use tokio::task::JoinSet;

use super::cause::Cause;
use super::event::Output;
use super::shared::{Shared, State};
use crate::credential::Token;
use crate::defect;
use crate::error::{Category, Error};
use crate::exchange::{self, Answer, Failure};
use crate::item::{Action, Item};
use crate::trace::{self, Level};

/// Ends the session when the code that it stands in panics, a defect: the item at hand would otherwise never end, and
/// its caller would wait for ever.
pub(super) struct EndOnPanic<'a>(pub &'a Shared);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let place = defect::place().map(|place| format!(" ({place})")).unwrap_or_default();
            let why = format!(
                "The engine has a defect{place}: a request could not be finished. What was not answered is cancelled."
            );
            self.0.fail(Error::new("InternalError", Category::NotSpecified, why));
        }
    }
}

/// Starts workers whenever there is something to send, until the session ends. Dropping the workers cancels what they
/// have in flight.
pub(super) async fn drive(shared: Arc<Shared>) {
    let _guard = EndOnPanic(&shared);
    let mut workers = JoinSet::new();
    loop {
        while workers.try_join_next().is_some() {}
        let now = Instant::now();
        let (begin, due) = {
            let mut state = shared.lock();
            state.machine.advance(now);
            let begin = state.startable(now, shared.tuning.window);
            state.workers += begin;
            let due = state.machine.wake_at(now);
            state.driver_due = due;
            shared.wake(&mut state, now);
            if state.machine.is_idle_for_good() {
                return;
            }
            (begin, due)
        };
        for _ in 0..begin {
            workers.spawn(work(shared.clone()));
        }
        let wake = shared.driver.notified();
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
async fn work(shared: Arc<Shared>) {
    let _guard = EndOnPanic(&shared);
    let mut finished = None;
    loop {
        let token = match shared.tokens.try_current() {
            Some(token) => token,
            None => {
                // What has come back must not wait for a token.
                if let Some(finished) = finished.take() {
                    shared.report(finished);
                }
                match shared.tokens.token().await {
                    Ok(token) => token,
                    Err(error) => return shared.fail(error),
                }
            }
        };
        match shared.report_and_poll(finished.take()) {
            Polled::Send(request) => finished = Some(shared.carry(request, token).await),
            Polled::Renew => {}
            Polled::Nothing => return,
        }
    }
}

/// What a worker does next.
enum Polled {
    /// It sends this request.
    Send(Request<Arc<Item>>),
    /// It gets another token: the service refused the one at hand.
    Renew,
    /// It ends.
    Nothing,
}

/// What came back for a request.
struct Finished {
    index: u64,
    step: Step,
    item: Arc<Item>,
    token: Arc<Token>,
    request: exchange::Request,
    result: Result<Answer, Failure>,
    at: Instant,
}

impl Shared {
    /// Reports what came back, and takes the next request that may be sent.
    fn report_and_poll(&self, finished: Option<Finished>) -> Polled {
        let mut state = self.lock();
        if let Some(finished) = finished
            && self.take_in(&mut state, finished) == Then::Renew
        {
            self.wake(&mut state, Instant::now());
            return Polled::Renew;
        }
        if !state.source_known {
            state.source_known = true;
            state.machine.set_principal(self.tokens.principal());
            self.log(&mut state, Level::Verbose, || {
                format!("Credentials: {}. Endpoint: {}.", self.tokens.name(), self.endpoint)
            });
        }
        let now = Instant::now();
        let polled = match state.machine.poll_request(now) {
            Some(request) => Polled::Send(request),
            None => {
                state.workers -= 1;
                Polled::Nothing
            }
        };
        self.wake(&mut state, now);
        polled
    }

    fn report(&self, finished: Finished) {
        let mut state = self.lock();
        self.take_in(&mut state, finished);
        self.wake(&mut state, Instant::now());
    }

    async fn carry(&self, request: Request<Arc<Item>>, token: Arc<Token>) -> Finished {
        let Request { index, step, item } = request;
        let request = exchange::Request::new(step, &self.base, &item);
        self.log_now(Level::Debug, || {
            trace::request(&request, &request.headers(HeaderValue::from_static("Bearer ****")))
        });
        let authorization = token.authorization().clone();
        let result = request.send(&self.client, authorization, self.tuning.timeout).await;
        if let Ok(answer) = &result {
            self.log_now(Level::Debug, || trace::response(answer));
        }
        Finished {
            index,
            step,
            item,
            token,
            request,
            result,
            at: Instant::now(),
        }
    }

    /// Reports a reply to the core, and does what its decision asks of the shell.
    fn take_in(&self, state: &mut State, finished: Finished) -> Then {
        let Finished {
            index,
            step,
            item,
            token,
            request,
            result,
            at,
        } = finished;
        let id = &request.client_request_id;
        let decision = match result {
            Ok(answer) => {
                let status = answer.status;
                let output = match item.action {
                    _ if step != Step::Get || status != 200 => None,
                    Action::List => Output::page(answer.body.clone()),
                    Action::Get | Action::Reset => Output::backend(answer.body.clone()),
                };
                let code = answer.code();
                let reply = Reply::Answer(reply::Answer {
                    status,
                    code: &code,
                    is_complete: step != Step::Get || output.is_some(),
                    retry_after: answer.retry_after(),
                    remaining: answer.remaining(step),
                });
                let keep = || {
                    let bytes = answer.body.len();
                    match output {
                        Some(output) => (Cause::output(output), bytes),
                        None => (Cause::answer(answer, id.clone()), bytes),
                    }
                };
                let decision = state.machine.answered(index, reply, keep, at);
                self.log_decision(state, decision, &request, || format!("status {status}"));
                decision
            }
            Err(failure) => {
                let what = failure.in_short();
                let reply = Reply::NoAnswer(failure.kind());
                let keep = || (Cause::no_answer(failure, id.clone()), 0);
                let decision = state.machine.answered(index, reply, keep, at);
                self.log_decision(state, decision, &request, || what.to_owned());
                decision
            }
        };
        match decision.next {
            Then::Renew => self.tokens.reject(&token),
            // Wiped now rather than when the item has ended.
            Then::GoOn if step == Step::Settings => item.forget_settings(),
            _ => {}
        }
        decision.next
    }

    /// Says what a reply led to, where that is more than the next step.
    fn log_decision(
        &self,
        state: &mut State,
        decision: Decision,
        request: &exchange::Request,
        what: impl FnOnce() -> String,
    ) {
        if self.trace < Level::Verbose {
            return;
        }
        let then = match decision.next {
            Then::Ignored | Then::GoOn | Then::Failed | Then::Closed | Then::Succeeded(1) => return,
            Then::Succeeded(attempts) => format!("accepted after {attempts} attempts"),
            Then::Renew => "a new token is requested".to_owned(),
            Then::Again(wait) => format!("sent again in {:.1} s", wait.as_secs_f64()),
            Then::AgainAfter(pause) => format!(
                "try {} of {} in {:.1} s",
                decision.tries + 1,
                self.tuning.tries,
                pause.as_secs_f64()
            ),
        };
        self.log(state, Level::Verbose, || {
            format!("{} {}: {}; {then}.", request.method, request.url, what())
        });
    }
}
