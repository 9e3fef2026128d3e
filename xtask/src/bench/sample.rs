//! What one run of one contender came to, and how runs are summed up.

use serde::{Deserialize, Serialize};

/// One run, as the contender's process printed it. What does not apply to a run is left out of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Sample {
    /// Resets that were asked for in the measured loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Resets that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// Resets that succeeded, where they were counted one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<u64>,
    /// Items that had an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Outcomes of items that had one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twice: Option<u64>,
    /// Backends that the emulator has accepted a reset for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u64>,
    /// Answers with status 429.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusals: Option<u64>,
    /// The measured loop's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The process's CPU time in the measured loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// The process's CPU time from its start to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_cpu_seconds: Option<f64>,
    /// The most memory that the process had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
    /// The time of the process's first reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seconds: Option<f64>,
    /// The median time of its later ones, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_seconds: Option<f64>,
}

impl Sample {
    /// Resets a second in the measured loop.
    pub fn rate(&self) -> Option<f64> {
        Some(self.requests? as f64 / self.seconds?)
    }

    /// Milliseconds of CPU a reset in the measured loop.
    pub fn cpu_ms(&self) -> Option<f64> {
        Some(self.cpu_seconds? * 1000.0 / self.requests? as f64)
    }

    /// Milliseconds of CPU a reset, start and end of the process included.
    pub fn process_cpu_ms(&self) -> Option<f64> {
        Some(self.process_cpu_seconds? * 1000.0 / self.requests? as f64)
    }

    /// The peak of memory in megabytes.
    pub fn peak_mb(&self) -> Option<f64> {
        Some(self.peak_bytes? as f64 / 1e6)
    }
}

/// The median; `None` for nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median([4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }
}
