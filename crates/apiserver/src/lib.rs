//! The API server: request -> authentication -> authorization -> admission -> registry -> store -> watch. One generic path that reads the
//! kinds' rows; it knows no kind by name.

mod access;
mod admit;
pub mod authn;
pub mod authz;
mod body;
pub mod bootstrap;
mod config;
mod constant_time;
mod follow;
mod identity;
mod meta;
mod objects;
pub mod pki;
mod request;
mod rows;
mod service;
mod status;
#[cfg(test)]
mod testing;

pub use access::{Authorize, Decision};
pub use admit::{AdmissionRequest, Admit, Operation, Warnings};
pub use body::{Body, BoxError, full};
pub use config::Config;
pub use identity::{AuthError, Authenticate, Identity};
pub use meta::Meta;
pub use objects::{Object, Objects};
pub use request::{Query, RequestInfo};
pub use service::{Call, Change, Service};
pub use status::{Cause, Details, Status};
