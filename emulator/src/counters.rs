//! What happened so far, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts since the start. Requests to the emulator's own control endpoints are in none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Requests that arrived.
    pub requests: u64,
    /// Answers by status. Requests whose caller went away, or whose stream was reset, without an answer are under 0.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests being worked on now.
    pub running: u64,
    /// The most requests that were ever worked on at once.
    pub peak_running: u64,
    /// Connections open now, that of the one who asks included.
    pub open_connections: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Requests refused for their bearer token.
    pub bad_tokens: u64,
    /// Tokens issued.
    pub tokens_issued: u64,
    /// Requests struck by a fault, of the rate or one set by hand.
    pub faults: u64,
}

impl Stats {
    pub(crate) fn begin(&mut self) {
        self.requests += 1;
        self.running += 1;
        self.peak_running = self.peak_running.max(self.running);
    }

    pub(crate) fn end(&mut self, status: u16) {
        self.running -= 1;
        *self.statuses.entry(status).or_default() += 1;
    }
}
