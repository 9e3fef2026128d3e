//! The requests that an item needs, and what is known about each.

use serde::Serialize;

/// One request of an item. Serialised, it is the `Step` of the ABI's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// PATCH of the backend's settings.
    Settings,
    /// POST of the reset.
    Reset,
    /// GET of a backend, or of a page of backends.
    Get,
}

/// What is known about a step that changes something. Serialised, it is a state of the ABI's errors and results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// No request went out, or the service refused every one that did.
    #[default]
    NotDone,
    /// A request went out, and no answer that the service documents says what became of it.
    Unknown,
    /// The service accepted it.
    Done,
}

/// The steps of an item. They run in the order of the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// Change the settings first.
    pub settings: bool,
    /// Reset the connections.
    pub reset: bool,
    /// Read the backend, or a page of backends.
    pub get: bool,
}

impl Plan {
    /// The first step.
    pub fn first(self) -> Step {
        match self {
            Plan { settings: true, .. } => Step::Settings,
            Plan { reset: true, .. } => Step::Reset,
            _ => Step::Get,
        }
    }

    /// The step that follows `step`; none at the end.
    pub fn after(self, step: Step) -> Option<Step> {
        match step {
            Step::Settings if self.reset => Some(Step::Reset),
            Step::Settings | Step::Reset if self.get => Some(Step::Get),
            _ => None,
        }
    }
}

/// What is known about the steps that change something; none for one that the item does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Known {
    /// The settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<State>,
    /// The reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<State>,
}

impl Known {
    /// Before anything was sent.
    pub fn nothing_done(plan: Plan) -> Self {
        Self {
            settings: plan.settings.then_some(State::NotDone),
            reset: plan.reset.then_some(State::NotDone),
        }
    }

    fn state_mut(&mut self, step: Step) -> Option<&mut State> {
        match step {
            Step::Settings => self.settings.as_mut(),
            Step::Reset => self.reset.as_mut(),
            Step::Get => None,
        }
    }

    /// Notes that the service accepted the step.
    pub fn done(&mut self, step: Step) {
        if let Some(state) = self.state_mut(step) {
            *state = State::Done;
        }
    }

    /// Notes that a request of the step may have been carried out.
    pub fn may_be_done(&mut self, step: Step) {
        if let Some(state @ State::NotDone) = self.state_mut(step) {
            *state = State::Unknown;
        }
    }
}
