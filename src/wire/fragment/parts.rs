//! A set of part numbers, one bit each: bit 7 of byte 0 is part 0, as a report lists them.

/// A set of parts of a whole of `count` parts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Parts {
    bits: Vec<u8>,
    count: u16,
}

impl Parts {
    /// None of `count` parts.
    pub fn none(count: u16) -> Parts {
        Parts { bits: vec![0; Parts::bytes_for(count)], count }
    }

    /// All of `count` parts.
    pub fn all(count: u16) -> Parts {
        let mut parts = Parts { bits: vec![0xFF; Parts::bytes_for(count)], count };
        if let Some(last) = parts.bits.last_mut() {
            *last &= Parts::last_byte(count);
        }
        parts
    }

    /// The set whose bytes these are, or `None` if their number does not suit `count` or a bit beyond it is
    /// set.
    pub fn from_bytes(bits: &[u8], count: u16) -> Option<Parts> {
        let fits = bits.len() == Parts::bytes_for(count)
            && bits.last().is_none_or(|last| last & !Parts::last_byte(count) == 0);
        fits.then(|| Parts { bits: bits.to_vec(), count })
    }

    /// Bytes of the set of a whole of `count` parts.
    pub fn bytes_for(count: u16) -> usize {
        usize::from(count).div_ceil(8)
    }

    /// The bits that are parts in the last byte.
    fn last_byte(count: u16) -> u8 {
        match count % 8 {
            0 => 0xFF,
            used => !(0xFF >> used),
        }
    }

    /// The bytes of the set.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// How many parts are in the set.
    pub fn len(&self) -> u16 {
        let ones: u32 = self.bits.iter().map(|byte| byte.count_ones()).sum();
        u16::try_from(ones).expect("no more bits are set than `count` says")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&byte| byte == 0)
    }

    /// The lowest part in the set.
    pub fn first(&self) -> Option<u16> {
        let byte = self.bits.iter().position(|&byte| byte != 0)?;
        let index = 8 * byte + self.bits[byte].leading_zeros() as usize;
        u16::try_from(index).ok()
    }

    /// Whether part `index` is in the set.
    pub fn contains(&self, index: u16) -> bool {
        self.bits.get(usize::from(index / 8)).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
    }

    /// Puts part `index` into the set; one beyond `count` is our own mistake.
    pub fn insert(&mut self, index: u16) {
        assert!(index < self.count, "part {index} of {}", self.count);
        self.bits[usize::from(index / 8)] |= 0x80 >> (index % 8);
    }

    /// Takes part `index` out of the set; whether it was there.
    pub fn remove(&mut self, index: u16) -> bool {
        let there = self.contains(index);
        if there {
            self.bits[usize::from(index / 8)] &= !(0x80 >> (index % 8));
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_loses_its_parts_one_by_one() {
        for count in 1..40 {
            let mut parts = Parts::all(count);
            assert_eq!(parts.len(), count);
            for index in 0..count {
                assert_eq!(parts.first(), Some(index));
                assert!(parts.remove(index));
                assert!(!parts.remove(index));
                assert_eq!(parts.len(), count - 1 - index);
            }
            assert_eq!(parts, Parts::none(count));
            assert!(parts.is_empty() && !parts.remove(count));
        }
    }

    #[test]
    fn bytes_of_another_count_are_no_set() {
        let mut parts = Parts::none(11);
        parts.insert(0);
        parts.insert(10);
        assert_eq!(parts.as_bytes(), [0b1000_0000, 0b0010_0000]);
        assert_eq!(Parts::from_bytes(parts.as_bytes(), 11), Some(parts.clone()));
        assert_eq!(Parts::from_bytes(parts.as_bytes(), 10), None);
        assert_eq!(Parts::from_bytes(parts.as_bytes(), 17), None);
        assert_eq!(Parts::from_bytes(&[0], 11), None);
    }
}
