//! Threads of the library's own. They take no signals: a handler of the host's would run on a thread that it does not
//! know, and a SIGPIPE, which a write to a connection that was reset raises, would end the host.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread that takes no signals.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    // A thread inherits what its parent blocks, so that there is no moment at which it takes one.
    let _blocked = signals::Blocked::now();
    Builder::new().name(name.to_owned()).spawn(body)
}

/// Lets the calling thread take no signals from here on. For threads that others start for the library.
pub(crate) fn take_no_signals() {
    std::mem::forget(signals::Blocked::now());
}

#[cfg(unix)]
mod signals {
    use std::mem::MaybeUninit;
    use std::ptr;

    /// What the processor raises on the thread that is at fault. POSIX leaves undefined what happens when it is blocked,
    /// and debuggers need the last.
    const NOT_BLOCKED: [libc::c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];

    /// While it lives, its thread takes no signals.
    pub(super) struct Blocked {
        before: libc::sigset_t,
    }

    impl Blocked {
        pub fn now() -> Self {
            let mut set = MaybeUninit::uninit();
            let mut before = MaybeUninit::uninit();
            // SAFETY: sigfillset initialises the set that the next calls use; pthread_sigmask writes the mask of
            // before. None of them fails with a valid set, signal and operation.
            unsafe {
                libc::sigfillset(set.as_mut_ptr());
                for signal in NOT_BLOCKED {
                    libc::sigdelset(set.as_mut_ptr(), signal);
                }
                libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr());
                Self {
                    before: before.assume_init(),
                }
            }
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            // SAFETY: the mask is one that pthread_sigmask gave.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
        }
    }
}

#[cfg(not(unix))]
mod signals {
    pub(super) struct Blocked;

    impl Blocked {
        pub fn now() -> Self {
            Self
        }
    }
}
