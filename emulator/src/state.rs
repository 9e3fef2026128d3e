//! What all requests of one emulator share. No lock is ever held across an await.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Config, Limits};
use crate::faults::Faults;
use crate::journal::{JournalEntry, Record, Stats, Ticket};
use crate::outage::Outages;
use crate::resources::World;
use crate::throttle::Throttle;
use crate::tokens::TokenIssuer;

pub(crate) struct Shared {
    pub(crate) config: Config,
    record: Mutex<Record>,
    world: Mutex<World>,
    throttle: Mutex<Throttle>,
    faults: Mutex<Faults>,
    tokens: Mutex<TokenIssuer>,
    pub(crate) outages: Outages,
    open_connections: AtomicU64,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            record: Mutex::default(),
            world: Mutex::new(World::new(config.subscriptions, config.backends)),
            throttle: Mutex::new(Throttle::new(config.limits())),
            faults: Mutex::new(Faults::new(&config)),
            tokens: Mutex::default(),
            outages: Outages::new(config.outage),
            open_connections: AtomicU64::new(0),
            config,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        lock(&self.throttle)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, TokenIssuer> {
        lock(&self.tokens)
    }

    /// Changes the limits, unless they cannot be.
    pub(crate) fn set_limits(&self, limits: Limits) -> Result<(), String> {
        limits.check()?;
        self.throttle().limits = limits;
        Ok(())
    }

    /// The counts as they are now.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.record().stats.clone();
        stats.open_connections = self.open_connections.load(Ordering::Relaxed);
        stats.tokens_issued = self.tokens().issued();
        stats
    }

    /// Counts a connection as open until the guard goes.
    pub(crate) fn connection_opened(self: &Arc<Self>) -> OpenConnection {
        self.open_connections.fetch_add(1, Ordering::Relaxed);
        self.record().stats.connections += 1;
        OpenConnection(Arc::clone(self))
    }

    /// Counts a request and writes it down. Until the guard goes, it is being worked on.
    pub(crate) fn request_arrived(&self, entry: impl FnOnce() -> JournalEntry) -> Running<'_> {
        let entry = self.config.journal.then(entry);
        Running {
            shared: self,
            ticket: self.record().begin(entry),
            status: 0,
        }
    }
}

/// A panic while a lock was held is a defect that its own thread reports; others can still read the state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct OpenConnection(Arc<Shared>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request being worked on. Dropped without an answer, it counts as one that got none.
pub(crate) struct Running<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
    /// The answer's; 0 while there is none.
    pub(crate) status: u16,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.record().end(self.ticket, self.status);
    }
}
