//! What only the operating system does. With `ffi`, this is all `unsafe` of the engine; nothing here knows the rest of
//! it, so that every layer may use it.

mod allocator;
pub(crate) mod file;
pub(crate) mod process;
pub(crate) mod protected;
pub(crate) mod system_proxy;
pub(crate) mod thread;
