//! A plain message costs no allocation: not to decode, not to receive, not to encode into a buffer.
//!
//! This test has a binary of its own because its allocator serves the whole process. It counts by thread,
//! so that what the test harness does beside it does not show.

use membership::name::{Gid, GroupName};
use membership::wire::fragment::{Fragment, Part, WholeId};
use membership::wire::{Draft, Header, Kind, Message, Sum, prefix};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes unchanged to the system's allocator, which keeps the contract. The counter is
// a plain cell without a destructor and is not allocated, so counting cannot come back here.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nothing to prove.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` is from `System.alloc` above, with this layout, as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates.
fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let before = ALLOCATIONS.get();
    black_box(work());
    ALLOCATIONS.get() - before
}

fn header(kind: Kind) -> Header {
    Header::new("ring".parse::<GroupName>().unwrap(), kind)
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| black_box(Box::new(1))), 1);
    assert_eq!(allocations(|| black_box(1)), 0);
}

#[test]
fn a_plain_message_is_encoded_decoded_and_received_without_allocating() {
    let gids: Vec<Gid> = (0..100).map(Gid).collect();
    let data = [7; 500];
    let full = Draft { header: header(Kind::Commit), exclude: &gids, subjects: &gids, data: &data };
    for draft in [full, Draft::bare(header(Kind::Query))] {
        for sum in [Sum::None, Sum::Crc] {
            let mut buf = [0xAA; 1400];
            let mut len = 0;
            let count = allocations(|| len = draft.encode(&mut buf, sum).unwrap());
            assert_eq!(count, 0, "encode");
            let datagram = &buf[..len];
            let unchecked = sum == Sum::None;
            assert_eq!(allocations(|| Message::decode(datagram).unwrap()), 0, "decode");
            assert_eq!(allocations(|| Message::receive(datagram, unchecked).unwrap()), 0);
            assert_eq!(allocations(|| Message::decode(&datagram[1..]).unwrap_err()), 0);
            let message = Message::decode(datagram).unwrap();
            let sum = || message.exclude.iter().chain(message.subjects.iter()).map(|g| g.0).sum();
            assert_eq!(allocations::<u16>(sum), 0, "the lists");
        }
    }
}

#[test]
fn a_prefix_and_a_part_of_a_whole_are_read_without_allocating() {
    let mut datagram = prefix::encode("10.94.0.14:2900".parse().unwrap()).to_vec();
    datagram.extend(Draft::bare(header(Kind::Query)).to_vec(Sum::Crc).unwrap());
    assert_eq!(allocations(|| prefix::decode(&datagram).unwrap()), 0);
    let whole = WholeId { id: 1, total: 1000, count: 2, digest: [0; 16] };
    let data = Part { whole, index: 0, round: 0, bytes: &[1; 500] }.encode();
    assert_eq!(allocations(|| Fragment::decode(&data).unwrap()), 0);
}
