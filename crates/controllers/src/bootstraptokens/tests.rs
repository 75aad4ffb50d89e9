//! bootstrapsigner_test.go, util_test.go and tokencleaner_test.go as tables.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::world::World;

const SIGNED: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiYzEyMyJ9..QSxpUG7Q542CirTI2ECPSZjvBOJURUW5a7XqFpNI958";
const NOON: &str = "2026-01-01T12:00:00Z";

fn world(signatures: Value, secrets: Vec<Value>) -> World {
    let mut world = World::new(NOON.parse().expect("a time"));
    let mut data = signatures;
    data["kubeconfig"] = json!("payload");
    world.add(json!({"kind": "ConfigMap", "name": "cluster-info", "namespace": "kube-public", "data": data}));
    secrets.into_iter().for_each(|secret| world.add(secret));
    world
}

/// The token of upstream's tests, with some of its data changed.
fn token(changes: Value) -> Value {
    let mut values = json!({"token-id": "abc123", "token-secret": "tokenSecret", "usage-bootstrap-signing": "true"});
    changes.as_object().expect("an object").iter().for_each(|(name, value)| values[name] = value.clone());
    let values = values.as_object().expect("an object").iter();
    let encode = |value: &Value| json!(STANDARD.encode(value.as_str().expect("a text")));
    let data: serde_json::Map<String, Value> = values.map(|(name, value)| (name.clone(), encode(value))).collect();
    json!({"kind": "Secret", "name": "bootstrap-token-abc123", "namespace": "kube-system", "type": token::SECRET_TYPE, "data": data})
}

fn sign(world: &World) -> String {
    let key = ObjectKey::new("kube-public", "cluster-info");
    signer::plan(&world.lister(), &world.lister(), &key, world.now).to_string()
}

#[test]
fn cluster_info_is_signed_with_every_token_that_may() {
    let update = |change: &str| format!("update ConfigMap kube-public/cluster-info {{\"data\":{{{change}}}}}\n");
    let signed = update(&format!(r#""jws-kubeconfig-abc123":"{SIGNED}""#));
    let removed = update(r#""jws-kubeconfig-abc123":null"#);
    let old = || json!({"jws-kubeconfig-abc123": "old signature"});
    assert_eq!(sign(&World::new(NOON.parse().expect("a time"))), "", "TestNoConfigMap");
    assert_eq!(sign(&world(json!({}), vec![token(json!({}))])), signed, "TestSimpleSign");
    assert_eq!(sign(&world(json!({"jws-kubeconfig-abc123": SIGNED}), vec![token(json!({}))])), "", "TestNoSignNeeded");
    assert_eq!(sign(&world(old(), vec![token(json!({}))])), signed, "TestUpdateSignature");
    assert_eq!(sign(&world(old(), vec![])), removed, "TestRemoveSignature");
    let later = token(json!({"expiration": "2026-01-01T13:00:00Z"}));
    assert_eq!(sign(&world(json!({}), vec![later])), format!("{signed}requeue after 3600s\n"));
}

// util_test.go TestValidateSecretForSigning
#[test]
fn tokens_that_may_not_sign() {
    for (name, changes) in [
        ("not meant for it", json!({"usage-bootstrap-signing": "false"})),
        ("no key", json!({"token-secret": ""})),
        ("no id", json!({"token-id": ""})),
        ("another name", json!({"token-id": "abc124"})),
        ("expired", json!({"expiration": "2026-01-01T11:59:00Z"})),
        ("expiration unreadable", json!({"expiration": "garbage"})),
    ] {
        assert_eq!(sign(&world(json!({}), vec![token(changes)])), "", "{name}");
    }
    let mut other = token(json!({}));
    other["type"] = json!("Opaque");
    assert_eq!(sign(&world(json!({}), vec![other])), "", "another type");
}

// tokencleaner_test.go
#[test]
fn expired_tokens_go() {
    let clean = |changes: Value| {
        let world = world(json!({}), vec![token(changes)]);
        let key = ObjectKey::new("kube-system", "bootstrap-token-abc123");
        cleaner::plan(&world.lister(), &key, world.now).to_string()
    };
    let delete = "delete Secret kube-system/bootstrap-token-abc123\n";
    assert_eq!(clean(json!({})), "", "TestCleanerNoExpiration");
    assert_eq!(clean(json!({"expiration": "2026-01-01T11:00:00Z"})), delete, "TestCleanerExpired");
    assert_eq!(clean(json!({"expiration": "2026-01-01T13:00:00+01:00"})), delete, "now is too late");
    assert_eq!(clean(json!({"expiration": "garbage"})), delete);
    assert_eq!(clean(json!({"expiration": "2026-01-01T13:00:00Z"})), "requeue after 3600s\n", "TestCleanerNotExpired");
}
