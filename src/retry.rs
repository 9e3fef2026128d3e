//! When a request is sent again, and after how long.

use std::time::Duration;

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A request refused with 429 this often is given up: at a second or more each, that is a bucket with nothing left
/// for us.
pub(crate) const MOST_REFUSALS: u32 = 30;

/// Whether another try of a request with that status can help.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// The pause before the next try, after `tries` that failed: exponential, with jitter of a quarter to either side so
/// that many requests which failed together do not come back together.
pub(crate) fn pause(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(10));
    doubled.min(LONGEST_PAUSE).mul_f64(0.75 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_up_to_the_longest() {
        for (tries, expected) in [(1, 0.2), (2, 0.4), (3, 0.8), (20, 30.0)] {
            let pause = pause(tries).as_secs_f64();
            assert!((0.75..=1.25).contains(&(pause / expected)), "{tries}: {pause}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert!(is_transient(status));
        }
        for status in [200, 202, 301, 400, 401, 403, 404, 409, 412] {
            assert!(!is_transient(status));
        }
    }
}
