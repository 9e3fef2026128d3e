//! Runs the module in a real PowerShell against the emulator: the checks of `*.Tests.ps1` beside this file, each
//! reported as a test of its own. A file is run by one PowerShell process with an emulator to itself, so that its
//! journal holds nothing but what that file's checks have sent; files run in parallel.

mod run;
mod test_file;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};

use run::Run;
use test_file::TestFile;

/// Checks wait for the network and for child processes more than they compute.
const PROCESSES_PER_CORE: usize = 2;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let files = match TestFile::all() {
        Ok(files) => files,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    let mut queue = VecDeque::new();
    for file in files {
        let runs_here = file.runs_here();
        let (names, chosen): (Vec<_>, Vec<_>) = file
            .checks
            .iter()
            .map(|check| {
                let name = format!("{}: {check}", file.name);
                let chosen = runs_here && is_chosen(&arguments, &name);
                ((name, check.clone()), chosen.then(|| check.clone()))
            })
            .unzip();
        let run = Arc::new(Run::new(file, chosen.into_iter().flatten().collect()));
        if run.has_checks() {
            queue.push_back(run.clone());
        }
        for (name, check) in names {
            let run = run.clone();
            let trial = Trial::test(name, move || run.outcome(&check).map_err(Failed::from));
            trials.push(trial.with_ignored_flag(!runs_here));
        }
    }
    if !arguments.list {
        start(queue);
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Whether libtest's own options choose a test. A process runs the chosen checks of its file and no others.
fn is_chosen(arguments: &Arguments, name: &str) -> bool {
    let fits = |pattern: &str| {
        if arguments.exact {
            name == pattern
        } else {
            name.contains(pattern)
        }
    };
    !arguments.ignored
        && arguments.filter.as_deref().is_none_or(fits)
        && !arguments.skip.iter().any(|pattern| fits(pattern))
}

/// Works the files off in threads of their own: the tests only wait for the outcomes.
fn start(queue: VecDeque<Arc<Run>>) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = queue.len().min(cores * PROCESSES_PER_CORE);
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..workers {
        let queue = queue.clone();
        thread::spawn(move || {
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(run) = next() {
                run.carry_out();
            }
        });
    }
}
