//! The cluster's own public key infrastructure: authorities, the key that signs service account tokens, certificates, kubeconfigs and the
//! server token. Authorities and signing keys live sealed in the datastore; leaf certificates are files beside it, renewed at start.

mod authority;
mod bundle;
mod der;
mod error;
mod files;
mod key;
mod kubeconfig;
mod leaf;
mod open;
mod pem;
mod request;
mod sealed;
mod tls;
mod token;

#[cfg(test)]
mod tests;

pub use authority::{Authority, Usage};
pub use bundle::KeyBundle;
pub use error::PkiError;
pub use files::write_private;
pub use key::PrivateKey;
pub use kubeconfig::Kubeconfig;
pub use leaf::{Leaf, Profile, SubjectName};
pub use open::Pki;
pub(crate) use open::{first_service_address, serving_names};
pub use pem::{pem_decode, pem_encode};
pub use request::SigningRequest;
pub(crate) use tls::roots as authority_roots;
pub use tls::{AnyClientCertificate, client_config, server_config};
pub use token::ServerToken;
