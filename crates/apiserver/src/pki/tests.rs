//! The PKI against rustls' own verifier and x509-parser as oracles.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::config::Config;
use crate::testing::{clock, environment, memory_store};

fn unix(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second() as u64))
}

fn roots_of(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate.clone())).unwrap();
    Arc::new(roots)
}

#[test]
fn client_certificates_verify_until_they_expire_and_only_under_their_authority() {
    let now = clock();
    let env = environment(&now);
    let (ours, other) = (Authority::generate("ours", &env), Authority::generate("other", &env));
    let leaf = Leaf::issue(&ours, &Profile::client("jane", &["dev", "ops"]), &env);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verify = |authority: &Authority, at: Timestamp| {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots_of(authority), provider.clone()).build().unwrap();
        verifier.verify_client_cert(&CertificateDer::from(leaf.certificate.clone()), &[], unix(at)).is_ok()
    };
    let start = *now.lock();
    assert!(verify(&ours, start));
    assert!(!verify(&other, start));
    assert!(!verify(&ours, start + SignedDuration::from_hours(24 * 366)));
    let (_, parsed) = X509Certificate::from_der(&leaf.certificate).unwrap();
    assert_eq!(parsed.subject().to_string(), "O=dev, O=ops, CN=jane");
}

#[test]
fn serving_certificates_hold_every_name_of_the_server() {
    let env = environment(&clock());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.tls_sans = vec!["api.example.org".to_owned()];
    config.host_name = "node-1".to_owned();
    config.advertise_address = "192.168.7.1".parse().unwrap();
    let pki = runtime.block_on(Pki::open(&memory_store(), &config, &env)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots_of(&pki.keys.server_authority), provider)
            .build()
            .unwrap();
    let check = |name: &str| {
        let certificate = CertificateDer::from(pki.serving.certificate.clone());
        use rustls::client::danger::ServerCertVerifier;
        verifier
            .verify_server_cert(
                &certificate,
                &[],
                &ServerName::try_from(name.to_owned()).unwrap(),
                &[],
                unix(env.now()),
            )
            .is_ok()
    };
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "10.43.0.1",
        "node-1",
        "192.168.7.1",
        "api.example.org",
    ] {
        assert!(check(name), "{name}");
    }
    assert!(!check("elsewhere.example.org"));
    assert!(!check("10.43.0.2"));
}

#[test]
fn leaves_are_kept_until_two_thirds_of_their_life_or_a_new_name() {
    let now = clock();
    let env = environment(&now);
    let authority = Authority::generate("ca", &env);
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("tls/serving");
    let profile = |names: &[&str]| Profile::server("x", names.iter().map(|name| (*name).to_owned()).collect());
    let load = |names: &[&str]| Leaf::load_or_issue(&stem, &authority, &profile(names), &env).unwrap().certificate;
    let first = load(&["a", "10.0.0.1"]);
    assert_eq!(load(&["10.0.0.1", "a"]), first);
    assert_eq!(load(&["a"]), first, "a certificate for more names will do");
    *now.lock() += SignedDuration::from_hours(24 * 240);
    assert_eq!(load(&["a"]), first);
    *now.lock() += SignedDuration::from_hours(24 * 10);
    let renewed = load(&["a"]);
    assert_ne!(renewed, first);
    assert_ne!(load(&["a", "b"]), renewed, "a new name needs a new certificate");
    std::fs::write(stem.with_extension("crt"), "garbage").unwrap();
    assert_ne!(load(&["a"]), renewed);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(stem.with_extension("key")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_second_server_with_the_token_is_the_same_cluster_and_without_it_is_refused() {
    let env = environment(&clock());
    let store = memory_store();
    let (one, two, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Pki::open(&store, &Config::new(one.path()), &env).await.unwrap();
    let token = std::fs::read_to_string(one.path().join("server/token")).unwrap();
    assert!(token.starts_with("K10") && token.contains("::server:"), "{token}");

    let mut config = Config::new(two.path());
    config.server_token = token.trim().to_owned();
    let second = Pki::open(&store, &config, &env).await.unwrap();
    assert_eq!(first.keys.client_authority.certificate, second.keys.client_authority.certificate);
    assert_eq!(first.keys.service_account.to_pem(), second.keys.service_account.to_pem());

    config.server_token = first.token.secret.clone();
    assert!(Pki::open(&store, &config, &env).await.is_ok(), "the short form serves too");

    let mut config = Config::new(three.path());
    config.server_token = "guessed".to_owned();
    assert!(matches!(Pki::open(&store, &config, &env).await, Err(PkiError::WrongToken)));
    config.server_token = format!("K10{}::server:{}", "0".repeat(64), first.token.secret);
    assert!(matches!(Pki::open(&store, &config, &env).await, Err(PkiError::OtherCluster { .. })));
}

#[test]
fn signing_requests_keep_every_organization_and_name() {
    let env = environment(&clock());
    let authority = Authority::generate("ca", &env);
    let mut params = rcgen::CertificateParams::new(vec!["node-1".to_owned(), "10.1.2.3".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(rcgen::DnType::CommonName, "system:node:node-1");
    let key = rcgen::KeyPair::generate().unwrap();
    let text = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = SigningRequest::from_pem(&text).unwrap();
    assert_eq!(
        (request.common_name.as_str(), request.organizations.as_slice()),
        ("system:node:node-1", &["system:nodes".to_owned()][..])
    );
    assert_eq!(
        (request.dns_names.as_slice(), request.addresses.as_slice()),
        (&["node-1".to_owned()][..], &["10.1.2.3".parse().unwrap()][..])
    );
    let signed = request.sign(
        &authority,
        &[Usage::DIGITAL_SIGNATURE, Usage::CLIENT_AUTH],
        env.now() + SignedDuration::from_hours(1),
        &env,
    );
    let der = pem_decode("CERTIFICATE", &signed).remove(0);
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(parsed.subject().to_string(), "O=system:nodes, CN=system:node:node-1");
    assert_eq!(parsed.validity().not_after.timestamp(), (env.now() + SignedDuration::from_hours(1)).as_second());
    assert!(
        parsed
            .verify_signature(Some(X509Certificate::from_der(&authority.certificate).unwrap().1.public_key()))
            .is_ok()
    );

    let forged = text.replacen("-----BEGIN CERTIFICATE REQUEST-----\nM", "-----BEGIN CERTIFICATE REQUEST-----\nN", 1);
    assert!(SigningRequest::from_pem(&forged).is_err());
    assert!(SigningRequest::from_pem("no pem").is_err());
}

#[test]
fn the_same_seed_makes_the_same_keys_and_signatures() {
    let make = || {
        let env = environment(&clock());
        let bundle = KeyBundle::generate(&env);
        (bundle.server_authority.pem(), bundle.service_account.sign_fixed(b"message"))
    };
    assert_eq!(make(), make());
}

#[test]
fn server_tokens_are_read_in_both_forms() {
    let hash = "a".repeat(64);
    let cases = [
        ("plain", Some((None, "plain"))),
        (&format!("K10{hash}::server:secret"), Some((Some(hash.as_str()), "secret"))),
        (&format!("K10{hash}::secret"), Some((Some(hash.as_str()), "secret"))),
        (&format!("K10{hash}::node:secret"), None),
        ("K10short::server:secret", None),
        ("", None),
    ];
    for (text, expected) in cases {
        let parsed = ServerToken::parse(text).ok();
        let seen = parsed.as_ref().map(|token| (token.cluster.as_deref(), token.secret.as_str()));
        assert_eq!(seen, expected, "{text}");
    }
}
