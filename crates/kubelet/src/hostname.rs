//! The name a Pod has for itself: hostname, subdomain, the fully qualified form, /etc/hosts. Pure.

use k8s_openapi::api::core::v1::Pod;

use crate::containers::spec;

/// The kernel's and DNS's limit for one label.
const LABEL_MAX: usize = 63;
/// The kernel's limit for a host name.
const HOSTNAME_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostnameError {
    #[error(
        "failed to construct FQDN from pod hostname and cluster domain, FQDN {0} is too long (64 characters is the max, {1} characters requested)"
    )]
    TooLong(String, usize),
}

/// Host name and domain (empty without a subdomain).
pub fn hostname_and_domain(pod: &Pod, cluster_domain: &str) -> (String, String) {
    let spec = spec(pod);
    if let Some(name) = spec.hostname_override.as_deref().filter(|name| !name.is_empty()) {
        return (name.to_owned(), String::new());
    }
    let own = spec.hostname.as_deref().filter(|name| !name.is_empty());
    let hostname = own.map_or_else(|| truncated(pod.metadata.name.as_deref().unwrap_or_default()), str::to_owned);
    let domain = spec.subdomain.as_deref().filter(|subdomain| !subdomain.is_empty()).map(|subdomain| {
        format!("{subdomain}.{}.svc.{cluster_domain}", pod.metadata.namespace.as_deref().unwrap_or_default())
    });
    (hostname, domain.unwrap_or_default())
}

/// A Pod's name as one label; it does not end in a dash or a dot.
fn truncated(name: &str) -> String {
    let cut: String = name.chars().take(LABEL_MAX).collect();
    cut.trim_end_matches(['-', '.']).to_owned()
}

/// What the kernel is told: the fully qualified name where the Pod asks for it.
pub fn kernel_hostname(pod: &Pod, cluster_domain: &str) -> Result<String, HostnameError> {
    let (hostname, domain) = hostname_and_domain(pod, cluster_domain);
    if domain.is_empty() || spec(pod).set_hostname_as_fqdn != Some(true) {
        return Ok(hostname);
    }
    let name = format!("{hostname}.{domain}");
    if name.len() > HOSTNAME_MAX { Err(HostnameError::TooLong(name.clone(), name.len())) } else { Ok(name) }
}

/// The text of the Pod's /etc/hosts; a Pod on the host's network gets the host's own and its aliases.
pub fn hosts_file(pod: &Pod, pod_ips: &[String], cluster_domain: &str, host_file: Option<&str>) -> String {
    let mut text = match host_file {
        Some(host) => format!("# Kubernetes-managed hosts file (host network).\n{host}"),
        None => own_entries(pod, pod_ips, cluster_domain),
    };
    let aliases = spec(pod).host_aliases.as_deref().unwrap_or_default();
    if !aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.as_deref().unwrap_or_default().join("\t")));
        }
    }
    text
}

fn own_entries(pod: &Pod, pod_ips: &[String], cluster_domain: &str) -> String {
    let mut text =
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
                    fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
            .to_owned();
    let (hostname, domain) = hostname_and_domain(pod, cluster_domain);
    for ip in pod_ips {
        if domain.is_empty() {
            text.push_str(&format!("{ip}\t{hostname}\n"));
        } else {
            text.push_str(&format!("{ip}\t{hostname}.{domain}\t{hostname}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "web-0", "namespace": "shop"}, "spec": spec})).unwrap()
    }

    #[test]
    fn names() {
        let of = |spec| hostname_and_domain(&pod(spec), "cluster.local");
        assert_eq!(of(json!({"containers": []})), ("web-0".to_owned(), String::new()));
        let full = json!({"containers": [], "hostname": "a", "subdomain": "b", "setHostnameAsFQDN": true});
        assert_eq!(of(full.clone()), ("a".to_owned(), "b.shop.svc.cluster.local".to_owned()));
        assert_eq!(kernel_hostname(&pod(full), "cluster.local").unwrap(), "a.b.shop.svc.cluster.local");
    }

    /// TestManagedHostsFileContent and TestHostsEntriesFromHostAliases.
    #[test]
    fn hosts_file_has_the_pod_and_its_aliases() {
        let pod = pod(
            json!({"containers": [], "subdomain": "b", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["x", "y"]}]}),
        );
        let text = hosts_file(&pod, &["10.42.0.5".to_owned()], "cluster.local", None);
        assert!(text.starts_with(
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        ));
        let end =
            "10.42.0.5\tweb-0.b.shop.svc.cluster.local\tweb-0\n\n# Entries added by HostAliases.\n1.2.3.4\tx\ty\n";
        assert!(text.ends_with(end), "{text}");
    }
}
