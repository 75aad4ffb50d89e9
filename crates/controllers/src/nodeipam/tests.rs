//! Golden cases of address ranges, and the arithmetic below them.

use super::*;
use crate::world::check_cases;

fn config() -> Config {
    Config { cluster_cidrs: vec!["10.42.0.0/16".to_owned(), "fd00:42::/48".to_owned()], ..Config::default() }
}

#[test]
fn cases() {
    check_cases("nodeipam", |world, key, _| plan(&world.lister(), key, &config()));
}

#[test]
fn ranges_are_cut_in_order_and_run_out() {
    let prefix = |text: &str| text.parse::<Prefix>().expect("a range");
    let parts: Vec<String> = prefix("10.0.0.0/22").parts(24).map(|part| part.to_string()).collect();
    assert_eq!(parts, ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]);
    assert_eq!(prefix("10.0.0.0/24").parts(16).count(), 0);
    assert_eq!(prefix("0.0.0.0/0").parts(1).count(), 2);
    assert_eq!(prefix("10.0.0.77/24").to_string(), "10.0.0.0/24");
    assert!(prefix("10.0.0.0/8").overlaps(&prefix("10.9.9.0/24")) && !prefix("::/0").overlaps(&prefix("0.0.0.0/0")));
    assert!("10.0.0.0/33".parse::<Prefix>().is_err() && "10.0.0/8".parse::<Prefix>().is_err());
    let all: BTreeSet<Prefix> = prefix("10.42.0.0/16").parts(24).collect();
    assert_eq!(free("10.42.0.0/16", &config(), &all), None);
}
