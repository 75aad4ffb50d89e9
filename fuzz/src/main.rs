//! What reads bytes from outside never panics and never grows without bound: one program, whose target is named in `OXKUBE_FUZZ_TARGET`.

#![no_main]

mod targets;

use std::sync::LazyLock;

use targets::{ALL, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("OXKUBE_FUZZ_TARGET").unwrap_or_default();
    let found = ALL.iter().find(|(name, _)| *name == wanted);
    let names = ALL.map(|(name, _)| name).join(", ");
    found.unwrap_or_else(|| panic!("OXKUBE_FUZZ_TARGET={wanted:?}: it is one of {names}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
