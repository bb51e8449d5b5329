//! The network: what becomes of a message between two hosts.
//!
//! Every ordered pair of hosts is a link of its own, so a partition may have any shape: two halves,
//! one deaf host, a ring in which only neighbours hear each other. Delays are drawn message by
//! message, so messages overtake each other unless the network is told to keep their order.

use super::kind::Kind;
use super::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Number of a host: it is the last byte of its address too.
pub type HostId = usize;

/// What every link does to every message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Messages lost, of a thousand.
    pub loss: u32,
    /// Messages that arrive a second time, of a thousand.
    pub duplicate: u32,
    /// Messages that arrive damaged, of a thousand.
    pub damage: u32,
    /// Shortest and longest delay, in ticks. 0: within the tick, behind what is due already.
    pub delay: (u32, u32),
    /// Messages of one link never overtake each other.
    pub ordered: bool,
}

impl Default for Weather {
    /// A quiet LAN whose delay is one tick.
    fn default() -> Weather {
        Weather { loss: 0, duplicate: 0, damage: 0, delay: (1, 1), ordered: true }
    }
}

/// What a filter does to a message that it catches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Catch {
    /// It is lost.
    Lose,
    /// It arrives so many ticks later than it would.
    Delay(u32),
    /// It arrives again, so many ticks later.
    Repeat(u32),
}

/// A filter: the next so many messages of a kind on some links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter {
    /// Which messages; none: any.
    pub kind: Option<Kind>,
    /// Whose; none: anybody's.
    pub from: Option<HostId>,
    /// To whom; none: to anybody.
    pub to: Option<HostId>,
    /// What becomes of them.
    pub catch: Catch,
    /// How many it will still catch.
    pub left: u32,
}

/// All links.
#[derive(Clone, Debug)]
pub struct Links {
    rng: Rng,
    /// What happens on all of them.
    pub weather: Weather,
    cut: BTreeSet<(HostId, HostId)>,
    filters: Vec<Filter>,
    last: BTreeMap<(HostId, HostId), u64>,
}

impl Links {
    /// Perfect links; `rng` decides once they are not.
    pub fn new(rng: Rng) -> Links {
        Links {
            rng,
            weather: Weather::default(),
            cut: BTreeSet::new(),
            filters: Vec::new(),
            last: BTreeMap::new(),
        }
    }

    /// Nothing gets from `from` to `to` any more; what is under way still arrives.
    pub fn cut(&mut self, from: HostId, to: HostId) {
        self.cut.insert((from, to));
    }

    /// Messages get from `from` to `to` again.
    pub fn mend(&mut self, from: HostId, to: HostId) {
        self.cut.remove(&(from, to));
    }

    /// No link is cut any more.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Whether messages get from `from` to `to`.
    pub fn open(&self, from: HostId, to: HostId) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// Sets a filter behind those that are there; the first that fits a message catches it.
    pub fn filter(&mut self, filter: Filter) {
        self.filters.push(filter);
    }

    /// Takes all filters away.
    pub fn unfilter(&mut self) {
        self.filters.clear();
    }

    /// The ticks at which copies of a message sent at `now` arrive: none if it is lost.
    pub fn arrivals(&mut self, now: u64, from: HostId, to: HostId, kind: Kind) -> Vec<u64> {
        if !self.open(from, to) {
            return Vec::new();
        }
        let caught = self.caught(from, to, kind);
        self.copies(now, from, to, caught)
    }

    /// The same for a message on an open link, of which it is known what catches it.
    pub fn copies(
        &mut self,
        now: u64,
        from: HostId,
        to: HostId,
        caught: Option<Catch>,
    ) -> Vec<u64> {
        if caught == Some(Catch::Lose) || self.rng.chance(self.weather.loss) {
            return Vec::new();
        }
        let mut due = now + u64::from(self.delay());
        if let Some(Catch::Delay(ticks)) = caught {
            due += u64::from(ticks);
        } else if self.weather.ordered {
            let last = self.last.entry((from, to)).or_default();
            due = due.max(*last);
            *last = due;
        }
        let mut all = vec![due];
        if let Some(Catch::Repeat(ticks)) = caught {
            all.push(due + u64::from(ticks));
        }
        if self.rng.chance(self.weather.duplicate) {
            all.push(due + u64::from(self.delay()));
        }
        all
    }

    /// What becomes of a datagram's bytes on its way; none if nothing does. A few bits are wrong, or
    /// its end is missing, or something is behind it.
    pub fn damaged(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        if !self.rng.chance(self.weather.damage) {
            return None;
        }
        let mut bytes = datagram.to_vec();
        match self.rng.below(4) {
            0 => bytes.truncate(self.rng.below(bytes.len())),
            1 => bytes.extend(self.rng.draw().to_be_bytes()),
            _ => {
                for _ in 0..=self.rng.below(3) {
                    let bit = self.rng.below(8 * bytes.len());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
        Some(bytes)
    }

    fn caught(&mut self, from: HostId, to: HostId, kind: Kind) -> Option<Catch> {
        let filter = self.filters.iter_mut().find(|filter| {
            filter.left > 0
                && filter.kind.is_none_or(|wanted| wanted.covers(kind))
                && filter.from.is_none_or(|wanted| wanted == from)
                && filter.to.is_none_or(|wanted| wanted == to)
        })?;
        filter.left -= 1;
        Some(filter.catch)
    }

    fn delay(&mut self) -> u32 {
        let (low, high) = self.weather.delay;
        self.rng.between(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::new(Rng::new(3))
    }

    #[test]
    fn a_cut_link_is_cut_one_way() {
        let mut links = links();
        links.cut(0, 1);
        assert!(links.arrivals(7, 0, 1, Kind::Ack).is_empty());
        assert_eq!(links.arrivals(7, 1, 0, Kind::Ack), [8]);
        links.heal();
        assert_eq!(links.arrivals(7, 0, 1, Kind::Ack), [8]);
    }

    #[test]
    fn a_filter_catches_so_many_of_its_kind_and_no_more() {
        let mut links = links();
        let from_0 = Filter {
            kind: Some(Kind::Commit),
            from: Some(0),
            to: None,
            catch: Catch::Lose,
            left: 2,
        };
        links.filter(from_0);
        assert_eq!(links.arrivals(0, 0, 1, Kind::Ack), [1]);
        assert_eq!(links.arrivals(0, 1, 0, Kind::Commit), [1]);
        assert!(links.arrivals(0, 0, 1, Kind::Commit).is_empty());
        assert!(links.arrivals(0, 0, 2, Kind::CommitInitiate).is_empty());
        assert_eq!(links.arrivals(0, 0, 3, Kind::Commit), [1]);
        links.filter(Filter { catch: Catch::Delay(5), left: 1, ..from_0 });
        links.filter(Filter { catch: Catch::Repeat(9), left: 1, ..from_0 });
        assert_eq!(links.arrivals(1, 0, 1, Kind::Commit), [7]);
        assert_eq!(links.arrivals(1, 0, 1, Kind::Commit), [2, 11], "what was delayed is overtaken");
    }

    #[test]
    fn an_ordered_link_keeps_the_order_and_another_does_not() {
        let mut links = links();
        links.weather.delay = (0, 9);
        let mut run = |ordered| {
            links.weather.ordered = ordered;
            let due: Vec<u64> =
                (0..50).flat_map(|now| links.arrivals(now, 0, 1, Kind::Ack)).collect();
            due.is_sorted()
        };
        assert!(run(true));
        assert!(!run(false));
    }

    #[test]
    fn losses_and_duplicates_are_as_frequent_as_asked() {
        let mut links = links();
        links.weather.loss = 400;
        links.weather.duplicate = 200;
        let copies: Vec<usize> =
            (0..10_000).map(|_| links.arrivals(0, 0, 1, Kind::Ack).len()).collect();
        let lost = copies.iter().filter(|&&n| n == 0).count();
        let twice = copies.iter().filter(|&&n| n == 2).count();
        assert!((3_800..4_200).contains(&lost), "{lost}");
        assert!((1_000..1_400).contains(&twice), "{twice}");
    }
}
