//! Chance that is the same for the same seed (SplitMix64, Steele, Lea and Flood 2014).

/// Random numbers that a seed repeats.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Makes the numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, 0 if that is 0.
    pub fn below<N: TryInto<u64> + TryFrom<u64> + Default>(&mut self, end: N) -> N {
        let end = end.try_into().unwrap_or(u64::MAX);
        N::try_from(self.draw().checked_rem(end).unwrap_or(0)).unwrap_or_default()
    }

    /// Draws whether one of so many in a hundred is meant.
    pub fn of_hundred(&mut self, share: u32) -> bool {
        self.below(100_u32) < share
    }

    /// Draws one of several; none of none.
    pub fn one_of<'a, T>(&mut self, several: &'a [T]) -> Option<&'a T> {
        several.get(self.below(several.len()))
    }
}
