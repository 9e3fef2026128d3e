//! What the library does to the process that it is in: its threads, signals, memory and children.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use apim_emulator::Config;
use test_support::{Program, Session, TestEmulator, backend_id, item, output_of};
use wait_timeout::ChildExt as _;

/// Forwards to a server, and ends each connection after some bytes of the client's: what comes then is
/// answered with a reset.
struct Resetter {
    port: u16,
}

impl Resetter {
    fn before(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = server
            .rsplit_once("//")
            .expect("a URL")
            .1
            .trim_end_matches('/')
            .to_owned();
        // Ends with the process: it waits for connections, and holds nothing.
        std::thread::spawn(move || {
            for (count, client) in listener.incoming().flatten().enumerate() {
                let server = server.clone();
                std::thread::spawn(move || forward(client, &server, 3 + count % 5));
            }
        });
        Self { port }
    }
}

fn forward(client: TcpStream, server: &str, reads: usize) -> Option<()> {
    let mut to_server = TcpStream::connect(server).ok()?;
    let (mut from_server, mut to_client) = (to_server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    let mut client = client;
    let mut bytes = [0; 1024];
    for _ in 0..reads {
        let count = client.read(&mut bytes).ok()?;
        to_server.write_all(&bytes[..count]).ok()?;
    }
    client.shutdown(std::net::Shutdown::Both).ok()?;
    to_server.shutdown(std::net::Shutdown::Both).ok()?;
    Some(())
}

#[test]
fn a_connection_that_is_reset_does_not_end_the_host() {
    let emulator = TestEmulator::start(Config {
        backends: 40,
        tls: true,
        ..Config::default()
    });
    let resetter = Resetter::before(emulator.url());
    let program = Program::compile("examples/reset.c");
    for run in 0..4 {
        let mut host = program
            .command()
            .envs(emulator.environment())
            .env(
                "AZURE_RESOURCE_MANAGER_ENDPOINT",
                format!("https://127.0.0.1:{}", resetter.port),
            )
            .env("AZAPIM_TRIES", "3")
            .args((1..=40).map(|number| backend_id(1, number)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        // Such an endpoint comes and goes, and the session goes on for as long as it comes back: the first resets are
        // what could end the host.
        let ended = host.wait_timeout(Duration::from_secs(5)).expect("it can be waited for");
        match ended {
            Some(status) => assert_eq!(status.signal(), None, "run {run} was killed"),
            None => host
                .kill()
                .and_then(|()| host.wait())
                .map(drop)
                .expect("it can be ended"),
        }
    }
}

/// The signals that each thread of the library blocks, by the thread's name.
fn blocked_signals() -> BTreeMap<String, u64> {
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    std::fs::read_dir("/proc/self/task")
        .expect("Linux shows its threads")
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .map(|status| (field(&status, "Name:"), field(&status, "SigBlk:")))
        .filter(|(name, _)| name.starts_with("apim-") && name != "apim-emulator")
        .map(|(name, mask)| (name, u64::from_str_radix(&mask, 16).expect("a mask")))
        .collect()
}

#[test]
fn the_hosts_signal_handlers_run_on_no_thread_of_the_library() {
    let emulator = TestEmulator::start(Config {
        backends: 10,
        tls: true,
        ..Config::default()
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("az");
    write_script(&script, "exec sleep 1000\n");
    // A name, so that one of the blocking threads looks it up; and a program, which has a thread of its own.
    let url = emulator.url().replace("127.0.0.1", "localhost");
    let resolving = Session::start(&emulator.options().env("AZURE_RESOURCE_MANAGER_ENDPOINT", url));
    resolving.submit(&item(1));
    let asking = Session::start(
        &emulator
            .options()
            .without_env("AZURE_ACCESS_TOKEN")
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential"),
    );
    asking.submit(&item(1));
    let names = ["apim-backend-co", "apim-blocking", "apim-credential"];
    resolving.events_until(|| names.iter().all(|name| blocked_signals().contains_key(*name)));
    // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGKILL, SIGSEGV and SIGSTOP; and the two that the C library keeps to itself.
    let taken: u64 = [4, 5, 7, 8, 9, 11, 19, 32, 33]
        .map(|signal| 1 << (signal - 1))
        .iter()
        .sum();
    for (name, blocked) in blocked_signals() {
        assert_eq!(blocked, !taken, "{name} blocks {blocked:x}");
    }
}

#[test]
fn cancelled_sessions_leave_no_program_and_no_thread() {
    let emulator = TestEmulator::with_backends(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("az");
    let started = folder.path().join("started");
    write_script(
        &script,
        &format!("/bin/sleep 4321 &\necho $! >> {}\nwait\n", started.display()),
    );
    let sessions: Vec<Session> = (0..20)
        .map(|number| {
            let session = Session::start(
                &emulator
                    .options()
                    .without_env("AZURE_ACCESS_TOKEN")
                    .env("PATH", folder.path().display())
                    .env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
                    // Each is another caller.
                    .env("NUMBER", number),
            );
            session.submit(&item(1));
            session
        })
        .collect();
    let children = || -> Vec<String> {
        let text = std::fs::read_to_string(&started).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    sessions[0].events_until(|| children().len() == 20);
    for session in &sessions {
        session.cancel();
    }
    let witness = Session::start(&emulator.options());
    witness.events_until(|| {
        let is_gone = |child: &String| !std::path::Path::new("/proc").join(child).exists();
        children().iter().all(is_gone) && !blocked_signals().contains_key("apim-credential")
    });
}

/// What a program's memory holds, as another program reads it.
fn memory_holds(process: u32, text: &[u8]) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("Linux shows its mappings");
    let memory = std::fs::File::open(format!("/proc/{process}/mem")).expect("a parent may read it");
    let readable = maps
        .lines()
        .filter(|line| line.split(' ').nth(1).is_some_and(|access| access.starts_with('r')));
    for range in readable.filter_map(|line| line.split(' ').next()?.split_once('-')) {
        let bound = |text| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = (bound(range.0), bound(range.1));
        let mut bytes = vec![0; usize::try_from(end - start).expect("a length")];
        // What the kernel keeps to itself (vvar) cannot be read, nor what was unmapped meanwhile.
        if std::os::unix::fs::FileExt::read_exact_at(&memory, &mut bytes, start).is_ok()
            && bytes.windows(text.len()).any(|window| window == text)
        {
            return true;
        }
    }
    false
}

/// Runs a session in a program of its own, up to where it is freed, and gives the program to `look`.
fn after_a_session(variables: &[(&str, String)], look: impl FnOnce(u32)) {
    let block: String = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\0"))
        .collect();
    let program = Program::compile("tests/abi/wiped.c");
    let mut child = program
        .command()
        .args([backend_id(1, 1), block.len().to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(block.as_bytes()).expect("it reads");
    let mut said = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut said).expect("it speaks");
    assert_eq!(said, "1 succeeded\n");
    look(child.id());
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

/// Waits until a program's memory has none of these texts. It takes a moment: freeing a session waits for nothing.
#[track_caller]
fn assert_wiped(process: u32, texts: &[&str], within: Duration) {
    let end = Instant::now() + within;
    for text in texts {
        while memory_holds(process, text.as_bytes()) {
            assert!(Instant::now() < end, "'{text}' is still there");
        }
    }
}

/// An emulator that takes only tokens that were issued, and the variables that lead to it without a credential.
fn identity_stage() -> (TestEmulator, Vec<(&'static str, String)>) {
    let emulator = TestEmulator::start(Config {
        backends: 1,
        tls: true,
        check_issued_tokens: true,
        token_lifetime: Duration::from_secs(3),
        ..Config::default()
    });
    let mut variables = emulator.environment();
    variables.retain(|(name, _)| *name != "AZURE_ACCESS_TOKEN");
    variables.push(("AZURE_AUTHORITY_HOST", emulator.url().to_owned()));
    (emulator, variables)
}

#[test]
fn the_environments_secrets_are_wiped_when_the_session_is_freed() {
    let (_emulator, mut variables) = identity_stage();
    let (secret, unused) = ("Client%Secret+0123456789abcdef", "Password~0123456789abcdef");
    variables.extend([
        ("AZURE_TENANT_ID", "33333333-3333-3333-3333-333333333333".to_owned()),
        ("AZURE_CLIENT_ID", "44444444-4444-4444-4444-444444444444".to_owned()),
        ("AZURE_CLIENT_SECRET", secret.to_owned()),
        ("SOME_PASSWORD", unused.to_owned()),
    ]);
    after_a_session(&variables, |process| {
        let encoded = "Client%25Secret%2B0123456789abcdef";
        assert_wiped(process, &[secret, encoded, unused], Duration::from_secs(2));
    });
}

#[test]
fn a_token_is_wiped_when_it_ends() {
    let (emulator, mut variables) = identity_stage();
    let token = emulator.issue_token(Duration::from_secs(4));
    let answer = format!(
        "{{\"accessToken\":\"{token}\",\"expires_on\":{},\"tokenType\":\"Bearer\"}}",
        in_seconds(4)
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_script(&folder.path().join("az"), &format!("echo '{answer}'\n"));
    variables.extend([
        ("PATH", folder.path().display().to_string()),
        ("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential".to_owned()),
    ]);
    after_a_session(&variables, |process| {
        assert!(memory_holds(process, token.as_bytes()), "the next session would use it");
        let signature = token.rsplit('.').next().expect("a part");
        assert_wiped(process, &[token.as_str(), signature], Duration::from_secs(6));
    });
}

fn in_seconds(seconds: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("it is after 1970").as_secs() + seconds
}

fn write_script(path: &std::path::Path, body: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{body}")).expect("a script");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("as above");
}

#[test]
fn an_engine_that_could_not_start_is_tried_again() {
    let output = output_of(&mut Program::compile("tests/abi/starved.c").command());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("could not be started") && said.contains("it was tried again"),
        "{said}"
    );
}
