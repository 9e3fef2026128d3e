//! The rows: what is measured, against what, and what it is to come to.

use std::collections::HashSet;

use anyhow::{Result, bail};
use serde::Serialize;

use super::baselines::{Contender, IN_FLIGHT};
use super::sample::{Sample, median};
use super::setup::Bench;
use crate::emulator::{Emulator, Profile};

/// A row of the results.
pub(crate) struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Measures it.
    pub measure: fn(&Bench) -> Result<Measured>,
}

/// Every row.
pub(crate) const ROWS: [Row; 9] = [
    Row {
        name: "import",
        title: "Import-Module, in a new process",
        measure: import,
    },
    Row {
        name: "first",
        title: "The first reset of a process",
        measure: first,
    },
    Row {
        name: "warm",
        title: "One warm reset",
        measure: warm,
    },
    Row {
        name: "fleet",
        title: "A fleet piped in PowerShell: no throttle, TLS, 64 in flight",
        measure: fleet,
    },
    Row {
        name: "abi",
        title: "The same fleet through the C ABI, without PowerShell",
        measure: abi,
    },
    Row {
        name: "latency",
        title: "A fleet at 50 ms latency, 64 in flight",
        measure: latency,
    },
    Row {
        name: "throttle",
        title: "A throttled fleet, with a scaled bucket",
        measure: throttle,
    },
    Row {
        name: "memory",
        title: "Peak memory of a short and of a long pipeline",
        measure: memory,
    },
    Row {
        name: "faults",
        title: "A fleet with 5 % of 503, 429, resets and stalls",
        measure: faults,
    },
];

/// What a row came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    /// The contenders, each with the medians of its runs.
    pub contenders: Vec<Summary>,
    /// The targets.
    pub targets: Vec<Target>,
    /// Contenders that could not run here, and why.
    pub missing: Vec<String>,
}

/// A contender's part in a row.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub name: String,
    /// Medians over the runs.
    pub figures: Vec<Figure>,
    /// The runs as they were.
    pub runs: Vec<Sample>,
}

/// A quantity of a contender.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub quantity: &'static str,
    pub unit: &'static str,
    pub value: f64,
}

/// What a row is to come to, and what it came to.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    pub bound: Bound,
    pub met: bool,
}

/// The bound of a target.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    MoreThan(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
            Self::MoreThan(bound) => value > bound,
        }
    }
}

/// A quantity that samples have.
struct Quantity {
    name: &'static str,
    unit: &'static str,
    of: fn(&Sample) -> Option<f64>,
}

const CPU: Quantity = Quantity {
    name: "CPU a reset",
    unit: "ms",
    of: Sample::cpu_ms,
};
const WHOLE_CPU: Quantity = Quantity {
    name: "with start and end",
    unit: "ms",
    of: Sample::process_cpu_ms,
};
const RATE: Quantity = Quantity {
    name: "resets a second",
    unit: "/s",
    of: Sample::rate,
};
const PEAK: Quantity = Quantity {
    name: "peak memory",
    unit: "MB",
    of: Sample::peak_mb,
};
const TIME: Quantity = Quantity {
    name: "time",
    unit: "s",
    of: |sample| sample.seconds,
};
const IMPORT: Quantity = Quantity {
    name: "time",
    unit: "ms",
    of: |sample| Some(sample.seconds? * 1000.0),
};
const FIRST: Quantity = Quantity {
    name: "first reset",
    unit: "ms",
    of: |sample| Some(sample.first_seconds? * 1000.0),
};
const WARM: Quantity = Quantity {
    name: "warm reset",
    unit: "ms",
    of: |sample| Some(sample.median_seconds? * 1000.0),
};
const REFUSALS: Quantity = Quantity {
    name: "answers of 429",
    unit: "",
    of: |sample| sample.refusals.map(|n| n as f64),
};
const SUCCEEDED: Quantity = Quantity {
    name: "succeeded",
    unit: "",
    of: |sample| sample.succeeded.map(|n| n as f64),
};
const FAILED: Quantity = Quantity {
    name: "failed",
    unit: "",
    of: |sample| sample.failed.map(|n| n as f64),
};

/// A contender in a row.
struct Entry {
    contender: Contender,
    requests: u64,
    name: String,
}

fn entry(contender: Contender, requests: u64) -> Entry {
    Entry {
        contender,
        requests,
        name: contender.name().to_owned(),
    }
}

/// What the runs of a row gave.
struct Runs {
    /// Beside each entry its samples, or what is missing.
    entries: Vec<(Entry, Result<Vec<Sample>, String>)>,
}

/// Runs the entries one after the other, `repeat` times, each against an emulator of its own. Contenders of one
/// repetition are a pair: what the machine does besides meets them alike.
fn run(
    bench: &Bench,
    repeat: u32,
    options: &[&str],
    entries: Vec<Entry>,
    inspect: fn(&Emulator, &mut Sample) -> Result<()>,
) -> Result<Runs> {
    let mut runs: Vec<(Entry, Result<Vec<Sample>, String>)> =
        entries.into_iter().map(|entry| (entry, Ok(Vec::new()))).collect();
    for _ in 0..repeat {
        for (entry, samples) in &mut runs {
            let Ok(taken) = samples else { continue };
            let emulator = Emulator::start(Profile::Release, [&["--backends", "10000"], options].concat())?;
            match entry.contender.run(&bench.tools, &emulator, entry.requests)? {
                Ok(mut sample) => {
                    inspect(&emulator, &mut sample)?;
                    taken.push(sample);
                }
                Err(missing) => *samples = Err(missing),
            }
        }
    }
    Ok(Runs { entries: runs })
}

/// For rows whose every reset must succeed: a time with failures in it is no measurement.
fn all_succeed(_: &Emulator, sample: &mut Sample) -> Result<()> {
    match (sample.failed, sample.requests) {
        (Some(failed @ 1..), Some(requests)) => bail!("{failed} of {requests} resets failed"),
        _ => Ok(()),
    }
}

impl Runs {
    fn samples(&self, at: usize) -> &[Sample] {
        self.entries[at].1.as_deref().unwrap_or_default()
    }

    /// The median over the repetitions of what `combine` makes of a pair.
    fn paired(&self, at: usize, against: usize, of: &Quantity, combine: fn(f64, f64) -> f64) -> Option<f64> {
        let pairs = self.samples(at).iter().zip(self.samples(against));
        median(pairs.filter_map(|(one, other)| Some(combine((of.of)(one)?, (of.of)(other)?))))
    }

    fn median(&self, at: usize, of: &Quantity) -> Option<f64> {
        median(self.samples(at).iter().filter_map(of.of))
    }

    /// A target, unless one of its contenders is missing.
    fn target(&self, what: impl Into<String>, value: Option<f64>, unit: &'static str, bound: Bound) -> Option<Target> {
        let value = value?;
        Some(Target {
            what: what.into(),
            value,
            unit,
            bound,
            met: bound.holds(value),
        })
    }

    fn measured(self, quantities: &[Quantity], targets: impl IntoIterator<Item = Option<Target>>) -> Measured {
        let mut contenders = Vec::new();
        let mut missing = Vec::new();
        for (entry, samples) in self.entries {
            match samples {
                Ok(runs) => contenders.push(Summary {
                    name: entry.name,
                    figures: quantities
                        .iter()
                        .filter_map(|of| {
                            let value = median(runs.iter().filter_map(of.of))?;
                            Some(Figure {
                                quantity: of.name,
                                unit: of.unit,
                                value,
                            })
                        })
                        .collect(),
                    runs,
                }),
                Err(why) => missing.push(format!("{}: {why}", entry.name)),
            }
        }
        Measured {
            contenders,
            targets: targets.into_iter().flatten().collect(),
            missing,
        }
    }
}

fn ratio(one: f64, other: f64) -> f64 {
    one / other
}

fn difference(one: f64, other: f64) -> f64 {
    one - other
}

fn import(bench: &Bench) -> Result<Measured> {
    // An import is soon done, and differs more from run to run than a fleet does.
    let entries = vec![entry(Contender::Import, 1), entry(Contender::ImportEmpty, 1)];
    let runs = run(bench, 4 * bench.repeat, &[], entries, all_succeed)?;
    let against = runs.paired(0, 1, &IMPORT, ratio);
    let target = runs.target("import, against an empty module", against, "x", Bound::AtMost(1.3));
    Ok(runs.measured(&[IMPORT], [target]))
}

fn first(bench: &Bench) -> Result<Measured> {
    let entries = vec![entry(Contender::SingleCalls, 1), entry(Contender::Reqwest, 1)];
    let runs = run(bench, 2 * bench.repeat, &[], entries, all_succeed)?;
    let beyond = runs.paired(0, 1, &FIRST, difference);
    let target = runs.target(
        "first reset, beyond connecting and one round trip",
        beyond,
        "ms",
        Bound::AtMost(120.0),
    );
    Ok(runs.measured(&[FIRST], [target]))
}

fn warm(bench: &Bench) -> Result<Measured> {
    let calls = bench.size(1050, 150);
    let entries = vec![
        entry(Contender::SingleCalls, calls),
        entry(Contender::Sequential, calls),
    ];
    let runs = run(bench, bench.repeat, &[], entries, all_succeed)?;
    let beyond = runs.paired(0, 1, &WARM, difference);
    let target = runs.target(
        "warm reset, beyond the same request of bare reqwest",
        beyond,
        "ms",
        Bound::AtMost(0.6),
    );
    Ok(runs.measured(&[WARM], [target]))
}

fn fleet(bench: &Bench) -> Result<Measured> {
    let requests = bench.size(10_000, 2_000);
    let contenders = [Contender::Piped, Contender::JavaScript, Contender::Python];
    let entries = contenders.map(|contender| entry(contender, requests)).into();
    let runs = run(bench, bench.repeat, &["--no-journal"], entries, all_succeed)?;
    let (javascript, python) = (1, 2);
    let targets = [
        runs.target(
            "CPU a reset, against the JavaScript SDK",
            runs.paired(0, javascript, &CPU, ratio),
            "x",
            Bound::AtMost(0.4),
        ),
        runs.target(
            "CPU a reset, against the Python SDK",
            runs.paired(0, python, &CPU, ratio),
            "x",
            Bound::AtMost(0.1),
        ),
        runs.target(
            "resets a second, against the JavaScript SDK",
            runs.paired(0, javascript, &RATE, ratio),
            "x",
            Bound::MoreThan(1.0),
        ),
        runs.target(
            "resets a second, against the Python SDK",
            runs.paired(0, python, &RATE, ratio),
            "x",
            Bound::MoreThan(1.0),
        ),
    ];
    Ok(runs.measured(&[CPU, WHOLE_CPU, RATE, PEAK], targets))
}

fn abi(bench: &Bench) -> Result<Measured> {
    let requests = bench.size(10_000, 2_000);
    let contenders = [
        Contender::Native,
        Contender::Reqwest,
        Contender::ReqwestHttp1,
        Contender::ReqwestTwoWorkers,
    ];
    let entries = contenders.map(|contender| entry(contender, requests)).into();
    let runs = run(bench, bench.repeat, &["--no-journal"], entries, all_succeed)?;
    let target = runs.target(
        "CPU a reset, against bare reqwest on the same runtime",
        runs.paired(0, 1, &CPU, ratio),
        "x",
        Bound::AtMost(1.25),
    );
    Ok(runs.measured(&[CPU, WHOLE_CPU, RATE, PEAK], [target]))
}

fn latency(bench: &Bench) -> Result<Measured> {
    let requests = bench.size(50_000, 2_000);
    let entries = vec![
        entry(Contender::Piped, requests),
        entry(Contender::Native, requests),
        entry(Contender::JavaScript, requests),
        // As many as it does while the others do theirs, more or less.
        entry(Contender::Sequential, requests / IN_FLIGHT),
    ];
    let runs = run(
        bench,
        bench.repeat,
        &["--no-journal", "--latency-ms", "50"],
        entries,
        all_succeed,
    )?;
    let most = IN_FLIGHT as f64 / 0.050;
    let share = |at| runs.median(at, &RATE).map(|rate| 100.0 * rate / most);
    let targets = [
        runs.target(
            "PowerShell's share of window / latency",
            share(0),
            "%",
            Bound::AtLeast(95.0),
        ),
        runs.target(
            "the C ABI's share of window / latency",
            share(1),
            "%",
            Bound::AtLeast(95.0),
        ),
    ];
    Ok(runs.measured(&[RATE, CPU], targets))
}

fn throttle(bench: &Bench) -> Result<Measured> {
    // Azure's bucket holds 200 and gets back 10 a second; this one gets back more, so that the run ends soon.
    let (bucket, refill) = (200, bench.size(100, 200));
    let requests = bench.size(1_200, 1_000);
    let bound = (requests - bucket) as f64 / refill as f64;
    let contenders = [Contender::Piped, Contender::Native, Contender::Sequential];
    let entries = contenders.map(|contender| entry(contender, requests)).into();
    let (bucket, refill) = (bucket.to_string(), refill.to_string());
    let options = ["--write-bucket", bucket.as_str(), "--write-refill", refill.as_str()];
    let runs = run(bench, bench.repeat, &options, entries, |emulator, sample| {
        let refusals = emulator
            .journal()?
            .iter()
            .filter(|request| request.status == Some(429))
            .count();
        sample.refusals = Some(refusals as u64);
        all_succeed(emulator, sample)
    })?;
    let over = |at| runs.median(at, &TIME).map(|time| time / bound);
    let what = format!("time, against the shortest possible ({bound:.1} s)");
    let targets = [
        runs.target(format!("PowerShell's {what}"), over(0), "x", Bound::AtMost(1.05)),
        runs.target(format!("the C ABI's {what}"), over(1), "x", Bound::AtMost(1.05)),
    ];
    Ok(runs.measured(&[TIME, REFUSALS], targets))
}

fn memory(bench: &Bench) -> Result<Measured> {
    let long = bench.size(100_000, 20_000);
    let entries = [1_000, long].map(|objects| Entry {
        name: format!("PowerShell, {objects} objects piped"),
        ..entry(Contender::Streamed, objects)
    });
    let runs = run(bench, bench.repeat, &["--no-journal"], entries.into(), all_succeed)?;
    let more = runs.paired(1, 0, &PEAK, difference);
    let target = runs.target(
        format!("peak memory of {long} objects, beyond that of 1000"),
        more,
        "MB",
        Bound::AtMost(10.0),
    );
    Ok(runs.measured(&[PEAK], [target]))
}

fn faults(bench: &Bench) -> Result<Measured> {
    let requests = bench.size(10_000, 1_000);
    let contenders = [Contender::PipedAccounted, Contender::NativeAccounted];
    let entries = contenders.map(|contender| entry(contender, requests)).into();
    let options = [
        "--fault-rate",
        "0.05",
        "--fault-kinds",
        "503,429,reset,stall",
        "--seed",
        "1",
    ];
    // What must hold, holds in every run; a median would hide one where it does not.
    let runs = run(bench, 1, &options, entries, |emulator, sample| {
        let accepted: HashSet<String> = emulator
            .journal()?
            .into_iter()
            .filter(|request| request.method == "POST" && request.status == Some(202))
            .map(|request| request.path)
            .collect();
        sample.accepted = Some(accepted.len() as u64);
        Ok(())
    })?;
    // Items without an outcome, with two, or told as done without the service having accepted them.
    let wrong = |at: usize| {
        runs.samples(at).iter().map(|sample| {
            let lost = requests.saturating_sub(sample.distinct.unwrap_or(0));
            let unmatched = (sample.succeeded.unwrap_or(0) + sample.failed.unwrap_or(0)).abs_diff(requests);
            let unfounded = sample
                .succeeded
                .unwrap_or(0)
                .saturating_sub(sample.accepted.unwrap_or(0));
            (lost + unmatched + unfounded + sample.twice.unwrap_or(0)) as f64
        })
    };
    let slower = runs.target(
        "PowerShell's time, against the C ABI's",
        runs.paired(0, 1, &TIME, ratio),
        "x",
        Bound::AtMost(1.5),
    );
    let accounted = [0, 1].map(|at| {
        let what = format!(
            "items lost, counted twice or told wrongly ({})",
            runs.entries[at].0.name
        );
        runs.target(what, median(wrong(at)), "", Bound::AtMost(0.0))
    });
    Ok(runs.measured(&[SUCCEEDED, FAILED, TIME], accounted.into_iter().chain([slower])))
}
