//! Tokens that the caller of the ABI gives.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use test_support::{Event, Kind, Session, Status, item};

use crate::stage::{HOUR, Stage, TENANT, winner_of};

fn in_future(time: Duration) -> i64 {
    let end = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970") + time;
    end.as_secs().try_into().expect("a time in range")
}

/// The next token request, past everything else.
#[track_caller]
fn token_request(session: &Session) -> Event {
    loop {
        let event = session.event();
        if event.kind == Kind::TokenRequest {
            return event;
        }
    }
}

#[test]
fn the_caller_is_asked_once_and_again_after_a_refusal_by_the_service() {
    let stage = Stage::new();
    let session = Session::start(&stage.options().caller_credential().with("tenant", TENANT));
    for n in 1..=10 {
        session.submit(&item(n));
    }
    let request = token_request(&session);
    assert_eq!(request.json["audience"], stage.url());
    assert_eq!(request.json["tenant"], TENANT);
    assert_eq!(request.json["refresh"], false);
    assert_eq!(
        session.answer_token(request.number + 1, "x", 0),
        Status::INVALID_STATE,
        "nobody asked for that"
    );
    let token = stage.issue_token(HOUR);
    assert_eq!(
        session.answer_token(request.number, &token, in_future(HOUR)),
        Status::OK
    );
    assert_eq!(
        session.answer_token(request.number, &token, in_future(HOUR)),
        Status::INVALID_STATE,
        "answered already"
    );
    let mut events = session.events_until(|| session.progress().succeeded == 10);

    stage.expire_tokens();
    session.submit(&item(1));
    let request = token_request(&session);
    assert_eq!(request.json["refresh"], true);
    assert_eq!(
        session.answer_token(request.number, &stage.issue_token(HOUR), 0),
        Status::OK
    );
    session.finish();
    events.extend(session.rest());
    assert_eq!(session.progress().succeeded, 11);
    assert!(
        events.iter().all(|event| event.kind != Kind::TokenRequest),
        "{events:?}"
    );
    assert!(events.iter().all(|event| !event.text.contains(&token)));
}

#[test]
fn a_refusal_by_the_caller_ends_the_session_with_its_reason() {
    let stage = Stage::new();
    let session = Session::start(&stage.options().caller_credential());
    session.submit(&item(1));
    let request = token_request(&session);
    assert_eq!(
        session.refuse_token(request.number, "Run Connect-AzAccount to login."),
        Status::OK
    );
    let events = session.rest();
    let fatal = events
        .iter()
        .find(|event| event.kind == Kind::Fatal)
        .expect("the session failed");
    assert_eq!(fatal.code(), "AuthenticationFailed");
    assert!(
        fatal.message().contains("Run Connect-AzAccount to login."),
        "{}",
        fatal.message()
    );
    assert_eq!(stage.sent().len(), 0);
}

#[test]
fn an_expired_or_unusable_token_from_the_caller_is_not_sent() {
    for (token, expires_on, code) in [
        ("expired", 1_000_000_000, "AuthenticationFailed"),
        ("", 0, "CredentialUnavailable"),
        ("two\r\nlines", 0, "CredentialUnavailable"),
    ] {
        let stage = Stage::new();
        let session = Session::start(&stage.options().caller_credential());
        session.submit(&item(1));
        let request = token_request(&session);
        session.answer_token(request.number, token, expires_on);
        let events = session.rest();
        let fatal = events
            .iter()
            .find(|event| event.kind == Kind::Fatal)
            .expect("the session failed");
        assert_eq!(fatal.code(), code, "{}", fatal.text);
        assert_eq!(stage.sent().len(), 0);
    }
}

#[test]
fn an_old_token_is_used_while_the_caller_takes_its_time_with_the_next() {
    let stage = Stage::new();
    let session = Session::start(&stage.options().caller_credential());
    session.submit(&item(1));
    let request = token_request(&session);
    // Within its last five minutes and in the second half of its life as soon as a second has passed.
    let token = stage.issue_token(HOUR);
    session.answer_token(request.number, &token, in_future(Duration::from_secs(3)));
    let mut asked = None;
    let mut resets = 1;
    while asked.is_none() {
        session
            .events_until(|| session.progress().succeeded == resets)
            .into_iter()
            .for_each(|event| {
                if event.kind == Kind::TokenRequest {
                    asked = Some(event);
                }
            });
        if asked.is_none() {
            session.submit(&item(1));
            resets += 1;
        }
    }
    let asked = asked.expect("a renewal");
    assert_eq!(asked.json["refresh"], true);
    // It has not been answered, and the work goes on.
    session.submit(&item(2));
    session.events_until(|| session.progress().succeeded == resets + 1);
    session.answer_token(asked.number, &stage.issue_token(HOUR), in_future(HOUR));
    session.finish();
    let rest = session.rest();
    assert_eq!(session.progress().succeeded, resets + 1, "{rest:?}");
}

#[test]
fn cancelling_does_not_wait_for_the_caller() {
    let stage = Stage::new();
    let session = Session::start(&stage.options().caller_credential());
    session.submit(&item(1));
    let request = token_request(&session);
    session.cancel();
    let events = session.rest();
    assert!(
        events
            .iter()
            .any(|event| event.kind == Kind::Result && event.outcome() == "cancelled"),
        "{events:?}"
    );
    assert_eq!(session.answer_token(request.number, "late", 0), Status::INVALID_STATE);
}

#[test]
fn the_log_names_az_accounts() {
    let stage = Stage::new();
    let session = Session::start(&stage.options().caller_credential());
    session.submit(&item(1));
    let request = token_request(&session);
    session.answer_token(request.number, &stage.issue_token(HOUR), 0);
    session.finish();
    assert_eq!(winner_of(&session.rest()), "Az.Accounts");
}
