//! The command line of `server` and `agent`: a contract. Every flag is also an OXKUBE_* variable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand};

/// Kubernetes in one binary.
#[derive(Debug, Parser)]
#[command(name = "oxkube", version, about, disable_help_subcommand = true)]
pub struct Command {
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the binary is asked to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the control plane, and a node on this machine.
    Server(Box<ServerFlags>),
    /// Run a node of a cluster whose server is elsewhere.
    Agent(Box<AgentFlags>),
    /// Talk to a cluster, as kubectl does.
    #[command(disable_help_flag = true)]
    Kubectl {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Processes that the node starts by itself.
    #[command(hide = true)]
    Internal {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// List, pull, import and remove the images of this node.
    Image {
        #[arg(long, env = "OXKUBE_DATA_DIR", value_name = "DIR", default_value = "/var/lib/oxkube", global = true)]
        data_dir: PathBuf,
        #[command(subcommand)]
        verb: crate::image::ImageVerb,
    },
    /// Stop what was started here and remove everything it made.
    Uninstall {
        #[arg(long, env = "OXKUBE_DATA_DIR", value_name = "DIR", default_value = "/var/lib/oxkube")]
        data_dir: PathBuf,
    },
    /// Print the version.
    Version,
}

/// Flags of a control plane.
#[derive(Clone, Debug, Args)]
pub struct ServerFlags {
    /// Where the kubeconfig of the cluster's administrator is written.
    #[arg(long, env = "OXKUBE_WRITE_KUBECONFIG", value_name = "PATH", default_value = "/etc/oxkube/kubeconfig.yaml")]
    pub write_kubeconfig: PathBuf,
    #[arg(long, env = "OXKUBE_HTTPS_LISTEN_PORT", value_name = "PORT", default_value_t = 6443)]
    pub https_listen_port: u16,
    /// Address the API listens on; all addresses when not given.
    #[arg(long, env = "OXKUBE_BIND_ADDRESS", value_name = "ADDR")]
    pub bind_address: Option<IpAddr>,
    /// Address that Pods and agents reach the API at; the node's when not given.
    #[arg(long, env = "OXKUBE_ADVERTISE_ADDRESS", value_name = "ADDR")]
    pub advertise_address: Option<IpAddr>,
    /// One more name or address in the API's certificate; may be repeated.
    #[arg(long, env = "OXKUBE_TLS_SAN", value_name = "NAME", value_delimiter = ',')]
    pub tls_san: Vec<String>,
    #[arg(long, env = "OXKUBE_CLUSTER_CIDR", value_name = "CIDR", default_value = "10.42.0.0/16")]
    pub cluster_cidr: String,
    #[arg(long, env = "OXKUBE_NODE_CIDR_MASK_SIZE", value_name = "BITS", default_value_t = 24)]
    pub node_cidr_mask_size: u8,
    #[arg(long, env = "OXKUBE_SERVICE_CIDR", value_name = "CIDR", default_value = "10.43.0.0/16")]
    pub service_cidr: String,
    #[arg(long, env = "OXKUBE_CLUSTER_DNS", value_name = "ADDR", default_value = "10.43.0.10")]
    pub cluster_dns: IpAddr,
    /// A component not to start; may be repeated.
    #[arg(long, env = "OXKUBE_DISABLE", value_name = "COMPONENT", value_delimiter = ',')]
    pub disable: Vec<String>,
    /// Run no node here.
    #[arg(long, env = "OXKUBE_DISABLE_AGENT")]
    pub disable_agent: bool,
    /// The token with which agents join; made and kept in DATA_DIR/server/token when not given.
    #[arg(long, env = "OXKUBE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How many watches one user may have open; one more is answered with 429.
    #[arg(long, env = "OXKUBE_WATCHES_PER_USER_MAX", value_name = "N", default_value_t = 10_000, value_parser = at_least_one())]
    pub watches_per_user_max: usize,
    #[command(flatten)]
    pub node: NodeFlags,
}

/// Every flag of `server` with its value, as /flagz shows them; a secret is not shown, whether it was given or not.
pub fn shown(arguments: impl IntoIterator<Item = OsString>) -> BTreeMap<String, String> {
    let mut command = Command::command();
    let matches = command.try_get_matches_from_mut(arguments).ok();
    let given = matches.as_ref().and_then(|matches| matches.subcommand_matches("server"));
    let value = |flag: &clap::Arg| {
        let values = given.and_then(|given| given.try_get_raw(flag.get_id().as_str()).ok().flatten());
        let values: Vec<String> =
            values.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect();
        if flag.is_hide_env_values_set() { "CLASSIFIED".to_owned() } else { values.join(",") }
    };
    let flags = command.find_subcommand("server").into_iter().flat_map(clap::Command::get_arguments);
    let named = flags.filter_map(|flag| Some((flag.get_long()?.to_owned(), value(flag))));
    named.filter(|(name, _)| name != "help").collect()
}

/// Flags of a node that joins.
#[derive(Clone, Debug, Args)]
pub struct AgentFlags {
    /// The server's address, as https://HOST:6443.
    #[arg(long, env = "OXKUBE_SERVER", value_name = "URL")]
    pub server: String,
    /// The token with which to join: what is in DATA_DIR/server/token of the server, or a bootstrap token.
    #[arg(long, env = "OXKUBE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: String,
    #[command(flatten)]
    pub node: NodeFlags,
}

/// Flags of every node.
#[derive(Clone, Debug, Args)]
pub struct NodeFlags {
    #[arg(long, env = "OXKUBE_DATA_DIR", value_name = "DIR", default_value = "/var/lib/oxkube")]
    pub data_dir: PathBuf,
    /// The host's name when not given.
    #[arg(long, env = "OXKUBE_NODE_NAME", value_name = "NAME")]
    pub node_name: Option<String>,
    /// The address of the interface with the default route when not given.
    #[arg(long, env = "OXKUBE_NODE_IP", value_name = "ADDR")]
    pub node_ip: Option<IpAddr>,
    #[arg(long, env = "OXKUBE_NODE_LABEL", value_name = "K=V", value_delimiter = ',')]
    pub node_label: Vec<String>,
    #[arg(long, env = "OXKUBE_NODE_TAINT", value_name = "K=V:EFFECT", value_delimiter = ',')]
    pub node_taint: Vec<String>,
    #[arg(long, env = "OXKUBE_MAX_PODS", value_name = "N", default_value_t = 110)]
    pub max_pods: u32,
    /// One more resource this node offers; may be repeated.
    #[arg(long, env = "OXKUBE_CAPACITY", value_name = "K=V", value_delimiter = ',')]
    pub capacity: Vec<String>,
    /// Where images of a registry come from instead; may be repeated.
    #[arg(long, env = "OXKUBE_REGISTRY_MIRROR", value_name = "HOST=URL", value_delimiter = ',')]
    pub registry_mirror: Vec<String>,
    /// A CRI socket to use instead of the built-in runtime.
    #[arg(long, env = "OXKUBE_CONTAINER_RUNTIME_ENDPOINT", value_name = "SOCKET")]
    pub container_runtime_endpoint: Option<String>,
}

/// The server's own components watch too: none at all would stop it.
fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_may_watch() {
        let watches = |most: &str| Command::try_parse_from(["oxkube", "server", "--watches-per-user-max", most]);
        assert!(watches("1").is_ok() && watches("10000").is_ok());
        let refused = watches("0").expect_err("no watches at all").to_string();
        assert!(refused.contains("--watches-per-user-max"), "{refused}");
    }

    #[test]
    fn flags_are_shown_without_secrets() {
        let given = ["oxkube", "server", "--token=abc", "--disable=dns,proxy", "--https-listen-port", "7443"];
        let shown = shown(given.map(OsString::from));
        let value = |name: &str| shown.get(name).map(String::as_str);
        assert_eq!(value("token"), Some("CLASSIFIED"));
        assert_eq!(value("disable"), Some("dns,proxy"));
        assert_eq!(value("https-listen-port"), Some("7443"));
        assert_eq!(value("cluster-cidr"), Some("10.42.0.0/16"));
        assert_eq!(value("disable-agent"), Some("false"));
        assert_eq!(value("bind-address"), Some(""));
        assert_eq!(value("help"), None);
        assert!(!shown.values().any(|value| value.contains("abc")));
    }
}
