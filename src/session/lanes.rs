//! The items that wait to be sent, a lane for each token bucket, so that a bucket that is empty holds up nobody else.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use crate::error::Step;
use crate::item::Action;
use crate::throttle::{Bucket, Kind, Pass};

/// An item between being taken and being settled.
pub(crate) struct Job {
    /// The item's number.
    pub index: u64,
    pub action: Action,
    pub path: Arc<str>,
    /// Which subscription it belongs to: an index into the lanes' list.
    pub subscription: u32,
    pub after: Option<u32>,
    pub settings: Option<Zeroizing<Vec<u8>>>,
    pub pass_thru: bool,
    /// The request that comes next.
    pub step: Step,
    /// Tries of that request so far that failed in a way that may pass.
    pub tries: u32,
    /// Refusals of that request with 429.
    pub refusals: u32,
    /// A 401 to that request was answered with a new token already.
    pub reauthenticated: bool,
    /// Requests of the item so far, for all its steps.
    pub requests: u32,
    pub has_settings: bool,
    pub settings_changed: bool,
    pub reset_done: bool,
}

impl Job {
    fn kind(&self) -> Kind {
        match self.step {
            Step::Get => Kind::Read,
            Step::Settings | Step::Reset => Kind::Write,
        }
    }
}

type LaneId = usize;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing waits in it.
    Empty,
    /// In the rotation.
    Ready,
    /// Out of the rotation until its bucket may have a token.
    Blocked(Instant),
}

struct Lane {
    kind: Kind,
    subscription: Arc<str>,
    /// Found when it is first needed, since the principal is known only with the first token.
    bucket: Option<Arc<Bucket>>,
    standing: Standing,
    /// Items not begun, in input order.
    fresh: VecDeque<Job>,
    /// Items begun that need another request. They come first: finishing an item lets the results behind it out.
    begun: BTreeMap<u64, Job>,
}

impl Lane {
    fn len(&self) -> usize {
        self.fresh.len() + self.begun.len()
    }
}

/// All lanes of a session.
#[derive(Default)]
pub(crate) struct Lanes {
    subscriptions: HashMap<Box<str>, u32>,
    lanes: Vec<Lane>,
    /// Lanes in turn, so that each subscription gets its share of the window.
    rotation: VecDeque<LaneId>,
    blocked: BTreeSet<(Instant, LaneId)>,
    /// Jobs in lanes of the rotation.
    ready: usize,
    /// Jobs in blocked lanes.
    waiting: usize,
}

/// A job that its bucket has let through.
pub(crate) struct Cleared {
    pub job: Job,
    pub pass: Pass,
}

impl Lanes {
    /// The number of a subscription, for [`Job::subscription`].
    pub fn subscription(&mut self, id: &str) -> u32 {
        if let Some(known) = self.subscriptions.get(id) {
            return *known;
        }
        let number = self.subscriptions.len() as u32;
        self.subscriptions.insert(id.into(), number);
        let shared: Arc<str> = id.into();
        for kind in [Kind::Read, Kind::Write] {
            self.lanes.push(Lane {
                kind,
                subscription: shared.clone(),
                bucket: None,
                standing: Standing::Empty,
                fresh: VecDeque::new(),
                begun: BTreeMap::new(),
            });
        }
        number
    }

    fn lane_of(&self, job: &Job) -> LaneId {
        let id = job.subscription as usize * 2 + usize::from(job.kind() == Kind::Write);
        debug_assert!(self.lanes[id].kind == job.kind());
        id
    }

    /// Queues a job behind those like it. `begun` says that an earlier request of it has been sent.
    pub fn push(&mut self, job: Job, begun: bool) {
        let id = self.lane_of(&job);
        let lane = &mut self.lanes[id];
        if begun {
            lane.begun.insert(job.index, job);
        } else {
            lane.fresh.push_back(job);
        }
        match lane.standing {
            Standing::Empty => {
                lane.standing = Standing::Ready;
                self.rotation.push_back(id);
                self.ready += 1;
            }
            Standing::Ready => self.ready += 1,
            Standing::Blocked(_) => self.waiting += 1,
        }
    }

    /// Takes the next job that may be sent. `bucket` finds a lane's bucket the first time.
    pub fn pop(&mut self, now: Instant, bucket: impl Fn(&str, Kind) -> Arc<Bucket>) -> Option<Cleared> {
        while let Some(&id) = self.rotation.front() {
            let lane = &mut self.lanes[id];
            let bucket = lane.bucket.get_or_insert_with(|| bucket(&lane.subscription, lane.kind));
            self.rotation.pop_front();
            match bucket.try_pass(now) {
                Ok(pass) => {
                    let job = match lane.begun.pop_first() {
                        Some((_, job)) => job,
                        None => lane.fresh.pop_front().expect("a lane in the rotation is not empty"),
                    };
                    self.ready -= 1;
                    if lane.len() == 0 {
                        lane.standing = Standing::Empty;
                    } else {
                        self.rotation.push_back(id);
                    }
                    return Some(Cleared { job, pass });
                }
                Err(until) => {
                    lane.standing = Standing::Blocked(until);
                    self.ready -= lane.len();
                    self.waiting += lane.len();
                    self.blocked.insert((until, id));
                }
            }
        }
        None
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

    /// An answer of this bucket has come: whether its lanes still have to wait is to be asked anew.
    pub fn reconsider(&mut self, job: &Job, answered: Kind) {
        let id = job.subscription as usize * 2 + usize::from(answered == Kind::Write);
        if let Standing::Blocked(until) = self.lanes[id].standing {
            self.unblock(until, id);
        }
    }

    fn unblock(&mut self, until: Instant, id: LaneId) {
        self.blocked.remove(&(until, id));
        let lane = &mut self.lanes[id];
        lane.standing = Standing::Ready;
        self.ready += lane.len();
        self.waiting -= lane.len();
        self.rotation.push_back(id);
    }

    /// When the next blocked lane is to be looked at.
    pub fn next_due(&self) -> Option<Instant> {
        self.blocked.first().map(|(until, _)| *until)
    }

    /// Jobs that could be sent as far as is known.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// Jobs that are queued in all.
    pub fn queued(&self) -> usize {
        self.ready + self.waiting
    }

    /// Jobs that wait for a bucket known to be empty, and the first moment at which one may be let through.
    pub fn throttled(&self) -> (usize, Option<Instant>) {
        let mut jobs = 0;
        let mut first = None;
        for &(until, id) in &self.blocked {
            let lane = &self.lanes[id];
            if lane.bucket.as_ref().is_some_and(|b| b.is_limiting()) {
                jobs += lane.len();
                first = first.or(Some(until));
            }
        }
        (jobs, first)
    }

    /// Drops every job.
    pub fn clear(&mut self) {
        for lane in &mut self.lanes {
            lane.fresh = VecDeque::new();
            lane.begun.clear();
            lane.standing = Standing::Empty;
        }
        self.rotation.clear();
        self.blocked.clear();
        self.ready = 0;
        self.waiting = 0;
    }
}
