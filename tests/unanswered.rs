//! Requests whose answer is lost, or is none that the service documents, and an endpoint that stops answering: what
//! is sent again, and what the caller is told.

use std::time::Duration;

use apim_emulator::{Fault, FaultAction, Outage, OutageKind};
use serde_json::{Value, json};
use test_support::{CannedServer, Kind, Options, TestEmulator, item, random_token, run};

fn with_settings(backend: u32) -> Value {
    let mut item = item(backend);
    item["settings"] = json!({ "protocol": "http" });
    item
}

/// The states that an error's data has: of the settings, of the reset.
fn states(error: &Value) -> (&Value, &Value) {
    (&error["data"]["SettingsState"], &error["data"]["ResetState"])
}

mod lost_answers {
    use super::*;

    #[test]
    fn leave_a_reset_unknown() {
        let emulator = TestEmulator::with_backends(9);
        emulator.add_fault(Fault::new("/reconnect", FaultAction::Lost).times(u32::MAX));
        let run = run(&emulator.options().tries(3), [item(1)]);
        let error = run.result().error();
        assert_eq!(states(error), (&Value::Null, &json!("unknown")));
        assert_eq!(
            (&error["data"]["ResetDone"], &error["data"]["Attempts"]),
            (&json!(false), &json!(3))
        );
        let text = error["text"].as_str().expect("a text");
        assert!(text.contains("whether its connection was reset is unknown"), "{text}");
        assert_eq!(emulator.journal().len(), 3);
    }

    #[test]
    fn leave_settings_unknown_and_send_no_reset() {
        let emulator = TestEmulator::with_backends(9);
        emulator.add_fault(Fault::new("", FaultAction::Lost).method("PATCH").times(u32::MAX));
        let run = run(&emulator.options().tries(2), [with_settings(1)]);
        assert_eq!(states(run.result().error()), (&json!("unknown"), &json!("notDone")));
        assert!(emulator.journal().iter().all(|entry| entry.method == "PATCH"));
    }

    #[test]
    fn stay_unknown_when_a_later_try_is_refused() {
        let emulator = TestEmulator::with_backends(9);
        emulator.add_fault(Fault::new("/reconnect", FaultAction::Lost));
        let refusal = apim_emulator::InjectedAnswer {
            status: 404,
            code: Some("ResourceNotFound".into()),
            ..Default::default()
        };
        emulator.add_fault(Fault::new("/reconnect", FaultAction::Answer(refusal)));
        let run = run(&emulator.options(), [item(1)]);
        let error = run.result().error();
        assert_eq!(
            (&error["code"], states(error).1),
            (&json!("ResourceNotFound"), &json!("unknown"))
        );
    }

    #[test]
    fn are_made_good_by_another_try_and_counted() {
        let emulator = TestEmulator::with_backends(9);
        emulator.add_fault(Fault::new("/reconnect", FaultAction::Lost));
        let run = run(&emulator.options().trace("verbose"), [item(1)]);
        run.assert_all_succeeded();
        assert_eq!(run.result().json["attempts"], 2);
        let log = run.log().join("\n");
        assert!(log.contains("accepted after 2 attempts"), "{log}");
        assert_eq!(emulator.journal().len(), 2);
    }
}

#[test]
fn answers_that_nobody_documents_are_no_success_and_not_sent_again() {
    // A proxy's sign-in page, an older API, a redirect.
    for status in ["200 OK", "201 Created", "204 No Content", "302 Found"] {
        let server = CannedServer::start(move |_, _| CannedServer::answer(status, &[], "<html>Sign in</html>"));
        let run = run(&server.options(), (1..=5).map(item));
        for result in run.results() {
            let error = result.error();
            assert_eq!(
                (&error["code"], states(error).1),
                (&json!("InvalidResponse"), &json!("unknown")),
                "{status}"
            );
            assert!(result.message().contains("proxy"), "{error}");
        }
        assert_eq!(server.received().len(), 5, "{status}");
    }
}

mod outages {
    use super::*;

    #[test]
    fn fail_no_item_and_are_reported() {
        for kind in [OutageKind::Reset, OutageKind::Refuse] {
            let emulator = TestEmulator::with_backends(500);
            emulator.plan_outage(Outage {
                after_requests: 200,
                length: Duration::from_secs(2),
                kind,
            });
            let run = run(&emulator.options().trace("verbose"), (1..=500).map(item));
            run.assert_all_succeeded();
            let log = run.log().join("\n");
            assert!(log.contains("has stopped answering"), "{kind:?}: {log}");
            assert!(log.contains("answers again"), "{kind:?}: {log}");
        }
    }
}

#[test]
fn an_endpoint_that_was_never_reached_ends_the_session_after_five_attempts() {
    let nobody = TestEmulator::with_backends(1).url().to_owned();
    let options = Options::new()
        .with("endpoint", nobody)
        .env("AZURE_ACCESS_TOKEN", random_token());
    let run = run(&options.trace("verbose"), (1..=200).map(item));
    let fatal = run.of(Kind::Fatal);
    assert_eq!(fatal.len(), 1, "{:?}", run.events);
    assert_eq!(fatal[0].code(), "ConnectionFailed");
    let outcomes: Vec<&str> = run.results().iter().map(|result| result.outcome()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "failed").count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "cancelled").count(), 199);
    assert_eq!(run.progress.requests, 5);
    assert_eq!(run.progress.cancelled_not_done, 199);
}
