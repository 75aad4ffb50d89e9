//! What reads bytes from outside never panics and never grows without bound: one program, whose target is named in `OXKUBE_FUZZ_TARGET`.

#![no_main]

mod expressions;
mod http_front;
mod objects;
mod texts;

use std::sync::LazyLock;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 8] = [
    ("json", objects::json),
    ("yaml", objects::yaml),
    ("protobuf", objects::protobuf),
    ("patches", objects::patches),
    ("selectors", texts::selectors),
    ("quantities", texts::quantities),
    ("http", http_front::request),
    ("expressions", expressions::expressions),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("OXKUBE_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let names = TARGETS.map(|(name, _)| name).join(", ");
    found.unwrap_or_else(|| panic!("OXKUBE_FUZZ_TARGET={wanted:?}: it is one of {names}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
