//! How keys and certificates can fail.

use std::path::PathBuf;

/// A failed step of the PKI.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error("{what} {path}: {source}", path = path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{0} is not a PEM document with a {1}")]
    Pem(String, &'static str),
    #[error("{0} is not a P-256 private key in PKCS #8 form")]
    Key(String),
    #[error("parse certificate {what}: {reason}")]
    Certificate { what: String, reason: String },
    #[error("parse certificate signing request: {0}")]
    Request(String),
    #[error(
        "the server token does not open the cluster's keys in the datastore: start with the --token this datastore was created with"
    )]
    WrongToken,
    #[error("the server token names another cluster: its hash is {asked}, this cluster's is {actual}")]
    OtherCluster { asked: String, actual: String },
    #[error("the server token {0}")]
    BadToken(&'static str),
    #[error("the cluster's keys in the datastore are damaged: {0}")]
    Bundle(String),
    #[error("write the cluster's keys to the datastore: {0}")]
    Store(String),
    #[error("bad address range {0:?} for services")]
    ServiceCidr(String),
    #[error("{0:?} is not an address range: ranges of Services and Pods are written like 10.42.0.0/16")]
    Range(String),
    #[error("tls configuration: {0}")]
    Tls(#[from] rustls::Error),
}
