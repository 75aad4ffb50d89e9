//! Lists of resources (`cpu: 500m`) as numbers to add and compare, and as upstream prints them in refusals. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::quantity::Quantity;

/// Quantities by resource name.
pub type Amounts = BTreeMap<String, Quantity>;

/// `{cpu: 500m, memory: 1Gi}`; what is no quantity is left out, the schema has refused it before.
pub fn read(list: &Value) -> Amounts {
    let entries = list.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), quantity(value)?))).collect()
}

/// One quantity, written as text or number.
pub fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

pub fn add(into: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = into.remove(name).map_or(*amount, |have| have + *amount);
        into.insert(name.clone(), sum);
    }
}

/// The larger of both, for each resource.
pub fn larger(into: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let most = into.get(name).map_or(*amount, |have| if have < amount { *amount } else { *have });
        into.insert(name.clone(), most);
    }
}

/// What a Pod asks of `requests` or `limits`: all containers together, or the largest moment of the init containers, and the overhead.
pub fn of_pod(pod: &Value, field: &str) -> Amounts {
    let spec = &pod["spec"];
    let list = |kind: &str| spec[kind].as_array().into_iter().flatten();
    let mut running = Amounts::new();
    for container in list("containers") {
        add(&mut running, &read(&container["resources"][field]));
    }
    // Sidecars (restartable init containers) go on running; each other one runs beside those before it.
    let (mut sidecars, mut peak) = (Amounts::new(), Amounts::new());
    for container in list("initContainers") {
        let own = read(&container["resources"][field]);
        if container["restartPolicy"] == "Always" {
            add(&mut sidecars, &own);
            larger(&mut peak, &sidecars);
        } else {
            let mut moment = sidecars.clone();
            add(&mut moment, &own);
            larger(&mut peak, &moment);
        }
    }
    add(&mut running, &sidecars);
    larger(&mut running, &peak);
    // Resources of the Pod as a whole stand above its containers'.
    running.extend(read(&spec["resources"][field]));
    let overhead = read(&spec["overhead"]);
    if field == "requests" {
        add(&mut running, &overhead);
    } else {
        let known: Amounts = overhead.into_iter().filter(|(name, _)| running.contains_key(name)).collect();
        add(&mut running, &known);
    }
    running
}

/// `cpu=1,memory=1Gi`
pub fn print(amounts: &Amounts) -> String {
    let shown: Vec<String> = amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
    shown.join(",")
}
