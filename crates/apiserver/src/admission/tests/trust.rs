//! Who may say what is to be trusted for a signer: upstream's cases of ClusterTrustBundleAttest.

use super::*;
use crate::access::{Authorize, Decision};

/// Attesting is allowed for one name of a signer.
struct Attests(&'static str);

impl Authorize for Attests {
    fn authorize(&self, _identity: &Identity, info: &RequestInfo) -> Decision {
        let asked = (info.verb.as_str(), info.api_group.as_str(), info.resource.as_str(), info.name.as_str());
        if asked == ("attest", "certificates.k8s.io", "signers", self.0) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

#[tokio::test]
async fn trust_anchors_of_a_signer_need_the_verb_attest() {
    let bundles = row("certificates.k8s.io", "v1", "clustertrustbundles");
    let bundle = |signer: &str| {
        let mut bundle = json!({"metadata": {"name": "b"}, "spec": {"trustBundle": "x"}});
        if !signer.is_empty() {
            bundle["spec"]["signerName"] = signer.into();
        }
        bundle
    };
    let ask = async |allowed: &'static str, old: Option<Value>, new: Value| {
        let operation = if old.is_some() { Operation::Update } else { Operation::Create };
        let ask = Ask { operation, old, ..Ask::create(bundles, new) };
        let plugin = certificates::ClusterTrustBundleAttest(Arc::new(Attests(allowed)));
        ask.of(&plugin).await.map(drop).map_err(|status| status.message)
    };
    let signer = "abc.com/xyz";
    let refused = Err(format!(
        "clustertrustbundles.certificates.k8s.io \"b\" is forbidden: user not permitted to attest for signerName {signer:?}"
    ));
    assert_eq!(ask("abc.com/xyz", None, bundle(signer)).await, Ok(()));
    assert_eq!(ask("abc.com/*", None, bundle(signer)).await, Ok(()), "its whole domain");
    assert_eq!(ask("notabc.com/xyz", None, bundle(signer)).await, refused);
    assert_eq!(ask("none", None, bundle("")).await, Ok(()), "nobody's");
    let mut changed = bundle(signer);
    changed["spec"]["trustBundle"] = "y".into();
    assert_eq!(ask("none", Some(bundle(signer)), changed.clone()).await, refused);
    assert_eq!(ask("abc.com/xyz", Some(bundle(signer)), changed).await, Ok(()));
    assert_eq!(ask("none", Some(bundle(signer)), bundle(signer)).await, Ok(()), "nothing changed");
    let mut collected = bundle(signer);
    collected["metadata"]["finalizers"] = json!(["a/b"]);
    assert_eq!(ask("none", Some(bundle(signer)), collected).await, Ok(()), "the garbage collector's");
}
