//! The shared library and its functions as they are.

use std::ffi::c_void;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The version of the ABI that this client is written for.
const ABI_VERSION: u32 = 2;

/// A session's or a buffer's handle.
pub type Handle = *mut c_void;

/// What a function returned: `apimbc_status`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(pub i32);

macro_rules! statuses {
    ($($name:ident = $value:literal,)*) => {
        impl Status {
            $(#[doc = concat!("`APIMBC_STATUS_", stringify!($name), "`")] pub const $name: Self = Self($value);)*
        }

        impl fmt::Debug for Status {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.write_str(stringify!($name)),)*
                    Self(other) => write!(f, "Status({other})"),
                }
            }
        }
    };
}

statuses! {
    OK = 0,
    PENDING = 1,
    DONE = 2,
    READY = 3,
    NULL_ARGUMENT = 10,
    INVALID_UTF8 = 11,
    INVALID_ARGUMENT = 12,
    INVALID_STATE = 13,
    FAILED = 14,
    PANIC = 99,
}

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The library's functions, by their exported names. `docs/abi.md` says what each does.
        pub struct Functions {
            $(#[doc = concat!("`", stringify!($name), "`")] pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// The names of all of them.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            fn find(library: &libloading::Library) -> std::result::Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the types are those of the header; tests/header.rs compares the names.
                    $($name: *unsafe { library.get(stringify!($name)) }?,)*
                })
            }
        }
    };
}

functions! {
    apimbc_abi_version() -> u32;
    apimbc_version(*mut Handle) -> Status;
    apimbc_buffer_data(Handle) -> *const u8;
    apimbc_buffer_length(Handle) -> usize;
    apimbc_buffer_free(Handle);
    apimbc_item_describe(*const u8, usize, *mut Handle, *mut Handle) -> Status;
    apimbc_session_new(*const u8, usize, *const u8, usize, *mut Handle, *mut Handle) -> Status;
    apimbc_session_submit(Handle, *const u8, usize, u32) -> Status;
    apimbc_session_finish(Handle) -> Status;
    apimbc_session_next(Handle, u32, *mut u32, *mut u64, *mut Handle) -> Status;
    apimbc_session_progress(Handle, *mut Handle) -> Status;
    apimbc_session_delivered(Handle, *mut u64) -> Status;
    apimbc_session_answer_token(Handle, u64, *const u8, usize, i64) -> Status;
    apimbc_session_refuse_token(Handle, u64, *const u8, usize) -> Status;
    apimbc_session_cancel(Handle) -> Status;
    apimbc_session_free(Handle);
}

/// The library, loaded.
#[derive(Clone)]
pub struct Library {
    loaded: Arc<(Functions, libloading::Library)>,
}

impl Library {
    /// Loads the library. The error says why it cannot be used.
    pub fn load(path: &Path) -> Result<Self, String> {
        let problem = |why: &dyn fmt::Display| format!("{} cannot be used: {why}", path.display());
        // SAFETY: the library has no initialisers of its own.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| problem(&error))?;
        let functions = Functions::find(&library).map_err(|error| problem(&error))?;
        // SAFETY: it takes nothing, and may be called at any time.
        let version = unsafe { (functions.apimbc_abi_version)() };
        if version != ABI_VERSION {
            return Err(problem(&format!("its ABI is version {version}, not {ABI_VERSION}")));
        }
        Ok(Self {
            loaded: Arc::new((functions, library)),
        })
    }

    /// Its functions.
    pub fn functions(&self) -> &Functions {
        &self.loaded.0
    }

    /// The text of a buffer, which is freed; none for NULL.
    pub(crate) fn take_text(&self, buffer: Handle) -> Option<String> {
        if buffer.is_null() {
            return None;
        }
        let functions = self.functions();
        // SAFETY: the buffer is one that the library gave and nobody has freed; its bytes are copied before it is.
        let bytes = unsafe {
            let data = (functions.apimbc_buffer_data)(buffer);
            let length = (functions.apimbc_buffer_length)(buffer);
            let bytes = match data.is_null() {
                true => Vec::new(),
                false => std::slice::from_raw_parts(data, length).to_vec(),
            };
            (functions.apimbc_buffer_free)(buffer);
            bytes
        };
        Some(String::from_utf8(bytes).expect("the library gives UTF-8"))
    }

    /// What an item would do, as JSON, else the error's JSON.
    pub fn describe(&self, item: &str) -> Result<String, String> {
        let (data, length) = text(item);
        let (mut description, mut error) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the text lives through the call, and the outputs are places for handles.
        let status = unsafe { (self.functions().apimbc_item_describe)(data, length, &mut description, &mut error) };
        match self.take_text(description) {
            Some(description) if status == Status::OK => Ok(description),
            _ => Err(self.take_text(error).unwrap_or_else(|| format!("{status:?}"))),
        }
    }
}

/// Text as the library takes it.
pub(crate) fn text(text: &str) -> (*const u8, usize) {
    (text.as_ptr(), text.len())
}
