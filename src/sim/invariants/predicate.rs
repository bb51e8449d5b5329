//! What must hold of one installed view, or of two, whoever looks: each rule once, without state.

use crate::wire::coreset::{ChangeId, Life, Position, View};
use std::cmp::Reverse;
use std::net::SocketAddrV4;
use std::sync::Arc;

/// A life of a mserver installed a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Install {
    /// When.
    pub tick: u64,
    /// Who; the incarnation is the one that the view gives it.
    pub who: Life,
    /// What.
    pub view: Arc<View>,
    /// The position that it left, if it was in a view.
    pub from: Option<Position>,
    /// The change that made the view, if one did.
    pub change: Option<ChangeId>,
}

/// The entry of `address` in a view.
pub fn entry(view: &View, address: SocketAddrV4) -> Option<Life> {
    view.members.iter().map(|member| member.life).find(|life| life.address == address)
}

/// Whether a life is a member of a view.
pub fn lists(view: &View, life: Life) -> bool {
    view.members.iter().any(|member| member.life == life)
}

/// The member that `address` monitors: one rank up, the most senior one monitors the youngest.
/// None: `address` is alone, or not in the view.
pub fn ccw(view: &View, address: SocketAddrV4) -> Option<SocketAddrV4> {
    let rank = view.members.iter().position(|member| member.life.address == address)?;
    let above = (rank + view.members.len() - 1) % view.members.len();
    (above != rank).then(|| view.members[above].life.address)
}

/// RANKS: nobody is in a view twice, neither by address nor by gid.
pub fn ranks(view: &View) -> bool {
    let mut addresses: Vec<_> = view.members.iter().map(|m| m.life.address).collect();
    let mut gids: Vec<_> = view.members.iter().map(|m| m.gid).collect();
    addresses.sort_unstable();
    gids.sort_unstable();
    addresses.windows(2).all(|w| w[0] != w[1]) && gids.windows(2).all(|w| w[0] != w[1])
}

/// RING: following ccw from any member visits every member once.
pub fn ring(view: &View) -> bool {
    let Some(first) = view.members.first().map(|m| m.life.address) else { return false };
    let mut at = first;
    let mut steps = 1;
    while let Some(next) = ccw(view, at) {
        if next == first || steps > view.members.len() {
            break;
        }
        at = next;
        steps += 1;
    }
    steps == view.members.len()
}

/// Whether `a` is further on a line than `b`.
pub fn ahead(a: Position, b: Position) -> bool {
    a.num.newer(b.num) || a.num == b.num && a.k > b.k
}

/// MONO: a view is the next one behind those that it was made from, and one of these is what was
/// left, if anything was.
pub fn mono(view: &View, from: Option<Position>) -> bool {
    let at = view.position;
    let numbered = match view.parents.as_slice() {
        [] => at.k == 0,
        [one] if at.k > 0 => at.num == one.num && at.k == one.k.wrapping_add(1),
        [one] => at.num == one.num.next(),
        [one, two] => {
            let newest = if two.num.newer(one.num) { two.num } else { one.num };
            at.k == 0 && at.num == newest.next()
        }
        _ => false,
    };
    numbered && from.is_none_or(|from| ahead(at, from) && view.parents.contains(&from))
}

/// AGREE and UNIQUE: two different views are never both joint views of the two who installed them.
/// AGREE asks it of views with one number, UNIQUE of views that follow the same one.
pub fn apart(a: &Install, b: &Install) -> bool {
    a.view.position.digest == b.view.position.digest
        || !(lists(&b.view, a.who) && lists(&a.view, b.who))
}

/// Whether change `a` goes before change `b` (the order of the specification, section 5).
pub fn higher(a: ChangeId, b: ChangeId) -> bool {
    let place = |id: ChangeId| {
        (id.round, Reverse((id.class, id.key, id.crank, id.coord.address)), id.coord.inc, id.seq)
    };
    place(a) > place(b)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{life, position, view};
    use super::*;
    use crate::name::{Incarnation, ViewNumber};

    fn install(who: u8, view: View) -> Install {
        Install { tick: 0, who: life(who), view: Arc::new(view), from: None, change: None }
    }

    #[test]
    fn the_ring_runs_up_the_ranks_and_around() {
        let view = view(7, 1, &[3, 1, 2]);
        assert_eq!(ccw(&view, life(1).address), Some(life(3).address));
        assert_eq!(ccw(&view, life(3).address), Some(life(2).address));
        assert!(ring(&view) && ranks(&view));
        let mut twice = view.clone();
        twice.members[2].life = life(3);
        assert!(!ranks(&twice) && !ring(&twice));
    }

    #[test]
    fn one_sees_nobody_alone() {
        let view = view(7, 1, &[3]);
        assert_eq!(ccw(&view, life(3).address), None);
        assert!(ring(&view));
    }

    #[test]
    fn a_view_follows_its_parents_and_what_was_left() {
        let mut next = view(8, 2, &[1, 2]);
        next.parents = vec![position(7, 1)];
        assert!(mono(&next, Some(position(7, 1))) && mono(&next, None));
        assert!(!mono(&next, Some(position(7, 9))), "another view was left");
        next.position.k = 1;
        assert!(!mono(&next, None), "a batch does not change the number");
        next.position.num = ViewNumber(7);
        assert!(mono(&next, Some(position(7, 1))));
        let mut merged = view(0, 3, &[1, 2]);
        merged.parents = vec![position(3, 4), position(65535, 1)];
        assert!(!mono(&merged, None), "3 is newer than 65535");
        merged.position.num = ViewNumber(4);
        assert!(mono(&merged, None));
    }

    #[test]
    fn two_views_are_apart_unless_each_lists_the_other() {
        let both = install(1, view(8, 1, &[1, 2]));
        let other = install(2, view(8, 2, &[1, 2]));
        assert!(!apart(&both, &other));
        assert!(apart(&both, &install(2, view(8, 2, &[2]))), "one way only");
        assert!(apart(&both, &install(2, view(8, 1, &[1, 2]))), "the same view");
        let mut later = other;
        later.who.inc = Incarnation(9);
        assert!(apart(&both, &later), "another life");
    }

    #[test]
    fn priorities_are_compared_field_by_field() {
        let id = ChangeId { round: 1, class: 5, key: 7, crank: 2, coord: life(4), seq: 9 };
        assert!(!higher(id, id));
        assert!(higher(ChangeId { round: 2, class: 8, ..id }, id));
        assert!(higher(ChangeId { class: 0, key: 9, ..id }, id));
        assert!(higher(ChangeId { key: 6, crank: 3, ..id }, id));
        assert!(higher(ChangeId { crank: 1, coord: life(5), ..id }, id));
        assert!(higher(ChangeId { coord: life(3), seq: 1, ..id }, id));
        assert!(higher(ChangeId { seq: 10, ..id }, id));
    }
}
