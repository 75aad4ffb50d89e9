//! Golden cases of evictions.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("tainteviction", |world, key, attempt| plan(&world.lister(), &world.lister(), key, attempt));
}
