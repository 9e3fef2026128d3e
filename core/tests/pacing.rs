//! The pacer against a simulated service with every kind of limit, in virtual time.

mod sim_limits;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use engine_core::pacer::{Kind, Pacer, Permit, Remaining, Verdict, Wait};
use sim_limits::{Headers, Limits, RetryAfter};

const WINDOW: usize = 64;

/// A client that takes what it can and minds nothing.
#[derive(Debug, Clone, Copy)]
struct Rival {
    /// Requests a second.
    rate: f64,
    /// Seconds.
    until: f64,
}

/// What runs against what.
#[derive(Clone)]
struct Case {
    limits: Limits,
    /// Requests of each process.
    processes: Vec<u32>,
    latency: Duration,
    rival: Option<Rival>,
    /// After so many seconds the hidden limit has this rate.
    change: Option<(f64, f64)>,
    /// The part of requests that is refused for no reason, with this `Retry-After`.
    stray: Option<(f64, Option<Duration>)>,
    seed: u64,
    kind: Kind,
}

impl Case {
    fn new(limits: Limits, processes: &[u32], latency: u64, seed: u64) -> Self {
        Self {
            limits,
            processes: processes.to_vec(),
            latency: Duration::from_millis(latency),
            rival: None,
            change: None,
            stray: None,
            seed,
            kind: Kind::Write,
        }
    }

    fn requests(&self) -> f64 {
        f64::from(self.processes.iter().sum::<u32>())
    }

    fn bound(&self) -> f64 {
        self.limits.bound(self.requests())
    }
}

#[derive(Debug, Default)]
struct Outcome {
    /// Until the last answer.
    seconds: f64,
    refused: u32,
    /// When the requests were refused.
    refusals: Vec<f64>,
    /// When the requests went through.
    accepted: Vec<f64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Rival,
    Arrives(usize, u64),
    Answered(usize, u64),
    Wakes(usize),
    Change,
}

struct Process {
    pacer: Pacer,
    left: u32,
    under_way: BTreeMap<u64, (Permit, Remaining, Verdict)>,
    wakes: Option<Instant>,
}

fn run(case: &Case) -> Outcome {
    let start = Instant::now();
    let mut limits = case.limits.clone();
    let mut random = fastrand::Rng::with_seed(case.seed);
    let mut outcome = Outcome::default();
    let mut events = BinaryHeap::new();
    let mut sequence = 0_u64;
    let mut processes: Vec<Process> = case
        .processes
        .iter()
        .map(|left| Process {
            pacer: Pacer::with_seed(case.kind, start, random.u64(..)),
            left: *left,
            under_way: BTreeMap::new(),
            wakes: None,
        })
        .collect();
    for index in 0..processes.len() {
        // Started by hand or by one script: within a few milliseconds.
        let at = start + Duration::from_micros(random.u64(0..5000));
        events.push(Reverse((at, 0, Event::Wakes(index))));
    }
    if case.rival.is_some() {
        events.push(Reverse((start, 0, Event::Rival)));
    }
    if let Some((at, _)) = case.change {
        events.push(Reverse((start + Duration::from_secs_f64(at), 0, Event::Change)));
    }
    let since = |now: Instant| now.duration_since(start).as_secs_f64();
    let mut steps = 0_u64;
    while let Some(Reverse((now, _, event))) = events.pop() {
        steps += 1;
        assert!(steps < 5_000_000, "the run does not end");
        let index = match event {
            Event::Rival => {
                let rival = case.rival.expect("there is one");
                if since(now) < rival.until && processes.iter().any(|one| one.left > 0 || !one.under_way.is_empty()) {
                    let _ = limits.take(now);
                    let gap = (0.8 + 0.4 * random.f64()) / rival.rate;
                    events.push(Reverse((now + Duration::from_secs_f64(gap), 0, Event::Rival)));
                }
                continue;
            }
            Event::Change => {
                let (_, rate) = case.change.expect("there is one");
                limits.hidden.as_mut().expect("there is one").change(rate, now);
                continue;
            }
            Event::Arrives(index, number) => {
                let (remaining, mut verdict) = limits.take(now);
                if let Some((part, retry_after)) = case.stray
                    && random.f64() < part
                {
                    verdict = Verdict::Refused { retry_after };
                }
                let answer = processes[index].under_way.get_mut(&number).expect("it is under way");
                (answer.1, answer.2) = (remaining, verdict);
                let back = case.latency.mul_f64(0.45 + 0.1 * random.f64());
                events.push(Reverse((now + back, number, Event::Answered(index, number))));
                continue;
            }
            Event::Answered(index, number) => {
                let process = &mut processes[index];
                let (permit, remaining, verdict) = process.under_way.remove(&number).expect("it is under way");
                if verdict == Verdict::Accepted {
                    outcome.accepted.push(since(now));
                } else {
                    outcome.refused += 1;
                    outcome.refusals.push(since(now));
                    process.left += 1;
                }
                process.pacer.answered(permit, remaining, verdict, now);
                outcome.seconds = since(now);
                index
            }
            Event::Wakes(index) => {
                let process = &mut processes[index];
                if process.wakes.is_some_and(|at| at != now) {
                    continue;
                }
                process.wakes = None;
                index
            }
        };
        let process = &mut processes[index];
        while process.left > 0 && process.under_way.len() < WINDOW {
            match process.pacer.try_send(now) {
                Ok(permit) => {
                    process.left -= 1;
                    sequence += 1;
                    process
                        .under_way
                        .insert(sequence, (permit, Remaining::default(), Verdict::Accepted));
                    let there = case.latency.mul_f64(0.45 + 0.1 * random.f64());
                    events.push(Reverse((now + there, sequence, Event::Arrives(index, sequence))));
                }
                Err(again) => {
                    assert!(again > now, "ask again at a later time");
                    assert!(again < now + Duration::from_secs(3600), "in finite time");
                    if process.wakes != Some(again) {
                        process.wakes = Some(again);
                        events.push(Reverse((again, 0, Event::Wakes(index))));
                    }
                    break;
                }
            }
        }
        if let Some(rate) = process.pacer.rate() {
            assert!(rate.is_finite() && rate > 0.0, "rate {rate}");
        }
    }
    assert_eq!(
        outcome.accepted.len() as f64,
        case.requests(),
        "every request went through"
    );
    outcome
}

/// One row of a table: what is asked of a case.
struct Row {
    name: String,
    case: Case,
    seconds: f64,
    refused: f64,
}

fn check(rows: Vec<Row>) {
    let mut worst: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    let mut missed = Vec::new();
    for row in rows {
        let ran = run(&row.case);
        let bound = row.case.bound();
        let text = format!(
            "{}, {} processes, {:?}, seed {}: {:.2} s of at most {:.2} (bound {bound:.2}), {} refused of at most {}",
            row.name,
            row.case.processes.len(),
            row.case.latency,
            row.case.seed,
            ran.seconds,
            row.seconds,
            ran.refused,
            row.refused
        );
        let entry = worst.entry(row.name).or_default();
        entry.0 = entry.0.max(ran.seconds / bound);
        entry.1 = entry.1.max(ran.refused);
        if ran.seconds > row.seconds || f64::from(ran.refused) > row.refused {
            missed.push(text);
        }
    }
    for (name, (ratio, refused)) in worst {
        println!("{name}: at most {ratio:.3} x the bound, {refused} refused");
    }
    assert!(
        missed.is_empty(),
        "{} rows missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

const SEEDS: u64 = 3;
const LATENCIES: [u64; 2] = [20, 100];

#[test]
fn headers_that_tell_the_truth() {
    let mut rows = Vec::new();
    for (capacity, rate, each, several) in [
        (200.0, 10.0, 1000, &[1, 2, 3, 4, 8][..]),
        (250.0, 25.0, 1000, &[1, 2, 3, 4, 8]),
        (20.0, 1.0, 300, &[1]),
        (2000.0, 100.0, 5000, &[1, 2, 4]),
    ] {
        for &processes in several {
            for latency in LATENCIES {
                for seed in 0..SEEDS {
                    let case = Case::new(Limits::principal(capacity, rate), &vec![each; processes], latency, seed);
                    rows.push(Row {
                        name: format!("bucket of {capacity}, {rate}/s"),
                        seconds: 1.05 * case.bound(),
                        refused: 0.01 * case.requests(),
                        case,
                    });
                }
            }
        }
    }
    check(rows);
}

#[test]
fn the_global_bucket_is_the_smaller_one() {
    let mut rows = Vec::new();
    for processes in [1, 2, 8] {
        for latency in LATENCIES {
            for seed in 0..SEEDS {
                let limits = Limits::principal(200.0, 10.0).with_global(100.0, 5.0);
                let case = Case::new(limits, &vec![1000; processes], latency, seed);
                rows.push(Row {
                    name: "global".to_owned(),
                    seconds: 1.05 * case.bound(),
                    refused: 0.01 * case.requests(),
                    case,
                });
            }
        }
    }
    check(rows);
}

#[test]
fn a_hidden_limit() {
    let mut rows = Vec::new();
    for rate in [1.0, 1.3, 2.5, 4.0, 8.0, 14.0, 20.0, 50.0, 90.0] {
        for retry_after in [1, 5, 10] {
            for headers in [Headers::Constant(199), Headers::True, Headers::Absent] {
                for latency in LATENCIES {
                    for seed in 0..SEEDS {
                        let limits = match headers {
                            Headers::True => Limits::principal(200.0, 10.0),
                            _ => Limits::none().with_headers(headers),
                        }
                        .with_hidden(rate, RetryAfter::Closed(retry_after));
                        let case = Case::new(limits, &[1000], latency, seed);
                        rows.push(Row {
                            name: format!("hidden {rate}/s, Retry-After {retry_after}, {headers:?}"),
                            seconds: 1.15 * case.bound() + 2.0 * retry_after as f64,
                            refused: 0.02 * case.requests() + 64.0,
                            case,
                        });
                    }
                }
            }
        }
    }
    check(rows);
}

#[test]
fn a_rival_that_takes_half_of_the_bucket() {
    for latency in LATENCIES {
        for seed in 0..SEEDS {
            let mut case = Case::new(Limits::principal(200.0, 10.0), &[1000], latency, seed);
            case.rival = Some(Rival { rate: 5.0, until: 1e9 });
            let ran = run(&case);
            // The first 200 tokens are nobody's rate.
            let rate = 800.0 / ran.seconds;
            println!(
                "rival of 5/s, {latency} ms, seed {seed}: {rate:.3}/s, {} refused",
                ran.refused
            );
            assert!(rate >= 4.5 && ran.refused <= 20);
        }
    }
}

#[test]
fn a_rival_that_takes_everything() {
    for latency in LATENCIES {
        for requests in [100, 250, 400] {
            for seed in 0..SEEDS {
                let mut case = Case::new(Limits::principal(200.0, 10.0), &[requests], latency, seed);
                let end = 90.0;
                case.rival = Some(Rival { rate: 20.0, until: end });
                let ran = run(&case);
                let left = requests as f64 - ran.accepted.iter().filter(|at| **at < end).count() as f64;
                let starved = ran.accepted.windows(2).map(|two| two[1] - two[0]).fold(0.0, f64::max);
                let per_second = ran
                    .refusals
                    .iter()
                    .map(|at| {
                        ran.refusals
                            .iter()
                            .filter(|other| (*at..at + 0.99).contains(other))
                            .count()
                    })
                    .max()
                    .unwrap_or(0);
                let text = format!(
                    "rival of 20/s, {requests} requests, {latency} ms, seed {seed}: {left} left at its end, done {:.2} s later, {} refused, {per_second} within a second, nothing for {starved:.1} s",
                    ran.seconds - end,
                    ran.refused
                );
                println!("{text}");
                assert!(ran.seconds <= end + left / 10.0 + 10.0, "{text}");
                assert!(f64::from(ran.refused) <= ran.seconds, "{text}");
                assert!(starved <= 60.0, "{text}");
            }
        }
    }
}

#[test]
fn no_limit_slows_nothing() {
    for (limits, name) in [
        (Limits::none(), "no header"),
        (Limits::principal(100_000.0, 10.0), "a large bucket"),
        (Limits::none().with_headers(Headers::Constant(199)), "a constant header"),
        (
            Limits::principal(100_000.0, 10.0).with_global(1_500_000.0, 150.0),
            "two large buckets",
        ),
    ] {
        for latency in [1, 20, 100] {
            let case = Case::new(limits.clone(), &[10_000], latency, 1);
            let ran = run(&case);
            let bound = 10_000.0 / WINDOW as f64 * latency as f64 / 1000.0;
            println!(
                "{name}, {latency} ms: {:.1} ms lost of {:.1}",
                (ran.seconds - bound) * 1000.0,
                bound * 1000.0
            );
            assert_eq!(ran.refused, 0, "{name}");
            assert!(
                ran.seconds - bound <= (0.05 * latency as f64).max(0.05),
                "{name}, {latency} ms: {} s against {bound}",
                ran.seconds
            );
        }
    }
}

#[test]
fn several_processes_under_a_hidden_limit() {
    let mut rows = Vec::new();
    // They know nothing of each other, and each refusal of one closes the limit for all.
    for (rate, retry_after, several) in [
        (4.0, 1, &[2, 4][..]),
        (4.0, 5, &[2]),
        (8.0, 1, &[4]),
        (8.0, 5, &[4]),
        (50.0, 1, &[2, 4]),
        (50.0, 5, &[2, 4]),
    ] {
        for &processes in several {
            for latency in LATENCIES {
                for seed in 0..SEEDS {
                    let limits = Limits::none().with_hidden(rate, RetryAfter::Closed(retry_after));
                    let case = Case::new(limits, &vec![1000; processes], latency, seed);
                    rows.push(Row {
                        name: format!("hidden {rate}/s, Retry-After {retry_after}, {processes} processes"),
                        seconds: 1.2 * case.bound() + 2.0 * retry_after as f64,
                        refused: 0.02 * case.requests() + 64.0,
                        case,
                    });
                }
            }
        }
    }
    check(rows);
}

#[test]
fn a_hidden_limit_that_does_not_say_how_long() {
    let mut rows = Vec::new();
    for rate in [4.0, 8.0, 50.0] {
        for wait in [1, 5] {
            for latency in LATENCIES {
                for seed in 0..SEEDS {
                    let closed = RetryAfter::Unsaid(Duration::from_secs(wait));
                    let case = Case::new(Limits::none().with_hidden(rate, closed), &[1000], latency, seed);
                    rows.push(Row {
                        name: format!("hidden {rate}/s, closed for {wait} s without saying so"),
                        // The pacer's own pauses end up to twice as late as the limit opens, and as often as they are cut short.
                        seconds: 1.15 * case.bound() + 5.0 * wait as f64,
                        refused: 0.02 * case.requests() + 64.0,
                        case,
                    });
                }
            }
        }
    }
    check(rows);
}

#[test]
fn a_hidden_limit_that_changes() {
    for (before, after) in [(50.0, 8.0), (8.0, 50.0), (8.0, 4.0), (4.0, 8.0)] {
        for latency in LATENCIES {
            for seed in 0..SEEDS {
                let limits = Limits::none().with_hidden(before, RetryAfter::Closed(1));
                let mut case = Case::new(limits, &[1000], latency, seed);
                let at = 10.0;
                case.change = Some((at, after));
                let ran = run(&case);
                let bound = at + (1000.0 - before * (1.0 + at)) / after;
                let text = format!(
                    "{before}/s, then {after}/s, {latency} ms, seed {seed}: {:.2} s, bound {bound:.2} s, {} refused",
                    ran.seconds, ran.refused
                );
                println!("{text}");
                // A higher rate is found by growing slowly.
                let slow = if after > before { 20.0 } else { 0.0 };
                assert!(ran.seconds <= 1.15 * bound + 4.0 + slow, "{text}");
                // Each of the two rates is found by a window of refusals.
                assert!(ran.refused <= 20 + 2 * 64, "{text}");
            }
        }
    }
}

#[test]
fn stray_refusals_stop_nothing() {
    for retry_after in [None, Some(1), Some(5)] {
        for latency in [1, 20, 100] {
            for seed in 0..6 {
                let mut case = Case::new(Limits::none(), &[10_000], latency, seed);
                case.stray = Some((0.0125, retry_after.map(Duration::from_secs)));
                let ran = run(&case);
                let bound = 10_000.0 / WINDOW as f64 * latency as f64 / 1000.0;
                let text = format!(
                    "{retry_after:?}, {latency} ms, seed {seed}: {:.2} s, bound {bound:.2} s",
                    ran.seconds
                );
                // One, at the very beginning, may have had no company that shows it to be a stray one.
                assert!(
                    ran.seconds <= 1.25 * bound + retry_after.unwrap_or(1) as f64 + 0.5,
                    "{text}"
                );
            }
        }
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn refused(seconds: Option<u64>) -> Verdict {
    Verdict::Refused {
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// A pacer that has been warmed up by answers without headers, and the time.
fn warm() -> (Pacer, Instant) {
    let mut now = Instant::now();
    let mut pacer = Pacer::new(Kind::Write, now);
    for _ in 0..100 {
        let permit = pacer.try_send(now).expect("nothing holds it back");
        now += ms(10);
        pacer.answered(permit, Remaining::default(), Verdict::Accepted, now);
    }
    (pacer, now)
}

fn send_all(pacer: &mut Pacer, now: Instant) -> Vec<Permit> {
    std::iter::from_fn(|| pacer.try_send(now).ok()).take(64).collect()
}

#[test]
fn it_begins_with_two_and_doubles() {
    let mut now = Instant::now();
    let mut pacer = Pacer::new(Kind::Read, now);
    assert_eq!(pacer.kind(), Kind::Read);
    for expected in [2, 4, 8, 16, 32, 64] {
        let sent = send_all(&mut pacer, now);
        assert_eq!(sent.len(), expected);
        assert!(!pacer.is_limiting(now), "an answer is awaited, no limit");
        now += ms(10);
        for permit in sent {
            pacer.answered(permit, Remaining::default(), Verdict::Accepted, now);
        }
    }
    assert_eq!(pacer.rate(), None);
}

#[test]
fn without_answers_one_request_follows_each_quarter_of_a_second() {
    let now = Instant::now();
    let mut pacer = Pacer::new(Kind::Write, now);
    let _first = send_all(&mut pacer, now);
    assert_eq!(pacer.try_send(now).err(), Some(now + ms(250)));
    let third = pacer.try_send(now + ms(250));
    assert!(third.is_ok());
    assert_eq!(pacer.try_send(now + ms(250)).err(), Some(now + ms(500)));
}

#[test]
fn a_permit_that_is_dropped_counts_as_unanswered() {
    let now = Instant::now();
    let mut pacer = Pacer::new(Kind::Write, now);
    drop(send_all(&mut pacer, now));
    assert_eq!(send_all(&mut pacer, now).len(), 2, "and holds nothing back");
}

#[test]
fn a_permit_of_another_pacer_changes_nothing() {
    let now = Instant::now();
    let mut one = Pacer::new(Kind::Write, now);
    let mut other = Pacer::new(Kind::Write, now);
    let permits = send_all(&mut one, now);
    for permit in permits {
        other.answered(permit, Remaining::default(), refused(Some(10)), now);
    }
    assert!(!other.is_limiting(now));
}

#[test]
fn a_retry_after_is_shown_and_ends_with_one_probe() {
    let (mut pacer, now) = warm();
    let permit = pacer.try_send(now).expect("nothing holds it back");
    pacer.answered(permit, Remaining::default(), refused(Some(10)), now + ms(10));
    let now = now + ms(10);
    let (until, wait) = pacer.limited_until(now).expect("it waits");
    assert_eq!(wait, Wait::RetryAfter);
    assert!(until >= now + ms(10_000) && until <= now + ms(10_200));
    assert_eq!(pacer.try_send(now).err(), Some(until));
    assert!(pacer.is_limiting(now) && pacer.rate().is_some_and(f64::is_finite));
    let probe = pacer.try_send(until).expect("the probe");
    assert!(pacer.try_send(until).is_err(), "one only");
    pacer.answered(probe, Remaining::default(), Verdict::Accepted, until + ms(10));
    let next = pacer
        .limited_until(until + ms(10))
        .map_or(until + ms(10), |(next, wait)| {
            assert_eq!(wait, Wait::Throttle);
            next
        });
    assert!(pacer.try_send(next).is_ok());
}

#[test]
fn a_probe_without_an_answer_is_followed_by_another() {
    let (mut pacer, now) = warm();
    let permit = pacer.try_send(now).expect("nothing holds it back");
    pacer.answered(permit, Remaining::default(), refused(Some(1)), now);
    let (until, _) = pacer.limited_until(now).expect("it waits");
    let probe = pacer.try_send(until).expect("the probe");
    let stalled = pacer.try_send(until).expect_err("one only");
    assert_eq!(stalled, until + ms(2000));
    pacer.unanswered(probe, until + ms(5));
    assert!(pacer.try_send(until + ms(5)).is_ok());
}

#[test]
fn refusals_that_were_in_flight_together_count_once() {
    let rate_after = |count: usize| {
        let (mut pacer, now) = warm();
        let sent = send_all(&mut pacer, now);
        for permit in sent.into_iter().take(count) {
            pacer.answered(permit, Remaining::default(), refused(Some(1)), now + ms(10));
        }
        pacer.rate().expect("a limit is known")
    };
    assert_eq!(rate_after(1), rate_after(60));
}

#[test]
fn pauses_that_nobody_asked_for_grow_and_stay_short() {
    let (mut pacer, mut now) = warm();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let permit = pacer.try_send(now).expect("a probe");
        pacer.answered(permit, Remaining::default(), refused(None), now);
        let (until, wait) = pacer.limited_until(now).expect("it waits");
        assert_eq!(wait, Wait::Throttle);
        pauses.push(until.duration_since(now).as_secs_f64());
        now = until;
    }
    assert!((0.375..0.65).contains(&pauses[0]), "{pauses:?}");
    assert!((0.75..3.0).contains(&pauses[1]), "{pauses:?}");
    assert!(pauses[6] > 15.0, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause < 180.0), "{pauses:?}");
}

#[test]
fn an_empty_bucket_of_either_kind_is_soon_looked_at_again() {
    for (principal, global) in [(0, 150), (150, 0), (0, 0)] {
        let (mut pacer, mut now) = warm();
        let remaining = Remaining {
            principal: Some(principal),
            global: Some(global),
        };
        for count in 0..12 {
            let permit = pacer.try_send(now).expect("a probe");
            pacer.answered(permit, remaining, refused(None), now);
            let (until, _) = pacer.limited_until(now).expect("it waits");
            let pause = until.duration_since(now).as_secs_f64();
            assert!(pause <= 5.2, "{pause} s after {count}: {principal}, {global}");
            assert!(
                count < 4 || pause >= 3.0,
                "{pause} s after {count}: {principal}, {global}"
            );
            now = until;
        }
    }
}

/// A pacer that has just learned of a limit of five a second, and waits for a second.
fn paced() -> (Pacer, Instant) {
    let mut now = Instant::now();
    let mut pacer = Pacer::new(Kind::Write, now);
    for _ in 0..50 {
        let permit = pacer.try_send(now).expect("nothing holds it back");
        pacer.answered(permit, Remaining::default(), Verdict::Accepted, now + ms(10));
        now += ms(200);
    }
    for permit in send_all(&mut pacer, now) {
        pacer.answered(permit, Remaining::default(), refused(Some(1)), now);
    }
    (pacer, now)
}

#[test]
fn refused_probes_leave_time_for_those_of_other_processes() {
    let (mut pacer, mut now) = paced();
    let mut latest = Duration::ZERO;
    let refuse = |pacer: &mut Pacer, now: Instant| {
        let permit = pacer.try_send(now).expect("its time has come");
        pacer.answered(permit, Remaining::default(), refused(Some(10)), now);
        let (until, _) = pacer.limited_until(now).expect("it waits");
        until
    };
    for _ in 0..10 {
        // What is left of the last pause, and of the pace.
        now = pacer.limited_until(now).map_or(now, |(until, _)| until) + ms(5000);
        let permit = pacer.try_send(now).expect("the probe");
        pacer.answered(permit, Remaining::default(), Verdict::Accepted, now);
        now += ms(5000);
        let until = refuse(&mut pacer, now);
        assert!(until - now <= ms(10_200), "{:?}", until - now);
        now = until;
        let until = refuse(&mut pacer, now);
        latest = latest.max(until - now);
        now = until;
    }
    assert!(latest > ms(10_250), "{latest:?}");
}

#[test]
fn a_refusal_without_headers_is_of_the_bucket_that_was_seen_nearly_empty() {
    for (left, is_short) in [(0, true), (2, true), (150, false)] {
        let (mut pacer, mut now) = warm();
        let permit = pacer.try_send(now).expect("nothing holds it back");
        let remaining = Remaining {
            principal: Some(left),
            global: None,
        };
        pacer.answered(permit, remaining, Verdict::Accepted, now);
        now = pacer.limited_until(now).map_or(now, |(until, _)| until);
        let mut longest = Duration::ZERO;
        for _ in 0..12 {
            let permit = pacer.try_send(now).expect("a probe");
            pacer.answered(permit, Remaining::default(), refused(None), now);
            let (until, _) = pacer.limited_until(now).expect("it waits");
            longest = longest.max(until - now);
            now = until;
        }
        assert_eq!(longest <= ms(5200), is_short, "{left} left: {longest:?}");
    }
}

#[test]
fn a_pace_that_is_not_used_does_not_grow() {
    let (mut pacer, now) = paced();
    let (mut now, _) = pacer.limited_until(now).expect("it waits");
    let before = pacer.rate().expect("a pace was learned");
    for _ in 0..20 {
        let permit = pacer.try_send(now).expect("the pace permits it by now");
        pacer.answered(permit, Remaining::default(), Verdict::Accepted, now + ms(10));
        assert!(pacer.try_send(now + ms(10)).is_err(), "it holds the next one back");
        now += ms(5000);
    }
    let after = pacer.rate();
    assert!(
        after.is_some_and(|after| after < 1.1 * before),
        "{before}, then {after:?}"
    );
}

#[test]
fn the_longest_retry_after_of_requests_in_flight_together_counts() {
    for asked in [
        [None, Some(10)],
        [Some(1), Some(10)],
        [Some(10), Some(1)],
        [Some(10), None],
    ] {
        let (mut pacer, now) = warm();
        for (permit, seconds) in send_all(&mut pacer, now).into_iter().zip(asked) {
            pacer.answered(permit, Remaining::default(), refused(seconds), now);
        }
        let (until, wait) = pacer.limited_until(now).expect("it waits");
        assert_eq!(wait, Wait::RetryAfter);
        assert!(until >= now + ms(10_000) && until <= now + ms(10_200), "{asked:?}");
    }
}

#[test]
fn a_long_retry_after_is_kept() {
    let (mut pacer, now) = warm();
    let permit = pacer.try_send(now).expect("nothing holds it back");
    pacer.answered(permit, Remaining::default(), refused(Some(372)), now);
    assert!(pacer.try_send(now + ms(371_999)).is_err());
    assert!(pacer.try_send(now + ms(380_000)).is_ok());
}
