//! Errors as numbers, and in sentences.

use super::fill;
use crate::client::Error;
use crate::wire::group::Refusal;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::LazyLock;

/// An argument is NULL, or out of its range.
pub(super) const ARGUMENT: c_int = -1;
/// The library failed.
pub(super) const PANIC: c_int = -12;
/// A refusal is this less its place among the refusals: the codes of ms_protocol(7), below zero.
const REFUSED: c_int = -16;

/// The errors that are no refusals, as the header names them.
const OWN: [(c_int, &CStr); 14] = [
    (0, c"no error"),
    (ARGUMENT, c"an argument is NULL or out of its range"),
    (-2, c"no member interface answers"),
    (-3, c"the name cannot be that of a group"),
    (-4, c"a tag, a rule or a list is too long"),
    (-5, c"the member interface does not let us in"),
    (-6, c"the member interface closed the connection"),
    (-7, c"no answer in time; the call may still have its effect"),
    (-8, c"the member interface went away during the call; whether it had its effect is not known"),
    (-9, c"the membership has ended"),
    (-10, c"the member interface makes no sense; the connection was given up"),
    (-11, c"the system refused something"),
    (PANIC, c"the library failed; free the handle"),
    (-13, c"a quality of service cannot be had like that"),
];

static REFUSALS: LazyLock<Vec<CString>> = LazyLock::new(|| {
    let sentences = Refusal::ALL.iter().map(|refusal| refusal.sentence());
    sentences.map(|sentence| CString::new(sentence).unwrap_or_default()).collect()
});

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// The number of an error.
pub(super) fn code(e: &Error) -> c_int {
    match e {
        Error::NoMi(_) => -2,
        Error::Name(_) | Error::Dot(_) => -3,
        Error::TooLong { .. } => -4,
        Error::Closed(_) => -5,
        Error::Gone => -6,
        Error::Timeout => -7,
        Error::Unknown => -8,
        Error::Over => -9,
        Error::Breach(_) => -10,
        Error::Io(_) => -11,
        Error::Quality(_) => -13,
        Error::Refused { refusal, .. } => of_refusal(*refusal),
    }
}

/// The number of a refusal.
pub(super) fn of_refusal(refusal: Refusal) -> c_int {
    let place = Refusal::ALL.iter().position(|one| *one == refusal);
    REFUSED - place.unwrap_or(0) as c_int
}

/// Keeps the sentence of an error for this thread.
pub(super) fn fail(code: c_int, e: Option<&Error>) -> c_int {
    let sentence = match e {
        Some(e) => CString::new(e.to_string()).unwrap_or_default(),
        None => sentence(code).to_owned(),
    };
    LAST.set(sentence);
    code
}

fn sentence(code: c_int) -> &'static CStr {
    if let Some((_, sentence)) = OWN.iter().find(|(own, _)| *own == code) {
        return sentence;
    }
    let place = REFUSED.checked_sub(code).and_then(|place| usize::try_from(place).ok());
    place.and_then(|place| REFUSALS.get(place)).map_or(c"not an error of this library", |s| s)
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_strerror(code: c_int) -> *const c_char {
    sentence(code).as_ptr()
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_last_error(buffer: *mut c_char, size: usize) -> usize {
    LAST.with_borrow(|last| fill(buffer, size, &last.to_string_lossy()))
}

/// See membership.h.
#[unsafe(no_mangle)]
pub extern "C" fn ms_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
