//! The C ABI, `libmembership`: what `etc/membership.h` declares, which is its documentation too.
//!
//! ```text
//!   C                          here
//!   const ms_view *, or NULL   Option<&View>           a handle that is lent
//!   ms_member *, or NULL       Option<&mut Member>     nobody else uses it meanwhile: one thread at a time
//!   ms_member * given back     Option<Box<Member>>     freed
//!   ms_member **               Out<Member>             written before it is read
//!   int                        0 or more, or an error below 0
//! ```
//!
//! These types have the layout of the pointers (the reference of Rust says so of references and boxes in an `Option`), so that
//! NULL needs no code of its own and nearly all of it is safe Rust. What is left are strings, arrays and buffers, whose length
//! no type tells: they are here, each with its reason.
//!
//! A panic stops at the boundary and becomes an error. (In a release build it ends the process before, as `panic = "abort"`
//! says; there is no unwinding through C in either.)

mod calls;
mod events;
mod joining;
mod members;
mod words;

use super::Error;
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use words::{ARGUMENT, PANIC};

/// A place that C gives for a handle. What is in it before is not looked at.
type Out<'a, T> = Option<&'a mut MaybeUninit<Option<Box<T>>>>;

/// What a function of ours returns on an error.
type Outcome = Result<c_int, Failure>;

/// Why a function did nothing.
enum Failure {
    /// An argument is NULL, or out of its range.
    Argument,
    /// As in Rust.
    Error(Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(e: E) -> Failure {
        Failure::Error(e.into())
    }
}

/// Runs what may fail: its error becomes a number, and the sentence of this thread's last error.
fn guarded(run: impl FnOnce() -> Outcome) -> c_int {
    // What a panic leaves half done is a handle whose next use may fail, but no memory that is not sound.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(fine)) => fine,
        Ok(Err(Failure::Argument)) => words::fail(ARGUMENT, None),
        Ok(Err(Failure::Error(e))) => words::fail(words::code(&e), Some(&e)),
        Err(_) => words::fail(PANIC, None),
    }
}

/// Gives a handle away, or NULL if there is none; without a place to put it nothing is run.
fn give<T>(out: Out<'_, T>, make: impl FnOnce() -> Result<Option<T>, Failure>) -> c_int {
    guarded(|| {
        let out = out.ok_or(Failure::Argument)?;
        out.write(None);
        let made = make()?;
        let found = made.is_some();
        out.write(made.map(Box::new));
        Ok(found.into())
    })
}

/// A string of C, which must be UTF-8.
fn text<'a>(string: *const c_char) -> Result<&'a str, Failure> {
    if string.is_null() {
        return Err(Failure::Argument);
    }
    // SAFETY: it is not NULL, and the header demands a string that ends with a NUL and that nobody changes during the call; what
    // is made of it is kept nowhere, by any of our callers.
    let string = unsafe { CStr::from_ptr(string) };
    string.to_str().map_err(|_| Failure::Argument)
}

/// So many things that lie one behind the other; none may be NULL.
fn array<'a, T: Copy>(first: *const T, count: usize) -> Result<&'a [T], Failure> {
    match (count, first.is_null()) {
        (0, _) => Ok(&[]),
        (_, true) => Err(Failure::Argument),
        // No object is larger than this.
        _ if count > isize::MAX as usize / size_of::<T>() => Err(Failure::Argument),
        // SAFETY: it is not NULL, the header demands that so many lie there, aligned, and that nobody changes them during the
        // call; what is made of them is kept nowhere, by any of our callers.
        _ => Ok(unsafe { std::slice::from_raw_parts(first, count) }),
    }
}

/// Writes a string as snprintf(3) does: cut off where the buffer ends, with a NUL if there is room for one. Returns the length of
/// the whole, without it.
fn fill(buffer: *mut c_char, size: usize, text: &str) -> usize {
    if !buffer.is_null() && size > 0 {
        let len = text.len().min(size - 1);
        // SAFETY: it is not NULL and the header demands room for `size` bytes, of which at most `len` + 1 are written; a buffer of
        // the caller's does not overlap a string of ours.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, len);
            *buffer.add(len) = 0;
        }
    }
    text.len()
}

/// A timeout in milliseconds; below 0: none.
fn timeout(ms: c_int) -> Option<Duration> {
    u64::try_from(ms).ok().map(Duration::from_millis)
}
