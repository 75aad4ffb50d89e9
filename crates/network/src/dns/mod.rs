//! Cluster DNS, the pure part: records from Services and EndpointSlices, answers from records (Kubernetes DNS specification 1.1),
//! messages to the wire. Sockets and upstreams are the edge's.

mod answer;
mod message;
mod records;
mod resolv;
mod search;
mod source;

pub use answer::{Answer, Zone, answer};
pub use message::{Limit, Reply, encode, finish};
pub use records::{EndpointRecord, PortRecord, Records, ServiceRecord};
pub use resolv::upstreams;
pub use search::search;
pub use source::service_record;

#[cfg(test)]
mod tests;
