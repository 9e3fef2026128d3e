//! One run: the clock, the service, and every session of every process.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::buckets::Buckets;
use engine_core::event::Outcome;
use engine_core::machine::{Config, Machine, Then};
use engine_core::renewal::{Advice, Lifetime, Renewal};
use engine_core::reply::{Answer, Reply};
use engine_core::retry::MAX_STARVED;
use engine_core::step::Step;

use crate::caller::{Session, Token};
use crate::check;
use crate::clock::Clock;
use crate::plan::{Pace, Plan};
use crate::service::{ItemId, Request, Response, Service};

/// No run takes longer than this, in virtual time.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// No run has more events than this.
const MOST_EVENTS: u64 = 20_000_000;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run's seed.
    pub seed: u64,
    /// What is wrong; empty for a good run.
    pub violations: Vec<String>,
    /// A fingerprint of everything that happened.
    pub trace: u64,
    /// When the last session was done, in virtual time.
    pub took: Duration,
    /// The shortest time that the limits allow.
    pub bound: Duration,
    /// By subscription: when its limits last let a request through.
    pub last_let_through: Vec<Duration>,
    /// Requests sent.
    pub requests: u64,
    /// Answers with status 429.
    pub refusals: u64,
    /// Items by how they ended: succeeded, failed, cancelled.
    pub ended: [u64; 3],
    /// Sessions that a fatal error ended.
    pub fatal: usize,
}

#[derive(Debug)]
enum Event {
    /// The session's clock has something to do.
    Wake(usize),
    /// The caller submits its next item.
    Submit(usize),
    /// A slow caller takes an event.
    Take(usize),
    Cancel(usize),
    /// The question for a token was answered, or failed.
    TokenCame(usize, bool),
    /// A request reaches the service.
    Arrive(Request, u64),
    /// A reply reaches the session. The number is the generation of the request's token.
    Reply(Request, Response, u64),
}

struct World {
    plan: Plan,
    clock: Clock<Event>,
    random: fastrand::Rng,
    service: Service,
    sessions: Vec<Session>,
    violations: Vec<String>,
    trace: DefaultHasher,
    requests: u64,
}

/// Runs a plan to its end.
pub fn run(plan: &Plan) -> Report {
    let mut random = fastrand::Rng::with_seed(plan.seed ^ 0xca_11_e2);
    let mut sessions = Vec::new();
    for process in 0..plan.processes {
        let buckets = Arc::new(Buckets::default());
        for _ in 0..plan.sessions {
            let quiet = random.bool();
            let config = Config {
                window: plan.window,
                tries: plan.tries,
                quiet,
                endpoint: "https://management.azure.com".into(),
                buckets: buckets.clone(),
                seed: random.u64(..),
            };
            sessions.push(Session {
                machine: Machine::new(config),
                quiet,
                process,
                inputs: Session::draw_inputs(plan, &mut random),
                submitted: 0,
                told: Vec::new(),
                fatal: None,
                cancelled: false,
                finished: false,
                in_flight: 0,
                sent: 0,
                refused: 0,
                in_outage: false,
                newest_begun: HashMap::new(),
                refused_since: HashMap::new(),
                tokens: Renewal::default(),
                generation: 0,
                wake: None,
                done_at: None,
            });
        }
    }
    let mut world = World {
        plan: plan.clone(),
        clock: Clock::new(),
        random,
        service: Service::new(plan),
        sessions,
        violations: Vec::new(),
        trace: DefaultHasher::new(),
        requests: 0,
    };
    world.begin();
    world.go_on();
    world.report()
}

impl World {
    fn begin(&mut self) {
        for number in 0..self.sessions.len() {
            self.clock.after(Duration::ZERO, Event::Submit(number));
            if let Pace::Slow(pause) = self.plan.pace {
                self.clock.after(pause, Event::Take(number));
            }
            if let Some(at) = self.plan.cancel_at {
                let later = Duration::from_millis(self.random.u64(0..100));
                self.clock.after(at + later, Event::Cancel(number));
            }
        }
    }

    fn go_on(&mut self) {
        let mut events = 0u64;
        while let Some(event) = self.clock.pop() {
            events += 1;
            if self.clock.elapsed() > LONGEST || events > MOST_EVENTS {
                let why = format!("no end after {:?} and {events} events", self.clock.elapsed());
                self.violations.push(why);
                return;
            }
            self.happen(event);
        }
        for (number, session) in self.sessions.iter().enumerate() {
            if session.done_at.is_none() {
                let progress = session.machine.progress(self.clock.now());
                self.violations.push(format!("session {number} hangs: {progress:?}"));
            }
        }
    }

    fn note(&mut self, what: impl Hash) {
        (self.clock.elapsed(), what).hash(&mut self.trace);
    }

    fn happen(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Wake(number) => {
                let session = &mut self.sessions[number];
                if session.wake == Some(now) {
                    session.wake = None;
                    self.pump(number);
                }
            }
            Event::Submit(number) => self.submit(number),
            Event::Take(number) => {
                let session = &mut self.sessions[number];
                if session.done_at.is_none() {
                    session.take();
                    if let Pace::Slow(pause) = self.plan.pace {
                        self.clock.after(pause, Event::Take(number));
                    }
                    self.pump(number);
                }
            }
            Event::Cancel(number) => {
                let session = &mut self.sessions[number];
                if session.done_at.is_none() {
                    session.cancelled = true;
                    session.machine.close(now);
                    session.in_flight = 0;
                    self.note(("cancel", number));
                    self.pump(number);
                }
            }
            Event::TokenCame(number, failed) => {
                let life = self.plan.token_life;
                let session = &mut self.sessions[number];
                if failed {
                    session.tokens.failed(now);
                    // With a token that is still good, nobody needs to know.
                    if session.tokens.advise(now) == Advice::Wait {
                        session.machine.fail(2, now);
                        session.in_flight = 0;
                    }
                } else {
                    let token = Token {
                        end: life.map(|life| now + life),
                        generation: session.generation,
                    };
                    session.tokens.given(token, life.map(|life| Lifetime::new(now, life)));
                    session.machine.set_principal(7);
                }
                self.pump(number);
            }
            Event::Arrive(request, generation) => {
                let response = self.service.handle(request, now, self.clock.elapsed());
                let back = match response {
                    Response::Nothing(_, after) => after,
                    Response::Answer { .. } => self.service.one_way(),
                };
                self.clock.after(back, Event::Reply(request, response, generation));
            }
            Event::Reply(request, response, generation) => self.reply(request, response, generation),
        }
    }

    /// Submits what the caller has now; the next item comes after the caller's pause.
    fn submit(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        if self.plan.input_pause.is_zero() {
            while session.submit() {}
        } else {
            session.submit();
            if session.submitted < session.inputs.len() && !session.machine.is_closed_to_items() {
                self.clock.after(self.plan.input_pause, Event::Submit(number));
            }
        }
        if session.submitted == session.inputs.len() && !session.finished {
            session.finished = true;
            session.machine.finish();
        }
        self.pump(number);
    }

    /// Does for a session what its shell does after anything happened.
    fn pump(&mut self, number: usize) {
        let now = self.clock.now();
        self.sessions[number].machine.advance(now);
        self.send(number);
        let pace = self.plan.pace;
        let session = &mut self.sessions[number];
        if session.is_eager(pace) {
            while session.take() {}
        }
        if session.done_at.is_none() && session.machine.is_done() {
            session.done_at = Some(now);
        }
        // A caller that found no room tries again when something has happened.
        let more = session.submitted < session.inputs.len() && self.plan.input_pause.is_zero();
        if more && session.machine.has_room() && !session.machine.is_closed_to_items() {
            self.clock.after(Duration::ZERO, Event::Submit(number));
        }
        let session = &mut self.sessions[number];
        let wake = session.machine.wake_at(now);
        if let Some(at) = wake
            && session.wake.is_none_or(|before| at < before)
        {
            session.wake = Some(at.max(now + Duration::from_nanos(1)));
            self.clock
                .at(at.max(now + Duration::from_nanos(1)), Event::Wake(number));
        }
    }

    fn ask_for_token(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.tokens.asked();
        session.generation += 1;
        let takes = Duration::from_millis(self.random.u64(0..200));
        let failed = self.random.f64() < self.plan.token_failures;
        self.clock.after(takes, Event::TokenCame(number, failed));
    }

    /// The token for a request that could be sent now; none: it waits for one.
    fn token(&mut self, number: usize) -> Option<Token> {
        let now = self.clock.now();
        let session = &mut self.sessions[number];
        if session.machine.sendable(now) == 0 {
            return None;
        }
        let advice = session.tokens.advise(now);
        let asking = session.tokens.is_asking();
        match advice {
            Advice::Use(token) => Some(token),
            Advice::UseAndRenew(token) => {
                self.ask_for_token(number);
                Some(token)
            }
            Advice::Wait => {
                if !asking {
                    self.ask_for_token(number);
                }
                None
            }
        }
    }

    fn send(&mut self, number: usize) {
        let now = self.clock.now();
        while let Some(token) = self.token(number) {
            let session = &mut self.sessions[number];
            let Some(request) = session.machine.poll_request(now) else {
                return;
            };
            session.in_flight += 1;
            session.sent += 1;
            if session.in_flight > self.plan.window {
                let why = format!("session {number}: {} requests in flight", session.in_flight);
                self.violations.push(why);
            }
            if session.cancelled || session.fatal.is_some() {
                self.violations.push(format!("session {number}: sent after its end"));
            }
            let input = session.inputs[request.index as usize];
            let item = ItemId {
                session: number,
                index: request.index,
            };
            let entry = self.service.ledger.entry(item).or_default();
            let begins = entry.settings.sent + entry.reset.sent + entry.get.sent == 0;
            let lane = (input.subscription, request.step == Step::Get);
            if begins
                && let Some(newer) = session
                    .newest_begun
                    .insert(lane, request.index)
                    .filter(|newest| *newest > request.index)
            {
                // Nothing that waits for the same limits overtakes an item: none starves.
                self.violations.push(format!("{item:?}: began after item {newer}"));
            }
            if entry.step(request.step).acknowledged {
                let why = format!("{item:?}: {:?} sent again after it was acknowledged", request.step);
                self.violations.push(why);
            }
            if request.step != input.plan.first() && input.plan.settings && !entry.settings.acknowledged {
                self.violations
                    .push(format!("{item:?}: {:?} sent before the settings", request.step));
            }
            entry.step(request.step).sent += 1;
            self.requests += 1;
            self.note(("send", number, request.index, request.step));
            let request = Request {
                item,
                step: request.step,
                subscription: input.subscription,
                token_end: token.end,
            };
            match self.service.on_the_way(self.clock.elapsed()) {
                Some(lost) => {
                    let Response::Nothing(_, after) = lost else { continue };
                    self.clock.after(after, Event::Reply(request, lost, token.generation));
                }
                None => {
                    let way = self.service.one_way();
                    self.clock.after(way, Event::Arrive(request, token.generation));
                }
            }
        }
    }

    fn reply(&mut self, request: Request, response: Response, generation: u64) {
        let now = self.clock.now();
        let number = request.item.session;
        let session = &mut self.sessions[number];
        let (reply, cause) = match response {
            Response::Answer {
                status,
                code,
                retry_after,
                remaining,
            } => {
                let answer = Answer {
                    status,
                    code,
                    is_complete: true,
                    retry_after,
                    remaining,
                };
                (Reply::Answer(answer), status)
            }
            Response::Nothing(why, _) => (Reply::NoAnswer(why), 0),
        };
        let decision = session
            .machine
            .answered(request.item.index, reply, || (cause, 100), now);
        if decision.next != Then::Ignored {
            session.in_flight -= 1;
            let lane = (request.subscription, request.step == Step::Get);
            if cause == 429 {
                session.refused += 1;
                let since = *session.refused_since.entry(lane).or_insert(now);
                if decision.next == Then::Failed && now - since < MAX_STARVED {
                    self.violations
                        .push(format!("{:?}: failed of 429s after {:?}", request.item, now - since));
                }
            } else if cause != 0 {
                session.refused_since.remove(&lane);
            }
            if let Reply::Answer(answer) = &reply
                && answer.is_success(request.step)
            {
                let entry = self.service.ledger.entry(request.item).or_default();
                entry.step(request.step).acknowledged = true;
            }
        }
        if decision.next == Then::Closed {
            session.in_flight = 0;
        }
        if decision.next == Then::Renew {
            session.tokens.refused(|token| token.generation == generation);
        }
        self.note((
            "reply",
            number,
            request.item.index,
            request.step,
            cause,
            format!("{:?}", decision.next),
        ));
        self.pump(number);
    }

    fn report(mut self) -> Report {
        let mut ended = [0; 3];
        for (number, session) in self.sessions.iter().enumerate() {
            if session.done_at.is_some() {
                self.violations.extend(check::session(
                    number,
                    session,
                    &self.service,
                    &self.plan,
                    self.clock.now(),
                ));
            }
            let counts = session.counts(self.clock.now());
            let told =
                |wanted: fn(&Outcome<u16>) -> bool| session.told.iter().filter(|(_, o)| wanted(o)).count() as u64;
            let told = [
                session.submitted as u64
                    - told(|o| matches!(o, Outcome::Failed(_)))
                    - told(|o| matches!(o, Outcome::Cancelled(_))),
                told(|o| matches!(o, Outcome::Failed(_))),
                told(|o| matches!(o, Outcome::Cancelled(_))),
            ];
            let counted = [counts.succeeded, counts.failed, counts.cancelled];
            if session.done_at.is_some() && told != counted {
                self.violations.push(format!(
                    "session {number}: counts {counted:?}, and the caller saw {told:?}"
                ));
            }
            for (sum, count) in ended.iter_mut().zip(counted) {
                *sum += count;
            }
            session.process.hash(&mut self.trace);
        }
        let start: Instant = self.clock.now() - self.clock.elapsed();
        let took = self
            .sessions
            .iter()
            .filter_map(|s| s.done_at)
            .max()
            .map_or(Duration::ZERO, |at| at - start);
        Report {
            seed: self.plan.seed,
            violations: self.violations,
            trace: self.trace.finish(),
            took,
            bound: self.service.bound(),
            last_let_through: self.service.last_let_through(),
            requests: self.requests,
            refusals: self.service.refusals,
            ended,
            fatal: self.sessions.iter().filter(|session| session.fatal.is_some()).count(),
        }
    }
}
