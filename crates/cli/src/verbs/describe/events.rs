//! The `Events:` at the end of a description.

use api::printer::human_duration;
use jiff::Timestamp;
use serde_json::Value;

use super::related::Related;
use super::text::{Text, number, text};

/// Writes them in the order of their `lastTimestamp`; those without one come first. Nothing when events were not asked for.
pub fn write(related: &Related, out: &mut Text) {
    let Some(events) = &related.events else { return };
    if events.is_empty() {
        return out.line(0, "Events:\t<none>");
    }
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by_key(|event| text(event, "lastTimestamp").parse::<Timestamp>().ok());
    out.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------");
    for event in events {
        let source = match (text(event, "source.component"), text(event, "reportingComponent")) {
            ("", reporting) => reporting,
            (component, _) => component,
        };
        let (kind, reason) = (text(event, "type"), text(event, "reason"));
        let age = age(event, related.now);
        out.line(1, format_args!("{kind}\t{reason}\t{age}\t{source}\t{}", text(event, "message").trim()));
    }
}

/// `5m (x7 over 2h)` for what happened several times.
pub fn age(event: &Value, now: Timestamp) -> String {
    let series = number(event, "series.count");
    let first = match text(event, "firstTimestamp") {
        "" => text(event, "eventTime"),
        first => first,
    };
    if series > 1 {
        let last = since(text(event, "series.lastObservedTime"), now);
        return format!("{last} (x{series} over {})", since(first, now));
    }
    match number(event, "count") {
        count if count > 1 => {
            format!("{} (x{count} over {})", since(text(event, "lastTimestamp"), now), since(first, now))
        }
        _ => since(first, now),
    }
}

pub fn last_seen(event: &Value) -> Option<Timestamp> {
    let times = ["series.lastObservedTime", "lastTimestamp", "eventTime", "firstTimestamp"];
    times.into_iter().find_map(|path| text(event, path).parse().ok())
}

/// How long ago a time was.
pub fn since(time: &str, now: Timestamp) -> String {
    let time = time.parse::<Timestamp>();
    time.map_or_else(|_| "<unknown>".to_owned(), |time| human_duration(now.duration_since(time).as_secs()))
}
