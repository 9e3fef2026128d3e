//! The life of a token: how long it is used, when the next one is asked for, and what a refusal or a failed renewal
//! means.
//!
//! The times are the caller's: the wall clock in the engine, since a token ends by it, and any other in a simulation.

use std::ops::{Add, Sub};
use std::time::Duration;

/// The next token is asked for this long before the end of the one in use, as the Azure SDKs do, or after half of its
/// life where that is later (a life of less than ten minutes).
const RENEWAL_BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// A token is not sent in its last moments, or its last tenth: it would end on the way.
const LAST_MOMENTS: Duration = Duration::from_secs(10);
/// After a renewal that failed, the next one starts no sooner than this while the token in use is still good.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// No token is taken to live longer. Those of Microsoft Entra ID live 28 hours at most (managed identities have 24).
const MAX_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);

/// A point in time of some clock.
pub trait Time: Copy + Ord + Add<Duration, Output = Self> + Sub<Duration, Output = Self> {}

impl<T: Copy + Ord + Add<Duration, Output = T> + Sub<Duration, Output = T>> Time for T {}

/// When a token is used and when it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime<T> {
    due: T,
    usable_until: T,
    end: T,
}

impl<T: Time> Lifetime<T> {
    /// The life of a token that came at `start` and ends `length` later. A zero length is a token that has ended.
    pub fn new(start: T, length: Duration) -> Self {
        let length = length.min(MAX_LIFE);
        let end = start + length;
        Self {
            due: end - RENEWAL_BEFORE_END.min(length / 2),
            usable_until: end - LAST_MOMENTS.min(length / 10),
            end,
        }
    }

    /// Whether the token may still be sent.
    pub fn is_usable(&self, now: T) -> bool {
        now < self.usable_until
    }

    /// Whether it is time to ask for the next one.
    pub fn is_due(&self, now: T) -> bool {
        now >= self.due
    }

    /// When the token is worth nothing any more.
    pub fn end(&self) -> T {
        self.end
    }
}

/// What a request that needs a token does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice<K> {
    /// It uses this token.
    Use(K),
    /// It uses this token, and the next one is asked for in the background.
    UseAndRenew(K),
    /// It waits for the answer to the one question that is open, which is asked now unless it is open already.
    Wait,
}

/// The token in use and what is known about the next one. `K` stands for the token itself.
#[derive(Debug)]
pub struct Renewal<K, T> {
    current: Option<(K, Option<Lifetime<T>>)>,
    asking: bool,
    had_one: bool,
    pause_until: Option<T>,
}

impl<K, T> Default for Renewal<K, T> {
    fn default() -> Self {
        Self {
            current: None,
            asking: false,
            had_one: false,
            pause_until: None,
        }
    }
}

impl<K: Clone, T: Time> Renewal<K, T> {
    /// What a request does now. Drops a token that has had its time.
    pub fn advise(&mut self, now: T) -> Advice<K> {
        let Some((token, lifetime)) = &self.current else {
            return Advice::Wait;
        };
        let token = token.clone();
        match lifetime {
            Some(lifetime) if !lifetime.is_usable(now) => {
                self.current = None;
                Advice::Wait
            }
            Some(lifetime)
                if lifetime.is_due(now) && !self.asking && self.pause_until.is_none_or(|until| now >= until) =>
            {
                Advice::UseAndRenew(token)
            }
            _ => Advice::Use(token),
        }
    }

    /// Notes that a token is asked for. True when this renews one that ran out or was refused, so that a source with a
    /// cache of its own passes that over. Never call it twice without an outcome between.
    pub fn asked(&mut self) -> bool {
        debug_assert!(!self.asking, "one question at a time");
        self.asking = true;
        self.had_one
    }

    /// Whether a question is open.
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// The question was answered with a token. Without a lifetime it is used until the service refuses it.
    pub fn given(&mut self, token: K, lifetime: Option<Lifetime<T>>) {
        *self = Self {
            current: Some((token, lifetime)),
            asking: false,
            had_one: true,
            pause_until: None,
        };
    }

    /// The question was answered with an error. The token in use stays in use as long as it lives; requests
    /// without one get the error.
    pub fn failed(&mut self, now: T) {
        self.asking = false;
        self.pause_until = Some(now + PAUSE_AFTER_FAILURE);
    }

    /// The question was taken back before it was answered.
    pub fn cancelled(&mut self) {
        self.asking = false;
    }

    /// The service refused a token (401): it is not used again. A refusal of one that was replaced changes nothing.
    pub fn refused(&mut self, is_it: impl FnOnce(&K) -> bool) {
        if self.current.as_ref().is_some_and(|(token, _)| is_it(token)) {
            self.current = None;
        }
    }

    /// Drops the token in use where it has ended.
    pub fn drop_ended(&mut self, now: T) {
        if self.end().is_some_and(|end| now >= end) {
            self.current = None;
        }
    }

    /// Whether there is a token.
    pub fn has_token(&self) -> bool {
        self.current.is_some()
    }

    /// The end of the token in use, where it is known.
    pub fn end(&self) -> Option<T> {
        Some(self.current.as_ref()?.1?.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Virtual time, in seconds.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    struct At(Duration);

    impl Add<Duration> for At {
        type Output = Self;
        fn add(self, time: Duration) -> Self {
            Self(self.0 + time)
        }
    }

    impl Sub<Duration> for At {
        type Output = Self;
        fn sub(self, time: Duration) -> Self {
            Self(self.0 - time)
        }
    }

    fn at(seconds: u64) -> At {
        At(Duration::from_secs(seconds))
    }

    fn life(start: u64, seconds: u64) -> Option<Lifetime<At>> {
        Some(Lifetime::new(at(start), Duration::from_secs(seconds)))
    }

    fn holding(token: u32, lifetime: Option<Lifetime<At>>) -> Renewal<u32, At> {
        let mut renewal = Renewal::default();
        renewal.asked();
        renewal.given(token, lifetime);
        renewal
    }

    #[test]
    fn a_token_is_used_then_renewed_in_the_background_then_dropped() {
        let mut renewal = Renewal::default();
        assert_eq!(renewal.advise(at(0)), Advice::Wait);
        assert!(!renewal.asked(), "the first is no renewal");
        assert!(renewal.is_asking());
        renewal.given(1, life(0, 3600));
        assert_eq!(renewal.advise(at(3299)), Advice::Use(1));
        assert_eq!(renewal.advise(at(3300)), Advice::UseAndRenew(1));
        assert!(renewal.asked(), "it is a renewal");
        assert_eq!(renewal.advise(at(3300)), Advice::Use(1), "one question at a time");
        assert_eq!(renewal.advise(at(3589)), Advice::Use(1));
        assert_eq!(renewal.advise(at(3590)), Advice::Wait, "its last moments");
        renewal.given(2, life(3591, 3600));
        assert_eq!(renewal.advise(at(3591)), Advice::Use(2));
    }

    #[test]
    fn a_short_life_is_renewed_after_half_of_it() {
        let mut renewal = holding(1, life(0, 20));
        assert_eq!(renewal.advise(at(9)), Advice::Use(1));
        assert_eq!(renewal.advise(at(10)), Advice::UseAndRenew(1));
        assert_eq!(renewal.advise(at(17)), Advice::UseAndRenew(1));
        assert_eq!(renewal.advise(at(18)), Advice::Wait);
    }

    #[test]
    fn an_ended_token_is_never_used() {
        assert_eq!(holding(1, life(5, 0)).advise(at(5)), Advice::Wait);
    }

    #[test]
    fn without_an_end_it_is_used_until_it_is_refused() {
        let mut renewal = holding(1, None);
        assert_eq!(renewal.advise(at(1_000_000)), Advice::Use(1));
        renewal.refused(|token| *token == 1);
        assert_eq!(renewal.advise(at(1_000_000)), Advice::Wait);
        assert!(renewal.asked(), "a source with a cache has to pass it over");
    }

    #[test]
    fn a_late_refusal_does_not_cost_the_new_token() {
        let mut renewal = holding(2, life(0, 3600));
        renewal.refused(|token| *token == 1);
        assert_eq!(renewal.advise(at(1)), Advice::Use(2));
    }

    #[test]
    fn a_failed_renewal_is_tried_again_after_a_pause_while_the_token_lives() {
        let mut renewal = holding(1, life(0, 3600));
        renewal.asked();
        renewal.failed(at(3300));
        assert_eq!(renewal.advise(at(3329)), Advice::Use(1));
        assert_eq!(renewal.advise(at(3330)), Advice::UseAndRenew(1));
        renewal.asked();
        renewal.failed(at(3580));
        // The pause is for a token in use: without one, the next request asks at once.
        assert_eq!(renewal.advise(at(3590)), Advice::Wait);
        assert!(!renewal.is_asking());
    }

    #[test]
    fn a_question_that_was_taken_back_can_be_asked_again() {
        let mut renewal: Renewal<u32, At> = Renewal::default();
        renewal.asked();
        renewal.cancelled();
        assert!(!renewal.is_asking());
        assert!(!renewal.asked(), "there has been no token yet");
    }

    #[test]
    fn an_ended_token_is_dropped_without_being_asked_for() {
        let mut renewal = holding(1, life(0, 60));
        assert_eq!(renewal.end(), Some(at(60)));
        renewal.drop_ended(at(59));
        assert!(renewal.has_token());
        renewal.drop_ended(at(60));
        assert!(!renewal.has_token());
    }

    #[test]
    fn absurd_lengths_are_cut_and_nothing_overflows() {
        let lifetime = Lifetime::new(std::time::SystemTime::UNIX_EPOCH, Duration::MAX);
        let leap_year = Duration::from_secs(31_622_400);
        assert_eq!(lifetime.end(), std::time::SystemTime::UNIX_EPOCH + leap_year);
        assert!(lifetime.is_usable(std::time::SystemTime::UNIX_EPOCH + leap_year / 2));
    }
}
