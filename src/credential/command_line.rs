//! The account that is signed in to the Azure CLI or the Azure Developer CLI on this machine. Nobody configures these
//! programs for the engine, so whatever keeps them from giving a token, the next source is tried.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
    Executor,
};
use tokio::sync::oneshot;

use super::attempt::{Attempt, Context, Refusal};
use super::sdk::ask;
use crate::environment::Environment;
use crate::os::process::{self, Program};
use crate::os::thread;

/// The Azure CLI takes some seconds to start on a slow machine, and then asks the network.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A token with all around it is a few kilobytes.
const MAX_OUTPUT: usize = 1024 * 1024;

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
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let env = self.env.clone();
        let file = program.to_owned();
        let arguments: Vec<OsString> = arguments.iter().map(|&one| one.to_owned()).collect();
        let (sender, receiver) = oneshot::channel();
        let cancelled = Cancelled::default();
        let flag = Arc::clone(&cancelled.0);
        thread::spawn("apim-credential", move || {
            let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
            let output = process::run(
                &Program {
                    file: &file,
                    arguments: &arguments,
                    environment: &env.for_child(),
                    timeout: TIMEOUT,
                    max_output: MAX_OUTPUT,
                },
                &flag,
            );
            // Before the waiting session goes on: it may be the last one with this environment.
            drop(env);
            // Nobody waits any more when the session has ended.
            let _ = sender.send(output);
        })?;
        receiver.await.map_err(io::Error::other)?
    }
}

/// Tells the thread that runs a program when nobody waits for it any more.
#[derive(Default)]
struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
