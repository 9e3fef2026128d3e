//! The C ABI keeps its word whatever it is given, from however many threads.

use std::ptr::{null, null_mut, without_provenance_mut};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use apim_emulator::{BucketSize, Config, Fault, FaultAction};
use serde_json::{Value, json};
use test_support::{
    DEADLINE, Event, Handle, Kind, Next, Options, Run, Session, Status, TestEmulator, describe, describe_text,
    functions, item, run,
};

const NOW: Duration = Duration::ZERO;

/// Handles that the library never gave.
fn made_up_handles() -> Vec<Handle> {
    let mut numbers = vec![
        1,
        7,
        8,
        4096,
        0xdead_beef,
        usize::MAX,
        usize::MAX - 15,
        isize::MAX as usize,
    ];
    numbers.extend((0..100).map(|_| fastrand_usize()));
    numbers.into_iter().map(without_provenance_mut).collect()
}

/// Odd, and the library's handles are even: never one of them.
fn fastrand_usize() -> usize {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as usize | 1
}

/// A session that is asked for tokens and sends nothing: its environment is empty.
fn idle_session() -> Session {
    Session::start(
        &Options::new()
            .with("credential", "caller")
            .with("endpoint", "http://127.0.0.1:9"),
    )
}

/// Every function that takes a session, called with a handle and good arguments otherwise.
fn calls_on(handle: Handle) -> Vec<(&'static str, Status)> {
    let f = functions();
    let text = "{}";
    let (mut kind, mut number, mut event, mut progress) = (0, 0, null_mut(), null_mut());
    // SAFETY: texts and outputs are good; what a handle that is none does is what is asked.
    unsafe {
        vec![
            (
                "submit",
                (f.apimbc_session_submit)(handle, text.as_ptr(), text.len(), 0),
            ),
            (
                "next",
                (f.apimbc_session_next)(handle, 0, &mut kind, &mut number, &mut event),
            ),
            ("progress", (f.apimbc_session_progress)(handle, &mut progress)),
            ("delivered", (f.apimbc_session_delivered)(handle, &mut number)),
            (
                "answer_token",
                (f.apimbc_session_answer_token)(handle, 1, text.as_ptr(), text.len(), 0),
            ),
            (
                "refuse_token",
                (f.apimbc_session_refuse_token)(handle, 1, text.as_ptr(), text.len()),
            ),
            ("finish", (f.apimbc_session_finish)(handle)),
            ("cancel", (f.apimbc_session_cancel)(handle)),
        ]
    }
}

#[track_caller]
fn assert_each(handle: Handle, expected: Status) {
    for (call, status) in calls_on(handle) {
        assert_eq!(status, expected, "{call} with {handle:?}");
    }
}

#[test]
fn a_null_session_is_a_null_argument() {
    assert_each(null_mut(), Status::NULL_ARGUMENT);
    // SAFETY: NULL may be freed.
    unsafe { (functions().apimbc_session_free)(null_mut()) };
}

#[test]
fn a_made_up_session_is_an_invalid_argument() {
    for handle in made_up_handles() {
        assert_each(handle, Status::INVALID_ARGUMENT);
        // SAFETY: a handle that is none may be freed: it does nothing.
        unsafe { (functions().apimbc_session_free)(handle) };
    }
}

#[test]
fn a_freed_session_is_an_invalid_argument_and_may_be_freed_again() {
    let session = idle_session();
    let handle = session.handle();
    drop(session);
    assert_each(handle, Status::INVALID_ARGUMENT);
    for _ in 0..3 {
        // SAFETY: freeing what was freed does nothing.
        unsafe { (functions().apimbc_session_free)(handle) };
    }
}

#[test]
fn buffers_that_are_none_are_empty_and_may_be_freed() {
    let f = functions();
    for handle in made_up_handles().into_iter().chain([null_mut()]) {
        // SAFETY: a handle is looked up, never followed.
        unsafe {
            assert!((f.apimbc_buffer_data)(handle).is_null());
            assert_eq!((f.apimbc_buffer_length)(handle), 0);
            (f.apimbc_buffer_free)(handle);
        }
    }
}

#[test]
fn a_buffer_lasts_until_it_is_freed() {
    let f = functions();
    let mut version = null_mut();
    // SAFETY: the output is a place for a handle; the buffer is read while it is there.
    unsafe {
        assert_eq!((f.apimbc_version)(&mut version), Status::OK);
        let (data, length) = ((f.apimbc_buffer_data)(version), (f.apimbc_buffer_length)(version));
        let text = std::slice::from_raw_parts(data, length);
        assert_eq!(text, env!("CARGO_PKG_VERSION").as_bytes());
        assert_eq!((f.apimbc_buffer_data)(version), data, "its bytes stay where they are");
        (f.apimbc_buffer_free)(version);
        assert!((f.apimbc_buffer_data)(version).is_null());
        assert_eq!((f.apimbc_buffer_length)(version), 0);
        (f.apimbc_buffer_free)(version);
        assert_eq!((f.apimbc_version)(null_mut()), Status::NULL_ARGUMENT);
    }
}

#[test]
fn buffers_and_sessions_are_not_mistaken_for_each_other() {
    let session = idle_session();
    let f = functions();
    let mut buffers = vec![null_mut(); 100];
    // SAFETY: the outputs are places for handles, and each buffer is freed once.
    unsafe {
        for buffer in &mut buffers {
            assert_eq!((f.apimbc_version)(buffer), Status::OK);
        }
        (f.apimbc_buffer_free)(session.handle());
        for buffer in buffers {
            (f.apimbc_buffer_free)(buffer);
        }
    }
    assert_eq!(session.progress().submitted, 0, "the session is still there");
}

#[test]
fn a_handle_of_the_other_kind_is_none_of_this_one() {
    let f = functions();
    let sessions: Vec<Session> = (0..50).map(|_| idle_session()).collect();
    let mut buffers = vec![null_mut(); 50];
    for buffer in &mut buffers {
        // SAFETY: the output is a place for a handle.
        assert_eq!(unsafe { (f.apimbc_version)(buffer) }, Status::OK);
    }
    for buffer in &buffers {
        assert_each(*buffer, Status::INVALID_ARGUMENT);
        // SAFETY: freeing what is no session does nothing.
        unsafe { (f.apimbc_session_free)(*buffer) };
    }
    for session in &sessions {
        // SAFETY: a handle is looked up, never followed.
        unsafe {
            assert_eq!((f.apimbc_buffer_length)(session.handle()), 0);
            (f.apimbc_buffer_free)(session.handle());
        }
        assert_eq!(session.finish(), Status::OK, "the session is still there");
    }
    for buffer in buffers {
        // SAFETY: it is freed once.
        unsafe {
            assert!((f.apimbc_buffer_length)(buffer) > 0, "the buffer is still there");
            (f.apimbc_buffer_free)(buffer);
        }
    }
}

/// Texts that cannot be read, and the status for each.
fn wrong_texts() -> Vec<(&'static str, *const u8, usize, Status)> {
    let byte = b"x".as_ptr();
    vec![
        ("NULL with a length", null(), 1, Status::NULL_ARGUMENT),
        ("NULL with a huge length", null(), usize::MAX, Status::NULL_ARGUMENT),
        ("a length beyond memory", byte, usize::MAX, Status::INVALID_ARGUMENT),
        (
            "a length just beyond memory",
            byte,
            isize::MAX as usize + 1,
            Status::INVALID_ARGUMENT,
        ),
        ("half a character", b"\"\xc3".as_ptr(), 2, Status::INVALID_UTF8),
        ("a surrogate", b"\xed\xa0\x80".as_ptr(), 3, Status::INVALID_UTF8),
        ("UTF-16", b"{\x00\xff\xfe".as_ptr(), 4, Status::INVALID_UTF8),
    ]
}

#[test]
fn texts_that_cannot_be_read_get_a_status_and_no_error() {
    let f = functions();
    let session = idle_session();
    let handle = session.handle();
    for (what, data, length, expected) in wrong_texts() {
        let (mut error, mut started) = (null_mut(), null_mut());
        let mut description = null_mut();
        // SAFETY: where the pointer is not NULL and the length can be, the bytes are there; the other lengths are what
        // is asked, and are refused before a byte is read.
        let statuses = unsafe {
            [
                (f.apimbc_item_describe)(data, length, &mut description, &mut error),
                (f.apimbc_item_describe)(data, length, null_mut(), null_mut()),
                (f.apimbc_session_new)(data, length, null(), 0, &mut started, &mut error),
                (f.apimbc_session_new)(data, length, null(), 0, &mut started, null_mut()),
                (f.apimbc_session_new)(null(), 0, data, length, &mut started, &mut error),
                (f.apimbc_session_submit)(handle, data, length, 0),
                (f.apimbc_session_answer_token)(handle, 1, data, length, 0),
                (f.apimbc_session_refuse_token)(handle, 1, data, length),
            ]
        };
        assert_eq!(statuses, [expected; 8], "{what}");
        assert!(
            error.is_null() && started.is_null() && description.is_null(),
            "{what}: outputs are written only when there is something"
        );
    }
    assert_eq!(session.progress().submitted, 0);
}

#[test]
fn missing_outputs_are_null_arguments() {
    let f = functions();
    let session = idle_session();
    let handle = session.handle();
    let (mut kind, mut number, mut event, mut error) = (0, 0, null_mut(), null_mut());
    // SAFETY: each pointer is NULL or good.
    unsafe {
        let next = f.apimbc_session_next;
        assert_eq!(
            next(handle, 0, null_mut(), &mut number, &mut event),
            Status::NULL_ARGUMENT
        );
        assert_eq!(
            next(handle, 0, &mut kind, null_mut(), &mut event),
            Status::NULL_ARGUMENT
        );
        assert_eq!(
            next(handle, 0, &mut kind, &mut number, null_mut()),
            Status::NULL_ARGUMENT
        );
        assert_eq!((f.apimbc_session_progress)(handle, null_mut()), Status::NULL_ARGUMENT);
        assert_eq!((f.apimbc_session_delivered)(handle, null_mut()), Status::NULL_ARGUMENT);
        assert_eq!(
            (f.apimbc_session_new)(b"{}".as_ptr(), 2, null(), 0, null_mut(), &mut error),
            Status::NULL_ARGUMENT
        );
        assert!(error.is_null());
    }
}

#[test]
fn an_event_is_not_lost_to_a_call_that_could_not_take_it() {
    let session = idle_session();
    session.submit(&json!({}));
    let (mut number, mut event) = (0, null_mut());
    // SAFETY: each pointer is NULL or good.
    let status = unsafe { (functions().apimbc_session_next)(session.handle(), 0, null_mut(), &mut number, &mut event) };
    assert_eq!(status, Status::NULL_ARGUMENT);
    assert_eq!(session.next(NOW).event().outcome(), "failed");
}

#[test]
fn progress_has_names() {
    let session = idle_session();
    session.submit(&json!({}));
    session.submit(&item(2));
    let progress = session.progress();
    assert_eq!((progress.submitted, progress.delivered, progress.failed), (2, 0, 1));
    assert_eq!(
        (progress.wait_reason.clone(), progress.time_left_ms, progress.outage_ms),
        (None, None, 0)
    );
    let pending = json!({
        "index": 1, "backendId": "2", "service": "contoso", "resourceGroup": "Api-Default-WestUS",
    });
    assert_eq!(
        progress.first_pending,
        Some(pending.clone()),
        "the bad item has its result"
    );
    assert_eq!(session.delivered(), 0);
    // A token is asked for, too; which comes first is the scheduler's.
    session.events_until(|| session.delivered() == 1);
    assert_eq!((session.delivered(), session.progress().delivered), (1, 1));
    assert_eq!(session.cancel(), Status::OK);
    let end = session.progress();
    assert_eq!(
        (end.cancelled, end.cancelled_not_done, end.cancelled_unknown),
        (1, 1, 0)
    );
    assert_eq!(end.first_pending, Some(pending), "the first cancelled one");
}

#[test]
fn options_that_cannot_be_used_are_refused_with_the_reason() {
    let with = |name: &str, value: &str| ("{}", format!("{name}={value}"));
    let plain = |options| (options, String::new());
    for ((options, environment), code, says) in [
        (plain("no JSON"), "InvalidOptions", "line 1, column"),
        (plain("[]"), "InvalidOptions", "JSON object"),
        (plain("{"), "InvalidOptions", "JSON object"),
        (plain(r#"{"endpont":"x"}"#), "InvalidOptions", "'endpont'"),
        (plain(r#"{"environment":{}}"#), "InvalidOptions", "'environment'"),
        (plain(r#"{"endpoint":1}"#), "InvalidOptions", "'endpoint' is a number"),
        (
            plain(r#"{"credential":"nobody"}"#),
            "InvalidOptions",
            r#""environment" or "caller""#,
        ),
        (
            plain(r#"{"trace":"loud"}"#),
            "InvalidOptions",
            r#""none", "verbose" or "debug""#,
        ),
        (
            plain(r#"{"successEvents":"yes"}"#),
            "InvalidOptions",
            "'successEvents' is a string",
        ),
        (with("AZAPIM_WINDOW", "0"), "InvalidOptions", "AZAPIM_WINDOW"),
        (with("AZAPIM_WINDOW", "1025"), "InvalidOptions", "1025"),
        (with("AZAPIM_TIMEOUT_SECONDS", "soon"), "InvalidOptions", "soon"),
        (with("AZAPIM_TRIES", "-1"), "InvalidOptions", "AZAPIM_TRIES"),
        (
            with("SSL_CERT_FILE", "no/such/file.pem"),
            "InvalidOptions",
            "no/such/file.pem",
        ),
        (
            with("AZURE_RESOURCE_MANAGER_ENDPOINT", "nowhere"),
            "InvalidEndpoint",
            "nowhere",
        ),
        (
            with("AZURE_RESOURCE_MANAGER_ENDPOINT", "http://example.com"),
            "InsecureEndpoint",
            "https",
        ),
        (
            with("AZURE_ACCESS_TOKEN", "two words"),
            "CredentialUnavailable",
            "AZURE_ACCESS_TOKEN",
        ),
    ] {
        let Err((status, error)) = Session::try_start_in(options, Some(&environment)) else {
            panic!("a session started with {options}");
        };
        let expected = match code {
            "InvalidOptions" | "InvalidEndpoint" => Status::INVALID_ARGUMENT,
            _ => Status::FAILED,
        };
        assert_eq!(
            (status, error["code"].as_str()),
            (expected, Some(code)),
            "{options}: {error}"
        );
        assert_eq!(error["fatal"], true, "{error}");
        let message = error["message"].as_str().expect("an error has a message");
        assert!(message.contains(says), "{says} is not in {message}");
    }
}

#[test]
fn options_that_hold_secrets_are_not_quoted() {
    let secret = "hunter2-in-the-options";
    for (options, environment) in [
        ("{}".into(), format!("HTTPS_PROXY=ftp://user:{secret}@proxy")),
        ("{}".into(), format!("AZURE_ACCESS_TOKEN=two words {secret}")),
        (
            "{}".into(),
            format!("AZURE_RESOURCE_MANAGER_ENDPOINT=https://user:{secret}@host"),
        ),
        ("[]".into(), format!("A=1\0{secret}")),
        (format!(r#"{{"tenant":["{secret}"]}}"#), String::new()),
        (format!(r#"{{"trace":"{secret}"}}"#), String::new()),
        (format!(r#"{{"environment":"{secret}"}}"#), String::new()),
        (format!(r#"{{"{secret}":1}}"#), String::new()),
    ] {
        let Err((_, error)) = Session::try_start_in(&options, Some(&environment)) else {
            panic!("a session started with {options}");
        };
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

#[test]
fn an_item_is_checked_without_a_session() {
    assert_eq!(
        describe(&item(1)).map(|it| it["action"].clone()),
        Ok(json!("Reset connection"))
    );
    for (text, code) in [
        ("", "InvalidItem"),
        ("no JSON", "InvalidItem"),
        ("[]", "InvalidItem"),
        (r#"{"id":1}"#, "InvalidItem"),
        (r#"{"idd":"x"}"#, "InvalidItem"),
        (r#"{"id":"x"} trailing"#, "InvalidItem"),
        (r#"{"id":"x","id":"y"}"#, "InvalidItem"),
        (r#"{"id":"x"}"#, "InvalidResourceId"),
        ("{}", "InvalidResourceGroupName"),
    ] {
        let error = describe_text(text).expect_err("it is refused");
        assert_eq!(error["code"], code, "{text}: {error}");
        assert_eq!(
            (&error["category"], &error["fatal"]),
            (&json!("InvalidArgument"), &json!(false)),
            "{text}"
        );
    }
}

#[test]
fn deeply_nested_and_huge_texts_are_refused_not_fatal() {
    let deep = "[".repeat(200_000);
    let huge = format!(r#"{{"id":"{}"}}"#, "x".repeat(8 * 1024 * 1024));
    for text in [deep.as_str(), &format!(r#"{{"settings":{deep}"#), &huge] {
        assert!(describe_text(text).is_err());
        assert!(Session::try_start_in(text, Some("")).is_err());
    }
}

#[test]
fn any_thread_may_do_anything_at_once() {
    let emulator = TestEmulator::with_backends(100);
    let session = Session::start(&emulator.options().window(4));
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (session, start) = (&session, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..50 {
                    match (thread + round) % 5 {
                        0 => drop(session.offer(&item(round + 1), NOW)),
                        1 => drop(session.next(NOW)),
                        2 => drop(session.offer_text("garbage", NOW)),
                        3 => drop(session.progress()),
                        _ => {
                            assert_eq!(session.answer_token(round, "token", 0), Status::INVALID_STATE);
                            let foreign = Session::start(&Options::new().with("credential", "caller"));
                            assert_eq!(foreign.cancel(), Status::OK);
                            assert!(describe_text("garbage").is_err());
                        }
                    }
                }
            });
        }
    });
    let submitted = session.progress().submitted;
    assert!(submitted > 0);
    assert_eq!(session.finish(), Status::OK);
    session.rest();
    let end = session.progress();
    assert_eq!(
        (end.delivered, end.succeeded + end.failed),
        (submitted, submitted),
        "{end:?}"
    );
}

#[test]
fn threads_may_free_a_session_that_others_use() {
    let emulator = TestEmulator::with_backends(10);
    for _ in 0..20 {
        let session = Session::start(&emulator.options());
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (session, start) = (&session, &start);
                scope.spawn(move || {
                    start.wait();
                    if thread == 0 {
                        // SAFETY: that a session may be freed at any time is what is asked.
                        unsafe { (functions().apimbc_session_free)(session.handle()) };
                        return;
                    }
                    for number in 1..10 {
                        let (text, f) = (item(number).to_string(), functions());
                        // SAFETY: the text lives through the call.
                        let status =
                            unsafe { (f.apimbc_session_submit)(session.handle(), text.as_ptr(), text.len(), 0) };
                        let known = [Status::OK, Status::READY, Status::PENDING, Status::INVALID_STATE];
                        assert!(
                            known.contains(&status) || status == Status::INVALID_ARGUMENT,
                            "{status:?}"
                        );
                    }
                });
            }
        });
    }
}

/// An emulator whose first backend never answers.
fn stalled() -> TestEmulator {
    let emulator = TestEmulator::with_backends(9);
    emulator.add_fault(Fault::new("/backends/1/", FaultAction::Stall).times(u32::MAX));
    emulator
}

#[test]
fn freeing_a_session_wakes_whoever_waits_for_its_events() {
    let emulator = stalled();
    // Its request goes on for much longer than is waited here.
    let session = Session::start(&emulator.options().timeout_seconds(3600));
    session.submit(&item(1));
    session.events_until(|| emulator.stats().running == 1);
    let begun = Barrier::new(2);
    let (status, kind) = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let (mut kind, mut number, mut event) = (0, 0, null_mut());
            begun.wait();
            // SAFETY: the outputs are places for their types.
            let status = unsafe {
                (functions().apimbc_session_next)(session.handle(), 20_000, &mut kind, &mut number, &mut event)
            };
            // SAFETY: a buffer, or NULL.
            unsafe { (functions().apimbc_buffer_free)(event) };
            (status, kind)
        });
        begun.wait();
        // SAFETY: that a session may be freed at any time is what is asked.
        unsafe { (functions().apimbc_session_free)(session.handle()) };
        waiting.join().expect("next returns")
    });
    // Which comes first is the scheduler's: the session is gone, or the cancelled item is given.
    assert!(
        matches!((status, kind), (Status::INVALID_ARGUMENT, 0) | (Status::OK, 1)),
        "{status:?} {kind}"
    );
}

#[test]
fn freeing_a_session_ends_its_requests() {
    let emulator = stalled();
    let session = Session::start(&emulator.options());
    session.submit(&item(1));
    session.events_until(|| emulator.stats().running == 1);
    drop(session);
    let other = idle_session();
    other.events_until(|| emulator.stats().running == 0);
}

#[test]
fn results_come_in_input_order_though_answers_do_not() {
    let emulator = TestEmulator::with_backends(9);
    for number in 1..9 {
        let late = FaultAction::Latency(Duration::from_millis(10 * (9 - number)));
        emulator.add_fault(Fault::new(format!("/backends/{number}/"), late));
    }
    let items = (1..10)
        .map(item)
        .chain([json!({ "id": "bad" })])
        .chain([item("missing")]);
    let run = run(&emulator.options(), items);
    let outcomes: Vec<&str> = run.results().into_iter().map(Event::outcome).collect();
    assert_eq!(outcomes[..9], ["succeeded"; 9]);
    assert_eq!(outcomes[9..], ["failed"; 2]);
    assert_eq!((run.progress.succeeded, run.progress.failed), (9, 2));
}

#[test]
fn plain_successes_give_no_event_when_they_are_not_wanted() {
    let emulator = TestEmulator::with_backends(9);
    let mut with_output = item(3);
    with_output["passThru"] = true.into();
    let items = [item(1), item("missing"), item(2), with_output, item(4)];
    let run = run(&emulator.options().with("successEvents", false), items);
    let results: Vec<(u64, &str)> = run
        .of(Kind::Result)
        .into_iter()
        .map(|e| (e.number, e.outcome()))
        .collect();
    assert_eq!(results, [(1, "failed"), (3, "succeeded")]);
    assert_eq!((run.progress.delivered, run.progress.succeeded), (5, 4));
}

#[test]
fn an_item_without_room_is_not_parsed() {
    let emulator = stalled();
    let session = Session::start(&emulator.options().window(1));
    session.submit(&item(1));
    session.events_until(|| emulator.stats().running == 1);
    while session.offer(&item(1), NOW) == Status::OK {}
    let large = format!(r#"{{"id":"{}"}}"#, r"\u0041".repeat(200_000));
    let time = |call: &dyn Fn()| {
        let began = Instant::now();
        (0..20).for_each(|_| call());
        began.elapsed()
    };
    let parsed = time(&|| drop(describe_text(&large)));
    let offered = time(&|| assert_eq!(session.offer_text(&large, NOW), Status::PENDING));
    assert!(offered < parsed / 4, "{offered:?} against {parsed:?}");
}

#[test]
fn a_caller_that_takes_no_events_does_not_spin() {
    let emulator = TestEmulator::start(Config {
        backends: 1,
        latency: Duration::from_millis(2),
        ..Config::default()
    });
    // Each request makes events of the log, which nobody takes.
    let options = emulator.options().window(1).trace("debug").with("successEvents", false);
    let session = Session::start(&options);
    let mut calls = 0;
    for _ in 0..200 {
        loop {
            calls += 1;
            match session.offer(&item(1), DEADLINE) {
                Status::OK | Status::READY => break,
                Status::PENDING => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(calls <= 210, "{calls} calls for 200 items");
}

#[test]
fn a_session_ends_when_it_is_finished_and_everything_is_taken() {
    let emulator = TestEmulator::with_backends(9);
    let session = Session::start(&emulator.options());
    assert!(matches!(session.next(NOW), Next::Pending));
    session.submit(&item(1));
    assert_eq!(session.event().outcome(), "succeeded");
    assert!(matches!(session.next(NOW), Next::Pending), "more may come");
    assert_eq!(session.finish(), Status::OK);
    assert!(matches!(session.next(NOW), Next::Done));
    assert!(matches!(session.next(NOW), Next::Done), "and so it stays");
    assert_eq!(session.finish(), Status::INVALID_STATE);
    assert_eq!(session.offer(&item(1), NOW), Status::INVALID_STATE);
    assert_eq!(session.cancel(), Status::OK);
    assert!(matches!(session.next(NOW), Next::Done));
}

#[test]
fn a_session_without_items_asks_and_sends_nothing() {
    let emulator = TestEmulator::with_backends(1);
    let run = run(&emulator.options().caller_credential(), []);
    assert!(run.events.is_empty(), "{:?}", run.events);
    assert!(emulator.journal().is_empty());
}

#[test]
fn a_token_is_asked_for_once_and_used_for_all() {
    let emulator = TestEmulator::start(Config {
        backends: 50,
        require_tokens: vec!["the-token".into()],
        ..Config::default()
    });
    let options = emulator
        .options()
        .caller_credential()
        .with("tenant", "a-tenant")
        .with("audience", "https://audience/");
    let session = Session::start(&options);
    for number in 1..=50 {
        session.submit(&item(number));
    }
    let asked = session.event();
    assert_eq!(asked.kind, Kind::TokenRequest);
    assert_eq!(
        asked.json,
        json!({ "audience": "https://audience", "tenant": "a-tenant", "refresh": false })
    );
    assert_eq!(
        session.answer_token(asked.number + 1, "the-token", 0),
        Status::INVALID_STATE,
        "no such request"
    );
    assert_eq!(session.answer_token(asked.number, "the-token", 0), Status::OK);
    assert_eq!(
        session.answer_token(asked.number, "the-token", 0),
        Status::INVALID_STATE,
        "it was answered"
    );
    assert_eq!(session.refuse_token(asked.number, "late"), Status::INVALID_STATE);
    assert_eq!(session.finish(), Status::OK);
    let rest = session.rest();
    assert_eq!(rest.len(), 50);
    assert!(rest.iter().all(|event| event.outcome() == "succeeded"), "{rest:?}");
    assert_eq!(emulator.stats().bad_tokens, 0);
}

#[test]
fn a_refused_token_ends_the_session_and_sends_nothing() {
    let emulator = TestEmulator::with_backends(9);
    let session = Session::start(&emulator.options().caller_credential());
    for number in 1..=3 {
        session.submit(&item(number));
    }
    let asked = session.event();
    assert_eq!(
        session.refuse_token(asked.number, "Run Connect-AzAccount to login."),
        Status::OK
    );
    let fatal = session.event();
    assert_eq!((fatal.kind, fatal.code()), (Kind::Fatal, "AuthenticationFailed"));
    assert!(fatal.message().contains("Run Connect-AzAccount to login."), "{fatal:?}");
    let rest = session.rest_at_once();
    assert_eq!(rest.len(), 3);
    for (number, result) in rest.iter().enumerate() {
        assert_eq!(result.number, number as u64);
        assert_eq!(result.json, cancelled("notDone"));
    }
    assert_eq!(session.offer(&item(4), NOW), Status::INVALID_STATE);
    assert!(emulator.journal().is_empty());
}

#[test]
fn tokens_that_are_none_end_the_session() {
    for token in ["", "two words", "line\nbreak", "ünicode"] {
        let emulator = TestEmulator::with_backends(1);
        let session = Session::start(&emulator.options().caller_credential());
        session.submit(&item(1));
        let asked = session.event();
        assert_eq!(session.answer_token(asked.number, token, 0), Status::OK);
        let fatal = session.event();
        assert_eq!(
            (fatal.kind, fatal.code()),
            (Kind::Fatal, "CredentialUnavailable"),
            "{token:?}"
        );
        assert!(emulator.journal().is_empty());
    }
}

#[test]
fn the_end_of_a_token_may_be_any_number() {
    for (expires_on, good) in [(i64::MIN, true), (-1, true), (0, true), (1, false), (i64::MAX, true)] {
        let emulator = TestEmulator::with_backends(1);
        let session = Session::start(&emulator.options().caller_credential());
        session.submit(&item(1));
        let asked = session.event();
        assert_eq!(session.answer_token(asked.number, "token", expires_on), Status::OK);
        let event = session.event();
        if good {
            assert_eq!(event.outcome(), "succeeded", "{expires_on}");
        } else {
            assert_eq!(
                (event.kind, event.code()),
                (Kind::Fatal, "AuthenticationFailed"),
                "{expires_on}"
            );
        }
    }
}

#[test]
fn a_token_request_ends_with_its_session() {
    let emulator = TestEmulator::with_backends(1);
    let session = Session::start(&emulator.options().caller_credential());
    session.submit(&item(1));
    let asked = session.event();
    assert_eq!(session.cancel(), Status::OK);
    assert_eq!(session.answer_token(asked.number, "token", 0), Status::INVALID_STATE);
    assert_eq!(session.rest_at_once().len(), 1);
    assert!(emulator.journal().is_empty());
}

/// The result of a cancelled reset, and what is known of it.
fn cancelled(reset: &str) -> Value {
    json!({ "outcome": "cancelled", "reset": reset })
}

/// The results' JSON, in order.
fn outcomes(events: &[Event]) -> Vec<Value> {
    events.iter().map(|event| event.json.clone()).collect()
}

#[test]
fn cancel_takes_effect_at_once_in_a_stalled_request() {
    let emulator = stalled();
    let session = Session::start(&emulator.options().window(1));
    for number in [2, 1, 3, 4] {
        session.submit(&item(number));
    }
    let before = session.events_until(|| emulator.stats().running == 1 && session.progress().succeeded == 1);
    assert_eq!(session.cancel(), Status::OK);
    // No waiting: what cancel did is there when it returns. The server never answers, so nothing else could be.
    let events = [before, session.rest_at_once()].concat();
    let succeeded = json!({ "outcome": "succeeded", "attempts": 1 });
    assert_eq!(
        outcomes(&events),
        [
            succeeded,
            cancelled("unknown"),
            cancelled("notDone"),
            cancelled("notDone")
        ]
    );
    let end = session.progress();
    assert_eq!((end.submitted, end.delivered, end.succeeded, end.failed), (4, 4, 1, 0));
    assert_eq!(
        (end.cancelled, end.cancelled_not_done, end.cancelled_unknown),
        (3, 2, 1)
    );
    assert_eq!((end.in_flight, end.queued), (0, 0));
    assert_eq!(emulator.journal().len(), 2, "what was not sent stays so");
    session.events_until(|| emulator.stats().running == 0);
    assert_eq!(session.cancel(), Status::OK, "once more does nothing");
    assert_eq!(session.finish(), Status::INVALID_STATE);
}

#[test]
fn cancel_takes_effect_at_once_while_the_throttle_is_waited_for() {
    let emulator = TestEmulator::start(Config {
        backends: 9,
        write_bucket: Some(BucketSize {
            capacity: 2,
            refill_per_second: 0.001,
        }),
        ..Config::default()
    });
    let session = Session::start(&emulator.options());
    for number in 1..=9 {
        session.submit(&item(number));
    }
    let before = session.events_until(|| session.progress().succeeded == 2 && session.progress().waiting == 7);
    assert!(session.progress().wait_ms > 0);
    assert_eq!(session.cancel(), Status::OK);
    let events = [before, session.rest_at_once()].concat();
    assert_eq!(outcomes(&events)[2..], vec![cancelled("notDone"); 7]);
    assert_eq!(session.progress().waiting, 0);
}

#[test]
fn cancel_takes_effect_at_once_in_a_pause_before_a_retry() {
    let emulator = TestEmulator::with_backends(9);
    let answer = apim_emulator::InjectedAnswer {
        status: 503,
        retry_after: Some("3600".into()),
        ..Default::default()
    };
    emulator.add_fault(Fault::new("", FaultAction::Answer(answer)));
    let session = Session::start(&emulator.options());
    session.submit(&item(1));
    session.events_until(|| session.progress().retries == 1);
    assert_eq!(session.progress().queued, 1);
    assert_eq!(session.cancel(), Status::OK);
    // A request of it went out, so it is not called unsent, although the service refused it.
    assert_eq!(outcomes(&session.rest_at_once()), [cancelled("unknown")]);
}

#[test]
fn an_item_whose_settings_were_changed_counts_as_sent() {
    let emulator = TestEmulator::with_backends(9);
    emulator.add_fault(Fault::new("/reconnect", FaultAction::Stall));
    let session = Session::start(&emulator.options());
    let mut changed = item(1);
    changed["settings"] = json!({ "protocol": "http" });
    session.submit(&changed);
    session.events_until(|| emulator.journal().len() == 2);
    assert_eq!(session.cancel(), Status::OK);
    let known = json!({ "outcome": "cancelled", "settings": "done", "reset": "unknown" });
    assert_eq!(outcomes(&session.rest_at_once()), [known]);
    let end = session.progress();
    assert_eq!(
        (
            end.cancelled_settings_done,
            end.cancelled_unknown,
            end.cancelled_not_done
        ),
        (0, 1, 0)
    );
}

#[test]
fn cancel_wakes_whoever_waits() {
    let emulator = stalled();
    let session = Session::start(&emulator.options().window(1));
    session.submit(&item(1));
    session.events_until(|| emulator.stats().running == 1);
    // As many as there is room for.
    while session.offer(&item(2), NOW) == Status::OK {}
    let begun = Barrier::new(3);
    thread::scope(|scope| {
        let submitting = scope.spawn(|| {
            begun.wait();
            session.offer(&item(3), DEADLINE)
        });
        let taking = scope.spawn(|| {
            begun.wait();
            session.event()
        });
        begun.wait();
        assert_eq!(session.cancel(), Status::OK);
        assert_eq!(submitting.join().expect("submit returns"), Status::INVALID_STATE);
        assert_eq!(taking.join().expect("next returns").json, cancelled("unknown"));
    });
}

#[test]
fn sessions_live_beside_each_other() {
    let emulators = [
        TestEmulator::with_backends(20),
        TestEmulator::start(Config {
            backends: 20,
            tls: true,
            ..Config::default()
        }),
    ];
    thread::scope(|scope| {
        for thread in 0..6 {
            let emulator = &emulators[thread % 2];
            scope.spawn(move || {
                let run: Run = run(&emulator.options(), (1..=20).map(item));
                run.assert_all_succeeded();
            });
        }
    });
    for emulator in emulators {
        assert_eq!(emulator.journal().len(), 60);
    }
}
