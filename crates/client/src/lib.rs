//! Everything a component needs to talk to the API: transports, informers, work queues, the reconcile runtime,
//! events and leader election. It knows no controller and keeps no state of its own on disk.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

mod contents;
pub mod discovery;
mod error;
pub mod events;
mod in_process;
mod informer;
mod informers;
mod intern;
#[cfg(not(test))]
#[doc(hidden)]
pub mod kinds;
mod kubeconfig;
pub mod leader;
mod lister;
mod partial;
mod resource;
mod rest;
pub mod runtime;
mod stored;
pub mod tls;
pub mod tunnel;
mod watch;
mod work_queue;

pub use error::{Answer, Cause, Error, Result};
pub use in_process::{in_process, in_process_as, user_agent};
pub use informer::{Change, Informer};
pub use informers::{Informers, Selection};
pub use kubeconfig::{Connection, Identity};
pub use lister::{IndexBy, Lister};
pub use partial::PartialObject;
pub use resource::{Object, ObjectKey, ResourceType, revision_of};
pub use rest::{DeleteOptions, PatchKind, Propagation, Rest};
pub use work_queue::{Backoff, WorkQueue};
