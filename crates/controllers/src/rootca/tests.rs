//! Golden cases of kube-root-ca.crt.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("rootca", |world, key, _| plan(&world.lister(), &world.lister(), key, "CA"));
}
