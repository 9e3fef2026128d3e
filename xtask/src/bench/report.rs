//! The results: printed as tables, kept as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::rows::{Bound, Figure, Measured, Row, Target};
use super::setup::Bench;

/// The results of a run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// When, in seconds since 1970.
    measured_at: u64,
    machine: Machine,
    /// What ran, with versions.
    versions: Vec<(&'static str, String)>,
    /// Paired runs a row, of which medians are taken.
    repeat: u32,
    quick: bool,
    pub rows: Vec<RowReport>,
}

/// The machine, without what would tell whose it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    processor: String,
    cores: usize,
    memory_gb: u64,
    system: String,
}

/// A row with its results.
#[derive(Serialize)]
pub(crate) struct RowReport {
    pub name: &'static str,
    pub title: &'static str,
    #[serde(flatten)]
    pub measured: Measured,
}

impl Report {
    pub fn new(bench: &Bench) -> Self {
        Self {
            measured_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_secs()),
            machine: Machine::this(),
            versions: bench.tools.versions(),
            repeat: bench.repeat,
            quick: bench.quick,
            rows: Vec::new(),
        }
    }

    /// The machine, in one line.
    pub fn machine(&self) -> String {
        let Machine {
            processor,
            cores,
            memory_gb,
            system,
        } = &self.machine;
        format!("{processor}, {cores} cores, {memory_gb} GB, {system}")
    }

    pub fn print_machine(&self) {
        println!("{}", self.machine());
        for (name, version) in &self.versions {
            println!("{name}: {version}");
        }
    }

    /// Takes a row's results, and prints them.
    pub fn add(&mut self, row: &Row, measured: Measured) {
        println!("\n{}: {}", row.name, row.title);
        let mut table = Vec::new();
        if let Some(widest) = measured
            .contenders
            .iter()
            .max_by_key(|contender| contender.figures.len())
        {
            let mut head = vec![String::new()];
            head.extend(widest.figures.iter().map(|figure| figure.quantity.to_owned()));
            table.push(head);
            for contender in &measured.contenders {
                let mut line = vec![contender.name.clone()];
                line.extend(widest.figures.iter().map(|of| {
                    let figure = contender.figures.iter().find(|figure| figure.quantity == of.quantity);
                    figure.map_or("-".to_owned(), shown)
                }));
                table.push(line);
            }
        }
        print_table(&table);
        for missing in &measured.missing {
            println!("  missing here: {missing}");
        }
        self.rows.push(RowReport {
            name: row.name,
            title: row.title,
            measured,
        });
    }

    /// Every target with what it came to.
    pub fn print_targets(&self) {
        println!("\nTargets (medians of {} paired runs)", self.repeat);
        let mut table = vec![["", "measured", "target", ""].map(str::to_owned).to_vec()];
        for row in &self.rows {
            for Target {
                what,
                value,
                unit,
                bound,
                met,
            } in &row.measured.targets
            {
                table.push(vec![
                    format!("{}: {what}", row.name),
                    with_unit(*value, unit),
                    bound_shown(*bound, unit),
                    if *met { "met" } else { "MISSED" }.to_owned(),
                ]);
            }
        }
        print_table(&table);
    }

    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Machine {
    fn this() -> Self {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        );
        let processor = system
            .cpus()
            .first()
            .map(|cpu| cpu.brand().trim().to_owned())
            .unwrap_or_default();
        Self {
            processor: if processor.is_empty() {
                std::env::consts::ARCH.to_owned()
            } else {
                processor
            },
            cores: system.cpus().len(),
            memory_gb: (system.total_memory() as f64 / 1e9).round() as u64,
            system: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        }
    }
}

/// A figure as it is printed and drawn.
pub(crate) fn shown(figure: &Figure) -> String {
    with_unit(figure.value, figure.unit)
}

fn with_unit(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        _ if unit.is_empty() => 0,
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    match unit {
        "" => format!("{value:.digits$}"),
        "x" | "/s" | "%" => format!("{value:.digits$}{unit}"),
        _ => format!("{value:.digits$} {unit}"),
    }
}

fn bound_shown(bound: Bound, unit: &str) -> String {
    match bound {
        Bound::AtMost(value) => format!("<= {}", with_unit(value, unit)),
        Bound::AtLeast(value) => format!(">= {}", with_unit(value, unit)),
        Bound::MoreThan(value) => format!("> {}", with_unit(value, unit)),
    }
}

/// Prints lines of cells in columns: the first to the left, the rest to the right.
fn print_table(lines: &[Vec<String>]) {
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    for line in lines {
        let mut text = String::from(" ");
        for (column, cell) in line.iter().enumerate() {
            let width = width(column).unwrap_or(0);
            match column {
                0 => text.push_str(&format!(" {cell:<width$}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        println!("{}", text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_that_count() {
        for (value, unit, text) in [
            (0.0514, "ms", "0.051 ms"),
            (1.2345, "x", "1.23x"),
            (23.456, "ms", "23.5 ms"),
            (12_345.6, "/s", "12346/s"),
            (3.0, "", "3"),
        ] {
            assert_eq!(with_unit(value, unit), text);
        }
    }
}
