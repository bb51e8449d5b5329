//! The network of a campus: links, and what catches single datagrams by what they say.

use super::plan::NodeId;
use super::speech::Speech;
use crate::sim::links::{Catch, Links};
use crate::sim::rng::Rng;
use std::ops::{Deref, DerefMut};

/// A filter: the next so many datagrams of a name on some links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sieve {
    /// Which, by [`Speech::name`]; none: any about groups.
    pub name: Option<&'static str>,
    /// Whose; none: anybody's.
    pub from: Option<NodeId>,
    /// To whom; none: to anybody.
    pub to: Option<NodeId>,
    /// What becomes of them.
    pub catch: Catch,
    /// How many it will still catch.
    pub left: u32,
}

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    links: Links,
    sieves: Vec<Sieve>,
}

impl Deref for Network {
    type Target = Links;

    fn deref(&self) -> &Links {
        &self.links
    }
}

impl DerefMut for Network {
    fn deref_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl Network {
    /// A perfect network; `rng` decides once it is not.
    pub fn new(rng: Rng) -> Network {
        Network { links: Links::new(rng), sieves: Vec::new() }
    }

    /// Sets a filter behind those that are there; the first that fits a datagram catches it.
    pub fn sift(&mut self, sieve: Sieve) {
        self.sieves.push(sieve);
    }

    /// Takes all filters away.
    pub fn unsift(&mut self) {
        self.sieves.clear();
    }

    /// The ticks at which copies of a datagram sent at `now` arrive: none if it is lost.
    pub fn carry(&mut self, now: u64, from: NodeId, to: NodeId, speech: &Speech) -> Vec<u64> {
        if !self.links.open(from, to) {
            return Vec::new();
        }
        let caught = self.caught(from, to, speech);
        self.links.copies(now, from, to, caught)
    }

    fn caught(&mut self, from: NodeId, to: NodeId, speech: &Speech) -> Option<Catch> {
        let fits = |sieve: &&mut Sieve| {
            sieve.left > 0
                && sieve.name.map_or(speech.is_of_groups(), |name| name == speech.name())
                && sieve.from.is_none_or(|wanted| wanted == from)
                && sieve.to.is_none_or(|wanted| wanted == to)
        };
        let sieve = self.sieves.iter_mut().find(fits)?;
        sieve.left -= 1;
        Some(sieve.catch)
    }
}
