//! The pacer against a simulated service with every kind of limit, in virtual time.

mod sim_limits;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use engine_core::pacer::{Kind, Pacer, Permit, Remaining, Verdict};
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
    #[allow(dead_code)]
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
        if std::env::var("TIMES").is_ok() {
            let mut histogram = [0; 20];
            for at in &ran.refusals {
                histogram[((at / ran.seconds * 20.0) as usize).min(19)] += 1;
            }
            println!(
                "{text} {histogram:?} {:.1?}",
                &ran.refusals[..ran.refusals.len().min(10)]
            );
        }
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
    for rate in [1.0, 2.5, 4.0, 8.0, 20.0, 50.0] {
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
    for (rate, retry_after) in [(4.0, 1), (4.0, 5)] {
        {
            for processes in [2] {
                for latency in LATENCIES {
                    for seed in 0..SEEDS {
                        let limits = Limits::none().with_hidden(rate, RetryAfter::Closed(retry_after));
                        let case = Case::new(limits, &vec![1000; processes], latency, seed);
                        rows.push(Row {
                            name: format!("hidden {rate}/s, Retry-After {retry_after}, {processes} processes"),
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
