//! ReplicationController's golden cases; the rest is ReplicaSet's.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("replicationcontroller", |world, key, attempt| plan(&world.lister(), &world.lister(), key, attempt));
}
