//! The API server put together: upstream's authenticators, authorizers and services under their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use apiserver::authn::{self, ServiceAccountTokens, TokenKey};
use apiserver::authz::{self, Rbac};
use apiserver::pki::Pki;
use apiserver::services::{AccessReview, Bind, SelfReview, ServiceAllocation, TokenRequest, TokenReview};
use apiserver::{ApiServer, Authorize, Config, Kinds, Objects, Parts, Service};

/// A server that serves at once.
pub fn assemble(config: Config, kinds: Kinds, objects: Objects, pki: &Pki) -> anyhow::Result<ApiServer> {
    let keys = vec![TokenKey::new(pki.keys.service_account.clone())];
    let (issuer, audiences) = (config.service_account_issuer.clone(), config.api_audiences.clone());
    let tokens = Arc::new(ServiceAccountTokens::new(keys, issuer, audiences, objects.clone()));
    let authenticator = Arc::new(authn::standard(pki, tokens.clone(), &objects).context("set up authentication")?);
    let rbac = Arc::new(Rbac::new(objects.clone()));
    let authorizer: Arc<dyn Authorize> = Arc::new(authz::standard(&objects, rbac.clone()));
    let reviews: Arc<dyn Service> = Arc::new(AccessReview::new(authorizer.clone(), rbac));
    let bind: Arc<dyn Service> = Arc::new(Bind::new());
    let services: BTreeMap<&'static str, Arc<dyn Service>> = [
        ("services", Arc::new(ServiceAllocation::new(objects.clone(), &config)) as Arc<dyn Service>),
        ("bindings", bind.clone()),
        ("pods/binding", bind),
        ("serviceaccounts/token", Arc::new(TokenRequest::new(tokens.clone()))),
        ("tokenreviews", Arc::new(TokenReview::new(tokens))),
        ("selfsubjectreviews", Arc::new(SelfReview)),
        ("subjectaccessreviews", reviews.clone()),
        ("localsubjectaccessreviews", reviews.clone()),
        ("selfsubjectaccessreviews", reviews.clone()),
        ("selfsubjectrulesreviews", reviews),
    ]
    .into();
    let parts = Parts { kinds, objects, authenticator, authorizer, admission: Vec::new(), services };
    Ok(ApiServer::new(config, parts))
}
