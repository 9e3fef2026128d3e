//! How one run of the benchmarks measures.

use super::baselines::Tools;

/// How this run measures.
pub(super) struct Bench {
    pub tools: Tools,
    pub quick: bool,
    pub repeat: u32,
}

impl Bench {
    /// A size of a row: the second one when time is short.
    pub fn size(&self, whole: u64, quick: u64) -> u64 {
        if self.quick { quick } else { whole }
    }
}
