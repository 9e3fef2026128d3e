//! A session behind a safe wrapper.

use std::ptr::{null, null_mut};
use std::time::Duration;

use serde_json::Value;

use crate::library::{Handle, Library, Status, text};

/// A session. Dropping it cancels what is left.
pub struct Session {
    library: Library,
    handle: Handle,
}

// SAFETY: every function of the library may be called from any thread (docs/abi.md, "Rules").
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

/// An event as it comes.
pub struct Event {
    /// `APIMBC_EVENT_KIND_…`
    pub kind: u32,
    /// Which item or token request.
    pub number: u64,
    /// Its JSON.
    pub text: String,
}

/// What `next` gave.
pub enum Next {
    /// An event.
    Event(Event),
    /// None within the time.
    Pending,
    /// None will come any more.
    Done,
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
    pub cancelled_not_done: u64,
    pub cancelled_unknown: u64,
    pub cancelled_settings_done: u64,
    pub cancelled_reset_done: u64,
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
        unsafe { (self.library.functions().apimbc_session_free)(self.handle) };
    }
}

impl Session {
    /// Starts a session with options (JSON) in an environment (entries with NUL between them; none: the process's own),
    /// or gives the status and the error's JSON.
    pub fn start(
        library: &Library,
        options: &str,
        environment: Option<&str>,
    ) -> Result<Self, (Status, Option<String>)> {
        let (data, length) = text(options);
        let (block, block_length) = environment.map_or((null(), 0), text);
        let (mut handle, mut error) = (null_mut(), null_mut());
        let start = library.functions().apimbc_session_new;
        // SAFETY: the texts live through the call, and the outputs are places for handles.
        let status = unsafe { start(data, length, block, block_length, &mut handle, &mut error) };
        if status != Status::OK {
            return Err((status, library.take_text(error)));
        }
        Ok(Self {
            library: library.clone(),
            handle,
        })
    }

    /// The handle, for calls of other kinds. It stays this session's.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Offers an item (JSON), waiting for room.
    pub fn offer_text(&self, item: &str, timeout: Duration) -> Status {
        let (data, length) = text(item);
        // SAFETY: the text lives through the call.
        unsafe { (self.library.functions().apimbc_session_submit)(self.handle, data, length, milliseconds(timeout)) }
    }

    /// Says that no more items will come.
    pub fn finish(&self) -> Status {
        // SAFETY: only the handle is given.
        unsafe { (self.library.functions().apimbc_session_finish)(self.handle) }
    }

    /// Cancels what is left.
    pub fn cancel(&self) -> Status {
        // SAFETY: only the handle is given.
        unsafe { (self.library.functions().apimbc_session_cancel)(self.handle) }
    }

    /// Takes the next event as it comes.
    ///
    /// # Panics
    ///
    /// The library gives a status that it must not.
    #[track_caller]
    pub fn next_text(&self, timeout: Duration) -> Next {
        let (mut kind, mut number, mut event) = (0, 0, null_mut());
        let next = self.library.functions().apimbc_session_next;
        // SAFETY: the outputs are places for their types.
        let status = unsafe { next(self.handle, milliseconds(timeout), &mut kind, &mut number, &mut event) };
        match status {
            Status::OK => Next::Event(Event {
                kind,
                number,
                text: self.library.take_text(event).expect("an event has a text"),
            }),
            Status::PENDING => Next::Pending,
            Status::DONE => Next::Done,
            other => panic!("next: {other:?}"),
        }
    }

    /// Hands an item (JSON) over, waiting for room and giving `taken` the events that must be taken first. Gives the status
    /// of a session that takes no more, else `OK` or `READY`.
    ///
    /// # Panics
    ///
    /// There was no room within the time.
    #[track_caller]
    pub fn feed_text(&self, item: &str, timeout: Duration, mut taken: impl FnMut(Event)) -> Status {
        let end = std::time::Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            let status = self.offer_text(item, left);
            if matches!(status, Status::READY | Status::PENDING) {
                while let Next::Event(event) = self.next_text(Duration::ZERO) {
                    taken(event);
                }
            }
            match status {
                Status::PENDING => assert!(!left.is_zero(), "no more items are taken: {:?}", self.progress()),
                Status::OK | Status::READY | Status::INVALID_STATE => return status,
                other => panic!("submit: {other:?}"),
            }
        }
    }

    /// Gives `taken` every event up to the end of the session.
    ///
    /// # Panics
    ///
    /// The end did not come within the time.
    #[track_caller]
    pub fn take_rest(&self, timeout: Duration, mut taken: impl FnMut(Event)) {
        let end = std::time::Instant::now() + timeout;
        loop {
            match self.next_text(end.saturating_duration_since(std::time::Instant::now())) {
                Next::Event(event) => taken(event),
                Next::Done => return,
                Next::Pending => panic!("the session does not end: {:?}", self.progress()),
            }
        }
    }

    /// How far it is.
    ///
    /// # Panics
    ///
    /// The library gives none, or another form of it.
    #[track_caller]
    pub fn progress(&self) -> Progress {
        let mut progress = null_mut();
        // SAFETY: the output is a place for a handle.
        let status = unsafe { (self.library.functions().apimbc_session_progress)(self.handle, &mut progress) };
        assert_eq!(status, Status::OK);
        let text = self.library.take_text(progress).expect("there is a progress");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The number below which every item is delivered.
    ///
    /// # Panics
    ///
    /// The library gives none.
    #[track_caller]
    pub fn delivered(&self) -> u64 {
        let mut delivered = u64::MAX;
        // SAFETY: the output is a place for a number.
        let status = unsafe { (self.library.functions().apimbc_session_delivered)(self.handle, &mut delivered) };
        assert_eq!(status, Status::OK);
        delivered
    }

    /// Answers a token request. `expires_on`: seconds since 1970, 0 where unknown.
    pub fn answer_token(&self, request: u64, token: &str, expires_on: i64) -> Status {
        let (data, length) = text(token);
        let answer = self.library.functions().apimbc_session_answer_token;
        // SAFETY: the text lives through the call.
        unsafe { answer(self.handle, request, data, length, expires_on) }
    }

    /// Refuses a token request.
    pub fn refuse_token(&self, request: u64, reason: &str) -> Status {
        let (data, length) = text(reason);
        // SAFETY: the text lives through the call.
        unsafe { (self.library.functions().apimbc_session_refuse_token)(self.handle, request, data, length) }
    }
}

fn milliseconds(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}
