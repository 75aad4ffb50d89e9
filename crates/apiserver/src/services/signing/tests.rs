//! Requests of nodes and others, from their creation to a certificate or to what keeps them from it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::signer::Signer;
use crate::authz::{Rbac, standard};
use crate::bootstrap::joining_roles;
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
    let signer = Signer::new(objects.clone(), KeyBundle::generate(objects.env()), authorizer);
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

#[tokio::test]
async fn nodes_serve_under_their_own_names_only() {
    let given = given().await;
    let node =
        json!({"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.5"}]}});
    given.objects.create(row("", "v1", "nodes"), node).await.unwrap();
    let user = ("system:node:n1", "system:nodes");
    let ask = async |names: &[&str], user| {
        let request = pem("system:node:n1", "system:nodes", names);
        outcome(&given.settle(spec(NODE_SERVING, user, &request, &SERVING_USAGES), json!([])).await).1
    };
    assert!(ask(&["n1", "10.0.0.5"], user).await);
    assert!(!ask(&["kubernetes"], user).await);
    assert!(!ask(&["10.0.0.6"], user).await);
    assert!(!ask(&["n1"], ("system:node:n2", "system:nodes")).await);
}
