//! The process's tokens. Sessions with the same environment share one [`Slot`]: one token, and one question at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use engine_core::renewal::{Advice, Renewal};
use once_cell::sync::Lazy;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::chain::Source;
use super::origin::{Issued, Origin};
use super::token::Token;
use crate::error::{Category, Error, Result};
use crate::runtime;

/// How long a token that lives on is kept for the next session. After that, and at its end, it is wiped.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// What a token of the chain of sources is good for: sessions with equal keys would get the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub authority: String,
    pub audience: String,
    /// Of the whole environment: it names source and tenant, and the programs that are started read the rest.
    pub environment: [u8; 32],
    /// When an account was last signed in or out by the Azure CLI, and by the Azure Developer CLI.
    pub signed_in: [Option<SystemTime>; 2],
}

static SLOTS: Lazy<Mutex<HashMap<Key, Arc<Slot>>>> = Lazy::new(Mutex::default);

/// The place of one token.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Who the latest token was issued to, for readers without the lock.
    principal: AtomicU64,
    /// Wakes [`tend`].
    changed: Notify,
}

#[derive(Default)]
struct State {
    renewal: Renewal<Arc<Token>, SystemTime>,
    winner: Option<Source>,
    question: Option<Question>,
    last_question: u64,
    leases: usize,
    idle_since: Option<Instant>,
}

/// A request for a token that is under way.
struct Question {
    number: u64,
    answer: watch::Receiver<Option<Result<Arc<Token>>>>,
    task: AbortHandle,
    waiting: usize,
    /// A renewal: it goes on without anyone who waits, as long as there is a session.
    in_background: bool,
}

/// A session's share in a slot. The question that is under way ends with the last one.
pub(super) struct Lease {
    slot: Arc<Slot>,
}

impl Lease {
    /// A share in the slot that every session with this key uses.
    pub fn shared(key: Key) -> Result<Self> {
        Self::kept_for(KEPT, key)
    }

    fn kept_for(kept: Duration, key: Key) -> Result<Self> {
        let runtime = runtime::handle()?;
        let mut slots = lock(&SLOTS);
        let slot = slots.entry(key).or_insert_with_key(|key| {
            let slot = Arc::new(Slot::default());
            runtime.spawn(tend(key.clone(), Arc::clone(&slot), kept));
            slot
        });
        Ok(Self::of(slot))
    }

    /// A slot for one session.
    pub fn own() -> Self {
        Self::of(&Arc::new(Slot::default()))
    }

    fn of(slot: &Arc<Slot>) -> Self {
        let mut state = lock(&slot.state);
        state.leases += 1;
        state.idle_since = None;
        drop(state);
        Self { slot: Arc::clone(slot) }
    }

    /// The token in use, or the next one, once it is there.
    pub async fn token(&self, origin: &Arc<Origin>) -> Result<Arc<Token>> {
        let (mut answer, _waiting) = {
            let mut state = lock(&self.slot.state);
            if let Some(token) = self.slot.current(&mut state, origin) {
                return Ok(token);
            }
            let question = self.slot.join(&mut state, origin, false)?;
            question.waiting += 1;
            let waiting = Waiting {
                slot: &self.slot,
                number: question.number,
            };
            (question.answer.clone(), waiting)
        };
        match answer.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            _ => Err(Error::new(
                "Cancelled",
                Category::OperationStopped,
                "The request for a token was cancelled.",
            )
            .into_fatal()),
        }
    }

    /// The token in use, if there is one. The next one is asked for in the background when it is time.
    pub fn try_current(&self, origin: &Arc<Origin>) -> Option<Arc<Token>> {
        self.slot.current(&mut lock(&self.slot.state), origin)
    }

    /// The service did not accept this token.
    pub fn reject(&self, token: &Arc<Token>) {
        let mut state = lock(&self.slot.state);
        state.renewal.refused(|current| Arc::ptr_eq(current, token));
    }

    pub fn principal(&self) -> u64 {
        self.slot.principal.load(Ordering::Relaxed)
    }

    /// The source of the chain that gave the latest token.
    pub fn winner(&self) -> Option<Source> {
        lock(&self.slot.state).winner
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = lock(&self.slot.state);
        state.leases -= 1;
        if state.leases == 0 {
            state.idle_since = Some(Instant::now());
            state.cancel();
            drop(state);
            self.slot.changed.notify_one();
        }
    }
}

/// One who waits for an answer. A question that nobody waits for is taken back.
struct Waiting<'a> {
    slot: &'a Slot,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.slot.state);
        if let Some(question) = &mut state.question
            && question.number == self.number
        {
            question.waiting -= 1;
            if question.waiting == 0 && !question.in_background {
                state.cancel();
            }
        }
    }
}

impl Slot {
    fn current(self: &Arc<Self>, state: &mut State, origin: &Arc<Origin>) -> Option<Arc<Token>> {
        match state.renewal.advise(SystemTime::now()) {
            Advice::Use(token) => Some(token),
            Advice::UseAndRenew(token) => {
                if origin.is_renewable() {
                    // One that cannot be asked for now is asked for by the next request.
                    let _ = self.join(state, origin, true);
                }
                Some(token)
            }
            Advice::Wait => None,
        }
    }

    /// The question that is under way, or a new one.
    fn join<'a>(
        self: &Arc<Self>,
        state: &'a mut State,
        origin: &Arc<Origin>,
        in_background: bool,
    ) -> Result<&'a mut Question> {
        let question = match state.question.take() {
            Some(question) => question,
            None => {
                let runtime = runtime::handle()?;
                state.last_question += 1;
                let number = state.last_question;
                let (sender, answer) = watch::channel(None);
                let mut asking = Asking {
                    slot: Arc::clone(self),
                    number,
                    sender,
                    answered: false,
                };
                let (origin, refresh, winner) = (Arc::clone(origin), state.renewal.asked(), state.winner);
                let task = runtime.spawn(async move {
                    let answer = origin.ask(refresh, winner).await;
                    // Before the waiting sessions go on: the last one with this environment may be among them.
                    drop(origin);
                    asking.answer(answer);
                });
                Question {
                    number,
                    answer,
                    task: task.abort_handle(),
                    waiting: 0,
                    in_background,
                }
            }
        };
        Ok(state.question.insert(question))
    }
}

impl State {
    /// Takes the question back that is under way.
    fn cancel(&mut self) {
        if let Some(question) = self.question.take() {
            self.renewal.cancelled();
            question.task.abort();
        }
    }
}

/// The task of a question. It gives an answer however it ends.
struct Asking {
    slot: Arc<Slot>,
    number: u64,
    sender: watch::Sender<Option<Result<Arc<Token>>>>,
    answered: bool,
}

impl Asking {
    fn answer(&mut self, answer: Result<Issued>) {
        self.answered = true;
        let mut state = lock(&self.slot.state);
        if state.question.as_ref().is_none_or(|open| open.number != self.number) {
            // Taken back.
            return;
        }
        state.question = None;
        let answer = answer.map(|issued| {
            self.slot.principal.store(issued.token.principal(), Ordering::Relaxed);
            state.renewal.given(Arc::clone(&issued.token), issued.token.lifetime());
            state.winner = issued.source;
            issued.token
        });
        if answer.is_err() {
            state.renewal.failed(SystemTime::now());
            if !state.renewal.has_token() {
                // The next question goes to all sources.
                state.winner = None;
            }
        }
        drop(state);
        self.sender.send_replace(Some(answer));
        self.slot.changed.notify_one();
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.answered {
            self.answer(Err(Error::new(
                "InternalError",
                Category::NotSpecified,
                "The engine has a defect: a request for a token ended without an answer.",
            )
            .into_fatal()));
        }
    }
}

/// Wipes a token at its end, or when there has been no session for `kept`.
async fn tend(key: Key, slot: Arc<Slot>, kept: Duration) {
    loop {
        let wake = {
            let mut slots = lock(&SLOTS);
            let mut state = lock(&slot.state);
            let (now, now_here) = (SystemTime::now(), Instant::now());
            state.renewal.drop_ended(now);
            let end = state.renewal.end();
            let end = end.map(|end| now_here + end.duration_since(now).unwrap_or_default());
            let forget = state.idle_since.map(|since| since + kept);
            if let Some(forget) = forget
                && (forget <= now_here || !state.renewal.has_token())
            {
                slots.remove(&key);
                return;
            }
            [end, forget].into_iter().flatten().min()
        };
        tokio::select! {
            () = slot.changed.notified() => {}
            () = async { tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)).await }, if wake.is_some() => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::caller::CallerTokens;
    use crate::secret::Secret;

    fn key(name: &str) -> Key {
        Key {
            authority: name.to_owned(),
            audience: String::new(),
            environment: [0; 32],
            signed_in: [None; 2],
        }
    }

    /// A source that answers each question at once, or never; and how often it was asked.
    fn origin(answers: bool) -> (Arc<Origin>, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let tokens = Arc::new_cyclic(|tokens: &std::sync::Weak<CallerTokens>| {
            let tokens = tokens.clone();
            CallerTokens::new(move |request| {
                count.fetch_add(1, Ordering::Relaxed);
                if answers && let Some(tokens) = tokens.upgrade() {
                    tokens.answer(request.number, Secret::of("token"), None);
                }
            })
        });
        let origin = Origin::Caller {
            tokens,
            audience: String::new(),
            tenant: None,
        };
        (Arc::new(origin), asked)
    }

    fn wait_for<T>(work: impl Future<Output = T>) -> T {
        runtime::handle().expect("the engine's runtime").block_on(work)
    }

    #[test]
    fn a_token_outlives_its_session_for_the_time_that_it_is_kept_and_no_longer() {
        let key = key("kept");
        let lease = || Lease::kept_for(Duration::from_millis(200), key.clone()).expect("a lease");
        let (origin, asked) = origin(true);
        let first = lease();
        let token = wait_for(first.token(&origin)).expect("a token");
        drop(first);
        let second = lease();
        assert!(
            second
                .try_current(&origin)
                .is_some_and(|again| Arc::ptr_eq(&again, &token))
        );
        drop(second);
        let wiped = Arc::downgrade(&token);
        drop(token);
        while wiped.upgrade().is_some() {
            std::thread::yield_now();
        }
        assert!(!lock(&SLOTS).contains_key(&key));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_question_ends_when_the_last_one_who_waits_goes() {
        let lease = Lease::kept_for(KEPT, key("waits")).expect("a lease");
        let (origin, asked) = origin(false);
        wait_for(async {
            let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(lease.token(&origin))).collect();
            for one in &mut waiting {
                assert!(tokio::time::timeout(Duration::from_millis(1), one).await.is_err());
            }
            waiting.pop();
            assert!(lock(&lease.slot.state).question.is_some());
            waiting.clear();
            assert!(lock(&lease.slot.state).question.is_none());
        });
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
