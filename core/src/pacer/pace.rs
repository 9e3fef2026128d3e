//! The pace under a limit that no header shows: requests a second that grow with time.

use std::time::Instant;

/// After the slow growth the pace doubles in this part of it.
const FAST: f64 = 0.25;

/// How fast to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Requests a second at the start of the growth.
    pub low: f64,
    /// And at the end of the slow growth.
    pub high: f64,
    /// Seconds of the slow growth.
    pub slow: f64,
    /// Seconds for which it has grown.
    pub grown: f64,
    /// As much went well for [`PROVEN`] seconds.
    pub proven: bool,
    /// When the next request may go.
    pub next: Instant,
    /// The next request waits for this pace, and for nothing else.
    pub held: bool,
    pub last_held: Instant,
    pub last_sent: Instant,
}

impl Pace {
    pub fn rate(&self) -> f64 {
        if self.grown <= self.slow {
            self.low + (self.high - self.low) * self.grown / self.slow
        } else {
            self.high * ((self.grown - self.slow) / (self.slow * FAST)).min(60.0).exp2()
        }
    }
}
