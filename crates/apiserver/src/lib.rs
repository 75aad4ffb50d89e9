//! Room apiserver.
