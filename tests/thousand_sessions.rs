//! What a thousand sessions leave behind: nothing. A file of its own: what the whole process has is counted.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::{Duration, Instant};

use apim_emulator::Config;
use test_support::{DEADLINE, Kind, Options, Session, TestEmulator, item};

/// A thousand with each of nine credentials, and more than that with each ending.
const SESSIONS: usize = 9000;
/// Connections that are kept for the next session, on both of their sides, and what the allocator keeps.
const KEPT_DESCRIPTORS: usize = 8;
const KEPT_MEMORY: usize = 4 * 1024 * 1024;

const TENANT: &str = "33333333-3333-3333-3333-333333333333";
const CLIENT: &str = "44444444-4444-4444-4444-444444444444";

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Finished,
    /// While requests are in flight.
    Cancelled,
    /// Freed with all that it has begun.
    Freed,
    /// The caller's or the environment's credential is refused.
    Failed,
    /// Nothing was ever submitted.
    Unused,
}

const ENDINGS: [Ending; 5] = [
    Ending::Finished,
    Ending::Cancelled,
    Ending::Freed,
    Ending::Failed,
    Ending::Unused,
];

/// What the process has.
#[derive(Debug, Clone, Copy)]
struct Holdings {
    threads: usize,
    descriptors: usize,
    children: usize,
    memory: usize,
}

impl Holdings {
    fn now() -> Self {
        let entries = |folder: &str| std::fs::read_dir(folder).expect("Linux shows it").flatten();
        let children = entries("/proc/self/task")
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
            .map(|children| children.split_whitespace().count())
            .sum();
        Self {
            threads: entries("/proc/self/task").count(),
            descriptors: entries("/proc/self/fd").count(),
            children,
            memory: memory_stats::memory_stats().expect("the system tells").physical_mem,
        }
    }

    fn is_within(&self, before: &Self) -> bool {
        self.threads <= before.threads
            && self.descriptors <= before.descriptors + KEPT_DESCRIPTORS
            && self.children <= before.children
            && self.memory <= before.memory + KEPT_MEMORY
    }
}

fn credentials(emulator: &TestEmulator, folder: &Path) -> Vec<Options> {
    let token = emulator.issue_token(Duration::from_secs(3600));
    let http = emulator.http_url().expect("plain HTTP beside TLS");
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("federated"), "federated").expect("a file");
    script(
        &folder.join("az"),
        &format!("{{\"accessToken\":\"{token}\",\"expires_on\":4102444800,\"tokenType\":\"Bearer\"}}"),
    );
    script(
        &folder.join("azd"),
        &format!("{{\"token\":\"{token}\",\"expiresOn\":\"2100-01-01T00:00:00Z\"}}"),
    );
    let none = emulator
        .options()
        .without_env("AZURE_ACCESS_TOKEN")
        .env("AZURE_AUTHORITY_HOST", emulator.url())
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
        .env("PATH", folder.display());
    let application = none
        .clone()
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", CLIENT);
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/credentials/certificates/pkcs8.pem");
    vec![
        none.clone().env("AZURE_ACCESS_TOKEN", &token),
        application.clone().env("AZURE_CLIENT_SECRET", "secret"),
        application.clone().env("AZURE_CLIENT_CERTIFICATE_PATH", certificate),
        application.env("AZURE_FEDERATED_TOKEN_FILE", path("federated")),
        none.clone()
            .env("IDENTITY_ENDPOINT", format!("{http}/msi/token"))
            .env("IDENTITY_HEADER", "header"),
        none.clone().env("AZURE_POD_IDENTITY_AUTHORITY_HOST", http),
        none.clone().env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential"),
        none.clone()
            .env("AZURE_TOKEN_CREDENTIALS", "AzureDeveloperCliCredential"),
        none.caller_credential(),
    ]
}

fn script(path: &Path, output: &str) {
    std::fs::write(path, format!("#!/bin/sh\necho '{output}'\n")).expect("a script");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("as above");
}

/// One session, from its start to its end.
fn session(options: &Options, ending: Ending, token: &str) {
    let options = match ending {
        // Nobody has issued it.
        Ending::Failed => options.clone().env("AZURE_ACCESS_TOKEN", "unknown"),
        _ => options.clone(),
    };
    let session = Session::start(&options);
    if ending == Ending::Unused {
        return;
    }
    for number in 1..=5 {
        // One that fails takes no more.
        session.offer(&item(number), Duration::ZERO);
    }
    match ending {
        Ending::Freed => return,
        Ending::Cancelled => session.cancel(),
        _ => session.finish(),
    };
    let mut succeeded = 0;
    loop {
        let event = match session.next(DEADLINE) {
            test_support::Next::Event(event) => event,
            test_support::Next::Done => break,
            test_support::Next::Pending => panic!("{ending:?} does not end: {:?}", session.progress()),
        };
        match event.kind {
            Kind::TokenRequest if ending == Ending::Failed => {
                session.refuse_token(event.number, "no");
            }
            Kind::TokenRequest => {
                session.answer_token(event.number, token, 0);
            }
            Kind::Result => succeeded += usize::from(event.outcome() == "succeeded"),
            _ => {}
        }
    }
    if ending == Ending::Finished {
        assert_eq!(succeeded, 5, "{options:?}");
    }
}

/// One test, since what the whole process has is counted.
#[test]
fn sessions_leave_nothing() {
    a_thousand_of_every_kind_leave_nothing();
    many_environments_take_few_mappings();
}

/// How many mappings the process has, and how many KB of them are left out of core dumps.
fn mappings() -> (usize, usize) {
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux shows its mappings");
    let (mut count, mut size, mut left_out) = (0, 0, 0);
    for line in maps.lines() {
        if let Some(kilobytes) = line.strip_prefix("Size:") {
            count += 1;
            size = kilobytes.trim().trim_end_matches(" kB").parse().expect("a size");
        } else if line.starts_with("VmFlags:") && line.split(' ').any(|flag| flag == "dd") {
            left_out += size;
        }
    }
    (count, left_out)
}

fn many_environments_take_few_mappings() {
    let options = |session: usize| {
        (0..120).fold(Options::new(), |options, number| {
            options.env(
                &format!("VARIABLE_{number}"),
                format!("a value of session {session} {}", "x".repeat(50)),
            )
        })
    };
    let (before, _) = mappings();
    let sessions: Vec<Session> = (0..1500).map(|number| Session::start(&options(number))).collect();
    let (during, left_out) = mappings();
    // 120 variables of some 90 bytes.
    assert!(left_out >= 1500 * 10, "{left_out} KB are left out of core dumps");
    assert!(during <= before + 100, "{before} mappings, then {during}");
    drop(sessions);
    let idle = Session::start(&Options::new());
    let end = Instant::now() + DEADLINE;
    while mappings().1 > 2048 && Instant::now() < end {
        idle.next(Duration::from_millis(50));
    }
    eprintln!(
        "{before} mappings, {during} with 1500 sessions, then {:?} and KB",
        mappings()
    );
    assert!(mappings().1 <= 2048, "{} KB are left out for good", mappings().1);
}

fn a_thousand_of_every_kind_leave_nothing() {
    let emulator = TestEmulator::start(Config {
        backends: 10,
        tls: true,
        plain_beside_tls: true,
        check_issued_tokens: true,
        journal: false,
        ..Config::default()
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token = emulator.issue_token(Duration::from_secs(3600));
    let credentials = credentials(&emulator, folder.path());
    let run = |sessions: usize| {
        for number in 0..sessions {
            let ending = ENDINGS[number / credentials.len() % ENDINGS.len()];
            session(&credentials[number % credentials.len()], ending, &token);
        }
    };
    // What is made once: threads, connections, what tables and the allocator grow to.
    run(200);
    let idle = Session::start(&credentials[0]);
    let before = Holdings::now();
    run(SESSIONS);
    // Threads that wait for more to do end after ten seconds.
    let end = Instant::now() + DEADLINE;
    let after = loop {
        let after = Holdings::now();
        if after.is_within(&before) || Instant::now() > end {
            break after;
        }
        idle.next(Duration::from_millis(50));
    };
    eprintln!("before {before:?}, after {SESSIONS} sessions {after:?}");
    assert!(after.is_within(&before));
}
