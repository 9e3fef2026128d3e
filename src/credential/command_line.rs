//! The account that is signed in to the Azure CLI or the Azure Developer CLI on this machine. Nobody configures these
//! programs for the engine, so whatever keeps them from giving a token, the next source is tried.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
    Executor,
};
use tokio::sync::oneshot;

use super::attempt::{Attempt, Context, Refusal};
use super::sdk::ask;
use crate::environment::Environment;

/// The Azure CLI takes some seconds to start on a slow machine, and then asks the network.
const TIMEOUT: Duration = Duration::from_secs(30);
/// After a program has closed its output, how often to look whether it has ended, which it is about to.
const POLL: Duration = Duration::from_millis(5);
/// A token with all around it is a few kilobytes.
const LARGEST_OUTPUT: u64 = 1024 * 1024;

/// The account of `az login`.
pub(super) async fn azure_cli(context: &Context) -> Attempt {
    let credential = AzureCliCredential::new(Some(AzureCliCredentialOptions {
        executor: Some(Shell::of(context)),
        ..Default::default()
    }));
    ask(credential, context, Refusal::Unavailable).await
}

/// The account of `azd auth login`.
pub(super) async fn azure_developer_cli(context: &Context) -> Attempt {
    let credential = AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
        executor: Some(Shell::of(context)),
        ..Default::default()
    }));
    ask(credential, context, Refusal::Unavailable).await
}

/// Runs `azure_identity`'s commands with the session's environment (its `PATH`, its `AZURE_CONFIG_DIR`), which that
/// crate's own executors cannot, and never on the engine's thread.
#[derive(Debug)]
struct Shell {
    env: Environment,
}

impl Shell {
    fn of(context: &Context) -> Arc<dyn Executor> {
        Arc::new(Self {
            env: context.env.clone(),
        })
    }
}

#[async_trait]
impl Executor for Shell {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(self.env.expose_all())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        set_apart(&mut command);
        let (sender, receiver) = oneshot::channel();
        thread::Builder::new().name("apim-credential".into()).spawn(move || {
            // Nobody waits any more when the session has ended.
            let _ = sender.send(run_to_end(&mut command));
        })?;
        receiver.await.map_err(io::Error::other)?
    }
}

fn run_to_end(command: &mut Command) -> io::Result<Output> {
    let deadline = Instant::now() + TIMEOUT;
    let mut child = command.spawn()?;
    let outcome = collect(&mut child, deadline);
    if outcome.is_err() {
        kill(&mut child);
    }
    outcome
}

fn collect(child: &mut Child, deadline: Instant) -> io::Result<Output> {
    // Both pipes at once: a program that fills one while the other is read would wait for ever.
    let stdout = drain(child.stdout.take())?;
    let stderr = drain(child.stderr.take())?;
    let [stdout, stderr] = [stdout, stderr].map(|pipe| {
        pipe.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .map_err(|_| too_slow())
            .flatten()
    });
    let (stdout, stderr) = (stdout?, stderr?);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Output { status, stdout, stderr });
        }
        if Instant::now() >= deadline {
            return Err(too_slow());
        }
        thread::sleep(POLL);
    }
}

/// Reads a pipe to its end on a thread of its own, so that the reader can be given up.
fn drain(pipe: Option<impl Read + Send + 'static>) -> io::Result<mpsc::Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("apim-credential".into()).spawn(move || {
        let mut bytes = Vec::new();
        let outcome = match pipe {
            Some(pipe) => pipe.take(LARGEST_OUTPUT).read_to_end(&mut bytes).map(|_| bytes),
            None => Ok(bytes),
        };
        let _ = sender.send(outcome);
    })?;
    Ok(receiver)
}

fn too_slow() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("it did not finish within {} s", TIMEOUT.as_secs()),
    )
}

/// A group of its own lets a time-out end the shell together with what it started.
#[cfg(unix)]
fn set_apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

/// No console window flashes up in a host that has none.
#[cfg(windows)]
fn set_apart(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NO_WINDOW);
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    crate::ffi::process_group::end(child);
    // It may have ended by itself in the meantime.
    let _ = child.kill();
    let _ = child.wait();
}
