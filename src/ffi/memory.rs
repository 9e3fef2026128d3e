//! The only places where the caller's memory is read or written.

use super::status::Status;

/// Reads a text of the caller's. NULL with a length of 0 is the empty text.
///
/// # Safety
/// `data` is NULL or points to `length` bytes that nobody changes while `'a` lasts.
pub(super) unsafe fn text<'a>(data: *const u8, length: usize) -> Result<&'a str, Status> {
    if length == 0 {
        return Ok("");
    }
    if data.is_null() {
        return Err(Status::NullArgument);
    }
    if length > isize::MAX as usize {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: not NULL, no longer than a slice may be, and by this function's contract readable for that length.
    let bytes = unsafe { std::slice::from_raw_parts(data, length) };
    std::str::from_utf8(bytes).map_err(|_| Status::InvalidUtf8)
}

/// Writes an output of the caller's, if it wants it.
///
/// # Safety
/// `target` is NULL or points to memory that may be written for one `T`; it need not be aligned.
pub(super) unsafe fn write<T>(target: *mut T, value: T) {
    if !target.is_null() {
        // SAFETY: not NULL, and by this function's contract writable.
        unsafe { target.write_unaligned(value) };
    }
}
