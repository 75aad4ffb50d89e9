//! Room cel.
