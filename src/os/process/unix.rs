//! A process group.

use std::ffi::{CString, c_char};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::ptr;
use std::time::Duration;

use zeroize::Zeroizing;

use super::program::{Program, too_much};

/// A program and all that it has started, but for those that made themselves independent.
pub(super) struct Group {
    leader: Child,
    streams: [Stream; 2],
    /// After that, the leader's number may stand for another process.
    is_reaped: bool,
}

/// What the leader says on one of its streams.
struct Stream {
    pipe: Option<Box<dyn Pipe>>,
    bytes: Vec<u8>,
}

trait Pipe: Read + AsRawFd + Send {}
impl<T: Read + AsRawFd + Send> Pipe for T {}

/// The arguments of execve: arrays that end with NULL, of pointers to texts that end with NUL.
struct Exec {
    file: CString,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
}

// SAFETY: what the pointers lead to is not changed, and lives as long as `Group::start` runs, as this does.
unsafe impl Send for Exec {}
// SAFETY: as above.
unsafe impl Sync for Exec {}

impl Exec {
    /// Replaces the process. Returns only with an error.
    fn exec(&self) -> io::Error {
        // SAFETY: the arrays and texts are as execve wants them. This runs between fork and exec, where nothing may be
        // allocated: these functions do not.
        unsafe {
            let mut none = MaybeUninit::uninit();
            libc::sigemptyset(none.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
            libc::execve(self.file.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr());
        }
        io::Error::last_os_error()
    }
}

impl Group {
    pub fn start(program: &Program<'_>) -> io::Result<Self> {
        let text = |text: &std::ffi::OsStr| CString::new(text.as_bytes()).map_err(io::Error::other);
        let file = text(program.file)?;
        let arguments: Vec<CString> = program
            .arguments
            .iter()
            .map(|one| text(one))
            .collect::<io::Result<_>>()?;
        let ended = |pointers: &mut dyn Iterator<Item = *const c_char>| -> Vec<*const c_char> {
            pointers.chain([ptr::null()]).collect()
        };
        let exec = Exec {
            arguments: ended(&mut std::iter::once(file.as_ptr()).chain(arguments.iter().map(|one| one.as_ptr()))),
            environment: ended(&mut program.environment.iter().map(|one| one.as_ptr())),
            file,
        };
        let mut command = Command::new(program.file);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Lets it be ended together with what it starts.
            .process_group(0);
        // The library's own way copies the environment, secrets and all, several times, and passes on which signals the
        // thread blocks.
        // SAFETY: `exec` does only what is allowed after fork; what it points to lives until `spawn` has returned.
        unsafe { command.pre_exec(move || Err(exec.exec())) };
        let mut leader = command.spawn()?;
        let pipes: [Option<Box<dyn Pipe>>; 2] = [
            leader.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Pipe>),
            leader.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Pipe>),
        ];
        let group = Self {
            leader,
            streams: pipes.map(|pipe| Stream {
                pipe,
                bytes: Vec::new(),
            }),
            is_reaped: false,
        };
        for stream in &group.streams {
            set_nonblocking(stream.descriptor())?;
        }
        Ok(group)
    }

    /// Reads what is there, waiting for it no longer than `time`.
    pub fn read(&mut self, time: Duration, limit: usize) -> io::Result<()> {
        let mut polls = [&self.streams[0], &self.streams[1]].map(|stream| libc::pollfd {
            // One that is negative is passed over.
            fd: stream.descriptor(),
            events: libc::POLLIN,
            revents: 0,
        });
        let time = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: two descriptors, which are open as long as their streams are there.
        unsafe { libc::poll(polls.as_mut_ptr(), 2, time) };
        self.streams.iter_mut().try_for_each(|stream| stream.read(limit))
    }

    /// Whether the leader has ended. It stays there for [`output`](Self::output).
    pub fn has_ended(&self) -> io::Result<bool> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: waitid writes at most one siginfo_t, which zeros are a valid value of.
        let (result, info) = unsafe {
            let result = libc::waitid(libc::P_PID, self.leader.id(), info.as_mut_ptr(), flags);
            (result, info.assume_init())
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: waitid has set it, to 0 where no child has ended.
        Ok(unsafe { info.si_pid() } != 0)
    }

    /// What the leader said and how it ended, once it has.
    pub fn output(mut self, limit: usize) -> io::Result<Output> {
        self.end();
        self.read(Duration::ZERO, limit)?;
        let status = self.leader.wait()?;
        self.is_reaped = true;
        let [stdout, stderr] = &mut self.streams;
        Ok(Output {
            status,
            stdout: std::mem::take(&mut stdout.bytes),
            stderr: std::mem::take(&mut stderr.bytes),
        })
    }

    fn end(&self) {
        if let Ok(group) = libc::pid_t::try_from(self.leader.id()) {
            // SAFETY: kill takes no pointers. The leader has not been waited for, so its number stands for no other
            // process or group.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.end();
            let _ = self.leader.wait();
        }
    }
}

impl Stream {
    fn descriptor(&self) -> RawFd {
        self.pipe.as_ref().map_or(-1, |pipe| pipe.as_raw_fd())
    }

    fn read(&mut self, limit: usize) -> io::Result<()> {
        let mut chunk = Zeroizing::new([0; 16 * 1024]);
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk[..]) {
                Ok(0) => self.pipe = None,
                Ok(count) if self.bytes.len() + count > limit => return Err(too_much(limit)),
                Ok(count) => self.bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn set_nonblocking(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: fcntl takes no pointers here.
    let result = unsafe {
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        if flags < 0 {
            -1
        } else {
            libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK)
        }
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
