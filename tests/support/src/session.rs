//! A session behind a safe wrapper.

use std::ptr::null_mut;
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

/// Counts of a session, as `apimbc_session_progress` gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Items taken.
    pub submitted: u64,
    /// Items done with, in input order.
    pub settled: u64,
    /// Items that succeeded.
    pub succeeded: u64,
    /// Items that failed.
    pub failed: u64,
    /// Items that were cancelled.
    pub cancelled: u64,
    /// Of those, how many had been sent.
    pub cancelled_sent: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Items queued.
    pub queued: u64,
    /// Items that wait for the throttle.
    pub throttled: u64,
    /// Milliseconds until the throttle lets one through.
    pub throttle_wait_ms: u64,
    /// Requests sent.
    pub requests: u64,
    /// Answers with status 429.
    pub refusals: u64,
    /// Requests sent again.
    pub retries: u64,
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
        match Self::try_start(&options.to_json()) {
            Ok(session) => session,
            Err((status, error)) => panic!("the session did not start: {status:?} {error}"),
        }
    }

    /// Starts a session with options as they are, or gives the status and the error.
    pub fn try_start(options: &str) -> Result<Self, (Status, Value)> {
        let (data, length) = text(options);
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: the text lives through the call, and the outputs are places for handles.
        let status = unsafe { (functions().apimbc_session_new)(data, length, &mut handle, &mut error) };
        if status == Status::OK {
            return Ok(Self { handle });
        }
        Err((status, error_of(error)))
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

    /// The counts.
    #[track_caller]
    pub fn progress(&self) -> Progress {
        let mut values = [u64::MAX; 13];
        // SAFETY: there is a place for that many values.
        let status = unsafe { (functions().apimbc_session_progress)(self.handle, values.as_mut_ptr(), values.len()) };
        assert_eq!(status, Status::OK);
        let [
            submitted,
            settled,
            succeeded,
            failed,
            cancelled,
            cancelled_sent,
            in_flight,
            queued,
            throttled,
            throttle_wait_ms,
            requests,
            refusals,
            retries,
        ] = values;
        Progress {
            submitted,
            settled,
            succeeded,
            failed,
            cancelled,
            cancelled_sent,
            in_flight,
            queued,
            throttled,
            throttle_wait_ms,
            requests,
            refusals,
            retries,
        }
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

/// Whether an item would be accepted, else why not.
pub fn check_item(item: &Value) -> Result<(), Value> {
    check_item_text(&item.to_string())
}

/// The same for an item as it is.
pub fn check_item_text(item: &str) -> Result<(), Value> {
    let (data, length) = text(item);
    let mut error = null_mut();
    // SAFETY: the text lives through the call, and the output is a place for a handle.
    match unsafe { (functions().apimbc_item_check)(data, length, &mut error) } {
        Status::OK => Ok(()),
        Status::INVALID_ARGUMENT => Err(error_of(error)),
        other => panic!("item_check: {other:?}"),
    }
}

fn error_of(buffer: Handle) -> Value {
    if buffer.is_null() {
        return Value::Null;
    }
    let text = take_text(buffer);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("an error is no JSON: {error}: {text}"))
}

fn milliseconds(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}
