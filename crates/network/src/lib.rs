//! Room network.
