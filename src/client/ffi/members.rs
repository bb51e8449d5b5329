//! Members and views: `ms_member`, `ms_view`, `ms_peer`.

use super::{Failure, Out, fill, give, guarded, text, timeout};
use crate::client::{Entry, Event, JoinOptions, Member, Own, View};
use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

/// A gid or rank of nobody.
const NONE: u32 = u32::MAX;

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_join(
    group: *const c_char,
    options: Option<&JoinOptions>,
    member: Out<'_, Member>,
) -> c_int {
    let made = give(member, || {
        let options = options.cloned().unwrap_or_default();
        Ok(Some(options.join(text(group)?)?))
    });
    made.min(0)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_member_free(member: Option<Box<Member>>) {
    drop(member);
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_member_fd(member: Option<&Member>) -> c_int {
    guarded(|| Ok(member.ok_or(Failure::Argument)?.as_fd().as_raw_fd()))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_member_next(
    member: Option<&mut Member>,
    timeout_ms: c_int,
    event: Out<'_, Event>,
) -> c_int {
    give(event, || {
        let member = member.ok_or(Failure::Argument)?;
        Ok(member.next_event(timeout(timeout_ms))?)
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_member_leave(member: Option<&mut Member>) -> c_int {
    guarded(|| {
        member.ok_or(Failure::Argument)?.ask_to_leave()?;
        Ok(0)
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_member_view(member: Option<&Member>) -> Option<&View> {
    Some(member?.view()?)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_free(view: Option<Box<View>>) {
    drop(view);
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_group(view: Option<&View>, buffer: *mut c_char, size: usize) -> usize {
    view.map_or(0, |view| fill(buffer, size, &view.key.to_string()))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_incarnation(
    view: Option<&View>,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    view.map_or(0, |view| {
        let inc = view.key.inc;
        let (address, life) = (inc.origin.address, inc.origin.inc);
        fill(buffer, size, &format!("{address}/{life}#{}", inc.number))
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_term(view: Option<&View>) -> u32 {
    view.map_or(0, |view| view.term)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_number(view: Option<&View>) -> u32 {
    view.map_or(0, |view| view.number)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_size(view: Option<&View>) -> u32 {
    view.map_or(0, |view| view.size)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_rank(view: Option<&View>) -> u32 {
    own(view).map_or(NONE, |own| own.rank)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_gid(view: Option<&View>) -> u32 {
    own(view).map_or(NONE, |own| own.gid)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_quality(
    view: Option<&View>,
    name: *const c_char,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    let words = view.and_then(|view| view.qos.get(text(name).ok()?));
    words.map_or(0, |words| fill(buffer, size, &words))
}

fn own(view: Option<&View>) -> Option<Own> {
    view?.own
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_digest(view: Option<&View>, digest: Option<&mut MaybeUninit<[u8; 16]>>) {
    if let (Some(view), Some(digest)) = (view, digest) {
        digest.write(view.digest.0);
    }
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_count(view: Option<&View>) -> usize {
    view.map_or(0, |view| view.roster.len())
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_view_peer(view: Option<&View>, rank: usize) -> Option<&Entry> {
    view?.roster.get(rank)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_peer_gid(peer: Option<&Entry>) -> u32 {
    peer.map_or(NONE, |peer| peer.gid)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_peer_tag(
    peer: Option<&Entry>,
    length: Option<&mut MaybeUninit<usize>>,
) -> *const c_void {
    let tag = peer.map(|peer| peer.tag.as_slice()).unwrap_or_default();
    if let Some(length) = length {
        length.write(tag.len());
    }
    tag.as_ptr().cast()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_peer_id(peer: Option<&Entry>, buffer: *mut c_char, size: usize) -> usize {
    peer.map_or(0, |peer| {
        let (mi, number) = (peer.id.mi, peer.id.number);
        fill(buffer, size, &format!("{}/{}#{number}", mi.address, mi.inc))
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_peer_host(peer: Option<&Entry>, buffer: *mut c_char, size: usize) -> usize {
    peer.map_or(0, |peer| fill(buffer, size, &peer.id.mi.address.ip().to_string()))
}
