//! Logs to stderr; OXKUBE_LOG chooses what is said (`info`, `apiserver=debug`...).

use tracing_subscriber::EnvFilter;

/// Starts logging for a long-running verb.
pub fn start() {
    let filter = EnvFilter::try_from_env("OXKUBE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
