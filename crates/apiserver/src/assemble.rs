//! The server as upstream's defaults make it: authenticators, authorizers, admission in upstream's order, all services.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::Authorize;
use crate::admission;
use crate::aggregation::Aggregator;
use crate::authn::{self, ServiceAccountTokens, TokenKey};
use crate::authz::{self, Rbac};
use crate::config::Config;
use crate::custom::DefinitionWrites;
use crate::dialer::{Dialer, TcpDialer, Tunnels};
use crate::kinds::Kinds;
use crate::objects::Objects;
use crate::pki::{Pki, PkiError};
use crate::server::{ApiServer, Parts};
use crate::service::Service;
use crate::services::{
    AccessReview, Bind, ComponentStatuses, Eviction, PodConnect, Proxy, Reserved, SelfReview, ServiceAllocation,
    Signer, TokenRequest, TokenReview,
};

/// Puts a server together from its configuration and keys. `bootstrap::run` comes next.
pub fn assemble(config: Config, kinds: Kinds, objects: Objects, pki: &Pki) -> Result<ApiServer, PkiError> {
    let (issuer, audiences) = (config.service_account_issuer.clone(), config.api_audiences.clone());
    let keys = vec![TokenKey::new(pki.keys.service_account.clone())];
    let tokens = Arc::new(ServiceAccountTokens::new(keys, issuer, audiences, objects.clone()));
    let host = match config.advertise_address {
        std::net::IpAddr::V6(address) => format!("[{address}]"),
        address => address.to_string(),
    };
    let base = format!("https://{host}:{}", config.https_port);
    let authenticator = authn::standard(pki, tokens.clone(), &objects)?.publishing(&tokens, &base);
    let rbac = Arc::new(Rbac::new(objects.clone()));
    let authorizer: Arc<dyn Authorize> = Arc::new(authz::standard(&objects, rbac.clone()));
    let tunnels = Arc::new(Tunnels::new(objects.clone(), &config.cluster_cidrs)?);
    let dialer: Arc<dyn Dialer> = Arc::new(TcpDialer::new(pki, tunnels.clone())?);
    let eviction = Arc::new(Eviction::new());
    let authenticator = Arc::new(authenticator);
    let mut services =
        services(&config, &objects, tokens, rbac.clone(), authorizer.clone(), (dialer.clone(), eviction.clone()))?;
    let reviews = TokenReview::new(authenticator.clone(), config.api_audiences.clone());
    services.insert("tokenreviews", Arc::new(reviews));
    let admission = admission::standard(&kinds, &objects, rbac, authorizer.clone(), dialer.clone());
    let aggregator = Aggregator::new(objects.clone(), dialer.clone(), pki.front_proxy_client.clone());
    let signer = Signer::new(objects.clone(), pki.keys.clone(), authorizer.clone(), Reserved::of(&config)?);
    let parts = Parts { kinds, objects, authenticator, authorizer, admission, dialer: Some(dialer), services };
    let server = ApiServer::new(config, parts);
    eviction.attach(server.inner());
    server.aggregate(aggregator);
    server.inner().tunnels.get_or_init(|| tunnels);
    server.clean_up_definitions();
    server.env().spawn("certificate signer", signer.run(server.inner().shutdown.clone()));
    Ok(server)
}

fn services(
    config: &Config,
    objects: &Objects,
    tokens: Arc<ServiceAccountTokens>,
    rbac: Arc<Rbac>,
    authorizer: Arc<dyn Authorize>,
    (dialer, eviction): (Arc<dyn Dialer>, Arc<Eviction>),
) -> Result<BTreeMap<&'static str, Arc<dyn Service>>, PkiError> {
    let access: Arc<dyn Service> = Arc::new(AccessReview::new(authorizer.clone(), rbac));
    let bind: Arc<dyn Service> = Arc::new(Bind::new());
    let allocation = ServiceAllocation::new(objects.clone(), config);
    objects.env().spawn("IPAddress repair", allocation.repair());
    let pods: Arc<dyn Service> = Arc::new(PodConnect::new(dialer.clone(), authorizer));
    Ok(BTreeMap::from([
        ("services", Arc::new(allocation) as Arc<dyn Service>),
        ("customresourcedefinitions", Arc::new(DefinitionWrites::new(objects.clone()))),
        ("bindings", bind.clone()),
        ("binding", bind),
        ("token", Arc::new(TokenRequest::new(tokens))),
        ("selfsubjectreviews", Arc::new(SelfReview)),
        ("selfsubjectaccessreviews", access.clone()),
        ("subjectaccessreviews", access.clone()),
        ("localsubjectaccessreviews", access.clone()),
        ("selfsubjectrulesreviews", access),
        ("componentstatuses", Arc::new(ComponentStatuses)),
        ("eviction", eviction),
        ("log", pods.clone()),
        ("exec", pods.clone()),
        ("attach", pods.clone()),
        ("portforward", pods),
        ("proxy", Arc::new(Proxy::new(dialer, objects.clone())?)),
    ]))
}
