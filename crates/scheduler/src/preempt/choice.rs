//! On which node the least is lost (upstream's pickOneNodeForPreemption), each rule deciding where those before it do not: fewest broken budgets,
//! lowest highest priority, lowest sum of priorities, fewest victims, the youngest of the most important, the first.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::victims::{Victims, start};
use crate::nominated::priority;

/// Makes every priority count as more than nobody.
const ABOVE_ZERO: i64 = 1 << 31;

pub fn least(candidates: Vec<Victims>) -> Option<Victims> {
    // A node on which nobody has to end is the best there is.
    candidates.into_iter().min_by_key(|victims| {
        let highest = victims.pods.first().map(|pod| priority(pod));
        let sum: i64 = victims.pods.iter().map(|pod| i64::from(priority(pod)) + ABOVE_ZERO).sum();
        (victims.violating, highest, sum, victims.pods.len(), Reverse(earliest(victims, highest)))
    })
}

/// When the first of the most important victims started; one that has not yet is younger than all.
fn earliest(victims: &Victims, highest: Option<i32>) -> Timestamp {
    let most_important = victims.pods.iter().filter(|pod| Some(priority(pod)) == highest);
    most_important.map(|pod| start(pod).unwrap_or(Timestamp::MAX)).min().unwrap_or(Timestamp::MAX)
}
