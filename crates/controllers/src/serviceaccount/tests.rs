//! Golden cases of the default ServiceAccount.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("serviceaccount", |world, key, _| plan(&world.lister(), &world.lister(), key));
}
