//! The receiver's side: who may speak here.
//!
//! ```text
//!                  trailer?  key?         MAC?      life known?    number new?
//!   datagram ----->-----+----->-----+------>----+------>-----+------->------+----> pass
//!                  no   |     no    |      no   |      no    |       no     |
//!                    unsigned  unknown-key   bad-mac    no-contact       replayed
//!                                                     + CHALLENGE
//! ```
//!
//! Nothing is remembered, and nothing forgotten, because of a datagram that has not come as far as a right
//! MAC; and after that, a replay can at most make us ask, at the pace given. A window opens only for
//! the life that bears the answer, so it does not matter what provoked the question: who replays messages of a
//! former life makes the living sender prove itself once more, and changes nothing.
//!
//! The mode decides what becomes of a message, not what is learnt from it: `sign` and `prefer` ask, and keep
//! windows, as `require` does, so that their counters show what `require` would drop.

use super::Mode;
use super::challenge::{self, Answers, Challenges, Nonces};
use super::keys::Keys;
use super::trailer::Trailer;
use super::verdict::{Fate, Finding, Verdict, dropped};
use super::window::Window;
use crate::wire::{Header, Kind, Message};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Most senders with a window. Behind that, a proven newcomer takes the place of the longest silent.
pub const CONTACTS: usize = 4096;
/// Most senders without a window that are being challenged at a time.
pub const STRANGERS: usize = 1024;
/// Most challenges of unproven senders that are answered in one pace. A whole set may ask at once after a
/// power cut.
pub const ANSWERS: usize = 1024;
/// Most of these that one sender gets.
pub const ANSWERS_EACH: usize = 8;

/// A sender whose life is proven.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Contact {
    boot: u64,
    window: Window,
    /// The turn of its last fresh message.
    heard: u64,
}

/// How a rightly signed message stands to the window of its sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Fresh,
    Seen,
    Unproven,
}

/// Judges what arrives. Pure, and bounded whatever arrives: at most [`CONTACTS`] windows with a challenge each,
/// [`STRANGERS`] challenges beyond, [`ANSWERS`] nonces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guard {
    keys: Keys,
    mode: Mode,
    pace: u32,
    nonces: Nonces,
    contacts: BTreeMap<SocketAddrV4, Contact>,
    /// Challenges to senders that are in `contacts`, kept apart so that strangers cannot crowd them out.
    known: Challenges,
    strangers: Challenges,
    answers: Answers,
    /// Counts fresh messages, to tell who has been silent the longest.
    turn: u64,
}

impl Guard {
    /// A guard that knows nobody.
    ///
    /// `seed`: random, of this start only, told nobody. `pace`: ticks in a second, at least 1; a sender is
    /// challenged once in so many ticks.
    pub fn new(keys: Keys, mode: Mode, seed: [u8; 32], pace: u32) -> Guard {
        Guard {
            keys,
            mode,
            pace: pace.max(1),
            nonces: Nonces::new(seed),
            contacts: BTreeMap::new(),
            known: Challenges::new(CONTACTS),
            strangers: Challenges::new(STRANGERS),
            answers: Answers::new(ANSWERS, ANSWERS_EACH),
            turn: 0,
        }
    }

    /// Verifies with other keys from now on; windows and challenges stay.
    pub fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    /// The keys that messages are judged by.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Takes on another mode; windows and challenges stay.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// What becomes of messages that are not properly signed and fresh.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Senders whose life is proven.
    pub fn contacts(&self) -> usize {
        self.contacts.len()
    }

    /// Challenges that are remembered.
    pub fn challenges(&self) -> usize {
        self.known.len() + self.strangers.len()
    }

    /// Judges a message of `from`: the address and port it came from or, where it came through an mcaster, those
    /// in the prefix, which is not part of `datagram`. Its checksum has been checked, see [`Message::receive`].
    ///
    /// A CHALLENGE or RESPONSE is never passed, in no mode.
    pub fn admit(&mut self, from: SocketAddrV4, datagram: &[u8]) -> Verdict {
        let Ok(message) = Message::decode(datagram) else {
            return dropped(Finding::Malformed);
        };
        let (payload, trailer) = Trailer::split(message.data);
        let signed = self.authenticate(from, datagram, trailer);
        match (message.kind(), signed) {
            (Some(Kind::Challenge), Ok(trailer)) => {
                self.challenged(from, &message.header, payload, &trailer)
            }
            (Some(Kind::Response), Ok(trailer)) => self.responded(from, payload, &trailer),
            (Some(Kind::Challenge | Kind::Response), Err(finding)) => dropped(finding),
            (_, Ok(trailer)) => self.ordinary(from, &message.header, payload, &trailer),
            (_, Err(finding)) => {
                Verdict { fate: self.doubtful(payload, None, finding), back: None }
            }
        }
    }

    /// Lets `elapsed` ticks pass.
    pub fn tick(&mut self, elapsed: u32) {
        self.known.tick(elapsed);
        self.strangers.tick(elapsed);
        self.answers.tick(elapsed);
    }

    /// The trailer, if a live key made it.
    fn authenticate(
        &self,
        from: SocketAddrV4,
        datagram: &[u8],
        trailer: Option<Trailer>,
    ) -> Result<Trailer, Finding> {
        let trailer = trailer.ok_or(Finding::Unsigned)?;
        let key = self.keys.get(trailer.key).ok_or(Finding::UnknownKey)?;
        if !trailer.verifies(key, from, datagram) {
            return Err(Finding::BadMac);
        }
        Ok(trailer)
    }

    fn ordinary(
        &mut self,
        from: SocketAddrV4,
        header: &Header,
        payload: &[u8],
        trailer: &Trailer,
    ) -> Verdict {
        let key = Some(trailer.key);
        match self.standing(from, trailer) {
            Standing::Fresh => {
                let fate = Fate::Pass { data_len: payload.len(), key, doubt: None };
                Verdict { fate, back: None }
            }
            Standing::Seen => {
                Verdict { fate: self.doubtful(payload, key, Finding::Replayed), back: None }
            }
            Standing::Unproven => {
                let back = self.challenge(from, header);
                Verdict { fate: self.doubtful(payload, key, Finding::NoContact), back }
            }
        }
    }

    /// A peer asks whether we live. That it is signed suffices: if it had to be proven itself first, two that
    /// have both just started would wait for each other.
    fn challenged(
        &mut self,
        from: SocketAddrV4,
        header: &Header,
        payload: &[u8],
        trailer: &Trailer,
    ) -> Verdict {
        let Some(nonce) = challenge::decode(payload) else {
            return dropped(Finding::Malformed);
        };
        match self.standing(from, trailer) {
            Standing::Fresh => {}
            Standing::Seen => return dropped(Finding::Replayed),
            Standing::Unproven => {
                if !self.answers.grant(from, nonce, self.pace) {
                    return dropped(Finding::Hurried);
                }
            }
        }
        let response = challenge::encode(Kind::Response, header, &nonce);
        Verdict { fate: Fate::Drop(Finding::Answered), back: Some(response) }
    }

    /// A peer says that it lives. What it sent before this answer may have been captured in a time that we know
    /// nothing of, so the window of a new life opens behind it. A window of the same life is not opened
    /// anew: it knows more.
    fn responded(&mut self, from: SocketAddrV4, payload: &[u8], trailer: &Trailer) -> Verdict {
        let Some(nonce) = challenge::decode(payload) else {
            return dropped(Finding::Malformed);
        };
        let standing = self.standing(from, trailer);
        if standing == Standing::Seen {
            return dropped(Finding::Replayed);
        }
        // A sender is in one of the two, or in neither.
        if !self.known.settle(from, &nonce) && !self.strangers.settle(from, &nonce) {
            return dropped(Finding::Unasked);
        }
        if standing == Standing::Unproven {
            self.open(from, trailer);
        }
        dropped(Finding::Proven)
    }

    /// Looks a rightly signed message up in the window of its sender's life, if that is proven, and
    /// remembers it there.
    fn standing(&mut self, from: SocketAddrV4, trailer: &Trailer) -> Standing {
        match self.contacts.get_mut(&from) {
            Some(contact) if contact.boot == trailer.boot => {
                if !contact.window.admit(trailer.sequence) {
                    return Standing::Seen;
                }
                self.turn += 1;
                contact.heard = self.turn;
                Standing::Fresh
            }
            Some(_) | None => Standing::Unproven,
        }
    }

    fn challenge(&mut self, from: SocketAddrV4, about: &Header) -> Option<Vec<u8>> {
        let challenges = match self.contacts.contains_key(&from) {
            true => &mut self.known,
            false => &mut self.strangers,
        };
        let nonce = challenges.ask(from, &mut self.nonces, self.pace)?;
        Some(challenge::encode(Kind::Challenge, about, &nonce))
    }

    fn open(&mut self, from: SocketAddrV4, trailer: &Trailer) {
        if !self.contacts.contains_key(&from) {
            if self.contacts.len() >= CONTACTS {
                self.evict();
            }
            self.known.adopt(from, &mut self.strangers);
        }
        self.turn += 1;
        let window = Window::behind(trailer.sequence);
        self.contacts.insert(from, Contact { boot: trailer.boot, window, heard: self.turn });
        assert!(self.contacts.len() <= CONTACTS);
    }

    fn evict(&mut self) {
        let silent = self.contacts.iter().min_by_key(|(_, contact)| contact.heard);
        if let Some(silent) = silent.map(|(&sender, _)| sender) {
            self.contacts.remove(&silent);
            self.known.forget(&silent);
        }
    }

    fn doubtful(&self, payload: &[u8], key: Option<u32>, finding: Finding) -> Fate {
        match self.mode {
            Mode::Sign | Mode::Prefer => {
                Fate::Pass { data_len: payload.len(), key, doubt: Some(finding) }
            }
            Mode::Require => Fate::Drop(finding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Signer};
    use super::*;
    use crate::wire::{Draft, Sum};

    const PACE: u32 = 100;

    fn keys() -> Keys {
        Key::new(1, &[7; 16]).unwrap().into()
    }

    fn guard(mode: Mode) -> Guard {
        Guard::new(keys(), mode, [9; 32], PACE)
    }

    fn address(n: usize) -> SocketAddrV4 {
        let n = u32::try_from(n).unwrap();
        SocketAddrV4::new((0x0A00_0000 + n).into(), 2900)
    }

    fn signer(boot: u64) -> Signer {
        Signer::new(keys().signing().clone(), boot)
    }

    fn plain(data: &[u8]) -> Vec<u8> {
        let header = Header::new("ring".parse().unwrap(), Kind::Query);
        Draft { header, exclude: &[], subjects: &[], data }.to_vec(Sum::Crc).unwrap()
    }

    fn sealed(signer: &mut Signer, own: SocketAddrV4) -> Vec<u8> {
        let mut datagram = plain(b"payload");
        signer.seal(&mut datagram, own).unwrap();
        datagram
    }

    /// What the sender answers to a challenge, sealed.
    fn answer(signer: &mut Signer, own: SocketAddrV4, challenge: &[u8]) -> Vec<u8> {
        let challenge = Message::decode(challenge).unwrap();
        let nonce = challenge::decode(challenge.data).unwrap();
        let mut response = challenge::encode(Kind::Response, &challenge.header, &nonce);
        signer.seal(&mut response, own).unwrap();
        response
    }

    fn prove(guard: &mut Guard, signer: &mut Signer, own: SocketAddrV4) {
        let challenge = guard.admit(own, &sealed(signer, own)).back.expect("a challenge");
        let response = answer(signer, own, &challenge);
        assert_eq!(guard.admit(own, &response).fate, Fate::Drop(Finding::Proven));
    }

    #[test]
    fn a_lax_mode_passes_everything_and_says_what_is_wrong() {
        let own = address(1);
        let unsigned = plain(b"payload");
        let good = sealed(&mut signer(1), own);
        let mut forged = good.clone();
        *forged.last_mut().unwrap() ^= 1;
        let mut stranger = plain(b"payload");
        Signer::new(Key::new(2, &[7; 16]).unwrap(), 1).seal(&mut stranger, own).unwrap();
        for (datagram, key, doubt) in [
            (&unsigned, None, Finding::Unsigned),
            (&good, Some(1), Finding::NoContact),
            (&forged, None, Finding::BadMac),
            (&stranger, None, Finding::UnknownKey),
        ] {
            for mode in [Mode::Sign, Mode::Prefer] {
                let fate = Fate::Pass { data_len: 7, key, doubt: Some(doubt) };
                assert_eq!(guard(mode).admit(own, datagram).fate, fate);
            }
            let verdict = guard(Mode::Require).admit(own, datagram);
            assert_eq!(verdict.fate, Fate::Drop(doubt));
            assert_eq!(verdict.back.is_some(), doubt == Finding::NoContact);
        }
    }

    #[test]
    fn a_replay_passes_a_lax_mode_with_the_word() {
        let (mut guard, mut signer, own) = (guard(Mode::Prefer), signer(1), address(1));
        prove(&mut guard, &mut signer, own);
        let datagram = sealed(&mut signer, own);
        let pass = |doubt| Fate::Pass { data_len: 7, key: Some(1), doubt };
        assert_eq!(guard.admit(own, &datagram).fate, pass(None));
        assert_eq!(guard.admit(own, &datagram).fate, pass(Some(Finding::Replayed)));
        guard.set_mode(Mode::Require);
        assert_eq!(guard.admit(own, &datagram).fate, Fate::Drop(Finding::Replayed));
    }

    #[test]
    fn a_challenge_or_response_goes_to_the_protocol_in_no_mode() {
        let header = Header::new("ring".parse().unwrap(), Kind::Challenge);
        for mode in Mode::ALL {
            for kind in [Kind::Challenge, Kind::Response] {
                let mut datagram = challenge::encode(kind, &header, &[1; 16]);
                let verdict = guard(mode).admit(address(1), &datagram);
                assert_eq!(verdict, dropped(Finding::Unsigned));
                signer(1).seal(&mut datagram, address(1)).unwrap();
                let fate = guard(mode).admit(address(1), &datagram).fate;
                assert!(matches!(fate, Fate::Drop(Finding::Answered | Finding::Unasked)));
                let mut bare =
                    Draft::bare(Header::new(header.group, kind)).to_vec(Sum::Crc).unwrap();
                signer(1).seal(&mut bare, address(1)).unwrap();
                assert_eq!(guard(mode).admit(address(1), &bare), dropped(Finding::Malformed));
            }
        }
    }

    #[test]
    fn an_answer_of_the_life_that_is_known_opens_nothing_anew() {
        let (mut guard, mut living, own) = (guard(Mode::Require), signer(1), address(1));
        prove(&mut guard, &mut living, own);
        let late = sealed(&mut living, own);
        let heard = sealed(&mut living, own);
        assert!(matches!(guard.admit(own, &heard).fate, Fate::Pass { .. }));
        guard.tick(PACE);
        // A replay of a former life makes the guard ask; the living one answers.
        let former = sealed(&mut signer(9), own);
        let challenge = guard.admit(own, &former).back.expect("a challenge");
        let response = answer(&mut living, own, &challenge);
        assert_eq!(guard.admit(own, &response).fate, Fate::Drop(Finding::Proven));
        assert_eq!(guard.admit(own, &heard).fate, Fate::Drop(Finding::Replayed));
        assert!(matches!(guard.admit(own, &late).fate, Fate::Pass { .. }), "the gap is still open");
    }

    #[test]
    fn a_forger_without_a_key_changes_nothing() {
        let (mut guard, mut signer, own) = (guard(Mode::Require), signer(1), address(1));
        prove(&mut guard, &mut signer, own);
        let before = guard.clone();
        let mut forger = Signer::new(Key::new(1, &[8; 16]).unwrap(), u64::MAX);
        for from in [own, address(2)] {
            for datagram in [plain(b""), sealed(&mut forger, from)] {
                assert!(matches!(guard.admit(from, &datagram).fate, Fate::Drop(_)));
            }
            let response = answer(
                &mut forger,
                from,
                &challenge::encode(
                    Kind::Challenge,
                    &Header::new("ring".parse().unwrap(), Kind::Challenge),
                    &[0; 16],
                ),
            );
            assert_eq!(guard.admit(from, &response), dropped(Finding::BadMac));
        }
        assert_eq!(guard, before);
    }

    #[test]
    fn strangers_fill_their_places_and_crowd_out_no_contact() {
        let (mut guard, mut friend, own) = (guard(Mode::Require), signer(1), address(0));
        prove(&mut guard, &mut friend, own);
        // Rightly signed, as replays of so many captured senders would be.
        let mut others = signer(5);
        let mut asked = 0;
        for n in 1..=STRANGERS + 50 {
            let verdict = guard.admit(address(n), &sealed(&mut others, address(n)));
            asked += usize::from(verdict.back.is_some());
        }
        assert_eq!(asked, STRANGERS);
        assert_eq!(guard.contacts(), 1);
        assert!(matches!(guard.admit(own, &sealed(&mut friend, own)).fate, Fate::Pass { .. }));
        guard.known.tick(PACE);
        let mut reborn = signer(2);
        prove(&mut guard, &mut reborn, own);
        guard.tick(PACE * challenge::NONCE_PACES);
        assert_eq!(guard.challenges(), 0);
    }

    #[test]
    fn a_proven_newcomer_takes_the_place_of_the_longest_silent() {
        let mut guard = guard(Mode::Require);
        let mut signers: Vec<Signer> = (0..=CONTACTS).map(|_| signer(1)).collect();
        for (n, signer) in signers.iter_mut().enumerate().take(CONTACTS) {
            prove(&mut guard, signer, address(n));
            guard.tick(PACE);
        }
        // The first speaks again, so the second is the longest silent.
        let first = sealed(&mut signers[0], address(0));
        assert!(matches!(guard.admit(address(0), &first).fate, Fate::Pass { .. }));
        let newcomer = sealed(&mut signers[CONTACTS], address(CONTACTS));
        assert!(guard.admit(address(CONTACTS), &newcomer).back.is_some());
        let second = sealed(&mut signers[1], address(1));
        assert!(matches!(guard.admit(address(1), &second).fate, Fate::Pass { .. }), "not yet");
        guard.tick(PACE);
        prove(&mut guard, &mut signers[CONTACTS], address(CONTACTS));
        assert_eq!(guard.contacts(), CONTACTS);
        let third = sealed(&mut signers[2], address(2));
        assert_eq!(guard.admit(address(2), &third).fate, Fate::Drop(Finding::NoContact));
        let first = sealed(&mut signers[0], address(0));
        assert!(matches!(guard.admit(address(0), &first).fate, Fate::Pass { .. }));
    }
}
