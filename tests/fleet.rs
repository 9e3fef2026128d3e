//! Many items at once: paced by the service's buckets, within the window, over few connections, each accounted for once.

use std::collections::BTreeMap;
use std::time::Duration;

use apim_emulator::{BucketSize, Config, Fault, FaultAction, FaultKind, JournalEntry};
use serde_json::{Value, json};
use test_support::{
    DEADLINE, Event, Kind, Next, Options, Run, Session, Status, TestEmulator, backend_id, item, item_in, run,
};

const NOW: Duration = Duration::ZERO;

fn items(count: u32) -> impl Iterator<Item = Value> {
    (1..=count).map(item)
}

/// Answers with that status.
fn count(emulator: &TestEmulator, status: u16) -> u64 {
    emulator.stats().statuses.get(&status).copied().unwrap_or_default()
}

/// Resets that were accepted in a subscription.
fn accepted_in(emulator: &TestEmulator, subscription: u32) -> usize {
    let stem = backend_id(subscription, "");
    let accepted = |entry: &JournalEntry| entry.status == 202 && entry.path.starts_with(&stem);
    emulator.journal().iter().filter(|entry| accepted(entry)).count()
}

mod pacing {
    use super::*;

    fn bucket(capacity: u32, refill_per_second: f64) -> Option<BucketSize> {
        Some(BucketSize {
            capacity,
            refill_per_second,
        })
    }

    #[test]
    fn reads_have_a_bucket_of_their_own() {
        let emulator = TestEmulator::start(Config {
            backends: 200,
            write_bucket: bucket(100, 200.0),
            read_bucket: bucket(50, 150.0),
            ..Config::default()
        });
        let with_output = items(200).map(|mut item| {
            item["passThru"] = true.into();
            item
        });
        let run = run(&emulator.options(), with_output);
        run.assert_all_succeeded();
        let refused = count(&emulator, 429);
        assert!(refused <= 5, "{refused} of 400 were refused: {:?}", run.progress);
    }

    #[test]
    fn what_one_session_learned_serves_the_next() {
        let emulator = TestEmulator::start(Config {
            backends: 100,
            write_bucket: bucket(100, 100.0),
            ..Config::default()
        });
        for _ in 0..3 {
            run(&emulator.options(), items(60)).assert_all_succeeded();
        }
        let refused = count(&emulator, 429);
        assert!(refused <= 2, "{refused} of 180 were refused");
    }

    /// Two subscriptions; the first one's bucket lasts for 20 requests, and hardly refills.
    fn one_that_is_soon_empty() -> TestEmulator {
        TestEmulator::start(Config {
            backends: 100,
            subscriptions: 2,
            write_bucket: bucket(20, 0.001),
            ..Config::default()
        })
    }

    #[track_caller]
    fn assert_second_ends_while_first_waits(emulator: &TestEmulator, items: Vec<Value>) {
        let session = Session::start(&emulator.options());
        let (mut first, mut second) = (0, 0);
        for item in &items {
            session.feed(item, &mut Vec::new());
            if item["id"].as_str().is_some_and(|id| id.starts_with(&backend_id(2, ""))) {
                second += 1;
            } else {
                first += 1;
            }
        }
        assert_eq!(second, 20);
        session.events_until(|| accepted_in(emulator, 1) == 20 && accepted_in(emulator, 2) == 20);
        session.events_until(|| session.progress().succeeded == 40 && session.progress().waiting == first - 20);
        assert_eq!(session.cancel(), Status::OK);
        let progress = session.progress();
        assert_eq!(
            (progress.succeeded, progress.cancelled_unknown),
            (40, 0),
            "{progress:?}"
        );
    }

    #[test]
    fn an_empty_subscription_holds_up_no_other_when_they_come_by_turns() {
        let emulator = one_that_is_soon_empty();
        let turns = (1..=100).flat_map(|n| [Some(item_in(1, n)), (n % 5 == 0).then(|| item_in(2, n))]);
        assert_second_ends_while_first_waits(&emulator, turns.flatten().collect());
    }

    #[test]
    fn an_empty_subscription_holds_up_no_other_when_it_comes_first() {
        let emulator = one_that_is_soon_empty();
        // More than could be in flight or wait for a place in the window.
        let first = (0..1000).map(|n| item_in(1, n % 100 + 1));
        let second = (1..=20).map(|n| item_in(2, n));
        assert_second_ends_while_first_waits(&emulator, first.chain(second).collect());
    }

    #[test]
    fn requests_that_were_cancelled_hold_nothing_up_afterwards() {
        let emulator = TestEmulator::start(Config {
            backends: 100,
            write_bucket: bucket(100, 0.001),
            ..Config::default()
        });
        run(&emulator.options(), items(1)).assert_all_succeeded();
        // They take no token of the emulator's, but the engine cannot know.
        for _ in 0..2 {
            emulator.add_fault(Fault::new("", FaultAction::Stall).times(u32::MAX));
            let session = Session::start(&emulator.options().window(40));
            for item in items(40) {
                session.submit(&item);
            }
            session.events_until(|| emulator.stats().running >= 35);
            assert_eq!(session.cancel(), Status::OK);
            emulator.clear_faults();
        }
        run(&emulator.options(), items(90)).assert_all_succeeded();
    }
}

mod window {
    use super::*;

    #[track_caller]
    fn assert_peak(options: impl Fn(&TestEmulator) -> Options, peak: u64) {
        for tls in [false, true] {
            let emulator = TestEmulator::start(Config {
                backends: 200,
                tls,
                ..Config::default()
            });
            run(&options(&emulator), items(200)).assert_all_succeeded();
            assert!(emulator.stats().peak_running <= peak, "TLS: {tls}");
            // With no answer to any, they gather until there is no room for more.
            emulator.add_fault(Fault::new("", FaultAction::Stall).times(u32::MAX));
            let session = Session::start(&options(&emulator));
            for item in items(peak as u32 + 20) {
                session.feed(&item, &mut Vec::new());
            }
            session.events_until(|| emulator.stats().running == peak);
            let progress = session.progress();
            assert_eq!((progress.in_flight, progress.queued), (peak, 20), "TLS: {tls}");
            assert_eq!(session.cancel(), Status::OK);
            assert_eq!(emulator.stats().peak_running, peak, "TLS: {tls}");
        }
    }

    #[test]
    fn is_64_requests_and_is_filled() {
        assert_peak(|emulator| emulator.options(), 64);
    }

    #[test]
    fn may_be_narrower() {
        assert_peak(|emulator| emulator.options().window(12), 12);
    }

    #[test]
    fn may_be_wider() {
        assert_peak(|emulator| emulator.options().window(100), 100);
    }

    #[test]
    fn of_one_sends_in_input_order() {
        let emulator = TestEmulator::with_backends(20);
        run(&emulator.options().window(1), items(20)).assert_all_succeeded();
        let sent: Vec<String> = emulator.journal().into_iter().map(|entry| entry.path).collect();
        let expected: Vec<String> = (1..=20).map(test_support::reset_path).collect();
        assert_eq!(sent, expected);
        assert_eq!(emulator.stats().peak_running, 1);
    }

    #[test]
    fn that_is_full_holds_the_caller_back() {
        let emulator = TestEmulator::with_backends(100);
        let session = Session::start(&emulator.options().window(4));
        // Until the first answer, one request goes out and the rest waits as if for the throttle.
        session.submit(&item(1));
        assert_eq!(session.event().outcome(), "succeeded");
        emulator.add_fault(Fault::new("", FaultAction::Stall).times(u32::MAX));
        let mut taken = 1;
        while session.offer(&item(1), Duration::from_millis(50)) == Status::OK {
            taken += 1;
            assert!(taken < 1000, "there is no end of the room");
        }
        assert_eq!(session.offer(&item(1), NOW), Status::PENDING);
        // Without answers the window fills slowly.
        session.events_until(|| session.progress().in_flight == 4);
        let progress = session.progress();
        assert_eq!(
            (progress.submitted, progress.in_flight),
            (taken, 4),
            "what was not taken is not counted"
        );
        assert!(progress.queued <= 4 * 4, "{progress:?}");
        assert_eq!(session.cancel(), Status::OK);
        assert_eq!(session.rest_at_once().len() as u64, taken - 1);
    }

    #[test]
    fn goes_on_behind_an_item_that_does_not_end_up_to_the_bound() {
        /// Items that a session holds at the most.
        const MOST_UNSETTLED: u64 = 16 * 1024;
        let emulator = TestEmulator::start(Config {
            backends: 100,
            journal: false,
            ..Config::default()
        });
        emulator.add_fault(Fault::new("/backends/1/", FaultAction::Stall).times(u32::MAX));
        let session = Session::start(&emulator.options());
        for number in 0..MOST_UNSETTLED {
            let backend = if number == 0 { 1 } else { 2 };
            session.feed(&item(backend), &mut Vec::new());
        }
        assert_eq!(
            session.offer(&item(2), NOW),
            Status::PENDING,
            "memory would not stay flat"
        );
        session.events_until(|| session.progress().succeeded == MOST_UNSETTLED - 1);
        assert_eq!(session.progress().submitted, MOST_UNSETTLED);
        assert_eq!(session.progress().delivered, 0, "all of them wait for the first");
        assert_eq!(session.cancel(), Status::OK);
        assert_eq!(session.rest_at_once().len() as u64, MOST_UNSETTLED);
    }
}

mod faults {
    use super::*;

    /// Checks that every item ended once, and as the journal says: a success is one accepted reset, a failure none.
    #[track_caller]
    fn assert_accounted(emulator: &TestEmulator, run: &Run, count: u32) -> u64 {
        let results = run.results();
        assert_eq!(results.len() as u32, count);
        let mut accepted = BTreeMap::<String, u32>::new();
        let journal = emulator.journal();
        for entry in journal.iter().filter(|entry| entry.status == 202) {
            *accepted.entry(entry.path.clone()).or_default() += 1;
        }
        let mut failed = 0;
        for (number, result) in results.iter().enumerate() {
            let times = accepted
                .get(&test_support::reset_path(number + 1))
                .copied()
                .unwrap_or_default();
            let expected = match result.outcome() {
                "succeeded" => 1,
                "failed" => {
                    failed += 1;
                    assert!(result.error()["data"]["Attempts"].as_u64() > Some(1), "{}", result.text);
                    0
                }
                other => panic!("item {number} is {other}"),
            };
            assert_eq!(times, expected, "item {number}: {}", result.text);
        }
        let progress = &run.progress;
        assert_eq!(journal.len() as u64, progress.requests);
        assert_eq!(progress.requests, u64::from(count) + progress.retries);
        assert_eq!(
            (progress.succeeded, progress.failed),
            (u64::from(count) - failed, failed)
        );
        failed
    }

    fn with_faults(tls: bool, rate: f64, kinds: &[FaultKind], seed: u64) -> TestEmulator {
        TestEmulator::start(Config {
            backends: 2000,
            tls,
            fault_rate: rate,
            fault_kinds: kinds.to_vec(),
            slow: Duration::from_secs(3),
            seed,
            ..Config::default()
        })
    }

    const ALL: [FaultKind; 5] = [
        FaultKind::Status(503),
        FaultKind::Status(429),
        FaultKind::Reset,
        FaultKind::Stall,
        FaultKind::Slow,
    ];

    #[test]
    fn of_every_kind_lose_no_item_over_tls() {
        let emulator = with_faults(true, 0.05, &ALL, 1);
        let run = run(&emulator.options().timeout_seconds(1), items(2000));
        assert_accounted(&emulator, &run, 2000);
        assert!(emulator.stats().faults > 50);
    }

    #[test]
    fn of_every_kind_lose_no_item_over_plain_http() {
        let emulator = with_faults(false, 0.05, &ALL, 2);
        let run = run(&emulator.options().timeout_seconds(1), items(1000));
        assert_accounted(&emulator, &run, 1000);
    }

    #[test]
    fn that_are_many_fail_some_items_each_with_its_reason() {
        let kinds = [FaultKind::Status(503), FaultKind::Reset];
        let emulator = with_faults(true, 0.5, &kinds, 4);
        let run = run(&emulator.options().tries(2), items(500));
        let failed = assert_accounted(&emulator, &run, 500);
        assert!(
            (50..250).contains(&failed),
            "{failed} of 500, about a quarter is to be expected"
        );
        for result in run.results().into_iter().filter(|result| result.outcome() == "failed") {
            assert!(
                ["ServiceUnavailable", "ConnectionFailed"].contains(&result.code()),
                "{}",
                result.text
            );
            // A try that an outage of the connection took with it costs the item nothing.
            let attempts = result.error()["data"]["Attempts"].as_u64().expect("a number");
            assert!((2..10).contains(&attempts), "{}", result.text);
        }
    }

    #[test]
    fn in_the_middle_leave_settings_and_output_in_order() {
        let kinds = [FaultKind::Status(500), FaultKind::Reset];
        let emulator = with_faults(true, 0.1, &kinds, 5);
        let whole = items(200).map(|mut item| {
            item["settings"] = json!({ "protocol": "http" });
            item["passThru"] = true.into();
            item
        });
        let run = run(&emulator.options().tries(10), whole);
        for (number, result) in run.results().into_iter().enumerate() {
            assert_eq!(
                result.json["backend"]["name"],
                (number + 1).to_string(),
                "{}",
                result.text
            );
        }
        let mut done = BTreeMap::<String, Vec<String>>::new();
        for entry in emulator.journal() {
            let (path, _) = entry.path.split_once('?').expect("each path has a query");
            let backend = path.trim_end_matches("/reconnect").to_owned();
            if entry.status < 300 && entry.status != 0 {
                done.entry(backend).or_default().push(entry.method);
            }
        }
        assert_eq!(done.len(), 200);
        for (backend, methods) in done {
            assert_eq!(methods, ["PATCH", "POST", "GET"], "{backend}");
        }
    }

    #[test]
    fn of_the_whole_session_cancel_what_is_left() {
        let emulator = TestEmulator::start(Config {
            backends: 200,
            latency: Duration::from_millis(2),
            check_issued_tokens: true,
            ..Config::default()
        });
        let session = Session::start(&emulator.options().caller_credential());
        let first = emulator.issue_token(Duration::from_secs(3600));
        for item in items(200) {
            session.submit(&item);
        }
        assert_eq!(session.finish(), Status::OK);
        let mut events = Vec::new();
        let mut refused = false;
        while let Next::Event(event) = session.next(DEADLINE) {
            match (event.kind, event.json["refresh"].as_bool()) {
                (Kind::TokenRequest, Some(false)) => {
                    assert_eq!(session.answer_token(event.number, &first, 0), Status::OK);
                }
                (Kind::TokenRequest, _) => {
                    refused = true;
                    assert_eq!(session.refuse_token(event.number, "Signed out."), Status::OK);
                }
                (Kind::Result, _) if event.number == 20 => emulator.expire_tokens(),
                _ => {}
            }
            events.push(event);
        }
        assert!(refused, "the token was not asked for again");
        let fatal: Vec<&Event> = events.iter().filter(|event| event.kind == Kind::Fatal).collect();
        assert!(
            fatal.len() == 1 && fatal[0].message().contains("Signed out."),
            "{fatal:?}"
        );
        let results: Vec<&Event> = events.iter().filter(|event| event.kind == Kind::Result).collect();
        assert_eq!(results.len(), 200);
        let succeeded = results.iter().filter(|result| result.outcome() == "succeeded").count();
        let cancelled = results.iter().filter(|result| result.outcome() == "cancelled").count();
        assert_eq!(succeeded + cancelled, 200);
        assert_eq!(accepted_in(&emulator, 1), succeeded);
        assert!(cancelled > 0 && succeeded > 0, "{succeeded} {cancelled}");
    }
}
