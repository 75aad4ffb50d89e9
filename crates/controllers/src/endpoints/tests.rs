//! Endpoints' golden cases.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("endpoints", |world, key, _| plan(&world.lister(), &world.lister(), &world.lister(), key));
}
