//! Memory for secrets: wiped when it is given back, and left out of core dumps on Linux.
//!
//! There, all secrets lie in a few mappings of their own, each of which is left out as a whole. A hint for each secret's
//! own pages would split the heap into thousands of mappings, and leave out what else lies on those pages, for good.

use std::ops::Deref;

use zeroize::Zeroize;

/// Bytes that nobody else sees.
pub(crate) struct Protected {
    block: imp::Block,
}

impl Protected {
    /// Memory of that size, which `fill` writes.
    pub fn new(length: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut block = imp::Block::new(length);
        fill(block.bytes_mut());
        Self { block }
    }
}

impl Deref for Protected {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.block.bytes()
    }
}

impl AsRef<[u8]> for Protected {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Protected {
    fn drop(&mut self) {
        self.block.bytes_mut().zeroize();
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) struct Block(Box<[u8]>);

    impl Block {
        pub fn new(length: usize) -> Self {
            Self(vec![0; length].into())
        }

        pub fn bytes(&self) -> &[u8] {
            &self.0
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::BTreeMap;
    use std::ptr::NonNull;
    use std::sync::{Mutex, PoisonError};

    /// What is mapped at once, where a single secret is not larger.
    const CHUNK: usize = 1024 * 1024;
    /// Sizes and places are multiples of this.
    const UNIT: usize = 32;

    static CHUNKS: Mutex<Vec<Chunk>> = Mutex::new(Vec::new());

    /// A mapping, and which parts of it are free: length by offset, none beside another.
    struct Chunk {
        start: NonNull<u8>,
        length: usize,
        free: BTreeMap<usize, usize>,
    }

    // SAFETY: a chunk is an address and numbers; who may use which part of the memory is in `free`.
    unsafe impl Send for Chunk {}

    pub(super) struct Block {
        start: NonNull<u8>,
        length: usize,
    }

    // SAFETY: the block's memory is its own alone, like a `Box`'s.
    unsafe impl Send for Block {}
    // SAFETY: as above; shared, it is only read.
    unsafe impl Sync for Block {}

    impl Block {
        pub fn new(length: usize) -> Self {
            let size = size_of(length);
            let mut chunks = CHUNKS.lock().unwrap_or_else(PoisonError::into_inner);
            let start = chunks.iter_mut().find_map(|chunk| chunk.take(size)).unwrap_or_else(|| {
                let mut chunk = Chunk::map(size.next_multiple_of(CHUNK));
                let start = chunk.take(size);
                chunks.push(chunk);
                start.unwrap_or_else(|| out_of_memory(size))
            });
            Self { start, length }
        }

        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the block is that long, initialised (mappings begin as zeros), and its own.
            unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as above, and `self` is borrowed alone.
            unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
        }
    }

    impl Drop for Block {
        fn drop(&mut self) {
            let mut chunks = CHUNKS.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(at) = chunks.iter().position(|chunk| chunk.has(self.start)) else {
                return;
            };
            chunks[at].give_back(self.start, size_of(self.length));
            // One stays for the next session.
            if chunks.len() > 1 && chunks[at].is_free() {
                chunks.swap_remove(at);
            }
        }
    }

    impl Chunk {
        fn map(length: usize) -> Self {
            // SAFETY: a new mapping that no one else knows; the hint for core dumps changes nothing else, and a kernel
            // that does not know it changes nothing at all.
            let start = unsafe {
                let (access, kind) = (
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                );
                let start = libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0);
                if start == libc::MAP_FAILED {
                    out_of_memory(length);
                }
                libc::madvise(start, length, libc::MADV_DONTDUMP);
                start
            };
            Self {
                start: NonNull::new(start.cast()).unwrap_or_else(|| out_of_memory(length)),
                length,
                free: BTreeMap::from([(0, length)]),
            }
        }

        fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
            let (&offset, &length) = self.free.iter().find(|(_, length)| **length >= size)?;
            self.free.remove(&offset);
            if length > size {
                self.free.insert(offset + size, length - size);
            }
            // SAFETY: the offset lies in the mapping.
            Some(unsafe { self.start.add(offset) })
        }

        fn has(&self, address: NonNull<u8>) -> bool {
            (self.start.addr()..self.start.addr().saturating_add(self.length)).contains(&address.addr())
        }

        fn give_back(&mut self, address: NonNull<u8>, size: usize) {
            let mut offset = address.addr().get() - self.start.addr().get();
            let mut length = size;
            if let Some(after) = self.free.remove(&(offset + length)) {
                length += after;
            }
            if let Some((&before, &free)) = self.free.range(..offset).next_back()
                && before + free == offset
            {
                offset = before;
                length += free;
            }
            self.free.insert(offset, length);
        }

        fn is_free(&self) -> bool {
            self.free.get(&0) == Some(&self.length)
        }
    }

    impl Drop for Chunk {
        fn drop(&mut self) {
            // SAFETY: the mapping is this chunk's, and no block of it is left.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
        }
    }

    fn size_of(length: usize) -> usize {
        length.max(1).next_multiple_of(UNIT)
    }

    fn out_of_memory(length: usize) -> ! {
        let layout = std::alloc::Layout::array::<u8>(length).unwrap_or(std::alloc::Layout::new::<u8>());
        std::alloc::handle_alloc_error(layout)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn filled(length: usize, with: u8) -> Protected {
        Protected::new(length, |bytes| bytes.fill(with))
    }

    #[test]
    fn secrets_have_memory_of_their_own_and_are_left_out_of_core_dumps() {
        let blocks: Vec<Protected> = (0..1000_usize).map(|n| filled(n * 7, n as u8)).collect();
        let large = filled(3 * 1024 * 1024, 7);
        for (n, block) in blocks.iter().enumerate() {
            assert_eq!(block.len(), n * 7);
            assert!(block.iter().all(|byte| *byte == n as u8), "block {n}");
        }
        for block in [&blocks[999], &large] {
            let address = block.as_ptr().addr();
            let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux shows its mappings");
            let mut here = false;
            let flags = maps.lines().find(|line| {
                if let Some((from, to)) = line.split(' ').next().and_then(|range| range.split_once('-')) {
                    let bound = |text| usize::from_str_radix(text, 16).unwrap_or(0);
                    here = (bound(from)..bound(to)).contains(&address);
                }
                here && line.starts_with("VmFlags:")
            });
            // "dd": do not dump.
            assert!(
                flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "dd")),
                "{flags:?}"
            );
        }
    }

    #[test]
    fn memory_that_was_given_back_is_used_again_in_any_order() {
        let mut blocks: Vec<Option<Protected>> = (0..500).map(|n| Some(filled(n % 91 + 1, n as u8))).collect();
        for round in 0..20_000 {
            let at = fastrand::usize(..blocks.len());
            if let Some(block) = blocks[at].take() {
                assert!(block.windows(2).all(|two| two[0] == two[1]), "round {round}");
            } else {
                blocks[at] = Some(filled(fastrand::usize(..5000), round as u8));
            }
        }
    }
}
