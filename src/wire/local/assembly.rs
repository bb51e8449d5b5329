//! Events whose lists came in several packets, put together again: the application's side.

use super::{LocalEvent, Telling};
use crate::wire::WireError;
use crate::wire::cursor::refuse;
use crate::wire::group::Entry;

/// Most members of a roster that is put together, and most that go in one view.
pub const MAX_ROSTER: usize = 1 << 20;

/// An event of which more is to come, if there is one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Assembly(Option<LocalEvent>);

impl Assembly {
    /// Takes the next packet. What is whole is returned: of events only such that nothing more follows on, and
    /// never a [`Telling::Rest`].
    ///
    /// # Errors
    /// [`WireError::Payload`]: the packet cannot follow on the one before. What was begun is forgotten.
    pub fn take(&mut self, telling: Telling) -> Result<Option<Telling>, WireError> {
        let begun = self.0.take();
        let (event, more) = match (begun, telling) {
            (None, Telling::Event { event, more }) => (event, more),
            (Some(mut event), Telling::Rest { gone, came, more }) => {
                append(&mut event, gone, came)?;
                (event, more)
            }
            (None, Telling::Rest { .. }) => return refuse("rest: of nothing"),
            (Some(_), Telling::Event { .. }) => return refuse("rest: an event instead"),
            // Whatever was to come does not come any more.
            (_, other) => return Ok(Some(other)),
        };
        if more {
            self.0 = Some(event);
            return Ok(None);
        }
        Ok(Some(Telling::Event { event, more: false }))
    }
}

fn append(
    event: &mut LocalEvent,
    more_gone: Vec<u32>,
    more_came: Vec<Entry>,
) -> Result<(), WireError> {
    let mut nobody = Vec::new();
    let (gone, came) = match event {
        LocalEvent::View { gone, came, .. } => (gone, came),
        LocalEvent::Roster { entries, .. } if more_gone.is_empty() => (&mut nobody, entries),
        _ => return refuse("rest: of no such list"),
    };
    if gone.len() + more_gone.len() > MAX_ROSTER || came.len() + more_came.len() > MAX_ROSTER {
        return refuse("roster: too many");
    }
    gone.extend(more_gone);
    came.extend(more_came);
    Ok(())
}
