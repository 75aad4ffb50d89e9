//! Requests of nodes and others, from their creation to a certificate or to what keeps them from it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Reserved, Signer};
use crate::authz::{Rbac, standard};
use crate::bootstrap::joining_roles;
use crate::config::Config;
use crate::objects::Objects;
use crate::pki::KeyBundle;
use crate::rows::row;
use crate::testing;

struct Given {
    objects: Objects,
    signer: Signer,
}

async fn given() -> Given {
    let objects = testing::objects();
    for object in joining_roles() {
        let kind = api::kinds::by_kind("rbac.authorization.k8s.io", "v1", object["kind"].as_str().unwrap()).unwrap();
        objects.create(kind, object).await.unwrap();
    }
    let authorizer = Arc::new(standard(&objects, Arc::new(Rbac::new(objects.clone()))));
    let signer = {
        let config = Config {
            advertise_address: [192, 0, 2, 1].into(),
            host_name: "Server".to_owned(),
            ..Config::new("/nowhere")
        };
        let reserved = Reserved::of(&config).unwrap();
        Signer::new(objects.clone(), KeyBundle::generate(objects.env()), authorizer, reserved)
    };
    Given { objects, signer }
}

fn pem(common_name: &str, organization: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    params.serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

fn spec(signer: &str, user: (&str, &str), pem: &str, usages: &[&str]) -> Value {
    json!({"signerName": signer, "username": user.0, "groups": [user.1], "request": STANDARD.encode(pem), "usages": usages})
}

const CLIENT_USAGES: [&str; 3] = ["digital signature", "key encipherment", "client auth"];
const SERVING_USAGES: [&str; 2] = ["digital signature", "server auth"];
const NODE_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const NODE_SERVING: &str = "kubernetes.io/kubelet-serving";
const BOOTSTRAPPER: (&str, &str) = ("system:bootstrap:abcdef", "system:bootstrappers");

impl Given {
    /// Lets the signer work until nothing moves.
    async fn settle(&self, spec: Value, conditions: Value) -> Value {
        let kind = row("certificates.k8s.io", "v1", "certificatesigningrequests");
        let request = json!({"metadata": {"name": "r"}, "spec": spec, "status": {"conditions": conditions}});
        self.objects.remove(kind, "", "r").await.unwrap();
        self.objects.create(kind, request).await.unwrap();
        for _ in 0..3 {
            self.signer.advance(self.objects.get(kind, "", "r").unwrap()).await;
        }
        self.objects.get(kind, "", "r").unwrap()
    }
}

fn outcome(request: &Value) -> (Vec<&str>, bool) {
    let conditions = request["status"]["conditions"].as_array().unwrap();
    let kinds = conditions.iter().map(|condition| condition["type"].as_str().unwrap()).collect();
    (kinds, request["status"]["certificate"].is_string())
}

#[tokio::test]
async fn a_joining_node_gets_its_client_certificate() {
    let given = given().await;
    let request = pem("system:node:n1", "system:nodes", &[]);
    let signed = given.settle(spec(NODE_CLIENT, BOOTSTRAPPER, &request, &CLIENT_USAGES), json!([])).await;
    assert_eq!(outcome(&signed), (vec!["Approved"], true));
    let condition = &signed["status"]["conditions"][0];
    assert_eq!(condition["message"], "Auto approving kubelet client certificate after SubjectAccessReview.");
    let renewed =
        given.settle(spec(NODE_CLIENT, ("system:node:n1", "system:nodes"), &request, &CLIENT_USAGES), json!([])).await;
    assert_eq!(
        renewed["status"]["conditions"][0]["message"],
        "Auto approving self kubelet client certificate after SubjectAccessReview."
    );
}

#[tokio::test]
async fn requests_that_ask_for_more_wait_or_fail() {
    let given = given().await;
    let node = pem("system:node:n1", "system:nodes", &[]);
    let admin = pem("root", "system:masters", &[]);
    let approved = || json!([{"type": "Approved", "status": "True"}]);
    let stranger = given.settle(spec(NODE_CLIENT, ("jane", "dev"), &node, &CLIENT_USAGES), json!([])).await;
    assert_eq!(outcome(&stranger), (vec![], false), "nobody lets jane be a node");
    let other =
        given.settle(spec(NODE_CLIENT, ("system:node:n2", "system:nodes"), &node, &CLIENT_USAGES), json!([])).await;
    assert_eq!(outcome(&other), (vec![], false), "a node is not another node");
    let masters = given.settle(spec(NODE_CLIENT, BOOTSTRAPPER, &admin, &CLIENT_USAGES), json!([])).await;
    assert_eq!(outcome(&masters), (vec![], false));
    let forced = given.settle(spec(NODE_CLIENT, BOOTSTRAPPER, &admin, &CLIENT_USAGES), approved()).await;
    assert_eq!(outcome(&forced), (vec!["Approved", "Failed"], false));
    let serving = given.settle(spec(NODE_CLIENT, BOOTSTRAPPER, &node, &SERVING_USAGES), approved()).await;
    assert_eq!(outcome(&serving), (vec!["Approved", "Failed"], false));
    let user = given
        .settle(spec("kubernetes.io/kube-apiserver-client", ("jane", "dev"), &admin, &CLIENT_USAGES), json!([]))
        .await;
    assert_eq!(outcome(&user), (vec![], false), "a person decides about users");
    let user = given
        .settle(spec("kubernetes.io/kube-apiserver-client", ("jane", "dev"), &admin, &CLIENT_USAGES), approved())
        .await;
    assert_eq!(outcome(&user), (vec!["Approved"], true));
    let foreign = given.settle(spec("example.org/other", ("jane", "dev"), &admin, &CLIENT_USAGES), approved()).await;
    assert_eq!(outcome(&foreign), (vec!["Approved"], false), "other signers' requests are theirs");
}

/// What upstream asks of approvers of this signer: names and addresses that belong to the requesting node.
#[tokio::test]
async fn nodes_serve_under_their_own_names_only() {
    let given = given().await;
    // All of this is the nodes' own word.
    let says = [
        (
            "n1",
            &[
                "10.0.0.5",
                "10.0.0.7",
                "127.0.0.1",
                "10.43.0.1",
                "10.42.3.4",
                "192.0.2.1",
                "::ffff:127.0.0.1",
                "kubernetes",
            ][..],
        ),
        ("n2", &["10.0.0.7"]),
        ("kubernetes", &["10.0.0.8"]),
        ("server", &["10.0.0.9"]),
        ("api.web.svc", &["10.0.0.10"]),
    ];
    for (name, addresses) in says {
        let addresses: Value = addresses.iter().map(|text| json!({"type": "InternalIP", "address": text})).collect();
        let node = json!({"metadata": {"name": name}, "status": {"addresses": addresses}});
        given.objects.create(row("", "v1", "nodes"), node).await.unwrap();
    }
    let ask = async |node: &str, names: &[&str], user: &str| {
        let request = pem(&format!("system:node:{node}"), "system:nodes", names);
        let user = format!("system:node:{user}");
        let settled =
            given.settle(spec(NODE_SERVING, (&user, "system:nodes"), &request, &SERVING_USAGES), json!([])).await;
        let (conditions, signed) = outcome(&settled);
        (conditions.first().map_or(String::new(), |condition| (*condition).to_owned()), signed)
    };
    let (signed, denied, waits) = (("Approved".to_owned(), true), ("Denied".to_owned(), false), (String::new(), false));
    assert_eq!(ask("n1", &["n1", "10.0.0.5"], "n1").await, signed);
    assert_eq!(ask("n1", &["n1"], "n1").await, signed, "its name alone");
    for names in [&["kubernetes"][..], &["n1", "10.0.0.6"], &["n1", "n2"], &["n1.example.org"]] {
        assert_eq!(ask("n1", names, "n1").await, waits, "{names:?}");
    }
    for address in ["10.0.0.7", "127.0.0.1", "10.43.0.1", "10.42.3.4", "192.0.2.1", "::ffff:127.0.0.1"] {
        assert_eq!(ask("n1", &["n1", address], "n1").await, denied, "{address}");
    }
    for name in ["kubernetes", "server", "api.web.svc"] {
        assert_eq!(ask(name, &[name], name).await, denied, "{name}");
    }
    assert_eq!(ask("n1", &["n1"], "n2").await, waits, "a node is not another node");
}

/// A range that was passed over would be open to every node.
#[test]
fn ranges_that_cannot_be_read_are_an_error() {
    for broken in ["10.42.0.0", "pods", ""] {
        let mut config = Config::new("/nowhere");
        config.cluster_cidrs.push(broken.to_owned());
        let Err(refused) = Reserved::of(&config) else { panic!("{broken:?} is no range") };
        assert!(refused.to_string().starts_with(&format!("{broken:?} is not an address range")), "{refused}");
    }
}
