//! A certificate signing request (PKCS #10): read, checked and signed. Which requests may be approved is the controllers' business.

use api::env::Env;
use jiff::Timestamp;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::authority::{Authority, Contents, Usage};
use super::der;
use super::error::PkiError;
use super::pem::{pem_decode, pem_encode};

/// What a signing request asks for; its own signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequest {
    pub common_name: String,
    pub organizations: Vec<String>,
    pub dns_names: Vec<String>,
    pub addresses: Vec<std::net::IpAddr>,
    pub email_addresses: Vec<String>,
    pub uris: Vec<String>,
    subject: Vec<u8>,
    public_key: Vec<u8>,
    alt_names: Vec<u8>,
}

impl SigningRequest {
    /// Reads `spec.request` of a CertificateSigningRequest, base64 already resolved.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let blocks = pem_decode("CERTIFICATE REQUEST", text);
        let der =
            blocks.first().ok_or_else(|| PkiError::Request("PEM block type must be CERTIFICATE REQUEST".to_owned()))?;
        let (_, request) =
            X509CertificationRequest::from_der(der).map_err(|error| PkiError::Request(error.to_string()))?;
        request.verify_signature().map_err(|error| PkiError::Request(error.to_string()))?;
        let info = &request.certification_request_info;
        let text =
            |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| attribute.as_str().map(str::to_owned).ok();
        let mut out = Self {
            common_name: info.subject.iter_common_name().filter_map(text).last().unwrap_or_default(),
            organizations: info.subject.iter_organization().filter_map(text).collect(),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            email_addresses: Vec::new(),
            uris: Vec::new(),
            subject: info.subject.as_raw().to_vec(),
            public_key: info.subject_pki.raw.to_vec(),
            alt_names: Vec::new(),
        };
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                out.read_alt_names(&names.general_names)?;
            }
        }
        Ok(out)
    }

    fn read_alt_names(&mut self, names: &[GeneralName<'_>]) -> Result<(), PkiError> {
        for name in names {
            let (tag, bytes): (u8, &[u8]) = match name {
                GeneralName::DNSName(text) => {
                    self.dns_names.push((*text).to_owned());
                    (0x82, text.as_bytes())
                }
                GeneralName::RFC822Name(text) => {
                    self.email_addresses.push((*text).to_owned());
                    (0x81, text.as_bytes())
                }
                GeneralName::URI(text) => {
                    self.uris.push((*text).to_owned());
                    (0x86, text.as_bytes())
                }
                GeneralName::IPAddress(bytes) => {
                    self.addresses.push(address(bytes)?);
                    (0x87, bytes)
                }
                // As Go's parser: other forms of names are not carried over.
                _ => continue,
            };
            self.alt_names.extend(der::tlv(tag, bytes));
        }
        Ok(())
    }

    /// Signs it: the subject, key and names of the request, the usages and life of the caller. Answers PEM.
    pub fn sign(&self, authority: &Authority, usages: &[Usage], not_after: Timestamp, env: &Env) -> String {
        let contents = Contents {
            subject: &self.subject,
            public_key: &self.public_key,
            usages,
            alt_names: &self.alt_names,
            not_before: Authority::begin(env.now()),
            not_after,
        };
        pem_encode("CERTIFICATE", &authority.issue(contents, env))
    }
}

fn address(bytes: &[u8]) -> Result<std::net::IpAddr, PkiError> {
    let four: Result<[u8; 4], _> = bytes.try_into();
    let sixteen: Result<[u8; 16], _> = bytes.try_into();
    match (four, sixteen) {
        (Ok(octets), _) => Ok(octets.into()),
        (_, Ok(octets)) => Ok(octets.into()),
        _ => Err(PkiError::Request("an IP address has neither 4 nor 16 bytes".to_owned())),
    }
}
