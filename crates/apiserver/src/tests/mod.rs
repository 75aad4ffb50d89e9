//! HTTP exchanges as data (`cases/http/*.yaml`), run against the in-process service over a store in memory.

mod cases;
mod conversion;
mod definitions;
mod encoded;
mod exchange;
mod fuzz_seeds;
mod late;
mod revisions;
pub(crate) mod support;
mod tls;
mod watch_bound;
mod watch_time;
mod wire;
mod write_back;
