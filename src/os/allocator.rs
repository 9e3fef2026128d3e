//! The library's allocator: the system's, which wipes what is freed.
//!
//! Secrets pass through code that is not the engine's (HTTP, TLS, JSON, `azure_identity`), which frees its copies as
//! they are. Wiping every freed block leaves none behind.

use std::alloc::{GlobalAlloc, Layout, System};

struct Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

// SAFETY: every call goes to the system's allocator under its own contract. `realloc` is the trait's own, which moves
// to a new block and frees the old one here.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the system's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, of that size, and nobody reads it any more.
        unsafe {
            block.write_bytes(0, layout.size());
            // The compiler takes writes to what is freed next for useless, unless somebody may look at them.
            std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags));
            System.dealloc(block, layout);
        }
    }
}
