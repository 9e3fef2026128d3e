//! Handles: numbers that stand for objects of the library, dressed as pointers.
//!
//! A handle is looked up, never followed, so one that was freed or made up is found out and harms nothing, and freeing
//! an object while another thread uses it only takes it out of the table.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How many tables there may be.
const TABLES: usize = 2;

/// The `number`th handle of a table. Tables give out handles from number 1.
pub(super) const fn handle(table: usize, number: usize) -> usize {
    // Steps of 16 look like any allocator's addresses to callers that check alignment.
    number.wrapping_mul(TABLES).wrapping_add(table).wrapping_mul(16)
}

/// Handles of one type of object.
pub(super) struct Handles<T> {
    /// Which of the tables this is; the numbers of no two are the same.
    table: usize,
    objects: RwLock<Option<HashMap<usize, Arc<T>>>>,
    next: AtomicUsize,
}

impl<T> Handles<T> {
    /// An empty table, the `table`th of [`TABLES`].
    pub const fn new(table: usize) -> Self {
        assert!(table < TABLES);
        Self {
            table,
            objects: RwLock::new(None),
            next: AtomicUsize::new(1),
        }
    }

    /// Makes a handle for an object.
    pub fn insert(&self, object: T) -> usize {
        let handle = handle(self.table, self.next.fetch_add(1, Ordering::Relaxed));
        self.objects
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .insert(handle, Arc::new(object));
        handle
    }

    /// The object, if the handle is one that was given out and not freed.
    pub fn get(&self, handle: usize) -> Option<Arc<T>> {
        self.objects
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()?
            .get(&handle)
            .cloned()
    }

    /// Ends a handle. The object goes when the last call that uses it returns.
    pub fn remove(&self, handle: usize) -> Option<Arc<T>> {
        self.objects
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()?
            .remove(&handle)
    }
}
