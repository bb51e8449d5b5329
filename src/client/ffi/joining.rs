//! How to join: `ms_options`.

use super::{Failure, Outcome, array, guarded, text};
use crate::client::{JoinOptions, Mode, Monitor, Order, Place, Rejoin};
use std::ffi::{c_char, c_int, c_void};
use std::time::Duration;

/// Changes the options by a function of the builder.
fn change(
    options: Option<&mut JoinOptions>,
    by: impl FnOnce(JoinOptions) -> Result<JoinOptions, Failure>,
) -> c_int {
    guarded(|| -> Outcome {
        let options = options.ok_or(Failure::Argument)?;
        *options = by(options.clone())?;
        Ok(0)
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_new() -> Box<JoinOptions> {
    Box::default()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_free(options: Option<Box<JoinOptions>>) {
    drop(options);
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_mode(options: Option<&mut JoinOptions>, mode: c_int) -> c_int {
    change(options, |options| {
        Ok(options.mode(match mode {
            0 => Mode::JoinOrCreate,
            1 => Mode::Create,
            2 => Mode::Existing,
            _ => return Err(Failure::Argument),
        }))
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_tag(
    options: Option<&mut JoinOptions>,
    tag: *const c_void,
    length: usize,
) -> c_int {
    change(options, |options| Ok(options.tag(array(tag.cast::<u8>(), length)?)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_patience(options: Option<&mut JoinOptions>, ms: u32) -> c_int {
    change(options, |options| Ok(options.patience(Duration::from_millis(ms.into()))))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_place(
    options: Option<&mut JoinOptions>,
    path: *const c_char,
) -> c_int {
    change(options, |options| Ok(options.place(place(path)?)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_rejoin(options: Option<&mut JoinOptions>, when: c_int) -> c_int {
    change(options, |options| {
        Ok(options.rejoin(match when {
            0 => Rejoin::Never,
            1 => Rejoin::Alive,
            2 => Rejoin::Always,
            _ => return Err(Failure::Argument),
        }))
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_wait(options: Option<&mut JoinOptions>, yes: c_int) -> c_int {
    change(options, |options| Ok(options.wait(yes != 0)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_order(options: Option<&mut JoinOptions>, order: c_int) -> c_int {
    change(options, |options| {
        Ok(options.order(match order {
            0 => Order::Strong,
            1 => Order::Weak,
            _ => return Err(Failure::Argument),
        }))
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_batch(
    options: Option<&mut JoinOptions>,
    changes: u16,
    ms: u32,
) -> c_int {
    change(options, |options| Ok(options.batch(changes, Duration::from_millis(ms.into()))))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_monitor(
    options: Option<&mut JoinOptions>,
    every_ms: u32,
    retries: u8,
) -> c_int {
    change(options, |options| {
        Ok(options.monitor(match every_ms {
            0 => Monitor::Adaptive,
            _ => Monitor::Fixed { every_ms, retries },
        }))
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_quality(
    options: Option<&mut JoinOptions>,
    name: *const c_char,
    words: *const c_char,
) -> c_int {
    change(options, |options| Ok(options.quality(text(name)?, text(words)?)?))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_count_only(options: Option<&mut JoinOptions>, yes: c_int) -> c_int {
    change(options, |options| Ok(options.count_only(yes != 0)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_survive(
    options: Option<&mut JoinOptions>,
    rule: *const c_char,
) -> c_int {
    change(options, |options| Ok(options.survive(text(rule)?)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_merge(
    options: Option<&mut JoinOptions>,
    rule: *const c_char,
) -> c_int {
    change(options, |options| Ok(options.merge(text(rule)?)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_name_scope(
    options: Option<&mut JoinOptions>,
    scope: *const c_char,
) -> c_int {
    change(options, |options| Ok(options.name_scope(text(scope)?.parse()?)))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_options_membership_scope(
    options: Option<&mut JoinOptions>,
    scope: *const c_char,
) -> c_int {
    change(options, |options| Ok(options.membership_scope(text(scope)?.parse()?)))
}

/// Where C says that the member interface is; NULL: the usual place.
pub(super) fn place(path: *const c_char) -> Result<Place, Failure> {
    if path.is_null() { Ok(Place::usual()) } else { Ok(Place::at(text(path)?)) }
}
