//! Names of what a node makes on its host: all begin with a tag derived from the data dir, so that a stranger's link is never taken for ours.

use std::path::Path;

/// The names of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    tag: String,
}

impl Names {
    /// The names of the node with this (absolute) data dir.
    pub fn of(data_dir: &Path) -> Self {
        let hash = fnv1a(data_dir.as_os_str().as_encoded_bytes());
        Self { tag: format!("ox{:05x}", hash & 0xf_ffff) }
    }

    /// What every link of ours begins with.
    pub fn link_prefix(&self) -> &str {
        &self.tag
    }

    /// The host's end of a sandbox's veth pair: fifteen characters, the most the kernel takes.
    pub fn pod_link(&self, sandbox: &str) -> String {
        format!("{}p{:07x}", self.tag, fnv1a(sandbox.as_bytes()) & 0xfff_ffff)
    }

    /// The link that routes to service addresses leave by.
    pub fn service_link(&self) -> String {
        format!("{}s", self.tag)
    }

    /// The far end of the service link; nothing listens there.
    pub fn service_peer(&self) -> String {
        format!("{}t", self.tag)
    }

    /// The tunnel between nodes.
    pub fn vxlan_link(&self) -> String {
        format!("{}v", self.tag)
    }

    /// A locally administered hardware address made of `seed`.
    pub fn mac(&self, seed: &str) -> [u8; 6] {
        let hash = fnv1a(format!("{} {seed}", self.tag).as_bytes()).to_be_bytes();
        [0x02, hash[3], hash[4], hash[5], hash[6], hash[7]]
    }
}

/// The 64-bit FNV-1a hash: stable over releases, which std's hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_link_and_differ_by_data_dir() {
        let (one, two) = (Names::of(Path::new("/var/lib/oxkube")), Names::of(Path::new("/tmp/other")));
        assert_ne!(one.link_prefix(), two.link_prefix());
        for name in [one.pod_link("0123456789abcdef"), one.service_link(), one.service_peer(), one.vxlan_link()] {
            assert!(name.len() <= 15 && name.starts_with(one.link_prefix()), "{name}");
        }
    }

    #[test]
    fn fnv_matches_its_published_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
