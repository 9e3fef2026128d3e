//! Keeping secrets out of core dumps, where the system can be told to.

/// Asks the system to leave the pages of these bytes out of a core dump. What else lies on those pages is left out too,
/// which harms nobody. A hint: a system that has no such call, or refuses, changes nothing for the caller.
pub(crate) fn leave_out(bytes: &[u8]) {
    #[cfg(target_os = "linux")]
    {
        if bytes.is_empty() {
            return;
        }
        // SAFETY: sysconf reads a constant of the system.
        let page = match usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) {
            Ok(page) if page.is_power_of_two() => page,
            _ => return,
        };
        let start = bytes.as_ptr().map_addr(|address| address & !(page - 1));
        let length = bytes.as_ptr().addr() + bytes.len() - start.addr();
        // SAFETY: MADV_DONTDUMP changes nothing but what a core dump has; the range is whole pages that the slice
        // lies on, all of them mapped.
        unsafe { libc::madvise(start.cast_mut().cast(), length, libc::MADV_DONTDUMP) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}
