//! The replay window: which sequence numbers of one life have been seen.
//!
//! ```text
//!      seen, all of it       one bit each             not yet
//!   ---------------------|xxxx.xxx.xxxxxx..xX|.........................
//!                         <---- WIDTH ------>^ highest
//! ```
//!
//! The bits lie in a ring, number `n` at `n % WIDTH`, so that nothing is shifted; moving on clears the
//! bits of the numbers that were skipped (after RFC 6479). A sender counts all its messages, to whomever, so
//! a burst to a large set opens gaps here, and the window is wider than the 64 of IPsec.

/// How many sequence numbers back a message may come late.
pub const WIDTH: u64 = 1024;
const WORDS: usize = (WIDTH / 64) as usize;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Window {
    highest: u64,
    seen: [u64; WORDS],
}

impl Window {
    /// A window in which `number` and all before it count as seen.
    pub(super) fn behind(number: u64) -> Window {
        Window { highest: number, seen: [u64::MAX; WORDS] }
    }

    /// Whether `number` is new; from now on it is not. Only for numbers whose MAC is right: a forged
    /// one would move the window away from the sender.
    pub(super) fn admit(&mut self, number: u64) -> bool {
        if number > self.highest {
            if number - self.highest >= WIDTH {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..number {
                    let (word, bit) = place(skipped);
                    self.seen[word] &= !bit;
                }
            }
            self.highest = number;
        } else {
            let (word, bit) = place(number);
            if self.highest - number >= WIDTH || self.seen[word] & bit != 0 {
                return false;
            }
        }
        let (word, bit) = place(number);
        self.seen[word] |= bit;
        true
    }
}

fn place(number: u64) -> (usize, u64) {
    let at = number % WIDTH;
    ((at / 64) as usize, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_up_to_the_opening_number_counts_as_seen() {
        let mut window = Window::behind(5000);
        for number in [0, 1, 5000 - WIDTH, 5001 - WIDTH, 4999, 5000] {
            assert!(!window.admit(number), "{number}");
        }
        assert!(window.admit(5001));
        assert!(!window.admit(5001));
        assert!(!window.admit(5000));
    }

    #[test]
    fn a_late_number_is_taken_once_and_up_to_the_edge() {
        let mut window = Window::behind(0);
        assert!(window.admit(2 * WIDTH));
        assert!(!window.admit(WIDTH), "one beyond the edge");
        assert!(window.admit(WIDTH + 1), "the edge itself");
        assert!(!window.admit(WIDTH + 1));
        assert!(window.admit(2 * WIDTH - 1));
    }

    #[test]
    fn the_last_number_there_is_ends_the_life_quietly() {
        let mut window = Window::behind(u64::MAX - 3);
        assert!(window.admit(u64::MAX));
        assert!(window.admit(u64::MAX - 1));
        assert!(!window.admit(u64::MAX));
        assert!(!window.admit(u64::MAX - 3));
        assert!(!window.admit(0));
        let mut window = Window::behind(0);
        assert!(window.admit(u64::MAX));
        assert!(window.admit(u64::MAX - (WIDTH - 1)));
        assert!(!window.admit(u64::MAX - WIDTH));
        assert!(!Window::behind(u64::MAX).admit(u64::MAX));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_of_all_that_came(
            opening in 0u64..3000,
            numbers in prop::collection::vec(0u64..6000, 0..400),
        ) {
            let mut window = Window::behind(opening);
            let mut seen = BTreeSet::new();
            let mut highest = opening;
            for number in numbers {
                let new = number > opening && !seen.contains(&number) && number + WIDTH > highest;
                prop_assert_eq!(window.admit(number), new, "{} of {}", number, highest);
                seen.insert(number);
                highest = highest.max(number);
            }
        }
    }
}
