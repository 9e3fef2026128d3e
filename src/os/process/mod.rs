//! Running a program to its end, and ending it with everything that it started.

mod program;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) use program::Program;
#[cfg(unix)]
use unix::Group;
#[cfg(windows)]
use windows::Group;

/// How often to look whether a program has ended or is no longer wanted.
const POLL: Duration = Duration::from_millis(10);

/// Runs a program without input until it ends, and ends what it has left running then: a process that inherited its
/// output does not delay the answer. Blocks the thread; `cancelled` makes it return soon, the program ended.
pub(crate) fn run(program: &Program<'_>, cancelled: &AtomicBool) -> io::Result<Output> {
    let deadline = Instant::now() + program.timeout;
    let mut group = Group::start(program)?;
    loop {
        group.read(POLL, program.max_output)?;
        if group.has_ended()? {
            return group.output(program.max_output);
        }
        if cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "it was not waited for"));
        }
        if Instant::now() >= deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it did not finish within {} s", program.timeout.as_secs()),
            ));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::sync::Arc;

    use super::*;

    fn sh(script: &str, timeout: Duration, cancelled: &AtomicBool) -> io::Result<Output> {
        run(
            &Program {
                file: OsStr::new("/bin/sh"),
                arguments: &[OsStr::new("-c"), OsStr::new(script)],
                environment: &[c"PATH=/usr/bin:/bin", c"WORD=hello"],
                timeout,
                max_output: 100_000,
            },
            cancelled,
        )
    }

    const LONG: Duration = Duration::from_secs(60);

    fn is_running(process: i32) -> bool {
        std::process::Command::new("kill")
            .args(["-0", &process.to_string()])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    #[test]
    fn both_streams_and_the_status_are_given_and_the_environment_is_whole() {
        let output = sh("echo $WORD $HOME; echo no >&2; exit 3", LONG, &AtomicBool::new(false)).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&b"hello\n"[..], &b"no\n"[..])
        );
        let output = sh("yes | head -c 90000", LONG, &AtomicBool::new(false)).unwrap();
        assert_eq!(output.stdout.len(), 90000);
    }

    #[test]
    fn a_child_that_keeps_the_output_open_delays_nothing_and_is_ended() {
        let output = sh("sleep 1000 & echo $!", LONG, &AtomicBool::new(false)).unwrap();
        let child = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        while is_running(child) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn too_much_output_and_too_much_time_end_it() {
        let error = sh("exec yes", LONG, &AtomicBool::new(false)).unwrap_err();
        assert!(error.to_string().contains("100000 bytes"), "{error}");
        let error = sh("sleep 1000", Duration::from_millis(20), &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn one_that_is_no_longer_wanted_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let cancelled = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (script, cancelled) = (
                format!("sleep 1000 & echo $! > {}; wait", file.display()),
                cancelled.clone(),
            );
            move || sh(&script, LONG, &cancelled)
        });
        let child = loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if let Ok(child) = text.trim().parse() {
                break child;
            }
        };
        cancelled.store(true, Ordering::Relaxed);
        assert!(thread.join().unwrap().is_err());
        while is_running(child) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_reported() {
        let program = Program {
            file: OsStr::new("/no/such/program"),
            arguments: &[],
            environment: &[],
            timeout: LONG,
            max_output: 1,
        };
        let error = run(&program, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn it_takes_signals_although_the_thread_that_starts_it_does_not() {
        let thread = crate::os::thread::spawn("test", || {
            let output = sh("kill -TERM $$; sleep 1000", LONG, &AtomicBool::new(false)).unwrap();
            assert_eq!(output.status.code(), None, "it was ended by the signal");
        });
        thread.unwrap().join().unwrap();
    }
}
