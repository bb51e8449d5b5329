//! Timing of the protocol, in ticks.

/// How often, how long, how many times. All in ticks of the loop's clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Params {
    /// Length of a tick in milliseconds: only to convert and to show, the protocol counts ticks.
    pub tick_ms: u32,
    /// T_QUERY: from one answered QUERY to the next.
    pub query: u32,
    /// T_REPLY: how long one QUERY, or one request to an mcaster, waits for its answer.
    pub reply: u32,
    /// How many times an unanswered one is sent again.
    pub retries: u32,
    /// Whether a failed neighbour is reported again after every further round without an answer, as the
    /// original does, or once until it answers.
    pub report_each_round: bool,
    /// How many others are asked about a silent neighbour of a core-set before it is judged; 0: nobody.
    pub confirm: u32,
    /// T_MERGE: how long a core-set looks for separated sides before each takes a name of its own; 0: for ever.
    pub merge: u32,
}

/// A set of timings under a name (PRODUCT: "Timing profiles").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Profile {
    /// What the operator calls it.
    pub name: &'static str,
    /// Length of a tick in milliseconds.
    pub tick_ms: u32,
    /// T_QUERY in milliseconds.
    pub query_ms: u32,
    /// T_REPLY in milliseconds.
    pub reply_ms: u32,
    /// Retries that the operator sees.
    pub retries: u32,
    /// T_MERGE in milliseconds; 0: separated sides are looked for for ever.
    pub merge_ms: u32,
    /// The original counts its retries from one below: "2" makes it send four QUERYs, not three.
    pub original: bool,
}

/// The profiles there are; the first is the default. Its many short tries are measured (`tests/bench/exclusions.rs`):
/// a set of 16 that loses three of ten messages excludes a live member less than once in an hour, idle or busy, and a
/// dead one is gone from all views within a second. `fast` is for hosts that lose little and are never kept from running
/// for as long as its 150 ms: there, a dead member is gone within 300.
pub const PROFILES: [Profile; 4] = [
    Profile {
        name: "lan",
        tick_ms: 10,
        query_ms: 400,
        reply_ms: 20,
        retries: 22,
        merge_ms: 0,
        original: false,
    },
    Profile {
        name: "fast",
        tick_ms: 5,
        query_ms: 100,
        reply_ms: 10,
        retries: 14,
        merge_ms: 0,
        original: false,
    },
    Profile {
        name: "wan",
        tick_ms: 50,
        query_ms: 5000,
        reply_ms: 1000,
        retries: 3,
        merge_ms: 0,
        original: false,
    },
    Profile {
        name: "thesis",
        tick_ms: 1000,
        query_ms: 60_000,
        reply_ms: 5000,
        retries: 2,
        merge_ms: 600_000,
        original: true,
    },
];

impl Profile {
    /// The profile of that name.
    pub fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|p| p.name == name)
    }

    /// The timings in ticks, rounded up.
    pub fn params(&self) -> Params {
        Params {
            tick_ms: self.tick_ms,
            query: self.query_ms.div_ceil(self.tick_ms).max(1),
            reply: self.reply_ms.div_ceil(self.tick_ms).max(1),
            retries: self.retries + u32::from(self.original),
            report_each_round: self.original,
            confirm: 0,
            merge: self.merge_ms.div_ceil(self.tick_ms),
        }
    }
}

impl Params {
    /// Ticks in this many milliseconds, rounded up, at least one.
    pub fn ticks(&self, ms: u64) -> u32 {
        u32::try_from(ms.div_ceil(u64::from(self.tick_ms))).unwrap_or(u32::MAX).max(1)
    }

    /// The longest time from the crash of a neighbour to the verdict, in milliseconds.
    pub fn detection_ms(&self) -> u64 {
        let ticks = u64::from(self.query) + u64::from(self.reply) * (u64::from(self.retries) + 1);
        ticks * u64::from(self.tick_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thesis_profile_sends_four_queries_for_two_retries() {
        assert_eq!(Profile::named("thesis").unwrap().params().retries, 3);
        assert_eq!(Profile::named("lan").unwrap().params().retries, 22);
        assert_eq!(Profile::named("lan").unwrap().params().detection_ms(), 860);
        assert_eq!(Profile::named("LAN"), None);
    }
}
