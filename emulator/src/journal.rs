//! The journal: every request that arrived, in order, with the status it was answered with.
//!
//! Benchmarks send hundreds of thousands of requests, so an entry is kept small: the part of the path up to and
//! including `/backends/` is stored once for all requests that share it, and texts lie one after another in blocks.

use std::collections::HashMap;
use std::io::Write;

use hyper::Method;
use serde::Serialize;

/// One request as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// The method.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// The status of the answer; 0 while there is none, and for good where none was given.
    pub status: u16,
    /// The body as text; empty where there was none. Secrets of token requests are masked.
    pub body: String,
}

/// Which entry a request got, to set its status later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    generation: u64,
    index: usize,
}

/// The journal's storage.
#[derive(Default)]
pub(crate) struct Journal {
    /// Raised when the journal is emptied, so that a late status cannot land on an entry of another request.
    generation: u64,
    entries: Vec<Entry>,
    prefixes: Vec<Box<str>>,
    prefix_numbers: HashMap<Box<str>, u32>,
    blocks: Vec<Vec<u8>>,
}

struct Entry {
    prefix: u32,
    block: u32,
    offset: u32,
    path_length: u32,
    body_length: u32,
    status: u16,
    method: MethodCode,
}

/// A method in one byte; the few that are not ARM's keep their name among the prefixes.
#[derive(Clone, Copy)]
enum MethodCode {
    Get,
    Head,
    Put,
    Patch,
    Post,
    Delete,
    Other,
}

/// A block is given this much room at once; a text that needs more gets a block of its own.
const BLOCK: usize = 256 * 1024;

impl Journal {
    /// Enters a request, with status 0.
    pub(crate) fn record(&mut self, method: &Method, path: &str, body: &[u8]) -> Ticket {
        const STEM_END: &str = "/backends/";
        let (prefix, rest) = match path.find(STEM_END) {
            Some(at) => path.split_at(at + STEM_END.len()),
            None => ("", path),
        };
        let code = MethodCode::of(method);
        let prefix = if matches!(code, MethodCode::Other) {
            // Rare, so the whole is kept in the plainest way: method, a space, prefix.
            self.prefix_number(&format!("{method} {prefix}"))
        } else {
            self.prefix_number(prefix)
        };
        let length = rest.len() + body.len();
        if self
            .blocks
            .last()
            .is_none_or(|block| block.capacity() - block.len() < length)
        {
            self.blocks.push(Vec::with_capacity(BLOCK.max(length)));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        let offset = block.len();
        block.extend_from_slice(rest.as_bytes());
        block.extend_from_slice(body);
        self.entries.push(Entry {
            prefix,
            block: number as u32,
            offset: offset as u32,
            path_length: rest.len() as u32,
            body_length: body.len() as u32,
            status: 0,
            method: code,
        });
        Ticket {
            generation: self.generation,
            index: self.entries.len() - 1,
        }
    }

    /// Says how a request was answered.
    pub(crate) fn set_status(&mut self, ticket: Ticket, status: u16) {
        if ticket.generation == self.generation {
            self.entries[ticket.index].status = status;
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self {
            generation: self.generation + 1,
            ..Self::default()
        };
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The entry at `index`, which must be below [`len`](Self::len).
    pub(crate) fn entry(&self, index: usize) -> JournalEntry {
        let entry = &self.entries[index];
        let prefix = &*self.prefixes[entry.prefix as usize];
        let (method, prefix) = match entry.method.name() {
            Some(name) => (name, prefix),
            None => prefix.split_once(' ').unwrap_or((prefix, "")),
        };
        let text = &self.blocks[entry.block as usize][entry.offset as usize..];
        let (path, text) = text.split_at(entry.path_length as usize);
        JournalEntry {
            method: method.to_owned(),
            path: format!("{prefix}{}", String::from_utf8_lossy(path)),
            status: entry.status,
            body: String::from_utf8_lossy(&text[..entry.body_length as usize]).into_owned(),
        }
    }

    fn prefix_number(&mut self, prefix: &str) -> u32 {
        if let Some(&number) = self.prefix_numbers.get(prefix) {
            return number;
        }
        let number = self.prefixes.len() as u32;
        self.prefixes.push(prefix.into());
        self.prefix_numbers.insert(prefix.into(), number);
        number
    }
}

impl MethodCode {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::POST => Self::Post,
            Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Get => Some("GET"),
            Self::Head => Some("HEAD"),
            Self::Put => Some("PUT"),
            Self::Patch => Some("PATCH"),
            Self::Post => Some("POST"),
            Self::Delete => Some("DELETE"),
            Self::Other => None,
        }
    }
}

/// Writes the journal as a JSON array, a part at a time, so that a long one never lies in memory as one text.
pub(crate) struct JournalWriter {
    generation: u64,
    next: usize,
    count: usize,
    done: bool,
}

impl JournalWriter {
    /// A writer of the entries that are there now.
    pub(crate) fn new(journal: &Journal) -> Self {
        Self {
            generation: journal.generation(),
            next: 0,
            count: journal.len(),
            done: false,
        }
    }

    /// The next part, or `None` after the last. A journal emptied meanwhile ends the array early.
    pub(crate) fn next_part(&mut self, journal: &Journal) -> Option<Vec<u8>> {
        const PART: usize = 64 * 1024;
        if self.done {
            return None;
        }
        let mut part = Vec::with_capacity(PART + 1024);
        if self.next == 0 {
            part.push(b'[');
        }
        let whole = self.generation == journal.generation();
        while whole && self.next < self.count && part.len() < PART {
            if self.next > 0 {
                part.push(b',');
            }
            let entry = journal.entry(self.next);
            // Strings and a number cannot fail to serialise into memory.
            serde_json::to_writer(&mut part, &entry).expect("a journal entry is plain JSON");
            self.next += 1;
        }
        if !whole || self.next == self.count {
            part.write_all(b"]").expect("memory takes every write");
            self.done = true;
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_comes_after_the_journal_was_emptied_is_dropped() {
        let mut journal = Journal::default();
        let late = journal.record(&Method::POST, "/a/backends/1/reconnect", b"");
        journal.clear();
        journal.record(&Method::GET, "/b", b"");
        journal.set_status(late, 202);
        assert_eq!(journal.entry(0).status, 0);
    }

    #[test]
    fn an_uncommon_method_keeps_its_name() {
        let mut journal = Journal::default();
        journal.record(&Method::OPTIONS, "/a/backends/1", b"x");
        journal.record(&Method::OPTIONS, "/plain?q=1", b"");
        let entry = journal.entry(0);
        assert_eq!(
            (entry.method.as_str(), entry.path.as_str(), entry.body.as_str()),
            ("OPTIONS", "/a/backends/1", "x")
        );
        assert_eq!(journal.entry(1).path, "/plain?q=1");
    }

    #[test]
    fn a_long_journal_is_written_in_parts_that_join_to_one_array() {
        let mut journal = Journal::default();
        for number in 0..5_000 {
            let ticket = journal.record(
                &Method::POST,
                &format!("/a/backends/{number}/reconnect"),
                b"{\"a\":\"b\"}",
            );
            journal.set_status(ticket, 202);
        }
        let mut writer = JournalWriter::new(&journal);
        let mut text = Vec::new();
        let mut parts = 0;
        while let Some(part) = writer.next_part(&journal) {
            text.extend(part);
            parts += 1;
        }
        assert!(parts > 1);
        let entries: Vec<serde_json::Value> = serde_json::from_slice(&text).expect("one JSON array");
        assert_eq!(entries.len(), 5_000);
        assert_eq!(entries[4_999]["path"], "/a/backends/4999/reconnect");
    }
}
