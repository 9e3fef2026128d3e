//! What waits to be sent: a lane for each subscription and kind of request, so that limits of one hold up no other.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::buckets::{Bucket, BucketKey, Buckets};
use crate::pacer::{Kind, Permit, Wait};

pub(crate) type LaneId = u32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Nothing waits in it.
    Empty,
    /// In the rotation.
    Ready,
    /// Out of the rotation until its pacer may permit a request; whether a limit is the reason, or merely an answer that
    /// the pacer awaits.
    Blocked { until: Instant, limited: bool },
}

struct Lane {
    kind: Kind,
    subscription: Arc<str>,
    /// Found when it is first needed, since the principal is known only with the first token.
    bucket: Option<Arc<Bucket>>,
    standing: Standing,
    /// Items of which no request went out, in input order.
    fresh: VecDeque<u64>,
    /// Items that need another request. They come first: ending an item lets the results behind it out.
    begun: BTreeSet<u64>,
    /// Since when its limits have refused this session's requests and let none through.
    starved_since: Option<Instant>,
}

impl Lane {
    fn len(&self) -> usize {
        self.fresh.len() + self.begun.len()
    }
}

/// Who is calling where: what the buckets of all lanes have in common.
pub(crate) struct Caller {
    pub buckets: Arc<Buckets>,
    pub endpoint: Arc<str>,
    pub principal: u64,
}

/// All lanes of a session.
#[derive(Default)]
pub(crate) struct Queues {
    subscriptions: HashMap<Arc<str>, u32>,
    lanes: Vec<Lane>,
    /// Lanes in turn, so that each subscription gets its share of the window.
    rotation: VecDeque<LaneId>,
    blocked: BTreeSet<(Instant, LaneId)>,
    /// Items in lanes of the rotation.
    ready: usize,
    /// Items in lanes that a limit blocks.
    limited: usize,
    /// Items in lanes whose pacer awaits an answer.
    awaiting: usize,
}

/// An item that its limits have let through.
pub(crate) struct Cleared {
    pub index: u64,
    pub lane: LaneId,
    pub permit: Permit,
}

impl Queues {
    /// The number of a subscription's pair of lanes.
    pub fn subscription(&mut self, id: &str) -> u32 {
        if let Some(known) = self.subscriptions.get(id) {
            return *known;
        }
        let number = self.subscriptions.len() as u32;
        let shared: Arc<str> = id.into();
        self.subscriptions.insert(shared.clone(), number);
        for kind in [Kind::Read, Kind::Write] {
            self.lanes.push(Lane {
                kind,
                subscription: shared.clone(),
                bucket: None,
                standing: Standing::Empty,
                fresh: VecDeque::new(),
                begun: BTreeSet::new(),
                starved_since: None,
            });
        }
        number
    }

    /// The lane of a kind of request to a subscription.
    pub fn lane(&self, subscription: u32, kind: Kind) -> LaneId {
        let id = subscription * 2 + u32::from(kind == Kind::Write);
        debug_assert_eq!(self.lanes[id as usize].kind, kind);
        id
    }

    /// Queues an item of which no request went out.
    pub fn push_fresh(&mut self, lane: LaneId, index: u64) {
        self.lanes[lane as usize].fresh.push_back(index);
        self.pushed(lane);
    }

    /// Queues an item that needs another request.
    pub fn push_begun(&mut self, lane: LaneId, index: u64) {
        self.lanes[lane as usize].begun.insert(index);
        self.pushed(lane);
    }

    fn pushed(&mut self, id: LaneId) {
        let lane = &mut self.lanes[id as usize];
        match lane.standing {
            Standing::Empty => {
                lane.standing = Standing::Ready;
                self.rotation.push_back(id);
                self.ready += 1;
            }
            Standing::Ready => self.ready += 1,
            Standing::Blocked { limited: true, .. } => self.limited += 1,
            Standing::Blocked { limited: false, .. } => self.awaiting += 1,
        }
    }

    /// Takes the next item that may be sent. `may_begin` says whether an item of which nothing went out may begin now.
    pub fn pop(&mut self, now: Instant, caller: &Caller, may_begin: impl Fn(u64) -> bool) -> Option<Cleared> {
        for _ in 0..self.rotation.len() {
            let id = self.rotation.pop_front()?;
            let lane = &mut self.lanes[id as usize];
            let held = lane.begun.is_empty() && lane.fresh.front().is_some_and(|index| !may_begin(*index));
            if held {
                self.rotation.push_back(id);
                continue;
            }
            let bucket = lane.bucket.get_or_insert_with(|| {
                let key = BucketKey {
                    endpoint: caller.endpoint.clone(),
                    principal: caller.principal,
                    subscription: lane.subscription.clone(),
                    kind: lane.kind,
                };
                caller.buckets.get(key, now)
            });
            let mut pacer = bucket.at(now);
            match pacer.try_send(now) {
                Ok(permit) => {
                    drop(pacer);
                    let index = lane.begun.pop_first().or_else(|| lane.fresh.pop_front());
                    let index = index.expect("a lane in the rotation is not empty");
                    self.ready -= 1;
                    if lane.len() == 0 {
                        lane.standing = Standing::Empty;
                    } else {
                        self.rotation.push_back(id);
                    }
                    return Some(Cleared {
                        index,
                        lane: id,
                        permit,
                    });
                }
                Err(until) => {
                    let limited = pacer.is_limiting(now);
                    drop(pacer);
                    lane.standing = Standing::Blocked { until, limited };
                    self.ready -= lane.len();
                    *(if limited { &mut self.limited } else { &mut self.awaiting }) += lane.len();
                    self.blocked.insert((until, id));
                }
            }
        }
        None
    }

    /// The bucket that let an item of the lane through.
    pub fn bucket(&self, lane: LaneId) -> Option<&Arc<Bucket>> {
        self.lanes[lane as usize].bucket.as_ref()
    }

    /// An answer came that its limits let through, or refused. Gives how long they have let nothing through.
    pub fn answered(&mut self, id: LaneId, refused: bool, now: Instant) -> Duration {
        let lane = &mut self.lanes[id as usize];
        let starved = if refused {
            now.saturating_duration_since(*lane.starved_since.get_or_insert(now))
        } else {
            lane.starved_since = None;
            Duration::ZERO
        };
        self.reconsider(id);
        starved
    }

    /// The lane's pacer has news: whether its items still have to wait is asked anew.
    pub fn reconsider(&mut self, id: LaneId) {
        if let Standing::Blocked { until, .. } = self.lanes[id as usize].standing {
            self.unblock(until, id);
        }
    }

    /// Puts lanes whose time has come back into the rotation.
    pub fn unblock_due(&mut self, now: Instant) {
        while let Some(&(until, id)) = self.blocked.first() {
            if until > now {
                break;
            }
            self.unblock(until, id);
        }
    }

    fn unblock(&mut self, until: Instant, id: LaneId) {
        self.blocked.remove(&(until, id));
        let lane = &mut self.lanes[id as usize];
        let limited = matches!(lane.standing, Standing::Blocked { limited: true, .. });
        lane.standing = Standing::Ready;
        self.ready += lane.len();
        *(if limited { &mut self.limited } else { &mut self.awaiting }) -= lane.len();
        self.rotation.push_back(id);
    }

    /// When the next blocked lane is to be looked at.
    pub fn next_due(&self) -> Option<Instant> {
        self.blocked.first().map(|(until, _)| *until)
    }

    /// When the limits of a lane let the next request through, where they hold it back.
    pub fn limited_until(&self, lane: LaneId, now: Instant) -> Option<Instant> {
        let bucket = self.bucket(lane)?.lock_for_reading();
        bucket.limited_until(now).map(|(until, _)| until)
    }

    /// Items that could be sent as far as is known.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// Items that no limit holds back.
    pub fn unlimited(&self) -> usize {
        self.ready + self.awaiting
    }

    /// Items that are queued in all.
    pub fn len(&self) -> usize {
        self.ready + self.awaiting + self.limited
    }

    /// Items that wait for limits known to hold them back, the first moment at which one may be let through, and the
    /// longest time that a lane's limits need for all that waits in it, where their rate is known.
    pub fn throttled(&self, now: Instant) -> Throttled {
        let mut throttled = Throttled::default();
        for &(until, id) in &self.blocked {
            let lane = &self.lanes[id as usize];
            let Some(bucket) = &lane.bucket else { continue };
            let bucket = bucket.lock_for_reading();
            let Some((_, wait)) = bucket.limited_until(now) else {
                continue;
            };
            throttled.items += lane.len();
            throttled.first.get_or_insert((until, wait));
            if let Some(rate) = bucket.rate().filter(|rate| *rate > 0.0) {
                let wait = until.saturating_duration_since(now).as_secs_f64();
                let needed = (lane.len() as f64 / rate).max(wait);
                throttled.time_left = Some(throttled.time_left.unwrap_or(0.0).max(needed));
            }
        }
        throttled
    }

    /// Drops every item.
    pub fn clear(&mut self) {
        for lane in &mut self.lanes {
            lane.fresh = VecDeque::new();
            lane.begun.clear();
            lane.standing = Standing::Empty;
        }
        self.rotation.clear();
        self.blocked.clear();
        self.ready = 0;
        self.awaiting = 0;
        self.limited = 0;
    }
}

/// What waits for limits.
#[derive(Debug, Default)]
pub(crate) struct Throttled {
    pub items: usize,
    pub first: Option<(Instant, Wait)>,
    /// In seconds.
    pub time_left: Option<f64>,
}
