//! What has to hold whatever happens (safety, judged from the disk's book) and what has to come true in the end (progress).

mod acknowledged;
mod bound_once;
mod converged;
mod owners;
mod watched;

pub(crate) use acknowledged::acknowledged;
pub(crate) use bound_once::bound_once;
pub(crate) use converged::converged;
pub(crate) use owners::owners;
pub(crate) use watched::watched;
