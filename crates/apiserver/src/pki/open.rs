//! Opening the PKI at start: token, keys from the datastore, and the server's own certificates.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use api::env::Env;
use store::Store;

use super::bundle::KeyBundle;
use super::error::PkiError;
use super::kubeconfig::Kubeconfig;
use super::leaf::{Leaf, Profile};
use super::token::ServerToken;
use crate::config::Config;
use crate::meta::Meta;

/// Everything secret that this server holds.
#[derive(Clone)]
pub struct Pki {
    pub keys: KeyBundle,
    pub token: ServerToken,
    /// What the secure port shows.
    pub serving: Leaf,
    /// With which the server dials kubelets.
    pub kubelet_client: Leaf,
    /// With which the aggregator dials extension servers.
    pub front_proxy_client: Leaf,
    /// system:masters, for the kubeconfig.
    pub admin: Leaf,
    folder: PathBuf,
    env: Env,
}

impl Pki {
    /// Reads or makes all of it.
    pub async fn open(store: &Store<Meta>, config: &Config, env: &Env) -> Result<Self, PkiError> {
        let token_path = config.data_dir.join("server/token");
        let token = ServerToken::resolve(&config.server_token, &token_path, env)?;
        let keys = KeyBundle::open(store, &token.secret, env).await?;
        let server_authority = keys.server_authority.pem();
        token.check(&server_authority)?;
        token.write(&server_authority, &token_path)?;
        let folder = config.data_dir.join("server/tls");
        let leaf =
            |name: &str, authority, profile: Profile| Leaf::load_or_issue(&folder.join(name), authority, &profile, env);
        let client = &keys.client_authority;
        Ok(Self {
            serving: leaf(
                "serving",
                &keys.server_authority,
                Profile::server("kube-apiserver", serving_names(config)?),
            )?,
            kubelet_client: leaf(
                "kubelet-client",
                client,
                Profile::client("kube-apiserver-kubelet-client", &["system:masters"]),
            )?,
            front_proxy_client: leaf(
                "front-proxy-client",
                &keys.front_proxy_authority,
                Profile::client("system:auth-proxy", &[]),
            )?,
            admin: leaf("admin", client, Profile::client("system:admin", &["system:masters"]))?,
            keys,
            token,
            folder,
            env: env.clone(),
        })
    }

    /// A client certificate for a component or node on this machine, kept beside the server's.
    pub fn client(&self, name: &str, user: &str, groups: &[&str]) -> Result<Leaf, PkiError> {
        Leaf::load_or_issue(
            &self.folder.join(name),
            &self.keys.client_authority,
            &Profile::client(user, groups),
            &self.env,
        )
    }

    /// A serving certificate, for the kubelet on this machine.
    pub fn server(&self, name: &str, common_name: &str, names: Vec<String>) -> Result<Leaf, PkiError> {
        Leaf::load_or_issue(
            &self.folder.join(name),
            &self.keys.server_authority,
            &Profile::server(common_name, names),
            &self.env,
        )
    }

    /// Writes the administrator's kubeconfig.
    pub fn write_admin_kubeconfig(&self, server: &str, path: &Path) -> Result<(), PkiError> {
        let authority = self.keys.server_authority.pem();
        Kubeconfig { server, authority: &authority, user: &self.admin, name: "default" }.write(path)
    }
}

/// All names and addresses under which clients reach this server.
pub(crate) fn serving_names(config: &Config) -> Result<Vec<String>, PkiError> {
    let domain = &config.cluster_domain;
    let mut names: Vec<String> =
        ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned).to_vec();
    names.push(format!("kubernetes.default.svc.{domain}"));
    names.push(config.host_name.clone());
    names.extend(["127.0.0.1", "::1"].map(str::to_owned));
    names.push(config.advertise_address.to_string());
    for cidr in &config.service_cidrs {
        names.push(first_service_address(cidr)?.to_string());
    }
    names.extend(config.tls_sans.iter().cloned());
    names.sort();
    names.dedup();
    Ok(names)
}

/// The address of Service default/kubernetes: the range's first after the network's own.
pub(crate) fn first_service_address(cidr: &str) -> Result<IpAddr, PkiError> {
    let bad = || PkiError::ServiceCidr(cidr.to_owned());
    let (address, bits) = cidr.split_once('/').ok_or_else(bad)?;
    let bits: u32 = bits.parse().map_err(|_| bad())?;
    match address.parse().map_err(|_| bad())? {
        IpAddr::V4(address) if bits <= 30 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Ok(IpAddr::from(((u32::from(address) & mask) + 1).to_be_bytes()))
        }
        IpAddr::V6(address) if bits <= 126 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ok(IpAddr::from(((u128::from(address) & mask) + 1).to_be_bytes()))
        }
        _ => Err(bad()),
    }
}
