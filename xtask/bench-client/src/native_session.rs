//! A session of the staged native library, through the C ABI, as any other language would have one.

use std::ffi::c_void;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const ABI_VERSION: u32 = 2;
const OK: i32 = 0;
const PENDING: i32 = 1;
const DONE: i32 = 2;
const READY: i32 = 3;

type Handle = *mut c_void;

/// The functions that are used here, with the types of the header.
struct Functions {
    buffer_data: unsafe extern "C" fn(Handle) -> *const u8,
    buffer_length: unsafe extern "C" fn(Handle) -> usize,
    buffer_free: unsafe extern "C" fn(Handle),
    session_new: unsafe extern "C" fn(*const u8, usize, *const u8, usize, *mut Handle, *mut Handle) -> i32,
    session_submit: unsafe extern "C" fn(Handle, *const u8, usize, u32) -> i32,
    session_finish: unsafe extern "C" fn(Handle) -> i32,
    session_next: unsafe extern "C" fn(Handle, u32, *mut u32, *mut u64, *mut Handle) -> i32,
    session_progress: unsafe extern "C" fn(Handle, *mut Handle) -> i32,
    session_free: unsafe extern "C" fn(Handle),
    // Last, so that it is dropped when nothing points into it any more.
    _library: libloading::Library,
}

/// The native library, loaded.
#[derive(Clone)]
pub struct NativeLibrary {
    functions: Arc<Functions>,
}

impl NativeLibrary {
    /// Loads the library, refusing one with another ABI.
    pub fn load(path: &Path) -> Result<Self> {
        // SAFETY: the library runs nothing when it is loaded.
        let library = unsafe { libloading::Library::new(path) }
            .with_context(|| format!("{} cannot be loaded", path.display()))?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type, that of the place the function is put in, is the header's.
                *unsafe { library.get($name) }.with_context(|| format!("{} lacks a function", path.display()))?
            };
        }
        let abi_version: unsafe extern "C" fn() -> u32 = function!("apimbc_abi_version");
        // SAFETY: the function takes nothing and may be called at any time.
        let version = unsafe { abi_version() };
        if version != ABI_VERSION {
            bail!("{} has ABI {version}, this program needs {ABI_VERSION}", path.display());
        }
        let functions = Functions {
            buffer_data: function!("apimbc_buffer_data"),
            buffer_length: function!("apimbc_buffer_length"),
            buffer_free: function!("apimbc_buffer_free"),
            session_new: function!("apimbc_session_new"),
            session_submit: function!("apimbc_session_submit"),
            session_finish: function!("apimbc_session_finish"),
            session_next: function!("apimbc_session_next"),
            session_progress: function!("apimbc_session_progress"),
            session_free: function!("apimbc_session_free"),
            _library: library,
        };
        Ok(Self {
            functions: Arc::new(functions),
        })
    }

    /// Starts a session with options, JSON as `docs/abi.md` has it, in an environment (none: the process's own).
    pub fn session(&self, options: &str, environment: Option<&str>) -> Result<NativeSession> {
        let (block, block_length) = environment.map_or((null(), 0), |text| (text.as_ptr(), text.len()));
        let (mut handle, mut error) = (null_mut(), null_mut());
        // SAFETY: the texts live through the call, and the outputs are places for handles.
        let status = unsafe {
            (self.functions.session_new)(
                options.as_ptr(),
                options.len(),
                block,
                block_length,
                &mut handle,
                &mut error,
            )
        };
        if status != OK {
            bail!(
                "the native library gives no session (status {status}): {}",
                self.take_text(error)
            );
        }
        Ok(NativeSession {
            library: self.clone(),
            handle,
        })
    }

    /// The text of a buffer, which is freed.
    fn take_text(&self, buffer: Handle) -> String {
        // SAFETY: the buffer is one that the library gave and nobody has freed; NULL has no bytes.
        unsafe {
            let data = (self.functions.buffer_data)(buffer);
            let length = (self.functions.buffer_length)(buffer);
            let text = match data.is_null() {
                true => String::new(),
                false => String::from_utf8_lossy(std::slice::from_raw_parts(data, length)).into_owned(),
            };
            (self.functions.buffer_free)(buffer);
            text
        }
    }
}

/// One session. Dropping it cancels what is left.
pub struct NativeSession {
    library: NativeLibrary,
    handle: Handle,
}

/// What taking an event gave.
enum Next {
    /// An event: its number and its JSON.
    Event(u64, String),
    /// None within the time.
    Pending,
    /// None will come any more.
    Done,
}

/// Counts of a session.
#[derive(serde::Deserialize)]
pub struct Counts {
    /// Items taken.
    pub submitted: u64,
    /// Items that succeeded.
    pub succeeded: u64,
    /// Items that failed.
    pub failed: u64,
    /// Items that were cancelled.
    pub cancelled: u64,
    /// Answers with status 429.
    pub refusals: u64,
}

impl NativeSession {
    /// Hands over one item, giving `taken` every event that has to be taken meanwhile.
    pub fn submit(&self, item: &str, mut taken: impl FnMut(u64, String)) -> Result<()> {
        loop {
            // SAFETY: the text lives through the call.
            let status =
                unsafe { (self.library.functions.session_submit)(self.handle, item.as_ptr(), item.len(), 1000) };
            if !matches!(status, OK | PENDING | READY) {
                bail!("the native library does not take an item: status {status}");
            }
            if status != OK {
                while let Next::Event(number, event) = self.next(Duration::ZERO)? {
                    taken(number, event);
                }
            }
            if status != PENDING {
                return Ok(());
            }
        }
    }

    /// Says that no more items will come, and takes every event up to the last.
    pub fn finish(&self, mut taken: impl FnMut(u64, String)) -> Result<()> {
        // SAFETY: only the handle is given.
        let status = unsafe { (self.library.functions.session_finish)(self.handle) };
        if status != OK {
            bail!("the native library does not end a session: status {status}");
        }
        loop {
            match self.next(Duration::from_secs(1))? {
                Next::Event(number, event) => taken(number, event),
                Next::Pending => {}
                Next::Done => return Ok(()),
            }
        }
    }

    /// The counts as they are now.
    pub fn counts(&self) -> Result<Counts> {
        let mut progress = null_mut();
        // SAFETY: the output is a place for a handle.
        let status = unsafe { (self.library.functions.session_progress)(self.handle, &mut progress) };
        if status != OK {
            bail!("the native library gives no progress: status {status}");
        }
        Ok(serde_json::from_str(&self.library.take_text(progress))?)
    }

    /// Takes the next event, waiting for it for at most `timeout`.
    fn next(&self, timeout: Duration) -> Result<Next> {
        let (mut kind, mut number, mut event) = (0, 0, null_mut());
        let timeout = timeout.as_millis().try_into().unwrap_or(u32::MAX);
        // SAFETY: the outputs are places for their types.
        let status =
            unsafe { (self.library.functions.session_next)(self.handle, timeout, &mut kind, &mut number, &mut event) };
        match status {
            OK => Ok(Next::Event(number, self.library.take_text(event))),
            PENDING => Ok(Next::Pending),
            DONE => Ok(Next::Done),
            _ => bail!("the native library gives no event: status {status}"),
        }
    }
}

impl Drop for NativeSession {
    fn drop(&mut self) {
        // SAFETY: the handle is the library's own, and nobody can use it any more.
        unsafe { (self.library.functions.session_free)(self.handle) };
    }
}
