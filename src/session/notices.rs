//! What the caller is to learn apart from results: lines for its log, and requests for tokens.

use std::collections::VecDeque;

use super::event::Event;
use crate::trace::Level;

/// Lines that nobody takes are dropped, the newest first, once they hold this many bytes.
const MAX_LOG_BYTES: usize = 4 * 1024 * 1024;

/// Notices in the order of their coming, bounded by bytes.
#[derive(Default)]
pub(super) struct Notices {
    events: VecDeque<Event>,
    log_bytes: usize,
    dropped: u64,
}

impl Notices {
    /// Adds a notice that must not be lost.
    pub fn push(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Adds a line for the log, unless too many wait.
    pub fn log(&mut self, level: Level, text: String) {
        if self.log_bytes + text.len() > MAX_LOG_BYTES {
            self.dropped += 1;
            return;
        }
        self.log_bytes += text.len();
        self.events.push_back(Event::Log { level, text });
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes the oldest notice.
    pub fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Log { text, .. } = &event {
            self.log_bytes -= text.len();
        }
        if self.events.is_empty() && self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            let text = format!("{dropped} log entries were dropped: they came faster than they were taken.");
            self.log(Level::Verbose, text);
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nobody_takes_are_bounded_and_counted() {
        let mut notices = Notices::default();
        for _ in 0..10 {
            notices.log(Level::Debug, "x".repeat(1024 * 1024));
        }
        let mut lines = Vec::new();
        while let Some(Event::Log { text, .. }) = notices.pop() {
            lines.push(text);
        }
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines[4],
            "6 log entries were dropped: they came faster than they were taken."
        );
        notices.log(Level::Debug, "again".to_owned());
        assert!(matches!(notices.pop(), Some(Event::Log { text, .. }) if text == "again"));
        assert!(notices.pop().is_none());
    }
}
