//! Many seeds at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::plan::{Pace, Plan};
use crate::world::{Report, run};

/// What came of many seeds.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Items by how they ended: succeeded, failed, cancelled.
    pub ended: [u64; 3],
    /// Requests sent.
    pub requests: u64,
    /// Answers with status 429.
    pub refusals: u64,
    /// The largest ratio of the time to the shortest possible one, and its seed: of runs whose limits need at least ten
    /// seconds, in which nothing goes wrong and no caller dawdles; several processes under a limit that no header shows
    /// are left out.
    pub worst_ratio: Option<(f64, u64)>,
    /// Runs with violations, by seed.
    pub bad: Vec<Report>,
}

impl Summary {
    fn add(&mut self, plan: &Plan, report: Report) {
        self.runs += 1;
        self.requests += report.requests;
        self.refusals += report.refusals;
        for (sum, count) in self.ended.iter_mut().zip(report.ended) {
            *sum += count;
        }
        let alone = plan.hidden.is_none() || plan.processes == 1;
        let undisturbed = alone && plan.is_calm() && plan.pace == Pace::Eager && plan.input_pause.is_zero();
        if undisturbed && report.bound.as_secs_f64() >= 10.0 {
            let ratio = report.took.as_secs_f64() / report.bound.as_secs_f64();
            if self.worst_ratio.is_none_or(|(worst, _)| ratio > worst) {
                self.worst_ratio = Some((ratio, report.seed));
            }
        }
        if !report.violations.is_empty() {
            self.bad.push(report);
        }
    }

    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.requests += other.requests;
        self.refusals += other.refusals;
        for (sum, count) in self.ended.iter_mut().zip(other.ended) {
            *sum += count;
        }
        self.worst_ratio = [self.worst_ratio, other.worst_ratio]
            .into_iter()
            .flatten()
            .max_by(|a, b| a.0.total_cmp(&b.0));
        self.bad.extend(other.bad);
        self.bad.sort_by_key(|report| report.seed);
    }

    /// The first few bad runs, each with the command that shows it.
    pub fn complaint(&self) -> Option<String> {
        use std::fmt::Write as _;

        if self.bad.is_empty() {
            return None;
        }
        let mut text = format!("{} of {} seeds failed:", self.bad.len(), self.runs);
        for report in self.bad.iter().take(5) {
            let _ = write!(text, "\ncargo xtask simulate --seed {}", report.seed);
            for violation in report.violations.iter().take(3) {
                let _ = write!(text, "\n  {violation}");
            }
        }
        Some(text)
    }
}

/// Runs the seeds from 0 to `count`, on all processors.
pub fn sweep(count: u64) -> Summary {
    let next = AtomicU64::new(0);
    let all: Mutex<Summary> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Summary::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        break;
                    }
                    let plan = Plan::of_seed(seed);
                    own.add(&plan, run(&plan));
                }
                all.lock().expect("no run panics").merge(own);
            });
        }
    });
    all.into_inner().expect("no run panics")
}
