//! Statuses and event kinds, as numbers that stay what they are.

/// What a call came to. Values are never given a new meaning; new ones may be added.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done. For `apimbc_session_next`: an event was given.
    Ok = 0,
    /// Nothing within the time: no event (`next`), or no room and nothing taken (`submit`).
    Pending = 1,
    /// The session has ended and every event was taken.
    Done = 2,
    /// The item was taken, and an event waits to be taken.
    Ready = 3,
    /// A pointer that must not be NULL is.
    NullArgument = 10,
    /// A text is not UTF-8.
    InvalidUtf8 = 11,
    /// A text does not say what it must, or a handle is none of this library's.
    InvalidArgument = 12,
    /// The session was finished or cancelled, or no such token request waits.
    InvalidState = 13,
    /// The call could not be carried out.
    Failed = 14,
    /// A defect in the library. The session should be freed.
    Panic = 99,
}

/// What an event is about.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An item has ended.
    Result = 1,
    /// The caller is asked for a token.
    TokenRequest = 2,
    /// A text for the caller's log.
    Log = 3,
    /// The session cannot go on.
    Fatal = 4,
}
