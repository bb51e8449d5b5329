//! Events: `ms_event`.

use super::{fill, words};
use crate::client::{Change, Entry, Event, MemberId, Reason, View};
use std::ffi::{c_char, c_int};

/// The numbers of reasons, as the header names them.
const REASONS: [Reason; 9] = [
    Reason::Created,
    Reason::Joined,
    Reason::Left,
    Reason::Failed,
    Reason::Partitioned,
    Reason::Merged,
    Reason::Split,
    Reason::Resync,
    Reason::Terminated,
];

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_free(event: Option<Box<Event>>) {
    drop(event);
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_kind(event: Option<&Event>) -> c_int {
    match event {
        None => 0,
        Some(Event::View(_)) => 1,
        Some(Event::Renamed { .. }) => 2,
        Some(Event::Out { .. }) => 3,
        Some(Event::Refused(_)) => 4,
        Some(Event::MserverLost) => 5,
        Some(Event::MserverFound) => 6,
        Some(Event::Disconnected { .. }) => 7,
        Some(Event::Rejoined { .. }) => 8,
    }
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_is_last(event: Option<&Event>) -> c_int {
    event.is_some_and(Event::is_last).into()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_is_first(event: Option<&Event>) -> c_int {
    change(event).is_some_and(|change| change.first).into()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_view(event: Option<&Event>) -> Option<&View> {
    match event? {
        Event::View(change) => Some(&change.view),
        Event::Out { last, .. } | Event::Disconnected { last, .. } => last.as_deref(),
        _ => None,
    }
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_reason(event: Option<&Event>) -> c_int {
    let reason = match event {
        Some(Event::View(change)) => Some(change.reason),
        Some(Event::Out { reason, .. }) => Some(*reason),
        _ => None,
    };
    let place = reason.and_then(|reason| REASONS.iter().position(|one| *one == reason));
    place.map_or(-1, |place| place as c_int)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_error(event: Option<&Event>) -> c_int {
    match event {
        Some(Event::Refused(refusal)) => words::of_refusal(*refusal),
        Some(Event::Disconnected { why, .. }) => words::code(why),
        _ => 0,
    }
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_away_ms(event: Option<&Event>) -> u64 {
    match event {
        Some(Event::Rejoined { away, .. }) => away.as_millis().try_into().unwrap_or(u64::MAX),
        _ => 0,
    }
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_was(event: Option<&Event>, buffer: *mut c_char, size: usize) -> usize {
    let was = match event {
        Some(Event::Renamed { from, .. }) => from.to_string(),
        Some(Event::Rejoined { was, .. } | Event::Out { was, .. }) => named(was),
        Some(Event::Disconnected { was: Some(was), .. }) => named(was),
        _ => return 0,
    };
    fill(buffer, size, &was)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_now(event: Option<&Event>, buffer: *mut c_char, size: usize) -> usize {
    let now = match event {
        Some(Event::Renamed { to, .. }) => to.to_string(),
        Some(Event::Rejoined { now, .. }) => named(now),
        _ => return 0,
    };
    fill(buffer, size, &now)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_came_count(event: Option<&Event>) -> usize {
    came(event).len()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_came(event: Option<&Event>, index: usize) -> Option<&Entry> {
    came(event).get(index)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_gone_count(event: Option<&Event>) -> usize {
    gone(event).len()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_gone(event: Option<&Event>, index: usize) -> Option<&Entry> {
    gone(event).get(index)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_event_text(event: Option<&Event>, buffer: *mut c_char, size: usize) -> usize {
    event.map_or(0, |event| fill(buffer, size, &in_words(event)))
}

fn change(event: Option<&Event>) -> Option<&Change> {
    match event {
        Some(Event::View(change)) => Some(change),
        _ => None,
    }
}

fn came(event: Option<&Event>) -> &[Entry] {
    change(event).map(|change| change.came.as_slice()).unwrap_or_default()
}

fn gone(event: Option<&Event>) -> &[Entry] {
    change(event).map(|change| change.gone.as_slice()).unwrap_or_default()
}

/// A member, as `ms_peer_id` has it.
fn named(id: &MemberId) -> String {
    format!("{}/{}#{}", id.mi.address, id.mi.inc, id.number)
}

/// An event for a log.
fn in_words(event: &Event) -> String {
    let again = |rejoins: &bool| if *rejoins { "; it joins again" } else { "" };
    match event {
        Event::View(Change { view, reason, .. }) => {
            let reason = format!("{reason:?}").to_lowercase();
            format!("{}: view {} of {} members, {reason}", view.key, view.number, view.size)
        }
        Event::Renamed { from, to } => format!("{from}: is {to} from now on"),
        Event::Out { reason, was, rejoins, .. } => {
            let reason = format!("{reason:?}").to_lowercase();
            format!("{} is out, {reason}{}", named(was), again(rejoins))
        }
        Event::Refused(refusal) => format!("the join is refused: {}", refusal.sentence()),
        Event::MserverLost => "the mserver is lost: views may be missing".to_string(),
        Event::MserverFound => "a mserver is found".to_string(),
        Event::Disconnected { why, rejoins, .. } => format!("{why}{}", again(rejoins)),
        Event::Rejoined { was, now, away } => {
            format!("{} is {} now, after {} ms", named(was), named(now), away.as_millis())
        }
    }
}
