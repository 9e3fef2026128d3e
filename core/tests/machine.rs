//! A session step by step in virtual time: exact pauses, bounds and figures, where the simulation checks only results.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::buckets::{BucketKey, Buckets};
use engine_core::event::{Event, Fatal, Outcome};
use engine_core::machine::{Config, Decision, MAX_HELD_BYTES, MAX_UNDELIVERED, Machine, Then};
use engine_core::pacer::{Kind, Remaining};
use engine_core::progress::{Progress, WaitReason};
use engine_core::reply::{Answer, NoAnswer, Reply};
use engine_core::step::{Known, Plan, State, Step};

const RESET: Plan = Plan {
    settings: false,
    reset: true,
    get: false,
};
const READ: Plan = Plan {
    settings: false,
    reset: false,
    get: true,
};
const ALL: Plan = Plan {
    settings: true,
    reset: true,
    get: true,
};

/// A session, its time, and what it keeps of each reply: the status, and so many bytes.
struct Run {
    machine: Machine<u64, u16>,
    start: Instant,
    now: Instant,
    bytes: usize,
}

impl Run {
    fn new(window: usize, tries: u32) -> Self {
        Self::sharing(window, tries, Arc::default(), Instant::now())
    }

    fn sharing(window: usize, tries: u32, buckets: Arc<Buckets>, start: Instant) -> Self {
        let mut machine = Machine::new(Config {
            window,
            tries,
            quiet: false,
            endpoint: "https://management.azure.com".into(),
            buckets,
            seed: 1,
        });
        machine.set_principal(7);
        Self {
            machine,
            start,
            now: start,
            bytes: 0,
        }
    }

    /// A session that got its first answer, to item 0, at its start.
    fn reached(window: usize, tries: u32) -> Self {
        let mut run = Self::new(window, tries);
        run.submit("first", RESET);
        assert_eq!(run.send(), [(0, Step::Reset)]);
        assert_eq!(run.status(0, 202).next, Then::Succeeded(1));
        assert_eq!(run.events(), ["0 succeeded"]);
        run
    }

    fn submit(&mut self, subscription: &str, plan: Plan) -> u64 {
        let item = self.machine.progress(self.now).counts.submitted;
        self.machine.submit(item, subscription, plan)
    }

    /// Submits items that share no limit.
    fn submit_apart(&mut self, count: u64, plan: Plan) {
        for number in 0..count {
            self.submit(&format!("apart {number}"), plan);
        }
    }

    fn at(&mut self, milliseconds: u64) {
        self.now = self.start + Duration::from_millis(milliseconds);
        self.machine.advance(self.now);
    }

    /// Goes on to when the machine is to be woken.
    fn wake(&mut self) -> Duration {
        let at = self.machine.wake_at(self.now).expect("it has something to do later");
        assert!(
            at > self.now,
            "a wake-up that is due would come at once, again and again"
        );
        let waited = at - self.now;
        self.now = at;
        self.machine.advance(at);
        waited
    }

    fn wake_after(&self) -> Option<Duration> {
        Some(self.machine.wake_at(self.now)?.duration_since(self.now))
    }

    /// Sends all that may go out now.
    fn send(&mut self) -> Vec<(u64, Step)> {
        std::iter::from_fn(|| self.machine.poll_request(self.now))
            .map(|request| {
                assert_eq!(request.index, request.item);
                (request.index, request.step)
            })
            .collect()
    }

    fn reply(&mut self, index: u64, reply: Reply) -> Decision {
        let kept = match &reply {
            Reply::Answer(answer) => answer.status,
            Reply::NoAnswer(_) => 0,
        };
        let bytes = self.bytes;
        self.machine.answered(index, reply, || (kept, bytes), self.now)
    }

    fn status(&mut self, index: u64, status: u16) -> Decision {
        self.status_after(index, status, None)
    }

    fn status_after(&mut self, index: u64, status: u16, retry_after: Option<u64>) -> Decision {
        let answer = Answer {
            status,
            code: "",
            is_complete: true,
            retry_after: retry_after.map(Duration::from_secs),
            remaining: Remaining::default(),
        };
        self.reply(index, Reply::Answer(answer))
    }

    fn lost(&mut self, index: u64, why: NoAnswer) -> Decision {
        self.reply(index, Reply::NoAnswer(why))
    }

    fn events(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        while self.machine.has_event() {
            events.push(match self.machine.poll_event().expect("there is one") {
                Event::Ended { index, outcome, .. } => match outcome {
                    Outcome::Succeeded { .. } => format!("{index} succeeded"),
                    Outcome::Failed(failure) => format!("{index} failed: {}", failure.cause),
                    Outcome::Cancelled(_) => format!("{index} cancelled"),
                },
                Event::Fatal(Fatal::Item { index, .. }) => format!("fatal: item {index}"),
                Event::Fatal(Fatal::Outage(lasted)) => format!("fatal: outage of {lasted:?}"),
                Event::Fatal(Fatal::Shell(cause)) => format!("fatal: {cause}"),
                Event::OutageBegan => "outage".to_owned(),
                Event::OutageEnded(lasted) => format!("back after {lasted:?}"),
            });
        }
        assert!(self.machine.poll_event().is_none());
        events
    }

    fn progress(&self) -> Progress {
        self.machine.progress(self.now)
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[track_caller]
fn assert_within(duration: Duration, least: Duration, most: Duration) {
    assert!(
        duration >= least && duration <= most,
        "{duration:?} is not in {least:?} to {most:?}"
    );
}

#[test]
fn the_first_request_goes_alone_for_a_quarter_of_a_second() {
    let mut run = Run::new(8, 5);
    run.submit_apart(20, RESET);
    assert_eq!(run.machine.wake_at(run.now), None);
    assert_eq!(run.machine.sendable(run.now), 1);
    assert_eq!(run.send(), [(0, Step::Reset)]);
    assert_eq!(run.wake_after(), Some(ms(250)));
    run.at(249);
    assert_eq!(run.send(), []);
    run.at(250);
    assert_eq!(run.send().len(), 7, "the rest of the window");
    assert_eq!((run.machine.in_flight(), run.progress().in_flight), (8, 8));
    assert_eq!(run.wake_after(), None, "answers are awaited, and nothing else");
    run.status(3, 202);
    assert_eq!(run.send(), [(8, Step::Reset)]);

    let mut run = Run::new(8, 5);
    run.submit_apart(20, RESET);
    run.send();
    run.at(10);
    run.status(0, 500);
    assert_eq!(run.send().len(), 8, "an answer of any status ends the warm-up");
    assert_eq!(run.machine.sendable(run.now), 0);
}

#[test]
fn nothing_is_sent_before_it_is_known_who_calls() {
    let mut machine = Machine::<u64, u16>::new(Config {
        window: 1,
        tries: 1,
        quiet: false,
        endpoint: "".into(),
        buckets: Arc::default(),
        seed: 1,
    });
    machine.submit(0, "s", RESET);
    let now = Instant::now();
    assert!(machine.poll_request(now).is_none());
    machine.set_principal(7);
    assert!(machine.poll_request(now).is_some());
}

#[test]
fn room_is_four_windows_of_items_that_no_limit_holds_back() {
    let mut run = Run::new(2, 5);
    for count in 0..8 {
        assert!(run.machine.has_room(), "{count}");
        assert_eq!(run.machine.has_much_room(), count <= 4, "{count}");
        run.submit("one", RESET);
    }
    assert!(!run.machine.has_room());
    assert_eq!(run.send(), [(0, Step::Reset)]);
    assert!(run.machine.has_room(), "seven are queued");
    run.submit("one", RESET);
    run.status_after(0, 429, Some(60));
    assert_eq!(run.send(), []);
    assert!(run.machine.has_much_room(), "a limit holds all of them back");
    assert_eq!(run.progress().waiting, 9);
    run.submit("one", RESET);
    assert_eq!((run.progress().waiting, run.progress().queued), (10, 10));
    assert!(run.machine.has_much_room());
    run.submit("another", RESET);
    assert_eq!(run.send(), [(10, Step::Reset)], "and holds up no other subscription");
}

#[test]
fn an_item_is_queued_whatever_it_waits_for() {
    let mut run = Run::reached(8, 5);
    for _ in 0..5 {
        run.submit("one", RESET);
    }
    assert_eq!(run.send().len(), 2);
    run.submit("another", RESET);
    let progress = run.progress();
    assert_eq!((progress.queued, progress.waiting), (4, 0), "three for an answer");
    assert_eq!(progress.wait_reason, None);
}

#[test]
fn undelivered_items_are_bounded() {
    let mut run = Run::new(100_000, 5);
    for _ in 0..MAX_UNDELIVERED {
        assert!(run.machine.has_room() && run.machine.has_much_room());
        assert!(!run.machine.is_closed_to_items());
        run.machine.submit_invalid(1);
    }
    assert!(!run.machine.has_room() && !run.machine.has_much_room());
    assert_eq!(run.machine.delivered(), 0);
    assert!(run.machine.poll_event().is_some());
    assert_eq!(run.machine.delivered(), 1);
    assert!(run.machine.has_room() && run.machine.has_much_room());
}

#[test]
fn a_pause_is_as_long_as_the_answer_asks() {
    let mut run = Run::reached(8, 4);
    run.submit("one", RESET);
    run.send();
    let decision = run.status_after(1, 503, Some(7));
    assert_eq!((decision.next, decision.tries), (Then::AgainAfter(seconds(7)), 1));
    assert_eq!(run.wake_after(), Some(seconds(7)));
    let progress = run.progress();
    assert_eq!(
        (progress.wait_reason, progress.wait),
        (Some(WaitReason::RetryAfter), seconds(7))
    );
    assert_eq!((progress.waiting, progress.queued, progress.in_flight), (1, 1, 0));
    run.at(6_999);
    assert_eq!(run.send(), []);
    run.at(7_000);
    assert_eq!(run.progress().wait_reason, None);
    assert_eq!(run.send(), [(1, Step::Reset)]);
    let decision = run.status_after(1, 503, None);
    let Then::AgainAfter(pause) = decision.next else {
        panic!("{decision:?}")
    };
    assert_within(pause, ms(300), ms(500));
    assert_eq!(run.wake(), pause);
    run.send();
    assert_eq!(
        run.status_after(1, 503, Some(7200)).next,
        Then::AgainAfter(seconds(3600))
    );
    run.wake();
    run.send();
    let decision = run.status(1, 503);
    assert_eq!((decision.next, decision.tries), (Then::Failed, 4));
    let Some(Event::Ended {
        outcome: Outcome::Failed(failure),
        ..
    }) = run.machine.poll_event()
    else {
        panic!("it failed")
    };
    let request = failure.request.expect("it was sent");
    assert_eq!((failure.cause, request.step, request.attempts), (503, Step::Reset, 4));
    assert_eq!(request.known.reset, Some(State::Unknown));
    let counts = run.progress().counts;
    assert_eq!((counts.requests, counts.retries, counts.refusals), (5, 3, 0));
    assert_eq!((counts.succeeded, counts.failed, counts.cancelled), (1, 1, 0));
}

#[test]
fn a_pause_of_one_item_is_no_wait_while_others_are_in_flight() {
    let mut run = Run::reached(8, 4);
    run.submit_apart(2, RESET);
    run.send();
    run.status_after(1, 503, Some(7));
    let progress = run.progress();
    assert_eq!((progress.wait_reason, progress.wait), (None, Duration::ZERO));
    assert_eq!((progress.waiting, progress.queued), (1, 1));
}

#[test]
fn a_retry_after_of_a_limit_is_shown_and_kept() {
    let mut run = Run::reached(8, 1);
    for _ in 0..3 {
        run.submit("one", RESET);
    }
    assert_eq!(run.send().len(), 2, "the limits' own warm-up");
    run.at(10);
    let Then::Again(after) = run.status_after(1, 429, Some(30)).next else {
        panic!("a 429 is no failure")
    };
    assert_within(after, seconds(30), ms(31_000));
    run.status(2, 202);
    assert_eq!(run.send(), []);
    let progress = run.progress();
    assert_eq!(progress.wait_reason, Some(WaitReason::RetryAfter));
    assert_within(progress.wait, seconds(30), ms(31_000));
    assert_eq!((progress.waiting, progress.queued), (2, 2));
    assert!(
        progress.time_left.is_some_and(|left| left >= progress.wait),
        "{progress:?}"
    );
    assert_eq!(progress.counts.refusals, 1);
    assert_eq!(run.wake(), progress.wait);
    assert_eq!(run.send(), [(1, Step::Reset)], "one probe, the oldest first");
    assert_eq!(run.status(1, 202).next, Then::Succeeded(2));
    let mut longest = Run::reached(8, 1);
    longest.submit("one", RESET);
    longest.send();
    let Then::Again(after) = longest.status_after(1, 429, Some(7200)).next else {
        panic!("a 429 is no failure")
    };
    assert_within(after, seconds(3600), seconds(3720));
}

#[test]
fn an_item_fails_of_429s_after_five_minutes_in_which_nothing_went_through() {
    let mut run = Run::reached(8, 1);
    run.submit("one", RESET);
    run.submit("one", RESET);
    run.submit("one", RESET);
    assert_eq!(run.send().len(), 2);
    run.status_after(1, 429, Some(10));
    run.status_after(2, 429, Some(10));
    let first_refusal = run.now;
    let failed_after = loop {
        assert_eq!(run.send(), []);
        run.wake();
        for (index, _) in run.send() {
            let waited = run.now - first_refusal;
            match run.status_after(index, 429, Some(10)).next {
                Then::Again(_) => assert!(waited < seconds(300), "{waited:?}"),
                Then::Failed => assert!(waited >= seconds(300), "{waited:?}"),
                next => panic!("{next:?}"),
            }
        }
        if run.progress().counts.failed > 0 {
            break run.now - first_refusal;
        }
    };
    assert_within(failed_after, seconds(300), seconds(345));
    // One request that goes through is enough for another five minutes.
    assert_eq!(run.send(), []);
    run.wake();
    let sent = run.send();
    assert!(matches!(run.status(sent[0].0, 202).next, Then::Succeeded(_)));
    let mut sent = run.send();
    while sent.is_empty() {
        run.wake();
        sent = run.send();
    }
    assert!(matches!(
        run.status_after(sent[0].0, 429, Some(10)).next,
        Then::Again(_)
    ));
}

#[test]
fn what_was_not_processed_is_sent_again_three_times_for_free() {
    let mut run = Run::reached(8, 2);
    run.submit("one", ALL);
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(run.send().len(), 1);
            let decision = run.lost(1, NoAnswer::NotProcessed);
            assert_eq!((decision.next, decision.tries), (Then::Again(Duration::ZERO), 0));
        }
        assert_eq!(run.send().len(), 1);
        let decision = run.lost(1, NoAnswer::NotProcessed);
        assert!(matches!(decision.next, Then::AgainAfter(_)), "{decision:?}");
        assert_eq!(decision.tries, 1);
        run.wake();
        let sent = run.send();
        if sent == [(1, Step::Settings)] {
            assert_eq!(run.status(1, 200).next, Then::GoOn);
        } else {
            assert_eq!(sent, [(1, Step::Reset)], "each step has free ones of its own");
        }
    }
    assert_eq!(run.lost(1, NoAnswer::NotProcessed).next, Then::Failed);
    let Some(Event::Ended {
        outcome: Outcome::Failed(failure),
        ..
    }) = run.machine.poll_event()
    else {
        panic!("it failed")
    };
    let known = Known {
        settings: Some(State::Done),
        reset: Some(State::NotDone),
    };
    let request = failure.request.expect("it was sent");
    assert_eq!((request.attempts, request.known), (5, known));
}

#[test]
fn a_success_says_how_often_its_reset_went_out() {
    let settings_only = Plan {
        reset: false,
        get: false,
        ..ALL
    };
    for (plan, expected) in [(ALL, 2), (READ, 3), (settings_only, 1)] {
        let mut run = Run::reached(8, 9);
        run.submit("one", plan);
        let next = loop {
            let [(1, step)] = run.send()[..] else {
                panic!("one request")
            };
            let (fails, success) = match step {
                Step::Settings => (0, 204),
                Step::Reset => (1, 202),
                Step::Get => (2, 200),
            };
            for _ in 0..fails {
                run.status(1, 500);
                run.wake();
                assert_eq!(run.send(), [(1, step)]);
            }
            let next = run.status(1, success).next;
            if next != Then::GoOn {
                break next;
            }
        };
        assert_eq!(next, Then::Succeeded(expected), "{plan:?}");
        let Some(Event::Ended { outcome, .. }) = run.machine.poll_event() else {
            panic!("it ended")
        };
        let Outcome::Succeeded { output, attempts } = outcome else {
            panic!("it succeeded")
        };
        assert_eq!((output, attempts), (plan.get.then_some(200), expected));
    }
}

#[test]
fn a_second_401_in_a_row_ends_the_session() {
    let mut run = Run::reached(1, 5);
    run.submit("one", RESET);
    run.submit("one", RESET);
    for (status, expected) in [
        (401, Then::Renew),
        (503, Then::AgainAfter(seconds(1))),
        (401, Then::Renew),
    ] {
        assert_eq!(run.send(), [(1, Step::Reset)]);
        assert_eq!(run.status_after(1, status, Some(1)).next, expected);
        if status == 503 {
            run.at(1000);
        }
    }
    assert_eq!(run.progress().counts.retries, 3);
    assert_eq!(run.send(), [(1, Step::Reset)]);
    assert_eq!(run.status(1, 401).next, Then::Closed);
    assert!(run.machine.is_closed_to_items() && run.machine.is_idle_for_good() && !run.machine.is_done());
    assert_eq!(run.events(), ["fatal: item 1", "1 failed: 401", "2 cancelled"]);
    assert!(run.machine.is_done());
    assert_eq!(run.send(), []);

    let mut run = Run::new(1, 5);
    run.submit_apart(2, RESET);
    run.send();
    assert_eq!(run.lost(0, NoAnswer::Untrusted).next, Then::Closed);
    assert_eq!(run.events(), ["fatal: item 0", "0 failed: 0", "1 cancelled"]);
}

#[test]
fn an_endpoint_never_reached_is_tried_five_times_with_pauses_that_double() {
    let mut run = Run::new(8, 9);
    run.submit_apart(20, RESET);
    for pause in [250, 500, 1000, 2000] {
        let sent = run.send();
        assert_eq!(sent.len(), 1, "one at a time");
        assert!(matches!(
            run.lost(sent[0].0, NoAnswer::NotConnected).next,
            Then::AgainAfter(_)
        ));
        let until = run.now + ms(pause);
        while run.now < until {
            assert_eq!(run.send(), [], "{pause} ms");
            run.wake();
        }
        assert_eq!(run.now, until);
    }
    let sent = run.send();
    assert_eq!(run.lost(sent[0].0, NoAnswer::NotConnected).next, Then::Closed);
    assert_eq!(run.events()[0], format!("fatal: item {}", sent[0].0));
    let counts = run.progress().counts;
    assert_eq!((counts.failed, counts.cancelled, counts.requests), (1, 19, 5));
}

/// A session of twenty items of which five in a row got no answer, one second after the first answer.
fn outage(tries: u32) -> Run {
    let mut run = Run::reached(5, tries);
    run.submit_apart(20, RESET);
    assert_eq!(run.send().len(), 5);
    run.at(1000);
    for index in 1..5 {
        let decision = run.lost(index, NoAnswer::Broken);
        assert!(matches!(decision.next, Then::AgainAfter(_)), "{decision:?}");
        assert_eq!(decision.tries, 1);
        assert_eq!(run.progress().wait_reason, None);
    }
    assert_eq!(run.lost(5, NoAnswer::Broken).tries, 0);
    assert_eq!(run.events(), ["outage"]);
    assert_eq!(run.progress().outage, seconds(1), "since the last answer");
    run
}

#[test]
fn an_outage_is_probed_by_one_request_at_a_time() {
    let mut run = outage(2);
    for pause in [250, 500, 1000, 2000, 4000, 5000, 5000] {
        let probe = run.send();
        assert_eq!(probe.len(), 1);
        let end = run.start + seconds(600);
        let progress = run.progress();
        assert_eq!(
            (progress.wait_reason, progress.wait),
            (Some(WaitReason::Outage), end - run.now)
        );
        assert_eq!(progress.outage, run.now - run.start);
        let decision = run.lost(probe[0].0, NoAnswer::Broken);
        assert_eq!(decision.tries, 0, "an outage spends nobody's tries");
        assert_eq!(run.progress().wait, ms(pause));
        let until = run.now + ms(pause);
        while run.now < until {
            assert_eq!(run.send(), []);
            run.wake();
        }
        assert_eq!(run.now, until);
    }
    let probe = run.send();
    assert!(matches!(run.status(probe[0].0, 202).next, Then::Succeeded(_)));
    let back = run.now - run.start;
    assert_eq!(run.events()[0], format!("back after {back:?}"));
    assert_eq!(
        (run.progress().outage, run.progress().wait_reason),
        (Duration::ZERO, None)
    );
    assert_eq!(run.send().len(), 5, "the whole window");
}

#[test]
fn what_the_beginning_of_an_outage_cost_is_given_back() {
    let mut run = outage(2);
    run.at(1000);
    let probe = run.send();
    run.status(probe[0].0, 500);
    run.events();
    run.at(2000);
    let sent = run.send();
    assert_eq!(sent.len(), 5);
    for (index, _) in sent.into_iter().filter(|(index, _)| (1..=5).contains(index)) {
        if index != probe[0].0 {
            assert_eq!(run.status(index, 500).tries, 1, "item {index}");
        }
    }
    assert_eq!(run.progress().counts.failed, 0);
}

#[test]
fn an_outage_ends_the_session_ten_minutes_after_the_last_answer() {
    let mut run = outage(2);
    assert_eq!(run.send().len(), 1);
    run.at(599_999);
    assert_eq!(run.events(), Vec::<String>::new());
    assert_eq!(run.wake_after(), Some(ms(1)));
    run.at(600_000);
    assert_eq!(run.events()[0], "fatal: outage of 600s");
    assert_eq!(run.wake_after(), None);
    assert_eq!(run.progress().counts.cancelled, 20);
}

#[test]
fn fewer_requests_or_a_single_item_are_no_outage() {
    let mut run = Run::reached(8, 20);
    run.submit_apart(8, RESET);
    run.send();
    for index in 1..5 {
        run.lost(index, NoAnswer::TimedOut);
    }
    run.status(5, 202);
    for index in 6..9 {
        run.lost(index, NoAnswer::TimedOut);
    }
    assert_eq!(run.progress().wait_reason, Some(WaitReason::RetryAfter));
    assert_eq!(run.progress().outage, Duration::ZERO);

    let mut run = Run::reached(8, 20);
    run.submit("one", RESET);
    for tries in 1..19 {
        assert_eq!(run.send(), [(1, Step::Reset)]);
        assert_eq!(run.lost(1, NoAnswer::Broken).tries, tries);
        run.wake();
    }
    assert_eq!(run.events(), Vec::<String>::new());
}

#[test]
fn results_that_wait_hold_back_what_has_not_begun() {
    let mut run = Run::reached(4, 5);
    run.submit_apart(9, READ);
    assert_eq!(run.send().len(), 4);
    run.bytes = MAX_HELD_BYTES;
    run.status(2, 200);
    assert_eq!(run.send(), [(5, Step::Get)], "exactly the most");
    run.bytes = 1;
    run.status(3, 200);
    assert_eq!(run.send(), [], "one byte more");
    run.status_after(4, 503, Some(1));
    run.at(1000);
    assert_eq!(run.send(), [(4, Step::Get)], "what has begun goes on");
    run.status(1, 200);
    assert_eq!(run.send(), [], "none was taken yet");
    assert_eq!(run.events(), ["1 succeeded", "2 succeeded", "3 succeeded"]);
    assert_eq!(run.send(), [(6, Step::Get), (7, Step::Get)]);
}

#[test]
fn the_oldest_item_begins_whatever_is_held() {
    let buckets: Arc<Buckets> = Arc::default();
    let start = Instant::now();
    let mut other = Run::sharing(1, 1, buckets.clone(), start);
    other.submit("limited", READ);
    other.send();
    other.status_after(0, 429, Some(10));
    // The process has learned that the subscription is limited.
    let mut run = Run::sharing(4, 5, buckets, start);
    run.submit("limited", READ);
    for _ in 0..3 {
        run.submit("free", READ);
    }
    assert_eq!(run.send(), [(1, Step::Get)]);
    run.bytes = MAX_HELD_BYTES + 1;
    run.status(1, 200);
    assert_eq!(run.send(), []);
    assert_within(run.wake(), seconds(10), ms(10_400));
    assert_eq!(run.send(), [(0, Step::Get)]);
    run.status(0, 200);
    assert_eq!(run.events(), ["0 succeeded", "1 succeeded"]);
    assert_eq!(run.send(), [(2, Step::Get), (3, Step::Get)]);
}

#[test]
fn subscriptions_take_turns_and_begun_items_come_first() {
    let mut run = Run::reached(3, 5);
    for subscription in ["a", "a", "a", "b", "b"] {
        run.submit(subscription, Plan { get: true, ..RESET });
    }
    assert_eq!(run.send(), [(1, Step::Reset), (4, Step::Reset), (2, Step::Reset)]);
    assert_eq!(run.status(1, 202).next, Then::GoOn);
    run.status_after(4, 503, Some(1));
    run.at(1000);
    assert_eq!(
        run.send(),
        [(4, Step::Reset), (3, Step::Reset)],
        "4 has begun, and 5 has not"
    );
    run.status(2, 202);
    assert_eq!(run.send(), [(1, Step::Get)], "reads wait in a lane of their own");
}

#[test]
fn a_cancelled_item_says_what_is_known_and_is_counted_so() {
    let mut run = Run::reached(8, 5);
    run.submit_apart(5, ALL);
    run.send();
    run.status(1, 200);
    run.status(2, 200);
    run.send();
    run.status(2, 202);
    run.status_after(1, 503, Some(9));
    run.status_after(3, 429, Some(9));
    run.status(5, 200);
    // 1: the reset is unknown; 2: reset, to be read; 3: refused; 4: in flight; 5: settings changed, to be reset.
    run.machine.close(run.now);
    run.machine.close(run.now);
    assert_eq!(run.machine.first_pending(), Some((1, Some(&1))));
    let counts = run.progress().counts;
    let cancelled = [
        counts.cancelled_not_done,
        counts.cancelled_unknown,
        counts.cancelled_settings_done,
        counts.cancelled_reset_done,
    ];
    assert_eq!((counts.cancelled, cancelled), (5, [1, 2, 1, 1]));
    let progress = run.progress();
    assert_eq!((progress.queued, progress.waiting, progress.in_flight), (0, 0, 0));
    assert_eq!(run.status(4, 200).next, Then::Ignored);
    assert_eq!(run.events().len(), 5);
    assert!(run.machine.is_done());
}

#[test]
fn the_shells_own_error_ends_the_session_once() {
    let mut run = Run::new(4, 5);
    run.submit_apart(2, RESET);
    run.machine.fail(9, run.now);
    run.machine.fail(8, run.now);
    assert_eq!(run.machine.sendable(run.now), 0);
    assert_eq!(run.events(), ["fatal: 9", "0 cancelled", "1 cancelled"]);
}

#[test]
fn the_first_pending_item_is_the_first_without_a_result() {
    let mut run = Run::new(4, 5);
    assert_eq!(run.machine.first_pending(), None);
    run.machine.submit_invalid(1);
    assert_eq!(run.machine.first_pending(), None);
    for _ in 0..3 {
        run.submit(&run.progress().counts.submitted.to_string(), RESET);
    }
    run.send();
    run.status(1, 202);
    run.send();
    run.status(3, 202);
    assert_eq!(run.machine.first_pending(), Some((2, Some(&2))));
    assert_eq!(run.machine.delivered(), 0);
    assert_eq!(run.events(), ["0 failed: 1", "1 succeeded"]);
    assert_eq!((run.machine.delivered(), run.progress().delivered), (2, 2));
    assert!(!run.machine.is_idle_for_good() && !run.machine.is_done());
    run.machine.finish();
    assert!(run.machine.is_closed_to_items() && !run.machine.is_idle_for_good() && !run.machine.is_done());
    run.status(2, 202);
    assert_eq!(run.machine.first_pending(), None);
    assert_eq!(run.events(), ["2 succeeded", "3 succeeded"]);
    assert!(run.machine.is_idle_for_good() && run.machine.is_done());
}

#[test]
fn the_time_left_follows_from_what_has_ended() {
    let mut run = Run::new(1, 5);
    run.submit_apart(4, RESET);
    assert_eq!(run.progress().time_left, None, "nothing was sent");
    run.send();
    run.at(3000);
    assert_eq!(run.progress().time_left, None, "nothing has ended");
    run.status(0, 202);
    assert_eq!(run.progress().time_left, Some(seconds(9)));
    run.send();
    run.at(8000);
    run.status(1, 202);
    assert_eq!(run.progress().time_left, Some(seconds(8)));
    for index in 2..4 {
        run.send();
        run.status(index, 202);
    }
    assert_eq!(run.progress().time_left, Some(Duration::ZERO));
}

fn key(subscription: u64) -> BucketKey {
    BucketKey {
        endpoint: "https://management.azure.com".into(),
        principal: 7,
        subscription: subscription.to_string().into(),
        kind: Kind::Write,
    }
}

#[test]
fn limits_that_nobody_uses_are_forgotten_after_ten_minutes() {
    let start = Instant::now();
    let filled = || {
        let buckets = Buckets::default();
        assert!(buckets.is_empty());
        for number in 0..64 {
            buckets.get(key(number), start);
        }
        assert_eq!(buckets.len(), 64);
        assert!(!buckets.is_empty());
        buckets
    };
    let buckets = filled();
    buckets.get(key(64), start + ms(599_999));
    assert_eq!(buckets.len(), 65);
    // The next search is at twice as many: a new subscription costs no search of all.
    for number in 65..128 {
        buckets.get(key(number), start + seconds(9000));
    }
    assert_eq!(buckets.len(), 128);
    buckets.get(key(128), start + seconds(9000));
    assert_eq!(buckets.len(), 64, "63 and one of now");

    let buckets = filled();
    let in_use = buckets.get(key(5), start);
    buckets.get(key(64), start + seconds(600));
    assert_eq!(buckets.len(), 2);
    assert!(Arc::ptr_eq(&in_use, &buckets.get(key(5), start)));
    let other = BucketKey { principal: 8, ..key(5) };
    assert!(!Arc::ptr_eq(&in_use, &buckets.get(other, start)));
}
