//! The values of Kubernetes' libraries.

use std::net::IpAddr;

use crate::formats::Format;
use crate::network::Cidr;
use crate::quantity::Quantity;
use crate::semver::Semver;
use crate::types::Type;
use crate::urls::Url;

pub enum Library {
    Quantity(Quantity),
    Url(Url),
    Ip(IpAddr),
    Cidr(Cidr),
    Semver(Semver),
    Format(&'static Format),
}

impl Library {
    pub(crate) fn of_type(&self) -> Type {
        match self {
            Library::Quantity(_) => Type::object("kubernetes.Quantity"),
            Library::Url(_) => Type::object("kubernetes.URL"),
            Library::Ip(_) => Type::Opaque("net.IP".into(), Vec::new()),
            Library::Cidr(_) => Type::Opaque("net.CIDR".into(), Vec::new()),
            Library::Semver(_) => Type::object("kubernetes.Semver"),
            Library::Format(_) => Type::object("kubernetes.NamedFormat"),
        }
    }

    /// The size as costs count it: the bytes of an address or of a prefix.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Library::Ip(IpAddr::V4(_)) => 4,
            Library::Ip(IpAddr::V6(_)) => 16,
            Library::Cidr(cidr) => u64::from(cidr.bits.div_ceil(8)),
            _ => 1,
        }
    }

    pub(crate) fn equal(&self, other: &Library) -> bool {
        match (self, other) {
            (Library::Quantity(left), Library::Quantity(right)) => left.compare(right).is_eq(),
            (Library::Url(left), Library::Url(right)) => left.text == right.text,
            (Library::Ip(left), Library::Ip(right)) => left == right,
            (Library::Cidr(left), Library::Cidr(right)) => left == right,
            (Library::Semver(left), Library::Semver(right)) => left.compare(right).is_eq(),
            (Library::Format(left), Library::Format(right)) => left.name == right.name,
            _ => false,
        }
    }
}
