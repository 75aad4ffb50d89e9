//! The API server: request -> authentication -> authorization -> admission -> registry -> store -> watch. One generic path that reads the
//! kinds' rows; it knows no kind by name.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

// The fuzz targets, which tests build too, know this room by its name.
#[cfg(test)]
extern crate self as apiserver;

mod access;
pub mod admission;
mod admit;
mod aggregation;
mod assemble;
pub mod authn;
pub mod authz;
mod body;
pub mod bootstrap;
mod config;
mod constant_time;
mod custom;
mod decode;
mod dialer;
mod discovery;
mod drain;
mod encodings;
mod follow;
mod front;
mod health;
mod identity;
mod kinds;
mod meta;
mod negotiate;
mod objects;
mod openapi;
mod options;
mod per_user;
pub mod pki;
mod registry;
mod request;
mod rows;
mod server;
mod service;
pub mod services;
mod status;
mod strict;
mod suggest;
mod table;
mod view;
mod watch;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use access::{Authorize, Decision};
pub use admit::{AdmissionRequest, Admit, Draft, Operation, Reinvocation, Warnings};
pub use assemble::assemble;
pub use body::{Body, BoxError, full};
pub use config::Config;
pub use health::{Health, Pending};
pub use identity::{AuthError, Authenticate, Identity};
pub use kinds::Kinds;
pub use meta::Meta;
pub use objects::{Object, Objects};
pub use request::{Query, RequestInfo};
pub use rustls::pki_types::CertificateDer;
pub use server::{ApiServer, Derive, InProcess, LAZY_PREFIXES, Parts, derive};
pub use service::{Call, Change, Held, Service};
pub use status::{Cause, Details, Status};
