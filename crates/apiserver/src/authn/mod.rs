//! Authentication: client certificates, service account tokens, bootstrap tokens. The first that knows the credentials decides; a request
//! without any is anonymous, and RBAC says what anonymous may do.

mod bootstrap_token;
mod discovery;
mod jwt;
mod references;
mod server_token;
mod service_account;
mod union;
mod x509;

#[cfg(test)]
mod tests;

pub use bootstrap_token::BootstrapTokens;
pub use discovery::{key_set, openid_configuration};
pub use jwt::{TokenKey, key_id};
pub use server_token::ServerTokens;
pub use service_account::{BoundTo, ServiceAccountTokens, TokenError, TokenReference, VerifiedToken};
pub use union::{Authenticators, standard};
pub use x509::ClientCertificates;
