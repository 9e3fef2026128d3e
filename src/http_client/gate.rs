//! One attempt at connecting at a time.
//!
//! The pool of connections dials for every request that finds none: after an HTTP/2 connection has ended (GOAWAY), once
//! for each request that waits. Here, requests to one origin wait while one of them dials. What comes of it decides:
//! an HTTP/2 connection serves them all, so that the others never dial; over HTTP/1.1 each needs one of its own, and
//! from then on all dial at once; after a failure the next one tries.
//!
//! What the system's verifier has not said in the handshake is waited for here, before the connection is anybody's.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::verdicts;

type BoxError = Box<dyn Error + Send + Sync>;

/// How long the pool has to hand a new HTTP/2 connection to those that wait for it. A request that has none by then
/// takes its turn: the connection has ended again.
const HANDOVER: Duration = Duration::from_millis(100);

/// Puts a gate before a connector.
#[derive(Clone)]
pub(super) struct GateLayer;

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, connector: S) -> Gate<S> {
        Gate {
            connector,
            origins: Arc::default(),
        }
    }
}

/// A connector behind a gate for each origin.
#[derive(Clone)]
pub(super) struct Gate<S> {
    connector: S,
    origins: Arc<Mutex<HashMap<String, Arc<Origin>>>>,
}

impl<S, D> Service<D> for Gate<S>
where
    S: Service<D, Error = BoxError> + Clone + Send + 'static,
    S::Response: Connection + Send,
    S::Future: Send,
    D: Debug + Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, destination: D) -> Self::Future {
        // The destination has a type that cannot be named or read, but for this text: scheme, host and port.
        let origin = Arc::clone(lock(&self.origins).entry(format!("{destination:?}")).or_default());
        // The one that was asked whether it is ready is the one to use.
        let ready = self.connector.clone();
        let mut connector = std::mem::replace(&mut self.connector, ready);
        Box::pin(async move {
            let turn = origin.turn().await?;
            let mut connecting = pin!(connector.call(destination));
            let mut open = Vec::new();
            let connection = poll_fn(|context| {
                let (progress, verdicts) = verdicts::watch(|| connecting.as_mut().poll(context));
                open.extend(verdicts);
                progress
            })
            .await?;
            for verdict in open {
                verdict.await??;
            }
            turn.connected(connection.connected().is_negotiated_h2());
            Ok(connection)
        })
    }
}

/// Where connections lead, and what is known about making them.
#[derive(Default)]
struct Origin {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    is_dialling: bool,
    /// When the latest HTTP/2 connection was made.
    shared_since: Option<Instant>,
    /// The latest connection serves one request at a time.
    is_http1: bool,
}

impl Origin {
    /// Waits until it is this request's turn to dial.
    async fn turn(self: Arc<Self>) -> Result<Turn, BoxError> {
        // A request that gets a connection while it waits here leaves this to another task, to be carried to its end.
        let task = tokio::task::try_id();
        let mut wait = pin!(self.wait());
        let turn = poll_fn(|context| {
            if tokio::task::try_id() != task {
                return Poll::Ready(None);
            }
            wait.as_mut().poll(context).map(Some)
        });
        match turn.await {
            Some(dials_alone) => Ok(Turn {
                origin: self.clone(),
                dials_alone,
            }),
            None => Err("another connection serves the request".into()),
        }
    }

    /// True where others wait meanwhile.
    async fn wait(&self) -> bool {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let handover = {
                let mut state = lock(&self.state);
                if state.is_http1 {
                    return false;
                }
                let until = state.shared_since.map(|since| since + HANDOVER);
                match until.filter(|until| *until > Instant::now()) {
                    None if !state.is_dialling => {
                        state.is_dialling = true;
                        return true;
                    }
                    until => until.filter(|_| !state.is_dialling),
                }
            };
            match handover {
                Some(until) => {
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
                None => changed.await,
            }
        }
    }
}

/// The right to dial. Ends when it is dropped, with or without a connection.
struct Turn {
    origin: Arc<Origin>,
    dials_alone: bool,
}

impl Turn {
    fn connected(&self, is_http2: bool) {
        let mut state = lock(&self.origin.state);
        state.is_http1 = !is_http2;
        state.shared_since = is_http2.then(Instant::now);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.dials_alone {
            lock(&self.origin.state).is_dialling = false;
        }
        self.origin.changed.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
