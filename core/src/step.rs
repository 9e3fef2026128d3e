//! The requests that an item needs, and what is known about each.

/// One request of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// PATCH of the backend's settings.
    Settings,
    /// POST of the reset.
    Reset,
    /// GET of a backend, or of a page of backends.
    Get,
}

/// What is known about a step that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// What is known about both steps that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// The settings.
    pub settings: State,
    /// The reset.
    pub reset: State,
}

impl Known {
    /// The state of a step; none for one that changes nothing.
    pub fn state_mut(&mut self, step: Step) -> Option<&mut State> {
        match step {
            Step::Settings => Some(&mut self.settings),
            Step::Reset => Some(&mut self.reset),
            Step::Get => None,
        }
    }

    /// Notes that a request of the step may have been carried out.
    pub fn may_be_done(&mut self, step: Step) {
        if let Some(state @ State::NotDone) = self.state_mut(step) {
            *state = State::Unknown;
        }
    }
}
