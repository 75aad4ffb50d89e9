//! Nodes.

use api::quantity::{Format, Quantity};
use serde_json::{Map, Value};

use super::containers::written;
use super::events::{self, since};
use super::related::Related;
use super::text::{Text, at, date, flag, items, show, text};

pub fn write(node: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(node, "metadata.name"));
    out.field(0, "Roles", roles(node));
    out.map(0, "Labels", at(node, "metadata.labels"));
    out.annotations(0, "Annotations", at(node, "metadata.annotations"));
    out.field(0, "CreationTimestamp", date(text(node, "metadata.creationTimestamp")));
    let mut taints: Vec<&Value> = items(node, "spec.taints").iter().collect();
    taints.sort_by_key(|taint| (text(taint, "effect"), text(taint, "key")));
    let taints: Vec<String> = taints.into_iter().map(taint).collect();
    out.several(0, "Taints", &taints);
    out.field(0, "Unschedulable", flag(node, "spec.unschedulable"));
    lease(related, out);
    conditions(node, out);
    out.line(0, "Addresses:");
    for address in items(node, "status.addresses") {
        out.field(1, text(address, "type"), text(address, "address"));
    }
    for (name, path) in [("Capacity", "status.capacity"), ("Allocatable", "status.allocatable")] {
        let amounts = at(node, path).as_object();
        if amounts.is_some_and(|amounts| !amounts.is_empty()) {
            out.line(0, format_args!("{name}:"));
            amounts.into_iter().flatten().for_each(|(name, amount)| out.field(1, name, written(amount)));
        }
    }
    system_info(node, out);
    pods(node, related, out);
    events::write(related, out);
}

fn roles(node: &Value) -> String {
    let labels = at(node, "metadata.labels").as_object().into_iter().flatten();
    let roles: Vec<String> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role.to_owned()).filter(|role| !role.is_empty()),
            None => Some(show(value)).filter(|role| key == "kubernetes.io/role" && !role.is_empty()),
        })
        .collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

/// `key=value:effect`.
pub fn taint(taint: &Value) -> String {
    let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
    let value = if value.is_empty() { String::new() } else { format!("={value}") };
    let effect = if effect.is_empty() { String::new() } else { format!(":{effect}") };
    format!("{key}{value}{effect}")
}

fn lease(related: &Related, out: &mut Text) {
    let Some(lease) = &related.lease else { return };
    let spec = match lease {
        Ok(lease) => &lease["spec"],
        Err(error) => return out.field(0, "Lease", format!("Failed to get lease: {error}")),
    };
    out.line(0, "Lease:");
    let holder = text(spec, "holderIdentity");
    out.field(1, "HolderIdentity", if holder.is_empty() { "<unset>" } else { holder });
    for (name, path) in [("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")] {
        out.field(1, name, date(text(spec, path)));
    }
}

fn conditions(node: &Value, out: &mut Text) {
    let conditions = items(node, "status.conditions");
    if conditions.is_empty() {
        return;
    }
    out.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
    out.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for condition in conditions {
        let time = |path: &str| date(text(condition, path));
        let (heartbeat, transition) = (time("lastHeartbeatTime"), time("lastTransitionTime"));
        let (kind, status) = (text(condition, "type"), text(condition, "status"));
        let (reason, message) = (text(condition, "reason"), text(condition, "message"));
        out.line(1, format_args!("{kind} \t{status} \t{heartbeat} \t{transition} \t{reason} \t{message}"));
    }
}

fn system_info(node: &Value, out: &mut Text) {
    out.line(0, "System Info:");
    let info = at(node, "status.nodeInfo");
    for (name, path) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        out.field(1, name, text(info, path));
    }
    out.field_if(0, "PodCIDR", text(node, "spec.podCIDR"));
    let ranges: Vec<String> = items(node, "spec.podCIDRs").iter().map(show).collect();
    out.field_if(0, "PodCIDRs", &ranges.join(","));
    out.field_if(0, "ProviderID", text(node, "spec.providerID"));
}

/// What the Pods of the node ask for, each and together.
fn pods(node: &Value, related: &Related, out: &mut Text) {
    out.line(0, format_args!("Non-terminated Pods:\t({} in total)", related.pods.len()));
    out.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    out.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let allocatable = match at(node, "status.allocatable") {
        Value::Null => at(node, "status.capacity"),
        amounts => amounts,
    };
    let mut totals = [Sums::default(), Sums::default()];
    for pod in &related.pods {
        let sums = [Sums::of(pod, "requests"), Sums::of(pod, "limits")];
        let cells: Vec<String> = ["cpu", "memory"]
            .into_iter()
            .flat_map(|name| sums.iter().map(move |sums| sums.cell(name, allocatable)).collect::<Vec<_>>())
            .collect();
        let (namespace, name) = (text(pod, "metadata.namespace"), text(pod, "metadata.name"));
        let age = since(text(pod, "metadata.creationTimestamp"), related.now);
        out.line(1, format_args!("{namespace}\t{name}\t\t{}\t{age}", cells.join("\t")));
        totals.iter_mut().zip(&sums).for_each(|(total, sums)| total.add(sums));
    }
    out.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)");
    out.line(1, "Resource\tRequests\tLimits\n  --------\t--------\t------");
    let mut names = vec!["cpu".to_owned(), "memory".to_owned(), "ephemeral-storage".to_owned()];
    names.extend(
        allocatable
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .filter(|name| name.contains('/') || name.starts_with("hugepages-")),
    );
    for name in names {
        let plain = name.contains('/');
        let cell = |sums: &Sums| if plain { sums.plain(&name) } else { sums.cell(&name, allocatable) };
        out.line(1, format_args!("{name}\t{}\t{}", cell(&totals[0]), cell(&totals[1])));
    }
}

/// Amounts by resource: containers together, or the largest init container where that is more.
#[derive(Default)]
struct Sums {
    amounts: Vec<(String, Quantity)>,
}

impl Sums {
    fn of(pod: &Value, path: &str) -> Self {
        let mut sums = Self::default();
        let empty = Map::new();
        let amounts = |container: &Value| container["resources"][path].as_object().unwrap_or(&empty).clone();
        for container in items(pod, "spec.containers") {
            for (name, amount) in amounts(container) {
                sums.put(&name, &amount, |sum, amount| sum + amount);
            }
        }
        for container in items(pod, "spec.initContainers") {
            for (name, amount) in amounts(container) {
                sums.put(&name, &amount, i64::max);
            }
        }
        sums
    }

    /// Combines in thousandths, which is what CPUs are counted in.
    fn put(&mut self, name: &str, amount: &Value, combine: impl Fn(i64, i64) -> i64) {
        let Ok(amount) = Quantity::parse(&show(amount)) else { return };
        match self.amounts.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => {
                *sum = Quantity::from_milli(combine(sum.milli_value(), amount.milli_value()), sum.format())
            }
            None => self.amounts.push((name.to_owned(), amount)),
        }
    }

    fn add(&mut self, other: &Self) {
        for (name, amount) in &other.amounts {
            self.put(name, &amount.to_string().into(), |sum, amount| sum + amount);
        }
    }

    fn amount(&self, name: &str) -> Quantity {
        let known = self.amounts.iter().find(|(known, _)| known == name).map(|(_, amount)| *amount);
        known.unwrap_or_else(|| Quantity::new(0, Format::DecimalSI))
    }

    fn plain(&self, name: &str) -> String {
        self.amount(name).to_string()
    }

    /// `100m (2%)`.
    fn cell(&self, name: &str, allocatable: &Value) -> String {
        let amount = self.amount(name);
        let all = Quantity::parse(&show(&allocatable[name])).map_or(0, |all| all.milli_value());
        let percent = if all == 0 { 0 } else { (amount.milli_value() as f64 / all as f64 * 100.0) as i64 };
        format!("{amount} ({percent}%)")
    }
}
