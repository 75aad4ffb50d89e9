//! What Pods and the machine use, in the two forms that metrics-server, Prometheus and autoscalers read.

pub mod machine;
pub mod prometheus;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod usage;
