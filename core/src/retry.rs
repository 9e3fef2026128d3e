//! The engine's only retry policy: which replies are worth another try, and the pause before it.

use std::time::Duration;

use crate::reply::{Answer, NoAnswer, Reply};
use crate::step::Step;

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// However long an answer asks to wait, the request is tried again after this. Azure Resource Manager's own longest
/// wait is an hour.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// An item fails of 429s only after this long in which its limits let none of the session's requests through.
pub const MAX_STARVED: Duration = Duration::from_secs(300);
/// A request that the peer says it did not process is sent again at once and free of cost, this often in a row.
pub const MAX_FREE_RESENDS: u32 = 3;

/// What a reply means for its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The documented success.
    Success,
    /// A 429: no fault of the request. Its limits say when to send again.
    Throttled,
    /// A 401 to a token that may have ended.
    Unauthorized,
    /// Another try can help.
    Transient,
    /// Not processed: another try costs nothing.
    NotProcessed,
    /// Another try cannot help.
    Final,
    /// Neither this request nor any other of the session can succeed.
    Fatal,
}

/// Classifies a reply.
pub fn meaning(step: Step, reply: &Reply) -> Meaning {
    match reply {
        Reply::Answer(answer) if answer.is_success(step) => {
            if answer.is_complete {
                Meaning::Success
            } else {
                Meaning::Final
            }
        }
        Reply::Answer(answer) => match (answer.status, answer.code) {
            (429, _) => Meaning::Throttled,
            // The token is good, but not for this subscription, which belongs to another tenant.
            (401, "InvalidAuthenticationTokenTenant") => Meaning::Final,
            (401, _) => Meaning::Unauthorized,
            (408 | 500..=599, _) => Meaning::Transient,
            // Both pass by themselves in API Management's recorded traffic.
            (409, "PessimisticConcurrencyConflict") | (422, "ManagementApiRequestFailed") => Meaning::Transient,
            _ => Meaning::Final,
        },
        Reply::NoAnswer(why) => match why {
            NoAnswer::NotConnected | NoAnswer::TimedOut | NoAnswer::Broken => Meaning::Transient,
            NoAnswer::NotProcessed => Meaning::NotProcessed,
            NoAnswer::Untrusted => Meaning::Fatal,
        },
    }
}

/// Whether the service may have carried the request out, although the reply is not the documented success.
pub fn may_be_done(step: Step, reply: &Reply) -> bool {
    match reply {
        // A refusal says that nothing was done. A 2xx or 3xx that nobody documents says nothing, and behind a 408 or a
        // 5xx of a gateway the service may have gone on.
        Reply::Answer(answer) => !answer.is_success(step) && !is_refusal(answer),
        Reply::NoAnswer(why) => matches!(why, NoAnswer::TimedOut | NoAnswer::Broken),
    }
}

fn is_refusal(answer: &Answer) -> bool {
    (400..=499).contains(&answer.status) && answer.status != 408
}

/// The pause before the next try, after `tries` that failed: what the answer asked for, else exponential, with jitter
/// of a quarter to either side so that requests which failed together do not come back together.
pub fn pause(reply: &Reply, tries: u32, random: &mut fastrand::Rng) -> Duration {
    let asked_for = match reply {
        Reply::Answer(answer) => answer.retry_after,
        Reply::NoAnswer(_) => None,
    };
    asked_for.map_or_else(|| backoff(tries, random), |wait| wait.min(MAX_RETRY_AFTER))
}

/// The pause after `tries` failures where nobody asked for one.
pub fn backoff(tries: u32, random: &mut fastrand::Rng) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(10));
    doubled.min(MAX_PAUSE).mul_f64(0.75 + 0.5 * random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacer::Remaining;

    fn answer(status: u16, code: &str) -> Reply<'_> {
        Reply::Answer(Answer {
            status,
            code,
            is_complete: true,
            retry_after: None,
            remaining: Remaining::default(),
        })
    }

    #[test]
    fn exactly_the_documented_statuses_are_success() {
        for (step, documented) in [
            (Step::Settings, &[200, 204][..]),
            (Step::Reset, &[202]),
            (Step::Get, &[200]),
        ] {
            for status in 200..400 {
                let success = documented.contains(&status);
                let expected = if success { Meaning::Success } else { Meaning::Final };
                assert_eq!(meaning(step, &answer(status, "")), expected, "{step:?} {status}");
                assert_eq!(may_be_done(step, &answer(status, "")), !success, "{step:?} {status}");
            }
        }
    }

    #[test]
    fn what_may_pass_is_transient_and_nothing_else() {
        let of = |status, code| meaning(Step::Reset, &answer(status, code));
        for status in [408, 500, 502, 503, 504, 599] {
            assert_eq!(of(status, ""), Meaning::Transient, "{status}");
            assert!(may_be_done(Step::Reset, &answer(status, "")), "{status}");
        }
        assert_eq!(of(409, "PessimisticConcurrencyConflict"), Meaning::Transient);
        assert_eq!(of(422, "ManagementApiRequestFailed"), Meaning::Transient);
        for (status, code) in [
            (409, "ScopeLocked"),
            (422, "Other"),
            (400, ""),
            (403, ""),
            (404, ""),
            (411, ""),
            (412, ""),
            (600, ""),
        ] {
            assert_eq!(of(status, code), Meaning::Final, "{status}");
        }
        for status in [400, 401, 404, 409, 422, 429, 499] {
            assert!(!may_be_done(Step::Reset, &answer(status, "")), "{status}");
        }
        assert!(may_be_done(Step::Reset, &answer(600, "")));
        assert_eq!(of(429, ""), Meaning::Throttled);
        assert_eq!(of(401, ""), Meaning::Unauthorized);
        assert_eq!(of(401, "InvalidAuthenticationTokenTenant"), Meaning::Final);
    }

    #[test]
    fn a_request_without_an_answer_may_be_done_only_if_it_was_sent() {
        for (why, expected, may_be) in [
            (NoAnswer::NotConnected, Meaning::Transient, false),
            (NoAnswer::NotProcessed, Meaning::NotProcessed, false),
            (NoAnswer::TimedOut, Meaning::Transient, true),
            (NoAnswer::Broken, Meaning::Transient, true),
            (NoAnswer::Untrusted, Meaning::Fatal, false),
        ] {
            let reply = Reply::NoAnswer(why);
            assert_eq!(meaning(Step::Reset, &reply), expected, "{why:?}");
            assert_eq!(may_be_done(Step::Reset, &reply), may_be, "{why:?}");
        }
    }

    #[test]
    fn pauses_double_with_jitter_up_to_the_longest() {
        let mut random = fastrand::Rng::with_seed(1);
        for (tries, expected) in [(1, 0.2), (2, 0.4), (3, 0.8), (20, 30.0), (u32::MAX, 30.0)] {
            let pauses: Vec<f64> = (0..1000)
                .map(|_| backoff(tries, &mut random).as_secs_f64() / expected)
                .collect();
            assert!(pauses.iter().all(|p| (0.75..=1.25).contains(p)), "{tries}");
            assert!(
                pauses.iter().any(|p| *p < 0.8) && pauses.iter().any(|p| *p > 1.2),
                "{tries}"
            );
        }
    }

    #[test]
    fn what_an_answer_asks_for_wins_up_to_an_hour() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut wait = |seconds| {
            let Reply::Answer(mut answer) = answer(503, "") else {
                unreachable!()
            };
            answer.retry_after = Some(Duration::from_secs(seconds));
            pause(&Reply::Answer(answer), 1, &mut random).as_secs()
        };
        assert_eq!(wait(17), 17);
        assert_eq!(wait(3600), 3600);
        assert_eq!(wait(3601), 3600);
    }
}
