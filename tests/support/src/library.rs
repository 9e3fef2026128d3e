//! The shared library that cargo built beside the tests, and its functions as they are.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::c_void;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

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

            fn find(library: &libloading::Library) -> Result<Self, libloading::Error> {
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

/// The file of the shared library.
///
/// # Panics
///
/// Cargo builds it for every integration test of the engine's package; it is not beside the test that runs.
pub fn library_path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own executable");
    let name = format!("{DLL_PREFIX}apim_backend_connection{DLL_SUFFIX}");
    // The test is in target/<profile>/deps, and so is what cargo built for it; what it built to be used is one up.
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no {name} beside {}; run the test with cargo test (or cargo nextest), which builds it",
            test.display()
        )
    })
}

/// The library's functions. It is loaded once in a process.
///
/// # Panics
///
/// The library cannot be loaded, or lacks one of the functions.
pub fn functions() -> &'static Functions {
    static LOADED: OnceLock<(libloading::Library, Functions)> = OnceLock::new();
    let (_, functions) = LOADED.get_or_init(|| {
        let path = library_path();
        // SAFETY: the library has no initialisers of its own.
        let library = unsafe { libloading::Library::new(&path) }
            .unwrap_or_else(|error| panic!("{} cannot be loaded: {error}", path.display()));
        let functions =
            Functions::find(&library).unwrap_or_else(|error| panic!("{} lacks a function: {error}", path.display()));
        (library, functions)
    });
    functions
}

/// Text as the library takes it.
pub(crate) fn text(text: &str) -> (*const u8, usize) {
    (text.as_ptr(), text.len())
}

/// The text of a buffer, which is freed.
pub(crate) fn take_text(buffer: Handle) -> String {
    let functions = functions();
    // SAFETY: the buffer is one that the library gave and nobody has freed.
    let bytes = unsafe {
        let data = (functions.apimbc_buffer_data)(buffer);
        let length = (functions.apimbc_buffer_length)(buffer);
        if data.is_null() {
            Vec::new()
        } else {
            std::slice::from_raw_parts(data, length).to_vec()
        }
    };
    // SAFETY: as above; its bytes were copied.
    unsafe { (functions.apimbc_buffer_free)(buffer) };
    String::from_utf8(bytes).expect("the library gives UTF-8")
}
