//! The targets: each takes any bytes and never panics. Room `apiserver`'s tests build this folder too and give every target its
//! seeds, so that none of them breaks between two nights.

mod expressions;
mod http_front;
mod objects;
mod texts;

pub type Target = fn(&[u8]);

pub const ALL: [(&str, Target); 9] = [
    ("json", objects::json),
    ("yaml", objects::yaml),
    ("protobuf", objects::protobuf),
    ("patches", objects::patches),
    ("selectors", texts::selectors),
    ("quantities", texts::quantities),
    ("jsonpath", texts::jsonpath),
    ("http", http_front::request),
    ("expressions", expressions::expressions),
];
