//! Compares what the callers were told with what the service carried out.

use std::time::Instant;

use engine_core::event::{Failure, Fatal, Outcome};
use engine_core::step::{self, Known, State, Step};

use crate::caller::{Cause, Session};
use crate::plan::Plan;
use crate::service::{Entry, ItemId, Service};

/// Everything about a session that is not true.
pub(crate) fn session(number: usize, session: &Session, service: &Service, plan: &Plan, now: Instant) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut told = session.told.iter().peekable();
    let submitted = session.submitted as u64;
    for index in 0..submitted {
        let input = session.inputs[index as usize];
        let entry = service
            .ledger
            .get(&ItemId { session: number, index })
            .copied()
            .unwrap_or_default();
        let outcome = told.next_if(|(told, _)| *told == index).map(|(_, outcome)| outcome);
        let why = match outcome {
            None if !session.quiet => Some("no result, and nobody wanted it passed over".to_owned()),
            None => quiet_success(input.plan, &entry),
            Some(Outcome::Succeeded { output, attempts }) => {
                let reported = if input.plan.reset { entry.reset } else { entry.get };
                let all = (!input.plan.settings || entry.settings.acknowledged)
                    && (!input.plan.reset || entry.reset.acknowledged)
                    && (!input.plan.get || entry.get.acknowledged);
                if !all {
                    Some("a success that was not acknowledged".to_owned())
                } else if output.is_some() != input.plan.get {
                    Some("an output that nobody asked for, or none".to_owned())
                } else if *attempts != reported.sent {
                    Some(format!("{attempts} attempts, and {} were sent", reported.sent))
                } else {
                    None
                }
            }
            Some(Outcome::Failed(failure)) => failed(failure, input.valid, &entry),
            Some(Outcome::Cancelled(known)) => {
                if !session.cancelled && session.fatal.is_none() {
                    Some("cancelled, and nobody did".to_owned())
                } else {
                    known_is_true(*known, &entry)
                }
            }
        };
        if let Some(why) = why {
            wrong.push(format!("session {number}, item {index}: {why}; {outcome:?}; {entry:?}"));
        }
    }
    if let Some((index, _)) = told.next() {
        wrong.push(format!(
            "session {number}: item {index} out of order, twice, or never submitted"
        ));
    }
    if let Some(Fatal::Item { index, .. }) = session.fatal {
        let failed = |(told, outcome): &&(u64, Outcome<Cause>)| *told == index && matches!(outcome, Outcome::Failed(_));
        if !session.told.iter().any(|told| failed(&told)) {
            wrong.push(format!(
                "session {number}: item {index} ended the session and did not fail"
            ));
        }
    }
    wrong.extend(counts(number, session, service, now));
    // Several processes under a limit that no header shows may keep one of them out for the five minutes after which
    // its items fail.
    if plan.is_calm() && (plan.hidden.is_none() || plan.processes == 1) {
        let bad = session
            .told
            .iter()
            .find(|(_, outcome)| !matches!(outcome, Outcome::Succeeded { .. }));
        if let Some((index, outcome)) = bad {
            wrong.push(format!(
                "session {number}, item {index}: nothing went wrong, and it did not succeed: {outcome:?}"
            ));
        }
    }
    wrong
}

/// Whether the session has counted what was sent and what came back.
fn counts(number: usize, session: &Session, service: &Service, now: Instant) -> Option<String> {
    let counts = session.counts(now);
    let again: u64 = (0..session.submitted as u64)
        .filter_map(|index| service.ledger.get(&ItemId { session: number, index }))
        .flat_map(|entry| [entry.settings.sent, entry.reset.sent, entry.get.sent])
        .map(|sent| u64::from(sent.saturating_sub(1)))
        .sum();
    // What was to be sent again when the session ended never was.
    let whole = !session.cancelled && session.fatal.is_none();
    let retries = if whole {
        counts.retries == again
    } else {
        counts.retries >= again
    };
    let right = counts.requests == session.sent && counts.refusals == session.refused && retries;
    (!right).then(|| {
        format!(
            "session {number}: {} sent, {} of them again, {} refused, and it counts {counts:?}",
            session.sent, again, session.refused
        )
    })
}

fn quiet_success(plan: step::Plan, entry: &Entry) -> Option<String> {
    if plan.get {
        Some("no result".to_owned())
    } else if !entry.reset.acknowledged || (plan.settings && !entry.settings.acknowledged) {
        Some("passed over as a success that it is not".to_owned())
    } else {
        None
    }
}

fn failed(failure: &Failure<Cause>, valid: bool, entry: &Entry) -> Option<String> {
    match failure.request {
        None if valid => Some("called invalid".to_owned()),
        None => (entry.settings.sent + entry.reset.sent + entry.get.sent > 0).then(|| "invalid, and sent".to_owned()),
        Some(request) => {
            let sent = match request.step {
                Step::Settings => entry.settings.sent,
                Step::Reset => entry.reset.sent,
                Step::Get => entry.get.sent,
            };
            if request.attempts != sent {
                return Some(format!("{} attempts, and {sent} were sent", request.attempts));
            }
            known_is_true(request.known, entry)
        }
    }
}

fn known_is_true(known: Known, entry: &Entry) -> Option<String> {
    for (what, state, step) in [
        ("settings", known.settings, entry.settings),
        ("reset", known.reset, entry.reset),
    ] {
        let is_true = match state {
            None => step.sent == 0,
            Some(State::NotDone) => step.carried_out == 0 && !step.acknowledged,
            Some(State::Unknown) => step.sent > 0 && !step.acknowledged,
            Some(State::Done) => step.acknowledged,
        };
        if !is_true {
            return Some(format!("the {what} are said to be {state:?}"));
        }
    }
    None
}
