//! The mirroring's golden cases.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("endpointslicemirroring", |world, key, _| {
        let slices = world.lister();
        index(&slices);
        plan(&world.lister(), &world.lister(), &slices, key)
    });
}
