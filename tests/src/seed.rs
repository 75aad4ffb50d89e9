//! Chance that can be had again: numbers from a seed, which a story prints and OXKUBE_SEED gives back.

use std::hash::{BuildHasher, RandomState};

use anyhow::{Context, Result};

/// A sequence of numbers (splitmix64).
pub struct Seed(u64);

impl Seed {
    /// From OXKUBE_SEED, else another one each time.
    pub fn new() -> Result<Self> {
        let seed = match std::env::var("OXKUBE_SEED") {
            Ok(text) => text.parse().with_context(|| format!("OXKUBE_SEED is {text:?}, not a number"))?,
            Err(_) => RandomState::new().hash_one(0),
        };
        println!("OXKUBE_SEED={seed}");
        Ok(Self(seed))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    /// The first values of the reference implementation for seed 1234567.
    #[test]
    fn values_are_those_of_the_reference() {
        let mut seed = Seed(1234567);
        let values: Vec<u64> = (0..3).map(|_| seed.below(u64::MAX)).collect();
        assert_eq!(values, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }
}
