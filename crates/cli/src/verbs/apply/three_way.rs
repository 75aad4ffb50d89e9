//! The patch between what was applied last, what the server has and what the file says: strategic along the merge keys of built-in
//! kinds, a plain merge patch for all others.

use api::schema::{Field, Shape, Type, table};
use client::PatchKind;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// The patch for an object of `wanted`'s kind; `{}` where nothing is to be done.
pub fn patch(last: &Value, live: &Value, wanted: &Value) -> (PatchKind, Value) {
    let (group, version) = match wanted["apiVersion"].as_str().unwrap_or_default() {
        core if !core.contains('/') => ("", core),
        grouped => grouped.split_once('/').unwrap_or_default(),
    };
    let kind = wanted["kind"].as_str().unwrap_or_default();
    let known = table().schema(group, version, kind).and_then(|schema| schema.type_id());
    let (strategy, level) = match known {
        Some(id) => (PatchKind::Strategic, Level::Struct(table().get(id))),
        None => (PatchKind::Merge, Level::Free),
    };
    (strategy, Value::Object(object(level, &fields(last), &fields(live), &fields(wanted))))
}

/// What is known of an object's fields.
#[derive(Clone, Copy)]
enum Level {
    Struct(&'static Type),
    Entries(&'static Shape),
    Free,
}

impl Level {
    fn of(shape: &'static Shape) -> Self {
        match shape {
            Shape::Object(id) => Self::Struct(table().get(*id)),
            Shape::Map(entry) => Self::Entries(entry),
            Shape::List(item) => Self::of(item),
            _ => Self::Free,
        }
    }

    fn field(self, name: &str) -> (Option<&'static Field>, Self) {
        match self {
            Self::Struct(of) => {
                of.field(name).map_or((None, Self::Free), |field| (Some(field), Self::of(&field.shape)))
            }
            Self::Entries(shape) => (None, Self::of(shape)),
            Self::Free => (None, Self::Free),
        }
    }
}

fn fields(value: &Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn object(level: Level, last: &Object, live: &Object, wanted: &Object) -> Object {
    let mut patch = Map::new();
    for (name, value) in wanted {
        let (known, below) = level.field(name);
        let strategy = known.map(|field| field.merge_strategy).unwrap_or_default();
        match (live.get(name), value) {
            (Some(Value::Object(now)), Value::Object(new)) if !strategy.replace => {
                let mut change = object(below, &fields(last.get(name).unwrap_or(&Value::Null)), now, new);
                if strategy.retain_keys && !change.is_empty() {
                    change.insert("$retainKeys".to_owned(), new.keys().cloned().collect());
                }
                if !change.is_empty() {
                    patch.insert(name.clone(), Value::Object(change));
                }
            }
            (Some(Value::Array(now)), Value::Array(new)) if strategy.merge => {
                let key = known.and_then(|field| field.merge_key);
                let lists = Lists { name, last: items(last.get(name)), live: now, wanted: new };
                match key {
                    Some(key) => lists.keyed(below, key, &mut patch),
                    None => lists.plain(&mut patch),
                }
            }
            (Some(now), new) if now == new => {}
            (Some(Value::Object(_)), Value::Object(new)) => {
                let mut whole = new.clone();
                whole.insert("$patch".to_owned(), "replace".into());
                patch.insert(name.clone(), Value::Object(whole));
            }
            (None, Value::Null) => {}
            _ => drop(patch.insert(name.clone(), value.clone())),
        }
    }
    let gone = last.keys().filter(|name| !wanted.contains_key(*name) && live.contains_key(*name));
    patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    patch
}

/// A list that is merged, in its three states.
struct Lists<'a> {
    name: &'a str,
    last: &'a [Value],
    live: &'a [Value],
    wanted: &'a [Value],
}

impl Lists<'_> {
    /// Items that are the same by one of their fields.
    fn keyed(&self, level: Level, key: &str, patch: &mut Object) {
        let find = |list: &[Value], item: &Value| list.iter().find(|other| other[key] == item[key]).cloned();
        let mut changes = Vec::new();
        for item in self.wanted {
            let Some(now) = find(self.live, item) else {
                changes.push(item.clone());
                continue;
            };
            let before = find(self.last, item).unwrap_or_default();
            let mut change = object(level, &fields(&before), &fields(&now), &fields(item));
            if !change.is_empty() {
                change.insert(key.to_owned(), item[key].clone());
                changes.push(Value::Object(change));
            }
        }
        let gone = self.last.iter().filter(|item| find(self.wanted, item).is_none() && find(self.live, item).is_some());
        changes.extend(gone.map(|item| json!({"$patch": "delete", key: item[key]})));
        let order: Vec<Value> = self.wanted.iter().map(|item| json!({key: item[key]})).collect();
        if !changes.is_empty() {
            patch.insert(self.name.to_owned(), changes.into());
            self.ordered(order, patch);
        } else if self.disordered(|item| json!({key: item[key]}), &order) {
            self.ordered(order, patch);
        }
    }

    /// Items that are the same by themselves.
    fn plain(&self, patch: &mut Object) {
        let new: Vec<Value> = self.wanted.iter().filter(|item| !self.live.contains(item)).cloned().collect();
        let gone = self.last.iter().filter(|item| !self.wanted.contains(item) && self.live.contains(item));
        let gone: Vec<Value> = gone.cloned().collect();
        let changed = !new.is_empty() || !gone.is_empty();
        if !new.is_empty() {
            patch.insert(self.name.to_owned(), new.into());
        }
        if !gone.is_empty() {
            patch.insert(format!("$deleteFromPrimitiveList/{}", self.name), gone.into());
        }
        if changed || self.disordered(Value::clone, self.wanted) {
            self.ordered(self.wanted.to_vec(), patch);
        }
    }

    /// The server has the items in another order.
    fn disordered(&self, identity: impl Fn(&Value) -> Value, order: &[Value]) -> bool {
        let now: Vec<Value> = self.live.iter().map(identity).filter(|item| order.contains(item)).collect();
        now != order
    }

    fn ordered(&self, order: Vec<Value>, patch: &mut Object) {
        patch.insert(format!("$setElementOrder/{}", self.name), order.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(last: Value, live: Value, wanted: Value) -> Value {
        Value::Object(object(Level::Free, &fields(&last), &fields(&live), &fields(&wanted)))
    }

    /// The rules of kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config ("how apply calculates differences").
    #[test]
    fn set_keep_and_remove() {
        let last = json!({"spec": {"replicas": 2, "paused": true, "labels": {"a": "1", "b": "2"}}});
        let live = json!({"spec": {"replicas": 5, "paused": true, "strategy": {"type": "RollingUpdate"}, "labels": {"a": "1", "b": "2", "c": "3"}}});
        let wanted = json!({"spec": {"replicas": 3, "labels": {"a": "1"}}});
        let expected = json!({"spec": {"replicas": 3, "paused": null, "labels": {"b": null}}});
        assert_eq!(merge(last, live, wanted), expected);
    }

    /// The same page, "merging changes for fields of type list of complex elements", and applied by the server's own patch.
    #[test]
    fn lists_merge_by_key() {
        let pod = |containers: Value| json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}});
        let last = pod(json!([{"name": "nginx", "image": "nginx:1.16"}, {"name": "helper", "image": "helper:1.3"}]));
        let live = pod(json!([
            {"name": "nginx", "image": "nginx:1.16", "imagePullPolicy": "IfNotPresent"},
            {"name": "helper", "image": "helper:1.3"}, {"name": "injected", "image": "sidecar"}]));
        let wanted = pod(json!([{"name": "nginx", "image": "nginx:1.17"}, {"name": "new", "image": "i"}]));
        let (_, change) = patch(&last, &live, &wanted);
        let schema = api::schema::of("", "v1", "Pod").expect("a schema");
        let merged = api::patch::strategic_merge(schema, live, change).expect("a patch");
        let expected = pod(json!([
            {"name": "nginx", "image": "nginx:1.17", "imagePullPolicy": "IfNotPresent"},
            {"name": "new", "image": "i"}, {"name": "injected", "image": "sidecar"}]));
        assert_eq!(merged, expected);
        assert_eq!(patch(&wanted, &merged, &wanted).1, json!({}));
    }

    #[test]
    fn lists_of_texts_and_retained_keys() {
        let of = |finalizers: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": finalizers}});
        let (_, change) = patch(&of(json!(["a", "b"])), &of(json!(["a", "b", "c"])), &of(json!(["b", "d"])));
        let expected = json!({"metadata": {"finalizers": ["d"], "$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b", "d"]}});
        assert_eq!(change, expected);
        let of =
            |strategy: Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": strategy}});
        let live = of(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
        let (_, change) = patch(&json!({}), &live, &of(json!({"type": "Recreate"})));
        assert_eq!(change, json!({"spec": {"strategy": {"type": "Recreate", "$retainKeys": ["type"]}}}));
    }
}
