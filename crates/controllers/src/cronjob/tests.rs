//! CronJob's golden cases.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("cronjob", |world, key, attempt| plan(&world.lister(), &world.lister(), key, attempt));
}
