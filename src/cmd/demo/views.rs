//! What members must agree on, however they came to know it (thesis II.A: consistent views).
//!
//! * Two members, each in the view of the other, at one place of one group: the same roster, the same digest.
//! * A member's views follow on each other without a gap, but for those after a partition, a merge or a resync, which say so.
//! * In the end all members of a group have one view, and all of them, and nobody else, are in it.

use super::people::{People, Person};
use crate::client::{Change, MemberId, Reason, Token, View};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Something that a member was told.
pub enum Seen {
    /// A view.
    View(Change),
    /// Its membership ended; views of another one follow.
    Gap,
}

/// What was compared.
#[derive(Default)]
pub struct Compared {
    /// Views told, each counted once a member.
    pub told: usize,
    /// Different ones among them.
    pub different: usize,
}

/// Compares everything that everybody was told.
///
/// # Errors
/// The first thing that does not fit, in words.
pub fn compare(people: &People) -> Result<Compared, String> {
    let mut compared = Compared::default();
    let mut places: BTreeMap<Token, Vec<(MemberId, &View)>> = BTreeMap::new();
    for person in people.all() {
        follows(person)?;
        for seen in &person.told {
            let Seen::View(Change { view, .. }) = seen else { continue };
            compared.told += 1;
            let Some(own) = view.own else { continue };
            places.entry(view.token()).or_default().push((own.member, view));
        }
    }
    for views in places.values() {
        let mut digests: Vec<_> = views.iter().map(|(_, view)| view.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        compared.different += digests.len();
        for (n, one) in views.iter().enumerate() {
            views[..n].iter().try_for_each(|other| same(*one, *other))?;
        }
    }
    Ok(compared)
}

/// Each view of a membership is the next one.
fn follows(person: &Person) -> Result<(), String> {
    let mut before: Option<&View> = None;
    for seen in &person.told {
        let Seen::View(change) = seen else {
            before = None;
            continue;
        };
        let view = &*change.view;
        let may_jump =
            matches!(change.reason, Reason::Partitioned | Reason::Merged | Reason::Resync);
        if let Some(before) = before {
            let later = (before.term, before.number) < (view.term, view.number);
            let next = before.number.checked_add(1) == Some(view.number);
            if !later || !(next || may_jump) {
                let (from, to) = (place(before), place(view));
                return Err(format!(
                    "{person} was told view {to} ({:?}) after {from}",
                    change.reason
                ));
            }
        }
        before = Some(view);
    }
    Ok(())
}

fn same(
    (one, of_one): (MemberId, &View),
    (other, of_other): (MemberId, &View),
) -> Result<(), String> {
    let mutual = of_one.entry(other).is_some() && of_other.entry(one).is_some();
    if !mutual || (of_one.digest == of_other.digest && roster(of_one) == roster(of_other)) {
        return Ok(());
    }
    let (group, at) = (of_one.key, place(of_one));
    Err(format!(
        "view {at} of {group} is [{}] for one, [{}] for another",
        names(of_one),
        names(of_other)
    ))
}

/// Whether all members of a group that are on `hosts` have one view now, with all of them and nobody else in it.
///
/// # Errors
/// Why not.
pub fn settled(people: &People, group: &str, hosts: impl Fn(usize) -> bool) -> Result<(), String> {
    let members = || people.of(group).filter(|person| hosts(person.host));
    let mut ids: Vec<MemberId> = Vec::new();
    let mut first: Option<(&Person, &View)> = None;
    for person in members() {
        let Some(view) = person.view() else { return Err(format!("{person} is in no view")) };
        let &mut (of, seen) = first.get_or_insert((person, view));
        if view.digest != seen.digest || view.token() != seen.token() {
            let (one, other) = (place(seen), place(view));
            return Err(format!("{of} is at view {one}, {} at {other}", person.name));
        }
        ids.extend(person.id());
    }
    let Some((_, view)) = first else { return Ok(()) };
    let mut listed: Vec<MemberId> = view.roster.iter().map(|entry| entry.id).collect();
    listed.sort_unstable();
    ids.sort_unstable();
    if listed == ids {
        return Ok(());
    }
    let want: Vec<&str> = members().map(|person| person.name.as_str()).collect();
    Err(format!(
        "view {} of {group} is [{}], members are [{}]",
        place(view),
        names(view),
        want.join(" ")
    ))
}

/// Term and number of a view, as in `2.7`.
pub fn place(view: &View) -> String {
    format!("{}.{}", view.term, view.number)
}

/// The members of a view by their tags, in the order of seniority.
pub fn names(view: &View) -> String {
    let mut all = String::new();
    for entry in &view.roster {
        let blank = if all.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(all, "{blank}{}", String::from_utf8_lossy(&entry.tag));
    }
    all
}

fn roster(view: &View) -> impl PartialEq + use<> {
    view.roster.iter().map(|entry| (entry.id, entry.gid, entry.tag.clone())).collect::<Vec<_>>()
}
