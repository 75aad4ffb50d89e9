//! What writes of a Pod's status leave as it was when they do not name it (pkg/registry/core/pod/strategy.go).

use serde_json::Value;

use crate::tree::{at, at_mut, default, default_number, items, items_mut, map_mut, text};

/// The class, which is settled at create, and which generations were seen.
pub(super) fn keep(new: &mut Value, old: &Value) {
    let class = text(old, "status.qosClass");
    if !class.is_empty() {
        map_mut(new, "status");
        default(&mut new["status"], "qosClass", class);
    }
    if let Some(status) = at_mut(new, "status") {
        default_generation(status, at(old, "status.observedGeneration"));
    }
    // Types may stand there more than once: the first goes with the first.
    let mut before: Vec<&Value> = items(old, "status.conditions").iter().collect();
    for condition in items_mut(new, "status.conditions") {
        let same = before.iter().position(|old| old["type"] == condition["type"]);
        if let Some(old) = same.map(|at| before.remove(at)) {
            default_generation(condition, &old["observedGeneration"]);
        }
    }
}

fn default_generation(tree: &mut Value, old: &Value) {
    if let Some(generation) = old.as_i64() {
        default_number(tree, "observedGeneration", generation);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_stays() {
        let ready = |generation: i64| json!({"type": "Ready", "status": "True", "observedGeneration": generation});
        let old =
            json!({"status": {"qosClass": "Burstable", "observedGeneration": 3, "conditions": [ready(2), ready(3)]}});
        let plain = json!({"type": "Ready", "status": "False"});
        let mut new = json!({"status": {"phase": "Running", "conditions": [plain, plain, plain]}});
        keep(&mut new, &old);
        assert_eq!(
            new["status"],
            json!({"phase": "Running", "qosClass": "Burstable", "observedGeneration": 3, "conditions": [
                {"type": "Ready", "status": "False", "observedGeneration": 2},
                {"type": "Ready", "status": "False", "observedGeneration": 3},
                {"type": "Ready", "status": "False"},
            ]})
        );
        let mut new = json!({"status": {"qosClass": "Guaranteed", "observedGeneration": 4}});
        keep(&mut new, &old);
        assert_eq!(new, json!({"status": {"qosClass": "Guaranteed", "observedGeneration": 4}}));
    }
}
