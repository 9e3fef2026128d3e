//! What is written down about requests: the journal, every request in order of arrival, and the counts.

use std::collections::BTreeMap;

use serde::Serialize;

/// One request as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// The method.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// The status of the answer; 0 while there is none, and for good where none was given.
    pub status: u16,
    /// The body as text; empty where there was none. Secrets of token requests are masked.
    pub body: String,
}

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

/// Journal and counts together, for one lock at the start of a request and one at its end.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) entries: Vec<JournalEntry>,
    pub(crate) stats: Stats,
    /// Raised when the journal is emptied, so that a late status cannot land on the entry of another request.
    generation: u64,
}

/// Which entry a request has.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    generation: u64,
    index: usize,
}

impl Record {
    /// Counts a request, and enters it where there is an entry for it.
    pub(crate) fn begin(&mut self, entry: Option<JournalEntry>) -> Option<Ticket> {
        self.stats.requests += 1;
        self.stats.running += 1;
        self.stats.peak_running = self.stats.peak_running.max(self.stats.running);
        entry.map(|entry| {
            self.entries.push(entry);
            Ticket {
                generation: self.generation,
                index: self.entries.len() - 1,
            }
        })
    }

    /// Says how a request was answered; 0: it was not.
    pub(crate) fn end(&mut self, ticket: Option<Ticket>, status: u16) {
        self.stats.running -= 1;
        *self.stats.statuses.entry(status).or_default() += 1;
        if let Some(ticket) = ticket.filter(|ticket| ticket.generation == self.generation) {
            self.entries[ticket.index].status = status;
        }
    }

    /// Empties the journal; the counts stay.
    pub(crate) fn clear(&mut self) {
        self.entries = Vec::new();
        self.generation += 1;
    }
}
