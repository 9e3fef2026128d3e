//! A test file: which checks it has, and what its first comment lines ask for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apim_emulator::{BucketSize, Config};
use serde::Deserialize;

const SUFFIX: &str = ".Tests.ps1";
const EMULATOR: &str = "# Emulator: ";
const UNIX_ONLY: &str = "# Unix only: ";

/// A file of checks.
pub(crate) struct TestFile {
    /// Its name without the suffix.
    pub name: String,
    pub path: PathBuf,
    /// The names of its checks, in their order: what follows `Test` at the start of a line.
    pub checks: Vec<String>,
    /// The emulator that it wants.
    pub emulator: Config,
    unix_only: bool,
}

/// `# Emulator: {…}` at a file's top.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EmulatorOptions {
    /// Capacity, and tokens that come back in a second.
    write_bucket: Option<(u32, f64)>,
    token_lifetime_seconds: Option<u64>,
    subscriptions: Option<u32>,
    backends: Option<u32>,
}

impl TestFile {
    /// Every test file beside this one.
    pub fn all() -> Result<Vec<Self>, String> {
        let directory = directory();
        let entries = fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX))
            {
                files.push(Self::read(path)?);
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    /// Whether this system can run it.
    pub fn runs_here(&self) -> bool {
        cfg!(unix) || !self.unix_only
    }

    fn read(path: PathBuf) -> Result<Self, String> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut file = Self {
            name: name.trim_end_matches(SUFFIX).to_owned(),
            path: path.clone(),
            checks: Vec::new(),
            emulator: quiet_emulator(),
            unix_only: false,
        };
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("Test '") {
                let check = rest.strip_suffix("' {").ok_or_else(|| {
                    format!("{shown}: '{line}' does not name a check. It must have the form: Test 'name' {{")
                })?;
                if file.checks.iter().any(|known| known == check) {
                    return Err(format!(
                        "{shown}: two checks are called '{check}'. Give one another name."
                    ));
                }
                file.checks.push(check.to_owned());
            } else if let Some(json) = line.strip_prefix(EMULATOR) {
                let options: EmulatorOptions =
                    serde_json::from_str(json).map_err(|error| format!("{shown}: '{line}': {error}"))?;
                options.apply(&mut file.emulator);
            } else if line.starts_with(UNIX_ONLY) {
                file.unix_only = true;
            }
        }
        if file.checks.is_empty() {
            return Err(format!("{shown} has no check. A check starts a line: Test 'name' {{"));
        }
        Ok(file)
    }
}

impl EmulatorOptions {
    fn apply(self, config: &mut Config) {
        if let Some((capacity, refill_per_second)) = self.write_bucket {
            config.write_bucket = Some(BucketSize {
                capacity,
                refill_per_second,
            });
        }
        if let Some(seconds) = self.token_lifetime_seconds {
            config.token_lifetime = Duration::from_secs(seconds);
            config.check_issued_tokens = true;
        }
        if let Some(subscriptions) = self.subscriptions {
            config.subscriptions = subscriptions;
        }
        if let Some(backends) = self.backends {
            config.backends = backends;
        }
    }
}

/// TLS for the product, and plain HTTP for the checks themselves, which ask for the journal and set faults.
fn quiet_emulator() -> Config {
    Config {
        tls: true,
        plain_beside_tls: true,
        backends: 20_000,
        ..Config::default()
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("powershell")
}
