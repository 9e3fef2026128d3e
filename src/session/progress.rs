//! How far a session is, as the caller is told.

use serde::{Serialize, Serializer};

use crate::target::Target;

/// Counts and times of a session; its JSON is that of the ABI (`docs/abi.md`, "Progress").
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    pub submitted: u64,
    /// Items below this number need no input any more: their events were taken, or they had none.
    pub delivered: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Of those cancelled: nothing of them was done. This and the two that follow exclude each other; the rest were reset.
    pub cancelled_not_sent: u64,
    /// Of those cancelled: whether one of their steps was carried out is unknown.
    pub cancelled_unknown: u64,
    /// Of those cancelled: their settings were changed and their connection was not reset, as far as is known.
    pub cancelled_settings_done: u64,
    pub in_flight: u64,
    pub queued: u64,
    /// Items that wait for a time before they may be sent.
    pub waiting: u64,
    /// Milliseconds until the first of them may.
    pub wait_ms: u64,
    pub wait_reason: Option<WaitReason>,
    pub requests: u64,
    pub refusals: u64,
    pub retries: u64,
    /// For how long the endpoint has not answered; 0: it does.
    pub outage_ms: u64,
    /// Until the last item has ended; none: unknown.
    pub time_left_ms: Option<u64>,
    /// The first item without a result; after a cancel the first cancelled one.
    pub first_pending: Option<Pending>,
}

/// What items wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum WaitReason {
    /// The token bucket that the service's headers tell of is empty.
    Throttle,
    /// An answer said when to ask again.
    RetryAfter,
    /// The endpoint is gone.
    #[expect(dead_code, reason = "the session's core finds outages")]
    Outage,
}

/// An item, by its number and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub index: u64,
    pub target: Option<Target>,
}

impl Serialize for Pending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            index: u64,
            #[serde(flatten)]
            target: Option<&'a Target>,
        }
        let target = self.target.as_ref();
        Named {
            index: self.index,
            target,
        }
        .serialize(serializer)
    }
}

impl Progress {
    /// The JSON of the ABI.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("members of plain types are always written")
    }
}
