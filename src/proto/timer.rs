//! A deadline as a countdown: a state that recurs is then equal to itself.

/// Ticks until something is due; 0 is off.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Countdown(u32);

impl Countdown {
    /// Off.
    pub const OFF: Countdown = Countdown(0);

    /// Due in `ticks`, at least one.
    pub fn after(ticks: u32) -> Countdown {
        Countdown(ticks.max(1))
    }

    /// Lets `elapsed` ticks pass; true once, when it becomes due.
    pub fn tick(&mut self, elapsed: u32) -> bool {
        let was = self.0;
        self.0 = was.saturating_sub(elapsed);
        was > 0 && self.0 == 0
    }

    /// Ticks left, 0 if off.
    pub fn left(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once() {
        let mut timer = Countdown::after(3);
        assert!(!timer.tick(2));
        assert!(timer.tick(5));
        assert!(!timer.tick(1));
        assert_eq!(timer, Countdown::OFF);
    }
}
