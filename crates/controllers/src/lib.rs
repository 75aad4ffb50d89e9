//! Room controllers.
