//! DaemonSet's golden cases.

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("daemonset", |world, key, attempt| {
        let (sets, pods) = (world.lister(), world.lister());
        Listers { sets, pods, revisions: world.lister(), nodes: world.lister() }.plan(key, attempt)
    });
}
