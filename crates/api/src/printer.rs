//! Cells of `kubectl get`'s tables: ages, names, labels, containers, as upstream's printers write them. The columns stand in the kinds' rows.

use jiff::Timestamp;
use serde_json::Value;

use crate::kind::{Column, TableContext};
use crate::meta;
use crate::selector::LabelSelector;
use crate::tree::{at, entries, items, text};

pub(crate) const NONE: &str = "<none>";
pub(crate) const UNSET: &str = "<unset>";
pub(crate) const UNKNOWN: &str = "<unknown>";

/// Age, for the kinds that have it elsewhere than the table writer puts it.
pub(crate) const AGE: Column = Column::string(
    "Age",
    "CreationTimestamp is a timestamp representing the server time when this object was created.",
    |object, context| since(object, "metadata.creationTimestamp", context).into(),
);

/// A length of time in two or three significant figures: `45s`, `3m20s`, `5d3h`, `2y`. Whole seconds in.
pub fn human_duration(seconds: i64) -> String {
    const DAY: i64 = 24;
    const YEAR: i64 = 365 * DAY;
    // A clock may be a second off.
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |big: i64, unit: char, small: i64, smaller: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{smaller}") }
    };
    match () {
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 8 * DAY => two(hours / DAY, 'd', hours % DAY, 'h'),
        _ if hours < 2 * YEAR => format!("{}d", hours / DAY),
        _ if hours < 8 * YEAR => two(hours / YEAR, 'y', hours / DAY % 365, 'd'),
        _ => format!("{}y", hours / YEAR),
    }
}

/// The time at `path`.
pub(crate) fn time(object: &Value, path: &str) -> Option<Timestamp> {
    text(object, path).parse().ok()
}

/// How long ago the time at `path` was.
pub(crate) fn since(object: &Value, path: &str, context: &TableContext) -> String {
    time(object, path).map_or_else(|| UNKNOWN.to_owned(), |time| human_duration(between(time, context.now)))
}

/// Whole seconds from one time to another, cut toward zero as Go cuts them.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> i64 {
    end.duration_since(start).as_secs()
}

/// The text at `path`, or `none` when there is none.
pub(crate) fn text_or(object: &Value, path: &str, none: &str) -> Value {
    match text(object, path) {
        "" => none.into(),
        text => text.into(),
    }
}

/// The number at `path`, zero when it is missing.
pub(crate) fn count(object: &Value, path: &str) -> Value {
    at(object, path).as_i64().unwrap_or_default().into()
}

/// The flag at `path`.
pub(crate) fn flag(object: &Value, path: &str) -> Value {
    at(object, path).as_bool().unwrap_or_default().into()
}

/// `a=b,c=d`, sorted; `<none>` for no labels at all.
pub(crate) fn labels(object: &Value, path: &str) -> Value {
    let pairs: Vec<String> =
        entries(object, path).map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() { NONE.into() } else { pairs.join(",").into() }
}

/// The metav1.LabelSelector at `path` as text.
pub(crate) fn selector(object: &Value, path: &str) -> Value {
    match LabelSelector::from_json(at(object, path)) {
        Err(_) => "<error>".into(),
        Ok(selector) => match selector.to_string() {
            text if text.is_empty() => NONE.into(),
            text => text.into(),
        },
    }
}

/// One field of all containers of the Pod spec at `path`, joined by commas.
fn of_containers(object: &Value, path: &str, field: &str) -> Value {
    let values: Vec<&str> =
        items(at(object, path), "containers").iter().map(|container| text(container, field)).collect();
    values.join(",").into()
}

/// Names of the containers of the Pod spec at `path`.
pub(crate) fn container_names(object: &Value, path: &str) -> Value {
    of_containers(object, path, "name")
}

/// Images of the containers of the Pod spec at `path`.
pub(crate) fn container_images(object: &Value, path: &str) -> Value {
    of_containers(object, path, "image")
}

/// The texts of the list at `path`, joined by commas.
pub(crate) fn joined(object: &Value, path: &str) -> String {
    let texts: Vec<&str> = items(object, path).iter().filter_map(Value::as_str).collect();
    texts.join(",")
}

/// The first three of a list and how many more there are; `<unset>` without any.
pub(crate) fn first_three(list: &[String]) -> String {
    match list {
        [] => UNSET.to_owned(),
        [_, _, _, _, ..] => format!("{} + {} more...", list[..3].join(","), list.len() - 3),
        _ => list.join(","),
    }
}

/// Addresses of a load balancer's status: sorted, each once.
pub(crate) fn load_balancer(object: &Value) -> String {
    let mut addresses: Vec<&str> = items(object, "status.loadBalancer.ingress")
        .iter()
        .map(|ingress| if text(ingress, "ip").is_empty() { text(ingress, "hostname") } else { text(ingress, "ip") })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.join(",")
}

/// Whether the object is being deleted.
pub(crate) fn terminating(object: &Value) -> bool {
    meta::deletion_timestamp(object).is_some()
}

#[cfg(test)]
mod tests {
    use super::human_duration;

    /// The table of apimachinery's util/duration tests.
    #[test]
    fn durations_are_human() {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        const YEAR: i64 = 365 * DAY;
        for (seconds, wanted) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (1, "1s"),
            (119, "119s"),
            (2 * MINUTE, "2m"),
            (3 * MINUTE - 1, "2m59s"),
            (10 * MINUTE - 1, "9m59s"),
            (10 * MINUTE, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + MINUTE, "3h1m"),
            (8 * HOUR - 1, "7h59m"),
            (8 * HOUR, "8h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (2 * DAY + HOUR, "2d1h"),
            (8 * DAY - 1, "7d23h"),
            (8 * DAY, "8d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + DAY, "2y1d"),
            (8 * YEAR - 1, "7y364d"),
            (8 * YEAR, "8y"),
        ] {
            assert_eq!(human_duration(seconds), wanted, "{seconds}");
        }
    }
}
