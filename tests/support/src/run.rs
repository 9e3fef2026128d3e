//! A whole session in one call.

use abi_client::{Progress, Status};
use serde_json::Value;

use crate::event::{Event, Kind};
use crate::options::Options;
use crate::session::Session;

/// What a session gave from its start to its end.
#[derive(Debug)]
pub struct Run {
    /// Every event, in order.
    pub events: Vec<Event>,
    /// The counts at the end.
    pub progress: Progress,
}

/// Sends items through a session of their own and takes every event.
///
/// # Panics
///
/// The session does not start, does not take the items, or does not end before the deadline.
#[track_caller]
pub fn run(options: &Options, items: impl IntoIterator<Item = Value>) -> Run {
    let session = Session::start(options);
    let mut events = Vec::new();
    // A session that fails as a whole takes no more items: its events say so.
    let open = items
        .into_iter()
        .all(|item| session.feed(&item, &mut events) != Status::INVALID_STATE);
    if open {
        // It may fail as a whole right now, which ends it just as well.
        let _ = session.finish();
    }
    events.extend(session.rest());
    Run {
        events,
        progress: session.progress(),
    }
}

impl Run {
    /// The results, which must be one for each item, in input order.
    #[track_caller]
    pub fn results(&self) -> Vec<&Event> {
        let results: Vec<&Event> = self.of(Kind::Result);
        let numbers: Vec<u64> = results.iter().map(|event| event.number).collect();
        let expected: Vec<u64> = (0..self.progress.submitted).collect();
        assert_eq!(numbers, expected, "each item has one result, in input order");
        results
    }

    /// The events of one kind.
    pub fn of(&self, kind: Kind) -> Vec<&Event> {
        self.events.iter().filter(|event| event.kind == kind).collect()
    }

    /// The texts of the log.
    pub fn log(&self) -> Vec<&str> {
        self.of(Kind::Log).into_iter().map(Event::log).collect()
    }

    /// The one result.
    #[track_caller]
    pub fn result(&self) -> &Event {
        match self.results()[..] {
            [result] => result,
            ref others => panic!("there is not one result: {others:?}"),
        }
    }

    /// Panics unless every item succeeded.
    #[track_caller]
    pub fn assert_all_succeeded(&self) {
        for result in self.results() {
            assert_eq!(result.outcome(), "succeeded", "item {}: {}", result.number, result.text);
        }
    }
}
