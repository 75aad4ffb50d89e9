//! HTTP exchanges as data (`cases/http/*.yaml`), run against the in-process service over a store in memory.

mod cases;
mod conversion;
mod definitions;
mod encoded;
mod exchange;
pub(crate) mod support;
mod tls;
mod watch_time;
mod wire;
mod write_back;
