//! Golden cases of Jobs whose time is up.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("ttlafterfinished", |world, key, attempt| plan(&world.lister(), key, attempt.now));
}
