//! The pause after a 429: when it begins, what ends it, and which refusals are one.

use std::time::{Duration, Instant};

use super::pace::Pace;

/// The pause where the answer does not say how long. It doubles while probes are refused.
const OWN_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_OWN_PAUSE: Duration = Duration::from_secs(30);
/// And where headers show the limit, so that it is soon seen when a rival is gone.
const LONGEST_SHOWN_PAUSE: Duration = Duration::from_secs(4);
/// Several processes whose pauses end together ask up to this part of the pause later, at random.
const SPREAD: f64 = 0.02;
const MAX_SPREAD: Duration = Duration::from_secs(1);
/// Or up to this many intervals of their own pace, where that is more and a probe was refused.
const TURNS: f64 = 2.0;
/// Without an answer to the probe another one follows after this long.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// So many later requests must have gone through, for each that was refused, before a refusal is a stray one.
const STRAY_RATIO: u32 = 4;
/// No fewer than this, for requests overtake each other.
const STRAY_LEAST: u32 = 2;
/// Where all that was in flight with the refused request has been answered, so many went through for each refused one.
const STRAY_RATIO_TOGETHER: u32 = 8;
/// Sent later means: by more than this part of the refused request's round trip.
const OVERTAKING: u32 = 8;
/// What each accepted request adds to the trust that a refusal among good answers is a stray one (it costs 1): where more
/// than this part of all requests is refused, there is a limit.
const TRUST_EARNED: f64 = 0.03;
const TRUST_MOST: f64 = 5.0;

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    /// `stated`: the end is what the service asked for.
    Paused {
        until: Instant,
        stated: bool,
    },
    Probing {
        number: u64,
        sent: Instant,
    },
}

/// Refusals of requests that were in flight together. They tell one thing once.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// The latest request that was sent before the first refusal was known.
    last: u64,
    /// Requests that were sent later than this are later than the refused one, whatever overtook what.
    sent: Instant,
    refused: u32,
    /// Probes that were refused before, in pauses whose length nobody stated.
    probes: u32,
    /// Later requests that went through.
    later: u32,
    /// Requests that were in flight with the refused one and went through.
    together: u32,
    /// The pace before the refusal, to go back to should it be a stray one.
    pace: Option<Pace>,
}

/// Whether a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// One request may go, to see whether the pause is over; report it with [`Pause::probing`].
    Probe,
    Closed(Instant),
}

/// How to go on after a pause.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resume {
    /// The probe went through. Of the requests that were in flight together, and the probes before it, so many were
    /// refused and so many went through.
    Probed { refused: u32, together: u32 },
    /// The refusal was a stray one: at the pace before it.
    Stray(Option<Pace>),
}

#[derive(Debug)]
pub(super) struct Pause {
    state: State,
    group: Option<Group>,
    /// Pauses since a request last went through.
    streak: u32,
    trust: f64,
}

impl Default for Pause {
    fn default() -> Self {
        Self {
            state: State::Open,
            group: None,
            streak: 0,
            trust: TRUST_MOST,
        }
    }
}

impl Pause {
    pub fn gate(&self, now: Instant) -> Gate {
        match self.state {
            State::Open => Gate::Open,
            State::Paused { until, .. } if now < until => Gate::Closed(until),
            State::Paused { .. } => Gate::Probe,
            State::Probing { sent, .. } if now < sent + PROBE_PATIENCE => Gate::Closed(sent + PROBE_PATIENCE),
            State::Probing { .. } => Gate::Probe,
        }
    }

    pub fn probing(&mut self, number: u64, now: Instant) {
        self.state = State::Probing { number, sent: now };
    }

    /// The end of the pause, and whether the service asked for it.
    pub fn until(&self, now: Instant) -> Option<(Instant, bool)> {
        match self.state {
            State::Paused { until, stated } if now < until => Some((until, stated)),
            _ => None,
        }
    }

    /// Takes in that a request went through. How to go on, if that ends the pause. `oldest`: the first request that is
    /// not answered.
    pub fn accepted(&mut self, number: u64, sent: Instant, oldest: Option<u64>) -> Option<Resume> {
        self.trust = (self.trust + TRUST_EARNED).min(TRUST_MOST);
        match (self.state, &mut self.group) {
            (State::Probing { number: probe, .. }, group) if number >= probe => {
                self.state = State::Open;
                self.streak = 0;
                let group = group.as_ref();
                Some(Resume::Probed {
                    refused: group.map_or(0, |group| group.refused + group.probes),
                    together: group.map_or(0, |group| group.together),
                })
            }
            (State::Paused { .. }, Some(group)) => {
                group.together += 1;
                group.later += u32::from(sent > group.sent);
                let is_stray = group.later >= STRAY_LEAST && group.later >= STRAY_RATIO * group.refused
                    || oldest.is_none_or(|oldest| oldest > group.last)
                        && group.together >= STRAY_RATIO_TOGETHER * group.refused;
                if !is_stray || self.trust < 1.0 {
                    return None;
                }
                self.trust -= 1.0;
                self.state = State::Open;
                self.streak = 0;
                Some(Resume::Stray(group.pace))
            }
            _ => None,
        }
    }

    /// Takes in a refusal. The end of the pause, if that begins one.
    #[expect(clippy::too_many_arguments, reason = "what a refusal is judged by")]
    pub fn refused(
        &mut self,
        number: u64,
        sent: Instant,
        retry_after: Option<Duration>,
        shown: bool,
        newest: u64,
        pace: Option<Pace>,
        random: &mut fastrand::Rng,
        now: Instant,
    ) -> Option<Instant> {
        if let Some(group) = self.group.as_mut().filter(|group| number <= group.last) {
            group.refused += 1;
            let margin = now.saturating_duration_since(sent) / OVERTAKING;
            group.sent = group.sent.max(sent + margin);
            if let (State::Paused { until, stated }, Some(asked)) = (&mut self.state, retry_after) {
                *until = (*until).max(now + asked);
                *stated = true;
            }
            return None;
        }
        let own = OWN_PAUSE
            .saturating_mul(1 << self.streak.min(10))
            .min(if shown { LONGEST_SHOWN_PAUSE } else { LONGEST_OWN_PAUSE })
            .mul_f64(0.75 + 0.5 * random.f64());
        let pause = match retry_after {
            // A probe that is refused again and again: the limit gives less than one token in that time.
            Some(asked) if self.streak >= 2 => asked.max(own),
            Some(asked) => asked,
            None => own,
        };
        // A probe was refused: other processes probe, too. Leave time for their turns.
        let turn = match pace {
            Some(pace) if self.streak > 0 => TURNS / pace.rate(),
            _ => 0.0,
        };
        let spread = pause.mul_f64(SPREAD).min(MAX_SPREAD).max(Duration::from_secs_f64(turn));
        let until = now + pause + spread.mul_f64(random.f64());
        self.group = Some(Group {
            last: newest,
            sent: sent + now.saturating_duration_since(sent) / OVERTAKING,
            refused: 1,
            probes: if retry_after.is_none() { self.streak } else { 0 },
            later: 0,
            together: 0,
            pace,
        });
        self.streak += 1;
        self.state = State::Paused {
            until,
            stated: retry_after.is_some(),
        };
        Some(until)
    }

    /// Takes in that a request was not answered: if it was the probe, another one may go.
    pub fn unanswered(&mut self, number: u64, now: Instant) {
        if matches!(self.state, State::Probing { number: probe, .. } if probe == number) {
            self.state = State::Paused {
                until: now,
                stated: false,
            };
        }
    }
}
