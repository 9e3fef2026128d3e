//! What the tests here share: an emulator that accepts only tokens that were issued and have not expired, an
//! environment that leads there without a credential, and stand-ins for `az` and `azd`.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apim_emulator::Config;
use serde_json::{Value, json};
use test_support::{Event, Kind, Options, Run, TestEmulator, item, run};

/// An hour, as Microsoft Entra's tokens last.
pub const HOUR: Duration = Duration::from_secs(3600);

pub const TENANT: &str = "33333333-3333-3333-3333-333333333333";
pub const CLIENT: &str = "44444444-4444-4444-4444-444444444444";
pub const SECRET: &str = "s3cret~with/odd+characters=";

/// A URL where nobody listens.
pub const NOBODY: &str = "http://127.0.0.1:1";

/// The emulator, over TLS as token endpoints need it, with plain HTTP beside it for identity endpoints.
pub struct Stage {
    emulator: TestEmulator,
}

impl Deref for Stage {
    type Target = TestEmulator;

    fn deref(&self) -> &TestEmulator {
        &self.emulator
    }
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let emulator = TestEmulator::start(Config {
            tls: true,
            plain_beside_tls: true,
            check_issued_tokens: true,
            backends: 200,
            ..config
        });
        Self { emulator }
    }

    /// Leads to the emulator, for the token endpoint too, with no credential, no metadata service, and no programs.
    pub fn options(&self) -> Options {
        self.emulator
            .options()
            .without_env("AZURE_ACCESS_TOKEN")
            .env("AZURE_AUTHORITY_HOST", self.url())
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", NOBODY)
            .env("PATH", "")
            .env("SYSTEMROOT", std::env::var("SYSTEMROOT").unwrap_or_default())
            .trace("verbose")
    }

    /// The same, with a client secret.
    pub fn with_client_secret(&self) -> Options {
        self.options()
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_SECRET", SECRET)
    }

    /// The requests to token endpoints so far: `METHOD path body`.
    pub fn token_requests(&self) -> Vec<String> {
        let is_for_token = |request: &String| request.contains("/token");
        self.sent().into_iter().filter(is_for_token).collect()
    }

    pub fn http(&self) -> &str {
        self.http_url().expect("the emulator serves plain HTTP beside TLS")
    }
}

/// One reset that must work, and its log.
#[track_caller]
pub fn reset(options: &Options) -> Run {
    let run = run(options, [item(1)]);
    run.assert_all_succeeded();
    assert_eq!(run.results().len(), 1, "{:?}", run.events);
    run
}

/// The error that ends a session before anything is reset.
#[track_caller]
pub fn refused(options: &Options) -> Value {
    let run = run(options, [item(1)]);
    let fatal = run.of(Kind::Fatal);
    assert_eq!(fatal.len(), 1, "{:?}", run.events);
    let error = fatal[0].error().clone();
    assert_eq!(error["fatal"], true);
    assert_eq!(error["category"], "AuthenticationError", "{error}");
    error
}

#[track_caller]
pub fn message(error: &Value) -> &str {
    error["message"].as_str().expect("an error has a message")
}

/// Which source the log says has won.
#[track_caller]
pub fn winner(run: &Run) -> String {
    winner_of(&run.events)
}

/// The same, of events that were taken one by one.
#[track_caller]
pub fn winner_of(events: &[Event]) -> String {
    let lines: Vec<&str> = events
        .iter()
        .filter(|event| event.kind == Kind::Log)
        .map(Event::log)
        .collect();
    let told: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("Credentials: "))
        .collect();
    let [told] = told[..] else {
        panic!("the source is not told once: {lines:?}")
    };
    told.split(". ").next().unwrap_or_default().to_owned()
}

/// Panics where one of the secrets shows in anything that the library said.
#[track_caller]
pub fn assert_hidden(run: &Run, secrets: &[&str]) {
    for event in &run.events {
        for secret in secrets {
            assert!(!event.text.contains(secret), "a secret shows: {}", event.text);
        }
    }
}

/// A folder with stand-ins for command-line programs, to be used as `PATH`.
pub struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A program that writes its arguments down, says something on each stream, and ends.
    pub fn add(&self, name: &str, stdout: &str, stderr: &str, code: i32) {
        let [out, err] = [("out", stdout), ("err", stderr)].map(|(stream, text)| {
            let file = self.path(&format!("{name}.{stream}"));
            std::fs::write(&file, format!("{text}\n")).expect("a file is written");
            file.display().to_string()
        });
        let arguments = self.path(&format!("{name}.arguments")).display().to_string();
        if cfg!(windows) {
            self.write(
                &format!("{name}.cmd"),
                &format!(
                    "@echo off\r\necho %* >> \"{arguments}\"\r\ntype \"{out}\"\r\ntype \"{err}\" 1>&2\r\nexit /b {code}\r\n"
                ),
            );
        } else {
            // Only what the shell has built in: nothing else is on PATH.
            self.script(
                name,
                &format!(
                    "printf '%s\\n' \"$*\" >> '{arguments}'\nwhile read -r line; do printf '%s\\n' \"$line\"; done < '{out}'\nwhile read -r line; do printf '%s\\n' \"$line\"; done < '{err}' >&2\nexit {code}\n"
                ),
            );
        }
    }

    /// A POSIX shell script.
    pub fn script(&self, name: &str, body: &str) {
        self.write(name, &format!("#!/bin/sh\n{body}"));
        #[cfg(unix)]
        {
            use std::fs::Permissions;
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(self.path(name), Permissions::from_mode(0o755))
                .expect("it can be made executable");
        }
    }

    /// An `az` that is signed in.
    pub fn add_azure_cli(&self, token: &str) {
        self.add("az", &azure_cli_answer(token), "", 0);
    }

    /// An `azd` that is signed in.
    pub fn add_azure_developer_cli(&self, token: &str) {
        self.add("azd", &azure_developer_cli_answer(token), "", 0);
    }

    /// The arguments of each call of a program.
    pub fn calls(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(&format!("{name}.arguments"))).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    pub fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file is written");
    }
}

/// How `az account get-access-token` answers.
pub fn azure_cli_answer(token: &str) -> String {
    let answer = json!({
        "accessToken": token,
        "expiresOn": "2100-01-01 00:00:00.000000",
        "expires_on": 4_102_444_800_u64,
        "subscription": "00000000-0000-0000-0000-000000000001",
        "tenant": TENANT,
        "tokenType": "Bearer",
    });
    answer.to_string()
}

/// How `azd auth token` answers.
pub fn azure_developer_cli_answer(token: &str) -> String {
    json!({ "token": token, "expiresOn": "2100-01-01T00:00:00Z" }).to_string()
}

/// A certificate file of these tests.
pub fn certificate(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/credentials/certificates")
        .join(name)
        .display()
        .to_string()
}
