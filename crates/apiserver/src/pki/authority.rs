//! A certificate authority: signs certificates. Subjects and keys are taken as DER, so that a signing request's go in unchanged.

use std::net::IpAddr;

use api::env::Env;
use jiff::{SignedDuration, Timestamp};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::der;
use super::error::PkiError;
use super::key::PrivateKey;
use super::pem::{pem_decode, pem_encode};

const ECDSA_WITH_SHA256: [u64; 7] = [1, 2, 840, 10045, 4, 3, 2];
const COMMON_NAME: [u64; 4] = [2, 5, 4, 3];
const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];
const SUBJECT_KEY_ID: [u64; 4] = [2, 5, 29, 14];
const KEY_USAGE: [u64; 4] = [2, 5, 29, 15];
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];
const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
const AUTHORITY_KEY_ID: [u64; 4] = [2, 5, 29, 35];
const EXTENDED_KEY_USAGE: [u64; 4] = [2, 5, 29, 37];

const LIFE_DAYS: i64 = 3650;
/// Clocks of nodes may be behind ours.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// What a certificate may be used for: `certificates.k8s.io`'s key usages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A bit of KeyUsage.
    Bit(u8),
    /// The last arc below id-kp (1.3.6.1.5.5.7.3), or 0: any.
    Extended(u64),
}

impl Usage {
    pub const DIGITAL_SIGNATURE: Usage = Usage::Bit(0);
    pub const KEY_ENCIPHERMENT: Usage = Usage::Bit(2);
    pub const CERT_SIGN: Usage = Usage::Bit(5);
    pub const SERVER_AUTH: Usage = Usage::Extended(1);
    pub const CLIENT_AUTH: Usage = Usage::Extended(2);
}

/// What goes into a certificate besides what the authority knows itself.
pub(crate) struct Contents<'a> {
    pub subject: &'a [u8],
    pub public_key: &'a [u8],
    pub usages: &'a [Usage],
    /// GeneralNames' content, empty: no SubjectAltName.
    pub alt_names: &'a [u8],
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// A certificate authority with its key.
#[derive(Clone, Debug)]
pub struct Authority {
    pub certificate: Vec<u8>,
    pub key: PrivateKey,
    subject: Vec<u8>,
    key_id: Vec<u8>,
    not_after: Timestamp,
}

impl Authority {
    /// A self-signed authority, good for ten years.
    pub fn generate(common_name: &str, env: &Env) -> Self {
        let key = PrivateKey::generate(env);
        let now = env.now();
        let subject = name(common_name, &[]);
        let mut authority = Self {
            certificate: Vec::new(),
            key_id: key_id(&key),
            key,
            subject: subject.clone(),
            not_after: now + SignedDuration::from_hours(24 * LIFE_DAYS),
        };
        let public_key = authority.key.public_der();
        let contents = Contents {
            subject: &subject,
            public_key: &public_key,
            usages: &[Usage::DIGITAL_SIGNATURE, Usage::KEY_ENCIPHERMENT, Usage::CERT_SIGN],
            alt_names: &[],
            not_before: now - BACKDATE,
            not_after: authority.not_after,
        };
        authority.certificate = authority.sign(&contents, true, &serial(env));
        authority
    }

    pub fn from_pem(certificate: &str, key: &str, what: &str) -> Result<Self, PkiError> {
        let blocks = pem_decode("CERTIFICATE", certificate);
        let der = blocks.into_iter().next().ok_or_else(|| PkiError::Pem(what.to_owned(), "CERTIFICATE"))?;
        let bad = |reason: String| PkiError::Certificate { what: what.to_owned(), reason };
        let key = PrivateKey::from_pem(key, what)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| bad(error.to_string()))?;
        let not_after =
            Timestamp::from_second(parsed.validity().not_after.timestamp()).map_err(|error| bad(error.to_string()))?;
        let subject = parsed.subject().as_raw().to_vec();
        let key_id = match subject_key_id(&parsed) {
            Some(id) => id,
            None => key_id(&key),
        };
        Ok(Self { subject, key_id, not_after, key, certificate: der })
    }

    pub fn pem(&self) -> String {
        pem_encode("CERTIFICATE", &self.certificate)
    }

    /// Signs a certificate that is no authority. It never outlives the authority.
    pub(crate) fn issue(&self, mut contents: Contents<'_>, env: &Env) -> Vec<u8> {
        contents.not_after = contents.not_after.min(self.not_after);
        self.sign(&contents, false, &serial(env))
    }

    /// `now` less the tolerance for clocks that are behind.
    pub(crate) fn begin(now: Timestamp) -> Timestamp {
        now - BACKDATE
    }

    fn sign(&self, contents: &Contents<'_>, is_authority: bool, serial: &[u8]) -> Vec<u8> {
        let algorithm = der::sequence(&[&der::oid(&ECDSA_WITH_SHA256)]);
        let validity = der::sequence(&[&der::time(contents.not_before), &der::time(contents.not_after)]);
        let body = der::sequence(&[
            &der::explicit(0, &der::unsigned(&[2])),
            &der::unsigned(serial),
            &algorithm,
            &self.subject,
            &validity,
            contents.subject,
            contents.public_key,
            &der::explicit(3, &self.extensions(contents, is_authority)),
        ]);
        let signature = self.key.sign_der(&body);
        der::sequence(&[&body, &algorithm, &der::bit_string(&signature)])
    }

    fn extensions(&self, contents: &Contents<'_>, is_authority: bool) -> Vec<u8> {
        let mut list = Vec::new();
        let bits: Vec<u8> = contents
            .usages
            .iter()
            .filter_map(|usage| if let Usage::Bit(bit) = usage { Some(*bit) } else { None })
            .collect();
        if !bits.is_empty() {
            list.push(extension(&KEY_USAGE, true, &der::named_bits(&bits)));
        }
        let purposes: Vec<u8> = contents
            .usages
            .iter()
            .filter_map(|usage| if let Usage::Extended(arc) = usage { Some(purpose(*arc)) } else { None })
            .flatten()
            .collect();
        if !purposes.is_empty() {
            list.push(extension(&EXTENDED_KEY_USAGE, false, &der::tlv(der::SEQUENCE, &purposes)));
        }
        let constraints = if is_authority { der::sequence(&[&[0x01, 0x01, 0xff]]) } else { der::sequence(&[]) };
        list.push(extension(&BASIC_CONSTRAINTS, true, &constraints));
        if is_authority {
            list.push(extension(&SUBJECT_KEY_ID, false, &der::tlv(der::OCTET_STRING, &self.key_id)));
        } else {
            list.push(extension(&AUTHORITY_KEY_ID, false, &der::sequence(&[&der::tlv(0x80, &self.key_id)])));
        }
        if !contents.alt_names.is_empty() {
            list.push(extension(&SUBJECT_ALT_NAME, false, &der::tlv(der::SEQUENCE, contents.alt_names)));
        }
        der::tlv(der::SEQUENCE, &list.concat())
    }
}

/// `O=...,CN=...` as DER.
pub(crate) fn name(common_name: &str, organizations: &[&str]) -> Vec<u8> {
    let attribute = |kind: &[u64], text: &str| {
        let value = der::sequence(&[&der::oid(kind), &der::tlv(der::UTF8_STRING, text.as_bytes())]);
        der::tlv(der::SET, &value)
    };
    let mut parts: Vec<Vec<u8>> = organizations.iter().map(|text| attribute(&ORGANIZATION, text)).collect();
    parts.push(attribute(&COMMON_NAME, common_name));
    der::tlv(der::SEQUENCE, &parts.concat())
}

/// GeneralNames' content: what is an address goes in as one.
pub(crate) fn alt_names(names: &[String]) -> Vec<u8> {
    let general_name = |name: &String| match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => der::tlv(0x87, &address.octets()),
        Ok(IpAddr::V6(address)) => der::tlv(0x87, &address.octets()),
        Err(_) => der::tlv(0x82, name.as_bytes()),
    };
    names.iter().flat_map(general_name).collect()
}

fn purpose(arc: u64) -> Vec<u8> {
    if arc == 0 { der::oid(&[2, 5, 29, 37, 0]) } else { der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, arc]) }
}

fn extension(kind: &[u64], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    der::sequence(&[&der::oid(kind), flag, &der::tlv(der::OCTET_STRING, value)])
}

fn key_id(key: &PrivateKey) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, &key.public_point()).as_ref()[..20].to_vec()
}

fn subject_key_id(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    })
}

/// 127 random bits: positive, unique.
fn serial(env: &Env) -> [u8; 16] {
    let mut bytes = [0; 16];
    env.fill_random(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    bytes
}
