//! Certificates of servers and clients: issued on demand, kept in files, issued anew when past two thirds of their life or when they no
//! longer say what they should.

use std::path::Path;

use api::env::Env;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::{Authority, Contents, Usage, alt_names, name};
use super::error::PkiError;
use super::files::{read_optional, write_private};
use super::key::PrivateKey;
use super::pem::{pem_decode, pem_encode};

const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);

/// Whose certificate it is: `O=organizations, CN=common_name`; for clients, user and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectName {
    pub common_name: String,
    pub organizations: Vec<String>,
}

/// What a leaf certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub subject: SubjectName,
    /// Names and addresses; order matters not.
    pub alt_names: Vec<String>,
    pub usages: Vec<Usage>,
}

impl Profile {
    /// A user's certificate.
    pub fn client(user: &str, groups: &[&str]) -> Self {
        let organizations = groups.iter().map(|group| (*group).to_owned()).collect();
        let usages = vec![Usage::DIGITAL_SIGNATURE, Usage::KEY_ENCIPHERMENT, Usage::CLIENT_AUTH];
        Self { subject: SubjectName { common_name: user.to_owned(), organizations }, alt_names: Vec::new(), usages }
    }

    /// A server's certificate for these names and addresses.
    pub fn server(common_name: &str, alt_names: Vec<String>) -> Self {
        let usages = vec![Usage::DIGITAL_SIGNATURE, Usage::KEY_ENCIPHERMENT, Usage::SERVER_AUTH];
        Self {
            subject: SubjectName { common_name: common_name.to_owned(), organizations: Vec::new() },
            alt_names,
            usages,
        }
    }
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub certificate: Vec<u8>,
    pub key: PrivateKey,
    pub authority: Vec<u8>,
}

impl Leaf {
    /// A fresh key and certificate, good for a year.
    pub fn issue(authority: &Authority, profile: &Profile, env: &Env) -> Self {
        let key = PrivateKey::generate(env);
        let organizations: Vec<&str> = profile.subject.organizations.iter().map(String::as_str).collect();
        let now = env.now();
        let contents = Contents {
            subject: &name(&profile.subject.common_name, &organizations),
            public_key: &key.public_der(),
            usages: &profile.usages,
            alt_names: &alt_names(&profile.alt_names),
            not_before: Authority::begin(now),
            not_after: now + LIFE,
        };
        let certificate = authority.issue(contents, env);
        Self { certificate, key, authority: authority.certificate.clone() }
    }

    /// The certificate kept in `stem`.crt and `stem`.key, or a fresh one in its place.
    pub fn load_or_issue(stem: &Path, authority: &Authority, profile: &Profile, env: &Env) -> Result<Self, PkiError> {
        let (certificate_path, key_path) = (stem.with_extension("crt"), stem.with_extension("key"));
        if let (Some(certificate), Some(key)) = (read_optional(&certificate_path)?, read_optional(&key_path)?)
            && let Some(leaf) = Self::still_good(&certificate, &key, authority, profile, env.now())
        {
            return Ok(leaf);
        }
        let leaf = Self::issue(authority, profile, env);
        write_private(&key_path, leaf.key.to_pem().as_bytes(), 0o600)?;
        write_private(&certificate_path, leaf.pem().as_bytes(), 0o644)?;
        Ok(leaf)
    }

    /// `None`: damaged, of another authority, for other names, or due for renewal.
    fn still_good(
        certificate: &str,
        key: &str,
        authority: &Authority,
        profile: &Profile,
        now: Timestamp,
    ) -> Option<Self> {
        // What cannot be read is issued anew: these files are ours and hold nothing that the authority cannot give again.
        let key = PrivateKey::from_pem(key, "leaf").ok()?;
        let der = pem_decode("CERTIFICATE", certificate).into_iter().next()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let (_, issuer) = X509Certificate::from_der(&authority.certificate).ok()?;
        parsed.verify_signature(Some(issuer.public_key())).ok()?;
        let (begin, end) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        let renew_at = begin + (end - begin) / 3 * 2;
        let organizations: Vec<&str> = profile.subject.organizations.iter().map(String::as_str).collect();
        let same_subject = parsed.subject().as_raw() == name(&profile.subject.common_name, &organizations);
        let same_key = parsed.public_key().raw == key.public_der();
        let covered = profile.alt_names.is_empty() || covers(&parsed, &profile.alt_names);
        let good = now.as_second() < renew_at && same_subject && same_key && covered;
        good.then(|| Self { certificate: der.clone(), key, authority: authority.certificate.clone() })
    }

    pub fn pem(&self) -> String {
        pem_encode("CERTIFICATE", &self.certificate)
    }

    /// Chain and key as rustls takes them.
    pub fn for_tls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = vec![CertificateDer::from(self.certificate.clone()), CertificateDer::from(self.authority.clone())];
        (chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_pkcs8())))
    }
}

fn covers(certificate: &X509Certificate<'_>, names: &[String]) -> bool {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return false };
    let wanted = alt_names(names);
    let have: Vec<&[u8]> = extension.value.general_names.iter().filter_map(general_name_bytes).collect();
    let mut rest = wanted.as_slice();
    // Each entry is short: tag, one byte of length, content.
    while let [_, length, tail @ ..] = rest {
        let (content, after) = tail.split_at(usize::from(*length).min(tail.len()));
        if !have.contains(&content) {
            return false;
        }
        rest = after;
    }
    true
}

fn general_name_bytes<'a>(name: &'a x509_parser::extensions::GeneralName<'a>) -> Option<&'a [u8]> {
    match name {
        x509_parser::extensions::GeneralName::DNSName(text) => Some(text.as_bytes()),
        x509_parser::extensions::GeneralName::IPAddress(bytes) => Some(bytes),
        _ => None,
    }
}
