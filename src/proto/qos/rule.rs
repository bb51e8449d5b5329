//! The two rules of a partition: who lives, and who becomes one again (IV.E.2; HIERARCHY: partitions and the two rules).
//!
//! ```text
//!   survive   rule  = term { "or" term }            merge   "name" | "none" | "tag" TEXT | "member" ID
//!             term  = factor { "and" factor }
//!             factor = "all" | "none" | "majority" | "size" ">=" N | "size" "<" N | "tag" TEXT | "member" ID
//!                    | "(" rule ")"
//! ```
//!
//! The thesis has a limiting size, and a member or a type of member that must be there; majority is ours. A member is
//! hardly known by its number when a group is created, so that an ID may be cut off at the right: less of it names more
//! members, an address alone all of a host.
//!
//! What `majority` promises, that at most one side lives, a whole rule promises only if no way to fulfil it goes around
//! `majority`: see [`Survive::is_exclusive`].

use crate::sorted::Sorted as _;
use crate::wire::coreset::Life;
use crate::wire::group::{Entry, MemberId};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Rule 1: on which condition a side of a partition lives.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Survive {
    /// On any.
    All,
    /// No side does, not even one that lost a single mserver.
    None,
    /// It has more than half of every view that others may have gone on from.
    Majority,
    /// It has at least so many members.
    AtLeast(u32),
    /// It has fewer.
    Below(u32),
    /// It has a member with exactly this tag.
    Tag(Vec<u8>),
    /// It has such a member.
    Member(Who),
    /// All of these, at least two.
    And(Vec<Survive>),
    /// One of these, at least two.
    Or(Vec<Survive>),
}

/// Rule 2: which sides of what was one group become one again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Merge {
    /// All of them: they were one.
    Name,
    /// None.
    None,
    /// Those of which one has a member with exactly this tag.
    Tag(Vec<u8>),
    /// Those of which one has such a member.
    Member(Who),
}

/// Members, by as much of their ids as was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Who {
    /// All of a host.
    Host(Ipv4Addr),
    /// All of a member interface.
    Mi(SocketAddrV4),
    /// All of one life of it.
    Life(Life),
    /// This one.
    Member(MemberId),
}

/// A side of a partition, as it would go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Side<'a> {
    /// The members of the view that it would install. Those who are `lost` are waited for: they are in the view, and
    /// count for everything but the majority.
    pub roster: &'a [Entry],
    /// What [`has_majority`] says of it. Where the rule has no `majority` in it nobody asks.
    pub majority: bool,
}

/// Whether a side has more than half of each of these views, given by the gids of their members.
///
/// `views` are those since the last one that all branches had acknowledged, that one included: any of them another side may
/// have gone on from. Two sides cannot both have more than half of the view that they had in common last, so that at
/// most one of them lives. A member whose branch is suspended is absent, and without any view there is no majority.
pub fn has_majority<'v>(roster: &[Entry], views: impl IntoIterator<Item = &'v [u32]>) -> bool {
    let present: BTreeSet<u32> =
        roster.iter().filter(|entry| !entry.lost).map(|entry| entry.gid).sorted_set();
    let mut any = false;
    let more_than_half = |view: &[u32]| {
        any = true;
        let here = view.iter().filter(|gid| present.contains(gid)).count();
        here > view.len() / 2
    };
    views.into_iter().all(more_than_half) && any
}

impl Survive {
    /// Whether a side lives.
    pub fn judge(&self, side: &Side<'_>) -> bool {
        match self {
            Survive::All => true,
            Survive::None => false,
            Survive::Majority => side.majority,
            Survive::AtLeast(n) => side.roster.len() >= *n as usize,
            Survive::Below(n) => side.roster.len() < *n as usize,
            Survive::Tag(tag) => has_tag(side.roster, tag),
            Survive::Member(who) => who.is_in(side.roster),
            Survive::And(all) => all.iter().all(|rule| rule.judge(side)),
            Survive::Or(any) => any.iter().any(|rule| rule.judge(side)),
        }
    }

    /// Whether `majority` is asked for anywhere in it: then the views must be counted, and there must be an order of them.
    pub fn counts(&self) -> bool {
        match self {
            Survive::Majority => true,
            Survive::And(rules) | Survive::Or(rules) => rules.iter().any(Survive::counts),
            _ => false,
        }
    }

    /// Whether it lets one side live at the most: whatever fulfils it has the majority, or nothing does.
    ///
    /// `majority or size < 3` does not: a small side lives as well. `majority and size >= 3` does.
    pub fn is_exclusive(&self) -> bool {
        match self {
            Survive::Majority | Survive::None => true,
            Survive::And(rules) => rules.iter().any(Survive::is_exclusive),
            Survive::Or(rules) => rules.iter().all(Survive::is_exclusive),
            _ => false,
        }
    }
}

impl Merge {
    /// Whether two sides of one group become one, by the members of their last views. That they are of one incarnation is
    /// for the caller to see: others never mix.
    ///
    /// Where a key member is asked for, all sides without one become one with the side that has it, and with one another only
    /// by that.
    pub fn matches(&self, one: &[Entry], other: &[Entry]) -> bool {
        let either = |has: &dyn Fn(&[Entry]) -> bool| has(one) || has(other);
        match self {
            Merge::Name => true,
            Merge::None => false,
            Merge::Tag(tag) => either(&|roster| has_tag(roster, tag)),
            Merge::Member(who) => either(&|roster| who.is_in(roster)),
        }
    }
}

impl Who {
    /// Whether it means that member.
    pub fn means(&self, id: &MemberId) -> bool {
        match self {
            Who::Host(ip) => id.mi.address.ip() == ip,
            Who::Mi(address) => id.mi.address == *address,
            Who::Life(life) => id.mi == *life,
            Who::Member(member) => id == member,
        }
    }

    fn is_in(&self, roster: &[Entry]) -> bool {
        roster.iter().any(|entry| self.means(&entry.id))
    }
}

fn has_tag(roster: &[Entry], tag: &[u8]) -> bool {
    roster.iter().any(|entry| entry.tag == tag)
}

/// As it is read: what was written comes out alike, save blanks, quotes and parentheses that say nothing.
impl fmt::Display for Survive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, rules: &[Survive], word: &str| {
            for (place, rule) in rules.iter().enumerate() {
                if place > 0 {
                    write!(f, " {word} ")?;
                }
                let binds = match rule {
                    Survive::Or(_) => false,
                    Survive::And(_) => word == "or",
                    _ => true,
                };
                if binds { write!(f, "{rule}")? } else { write!(f, "({rule})")? }
            }
            Ok(())
        };
        match self {
            Survive::All => write!(f, "all"),
            Survive::None => write!(f, "none"),
            Survive::Majority => write!(f, "majority"),
            Survive::AtLeast(n) => write!(f, "size >= {n}"),
            Survive::Below(n) => write!(f, "size < {n}"),
            Survive::Tag(tag) => write!(f, "tag {}", Quoted(tag)),
            Survive::Member(who) => write!(f, "member {who}"),
            Survive::And(rules) => joined(f, rules, "and"),
            Survive::Or(rules) => joined(f, rules, "or"),
        }
    }
}

/// As it is read.
impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Merge::Name => write!(f, "name"),
            Merge::None => write!(f, "none"),
            Merge::Tag(tag) => write!(f, "tag {}", Quoted(tag)),
            Merge::Member(who) => write!(f, "member {who}"),
        }
    }
}

/// `ADDRESS`, `ADDRESS:PORT`, `ADDRESS:PORT/LIFE`, `ADDRESS:PORT/LIFE/NUMBER`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Host(ip) => write!(f, "{ip}"),
            Who::Mi(address) => write!(f, "{address}"),
            Who::Life(life) => write!(f, "{}/{}", life.address, life.inc),
            Who::Member(id) => write!(f, "{}/{}/{}", id.mi.address, id.mi.inc, id.number),
        }
    }
}

/// A tag as it can be read: as it is where it is plain, else in quotes.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"_=.:/@+-,%".contains(b);
        if !self.0.is_empty() && self.0.iter().all(is_plain) {
            return write!(f, "{}", self.0.escape_ascii());
        }
        write!(f, "\"")?;
        for &byte in self.0 {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        write!(f, "\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Incarnation;
    use crate::wire::group::Path;

    fn id(n: u32) -> MemberId {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n as u8), 2901);
        MemberId { mi: Life { address, inc: Incarnation(7) }, number: 1 }
    }

    fn roster(gids: &[u32]) -> Vec<Entry> {
        let entry = |&gid: &u32| {
            let tag = format!("m{gid}").into_bytes();
            Entry {
                id: id(gid),
                gid,
                tag,
                roams: false,
                lost: false,
                registration: 0,
                path: Path::default(),
            }
        };
        gids.iter().map(entry).collect()
    }

    fn judge(rule: &str, gids: &[u32], majority: bool) -> bool {
        let rule: Survive = rule.parse().unwrap();
        rule.judge(&Side { roster: &roster(gids), majority })
    }

    #[test]
    fn a_side_lives_by_its_size() {
        // Page 101: none with the size of the group, all with none, else those above it, or below.
        assert!(!judge("size >= 4", &[1, 2, 3], true));
        assert!(judge("size >= 0", &[1], false));
        assert!(judge("size >= 3", &[1, 2, 3], false) && !judge("size >= 3", &[1, 2], false));
        assert!(judge("size < 3", &[1, 2], false) && !judge("size < 3", &[1, 2, 3], false));
    }

    #[test]
    fn a_side_lives_by_a_member_that_it_has() {
        assert!(judge("tag m2", &[1, 2], false) && !judge("tag m2", &[1, 3], false));
        assert!(!judge("tag m", &[1, 2], false), "the whole tag");
        for who in ["10.0.0.2", "10.0.0.2:2901", "10.0.0.2:2901/7", "10.0.0.2:2901/7/1"] {
            let rule = format!("member {who}");
            assert!(judge(&rule, &[1, 2], false) && !judge(&rule, &[1, 3], false), "{who}");
        }
        for who in ["10.0.0.3", "10.0.0.2:2900", "10.0.0.2:2901/6", "10.0.0.2:2901/7/2"] {
            assert!(!judge(&format!("member {who}"), &[1, 2], false), "{who}");
        }
    }

    #[test]
    fn conditions_are_combined() {
        // Page 103: larger than three, and with a particular type of member.
        let rule = "size >= 4 and tag m1";
        assert!(judge(rule, &[1, 2, 3, 4], false));
        assert!(!judge(rule, &[1, 2, 3], false) && !judge(rule, &[2, 3, 4, 5], false));
        // `and` binds before `or`.
        let rule = "tag m9 or tag m1 and size < 2";
        assert!(judge(rule, &[1], false) && judge(rule, &[8, 9], false));
        assert!(!judge(rule, &[1, 2], false));
        assert!(judge("(tag m9 or tag m1) and size < 2", &[9], false));
        assert!(judge("all", &[1], false) && !judge("none", &[1], true));
    }

    #[test]
    fn a_majority_is_more_than_half_of_every_view() {
        let has =
            |gids: &[u32], views: &[&[u32]]| has_majority(&roster(gids), views.iter().copied());
        assert!(has(&[1, 2], &[&[1, 2, 3]]));
        assert!(!has(&[1, 2], &[&[1, 2, 3, 4]]), "half is not more than half");
        assert!(!has(&[1, 2], &[&[1, 2, 3], &[2, 3, 4]]));
        assert!(has(&[1, 2, 4], &[&[1, 2, 3], &[1, 2, 3, 4]]));
        assert!(!has(&[1, 2], &[]), "nobody knows of any");
        assert!(!has(&[], &[&[]]));
        let mut suspended = roster(&[1, 2]);
        suspended[1].lost = true;
        assert!(!has_majority(&suspended, [&[1, 2, 3][..]]));
    }

    #[test]
    fn only_a_majority_that_nothing_goes_around_keeps_others_from_living() {
        let exclusive = |rule: &str| rule.parse::<Survive>().unwrap().is_exclusive();
        for rule in ["majority", "none", "majority and size >= 3", "majority or majority and all"] {
            assert!(exclusive(rule), "{rule}");
        }
        for rule in ["all", "size >= 3", "majority or size < 3", "(majority or all) and tag x"] {
            assert!(!exclusive(rule), "{rule}");
        }
        assert!("size < 3 or (tag x and majority)".parse::<Survive>().unwrap().counts());
        assert!(!"size < 3 or tag majority".parse::<Survive>().unwrap().counts());
    }

    #[test]
    fn sides_become_one_where_one_of_them_has_the_member() {
        let merge = |rule: &str, one: &[u32], other: &[u32]| {
            rule.parse::<Merge>().unwrap().matches(&roster(one), &roster(other))
        };
        assert!(merge("name", &[1], &[2]) && !merge("none", &[1], &[2]));
        for rule in ["tag m1", "member 10.0.0.1"] {
            assert!(merge(rule, &[1], &[2]) && merge(rule, &[2], &[1, 3]), "{rule}");
            assert!(!merge(rule, &[2], &[3]), "{rule}");
        }
    }
}
