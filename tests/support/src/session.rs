//! A session behind a safe wrapper.

use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::event::Event;
use crate::library::{Handle, Status, functions, take_text, text};
use crate::options::Options;

/// Longer than anything in a test may take. It is there so that a test which would hang fails instead.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long one call waits. Waiting for a condition, a test looks that often.
const MOMENT: Duration = Duration::from_millis(5);

/// A session of the real library.
pub struct Session {
    handle: Handle,
}

// SAFETY: every function of the library may be called from any thread (docs/abi.md, "Rules").
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

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

/// How far a session is, as `apimbc_session_progress` gives it; docs/abi.md says what each member means.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/abi.md has them")]
pub struct Progress {
    pub submitted: u64,
    pub delivered: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub cancelled_not_sent: u64,
    pub cancelled_unknown: u64,
    pub cancelled_settings_done: u64,
    pub in_flight: u64,
    pub queued: u64,
    pub waiting: u64,
    pub wait_ms: u64,
    pub wait_reason: Option<String>,
    pub requests: u64,
    pub refusals: u64,
    pub retries: u64,
    pub outage_ms: u64,
    pub time_left_ms: Option<u64>,
    pub first_pending: Option<Value>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the handle is the library's own, and nobody can use it any more.
        unsafe { (functions().apimbc_session_free)(self.handle) };
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
        let (data, length) = text(options);
        let (block, block_length) = environment.map_or((null(), 0), text);
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: the texts live through the call, and the outputs are places for handles.
        let status =
            unsafe { (functions().apimbc_session_new)(data, length, block, block_length, &mut handle, &mut error) };
        if status == Status::OK {
            return Ok(Self { handle });
        }
        Err((status, json_of(error)))
    }

    /// The handle, for calls that a test makes itself. It stays this session's.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Offers an item, waiting for room.
    pub fn offer(&self, item: &Value, timeout: Duration) -> Status {
        self.offer_text(&item.to_string(), timeout)
    }

    /// Offers an item as it is, waiting for room.
    pub fn offer_text(&self, item: &str, timeout: Duration) -> Status {
        let (data, length) = text(item);
        // SAFETY: the text lives through the call.
        unsafe { (functions().apimbc_session_submit)(self.handle, data, length, milliseconds(timeout)) }
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
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let status = self.offer(item, left);
            if status == Status::PENDING {
                assert!(
                    !left.is_zero(),
                    "the session takes no more items: {:?}",
                    self.progress()
                );
            }
            if matches!(status, Status::READY | Status::PENDING) {
                while let Next::Event(event) = self.next(Duration::ZERO) {
                    events.push(event);
                }
            }
            match status {
                Status::PENDING => {}
                Status::OK | Status::READY | Status::INVALID_STATE => return status,
                other => panic!("submit: {other:?}"),
            }
        }
    }

    /// Says that no more items will come.
    pub fn finish(&self) -> Status {
        // SAFETY: only the handle is given.
        unsafe { (functions().apimbc_session_finish)(self.handle) }
    }

    /// Cancels what is left.
    pub fn cancel(&self) -> Status {
        // SAFETY: only the handle is given.
        unsafe { (functions().apimbc_session_cancel)(self.handle) }
    }

    /// Takes the next event.
    #[track_caller]
    pub fn next(&self, timeout: Duration) -> Next {
        let (mut kind, mut number, mut event) = (0, 0, null_mut());
        // SAFETY: the outputs are places for their types.
        let status = unsafe {
            (functions().apimbc_session_next)(self.handle, milliseconds(timeout), &mut kind, &mut number, &mut event)
        };
        match status {
            Status::OK => Next::Event(Event::new(kind, number, take_text(event))),
            Status::PENDING => Next::Pending,
            Status::DONE => Next::Done,
            other => panic!("next: {other:?}"),
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
        let end = Instant::now() + DEADLINE;
        let mut events = Vec::new();
        loop {
            match self.next(end.saturating_duration_since(Instant::now())) {
                Next::Event(event) => events.push(event),
                Next::Done => return events,
                Next::Pending => panic!("the session does not end: {:?}", self.progress()),
            }
        }
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

    /// How far it is.
    #[track_caller]
    pub fn progress(&self) -> Progress {
        let mut progress = null_mut();
        // SAFETY: the output is a place for a handle.
        let status = unsafe { (functions().apimbc_session_progress)(self.handle, &mut progress) };
        assert_eq!(status, Status::OK);
        let text = take_text(progress);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The number below which every item is delivered.
    #[track_caller]
    pub fn delivered(&self) -> u64 {
        let mut delivered = u64::MAX;
        // SAFETY: the output is a place for a number.
        let status = unsafe { (functions().apimbc_session_delivered)(self.handle, &mut delivered) };
        assert_eq!(status, Status::OK);
        delivered
    }

    /// Answers a token request. `expires_on`: seconds since 1970, 0 where unknown.
    pub fn answer_token(&self, request: u64, token: &str, expires_on: i64) -> Status {
        let (data, length) = text(token);
        // SAFETY: the text lives through the call.
        unsafe { (functions().apimbc_session_answer_token)(self.handle, request, data, length, expires_on) }
    }

    /// Refuses a token request.
    pub fn refuse_token(&self, request: u64, reason: &str) -> Status {
        let (data, length) = text(reason);
        // SAFETY: the text lives through the call.
        unsafe { (functions().apimbc_session_refuse_token)(self.handle, request, data, length) }
    }
}

/// What an item would do, else why it cannot be sent.
pub fn describe(item: &Value) -> Result<Value, Value> {
    describe_text(&item.to_string())
}

/// The same for an item as it is.
pub fn describe_text(item: &str) -> Result<Value, Value> {
    let (data, length) = text(item);
    let (mut description, mut error) = (null_mut(), null_mut());
    // SAFETY: the text lives through the call, and the outputs are places for handles.
    match unsafe { (functions().apimbc_item_describe)(data, length, &mut description, &mut error) } {
        Status::OK => Ok(json_of(description)),
        Status::INVALID_ARGUMENT => Err(json_of(error)),
        other => panic!("item_describe: {other:?}"),
    }
}

fn json_of(buffer: Handle) -> Value {
    if buffer.is_null() {
        return Value::Null;
    }
    let text = take_text(buffer);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("a buffer is no JSON: {error}: {text}"))
}

fn milliseconds(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}
