//! Container logs in the CRI format: where they lie, reading and following them, and termination messages.

pub mod file_events;
pub mod line;
pub mod options;
pub mod paths;
pub mod reader;
pub mod termination;
