//! The run of a test file: its emulator, its PowerShell process, and what the process said of each check.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use apim_emulator::Emulator;
use serde::Deserialize;
use wait_timeout::ChildExt;
use xtask::{pwsh, stage};

use crate::test_file::TestFile;

/// The longest file takes a tenth of it; this ends a process that hangs.
const LONGEST: Duration = Duration::from_secs(180);

/// Variables of the user's that would lead the product, or the emulator's clients, elsewhere.
const FOREIGN: [&str; 9] = [
    "AZURE_",
    "AZAPIM_",
    "AZD_",
    "IDENTITY_",
    "IMDS_",
    "MSI_",
    "SSL_CERT_",
    "ARM_",
    "PSMODULEPATH",
];

/// A file's run: not begun, under way, or ended.
pub(crate) struct Run {
    file: TestFile,
    chosen: Vec<String>,
    outcomes: Mutex<Option<Outcomes>>,
    ended: Condvar,
}

struct Outcomes {
    /// The failure of each check that was run; `None`: it passed.
    checks: HashMap<String, Option<String>>,
    /// Why those that are not there were not run.
    otherwise: String,
}

/// A line of the file in which the process says what became of a check.
#[derive(Deserialize)]
struct Report {
    name: String,
    failure: Option<String>,
}

impl Run {
    pub fn new(file: TestFile, chosen: Vec<String>) -> Self {
        Self {
            file,
            chosen,
            outcomes: Mutex::new(None),
            ended: Condvar::new(),
        }
    }

    /// Whether there is anything to run.
    pub fn has_checks(&self) -> bool {
        !self.chosen.is_empty()
    }

    /// What became of a check; waits until the run has ended.
    pub fn outcome(&self, check: &str) -> Result<(), String> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = self
            .ended
            .wait_while(outcomes, |outcomes| outcomes.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let Some(outcomes) = &*outcomes else {
            return Err("the run never ended".into());
        };
        match outcomes.checks.get(check) {
            Some(None) => Ok(()),
            Some(Some(failure)) => Err(failure.clone()),
            None => Err(outcomes.otherwise.clone()),
        }
    }

    /// Runs the chosen checks.
    pub fn carry_out(&self) {
        let outcomes = self.execute().unwrap_or_else(|otherwise| Outcomes {
            checks: HashMap::new(),
            otherwise,
        });
        *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcomes);
        self.ended.notify_all();
    }

    fn execute(&self) -> Result<Outcomes, String> {
        let staged = stage::staged().map_err(|error| format!("the module cannot be staged: {error:#}"))?;
        let emulator = Emulator::start(self.file.emulator.clone()).map_err(|error| format!("no emulator: {error}"))?;
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|error| error.to_string())?;
        let command = self.command(&emulator, &staged.modules, scratch.path())?;
        let told = wait(command, scratch.path());
        let reports = fs::read_to_string(scratch.path().join("reports")).unwrap_or_default();
        let checks = reports
            .lines()
            .map(|line| {
                let report: Report = serde_json::from_str(line).map_err(|error| format!("'{line}': {error}"))?;
                Ok((report.name, report.failure))
            })
            .collect::<Result<_, String>>()?;
        Ok(Outcomes {
            checks,
            otherwise: told?,
        })
    }

    /// The process that runs the file, with nothing of the user's around it that could lead it astray.
    fn command(&self, emulator: &Emulator, modules: &Path, scratch: &Path) -> Result<Command, String> {
        let mut command = pwsh::find().map_err(|error| format!("{error:#}"))?.command();
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_uppercase();
            if upper.ends_with("_PROXY") || FOREIGN.iter().any(|prefix| upper.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        let home = scratch.join("home");
        let certificate = scratch.join("ca.pem");
        fs::create_dir(&home).map_err(|error| error.to_string())?;
        fs::write(&certificate, emulator.ca_pem().unwrap_or_default()).map_err(|error| error.to_string())?;
        fs::write(scratch.join("chosen"), self.chosen.join("\n")).map_err(|error| error.to_string())?;
        let variables: [(&str, OsString); 11] = [
            ("AZURE_RESOURCE_MANAGER_ENDPOINT", emulator.url().into()),
            ("SSL_CERT_FILE", certificate.into()),
            ("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000001".into()),
            // Made anew: a token that is written down somewhere sooner or later is taken for a real one.
            (
                "AZURE_ACCESS_TOKEN",
                format!("token-{:032x}", fastrand::u128(..)).into(),
            ),
            ("AZURE_CONFIG_DIR", home.join("azure").into()),
            ("HOME", home.clone().into()),
            ("USERPROFILE", home.into()),
            ("PSModulePath", modules.into()),
            ("TEST_CONTROL", emulator.http_url().unwrap_or_default().into()),
            ("TEST_SCRATCH", scratch.into()),
            ("TEST_RUSTC", Path::new(env!("CARGO")).with_file_name("rustc").into()),
        ];
        command.envs(variables).arg("-File").arg(&self.file.path);
        Ok(command)
    }
}

/// Runs the process to its end. Gives what it said, for the checks that it has not reported.
fn wait(mut command: Command, scratch: &Path) -> Result<String, String> {
    let said = scratch.join("said");
    let output = File::create(&said).map_err(|error| error.to_string())?;
    let errors = output.try_clone().map_err(|error| error.to_string())?;
    let mut process = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("PowerShell cannot be started: {error}"))?;
    let end = match process.wait_timeout(LONGEST).map_err(|error| error.to_string())? {
        Some(status) => format!("the process ended ({status}) without running this check"),
        None => {
            let _ = process.kill();
            let _ = process.wait();
            format!("the process did not end within {} seconds", LONGEST.as_secs())
        }
    };
    let said = fs::read(&said).unwrap_or_default();
    Ok(format!("{end}; it said:\n{}", String::from_utf8_lossy(&said)))
}
