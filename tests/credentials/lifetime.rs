//! How long a token is used: it is asked for once, renewed before its end, dropped when it is refused.

use std::time::{Duration, Instant};

use apim_emulator::{Config, Fault, FaultAction};
use test_support::{DEADLINE, Kind, Session, Status, item, random_token, run};

use crate::stage::{HOUR, Programs, Stage, message, refused};

/// The emulator's journal has no request that was refused for its token.
#[track_caller]
fn assert_none_unauthorized(stage: &Stage) {
    let refused = stage.journal().into_iter().filter(|entry| entry.status == 401).count();
    assert_eq!(refused, 0, "{:?}", stage.sent());
}

#[test]
fn however_many_requests_wait_one_token_is_asked_for() {
    let stage = Stage::new();
    run(&stage.with_client_secret(), (0..300).map(|n| item(n % 10 + 1))).assert_all_succeeded();
    assert_eq!(stage.token_requests().len(), 1);
}

#[test]
fn a_run_outlives_its_tokens_and_never_uses_an_expired_one() {
    let stage = Stage::with(Config {
        token_lifetime: Duration::from_secs(2),
        latency: Duration::from_millis(50),
        ..Config::default()
    });
    // 400 resets, 4 at a time, 50 ms each: 5 seconds.
    let options = stage.with_client_secret().window(4);
    run(&options, (0..400).map(|n| item(n % 10 + 1))).assert_all_succeeded();
    assert_none_unauthorized(&stage);
    let tokens = stage.token_requests().len();
    assert!(
        (3..=10).contains(&tokens),
        "{tokens} tokens for a run of about 5 s, a token living 2 s"
    );
}

#[test]
fn after_a_401_one_new_token_is_asked_for() {
    let stage = Stage::new();
    let session = Session::start(&stage.with_client_secret());
    session.submit(&item(1));
    session.events_until(|| session.progress().succeeded == 1);
    stage.expire_tokens();
    for n in 0..200 {
        session.submit(&item(n % 10 + 1));
    }
    session.finish();
    for event in session.rest().iter().filter(|event| event.kind == Kind::Result) {
        assert_eq!(event.outcome(), "succeeded", "{}", event.text);
    }
    assert_eq!(session.progress().succeeded, 201);
    assert_eq!(stage.token_requests().len(), 2);
}

#[test]
fn a_new_token_that_is_refused_too_is_a_fatal_error_with_the_services_reason() {
    let stage = Stage::new();
    stage.add_fault(Fault::new("/backends/", FaultAction::status(401)).times(u32::MAX));
    let session = run(&stage.with_client_secret(), [item(1)]);
    let event = session
        .events
        .iter()
        .find(|event| event.json["error"].is_object())
        .expect("an error");
    assert_eq!(event.error()["data"]["Status"], 401, "{}", event.text);
    assert_eq!(event.error()["fatal"], true, "{}", event.text);
    assert_eq!(event.error()["category"], "AuthenticationError", "{}", event.text);
    assert_eq!(stage.token_requests().len(), 2, "{:?}", stage.token_requests());
}

#[test]
fn a_token_variable_that_the_service_refuses_ends_the_run() {
    let stage = Stage::new();
    let token = random_token();
    let options = stage.options().env("AZURE_ACCESS_TOKEN", &token).window(8);
    let session = run(&options, (0..200).map(|n| item(n % 10 + 1)));
    let fatal = session.of(Kind::Fatal);
    assert_eq!(fatal.len(), 1, "{:?}", session.events);
    assert_eq!(fatal[0].code(), "AuthenticationFailed");
    assert!(
        fatal[0].message().contains("AZURE_ACCESS_TOKEN"),
        "{}",
        fatal[0].message()
    );
    assert!(!fatal[0].text.contains(&token), "{}", fatal[0].text);
    assert_eq!(session.progress.succeeded, 0);
    let sent = stage.sent().len();
    assert!(sent <= 16, "{sent} requests were sent with a token that is refused");
}

#[test]
fn an_expired_token_variable_is_not_sent() {
    let stage = Stage::new();
    let expired = stage.issue_token(Duration::ZERO);
    let error = refused(&stage.options().env("AZURE_ACCESS_TOKEN", &expired));
    assert_eq!(error["code"], "AuthenticationFailed");
    assert!(message(&error).contains("AZURE_ACCESS_TOKEN has expired"), "{error}");
    assert_eq!(stage.sent().len(), 0);
}

#[test]
fn a_token_variable_that_is_no_token_is_refused_at_once() {
    let stage = Stage::new();
    for value in ["two words", "line\nbreak", "snowman\u{2603}"] {
        let options = stage.options().env("AZURE_ACCESS_TOKEN", value);
        let (_, error) = Session::try_start(&options).err().expect("the session does not start");
        assert_eq!(error["code"], "CredentialUnavailable");
        assert!(
            message(&error).contains("AZURE_ACCESS_TOKEN") && !message(&error).contains(value),
            "{error}"
        );
    }
    let run = run(
        &stage.options().env("AZURE_ACCESS_TOKEN", stage.issue_token(HOUR)),
        [item(1)],
    );
    run.assert_all_succeeded();
}

#[test]
fn a_token_variable_that_expires_in_a_run_is_reported_as_that() {
    let stage = Stage::new();
    let token = stage.issue_token(Duration::from_secs(3));
    let session = Session::start(&stage.options().env("AZURE_ACCESS_TOKEN", &token));
    let (mut events, mut taken) = (Vec::new(), 0);
    let end = Instant::now() + DEADLINE;
    while session.feed(&item(1), &mut events) != Status::INVALID_STATE {
        taken += 1;
        assert!(Instant::now() < end, "the token never expires: {events:?}");
        let progress = || session.progress();
        events.extend(session.events_until(|| progress().succeeded == taken || progress().cancelled > 0));
    }
    events.extend(session.rest());
    let fatal = events
        .iter()
        .find(|event| event.kind == Kind::Fatal)
        .expect("as the loop says");
    assert_eq!(fatal.code(), "AuthenticationFailed");
    assert!(
        fatal.message().contains("AZURE_ACCESS_TOKEN has expired"),
        "{}",
        fatal.text
    );
    assert!(session.progress().succeeded > 1, "it was good at first");
}

#[test]
fn sessions_with_the_same_environment_ask_once() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    let options = stage.options().env("PATH", programs.folder());
    let sessions: Vec<Session> = (0..20).map(|_| Session::start(&options)).collect();
    for session in &sessions {
        session.submit(&item(1));
        session.finish();
    }
    for session in sessions {
        session.rest();
        assert_eq!(session.progress().succeeded, 1);
    }
    run(&options, [item(1)]).assert_all_succeeded();
    assert_eq!(programs.calls("az").len(), 1);
    // Another environment is another caller, whatever the variable is.
    run(&options.env("SOMETHING", "else"), [item(1)]).assert_all_succeeded();
    assert_eq!(programs.calls("az").len(), 2);
}

#[test]
fn another_account_that_signs_in_is_asked_for_at_once() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = stage
        .options()
        .env("PATH", programs.folder())
        .env("AZURE_CONFIG_DIR", folder.path().display());
    // As `az login` does each time.
    let sign_in = |account: &str| std::fs::write(folder.path().join("azureProfile.json"), account);
    for (account, calls) in [("one", 1), ("two", 2)] {
        sign_in(account).expect("the profile is written");
        for _ in 0..2 {
            run(&options, [item(1)]).assert_all_succeeded();
            assert_eq!(programs.calls("az").len(), calls, "{account}");
        }
    }
}
