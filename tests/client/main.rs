//! What applications link, against a member interface that says what the test wants.
//!
//! ```text
//!   member.rs      joining, views, leaving, errors         connection.rs   calls
//!   absence.rs     a member interface that goes, comes, is slow or wrong
//!   abi.rs         the C ABI: the C and the Python example, run
//!   real.rs        the same with real daemons
//! ```

mod abi;
mod absence;
mod connection;
mod member;
mod real;
mod script;
#[allow(dead_code)]
#[path = "../daemon/world.rs"]
mod world;

use membership::client::{Change, Event, Member};
use script::LONG;

/// The next event; that there is none is an error.
fn next(member: &mut Member) -> Event {
    member.next_event(Some(LONG)).unwrap().expect("an event")
}

/// The next event, which is a view.
fn view(member: &mut Member) -> Change {
    match next(member) {
        Event::View(change) => change,
        other => panic!("{other:?}"),
    }
}
