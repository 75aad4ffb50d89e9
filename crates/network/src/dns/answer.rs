//! A question and the records -> an answer, or "ask others". Pure. Names that exist without the type asked for give NODATA, names that do
//! not exist NXDOMAIN, both with the zone's SOA.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::records::{EndpointRecord, PortRecord, Records, ServiceRecord};

/// Seconds an answer may be kept: short, as Services change.
pub const TTL: u32 = 5;
const SCHEMA_VERSION: &str = "1.1.0";
/// ExternalName to ExternalName to ...: more is taken for a circle.
const MOST_ALIASES: usize = 8;

/// The cluster's domain.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its name, `cluster.local.`
    pub domain: Name,
    /// The address DNS is reached at.
    pub server: Option<IpAddr>,
}

/// What to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// These records.
    Records {
        /// NOERROR or NXDOMAIN.
        code: ResponseCode,
        /// The answer section.
        answers: Vec<Record>,
        /// The SOA of negative answers.
        authorities: Vec<Record>,
        /// Addresses of SRV targets.
        additionals: Vec<Record>,
    },
    /// These aliases, and whatever others say of the name they lead to.
    Alias {
        /// CNAME records.
        aliases: Vec<Record>,
        /// Where they lead.
        target: Name,
    },
    /// What others say of `target`, behind this alias; NXDOMAIN where they do not know it.
    Search {
        /// A CNAME record.
        alias: Box<Record>,
        /// Where it leads.
        target: Name,
    },
    /// Not ours.
    Forward,
}

/// What a name is.
enum Found {
    Missing,
    /// It exists; these are its records of the type asked for, and the addresses they need.
    Present(Vec<RData>, Vec<Record>),
    Alias(Name),
}

/// Answers a question of class IN.
pub fn answer(records: &Records, zone: &Zone, query: &Query) -> Answer {
    let kind = query.query_type();
    if let Some(address) = address_of_reverse_name(query.name()) {
        return reverse(records, zone, query, address);
    }
    let mut name = query.name().clone();
    let mut aliases = Vec::new();
    while zone.domain.zone_of(&name) {
        match find(records, zone, &name, kind) {
            Found::Missing => return negative(zone, ResponseCode::NXDomain, aliases),
            Found::Present(data, _) if data.is_empty() => return negative(zone, ResponseCode::NoError, aliases),
            Found::Present(data, additionals) => {
                aliases.extend(data.into_iter().map(|data| Record::from_rdata(name.clone(), TTL, data)));
                return Answer::Records {
                    code: ResponseCode::NoError,
                    answers: aliases,
                    authorities: vec![],
                    additionals,
                };
            }
            Found::Alias(target) => {
                aliases.push(Record::from_rdata(name, TTL, RData::CNAME(CNAME(target.clone()))));
                if kind == RecordType::CNAME || aliases.len() > MOST_ALIASES {
                    let code = if kind == RecordType::CNAME { ResponseCode::NoError } else { ResponseCode::ServFail };
                    return Answer::Records { code, answers: aliases, authorities: vec![], additionals: vec![] };
                }
                name = target;
            }
        }
    }
    if aliases.is_empty() { Answer::Forward } else { Answer::Alias { aliases, target: name } }
}

fn negative(zone: &Zone, code: ResponseCode, answers: Vec<Record>) -> Answer {
    Answer::Records { code, answers, authorities: vec![zone.soa_record()], additionals: vec![] }
}

/// An address we do not know may be known elsewhere.
fn reverse(records: &Records, zone: &Zone, query: &Query, address: IpAddr) -> Answer {
    let names = records.names_of(&address).filter_map(|name| zone.below(name));
    let answers: Vec<Record> =
        names.map(|name| Record::from_rdata(query.name().clone(), TTL, RData::PTR(PTR(name)))).collect();
    match (answers.is_empty(), query.query_type()) {
        (true, _) => Answer::Forward,
        (false, RecordType::PTR | RecordType::ANY) => {
            Answer::Records { code: ResponseCode::NoError, answers, authorities: vec![], additionals: vec![] }
        }
        (false, _) => negative(zone, ResponseCode::NoError, vec![]),
    }
}

fn find(records: &Records, zone: &Zone, name: &Name, kind: RecordType) -> Found {
    let depth = usize::from(name.num_labels() - zone.domain.num_labels());
    let labels: Vec<String> =
        name.iter().take(depth).map(|label| String::from_utf8_lossy(label).to_ascii_lowercase()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let present = |data: Vec<RData>| Found::Present(data, vec![]);
    match labels.as_slice() {
        [] => present(zone.apex(kind)),
        ["dns-version"] if kind == RecordType::TXT => present(vec![RData::TXT(TXT::new(vec![SCHEMA_VERSION.into()]))]),
        ["dns-version" | "svc" | "pod" | "dns"] => present(vec![]),
        ["ns", "dns"] => present(zone.server.into_iter().filter_map(|address| address_data(address, kind)).collect()),
        [namespace, "svc" | "pod"] if records.has_namespace(namespace) => present(vec![]),
        [dashed, namespace, "pod"] if records.has_namespace(namespace) => match undash(dashed) {
            Some(address) => present(address_data(address, kind).into_iter().collect()),
            None => Found::Missing,
        },
        [below @ .., service, namespace, "svc"] => match records.service(namespace, service) {
            Some(record) => found_service(zone, &format!("{service}.{namespace}.svc"), record, below, kind),
            None => Found::Missing,
        },
        _ => Found::Missing,
    }
}

fn found_service(zone: &Zone, service: &str, record: &ServiceRecord, below: &[&str], kind: RecordType) -> Found {
    match record {
        ServiceRecord::External { name } if below.is_empty() => {
            Name::from_ascii(format!("{name}.")).map_or(Found::Missing, Found::Alias)
        }
        ServiceRecord::External { .. } => Found::Missing,
        // The specification wants NXDOMAIN for a headless Service without ready endpoints.
        ServiceRecord::Headless { endpoints } if endpoints.is_empty() => Found::Missing,
        ServiceRecord::Cluster { addresses, ports } => found_targets(
            zone,
            &[Target { name: service.to_owned(), addresses: addresses.clone(), ports: ports.clone() }],
            below,
            kind,
        ),
        ServiceRecord::Headless { endpoints } => match below {
            [hostname] if !hostname.starts_with('_') => {
                let named: Vec<&EndpointRecord> =
                    endpoints.iter().filter(|endpoint| endpoint.hostname.eq_ignore_ascii_case(hostname)).collect();
                let data = named.iter().filter_map(|endpoint| address_data(endpoint.address, kind)).collect();
                if named.is_empty() { Found::Missing } else { Found::Present(data, vec![]) }
            }
            _ => {
                let target = |endpoint: &EndpointRecord| Target {
                    name: format!("{}.{service}", endpoint.hostname),
                    addresses: vec![endpoint.address],
                    ports: endpoint.ports.clone(),
                };
                found_targets(zone, &endpoints.iter().map(target).collect::<Vec<_>>(), below, kind)
            }
        },
    }
}

/// Something a Service's name leads to: itself, or an endpoint.
struct Target {
    name: String,
    addresses: Vec<IpAddr>,
    ports: Vec<PortRecord>,
}

/// The Service's own name gives addresses (and all ports as SRV), `_port._protocol` below it SRV only.
fn found_targets(zone: &Zone, targets: &[Target], below: &[&str], kind: RecordType) -> Found {
    let (port, protocol) = match below {
        [] => (None, None),
        [protocol] => (None, Some(*protocol)),
        [port, protocol] => (Some(*port), Some(*protocol)),
        _ => return Found::Missing,
    };
    let matches = |record: &&PortRecord| {
        let label =
            |text: &str, label: &str| label.strip_prefix('_').is_some_and(|label| label.eq_ignore_ascii_case(text));
        protocol.is_none_or(|wanted| label(record.protocol.as_str(), wanted))
            && port.is_none_or(|wanted| label(&record.name, wanted))
    };
    let served: Vec<(&Target, &PortRecord)> =
        targets.iter().flat_map(|target| target.ports.iter().filter(matches).map(move |port| (target, port))).collect();
    if !below.is_empty() && served.is_empty() {
        return Found::Missing;
    }
    match kind {
        RecordType::SRV if below.len() != 1 => services(zone, &served),
        RecordType::A | RecordType::AAAA if below.is_empty() => {
            let addresses = targets.iter().flat_map(|target| &target.addresses);
            Found::Present(addresses.filter_map(|address| address_data(*address, kind)).collect(), vec![])
        }
        _ => Found::Present(vec![], vec![]),
    }
}

fn services(zone: &Zone, served: &[(&Target, &PortRecord)]) -> Found {
    let weight = (100 / served.len().max(1)).max(1) as u16;
    let (mut data, mut additionals) = (Vec::new(), Vec::new());
    for (target, port) in served {
        let Some(name) = zone.below(&target.name) else { continue };
        data.push(RData::SRV(SRV::new(0, weight, port.number, name.clone())));
        let addresses =
            target.addresses.iter().map(|address| Record::from_rdata(name.clone(), TTL, any_address(*address)));
        additionals.extend(addresses.filter(|record| !additionals.contains(record)).collect::<Vec<_>>());
    }
    Found::Present(data, additionals)
}

fn any_address(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

fn address_data(address: IpAddr, kind: RecordType) -> Option<RData> {
    let wanted = match kind {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        _ => false,
    };
    wanted.then(|| any_address(address))
}

/// `10-42-0-2` or `fd42--2`.
fn undash(text: &str) -> Option<IpAddr> {
    let v4 = text.replace('-', ".").parse::<Ipv4Addr>().ok().map(IpAddr::from);
    v4.or_else(|| text.replace('-', ":").parse::<Ipv6Addr>().ok().map(IpAddr::from))
}

/// The whole address a name below in-addr.arpa or ip6.arpa stands for.
fn address_of_reverse_name(name: &Name) -> Option<IpAddr> {
    let network = name.parse_arpa_name().ok()?;
    (network.prefix_len() == network.max_prefix_len()).then(|| network.addr())
}

impl Zone {
    /// A name below the domain.
    pub fn below(&self, relative: &str) -> Option<Name> {
        Name::from_ascii(relative).ok()?.append_domain(&self.domain).ok()
    }

    /// The zone's SOA, for negative answers.
    pub fn soa_record(&self) -> Record {
        Record::from_rdata(self.domain.clone(), TTL, self.soa())
    }

    fn soa(&self) -> RData {
        let named = |label: &str| self.below(label).unwrap_or_else(|| self.domain.clone());
        // The serial says nothing: nobody transfers this zone.
        RData::SOA(SOA::new(named("ns.dns"), named("hostmaster"), 1, 7200, 1800, 86400, TTL))
    }

    fn apex(&self, kind: RecordType) -> Vec<RData> {
        match kind {
            RecordType::SOA => vec![self.soa()],
            RecordType::NS => self.below("ns.dns").map(|name| RData::NS(NS(name))).into_iter().collect(),
            _ => vec![],
        }
    }
}
