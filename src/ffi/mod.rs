//! The C ABI: every exported function, and nothing else. `docs/abi.md` has the ideas; the header is made from this file.
//!
//! With `os`, all `unsafe` of the engine is in this module, and no logic: a call reads
//! the caller's memory, asks the engine, and writes the answer. Every body runs in [`guarded`], so that no panic crosses
//! and a forked child is told.

mod guard;
mod handles;
mod memory;
mod status;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

pub use status::{EventKind, Status};

use crate::describe;
use crate::environment::Environment;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::{self, Event, Next, Session as EngineSession, Submitted};
use guard::{guarded, guarded_or};
use handles::Handles;
use memory::{text, write};

macro_rules! forked {
    () => {
        "This process was forked from one that had used the engine, whose thread it does not have. Start a new program instead of forking (in Python: multiprocessing's method 'spawn'), or fork before the first use."
    };
}

/// The version of this interface. A caller compares it with what `apimbc_abi_version` gives before any other call.
pub const ABI_VERSION: u32 = 2;

/// A session: takes items, gives events. Made by `apimbc_session_new`, ended by `apimbc_session_free`. Every function
/// may be called on it from any thread, also at once.
pub struct Session {
    _opaque: [u8; 0],
}

/// Bytes that belong to the library. Ended by `apimbc_buffer_free`, which wipes them.
pub struct Buffer {
    _opaque: [u8; 0],
}

// Number spaces of their own: a session's handle is never a buffer's.
static SESSIONS: Handles<EngineSession> = Handles::new(SESSIONS_TABLE);
static BUFFERS: Handles<Zeroizing<Vec<u8>>> = Handles::new(BUFFERS_TABLE);
const SESSIONS_TABLE: usize = 0;
const BUFFERS_TABLE: usize = 1;

fn session(handle: *const Session) -> Result<Arc<EngineSession>, Status> {
    if handle.is_null() {
        return Err(Status::NullArgument);
    }
    SESSIONS.get(handle.addr()).ok_or(Status::InvalidArgument)
}

fn new_buffer(bytes: Vec<u8>) -> *mut Buffer {
    std::ptr::without_provenance_mut(BUFFERS.insert(Zeroizing::new(bytes)))
}

/// The error of a forked child, and the handle of its buffer: the tables' locks cannot be taken there.
const FORKED: &str = concat!(
    r#"{"code":"InternalError","category":"ResourceUnavailable","fatal":true,"message":""#,
    forked!(),
    r#"","text":""#,
    forked!(),
    r#"","data":{"Code":"InternalError","Attempts":0,"SettingsChanged":false,"ResetDone":false}}"#
);
const FORKED_BUFFER: usize = handles::handle(BUFFERS_TABLE, 0);

/// Gives a forked child its error, if it wants it. Elsewhere it does nothing.
///
/// # Safety
/// `target` is NULL or points to a place for a pointer.
unsafe fn tell_of_fork(target: *mut *mut Buffer) {
    if !guard::is_usable() {
        // SAFETY: this function's contract.
        unsafe { write(target, std::ptr::without_provenance_mut(FORKED_BUFFER)) };
    }
}

/// Gives the caller an error, if it wants it: a buffer that nobody takes would never be freed.
///
/// # Safety
/// `target` is NULL or points to a place for a pointer.
unsafe fn give_error(target: *mut *mut Buffer, error: &Error) {
    if !target.is_null() {
        let buffer = new_buffer(serde_json::to_vec(error).unwrap_or_default());
        // SAFETY: this function's contract.
        unsafe { write(target, buffer) };
    }
}

/// The version of the interface that the library has. Never fails.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_abi_version() -> u32 {
    ABI_VERSION
}

/// Gives the library's version, like `0.1.0`.
///
/// # Safety
/// `version` points to a place for a pointer. The buffer is the caller's to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_version(version: *mut *mut Buffer) -> Status {
    guarded(|| {
        if version.is_null() {
            return Err(Status::NullArgument);
        }
        let buffer = new_buffer(env!("CARGO_PKG_VERSION").into());
        // SAFETY: the caller's contract for `version`.
        unsafe { write(version, buffer) };
        Ok(Status::Ok)
    })
}

/// The buffer's bytes; NULL for NULL, for an empty buffer and for what is no buffer. They stay where they are until
/// the buffer is freed.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_buffer_data(buffer: *const Buffer) -> *const u8 {
    if buffer.addr() == FORKED_BUFFER {
        return FORKED.as_ptr();
    }
    guarded_or(std::ptr::null(), std::ptr::null(), || {
        match BUFFERS.get(buffer.addr()) {
            Some(bytes) if !bytes.is_empty() => bytes.as_ptr(),
            _ => std::ptr::null(),
        }
    })
}

/// How many bytes the buffer has; 0 for NULL and for what is no buffer.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_buffer_length(buffer: *const Buffer) -> usize {
    if buffer.addr() == FORKED_BUFFER {
        return FORKED.len();
    }
    guarded_or(0, 0, || BUFFERS.get(buffer.addr()).map_or(0, |bytes| bytes.len()))
}

/// Wipes and frees a buffer. NULL, and a buffer that was freed before, do nothing.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_buffer_free(buffer: *mut Buffer) {
    guarded_or((), (), || drop(BUFFERS.remove(buffer.addr())));
}

/// Checks an item (JSON) and describes what it would do. Sends nothing and needs no session. `OK`: the description (JSON)
/// is in `description`; `INVALID_ARGUMENT`: the reason is in `error`.
///
/// # Safety
/// `item` is readable for `item_length` bytes; `description` and `error` each are NULL or point to a place for a pointer.
/// The buffers are the caller's to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_item_describe(
    item: *const u8,
    item_length: usize,
    description: *mut *mut Buffer,
    error: *mut *mut Buffer,
) -> Status {
    // SAFETY: the caller's contract for `error`.
    unsafe { tell_of_fork(error) };
    guarded(|| {
        // SAFETY: the caller's contract for `item`.
        let item = unsafe { text(item, item_length) }?;
        let described = describe::describe(item).map_err(|e| {
            // SAFETY: the caller's contract for `error`.
            unsafe { give_error(error, &e) };
            Status::InvalidArgument
        })?;
        if !description.is_null() {
            // SAFETY: the caller's contract for `description`.
            unsafe { write(description, new_buffer(described.into_bytes())) };
        }
        Ok(Status::Ok)
    })
}

/// Starts a session with options (JSON; the empty text stands for `{}`) in an environment: the whole of it, as entries
/// `NAME=value` with a NUL between them. NULL: the process's own; not NULL with a length of 0: an empty one. Nothing is
/// sent, and no token is asked for, before the first item. On `INVALID_ARGUMENT` and `FAILED` the reason is in `error`.
///
/// # Safety
/// `options` is readable for `options_length` bytes and `environment` for `environment_length`; `session` points to a
/// place for a pointer; `error` is NULL or does. The session is the caller's to free, the buffer too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_new(
    options: *const u8,
    options_length: usize,
    environment: *const u8,
    environment_length: usize,
    session: *mut *mut Session,
    error: *mut *mut Buffer,
) -> Status {
    // SAFETY: the caller's contract for `error`.
    unsafe { tell_of_fork(error) };
    guarded(|| {
        if session.is_null() {
            return Err(Status::NullArgument);
        }
        // SAFETY: the caller's contract for `options`.
        let options = match unsafe { text(options, options_length) }? {
            "" => "{}",
            options => options,
        };
        // SAFETY: the caller's contract for `environment`.
        let block = unsafe { text(environment, environment_length) }?;
        let environment = match environment.is_null() {
            true => Environment::of_process(),
            false => Environment::from_block(block),
        };
        let started = EngineSession::start(options, environment).map_err(|e| {
            let status = match e.category {
                crate::error::Category::InvalidArgument => Status::InvalidArgument,
                _ => Status::Failed,
            };
            // SAFETY: the caller's contract for `error`.
            unsafe { give_error(error, &e) };
            status
        })?;
        let handle = std::ptr::without_provenance_mut(SESSIONS.insert(started));
        // SAFETY: the caller's contract for `session`.
        unsafe { write(session, handle) };
        Ok(Status::Ok)
    })
}

/// Offers an item (JSON). `OK` or `READY`: taken, with the next number; a bad item too, to be settled as failed in its
/// turn. `PENDING`: not taken, since there was no room for `timeout_ms` milliseconds, or events wait that must be taken
/// first.
///
/// # Safety
/// `item` is readable for `item_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_submit(
    session: *const Session,
    item: *const u8,
    item_length: usize,
    timeout_ms: u32,
) -> Status {
    guarded(|| {
        let session = self::session(session)?;
        // SAFETY: the caller's contract for `item`.
        let item = unsafe { text(item, item_length) }?;
        match session.submit(item, Duration::from_millis(timeout_ms.into())) {
            Ok(Submitted::Taken) => Ok(Status::Ok),
            Ok(Submitted::TakenEventsWait) => Ok(Status::Ready),
            Ok(Submitted::Full) => Ok(Status::Pending),
            Err(session::WrongState) => Err(Status::InvalidState),
        }
    })
}

/// Says that no more items will come. The session ends when the last one has ended and its event was taken.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_session_finish(session: *const Session) -> Status {
    guarded(|| match self::session(session)?.finish() {
        Ok(()) => Ok(Status::Ok),
        Err(session::WrongState) => Err(Status::InvalidState),
    })
}

/// Takes the next event, waiting for it for at most `timeout_ms` milliseconds. `OK`: `kind` says what it is
/// (`APIMBC_EVENT_KIND_…`), `number` which item or token request it is about, `event` holds its JSON. `PENDING`: none
/// came. `DONE`: none will come any more.
///
/// # Safety
/// `kind`, `number` and `event` each point to a place for their type. The buffer is the caller's to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_next(
    session: *const Session,
    timeout_ms: u32,
    kind: *mut u32,
    number: *mut u64,
    event: *mut *mut Buffer,
) -> Status {
    guarded(|| {
        let session = self::session(session)?;
        if kind.is_null() || number.is_null() || event.is_null() {
            return Err(Status::NullArgument);
        }
        let taken = match session.next(Duration::from_millis(timeout_ms.into())) {
            Next::Event(taken) => taken,
            Next::Pending => return Ok(Status::Pending),
            Next::Done => return Ok(Status::Done),
        };
        let kind_of_event = match &taken {
            Event::Result { .. } => EventKind::Result,
            Event::TokenRequest(_) => EventKind::TokenRequest,
            Event::Log { .. } => EventKind::Log,
            Event::Fatal { .. } => EventKind::Fatal,
        };
        // SAFETY: the caller's contract for the three outputs.
        unsafe {
            write(kind, kind_of_event as u32);
            write(number, taken.number());
            write(event, new_buffer(taken.to_json().into_bytes()));
        }
        Ok(Status::Ok)
    })
}

/// Gives how far the session is, as a JSON object with a name for each value (`docs/abi.md`, "Progress").
///
/// # Safety
/// `progress` points to a place for a pointer. The buffer is the caller's to free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_progress(session: *const Session, progress: *mut *mut Buffer) -> Status {
    guarded(|| {
        let session = self::session(session)?;
        if progress.is_null() {
            return Err(Status::NullArgument);
        }
        let buffer = new_buffer(session.progress().to_json().into_bytes());
        // SAFETY: the caller's contract for `progress`.
        unsafe { write(progress, buffer) };
        Ok(Status::Ok)
    })
}

/// Gives the number below which every item is delivered: its event was taken, or it had none. What the caller keeps of
/// those items is not needed any more. Costs next to nothing.
///
/// # Safety
/// `delivered` points to a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_delivered(session: *const Session, delivered: *mut u64) -> Status {
    guarded(|| {
        let session = self::session(session)?;
        if delivered.is_null() {
            return Err(Status::NullArgument);
        }
        // SAFETY: the caller's contract for `delivered`.
        unsafe { write(delivered, session.delivered()) };
        Ok(Status::Ok)
    })
}

/// Answers a `TOKEN_REQUEST` event with a bearer token. `expires_on` is its end in seconds since 1970 (UTC), 0 where
/// it is not known. `INVALID_STATE`: no such request waits.
///
/// # Safety
/// `token` is readable for `token_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_answer_token(
    session: *const Session,
    request: u64,
    token: *const u8,
    token_length: usize,
    expires_on: i64,
) -> Status {
    guarded(|| {
        let session = self::session(session)?;
        // SAFETY: the caller's contract for `token`.
        let token = Secret::new(unsafe { text(token, token_length) }?.to_owned());
        let expires_on = u64::try_from(expires_on)
            .ok()
            .filter(|seconds| *seconds > 0)
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        if session.answer_token(request, token, expires_on) {
            Ok(Status::Ok)
        } else {
            Err(Status::InvalidState)
        }
    })
}

/// Answers a `TOKEN_REQUEST` event with the reason why there is no token. `INVALID_STATE`: no such request waits.
///
/// # Safety
/// `reason` is readable for `reason_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apimbc_session_refuse_token(
    session: *const Session,
    request: u64,
    reason: *const u8,
    reason_length: usize,
) -> Status {
    guarded(|| {
        let session = self::session(session)?;
        // SAFETY: the caller's contract for `reason`.
        let reason = unsafe { text(reason, reason_length) }?.to_owned();
        if session.refuse_token(request, reason) {
            Ok(Status::Ok)
        } else {
            Err(Status::InvalidState)
        }
    })
}

/// Cancels what is queued and in flight. It takes effect before the call returns: every item without a result has
/// one, `cancelled`, to be taken with `apimbc_session_next`.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_session_cancel(session: *const Session) -> Status {
    guarded(|| {
        self::session(session)?.cancel();
        Ok(Status::Ok)
    })
}

/// Frees a session, cancelling what is left of it; waits for nothing. NULL, and a session that was freed before, do
/// nothing.
#[unsafe(no_mangle)]
pub extern "C" fn apimbc_session_free(session: *mut Session) {
    guarded_or((), (), || {
        // Cancelled here, since another thread's call may keep the object for a while.
        if let Some(session) = SESSIONS.remove(session.addr()) {
            session.cancel();
        }
    });
}
