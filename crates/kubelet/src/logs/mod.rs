//! Container logs in the CRI format: where they lie, reading and following them, and termination messages.

pub mod line;
pub mod paths;
pub mod termination;
