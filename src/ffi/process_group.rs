//! Ending a child process with all that it has started.

/// Ends every process of the group that the child leads, where the system has such groups.
///
/// The child must have been made the leader of a group of its own, and must not have been waited for: until then its
/// number stands for no other.
#[cfg(unix)]
pub(crate) fn end(leader: &std::process::Child) {
    if let Ok(group) = libc::pid_t::try_from(leader.id()) {
        // SAFETY: kill takes no pointers; which processes it reaches is this function's contract.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}
