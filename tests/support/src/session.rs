//! A session behind a safe wrapper.

use std::ops::Deref;
use std::time::{Duration, Instant};

use abi_client::Status;
use serde_json::Value;

use crate::event::Event;
use crate::library::library;
use crate::options::Options;

/// Longer than anything in a test may take. It is there so that a test which would hang fails instead.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long one call waits. Waiting for a condition, a test looks that often.
const MOMENT: Duration = Duration::from_millis(5);

/// A session of the real library, with what tests need of one.
pub struct Session(abi_client::Session);

impl Deref for Session {
    type Target = abi_client::Session;

    fn deref(&self) -> &abi_client::Session {
        &self.0
    }
}

/// What `next` gave.
#[derive(Debug)]
pub enum Next {
    /// An event.
    Event(Event),
    /// None within the time.
    Pending,
    /// None will come any more.
    Done,
}

impl Next {
    /// The event.
    #[track_caller]
    pub fn event(self) -> Event {
        match self {
            Self::Event(event) => event,
            other => panic!("there is no event: {other:?}"),
        }
    }
}

impl Session {
    /// Starts a session.
    ///
    /// # Panics
    ///
    /// It cannot be started.
    #[track_caller]
    pub fn start(options: &Options) -> Self {
        match Self::try_start(options) {
            Ok(session) => session,
            Err((status, error)) => panic!("the session did not start: {status:?} {error}"),
        }
    }

    /// Starts a session, or gives the status and the error.
    pub fn try_start(options: &Options) -> Result<Self, (Status, Value)> {
        Self::try_start_in(&options.to_json(), Some(&options.to_block()))
    }

    /// Starts a session with options and an environment as they are (none: the process's own), or gives the status and
    /// the error.
    pub fn try_start_in(options: &str, environment: Option<&str>) -> Result<Self, (Status, Value)> {
        abi_client::Session::start(library(), options, environment)
            .map(Self)
            .map_err(|(status, error)| (status, error.as_deref().map_or(Value::Null, json_of)))
    }

    /// Offers an item, waiting for room.
    pub fn offer(&self, item: &Value, timeout: Duration) -> Status {
        self.offer_text(&item.to_string(), timeout)
    }

    /// Hands an item over.
    ///
    /// # Panics
    ///
    /// It is not taken at once.
    #[track_caller]
    pub fn submit(&self, item: &Value) {
        let status = self.offer(item, Duration::ZERO);
        assert!(matches!(status, Status::OK | Status::READY), "{status:?}: {item}");
    }

    /// Hands an item over, waiting for room and taking the events that must be taken first. Gives the status: `OK`,
    /// `READY`, or `INVALID_STATE` where the session takes no more.
    ///
    /// # Panics
    ///
    /// There was no room before the deadline.
    #[track_caller]
    pub fn feed(&self, item: &Value, events: &mut Vec<Event>) -> Status {
        self.feed_text(&item.to_string(), DEADLINE, |event| events.push(event.into()))
    }

    /// Takes the next event.
    #[track_caller]
    pub fn next(&self, timeout: Duration) -> Next {
        match self.next_text(timeout) {
            abi_client::Next::Event(event) => Next::Event(event.into()),
            abi_client::Next::Pending => Next::Pending,
            abi_client::Next::Done => Next::Done,
        }
    }

    /// The next event, however long it takes.
    ///
    /// # Panics
    ///
    /// There is none, or none came before the deadline.
    #[track_caller]
    pub fn event(&self) -> Event {
        self.next(DEADLINE).event()
    }

    /// Every event up to the end of the session.
    ///
    /// # Panics
    ///
    /// The end did not come before the deadline.
    #[track_caller]
    pub fn rest(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.take_rest(DEADLINE, |event| events.push(event.into()));
        events
    }

    /// Every event that is there already, up to the end of the session, without any waiting.
    ///
    /// # Panics
    ///
    /// The session has not ended.
    #[track_caller]
    pub fn rest_at_once(&self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.next(Duration::ZERO) {
                Next::Event(event) => events.push(event),
                Next::Done => return events,
                Next::Pending => panic!("the session has not ended: {:?}", self.progress()),
            }
        }
    }

    /// Takes events until a condition holds that the engine or the emulator brings about.
    ///
    /// # Panics
    ///
    /// It did not hold before the deadline.
    #[track_caller]
    pub fn events_until(&self, mut condition: impl FnMut() -> bool) -> Vec<Event> {
        let end = Instant::now() + DEADLINE;
        let mut events = Vec::new();
        while !condition() {
            assert!(
                Instant::now() < end,
                "it does not come about: {:?}, events {events:?}",
                self.progress()
            );
            if let Next::Event(event) = self.next(MOMENT) {
                events.push(event);
            }
        }
        events
    }
}

/// What an item would do, else why it cannot be sent.
pub fn describe(item: &Value) -> Result<Value, Value> {
    describe_text(&item.to_string())
}

/// The same for an item as it is.
pub fn describe_text(item: &str) -> Result<Value, Value> {
    let described = library().describe(item);
    described.map(|text| json_of(&text)).map_err(|text| json_of(&text))
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("a text is no JSON: {error}: {text}"))
}
