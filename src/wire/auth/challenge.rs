//! CHALLENGE and RESPONSE: the payload, and what is remembered of them, bounded.
//!
//! ```text
//!  0      1                                  17
//!  | 05   | nonce, 16 bytes                  | later versions may add; ignored
//! ```
//!
//! Both are 145 bytes with header and trailer, so an answer is never longer than the question. A nonce
//! is HMAC-SHA-256 of a counter and the peer's address under a random seed: nobody can foretell it, and none is
//! asked twice.

use crate::wire::{Draft, Header, Kind, Sum};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddrV4;

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 16;
/// The payload kind of authentication, first byte of the data.
pub const PAYLOAD_KIND: u8 = 5;
/// Length of the payload in bytes.
pub const PAYLOAD_LEN: usize = 1 + NONCE_LEN;
/// How many paces after its first sending a challenge may still be answered. The nonce stays the same for so
/// long, or a peer that is further away than one pace could never answer in time.
pub const NONCE_PACES: u32 = 8;

/// A number used once.
pub type Nonce = [u8; NONCE_LEN];

/// The nonce in the payload of a CHALLENGE or RESPONSE, or `None` where there is none.
pub fn decode(payload: &[u8]) -> Option<Nonce> {
    let (&kind, rest) = payload.split_first()?;
    if kind != PAYLOAD_KIND {
        return None;
    }
    rest.first_chunk().copied()
}

/// A CHALLENGE or RESPONSE to whoever sent `about`, not yet signed.
pub(super) fn encode(kind: Kind, about: &Header, nonce: &Nonce) -> Vec<u8> {
    let mut header = Header::new(about.group, kind);
    header.authentication = about.authentication;
    header.subject = about.sender;
    let mut data = [PAYLOAD_KIND; PAYLOAD_LEN];
    data[1..].copy_from_slice(nonce);
    Draft { header, exclude: &[], subjects: &[], data: &data }
        .to_vec(Sum::Crc)
        .expect("105 bytes fit a datagram")
}

/// Where the nonces come from.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Nonces {
    seed: [u8; 32],
    drawn: u64,
}

impl Nonces {
    pub(super) fn new(seed: [u8; 32]) -> Nonces {
        Nonces { seed, drawn: 0 }
    }

    fn draw(&mut self, peer: SocketAddrV4) -> Nonce {
        self.drawn = self.drawn.wrapping_add(1);
        let digest = Hmac::<Sha256>::new_from_slice(&self.seed)
            .expect("HMAC takes a key of any length")
            .chain_update(self.drawn.to_be_bytes())
            .chain_update(peer.ip().octets())
            .chain_update(peer.port().to_be_bytes())
            .finalize()
            .into_bytes();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&digest[..NONCE_LEN]);
        nonce
    }
}

/// Who saw the seed could answer for others, so it is not shown.
impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

/// The challenge of one sender; times are countdowns in ticks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Challenge {
    /// Asked, not yet answered. Not to be sent again before `wait` is over, void when `left` is.
    Open { nonce: Nonce, wait: u32, left: u32 },
    /// Answered; the nonce is worth nothing any more. Kept until `wait` is over, or replays of a former
    /// life could make us ask, and the peer answer, as fast as they come.
    Spent { wait: u32 },
}

/// The challenges to senders of one sort, never more than `most`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Challenges {
    most: usize,
    asked: BTreeMap<SocketAddrV4, Challenge>,
}

impl Challenges {
    pub(super) fn new(most: usize) -> Challenges {
        Challenges { most, asked: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// The nonce to send to `peer` now, or `None` if it is too early or there are too many challenges.
    pub(super) fn ask(
        &mut self,
        peer: SocketAddrV4,
        nonces: &mut Nonces,
        pace: u32,
    ) -> Option<Nonce> {
        let full = self.asked.len() >= self.most;
        match self.asked.get_mut(&peer) {
            // Not in the last pace: the next nonce would come too soon behind this sending.
            Some(Challenge::Open { nonce, wait, left }) if *wait == 0 && *left >= pace => {
                *wait = pace;
                Some(*nonce)
            }
            Some(_) => None,
            None if full => None,
            None => {
                let nonce = nonces.draw(peer);
                let left = pace.saturating_mul(NONCE_PACES);
                self.asked.insert(peer, Challenge::Open { nonce, wait: pace, left });
                Some(nonce)
            }
        }
    }

    /// Whether `nonce` is what `peer` was asked; from now on it is not.
    pub(super) fn settle(&mut self, peer: SocketAddrV4, nonce: &Nonce) -> bool {
        let Some(challenge) = self.asked.get_mut(&peer) else { return false };
        match *challenge {
            Challenge::Open { nonce: asked, wait, .. } if asked == *nonce => {
                *challenge = Challenge::Spent { wait };
                true
            }
            Challenge::Open { .. } | Challenge::Spent { .. } => false,
        }
    }

    /// Takes over what another sort knows of `peer`.
    pub(super) fn adopt(&mut self, peer: SocketAddrV4, from: &mut Challenges) {
        if let Some(challenge) = from.asked.remove(&peer) {
            self.asked.insert(peer, challenge);
        }
    }

    pub(super) fn forget(&mut self, peer: &SocketAddrV4) {
        self.asked.remove(peer);
    }

    pub(super) fn tick(&mut self, elapsed: u32) {
        self.asked.retain(|_, challenge| match challenge {
            Challenge::Open { wait, left, .. } => {
                *wait = wait.saturating_sub(elapsed);
                *left = left.saturating_sub(elapsed);
                *left > 0
            }
            Challenge::Spent { wait } => {
                *wait = wait.saturating_sub(elapsed);
                *wait > 0
            }
        });
    }
}

/// The challenges of unproven peers that were answered in the current pace.
///
/// Replays of captured challenges are rightly signed too, so an answer is given once to each nonce and a few
/// times to each peer: who replays one challenge of a peer does not use up the answers to its next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Answers {
    most: usize,
    each: usize,
    given: BTreeSet<(SocketAddrV4, Nonce)>,
    left: u32,
}

impl Answers {
    pub(super) fn new(most: usize, each: usize) -> Answers {
        Answers { most, each, given: BTreeSet::new(), left: 0 }
    }

    /// Whether `peer` may be answered; if so, it is taken to have been.
    pub(super) fn grant(&mut self, peer: SocketAddrV4, nonce: Nonce, pace: u32) -> bool {
        let of_peer = self.given.range((peer, [0; NONCE_LEN])..=(peer, [0xFF; NONCE_LEN])).count();
        if self.given.len() >= self.most || of_peer >= self.each {
            return false;
        }
        if self.given.is_empty() {
            self.left = pace;
        }
        self.given.insert((peer, nonce))
    }

    pub(super) fn tick(&mut self, elapsed: u32) {
        self.left = self.left.saturating_sub(elapsed);
        if self.left == 0 {
            self.given.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> SocketAddrV4 {
        SocketAddrV4::new([192, 0, 2, n].into(), 2900)
    }

    #[test]
    fn the_payload_is_kind_and_nonce_and_what_follows_is_ignored() {
        let mut payload = vec![5];
        payload.extend_from_slice(&[7; 16]);
        assert_eq!(decode(&payload), Some([7; 16]));
        for short in 0..payload.len() {
            assert_eq!(decode(&payload[..short]), None);
        }
        payload.extend_from_slice(b"later");
        assert_eq!(decode(&payload), Some([7; 16]));
        payload[0] = 1;
        assert_eq!(decode(&payload), None);
    }

    #[test]
    fn no_nonce_comes_twice_and_every_seed_has_its_own() {
        let mut nonces = Nonces::new([1; 32]);
        let drawn: BTreeSet<Nonce> = (0..100).map(|n| nonces.draw(peer(n % 3))).collect();
        assert_eq!(drawn.len(), 100);
        assert_ne!(Nonces::new([1; 32]).draw(peer(1)), Nonces::new([2; 32]).draw(peer(1)));
        assert_ne!(Nonces::new([1; 32]).draw(peer(1)), Nonces::new([1; 32]).draw(peer(2)));
        assert_eq!(format!("{nonces:?}"), "Nonces { drawn: 100, .. }");
    }

    #[test]
    fn a_challenge_is_sent_once_a_pace_and_then_with_a_new_nonce() {
        let (mut challenges, mut nonces) = (Challenges::new(2), Nonces::new([1; 32]));
        let mut sent = Vec::new();
        for tick in 0..200 {
            sent.extend(challenges.ask(peer(1), &mut nonces, 10).map(|nonce| (tick, nonce)));
            challenges.tick(1);
        }
        assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 10), "{sent:?}");
        let of_first = sent.iter().filter(|(_, nonce)| *nonce == sent[0].1).count();
        assert_eq!(of_first, NONCE_PACES as usize);
        assert_eq!(nonces.drawn, 3);
    }

    #[test]
    fn an_answer_counts_once_and_a_void_one_not_at_all() {
        let (mut challenges, mut nonces) = (Challenges::new(2), Nonces::new([1; 32]));
        let nonce = challenges.ask(peer(1), &mut nonces, 10).unwrap();
        assert!(!challenges.settle(peer(2), &nonce), "another peer's");
        assert!(!challenges.settle(peer(1), &[0; 16]), "a guess");
        assert!(challenges.settle(peer(1), &nonce));
        assert!(!challenges.settle(peer(1), &nonce), "a replay");
        assert_eq!(challenges.ask(peer(1), &mut nonces, 10), None, "the pace is kept");
        challenges.tick(10);
        let next = challenges.ask(peer(1), &mut nonces, 10).unwrap();
        assert_ne!(next, nonce);
        challenges.tick(10 * NONCE_PACES);
        assert!(!challenges.settle(peer(1), &next), "too late");
        assert_eq!(challenges.len(), 0);
    }

    #[test]
    fn there_are_never_more_challenges_than_may_be() {
        let (mut challenges, mut nonces) = (Challenges::new(2), Nonces::new([1; 32]));
        assert!(challenges.ask(peer(1), &mut nonces, 10).is_some());
        assert!(challenges.ask(peer(2), &mut nonces, 10).is_some());
        assert!(challenges.ask(peer(3), &mut nonces, 10).is_none());
        assert_eq!(challenges.len(), 2);
    }

    #[test]
    fn answers_are_given_once_a_nonce_a_few_times_a_peer_and_so_many_in_all() {
        let mut answers = Answers::new(5, 2);
        assert!(answers.grant(peer(1), [1; 16], 10));
        assert!(!answers.grant(peer(1), [1; 16], 10), "the same");
        assert!(answers.grant(peer(1), [2; 16], 10));
        assert!(!answers.grant(peer(1), [3; 16], 10), "a third of one peer");
        for n in 2..5 {
            assert!(answers.grant(peer(n), [1; 16], 10));
        }
        assert!(!answers.grant(peer(5), [1; 16], 10), "a sixth");
        answers.tick(9);
        assert!(!answers.grant(peer(5), [1; 16], 10));
        answers.tick(1);
        assert!(answers.grant(peer(5), [1; 16], 10));
    }
}
