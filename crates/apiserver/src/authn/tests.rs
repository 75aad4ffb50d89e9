//! Credentials that are good, and the many ways in which they are not.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use jiff::SignedDuration;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::*;
use crate::identity::{Authenticate, Identity};
use crate::objects::Objects;
use crate::pki::{Authority, Leaf, PrivateKey, Profile};
use crate::rows::row;
use crate::testing::{self, Clock};

const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

fn parts(authorization: Option<&str>) -> http::request::Parts {
    let mut request = Request::get("/api");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(()).unwrap().into_parts().0
}

struct Given {
    clock: Clock,
    objects: Objects,
    tokens: Arc<ServiceAccountTokens>,
    account: Value,
}

async fn given() -> Given {
    let clock = testing::clock();
    let objects = Objects::new(testing::memory_store(), testing::environment(&clock));
    let key = TokenKey::new(PrivateKey::generate(objects.env()));
    let tokens = ServiceAccountTokens::new(vec![key], AUDIENCE.into(), vec![AUDIENCE.into()], objects.clone());
    let account = json!({"metadata": {"name": "app", "namespace": "web"}});
    let account = objects.create(row("", "v1", "serviceaccounts"), account).await.unwrap();
    Given { clock, objects, tokens: Arc::new(tokens), account }
}

impl Given {
    fn issue(&self, bound: &BoundTo) -> String {
        self.tokens.issue(&self.account, bound, &[AUDIENCE.to_owned()], 3600).0
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        self.tokens.verify(token, &[AUDIENCE.to_owned()]).expect("a token of this issuer")
    }
}

#[tokio::test]
async fn a_service_account_token_says_who_it_is_for() {
    let given = given().await;
    let token = given.issue(&BoundTo::Nothing);
    let identity = given.verify(&token).unwrap().identity;
    assert_eq!(identity.name, "system:serviceaccount:web:app");
    assert_eq!(identity.groups, ["system:serviceaccounts", "system:serviceaccounts:web", "system:authenticated"]);
    assert_eq!(Some(identity.uid.as_str()), given.account["metadata"]["uid"].as_str());
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &json!(given.tokens.keys()[0].id)));
}

#[tokio::test]
async fn tokens_end_and_are_for_their_audience_only() {
    let given = given().await;
    let token = given.issue(&BoundTo::Nothing);
    assert!(matches!(given.tokens.verify(&token, &["vault".to_owned()]), Some(Err(TokenError::Audience { .. }))));
    *given.clock.lock() += SignedDuration::from_secs(3650);
    assert!(given.verify(&token).is_ok(), "a minute of leeway");
    *given.clock.lock() += SignedDuration::from_secs(60);
    assert_eq!(given.verify(&token), Err(TokenError::Expired));
}

#[tokio::test]
async fn forged_tokens_are_refused_however_they_are_forged() {
    let given = given().await;
    let token = given.issue(&BoundTo::Nothing);
    let other = TokenKey::new(PrivateKey::generate(given.objects.env()));
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(given.verify(&other.sign(&claims)), Err(TokenError::Signature));
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let mut admin = claims.clone();
    admin["kubernetes.io"]["serviceaccount"]["name"] = "admin".into();
    let altered = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(admin.to_string()));
    assert_eq!(given.verify(&altered), Err(TokenError::Signature));
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
    let unsigned = format!("{none}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()));
    assert_eq!(given.verify(&unsigned), Err(TokenError::Signature));
    assert!(given.tokens.verify("not a token", &[]).is_none());
    let chain = Authenticators::new(vec![given.tokens.clone()]);
    assert!(chain.authenticate(&parts(Some("Bearer not-a-token")), &[]).await.is_err());
    assert_eq!(chain.authenticate(&parts(None), &[]).await, Ok(None));
}

#[tokio::test]
async fn a_token_dies_with_what_it_is_bound_to() {
    let given = given().await;
    let pods = row("", "v1", "pods");
    let pod = given.objects.create(pods, json!({"metadata": {"name": "p", "namespace": "web"}})).await.unwrap();
    let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
    let node = TokenReference { name: "n1".into(), uid: "u".into() };
    let bound = BoundTo::Pod(TokenReference { name: "p".into(), uid }, Some(node));
    let token = given.issue(&bound);
    let identity = given.verify(&token).unwrap().identity;
    assert_eq!(identity.extra["authentication.kubernetes.io/pod-name"], ["p"]);
    assert_eq!(identity.extra["authentication.kubernetes.io/node-name"], ["n1"]);
    given.objects.remove(pods, "web", "p").await.unwrap();
    assert_eq!(given.verify(&token), Err(TokenError::Invalidated));
    given.objects.create(pods, json!({"metadata": {"name": "p", "namespace": "web"}})).await.unwrap();
    assert_eq!(given.verify(&token), Err(TokenError::Invalidated), "another Pod of the same name");

    let token = given.issue(&BoundTo::Nothing);
    given.objects.remove(row("", "v1", "serviceaccounts"), "web", "app").await.unwrap();
    assert_eq!(given.verify(&token), Err(TokenError::Account("web/app".into())));
}

#[tokio::test]
async fn client_certificates_name_user_and_groups_until_they_end() {
    let clock = testing::clock();
    let env = testing::environment(&clock);
    let (ours, other) = (Authority::generate("ours", &env), Authority::generate("other", &env));
    let authenticator = ClientCertificates::new(&[&ours.certificate], env.clone()).unwrap();
    let ask = async |authority: &Authority, profile: Profile| {
        let leaf = Leaf::issue(authority, &profile, &env);
        authenticator.authenticate(&parts(None), &[CertificateDer::from(leaf.certificate)]).await
    };
    let identity = ask(&ours, Profile::client("system:node:n1", &["system:nodes", "extra"])).await.unwrap().unwrap();
    assert_eq!(identity.name, "system:node:n1");
    assert_eq!(identity.groups, ["system:nodes", "extra", "system:authenticated"]);
    assert!(ask(&other, Profile::client("jane", &[])).await.is_err());
    assert!(ask(&ours, Profile::server("x", vec!["x".into()])).await.is_err(), "a server's certificate is no client's");
    assert_eq!(authenticator.authenticate(&parts(None), &[]).await, Ok(None));
    let leaf = CertificateDer::from(Leaf::issue(&ours, &Profile::client("jane", &[]), &env).certificate);
    assert!(authenticator.authenticate(&parts(None), std::slice::from_ref(&leaf)).await.is_ok());
    *clock.lock() += SignedDuration::from_hours(24 * 366);
    assert!(
        authenticator.authenticate(&parts(None), &[leaf]).await.is_err(),
        "a kept verdict ends with its certificate"
    );
}

async fn bootstrap(objects: &Objects, change: &[(&str, &str)]) -> Option<Identity> {
    let mut data = json!({
        "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:workers", "expiration": "2026-11-22T00:00:00Z",
    });
    for (key, value) in change {
        data[*key] = (*value).into();
    }
    for value in data.as_object_mut().unwrap().values_mut() {
        *value = STANDARD.encode(value.as_str().unwrap()).into();
    }
    let secrets = row("", "v1", "secrets");
    objects.remove(secrets, "kube-system", "bootstrap-token-abcdef").await.unwrap();
    let secret = json!({"metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}, "type": "bootstrap.kubernetes.io/token", "data": data});
    objects.create(secrets, secret).await.unwrap();
    let header = "Bearer abcdef.0123456789abcdef";
    BootstrapTokens::new(objects.clone()).authenticate(&parts(Some(header)), &[]).await.unwrap()
}

#[tokio::test]
async fn bootstrap_tokens_are_good_for_what_their_secret_says() {
    let objects = testing::objects();
    let identity = bootstrap(&objects, &[]).await.unwrap();
    assert_eq!(identity.name, "system:bootstrap:abcdef");
    assert_eq!(identity.groups, ["system:bootstrappers", "system:bootstrappers:workers", "system:authenticated"]);
    for change in [
        ("token-secret", "0123456789abcdee"),
        ("usage-bootstrap-authentication", "false"),
        ("expiration", "2026-11-21T00:00:00Z"),
        ("expiration", "soon"),
        ("auth-extra-groups", "system:masters"),
    ] {
        assert_eq!(bootstrap(&objects, &[change]).await, None, "{change:?}");
    }
}

#[test]
fn discovery_shows_the_public_key_only() {
    let objects = testing::objects();
    let key = TokenKey::new(PrivateKey::generate(objects.env()));
    let set = key_set(std::slice::from_ref(&key));
    let fields: Vec<&String> = set["keys"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    let configuration = openid_configuration(AUDIENCE, "https://10.0.0.1:6443");
    assert_eq!(configuration["issuer"], AUDIENCE);
    assert_eq!(configuration["jwks_uri"], "https://10.0.0.1:6443/openid/v1/jwks");
}
