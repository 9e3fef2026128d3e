//! The emulator as a process of its own, over TLS, with its journal.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use crate::tls;
use crate::workspace::{self, Build};

/// The subscription whose backends the emulator starts with.
pub const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

/// How the emulator is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As tests are: soon there, fast enough for them.
    Dev,
    /// For measurements.
    Release,
}

/// A request that the emulator has had.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The status of the answer; `None` where there was none.
    pub status: Option<u16>,
    /// The body as text.
    #[serde(default)]
    pub body: Option<String>,
}

/// A running emulator. Dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    url: String,
    directory: PathBuf,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Emulator {
    /// Starts the emulator over TLS on a free port; `options` are further ones of its command line.
    pub fn start<S: AsRef<OsStr>>(profile: Profile, options: impl IntoIterator<Item = S>) -> Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let program = program(profile)?;
        let directory = workspace::target_directory()?.join("emulator").join(format!(
            "{}-{}",
            std::process::id(),
            STARTED.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&directory).with_context(|| format!("{} cannot be created", directory.display()))?;
        let ca = directory.join("ca.pem");
        let mut process = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--stdin-eof-exits", "--tls", "--ca-out"])
            .arg(&ca)
            .args(options)
            // Held open for as long as this process lives: the emulator ends with it, however it ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the emulator cannot be started")?;
        let stdout = process.stdout.take().context("the emulator's output was asked for")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        let url = url.trim().to_owned();
        if url.is_empty() {
            let status = process.wait()?;
            bail!("the emulator ended before it listened ({status}); its reason is above");
        }
        tls::install_provider();
        let ca = fs::read(&ca).with_context(|| format!("{} cannot be read", ca.display()))?;
        Ok(Self {
            process,
            url,
            directory,
            client: reqwest::Client::builder()
                .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
                .no_proxy()
                .build()?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with its CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The variables that lead the product to it, with a token that it accepts.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AZURE_RESOURCE_MANAGER_ENDPOINT", self.url.clone()),
            ("SSL_CERT_FILE", self.ca().to_string_lossy().into_owned()),
            ("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION.to_owned()),
            // A proxy of the machine's could not reach it.
            ("NO_PROXY", "127.0.0.1".to_owned()),
            // Made anew for every process: a token that is written down somewhere sooner or later is taken for a real one.
            ("AZURE_ACCESS_TOKEN", token().to_owned()),
        ]
    }

    /// What it has been sent since it started or since its journal was emptied.
    pub fn journal(&self) -> Result<Vec<Request>> {
        let text = self.call(reqwest::Method::GET)?;
        serde_json::from_str(&text).context("the emulator's journal is not what it should be")
    }

    /// Empties its journal.
    pub fn empty_journal(&self) -> Result<()> {
        self.call(reqwest::Method::DELETE).map(drop)
    }

    fn call(&self, method: reqwest::Method) -> Result<String> {
        self.runtime.block_on(async {
            let answer = self
                .client
                .request(method, format!("{}/_emulator/journal", self.url))
                .send()
                .await?
                .error_for_status()?;
            Ok(answer.text().await?)
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The resource id of one of the backends that an emulator starts with.
pub fn backend_id(backend: impl std::fmt::Display) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/\
         contoso/backends/{backend}"
    )
}

fn token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| format!("demo-{:032x}", fastrand::u128(..)))
}

/// The emulator's program, built once in a process.
fn program(profile: Profile) -> Result<&'static Path> {
    static DEV: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static RELEASE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let (built, release) = match profile {
        Profile::Dev => (&DEV, false),
        Profile::Release => (&RELEASE, true),
    };
    built
        .get_or_init(|| {
            workspace::build(Build::Program {
                package: "apim-emulator",
                name: "apim-emulator",
                release,
            })
            .map_err(|error| format!("{error:#}"))
        })
        .as_deref()
        .map_err(|error| anyhow!("{error}"))
}
