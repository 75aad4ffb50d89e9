//! What `cargo xtask fuzz` runs, given its seeds: the targets are built with every change, and what they assert holds for the seeds.

#[path = "../../../../fuzz/src/targets/mod.rs"]
mod targets;

use std::path::Path;

#[test]
fn every_target_takes_its_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut given = 0;
    for folder in std::fs::read_dir(seeds).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let target = targets::ALL.iter().find(|(target, _)| *target == name);
        let (_, target) = target.unwrap_or_else(|| panic!("seeds of {name}, which is no target"));
        for seed in std::fs::read_dir(folder.path()).unwrap() {
            target(&std::fs::read(seed.unwrap().path()).unwrap());
            given += 1;
        }
    }
    assert!(given > 20, "only {given} seeds");
}
