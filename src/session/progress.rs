//! How far a session is, as the ABI reports it (`docs/abi.md`, "Progress").

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::machine::Machine;
use engine_core::progress::{Counts, WaitReason};
use serde::Serialize;

use super::cause::Cause;
use crate::item::Item;
use crate::target::Target;

/// Counts and times of a session.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    submitted: u64,
    delivered: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    cancelled_not_done: u64,
    cancelled_unknown: u64,
    cancelled_settings_done: u64,
    cancelled_reset_done: u64,
    in_flight: u64,
    queued: u64,
    waiting: u64,
    wait_ms: u64,
    wait_reason: Option<&'static str>,
    requests: u64,
    refusals: u64,
    retries: u64,
    outage_ms: u64,
    time_left_ms: Option<u64>,
    first_pending: Option<Pending>,
}

/// The first item without a result, or the first cancelled one.
#[derive(Debug, Clone, Serialize)]
struct Pending {
    index: u64,
    #[serde(flatten)]
    target: Option<Target>,
}

impl Progress {
    pub(super) fn of(machine: &Machine<Arc<Item>, Cause>, now: Instant) -> Self {
        let progress = machine.progress(now);
        let Counts {
            submitted,
            succeeded,
            failed,
            cancelled,
            cancelled_not_done,
            cancelled_unknown,
            cancelled_settings_done,
            cancelled_reset_done,
            requests,
            refusals,
            retries,
        } = progress.counts;
        Self {
            submitted,
            delivered: progress.delivered,
            succeeded,
            failed,
            cancelled,
            cancelled_not_done,
            cancelled_unknown,
            cancelled_settings_done,
            cancelled_reset_done,
            in_flight: progress.in_flight,
            queued: progress.queued,
            waiting: progress.waiting,
            wait_ms: whole_ms(progress.wait),
            wait_reason: progress.wait_reason.map(|reason| match reason {
                WaitReason::Throttle => "throttle",
                WaitReason::RetryAfter => "retryAfter",
                WaitReason::Outage => "outage",
            }),
            requests,
            refusals,
            retries,
            outage_ms: whole_ms(progress.outage),
            time_left_ms: progress.time_left.map(whole_ms),
            first_pending: machine.first_pending().map(|(index, item)| Pending {
                index,
                target: item.and_then(|item| Target::of_path(&item.path)),
            }),
        }
    }

    /// The JSON of the ABI.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("members of plain types are always written")
    }
}

/// Rounded up: a wait of less than a millisecond is one.
fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
