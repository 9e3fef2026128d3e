//! `cargo xtask demo`: the help page's examples and a fleet, in PowerShell against the emulator, with what was sent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use abi_client::{Library, Session};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;

use crate::emulator::{self, Emulator, Profile, Request};
use crate::pwsh::{self, Pwsh};
use crate::stage::{self, Staged};
use crate::workspace;

/// How many backends the service of the demo has. Among them is `123`, the one of the help page's examples.
const FLEET: usize = 200;

/// Longer than any step takes.
const A_WHILE: Duration = Duration::from_secs(120);

/// A step of `demo.ps1`, and what it must come to.
struct Step {
    name: &'static str,
    /// Requests by method and status. Lists are read in pages, so that the number of GETs is the emulator's affair.
    sent: &'static [(&'static str, u16, usize)],
    errors: usize,
}

const STEPS: [Step; 7] = [
    Step {
        name: "Context",
        sent: &[],
        errors: 0,
    },
    Step {
        name: "Example1",
        sent: &[("PATCH", 200, 1), ("POST", 202, 1)],
        errors: 0,
    },
    Step {
        name: "Input",
        sent: &[],
        errors: 0,
    },
    Step {
        name: "Example2",
        sent: &[("PATCH", 200, 1), ("POST", 202, 1)],
        errors: 0,
    },
    Step {
        name: "WhatIf",
        sent: &[],
        errors: 0,
    },
    Step {
        name: "Fleet",
        sent: &[("POST", 202, FLEET)],
        errors: 0,
    },
    Step {
        name: "Missing",
        sent: &[("POST", 404, 1)],
        errors: 1,
    },
];

/// Runs the demo, printing to stdout. An error when anything in it was not as it must be.
pub fn demo() -> Result<()> {
    let staged = stage::stage()?;
    let emulator = Emulator::start(Profile::Dev, ["--backends".to_owned(), FLEET.to_string()])?;
    println!("A local emulator of Azure Resource Manager holds the service contoso with {FLEET} backends.");
    println!("Nothing leaves this machine. Lines that begin with -> are the requests that it was sent.");
    match pwsh::find() {
        Ok(pwsh) => in_powershell(pwsh, &staged, &emulator),
        Err(error) => {
            println!("\nThere is no PowerShell here, so these are the same resets through the C ABI.");
            through_the_abi(&staged, &emulator)?;
            bail!("{error:#}")
        }
    }
}

fn in_powershell(pwsh: &Pwsh, staged: &Staged, emulator: &Emulator) -> Result<()> {
    println!("PowerShell {} ({})", pwsh.version, pwsh.path.display());
    let script = workspace::root().join("xtask").join("demo").join("demo.ps1");
    let mut process = pwsh
        .command()
        .arg("-File")
        .arg(&script)
        .envs(emulator.environment())
        .env("PSModulePath", staged.module_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be started", pwsh.path.display()))?;
    let mut go_on = process.stdin.take().context("its input was asked for")?;
    let output = BufReader::new(process.stdout.take().context("its output was asked for")?);

    let mut steps = STEPS.iter();
    let mut wrong = Vec::new();
    let mut total = Vec::new();
    let mut blank = false;
    for line in output.lines() {
        let line = line?;
        let Some(told) = line.strip_prefix("::step ") else {
            // PowerShell frames lists with more empty lines than one.
            if !(blank && line.trim().is_empty()) {
                println!("{}", line.trim_end());
            }
            blank = line.trim().is_empty();
            continue;
        };
        let sent = emulator.journal()?;
        emulator.empty_journal()?;
        if !blank && !sent.is_empty() {
            println!();
        }
        show(&sent);
        match steps.next() {
            Some(step) => wrong.extend(step.differences(told, &sent)),
            None => wrong.push(format!("a step too many: {told}")),
        }
        total.extend(sent);
        blank = false;
        // The script waits for this line. If it has ended instead, its exit code tells.
        let _ = go_on.write_all(b"\n").and_then(|()| go_on.flush());
    }
    let status = process.wait()?;
    wrong.extend(steps.map(|step| format!("{} was not reached", step.name)));
    conclude(&total, status, &wrong)
}

fn conclude(sent: &[Request], status: ExitStatus, wrong: &[String]) -> Result<()> {
    let of = |method: &str, status: u16| sent.iter().filter(|one| one.is(method, status)).count();
    println!();
    println!(
        "{} requests: {} resets accepted, {} refused as it should be, {} settings changed, {} backends or pages read.",
        sent.len(),
        of("POST", 202),
        of("POST", 404),
        of("PATCH", 200),
        of("GET", 200),
    );
    if !status.success() {
        bail!("PowerShell ended with {status}");
    }
    if !wrong.is_empty() {
        bail!("the demo did not go as it must: {}", wrong.join("; "));
    }
    println!("Everything went as it must.");
    Ok(())
}

impl Step {
    /// What is not as it must be. `told`: the step's name and how many errors PowerShell has had in it.
    fn differences(&self, told: &str, sent: &[Request]) -> Vec<String> {
        let mut wrong = Vec::new();
        if told != format!("{} {}", self.name, self.errors) {
            wrong.push(format!(
                "step and errors are '{told}', not '{} {}'",
                self.name, self.errors
            ));
        }
        let mut found = BTreeMap::<_, usize>::new();
        for request in sent.iter().filter(|request| request.method != "GET") {
            *found
                .entry((request.method.as_str(), request.status.unwrap_or(0)))
                .or_default() += 1;
        }
        let meant: BTreeMap<_, usize> = self
            .sent
            .iter()
            .map(|(method, status, count)| ((*method, *status), *count))
            .collect();
        if found != meant {
            wrong.push(format!("{} sent {found:?}, not {meant:?}", self.name));
        }
        wrong
    }
}

impl Request {
    fn is(&self, method: &str, status: u16) -> bool {
        self.method == method && self.status == Some(status)
    }
}

/// Prints requests, those that are alike but for the backend as one line.
fn show(requests: &[Request]) {
    let mut groups: Vec<(String, &Request, usize)> = Vec::new();
    for request in requests {
        let like = outline(request);
        match groups.iter_mut().find(|(outline, ..)| *outline == like) {
            Some((.., count)) => *count += 1,
            None => groups.push((like, request, 1)),
        }
    }
    for (like, request, count) in groups {
        let (times, what) = match count {
            1 => (String::new(), line(request)),
            _ => (format!("{count} x "), like),
        };
        println!("-> {times}{what}");
    }
}

/// A request as one line, without the part of the path that is the same for all.
fn line(request: &Request) -> String {
    let path = match request.path.split_once("/service/") {
        Some((_, path)) => format!(".../{path}"),
        None => request.path.clone(),
    };
    let status = request
        .status
        .map_or("no answer".to_owned(), |status| status.to_string());
    let body = request.body.as_deref().unwrap_or_default();
    let body = if body.is_empty() {
        String::new()
    } else {
        format!("  {body}")
    };
    format!("{} {path}  {status}{body}", request.method)
}

/// The same with `*` for the backend.
fn outline(request: &Request) -> String {
    let line = line(request);
    let Some((before, rest)) = line.split_once("/backends/") else {
        return line;
    };
    let after = rest.find(['/', '?', ' ']).map_or("", |at| &rest[at..]);
    format!("{before}/backends/*{after}")
}

/// The resets of `demo.ps1` without PowerShell: one with settings, one plain, a fleet, and one that fails.
fn through_the_abi(staged: &Staged, emulator: &Emulator) -> Result<()> {
    let library = Library::load(&staged.library).map_err(|why| anyhow!(why))?;
    let environment: Vec<String> = emulator
        .environment()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let environment = environment.join("\0");
    let settings = json!({ "protocol": "http", "url": "https://contoso.com/awesomeapi" });
    let one = |item: serde_json::Value| vec![item.to_string()];
    let fleet = (1..=FLEET)
        .map(|n| json!({ "id": emulator::backend_id(n), "after": 120 }).to_string())
        .collect();
    for (title, items) in [
        (
            "Reset one backend, changing its settings first",
            one(json!({ "id": emulator::backend_id(123), "settings": settings, "passThru": true })),
        ),
        ("Reset every backend of the service", fleet),
        (
            "Meet an error: a backend that is not there",
            one(json!({ "id": emulator::backend_id("no-such-backend") })),
        ),
    ] {
        println!("\n== {title} ==");
        let session = Session::start(&library, r#"{"successEvents":false}"#, Some(&environment))
            .map_err(|(status, error)| anyhow!("there is no session: {status:?} {error:?}"))?;
        for item in items {
            session.feed_text(&item, A_WHILE, |event| println!("{}", event.text));
        }
        session.finish();
        session.take_rest(A_WHILE, |event| println!("{}", event.text));
        let counts = session.progress();
        println!("{} of {} resets accepted.", counts.succeeded, counts.submitted);
        show(&emulator.journal()?);
        emulator.empty_journal()?;
    }
    println!();
    Ok(())
}
