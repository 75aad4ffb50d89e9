//! The Kubernetes API as data: kinds, schemas, selectors, quantities, patches. No IO, no clock, no randomness.

pub mod decode;
pub mod env;
pub mod field_error;
pub mod kind;
pub(crate) mod path;
pub mod quantity;
pub mod schema;
