//! Calls by somebody who need not be a member: `ms_connection`.

use super::joining::place;
use super::{Failure, Out, Outcome, array, give, guarded, text, timeout};
use crate::client::{Connection, View};
use std::ffi::{c_char, c_int};
use std::time::Duration;

/// Without a timeout: longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

fn patience(ms: c_int) -> Duration {
    timeout(ms).unwrap_or(FOR_EVER)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_open(path: *const c_char, connection: Out<'_, Connection>) -> c_int {
    give(connection, || Ok(Some(Connection::open(&place(path)?)?))).min(0)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_close(connection: Option<Box<Connection>>) {
    drop(connection);
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_ask_view(
    connection: Option<&mut Connection>,
    group: *const c_char,
    timeout_ms: c_int,
    view: Out<'_, View>,
) -> c_int {
    let given = give(view, || {
        let connection = connection.ok_or(Failure::Argument)?;
        Ok(Some(connection.view(text(group)?, patience(timeout_ms))?))
    });
    given.min(0)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_merge(
    connection: Option<&mut Connection>,
    group: *const c_char,
    other: *const c_char,
    timeout_ms: c_int,
) -> c_int {
    guarded(|| -> Outcome {
        let connection = connection.ok_or(Failure::Argument)?;
        connection.merge(text(group)?, text(other)?, patience(timeout_ms))?;
        Ok(0)
    })
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_split(
    connection: Option<&mut Connection>,
    group: *const c_char,
    new_group: *const c_char,
    gids: *const u32,
    count: usize,
    timeout_ms: c_int,
) -> c_int {
    guarded(|| -> Outcome {
        let connection = connection.ok_or(Failure::Argument)?;
        let gids = array(gids, count)?;
        connection.split(text(group)?, text(new_group)?, gids, patience(timeout_ms))?;
        Ok(0)
    })
}
