//! A job object.

use std::io::{self, Read};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::ptr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_BREAKAWAY_OK, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;
use zeroize::Zeroizing;

use super::program::{Program, too_much};
use crate::os::thread;

/// How long to wait for the last bytes of a program that has ended, when somebody outside its job holds its output open.
const LAST_BYTES: Duration = Duration::from_millis(250);

/// A program and all that it has started, but for those that asked to be independent.
pub(super) struct Group {
    leader: Child,
    job: OwnedHandle,
    streams: [Stream; 2],
}

/// What the leader says on one of its streams. A pipe cannot be read without waiting, so a thread does.
struct Stream {
    chunks: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Group {
    pub fn start(program: &Program<'_>) -> io::Result<Self> {
        let environment = program
            .environment
            .iter()
            .filter_map(|entry| entry.to_str().ok()?.split_once('='))
            .filter(|(name, _)| !name.is_empty());
        let mut leader = Command::new(program.file)
            .args(program.arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // No console window flashes up in a host that has none.
            .creation_flags(CREATE_NO_WINDOW)
            .spawn()?;
        let streams =
            Stream::of(leader.stdout.take()).and_then(|stdout| Ok([stdout, Stream::of(leader.stderr.take())?]));
        match job_of(&leader).and_then(|job| Ok((job, streams?))) {
            Ok((job, streams)) => Ok(Self { leader, job, streams }),
            Err(error) => {
                let _ = leader.kill();
                Err(error)
            }
        }
    }

    /// Takes what is there, after waiting for `time`.
    pub fn read(&mut self, time: Duration, limit: usize) -> io::Result<()> {
        std::thread::sleep(time);
        for stream in &mut self.streams {
            while let Ok(chunk) = stream.chunks.try_recv() {
                stream.add(&chunk, limit)?;
            }
        }
        Ok(())
    }

    /// Whether the leader has ended.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.leader.try_wait()?.is_some())
    }

    /// What the leader said and how it ended, once it has.
    pub fn output(mut self, limit: usize) -> io::Result<Output> {
        self.end();
        for stream in &mut self.streams {
            while let Ok(chunk) = stream.chunks.recv_timeout(LAST_BYTES) {
                stream.add(&chunk, limit)?;
            }
        }
        let status = self.leader.wait()?;
        let [stdout, stderr] = &mut self.streams;
        Ok(Output {
            status,
            stdout: std::mem::take(&mut stdout.bytes),
            stderr: std::mem::take(&mut stderr.bytes),
        })
    }

    fn end(&self) {
        // SAFETY: the handle is open as long as the group lives.
        unsafe { TerminateJobObject(self.job.as_raw_handle(), 1) };
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        // It may have ended before it was put into the job.
        let _ = self.leader.kill();
    }
}

impl Stream {
    fn of(pipe: Option<impl Read + Send + 'static>) -> io::Result<Self> {
        let (sender, chunks) = channel();
        thread::spawn("apim-credential", move || {
            let mut chunk = Zeroizing::new([0; 16 * 1024]);
            let Some(mut pipe) = pipe else { return };
            while let Ok(count @ 1..) = pipe.read(&mut chunk[..]) {
                // Nobody wants the rest.
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            chunks,
            bytes: Vec::new(),
        })
    }

    fn add(&mut self, chunk: &[u8], limit: usize) -> io::Result<()> {
        if self.bytes.len() + chunk.len() > limit {
            return Err(too_much(limit));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

/// A new job with the process in it. What it starts is in it too, but for what it started in the moments before.
fn job_of(process: &Child) -> io::Result<OwnedHandle> {
    // SAFETY: the pointers lead to a structure of the given size, or are NULL where that is allowed; the handles are
    // open.
    unsafe {
        let job = CreateJobObjectW(ptr::null(), ptr::null());
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        let job = OwnedHandle::from_raw_handle(job);
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
        let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32;
        let set = SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size,
        );
        if set == 0 || AssignProcessToJobObject(job.as_raw_handle(), process.as_raw_handle()) == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(job)
    }
}
