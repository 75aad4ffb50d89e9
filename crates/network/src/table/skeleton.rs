//! What the table always holds: its sets, and the chains at the hooks. Pure.

use crate::nft::{
    CT_STATUS_DNAT, Chain, ChainKind, Comparison, Conntrack, Expression, Fib, FibResult, Field, Hook, Meta, Reg,
    Reject, Rule, STATE_NEW, Set, SetData, Verdict,
};
use crate::rtnl::Prefix;

use super::layout::{AFFINITY_MARK, Family, MASQUERADE_MARK, POD_MARK, steps};
use super::ruleset::Delta;

/// Names of sets and chains, each with the family's digit behind it.
pub mod names {
    use super::Family;

    /// (address, protocol, port) -> chain.
    pub const SERVICES: &str = "services";
    /// (protocol, port) on any local address -> chain.
    pub const NODE_PORTS: &str = "node_ports";
    /// (address, protocol, port, slot) -> endpoint.
    pub const ENDPOINTS: &str = "endpoints";
    /// (client, address, protocol, port) -> endpoint, made by the packet path.
    pub const AFFINITY: &str = "affinity";
    /// (address, protocol, port) -> the chain that notes clients, for Services with session affinity.
    pub const AFFINE: &str = "affine";
    /// (address, protocol, port) -> reject or drop.
    pub const REFUSED: &str = "refused";
    /// (protocol, port) on any local address -> reject or drop.
    pub const REFUSED_PORTS: &str = "refused_ports";
    /// (address, protocol, port) that only some sources may reach.
    pub const FIREWALLED: &str = "firewalled";
    /// (address, protocol, port, source range) that may.
    pub const ADMITTED: &str = "admitted";
    /// (address, protocol, port) -> Pod, for host ports.
    pub const HOST_PORTS: &str = "host_ports";
    /// The chain that turns packets away.
    pub const REJECT: &str = "reject";

    /// The name in that family.
    pub fn of(name: &str, family: Family) -> String {
        format!("{name}{}", family.digit())
    }
}

/// Most affinity entries of a family: 262,144 clients times Services, as kube-proxy's conntrack minimum.
const AFFINITY_SIZE: u32 = 262_144;

/// The address ranges the chains need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cidrs {
    /// All Pods of the cluster.
    pub cluster: Vec<Prefix>,
    /// Service addresses.
    pub services: Vec<Prefix>,
    /// This node's Pods.
    pub node: Vec<Prefix>,
}

/// The sets and hook chains; `link_prefix` is what our links' names begin with.
pub fn skeleton(cidrs: &Cidrs, link_prefix: &str) -> Delta {
    let mut delta = Delta::default();
    for family in Family::ALL {
        delta.sets.extend(sets(family));
        delta.chains.push(Chain::new(names::of("service", family), service_rules(family)));
        delta.chains.push(Chain::new(names::of("refuse", family), refuse_rules(family)));
        delta.chains.push(Chain::new(names::of("firewall", family), firewall_rules(family)));
        delta.chains.push(Chain::new(names::of("note", family), note_rules(family)));
    }
    delta.chains.push(Chain::new(names::REJECT, reject_rules()));
    let base = Chain::base;
    use ChainKind::{Filter, Nat};
    delta.chains.push(base("raw-prerouting", Filter, Hook::Prerouting, -300, raw_rules()));
    delta.chains.push(base("filter-prerouting", Filter, Hook::Prerouting, -110, for_new("firewall")));
    delta.chains.push(base("filter-input", Filter, Hook::Input, -110, input_rules(link_prefix)));
    delta.chains.push(base("filter-forward", Filter, Hook::Forward, -110, forward_rules(cidrs, link_prefix)));
    delta.chains.push(base("filter-output", Filter, Hook::Output, -110, for_new("refuse")));
    delta.chains.push(base("filter-output-late", Filter, Hook::Output, -10, stray_rules(cidrs)));
    delta.chains.push(base("nat-prerouting", Nat, Hook::Prerouting, -100, per_family("service")));
    delta.chains.push(base("nat-output", Nat, Hook::Output, -100, per_family("service")));
    delta.chains.push(base("filter-prerouting-late", Filter, Hook::Prerouting, -99, noting_rules()));
    delta.chains.push(base("filter-output-noting", Filter, Hook::Output, -99, noting_rules()));
    delta.chains.push(base("nat-postrouting", Nat, Hook::Postrouting, 100, postrouting_rules(cidrs)));
    delta
}

/// TCP gets a reset, which no ICMP rate limit holds back; all else port unreachable.
fn reject_rules() -> Vec<Rule> {
    let tcp = vec![Expression::Meta { key: Meta::Protocol, into: Reg(0) }, steps::equal(Reg(0), vec![6])];
    vec![
        Rule::new([tcp, vec![Expression::Reject(Reject::TcpReset)]].concat()),
        Rule::new(vec![Expression::Reject(Reject::PortUnreachable)]),
    ]
}

fn sets(family: Family) -> Vec<Set> {
    let address = family.field();
    let frontend = family.frontend();
    let port = [Field::Protocol, Field::Port];
    let slot = [address, Field::Protocol, Field::Port, Field::Mark];
    let client = [address, address, Field::Protocol, Field::Port];
    let admitted = [address, Field::Protocol, Field::Port, address];
    let named = |name| names::of(name, family);
    vec![
        Set::new(&named(names::SERVICES), &frontend, Some(SetData::Verdict)),
        Set::new(&named(names::NODE_PORTS), &port, Some(SetData::Verdict)),
        Set::new(&named(names::ENDPOINTS), &slot, Some(family.endpoint())),
        Set::new(&named(names::AFFINITY), &client, Some(family.endpoint())).dynamic(AFFINITY_SIZE),
        Set::new(&named(names::AFFINE), &frontend, Some(SetData::Verdict)),
        Set::new(&named(names::REFUSED), &frontend, Some(SetData::Verdict)),
        Set::new(&named(names::REFUSED_PORTS), &port, Some(SetData::Verdict)),
        Set::new(&named(names::FIREWALLED), &frontend, None),
        Set::new(&named(names::ADMITTED), &admitted, None).interval(),
        Set::new(&named(names::HOST_PORTS), &frontend, Some(family.endpoint())),
    ]
}

/// Jumps to the family's chain for new connections.
fn for_new(chain: &str) -> Vec<Rule> {
    let jump = |family: Family| {
        let mut rule = steps::conntrack(Conntrack::State, STATE_NEW);
        rule.extend(family.only());
        rule.push(steps::jump(&names::of(chain, family)));
        Rule::new(rule)
    };
    Family::ALL.map(jump).to_vec()
}

/// Jumps to the family's chain.
fn per_family(chain: &str) -> Vec<Rule> {
    Family::ALL
        .map(|family| Rule::new([family.only().to_vec(), vec![steps::jump(&names::of(chain, family))]].concat()))
        .to_vec()
}

/// A Service's address, else (on a local address) a host port of a Pod, else a node port.
fn service_rules(family: Family) -> Vec<Rule> {
    let port = family.load_port().to_vec();
    let frontend = [vec![family.load_address()], port.clone()].concat();
    let named = |name| names::of(name, family);
    let any = Expression::Load { into: family.address(), bytes: crate::nft::Key::new().ip(family.unspecified()).0 };
    let to_pod = |address: Vec<Expression>| {
        let rewrite = Expression::Dnat {
            family: family.number(),
            address: family.endpoint_address(),
            port: family.endpoint_port(),
        };
        let lookup = steps::data_map(&named(names::HOST_PORTS), family.address(), family.endpoint_address());
        Rule::new([steps::local(false), address, port.clone(), vec![lookup, rewrite]].concat())
    };
    vec![
        Rule::new([frontend, vec![steps::verdict_map(&named(names::SERVICES), family.address())]].concat()),
        to_pod(vec![family.load_address()]),
        to_pod(vec![any]),
        Rule::new(
            [steps::local(false), port.clone(), vec![steps::verdict_map(&named(names::NODE_PORTS), family.protocol())]]
                .concat(),
        ),
    ]
}

fn refuse_rules(family: Family) -> Vec<Rule> {
    let port = family.load_port().to_vec();
    let named = |name| names::of(name, family);
    let address = steps::verdict_map(&named(names::REFUSED), family.address());
    let local = steps::verdict_map(&named(names::REFUSED_PORTS), family.protocol());
    vec![
        Rule::new([vec![family.load_address()], port.clone(), vec![address]].concat()),
        Rule::new([steps::local(false), port, vec![local]].concat()),
    ]
}

/// loadBalancerSourceRanges: of the listed frontends only admitted sources get through. The key for the second look-up is (address,
/// protocol, port, source): the source goes to the slot's place.
fn firewall_rules(family: Family) -> Vec<Rule> {
    let named = |name| names::of(name, family);
    let Expression::Payload { base, offset, length, .. } = family.load_source() else { return Vec::new() };
    let source = Expression::Payload { base, offset, length, into: family.slot() };
    let listed = steps::member(&named(names::FIREWALLED), family.address(), false);
    let admitted = steps::member(&named(names::ADMITTED), family.address(), true);
    let key = [vec![family.load_address()], family.load_port().to_vec()].concat();
    vec![Rule::new([key, vec![listed, source, admitted, Expression::Verdict(Verdict::Drop)]].concat())]
}

/// Our links accept packets between loopback addresses and Pods (route_localnet), so what comes from outside to a loopback address is
/// dropped before connection tracking could turn it around.
fn raw_rules() -> Vec<Rule> {
    let loopback: Prefix = Prefix::new(std::net::Ipv4Addr::new(127, 0, 0, 0).into(), 8);
    let not_loopback =
        vec![Expression::Meta { key: Meta::InputName, into: Reg(0) }, steps::differs(Reg(0), b"lo\0".to_vec())];
    let family = Family::V4;
    let inside = steps::prefix(family.address(), loopback, Comparison::Equal);
    let drop = vec![Expression::Verdict(Verdict::Drop)];
    vec![Rule::new([family.only().to_vec(), not_loopback, vec![family.load_address()], inside, drop].concat())]
}

/// Right after the destination is rewritten: clients of Services with session affinity are noted with their endpoint. It stands here, not
/// with the choice of the endpoint, because nft up to 1.0.6 cannot print a rule that notes what another map has given.
fn noting_rules() -> Vec<Rule> {
    let note = |family: Family| {
        let marked = [steps::has_mark(AFFINITY_MARK), steps::clear_mark(AFFINITY_MARK)].concat();
        Rule::new([family.only().to_vec(), marked, vec![steps::jump(&names::of("note", family))]].concat())
    };
    Family::ALL.map(note).to_vec()
}

/// By the address that was asked for, else as a node port.
fn note_rules(family: Family) -> Vec<Rule> {
    let note = |any_local| {
        let map = steps::verdict_map(&names::of(names::AFFINE, family), family.address());
        Rule::new([family.load_asked(any_local).to_vec(), vec![map]].concat())
    };
    vec![note(false), note(true)]
}

fn input_rules(link_prefix: &str) -> Vec<Rule> {
    let mut rules = for_new("refuse");
    rules.push(Rule::new([steps::link_begins(Meta::InputName, link_prefix), steps::add_mark(POD_MARK)].concat()));
    rules
}

fn forward_rules(cidrs: &Cidrs, link_prefix: &str) -> Vec<Rule> {
    let mut rules = for_new("refuse");
    rules.extend(stray_rules(cidrs));
    // Hairpin: the rewritten destination lies behind the link the packet came by; only the node's address brings the answer back here.
    let back = Expression::Fib { fib: Fib { result: FibResult::Output, source: false, by_input: true }, into: Reg(15) };
    let hairpin = [
        steps::conntrack(Conntrack::State, STATE_NEW),
        steps::conntrack(Conntrack::Status, CT_STATUS_DNAT),
        vec![back, steps::differs(Reg(15), vec![0; 4])],
        steps::add_mark(MASQUERADE_MARK),
    ];
    rules.push(Rule::new(hairpin.concat()));
    for side in [Meta::InputName, Meta::OutputName] {
        rules.push(Rule::new([steps::link_begins(side, link_prefix), steps::add_mark(POD_MARK)].concat()));
    }
    rules
}

/// What still goes to a service address after rewriting has no Service behind it.
fn stray_rules(cidrs: &Cidrs) -> Vec<Rule> {
    let stray = |prefix: &Prefix| {
        let family = Family::of(prefix.address);
        let inside = steps::prefix(family.address(), *prefix, Comparison::Equal);
        Rule::new(
            [family.only().to_vec(), vec![family.load_address()], inside, vec![steps::goto(names::REJECT)]].concat(),
        )
    };
    cidrs.services.iter().map(stray).collect()
}

fn postrouting_rules(cidrs: &Cidrs) -> Vec<Rule> {
    let masquerade = vec![Expression::Masquerade];
    let marked = [steps::has_mark(MASQUERADE_MARK), steps::clear_mark(MASQUERADE_MARK), masquerade.clone()];
    let mut rules = vec![Rule::new(marked.concat())];
    let loopback = Prefix::new(std::net::Ipv4Addr::new(127, 0, 0, 0).into(), 8);
    let family = Family::V4;
    let from_loopback =
        [vec![family.load_source()], steps::prefix(family.source(), loopback, Comparison::Equal)].concat();
    let leaves =
        vec![Expression::Meta { key: Meta::OutputName, into: Reg(8) }, steps::differs(Reg(8), b"lo\0".to_vec())];
    rules.push(Rule::new([family.only().to_vec(), from_loopback, leaves, masquerade.clone()].concat()));
    rules.extend(cidrs.node.iter().map(|node| Rule::new([leaving(cidrs, *node), masquerade.clone()].concat())));
    rules
}

/// From a Pod of this node to neither the cluster nor a multicast group.
fn leaving(cidrs: &Cidrs, node: Prefix) -> Vec<Expression> {
    let family = Family::of(node.address);
    let multicast: Prefix = match family {
        Family::V4 => Prefix::new(std::net::Ipv4Addr::new(224, 0, 0, 0).into(), 4),
        Family::V6 => Prefix::new(std::net::Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).into(), 8),
    };
    let mut steps_: Vec<Expression> = family.only().to_vec();
    steps_.push(family.load_source());
    steps_.extend(steps::prefix(family.source(), node, Comparison::Equal));
    for inside in cidrs.cluster.iter().filter(|cidr| Family::of(cidr.address) == family).chain([&multicast]) {
        steps_.push(family.load_address());
        steps_.extend(steps::prefix(family.address(), *inside, Comparison::NotEqual));
    }
    steps_
}
