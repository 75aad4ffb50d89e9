//! Probes: what they ask (exec, HTTP, TCP, gRPC), their thresholds, and the timers that run them.

pub mod action;
pub mod grpc;
pub mod http;
pub mod outcome;
pub mod port;
pub mod state;
pub mod timers;
