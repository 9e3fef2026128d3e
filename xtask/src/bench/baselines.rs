//! The contenders: how each is made ready, and started for one run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use super::sample::Sample;
use crate::emulator::Emulator;
use crate::pwsh::{self, Pwsh};
use crate::stage::{self, Staged};
use crate::workspace::{self, Build};

/// Requests in flight, for every contender that can have several.
pub(crate) const IN_FLIGHT: u64 = 64;

/// How long the product waits for an answer: short, so that a stalled request does not decide how long a run takes.
const TIMEOUT_SECONDS: u32 = 2;

/// The empty module that imports are compared with.
const EMPTY_MODULE: &str = "Empty";

/// Everything that contenders run with, made ready once.
pub(crate) struct Tools {
    /// The staged modules.
    pub staged: Staged,
    /// The contenders that are written in Rust.
    client: PathBuf,
    /// The rest is there or, by name of what is missing, not.
    pwsh: Result<Pwsh, String>,
    node: Result<Ready, String>,
    python: Result<Ready, String>,
    empty_modules: PathBuf,
}

/// A program with its packages.
struct Ready {
    program: PathBuf,
    directory: PathBuf,
    version: String,
}

impl Tools {
    /// Stages the modules, builds the client and installs the official SDKs under `target/bench/`.
    pub fn prepare() -> Result<Self> {
        let staged = stage::stage()?;
        let client = workspace::build(Build::Program {
            package: "bench-client",
            name: "bench-client",
            release: true,
        })?;
        let home = workspace::target_directory()?.join("bench");
        Ok(Self {
            staged,
            client,
            pwsh: pwsh::find().cloned().map_err(|error| format!("{error:#}")),
            node: node(&home.join("javascript")).map_err(|error| format!("{error:#}")),
            python: python(&home.join("python")).map_err(|error| format!("{error:#}")),
            empty_modules: empty_module(&home.join("modules"))?,
        })
    }

    /// What runs here, with versions; what is missing is said in its place.
    pub fn versions(&self) -> Vec<(&'static str, String)> {
        let or_missing = |version: Result<String, &String>| version.unwrap_or_else(|why| format!("missing: {why}"));
        vec![
            ("module", workspace::version().to_owned()),
            (
                "PowerShell",
                or_missing(self.pwsh.as_ref().map(|pwsh| pwsh.version.clone())),
            ),
            (
                "Node.js",
                or_missing(self.node.as_ref().map(|ready| ready.version.clone())),
            ),
            (
                "Python",
                or_missing(self.python.as_ref().map(|ready| ready.version.clone())),
            ),
            ("JavaScript SDK", pinned("package.json", "@azure/arm-apimanagement")),
            ("Python SDK", pinned("requirements.txt", "azure-mgmt-apimanagement")),
        ]
    }
}

/// The version of a package that one of the files beside the scripts pins.
fn pinned(file: &str, package: &str) -> String {
    let line = fs::read_to_string(scripts().join(file))
        .ok()
        .and_then(|text| text.lines().find(|line| line.contains(package)).map(str::to_owned));
    let version = line
        .as_deref()
        .and_then(|line| line.rsplit(['=', ':']).next())
        .unwrap_or_default();
    format!("{package} {}", version.trim_matches([' ', '"', ',']))
}

fn scripts() -> PathBuf {
    workspace::root().join("xtask").join("bench")
}

/// One way to reset a fleet, or to import a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// Backends piped into the cmdlet.
    Piped,
    /// The same with each object made when the pipeline asks for it.
    Streamed,
    /// Backends piped into the cmdlet with `-PassThru`, every outcome counted.
    PipedAccounted,
    /// One call of the cmdlet after the other.
    SingleCalls,
    /// The native library through its C ABI.
    Native,
    /// The same, every outcome counted.
    NativeAccounted,
    /// Bare reqwest on a current-thread runtime.
    Reqwest,
    /// The same with HTTP/1.1.
    ReqwestHttp1,
    /// Bare reqwest on a runtime with two workers.
    ReqwestTwoWorkers,
    /// Bare reqwest, one request after the other.
    Sequential,
    /// The official JavaScript SDK.
    JavaScript,
    /// The official Python SDK in threads.
    Python,
    /// Import of the module.
    Import,
    /// Import of an empty script module.
    ImportEmpty,
}

impl Contender {
    /// What it is called in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Piped => "PowerShell, piped",
            Self::Streamed => "PowerShell, piped and made on the way",
            Self::PipedAccounted => "PowerShell, piped with -PassThru",
            Self::SingleCalls => "PowerShell, one call each",
            Self::Native | Self::NativeAccounted => "C ABI",
            Self::Reqwest => "bare reqwest, current-thread runtime",
            Self::ReqwestHttp1 => "bare reqwest, current-thread runtime, HTTP/1.1",
            Self::ReqwestTwoWorkers => "bare reqwest, two-worker runtime",
            Self::Sequential => "sequential loop (bare reqwest)",
            Self::JavaScript => "JavaScript SDK",
            Self::Python => "Python SDK, threads",
            Self::Import => "this module",
            Self::ImportEmpty => "an empty module",
        }
    }

    /// Runs it once. The outer error is a defect; the inner one names what is missing here.
    pub fn run(self, tools: &Tools, emulator: &Emulator, requests: u64) -> Result<Result<Sample, String>> {
        let mut command = match self.command(tools, requests) {
            Ok(command) => command,
            Err(missing) => return Ok(Err(missing)),
        };
        let output = command
            .envs(emulator.environment())
            .env("NODE_EXTRA_CA_CERTS", emulator.ca())
            .env("REQUESTS_CA_BUNDLE", emulator.ca())
            .env("AZAPIM_WINDOW", IN_FLIGHT.to_string())
            .env("AZAPIM_TIMEOUT_SECONDS", TIMEOUT_SECONDS.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("{:?} cannot be started", command.get_program()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("{} ended with {}: {}", self.name(), output.status, text.trim());
        }
        let line = text.lines().rfind(|line| line.starts_with('{')).unwrap_or_default();
        serde_json::from_str(line)
            .map(Ok)
            .with_context(|| format!("{} printed no sample: {}", self.name(), text.trim()))
    }

    /// The command that runs it, or what is missing here.
    fn command(self, tools: &Tools, requests: u64) -> Result<Command, String> {
        let count = requests.to_string();
        let width = IN_FLIGHT.to_string();
        let reqwest = |width: &str, more: &[&str]| {
            let mut command = Command::new(&tools.client);
            command
                .args(["reqwest", "--requests", &count, "--in-flight", width])
                .args(more);
            Ok(command)
        };
        let native = |more: &[&str]| {
            let mut command = Command::new(&tools.client);
            command.args(["native", "--requests", &count, "--library"]);
            command.arg(&tools.staged.library).args(more);
            Ok(command)
        };
        let powershell = |script: &str, arguments: &[&str], modules: &std::ffi::OsStr| {
            let pwsh = tools.pwsh.as_ref().map_err(Clone::clone)?;
            let mut command = pwsh.command();
            command
                .arg("-File")
                .arg(scripts().join(script))
                .args(arguments)
                .env("PSModulePath", modules);
            Ok(command)
        };
        let ours = tools.staged.modules.as_os_str();
        match self {
            Self::Piped => powershell("fleet.ps1", &["-Requests", &count], ours),
            Self::Streamed => powershell("fleet.ps1", &["-Requests", &count, "-Streamed"], ours),
            Self::PipedAccounted => powershell("fleet.ps1", &["-Requests", &count, "-Accounted"], ours),
            Self::SingleCalls => powershell("single.ps1", &["-Calls", &count], ours),
            Self::Import => powershell("import.ps1", &["-Module", stage::MAIN_MODULE], ours),
            Self::ImportEmpty => powershell(
                "import.ps1",
                &["-Module", EMPTY_MODULE],
                tools.empty_modules.as_os_str(),
            ),
            Self::Native => native(&[]),
            Self::NativeAccounted => native(&["--accounted"]),
            Self::Reqwest => reqwest(&width, &[]),
            Self::ReqwestHttp1 => reqwest(&width, &["--http1"]),
            Self::ReqwestTwoWorkers => reqwest(&width, &["--runtime", "two-workers"]),
            Self::Sequential => reqwest("1", &[]),
            Self::JavaScript => {
                let node = tools.node.as_ref().map_err(Clone::clone)?;
                let mut command = Command::new(&node.program);
                command.arg(node.directory.join("fleet.mjs")).args([&count, &width]);
                Ok(command)
            }
            Self::Python => {
                let python = tools.python.as_ref().map_err(Clone::clone)?;
                let mut command = Command::new(&python.program);
                command
                    .arg(scripts().join("fleet.py"))
                    .args([&count, &width])
                    .env("PYTHONPATH", &python.directory);
                Ok(command)
            }
        }
    }
}

/// Node.js with the SDK. The script is put beside the packages, where Node.js looks for them.
fn node(directory: &Path) -> Result<Ready> {
    let program = on_path("node").context("node is not on PATH; install Node.js 20 or later (https://nodejs.org)")?;
    let version = version_of(&program)?;
    fs::create_dir_all(directory)?;
    for file in ["package.json", "fleet.mjs"] {
        fs::copy(scripts().join(file), directory.join(file))?;
    }
    // npm is a script; on Windows only its shell can start it.
    let npm =
        on_path(if cfg!(windows) { "npm.cmd" } else { "npm" }).context("npm is not on PATH; it comes with Node.js")?;
    install(
        Command::new(npm)
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .current_dir(directory),
    )?;
    Ok(Ready {
        program,
        directory: directory.to_owned(),
        version,
    })
}

/// Python with the SDK, in a directory of its own rather than among the user's packages.
fn python(directory: &Path) -> Result<Ready> {
    let name = if cfg!(windows) { "python" } else { "python3" };
    let program = on_path(name).with_context(|| format!("{name} is not on PATH; install Python 3.9 or later"))?;
    let version = version_of(&program)?;
    let wanted = fs::read_to_string(scripts().join("requirements.txt"))?;
    // pip would install into the directory anew at every run.
    let installed = directory.join("installed.txt");
    if fs::read_to_string(&installed).ok().as_deref() != Some(&wanted) {
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
            .arg(directory);
        install(pip.arg("--requirement").arg(scripts().join("requirements.txt")))?;
        fs::write(&installed, wanted)?;
    }
    Ok(Ready {
        program,
        directory: directory.to_owned(),
        version,
    })
}

fn install(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{:?} cannot be started", command.get_program()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!(
            "its packages cannot be installed: {}",
            text.lines().last().unwrap_or("no reason is given")
        );
    }
    Ok(())
}

fn version_of(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .next()
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("{} has no version", program.display()))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let with_suffix = if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}{}", env::consts::EXE_SUFFIX)
    };
    env::split_paths(&path)
        .map(|directory| directory.join(&with_suffix))
        .find(|file| file.is_file())
}

/// A module as empty as one can be: a manifest and a script file with nothing in it.
fn empty_module(modules: &Path) -> Result<PathBuf> {
    let directory = modules.join(EMPTY_MODULE);
    fs::create_dir_all(&directory)?;
    let manifest = format!(
        "@{{\n    RootModule = '{EMPTY_MODULE}.psm1'\n    ModuleVersion = '1.0.0'\n    FunctionsToExport = @()\n    \
         CmdletsToExport = @()\n    VariablesToExport = @()\n    AliasesToExport = @()\n}}\n"
    );
    fs::write(directory.join(format!("{EMPTY_MODULE}.psd1")), manifest)?;
    fs::write(directory.join(format!("{EMPTY_MODULE}.psm1")), "")?;
    Ok(modules.to_owned())
}
