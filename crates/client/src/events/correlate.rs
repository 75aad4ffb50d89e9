//! client-go's EventCorrelator in its default settings: the same event again raises a count, many alike become one
//! "combined" event, and one source about one object gets 25 at once and then one every five minutes.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::{Event, EventType, Regarding};

/// What to write for an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Correlated {
    pub message: String,
    pub first: Timestamp,
    pub now: Timestamp,
    /// The event object written before, and the count it gets now.
    pub repeats: Option<(String, u32)>,
}

type Similar = (Regarding, EventType, String);
type Exact = (Similar, String);

struct Aggregate {
    messages: BTreeSet<String>,
    last: Timestamp,
}

struct Written {
    name: Option<String>,
    count: u32,
    first: Timestamp,
    last: Timestamp,
}

struct Bucket {
    tokens: f64,
    last: Timestamp,
}

#[derive(Default)]
pub(super) struct Correlator {
    aggregates: HashMap<Similar, Aggregate>,
    written: HashMap<Exact, Written>,
    buckets: HashMap<Regarding, Bucket>,
}

const MAX_SIMILAR: usize = 10;
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_secs(600);
const BURST: f64 = 25.0;
const REFILL_PER_SECOND: f64 = 1.0 / 300.0;
const MAX_ENTRIES: usize = 4096;

impl Correlator {
    /// None when the source has used up what it may write about the object.
    pub fn observe(&mut self, event: &Event, now: Timestamp) -> Option<Correlated> {
        self.trim();
        let message = self.aggregate(event, now);
        let entry = self.written.entry(exact(event, &message)).or_insert(Written {
            name: None,
            count: 0,
            first: now,
            last: now,
        });
        entry.count += 1;
        entry.last = now;
        let repeats = entry.name.clone().map(|name| (name, entry.count));
        let first = entry.first;
        self.has_budget(event, now).then_some(Correlated { message, first, now, repeats })
    }

    /// Remembers the name under which an event was created.
    pub fn written(&mut self, event: &Event, message: &str, name: String) {
        if let Some(entry) = self.written.get_mut(&exact(event, message)) {
            entry.name = Some(name);
        }
    }

    fn aggregate(&mut self, event: &Event, now: Timestamp) -> String {
        let fresh = Aggregate { messages: BTreeSet::new(), last: now };
        let aggregate = self.aggregates.entry(similar(event)).or_insert(fresh);
        if now.duration_since(aggregate.last) > SIMILAR_WITHIN {
            aggregate.messages.clear();
        }
        aggregate.last = now;
        aggregate.messages.insert(event.message.clone());
        if aggregate.messages.len() < MAX_SIMILAR {
            return event.message.clone();
        }
        // The set must not grow without bound while the flood lasts.
        aggregate.messages.pop_first();
        "(combined from similar events): ".to_owned() + &event.message
    }

    fn has_budget(&mut self, event: &Event, now: Timestamp) -> bool {
        let regarding =
            Regarding { resource_version: String::new(), field_path: String::new(), ..event.regarding.clone() };
        let bucket = self.buckets.entry(regarding).or_insert(Bucket { tokens: BURST, last: now });
        let refill = now.duration_since(bucket.last).as_secs_f64() * REFILL_PER_SECOND;
        bucket.tokens = (bucket.tokens + refill.max(0.0)).min(BURST);
        bucket.last = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Forgets the older half once there are too many.
    fn trim(&mut self) {
        trim(&mut self.aggregates, |aggregate| aggregate.last);
        trim(&mut self.written, |written| written.last);
        trim(&mut self.buckets, |bucket| bucket.last);
    }
}

fn trim<K, V>(table: &mut HashMap<K, V>, last: impl Fn(&V) -> Timestamp) {
    if table.len() < MAX_ENTRIES {
        return;
    }
    let mut times: Vec<Timestamp> = table.values().map(&last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    table.retain(|_, value| last(value) > median);
}

fn similar(event: &Event) -> Similar {
    let regarding = Regarding { resource_version: String::new(), ..event.regarding.clone() };
    (regarding, event.event_type, event.reason.to_string())
}

/// Combined events count together whatever their text.
fn exact(event: &Event, message: &str) -> Exact {
    let combined = message.starts_with("(combined from similar events): ");
    (similar(event), if combined { "(combined)".to_owned() } else { message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, message: &str) -> Event {
        let regarding = Regarding { name: name.into(), ..Regarding::default() };
        Event { regarding, event_type: EventType::Normal, reason: "Reason".into(), message: message.into() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn the_same_event_again_raises_the_count() {
        let mut correlator = Correlator::default();
        let first = correlator.observe(&event("a", "hello"), at(1)).expect("written");
        assert_eq!((first.repeats, first.first), (None, at(1)));
        correlator.written(&event("a", "hello"), "hello", "a.1".into());
        let second = correlator.observe(&event("a", "hello"), at(5)).expect("written");
        assert_eq!((second.repeats, second.first, second.now), (Some(("a.1".into(), 2)), at(1), at(5)));
    }

    // tools/record/events_cache_test.go: the tenth different message of the same kind within ten minutes is combined.
    #[test]
    fn many_alike_are_combined() {
        let mut correlator = Correlator::default();
        for number in 0..9 {
            let message = format!("message {number}");
            assert_eq!(correlator.observe(&event("a", &message), at(1)).expect("written").message, message);
        }
        let combined = correlator.observe(&event("a", "message 9"), at(2)).expect("written");
        assert_eq!(combined.message, "(combined from similar events): message 9");
        correlator.written(&event("a", "message 9"), &combined.message, "a.9".into());
        let next = correlator.observe(&event("a", "message 10"), at(3)).expect("written");
        assert_eq!(next.repeats, Some(("a.9".into(), 2)));
        let later = correlator.observe(&event("a", "message 11"), at(1000)).expect("written");
        assert_eq!(later.message, "message 11");
    }

    #[test]
    fn a_flood_about_one_object_is_cut_off_and_slowly_let_through() {
        let mut correlator = Correlator::default();
        let written = (0..100).filter(|_| correlator.observe(&event("a", "again"), at(1)).is_some()).count();
        assert_eq!(written, 25);
        assert!(correlator.observe(&event("b", "again"), at(1)).is_some());
        assert!(correlator.observe(&event("a", "again"), at(200)).is_none());
        assert!(correlator.observe(&event("a", "again"), at(302)).is_some());
    }
}
