//! CertificateSigningRequests: those of nodes are approved when the requester may have them, and what is approved for one of our signers is
//! signed. It runs inside the server because the authorities' keys never leave it.

mod reserved;
mod rules;
mod signer;

#[cfg(test)]
mod tests;

pub use reserved::Reserved;
pub use signer::Signer;
