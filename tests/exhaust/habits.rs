//! What makes no difference in a world: fields that nobody reads there, messages that have had their day.
//!
//! Each rule is argued from the receiving rules (M1 to M12); `the_reductions_lose_nothing` compares searches with and
//! without them.

use crate::machines::{Item, Local, address};
use membership::name::Gid;
use membership::proto::coreset::CoreSet;
use membership::wire::coreset::{Body, CoreMessage, Life, Position, Request, View, Wait};
use std::collections::BTreeSet;

/// What a world does and what it never does.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Mservers, numbered from 1.
    pub hosts: usize,
    /// Nothing gets from the first to the second.
    pub cut: BTreeSet<(usize, usize)>,
    /// Operations of the layer above occur.
    pub operations: bool,
    /// Merges occur.
    pub merges: bool,
    /// Ticks that each rank waits for the one before to start what all are asked.
    pub stagger: u32,
    /// Those from this one on start outside.
    pub joiners: usize,
    /// Dead messages are kept, for comparison.
    pub keeps_all: bool,
}

/// Timers that run for longer than any world lasts: they are never due. (One who has just come probes at once; that
/// is compared where there are merges, and where there are none every probe is lost.)
const NEVER_DUE: &[&str] = &["query: Countdown(", "probe: Countdown(", "eager: "];

/// Counters of a joiner that never founds: they decide after 8 tries, which no world has.
const TRIES: &[&str] = &["tries: ", "asked: "];

/// Looked at only where operations wait.
const OF_BATCHES: &[&str] =
    &["heard_pending: Countdown(", "held_back: ", "hold: Countdown(", "unserved: "];

/// A machine as text, without what makes no difference. Its fields are its own, so the text is what an outsider has.
pub fn normal(set: &CoreSet, habits: &Habits) -> String {
    let mut text = format!("{set:?}");
    let inside = set.view().is_some();
    let fields = if inside { NEVER_DUE } else { TRIES };
    let soon = habits.merges && text.contains("probe: Countdown(1)");
    fields.iter().for_each(|field| forget(&mut text, field));
    if soon {
        text += "it probes when time passes";
    }
    if inside && !habits.operations {
        OF_BATCHES.iter().for_each(|field| forget(&mut text, field));
    }
    text
}

/// Takes the number away that follows `field`, the last of that name: the parameters come first.
fn forget(text: &mut String, field: &str) {
    let place = text.rfind(field).unwrap_or_else(|| panic!("{field} is no field any more"));
    let start = place + field.len();
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    assert!(digits > 0, "{field} is no number any more");
    text.replace_range(start..start + digits, "");
}

impl Habits {
    /// An item without what nobody reads: the view of a request's sender, and, where there are no operations, the
    /// flag that holds them back.
    pub fn plain(&self, mut item: Item) -> Item {
        if let Item::Message(message) = &mut item {
            match &mut message.body {
                Body::Ack { pending, .. } if !self.operations => *pending = false,
                Body::Request(_) => {
                    message.position = Position::default();
                    message.parents.clear();
                    message.prev = None;
                    message.exclude.clear();
                    message.from.gid = Gid::NONE;
                }
                _ => {}
            }
        }
        item
    }

    /// Whether a message from `from` can never again make a difference to `set`, nor be told by an answer.
    ///
    /// Positions only rise in a life, so what is older than the receiver's view stays so. A Merge brings together
    /// positions of two lines, so nothing is said of worlds that have one.
    pub fn dead(&self, set: &CoreSet, message: &CoreMessage, from: Option<&Local>) -> bool {
        let Some(view) = set.view().filter(|_| !self.merges && !self.keeps_all) else {
            return false;
        };
        if let Body::Request(request) = &message.body {
            // A leaver that is out does not come back in that life.
            return matches!(request, Request::Leave(life) if !lists(view, *life));
        }
        let old = older(message.position, view.position);
        if old && active(&message.body) && !view.parents.contains(&message.position) {
            return self.answered_in_vain(message, from);
        }
        match self.is_joiner(message.from.life) {
            true => dead_of_joiner(message, old),
            false => dead_of_member(set, view, message, from.is_some_and(|from| from.deaf)),
        }
    }

    /// M4, M12: an active message that is old is answered by a NOTICE of its own position at the most (by a Commit,
    /// if it is only one behind; that is not this case), and a NOTICE counts only at that position (M6).
    fn answered_in_vain(&self, message: &CoreMessage, from: Option<&Local>) -> bool {
        let Some(from) = from.filter(|_| message.position != Position::default()) else {
            return false;
        };
        let past = |set: &CoreSet| set.view().is_none_or(|v| older(message.position, v.position));
        let gone = from.deaf || from.set.as_ref().is_some_and(past);
        // A joiner of whom a change speaks is answered whatever its position.
        gone && !(self.is_joiner(message.from.life) && matches!(message.body, Body::MsgQuery(_)))
    }

    fn is_joiner(&self, who: Life) -> bool {
        (self.joiners..=self.hosts).any(|n| address(n) == who.address)
    }
}

/// From one who came by a Join, and may come again in another life: then it is heard beside the view (M7), but
/// nothing that an earlier life said of older views fits what is current, save a WAIT-FLOOR (C16).
fn dead_of_joiner(message: &CoreMessage, old: bool) -> bool {
    let counts =
        matches!(message.body, Body::Wait(Wait::Floor(_) | Wait::Notice(_)) | Body::Forward(_));
    old && !active(&message.body) && !counts && message.position != Position::default()
}

/// From one who can only ever be a member of the views at hand, or gone from them for good.
fn dead_of_member(set: &CoreSet, view: &View, message: &CoreMessage, deaf: bool) -> bool {
    let sender = message.from.life;
    let answered = active(&message.body);
    // M10: a WAIT-PREV has an effect besides its answer.
    let in_vain = !answered || (deaf && !matches!(message.body, Body::Wait(Wait::Prev(_))));
    let isolated = set.isolated().any(|who| who == sender.address);
    match view.members.iter().find(|m| m.life.address == sender.address) {
        // M4, M5: nothing but an answer, now and for ever.
        None => return in_vain,
        Some(_) if isolated => return in_vain,
        // M3: a newer life is one at any position.
        Some(member) if member.life != sender => return false,
        Some(_) => {}
    }
    match &message.body {
        Body::Wait(Wait::Notice(position)) => return older(*position, view.position),
        // Operations are welcome from any position.
        Body::Forward(_) => return false,
        _ => {}
    }
    match older(message.position, view.position) {
        true => in_vain,
        false => message.position == view.position && overtaken(set, view, message),
    }
}

/// Whether a message of our own view is about a change that another has overtaken: the floor only rises (S1).
fn overtaken(set: &CoreSet, view: &View, message: &CoreMessage) -> bool {
    let me = view.members.iter().find(|m| m.life == set.life());
    let (Some(me), Some(floor)) = (me, set.floor()) else { return false };
    if message.exclude.contains(&me.gid) {
        return false;
    }
    match &message.body {
        Body::Ack { id, pending } => !pending && *id != floor.id && id.coord == set.life(),
        Body::Wait(Wait::Current(change) | Wait::Floor(change)) => !change.id.higher(&floor.id),
        Body::Wait(Wait::Dropped(id)) => floor.id.higher(id),
        _ => false,
    }
}

fn lists(view: &View, life: Life) -> bool {
    view.members.iter().any(|m| m.life == life)
}

fn older(a: Position, b: Position) -> bool {
    b.num.newer(a.num) || (a.num == b.num && b.k > a.k)
}

/// Messages whose sender expects an answer.
fn active(body: &Body) -> bool {
    matches!(
        body,
        Body::Initiate(_)
            | Body::MsgQuery(_)
            | Body::CoordFail { .. }
            | Body::Query { .. }
            | Body::Wait(Wait::Prev(_))
    )
}
